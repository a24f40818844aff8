"""A database that another program holds: for a minute, and for ever."""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns.faults import child
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import Place, lacking, record
from tests.campaigns.faults.tally import Tally

MINUTE = 60.0
PATIENCE = 8.0  # seconds that a command waits for a lock that stays, instead of minutes
ROOM = 60.0  # seconds that it may need besides: the machine has other work


@contextlib.contextmanager
def held(database: Path, after: float, seconds: float) -> Iterator[None]:
    """Another process that holds a database some time after now."""

    def hold() -> int:
        time.sleep(after)
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
        return 0

    number = child.fork(hold)
    try:
        time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def every_lock(place: Place, job: Job, most: int) -> Tally:
    """Run a job while the database is held from before, from the middle of it, and for ever."""
    tally = Tally()
    if not job.has_archive:
        return tally
    expected, undisturbed = place.undisturbed(job)
    database = place.work / "mlflow.db"
    for name, after in (("from the start", 0.0), ("from the middle", undisturbed.seconds / 2))[:most]:

        def waits(after: float = after):
            with held(database, after, MINUTE):
                ended = place.started(job)
            return ended, record(job, place.work)

        ended, found = place.within(waits, place.template(job))
        fault = ended.fault((0,))
        if not fault and ended.seconds > MINUTE and "waiting for it" not in ended.out:
            fault = "silent: it does not say that it waits"
        tally.add(place.logs, f"{job.name}, held {name}", ended, fault or lacking(expected, found))

    def gives_up():
        from gan.archive import database as patient

        with held(database, 0, 600):
            impatient = lambda: pytest.MonkeyPatch().setattr(patient, "PATIENCE", PATIENCE)  # noqa: E731
            ended = place.started(job, before=impatient)
        again = place.started(job, "again")
        return ended, again, record(job, place.work)

    if most > 2:
        ended, again, found = place.within(gives_up, place.template(job))
        fault = ended.fault((2,)) or ("" if "locked" in ended.sentence else f"no word of it: {ended.sentence}")
        if not fault and ended.seconds > undisturbed.seconds + PATIENCE + ROOM:
            fault = f"late: {ended.seconds:.0f} s"
        fault = fault or again.fault((0,)) or lacking(expected, found)
        tally.add(place.logs, f"{job.name}, held for ever", ended, fault)
    return tally
