"""What images of 32 to 256 pixels cost: images per second of training, and peak memory.

uv run benchmarks/dcgan_sizes.py

Every size has a process of its own. All are timed round by round, so that a machine that grows slower is slower for
all of them; the ratio to 32x32 is what counts.
"""

import dataclasses
import multiprocessing
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import pandas as pd

from benchmarks import machine
from benchmarks.tables import write_csv
from gan.config import Config, option, run
from gan.files import require_writable
from gan.invocation import code_version, command
from gan.machine import processor

SIZES = (32, 64, 128, 256)


@dataclasses.dataclass(frozen=True)
class SizesConfig(Config):
    """Time a training at every size."""

    precision: str = option("bfloat16", "float32 or bfloat16", ("float32", "bfloat16"))
    classes: int = option(10, "of a class-conditional generator", ge=2, le=1000)
    batch_size: int = option(32, "real images an iteration", ge=2, le=4096)
    iterations: int = option(8, "of each size in a round", ge=1, le=10_000)
    rounds: int = option(3, "how often each size is timed", ge=1, le=100)
    output: str = option("benchmarks/results", "folder for dcgan_sizes.csv")


def main(config: SizesConfig) -> None:
    """Time all sizes, round by round, and write the table."""
    require_writable(Path(config.output))
    machine.warn_unless_idle("the times will be too long")
    context, workers, rows = multiprocessing.get_context("spawn"), {}, []
    try:
        for size in SIZES:
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there, size, config), daemon=True)
            process.start()
            workers[size] = process, here
            print(f"{size}x{size}: {here.recv():,} weights", flush=True)
        for number in range(1, config.rounds + 1):
            for size, (_, here) in workers.items():
                here.send(config.iterations)
                seconds, memory = here.recv()
                rate = config.iterations * config.batch_size / seconds
                print(f"round {number}: {size}x{size}: {rate:.4g} images/s, {memory:.1f} GB", flush=True)
                rows.append({"size": size, "round": number, "images_per_second": round(rate, 3), "peak_gb": memory})
    finally:
        for process, _ in workers.values():
            process.kill()
    about = {"command": command("benchmarks/dcgan_sizes.py", config), "code": code_version(),
             "machine": f"{processor()}, {multiprocessing.cpu_count()} cores"}  # fmt: skip
    path = Path(config.output) / "dcgan_sizes.csv"
    write_csv(path, [row | about for row in rows])
    medians = pd.DataFrame(rows).groupby("size").median()
    for size, row in medians.iterrows():
        times = medians["images_per_second"].loc[32] / row["images_per_second"]
        print(
            f"{size}x{size}: {row['images_per_second']:.4g} images/s, {times:.2f} times the time of 32x32, "
            f"{row['peak_gb']:.1f} GB"
        )
    print(f"table: {path}")


def work(pipe, size: int, config: SizesConfig) -> None:
    """Train images of one size, as many iterations as are asked for; seconds and peak memory in GB."""
    import numpy as np

    from gan.dcgan.gan import Network, SignGan
    from gan.training import devices

    devices.make_deterministic()
    images = np.random.default_rng(0).integers(0, 256, (20 * config.classes, size, size, 3), np.uint8)
    labels = np.arange(len(images)) % config.classes
    network = Network(config.classes, size=size)
    trained = SignGan(network, images, labels, config.batch_size, (8e-4, 8e-4), 0, config.precision)
    trained.update(0, 9)  # a penalty is taken in every eighth
    networks, done = (trained.generator, trained.discriminator), 9
    pipe.send(sum(int(np.prod(weight.shape)) for net in networks for weight in net.trainable_variables))
    while True:
        iterations = pipe.recv()
        began = time.perf_counter()
        trained.update(done, iterations)
        done += iterations
        pipe.send((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


if __name__ == "__main__":
    run(SizesConfig, main)
