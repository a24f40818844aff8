"""The study of scenes: what decides a cell's numbers, what every arm draws, and that pairs are made once."""

import dataclasses
import json
import pickle
import types

import numpy as np
import pytest

from gan.commands.study import StudyConfig, settled
from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scenes, SceneSet
from gan.data.scenes import open_scenes
from gan.errors import UserError
from gan.pix2pix import augment as augmenting
from gan.pix2pix.presets import LABELS
from gan.pix2pix.restored import GENERATE, PASTE
from gan.report import Report
from gan.study import scenes_arms, scenes_pairs
from gan.study.grid import Cell
from gan.study.scenes import SceneStudy, ids_in, measured, prepare
from gan.study.scenes_pairs import Source, digest, made, wanted_classes
from tests.made_up_painter import painter, reader
from tests.made_up_scene_run import DATA, good_run
from tests.made_up_streets import CAR, PERSON, ROAD, SKY, some_streets

WITH_PERSONS = dataclasses.replace(CITYSCAPES, rare=(PERSON,))
SIZE = 64, 48
CONFIG = settled(StudyConfig(task="scenes", seeds=3, steps=2, count=4))


def streets(count: int, seed: int, palette=WITH_PERSONS) -> Scenes:
    drawn = some_streets(count, seed=seed)
    return Scenes.of([drawn.scene(k) for k in range(count)], palette, drawn.names)


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return SceneSet("streets", WITH_PERSONS, streets(10, 0), streets(6, 1), streets(3, 2))


def write_pairs(path, value: int = 7, label: int = SKY, count: int = 5) -> Source:
    """Pairs of one colour and one class."""
    width, height = SIZE
    photos = np.full((count, height, width, 3), value, np.uint8)
    told = {"tries": 9, "kept": count, "thrown_away": 3, "no_place": 1, "put_in": {"person": 6}, "kept_of_real": 0.8}
    told |= {"blind": ["rider"], "made_by": "Photos by iteration 300 of run ffff"}
    np.savez(
        path, photos=photos, labels=np.full((count, height, width), label, np.uint8), sheet=photos[0],
        real_pixels=np.ones(256, int), told=np.array(json.dumps(told)),
    )  # fmt: skip
    return Source(SIZE, {(GENERATE, 0): path})


@pytest.fixture
def study(scenes, tmp_path) -> SceneStudy:
    return SceneStudy(CONFIG, write_pairs(tmp_path / "pairs.npz"), scenes)


# --- what is compared


def test_the_design_names_everything(study) -> None:
    design = study.design
    assert list(design.arms) == scenes_arms.USUAL.split(",")
    assert design.generated == ("generated-25", "generated-50", "both-25", "both-50")
    assert list(design.measures) == [
        "test.rare", "test.mean_iou", "test.pixel_accuracy", "test.iou_24_person",
        "validation.rare", "validation.mean_iou", "validation.pixel_accuracy",
    ]  # fmt: skip
    assert design.headline == "test.rare" and design.subject == "the mean IoU of the rare classes"
    assert design.measures["test.rare"].endswith("that the test part has") and len(design.cells()) == 24


def test_without_rare_classes_in_the_test_part_all_classes_decide(scenes) -> None:
    source = Source(SIZE)
    empty = streets(3, 2)
    gone = Scenes.of(
        [dataclasses.replace(scene, labels=np.where(scene.labels == PERSON, ROAD, scene.labels))
         for scene in (empty.scene(k) for k in range(3))], WITH_PERSONS,
    )  # fmt: skip
    design = SceneStudy(CONFIG, source, dataclasses.replace(scenes, test=gone)).design
    assert design.headline == "test.mean_iou" and design.subject == "the mean IoU"
    assert "validation.rare" in design.measures and "test.rare" not in design.measures


def test_without_a_test_part_validation_decides(scenes) -> None:
    none = scenes.test.take([])
    study = SceneStudy(CONFIG, Source(SIZE), dataclasses.replace(scenes, test=none))
    assert study.design.headline == "validation.rare" and "validation.iou_24_person" in study.design.measures
    page = Report("x")
    study.describe(page, None)
    assert "There is no test part" in page.html()


