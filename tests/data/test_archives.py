import bz2
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.data import archives
from gan.data.archives import open_source
from gan.data.images import read_image
from gan.errors import UserError
from tests.made_up_gtsrb import encoded, write_tree, write_zip

FILES = {"a/one.txt": b"1", "a/b/two.txt": b"22" * 1000, "three": b""}


def one_sentence(error: pytest.ExceptionInfo) -> str:
    """A message that is one line and says where the thing is and, after it, what to do."""
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    return text


@pytest.fixture(params=["zip", "folder"])
def source_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "zip":
        return write_zip(tmp_path / "some.zip", FILES)
    return write_tree(tmp_path / "some", FILES)


def test_zip_and_folder_are_read_alike(source_path: Path) -> None:
    with open_source(source_path) as source:
        assert source.names() == tuple(sorted(FILES))
        assert {name: source.read(name) for name in source.names()} == FILES


def test_a_file_that_is_missing_or_too_long(source_path: Path) -> None:
    with open_source(source_path) as source:
        with pytest.raises(UserError, match="nowhere.txt' in .*is missing") as error:
            source.read("nowhere.txt")
        one_sentence(error)
        with pytest.raises(UserError, match="two.txt.*longer than 1,999 bytes") as error:
            source.read("a/b/two.txt", 1999)
        one_sentence(error)
        assert len(source.read("a/b/two.txt", 2000)) == 2000


def test_no_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist") as error:
        open_source(tmp_path / "nothing")
    one_sentence(error)


@pytest.mark.parametrize(
    "name", ["../up.txt", "a/../../up.txt", "/etc/passwd", "C:/windows.txt", "c:x", "..\\up.txt", "\\\\host\\share"]
)
def test_a_zip_with_a_name_that_leads_out(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "evil.zip", {"good.txt": b"", name: b"evil"})
    with pytest.raises(UserError, match="leads out of it") as error:
        open_source(path)
    assert str(path) in one_sentence(error)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "a/../../secret.txt"])
def test_a_name_that_leads_out_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    source = open_source(write_tree(tmp_path / "some", FILES))
    with pytest.raises(UserError, match="leads out of it"):
        source.read(name)


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = write_tree(tmp_path / "some", FILES)
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "round").symlink_to(folder)
    (folder / "in.txt").symlink_to(folder / "a" / "one.txt")
    (folder / "nowhere.txt").symlink_to(tmp_path / "nowhere.txt")
    (folder / "lost.txt").symlink_to(folder / "lost.txt")
    source = open_source(folder)
    assert source.names() == tuple(sorted([*FILES, "in.txt"]))
    assert source.read("in.txt") == b"1"
    for name in ("out.txt", "up/secret.txt"):
        with pytest.raises(UserError, match="link out of the folder") as error:
            source.read(name)
        one_sentence(error)
    with pytest.raises(UserError, match="missing or no file"):
        source.read("lost.txt")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = open_source(tmp_path)
    assert source.names() == ()
    with pytest.raises(UserError, match="missing or no file"):
        source.read("pipe")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match="is a link") as error:
        open_source(tmp_path / "link.zip")
    one_sentence(error)


def test_a_zip_bomb_of_one_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "bomb.zip", {"zeros": bytes(2**24)})
    with pytest.raises(UserError, match="'zeros' in .*unpacks to far more") as error:
        open_source(path)
    one_sentence(error)


def test_a_zip_bomb_of_overlapping_files(tmp_path: Path) -> None:
    # Every entry of the directory points at the same packed bytes, each within the ratio of one file.
    path = write_zip(tmp_path / "bomb.zip", {"0": os.urandom(40_000) + bytes(3_900_000)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    directory = b"".join(entry[:-1] + bytes([ord("0") + i]) for i in range(10))
    fields = list(struct.unpack("<4s4H2LH", data[end:]))
    fields[3] = fields[4] = 10
    fields[5] = len(directory)
    path.write_bytes(data[:start] + directory + struct.pack("<4s4H2LH", *fields))
    with pytest.raises(UserError, match="unpacks to far more"):
        open_source(path)


def test_a_header_that_says_too_little(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "liar.zip", {"zeros": bytes(2**22)})
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    data = data[: directory + 24] + struct.pack("<L", 100) + data[directory + 28 :]
    path.write_bytes(data)
    with open_source(path) as source, pytest.raises(UserError, match="'zeros' in .*damaged") as error:
        source.read("zeros")
    one_sentence(error)


def test_a_header_that_says_too_much(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "liar.zip", {"some": b"0123456789"})
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    path.write_bytes(data[: directory + 24] + struct.pack("<L", 1000) + data[directory + 28 :])
    with open_source(path) as source, pytest.raises(UserError, match="cut short|damaged"):
        source.read("some")


def test_too_many_files_and_too_much_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source_path: Path
) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 2)
    with pytest.raises(UserError, match="more than 2 files") as error:
        open_source(source_path).names()
    one_sentence(error)
    monkeypatch.setattr(archives, "MEMBERS", 10)
    monkeypatch.setattr(archives, "TOTAL_BYTES", 1000)
    with pytest.raises(UserError, match="unpacks to far more"):
        open_source(write_zip(tmp_path / "other.zip", FILES))


