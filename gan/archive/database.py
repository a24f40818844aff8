"""A database of SQLite as MLflow opens it: a lock of another program is waited for, and the user is told."""

import contextlib
import functools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from gan.progress import say

PATIENCE = 600.0  # seconds that a lock may stay
LOOK = 3.0  # seconds of waiting in silence, and between two looks at how long it has been
LOCKED = "database is locked"
# What they log, pages of traceback among it, is said in a sentence by those who called.
LOUD = ("mlflow.store.db.utils", "mlflow.utils.async_logging.async_logging_queue")
Answer = TypeVar("Answer")


class PatientConnection(sqlite3.Connection):
    """A connection that waits for another program's lock, for `PATIENCE` seconds at most."""

    def cursor(self, *given: Any) -> Any:
        """A cursor that waits, too."""
        return super().cursor(*given or (_Cursor,))

    def commit(self) -> None:
        """End a transaction."""
        _waiting(super().commit)


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, *given: Any) -> Any:
        if statement.startswith("PRAGMA busy_timeout"):  # MLflow's would be 20 seconds of silence, then an error
            return super().execute(f"PRAGMA busy_timeout = {LOOK * 1000:.0f}")
        return _waiting(functools.partial(super().execute, statement, *given))

    def executemany(self, statement: str, *given: Any) -> Any:
        return _waiting(functools.partial(super().executemany, statement, *given))


def wait_for_locks() -> None:
    """Have every connection of MLflow's to SQLite be a patient one; what it logs of an error is left to us."""
    # Imported here: it takes a second, and an archive behind a server needs none.
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "do_connect", _made_patient):
        event.listen(Engine, "do_connect", _made_patient)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.contextmanager
def opened(file: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A patient connection to a database that is there; mode "ro" or "rw"."""
    place = f"file:{quote(str(file.resolve()))}?mode={mode}"
    with contextlib.closing(sqlite3.connect(place, uri=True, timeout=LOOK, factory=PatientConnection)) as connection:
        yield connection


def _made_patient(dialect: Any, record: Any, given: Any, options: dict[str, Any]) -> None:
    if dialect.name == "sqlite":
        options["factory"] = PatientConnection


class _Lock:
    """What is known of another program's lock, by all threads."""

    told = given_up = False


def _waiting(call: Callable[[], Answer]) -> Answer:
    """The answer of a call, which SQLite gives up after `LOOK` seconds of a lock."""
    began = time.monotonic()
    while True:
        try:
            answer = call()
        except sqlite3.OperationalError as error:
            if LOCKED not in str(error):
                raise
            # Who has waited in vain ends soon: each of the last things that a run writes would wait as long again.
            if _Lock.given_up or time.monotonic() - began > PATIENCE:
                _Lock.given_up = True
                raise
            if not _Lock.told:
                _Lock.told = True
                most = f"{PATIENCE / 60:.0f} minutes at most"
                say(f"another program holds the database of the archive; waiting for it, {most}")
            time.sleep(0.1)  # what can't be waited for is refused at once
            continue
        if _Lock.told:
            say(f"the database of the archive is free again after {time.monotonic() - began:.0f} seconds")
        _Lock.told = _Lock.given_up = False
        return answer
