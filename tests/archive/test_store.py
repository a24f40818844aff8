"""Where the archive is, what it refuses, and where its files are read."""

import contextlib
import errno
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from gan import archive, checkpoints, invocation
from gan.archive import store
from gan.archive.experiments import experiment_of, open_for_training
from gan.archive.moved import moved_from
from gan.commands.relocate import RelocateConfig
from gan.commands.relocate import main as relocate
from gan.errors import UserError
from tests.conftest import ROOT
from tests.made_up_archive import Config, keep, resolve, stored


def test_of_a_store_on_this_machine_no_copy_is_made(own_archive):
    assert resolve(own_archive.run_id).checkpoint.samefile(stored(own_archive.run_id, 60))


def test_a_checkpoint_that_the_run_lets_go_of_can_still_be_read(workplace):
    with archive.archived_run("dcgan", "still training", Config("17")) as run:
        for iteration in (20, 30):
            keep(run, iteration)
        found = resolve(f"{run.id}/20")
        run.delete([20])
        keep(run, 40)
        assert checkpoints.read_info(found.checkpoint).iteration == 20
        assert checkpoints.read_info(resolve(run.id).checkpoint).iteration == 40


def test_on_another_disk_the_file_of_the_store_is_read(own_archive, monkeypatch):
    def refuse(*given):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    assert resolve(own_archive.run_id).checkpoint == stored(own_archive.run_id, 60).resolve()


def test_files_that_the_archive_does_not_give_are_told_in_a_sentence(own_archive, monkeypatch):
    def refuse(*given, **options):
        raise MlflowException("the server is gone")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", refuse)
    with pytest.raises(UserError, match=r"checkpoint-00000060.npz of run .* can't be read: the server is gone"):
        resolve(f"{own_archive.run_id}/60")
    monkeypatch.setattr(mlflow.MlflowClient, "list_artifacts", refuse)
    with pytest.raises(UserError, match=r"the files of run .* can't be listed: the server is gone"):
        resolve(own_archive.run_id)
    assert archive.newest_of("dcgan", {}) is None  # and no error: the next run may have what is looked for