def test_a_huge_directory_is_not_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "many.zip", {f"file {i}": b"" for i in range(1000)})
    monkeypatch.setattr(archives, "MEMBER_BYTES", 2**15)
    with pytest.raises(UserError, match="no zip archive or is damaged"):
        open_source(path)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "secret.zip", FILES)
    data = bytearray(path.read_bytes())
    for place in range(len(data)):
        if data[place : place + 4] == b"PK\x03\x04":
            data[place + 6] |= 1
        if data[place : place + 4] == b"PK\x01\x02":
            data[place + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="is encrypted") as error:
        open_source(path)
    one_sentence(error)


def test_a_packing_that_could_not_be_bounded(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("some", bytes(bz2.compress(b"some")))
    with pytest.raises(UserError, match="unusual method") as error:
        open_source(tmp_path / "odd.zip")
    one_sentence(error)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("some", b"1")
        archive.writestr("some", b"2")
    with pytest.raises(UserError, match="there twice") as error:
        open_source(tmp_path / "twice.zip")
    one_sentence(error)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06"])
def test_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.zip").write_bytes(content)
    with pytest.raises(UserError, match="some.zip is no zip archive or is damaged") as error:
        open_source(tmp_path / "some.zip")
    one_sentence(error)


def test_every_cut_and_every_flipped_byte_is_found_or_harmless(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.zip", {"a": b"first" * 20, "b": os.urandom(50)})
    whole = path.read_bytes()
    with open_source(path) as source:
        wanted = {name: source.read(name) for name in source.names()}
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        for data in (whole[:place], bytes(flipped)):
            path.write_bytes(data)
            try:
                with open_source(path) as source:
                    for name in source.names():
                        assert source.read(name) in wanted.values()
            except UserError:
                pass


@pytest.mark.parametrize("form", ["PPM", "PNG", "BMP", "JPEG"])
def test_images_of_every_format(form: str) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    image = read_image(encoded(pixels, form), "some")
    assert image.dtype == np.uint8 and image.shape == (20, 30, 3)
    assert np.abs(image.astype(int) - pixels).max() <= (4 if form == "JPEG" else 0)


def test_grey_and_palette_images_become_rgb() -> None:
    for mode in ("L", "P", "RGBA", "1"):
        file = io.BytesIO()
        Image.new(mode, (5, 4), 1).save(file, "PNG")
        assert read_image(file.getvalue(), "some").shape == (4, 5, 3)


@pytest.mark.parametrize("form", ["PPM", "PNG", "BMP", "JPEG"])
def test_damaged_images(form: str) -> None:
    data = encoded(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8), form)
    for broken in (b"", b"no image", data[: len(data) // 2], data[:7]):
        with pytest.raises(UserError, match="^the sign is damaged or no PPM, PNG, JPEG or BMP image") as error:
            read_image(broken, "the sign")
        one_sentence(error)


def test_other_formats_are_not_opened() -> None:
    for form in ("GIF", "TIFF", "WEBP"):
        with pytest.raises(UserError, match="is damaged or no"):
            read_image(encoded(np.zeros((8, 8, 3), np.uint8), form), "some")


def huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("data", [b"P6 60000 60000 255\n", huge_png(60_000, 60_000), b"P6 9000 9000 255\n"])
def test_a_huge_image_is_refused_by_its_header(data: bytes) -> None:
    with pytest.raises(UserError, match="^the sign has more than 67,108,864 pixels") as error:
        read_image(data, "the sign")
    one_sentence(error)


def test_the_bound_on_pixels() -> None:
    data = encoded(np.zeros((10, 10, 3), np.uint8), "PNG")
    assert read_image(data, "some", 100).shape == (10, 10, 3)
    with pytest.raises(UserError, match="more than 99 pixels"):
        read_image(data, "some", 99)
