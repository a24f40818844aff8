import os
import pickle
import pickletools
import struct
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from gan.data.pickles import read_pickle, write_pickle
from gan.errors import UserError

ARRAYS = {
    "features": np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8),
    "labels": np.arange(5, dtype=np.int64) - 2,
    "generated": np.array([True, False, True]),
    "scores": np.linspace(0, 1, 7, dtype=np.float32).reshape(7, 1),
    "empty": np.zeros((0, 3), np.uint16),
    "one": np.array(3.5),
}


def one_sentence(error: pytest.ExceptionInfo, path: Path) -> str:
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and text.startswith(str(path))
    assert ";" in text or ":" in text
    return text


def refused(path: Path, data: bytes, message: str = "damaged") -> str:
    path.write_bytes(data)
    with pytest.raises(UserError, match=message) as error:
        read_pickle(path)
    return one_sentence(error, path)


def assert_equal(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])
        assert a[key].dtype == b[key].dtype and a[key].shape == b[key].shape


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.p"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_numpy_pickles_is_read(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(ARRAYS, protocol))
    assert_equal(read_pickle(path), ARRAYS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_odd_arrays_are_read_and_what_is_no_array_of_numbers_is_left_out(path: Path, protocol: int) -> None:
    odd = {
        "fortran": np.asfortranarray(ARRAYS["features"]),
        "big endian": np.arange(5, dtype=">i4"),
        "steps": np.arange(20, dtype=np.int16)[::3],
        "read-only": np.frombuffer(b"some", np.uint8),
    }
    others = {
        "name": "GTSRB",
        "count": np.int64(5),
        "list": [1, 2, {"a": (3, None)}, True, 0.5],
        "objects": np.array([1, "a", None], object),
        "file names": np.array(["a.ppm", "b.ppm"]),
        "complex": np.array([1j]),
        "dates": np.array(["2020-01-01"], "M8[D]"),
        "structure": np.zeros(2, [("a", "u1"), ("b", "f4")]),
    }
    path.write_bytes(pickle.dumps(odd | others, protocol))
    read = read_pickle(path)
    assert read.keys() == odd.keys()
    for key, array in read.items():
        np.testing.assert_array_equal(array, odd[key])
        assert array.flags.c_contiguous and array.dtype.isnative and not array.flags.writeable
    path.write_bytes(pickle.dumps({"generated": np.array([0, 1, 7], np.uint8).view(bool)}, protocol))
    assert read_pickle(path)["generated"].view(np.uint8).tolist() == [0, 1, 1], "a stranger's truth values"


def python2_pickle() -> bytes:
    """What Python 2 with NumPy 1 wrote with protocol 2: bytes are plain strings."""

    def text(raw: bytes) -> bytes:
        return b"U" + bytes([len(raw)]) + raw

    return (
        b"\x80\x02}q\x01(" + text(b"labels") + b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\n"
        b"K\x00\x85" + text(b"b") + b"\x87Rq\x03(K\x01K\x03\x85cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
        b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(b"\x00\x7f\xff") + b"tbu."
    )


def test_pickles_of_python_2_are_read(path: Path) -> None:
    path.write_bytes(python2_pickle())
    np.testing.assert_array_equal(read_pickle(path)["labels"], np.array([0, 127, 255], np.uint8))


def test_written_and_read(path: Path) -> None:
    write_pickle(path, ARRAYS)
    assert_equal(read_pickle(path), ARRAYS)
    with path.open("rb") as file:
        plain = pickle.load(file)
    assert_equal(plain, ARRAYS)
    plain["features"][0] = 0  # and can be written to


def test_every_python_and_numpy_knows_all_names_in_a_written_file(path: Path) -> None:
    write_pickle(path, ARRAYS)
    ops = list(pickletools.genops(path.read_bytes()))
    assert {argument for op, argument, _ in ops if op.name == "GLOBAL"} == {
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
        "__builtin__ bytearray",
    }
    assert max(op.proto for op, _, _ in ops) == 2 and "STACK_GLOBAL" not in {op.name for op, _, _ in ops}
    with pytest.raises(TypeError, match="arrays of <U1 are not written"):
        write_pickle(path, {"names": np.array(["a"])})


def test_a_written_file_depends_on_the_values_only(tmp_path: Path) -> None:
    arrays = {key: array for key, array in ARRAYS.items() if array.ndim}
    write_pickle(tmp_path / "a.p", arrays)
    write_pickle(tmp_path / "b.p", {key: np.asfortranarray(array) for key, array in arrays.items()})
    assert (tmp_path / "a.p").read_bytes() == (tmp_path / "b.p").read_bytes()


class Evil:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nothing_is_executed(path: Path, tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "victim"
    for evil in (
        Evil(os.system, f"touch {victim}"),
        Evil(open, str(victim), "w"),
        Evil(exec, f"open({str(victim)!r}, 'w')"),
        Evil(np.save, str(victim), 3),
        Evil(np.fromfile, "/etc/passwd"),
    ):
        text = refused(path, pickle.dumps(ARRAYS | {"evil": evil}, protocol), "names '.*nothing was run")
        assert "do not use this file" in text
    assert not list(tmp_path.glob("victim*"))


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "__builtin__ getattr", "numpy load", "numpy.core.multiarray fromfile", "numpy ndarray.dump",
     "numpy.testing rundocs", "_codecs lookup", "os system", "numpy.f2py.diagnose run_command"],
)  # fmt: skip
def test_other_names_are_refused(path: Path, name: str) -> None:
    module, function = name.split()
    refused(path, f"\x80\x02c{module}\n{function}\n.".encode("latin1"), "names '")
    refused(path, pickle.dumps(module, 4)[:-1] + pickle.dumps(function, 4)[2:-1] + b"\x93.", "names '")


