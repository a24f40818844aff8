"""The judge of generated signs: its answers, and that it is trained once for each data set and found again."""

import dataclasses
import json
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest

from gan import archive
from gan.data.labelled import with_mirrored
from gan.data.sets import DataSet
from gan.data.signs import CLASSES
from gan.data.split import cut, held_out
from gan.dcgan import classifier
from gan.dcgan import judge as signs_judge
from gan.dcgan.classifier import build_judge
from gan.dcgan.judge import KIND, Judge, JudgeConfig, judge_of, train_judge
from gan.drawn.signs import draw_signs
from gan.scoring.classification import agreement
from gan.training import devices
from gan.training.sampling import Sampler
from tests.conftest import narrow as narrow_networks

ITERATIONS = 3


def narrow(patch):
    """Classifiers eight times narrower, and a few images an iteration."""
    narrow_networks(patch)
    patch.setattr(classifier, "BATCH", 16)


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder whose archive holds a judge, the data set that it learned, the judge, and what was said."""

    folder: Path
    signs: DataSet
    judge: Judge
    said: list[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    devices.make_deterministic()
    folder = tmp_path_factory.mktemp("judged")
    signs, said = DataSet("drawn:430", *draw_signs(430, 60, 0)), []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
            patch.delenv(name, raising=False)
        narrow(patch)
        return Place(folder, signs, judge_of(signs.parts, ITERATIONS, said.append), said)


@pytest.fixture
def place(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    narrow(monkeypatch)
    return trained


@pytest.fixture
def untrainable(monkeypatch):
    def never(*_, **__):
        raise AssertionError("a judge was trained")

    monkeypatch.setattr(signs_judge, "train_judge", never)


@pytest.fixture
def asked(monkeypatch):
    """Iterations and seed of every training that is asked for; none takes place, and little is archived."""
    asked = []

    def untrained(signs, iterations, seed, *_, **__):
        asked.append((iterations, seed))
        keras.utils.set_random_seed(iterations)
        return Judge(signs_judge.build_judge(CLASSES))

    monkeypatch.setattr(signs_judge, "train_judge", untrained)
    monkeypatch.setattr(archive.Run, "model", lambda *_: None)
    monkeypatch.setattr(archive.Run, "report", lambda *_: None)
    return asked


def run_of(judge):
    return mlflow.get_run(judge.run_id)


# --- answers


@pytest.fixture(scope="module")
def any_judge():
    """A judge with first weights, whose statistics are not those it began with."""
    devices.make_deterministic()
    keras.utils.set_random_seed(0)
    model = build_judge(CLASSES, width=4)
    model(np.random.default_rng(0).uniform(-1, 1, (40, 32, 32, 3)), training=True)
    return Judge(model)


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257])
def test_an_answer_for_every_image(any_judge, count):
    features, probabilities = any_judge(noise(count))
    assert features.shape == (count, 128) and probabilities.shape == (count, CLASSES)
    assert features.dtype == probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities >= 0).all()


def test_answers_are_those_of_the_model(any_judge):
    images = noise(5)
    features, logits = (np.asarray(a) for a in any_judge.model(images / np.float32(127.5) - 1, training=False))
    answers = any_judge(images)
    np.testing.assert_allclose(answers[0], features, atol=1e-5)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers[1], wanted, atol=1e-6)
    assert len(np.unique(features[:, 0])) == 5


def test_large_logits_are_probabilities_too(any_judge):
    bias = any_judge.model.get_layer("logits").bias
    before = bias.numpy()
    bias.assign(np.where(np.arange(CLASSES) == 7, 1e4, before))
    probabilities = any_judge(noise(2))[1]
    bias.assign(before)
    assert (probabilities[:, 7] == 1).all() and np.isfinite(probabilities).all()


# --- training


def test_it_learns_the_signs_and_their_mirror_images(trained, monkeypatch):
    narrow(monkeypatch)
    given, reported = [], []

    class Spy(classifier.ClassifierTrainer):
        def __init__(self, sampler, *more, **built):
            given.append((sampler.classes, *more))
            super().__init__(sampler, *more, **built)

    def sampler(images, labels, *more):
        given.extend((images, labels))
        return Sampler(images, labels, *more)

    monkeypatch.setattr(signs_judge, "ClassifierTrainer", Spy)
    monkeypatch.setattr(signs_judge, "Sampler", sampler)
    signs = trained.signs.train
    judge = train_judge(signs, 2, 5, "training", lambda metrics, done: reported.append((done, metrics)))
    np.testing.assert_array_equal(given[0], with_mirrored(signs).images)
    np.testing.assert_array_equal(given[1], with_mirrored(signs).labels)
    assert given[2] == (CLASSES, 2, 5)
    assert [done for done, _ in reported] == [2]
    assert set(reported[0][1]) == {"loss", "accuracy", "images_per_second"}
    assert judge(noise(2))[1].shape == (2, CLASSES) and judge.run_id == ""


# --- the archive


def test_the_judge_that_was_trained_is_found_again(place, untrainable):
    said = []
    again = judge_of(place.signs.parts, ITERATIONS, said.append)
    assert again is not place.judge and said == []
    assert again.run_id == place.judge.run_id
    images = cut(place.signs.train)[1].images
    for one, other in zip(again(images), place.judge(images), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_found_by_what_is_in_the_data_and_not_by_its_name(place, untrainable):
    renamed = DataSet("elsewhere", place.signs.train, None)
    assert judge_of(renamed.parts, ITERATIONS, print).run_id == place.judge.run_id


def test_the_run_tells_what_was_trained_on_what_and_how_good_it_is(place):
    run = run_of(place.judge)
    fit, held = cut(place.signs.train)
    assert run.info.status == "FINISHED"
    assert run.data.tags["gan.kind"] == KIND and run.data.tags["code_version"]
    assert run.data.tags["data"] == "drawn:430" and run.data.tags["data_digest"] == fit.digest()
    assert run.inputs.dataset_inputs[0].dataset.digest == fit.digest()
    assert run.data.params == {"data": "drawn:430", "iterations": "3", "seed": "0"}
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(place.judge.run_id)}
    assert {"config.json", "checkpoints", "report.html", "by_class.json"} <= files
    config = Path(mlflow.artifacts.download_artifacts(f"runs:/{place.judge.run_id}/config.json"))
    assert JudgeConfig(**json.loads(config.read_text())) == JudgeConfig("drawn:430", ITERATIONS)
    metrics, table = run.data.metrics, mlflow.load_table("by_class.json", run_ids=[place.judge.run_id])
    assert {"loss", "accuracy", "images_per_second"} <= set(metrics)
    assert table["class"].tolist() == place.signs.classes.labels()
    for part, signs in (("held_out", held), ("test", place.signs.test)):
        wanted = agreement(place.judge(signs.images)[1], signs.labels)
        assert metrics[f"{part}.accuracy"] == pytest.approx(wanted.overall)
        assert metrics[f"{part}.macro_recall"] == pytest.approx(wanted.macro)
        assert metrics[f"{part}.worst_recall"] == pytest.approx(wanted.worst)
        assert table[part].tolist() == pytest.approx(wanted.per_class)


def test_the_report_shows_every_class(place):
    page = Path(mlflow.artifacts.download_artifacts(f"runs:/{place.judge.run_id}/report.html")).read_text()
    assert "42 End of no passing for trucks" in page and "macro recall" in page and "drawn:430" in page
    assert page.count("<img") == 1 and "confusion" in page


def test_the_user_is_told(place):
    assert "once for each data set" in place.said[0]
    assert "held_out: accuracy" in place.said[1] and "test: accuracy" in place.said[1]
    assert len(place.said) == 3 and place.said[2].startswith("warning: ")
    assert all("\n" not in line for line in place.said)


def test_other_iterations_and_other_data_make_another_judge(place, asked):
    longer = judge_of(place.signs.parts, ITERATIONS + 1, print)
    images = place.signs.train.images.copy()
    images[np.flatnonzero(~held_out(place.signs.train))[0], 5, 5, 0] ^= 1  # one pixel that is learned
    changed = DataSet("drawn:430", dataclasses.replace(place.signs.train, images=images), None)
    other = judge_of(changed.parts, ITERATIONS, print)
    assert asked == [(ITERATIONS + 1, 0), (ITERATIONS, 0)]
    assert len({longer.run_id, other.run_id, place.judge.run_id}) == 3
    assert "test.accuracy" not in run_of(other).data.metrics
    # Each is found by its own data and iterations now.
    for signs, iterations, wanted in (
        (place.signs, ITERATIONS, place.judge), (place.signs, ITERATIONS + 1, longer), (changed, ITERATIONS, other),
    ):  # fmt: skip
        assert judge_of(signs.parts, iterations, print).run_id == wanted.run_id
    assert len(asked) == 2


def test_held_out_images_do_not_matter_for_what_is_learned(place, untrainable):
    images = place.signs.train.images.copy()
    images[held_out(place.signs.train)] //= 2
    changed = DataSet("drawn:430", dataclasses.replace(place.signs.train, images=images), None)
    assert judge_of(changed.parts, ITERATIONS, print).run_id == place.judge.run_id


def test_a_good_judge_gives_no_warning(place, asked, monkeypatch):
    monkeypatch.setattr(signs_judge, "ENOUGH", 0.0)
    said = []
    judge = judge_of(place.signs.parts, 2, said.append)
    assert len(said) == 2 and not [line for line in said if "warning" in line]
    assert "warning.judge" not in run_of(judge).data.tags


def test_a_poor_judge_warns_of_itself(place):
    tags = run_of(place.judge).data.tags
    assert signs_judge.ENOUGH == 0.985 and "below 0.985" in tags["warning.judge"]
    assert "rough guide" in place.said[-1]


# --- data that can't be judged


def test_without_images_of_a_class_there_is_no_judge(workplace, untrainable, trained):
    said = []
    train = trained.signs.train
    lacking = DataSet("most", train.take(~np.isin(train.labels, (5, 20))), None)
    assert judge_of(lacking.parts, ITERATIONS, said.append) is None
    assert len(said) == 1 and "most" in said[0] and "class 5 (Speed limit 80)" in said[0] and "\n" not in said[0]
    assert list(workplace.iterdir()) == []


def test_without_held_out_signs_there_is_no_judge(workplace, untrainable):
    said = []
    lone = DataSet("lone", draw_signs(43, 43, 0)[0], None)  # one track of each class
    assert judge_of(lone.parts, ITERATIONS, said.append) is None
    assert len(said) == 1 and "lone" in said[0] and "\n" not in said[0]
    assert list(workplace.iterdir()) == []


def test_a_class_of_one_sign_is_learned_and_not_judged(place, asked):
    train = place.signs.train
    tracks = train.tracks.copy()
    tracks[train.labels == 0] = tracks[train.labels == 0][0]
    signs = DataSet("one sign of class 0", dataclasses.replace(train, tracks=tracks), None)
    run_id = judge_of(signs.parts, ITERATIONS, print).run_id
    table = mlflow.load_table("by_class.json", run_ids=[run_id])
    assert table["class"][1] == "1 Speed limit 30" and table["held_out"].isna().tolist() == [True] + [False] * 42
