"""Images of strangers: maps of ids, kinds, checksums."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from gan.data.archives import open_source
from gan.data.images import check_png, image_kind, read_ids
from gan.errors import UserError
from tests.made_up_gtsrb import encoded, write_tree, write_zip
from tests.made_up_scenes import header_of_png, png16

IDS = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)


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
    colours = np.zeros((2, 3, 3), np.uint8)
    for data, message in (
        (encoded(colours, "PNG"), "map is in colours .RGB. and no map of ids; store the ids as a grey PNG"),
        (encoded(IDS, "JPEG"), "map is damaged or no PPM, PNG or BMP image"),
        (encoded(IDS, "PNG")[:-25], "map is damaged"),
        (header_of_png(60_000, 60_000), "map has more than 67,108,864 pixels"),
        (b"", "map is damaged"),
    ):
        with pytest.raises(UserError, match=message):
            read_ids(data, "map")


def test_a_huge_image_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    for read in (read_ids, image_kind):
        with pytest.raises(UserError, match="more than"):
            read(header_of_png(60_000, 60_000), "map")


def test_the_kind_of_an_image() -> None:
    assert image_kind(encoded(np.zeros((2, 3, 3), np.uint8), "JPEG"), "a") == ("JPEG", "RGB", (3, 2))
    assert image_kind(encoded(IDS, "PNG"), "a") == ("PNG", "L", (3, 2))
    with pytest.raises(UserError, match="a is damaged or no PPM"):
        image_kind(b"some", "a")


def test_a_png_that_is_whole_or_not() -> None:
    data = encoded(np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8), "PNG")
    check_png(data, "photo")
    check_png(data + b"behind", "photo")
    damaged = data[:200] + bytes([data[200] ^ 1]) + data[201:]
    for bad in (*(data[:length] for length in (0, 4, 8, 30, 2000, len(data) - 12, len(data) - 1)), damaged):
        with pytest.raises(UserError, match="photo is cut short or damaged; get the file anew"):
            check_png(bad, "photo")


def test_a_stamp_is_the_same_in_zip_and_folder_and_changes_with_the_content(tmp_path) -> None:
    with open_source(write_zip(tmp_path / "a.zip", {"x": b"12345", "y": b"12346"})) as packed:
        folder = open_source(write_tree(tmp_path / "a", {"x": b"12345", "y": b"12346"}))
        assert packed.stamp("x") == folder.stamp("x") != folder.stamp("y") == packed.stamp("y")
        with pytest.raises(UserError, match="missing"):
            packed.stamp("z")
