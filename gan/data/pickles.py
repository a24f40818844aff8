"""Pickles of arrays: written for any Python and NumPy, read without running anything that they ask for.

A pickle is a program. The reader looks at every instruction first, and then answers the few names that a
dictionary of arrays needs with stand-ins of its own; not even NumPy's functions are called with what a
stranger wrote.
"""

import io
import math
import pickle
import pickletools
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gan.errors import UserError
from gan.files import replacing

MAX_BYTES = 2**30  # one file, read or written: it takes three times its length in memory
INSTRUCTIONS = 500_000  # in one file, each an object in memory; an array takes about 30

_ALLOWED = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "  # noqa: SIM905 (a page)
    "BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "EMPTY_DICT SETITEM SETITEMS EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
_BY_CODE = {op.code.encode("latin1"): op for op in pickletools.opcodes}
# How pickletools marks an argument that begins with its own length.
_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: "<B",
    pickletools.TAKEN_FROM_ARGUMENT4: "<i",
    pickletools.TAKEN_FROM_ARGUMENT4U: "<I",
    pickletools.TAKEN_FROM_ARGUMENT8U: "<Q",
}
_NUMBERS = re.compile(r"[ui][1248]|f[248]|b1")  # types of elements, as NumPy writes them


def write_pickle(path: str | Path, arrays: dict[str, np.ndarray], limit: int = MAX_BYTES) -> None:
    """Write a dictionary of arrays of numbers atomically: `path` is the whole new file or what it was before.

    Any Python and NumPy reads it with plain `pickle.load`.

    Raises:
        UserError: it would be longer than `limit`, which `read_pickle` would not read.
        OSError: the file can't be written (a full disk, for one); what was at `path` is as it was.
    """
    too_long = UserError(f"{path} would be longer than {limit:,} bytes; write fewer images.")
    if sum(array.nbytes for array in arrays.values()) > limit:
        raise too_long
    with replacing(path) as file:
        _Writer(file, protocol=2).dump(arrays)
        if file.tell() > limit:
            raise too_long


class _Writer(pickle.Pickler):
    """NumPy itself writes names of its inner modules, which differ from version to version; this one needs none."""

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return NotImplemented
        if not _NUMBERS.fullmatch(value.dtype.str[1:]):
            raise TypeError(f"arrays of {value.dtype} are not written")
        raw = np.asarray(value, order="C").reshape(-1).view(np.uint8)
        dtype = np.dtype(value.dtype.str)  # one object for equal types, so that the bytes depend on values alone
        return np.ndarray, (value.shape, dtype, bytearray(raw))  # of bytes it would be read-only


def read_pickle(path: str | Path, limit: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Read a pickled dictionary of arrays of numbers; nothing in the file is executed.

    Protocols 2 to 5, of Python 2 and 3 and any NumPy. Entries that are no arrays of integers, floating-point numbers
    or truth values are left out.

    Returns:
        name -> array, read-only, contiguous, of native byte order.

    Raises:
        UserError: the file is missing, longer than `limit`, damaged, or asks for more than arrays and plain values.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return load_pickle(file, str(path), limit)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; make it with `python -m gan.commands.prepare`.") from None
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); check the file and its permissions.") from error


