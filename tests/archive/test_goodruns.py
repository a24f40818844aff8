"""Every form of goodrun_ref, what is refused, and which checkpoint of a run is its best."""

import contextlib
import math
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from gan import archive, checkpoints
from gan.archive import goodruns
from gan.errors import UserError
from tests.made_up_archive import Config, keep, logged, resolve, scored_run, stored


def short_id(run) -> str:
    """The first digits of a run's id that can't be an iteration."""
    return next(run.run_id[:k] for k in range(8, 33) if not run.run_id[:k].isdecimal())


def test_none(own_archive):
    assert resolve("") is None


@pytest.mark.parametrize(
    ("reference", "iteration"),
    [
        ("{run}", 60),
        ("{run}/20", 20),
        ("40", 40),
        ("models:/signs@goodrun", 60),
        ("models:/signs/1", 60),
        ("runs:/{run}", 60),
        ("runs:/{run}/20", 20),
        ("{short}", 60),
        ("{short}/40", 40),
    ],
)
def test_forms_of_a_reference(own_archive, reference, iteration):
    found = resolve(reference.format(run=own_archive.run_id, short=short_id(own_archive)))
    assert (found.run_id, found.iteration) == (own_archive.run_id, iteration)
    assert found.info.iteration == iteration and checkpoints.whole(found.checkpoint)


def test_a_folder_that_holds_checkpoints(own_archive, tmp_path):
    for name in (20, 40):
        shutil.copy(resolve(f"{own_archive.run_id}/{name}").checkpoint, tmp_path)
    found = resolve(str(tmp_path))
    assert (found.run_id, found.iteration) == (own_archive.run_id, 40)


def test_of_a_folder_the_newest_whole_checkpoint_counts(own_archive, tmp_path):
    shutil.copy(resolve(f"{own_archive.run_id}/20").checkpoint, tmp_path)
    (tmp_path / checkpoints.file_name(40)).write_bytes(b"half written")
    assert resolve(str(tmp_path)).iteration == 20


def test_an_iteration_is_looked_for_in_the_newest_run_of_the_class(own_archive):
    with archive.archived_run("dcgan", "newer", Config("17")) as newer:
        keep(newer, 20)
    with archive.archived_run("dcgan", "another class, newest of all", Config("3")) as third:
        keep(third, 20, "3")
    assert resolve("20").run_id == newer.id
    assert resolve("40").run_id == own_archive.run_id
    assert archive.newest_run("dcgan", "17") == newer.id


def test_the_newest_run_with_traits_whose_checkpoint_suits(workplace):
    traits = {"class_val": "17"}
    with archive.archived_run("dcgan", "older", Config("17")) as older:
        keep(older, 20)
    with archive.archived_run("dcgan", "newer", Config("17")) as newer:
        keep(newer, 40)
    with archive.archived_run("dcgan", "newest, without a checkpoint", Config("17")):
        pass
    with archive.archived_run("dcgan", "another class", Config("3")) as third:
        keep(third, 60, "3")
    assert archive.newest_of("dcgan", traits).run_id == newer.id
    assert archive.newest_of("dcgan", traits, lambda info: info.iteration < 30).run_id == older.id
    assert archive.newest_of("dcgan", traits, lambda info: info.iteration > 50) is None
    assert archive.newest_of("pix2pix", traits) is None


def test_of_a_run_whose_newest_checkpoint_was_cut_off_the_one_before_counts(workplace):
    with archive.archived_run("dcgan", "killed", Config("17")) as run:
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


def test_what_is_no_file_of_the_archive_is_no_checkpoint(workplace):
    with archive.archived_run("dcgan", "strange", Config("17")) as run:
        keep(run, 20)
    folder = stored(run.id, 20).parent
    (folder / checkpoints.file_name(30)).symlink_to("/etc/passwd")
    os.mkfifo(folder / checkpoints.file_name(40))
    (folder / checkpoints.file_name(50)).mkdir()
    assert resolve(run.id).iteration == 20
    with pytest.raises(UserError, match=r"checkpoint-00000030\.npz of run .* can't be read: .*\.$"):
        resolve(f"{run.id}/30")
    for iteration in (40, 50):
        with pytest.raises(UserError, match="not a whole checkpoint|can't be read"):
            resolve(f"{run.id}/{iteration}")


@pytest.mark.parametrize("change", [
    "logged_models SET status = 99", "runs SET artifact_uri = X'00ff'", "runs SET artifact_uri = 'dbfs:/x'",
    "runs SET artifact_uri = 'ftp://127.0.0.1:9/x'", "runs SET artifact_uri = 'http://127.0.0.1:9/x'",
])  # fmt: skip
def test_an_archive_that_holds_nonsense_is_told(workplace, change):
    run = scored_run("strange", {20: 1.0})
    with contextlib.closing(sqlite3.connect("mlflow.db")) as opened, opened:
        opened.execute(f"UPDATE {change}")
    with pytest.raises(UserError, match=r"(the archive|the files of run) .* can't be (read|listed): .*\.$"):
        resolve(run)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("0" * 32, "there is no run"),
        ("{run}/50", "no checkpoint of iteration 50; it has 20, 40, 60"),
        ("50", "no run of class_val 17 has a checkpoint of iteration 50"),
        ("models:/signs@nothing", "no registered model"),
        ("models:/nothing@goodrun", "no registered model"),
        ("models:/signs", "neither models:/<name>@<alias> nor models:/<name>/<version>"),
        ("models:/signs/2", "no registered model"),
        ("0" * 9 + "f", "no run begins with 000000000f"),
        ("nowhere/at/all", "folder that exists"),
        ("{run}/../../x", "folder that exists"),
        ("images", "holds no checkpoint"),
        ("x" * 300, "folder that exists"),
        ("~no-such-user-at-all/x", "folder that exists"),
    ],
)
def test_what_is_not_found(own_archive, reference, words):
    Path("images").mkdir(exist_ok=True)
    with pytest.raises(UserError, match=words):
        resolve(reference.format(run=own_archive.run_id))


