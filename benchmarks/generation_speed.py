"""How many images a second the generator of all signs makes, and which share of the processor's peak that is.

uv run benchmarks/generation_speed.py

The peak is that of a product of large matrices in the same precision. Both precisions are timed in turns.
"""

import dataclasses
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from gan import archive, checkpoints
from gan.config import Config, option, run
from gan.data.labelled import to_uint8
from gan.dcgan.gan import Network
from gan.dcgan.networks import LATENT
from gan.training.averaged_gan import weights
from gan.training.enlarge import Enlarge

MATRIX = 2048  # rows and columns of the product that shows the peak


@dataclasses.dataclass(frozen=True)
class GenerationConfig(Config):
    """Time generation in float32 and bfloat16."""

    goodrun_ref: str = option("pretrained", "run to generate from")
    batch_size: int = option(64, "images at a time", ge=1, le=4096)
    seconds: float = option(5.0, "of each measurement", ge=0.1, le=600)
    rounds: int = option(5, "how often each is measured", ge=1, le=100)


def main(config: GenerationConfig) -> None:
    """Time both precisions in turns, and print medians and ranges."""
    machine.warn_unless_idle("the figures will be too low")
    goodrun = archive.resolve(config.goodrun_ref, "dcgan", None)
    network = Network.restored(goodrun.info.network)
    random = np.random.default_rng(0)
    latents = tf.constant(random.standard_normal((config.batch_size, LATENT), np.float32))
    labels = tf.constant(random.integers(0, network.classes, config.batch_size), tf.int32)
    inputs = [latents, labels] if network.classes > 1 else latents
    generate, multiply, pictures = {}, {}, {}
    for precision, kind in (("float32", tf.float32), ("bfloat16", tf.bfloat16)):
        model = network.build_generator(precision)
        checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})
        generate[precision] = tf.function(lambda model=model: model(inputs, training=False))
        matrix = tf.cast(tf.random.stateless_normal((MATRIX, MATRIX), (0, 0)), kind)
        multiply[precision] = tf.function(lambda matrix=matrix: matrix @ matrix)
        pictures[precision] = to_uint8(generate[precision]().numpy()).astype(int)
        multiply[precision]()
    difference = np.abs(pictures["bfloat16"] - pictures["float32"])
    mean, most = difference.mean(), difference.max()
    print(f"bfloat16 beside float32: {mean:.2f} grey levels of 255 apart on average, {most} at most")
    per_image = 2 * multiplications(model)
    found = {precision: [] for precision in generate}
    for _ in range(config.rounds):
        for precision in generate:
            images = config.batch_size * calls(generate[precision], config.seconds)
            peak = 2 * MATRIX**3 * calls(multiply[precision], config.seconds)
            found[precision].append((images, images * per_image / peak))
    for precision, measured in found.items():
        images, shares = np.array(measured).T
        print(
            f"{precision}: {np.median(images):,.0f} images a second ({images.min():,.0f} to {images.max():,.0f}), "
            f"{np.median(shares):.0%} of the peak ({shares.min():.0%} to {shares.max():.0%})"
        )


def calls(function, seconds: float) -> float:
    """Calls a second."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        function()
        count += 1
    return count / (time.perf_counter() - began)


def multiplications(model: keras.Model) -> int:
    """Multiplications of an image in the products of all layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, Enlarge):  # a transposed convolution of 4x4 pixels at every pixel that comes in
            height, width, channels = layer.input.shape[1:]
            total += height * width * 16 * channels * layer.channels
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            total += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
    return total


if __name__ == "__main__":
    run(GenerationConfig, main)
