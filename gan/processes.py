"""Cells of work in processes side by side, each with its share of the cores, here or on a cluster."""

import concurrent.futures as futures
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from gan.errors import UserError
from gan.machine import cores
from gan.progress import silence

# What TensorFlow, NumPy's and scikit-learn's libraries read when a process loads them.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
GPU_MEMORY = "TF_FORCE_GPU_ALLOW_GROWTH"  # else the first process takes all of it
POLL = 0.5  # seconds between two updates of the progress bar

_study: Any = None  # in a worker: what it runs cells of, or why there is none
_steps: Any = None  # in a worker: the counter of steps that all share


Answers = Iterator[tuple[Any, dict[str, float], float]]


class Lost(UserError):
    """A process ended without an answer."""


def run(
    build: Callable[[], Any],
    cells: list,
    workers: int,
    lifetime: int,
    bar,
    cluster: str = "",
    variables: dict[str, str] | None = None,
) -> Answers:
    """Run cells in processes that share the cores; none is left at the end.

    After `lifetime` cells for each worker all give way to fresh processes, and their memory is given back. (Not by
    `max_tasks_per_child`, with which an executor of Python 3.11 waits for ever: github.com/python/cpython #115634.)

    Args:
        build: makes the study in a worker; can be pickled.
        cells: what its `run_cell` takes.
        workers: number of processes.
        lifetime: cells that a process runs; 0: any number.
        bar: its `update` is called with the number of steps made.
        cluster: address of a Dask scheduler whose workers run the cells (see `gan.cluster`); "" for this machine.
        variables: of the processes' environment, those of `environment` if not given.

    Yields:
        A cell, its values and the seconds it took, as soon as it is finished.

    Raises:
        Lost: a worker ended without an answer.
        UserError: a worker raised one, or the cluster is not there.
    """
    variables = variables or environment(workers)
    if cluster:
        from gan.cluster import on_cluster

        yield from on_cluster(cluster, build, cells, variables, bar)
        return
    batch = workers * lifetime or max(1, len(cells))
    for first in range(0, len(cells), batch):
        yield from _batch(build, cells[first : first + batch], workers, bar, variables)


def environment(workers: int) -> dict[str, str]:
    """What decides how many threads a process has, and with them the bits of its sums; the user's own choice wins."""
    chosen = dict.fromkeys(THREADS, str(max(1, cores() // workers))) | {GPU_MEMORY: "true"}
    return {name: os.environ.get(name, value) for name, value in chosen.items()}


def timed(study: Any, cell: Any, tick: Callable[[int], None]) -> tuple[dict[str, float], float]:
    """The values of a cell, and the seconds it took."""
    began = time.perf_counter()
    return study.run_cell(cell, tick), time.perf_counter() - began


def _batch(build: Callable[[], Any], cells: list, workers: int, bar, variables: dict[str, str]) -> Answers:
    context = multiprocessing.get_context("spawn")  # a fork of a process that holds TensorFlow can hang
    steps, seen, before = context.Value("q", 0), 0, set(multiprocessing.active_children())
    executor = futures.ProcessPoolExecutor(workers, context, _start, (build, steps))
    try:
        with _environment(variables):
            running = {executor.submit(_run, cell): cell for cell in cells}
        while running:
            done, _ = futures.wait(running, POLL, futures.FIRST_COMPLETED)
            counted = steps.get_obj().value  # without the lock, which a killed worker may hold
            bar.update(counted - seen)
            seen = counted
            for future in done:
                cell = running.pop(future)
                yield cell, *_answer(future, cell)
        executor.shutdown()
    finally:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()  # nothing that it has begun is kept
        executor.shutdown(cancel_futures=True)


def _answer(future: futures.Future, cell: Any) -> tuple[dict[str, float], float]:
    try:
        return future.result()
    except futures.BrokenExecutor:
        raise Lost(
            "a worker ended without an answer (killed, most likely for lack of memory); start the command again, "
            "with fewer workers if that happens again."
        ) from None
    except UserError:
        raise
    except Exception as error:
        raise RuntimeError(f"a worker failed at {cell}") from error


def _start(build: Callable[[], Any], steps: Any) -> None:
    """What a worker does first."""
    global _study, _steps

    def end_with_parent() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    # The terminal sends Ctrl-C, and word of its own end, to all processes; the one that gives the work decides.
    for number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    _steps = steps
    silence()  # what there is to say of the data is said once
    try:
        _study = build()
    except Exception as error:  # a process that fails to start would be taken for one that was killed
        _study = error


def _run(cell: Any) -> tuple[dict[str, float], float]:
    def count(steps: int) -> None:
        with _steps.get_lock():
            _steps.value += steps

    if isinstance(_study, Exception):
        raise _study
    return timed(_study, cell, count)


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Processes that are started here have these variables, and see no Ctrl-C."""
    kept = {name: os.environ[name] for name in variables if name in os.environ}
    mask = getattr(signal, "pthread_sigmask", None)  # not on every system
    before = mask and mask(signal.SIG_BLOCK, [signal.SIGINT])
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(kept)
        if mask:
            mask(signal.SIG_SETMASK, before)
