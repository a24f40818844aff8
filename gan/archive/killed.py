"""Runs whose process was killed: MLflow would show them as running for ever."""

import contextlib
import os
import re
import socket
from pathlib import Path

import mlflow
import psutil
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from gan.archive.store import local_folder, models_of, read, search
from gan.progress import say

PROCESS = "gan.process"  # tag of a run: machine, id and start of the process that writes it
NAMESPACE = "/proc/self/ns/pid"  # what tells containers with one host name apart
HALF_STORED = ".artifact.uploading."  # how names of files begin while MLflow copies them to a store on this disk
BOOT = Path("/proc/sys/kernel/random/boot_id")  # another one after each start of the machine; not on every system
TOLERANCE = 3600  # seconds that clocks may have been put forward or back since, where nothing else tells


def process() -> str:
    """What tells this process from all others: machine, process id, and the second in which it began.

    The second is counted from the start of the machine, which is named, since a clock can be put forward and back.
    """
    boot = _boot()
    began = psutil.Process().create_time() - (psutil.boot_time() if boot else 0)
    return f"{_machine()} {os.getpid()} {began:.0f} {boot}".strip()


def end_killed() -> None:
    """Mark runs as killed that stand as running and whose process of this machine is no more."""
    with read():
        runs = search("attributes.status = 'RUNNING'")
    for run in runs:
        written = re.fullmatch(r"(.+?) (\d{1,9}) (\d{1,12}) ?([\w-]*)", run.data.tags.get(PROCESS, ""))
        if written and written[1] == _machine() and not _lives(int(written[2]), int(written[3]), written[4]):
            with contextlib.suppress(MlflowException):  # another command does the same
                _remove_half_stored(run)
                mlflow.MlflowClient().set_terminated(run.info.run_id, "KILLED")
                say(f"run {run.info.run_id} was ended from outside; it is marked as killed")


def end_own(kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
    """Mark what this process has open as killed where a block was stopped, perhaps while it opened a run."""
    if kind is None or not issubclass(kind, KeyboardInterrupt) or mlflow.get_tracking_uri().startswith("http"):
        return  # a server may be away: the next command does it
    with contextlib.suppress(MlflowException):
        while mlflow.active_run():
            mlflow.end_run("KILLED")
        for run in search(f"attributes.status = 'RUNNING' AND tags.`{PROCESS}` = '{process()}'"):
            _remove_half_stored(run)
            mlflow.MlflowClient().set_terminated(run.info.run_id, "KILLED")


def _remove_half_stored(run: Run) -> None:
    """What the process of a run, which is no more, had not yet stored in full."""
    remove_half_stored(run.info.artifact_uri, *(model.artifact_location for model in models_of(run.info.run_id)))


def remove_half_stored(*places: str) -> None:
    """Remove what a program that was killed had not yet stored in full at addresses of artifacts on this machine."""
    for place in places:
        folder = local_folder(place)
        for left in folder.rglob(f"{HALF_STORED}*") if folder else ():
            left.unlink(missing_ok=True)


def _machine() -> str:
    with contextlib.suppress(OSError):
        return f"{socket.gethostname()}/{Path(NAMESPACE).readlink()}"
    return socket.gethostname()


def _boot() -> str:
    with contextlib.suppress(OSError):
        return BOOT.read_text().strip()
    return ""


def _lives(number: int, began: int, boot: str) -> bool:
    if boot not in ("", _boot()):
        return False  # the machine was started again
    with contextlib.suppress(psutil.Error, OverflowError):
        found = psutil.Process(number).create_time() - (psutil.boot_time() if boot else 0)
        return abs(found - began) < (10 if boot else TOLERANCE)
    return False
