"""Images of strangers: read where they are good, refused in one sentence where not."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gan.data.untrusted_images import check_png, image_kind, open_image, read_ids, read_image
from gan.errors import UserError
from tests.made_up_gtsrb import encoded
from tests.made_up_scenes import header_of_png, png16

IDS = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)


def one_sentence(error: pytest.ExceptionInfo) -> str:
    """A message that is one line and says where the thing is and, after it, what to do."""
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    return text


@pytest.mark.parametrize("form", ["PPM", "PNG", "BMP", "JPEG"])
def test_images_of_every_format(form: str) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    data = encoded(pixels, form)
    image = read_image(data, "some", 600)
    assert image.dtype == np.uint8 and image.shape == (20, 30, 3)
    assert np.abs(image.astype(int) - pixels).max() <= (4 if form == "JPEG" else 0)
    assert image_kind(data, "some") == (form, "RGB", (30, 20))
    with pytest.raises(UserError, match="^the sign has more than 599 pixels") as error:
        read_image(data, "the sign", 599)
    one_sentence(error)
    noise = encoded(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8), form)
    for broken in (b"", b"no image", noise[: len(noise) // 2]):
        with pytest.raises(UserError, match="^the sign is damaged or no PPM, PNG, JPEG or BMP image") as error:
            read_image(broken, "the sign")
        one_sentence(error)


def test_other_modes_become_rgb_and_other_formats_are_not_opened() -> None:
    for mode in ("L", "P", "RGBA", "1"):
        file = io.BytesIO()
        Image.new(mode, (5, 4), 1).save(file, "PNG")
        assert read_image(file.getvalue(), "some").shape == (4, 5, 3)
    for form in ("GIF", "TIFF", "WEBP"):
        with pytest.raises(UserError, match="is damaged or no"):
            read_image(encoded(np.zeros((8, 8, 3), np.uint8), form), "some")


def test_a_huge_image_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    for data in (header_of_png(60_000, 60_000), header_of_png(9000, 9000)):
        for read in (read_image, read_ids, image_kind):
            with pytest.raises(UserError, match="^map has more than 67,108,864 pixels"):
                read(data, "map")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P6\n#" + bytes(400_000), "in more than 300,000 pieces"),
        (b"\xff\xd8" + b"\xff" * 400_000, "in more than 300,000 pieces"),
        (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe\0" * 200_000, "in more than 300,000 pieces"),
        (b"P3\n2400 2400\n255\n" + b"1 " * 2**23 + b"1", "a plain PPM of more than 16,777,216 bytes; save it as PNG"),
    ],
    ids=["comment", "markers", "extensions", "words"],
)
def test_what_would_be_read_for_minutes(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=f"^some is {words}"):
        open_image(data, "some", lambda image: image.load())


def test_a_tile_that_is_larger_than_its_image() -> None:
    """The decoder would make room for 40,000x40,000 pixels."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: 40_000, 323: 40_000, 324: 8, 325: 8}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0\x10\0\0\0" + bytes(8) + struct.pack("<H", len(tags)) + entries + bytes(4)
    assert open_image(data, "map", lambda image: image.size, max_pixels=2**32) == (16, 16)
    with pytest.raises(UserError, match="^map has more than 67,108,864 pixels"):
        open_image(data, "map", lambda image: image.load())


def saved(image: Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_ids_are_read_as_stored_whatever_the_file() -> None:
    palette_image = Image.fromarray(IDS, "P")
    palette_image.putpalette([9, 9, 9, 250, 0, 0, 0, 250, 0, 1, 2, 3])
    for data in (
        encoded(IDS, "PNG"),
        encoded(IDS, "BMP"),
        encoded(IDS, "PPM"),
        saved(palette_image),
        saved(palette_image, bits=2),
        saved(palette_image, transparency=0),
    ):
        ids = read_ids(data, "map")
        assert ids.dtype == np.uint8 and ids.tolist() == IDS.tolist()
    wide = np.array([[0, 1, 65535], [24001, 256, 33]], np.uint16)
    ids = read_ids(png16(wide), "map")
    assert ids.dtype == np.uint16 and ids.tolist() == wide.tolist()
    assert read_ids(saved(Image.fromarray(IDS > 1)), "map").tolist() == [[0, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_is_not_spread(bits: int) -> None:
    values = IDS % 2**bits
    row_bits = ["".join(f"{value:0{bits}b}" for value in row).ljust(16, "0") for row in values]
    raw = b"".join(b"\0" + int(text, 2).to_bytes(2, "big")[: -(-3 * bits // 8)] for text in row_bits)
    data = header_of_png(3, 2)
    head = data[12:16] + data[16:24] + bytes([bits, 0, 0, 0, 0])
    idat = b"IDAT" + zlib.compress(raw)
    data = data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + (len(idat) - 4).to_bytes(4, "big") + idat
    data += zlib.crc32(idat).to_bytes(4, "big") + header_of_png(1, 1)[-12:]
    assert read_ids(data, "map").tolist() == values.tolist()


def test_what_holds_no_ids() -> None:
    for data, message in (
        (encoded(np.zeros((2, 3, 3), np.uint8), "PNG"), "map is in colours .RGB. and no map of ids; store the ids"),
        (encoded(IDS, "JPEG"), "map is damaged or no PPM, PNG or BMP image"),
        (encoded(IDS, "PNG")[:-25], "map is damaged"),
    ):
        with pytest.raises(UserError, match=message):
            read_ids(data, "map")


def test_a_png_that_is_whole_or_not() -> None:
    data = encoded(np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8), "PNG")
    check_png(data, "photo")
    check_png(data + b"behind", "photo")
    damaged = data[:200] + bytes([data[200] ^ 1]) + data[201:]
    for bad in (b"", data[:30], data[:2000], data[:-1], damaged):
        with pytest.raises(UserError, match="photo is cut short or damaged; save it again or get it anew"):
            check_png(bad, "photo")
