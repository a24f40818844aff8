"""Cells of work on the workers of a Dask scheduler: each in a process with the threads that it has here.

Whoever reaches a scheduler can run programs on its workers: what is sent are pickles (docs/cluster.md).
"""

import logging
import multiprocessing
import os
import pickle
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan import processes
from gan.errors import UserError
from gan.invocation import code_version
from gan.processes import Answers, Lost
from gan.progress import say

TRIES = 4  # of a cell whose process or worker is lost, the first one too
PATIENCE = 10.0  # seconds in which a scheduler answers, or comes back

_alone = threading.Lock()  # on a worker: its threads run one cell at a time, which has the whole process environment


def on_cluster(
    address: str,
    build: Callable[[], Any],
    cells: list,
    variables: dict[str, str],
    bar,
    patience: float = PATIENCE,
) -> Answers:
    """Run cells on the workers of a scheduler; see `gan.processes.run`.

    Workers see the folder in which this program was started, and the data, at the same paths. The cell of a worker
    that is lost is done again by another one. What is running is stopped when this ends.

    Raises:
        UserError: the package is not installed, the scheduler does not answer or goes away, a worker raised one or
            has other code, or `TRIES` workers were lost at a cell.
    """
    if not cells:
        return
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "cluster needs the package distributed; install it with `uv sync --frozen --extra cluster`."
        ) from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it logs is said below
    try:
        client = Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(
            f"no Dask scheduler answers at cluster={address} ({type(error).__name__}); start one, or leave cluster "
            "out to work on this machine."
        ) from None
    with client:
        if not client.scheduler_info()["workers"]:
            say(f"{address} has no workers yet; waiting for them")
        _name_main()
        job, sent = pickle.dumps(build), (variables, str(Path.cwd()), code_version())
        finished: queue.Queue = queue.Queue()
        running = {client.submit(_cell, job, cell, *sent, pure=False, retries=TRIES - 1): cell for cell in cells}
        for future in running:
            future.add_done_callback(finished.put)
        while running:
            try:
                future = finished.get(timeout=processes.POLL)
            except queue.Empty:
                future = None
            if client.status in ("closing", "closed") or (future and future.cancelled()):
                raise UserError(
                    f"the scheduler at {address} went away; what is finished is kept: start the command again when "
                    "it is back."
                )
            if future:
                cell = running.pop(future)
                values, seconds, steps = _answer(future, cell)
                bar.update(steps)
                yield cell, values, seconds


def _name_main() -> None:
    """Have pickles call this program by the name of its module: on a worker `__main__` is another program."""
    main = sys.modules["__main__"]
    if main.__spec__ is not None:
        sys.modules.setdefault(main.__spec__.name, main)
        for value in vars(main).values():
            if getattr(value, "__module__", "") == "__main__":
                value.__module__ = main.__spec__.name


def _answer(future: Any, cell: Any) -> tuple[Any, float, int]:
    from distributed import KilledWorker

    try:
        answer = future.result()
    except KilledWorker:
        raise Lost(f"{cell} ended {TRIES} workers, most likely for lack of memory; give them more.") from None
    except ModuleNotFoundError as error:
        raise UserError(
            f"a worker of the cluster has no module {error.name}; start workers in the project's folder, with "
            "`uv run --extra cluster python -m dask worker`."
        ) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _cell(job: bytes, cell: Any, variables: dict[str, str], folder: str, version: str) -> Any:
    """On a worker: values, seconds and steps of a cell, or the exception that is to end the work.

    Raises:
        Lost: the process ended without an answer; Dask begins the cell again.
    """
    with _alone:
        own = code_version()
        if own != version:
            return UserError(
                f"a worker on {platform.node()} has version {own} of the code, and this command {version}; "
                "start it where the code is the same."
            )
        try:
            os.chdir(folder)
        except OSError:
            return UserError(
                f"a worker on {platform.node()} has no folder {folder}; the machines of a cluster need shared "
                "storage with the same paths."
            )
        multiprocessing.current_process().daemon = False  # as Dask's workers are, and these can't start processes
        steps = _Steps()
        try:
            ((_, values, seconds),) = processes.run(_Built(job), [cell], 1, 0, steps, variables=variables)
        except Lost:
            raise
        except UserError as error:
            return error
        except Exception as error:
            return RuntimeError(f"{error}, on {platform.node()}:\n{traceback.format_exc()}")
        return values, seconds, steps.count


class _Built:
    """What `build` makes, in the process of a cell: a worker itself loads nothing."""

    def __init__(self, job: bytes):
        self._job = job

    def __call__(self) -> Any:
        return pickle.loads(self._job)()


class _Steps:
    """Counts the steps of a cell on a worker, and ends it when nobody waits for it any more."""

    def __init__(self) -> None:
        from distributed import get_worker
        from distributed.worker import thread_state

        self.count, self._tasks, self._key = 0, get_worker().state.tasks, thread_state.key

    def update(self, steps: int) -> None:
        """Called at least every `processes.POLL` seconds."""
        self.count += steps
        task = self._tasks.get(self._key)
        if task is None or task.state == "cancelled":
            raise UserError("the cell is not wanted any more.")
