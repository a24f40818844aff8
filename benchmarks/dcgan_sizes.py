"""What images of 32 to 256 pixels cost: images per second of training, and peak memory.

uv run benchmarks/dcgan_sizes.py

Every size has a process of its own. All are timed round by round, so that a machine that grows slower is slower for
all of them; the ratio to 32x32 is what counts.
"""

import dataclasses
import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import pandas as pd

from benchmarks import peers
from gan.config import Config, option, run

SIZES = (32, 64, 128, 256)


@dataclasses.dataclass(frozen=True)
class SizesConfig(Config):
    """Time a training at every size."""

    precision: str = option("bfloat16", "float32 or bfloat16", ("float32", "bfloat16"))
    classes: int = option(10, "of a class-conditional generator", ge=2, le=1000)
    batch_size: int = option(32, "real images an iteration", ge=2, le=4096)
    warm_up: int = option(9, "iterations of each size before: a penalty is taken in every eighth", ge=9, le=10_000)
    iterations: int = option(8, "of each size in a round", ge=1, le=10_000)
    rounds: int = option(3, "how often each size is timed", ge=1, le=100)
    output: str = option("benchmarks/results", "folder for dcgan_sizes.csv")


def main(config: SizesConfig) -> None:
    """Time all sizes, round by round, and write the table."""
    prepare = functools.partial(peers.prepared, training)
    rows = peers.in_rounds("benchmarks/dcgan_sizes.py", config, {f"{n}x{n}": (prepare, n) for n in SIZES})
    medians = pd.DataFrame(rows).groupby("variant", sort=False)[["images_per_second", "peak_gb"]].median()
    for name, (rate, memory) in medians.iterrows():
        times = medians["images_per_second"].iloc[0] / rate
        print(f"{name}: {rate:.4g} images/s, {times:.2f} times the time of 32x32, {memory:.1f} GB")


def training(size: int, config: SizesConfig):
    """A GAN of images of one size."""
    import numpy as np

    from gan.dcgan.gan import Network, SignGan

    images = np.random.default_rng(0).integers(0, 256, (20 * config.classes, size, size, 3), np.uint8)
    labels = np.arange(len(images)) % config.classes
    network = Network(config.classes, size=size)
    return SignGan(network, images, labels, config.batch_size, (8e-4, 8e-4), 0, config.precision)


if __name__ == "__main__":
    run(SizesConfig, main)
