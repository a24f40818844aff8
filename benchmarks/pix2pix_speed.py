"""Images per second of pix2pix with the paper's networks: this project beside a plain PyTorch training of the same.

uv run --with torch==2.15.0 benchmarks/pix2pix_speed.py

This project's variants include cutting and mirroring pairs; PyTorch's have theirs at hand.
"""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks.peers import OURS, compare
from gan.config import Config, option, run

VARIANTS = {
    f"{OURS}, float32": "float32",
    f"{OURS}, bfloat16": "bfloat16",
    "PyTorch, float32": {},
    "PyTorch, float32, channels-last": {"channels_last": True},
    "PyTorch, bfloat16 autocast": {"bfloat16": True},
    "PyTorch, bfloat16 autocast, channels-last": {"bfloat16": True, "channels_last": True},
    "PyTorch, bfloat16 autocast, channels-last, fused Adam": {"bfloat16": True, "channels_last": True, "fused": True},
}  # fmt: skip
CLASSES = 34  # of Cityscapes; the boundaries of instances are one channel more


@dataclasses.dataclass(frozen=True)
class SpeedConfig(Config):
    """Time the training of pix2pix's own networks, here and in PyTorch."""

    width: int = option(256, "of the pictures in pixels, a multiple of 32", ge=64, le=1024, multiple_of=32)
    height: int = option(256, "the same", ge=32, le=1024, multiple_of=32)
    batch_size: int = option(1, "pairs an iteration", ge=1, le=10_000)
    warm_up: int = option(5, "iterations of each variant that are not timed", ge=1, le=10_000)
    iterations: int = option(15, "iterations of each variant in a round", ge=1, le=10_000)
    rounds: int = option(5, "how often each variant is timed", ge=1, le=10_000)
    output: str = option("benchmarks/results", "folder for pix2pix_speed.csv")


def main(config: SpeedConfig) -> None:
    """Time all variants, round by round, and write the table."""
    compare("benchmarks/pix2pix_speed.py", config, VARIANTS, prepare_ours, prepare_torch)


def prepare_torch(settings: dict, config: SpeedConfig):
    """A plain PyTorch program."""
    import torch

    from benchmarks.pix2pix_torch import TorchTraining

    training = TorchTraining(config.width, config.height, config.batch_size, CLASSES + 1, **settings)
    return f"PyTorch {torch.__version__}", training.weights(), training.train


def prepare_ours(precision: str, config: SpeedConfig):
    """This project's GAN, as `train_pix2pix.py` trains it with the preset `paper`."""
    import numpy as np

    from gan.data.palettes import CITYSCAPES
    from gan.data.scenes import Scene, Scenes, load
    from gan.pix2pix.batches import Pairs
    from gan.pix2pix.gan import SceneGan
    from gan.pix2pix.presets import PHOTOS, PRESETS, SceneNetwork

    random, size = np.random.default_rng(0), (config.height, config.width)
    scene = Scene(
        random.integers(0, 256, (*size, 3), np.uint8),
        random.integers(0, CLASSES, size).astype(np.uint8),
        random.integers(0, 9, size).astype(np.uint16),
    )
    scenes, preset = Scenes.of([scene] * 8, CITYSCAPES), PRESETS["paper"]
    network = SceneNetwork(preset, config.width, config.height, PHOTOS, CITYSCAPES, True)
    feed = Pairs(scenes, config.width, config.height, config.batch_size, 0, network.edges)
    rates = preset.generator_lr, preset.discriminator_lr
    shown = load(scenes.take([0]), config.width, config.height)
    return SceneGan(network, feed, rates, preset.l1_weight, 0, precision, shown)


if __name__ == "__main__":
    run(SpeedConfig, main)
