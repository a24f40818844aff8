"""Checks on folders before anything is written to them."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from gan.errors import UserError


def require_writable(folder: Path, free: int = 0) -> None:
    """Make sure that files can be written to a folder, which is made if need be.

    Args:
        folder: the folder.
        free: bytes that must be free on its disk.

    Raises:
        UserError: it can't be made or written, or the disk has less space.
    """
    trial = folder / f".trial-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
        left = shutil.disk_usage(folder).free
    except OSError as error:
        raise UserError(
            f"{folder} can't be written ({(error.strerror or str(error)).lower()}); choose one that you may write to."
        ) from None
    if left < free:
        raise UserError(
            f"the disk of {folder} has {_megabytes(left)} MB free and about {_megabytes(free)} MB are needed; "
            "free some space and start again."
        )


def replace_folder(part: Path, folder: Path) -> None:
    """Put a finished folder in the place of another one, which goes only once the new one stands."""
    if not folder.exists():
        part.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(aside)
    try:
        part.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file, which is made if need be, against other processes."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: its users start one run after the other the first time
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _megabytes(count: int) -> int:
    return round(count / 1e6)
