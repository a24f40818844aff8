"""This project's training beside plain PyTorch programs of the same networks: images per second, round by round.

Every variant runs in a process of its own, one at a time, in rounds, so that a machine that grows slower is slower
for all of them. TensorFlow and PyTorch never meet in a process: their libraries end it.
"""

import functools
import importlib.util
import multiprocessing
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import machine
from gan.errors import UserError
from gan.files import replacing, require_writable
from gan.invocation import code_version, command
from gan.machine import processor

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
    output = Path(config.output)
    require_writable(output)
    machine.warn_unless_idle("the times will be too long")
    context = multiprocessing.get_context("spawn")
    facts, rows, workers = {}, [], {}
    try:
        for name, settings in variants.items():
            here, there = context.Pipe()
            prepare = functools.partial(_prepared, ours) if name.startswith(OURS) else peers
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
                rate = config.iterations * config.batch_size / here.recv()
                print(f"round {number}: {name}: {rate:.4g} images/s", flush=True)
                rows.append(facts[name] | {"round": number, "images_per_second": round(rate, 3)})
    except EOFError:
        raise UserError(f"the process of {name} ended; what it said stands above.") from None
    finally:
        for process, _ in workers.values():
            process.kill()
    table = pd.DataFrame(rows).assign(
        batch_size=config.batch_size,
        command=command(script, config),
        machine=f"{processor()}, {multiprocessing.cpu_count()} cores",
        code=code_version(),
    )
    path = output / Path(script).with_suffix(".csv").name
    with replacing(path) as file:
        file.write(table.to_csv(index=False, lineterminator="\n").encode())
    print(f"{summary(rows)}\ntable: {path}")


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


def _prepared(build: Callable[..., Any], settings: Any, config: Any) -> Prepared:
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
        pipe.send(time.perf_counter() - began)
