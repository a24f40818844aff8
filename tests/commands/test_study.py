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
from gan.study import signs_generators
from gan.study.answers import Answers, measured
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
        ({"regimes": "00"}, "regimes are full and numbers of tracks"),
        ({"seeds": 0}, "seeds is from 1 to 100"),
        ({"steps": -1}, "steps is from 1 to 1000000"),
        ({"batch_size": 1}, "batch_size is from 2 to 4096"),
        ({"gan_iterations": 0}, "gan_iterations is from 1 to"),
        ({"draws": 6}, "draws is from 0 to seeds (5)"),
        ({"first_draw": -1}, "first_draw is"),
        ({"policy": "wild"}, "policy is mild, strong or wide"),
        ({"primary": "painted"}, "primary is two arms with a comma between them"),
        ({"primary": "drawn,painted", "arms": "drawn,painted"}, "primary is an arm of `arms` with generated images"),
        ({"primary": "painted,real", "arms": "drawn,painted"}, "and one without, not 'painted,real'"),
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
    given = StudyConfig(task=task, data="mine", regimes="full", steps=7, seeds=2, gan_iterations=9)
    assert settled(given) == given


def test_own_images_are_read_as_the_good_run_read_them(monkeypatch, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.png").touch()
    info = types.SimpleNamespace(config={"fit": "pad", "groups": "folder"}, network={"size": 64})
    monkeypatch.setattr(archive, "resolve", lambda *_: types.SimpleNamespace(info=info))
    own = StudyConfig(data=str(tmp_path), goodrun_ref="4f00", groups="^(.)")
    config = settled(own)
    assert (config.image_size, config.fit, config.groups, config.regimes) == (64, "pad", "^(.)", "full")
    assert (config.seeds, config.steps, config.gan_iterations) == (3, 600, 2_500)
    with pytest.raises(UserError, match=r"draws is from 0 to seeds \(3\), not 4"):
        StudyConfig(data=str(tmp_path), draws=4)
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
    for options in (
        {"arms": "real,drawn,pasted"},
        {"arms": "generated", "regimes": "2"},  # one for each of five seeds
        {"arms": "generated", "regimes": "full,2", "draws": "3"},
        {"arms": "painted+drawn,painted", "regimes": "2,0"},  # one for all
    ):
        refused(capsys, data=signs_folder, **options)
    assert [(room - asked[0]) / 4e8 for room in asked] == [0, 5, 6, 1]


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
        answers = {}
        for part, (signs, _) in self.tested(cell.regime, self.design.draw(cell.seed)).items():
            sure = np.full(len(signs), 0.5, np.float16)
            answers |= {f"{part}.given": signs.labels, f"{part}.probability": sure}
        values = dict.fromkeys(self.design.measures, 0.5 + 0.1 * (cell.arm == "classical") + 0.01 * cell.seed)
        return values | answers

    monkeypatch.setattr(signs_study.SignStudy, "run_cell", run_cell)
    monkeypatch.setattr(signs_study.SignStudy, "lifetime", 0)  # in this process
    return ran


def test_an_interrupted_study_keeps_what_is_finished_and_says_how_to_go_on(
    workplace, signs_folder, counted, capsys, monkeypatch
) -> None:
    chosen = QUICK | {"data": signs_folder, "arms": "real,classical", "regimes": "full,2"}
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
    assert run(**QUICK | {"data": signs_folder, "arms": "real,classical", "regimes": "full,2"}) == 0
    said = capsys.readouterr().out
    assert said.strip().splitlines()[-1].startswith("Full data: nothing to compare: give arms with and without")
    archived = newest("study")[0]
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(archived.info.run_id)}
    written = {"report.html", "table.md", "results.csv", "cells.csv", "answers.csv.gz"}
    assert written | {"arms.png", "config.json"} <= files
    assert written <= {path.name for path in Path("out").iterdir()}
    answers = Answers.read(Path("out/answers.csv.gz"), [0]).rows
    assert set(answers["regime"]) == {"full", "2"} and set(answers["part"]) == {"test", "held_out", "unused"}
    assert (answers["given"] == answers["label"]).all() and set(answers["probability"]) == {0.5}
    table = mlflow.load_table("results.json", [archived.info.run_id])
    assert set(table["arm"]) == {"real", "classical"} and set(table["regime"]) == {"full", "2"}
    children = {run.info.run_name: run for run in mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{archived.info.run_id}'", output_format="list"
    )}  # fmt: skip
    assert children.keys() == {"real, full", "classical, full", "real, 2", "classical, 2"}
    child = children["classical, 2"]
    assert child.info.status == "FINISHED" and child.data.params == {"arm": "classical", "regime": "2"}
    history = mlflow.MlflowClient().get_metric_history(child.info.run_id, "by seed/test.rare")
    assert [(each.step, each.value) for each in history] == [(0, pytest.approx(0.6)), (1, pytest.approx(0.61))]
    assert child.data.metrics["test.rare"] == pytest.approx(0.605)
    assert archived.data.params["arms"] == "real,classical"
    page = Path("out/report.html").read_text()
    assert "Rare classes cut to 2 tracks" in page and "test part" in page and "8 experiments" in page


