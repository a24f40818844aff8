"""Files of arrays (.npz), read without pickles and with a bound on memory, whoever made them."""

import zipfile
from pathlib import Path

import numpy as np

from gan.errors import UserError

SMALL = 2**28  # bytes that a small file may unpack to; a larger one to its own length


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file.

    Raises:
        ValueError: it is missing, damaged, or unpacks to far more than it holds.
    """
    try:
        if not path.is_file():  # a pipe, for one, would be waited for
            raise ValueError("no file")
        with zipfile.ZipFile(path) as container:
            if sum(member.file_size for member in container.infolist()) > max(SMALL, path.stat().st_size):
                raise ValueError("more than it holds")
        with np.load(path, allow_pickle=False) as kept:
            found = {name: kept[name] for name in kept.files}  # reads it all, and compares its checksums
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("something else than arrays")
        return found
    except Exception as error:  # a damaged zip ends in many kinds of exception
        raise ValueError(f"{path} is no file of arrays") from error


def require_arrays(path: Path, kinds: dict[str, str]) -> dict[str, np.ndarray]:
    """The arrays of a file that is made again where it is missing.

    Args:
        path: the file.
        kinds: by the name of each array that is wanted, the letters that NumPy has for its kinds of elements, and the
            number of its dimensions, as "iu1" for whole numbers in a row.

    Raises:
        UserError: it does not hold these.
    """
    try:
        found = read_arrays(path)
        fit = all(
            found[name].dtype.kind in kind[:-1] and found[name].ndim == int(kind[-1]) for name, kind in kinds.items()
        )
    except (ValueError, KeyError):
        fit = False
    if not fit:
        raise UserError(f"{path} is damaged or was made by another program; remove it, and it is made again.")
    return found
