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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan.errors import UserError
from gan.files import replacing

MAX_BYTES = 2**30  # one file, read or written: it takes four times its length in memory
INSTRUCTIONS = 500_000  # in one file, each an object in memory; an array takes about 30

_ALLOWED = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "  # noqa: SIM905 (a page)
    "BINSTRING SHORT_BINSTRING BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "EMPTY_DICT SETITEM SETITEMS EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
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
        if path.stat().st_size > limit:
            raise UserError(f"{path} is longer than {limit:,} bytes; split it or make it smaller.")
        return load_pickle(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; make it with `python -m gan.commands.prepare`.") from None
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); check the file and its permissions.") from error


def load_pickle(content: bytes, name: str) -> dict[str, np.ndarray]:
    """`read_pickle` of bytes; messages call them `name`."""
    if not content:
        raise UserError(f"{name} is empty; make it again or get it anew.")
    if content[:1] != pickle.PROTO:
        raise UserError(f"{name} is no pickle of protocol 2 or later; make it again or get it anew.")
    try:
        _check_instructions(content, name)
        loaded = _Reader(content, name).load()
        if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
            raise UserError(f"{name} holds no dictionary of arrays; use a file made by prepare.")
        arrays = {key: value.array() for key, value in loaded.items() if isinstance(value, _Array)}
        return {key: array for key, array in arrays.items() if array is not None}
    except UserError:
        raise
    except Exception as error:  # hostile bytes end in many kinds of exception
        raise UserError(f"{name} is no pickle of arrays or is damaged; make it again or get it anew.") from error


def _check_instructions(content: bytes, name: str) -> None:
    """Walk over all instructions without carrying out any: pickle believes the lengths and memo numbers in a file."""
    for count, (op, argument, _) in enumerate(pickletools.genops(io.BytesIO(content))):
        if op.name not in _ALLOWED:
            raise UserError(f"{name} holds more than arrays (pickle's {op.name}); do not use it, get it anew.")
        if count >= INSTRUCTIONS:
            raise UserError(f"{name} holds far more than a few arrays; do not use it, get it anew.")
        if (op.name == "LONG_BINPUT" and argument > count) or (op.name == "FRAME" and argument > len(content)):
            raise ValueError("more than the file holds")


class _Reader(pickle.Unpickler):
    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")  # what Python 2 wrote as bytes arrives as text
        self._name = name
        self._left = len(content)  # bytes that may still be decoded: no honest file decodes one of its bytes twice
        stand_ins = {
            "_reconstruct": _Call(lambda *_: _Array(self._encode)),
            "_frombuffer": _Call(lambda raw, dtype, shape, order: self._array(shape, dtype, raw, order == "F")),
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
            ("numpy", "ndarray"): _Call(self._array),
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

    def _array(self, shape: Any, dtype: Any, raw: Any, fortran: bool = False) -> "_Array":
        array = _Array(self._encode)
        array.__setstate__((1, shape, dtype, fortran, raw))
        return array

    def _encode(self, text: str, _: str = "latin1") -> bytes:
        self._left -= len(text)
        if self._left < 0:
            raise ValueError("more bytes than the file has")
        return text.encode("latin1")


class _Call:
    """What a name in a pickle stands for: it can be called, and its own state can't be set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable) -> None:
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
        self.order = {"|": "=", "<": "<", ">": ">", "=": "="}[state[1]]


class _Array:
    """An array that waits for its shape, type and bytes."""

    __slots__ = ("_encode", "_state")

    def __init__(self, encode: Callable[[str], bytes]) -> None:
        self._encode, self._state = encode, None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        if not _NUMBERS.fullmatch(dtype.code):
            return
        raw = self._encode(raw) if isinstance(raw, str) else raw
        if not isinstance(raw, (bytes, bytearray)) or any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("not the state of an array")
        if len(shape) > 8 or math.prod(shape) * int(dtype.code[1]) != len(raw):
            raise ValueError("shape and bytes disagree")
        self._state = shape, dtype.order + dtype.code, "F" if fortran else "C", raw

    def array(self) -> np.ndarray | None:
        """The array; None where its elements are no numbers."""
        if self._state is None:
            return None
        shape, dtype, order, raw = self._state
        array = np.ndarray(shape, dtype, raw, order=order)
        if array.dtype == bool:  # a stranger's bytes may be others than 0 and 1
            array = array.view(np.uint8) != 0
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(shape)
        array.flags.writeable = False
        return array
