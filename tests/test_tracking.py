"""Every form of goodrun_ref, what is refused, and the archive's own promises."""

import dataclasses
import errno
import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
from conftest import ROOT
from mlflow.exceptions import MlflowException
from mlflow_server import mlflow_server

from gan import checkpoints, invocation, tracking
from gan.checkpoints import About
from gan.errors import UserError
from gan.tracking import goodruns, store

Config = dataclasses.make_dataclass("Config", [("class_val", str)])


def resolve(reference, class_val="17"):
    return tracking.resolve(reference, "dcgan", class_val)


def keep(run, iteration, class_val="17"):
    """Put a tiny checkpoint into a run."""
    data = {"name": "drawn", "digest": "0" * 16, "images": 5}
    about = About("dcgan", class_val, iteration, {"classes": 1}, {}, data, run.id)
    run.checkpoint(about, {"averaged": [np.full(3, iteration, np.float32)]})


def stored(run_id, iteration):
    """Where a checkpoint of a run lies in the archive."""
    (path,) = Path("mlruns").glob(f"**/{run_id}/**/{checkpoints.file_name(iteration)}")
    return path


def logged(run_id, order=None):
    return mlflow.search_logged_models(
        experiment_ids=["0"], filter_string=f"source_run_id='{run_id}'", order_by=order, output_format="list"
    )


def scored_run(name, scores):
    """The id of a run with a checkpoint and a logged model for each iteration; its scores are None or a number."""
    with tracking.archived_run("dcgan", name, Config("17")) as run:
        for iteration, score in scores.items():
            keep(run, iteration)
            values = {"diversity": 0.5} | ({} if score is None else {"fid_held_out": score})
            run.model(tiny(), np.zeros((1, 2), np.float32), iteration, values, "fid_held_out")
    return run.id


def tiny():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.name = "generator"
    return model


# --- where a checkpoint of a run is read


def test_of_a_store_on_this_machine_no_copy_is_made(archive):
    assert resolve(archive.run_id).checkpoint.samefile(stored(archive.run_id, 60))


def test_a_checkpoint_that_the_run_lets_go_of_can_still_be_read(workplace):
    with tracking.archived_run("dcgan", "still training", Config("17")) as run:
        for iteration in (20, 30):
            keep(run, iteration)
        found = resolve(f"{run.id}/20")
        run.drop([20])
        keep(run, 40)
        assert checkpoints.read_about(found.checkpoint).iteration == 20
        assert checkpoints.read_about(resolve(run.id).checkpoint).iteration == 40


def test_on_another_disk_the_file_of_the_store_is_read(archive, monkeypatch):
    def refuse(*given):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    assert resolve(archive.run_id).checkpoint == stored(archive.run_id, 60).resolve()


def test_files_that_the_archive_does_not_give_are_told_in_a_sentence(archive, monkeypatch):
    def refuse(*given, **options):
        raise MlflowException("the server is gone")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", refuse)
    with pytest.raises(UserError, match=r"checkpoint-00000060.npz of run .* can't be read: the server is gone"):
        resolve(f"{archive.run_id}/60")
    monkeypatch.setattr(mlflow.MlflowClient, "list_artifacts", refuse)
    with pytest.raises(UserError, match=r"the files of run .* can't be listed: the server is gone"):
        resolve(archive.run_id)
    assert tracking.newest_of("dcgan", {}) is None  # and no error: the next run may have what is looked for


