"""Runs whose process was killed: MLflow would show them as running for ever."""

import contextlib
import os
import re
import socket
from pathlib import Path

import mlflow
import psutil
from mlflow.exceptions import MlflowException

from gan.archive.store import read, search
from gan.progress import say

PROCESS = "gan.process"  # tag of a run: machine, id and start of the process that writes it
NAMESPACE = "/proc/self/ns/pid"  # what tells containers with one host name apart
TOLERANCE = 3600  # seconds that clocks may have been put forward or back since


def process() -> str:
    """What tells this process from all others: machine, process id, and the second in which it began."""
    return f"{_machine()} {os.getpid()} {psutil.Process().create_time():.0f}"


def end_killed() -> None:
    """Mark runs as killed that stand as running and whose process of this machine is no more."""
    with read():
        runs = search("attributes.status = 'RUNNING'")
    for run in runs:
        written = re.fullmatch(r"(.+) (\d{1,9}) (\d{1,12})", run.data.tags.get(PROCESS, ""))
        if written and written[1] == _machine() and not _lives(int(written[2]), int(written[3])):
            with contextlib.suppress(MlflowException):  # another command does the same
                mlflow.MlflowClient().set_terminated(run.info.run_id, "KILLED")
                say(f"run {run.info.run_id} was ended from outside; it is marked as killed")


def _machine() -> str:
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}/{Path(NAMESPACE).readlink()}"
    return socket.gethostname()


def _lives(number: int, began: int) -> bool:
    with contextlib.suppress(psutil.Error, OverflowError):
        return abs(psutil.Process(number).create_time() - began) < TOLERANCE
    return False