def test_a_generator_that_is_stopped_stops_the_study(workplace, signs_folder, counted, capsys, monkeypatch) -> None:
    monkeypatch.setattr(command, "train_generator", lambda *given: ("f" * 32, 143))
    assert run(**QUICK | {"data": signs_folder, "arms": "real,generated", "regimes": "2"}) == 143
    assert "go on with" in capsys.readouterr().out and counted == []


def values_of(arm: str) -> dict:
    return json.loads(next(Path(f"out/cells/2/{arm}").glob("seed-00-*.json")).read_text())


@pytest.mark.slow
def test_generators_and_classifiers_from_end_to_end(
    workplace, signs_folder, small_networks, capsys, monkeypatch
) -> None:
    """Three arms, one regime, one seed, with everything that is trained trained for a moment."""
    monkeypatch.setattr(balance, "CHUNK", 64)
    monkeypatch.setattr(balance, "LIMIT", 2)  # a classifier of three steps takes few images
    monkeypatch.setattr(signs_generators, "POOL", 20)
    opened = mlflow.start_run().info.run_id
    mlflow.end_run()
    monkeypatch.setenv("MLFLOW_RUN_ID", opened)  # as `mlflow run` does
    arms = {"arms": "classical,generated,painted", "primary": "generated,classical"}
    chosen = QUICK | arms | {"seeds": 1, "data": signs_folder, "regimes": "2", "quality": 0.01}
    assert run(**chosen) == 0
    sentence = capsys.readouterr().out.strip().splitlines()[-1]
    assert "from classical (generated beside classical: the comparison that was chosen before)" in sentence

    generators = {made.data.params.get("pictograms", "false"): made for made in newest("dcgan")}
    (archived,) = newest("study")
    assert archived.info.run_id == opened and set(generators) == {"false", "true"} and len(newest("dcgan")) == 2
    # The generators have learned what is left of the regime, and what no regime cuts, and no others.
    fit, held_out = cut(open_images(signs_folder).train)
    study = signs_study.SignStudy(StudyConfig(**chosen), {})
    learned = {kind: read_signs(Path(made.data.params["data"]) / "train.p") for kind, made in generators.items()}
    for kind, signs in learned.items():
        assert set(signs.tracks) <= set(fit.tracks) and not set(signs.tracks) & set(held_out.tracks)
        assert len(signs) < len(fit) and generators[kind].data.params["use_held_out"] == "true"
    assert learned["false"].digest() == study.training("2", 0).digest()
    assert set(learned["true"].labels) == set(range(43)) - set(study.rare)

    pools = {bool(kept["fates"].any()): kept for kept in map(np.load, Path("out/pools").glob("*.npz"))}
    filtered, painted = pools[True], pools[False]
    assert (filtered["fates"][0] == filtered["fates"][1:].sum(axis=0)).all()
    assert len(filtered["images"]) == len(filtered["labels"]) == filtered["fates"][1].sum() > 0
    assert set(filtered["labels"]) <= set(study.rare) and len(painted["images"]) == 20 * len(study.rare)
    assert set(values_of("generated")["values"]) == set(study.design.measures)
    assert values_of("generated")["identity"]["generated"]["quality"] == 0.01
    assert all(made.info.run_id in Path("out/report.html").read_text() for made in generators.values())
    assert values_of("classical")["identity"] == json.loads(json.dumps(study.identity(Cell(0, "2", "classical"))))
    rows = Answers.read(Path("out/answers.csv.gz"), study.rare).rows
    rows = rows[(rows["arm"] == "generated") & (rows["part"] == "held_out")]
    found = measured(*(rows[name].to_numpy() for name in ("given", "probability", "label")), study.rare)
    assert found["macro"] == pytest.approx(values_of("generated")["values"]["held_out.macro"])

    # What is there is not made again; what is missing comes out as it was.
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    before = {arm: values_of(arm)["values"] for arm in ("generated", "painted")}
    next(Path("out/cells/2/generated").glob("seed-00-*.json")).unlink()
    next(Path("out/cells/2/painted").glob("seed-00-*.npz")).unlink()
    monkeypatch.setattr(command, "train_generator", lambda *given: pytest.fail("trained once more"))
    assert run(**chosen) == 0
    assert {arm: values_of(arm)["values"] for arm in before} == before
    given = {name for name, value in dataclasses.asdict(StudyConfig(**chosen)).items() if value not in ("", None)}
    assert given - READING.keys() == mlflow.get_run(opened).data.params.keys()
