"""Which generator a regime gets, what it may learn, and which of its images are kept."""

import dataclasses
import json
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.archive import GoodRun
from gan.checkpoint_info import CheckpointInfo
from gan.commands.study import StudyConfig
from gan.data.class_folders import Reading
from gan.data.gtsrb import read_signs
from gan.data.labelled import LabelledImages
from gan.data.sets import DataSet, open_images, select
from gan.data.signs import CLASSES, GTSRB
from gan.data.split import cut
from gan.dcgan import balance
from gan.dcgan.balance_files import open_source
from gan.dcgan.judge import Judge
from gan.errors import UserError
from gan.study import signs_generators
from gan.study.grid import Stopped
from gan.study.signs_arms import kept_tracks, rare_classes
from gan.study.signs_generators import Generators, Pool, generated_pool
from tests.made_up_classes import write_pets


@pytest.fixture
def world(tmp_path, monkeypatch, signs_folder):
    """Generators whose training is a line in a list, with an archive that is a variable."""
    checkpoint = tmp_path / "checkpoint-00000005.npz"
    checkpoint.write_bytes(b"weights")
    signs = open_images(signs_folder)
    fit, rare = cut(signs.train)[0], rare_classes(signs.train)
    made = types.SimpleNamespace(calls=[], status=0, archive=None, asked=[], said=[], fit=fit, rare=rare, pools=[])
    made.cut, made.folder = fit.take(kept_tracks(fit, "2", rare, 0)), tmp_path
    made.learned = select(DataSet("", made.cut, None), None, False, True).digest()

    def train(*given):
        made.calls.append(given)
        return "f" * 32, made.status

    def newest_of(kind, traits, suits):
        made.asked.append(traits)
        return made.archive if made.archive and suits(made.archive.info) else None

    def good_run(iteration):
        data = {"name": "made up", "digest": made.learned, "images": 5}
        return GoodRun(
            "f" * 32, iteration, checkpoint, CheckpointInfo("dcgan", "all", iteration, {}, {}, data, "f" * 32)
        )

    def full_pool(folder, goodrun, training, rare, *rest):
        made.pools.append((goodrun, training, rare))
        fates = np.full((5, CLASSES), signs_generators.POOL)
        nothing = np.empty((0, 32, 32, 3), np.uint8)
        np.savez(path := tmp_path / "pool.npz", images=nothing, labels=np.empty(0, int), fates=fates)
        return Pool(path, {})

    monkeypatch.setattr(signs_generators, "generated_pool", full_pool)
    monkeypatch.setattr(signs_generators.archive, "newest_of", newest_of)
    monkeypatch.setattr(signs_generators.archive, "resolve", lambda name, *rest: good_run(int(name.split("/")[1])))
    made.good_run = good_run
    made.generators = lambda signs=signs, **changed: Generators(
        tmp_path, signs, config(**changed), train, made.said.append
    )
    made.of = lambda regime, draw, training, signs=signs: made.generators(signs).classes(regime, draw, training, rare)
    return made


def config(**changed) -> StudyConfig:
    return dataclasses.replace(StudyConfig(gan_iterations=5, steps=7), **changed)


def test_the_generator_of_a_cut_regime_learns_a_data_set_of_its_own(world) -> None:
    source = world.of("2", 1, world.cut)
    ((data, _, seed, before, pictograms, whole),) = world.calls
    assert (seed, whole, before, pictograms) == (1, True, "", False)
    assert read_signs(Path(data) / "train.p").digest() == world.cut.digest()
    assert [path.name for path in Path(data).iterdir()] == ["train.p"]
    assert source.goodrun.iteration == 5 and source.minutes >= 0
    assert world.pools == [(source.goodrun, world.cut, world.rare)]
    # What the run will say of its data is what is looked for next time.
    learned = select(DataSet(data, read_signs(Path(data) / "train.p"), None), None, False, True)
    assert world.asked[0] == {
        "data_digest": learned.digest(), "class_val": "all", "seed": "1", "iterations": "5", "judge_iterations": "0",
        "pictograms": "false", "precision": "float32",
    }  # fmt: skip


def test_a_generator_of_pictograms_learns_the_other_classes_as_they_are(world) -> None:
    others = world.fit.take(~np.isin(world.fit.labels, world.rare))
    goodrun, minutes = world.generators(first_draw=3).painter(others)
    ((data, _, seed, before, pictograms, whole),) = world.calls
    assert (seed, whole, before, pictograms) == (3, True, "", True) and goodrun.iteration == 5 and minutes >= 0
    written = read_signs(Path(data) / "train.p")
    assert written.digest() == others.digest() and not set(written.labels) & set(world.rare)
    # No mirror image of another class brings a rare one back.
    learned = select(DataSet(data, written, None), None, False, True, as_it_is=True)
    assert len(learned) == len(others)
    assert world.asked[0]["data_digest"] == learned.digest() and world.asked[0]["pictograms"] == "true"
    (key,) = json.loads((world.folder / "generators.json").read_text())
    assert key.endswith("-5-pictograms")


