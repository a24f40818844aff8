"""Zips and folders of strangers: read alike where they are good, refused in one sentence where not."""

import os
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from gan.data.untrusted import Source, open_source
from gan.errors import UserError
from tests.made_up_gtsrb import write_tree, write_zip

FILES = {"a/one.txt": b"1", "a/b/two.txt": b"22" * 1000, "three": b""}


def one_sentence(error: pytest.ExceptionInfo) -> str:
    """A message that is one line and says where the thing is and, after it, what to do."""
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    return text


def refused(message: str, path: Path, read: str = "") -> None:
    with pytest.raises(UserError, match=message) as error, open_source(path) as source:
        source.read(read) if read else source.names()
    assert str(path) in one_sentence(error)


@pytest.fixture(params=["zip", "folder"])
def source_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_zip(tmp_path / "some.zip", FILES) if request.param == "zip" else write_tree(tmp_path / "x", FILES)


def test_zip_and_folder_are_read_alike(source_path: Path, tmp_path: Path) -> None:
    with open_source(source_path) as source:
        assert source.names() == tuple(sorted(FILES))
        assert {name: source.read(name) for name in source.names()} == FILES
        with open_source(write_tree(tmp_path / "other", FILES)) as other:
            assert [source.stamp(name) for name in FILES] == [other.stamp(name) for name in FILES]
        assert source.stamp("three") != source.stamp("a/one.txt")
        assert len(source.read("a/b/two.txt", 2000)) == 2000
        with pytest.raises(UserError, match="two.txt.*longer than 1,999 bytes") as error:
            source.read("a/b/two.txt", 1999)
        one_sentence(error)
        for read in (source.read, source.stamp):
            for name in ("nowhere.txt", "x" * 5000 + "nowhere.txt"):
                with pytest.raises(UserError, match="nowhere.txt' in .*is missing"):
                    read(name)
    with pytest.raises(UserError, match="more than 2 files") as error:
        open_source(source_path, max_files=2).names()
    one_sentence(error)


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt", "/etc/passwd", "C:/windows.txt", "..\\up.txt"])
def test_a_name_that_leads_out(tmp_path: Path, name: str) -> None:
    refused("leads out of it", write_zip(tmp_path / "evil.zip", {"good.txt": b"", name: b"evil"}))
    refused("leads out of it", write_tree(tmp_path / "some", FILES), name)


def test_links_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = write_tree(tmp_path / "some", FILES)
    for name, target in {
        "out.txt": tmp_path / "secret.txt",
        "up": tmp_path,
        "round": folder,
        "in.txt": folder / "a" / "one.txt",
        "nowhere.txt": tmp_path / "nowhere.txt",
        "lost.txt": folder / "lost.txt",
    }.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")
    with pytest.raises(UserError, match="pipe is no folder and no file; name one of them"):
        open_source(folder / "pipe")
    with pytest.raises(UserError, match="all of this machine; name the folder of the data set itself"):
        open_source("/")
    source = open_source(folder)
    assert source.names() == tuple(sorted([*FILES, "in.txt"])) and source.read("in.txt") == b"1"
    for name in ("out.txt", "up/secret.txt"):
        refused("link out of the folder", folder, name)
    for name in ("lost.txt", "pipe"):
        refused("missing or no file", folder, name)
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with open_source(tmp_path / "link.zip") as source:
        assert source.names() == () and source.links_left_out == 1


