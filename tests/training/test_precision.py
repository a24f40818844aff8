import json
import os
from pathlib import Path

import keras
import pytest

from gan.config import PRECISIONS
from gan.training.precision import LARGEST, Memory, choose_precision

RATES, OTHER_RATES = {"float32": 100.0, "bfloat16": 250.0}, {"float32": 2.0, "bfloat16": 1.0}


def never(_: str):
    raise AssertionError("measured or said something")


@pytest.mark.parametrize(
    ("rates", "best"),
    [({"float32": 100.0, "bfloat16": 250.0}, "bfloat16"), ({"float32": 100.0, "bfloat16": 1.6}, "float32")],
)
def test_auto_takes_the_faster_one_and_says_so(rates: dict[str, float], best: str) -> None:
    said = []
    assert choose_precision("auto", rates.__getitem__, said.append) == best
    assert f"using {best}" in said[-1]
    assert "float32 100 images/s" in said[-1] and f"bfloat16 {rates['bfloat16']:.0f} images/s" in said[-1]


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_nothing_is_measured_when_the_precision_is_given(wanted: str) -> None:
    assert choose_precision(wanted, never, never) == wanted
    assert choose_precision(wanted, never, never, before="bfloat16") == wanted
    assert choose_precision("auto", never, never, before=wanted) == wanted


def test_auto_measures_where_what_was_before_is_not_known() -> None:
    for before in (None, "float8"):
        assert choose_precision("auto", {"float32": 1.0, "bfloat16": 2.0}.__getitem__, print, before) == "bfloat16"


def test_auto_says_what_takes_so_long_before_it_measures() -> None:
    events = []

    def rate(precision: str) -> float:
        events.append(precision)
        return 1.0

    choose_precision("auto", rate, lambda text: events.append("said"))
    assert events[0] == "said" and sorted(events[1:3]) == sorted(PRECISIONS)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """A memory in a folder that is not there yet."""
    return Memory(tmp_path / "cache" / "precision.json", "this machine")


def test_what_was_measured_is_remembered_and_said_with_what_measures_again(memory: Memory) -> None:
    said: list[str] = []
    assert choose_precision("auto", RATES.__getitem__, said.append, memory=memory) == "bfloat16"
    assert said[-1].endswith(f"using bfloat16; remembered in {memory.path}")
    assert choose_precision("auto", never, said.append, memory=memory) == "bfloat16"
    assert said[-1].startswith("precision auto: bfloat16, remembered")
    assert f"delete {memory.path} or give --precision float32 or bfloat16" in said[-1]
    memory.path.unlink()
    assert choose_precision("auto", OTHER_RATES.__getitem__, said.append, memory=memory) == "float32"


def test_what_is_asked_for_and_the_good_run_go_before_what_is_remembered(memory: Memory) -> None:
    memory.write("bfloat16")
    assert choose_precision("float32", never, never, memory=memory) == "float32"
    assert choose_precision("auto", never, never, "float32", memory) == "float32"
    assert memory.read() == "bfloat16"


def test_another_training_or_machine_is_measured_and_remembered_beside(memory: Memory) -> None:
    memory.write("bfloat16")
    other = Memory(memory.path, "another machine")
    assert choose_precision("auto", OTHER_RATES.__getitem__, print, memory=other) == "float32"
    assert (memory.read(), other.read()) == ("bfloat16", "float32")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", b'{"this machine": "bfl', b"[1]", b'{"this machine": "float8"}',
        b'{"this machine": ["float32"]}', b"[" * 100_000, b" " * LARGEST + b'{"this machine": "float32"}',
    ],
    ids=["empty", "binary", "cut", "list", "unknown", "nested", "deep", "large"],
)  # fmt: skip
def test_a_damaged_file_counts_as_empty_and_is_replaced(memory: Memory, text: bytes) -> None:
    memory.path.parent.mkdir()
    memory.path.write_bytes(text)
    assert choose_precision("auto", RATES.__getitem__, print, memory=memory) == "bfloat16"
    assert json.loads(memory.path.read_text()) == {"this machine": "bfloat16"}
    assert list(memory.path.parent.iterdir()) == [memory.path]


def test_a_place_that_can_not_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.json" / "full").mkdir(parents=True)
    places = [tmp_path / "file" / "precision.json", tmp_path / "folder.json"]
    if hasattr(os, "mkfifo"):  # reading it would wait for ever
        os.mkfifo(tmp_path / "pipe")
        assert Memory(tmp_path / "pipe", "key").read() is None
    for place in places:
        said: list[str] = []
        assert choose_precision("auto", RATES.__getitem__, said.append, memory=Memory(place, "key")) == "bfloat16"
        assert said[-1].endswith("using bfloat16")


def test_trainings_of_other_rates_have_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(kind: str = "dcgan", batch_size: int = 32, classes: int = 1) -> str:
        memory = Memory.of_training(kind, batch_size, {"classes": classes})
        assert memory is not None
        return memory.key

    keys = [key(), key(kind="pix2pix"), key(batch_size=8), key(classes=43)]
    assert key() == keys[0]
    monkeypatch.setattr("gan.machine.processor", lambda: "another")
    keys.append(key())
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_a_user_without_a_home_has_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nowhere)
    assert Memory.of_training("dcgan", 32, {}) is None


def test_the_parameter_values_are_policies_of_keras() -> None:
    assert {name: keras.DTypePolicy(policy).variable_dtype for name, policy in PRECISIONS.items()} == {
        "float32": "float32",
        "bfloat16": "float32",
    }
    assert keras.DTypePolicy(PRECISIONS["bfloat16"]).compute_dtype == "bfloat16"
