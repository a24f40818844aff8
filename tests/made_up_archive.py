"""Runs with checkpoints too small to have been trained, in the archive of the working folder."""

import dataclasses
from pathlib import Path

import keras
import mlflow
import numpy as np

from gan import archive, checkpoints
from gan.checkpoint_info import CheckpointInfo

Config = dataclasses.make_dataclass("Config", [("class_val", str)])


def resolve(reference, class_val="17"):
    """The good run of `train_dcgan.py`."""
    return archive.resolve(reference, "dcgan", class_val)


def keep(run, iteration, class_val="17"):
    """Put a tiny checkpoint into a run."""
    data = {"name": "drawn", "digest": "0" * 16, "images": 5}
    info = CheckpointInfo("dcgan", class_val, iteration, {"classes": 1}, {}, data, run.id)
    run.checkpoint(info, {"averaged": [np.full(3, iteration, np.float32)]})


def stored(run_id, iteration):
    """Where a checkpoint of a run lies in the archive."""
    (path,) = Path("mlruns").glob(f"**/{run_id}/**/{checkpoints.file_name(iteration)}")
    return path


def logged(run_id, order=None):
    return mlflow.search_logged_models(
        experiment_ids=["0"], filter_string=f"source_run_id='{run_id}'", order_by=order, output_format="list"
    )


def scored_run(name, scores):
    """The id of a run with a checkpoint and a logged model for each iteration; its scores are None or a number."""
    with archive.archived_run("dcgan", name, Config("17")) as run:
        for iteration, score in scores.items():
            keep(run, iteration)
            values = {"diversity": 0.5} | ({} if score is None else {"fid_held_out": score})
            run.model(tiny(), np.zeros((1, 2), np.float32), iteration, values, "fid_held_out")
    return run.id


def tiny():
    """The smallest model that MLflow keeps."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.name = "generator"
    return model


def promoted(reference: str, kind: str, name: str) -> archive.GoodRun:
    """The checkpoint of a reference, put into the archive here as a run that has logged it, and promoted."""
    from gan.dcgan.gan import Network
    from gan.pix2pix.presets import SceneNetwork
    from gan.training.averaged_gan import weights

    goodrun = archive.resolve(reference, kind, None)
    network = (Network if kind == "dcgan" else SceneNetwork).restored(goodrun.info.network)
    model = network.build_generator(portable=True)
    checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})
    with archive.archived_run(kind, name, Config(goodrun.info.class_val)) as run:
        run.checkpoint(dataclasses.replace(goodrun.info, run_id=run.id), {checkpoints.WEIGHTS: weights(model)})
        inputs = {layer.name: np.zeros((1, *layer.shape[1:]), layer.dtype) for layer in model.inputs}
        run.model(model, inputs if len(inputs) > 1 else inputs.popitem()[1], goodrun.iteration)
    assert archive.register(run.id, name, "goodrun") == f"models:/{name}@goodrun"
    return goodrun