def test_the_stand_ins_can_not_be_changed(path: Path) -> None:
    for name in (b"c_codecs\nencode\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"):
        refused(path, b"\x80\x02" + name + b"}X\x09\x00\x00\x00_functionK\x01sb.")
        refused(path, b"\x80\x02" + name + b"}}X\x09\x00\x00\x00_functionK\x01s\x86b.")
    path.write_bytes(pickle.dumps(ARRAYS))
    assert_equal(read_pickle(path), ARRAYS)


@pytest.mark.parametrize(
    "opcode", [b"P0\n", b"\x82\x01", b"Q", b"i__builtin__\neval\n", b"(o", b"\x8a\x01", b"\x97", b"I1\n", b"\x81"]
)
def test_other_instructions_are_refused(path: Path, opcode: bytes) -> None:
    refused(path, b"\x80\x02N" + opcode + b".", "holds more than arrays|damaged")


def test_no_dictionary_of_arrays(path: Path) -> None:
    for thing in (ARRAYS["features"], [ARRAYS], "text", None, {3: ARRAYS["labels"]}):
        refused(path, pickle.dumps(thing, 4), "holds no dictionary of arrays")
    refused(path, pickle.dumps(OrderedDict(ARRAYS), 4), "names 'collections.OrderedDict'")


