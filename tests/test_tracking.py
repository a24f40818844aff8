"""Every form of goodrun_ref, what is refused, and the archive's own promises."""

import dataclasses
import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pytest

from gan import checkpoints, tracking
from gan.errors import UserError


def resolve(reference, class_val="17"):
    return tracking.resolve(reference, "dcgan", class_val)


def test_none(archive):
    assert resolve("") is None


@pytest.mark.parametrize(
    ("reference", "iteration"), [("{run}", 60), ("{run}/20", 20), ("40", 40), ("models:/signs@goodrun", 60)]
)
def test_forms_of_a_reference(archive, reference, iteration):
    found = resolve(reference.format(run=archive.run_id))
    assert (found.run_id, found.iteration) == (archive.run_id, iteration)
    assert found.about.iteration == iteration and checkpoints.whole(found.checkpoint)


def test_a_folder_that_holds_checkpoints(archive, tmp_path):
    for name in (20, 40):
        shutil.copy(resolve(f"{archive.run_id}/{name}").checkpoint, tmp_path)
    found = resolve(str(tmp_path))
    assert (found.run_id, found.iteration) == (archive.run_id, 40)


def test_of_a_folder_the_newest_whole_checkpoint_counts(archive, tmp_path):
    shutil.copy(resolve(f"{archive.run_id}/20").checkpoint, tmp_path)
    (tmp_path / checkpoints.file_name(40)).write_bytes(b"half written")
    assert resolve(str(tmp_path)).iteration == 20


def test_an_iteration_is_looked_for_in_the_newest_run_of_the_class(archive, tmp_path):
    path = resolve(f"{archive.run_id}/20").checkpoint
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    other = dataclasses.make_dataclass("Config", [("class_val", str)])("3")
    with tracking.archived_run("dcgan", "newer", config) as newer:
        copy = tmp_path / checkpoints.file_name(20)
        about = dataclasses.replace(checkpoints.read_about(path), run_id=newer.id)
        with np.load(path) as archived:
            parts = {"averaged": [archived[name] for name in archived.files if name.startswith("averaged/")]}
        checkpoints.save(copy, about, parts)
        newer.keep_checkpoint(copy, [])
    with tracking.archived_run("dcgan", "another class, newest of all", other) as third:
        third.keep_checkpoint(copy, [])
    try:
        assert resolve("20").run_id == newer.id
        assert resolve("40").run_id == archive.run_id
        assert tracking.newest_run("dcgan", "17") == newer.id
    finally:
        for run in (newer, third):
            mlflow.delete_run(run.id)


def test_of_a_run_whose_newest_checkpoint_was_cut_off_the_one_before_counts(archive, tmp_path):
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    with tracking.archived_run("dcgan", "killed", config) as run:
        run.keep_checkpoint(resolve(f"{archive.run_id}/20").checkpoint, [])
        cut = tmp_path / checkpoints.file_name(30)
        cut.write_bytes(resolve(f"{archive.run_id}/40").checkpoint.read_bytes()[:50_000])
        run.keep_checkpoint(cut, [])
    try:
        assert resolve(run.id).iteration == 20
        with pytest.raises(UserError, match="not a whole checkpoint"):
            resolve(f"{run.id}/30")
    finally:
        mlflow.delete_run(run.id)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("0" * 32, "there is no run"),
        ("{run}/50", "no checkpoint of iteration 50; it has 20, 40, 60"),
        ("50", "no run of class_val 17 has a checkpoint of iteration 50"),
        ("models:/signs@nothing", "no registered model"),
        ("models:/nothing@goodrun", "no registered model"),
        ("models:/signs", "not of the form"),
        ("nowhere/at/all", "folder that exists"),
        ("{run}/../../x", "folder that exists"),
        ("images", "holds no checkpoint"),
        ("x" * 300, "folder that exists"),
        ("~no-such-user-at-all/x", "folder that exists"),
    ],
)
def test_what_is_not_found(archive, reference, words):
    Path("images").mkdir(exist_ok=True)
    with pytest.raises(UserError, match=words):
        resolve(reference.format(run=archive.run_id))


def test_a_run_without_checkpoints(archive):
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    with tracking.archived_run("dcgan", "empty", config) as run:
        pass
    with pytest.raises(UserError, match="has no checkpoint"):
        resolve(run.id)
    with pytest.raises(UserError, match="has logged no generator"):
        tracking.register(run.id, "signs", "goodrun")
    mlflow.delete_run(run.id)


def test_another_class_and_another_program(archive):
    with pytest.raises(UserError, match="trained on class_val 17, not 3"):
        resolve(archive.run_id, "3")
    with pytest.raises(UserError, match="made by dcgan"):
        tracking.resolve(archive.run_id, "pix2pix", "17")


def test_an_exception_in_a_run_marks_it_failed(workplace):
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    with pytest.raises(ZeroDivisionError), tracking.archived_run("dcgan", "fails", config) as run:
        raise ZeroDivisionError
    assert mlflow.get_run(run.id).info.status == "FAILED"


def test_the_run_that_mlflow_opened_is_adopted_with_its_parameters(workplace, monkeypatch):
    tracking._prepare_store()
    client = mlflow.MlflowClient()
    opened = client.create_run("0")
    client.log_param(opened.info.run_id, "class_val", "'17'")  # as `mlflow run` quotes it
    monkeypatch.setenv("MLFLOW_RUN_ID", opened.info.run_id)
    config = dataclasses.make_dataclass("Config", [("class_val", str), ("seed", int)])("17", 3)
    with tracking.archived_run("dcgan", "name", config) as run:
        assert run.id == opened.info.run_id
    done = mlflow.get_run(run.id)
    assert done.data.params == {"class_val": "'17'", "seed": "3"}
    assert done.data.tags["class_val"] == "17" and done.info.run_name == "name"
    stored = Path(mlflow.artifacts.download_artifacts(f"runs:/{run.id}/config.json")).read_text()
    assert json.loads(stored) == {"class_val": "17", "seed": 3}


def test_an_archive_that_cannot_be_created(workplace, monkeypatch):
    Path("file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace}/file/mlflow.db")
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    with pytest.raises(UserError, match="can't be opened or created"), tracking.archived_run("dcgan", "x", config):
        pass


def test_an_archive_that_is_no_database(workplace):
    Path("mlflow.db").write_text("something else, and much of it " * 100)
    with pytest.raises(UserError, match="can't be opened or created"):
        resolve("0" * 32)


def test_a_store_that_mlflow_no_longer_has(workplace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{workplace}/mlruns")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI is"):
        resolve("0" * 32)


def test_looking_for_a_run_does_not_make_an_archive(workplace):
    with pytest.raises(UserError, match="there is no archive"):
        resolve("0" * 32)
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "alias"), [("a@b", "good"), ("a/b", "good"), ("a", "latest"), ("a", "v1"), ("a", "")]
)
def test_names_that_a_reference_could_not_hold(name, alias):
    from gan.commands.promote import PromoteConfig

    with pytest.raises(UserError):
        PromoteConfig(run_id="0" * 32, name=name, alias=alias)


def test_checkpoints_that_are_let_go_are_gone(workplace, tmp_path):
    config = dataclasses.make_dataclass("Config", [("class_val", str)])("17")
    with tracking.archived_run("dcgan", "thin", config) as run:
        for k in (1, 2):
            path = tmp_path / checkpoints.file_name(k)
            path.write_bytes(b"x")
            run.keep_checkpoint(path, [checkpoints.file_name(1)] if k == 2 else [])
    assert tracking.checkpoint_names(run.id) == [checkpoints.file_name(2)]
