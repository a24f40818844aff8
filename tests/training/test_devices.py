from collections import namedtuple

import pytest
import tensorflow as tf

from gan.training import devices
from gan.training.devices import PRECISIONS, choose_precision, describe

Device = namedtuple("Device", "name")


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
def test_nothing_is_measured_when_it_is_told(wanted: str) -> None:
    def never(_: str):
        raise AssertionError("measured or said something")

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


def have(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    gpus = [Device(name) for name in names]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus if kind == "GPU" else [])
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda device: {"device_name": device.name} if device.name else {},
    )


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, "NVIDIA H100")
    assert describe() == "GPU (NVIDIA H100)"


def test_gpus_that_are_not_used_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, "NVIDIA H100", "NVIDIA T4", "NVIDIA T4")
    assert describe() == "GPU (NVIDIA H100); 2 more are not used"


def test_a_gpu_without_a_name_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, "")
    assert describe() == "GPU (unknown)"


@pytest.mark.parametrize(("limit", "shown"), [(0, 12), (3, 3)])
def test_without_a_gpu_the_cores_are_counted(monkeypatch: pytest.MonkeyPatch, limit: int, shown: int) -> None:
    have(monkeypatch)
    monkeypatch.setattr(devices, "_cores", lambda: 12)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: limit)
    text = describe()
    assert text.startswith(f"CPU, {shown} cores")
    assert ("without CUDA" in text) != tf.test.is_built_with_cuda()


def test_this_machine_can_be_described() -> None:
    assert describe().startswith("GPU (" if tf.config.list_physical_devices("GPU") else "CPU, ")


def test_the_parameter_values_are_policies_of_keras() -> None:
    import keras

    assert {name: keras.DTypePolicy(policy).variable_dtype for name, policy in PRECISIONS.items()} == {
        "float32": "float32",
        "bfloat16": "float32",
    }
    assert keras.DTypePolicy(PRECISIONS["bfloat16"]).compute_dtype == "bfloat16"
