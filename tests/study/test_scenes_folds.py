"""Folds of scenes: what is tested, what is said of whole objects, and a study with generators of its own."""

import dataclasses
import types
from pathlib import Path

import numpy as np
import pytest

import train_pix2pix
from gan.archive.goodruns import GoodRun, newest_in
from gan.checkpoints import read_info
from gan.commands.study import StudyConfig, main, settled, train_scenes
from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene, Scenes, SceneSet
from gan.data.scenes import open_scenes
from gan.errors import UserError
from gan.pix2pix import restored
from gan.pix2pix.presets import PRESETS
from gan.study import scenes_folds, scenes_objects, scenes_pairs
from gan.study.grid import Cell, Stopped
from gan.study.scenes import SceneStudy, answered, prepare
from gan.study.scenes_folds import APART, BLOCKS, folds_of, trained
from gan.study.scenes_pairs import Source
from tests.made_up_scene_run import good_run
from tests.made_up_streets import BUILDING, CAR, PERSON, ROAD, some_streets

WITH_PERSONS = dataclasses.replace(CITYSCAPES, rare=(PERSON,))


def streets(count: int, seed: int = 0, first: int = 0) -> Scenes:
    drawn = some_streets(count, seed=seed)
    names = [f"a_{first + k:03d}" for k in range(count)]
    return Scenes.of([drawn.scene(k) for k in range(count)], WITH_PERSONS, names)


def test_every_scene_is_tested_once_and_its_neighbours_are_not_learned() -> None:
    parts = streets(30, 0, 34), streets(10, 1), streets(24, 2, 10)
    folds = folds_of(SceneSet("x", WITH_PERSONS, *parts), 2)
    assert [fold.name for fold in folds] == ["x, fold 1 of 2", "x, fold 2 of 2"]
    tested = [name for fold in folds for name in fold.test.names]
    assert sorted(tested) == sorted(name for part in parts for name in part.names) and len(set(tested)) == 64
    for fold in folds:
        numbers = {part: [int(name[2:]) for name in getattr(fold, part).names] for part in fold.parts}
        learned = numbers["training"] + numbers["validation"]
        assert numbers["validation"] and not set(numbers["training"]) & set(numbers["validation"])
        assert min(abs(a - b) for a in learned for b in numbers["test"]) == APART + 1
        assert sum(b - a > 1 for a, b in zip(numbers["test"], numbers["test"][1:], strict=False)) == BLOCKS - 1
    scene = parts[1].scene(3)
    (fold,) = [fold for fold in folds if "a_003" in fold.test.names]
    np.testing.assert_array_equal(fold.test.scene(fold.test.names.index("a_003")).labels, scene.labels)
    with pytest.raises(UserError, match="folds=3 needs 72 scenes.*and x has 64; give fewer"):
        folds_of(SceneSet("x", WITH_PERSONS, *parts), 3)


def test_objects_are_found_and_claimed_one_by_one() -> None:
    labels = np.full((192, 256), ROAD, np.uint8)
    labels[10:30, 10:20] = labels[50:70, 100:110] = labels[100:104, 200:210] = PERSON  # the last one is too small
    labels[150:, :40] = 0  # not scored
    answer = labels.copy()
    answer[50:61, 100:110] = CAR  # more than half of the second is missed
    answer[120:130, 60:70] = PERSON  # nobody is there
    answer[160:180, 10:20] = PERSON  # nothing is known there
    answer[0:4] = PERSON  # too small to be claimed
    scene = Scene(np.zeros((192, 256, 3), np.uint8), labels)
    scored = WITH_PERSONS.scored_indices(np.where(answer == 0, BUILDING, answer).astype(np.uint8))
    objects, claims = scenes_objects.told(scored, scene, WITH_PERSONS)
    assert objects[:, 0].tolist() == [PERSON, PERSON] and objects[:, 1].tolist() == [1.0, pytest.approx(0.45)]
    assert claims[:, 1].tolist() == [1.0, 1.0, 0.0]
    assert scenes_objects.found(objects) == 0.5 and scenes_objects.found(claims) == pytest.approx(2 / 3)
    assert scenes_objects.found(np.zeros((0, 2))) == 0.0
    assert scenes_objects.found(np.array([[24, 1], [24, 0], [33, 1]])) == 0.75, "classes count alike"
    assert scenes_objects.count(Scenes.of([scene, scene], WITH_PERSONS)) == 4


class Knowing:
    """A judge that answers with the label maps."""

    def __init__(self, scenes: Scenes):
        self.scenes = scenes

    def answers(self, photos):
        for k in range(len(photos)):
            positions = self.scenes.palette.scored_indices(self.scenes.scene(k).labels)
            yield None, np.eye(256)[positions][..., : len(self.scenes.palette.scored)]


def test_answers_that_are_right_find_everything() -> None:
    scenes = streets(4)
    table, objects, claims = answered(Knowing(scenes), np.zeros((4, 48, 64, 3), np.uint8), scenes)
    assert (table - np.diag(np.diag(table)) == 0).all() and table.sum() > 0
    assert set(objects[:, 0]) == {0, 1, 2, 3} and (objects[:, 2] == 1).all() and (claims[:, 2] == 1).all()
    assert len(objects) == scenes_objects.count(scenes)


