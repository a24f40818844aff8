"""The loop: compiled blocks of iterations, interruptible between them.

It knows nothing of networks or of the archive. What is trained is a `Trainable`.
"""

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from gan import signals
from gan.errors import UserError
from gan.progress import progress, say
from gan.training.distribution import ONE, Replicas
from gan.training.precision import Memory, choose_precision

BLOCK = 25  # iterations at most between two looks at the world: an interruption waits that long
SECOND_SIGNAL = 1.0  # seconds; a terminal and `mlflow run` both pass the same Ctrl-C on, nearly at once


class Trainable:
    """What is trained: `iterate` makes one update, `parts` lists what it changes.

    Attributes:
        metric_names: names of the numbers that `iterate` gives.
        batch_size: real images an iteration.
        feed: what prepares data beside the compiled loop, or None (see `gan.pix2pix.batches`).
        replicas: the devices that it is trained on.
        jit_compile: whether XLA compiles its updates.
    """

    metric_names: tuple[str, ...] = ()
    batch_size: int = 1
    feed: Any = None
    replicas: Replicas = ONE
    jit_compile: bool = False

    def iterate(self, iteration):
        """Make update number `iteration` (an int32 scalar tensor); float32 (M,), the values of `metric_names`."""
        raise NotImplementedError

    def parts(self) -> dict[str, list]:
        """Lists of all variables that training changes, by name."""
        raise NotImplementedError

    @functools.cached_property
    def block(self) -> Callable[[Any, Any], Any]:
        """A compiled function (first iteration, count) that makes `count` updates and returns the mean metrics."""
        iterate = self.replicas.everywhere(self.iterate if self.feed else self.with_xla(self.iterate))

        def update(iteration, total):
            return iteration + 1, total + iterate(iteration)

        # Autograph would write Python files to the temporary folder, and `kill -9` would leave them there.
        @tf.function(input_signature=[tf.TensorSpec((), tf.int32), tf.TensorSpec((), tf.int32)], autograph=False)
        def compiled(first, count):
            start = first, tf.zeros(len(self.metric_names))
            _, total = tf.while_loop(lambda iteration, _: iteration < first + count, update, start)
            return self.replicas.average(total) / tf.cast(count, tf.float32)

        return compiled

    def with_xla(self, function: Callable) -> Callable:
        """`function`, compiled by XLA where that is wanted; a feed can't be part of it."""
        return tf.function(function, jit_compile=True, autograph=False) if self.jit_compile else function

    def update(self, first: int, count: int) -> np.ndarray:
        """Make `count` updates from number `first` on; float32 (M,), the means of the metrics.

        Raises:
            UserError: the feed met damaged data, or another host is lost.
        """
        try:
            with self.replicas.watched():
                return self.block(tf.constant(first), tf.constant(count)).numpy()
        except tf.errors.OpError:
            trouble = getattr(self.feed, "trouble", None)
            if isinstance(trouble, UserError):
                raise trouble from None
            raise


Built = TypeVar("Built", bound=Trainable)


class StopRequested:
    """Turns Ctrl-C, SIGTERM and SIGHUP into a flag, so that a block and a checkpoint are always finished.

    Attributes:
        signal: the first signal that arrived, None before.
        hurried: whether a second one arrived, more than `SECOND_SIGNAL` after the first.
        broken: whether going on makes no sense.

    Args:
        already: a signal that arrived before.
    """

    def __init__(self, already: int | None = None):
        self.signal = already
        self.hurried = self.broken = False
        self._arrived = time.monotonic()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequested":
        for number in signals.stop_signals():
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if self.signal is None:
            self.signal, self._arrived = number, time.monotonic()
            _note("\nstopping after this block of iterations; a checkpoint with its scores is kept\n")
        elif not self.hurried and time.monotonic() - self._arrived > SECOND_SIGNAL:
            self.hurried = True
            _note("\nstopping; the checkpoint is kept without scores\n")


def _note(text: str) -> None:
    """Write from a handler, which may interrupt a print that holds the lock of its stream."""
    with contextlib.suppress(OSError):  # the terminal is gone
        os.write(2, text.encode())


def blocks(start: int, end: int, intervals: list[int]) -> Iterator[tuple[int, int]]:
    """Cut iterations into (first, count), ending at every multiple of every interval and after `BLOCK` at most."""
    first = start
    while first < end:
        ends = [first - first % interval + interval for interval in (*intervals, BLOCK)]
        last = min(*ends, end)
        yield first, last - first
        first = last


def run_blocks(
    trainable: Trainable, start: int, end: int, intervals: list[int]
) -> Iterator[tuple[int, dict[str, float]]]:
    """Run compiled blocks one by one from `start` to `end`.

    Yields:
        The number of updates made, and the metrics averaged over the block, "images_per_second" among them; with a
        feed also "data_wait", the share 0-1 of the time that updates waited for data.

    Raises:
        UserError: the feed met damaged data.
    """
    for first, count in blocks(start, end, intervals):
        began = time.perf_counter()
        averages = trainable.update(first, count)
        elapsed = time.perf_counter() - began
        metrics = dict(zip(trainable.metric_names, map(float, averages), strict=True))
        metrics["images_per_second"] = count * trainable.batch_size / elapsed
        if trainable.feed is not None:
            metrics["data_wait"] = trainable.feed.waited() / elapsed
        yield first + count, metrics


def run_until_stopped(
    trainable: Trainable, start: int, end: int, intervals: list[int], stop: StopRequested
) -> Iterator[tuple[int, dict[str, float]]]:
    """`run_blocks` with a progress bar; no block begins after a signal, on whichever host it arrived."""
    with progress(end, "training", "iteration", start) as bar:
        for done, metrics in run_blocks(trainable, start, end, intervals):
            noted = {name: f"{value:.2f}" for name, value in metrics.items() if name.endswith(("loss", "data_wait"))}
            bar.set_postfix(noted, refresh=False)
            bar.update(done - bar.n)
            yield done, metrics
            if trainable.replicas.any(stop.broken or stop.signal is not None):
                return


def train_quietly(trainable: Trainable, end: int, tick: Callable[[int], None]) -> None:
    """Make all updates, from the first to number `end`; `tick` is called with how many more are made."""
    before = 0
    for done, _ in run_blocks(trainable, 0, end, []):
        tick(done - before)
        before = done


def build_in_precision(
    wanted: str,
    build: Callable[[str], Built],
    before: str | None = None,
    iterations: int = 16,
    memory: Memory | None = None,
) -> tuple[str, Built]:
    """Build a trainable in the precision wanted; "auto" builds and tries both where nothing is known before.

    Args:
        wanted: see `choose_precision`, as `before` and `memory`.
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
        return tried[precision].replicas.mean(measure_rate(tried[precision], iterations))

    precision = choose_precision(wanted, rate, say, before, memory)
    return precision, tried[precision] if precision in tried else build(precision)


def measure_rate(trainable: Trainable, iterations: int) -> float:
    """Images per second of a trainable, after a warm-up. What it learned is undone.

    Raises:
        UserError: the feed met damaged data.
    """
    variables = [variable for part in trainable.parts().values() for variable in part]
    start = [np.array(variable) for variable in variables]
    trainable.update(0, 2)
    began = time.perf_counter()
    trainable.update(0, iterations)
    rate = iterations * trainable.batch_size / (time.perf_counter() - began)
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    return rate