def test_an_archive_in_a_folder_with_spaces(workplace, monkeypatch):
    folder = workplace / "my signs (1), ü"
    folder.mkdir()
    monkeypatch.chdir(folder)
    encoded = mlflow.get_tracking_uri()
    assert "my%20signs" in encoded
    try:
        with pytest.raises(UserError, match=f"there is no archive {re.escape(str(folder / 'mlflow.db'))}"):
            resolve("20")
        with archive.archived_run("dcgan", "here", Config("17")) as run:
            keep(run, 20)
        assert resolve(run.id).iteration == 20
        assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlruns"}
        assert [path.name for path in workplace.iterdir()] == [folder.name]
    finally:
        mlflow.set_tracking_uri(None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", encoded)  # as `mlflow run` gives it
    assert "MLFLOW_TRACKING_URI" not in invocation.start("evaluate.py") and resolve(run.id).iteration == 20
    assert "--backend-store-uri" not in archive.browse_hint(run.id)


def test_an_archive_whose_files_a_server_keeps(workplace, monkeypatch):
    store.prepare()
    engine = sqlite3.connect("mlflow.db")
    with engine:
        engine.execute("update experiments set artifact_location = 'mlflow-artifacts:/0'")
    engine.close()
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")  # the user's choice: another one would keep its files here
    with (
        pytest.raises(UserError, match="start the server, and set MLFLOW_TRACKING_URI to its address"),
        archive.archived_run("dcgan", "here", Config("17")),
    ):
        pass


def test_an_archive_that_cannot_be_created(workplace, monkeypatch):
    Path("file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace}/file/mlflow.db")
    with pytest.raises(UserError, match="file can't be written"), archive.archived_run("dcgan", "x", Config("17")):
        pass


def test_an_archive_that_is_no_database(workplace):
    Path("mlflow.db").write_text("something else, and much of it " * 100)
    with pytest.raises(
        UserError, match="mlflow.db can't be opened: .*: the file is damaged; put a copy in its place"
    ):
        resolve("0" * 32)
    Path("mlflow.db").unlink()
    os.mkfifo("mlflow.db")
    with pytest.raises(UserError, match="mlflow.db can't be opened: it is no file; move it away"):
        resolve("0" * 32)


def test_a_store_that_mlflow_no_longer_has(workplace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{workplace}/mlruns")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI is"):
        resolve("0" * 32)


def test_looking_for_a_run_does_not_make_an_archive(workplace):
    with pytest.raises(UserError, match="there is no archive"):
        resolve("0" * 32)
    assert list(workplace.iterdir()) == []


def test_an_archive_that_a_full_disk_has_no_room_for_leaves_nothing(workplace, monkeypatch):
    from mlflow.store.tracking import sqlalchemy_store

    def full(address, folder):
        Path(address.removeprefix("sqlite:///")).write_text("half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlalchemy_store, "SqlAlchemyStore", full)
    with pytest.raises(UserError, match=r"can't be opened or created: .* is full: free some space on its disk"):
        store.prepare()
    assert [path.name for path in workplace.iterdir()] == ["mlflow.db.lock"]


def test_a_program_that_is_killed_while_it_creates_the_archive_leaves_none(workplace):
    program = "from gan.archive import store; store.prepare()"
    half = Path("mlflow.db.unfinished")
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        while process.poll() is None and not (half.exists() and half.stat().st_size):
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert half.exists() and not Path("mlflow.db").exists(), "it was stopped in the middle"
    store.prepare()
    assert Path("mlflow.db").exists() and not list(Path().glob("mlflow.db.unfinished*"))
    assert [experiment.name for experiment in mlflow.search_experiments()] == ["Default"]


def test_a_half_made_archive_is_told_with_its_remedy(workplace):
    store.prepare()
    with contextlib.closing(sqlite3.connect("mlflow.db")) as database:  # as if the last migrations were missing
        database.execute("DROP TABLE trace_tags")
        database.execute("DELETE FROM alembic_version")
        database.commit()
    Path("mlflow.db").rename("half.db")  # MLflow holds on to a database that it has opened under its name
    program = "from gan.archive import store; store.prepare()"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": f"sqlite:///{Path('half.db').resolve()}"},
    )  # fmt: skip
    assert process.returncode != 0
    assert re.search("half.db can't be .*: it was left half-made .*move it away and start again", process.stderr)


def test_a_copied_folder_is_noticed_and_mended(workplace, monkeypatch):
    store.prepare()
    with mlflow.start_run() as run:
        mlflow.log_text("kept", "note.txt")
    copy = workplace.with_name("copy")
    shutil.copytree(workplace, copy)
    monkeypatch.chdir(copy)
    with pytest.raises(UserError, match=rf"was copied or moved from {workplace}.*gan.commands.relocate"):
        store.prepare()
    relocate(RelocateConfig())
    store.prepare()
    shutil.rmtree(workplace)
    place = mlflow.get_run(run.info.run_id).info.artifact_uri
    assert place.startswith(str(copy)) and Path(place, "note.txt").read_text() == "kept"
    assert mlflow.artifacts.load_text(f"{place}/note.txt") == "kept"
    assert moved_from(copy / "mlflow.db") is None


def test_a_database_that_a_server_made_first_is_used(workplace):
    store.prepare()
    with contextlib.closing(sqlite3.connect("mlflow.db")) as database, database:
        database.execute("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'")
    for _ in range(2):
        number = experiment_of("")
        assert mlflow.get_experiment(number).artifact_location == str(workplace / "mlruns" / number)
    assert number != "0"


def test_the_first_experiment_is_named_and_another_program_s_is_not(workplace):
    store.prepare()
    open_for_training("0")
    assert mlflow.get_experiment("0").name == "GAN augmentation"
    mlflow.MlflowClient().rename_experiment("0", "Default")
    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0)
    open_for_training("0")
    assert mlflow.get_experiment("0").name == "Default"