def test_the_design_of_folds_is_decided_by_objects() -> None:
    scenes = SceneSet("x", WITH_PERSONS, streets(50), streets(2, 1, 50), streets(2, 2, 52))
    config = settled(StudyConfig(task="scenes", arms="classical,pasted-25", folds=2, seeds=4, steps=2))
    study = SceneStudy(config, Source((64, 48)), scenes)
    assert list(study.design.measures) == [
        "test.objects", "test.claims", "test.rare", "test.mean_iou", "test.pixel_accuracy"
    ]  # fmt: skip
    assert study.design.headline == "test.objects" and study.design.draws == 2
    first, second, third = (study.identity(Cell(seed, "full", "classical")) for seed in range(3))
    assert first["training"] != second["training"] and first["training"] == third["training"]
    assert first["tests"] != second["tests"] and first["seed"] != third["seed"]
    nobody = Scenes.of([Scene(s.photo, np.where(s.labels == PERSON, ROAD, s.labels), s.instances)
                        for s in (streets(54).scene(k) for k in range(54))], WITH_PERSONS)  # fmt: skip
    empty = dataclasses.replace(scenes, training=nobody, validation=nobody.take([]), test=nobody.take([]))
    with pytest.raises(UserError, match="folds=2: fold 1 tests no object of a rare class"):
        _ = SceneStudy(config, Source((64, 48)), empty).design


def test_a_fold_has_a_generator_of_its_own_which_is_trained_once(tmp_path, monkeypatch) -> None:
    fold = dataclasses.replace(
        folds_of(SceneSet("x", WITH_PERSONS, streets(50), *[streets(0)] * 2), 2)[1], name="x 2"
    )
    config = StudyConfig(task="scenes", folds=2, gan_iterations=40, precision="bfloat16")
    archived: list[GoodRun] = []
    asked, said = [], []

    def train(data, *words):
        asked.append(words)
        digest = open_scenes(data).training.digest()
        path = newest_in(Path(good_run(tmp_path / "good", digest, preset=PRESETS["objects"], height=64)))
        archived.append(GoodRun("b" * 32, 40, path, read_info(path)))
        return "b" * 32, 0

    def newest_of(kind, traits, suits):
        asked.append(traits)
        return archived[0] if archived and suits(archived[0].info) else None

    archive = types.SimpleNamespace(newest_of=newest_of, resolve=lambda *_: archived[0])
    monkeypatch.setattr(scenes_folds, "archive", archive)
    for _ in range(2):
        good = trained(tmp_path, fold, 1, "inpaint", config, train, said.append)
        assert good.goodrun is archived[0] and good.scenes.name == "x 2"
        assert (
            good.scenes.training.digest() == open_scenes(str(next((tmp_path / "data").iterdir()))).training.digest()
        )
        np.testing.assert_array_equal(good.scenes.training.scene(2).labels, fold.training.scene(2).labels)
    (traits, words, again) = asked
    assert traits == again and traits["preset"] == "objects" and traits["precision"] == "bfloat16"
    assert words == ("objects", (160, 128), 1, "") and len(said) == 2
    archived.clear()
    with pytest.raises(Stopped):
        trained(tmp_path, fold, 0, "generate", config, lambda *_: ("c" * 32, 130), said.append)


def test_a_study_of_folds_from_the_command_to_the_report(tmp_path, monkeypatch, capsys) -> None:
    """What is there is not made again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(scenes_folds, "BLOCKS", 1)
    monkeypatch.setattr(scenes_folds, "APART", 0)
    monkeypatch.setattr(restored, "WIDTH", 64)
    chosen = {
        "task": "scenes", "data": "drawn:12", "arms": "pasted-50", "folds": 2, "seeds": 2, "steps": 1, "count": 2,
        "output": "out",
    }  # fmt: skip
    assert main(StudyConfig(**chosen)) == 0
    assert "test.objects" in capsys.readouterr().out
    page = Path("out/report.html").read_text()
    assert "2 folds of 1 blocks" in page and "New pairs: paste, fold 2" in page
    with np.load(next(Path("out/cells/full/pasted-50").glob("seed-00-*.npz"))) as kept:
        assert kept["test.objects.each"].shape[1] == 3
    monkeypatch.setattr(scenes_pairs, "_arrays", None)
    study, build = prepare(settled(StudyConfig(**chosen)), Path("out").resolve(), None, print)
    assert build().identity(Cell(1, "full", "pasted-50")) == study.identity(Cell(1, "full", "pasted-50"))


def test_the_training_of_a_fold_is_that_of_train_pix2pix(monkeypatch) -> None:
    configs = []
    monkeypatch.setattr(train_pix2pix, "train", lambda config: configs.append(config) or ("a", 0))
    study = StudyConfig(task="scenes", folds=2, gan_iterations=80)
    assert train_scenes(study, "here", "objects", (256, 192), 1, "") == ("a", 0)
    train_scenes(study, "here", "averaged", (256, 192), 0, "b" * 32)
    first, second = configs
    assert (first.preset, first.width, first.seed, first.iterations) == ("objects", None, 1, 80)
    assert (second.width, second.height, second.goodrun_ref, second.segmenter_iterations) == (256, 192, "b" * 32, 0)
