"""The judge of generated scenes: its answers, and that it is trained once for each data set and found again."""

import dataclasses
import functools
import json
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
import tensorflow as tf

from gan import archive
from gan.data.scene import Scene, Scenes, SceneSet
from gan.data.scenes import load
from gan.pix2pix import judge as scenes_judge
from gan.pix2pix import segmenter
from gan.pix2pix.judge import (
    KIND,
    Segmenter,
    SegmenterConfig,
    scored,
    scored_maps,
    scored_names,
    segmenter_of,
    train_segmenter,
)
from gan.pix2pix.segmenter import build_segmenter
from gan.scoring.segmentation import IGNORED, confusion, label_map, overlap
from gan.training import devices
from gan.training.loop import Trainable
from tests.made_up_maps import BOX, GROUND, PALETTE, SKY, STORED, VOID, WORKING, by_colour, toy_scenes, toy_set

ITERATIONS = 2


def narrow(patch):
    """Segmenters eight times narrower."""
    small = functools.partial(build_segmenter, channels=2)
    patch.setattr(segmenter, "build_segmenter", small)
    patch.setattr(scenes_judge, "build_segmenter", small)


def enter(patch, folder: Path):
    patch.chdir(folder)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        patch.delenv(name, raising=False)
    narrow(patch)


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder whose archive holds a segmenter, the data set that it learned, the segmenter, and what was said."""

    folder: Path
    scenes: SceneSet
    judge: Segmenter
    said: list[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    devices.make_deterministic()
    folder = tmp_path_factory.mktemp("judged")
    scenes, said = toy_set(), []
    with pytest.MonkeyPatch.context() as patch:
        enter(patch, folder)
        return Place(folder, scenes, segmenter_of(scenes, *WORKING, ITERATIONS, said.append), said)


@pytest.fixture
def place(trained, monkeypatch):
    enter(monkeypatch, trained.folder)
    return trained


@pytest.fixture
def untrainable(monkeypatch):
    def never(*_, **__):
        raise AssertionError("a segmenter was trained")

    monkeypatch.setattr(scenes_judge, "train_segmenter", never)


@pytest.fixture
def asked(monkeypatch):
    """Size, iterations and seed of every training that is asked for; none takes place, and little is archived."""
    asked = []

    def untrained(loaded, palette, iterations, seed, *_):
        height, width = loaded.photos.shape[1:3]
        asked.append((width, height, iterations, seed))
        keras.utils.set_random_seed(iterations)
        return Segmenter(scenes_judge.build_segmenter(len(palette.scored), width, height))

    monkeypatch.setattr(scenes_judge, "train_segmenter", untrained)
    monkeypatch.setattr(archive.Run, "model", lambda *_: None)
    monkeypatch.setattr(archive.Run, "report", lambda *_: None)
    return asked


def run_of(judge):
    return mlflow.get_run(judge.run_id)


def photos(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, WORKING[1], WORKING[0], 3), np.uint8)


# --- answers


@pytest.fixture(scope="module")
def any_judge():
    """A segmenter with first weights, whose statistics are not those it began with."""
    devices.make_deterministic()
    keras.utils.set_random_seed(0)
    model = build_segmenter(3, *WORKING, channels=2)
    model(np.random.default_rng(0).uniform(-1, 1, (8, WORKING[1], WORKING[0], 3)), training=True)
    return Segmenter(model)


def test_photos_are_judged_at_the_sizes_of_their_label_maps(any_judge):
    random = np.random.default_rng(0)
    labels = [random.choice([0, 1, 2, IGNORED], size).astype(np.uint8) for size in ((40, 48), (24, 36), (10, 90))]
    table, features = any_judge.judge(photos(3), labels)
    wanted = sum(
        confusion(one, label_map(logits, *one.shape), 3)
        for one, (_, logits) in zip(labels, any_judge.answers(photos(3)), strict=True)
    )
    np.testing.assert_array_equal(table, wanted)
    np.testing.assert_array_equal(features, any_judge.features(photos(3)))
    again = any_judge.judge(photos(3), iter(labels))[0]
    np.testing.assert_array_equal(again, table)


# --- palettes


def test_labels_are_positions_among_the_scored_classes():
    np.testing.assert_array_equal(scored(PALETTE), [0, 1, 2, IGNORED])
    other = dataclasses.replace(PALETTE, scored=(BOX, VOID))
    np.testing.assert_array_equal(scored(other), [IGNORED, 0, IGNORED, 1])
    assert scored_names(other) == ["box", "void"]
    part = Scenes.of([Scene(np.zeros((1, 4, 3), np.uint8), np.array([[GROUND, BOX, SKY, VOID]], np.uint8))], other)
    np.testing.assert_array_equal(list(scored_maps(part)), [[[IGNORED, 0, IGNORED, 1]]])


# --- training


def test_it_learns_the_scored_classes_of_the_training_scenes(monkeypatch):
    given, reported, made = [], [], by_colour()

    class Recorder(Trainable):
        metric_names, batch_size, model = segmenter.SegmenterTrainer.metric_names, 8, made.model

        def __init__(self, *arguments, **more):
            given.extend((*arguments, more))

        def iterate(self, iteration):
            return tf.stack([tf.cast(iteration, tf.float32), 0.5])

    monkeypatch.setattr(scenes_judge, "SegmenterTrainer", Recorder)
    monkeypatch.setattr(scenes_judge, "PairSampler", lambda *arguments: arguments)
    loaded = load(toy_scenes(3), *WORKING)
    judge = train_segmenter(loaded, PALETTE, 2, 5, "training", lambda metrics, done: reported.append((done, metrics)))
    photos, labels, classes = given[0]
    np.testing.assert_array_equal(photos, loaded.photos)
    np.testing.assert_array_equal(labels, np.where(loaded.labels == 3, IGNORED, loaded.labels))
    assert [classes, *given[1:]] == [3, 2, 5, {}]
    ((done, metrics),) = reported
    assert done == 2 and metrics.pop("images_per_second") > 0 and metrics == {"loss": 0.5, "accuracy": 0.5}
    assert judge.model is made.model and judge.size == WORKING and judge.classes == 3 and judge.run_id == ""


# --- the archive


def test_the_segmenter_that_was_trained_is_found_again(place, untrainable):
    said = []
    again = segmenter_of(place.scenes, *WORKING, ITERATIONS, said.append)
    assert again is not place.judge and said == [] and again.size == WORKING
    assert again.run_id == place.judge.run_id
    for one, other in zip(again.answers(photos(2)), place.judge.answers(photos(2)), strict=True):
        for part in (0, 1):
            np.testing.assert_array_equal(one[part], other[part])


def test_it_is_found_by_what_is_in_the_training_part_and_not_by_its_name(place, untrainable):
    renamed = dataclasses.replace(place.scenes, name="elsewhere", validation=toy_scenes(1, 900), test=toy_scenes(0))
    assert segmenter_of(renamed, *WORKING, ITERATIONS, print).run_id == place.judge.run_id


def test_the_run_tells_what_was_trained_on_what_and_how_good_it_is(place):
    run, digest = run_of(place.judge), place.scenes.training.digest()
    assert run.info.status == "FINISHED"
    assert run.data.tags["gan.kind"] == KIND and run.data.tags["code_version"]
    assert run.data.tags["data"] == "toys" and run.data.tags["data_digest"] == digest
    assert run.inputs.dataset_inputs[0].dataset.digest == digest
    assert run.data.params == {"data": "toys", "width": "36", "height": "24", "iterations": "2", "seed": "0"}
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(place.judge.run_id)}
    assert {"config.json", "checkpoints", "report.html"} <= files
    config = Path(mlflow.artifacts.download_artifacts(f"runs:/{place.judge.run_id}/config.json"))
    wanted = SegmenterConfig("toys", ITERATIONS, width=36, height=24)
    assert SegmenterConfig(**json.loads(config.read_text())) == wanted
    metrics, by_class = run.data.metrics, mlflow.load_table("by_class.json", run_ids=[place.judge.run_id])
    assert {"loss", "accuracy", "images_per_second"} <= set(metrics)
    assert by_class["class"].tolist() == ["ground", "box", "open sky $5 $6"]
    for name in ("validation", "test"):
        part = getattr(place.scenes, name)
        table, _ = place.judge.judge(load(part, *WORKING).photos, scored_maps(part))
        assert table.sum() == len(part) * STORED[0] * (STORED[1] - 4)
        wanted = overlap(table)
        for score in ("pixel_accuracy", "class_accuracy", "mean_iou"):
            assert metrics[f"{name}.{score}"] == pytest.approx(getattr(wanted, score))
        assert by_class[name].tolist() == pytest.approx(wanted.ious)


def test_the_report_shows_classes_confusions_and_what_it_sees(place):
    page = Path(mlflow.artifacts.download_artifacts(f"runs:/{place.judge.run_id}/report.html")).read_text()
    assert "36x24" in page and "toys" in page and "mean IoU" in page and "open sky $5 $6" in page
    assert page.count("<img") == 4 and page.count("confusions") == 2 and "what it sees" in page.lower()


def test_the_user_is_told(place):
    assert "once for each data set and size" in place.said[0]
    assert place.said[1].startswith("validation: mean IoU 0.") and place.said[2].startswith("test: mean IoU 0.")
    assert len(place.said) == 4 and place.said[3].startswith("warning: ") and "rough guide" in place.said[3]
    assert "below 0.3" in run_of(place.judge).data.tags["warning.segmenter"]
    assert all("\n" not in line for line in place.said)


def test_other_iterations_sizes_and_data_make_other_segmenters(place, asked):
    changed = toy_set(13)
    cases = [
        (place.scenes, *WORKING, 3), (place.scenes, 24, 36, ITERATIONS), (changed, *WORKING, ITERATIONS),
        (dataclasses.replace(place.scenes, training=place.scenes.training.take(range(11))), *WORKING, ITERATIONS),
    ]  # fmt: skip
    judges = [segmenter_of(*case, print) for case in cases]
    assert asked == [(36, 24, 3, 0), (24, 36, 2, 0), (36, 24, 2, 0), (36, 24, 2, 0)]
    assert len({judge.run_id for judge in (*judges, place.judge)}) == 5
    for case, judge in zip(cases, judges, strict=True):
        again = segmenter_of(*case, print)
        assert again.run_id == judge.run_id and again.size == case[1:3]
    assert len(asked) == 4


def test_a_good_segmenter_gives_no_warning_and_without_a_test_part_there_are_no_scores_of_it(
    place, asked, monkeypatch
):
    monkeypatch.setattr(scenes_judge, "ENOUGH", 0.0)
    said = []
    scenes = dataclasses.replace(place.scenes, test=toy_scenes(0))
    judge = segmenter_of(scenes, *WORKING, 13, said.append)
    assert len(said) == 2 and not [line for line in said if "warning" in line]
    data = run_of(judge).data
    assert "warning.segmenter" not in data.tags and not [name for name in data.metrics if name.startswith("test.")]


def test_where_nothing_is_scored_there_is_no_segmenter(workplace, untrainable):
    said = []
    labels = np.full((STORED[1], STORED[0]), VOID, np.uint8)
    part = Scenes.of([Scene(np.zeros((*labels.shape, 3), np.uint8), labels)], PALETTE)
    assert segmenter_of(SceneSet("empty", PALETTE, part, part, part), *WORKING, 1, said.append) is None
    assert len(said) == 1 and "empty" in said[0] and "scored class" in said[0]


def test_the_segmenter_by_colour_that_other_tests_use_is_right():
    part = toy_scenes(3)
    table, _ = by_colour().judge(load(part, *WORKING).photos, scored_maps(part))
    assert overlap(table).mean_iou > 0.95
