"""Processes that work side by side, each with its share of the cores."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any, Protocol

from gan.data.parallel import cores
from gan.errors import UserError

# What TensorFlow, NumPy's and scikit-learn's libraries read when a process loads them.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
GPU_MEMORY = "TF_FORCE_GPU_ALLOW_GROWTH"  # else the first process takes all of it
POLITE = 5.0  # seconds that a worker has to end by itself


class Work(Protocol):
    """What a worker builds once and then does many times."""

    def run_cell(self, cell: Any, tick: Callable[[int], None]) -> dict[str, float]:
        """Do one task; `tick` counts its steps."""


class Workers:
    """A crew of processes; use it in a `with` block, at whose end none is left.

    Args:
        build: makes what a worker works with, in the worker; can be pickled.
        count: processes at a time.
        sharing: how many processes share the cores.
        lifetime: tasks after which a process gives way to a fresh one, and its memory is given back; 0: never.
    """

    def __init__(self, build: Callable[[], Work], count: int, sharing: int, lifetime: int = 0):
        self._build, self._count, self._lifetime = build, count, lifetime
        self._threads = max(1, cores() // sharing)
        self._crew: dict[Connection, Any] = {}
        self._leaving: list[Any] = []  # processes that have nothing more to do

    def __enter__(self) -> "Workers":
        try:
            for _ in range(self._count):
                self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for connection in list(self._crew):
            self._dismiss(connection)
        until = time.monotonic() + (0 if any(exception) else POLITE)
        for process in self._leaving:
            process.join(max(0.0, until - time.monotonic()))
            if process.is_alive():
                process.terminate()
                process.join(POLITE)
            if process.is_alive():
                process.kill()
                process.join()
        self._leaving.clear()

    def run(self, cells: Iterable[Any], tick: Callable[[int], None]) -> Iterator[tuple[Any, dict[str, float], float]]:
        """Give out the tasks one by one.

        Yields:
            A task, its answer and the seconds it took, as soon as it is finished.

        Raises:
            UserError: a worker raised one, or ended without an answer.
        """
        waiting = list(cells)[::-1]
        busy: dict[Connection, tuple[Any, float]] = {}
        served = dict.fromkeys(self._crew, 0)

        def give(connection: Connection) -> None:
            if waiting:
                cell = waiting.pop()
                busy[connection] = cell, time.perf_counter()
                with contextlib.suppress(OSError):  # it has ended; the answer that is missing will tell
                    connection.send(cell)

        for connection in self._crew:
            give(connection)
        while busy:
            for connection in multiprocessing.connection.wait(list(busy)):
                try:
                    kind, content = connection.recv()
                except (EOFError, OSError):
                    raise _lost(self._crew[connection], busy[connection][0]) from None
                if kind == "tick":
                    tick(content)
                elif kind == "done":
                    cell, began = busy.pop(connection)
                    yield cell, content, time.perf_counter() - began
                    served[connection] += 1
                    if waiting and served[connection] == self._lifetime:
                        self._dismiss(connection)
                        connection = self._start()
                        served[connection] = 0
                    give(connection)
                elif kind == "mistake":
                    raise UserError(content)
                else:
                    raise RuntimeError(f"a worker failed at {busy[connection][0]}\n{content}")

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork of a process that holds TensorFlow can hang
        ours, theirs = context.Pipe()
        threads = {name: str(self._threads) for name in THREADS}
        with _environment(threads | {GPU_MEMORY: "true"}), _ctrl_c_put_off():
            process = context.Process(target=_work, args=(self._build, theirs), daemon=True)
            process.start()
        theirs.close()
        self._crew[ours] = process
        return ours

    def _dismiss(self, connection: Connection) -> None:
        """A worker whose connection is closed ends by itself."""
        connection.close()
        self._leaving = [process for process in self._leaving if process.is_alive()]
        self._leaving.append(self._crew.pop(connection))


def _work(build: Callable[[], Work], connection: Any) -> None:
    """What a worker does until nobody gives it work any more."""
    # The terminal sends Ctrl-C to all processes; the one that gives the work decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    with contextlib.suppress(EOFError, OSError):
        try:
            work = build()
            while True:
                cell = connection.recv()
                connection.send(("done", work.run_cell(cell, lambda count: connection.send(("tick", count)))))
        except (EOFError, OSError) as error:
            if not isinstance(error, EOFError | BrokenPipeError | ConnectionError):
                connection.send(("error", traceback.format_exc()))
        except UserError as error:
            connection.send(("mistake", str(error)))
        except Exception:
            connection.send(("error", traceback.format_exc()))


def _lost(process: Any, cell: Any) -> UserError:
    process.join(POLITE)
    code = process.exitcode
    killed = " (killed, most likely for lack of memory)" if code == -signal.SIGKILL else ""
    return UserError(
        f"a worker ended with code {code}{killed} at {cell}; start the command again, "
        "with fewer workers if that happens again."
    )


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started in the block; what the user has set stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _ctrl_c_put_off() -> Iterator[None]:
    """Ctrl-C waits until the block ends; processes started in it do not see one before they can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