def test_a_test_part_of_unscored_classes_is_refused(scenes) -> None:
    void = Scenes.of(
        [dataclasses.replace(scenes.test.scene(0), labels=scenes.test.scene(0).labels * 0)], WITH_PERSONS
    )
    with pytest.raises(UserError, match="no pixel of the test part of streets is of a class that is scored"):
        _ = SceneStudy(CONFIG, Source(SIZE), dataclasses.replace(scenes, test=void)).design


def test_the_ids_of_a_part(scenes) -> None:
    assert {PERSON, CAR, ROAD, SKY} <= ids_in(scenes.test) and not {25, 33} & ids_in(scenes.test)
    assert ids_in(scenes.test.take([])) == set()


# --- what decides a cell's numbers


def test_what_decides_the_numbers_of_a_cell(scenes, study, tmp_path) -> None:
    """Whatever changes the numbers changes the identity, and nothing else does."""
    cell, source = Cell(0, "full", "both-25"), study.source
    first = study.identity(cell)
    json.dumps(first)
    for changed in ({"steps": 3}, {"precision": "bfloat16"}):
        assert SceneStudy(dataclasses.replace(CONFIG, **changed), source, scenes).identity(cell) != first, changed
    for changed in ({"seed": 1}, {"arm": "both-50"}, {"arm": "generated-25"}, {"arm": "real"}):
        assert study.identity(dataclasses.replace(cell, **changed)) != first, changed
    for part in ("training", "validation", "test"):
        other = dataclasses.replace(scenes, **{part: streets(4, 9)})
        assert SceneStudy(CONFIG, source, other).identity(cell) != first, part
    assert SceneStudy(CONFIG, dataclasses.replace(source, size=(64, 32)), scenes).identity(cell) != first
    for same in ({"workers": 2}, {"seeds": 9}, {"arms": "both-25"}, {"count": 9}, {"goodrun_ref": "moved"}):
        assert SceneStudy(dataclasses.replace(CONFIG, **same), source, scenes).identity(cell) == first, same
    moved = write_pairs(tmp_path / "moved.npz")
    assert SceneStudy(CONFIG, moved, scenes).identity(cell) == first


def test_arms_with_generated_pairs_depend_on_them_and_the_others_do_not(scenes, tmp_path, study) -> None:
    for number, changed in enumerate(({"value": 8}, {"label": ROAD}, {"count": 6})):
        other = SceneStudy(CONFIG, write_pairs(tmp_path / f"{number}.npz", **changed), scenes)
        for arm, same in (("generated-25", False), ("both-50", False), ("classical", True), ("real", True)):
            cell = Cell(0, "full", arm)
            assert (study.identity(cell) == other.identity(cell)) == same, (arm, changed)


# --- what the arms draw


