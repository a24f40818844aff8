"""An archive that the version before 0.1.0 wrote: its runs are found, generate the same images, and are gone on from.

`version_before.tar.xz` holds the database as SQL, with ARCHIVE in place of its folder; the last checkpoints of a
narrow run of class 17 (registered as signs@goodrun) and of a narrow pix2pix run; and what their generators gave then.
"""

import json
import sqlite3
import tarfile
from pathlib import Path

import numpy as np
import pytest

from gan import archive, checkpoints
from gan.data.labelled import to_uint8
from gan.dcgan import gan as dcgan
from gan.pix2pix import presets
from gan.training.averaged_gan import weights
from tests import conftest, made_up_scene_run


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("version-before")
    with tarfile.open(Path(__file__).with_name("version_before.tar.xz")) as packed:
        packed.extractall(folder, filter="data")
    database = sqlite3.connect(folder / "mlflow.db")
    database.executescript((folder / "mlflow.sql").read_text().replace("ARCHIVE", str(folder)))
    database.close()
    return folder


@pytest.fixture
def before(unpacked: Path, monkeypatch) -> dict[str, str]:
    """The run ids by kind, with the old archive's folder as the working folder and networks as narrow as its."""
    monkeypatch.chdir(unpacked)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)

    conftest.narrow(monkeypatch, width=2)
    made_up_scene_run.narrow(monkeypatch, base=2)
    return json.loads((unpacked / "runs.json").read_text())


def seen() -> dict[str, np.ndarray]:
    return dict(np.load("seen.npz"))


def assert_equal_images(generated, wanted: np.ndarray) -> None:
    """Equal but for a grey level, which another processor may round otherwise."""
    assert wanted.std() > 1
    assert np.abs(to_uint8(np.asarray(generated)).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("reference", ["models:/signs@goodrun", "", "/4"])
def test_a_run_of_signs_generates_the_images_that_it_did(before: dict, reference: str) -> None:
    goodrun = archive.resolve(reference if "models" in reference else before["signs"] + reference, "dcgan", "17")
    model = dcgan.Network.restored(goodrun.info.network).build_generator()
    checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: model.variables})
    latents = np.random.default_rng(0).standard_normal((4, 100)).astype(np.float32)
    assert_equal_images(model(latents, training=False), seen()["signs"])


def test_a_run_of_scenes_generates_the_photos_that_it_did(before: dict) -> None:
    goodrun = archive.resolve(before["scenes"], "pix2pix", "")
    model = presets.SceneNetwork.restored(goodrun.info.network).build_generator()
    checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})
    maps = np.random.default_rng(1).integers(0, 18, (1, 32, 64))
    inputs = np.concatenate([np.eye(18, dtype=np.float32)[maps], np.zeros((1, 32, 64, 1), np.float32)], axis=-1)
    assert_equal_images(model(inputs, training=False), seen()["scenes"])


def test_training_of_signs_goes_on_from_it(before: dict) -> None:
    import train_dcgan

    more = {"goodrun_ref": before["signs"], "iterations": 6, "checkpoint_interval": 6, "sample_interval": 6}
    run_id, status = train_dcgan.train(train_dcgan.TrainConfig(**conftest.QUICK | more))
    assert status == 0 and archive.resolve(run_id, "dcgan", "17").iteration == 6


def test_training_of_scenes_goes_on_from_it(before: dict) -> None:
    import train_pix2pix

    more = {"goodrun_ref": before["scenes"], "iterations": 3, "checkpoint_interval": 3, "sample_interval": 3}
    run_id, status = train_pix2pix.train(made_up_scene_run.quick(**more))
    assert status == 0 and archive.resolve(run_id, "pix2pix", "").iteration == 3
