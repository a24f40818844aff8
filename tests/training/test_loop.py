import itertools
import os
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from gan.training.loop import (
    BLOCK,
    SECOND_SIGNAL,
    StopRequested,
    Trainable,
    blocks,
    build_in_precision,
    measure_rate,
    run_blocks,
    run_until_stopped,
)
from gan.training.precision import Memory
from tests.conftest import ROOT


class Counting(Trainable):
    """A trainable whose metrics are its iteration numbers, and which remembers how often it made each."""

    metric_names = ("a_loss", "square")
    batch_size = 10

    def __init__(self, most: int = 400):
        self.made = tf.Variable(tf.zeros(most, tf.int32))
        self.last = tf.Variable(-1)

    def parts(self):
        return {"counts": [self.made], "last": [self.last]}

    def iterate(self, iteration):
        self.made.scatter_nd_add([[iteration]], [1])
        self.last.assign(iteration)
        return tf.stack([tf.cast(iteration, tf.float32), tf.cast(iteration, tf.float32) ** 2])


def stops(start: int, end: int, intervals: list[int]) -> list[int]:
    return [first + count for first, count in blocks(start, end, intervals)]


@pytest.mark.parametrize(
    ("start", "end", "intervals"),
    [(0, 100, [100, 1000]), (0, 1000, [30, 70]), (7, 213, [10, 25]), (0, 1, [5]), (3, 90, [1000]),
     (99, 301, [100, 7]), (0, 10, [1]), (50, 130, [])],
)  # fmt: skip
def test_blocks_cover_every_iteration_once_and_end_where_something_is_to_be_done(
    start: int, end: int, intervals: list[int]
) -> None:
    cut = list(blocks(start, end, intervals))
    covered = [iteration for first, count in cut for iteration in range(first, first + count)]
    assert covered == list(range(start, end))
    assert all(1 <= count <= BLOCK for _, count in cut)
    multiples = {m for interval in intervals for m in range(start + 1, end + 1) if m % interval == 0}
    assert multiples | {end} <= set(stops(start, end, intervals))


def test_blocks_are_no_shorter_than_they_must_be() -> None:
    assert stops(0, 100, [1000]) == [25, 50, 75, 100]
    assert stops(0, 60, [40]) == [25, 40, 50, 60]
    assert stops(10, 60, [1000]) == [25, 50, 60]


def test_there_is_no_block_where_nothing_is_to_be_done() -> None:
    assert list(blocks(100, 100, [10])) == [] and list(blocks(200, 100, [10])) == []


def run(start: int, end: int, intervals: list[int], on_block=None):
    """Train a `Counting`; it, how far it was after each block, and the metrics of each."""
    trainable, reached, metrics = Counting(), [], []
    with StopRequested() as stop:
        for done, values in run_until_stopped(trainable, start, end, intervals, stop):
            assert int(trainable.last) == done - 1, "the block is finished when it is reported"
            reached.append(done)
            metrics.append(values)
            if on_block:
                on_block(done)
    return trainable, reached, metrics


def test_every_iteration_is_made_once() -> None:
    trainable, reached, _ = run(7, 93, [10])
    assert reached[-1] == 93
    made = np.asarray(trainable.made)
    assert made[7:93].tolist() == [1] * 86 and made.sum() == 86


def test_metrics_are_means_over_the_block() -> None:
    _, _, metrics = run(0, 35, [1000])
    for values, block in zip(metrics, (range(25), range(25, 35)), strict=True):
        assert values["a_loss"] == pytest.approx(np.mean(block))
        assert values["square"] == pytest.approx(np.mean(np.square(block)))


def test_images_per_second_counts_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0])
    monkeypatch.setattr("gan.training.loop.time.perf_counter", lambda: next(clock))
    _, _, metrics = run(0, 20, [1000])
    assert metrics[0]["images_per_second"] == pytest.approx(20 * 10 / 2)


def test_nothing_to_do_is_done_at_once() -> None:
    assert run(100, 100, [10])[1] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_the_block_and_stops(number: signal.Signals) -> None:
    trainable, reached, _ = run(0, 100, [20], lambda done: os.kill(os.getpid(), number) if done == 40 else None)
    assert reached[-1] == 40 and int(trainable.last) == 39


def test_a_signal_is_answered_at_once_and_a_second_one_later_hurries(capfd) -> None:
    with StopRequested() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)  # passed on by `mlflow run`
        assert stop.signal == signal.SIGINT and not stop.hurried
        assert capfd.readouterr().err.strip() == (
            "stopping after this block of iterations; a checkpoint with its scores is kept"
        )
        time.sleep(SECOND_SIGNAL + 0.05)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.hurried and "kept without scores" in capfd.readouterr().err


