"""Pickles of arrays: written for any Python and NumPy, read without running anything that they ask for.

A pickle is a program. The reader carries out the few instructions that a dictionary of arrays needs, and answers
the names in it with stand-ins of its own: not even NumPy's functions are called with what a stranger wrote.
"""

import math
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan.errors import UserError
from gan.files import read_file, replacing

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
        return load_pickle(read_file(path), str(path))
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
        loaded = _Reader(content, name).load()
        if not isinstance(loaded, dict) or None in loaded:
            raise UserError(f"{name} holds no dictionary of arrays; use a file made by prepare.")
        arrays = {key: value.array() for key, value in loaded.items() if isinstance(value, _Array)}
        return {key: array for key, array in arrays.items() if array is not None}
    except UserError:
        raise
    except Exception as error:  # hostile bytes end in many kinds of exception
        raise UserError(f"{name} is no pickle of arrays or is damaged; make it again or get it anew.") from error


class _Reader:
    """Carries out the instructions of a pickle with stand-ins for all that it may name.

    Pickle's own reader hashes whatever a stranger gives as a key: nested tuples end or hang Python. Here no key
    but a text is hashed, and nothing walks through what is nested.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._content, self._name = content, name
        self._left = {"decoded": len(content), "taken": len(content)}  # no honest file uses one of its bytes twice
        core = {
            "_reconstruct": lambda *_: _Array(self),
            "_frombuffer": lambda raw, dtype, shape, order: self._array(shape, dtype, raw, order == "F"),
            "scalar": lambda *_: None,
        }
        modules = {"_reconstruct": "multiarray", "_frombuffer": "numeric", "scalar": "multiarray"}
        self._known: dict[str, Callable] = {
            f"numpy.{package}.{modules[function]} {function}": stand_in
            for package in ("core", "_core")
            for function, stand_in in core.items()
        } | {
            "numpy ndarray": self._array,
            "numpy dtype": lambda code, *_: _Type(code),
            "_codecs encode": self.encode,
            "__builtin__ bytes": lambda: b"",  # how protocol 2 writes no bytes at all
            "__builtin__ bytearray": lambda raw=b"": raw,
        }

    def load(self) -> Any:
        stack: list[Any] = []
        below: list[list] = []  # what lies under each mark
        memo: dict[int, Any] = {}
        for count, (op, argument, _) in enumerate(pickletools.genops(self._content)):
            if op.name not in _ALLOWED:
                raise UserError(
                    f"{self._name} holds more than arrays (pickle's {op.name}); do not use it, get it anew."
                )
            if count >= INSTRUCTIONS:
                raise UserError(f"{self._name} holds far more than a few arrays; do not use it, get it anew.")
            match op.name:
                case "PROTO" | "FRAME":
                    if op.name == "PROTO" and argument > pickle.HIGHEST_PROTOCOL:
                        raise ValueError("a protocol that is not known")
                case "MARK":
                    below.append(stack)
                    stack = []
                case "NONE" | "NEWTRUE" | "NEWFALSE":
                    stack.append({"NEWTRUE": True, "NEWFALSE": False}.get(op.name))
                case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                    stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[op.name]())
                case "TUPLE1" | "TUPLE2" | "TUPLE3":
                    items = [stack.pop() for _ in range(int(op.name[-1]))]
                    stack.append(tuple(reversed(items)))
                case "TUPLE":
                    stack, items = below.pop(), stack
                    stack.append(tuple(items))
                case "APPEND" | "SETITEM":
                    items = [stack.pop() for _ in range(1 if op.name == "APPEND" else 2)]
                    _fill(stack[-1], items[::-1])
                case "APPENDS" | "SETITEMS":
                    stack, items = below.pop(), stack
                    _fill(stack[-1], items)
                case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                    memo[len(memo) if argument is None else argument] = stack[-1]
                case "BINGET" | "LONG_BINGET":
                    stack.append(memo[argument])
                case "GLOBAL":
                    stack.append(self._stand_in(argument))
                case "STACK_GLOBAL":
                    function, module = stack.pop(), stack.pop()
                    stack.append(
                        self._stand_in(f"{module} {function}" if type(module) is type(function) is str else "")
                    )
                case "REDUCE":
                    arguments, function = stack.pop(), stack.pop()
                    if function not in self._known.values():
                        raise TypeError("no function")
                    stack.append(function(*arguments))
                case "BUILD":
                    state, thing = stack.pop(), stack[-1]
                    if not isinstance(thing, (_Array, _Type)):
                        raise TypeError("it has no state")
                    thing.set_state(state)
                case "STOP":
                    return stack.pop()
                case _:
                    stack.append(argument)
        raise ValueError("no end")

    def _stand_in(self, name: str) -> Callable:
        if name not in self._known:
            raise UserError(
                f"{self._name} names {name.replace(' ', '.')!r}, which no data set needs: it is damaged, or was made "
                "to run a program; nothing was run, do not use this file."
            )
        return self._known[name]

    def _array(self, shape: Any, dtype: Any, raw: Any, fortran: bool = False) -> "_Array":
        array = _Array(self)
        array.set_state((1, shape, dtype, fortran, raw))
        return array

    def encode(self, text: str, _: str = "latin1") -> bytes:
        self.count("decoded", len(text))
        return text.encode("latin1")

    def count(self, use: str, size: int) -> None:
        """Stop when more bytes are used than the file has."""
        self._left[use] -= size
        if self._left[use] < 0:
            raise ValueError("more bytes than the file has")


def _fill(container: Any, items: list) -> None:
    """Put items into a list, or keys and values into a dictionary; keys that are no text leave a None behind."""
    if isinstance(container, list):
        container.extend(items)
    elif isinstance(container, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            container[key if type(key) is str else None] = value
    else:
        raise TypeError("nothing to fill")


class _Type:
    """The type of an array's elements."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "="

    def set_state(self, state: tuple) -> None:
        self.order = {"|": "=", "<": "<", ">": ">", "=": "="}[state[1]]


class _Array:
    """An array that waits for its shape, type and bytes."""

    __slots__ = ("_made", "_reader", "_state")

    def __init__(self, reader: _Reader) -> None:
        self._reader, self._state, self._made = reader, None, None

    def set_state(self, state: tuple) -> None:
        _, shape, dtype, fortran, raw = state
        if not _NUMBERS.fullmatch(dtype.code):
            return
        raw = self._reader.encode(raw) if isinstance(raw, str) else raw
        if not isinstance(raw, (bytes, bytearray)) or len(shape) > 8:
            raise ValueError("not the state of an array")
        if any(type(n) is not int or n < 0 for n in shape):
            raise ValueError("no shape")
        if math.prod(shape) * int(dtype.code[1]) != len(raw):
            raise ValueError("shape and bytes disagree")
        self._reader.count("taken", len(raw))
        self._state, self._made = (shape, dtype.order + dtype.code, "F" if fortran else "C", raw), None

    def array(self) -> np.ndarray | None:
        """The array, the same one at every call; None where its elements are no numbers."""
        if self._state is None or self._made is not None:
            return self._made
        shape, dtype, order, raw = self._state
        array = np.ndarray(shape, dtype, raw, order=order)
        if array.dtype == bool:  # a stranger's bytes may be others than 0 and 1
            array = array.view(np.uint8) != 0
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(shape)
        array.flags.writeable = False
        self._made = array
        return array
