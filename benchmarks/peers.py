"""This project's training beside plain PyTorch programs of the same networks: images per second, round by round.

Every variant runs in a process of its own, one at a time, in rounds, so that a machine that grows slower is slower
for all of them. TensorFlow and PyTorch never meet in a process: their libraries end it.
"""

import functools
import importlib.util
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import machine
from benchmarks.tables import write_csv
from gan.errors import UserError
from gan.files import require_writable

OURS = "this project"  # what the names of this project's variants begin with

# Version in words, weights of the networks, and a function that trains so many iterations.
Prepared = tuple[str, int, Callable[[int], None]]


def compare(
    script: str,
    config: Any,
    variants: Mapping[str, Any],
    ours: Callable[..., Any],
    peers: Callable[..., Prepared],
) -> None:
    """Time all variants, write the table and print what it says.

    Args:
        script: the benchmark, as it is started; names the table.
        config: with `batch_size`, `warm_up`, `iterations`, `rounds` and `output`.
        variants: settings by name; the names of this project's begin with `OURS`.
        ours: gives this project's GAN of (settings, config); called in the variant's process.
        peers: gives a PyTorch training of (settings, config); called in the variant's process.

    Raises:
        UserError: PyTorch is missing, or the table can't be written.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "PyTorch, which this compares with, is no part of the project; start it with "
            f"`uv run --with torch==2.15.0 {script}`."
        )
    rows = in_rounds(script, config, {
        name: (functools.partial(prepared, ours) if name.startswith(OURS) else peers, settings)
        for name, settings in variants.items()
    })  # fmt: skip
    print(summary(rows))


def in_rounds(script: str, config: Any, variants: Mapping[str, tuple[Callable[..., Prepared], Any]]) -> list[dict]:
    """Time variants round by round, each in a process of its own, and write the table.

    Args:
        script, config: see `compare`.
        variants: by name what prepares a training of (settings, config), and the settings.

    Returns:
        The rows: variant, version, weights, round, images_per_second, and peak_gb, memory up to then in GB.

    Raises:
        UserError: a process ended, or the table can't be written.
    """
    output = Path(config.output)
    require_writable(output)
    machine.warn_unless_idle("the times will be too long")
    context = multiprocessing.get_context("spawn")
    facts, rows, workers = {}, [], {}
    try:
        for name, (prepare, settings) in variants.items():
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, prepare, settings, config), daemon=True)
            process.start()
            there.close()
            workers[name] = process, here
            version, weights = here.recv()  # warm
            print(f"{name}: {version}, {weights:,} weights", flush=True)
            facts[name] = {"variant": name, "version": version, "weights": weights}
        for number in range(1, config.rounds + 1):
            for name, (_, here) in workers.items():
                here.send(config.iterations)
                seconds, memory = here.recv()
                rate = config.iterations * config.batch_size / seconds
                print(f"round {number}: {name}: {rate:.4g} images/s, {memory:.1f} GB", flush=True)
                times = {"round": number, "images_per_second": round(rate, 3), "peak_gb": round(memory, 3)}
                rows.append(facts[name] | times)
    except EOFError:
        raise UserError(f"the process of {name} ended; what it said stands above.") from None
    finally:
        for process, _ in workers.values():
            process.kill()
    path = output / Path(script).with_suffix(".csv").name
    about = {"batch_size": config.batch_size} | machine.about(script, config)
    write_csv(path, [row | about for row in rows])
    print(f"table: {path}")
    return rows


def summary(rows: list[dict]) -> str:
    """Median and range of each variant, and how much faster than the best of PyTorch this project's best is."""
    rates = pd.DataFrame(rows).groupby("variant", sort=False)["images_per_second"].agg(["median", "min", "max"])
    lines = [
        f"{name}: {row['median']:.4g} images/s ({row['min']:.4g} to {row['max']:.4g})"
        for name, row in rates.iterrows()
    ]
    is_ours = rates.index.str.startswith(OURS)
    ours, theirs = rates["median"][is_ours], rates["median"][~is_ours]
    lines.append(f"{ours.idxmax()} is {ours.max() / theirs.max():.2f} times as fast as {theirs.idxmax()}")
    return "\n".join(lines)


def prepared(build: Callable[..., Any], settings: Any, config: Any) -> Prepared:
    """A training of this project, made deterministic as its scripts make it."""
    import numpy as np
    import tensorflow as tf

    from gan.training import devices

    devices.make_deterministic()
    trained, done = build(settings, config), 0

    def train(iterations: int) -> None:
        nonlocal done
        trained.update(done, iterations)
        done += iterations

    networks = trained.generator, trained.discriminator
    weights = sum(int(np.prod(w.shape)) for net in networks for w in net.trainable_variables)
    return f"TensorFlow {tf.__version__}", weights, train


def _work(pipe, prepare: Callable[..., Prepared], settings: Any, config: Any) -> None:
    """Prepare a variant, warm it up, tell its version and weights, then train as many iterations as are asked for."""
    version, weights, train = prepare(settings, config)
    train(config.warm_up)
    pipe.send((version, weights))
    while True:
        iterations = pipe.recv()
        began = time.perf_counter()
        train(iterations)
        pipe.send((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))
