"""Temporary files and folders, and how those that `kill -9` left are known: nobody holds their locks any more."""

import contextlib
import os
import shutil
import socket
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = "gan-augmentation-"  # what the name of the folder of a program's temporary files begins with


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[Path]:
    """The path of a file beside another, which no other process writes; what `kill -9` left there is written over."""
    while True:
        temporary = path.with_name(f".{path.name}.{machine_mark()}.tmp")
        handle = _lock(temporary, wait=True)
        if handle is None:
            yield path.with_name(f".{path.name}.{machine_mark()}.{os.getpid()}.tmp")
            return
        try:
            if _is_at(handle, temporary):  # the one who was waited for has not renamed or removed it
                yield temporary
                return
        finally:
            os.close(handle)


@contextlib.contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder that is gone when the block ends, as are those that `kill -9` left of programs on this machine.

    Its process holds a lock on it: what nobody holds was left.
    """
    remove_left(parent, prefix)
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{prefix}{machine_mark()}-"))
        handle = _lock(folder, wait=True)
        if handle is None or _is_at(handle, folder):  # nobody has taken it for one that was left
            break
        os.close(handle)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def remove_left(parent: Path, prefix: str) -> None:
    """Remove folders that `temporary_folder` made for programs on this machine that were killed."""
    for left in parent.glob(f"{prefix}{machine_mark()}-????????"):
        handle = None if left.is_symlink() else _lock(left, wait=False)
        if handle is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(handle)


@contextlib.contextmanager
def own_temporary_files() -> Iterator[None]:
    """Within the block temporary files, those of libraries too, lie in one `temporary_folder`."""
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError:  # there is none that can be written
        yield
        return
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    with temporary_folder(parent, TEMPORARY) as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before
            os.environ.pop("TMPDIR")
            if variable is not None:
                os.environ["TMPDIR"] = variable


def machine_mark() -> str:
    """Eight hexadecimal digits that tell this machine from others that share a disk: locks may not reach them."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _lock(path: Path, wait: bool) -> int | None:
    """A handle that holds the lock of a folder, or of a file that is made if need be; None where it can't be had."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    except (ImportError, FileNotFoundError):  # a system without such locks; removed meanwhile
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # another process holds it, or the file system has no locks
        os.close(handle)
        return None
    return handle


def _is_at(handle: int, path: Path) -> bool:
    """Whether a handle is that of what is at a path now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