def test_a_missing_file_and_a_folder(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist") as error:
        read_pickle(path)
    one_sentence(error, path)
    with pytest.raises(UserError, match="can't be read") as error:
        read_pickle(tmp_path)
    one_sentence(error, tmp_path)


def test_no_pickles(path: Path) -> None:
    refused(path, b"", "is empty")
    for data in (b"PK\x03\x04some", b"hello", b"\x89PNG\r\n\x1a\n", pickle.dumps(ARRAYS, 0), pickle.dumps(ARRAYS, 1)):
        refused(path, data, "is no pickle of protocol 2 or later")
    for data in (b"\x80", b"\x80\x02", b"\x80\x02.", b"\x80\x09}.", b"\x80\x02\xff.", b"\x80\x02}}s."):
        refused(path, data, "damaged|cut short")


def test_a_file_that_is_cut_short_or_contradicts_itself(path: Path) -> None:
    for protocol in (2, 5):
        data = pickle.dumps({"labels": np.arange(300, dtype=np.int16)}, protocol)
        for length in (1, len(data) // 4, len(data) // 2, len(data) - 1):
            refused(path, data[:length], "damaged|cut short|is no pickle")
        assert data.count(b"M,\x01\x85") == 1
        refused(path, data.replace(b"M,\x01\x85", b"M-\x01\x85"), "damaged")  # one element more


def memory_bombs() -> dict[str, bytes]:
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    end = b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x00tb."
    large = b"X\x00\x00\x10\x00" + bytes(2**20) + b"q\x00"
    encode = b"c_codecs\nencode\nq\x01"
    return {
        "a huge string": b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b".",
        "a huge byte array": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b".",
        "huge bytes": b"\x80\x03B" + struct.pack("<I", 2**32 - 1) + b".",
        "a string of negative length": b"\x80\x02T" + struct.pack("<i", -5) + b".",
        "a huge frame": b"\x80\x04\x95" + struct.pack("<Q", 2**50) + b"N.",
        "a huge memo": b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",
        "a huge shape": b"\x80\x02" + array + b"(K\x01J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86" + end,
        "a huge number": b"\x80\x02" + array + b"(K\x01\x8a\xff" + b"\x7f" * 255 + b"\x85" + end,
        "one string encoded often": b"\x80\x02" + large + encode + b"h\x01h\x00\x85R" * 9000 + b".",
        "an array made by its class": b"\x80\x02cnumpy\nndarray\nJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86\x85R.",
        "millions of instructions": b"\x80\x02" + b"}" * 600_000 + b".",
        "deep nesting": b"\x80\x02N" + b"\x85" * 400_000 + b".",
        "a key nested deeply": b"\x80\x02}N" + b"\x85" * 400_000 + b"Ns.",
        "a key that holds itself 2**60 times": b"\x80\x02}N" + b"q\x00h\x00\x86" * 60 + b"Ns.",
        "keys that collide": b"\x80\x02}(" + b"".join(
            b"\x8a\x10" + (k * (2**61 - 1)).to_bytes(16, "little") + b"N" for k in range(20_000)
        ) + b"u.",
        "a buffer that many arrays share": b"\x80\x02}(X\x01\0\0\0a" + large + b"".join(
            b"X\x03\0\0\0%03dcnumpy\nndarray\nJ\0\0\x10\0\x85cnumpy\ndtype\nU\x02u1\x85Rh\x00\x87R" % k
            for k in range(900)
        ) + b"u.",
    }  # fmt: skip


def test_memory_bombs(tmp_path: Path) -> None:
    names = list(memory_bombs())
    for number, bomb in enumerate(memory_bombs().values()):
        (tmp_path / str(number)).write_bytes(bomb)
    # In a process that may have no more than a little memory beyond its own.
    code = (
        "import resource, sys\n"
        "from gan.data.pickles import read_pickle\n"
        "from gan.errors import UserError\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read_pickle(path)\n"
        "    except UserError as error:\n"
        "        print(error, error.__cause__.__class__.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(str(tmp_path / str(number)) for number in range(len(names)))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert done.stderr == "" and len(lines) == len(names)
    for number, line in enumerate(lines):
        assert line.startswith(str(tmp_path / str(number))) and "MemoryError" not in line, names[number]


def test_a_file_that_is_too_long(path: Path, tmp_path: Path) -> None:
    write_pickle(path, ARRAYS)
    with pytest.raises(UserError, match="is longer than") as error:
        read_pickle(path, path.stat().st_size - 1)
    one_sentence(error, path)
    old = path.read_bytes()
    for limit in (10, sum(array.nbytes for array in ARRAYS.values())):
        with pytest.raises(UserError, match="would be longer") as error:
            write_pickle(path, ARRAYS, limit)
        one_sentence(error, path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]