def test_the_generator_of_all_data_leaves_the_held_out_tracks_out(world, signs_folder) -> None:
    world.of("full", 0, world.fit)
    data, *_, whole = world.calls[0]
    assert (data, whole) == (signs_folder, False)
    assert world.asked[0]["data_digest"] == select(open_images(signs_folder), None, False, False).digest()


def test_a_trained_generator_is_found_again(world) -> None:
    world.archive = world.good_run(5)
    source = world.of("2", 0, world.cut)
    assert world.calls == [] and np.isnan(source.minutes) and source.goodrun.iteration == 5


def test_a_generator_that_went_on_from_other_data_is_not_taken(world) -> None:
    world.archive = world.good_run(5)
    world.archive.info.data["learned_before"] = ["0" * 16]
    world.of("2", 0, world.cut)
    assert len(world.calls) == 1 and world.calls[0][3] == ""


def test_a_generator_that_was_stopped_goes_on_and_its_minutes_add_up(world, monkeypatch) -> None:
    clock = iter([0.0, 120.0, 500.0, 560.0])
    monkeypatch.setattr(signs_generators.time, "perf_counter", lambda: next(clock))
    world.status = 130
    with pytest.raises(Stopped) as stopped:
        world.of("2", 0, world.cut)
    assert stopped.value.args == (130,)
    world.status, world.archive = 0, world.good_run(3)
    source = world.of("2", 0, world.cut)
    assert world.calls[1][3] == f"{'f' * 32}/3" and source.minutes == pytest.approx(3)
    assert "going on from 3" in world.said[1]
    world.archive = world.good_run(5)
    assert world.of("2", 0, world.cut).minutes == pytest.approx(3)
    (world.folder / "generators.json").write_text("[")
    assert np.isnan(world.of("2", 0, world.cut).minutes)


# --- class folders of the user's own


@pytest.fixture
def class_folders(tmp_path):
    random = np.random.default_rng(0)
    for k in range(CLASSES):
        folder = tmp_path / "mine" / str(k)
        folder.mkdir(parents=True)
        for number in range(3 if k else 2):
            Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(folder / f"{number}.png")
    return str(tmp_path / "mine")


def test_class_folders_are_trained_on_where_they_are(world, class_folders) -> None:
    signs = open_source(class_folders)
    assert len(signs.train) == 3 * CLASSES - 1 and signs.test is None
    world.of("full", 0, cut(signs.train)[0], signs)
    assert world.calls[0] == (class_folders, Reading(image_size=32), 0, "", False, False)
    assert world.asked[0]["data_digest"] == select(signs, None, False, False).digest()


def test_a_cut_regime_of_class_folders_is_written_as_class_folders(world, tmp_path) -> None:
    """In folders of the objects that are left of each class, at the size that they are learned in."""
    write_pets(tmp_path / "pets")
    own = Reading(groups="folder", mirror="all")
    signs = open_source(str(tmp_path / "pets"), parameter="data", reading=own)
    few = signs.train.take(kept_tracks(signs.train, "1", [1], 0))
    world.generators(signs, groups="folder", mirror="all").classes("1", 0, few, [1])
    data, reading, *_, whole = world.calls[0]
    written = open_images(data, reading=reading).train
    assert whole and reading == dataclasses.replace(own, image_size=32) and written.counts().tolist() == [8, 2]
    np.testing.assert_array_equal(written.images, few.images)
    assert world.asked[0]["data_digest"] == select(DataSet(data, written, None), None, False, True).digest()


def test_data_with_generated_images_in_it_is_refused(tmp_path, signs_folder) -> None:
    from gan.dcgan.balance_files import MANIFEST

    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(UserError, match=f"^data {tmp_path} was balanced before; give the data"):
        open_source(str(tmp_path), parameter="data")


# --- what is kept


class Draws:
    """A generator whose images show their class, but for every other one; those of class 2 never do."""

    def __init__(self, goodrun):
        pass

    def images(self, count, seed, class_id):
        random = np.random.default_rng([seed, class_id])
        made = random.integers(0, 200, (count, 32, 32, 3), np.uint8)
        made[:, 0, 0, 0] = np.where(random.random(count) < (0.5 if class_id != 2 else 0), class_id, 99)
        return made


