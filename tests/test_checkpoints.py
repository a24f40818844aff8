import dataclasses
import errno
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from gan import checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.checkpoints import NAME, file_name, finite, load, newest_in, read_info, save, size, thin_out, whole
from gan.errors import UserError
from tests.conftest import full_disk

INFO = CheckpointInfo(
    kind="dcgan",
    class_val="17",
    iteration=300,
    network={"classes": 1, "generator_width": 4},
    config={"batch_size": 32, "generator_lr": 2e-4, "discriminator_lr": 2e-4, "seed": 0, "precision": "float32"},
    data={"name": "drawn", "digest": "0123456789abcdef", "images": 900},
    run_id="a" * 32,
)
WEIGHTS = np.array([[1.5, -0.0, np.pi], [1e-38, 3e38, 1 / 3]], np.float32)
UNTOUCHED = 7.0


def variables() -> dict[str, list]:
    """Variables of three kinds, in two parts."""
    return {
        "generator": [keras.Variable(np.full((2, 3), UNTOUCHED, np.float32)), keras.Variable(np.float32(UNTOUCHED))],
        "optimizer": [keras.Variable(np.int64(UNTOUCHED), dtype="int64", trainable=False)],
    }


def values() -> dict[str, list]:
    return {"generator": [WEIGHTS, np.float32(-2)], "optimizer": [np.int64(2**40 + 1)]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good checkpoint."""
    path = tmp_path / file_name(300)
    save(path, INFO, values())
    return path


def members(**arrays: np.ndarray | bytes) -> dict[str, bytes]:
    """The files of a good checkpoint's zip, some of them exchanged for an array or for mere bytes."""
    info = json.dumps({"format": checkpoints.FORMAT} | dataclasses.asdict(INFO))
    all_arrays = {"about": np.array(info), "generator/0000": WEIGHTS, "generator/0001": np.float32(-2)}
    all_arrays |= {"optimizer/0000": np.int64(1)} | arrays
    return {f"{name}.npy": npy(value) for name, value in all_arrays.items()}


def npy(value: np.ndarray | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    file = io.BytesIO()
    np.save(file, value, allow_pickle=True)
    return file.getvalue()


def header_only(shape: str, descr: str = "'<f4'") -> bytes:
    """A .npy file that claims a shape and holds 16 bytes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + bytes(16)


def write(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def assert_refused(path: Path, match: str = ".") -> None:
    """Loading says why in one line, names the file and changes no variable."""
    into = variables()
    with pytest.raises(UserError, match=match) as error:
        load(path, into)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert all(np.all(np.asarray(v) == UNTOUCHED) for part in into.values() for v in part)


def test_what_was_saved_comes_back_bit_for_bit(path: Path) -> None:
    into = variables()
    assert load(path, into) == INFO
    generator, optimizer = into["generator"], into["optimizer"]
    assert np.asarray(generator[0]).tobytes() == WEIGHTS.tobytes()
    assert np.asarray(generator[1]) == np.float32(-2)
    assert np.asarray(optimizer[0]) == 2**40 + 1 and np.asarray(optimizer[0]).dtype == np.int64


def test_variables_are_saved_like_arrays(tmp_path: Path) -> None:
    kept, into = variables(), variables()
    kept["generator"][0].assign(WEIGHTS)
    save(tmp_path / "a.npz", INFO, kept)
    load(tmp_path / "a.npz", into)
    np.testing.assert_array_equal(into["generator"][0], WEIGHTS)


def test_some_of_the_parts_can_be_loaded_alone(path: Path) -> None:
    into = variables()
    load(path, {"generator": into["generator"]})
    np.testing.assert_array_equal(into["generator"][0], WEIGHTS)
    assert np.asarray(into["optimizer"][0]) == UNTOUCHED


def test_about_is_read_without_the_rest(path: Path) -> None:
    assert read_info(path) == INFO


def test_the_name_is_read_back() -> None:
    assert file_name(300) == "checkpoint-00000300.npz"
    assert int(NAME.fullmatch(file_name(123_456))[1]) == 123_456
    assert NAME.fullmatch(".checkpoint-00000300.npz.12.part") is None


def test_saving_replaces_and_leaves_nothing_else(path: Path) -> None:
    save(path, dataclasses.replace(INFO, iteration=400), values())
    assert read_info(path).iteration == 400
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_checkpoint(path: Path) -> None:
    before = path.read_bytes()
    large = {"generator": [np.zeros(100_000, np.float32)]}
    with full_disk(20_000), pytest.raises(OSError) as error:
        save(path, INFO, large)
    assert error.value.errno in (errno.EFBIG, errno.ENOSPC)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("place", "name"), [(os, "fsync"), (Path, "replace")], ids=["write", "rename"])
def test_a_failure_at_the_very_end_leaves_the_old_checkpoint(
    path: Path, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    before = path.read_bytes()

    def broken(*_) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(place, name, broken)
    with pytest.raises(OSError, match="input/output"):
        save(path, dataclasses.replace(INFO, iteration=400), values())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert not whole(path)
    assert_refused(path, "not a whole checkpoint")
    with pytest.raises(UserError, match="not a whole checkpoint"):
        read_info(path)


@pytest.mark.parametrize(
    "content", [b"x" * 2000, npy(WEIGHTS), pickle.dumps({"about": 1}), npy(WEIGHTS) + b"PK\5\6" + bytes(18)]
)
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    assert not whole(path)
    assert_refused(path, "not a whole checkpoint")


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.npz", "not a whole checkpoint")
    assert_refused(tmp_path, "not a whole checkpoint")
    assert not whole(tmp_path)
    os.mkfifo(tmp_path / "pipe.npz")  # it would be waited for
    assert_refused(tmp_path / "pipe.npz", "not a whole checkpoint")


def test_a_changed_byte_is_refused(path: Path) -> None:
    content = path.read_bytes()
    place = content.index(WEIGHTS.tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert not whole(path)
    assert_refused(path, "damaged")


def test_a_good_checkpoint_is_whole(path: Path) -> None:
    assert whole(path)


def test_damage_anywhere_is_told_in_a_sentence(path: Path) -> None:
    content = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for place in random.choice(len(content), 400, replace=False):
        path.write_bytes(content[:place] + bytes([random.integers(256)]) + content[place + 1 :])
        whole(path)  # True or False, whatever the damage
        into = variables()
        try:
            load(path, into)
        except UserError:
            refused += 1
            assert all(np.all(np.asarray(v) == UNTOUCHED) for part in into.values() for v in part)
    assert refused > 200


def test_the_newest_whole_checkpoint_of_a_folder_is_found(tmp_path: Path) -> None:
    for name in ("notes.txt", ".checkpoint-00000900.npz.12.part", "checkpoint-9.npz"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match="holds no checkpoint") as error:
        newest_in(tmp_path)
    assert str(tmp_path) in str(error.value)
    for iteration in (200, 1000, 300):
        save(tmp_path / file_name(iteration), INFO, values())
    assert newest_in(tmp_path).name == file_name(1000)
    (tmp_path / file_name(1000)).write_bytes(b"")
    assert newest_in(tmp_path).name == file_name(300)


def test_a_folder_of_damaged_checkpoints_is_told_by_the_newest(tmp_path: Path) -> None:
    for iteration in (200, 1000):
        (tmp_path / file_name(iteration)).write_bytes(b"damaged")
    assert_refused(newest_in(tmp_path), "not a whole checkpoint")
    assert newest_in(tmp_path).name == file_name(1000)


def test_an_archive_without_about_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    np.savez(path, weights=WEIGHTS)
    assert not whole(path)
    assert_refused(path, "damaged|no checkpoint")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "5", '"text"', "{}", '{"format": 1}', "{" * 50, "[" * 50_000,
        json.dumps(dataclasses.asdict(INFO)),
        json.dumps({"format": 1, "extra": 1} | dataclasses.asdict(INFO)),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"iteration": "many"}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"network": [1]}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"config": None}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"data": "drawn"}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"config": {"batch_size": "many"}}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"config": {"use_test": 1}}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO) | {"config": {"precision": "other"}}),
        json.dumps({"format": 1} | dataclasses.asdict(INFO))[:-1] + ', "config": ' + "[" * 500 + "]" * 500 + "}",
    ],
    ids=range(18),
)  # fmt: skip
def test_another_info_is_refused(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.npz", members(about=np.array(text)))
    assert_refused(path)
    assert not whole(path)


def test_another_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    info = np.array(json.dumps({"format": 2} | dataclasses.asdict(INFO)))
    assert_refused(write(tmp_path / "a.npz", members(about=info)), "format 2; this version reads format 1")


def test_a_compressed_archive_is_refused_unread(tmp_path: Path) -> None:
    bomb = members() | {"generator/0002.npy": npy(np.zeros(10_000_000, np.float32))}
    path = write(tmp_path / "a.npz", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert_refused(path, "not a whole checkpoint")
    assert not whole(path)


def test_one_compressed_member_is_enough_to_be_refused(tmp_path: Path) -> None:
    # Noise does not get smaller, so that the sizes alone say nothing.
    path = write(tmp_path / "a.npz", members())
    assert whole(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("noise/0000.npy", np.random.default_rng(0).bytes(50_000))
    assert_refused(path, "not a whole checkpoint")


class Executed:
    """A pickle of it makes a folder when it is loaded."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["about", "generator/0000"])
def test_a_pickle_inside_is_refused_and_not_executed(tmp_path: Path, name: str) -> None:
    trace = tmp_path / "executed"
    trap = np.empty((2, 3), object)
    trap[:] = Executed(trace)
    path = write(tmp_path / "a.npz", members(**{name: trap}))
    assert_refused(path)
    path.write_bytes(pickle.dumps(Executed(trace)))
    assert_refused(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists(), "the trap is one"


@pytest.mark.parametrize("name", ["about", "generator/0000"])
@pytest.mark.parametrize(
    "content",
    [
        header_only("(1000000000000,)"),
        header_only(f"({10**9}, {10**9}, {10**9})"),
        header_only(f"({2**32}, {2**32})"),
        header_only(f"({10**40},)"),
        header_only("(-1, 3)"),
        header_only("'large'"),
        header_only("(2, 3)"),
        header_only("(4,)", "'<U1000000000'"),
        header_only("(2, 3)", "('<f4', (1000000000,))"),
        header_only("(2, 3)", "'no such type'"),
        header_only("-" * 9000 + "1"),
        header_only("(" * 9000),
        b"\x93NUMPY",
        b"no array at all",
        b"",
    ],
    ids=range(15),
)
def test_a_member_that_claims_what_it_is_not_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    assert_refused(write(tmp_path / "a.npz", members(**{name: content})))


@pytest.mark.parametrize(
    "array",
    [
        WEIGHTS.astype("U8"), WEIGHTS.astype(complex), WEIGHTS.astype(bool), WEIGHTS.astype(np.float64),
        np.zeros((2, 3), "datetime64[s]"), np.zeros((2, 3), [("a", "f4")]), np.zeros((2, 3), "V4"),
    ],
    ids=lambda array: array.dtype.name,
)  # fmt: skip
def test_numbers_of_another_kind_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    # The last one, so that a variable before it would have been changed already.
    assert_refused(write(tmp_path / "a.npz", members(**{"optimizer/0000": array[0, 0]})))
    assert_refused(write(tmp_path / "b.npz", members(**{"generator/0000": array})))


HALF = np.array([[1.5, -0.0, 2048], [2.0**-24, -65504, 0.25]], np.float16)


def test_weights_may_be_stored_in_half_precision(tmp_path: Path) -> None:
    path, into = tmp_path / "a.npz", variables()
    save(path, INFO, {"generator": [HALF, np.float16(-2)], "optimizer": [np.int64(5)]})
    assert whole(path) and load(path, into) == INFO
    weights = np.asarray(into["generator"][0])
    assert weights.dtype == np.float32 and weights.tobytes() == HALF.astype(np.float32).tobytes()
    assert np.asarray(into["generator"][1]) == -2 and np.asarray(into["optimizer"][0]) == 5


@pytest.mark.parametrize("dtype", ["float64", "int16", "int32", ">f2", ">f4", "uint8"])
def test_weights_in_any_other_precision_are_refused(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.npz"
    save(path, INFO, {"generator": [np.ones((2, 3), dtype), np.float32(1)], "optimizer": [np.int64(1)]})
    assert_refused(path, "another network .generator")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_only_weights_may_be_stored_in_another_precision(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.npz"
    save(path, INFO, {"generator": [WEIGHTS, np.float32(1)], "optimizer": [np.ones((), dtype)]})
    assert_refused(path, "another network .optimizer")


def test_what_only_generates_is_loaded_to_generate_and_refused_to_train_on(tmp_path: Path) -> None:
    path, into = tmp_path / "a.npz", variables()
    save(path, INFO, {"averaged": [HALF, np.float16(1)]})
    assert whole(path)
    load(path, {"averaged": into["generator"]})
    np.testing.assert_array_equal(into["generator"][0], HALF)
    assert_refused(path, "weights to generate from and nothing to train on; start without goodrun_ref")


def test_without_the_weights_to_generate_from_it_is_another_network(path: Path) -> None:
    into = variables()["generator"]
    with pytest.raises(UserError, match="another network .averaged"):
        load(path, {"averaged": into})
    assert np.all(np.asarray(into[0]) == UNTOUCHED)


@pytest.mark.parametrize("place", ["local", "central"])
def test_an_encrypted_archive_is_refused(path: Path, place: str) -> None:
    content = bytearray(path.read_bytes())
    signature, flags = (b"PK\x03\x04", 6) if place == "local" else (b"PK\x01\x02", 8)
    content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    if place == "central":
        assert not whole(path)
        assert_refused(path)
    else:
        whole(path)


@pytest.mark.parametrize(
    ("parts", "part"),
    [
        ({"generator": [WEIGHTS.T, np.float32(1)], "optimizer": [np.int64(1)]}, "generator"),
        ({"generator": [WEIGHTS[0], np.float32(1)], "optimizer": [np.int64(1)]}, "generator"),
        ({"generator": [WEIGHTS, np.ones(1, np.float32)], "optimizer": [np.int64(1)]}, "generator"),
        ({"generator": [WEIGHTS], "optimizer": [np.int64(1)]}, "generator"),
        ({"generator": [WEIGHTS, np.float32(1), np.float32(1)], "optimizer": [np.int64(1)]}, "generator"),
        ({"generator": [WEIGHTS, np.float32(1)], "optimizer": [np.zeros(2, np.int64)]}, "optimizer"),
        ({"generator": [WEIGHTS, np.float32(1)]}, "optimizer"),
    ],
    ids=range(7),
)
def test_another_network_is_refused_and_changes_nothing(
    tmp_path: Path, parts: dict[str, list[np.ndarray]], part: str
) -> None:
    path = tmp_path / "a.npz"
    save(path, INFO, parts)
    assert_refused(path, f"another network .{part}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_makes_a_state_unfit(bad: float) -> None:
    parts = variables()
    assert finite(parts)
    parts["generator"][1].assign(bad)
    assert not finite(parts)


def test_the_size_is_that_of_the_numbers(path: Path) -> None:
    assert size(values()) == 6 * 4 + 4 + 8
    large = {"generator": [np.zeros(100_000, np.float32)]}
    save(path, INFO, large)
    assert 0 <= path.stat().st_size - size(large) < 5000


def test_differences_name_what_changes_the_weights_to_come() -> None:
    assert INFO.differences(INFO) == []
    other = dataclasses.replace(
        INFO,
        iteration=500,
        run_id="b" * 32,
        config=INFO.config | {"batch_size": 64, "iterations": 9000},
        data=INFO.data | {"digest": "f" * 16, "name": "elsewhere"},
    )
    found = other.differences(INFO)
    assert len(found) == 2
    assert any(
        "digest" in words and "0123456789abcdef before" in words and "f" * 16 + " now" in words for words in found
    )
    assert "batch_size: 32 before, 64 now" in found


@pytest.mark.parametrize("name", ["generator_lr", "discriminator_lr", "seed", "precision"])
def test_each_parameter_of_the_weights_is_compared(name: str) -> None:
    other = dataclasses.replace(INFO, config=INFO.config | {name: "other"})
    (words,) = other.differences(INFO)
    assert words.startswith(f"{name}: ")


def kept_after(count: int, keep: int) -> list[int]:
    """The checkpoints that are left after `count` were added one after the other, 100 iterations apart."""
    there: list[int] = []
    for k in range(1, count + 1):
        there.append(100 * k)
        removed = thin_out(there, keep)
        assert set(removed) <= set(there) and 100 * k not in removed
        there = [iteration for iteration in there if iteration not in removed]
        assert len(there) == min(k, keep + 1)
    return there


@pytest.mark.parametrize("keep", [1, 2, 4, 10])
def test_checkpoints_stay_spread_over_the_run(keep: int) -> None:
    for count in (37, 64, 100):
        left = kept_after(count, keep)
        assert left[-1] == 100 * count
        gaps = np.diff([0, *left])
        # One that is removed can't come back, so that gaps differ by a factor of two at times, but hardly more.
        assert gaps.max() <= 2.5 * 100 * count / (keep + 1), left


def test_without_any_kept_the_latest_stays() -> None:
    assert kept_after(100, 0) == [10_000]


def test_nothing_goes_while_there_is_room_and_order_does_not_matter() -> None:
    assert thin_out([], 4) == []
    assert thin_out([300, 100, 200], 2) == []
    assert thin_out([400, 100, 300, 200], 1) == thin_out([100, 200, 300, 400], 1)
    assert 400 not in thin_out([400, 100, 300, 200], 0)


def test_the_data_that_was_learned_before_goes_along() -> None:
    first = dataclasses.replace(INFO, data=CheckpointInfo.of_data("a", "a" * 16, 5, None))
    assert "learned_before" not in first.data and first.learned_only("a" * 16)
    same = dataclasses.replace(INFO, data=CheckpointInfo.of_data("a", "a" * 16, 5, first))
    assert same.data == first.data
    other = dataclasses.replace(INFO, data=CheckpointInfo.of_data("b", "b" * 16, 5, first))
    assert other.data["learned_before"] == ["a" * 16] and not other.learned_only("b" * 16)
    back = CheckpointInfo.of_data("a", "a" * 16, 5, other)
    assert back["learned_before"] == ["b" * 16]


@pytest.mark.parametrize("before", [5, "a" * 16, [5]])
def test_a_history_that_is_none_is_refused(tmp_path, before) -> None:
    path = tmp_path / checkpoints.file_name(7)
    checkpoints.save(path, dataclasses.replace(INFO, data=INFO.data | {"learned_before": before}), {})
    with pytest.raises(UserError, match="is no checkpoint of this project"):
        checkpoints.read_info(path)
