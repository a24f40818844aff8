"""Pickles of arrays that any NumPy reads."""

import pickle
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gan.data.pickles import MAX_BYTES, NUMBERS
from gan.errors import UserError
from gan.files import replacing

_CHUNK = 2**22


def write_pickle(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a dictionary of arrays of numbers atomically: `path` is the whole new file or what it was before.

    Protocol 2, as an old NumPy writes it: any Python and NumPy reads it with plain `pickle.load`. NumPy 2 by
    itself writes names (`numpy._core`) that older ones don't know, and pickle has no way to tell it another
    name, so the few instructions are written here.

    Raises:
        UserError: it would be longer than `MAX_BYTES`, which `read_pickle` would not read.
        OSError: the file can't be written (a full disk, for one); what was at `path` is as it was.
    """
    too_long = UserError(f"{path} would be longer than {MAX_BYTES:,} bytes; write fewer images.")
    if sum(array.nbytes for array in arrays.values()) > MAX_BYTES:
        raise too_long
    with replacing(path) as file:
        file.write(pickle.PROTO + b"\x02" + pickle.EMPTY_DICT)
        for name, array in arrays.items():
            file.write(_text(name))
            _write_array(file, np.asarray(array, order="C"))
            file.write(pickle.SETITEM)
            if file.tell() > MAX_BYTES:
                raise too_long
        file.write(pickle.STOP)


def _write_array(file: BinaryIO, array: np.ndarray) -> None:
    if not NUMBERS.fullmatch(array.dtype.str[1:]):
        raise TypeError(f"arrays of {array.dtype} are not written")
    encode, latin1 = _name("_codecs", "encode"), _text("latin1")
    file.write(_name("numpy.core.multiarray", "_reconstruct") + _name("numpy", "ndarray"))
    file.write(_whole(0) + pickle.TUPLE1 + encode + _text("b") + latin1 + pickle.TUPLE2 + pickle.REDUCE)
    file.write(pickle.TUPLE3 + pickle.REDUCE)
    file.write(pickle.MARK + _whole(1) + pickle.MARK + b"".join(map(_whole, array.shape)) + pickle.TUPLE)
    file.write(_name("numpy", "dtype") + _text(array.dtype.str[1:]))
    file.write(pickle.NEWFALSE + pickle.NEWTRUE + pickle.TUPLE3 + pickle.REDUCE)
    file.write(pickle.MARK + _whole(3) + _text(array.dtype.str[0]) + pickle.NONE * 3)
    file.write(_whole(-1) + _whole(-1) + _whole(0) + pickle.TUPLE + pickle.BUILD + pickle.NEWFALSE)
    # Protocol 2 has no bytes: they are text that `encode` turns back, here as everywhere.
    raw = array.reshape(-1).view(np.uint8)
    file.write(encode + pickle.BINUNICODE + struct.pack("<I", raw.size + int(np.count_nonzero(raw >= 128))))
    for start in range(0, raw.size, _CHUNK):
        file.write(raw[start : start + _CHUNK].tobytes().decode("latin1").encode())
    file.write(latin1 + pickle.TUPLE2 + pickle.REDUCE + pickle.TUPLE + pickle.BUILD)


def _name(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    raw = text.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(raw)) + raw


def _whole(number: int) -> bytes:
    return pickle.BININT + struct.pack("<i", number)
