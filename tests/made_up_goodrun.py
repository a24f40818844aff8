"""A generator that has learned nothing, as a checkpoint in a folder: small, quick, and the same each time."""

import dataclasses
from pathlib import Path

import keras

from gan import checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.data.signs import CLASSES

RUN_ID = "0123456789abcdef" * 2


def write_goodrun(
    folder: Path,
    class_val: str = "all",
    data: dict | None = None,
    config: dict | None = None,
    pictograms: bool = False,
) -> str:
    """Write the checkpoint of iteration 7 of a run of all classes, or of one; what `goodrun_ref` takes."""
    from gan.dcgan.gan import Network

    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(3)
    network = Network(CLASSES if class_val == "all" else 1, 8, 8, pictograms=pictograms)
    config = {"use_test": False, "use_held_out": False, "pictograms": pictograms} | (config or {})
    data = {"name": "made up", "digest": "0" * 16, "images": 5} | (data or {})
    info = CheckpointInfo("dcgan", class_val, 7, dataclasses.asdict(network), config, data, RUN_ID)
    checkpoints.save(folder / checkpoints.file_name(7), info, {"averaged": network.build_generator().variables})
    return str(folder)