def test_an_archive_in_a_folder_with_spaces(workplace, monkeypatch):
    folder = workplace / "my signs (1), ü"
    folder.mkdir()
    monkeypatch.chdir(folder)
    encoded = mlflow.get_tracking_uri()
    assert "my%20signs" in encoded
    try:
        with pytest.raises(UserError, match=f"there is no archive {re.escape(str(folder / 'mlflow.db'))}"):
            resolve("20")
        with tracking.archived_run("dcgan", "here", Config("17")) as run:
            keep(run, 20)
        assert resolve(run.id).iteration == 20
        assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlruns"}
        assert [path.name for path in workplace.iterdir()] == [folder.name]
    finally:
        mlflow.set_tracking_uri(None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", encoded)  # as `mlflow run` gives it
    assert "MLFLOW_TRACKING_URI" not in invocation.start("evaluate.py") and resolve(run.id).iteration == 20
    assert "--backend-store-uri" not in tracking.browse_hint(run.id)


def test_an_archive_whose_files_a_server_keeps(workplace):
    store.prepare()
    engine = sqlite3.connect("mlflow.db")
    with engine:
        engine.execute("update experiments set artifact_location = 'mlflow-artifacts:/0'")
    engine.close()
    with (
        pytest.raises(UserError, match="start the server, and set MLFLOW_TRACKING_URI to its address"),
        tracking.archived_run("dcgan", "here", Config("17")),
    ):
        pass


@pytest.mark.slow
def test_of_a_server_the_copy_goes_when_the_program_ends(workplace):
    (workplace / "temporary").mkdir()
    program = """
        import dataclasses, numpy, pathlib, tempfile, gan.tracking as tracking
        from gan import checkpoints
        from gan.checkpoints import About
        Config = dataclasses.make_dataclass("Config", [("class_val", str)])
        with tracking.archived_run("dcgan", "served", Config("17")) as run:
            data = {"name": "drawn", "digest": "0" * 16, "images": 5}
            about = About("dcgan", "17", 20, {"classes": 1}, {}, data, run.id)
            run.checkpoint(about, {"averaged": [numpy.arange(3.0)]})
        found = tracking.resolve(run.id, "dcgan", "17").checkpoint
        assert pathlib.Path(tempfile.gettempdir()) in found.parents, found
        assert checkpoints.whole(found)
        print(run.id)
    """
    kept_in = "--backend-store-uri", "sqlite:///served.db", "--artifacts-destination", "served"
    with mlflow_server(*kept_in, cwd=workplace) as address:
        environment = os.environ | {"MLFLOW_TRACKING_URI": address, "TMPDIR": str(workplace / "temporary")}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd=workplace,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()[-1]) == 32
    assert not list((workplace / "temporary").rglob("*.npz"))


# --- the forms of a reference


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


def test_an_iteration_is_looked_for_in_the_newest_run_of_the_class(archive):
    with tracking.archived_run("dcgan", "newer", Config("17")) as newer:
        keep(newer, 20)
    with tracking.archived_run("dcgan", "another class, newest of all", Config("3")) as third:
        keep(third, 20, "3")
    try:
        assert resolve("20").run_id == newer.id
        assert resolve("40").run_id == archive.run_id
        assert tracking.newest_run("dcgan", "17") == newer.id
    finally:
        for run in (newer, third):
            mlflow.delete_run(run.id)


def test_of_a_run_whose_newest_checkpoint_was_cut_off_the_one_before_counts(workplace):
    with tracking.archived_run("dcgan", "killed", Config("17")) as run:
        keep(run, 20)
        keep(run, 30)
    cut = stored(run.id, 30)
    cut.write_bytes(cut.read_bytes()[:-50])
    assert resolve(run.id).iteration == 20
    with pytest.raises(UserError, match="not a whole checkpoint"):
        resolve(f"{run.id}/30")
    stored(run.id, 20).write_bytes(b"")
    with pytest.raises(UserError, match="every checkpoint of run .* is damaged"):
        resolve(run.id)


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
    with tracking.archived_run("dcgan", "empty", Config("17")) as run:
        pass
    with pytest.raises(UserError, match="has no checkpoint"):
        resolve(run.id)
    with pytest.raises(UserError, match="has logged no generator"):
        tracking.register(run.id, "signs", "goodrun")
    assert tracking.newest_run("dcgan", "17") == archive.run_id
    mlflow.delete_run(run.id)


def test_another_class_and_another_program(archive):
    with pytest.raises(UserError, match="trained on class_val 17, not 3"):
        resolve(archive.run_id, "3")
    with pytest.raises(UserError, match="made by dcgan"):
        tracking.resolve(archive.run_id, "pix2pix", "17")


def test_an_exception_in_a_run_marks_it_failed(workplace):
    with pytest.raises(ZeroDivisionError), tracking.archived_run("dcgan", "fails", Config("17")) as run:
        raise ZeroDivisionError
    assert mlflow.get_run(run.id).info.status == "FAILED"


