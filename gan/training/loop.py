"""The loop: compiled blocks of iterations, and what is to be done between them.

It knows nothing of networks or of the archive.  What it trains offers `iterate(iteration)` and `metric_names`
(see `gan.dcgan.gan.SignGan`), and perhaps a `feed` that prepares its data beside the compiled loop (see
`gan.pix2pix.batches.Pairs`); what happens between blocks is in the callbacks.
"""

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from gan.progress import progress
from gan.training import devices

BLOCK = 25  # iterations at most between two looks at the world: an interruption waits that long
COMPILED = "compiled_block"  # attribute of a trainable where `compile_block` keeps what it made


class Trainable(Protocol):
    """What the trainer trains."""

    metric_names: tuple[str, ...]
    batch_size: int

    def iterate(self, iteration: Any) -> Any:
        """Make update number `iteration`; a float32 tensor of the metrics."""

    def parts(self) -> dict[str, list]:
        """Lists of all variables that training changes, by name."""

    def sample(self) -> np.ndarray:
        """Generated images from fixed noise, uint8 (N, height, width, 3)."""

    def model(self) -> tuple[Any, np.ndarray | dict[str, np.ndarray]]:
        """The model that generates, and an example of its input."""


Built = TypeVar("Built", bound=Trainable)


class StopRequested:
    """Turns Ctrl-C and SIGTERM into a flag, so that a block and a checkpoint are always finished.

    The first of them is taken note of; further ones (a terminal and `mlflow run` both pass them on) change nothing.

    Args:
        already: a signal that arrived before.
    """

    def __init__(self, already: int | None = None):
        self.signal = already
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequested":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        self.signal = self.signal or number


def train(
    trainable: Trainable,
    start: int,
    end: int,
    every: list[tuple[int, Callable[[int], None]]],
    report: Callable[[int, dict[str, float]], bool],
    stop: StopRequested,
) -> int:
    """Train from iteration `start` to iteration `end`.

    Args:
        trainable: networks, optimizers and data.
        start: updates made already.
        end: updates to have been made in the end.
        every: pairs of an interval in iterations and what to call with the number of updates made, at each
            multiple of the interval and at the end, in this order.
        report: called after each block with the number of updates made and the metrics averaged over the block,
            see `run_blocks`; returns whether to stop here.
        stop: looked at between blocks.

    Returns:
        The number of updates made; less than `end` if the report or a signal stopped the loop.
    """
    block = compile_block(trainable)
    done = start
    with progress(end, "training", "iteration", start) as bar:
        for done, metrics in run_blocks(block, trainable, start, end, [interval for interval, _ in every]):
            bar.set_postfix(
                {name: f"{value:.2f}" for name, value in metrics.items() if name.endswith(("loss", "data_wait"))},
                refresh=False,
            )
            bar.update(done - bar.n)
            if report(done, metrics):
                return done
            for interval, call in every:
                if done % interval == 0 or done == end:
                    call(done)
            if stop.signal is not None:
                break
    return done


def compile_block(trainable: Trainable) -> Callable[[Any, Any], Any]:
    """A compiled function (first iteration, count) that makes `count` updates and returns the mean metrics.

    It is kept with the trainable: what was tried is not compiled again to be trained.
    """
    kept = vars(trainable)
    if COMPILED in kept:
        return kept[COMPILED]

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32)])
    def block(first, count):
        total = tf.zeros(len(trainable.metric_names))
        for iteration in tf.range(first, first + count):
            total += trainable.iterate(iteration)
        return total / tf.cast(count, tf.float32)

    kept[COMPILED] = block
    return block


def run_blocks(
    block: Callable[[Any, Any], Any], trainable: Trainable, start: int, end: int, intervals: list[int]
) -> Iterator[tuple[int, dict[str, float]]]:
    """Run compiled blocks one by one from `start` to `end`.

    Yields:
        The number of updates made, and the metrics averaged over the block, "images_per_second" among them; with a
        feed also "data_wait", the share 0-1 of the time that updates waited for data.

    Raises:
        UserError: the feed met damaged data.
    """
    feed = getattr(trainable, "feed", None)
    for first, count in blocks(start, end, intervals):
        began = time.perf_counter()
        averages = _run(block, trainable, first, count)
        elapsed = time.perf_counter() - began
        metrics = dict(zip(trainable.metric_names, map(float, averages), strict=True))
        metrics["images_per_second"] = count * trainable.batch_size / elapsed
        if feed is not None:
            metrics["data_wait"] = feed.waited() / elapsed
        yield first + count, metrics


def _run(block, trainable: Trainable, first: int, count: int) -> np.ndarray:
    """The mean metrics of a block; damaged data that the feed met is told as such."""
    try:
        return block(tf.constant(first), tf.constant(count)).numpy()
    except tf.errors.OpError:
        feed = getattr(trainable, "feed", None)
        if feed is not None and feed.trouble is not None:
            raise feed.trouble from None
        raise


def train_quietly(trainable: Trainable, end: int, tick: Callable[[int], None]) -> None:
    """Make all updates, from the first to number `end`; `tick` is called with how many more are made."""
    before = 0
    for done, _ in run_blocks(compile_block(trainable), trainable, 0, end, []):
        tick(done - before)
        before = done


def blocks(start: int, end: int, intervals: list[int]) -> Iterator[tuple[int, int]]:
    """Cut iterations into (first, count), ending at every multiple of every interval and after `BLOCK` at most."""
    first = start
    while first < end:
        stops = [first - first % interval + interval for interval in (*intervals, BLOCK)]
        stop = min(*stops, end)
        yield first, stop - first
        first = stop


def build_in_precision(
    wanted: str,
    build: Callable[[str], Built],
    say: Callable[[str], None],
    before: str | None = None,
    iterations: int = 16,
) -> tuple[str, Built]:
    """Build a trainable in the precision wanted; "auto" builds and tries both.

    Args:
        wanted: see `devices.choose_precision`, as `say` and `before`.
        build: makes the trainable of a precision.
        iterations: timed in each trial.

    Returns:
        The precision, and its trainable as `build` makes it, compiled already if it was tried.

    Raises:
        UserError: the feed met damaged data.
    """
    tried = {}

    def rate(precision: str) -> float:
        tried[precision] = build(precision)
        return measure_rate(tried[precision], iterations)

    precision = devices.choose_precision(wanted, rate, say, before)
    return precision, tried[precision] if precision in tried else build(precision)


def measure_rate(trainable: Trainable, iterations: int) -> float:
    """Images per second of a trainable, after a warm-up. What it learned is undone.

    Raises:
        UserError: the feed met damaged data.
    """
    variables = [variable for part in trainable.parts().values() for variable in part]
    start = [np.array(variable) for variable in variables]
    block = compile_block(trainable)
    _run(block, trainable, 0, 2)
    began = time.perf_counter()
    _run(block, trainable, 0, iterations)
    rate = iterations * trainable.batch_size / (time.perf_counter() - began)
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    return rate
