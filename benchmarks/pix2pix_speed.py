"""Images per second of pix2pix with the paper's networks: this project beside a plain PyTorch training of the same.

uv run --with torch benchmarks/pix2pix_speed.py

Every variant runs in a process of its own, one at a time, in rounds, so that a machine that grows slower is slower
for all of them.  This project's variants include cutting and mirroring pairs; PyTorch's have theirs at hand.
"""

import dataclasses
import importlib.util
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks import machine
from benchmarks.tables import write_csv
from gan.config import option, require, run
from gan.errors import UserError
from gan.files import require_writable
from gan.invocation import code_version, command

OURS = {"this project, float32": "float32", "this project, bfloat16": "bfloat16"}
TORCH = {
    "PyTorch, float32": {},
    "PyTorch, float32, channels-last": {"channels_last": True},
    "PyTorch, bfloat16 autocast": {"bfloat16": True},
    "PyTorch, bfloat16 autocast, channels-last": {"bfloat16": True, "channels_last": True},
    "PyTorch, bfloat16 autocast, channels-last, fused Adam": {"bfloat16": True, "channels_last": True, "fused": True},
}  # fmt: skip
CLASSES = 34  # of Cityscapes; the boundaries of instances are one channel more


@dataclasses.dataclass(frozen=True)
class SpeedConfig:
    """Time the training of pix2pix's own networks, here and in PyTorch."""

    width: int = option(256, "of the pictures in pixels, a multiple of 32")
    height: int = option(256, "the same")
    batch_size: int = option(1, "pairs an iteration")
    warm_up: int = option(5, "iterations of each variant that are not timed")
    iterations: int = option(15, "iterations of each variant in a round")
    rounds: int = option(5, "how often each variant is timed")
    output: str = option("benchmarks/results", "folder for pix2pix_speed.csv")

    def __post_init__(self):
        for name, low in (("width", 64), ("height", 32)):
            value = getattr(self, name)
            require(low <= value <= 1024 and value % 32 == 0, name, f"a multiple of 32 from {low} to 1024", value)
        for name in ("batch_size", "warm_up", "iterations", "rounds"):
            require(1 <= getattr(self, name) <= 10_000, name, "from 1 to 10000", getattr(self, name))


def main(config: SpeedConfig) -> None:
    """Time all variants, round by round, and write the table."""
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "PyTorch, which this compares with, is no part of the project; start it with `uv run --with torch "
            "benchmarks/pix2pix_speed.py`."
        )
    output = Path(config.output)
    require_writable(output)
    machine.warn_unless_idle("the times will be too long")
    context = multiprocessing.get_context("spawn")
    about = {
        "command": command("benchmarks/pix2pix_speed.py", config),
        "machine": f"{machine.processor()}, {multiprocessing.cpu_count()} cores",
        "code": code_version(),
    }
    rows, workers = [], {}
    try:
        for variant in (*OURS, *TORCH):
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there, variant, config), daemon=True)
            process.start()
            workers[variant] = process, here
            version, weights = here.recv()  # warm
            print(f"{variant}: {version}, {weights:,} weights", flush=True)
            rows.append({"variant": variant, "version": version, "weights": weights, "round": 0})
        for number in range(1, config.rounds + 1):
            for row in rows[: len(workers)]:
                here = workers[row["variant"]][1]
                here.send(config.iterations)
                seconds = here.recv()
                rate = config.iterations * config.batch_size / seconds
                print(f"round {number}: {row['variant']}: {rate:.2f} images/s", flush=True)
                rows.append(
                    row | {"round": number, "seconds": round(seconds, 3), "images_per_second": round(rate, 3)}
                )
    finally:
        for process, _ in workers.values():
            process.kill()
    sizes = {name: getattr(config, name) for name in ("width", "height", "batch_size", "iterations")}
    rows = [row | sizes | about for row in rows[len(workers) :]]
    write_csv(output / "pix2pix_speed.csv", rows)
    print(summary(rows))
    print(f"table: {output / 'pix2pix_speed.csv'}")


def summary(rows: list[dict]) -> str:
    """Median and range of each variant, and how much faster than the best of PyTorch this project's best is."""
    rates: dict[str, list[float]] = {}
    for row in rows:
        rates.setdefault(row["variant"], []).append(row["images_per_second"])
    lines = [
        f"{variant}: {statistics.median(found):.2f} images/s ({min(found):.2f} to {max(found):.2f})"
        for variant, found in rates.items()
    ]
    best = [max((statistics.median(rates[v]), v) for v in part if v in rates) for part in (OURS, TORCH)]
    lines.append(f"{best[0][1]} is {best[0][0] / best[1][0]:.2f} times as fast as {best[1][1]}")
    return "\n".join(lines)


def work(pipe, variant: str, config: SpeedConfig) -> None:
    """Prepare a variant, warm it up, tell its version and weights, then train as many iterations as are asked for.

    Args:
        pipe: to the process that asks.
        variant: a key of `OURS` or `TORCH`.
        config: sizes.
    """
    version, weights, train = (prepare_ours if variant in OURS else prepare_torch)(variant, config)
    train(config.warm_up)
    pipe.send((version, weights))
    while True:
        iterations = pipe.recv()
        began = time.perf_counter()
        train(iterations)
        pipe.send(time.perf_counter() - began)


def prepare_torch(variant: str, config: SpeedConfig):
    """Version, number of weights, and a function that trains so many iterations."""
    import torch

    from benchmarks.pix2pix_torch import TorchTraining
    from gan.pix2pix.networks import levels

    sizes = config.width, config.height, config.batch_size, CLASSES + 1, levels(config.width, config.height)
    training = TorchTraining(*sizes, **TORCH[variant])
    return f"PyTorch {torch.__version__}", training.weights(), training.train


def prepare_ours(variant: str, config: SpeedConfig):
    """The same for this project: `train_pix2pix` with the preset `paper`, as it trains."""
    import numpy as np
    import tensorflow as tf

    from gan.data.palettes import CITYSCAPES
    from gan.data.scenes import Scene, Scenes, load
    from gan.pix2pix.batches import Pairs
    from gan.pix2pix.gan import SceneGan
    from gan.pix2pix.presets import PHOTOS, PRESETS, SceneNetwork
    from gan.training import devices

    devices.make_deterministic()
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
    trained = SceneGan(network, feed, rates, preset.l1_weight, 0, OURS[variant], shown)
    done = 0

    def train(iterations: int) -> None:
        nonlocal done
        trained.update(done, iterations)
        done += iterations

    networks = trained.generator, trained.discriminator
    weights = sum(int(np.prod(w.shape)) for net in networks for w in net.trainable_variables)
    return f"TensorFlow {tf.__version__}", weights, train


if __name__ == "__main__":
    run(SpeedConfig, main)
