"""Images per second of the training of signs: this project beside a plain PyTorch training of the same networks.

uv run --with torch==2.15.0 benchmarks/dcgan_speed.py

The same networks, losses, augmentation, penalties and averages; real images are in memory on both sides.
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
    "PyTorch, float32, fused Adam": {"fused": True},
    "PyTorch, float32, channels-last, fused Adam": {"channels_last": True, "fused": True},
    "PyTorch, bfloat16 autocast, fused Adam": {"bfloat16": True, "fused": True},
    "PyTorch, bfloat16 autocast, channels-last, fused Adam": {"bfloat16": True, "channels_last": True, "fused": True},
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SpeedConfig(Config):
    """Time the training of signs, here and in PyTorch."""

    classes: int = option(43, "1, or 43 for a class-conditional generator", ge=1, le=43)
    batch_size: int = option(32, "real images an iteration", ge=2, le=4096)
    warm_up: int = option(16, "iterations of each variant that are not timed", ge=1, le=10_000)
    iterations: int = option(40, "iterations of each variant in a round", ge=1, le=10_000)
    rounds: int = option(5, "how often each variant is timed", ge=1, le=10_000)
    output: str = option("benchmarks/results", "folder for dcgan_speed.csv")


def main(config: SpeedConfig) -> None:
    """Time all variants, round by round, and write the table."""
    compare("benchmarks/dcgan_speed.py", config, VARIANTS, prepare_ours, prepare_torch)


def prepare_torch(settings: dict, config: SpeedConfig):
    """A plain PyTorch program."""
    import torch

    from benchmarks.dcgan_torch import TorchTraining

    training = TorchTraining(config.classes, config.batch_size, **settings)
    return f"PyTorch {torch.__version__}", training.weights(), training.train


def prepare_ours(precision: str, config: SpeedConfig):
    """This project's GAN, as `train_dcgan.py` trains it."""
    import numpy as np

    from gan.dcgan.gan import Network, SignGan

    images = np.random.default_rng(0).integers(0, 256, (50 * config.classes, 32, 32, 3), np.uint8)
    labels = np.repeat(np.arange(config.classes), 50)
    return SignGan(Network(config.classes), images, labels, config.batch_size, (8e-4, 8e-4), 0, precision)


if __name__ == "__main__":
    run(SpeedConfig, main)
