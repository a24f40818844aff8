"""The weights of an archived generator: numbers alone are read from the file, and a damaged one is told."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from gan.dcgan.gan import Network
from gan.errors import UserError
from gan.training.averaged_gan import weights
from gan.training.served import filled

NETWORK = Network(1, 4, 4)


@pytest.fixture(scope="module")
def archived(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archived") / "model.keras"
    NETWORK.build_generator(portable=True).save(path)
    return path


def refill(path: Path) -> list[np.ndarray]:
    model = filled(NETWORK.build_generator(), NETWORK.build_generator(portable=True), path)
    return [np.asarray(variable) for variable in weights(model)]


def repacked(source: Path, path: Path, **changed: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, changed.get(name.partition(".")[0], old.read(name)))
    return path


def test_layers_that_the_file_names_are_not_built(archived, tmp_path):
    layer = {"module": "builtins", "class_name": "exec", "config": {"name": "print()"}, "registered_name": None}
    strange = repacked(archived, tmp_path / "model.keras", config=json.dumps(layer).encode())
    for found, kept in zip(refill(strange), refill(archived), strict=True):
        np.testing.assert_array_equal(found, kept)


@pytest.mark.parametrize("damage", ["cut", "flipped", "weights", "gone", "other", "lacks"])
def test_a_damaged_file_is_told(archived, tmp_path, damage):
    path, data = tmp_path / "model.keras", archived.read_bytes()
    if damage == "weights":
        repacked(archived, path, model=b"\x89HDF\r\n\x1a\n" + bytes(99))
    elif damage == "lacks":  # some of the weights
        with zipfile.ZipFile(archived) as old:
            (tmp_path / "some.h5").write_bytes(old.read("model.weights.h5"))
        with h5py.File(tmp_path / "some.h5", "a") as some:
            del some["layers"][next(name for name, layer in some["layers"].items() if len(layer["vars"]))]
        repacked(archived, path, model=(tmp_path / "some.h5").read_bytes())
    elif damage == "other":
        Network(1, 8, 4).build_generator(portable=True).save(path)
    elif damage != "gone":
        path.write_bytes(
            data[:-999] if damage == "cut" else data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :]
        )
    with pytest.raises(UserError, match=r"model\.keras is damaged or holds another generator; promote its run again"):
        refill(path)