def test_a_run_without_checkpoints(own_archive):
    with archive.archived_run("dcgan", "empty", Config("17")) as run:
        pass
    with pytest.raises(UserError, match="has no checkpoint"):
        resolve(run.id)
    with pytest.raises(UserError, match="has logged no generator"):
        archive.register(run.id, "signs", "goodrun")
    assert archive.newest_run("dcgan", "17") == own_archive.run_id


def test_another_class_and_another_program(own_archive):
    with pytest.raises(UserError, match="trained on class_val 17, not 3"):
        resolve(own_archive.run_id, "3")
    with pytest.raises(UserError, match="made by dcgan"):
        archive.resolve(own_archive.run_id, "pix2pix", "17")


def test_pretrained_is_the_folder_of_the_project(own_archive, tmp_path, monkeypatch):
    folder = tmp_path / "project" / "gan" / "pretrained"
    folder.mkdir(parents=True)
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    with pytest.raises(UserError, match="holds no checkpoint"):
        resolve("pretrained")
    shutil.copy(resolve(f"{own_archive.run_id}/40").checkpoint, folder)
    found = resolve("pretrained")
    assert (found.run_id, found.iteration, found.checkpoint.parent) == (own_archive.run_id, 40, folder)


def test_without_pretrained_weights_it_is_a_sentence(workplace, monkeypatch):
    monkeypatch.setattr(goodruns, "ROOT", workplace / "project")
    with pytest.raises(UserError, match="goodrun_ref pretrained: this copy of the project came without") as error:
        resolve("pretrained")
    assert str(workplace / "project" / "gan" / "pretrained") in str(error.value) and "\n" not in str(error.value)


def test_a_folder_of_the_users_own_of_that_name_is_named_by_its_path(own_archive, tmp_path, monkeypatch):
    original = resolve(f"{own_archive.run_id}/20").checkpoint
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    Path("pretrained").mkdir()
    shutil.copy(original, "pretrained")
    assert resolve("./pretrained").iteration == 20
    with pytest.raises(UserError, match="or ./pretrained for a folder of your own"):
        resolve("pretrained")


def test_a_run_of_all_classes_is_one_of_each_where_that_is_asked_for(workplace):
    with archive.archived_run("dcgan", "all", Config("all")) as run:
        keep(run, 10, "all")
    for class_val in ("all", "17", "3"):
        assert archive.resolve(run.id, "dcgan", class_val, one_of_all=True).info.class_val == "all"
    assert resolve(run.id, "all").iteration == 10
    with pytest.raises(UserError, match="trained on class_val all, not 17"):
        resolve(run.id, "17")
    with archive.archived_run("dcgan", "one", Config("17")) as run:
        keep(run, 10, "17")
    with pytest.raises(UserError, match="trained on class_val 17, not all"):
        archive.resolve(run.id, "dcgan", "all", one_of_all=True)


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
    assert (found.run_id, found.iteration, found.info.iteration) == (best[name], iteration, iteration)
    assert resolve(f"{best[name]}/10").iteration == 10


@pytest.mark.parametrize(("name", "iteration"), [("worse late", 20), ("no number late", 10), ("unscored", 20)])
def test_promoting_a_run_registers_the_same_one(best, name, iteration):
    reference = archive.register(best[name], name.replace(" ", "-"), "goodrun")
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
    assert archive.history(best["worse late"], ["fid_held_out"]) == {"fid_held_out": ([10, 20, 30], [5.0, 1.0, 3.0])}


def test_a_score_that_is_no_number_is_kept_with_the_run_and_ranks_no_model(best):
    values = archive.history(best["no number late"], ["fid_held_out"])["fid_held_out"]
    assert values[0] == [10, 20] and values[1][0] == 7.0 and math.isnan(values[1][1])
    scored = {model.params["iteration"]: [m.key for m in model.metrics] for model in logged(best["no number late"])}
    assert sorted(scored["10"]) == ["diversity", "fid_held_out"] and scored["20"] == ["diversity"]


def test_a_damaged_best_one_falls_back_to_the_next_best(workplace):
    run_id = scored_run("damaged", {10: 2.0, 20: 1.0, 30: 3.0})
    assert resolve(run_id).iteration == 20
    path = stored(run_id, 20)
    path.write_bytes(path.read_bytes()[:-50])
    assert resolve(run_id).iteration == 10
