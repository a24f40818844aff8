"""A tracking server that goes away for a while: calls wait for it and are made again."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking.fluent import run_id_to_system_metrics_monitor

from gan.archive.database import LOCKED
from gan.archive.store import reason_of
from gan.errors import UserError
from gan.invocation import shown
from gan.progress import say

ATTEMPTS = 3  # of a call that fails though the server answers: it may have come back in between
PATIENCE = 3600.0  # seconds that a server may be away
PAUSE = 2.0  # seconds between two looks at it
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class ArchiveError(UserError):
    """The server of the archive stays away, or refuses what it is given."""


class Patience:
    """How long a run waits for a server that is away.

    Attributes:
        ended: whether to give up now, as after Ctrl-C; asked while it waits.

    Args:
        seconds: before it gives up.
    """

    def __init__(self, seconds: float = PATIENCE):
        self.seconds = seconds
        self.ended: Callable[[], bool] = lambda: False

    def wait(self) -> None:
        """Wait until the archive answers.

        Raises:
            ArchiveError: it does not in time.
        """
        began, told = time.monotonic(), False
        while not answers():
            if not told:
                say(f"{_archive()} does not answer; waiting for it, {self.seconds / 60:.0f} minutes at most")
                told = True
            waited = time.monotonic() - began
            if self.ended() or waited > self.seconds:
                raise ArchiveError(
                    f"{_archive()} does not answer (waited for {waited:.0f} seconds); go on when it does."
                )
            time.sleep(PAUSE)
        if told:
            say(f"{_archive()} answers again after {time.monotonic() - began:.0f} seconds")

    def call(self, function: Callable[Given, Answer], *given: Given.args, **options: Given.kwargs) -> Answer:
        """Call a function that may be called twice; where the archive is away, wait and call it again.

        Raises:
            ArchiveError: a server stays away or refuses, or another program holds the database.
            MlflowException: a database on this machine fails.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return function(*given, **options)
            except (MlflowException, requests.RequestException) as error:
                if mlflow.get_tracking_uri().startswith("sqlite:"):
                    if LOCKED in str(error):  # it was waited for (see `gan.archive.database`)
                        raise ArchiveError(f"{_archive()} says: {reason_of(error)}") from error
                    raise
                if attempt == ATTEMPTS:
                    raise ArchiveError(f"{_archive()} says: {reason_of(error)}") from error
                self.wait()
        raise AssertionError


def patient(method: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Have a method of an object with a `patience` wait for the archive."""

    @functools.wraps(method)
    def waiting(*given: Given.args, **options: Given.kwargs) -> Answer:
        patience: Patience = given[0].patience  # type: ignore[attr-defined]
        return patience.call(method, *given, **options)

    return waiting


def answers() -> bool:
    """Whether the archive answers, if only that it refuses."""
    try:
        mlflow.search_experiments(max_results=1)
    except MlflowException as error:
        return error.get_http_status_code() < 500
    except requests.RequestException:
        return False
    return True


def _archive() -> str:
    return f"the archive at {shown(mlflow.get_tracking_uri())}"


def watch_on(run_id: str) -> None:
    """Go on with measuring processor and memory: MLflow gives it up when the archive is away."""
    monitor = run_id_to_system_metrics_monitor.get(run_id)
    if monitor is not None and monitor._process is not None and not monitor._process.is_alive():
        monitor.start()