def test_the_run_that_mlflow_opened_is_adopted_with_its_parameters(workplace, monkeypatch):
    store.prepare()
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
    with pytest.raises(UserError, match="can't be opened"), tracking.archived_run("dcgan", "x", Config("17")):
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


def test_a_run_of_its_own_leaves_the_one_that_mlflow_opened_to_the_next(workplace, monkeypatch):
    store.prepare()
    opened = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    with tracking.archived_run("classifier", "needed for it", Config("all"), own=True) as other:
        assert other.id != opened
    with tracking.archived_run("dcgan", "what was started", Config("17")) as run:
        assert run.id == opened


# --- scores: the best checkpoint


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    """A folder with an archive, and its runs by name."""
    folder = tmp_path_factory.mktemp("ranked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        runs = {
            "worse late": scored_run("worse late", {10: 5.0, 20: 1.0, 30: 3.0}),
            "no number": scored_run("no number", {10: math.nan, 20: math.nan}),
            "infinite": scored_run("infinite", {10: math.inf, 20: math.inf}),
            "no number late": scored_run("no number late", {10: 7.0, 20: math.nan}),
            "unscored": scored_run("unscored", {10: None, 20: None}),
            "equal": scored_run("equal", {10: 2.0, 20: 2.0, 30: 4.0}),
        }
    return folder, runs


@pytest.fixture
def best(ranked, monkeypatch):
    """The ids of the ranked runs by name, with their folder as the working folder."""
    monkeypatch.chdir(ranked[0])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return ranked[1]


BEST = {"worse late": 20, "no number": 20, "infinite": 20, "no number late": 10, "unscored": 20, "equal": 20}


@pytest.mark.parametrize(("name", "iteration"), BEST.items())
def test_a_run_id_is_its_best_checkpoint_and_else_its_last(best, name, iteration):
    found = resolve(best[name])
    assert (found.run_id, found.iteration, found.about.iteration) == (best[name], iteration, iteration)
    assert resolve(f"{best[name]}/10").iteration == 10


@pytest.mark.parametrize(("name", "iteration"), [("worse late", 20), ("no number late", 10), ("unscored", 20)])
def test_promoting_a_run_registers_the_same_one(best, name, iteration):
    reference = tracking.register(best[name], name.replace(" ", "-"), "goodrun")
    assert reference == f"models:/{name.replace(' ', '-')}@goodrun"
    assert (resolve(reference).run_id, resolve(reference).iteration) == (best[name], iteration)


def test_scores_hang_at_the_models_and_rank_them(best):
    order = [{"field_name": "metrics.fid_held_out", "ascending": True}]
    models = logged(best["worse late"], order)
    assert [model.params["iteration"] for model in models] == ["20", "30", "10"]
    for model, value in zip(models, (1.0, 3.0, 5.0), strict=True):
        metrics = {metric.key: (metric.value, metric.step) for metric in model.metrics}
        iteration = int(model.params["iteration"])
        assert metrics == {"fid_held_out": (value, iteration), "diversity": (0.5, iteration)}
    assert tracking.history(best["worse late"], ["fid_held_out"]) == {"fid_held_out": ([10, 20, 30], [5.0, 1.0, 3.0])}


def test_a_score_that_is_no_number_is_kept_with_the_run_and_ranks_no_model(best):
    values = tracking.history(best["no number late"], ["fid_held_out"])["fid_held_out"]
    assert values[0] == [10, 20] and values[1][0] == 7.0 and math.isnan(values[1][1])
    scored = {model.params["iteration"]: [m.key for m in model.metrics] for model in logged(best["no number late"])}
    assert sorted(scored["10"]) == ["diversity", "fid_held_out"] and scored["20"] == ["diversity"]


def test_a_damaged_best_one_falls_back_to_the_next_best(workplace):
    run_id = scored_run("damaged", {10: 2.0, 20: 1.0, 30: 3.0})
    assert resolve(run_id).iteration == 20
    path = stored(run_id, 20)
    path.write_bytes(path.read_bytes()[:-50])
    assert resolve(run_id).iteration == 10


