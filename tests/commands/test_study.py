"""The command from end to end: generators, experiments, results, the archive, and going on after an interruption."""

import dataclasses
import json
import signal
import types
from pathlib import Path

import mlflow
import numpy as np
import pytest

from gan import archive, checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.commands import study as command
from gan.commands.study import StudyConfig, main, settled
from gan.config import READING
from gan.data.gtsrb import read_signs
from gan.data.sets import open_images, select
from gan.data.split import cut
from gan.dcgan import balance
from gan.errors import UserError
from gan.study import signs as signs_study
from gan.study.grid import Cell
from tests import conftest

QUICK = {"seeds": 2, "steps": 3, "batch_size": 8, "gan_iterations": 2, "output": "out"}


def refused(capsys, **changed) -> str:
    return conftest.refused(capsys, StudyConfig, main, **changed)


def run(**changed) -> int:
    """The exit status of the command."""
    with pytest.raises(SystemExit) as stopped:
        conftest.run_script(StudyConfig, main, **changed)
    return stopped.value.code


def newest(kind: str):
    return mlflow.search_runs(
        filter_string=f"tags.`gan.kind` = '{kind}'", order_by=["attributes.start_time DESC"], output_format="list"
    )


# --- mistakes


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"task": "faces"}, "task is signs or scenes"),
        ({"arms": "fake"}, "arms are some of real"),
        ({"regimes": "0"}, "regimes are full and numbers of tracks"),
        ({"seeds": 0}, "seeds is from 1 to 100"),
        ({"steps": -1}, "steps is from 1 to 1000000"),
        ({"batch_size": 1}, "batch_size is from 2 to 4096"),
        ({"gan_iterations": 0}, "gan_iterations is from 1 to"),
        ({"gan_drawn": -1}, "gan_drawn is from 0 to 10000"),
        ({"gan_seeds": 6}, "gan_seeds is from 1 to seeds (5)"),
        ({"quality": 1.0}, "quality is from 0 to below 1"),
        ({"precision": "half"}, "precision is float32 or bfloat16"),
        ({"workers": 0}, "workers is from 1 to 64"),
        ({"steps": "many"}, "steps is a whole number"),
        ({"data": "nowhere", "arms": "real"}, "data nowhere does not exist"),
    ],
)
def test_wrong_parameters_are_one_sentence(capsys, workplace, changed, words) -> None:
    assert words in refused(capsys, **changed)


@pytest.mark.parametrize("task", command.TASKS)
def test_what_is_left_open_is_what_the_task_means(task) -> None:
    config = settled(StudyConfig(task=task))
    assert {name: getattr(config, name) for name in command.LEFT_OPEN[task]} == command.LEFT_OPEN[task]
    given = StudyConfig(task=task, data="mine", regimes="full", steps=7)
    assert settled(given) == given


def test_own_images_are_read_as_the_good_run_read_them(monkeypatch, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.png").touch()
    info = types.SimpleNamespace(config={"fit": "pad", "groups": "folder"}, network={"size": 64})
    monkeypatch.setattr(archive, "resolve", lambda *_: types.SimpleNamespace(info=info))
    own = StudyConfig(data=str(tmp_path), goodrun_ref="4f00", groups="^(.)")
    config = settled(own)
    assert (config.image_size, config.fit, config.groups, config.regimes) == (64, "pad", "^(.)", "full")
    assert settled(dataclasses.replace(own, goodrun_ref="")).image_size is None


def test_a_folder_of_somebody_else_is_left_alone(capsys, workplace) -> None:
    (workplace / "thesis").mkdir()
    (workplace / "thesis" / "chapter.txt").write_text("mine")
    assert "holds other files already" in refused(capsys, output="thesis")
    assert [path.name for path in (workplace / "thesis").iterdir()] == ["chapter.txt"]


def good_run(folder: Path, signs_folder: str, **config) -> str:
    """A folder that passes for a good run of all classes, as far as it is looked at."""
    signs = open_images(signs_folder)
    learned = select(signs, None, config.get("use_test", False), config.get("use_held_out", True))
    digest = config.pop("digest", learned.digest())
    data = {
        "name": signs_folder,
        "digest": digest,
        "images": len(learned),
        "learned_before": config.pop("before", []),
    }
    info = CheckpointInfo("dcgan", config.pop("class_val", "all"), 5, {"classes": 43}, config, data, "f" * 32)
    folder.mkdir()
    checkpoints.save(folder / checkpoints.file_name(5), info, {"averaged": [np.zeros(3, np.float32)]})
    return str(folder)


def test_a_good_run_that_knows_the_test_parts_is_refused(capsys, workplace, signs_folder) -> None:
    chosen = {"data": signs_folder, "arms": "real,generated", "regimes": "full"}
    knows = {"use_held_out": True, "use_test": False}
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "a", signs_folder, **knows))
    assert "was trained with use_held_out=true: it has learned signs that the study tests on" in error
    knows = {"use_held_out": False, "use_test": True}
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "b", signs_folder, **knows))
    assert "was trained with use_test=true" in error
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "c", signs_folder))  # of an early version
    assert "was trained with use_held_out=true" in error
    knows = {"use_held_out": False, "use_test": False, "digest": "0123456789abcdef"}
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "d", signs_folder, **knows))
    assert "was trained on other images" in error and "may know signs that the study tests on" in error
    knows = {"use_held_out": False, "use_test": False, "before": ["0123456789abcdef"]}
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "e", signs_folder, **knows))
    assert "was trained on other images" in error and "or before that" in error
    assert "no run id" in refused(capsys, **chosen, goodrun_ref="nonsense")


