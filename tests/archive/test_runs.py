"""What a run of the archive keeps, lets go of, and registers."""

import dataclasses
import errno
import json
import math
from pathlib import Path

import mlflow
import psutil
import pytest

from gan import archive, checkpoints
from gan.archive import killed, store
from gan.errors import UserError
from tests.made_up_archive import Config, keep, logged, resolve, scored_run, stored


@pytest.mark.parametrize(("error", "status"), [(ZeroDivisionError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_an_exception_in_a_run_marks_it(workplace, error, status):
    with pytest.raises(error), archive.archived_run("dcgan", "ends", Config("17")) as run:
        raise error
    assert mlflow.get_run(run.id).info.status == status


def test_a_run_whose_process_was_killed_is_marked_by_a_later_one(workplace, monkeypatch):
    own, last = killed.process(), 2**22 + 1  # no process has such a number
    place, number, began, *boot = own.split()
    dead, reused = " ".join([place, str(last), began, *boot]), f"{place} {number} 5"
    before = f"{place} {number} {psutil.Process().create_time():.0f}"  # as earlier versions wrote it
    running = dict.fromkeys((f"other/{dead}", own, before, "damaged"), "RUNNING")
    tags = running | {dead: "KILLED", reused: "KILLED"}
    if boot:
        tags[f"{place} {number} {began} another-start-of-the-machine"] = "KILLED"
        # The clock is put forward a day: what stands in /proc/stat as the start of the machine moves with it.
        started = psutil._pslinux.boot_time()
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: started + 86_400)
        monkeypatch.setattr(psutil, "boot_time", lambda: started + 86_400)
        tags[before] = "KILLED"
    store.prepare()
    runs = {mlflow.MlflowClient().create_run("0", tags={killed.PROCESS: tag}).info.run_id: tag for tag in tags}
    with archive.archived_run("dcgan", "later", Config("17")):
        assert {tag: mlflow.get_run(run_id).info.status for run_id, tag in runs.items()} == tags


def test_a_run_that_is_stopped_while_it_is_opened_is_killed(workplace, monkeypatch):
    opened = []

    def open_and_stop(**given):
        opened.append(mlflow.MlflowClient().create_run("0", tags=given["tags"]).info.run_id)
        raise KeyboardInterrupt

    store.prepare()
    monkeypatch.setattr(mlflow, "start_run", open_and_stop)
    with pytest.raises(KeyboardInterrupt), archive.archived_run("dcgan", "opened", Config("17")):
        pass
    run = mlflow.get_run(opened[0])
    assert run.info.status == "KILLED" and run.data.tags[killed.PROCESS] == killed.process()


def test_a_run_below_another_one_is_killed_with_it(workplace, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        archive.archived_run("study", "above", Config("17")) as run,
        monkeypatch.context() as patch,
    ):
        patch.setattr(mlflow.MlflowClient, "log_batch", stop)
        archive.log_child(run, "below", {}, {})
    assert {found.info.status for found in store.search("")} == {"KILLED"} and len(store.search("")) == 2


def test_files_that_were_half_stored_when_a_program_was_killed_are_removed(workplace):
    last = 2**22 + 1  # no process has such a number
    dead = f"{killed.process().rsplit(' ', 2)[0]} {last} 5"
    with archive.archived_run("dcgan", "first", Config("17")) as run:
        pass
    client, root = mlflow.MlflowClient(), Path(store.local_folder(mlflow.get_run(run.id).info.artifact_uri))
    for name in (".artifact.uploading.abc", "checkpoints/.artifact.uploading.def"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    client.set_tag(run.id, killed.PROCESS, dead)
    client.update_run(run.id, "RUNNING")
    with archive.archived_run("dcgan", "later", Config("17")):
        assert [path.name for path in root.rglob("*") if path.is_file()] == ["config.json"]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_checkpoint_is_on_the_disk_before_the_run_goes_on(workplace, monkeypatch, elsewhere):
    synced, moved = [], Path.replace

    def other_disk(path, target):
        if "artifacts" in str(target):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return moved(path, target)

    monkeypatch.setattr(store, "sync", lambda path: synced.append(path.name))
    if elsewhere:
        monkeypatch.setattr(Path, "replace", other_disk)
    with archive.archived_run("dcgan", "kept", Config("17")) as run:
        keep(run, 20)
        assert synced == ["checkpoint-00000020.npz"] * elsewhere + ["checkpoints"]
        assert checkpoints.whole(stored(run.id, 20)) and store.checkpoints_of(run.id) == {20: stored(run.id, 20).name}
    assert not list(workplace.rglob(".*"))


def test_the_run_that_mlflow_opened_is_adopted_with_its_parameters(workplace, monkeypatch):
    store.prepare()
    client = mlflow.MlflowClient()
    opened = client.create_run("0")
    client.log_param(opened.info.run_id, "class_val", "'17'")  # as `mlflow run` quotes it
    monkeypatch.setenv("MLFLOW_RUN_ID", opened.info.run_id)
    config = dataclasses.make_dataclass("Config", [("class_val", str), ("seed", int)])("17", 3)
    with archive.archived_run("dcgan", "name", config) as run:
        assert run.id == opened.info.run_id
    done = mlflow.get_run(run.id)
    assert done.data.params == {"class_val": "'17'", "seed": "3"}
    assert done.data.tags["class_val"] == "17" and done.info.run_name == "name"
    stored = Path(mlflow.artifacts.download_artifacts(f"runs:/{run.id}/config.json")).read_text()
    assert json.loads(stored) == {"class_val": "17", "seed": 3}


def test_a_run_of_its_own_leaves_the_one_that_mlflow_opened_to_the_next(workplace, monkeypatch):
    store.prepare()
    opened = mlflow.MlflowClient().create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)
    with archive.archived_run("classifier", "needed for it", Config("all"), own=True) as other:
        assert other.id != opened
    with archive.archived_run("dcgan", "what was started", Config("17")) as run:
        assert run.id == opened


@pytest.mark.parametrize(
    ("name", "alias"), [("a@b", "good"), ("a/b", "good"), ("a", "latest"), ("a", "v1"), ("a", "")]
)
def test_names_that_a_reference_could_not_hold(name, alias):
    from gan.commands.promote import PromoteConfig

    words = "name without / @ :" if name != "a" else "small letter, and small letters, .* are MLflow's own"
    with pytest.raises(UserError, match=f"is a {words}.*, not '{alias if name == 'a' else name}'"):
        PromoteConfig(run_id="0" * 32, name=name, alias=alias)


def test_a_model_that_was_being_logged_when_the_program_was_killed_is_not_registered(workplace):
    run_id = scored_run("killed", {10: None})
    mlflow.initialize_logged_model("generator", run_id, params={"iteration": "20"})
    with archive.archived_run("dcgan", "killed at its first", Config("17")) as first:
        mlflow.initialize_logged_model("generator", first.id, params={"iteration": "10"})
    assert resolve(archive.register(run_id, "signs", "goodrun")).iteration == 10
    with pytest.raises(UserError, match="has logged no generator"):
        archive.register(first.id, "signs", "goodrun")


def test_what_is_let_go_is_gone_with_its_models_but_for_what_the_user_has_registered(workplace):
    run_id = scored_run("thin", {10: 3.0, 20: 2.0, 30: 1.0})
    reference = archive.register(run_id, "signs", "goodrun")
    gone = [model for model in logged(run_id) if model.params["iteration"] in ("10", "20")]
    before = {path for path in Path("mlruns").rglob("*") if path.is_file()}
    archive.Run(run_id).delete([])
    assert before == {path for path in Path("mlruns").rglob("*") if path.is_file()}
    archive.Run(run_id).delete([10, 20, 30])
    assert archive.checkpoint_names(run_id) == [checkpoints.file_name(30)]
    assert [model.params["iteration"] for model in logged(run_id)] == ["30"]
    left = {path for path in Path("mlruns").rglob("*") if path.is_file()}
    dropped = {path for path in before if any(model.model_id in str(path) for model in gone)}
    dropped |= {path for path in before if path.name in map(checkpoints.file_name, (10, 20))}
    assert len(dropped) > 4 and left == before - dropped
    assert resolve(reference).iteration == 30
    mlflow.keras.load_model(logged(run_id)[0].model_uri)


def test_the_history_of_a_run(own_archive):
    found = archive.history(own_archive.run_id, ["generator_loss", "no such metric"])
    assert list(found) == ["generator_loss"]
    steps, values = found["generator_loss"]
    assert steps == [20, 25, 30, 40, 50, 60] and all(map(math.isfinite, values))


def test_a_run_that_the_archive_does_not_have_has_no_history(own_archive, tmp_path, monkeypatch):
    assert archive.history("0" * 32, ["generator_loss"]) == {}
    monkeypatch.chdir(tmp_path)
    assert archive.history(own_archive.run_id, ["generator_loss"]) == {}


def test_the_experiment_opens_for_training_with_a_description(workplace):
    with archive.archived_run("dcgan", "first", Config("17")):
        pass
    experiment = mlflow.get_experiment("0")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "report.html" in experiment.tags["mlflow.note.content"]
    mlflow.MlflowClient().set_experiment_tag("0", "mlflow.experimentKind", "genai_development")
    with archive.archived_run("dcgan", "second", Config("17")):
        pass
    assert mlflow.get_experiment("0").tags["mlflow.experimentKind"] == "genai_development", "the user's choice wins"


def test_an_evaluation_stands_in_the_experiment_of_its_run(workplace, monkeypatch):
    with archive.archived_run("prepare", "makes the archive", Config("17")):
        pass
    other = mlflow.create_experiment("signs")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    with archive.archived_run("dcgan", "trained", Config("17")) as trained:
        pass
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    with archive.archived_run("evaluate", "scored", Config("17"), beside=trained.id) as scored:
        pass
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    with archive.archived_run("evaluate", "where the user says", Config("17"), beside=trained.id) as chosen:
        pass
    found = [mlflow.get_run(run.id).info.experiment_id for run in (trained, scored, chosen)]
    assert found == [other, other, "0"]


def test_images_of_an_evaluation_lie_in_a_folder(workplace):
    (workplace / "out" / "07").mkdir(parents=True)
    for name in ("00000.png", "contact-sheet.png", "report.html", "07/00000.png"):
        (workplace / "out" / name).write_bytes(b"x")
    with archive.archived_run("evaluate", "scored", Config("17")) as run:
        run.evaluation(workplace / "out")
    client = mlflow.MlflowClient()
    top = {file.path for file in client.list_artifacts(run.id)}
    assert top == {"config.json", "contact-sheet.png", "images", "report.html"}
    assert {file.path for file in client.list_artifacts(run.id, "images")} == {"images/00000.png", "images/07"}


def test_a_run_that_mlflow_opened_for_a_promotion_gets_a_name(workplace, monkeypatch):
    with archive.adopted_run("promote", "promote signs@goodrun", Config("17")):
        assert not (workplace / "mlflow.db").exists(), "without one, none is opened"
    with archive.archived_run("dcgan", "makes the archive", Config("17")):
        pass
    opened = mlflow.MlflowClient().create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", opened.info.run_id)
    with archive.adopted_run("promote", "promote signs@goodrun", Config("17")):
        pass
    found = mlflow.get_run(opened.info.run_id)
    assert (found.info.run_name, found.info.status) == ("promote signs@goodrun", "FINISHED")


def test_a_better_generator_keeps_its_name_unless_it_is_forced(workplace):
    client = mlflow.MlflowClient()
    good, worse, better, other = (scored_run("run", {10: score}) for score in (2.0, 3.0, 1.0, 9.0))
    client.set_tag(other, "data_digest", "of other data")

    def under(alias: str) -> str:
        return client.get_model_version_by_alias("signs", alias).tags["run"].partition("/")[0]

    archive.register(good, "signs", "goodrun", "research only")
    first = client.get_model_version_by_alias("signs", "goodrun")
    assert first.tags["data_licence"] == "research only" and first.tags["data_digest"]
    assert good in first.description and "fid_held_out 2.000" in first.description
    assert "models:/signs@goodrun" in client.get_registered_model("signs").description
    with pytest.raises(UserError, match=rf"is run {good}, .* 2\.000, this one 3\.000.*force=true"):
        archive.register(worse, "signs", "goodrun")
    assert under("goodrun") == good
    archive.register(worse, "signs", "goodrun", force=True)
    assert (under("goodrun"), under("previous")) == (worse, good)
    archive.register(better, "signs", "goodrun")
    archive.register(other, "signs", "goodrun")  # of other data: nothing to compare
    assert (under("goodrun"), under("previous")) == (other, better)
