import errno
import json
import os
import shutil
import tempfile
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from gan.errors import UserError
from gan.files import (
    PART,
    digests,
    fill_folder,
    is_folder,
    locked,
    made_before,
    replacing,
    require_writable,
    sha256,
    unfinished,
)
from tests.conftest import full_disk

Usage = namedtuple("Usage", "total used free")


def test_a_folder_is_made_and_nothing_stays_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "train"
    require_writable(folder, free=1)
    assert folder.is_dir() and list(folder.iterdir()) == []


def test_what_a_folder_holds_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    require_writable(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text() == "kept"


@pytest.mark.parametrize("below", ["", "images", "images/train"])
def test_a_file_in_the_way_is_told_in_a_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("kept")
    folder = tmp_path / "file" / below
    with pytest.raises(UserError, match="can't be written") as error:
        require_writable(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).endswith("it is a file; name a folder.") == (not below)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_without_permission_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)  # the tests may run as root, whom nothing is denied
    with pytest.raises(UserError, match="permission denied"):
        require_writable(tmp_path)


def test_too_little_space_is_told_with_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 5_000_000, 5_000_000))
    require_writable(tmp_path, free=5_000_000)
    with pytest.raises(UserError, match="5 MB free and about 70 MB are needed") as error:
        require_writable(tmp_path, free=70_000_000)
    assert str(tmp_path) in str(error.value)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    part = tmp_path / ".new.part"
    part.mkdir()
    (part / "new.txt").write_text("new")
    return part


@pytest.fixture
def old(tmp_path: Path) -> Path:
    old = tmp_path / "class-17"
    old.mkdir()
    (old / "old.txt").write_text("old")
    return old


def test_a_finished_folder_takes_its_place(part: Path, tmp_path: Path) -> None:
    fill_folder(part, tmp_path / "class-14")
    assert (tmp_path / "class-14" / "new.txt").read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["class-14"]


def test_a_folder_that_is_there_is_filled_and_keeps_what_it_holds(part: Path, old: Path) -> None:
    (part / "03").mkdir()
    (part / "03" / "0.png").write_text("image")
    (old / "new.txt").write_text("before")
    fill_folder(part, old)
    found = {str(path.relative_to(old)): path.read_text() for path in old.rglob("*") if path.is_file()}
    assert found == {"old.txt": "old", "new.txt": "new", "03/0.png": "image"}


def test_a_link_to_a_folder_stays_a_link(part: Path, old: Path) -> None:
    link = old.with_name("link")
    link.symlink_to(old)
    fill_folder(part, link)
    assert link.is_symlink() and (old / "new.txt").read_text() == "new"


@pytest.mark.parametrize("text", ["x" * 300, "~no-such-user-at-all/x", "a\0b", "missing", ""])
def test_what_can_not_be_a_folder_is_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_folder(Path(text)) == (text == "")  # "" is the working folder


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "some.p"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="File too large") as error, full_disk(100), replacing(path) as file:
        file.write(bytes(1000))
    assert error.value.filename == str(path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["open", "replace", "fsync"])
def test_a_file_that_no_room_is_left_for_has_the_name_that_the_user_knows(tmp_path, monkeypatch, call: str) -> None:
    def full(place, *given):
        raise OSError(errno.ENOSPC, "No space left on device", None if call == "fsync" else str(place))

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(OSError, match="No space") as error, replacing(tmp_path / "some.p") as file:
        file.write(b"new")
    assert error.value.filename == str(tmp_path / "some.p") and list(tmp_path.iterdir()) == []
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full(None))
    with pytest.raises(UserError, match=r"no space left to write .*; free some and start again\.$"):
        require_writable(tmp_path)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_a_file_that_is_not_finished_leaves_no_trace(tmp_path: Path, stop: type) -> None:
    path = tmp_path / "some.p"
    with pytest.raises(stop), replacing(path) as file:
        file.write(b"half")
        raise stop
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"old")
    with pytest.raises(stop), replacing(path) as file:
        file.write(b"half")
        raise stop
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "some.p"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        with replacing(path) as file:
            file.write(b"new")
            assert path.read_bytes() == b"old"
        assert path.read_bytes() == b"new" and reader.read() == b"old"


def test_a_lock_keeps_others_out(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    other = threading.Thread(target=second)
    with locked(tmp_path / "lock"):
        other.start()
        other.join(0.3)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


ORIGIN = {"run": "a", "seed": 0}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder of two files and their manifest."""
    folder = tmp_path / "made"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "1.png").write_bytes(b"one")
    (folder / "report.html").write_bytes(b"two")
    manifest = {"origin": ORIGIN, "files": digests(folder, "manifest.json")}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_digests_name_every_file_but_the_manifest(made: Path) -> None:
    assert digests(made, "manifest.json") == {
        "photos/1.png": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",  # as sha256sum has it
        "report.html": sha256(made / "report.html"),
    }


def test_a_folder_as_it_was_made_is_known_again(made: Path, tmp_path: Path) -> None:
    assert made_before(made, "manifest.json", ORIGIN)
    assert not made_before(tmp_path / "new", "manifest.json", ORIGIN)
    (tmp_path / "empty").mkdir()
    assert not made_before(tmp_path / "empty", "manifest.json", ORIGIN)


def test_what_is_missing_of_a_made_folder_may_be_made_again(made: Path) -> None:
    (made / "photos" / "1.png").unlink()
    assert not made_before(made, "manifest.json", ORIGIN)


@pytest.mark.parametrize("spoil", ["other", "more", "origin", "damaged", "none", "list", "nested", "pipe"])
def test_what_is_not_as_it_was_made_is_refused(made: Path, spoil: str) -> None:
    origin, manifest = ORIGIN, made / "manifest.json"
    if spoil == "other":
        (made / "report.html").write_bytes(b"mine")
    elif spoil == "more":
        (made / "notes.txt").write_bytes(b"mine")
    elif spoil == "origin":
        origin = ORIGIN | {"seed": 1}
    elif spoil in ("none", "pipe"):
        manifest.unlink()
        if spoil == "pipe":
            os.mkfifo(manifest)
    else:
        manifest.write_text({"list": "[]", "nested": "[" * 10**5 + "]" * 10**5, "damaged": "{"}[spoil])
    with pytest.raises(UserError, match="holds other files already; name a folder that is new or empty"):
        made_before(made, "manifest.json", origin)


def test_what_a_killed_program_left_unfinished_is_no_file_of_the_user(made: Path, tmp_path: Path) -> None:
    for output in (made, tmp_path / "empty"):
        left = output / f"{PART}x" / "photos"
        left.mkdir(parents=True)
        (left / "1.png").write_bytes(b"half")
    assert made_before(made, "manifest.json", ORIGIN)
    assert not made_before(tmp_path / "empty", "manifest.json", ORIGIN)


@pytest.mark.parametrize("there", [False, True])
def test_what_is_unfinished_is_gone_unless_it_was_moved(tmp_path: Path, there: bool) -> None:
    output = tmp_path / "out"
    if there:
        output.mkdir()
    with pytest.raises(KeyError), unfinished(output) as part:
        (part / "1.png").write_bytes(b"half")
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["out"] * there
    with unfinished(output) as part:
        (part / "1.png").write_bytes(b"whole")
        fill_folder(part, output)
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["out", "1.png"]