def test_a_model_that_was_being_logged_when_the_program_was_killed_is_not_registered(workplace):
    run_id = scored_run("killed", {10: None})
    mlflow.initialize_logged_model("generator", run_id, params={"iteration": "20"})
    with tracking.archived_run("dcgan", "killed at its first", Config("17")) as first:
        mlflow.initialize_logged_model("generator", first.id, params={"iteration": "10"})
    assert resolve(tracking.register(run_id, "signs", "goodrun")).iteration == 10
    with pytest.raises(UserError, match="has logged no generator"):
        tracking.register(first.id, "signs", "goodrun")


def test_what_is_let_go_is_gone_with_its_models_but_for_what_the_user_has_registered(workplace):
    run_id = scored_run("thin", {10: 3.0, 20: 2.0, 30: 1.0})
    reference = tracking.register(run_id, "signs", "goodrun")
    gone = [model for model in logged(run_id) if model.params["iteration"] in ("10", "20")]
    before = {path for path in Path("mlruns").rglob("*") if path.is_file()}
    tracking.Run(run_id).drop([])
    assert before == {path for path in Path("mlruns").rglob("*") if path.is_file()}
    tracking.Run(run_id).drop([10, 20, 30])
    assert tracking.checkpoint_names(run_id) == [checkpoints.file_name(30)]
    assert [model.params["iteration"] for model in logged(run_id)] == ["30"]
    left = {path for path in Path("mlruns").rglob("*") if path.is_file()}
    dropped = {path for path in before if any(model.model_id in str(path) for model in gone)}
    dropped |= {path for path in before if path.name in map(checkpoints.file_name, (10, 20))}
    assert len(dropped) > 4 and left == before - dropped
    assert resolve(reference).iteration == 30
    mlflow.keras.load_model(logged(run_id)[0].model_uri)


# --- the weights that come with the project


def test_pretrained_is_the_folder_of_the_project(archive, tmp_path, monkeypatch):
    folder = tmp_path / "project" / "gan" / "pretrained"
    folder.mkdir(parents=True)
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    with pytest.raises(UserError, match="holds no checkpoint"):
        resolve("pretrained")
    shutil.copy(resolve(f"{archive.run_id}/40").checkpoint, folder)
    found = resolve("pretrained")
    assert (found.run_id, found.iteration, found.checkpoint.parent) == (archive.run_id, 40, folder)


def test_without_pretrained_weights_it_is_a_sentence(workplace, monkeypatch):
    monkeypatch.setattr(goodruns, "ROOT", workplace / "project")
    with pytest.raises(UserError, match="goodrun_ref pretrained: this copy of the project came without") as error:
        resolve("pretrained")
    assert str(workplace / "project" / "gan" / "pretrained") in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_the_users_own_of_that_name_is_named_by_its_path(archive, tmp_path, monkeypatch):
    original = resolve(f"{archive.run_id}/20").checkpoint
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    Path("pretrained").mkdir()
    shutil.copy(original, "pretrained")
    assert resolve("./pretrained").iteration == 20
    with pytest.raises(UserError, match="or ./pretrained for a folder of your own"):
        resolve("pretrained")


def test_a_run_of_all_classes_is_one_of_each_where_that_is_asked_for(workplace):
    with tracking.archived_run("dcgan", "all", Config("all")) as run:
        keep(run, 10, "all")
    for class_val in ("all", "17", "3"):
        assert tracking.resolve(run.id, "dcgan", class_val, one_of_all=True).about.class_val == "all"
    assert resolve(run.id, "all").iteration == 10
    with pytest.raises(UserError, match="trained on class_val all, not 17"):
        resolve(run.id, "17")
    with tracking.archived_run("dcgan", "one", Config("17")) as run:
        keep(run, 10, "17")
    with pytest.raises(UserError, match="trained on class_val 17, not all"):
        tracking.resolve(run.id, "dcgan", "all", one_of_all=True)


# --- histories


def test_the_history_of_a_run(archive):
    found = tracking.history(archive.run_id, ["generator_loss", "no such metric"])
    assert list(found) == ["generator_loss"]
    steps, values = found["generator_loss"]
    assert steps == [20, 25, 30, 40, 50, 60] and all(map(math.isfinite, values))


def test_a_run_that_the_archive_does_not_have_has_no_history(archive, tmp_path, monkeypatch):
    assert tracking.history("0" * 32, ["generator_loss"]) == {}
    monkeypatch.chdir(tmp_path)
    assert tracking.history(archive.run_id, ["generator_loss"]) == {}
