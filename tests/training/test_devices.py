from collections import namedtuple

import pytest
import tensorflow as tf

from gan.training import devices
from gan.training.devices import describe

Device = namedtuple("Device", "name")


def have(monkeypatch: pytest.MonkeyPatch, *devices: str) -> None:
    gpus = [Device(name) for name in devices]
    for name in ("list_physical_devices", "get_visible_devices"):
        monkeypatch.setattr(tf.config, name, lambda kind=None: gpus if kind == "GPU" else [])
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
    assert describe() == "GPU (NVIDIA H100); 2 more not used"
    assert describe(2) == "2 GPUs (NVIDIA H100); 1 more not used"


def test_a_gpu_without_a_name_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, "")
    assert describe() == "GPU (unknown)"


@pytest.mark.parametrize(("limit", "shown"), [(0, 12), (3, 3)])
def test_without_a_gpu_the_cores_are_counted(monkeypatch: pytest.MonkeyPatch, limit: int, shown: int) -> None:
    have(monkeypatch)
    monkeypatch.setattr(devices, "cores", lambda: 12)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: limit)
    text = describe()
    assert text.startswith(f"CPU, {shown} cores")
    assert ("without CUDA" in text) != tf.test.is_built_with_cuda()


def test_this_machine_can_be_described() -> None:
    assert describe().startswith("GPU (" if tf.config.list_physical_devices("GPU") else "CPU, ")