def test_a_good_run_that_the_study_can_not_use_is_told_in_its_own_words(capsys, workplace, signs_folder) -> None:
    chosen = {"data": signs_folder, "arms": "real,generated", "regimes": "full"}
    knows = {"use_held_out": False, "use_test": False, "drawn": 300}
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "a", signs_folder, **knows))
    assert "has learned 300 drawn signs of each class" in error and "give gan_drawn=300, or another run" in error
    error = refused(capsys, **chosen, goodrun_ref=good_run(workplace / "b", signs_folder, class_val="17"))
    assert "was trained on class_val 17, not all; give a good run of class_val all" in error
    assert "goodrun_ref generates in the regime full only; leave it out" in refused(
        capsys, **(chosen | {"regimes": "2"}), goodrun_ref="pretrained"
    )


def test_the_room_on_the_disk_grows_with_the_generators(monkeypatch, signs_folder, workplace, capsys) -> None:
    asked = []

    def require_writable(folder, free):
        asked.append(free)
        raise UserError("enough")

    monkeypatch.setattr(command, "require_writable", require_writable)
    for options in ({"arms": "real"}, {"regimes": "2"}, {"regimes": "full,2", "gan_seeds": "3"}):
        refused(capsys, data=signs_folder, **options)
    assert asked[1] - asked[0] == 4e8 and asked[2] - asked[0] == 6 * 4e8


# --- what runs


@pytest.fixture
def counted(monkeypatch):
    """Experiments that take no time; a list of those that were run. The fourth can be made to fail."""
    ran = []
    monkeypatch.setattr(ran_at := signs_study.SignStudy, "stop_at", None, raising=False)

    def run_cell(self, cell, tick):
        if ran_at.stop_at == len(ran):
            raise KeyboardInterrupt
        ran.append(cell)
        tick(self.steps)
        return dict.fromkeys(self.design.measures, 0.5 + 0.1 * (cell.arm == "weights") + 0.01 * cell.seed)

    monkeypatch.setattr(signs_study.SignStudy, "run_cell", run_cell)
    monkeypatch.setattr(signs_study.SignStudy, "lifetime", 0)  # in this process
    return ran


def test_an_interrupted_study_keeps_what_is_finished_and_says_how_to_go_on(
    workplace, signs_folder, counted, capsys, monkeypatch
) -> None:
    chosen = QUICK | {"data": signs_folder, "arms": "real,weights", "regimes": "full,2"}
    monkeypatch.setattr(signs_study.SignStudy, "stop_at", 3)
    assert run(**chosen) == 128 + signal.SIGINT
    said = capsys.readouterr().out
    assert "finished experiments are kept in" in said
    line = said.strip().splitlines()[-1]
    options = dict(zip(*[iter(line.partition("gan.commands.study ")[2].split())] * 2, strict=True))
    assert "-m gan.commands.study --" in line
    assert {name.removeprefix("--"): value for name, value in options.items()} == {
        k: str(v) for k, v in chosen.items()
    }
    assert newest("study")[0].info.status == "KILLED"
    monkeypatch.setattr(signs_study.SignStudy, "stop_at", None)
    assert run(**chosen) == 0
    assert len(counted) == len(set(counted)) == 8 and newest("study")[0].info.status == "FINISHED"
    assert run(**chosen) == 0 and len(counted) == 8


