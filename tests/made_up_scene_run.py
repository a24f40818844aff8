"""Small runs of street scenes: a checkpoint that has learned nothing, and a training that takes seconds."""

import dataclasses
from pathlib import Path

import numpy as np

from gan import checkpoints
from gan.data.scenes import open_scenes
from gan.pix2pix.presets import PHOTOS, Preset, SceneNetwork
from gan.pix2pix.restored import KIND
from gan.training.averaged_gan import weights
from train_pix2pix import TrainConfig

SMALL = Preset("small", "spatial", generator_base=4, dropout=0.0, latent=8, discriminator_base=4)
DATA = "drawn:8"
QUICK = {
    "preset": "paper", "data": "drawn:6", "iterations": 20, "checkpoint_interval": 10, "sample_interval": 10,
    "width": 64, "height": 32, "precision": "float32", "segmenter_iterations": 0,
}  # fmt: skip


def network(**changed) -> SceneNetwork:
    return SceneNetwork(**{
        "preset": SMALL, "width": 64, "height": 32, "direction": PHOTOS, "palette": open_scenes(DATA).palette,
        "edges": True,
    } | changed)  # fmt: skip


def good_run(folder: Path, digest: str = "", **changed) -> str:
    """A checkpoint of fresh weights."""
    folder.mkdir(exist_ok=True)
    chosen = network(**changed)
    data = {"name": DATA, "digest": digest or open_scenes(DATA).training.digest(), "images": 8}
    info = checkpoints.CheckpointInfo(KIND, "", 40, chosen.describe(), {}, data, "b" * 32)
    path = folder / checkpoints.file_name(40)
    # Fresh weights are so small that noise would be lost in rounding.
    large = [8 * np.asarray(variable) for variable in weights(chosen.build_generator())]
    checkpoints.save(path, info, {checkpoints.WEIGHTS: large})
    return str(folder)


def quick(**changed) -> TrainConfig:
    return TrainConfig(**(QUICK | changed))


def narrow(patch, base: int = 4) -> None:
    """Networks sixteen times narrower, or of another base."""
    from gan.pix2pix import presets

    small = {
        name: dataclasses.replace(preset, generator_base=base, discriminator_base=base)
        for name, preset in presets.PRESETS.items()
    }
    patch.setattr(presets, "PRESETS", small)
