"""What `kill -9` leaves is known and removed; what another process works in is left alone."""

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from gan import config as command_line
from gan import leftovers
from gan.errors import UserError
from gan.files import fill_folder, made_before, replacing, unfinished
from gan.leftovers import claimed, machine_mark, own_temporary_files, temporary_folder


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written to the disk and renamed, in order."""
    found, sync, replace = [], os.fsync, os.replace

    def fsync(handle: int) -> None:
        found.append(f"sync {Path(f'/proc/self/fd/{handle}').readlink().name}")
        sync(handle)

    def renamed(old: Path, new: Path) -> None:
        found.append(f"rename {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", renamed)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which file is written to the disk")
def test_a_file_is_on_the_disk_before_its_name_and_the_name_before_it_counts(
    tmp_path: Path, events: list[str]
) -> None:
    with replacing(tmp_path / "some.p") as file:
        file.write(b"new")
        assert events == []
    assert events == [f"sync .some.p.{machine_mark()}.tmp", "rename some.p", f"sync {tmp_path.name}"]
    events.clear()
    with replacing(tmp_path / "some.p", synced=False) as file:
        file.write(b"newer")
    assert events == ["rename some.p"]


def test_a_file_that_a_killed_program_left_is_written_over(tmp_path: Path) -> None:
    with claimed(tmp_path / "some.p") as temporary:
        pass
    temporary.write_bytes(b"half of something long")
    with replacing(tmp_path / "some.p") as file:
        file.write(b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("some.p", b"new")]


def test_two_that_write_one_file_take_turns(tmp_path: Path) -> None:
    path, order = tmp_path / "some.p", []

    def second() -> None:
        with replacing(path) as file:
            order.append(path.read_bytes())
            file.write(b"second")

    other = threading.Thread(target=second)
    with replacing(path) as file:
        other.start()
        other.join(0.2)
        file.write(b"first")
    other.join(10)
    assert order == [b"first"] and path.read_bytes() == b"second" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("why", ["system", "disk"])
def test_without_locks_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "system":
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(38, "Function not implemented")))
    left = tmp_path / f".a-{machine_mark()}-12345678"
    left.mkdir()
    with temporary_folder(tmp_path, ".a-") as folder, replacing(folder / "some.p") as file:
        file.write(b"new")
        with claimed(folder / "other.p") as temporary:
            assert str(os.getpid()) in temporary.name
    assert list(tmp_path.iterdir()) == [left]  # nobody knows whose it is


def test_folders_that_killed_programs_left_are_removed_and_no_others(tmp_path: Path) -> None:
    prefix = f".a-{machine_mark()}-"
    kept = [".a-mine", f".a-{'0' * 8}-12345678", f"{prefix}longer-than-that", ".b-12345678"]
    for name in (f"{prefix}12345678", *kept):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / f"{prefix}linked__").symlink_to(tmp_path / ".a-mine")
    with temporary_folder(tmp_path, ".a-") as first, temporary_folder(tmp_path, ".a-") as second:
        assert first != second and first.is_dir() and second.is_dir()
        assert {path.name for path in tmp_path.iterdir()} == {*kept, f"{prefix}linked__", first.name, second.name}
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f"{prefix}linked__"}


def test_a_folder_of_another_process_stays_until_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from gan.leftovers import temporary_folder\n"
        "with temporary_folder(Path(sys.argv[1]), '.a-') as folder: print(folder, flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    folder = Path(other.stdout.readline().strip())
    with temporary_folder(tmp_path, ".a-"):
        assert folder.is_dir()
    other.kill()
    other.communicate()
    assert folder.is_dir()
    with temporary_folder(tmp_path, ".a-"):
        assert not folder.exists()


def test_what_an_output_was_made_in_is_removed_by_the_next_command_there(tmp_path: Path) -> None:
    left = tmp_path / f".unfinished-{machine_mark()}-abcdefgh"
    left.mkdir()
    with unfinished(tmp_path / "out") as part:
        (part / "1.png").write_bytes(b"whole")
        fill_folder(part, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_was_left_beside_an_output_that_is_whole_is_removed_too(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    for place in (tmp_path, output):
        (place / f".unfinished-{machine_mark()}-abcdefgh").mkdir()
    assert not made_before(output, "manifest.json", {})
    assert list(tmp_path.rglob("*")) == [output]


def test_temporary_files_of_a_program_lie_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    left = tmp_path / f"{leftovers.TEMPORARY}{machine_mark()}-abcdefgh"
    left.mkdir()
    seen = []

    def main(config: object) -> None:
        seen.append(Path(tempfile.mkdtemp()))
        (seen[0] / "__autograph_generated_file.py").touch()
        assert os.environ["TMPDIR"] == str(seen[0].parent)
        raise UserError("enough.")

    with pytest.raises(SystemExit):
        command_line.run(command_line.Config, main, [])
    assert seen[0].parent.parent == tmp_path and list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(tmp_path)


def test_a_system_without_a_folder_for_temporary_files_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with own_temporary_files():
        pass
