"""A database that another program holds: it is waited for, and given up in the end."""

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from gan import archive
from gan.archive import database
from gan.archive.patience import ArchiveError, Patience
from tests.made_up_archive import Config


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(database, "LOOK", 0.05)


@contextlib.contextmanager
def held(file: Path, seconds: float):
    """Another program that holds a database for some time, or until the block ends."""
    ready, enough = threading.Event(), threading.Event()

    def hold():
        with contextlib.closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN EXCLUSIVE")
            ready.set()
            enough.wait(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "some.db"
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE some (value)")
    return path


def test_a_lock_is_waited_for_and_told_once(file, capsys):
    with database.opened(file, "rw") as opened, held(file, 0.3):
        opened.cursor().execute("INSERT INTO some VALUES (1)")
        opened.commit()
    said = capsys.readouterr().out
    assert said.count("holds the database of the archive; waiting for it, 10 minutes at most") == 1
    assert said.count("is free again after") == 1
    with database.opened(file, "ro") as opened:
        assert opened.cursor().execute("SELECT value FROM some").fetchall() == [(1,)]
    assert capsys.readouterr().out == ""


def test_a_lock_that_stays_is_given_up_and_what_comes_after_it_soon(file, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.3)
    with held(file, 60), database.opened(file, "rw") as opened:
        for least, most in ((0.3, 9), (0, 0.3)):
            began = time.monotonic()
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                opened.cursor().executemany("INSERT INTO some VALUES (?)", [(1,), (2,)])
            assert least <= time.monotonic() - began < most
    with database.opened(file, "rw") as opened:
        opened.cursor().execute("SELECT value FROM some")  # an answer: the next lock is waited for again
        with held(file, 0.1):
            opened.cursor().execute("INSERT INTO some VALUES (3)")


def test_what_mlflow_writes_waits_too_and_what_it_logs_of_an_error_is_not_shown(workplace, monkeypatch, capfd):
    file = workplace / "mlflow.db"
    with archive.archived_run("dcgan", "run", Config("17")) as run:
        with held(file, 0.3):
            run.tags({"waited": "yes"})
        assert mlflow.get_run(run.id).data.tags["waited"] == "yes"
        assert "waiting for it" in capfd.readouterr().out
        monkeypatch.setattr(database, "PATIENCE", 0.1)
        with held(file, 60):
            with pytest.raises(MlflowException, match="database is locked"):
                mlflow.set_tag("waited", "no")
            with pytest.raises(ArchiveError, match=r"says: .*locked: another program holds it; end that one"):
                Patience().call(mlflow.set_tag, "waited", "no")
        assert "Traceback" not in capfd.readouterr().err