def test_linked_folders_are_entered_where_asked_and_where_that_ends(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    folder = write_tree(tmp_path / "some", {"a/one.txt": b"1", "b/c/two.txt": b"2"})
    for name, target in {"b/to a": "a", "a/to b": "b", "b/c/up": "b", "round": "", "out": "../outside"}.items():
        (folder / name).symlink_to(folder / target)
    source = open_source(folder, follow_links=True)
    assert source.names() == ("a/one.txt", "a/to b/c/two.txt", "b/c/two.txt", "b/to a/one.txt")
    assert source.read("b/to a/one.txt") == b"1" and source.links_left_out == 1
    assert source.folders() == ("a", "a/to b", "a/to b/c", "b", "b/c", "b/to a")
    source = open_source(folder)
    assert source.names() == ("a/one.txt", "b/c/two.txt") and source.links_left_out == 1
    assert source.folders() == ("a", "b", "b/c")


def test_folders_that_are_linked_with_each_other_end(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "some", {f"{k}/one.txt": b"1" for k in range(8)})
    for k in range(64):
        (folder / str(k // 8) / f"to {k % 8}").symlink_to(f"../{k % 8}")
    with pytest.raises(UserError, match="linked with each other; remove such links") as error:
        open_source(folder, follow_links=True).names()
    one_sentence(error)
    assert len(open_source(folder).names()) == 8


def test_one_folder_may_be_linked_to_often(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "some", {"all/one.txt": b"1", "parts/some.txt": b""})
    for k in range(150):
        (folder / "parts" / str(k)).symlink_to("../all")
    assert len(open_source(folder, follow_links=True).names()) == 152


def test_a_path_that_is_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "some").mkdir()
    monkeypatch.chdir(folder)
    for _ in range(25):
        Path("x" * 200).mkdir()
        monkeypatch.chdir("x" * 200)
    with pytest.raises(UserError, match=r"\.\.\. can't be read \(File name too long\); move it up") as error:
        open_source(folder).names()
    assert len(one_sentence(error)) < 500


def peak(source: Source, name: str) -> int:
    """The most bytes that reading one file takes; it is refused."""
    tracemalloc.start()
    with pytest.raises(UserError, match=f"'{name}' in .*damaged"):
        source.read(name)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def rewritten(path: Path, changes: dict[int, bytes]) -> Path:
    """An archive with other bytes in the first entry of its directory."""
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    for offset, content in changes.items():
        data[start + offset : start + offset + len(content)] = content
    path.write_bytes(data)
    return path


def test_a_header_that_says_too_little_or_too_much(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "liar.zip", {"zeros": bytes(2**26)})
    with open_source(rewritten(path, {24: struct.pack("<L", 100)})) as source:
        assert peak(source, "zeros") < 2**24, "not all that is there is unpacked"
    path = write_zip(tmp_path / "liar.zip", {"some": b"0123456789"})
    refused("cut short|damaged", rewritten(path, {24: struct.pack("<L", 1000)}), "some")


def test_files_that_share_their_bytes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "bomb.zip", {"0": os.urandom(40_000) + bytes(3_900_000)})
    data = path.read_bytes()
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = b"".join(data[start : end - 1] + bytes([ord("0") + i]) for i in range(10))
    fields = list(struct.unpack("<4s4H2LH", data[end:]))
    fields[3] = fields[4] = 10
    fields[5] = len(directory)
    path.write_bytes(data[:start] + directory + struct.pack("<4s4H2LH", *fields))
    refused("unpacks to more than it holds", path)


def test_a_huge_directory_is_not_read_at_once(tmp_path: Path) -> None:
    path, size = tmp_path / "many.zip", 2**28
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, 0, 0))
    tracemalloc.start()
    refused("no zip archive or is damaged", path)
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_encrypted_oddly_packed_doubled_and_no_zips(tmp_path: Path) -> None:
    secret = rewritten(write_zip(tmp_path / "secret.zip", {"some": b"1"}), {8: b"\x01"})
    refused("is encrypted", secret, "some")
    with zipfile.ZipFile(tmp_path / "odd.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("some", b"some")
    refused("packed in an unusual way", tmp_path / "odd.zip", "some")
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("some", b"1")
        archive.writestr("some", b"2")
    refused("there twice", tmp_path / "twice.zip")
    for content in (b"", b"no zip at all", b"PK\x05\x06"):
        (tmp_path / "none.zip").write_bytes(content)
        refused("none.zip is no zip archive or is damaged", tmp_path / "none.zip")
    refused("does not exist", tmp_path / "nothing")


def test_a_flipped_byte_of_a_member_is_found(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "some.zip", {"a": os.urandom(500)})
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    refused("'a' in .*damaged", path, "a")
