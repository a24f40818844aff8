"""What a GPU makes of the trainings: images a second and share of its peak, with determinism, without, and with XLA.

uv run benchmarks/gpu.py

Every variant has a process of its own: determinism can't be switched off again. It takes 5 minutes at most.
"""

import dataclasses
import itertools
import multiprocessing
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks import machine
from benchmarks.tables import write_csv
from gan.config import Config, option, run
from gan.errors import UserError
from gan.files import require_writable

# name -> classes or preset, batch size
TRAININGS = {"signs": ("43", 32), "signs, large batch": ("43", 256), "scenes": ("spatial", 4)}
SETTINGS = {"plain": {}, "deterministic": {"deterministic": True}, "XLA": {"jit_compile": True}}
PASSES = 3, 8  # through generator and discriminator for an image, there and back; those of the penalty not counted
MATRIX = 8192  # rows and columns of the product that shows the peak


@dataclasses.dataclass(frozen=True)
class GpuConfig(Config):
    """Time both trainings on a GPU."""

    precision: str = option("bfloat16", "float32 or bfloat16", ("float32", "bfloat16"))
    seconds: float = option(5.0, "of each measurement", ge=0.01, le=600)
    limit: int = option(300, "seconds in all; variants that are left then are left out", ge=1, le=100_000)
    output: str = option("benchmarks/results", "folder for gpu.csv")


def main(config: GpuConfig) -> None:
    """Time all variants, print them, and write the table."""
    require_writable(Path(config.output))
    context, began, rows = multiprocessing.get_context("spawn"), time.monotonic(), []
    for training, setting in itertools.product(TRAININGS, SETTINGS):
        here, there = context.Pipe()
        process = context.Process(target=measure, args=(there, training, SETTINGS[setting], config), daemon=True)
        process.start()
        there.close()
        left = max(0.0, began + config.limit - time.monotonic())
        try:
            found = here.recv() if here.poll(left) else "left out: the time is up"
        except EOFError:
            found = f"left out: its process ended with status {process.exitcode}"
        process.kill()
        process.join()
        if found is None:
            raise UserError("TensorFlow finds no GPU here; start it on a machine with one.")
        if isinstance(found, str):
            print(f"{training}, {setting}: {found}", flush=True)
            continue
        print("{0}, {1}: {images_per_second:,.0f} images a second, {share_of_peak:.1%} of {peak_tflops:.0f} TFLOP/s"
              .format(training, setting, **found), flush=True)  # fmt: skip
        rows.append({"training": training, "setting": setting, "precision": config.precision} | found)
    about = machine.about("benchmarks/gpu.py", config)
    path = Path(config.output) / "gpu.csv"
    write_csv(path, [row | about for row in rows])
    print(f"table: {path}")


def measure(pipe, training: str, setting: dict, config: GpuConfig) -> None:
    """Send what one variant does, or None where there is no GPU."""
    from gan.training import devices  # isort: skip  loads TensorFlow without its greetings
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pipe.send(None)
        return
    if setting.get("deterministic"):
        devices.make_deterministic()
    pipe.send(timed(build(training, config.precision), setting, config, MATRIX) | {"gpu": devices.describe()})


def build(training: str, precision: str):
    """The GAN of a training, on noise."""
    import numpy as np

    kind, batch_size = TRAININGS[training]
    random = np.random.default_rng(0)
    if kind.isdigit():
        from gan.dcgan.gan import Network, SignGan

        labels = np.arange(20 * int(kind)) % int(kind)
        images = random.integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
        return SignGan(Network(int(kind)), images, labels, batch_size, (8e-4, 8e-4), 0, precision)
    from gan.data.scenes import load, open_scenes
    from gan.pix2pix.batches import Pairs
    from gan.pix2pix.gan import SceneGan
    from gan.pix2pix.presets import PHOTOS, PRESETS, SceneNetwork

    scenes = open_scenes("drawn:40")
    network = SceneNetwork(PRESETS[kind], 256, 128, PHOTOS, scenes.palette, False)
    feed = Pairs(scenes.training, 256, 128, batch_size, 0, False)
    sampled = load(scenes.validation.take([0]), 256, 128, edges=False)
    return SceneGan(network, feed, (2e-4, 4e-4), 10.0, 0, precision, sampled)


def timed(gan, setting: dict, config: GpuConfig, matrix: int) -> dict[str, float]:
    """Images a second of a GAN, and their share of what a product of matrices does in the same precision."""
    import tensorflow as tf

    from benchmarks.generation_speed import calls, multiplications
    from gan.config import PRECISIONS

    gan.jit_compile = setting.get("jit_compile", False)
    gan.update(0, 9)  # a penalty is taken in every eighth
    rate = 8 * gan.batch_size * calls(lambda: gan.update(8, 8), config.seconds)
    kind = tf.bfloat16 if "bfloat16" in PRECISIONS[config.precision] else tf.float32
    one = tf.cast(tf.random.stateless_normal((matrix, matrix), (0, 0)), kind)
    multiply = tf.function(lambda: tf.reduce_sum(one @ one))
    multiply()
    peak = 2 * matrix**3 * calls(lambda: multiply().numpy(), config.seconds)
    networks = zip(PASSES, (gan.generator, gan.discriminator), strict=True)
    work = 2 * sum(passes * multiplications(network) for passes, network in networks)
    return {"images_per_second": round(rate, 1), "share_of_peak": rate * work / peak, "peak_tflops": peak / 1e12}


if __name__ == "__main__":
    run(GpuConfig, main)