def drawn(study: SceneStudy, arm: str, batches: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Photos and label maps of the first batches of a cell."""
    trainer = study.trainer(Cell(0, "full", arm))
    found = [trainer.batch(k) for k in range(batches)]
    return tuple(np.concatenate([np.asarray(pair[part]) for pair in found]) for part in (0, 1))


@pytest.mark.parametrize(("arm", "share"), [("real", 0), ("generated-25", 25), ("generated-50", 50)])
def test_a_share_of_the_draws_is_generated(study, arm, share) -> None:
    photos, labels = drawn(study, arm)
    made = (np.rint((photos + 1) * 127.5) == 7).all(axis=(1, 2, 3))
    assert abs(made.mean() * 100 - share) <= (3.5 * 100 * (0.25 / 800) ** 0.5 if share else 0)
    sky = WITH_PERSONS.scored.index(SKY)
    assert (labels[made] == sky).all() and (labels[~made] != sky).any()


def test_classical_arms_change_the_scenes_and_the_others_do_not(study) -> None:
    real, of_real = study._real(0)[:2]
    known = {photo.tobytes() for photo in real}
    for arm, same in (("real", True), ("classical", False), ("generated-50", True), ("both-50", False)):
        photos, _ = drawn(study, arm, 4)
        flat = photos.max(axis=(1, 2, 3)) == photos.min(axis=(1, 2, 3))
        shown = {np.rint((photo + 1) * 127.5).clip(0, 255).astype(np.uint8).tobytes() for photo in photos[~flat]}
        assert (shown <= known) == same, arm
    assert of_real.max() == 255 or of_real.max() < len(WITH_PERSONS.scored)


def test_classes_weigh_the_same_in_all_arms(study) -> None:
    weights = [np.asarray(study.trainer(Cell(0, "full", arm))._weights) for arm in ("real", "both-50")]
    np.testing.assert_array_equal(*weights)
    person, road = (WITH_PERSONS.scored.index(k) for k in (PERSON, ROAD))
    assert weights[0][person] > weights[0][road] > 0


def test_a_worker_is_sent_no_pictures(study) -> None:
    assert len(study.pairs(GENERATE)["photos"]) == 5
    assert len(pickle.dumps(study.source)) < 2_000


# --- what is measured


def test_measures_worked_out_by_hand() -> None:
    palette = dataclasses.replace(CITYSCAPES, scored=(7, 24, 25, 26), rare=(24, 25, 28))
    table = np.array([[6, 2, 0, 0], [1, 3, 0, 0], [0, 0, 0, 0], [2, 0, 2, 4]])
    found = measured(table, palette)
    # IoU: 6/11, 3/6 and 4/8; no label map has a rider: it counts nowhere, though answers have it.
    assert found == pytest.approx(
        {"rare": 0.5, "iou_24_person": 0.5, "mean_iou": (6 / 11 + 0.5 + 0.5) / 3, "pixel_accuracy": 13 / 20}
    )
    assert "rare" not in measured(table, dataclasses.replace(palette, rare=(25,)))


def test_the_report_tells_what_was_made(study) -> None:
    page = Report("x")
    study.describe(page, None)
    text = page.html()
    assert "5 pairs kept, 3 thrown away by the filter" in text and "iteration 300 of run ffff" in text
    assert "<td>person</td>" in text and "The filter does not judge rider" in text
    assert text.count("<img") == 2


# --- generated pairs


@dataclasses.dataclass
class GoodRun:
    """Stands in for `gan.pix2pix.restored.Restored`: known networks instead of trained ones."""

    scenes: SceneSet
    shown: object
    weights: str = "abc"
    size = SIZE
    goodrun = types.SimpleNamespace(run_id="a" * 32, iteration=300)

    def origin(self):
        parts = ("training", "validation", "test")
        return {"weights": self.weights, "digests": {part: getattr(self.scenes, part).digest() for part in parts}}

    def way(self, photo):
        return photo

    def made_by(self, way):
        return "Photos generated by iteration 300 of run a"

    def photos(self, seed):
        return self.shown

    def lights(self, way):
        return None

    def answers(self, training, iterations, say):
        return reader()


def generated(folder, good, count, say, way=GENERATE) -> Source:
    return Source(SIZE, {(way, 0): made(folder, good, count, say, way)})


def never(*given):
    raise AssertionError("generated once more")


def test_pairs_are_made_once_and_used_again(scenes, tmp_path, capsys) -> None:
    first = generated(tmp_path, GoodRun(scenes, painter()), 4, print)
    pairs = first.read(GENERATE)
    assert pairs["photos"].shape == (4, 48, 64, 3) and pairs["labels"].shape == (4, 48, 64)
    apart = pairs["photos"].astype(int) - CITYSCAPES.colour(pairs["labels"])
    assert np.abs(apart).max() <= 2, "the photos of these label maps"
    found = first.summary(GENERATE)
    assert found["kept"] == 4 and found["put_in"]["person"] >= 4 and pairs["real_pixels"][PERSON] > 0
    before = first.paths[GENERATE, 0].stat().st_mtime_ns
    again = generated(tmp_path, GoodRun(scenes, never), 4, print)
    assert again == first and again.paths[GENERATE, 0].stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("making 4 pairs") == 1


def test_pasted_pairs_need_no_generator_and_are_drawn_by_their_arms(scenes, tmp_path) -> None:
    source = generated(tmp_path, GoodRun(scenes, never), 4, print, way=PASTE)
    pairs = source.read(PASTE)
    assert source.summary(PASTE)["kept"] == len(pairs["photos"]) == 4
    config = settled(StudyConfig(task="scenes", arms="classical,pasted-25,pasted-50", steps=2))
    study = SceneStudy(config, source, scenes)
    identities = [study.identity(Cell(0, "full", arm)) for arm in study.arms]
    assert len(set(map(repr, identities))) == 3 and not study.design.generated
    _, labels = drawn(study, "pasted-50", 20)
    assert (labels == WITH_PERSONS.scored.index(PERSON)).any()


def test_other_weights_data_or_numbers_of_pairs_make_others(scenes, tmp_path) -> None:
    first = generated(tmp_path, GoodRun(scenes, painter()), 2, print)
    other = dataclasses.replace(scenes, training=streets(8, 5))
    for good, count in (
        (GoodRun(scenes, painter(), "def"), 2), (GoodRun(other, painter()), 2), (GoodRun(scenes, painter()), 3),
    ):  # fmt: skip
        assert generated(tmp_path, good, count, print).paths != first.paths
    more = generated(tmp_path, GoodRun(scenes, never), 3, print).read(GENERATE)
    np.testing.assert_array_equal(more["photos"][:2], first.read(GENERATE)["photos"])
    assert len(list((tmp_path / "pools").iterdir())) == 4


def test_a_damaged_file_is_made_again(scenes, tmp_path) -> None:
    first = generated(tmp_path, GoodRun(scenes, painter()), 2, print)
    whole, pairs = first.paths[GENERATE, 0].read_bytes(), first.read(GENERATE)
    for damaged in (whole[: len(whole) // 2], whole[:600] + bytes(64) + whole[664:], b""):
        first.paths[GENERATE, 0].write_bytes(damaged)
        again = generated(tmp_path, GoodRun(scenes, painter()), 2, print).read(GENERATE)
        assert digest(again) == digest(pairs)


def test_too_few_pairs_are_told_and_none_is_an_error(scenes, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(augmenting, "MOST_TRIES", 1)
    said = []
    source = generated(tmp_path, GoodRun(scenes, painter(unseen=(PERSON,), often=2)), 6, said.append)
    kept = len(source.read(GENERATE)["photos"])
    assert 0 < kept < 6 and f"warning: only {kept} pairs of 6 passed the filter, in 6 tries" in said
    with pytest.raises(UserError, match="none agreed with its label map enough to be kept"):
        generated(tmp_path, GoodRun(scenes, painter(unseen=(PERSON,)), "def"), 6, print)


def test_what_is_put_in() -> None:
    assert wanted_classes(WITH_PERSONS) == (PERSON,)
    assert wanted_classes(dataclasses.replace(CITYSCAPES, rare=())) == CITYSCAPES.things
    for changed, words in (
        ({"rare": (), "things": ()}, "marks no class as rare"),
        ({"ground": ()}, "no class as gro"),
    ):
        with pytest.raises(UserError, match=words):
            wanted_classes(dataclasses.replace(CITYSCAPES, **changed))


# --- what is refused


def test_mistakes_are_found_before_anything_is_made(workplace, tmp_path) -> None:
    def refused(words: str, **changed) -> None:
        chosen = {"task": "scenes", "data": DATA} | changed
        with pytest.raises(UserError, match=words):
            prepare(settled(StudyConfig(**chosen)), tmp_path / "out", None, print)

    reference = good_run(tmp_path / "good")
    words = f"was trained on other scenes \\({DATA}, or before that\\) than the training part of drawn:9, and may "
    words += "know scenes that the study tests on; .* train_pix2pix.py --data drawn:9"
    refused(words, goodrun_ref=reference, data="drawn:9")
    other = good_run(tmp_path / "other", digest="0" * 16)
    refused("was trained on other scenes", goodrun_ref=other)
    backwards = good_run(tmp_path / "backwards", direction=LABELS, edges=False)
    refused("makes label maps of photos", goodrun_ref=backwards)
    refused("no run id", goodrun_ref="nowhere")
    refused("there is no folder 'dataset'", data="", goodrun_ref=reference)
    assert not (tmp_path / "out").exists()


def test_arms_without_generated_pairs_make_none(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(scenes_pairs, "_arrays", never)
    config = settled(StudyConfig(task="scenes", data=DATA, arms="real", goodrun_ref=good_run(tmp_path / "good")))
    study, build = prepare(config, tmp_path / "out", None, print)
    assert not study.source.paths and study.source.size == (64, 32) and not (tmp_path / "out").exists()
    cell = Cell(0, "full", "real")
    assert build().identity(cell) == study.identity(cell)
    assert study.identity(cell)["training"] == open_scenes(DATA).training.digest()