def test_a_signal_is_a_flag_and_the_first_one_counts() -> None:
    with StopRequested() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == signal.SIGTERM


def test_the_handlers_are_restored_even_after_an_exception() -> None:
    def mine(number: int, frame) -> None: ...

    before = {number: signal.signal(number, mine) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(ZeroDivisionError), StopRequested():
            assert signal.getsignal(signal.SIGTERM) is not mine
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGINT) is mine and signal.getsignal(signal.SIGTERM) is mine
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_block_is_compiled_once_for_all_lengths() -> None:
    traced = []

    class Traced(Counting):
        def iterate(self, iteration):
            traced.append(1)
            return super().iterate(iteration)

    trainable = Traced()
    for first, count in ((0, 3), (3, 25), (28, 1)):
        trainable.update(first, count)
    assert len(traced) == 1


def test_blocks_run_one_by_one_and_tell_how_far_they_are() -> None:
    trainable = Counting()
    running = run_blocks(trainable, 10, 52, [20])
    assert int(trainable.last) == -1, "nothing before it is asked for"
    for done, first in ((20, 10), (25, 20), (40, 25), (50, 40), (52, 50)):
        reached, metrics = next(running)
        assert reached == done and int(trainable.last) == done - 1
        assert set(metrics) == {"a_loss", "square", "images_per_second"} and metrics["images_per_second"] > 0
        assert metrics["a_loss"] == pytest.approx(np.mean(range(first, done)))
        assert metrics["square"] == pytest.approx(np.mean(np.square(range(first, done))))
    assert next(running, None) is None
    assert np.asarray(trainable.made)[10:52].tolist() == [1] * 42 and np.asarray(trainable.made).sum() == 42


def test_there_is_nothing_to_run_from_the_end_on() -> None:
    trainable = Counting()
    assert list(run_blocks(trainable, 30, 30, [])) == []
    assert [done for done, _ in run_blocks(trainable, 0, 60, [])] == [25, 50, 60]


def test_the_rate_is_images_of_the_measured_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.5])
    monkeypatch.setattr("gan.training.loop.time.perf_counter", lambda: next(clock))
    assert measure_rate(Counting(), iterations=6) == pytest.approx(6 * 10 / 0.5)


def test_what_is_learned_while_the_rate_is_measured_is_undone() -> None:
    trainable = Counting()
    list(run_blocks(trainable, 0, 3, []))
    measure_rate(trainable, iterations=6)
    assert np.asarray(trainable.made)[:8].tolist() == [1, 1, 1, 0, 0, 0, 0, 0] and int(trainable.last) == 2


@pytest.mark.parametrize(("wanted", "built"), [("auto", ["float32", "bfloat16"]), ("bfloat16", ["bfloat16"])])
def test_what_was_tried_is_neither_built_nor_compiled_again(wanted, built, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.chain([0, 2, 2, 3], itertools.count(4))  # of the two trials: bfloat16 is the faster one
    monkeypatch.setattr("gan.training.loop.time.perf_counter", lambda: next(clock))
    made, traced = [], []

    class Traced(Counting):
        def __init__(self, precision: str):
            super().__init__()
            made.append(precision)

        def iterate(self, iteration):
            traced.append(self)
            return super().iterate(iteration)

    precision, trainable = build_in_precision(wanted, Traced)
    assert precision == "bfloat16" and made == built
    list(run_blocks(trainable, 0, 2, []))
    assert traced.count(trainable) == 1 and len(traced) == len(built)
    assert np.asarray(trainable.made)[:3].tolist() == [1, 1, 0]


def test_what_is_remembered_is_neither_tried_nor_built(tmp_path) -> None:
    memory, built = Memory(tmp_path / "precision.json", "this machine"), []

    def build(precision: str) -> Counting:
        built.append(precision)
        return Counting()

    first, _ = build_in_precision("auto", build, iterations=2, memory=memory)
    assert sorted(built) == ["bfloat16", "float32"]
    assert build_in_precision("auto", build, iterations=2, memory=memory)[0] == first == built[-1] and len(built) == 3


def test_nothing_is_written_again_by_autograph() -> None:
    """It puts what it makes into the temporary folder, where `kill -9` leaves it."""
    for path in (ROOT / "gan").rglob("*.py"):
        for line in path.read_text().splitlines():
            assert "tf.function(" not in line or "autograph=False" in line, f"{path}: {line}"
