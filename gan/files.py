"""Writing without losing anything: checks before it, and files and folders that are whole or not there."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from gan.errors import UserError, is_no_space
from gan.leftovers import claimed, remove_left, temporary_folder

PART = ".unfinished-"
DEEPEST = 20  # levels of a JSON file


def require_writable(folder: Path, free: int = 0) -> None:
    """Make sure that files can be written to a folder, which is made if need be.

    Args:
        folder: the folder.
        free: bytes that must be free on its disk.

    Raises:
        UserError: it can't be made or written, or the disk has less space.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # it has no name, where the system can do that
            pass
        left = shutil.disk_usage(folder).free
    except OSError as error:
        if folder.is_file():
            raise UserError(f"{folder} can't be written: it is a file; name a folder.") from None
        if is_no_space(error):
            raise UserError(f"no space left to write {folder}; free some and start again.") from None
        raise UserError(
            f"{folder} can't be written ({(error.strerror or str(error)).lower()}); choose one that you may write to."
        ) from None
    if left < free:
        raise UserError(
            f"the disk of {folder} has {_megabytes(left)} MB free and about {_megabytes(free)} MB are needed; "
            "free some space and start again."
        )


@contextlib.contextmanager
def replacing(path: str | Path, synced: bool = True) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and else leaves no trace.

    Args:
        path: the file.
        synced: it is on the disk when the block has ended; False where that takes too long for many small files.

    Raises:
        OSError: the file can't be written; what was at `path` is as it was.
    """
    path = Path(path)
    try:
        with claimed(path) as temporary:
            try:
                with temporary.open("wb") as file:
                    yield file
                    if synced:
                        file.flush()
                        os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        if synced:
            sync(path.parent)
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).name.startswith(f".{path.name}."):
            error.filename = str(path)  # a full disk does not say where, or names what the user does not know
        raise


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, written to the disk now."""
    if os.name != "posix" and path.is_dir():  # only files can be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def unfinished(output: Path) -> Iterator[Path]:
    """A folder, on the disk of `output`, to make in what `fill_folder` moves there; it is gone when the block ends.

    `kill -9` leaves it behind, `made_before` takes no notice of it, and the next command there removes it.
    """
    with temporary_folder(room(output), PART) as folder:
        part = folder / output.name
        part.mkdir()
        yield part


def room(output: Path) -> Path:
    """A folder that is there, or can be made, on the disk that `output` will be on."""
    return output if output.exists() else output.parent


def fill_folder(part: Path, folder: Path) -> None:
    """Move a finished folder to its place; where there is one already, file by file into it.

    Files of the same name are replaced, others stay, and the folder itself stays what it is (a link, a mount point).
    """
    if not folder.exists():
        part.rename(folder)
        return
    for path in sorted(part.rglob("*")):
        target = folder / path.relative_to(part)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            path.replace(target)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path, manifest: str) -> dict[str, str]:
    """The SHA-256 of every file below a folder but its manifest, by its path there (with /)."""
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: sha256(path) for name, path in paths.items() if name != manifest}


def write_manifest(path: Path, origin: dict, contents: dict) -> None:
    """Write the JSON file by which `made_before` knows a finished folder.

    Args:
        path: the file, in the folder.
        origin: everything that the bytes of the folder depend on.
        contents: what else a reader wants to know.
    """
    manifest = {"origin": origin, **contents, "files": digests(path.parent, path.name)}
    path.write_text(json.dumps(manifest, indent=1))


def made_before(output: Path, manifest: str, origin: dict) -> bool:
    """Whether a folder holds what would be written to it, so that nothing of the user's is ever overwritten.

    What killed programs left unfinished in it or beside it is removed.

    Args:
        output: the folder.
        manifest: the name of its JSON file that says what it was made from (`origin`) and its digests (`files`).
        origin: what it would be made from now.

    Returns:
        False where it is new or empty, or some of its files are missing and the others are as they were made.

    Raises:
        UserError: it holds anything else.
    """
    for place in {output, output.parent}:
        remove_left(place, PART)
    if not output.exists() or (output.is_dir() and all(path.name.startswith(PART) for path in output.iterdir())):
        return False
    try:
        made = parse_json(read_file(output / manifest))
        found = {name: digest for name, digest in digests(output, manifest).items() if not name.startswith(PART)}
        own = made["origin"] == origin and found.items() <= made["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        own = False
    if not own:
        raise UserError(f"output {output} holds other files already; name a folder that is new or empty.")
    return found == made["files"]


def parse_json(text: str | bytes) -> Any:
    """`json.loads`, with a ValueError for what is nested deeper than anything that this project writes."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        nested = [whole for whole in level if isinstance(whole, dict | list)]
        level = [part for whole in nested for part in (whole.values() if isinstance(whole, dict) else whole)]
    if level:
        raise ValueError("nested too deeply")
    return value


def read_file(path: Path, limit: int = -1) -> bytes:
    """The first `limit` bytes of a file that a user named, or all of them.

    Raises:
        OSError: it can't be read, or is a pipe, which would be waited for.
    """
    if exists(path) and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as file:
        return file.read(limit)


def read_small_file(path: Path, most: int) -> bytes:
    """All bytes of a file that a user named.

    Raises:
        UserError: there are more than `most`.
        OSError: see `read_file`.
    """
    data = read_file(path, most + 1)
    if len(data) > most:
        raise UserError(f"{path} has more than {most:,} bytes; make it smaller.")
    return data


def exists(path: Path) -> bool:
    """Whether there is something at a path that a user gave, as far as this user may know."""
    try:
        return path.exists()
    except (OSError, RuntimeError, ValueError):  # see `is_folder`
        return False


def is_folder(path: Path) -> bool:
    """Whether a path that a user gave is a folder; False too for what can't be a path."""
    try:
        return path.expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a null byte
        return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a folder, or on a file that is made if need be, against other processes."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: its users start one run after the other the first time
        yield
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that works in {path}", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.{0 if count > 1e6 else 1}f}"