def load_pickle(file: BinaryIO, name: str, limit: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """`read_pickle` of an open file that can seek; messages call it `name`."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size == 0:
        raise UserError(f"{name} is empty; make it again or get it anew.")
    if size > limit:
        raise UserError(f"{name} is longer than {limit:,} bytes; split it or make it smaller.")
    try:
        _look_through(file, size, name)
        file.seek(0)
        loaded = _Reader(file, size, name).load()
        if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
            raise UserError(f"{name} holds no dictionary of arrays; use a file made by prepare.")
        return {key: value.array() for key, value in loaded.items() if isinstance(value, _Array) and value.numeric()}
    except (UserError, OSError):
        raise
    except Exception as error:  # hostile bytes end in many kinds of exception
        raise UserError(f"{name} is no pickle of arrays or is damaged; make it again or get it anew.") from error


def _look_through(file: BinaryIO, size: int, name: str) -> None:
    """Walk over all instructions without carrying out any, so that none asks for more than the file holds.

    pickle itself believes the lengths and the memo numbers in a file and allocates what they say.
    """
    if file.read(1) != pickle.PROTO:
        raise UserError(f"{name} is no pickle of protocol 2 or later; make it again or get it anew.")
    file.seek(0)
    for count in range(INSTRUCTIONS):
        op = _BY_CODE[file.read(1)]
        if op.name not in _ALLOWED:
            raise UserError(f"{name} holds more than arrays (pickle's {op.name}); do not use it, get it anew.")
        if op.name == "STOP":
            return
        length = 0 if op.arg is None else op.arg.n
        if length == pickletools.UP_TO_NEWLINE:  # GLOBAL: module and name
            if any(not file.readline(100).endswith(b"\n") for _ in range(2)):
                raise UserError(f"{name} is damaged; make it again or get it anew.")
            continue
        if length < 0:
            code = _LENGTHS[length]
            (length,) = struct.unpack(code, file.read(struct.calcsize(code)))
        if op.name in ("FRAME", "LONG_BINPUT"):
            (value,) = struct.unpack("<Q" if op.name == "FRAME" else "<I", file.read(length))
            if value > (size if op.name == "FRAME" else count):
                raise UserError(f"{name} is damaged; make it again or get it anew.")
            continue
        if length < 0 or file.seek(length, io.SEEK_CUR) > size:
            raise UserError(f"{name} is cut short; make it again or get it anew.")
    raise UserError(f"{name} holds far more than a few arrays; do not use it, get it anew.")


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        super().__init__(file, encoding="latin1")  # the bytes of an array that Python 2 wrote arrive as text
        self._name = name
        self._left = size  # bytes that may still be decoded: no honest file decodes one of its bytes twice
        stand_ins = {
            "_reconstruct": _Call(self._reconstruct),
            "_frombuffer": _Call(self._frombuffer),
            "scalar": _Call(lambda *_: None),
        }
        self._known = {
            (f"numpy.{core}.{module}", function): stand_ins[function]
            for core in ("core", "_core")
            for module, function in (
                ("multiarray", "_reconstruct"),
                ("multiarray", "scalar"),
                ("numeric", "_frombuffer"),
            )
        } | {
            ("numpy", "ndarray"): _Call(self._ndarray),
            ("numpy", "dtype"): _Call(lambda code, *_: _Type(code)),
            ("_codecs", "encode"): _Call(self._encode),
            ("__builtin__", "bytes"): _Call(lambda: b""),  # how protocol 2 writes no bytes at all
            ("__builtin__", "bytearray"): _Call(lambda raw=b"": raw),
        }

    def find_class(self, module: str, name: str) -> Any:
        known = self._known.get((module, name))
        if known is None:
            raise UserError(
                f"{self._name} asks to run {f'{module}.{name}'!r}, which no data set needs; nothing was run: "
                "do not use this file."
            )
        return known

    def _reconstruct(self, *_: object) -> "_Array":
        return _Array(self._encode)

    def _frombuffer(self, raw: Any, dtype: Any, shape: Any, order: Any) -> "_Array":
        array = _Array(self._encode)
        array.__setstate__((1, shape, dtype, order == "F", raw))
        return array

    def _ndarray(self, shape: Any, dtype: Any, raw: Any) -> "_Array":
        return self._frombuffer(raw, dtype, shape, "C")

    def _encode(self, text: str, _: str = "latin1") -> bytes:
        self._left -= len(text)
        if self._left < 0:
            raise ValueError("more bytes than the file has")
        return text.encode("latin1")


class _Call:
    """What a name in a pickle stands for: it can be called, and its own state can't be set."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *args: object) -> Any:
        return self._function(*args)

    def __setstate__(self, _: object) -> None:
        raise TypeError("a name has no state")


class _Type:
    """The type of an array's elements."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        if state[1] not in ("|", "<", ">", "="):
            raise ValueError("no order of bytes")
        self.order = "=" if state[1] == "|" else state[1]


class _Array:
    """An array that waits for its shape, type and bytes."""

    __slots__ = ("_encode", "_state")

    def __init__(self, encode: Any) -> None:
        self._encode, self._state = encode, None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        if not isinstance(dtype, _Type):
            raise ValueError("not the state of an array")
        if not _NUMBERS.fullmatch(dtype.code):
            return
        raw = self._encode(raw) if isinstance(raw, str) else raw
        if not isinstance(raw, (bytes, bytearray)) or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("not the state of an array")
        if len(shape) > 8 or math.prod(shape) * int(dtype.code[1]) != len(raw):
            raise ValueError("shape and bytes disagree")
        self._state = shape, dtype.order + dtype.code, "F" if fortran else "C", raw

    def numeric(self) -> bool:
        return self._state is not None

    def array(self) -> np.ndarray:
        shape, dtype, order, raw = self._state
        array = np.ndarray(shape, dtype, raw, order=order)
        if array.dtype == bool:  # a stranger's bytes may be others than 0 and 1
            array = array.view(np.uint8) != 0
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(shape)
        array.flags.writeable = False
        return array