def test_results_are_in_the_folder_and_in_the_archive(workplace, signs_folder, counted, capsys) -> None:
    assert run(**QUICK | {"data": signs_folder, "arms": "real,weights", "regimes": "full,2"}) == 0
    said = capsys.readouterr().out
    assert said.strip().splitlines()[-1].startswith("Full data: nothing to compare: give arms with and without")
    archived = newest("study")[0]
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(archived.info.run_id)}
    assert {"report.html", "table.md", "results.csv", "cells.csv", "arms.png", "config.json"} <= files
    assert {"report.html", "table.md", "results.csv", "cells.csv"} <= {path.name for path in Path("out").iterdir()}
    table = mlflow.load_table("results.json", [archived.info.run_id])
    assert set(table["arm"]) == {"real", "weights"} and set(table["regime"]) == {"full", "2"}
    children = {run.info.run_name: run for run in mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{archived.info.run_id}'", output_format="list"
    )}  # fmt: skip
    assert children.keys() == {"real, full", "weights, full", "real, 2", "weights, 2"}
    child = children["weights, 2"]
    assert child.info.status == "FINISHED" and child.data.params == {"arm": "weights", "regime": "2"}
    history = mlflow.MlflowClient().get_metric_history(child.info.run_id, "by seed/test.rare")
    assert [(each.step, each.value) for each in history] == [(0, pytest.approx(0.6)), (1, pytest.approx(0.61))]
    assert child.data.metrics["test.rare"] == pytest.approx(0.605)
    assert archived.data.params["arms"] == "real,weights"
    page = Path("out/report.html").read_text()
    assert "Rare classes cut to 2 tracks" in page and "test part" in page and "8 experiments" in page


def test_a_generator_that_is_stopped_stops_the_study(workplace, signs_folder, counted, capsys, monkeypatch) -> None:
    monkeypatch.setattr(command, "train_generator", lambda *given: ("f" * 32, 143))
    assert run(**QUICK | {"data": signs_folder, "arms": "real,generated", "regimes": "2"}) == 143
    assert "go on with" in capsys.readouterr().out and counted == []


@pytest.mark.slow
def test_generators_and_classifiers_from_end_to_end(
    workplace, signs_folder, small_networks, capsys, monkeypatch
) -> None:
    """Two arms, one regime, one seed, with everything that is trained trained for a moment."""
    monkeypatch.setattr(balance, "CHUNK", 64)
    monkeypatch.setattr(balance, "LIMIT", 2)  # a classifier of three steps takes few images
    opened = mlflow.start_run().info.run_id
    mlflow.end_run()
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)  # as `mlflow run` does
    chosen = QUICK | {"seeds": 1, "data": signs_folder, "arms": "classical,mixed", "regimes": "2", "quality": 0.01}
    assert run(**chosen) == 0
    said = capsys.readouterr().out
    assert "the best other method (classical; mixed is the best" in said.strip().splitlines()[-1]

    (generator,) = newest("dcgan")
    (archived,) = newest("study")
    assert archived.info.run_id == opened != generator.info.run_id
    # The generator has learned the images of the regime and no others.
    fit, held_out = cut(open_images(signs_folder).train)
    learned = read_signs(Path(generator.data.params["data"]) / "train.p")
    assert set(learned.tracks) <= set(fit.tracks) and not set(learned.tracks) & set(held_out.tracks)
    assert len(learned) < len(fit) and generator.data.params["use_held_out"] == "true"
    study = signs_study.SignStudy(StudyConfig(**chosen), {})
    assert learned.digest() == study.training("2", 0).digest()

    (pool,) = Path("out/pools").glob("*.npz")
    kept = np.load(pool)
    assert (kept["fates"][0] == kept["fates"][1:].sum(axis=0)).all()
    assert len(kept["images"]) == len(kept["labels"]) == kept["fates"][1].sum() > 0
    rows = json.loads(next(Path("out/cells/2/mixed").glob("seed-00-*.json")).read_text())
    assert set(rows["values"]) == set(study.design.measures) and rows["identity"]["generated"]["quality"] == 0.01
    assert generator.info.run_id in Path("out/report.html").read_text()
    kept = json.loads(next(Path("out/cells/2/classical").glob("seed-00-*.json")).read_text())
    assert kept["identity"] == json.loads(json.dumps(study.identity(Cell(0, "2", "classical"))))

    # What is there is not made again; what is missing comes out as it was.
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    lost = next(Path("out/cells/2/mixed").glob("seed-00-*.json"))
    before = json.loads(lost.read_text())
    lost.unlink()
    monkeypatch.setattr(command, "train_generator", lambda *given: pytest.fail("trained once more"))
    assert run(**chosen) == 0
    assert json.loads(lost.read_text())["values"] == before["values"]
    given = {name for name, value in dataclasses.asdict(StudyConfig(**chosen)).items() if value not in ("", None)}
    assert given - READING.keys() == mlflow.get_run(opened).data.params.keys()