class Sees:
    """A classifier that reads the first pixel."""

    input_shape, outputs = (None, 32, 32, 3), (np.zeros((1, 128)), np.zeros((1, CLASSES)))

    def __call__(self, images, training):
        shown = np.rint((images[:, 0, 0, 0] + 1) * 127.5).astype(int)
        logits = np.zeros((len(images), CLASSES), np.float32)
        logits[np.arange(len(images)), np.minimum(shown, CLASSES - 1)] = 9
        return np.zeros((len(images), 128), np.float32), logits


@pytest.fixture
def sorting(monkeypatch):
    trained = []

    def train_judge(signs, steps, seed, words):
        trained.append((signs, steps))
        return Judge(Sees())

    monkeypatch.setattr(signs_generators, "Generator", Draws)
    monkeypatch.setattr(signs_generators, "train_judge", train_judge)
    monkeypatch.setattr(signs_generators, "POOL", 26)
    monkeypatch.setattr(balance, "CHUNK", 16)
    return trained


TRAINING = LabelledImages.of(
    np.random.default_rng(5).integers(0, 256, (36, 32, 32, 3), np.uint8),
    np.repeat([0, 1, 2], [30, 4, 2]),
    GTSRB,
)


def make(folder: Path, weights: str = "abc", training: LabelledImages = TRAINING, **changed) -> Pool:
    """A pool of classes 1 and 2."""
    checkpoint = folder / "checkpoint.npz"
    checkpoint.write_text(weights)
    goodrun = types.SimpleNamespace(checkpoint=checkpoint)
    return generated_pool(folder, goodrun, training, [1, 2], config(**changed), "x")


def test_a_pool_holds_what_the_classifier_of_the_regime_accepts(tmp_path, sorting) -> None:
    images, labels, fates = make(tmp_path).read()
    assert labels.tolist() == [1] * 26 and (images[:, 0, 0, 0] == 1).all()
    assert len({image.tobytes() for image in images}) == 26
    assert sorting == [(TRAINING, 7)]
    drawn, kept, *thrown = fates
    assert kept[:3].tolist() == [0, 26, 0] and drawn[1] > 26 and drawn[2] >= balance.LIMIT * 16
    np.testing.assert_array_equal(drawn, kept + np.sum(thrown, axis=0))


def test_quality_0_keeps_all_and_asks_nobody(tmp_path, sorting) -> None:
    images, labels, fates = make(tmp_path, quality=0.0).read()
    assert np.bincount(labels).tolist() == [0, 26, 26] and sorting == []
    assert (fates[0] == fates[1]).all() and 99 in images[:, 0, 0, 0]


def test_a_pool_is_made_once_and_again_where_it_is_damaged(tmp_path, sorting) -> None:
    first = make(tmp_path)
    assert make(tmp_path) == first and len(sorting) == 1
    before = first.path.read_bytes()
    first.path.write_bytes(before[:1000])
    make(tmp_path)
    assert len(sorting) == 2 and first.path.read_bytes() == before


def test_whatever_decides_the_images_is_in_the_identity(tmp_path, sorting) -> None:
    first = make(tmp_path)
    other = dataclasses.replace(TRAINING, images=TRAINING.images[::-1].copy())
    for changed in (
        {"quality": 0.4}, {"quality": 0.0}, {"steps": 8}, {"training": other},
        {"weights": "def"},
    ):  # fmt: skip
        assert make(tmp_path, **changed).identity != first.identity, changed
    assert make(tmp_path) == first


def test_a_larger_pool_begins_as_the_smaller_one(tmp_path, sorting, monkeypatch) -> None:
    small = make(tmp_path)
    monkeypatch.setattr(signs_generators, "POOL", 40)
    large = make(tmp_path)
    assert small.path != large.path
    images, labels, _ = large.read()
    assert np.bincount(labels).tolist() == [0, 40]
    np.testing.assert_array_equal(images[:26], small.read()[0])


def test_a_class_that_stays_short_is_told(world, sorting, monkeypatch) -> None:
    monkeypatch.setattr(signs_generators, "generated_pool", generated_pool)
    monkeypatch.setattr(Generators, "_generator", lambda *given, **named: (world.good_run(5), 1.0))
    world.generators().classes("2", 1, TRAINING, [1, 2])
    assert world.said[-1].startswith("warning: 2 tracks, draw 1: 1 classes have fewer than 26 generated images that")
    assert "class 2 (Speed limit 50) lacks most: 26" in world.said[-1]
