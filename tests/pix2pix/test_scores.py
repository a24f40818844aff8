"""Scores of generated scenes: known answers from a segmenter that goes by colour."""

import math

import numpy as np
import pytest

from gan.data.scenes import load
from gan.pix2pix import scores as scenes_scores
from gan.pix2pix.scores import RANKED_BY, SCORES, CheckpointScorer, SceneScorer
from gan.score import results
from tests.made_up_maps import BOX, GROUND, PALETTE, SKY, STORED, VOID, WORKING, by_colour, toy_scenes, toy_set

DEFINED = {score.name: score for score in SCORES}


def flagged(scores: dict[str, float]) -> set[str]:
    """The names of the scores that are out of range."""
    return {found.score.name for found in results(SCORES, scores) if found.flagged}


@pytest.fixture(scope="module")
def scenes():
    return toy_set()


@pytest.fixture(scope="module")
def scorer(scenes) -> SceneScorer:
    return SceneScorer(by_colour(), scenes, scenes.test, *WORKING)


def real_photos(scenes, part="test") -> np.ndarray:
    return load(getattr(scenes, part), *WORKING).photos


def floorless(scores: dict[str, float]) -> set[str]:
    return {name for name in scores if not name.endswith("_floor")}


# --- in full


def test_the_real_photos_themselves_are_as_good_as_real(scenes, scorer) -> None:
    found = scorer.photos(real_photos(scenes)).overall
    assert floorless(found) == set(DEFINED) - {"leak", "leak_low"}
    assert found["miou_gap"] == 0 and found["l1"] == 0 and found["ssim"] == pytest.approx(1)
    for name in ("mean_iou", "rare_iou", "class_accuracy", "pixel_accuracy", "fid_training", "kid_training",
                 "fid_held_out", "kid_held_out"):  # fmt: skip
        assert found[name] == pytest.approx(found[f"{name}_floor"]), name
    assert found["nearest_real"] == pytest.approx(found["nearest_real_floor"])
    assert found["fid_held_out"] > 0
    assert 0.85 < found["mean_iou"] < 1 and found["mean_iou"] < found["pixel_accuracy"] < 1
    assert not flagged(found)


def test_pixels_are_counted_at_the_size_of_the_stored_label_map(scenes, scorer) -> None:
    found = scorer.photos(real_photos(scenes))
    counted = len(scenes.test) * STORED[0] * (STORED[1] - 4)  # but for the strip that does not count
    assert found.table.sum() == found.real_table.sum() == counted
    wanted = np.array([(scenes.test.scene(k).labels == one).sum() for k in range(4) for one in (GROUND, BOX, SKY)])
    np.testing.assert_array_equal(found.table.sum(axis=1), wanted.reshape(4, 3).sum(axis=0))
    shares = {k: found.table.sum(axis=1)[n] / counted for n, k in enumerate((GROUND, BOX, SKY))}
    assert {k: of_class["share"] for k, of_class in found.classes.items()} == pytest.approx(shares)


def test_photos_without_boxes_lack_that_class_alone(scenes, scorer) -> None:
    photos = real_photos(scenes).copy()
    labels = load(scenes.test, *WORKING).labels
    photos[labels == 1] = PALETTE.colours[0]  # ground where a box should stand
    found = scorer.photos(photos)
    assert found.classes[BOX]["iou"] < 0.1 < 0.8 < found.classes[BOX]["iou_floor"]
    assert found.overall["rare_iou"] == found.classes[BOX]["iou"]
    assert found.classes[SKY]["iou"] > 0.8 and found.classes[GROUND]["recall"] > 0.9
    assert found.classes[GROUND]["iou"] < 0.9 * found.classes[GROUND]["iou_floor"]
    assert found.table[1, 0] > 0.9 * found.table[1].sum() and found.real_table[1, 1] > 0.9 * found.real_table[1].sum()
    scores = found.overall
    assert scores["miou_gap"] == pytest.approx(1 - scores["mean_iou"] / scores["mean_iou_floor"]) and scores["l1"] > 0
    assert scores["mean_iou"] == pytest.approx(np.mean([found.classes[k]["iou"] for k in (GROUND, BOX, SKY)]))
    assert scores["class_accuracy"] == pytest.approx(
        np.mean([found.classes[k]["recall"] for k in (GROUND, BOX, SKY)])
    )
    assert {"miou_gap", "mean_iou", "rare_iou"} <= flagged(scores)


def test_noise_is_worse_in_everything(scenes, scorer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, WORKING[1], WORKING[0], 3), np.uint8)
    found = scorer.photos(noise).overall
    assert found["miou_gap"] > 0.5 and found["ssim"] < 0.3 and found["l1"] > 0.2
    assert found["fid_held_out"] > 10 * found["fid_held_out_floor"] and found["nearest_real"] > 0.5


def test_copies_of_training_photos_are_found_and_shown(scenes, scorer, monkeypatch) -> None:
    photos = real_photos(scenes).copy()
    copied = real_photos(scenes, "training")[[7, 2, 9]]
    photos[[0, 1, 3]] = copied
    monkeypatch.setattr(scenes_scores, "PAIRS", 3)
    found = scorer.photos(photos)
    assert found.overall["nearest_real"] == 0 < 0.05 < found.overall["nearest_real_floor"]
    assert "nearest_real" in flagged(found.overall)
    assert len(found.closest) == 3
    for number, (made, real, apart) in enumerate(found.closest):
        assert apart == 0 and (made == real).all() and (made == copied[number]).all()


def test_photos_all_alike_are_far_from_the_real_set_though_each_is_real(scenes, scorer) -> None:
    photos = np.repeat(real_photos(scenes)[:1], 4, axis=0)
    found = scorer.photos(photos).overall
    assert found["fid_held_out"] > 0 and found["kid_held_out"] != found["kid_held_out_floor"]
    assert found["mean_iou"] < found["mean_iou_floor"]


def test_scores_do_not_depend_on_the_batch(scenes, scorer, monkeypatch) -> None:
    photos = real_photos(scenes) // 2 + 40
    before = scorer.photos(photos)
    monkeypatch.setattr("gan.pix2pix.judge.BATCH", 3)
    after = SceneScorer(by_colour(), scenes, scenes.test, *WORKING).photos(photos)
    assert after.overall == pytest.approx(before.overall, rel=1e-4)
    np.testing.assert_array_equal(after.table, before.table)


def test_sets_are_compared_at_equal_sizes(monkeypatch) -> None:
    sizes = []

    def spy(one, other):
        sizes.append((len(one), len(other)))
        return 0.0

    monkeypatch.setattr(scenes_scores, "frechet_distance", spy)
    monkeypatch.setattr(scenes_scores, "kernel_distance", spy)
    for training, test, wanted in ((4, 7, {(4, 4), (3, 3)}), (9, 6, {(6, 6), (3, 3)})):
        scenes = toy_set(training, 1, test)
        SceneScorer(by_colour(), scenes, scenes.test, *WORKING).photos(real_photos(scenes))
        assert len(sizes) == 8 and set(sizes) == wanted
        sizes.clear()


def test_held_out_photos_are_compared_with_real_ones_of_the_scenes_between(scenes, scorer) -> None:
    photos = real_photos(scenes).copy()
    before = scorer.photos(photos).overall
    photos[1::2] = 0  # the scenes between, of which the real photos count
    assert scorer.photos(photos).overall["fid_held_out"] == pytest.approx(before["fid_held_out"])
    assert scorer.photos(photos).overall["fid_training"] > 2 * before["fid_training"]
    photos[0] = 0
    assert scorer.photos(photos).overall["fid_held_out"] > 2 * before["fid_held_out"]


def test_few_scenes_have_no_distances_between_sets_and_small_photos_no_ssim() -> None:
    scenes = toy_set(3, 1, 5)
    scorer = SceneScorer(by_colour((16, 10)), scenes, scenes.test, 16, 10)
    found = scorer.photos(load(scenes.test, 16, 10).photos).overall
    assert not {name for name in found if name.startswith(("fid", "kid", "ssim"))}
    assert all(math.isfinite(value) for value in found.values()) and {"mean_iou", "l1", "nearest_real"} <= set(found)


def test_a_class_that_is_nowhere_has_no_scores() -> None:
    scenes = toy_set(3, 1, 1)
    flat = toy_scenes(3, 300, with_box=False)
    found = SceneScorer(by_colour(), scenes, flat, *WORKING).photos(load(flat, *WORKING).photos)
    assert found.classes[BOX] == {"share": 0.0} and "rare_iou" not in found.overall
    assert found.overall["mean_iou"] == pytest.approx(np.mean([found.classes[k]["iou"] for k in (GROUND, SKY)]))


def test_label_maps_are_scored_beside_those_of_the_segmenter(scenes, scorer) -> None:
    labels = load(scenes.test, *WORKING).labels
    right = scorer.label_maps(labels)
    assert 0.85 < right.overall["mean_iou"] < 1, "label maps of the working size have coarser edges"
    assert right.overall["mean_iou_floor"] == scorer.photos(real_photos(scenes)).overall["mean_iou"]
    assert floorless(right.overall) == {"miou_gap", "mean_iou", "rare_iou", "class_accuracy", "pixel_accuracy"}
    assert right.closest == [] and right.table.sum() == right.real_table.sum()
    wrong = labels.copy()
    wrong[labels == 1] = 2
    assert scorer.label_maps(wrong).classes[BOX]["iou"] == 0
    assert right.table.shape == (3, 4) and not right.table[:, 3].any()
    void = np.where(labels == 1, 3, labels)  # a class that is not scored is a wrong answer, and none of the others
    found = scorer.label_maps(void)
    assert found.classes[BOX]["iou"] == found.classes[BOX]["recall"] == 0
    assert found.table[1, 3] > 0.9 * found.table[1].sum() and found.table.sum() == right.table.sum()
    assert found.overall["pixel_accuracy"] < right.overall["pixel_accuracy"]


def test_without_a_segmenter_there_are_the_scores_that_need_none(scenes, scorer) -> None:
    photos = real_photos(scenes) // 2 + 40
    alone, judged = SceneScorer(None, scenes, scenes.test, *WORKING), scorer.photos(photos)
    found = alone.photos(photos)
    assert set(found.overall) == {"l1", "ssim", "nearest_real", "nearest_real_floor"}
    assert found.overall.items() <= judged.overall.items()
    assert found.classes == {} and found.table is None and found.real_table is None and len(found.closest) == 4
    labels = load(scenes.test, *WORKING).labels
    maps, wanted = alone.label_maps(labels), scorer.label_maps(labels)
    assert set(maps.overall) == {"mean_iou", "rare_iou", "class_accuracy", "pixel_accuracy"}
    assert maps.overall.items() <= wanted.overall.items() and maps.real_table is None
    assert all(set(scores) == {"share", "iou", "recall"} for scores in maps.classes.values())


@pytest.mark.parametrize(("noise", "leak"), [(0, 1), (60, 0.5)], ids=["learned by heart", "no nearer than unseen"])
def test_photos_give_away_what_was_learned(noise, leak) -> None:
    scenes, random, asked = toy_set(40, 1, 30), np.random.default_rng(0), []

    def noisy(photos, most):
        return np.clip(photos + random.integers(-most, most + 1, photos.shape), 0, 255).astype(np.uint8)

    def generate(part):
        asked.extend(part.names)
        return iter(noisy(load(part, *WORKING).photos, noise))

    scorer, photos = SceneScorer(None, scenes, scenes.test, *WORKING), noisy(real_photos(scenes), 60)
    found = scorer.photos(photos, generate).overall
    assert len(set(asked)) == 30 and (asked[0], asked[-1]) == ("toy_0", "toy_39"), "as many as unseen, of all"
    assert found["leak"] == pytest.approx(leak, abs=0.15) and found["leak_low"] <= found["leak"]
    assert found["leak_floor"] == found["leak_low_floor"] == 0.5
    assert flagged(found) & {"leak", "leak_low"} == ({"leak", "leak_low"} if leak == 1 else set())
    assert "leak" not in scorer.photos(photos).overall


def test_few_scenes_tell_nothing_of_a_leak(scenes, scorer) -> None:
    photos = real_photos(scenes)
    assert scorer.photos(photos, lambda part: load(part, *WORKING).photos).overall == scorer.photos(photos).overall


# --- of checkpoints


def test_a_few_scenes_are_looked_at_beside_their_real_photos(monkeypatch) -> None:
    part = toy_scenes(40)
    scorer = CheckpointScorer(by_colour(), part, *WORKING)
    assert len(scorer.loaded.photos) == 32 == scenes_scores.QUICK and scorer.loaded.edges.any()
    whole = load(part, *WORKING)
    np.testing.assert_array_equal(scorer.loaded.photos[[0, -1]], whole.photos[[0, -1]])
    found = scorer.photos(scorer.loaded.photos)
    assert set(found) == {"l1", "mean_iou", "pixel_accuracy", RANKED_BY} and found["l1"] == found[RANKED_BY] == 0
    assert scorer.real == {f"{name}_floor": found[name] for name in ("mean_iou", "pixel_accuracy")}
    dark = scorer.photos(scorer.loaded.photos // 4)
    assert dark["l1"] > 0.1 and dark["mean_iou"] < found["mean_iou"] and dark[RANKED_BY] > 0.1
    assert scorer.real == {f"{name}_floor": found[name] for name in ("mean_iou", "pixel_accuracy")}


def test_the_cheap_scores_are_those_of_the_full_ones(scenes, scorer) -> None:
    photos = real_photos(scenes) // 2 + 40
    full = scorer.photos(photos).overall
    cheap = CheckpointScorer(by_colour(), scenes.test, *WORKING)
    assert cheap.photos(photos) == pytest.approx({name: full[name] for name in cheap.photos(photos)})
    assert cheap.real == pytest.approx({name: full[name] for name in cheap.real})
    maps = cheap.loaded.labels.copy()
    maps[:, :, :10] = maps[:, :, 10:20]
    full = scorer.label_maps(maps).overall
    assert cheap.label_maps(maps) == pytest.approx({name: full[name] for name in cheap.label_maps(maps)})
    assert set(cheap.label_maps(maps)) == {"mean_iou", "pixel_accuracy", RANKED_BY}


def test_without_a_segmenter_nothing_ranks_checkpoints() -> None:
    scorer = CheckpointScorer(None, toy_scenes(3), *WORKING)
    assert scorer.real == {} and set(scorer.photos(scorer.loaded.photos)) == {"l1"}
    judged = CheckpointScorer(by_colour(), toy_scenes(3), *WORKING).label_maps(scorer.loaded.labels)
    judged.pop(RANKED_BY)
    assert scorer.label_maps(scorer.loaded.labels) == judged and set(judged) == {"mean_iou", "pixel_accuracy"}


def test_a_segmenter_that_finds_nothing_ranks_nothing() -> None:
    part = toy_scenes(2, with_box=False)
    scenes = type(part).of([part.scene(k) for k in range(2)], PALETTE)
    empty = type(part).of(
        [type(part.scene(k))(part.scene(k).photo, np.full_like(part.scene(k).labels, VOID)) for k in range(2)],
        PALETTE,
    )
    found = CheckpointScorer(by_colour(), empty, *WORKING).photos(load(scenes, *WORKING).photos)
    assert math.isnan(found[RANKED_BY]) and math.isnan(found["mean_iou"]) and found["l1"] == 0


# --- red flags


@pytest.mark.parametrize(
    ("name", "value", "floor", "wrong"),
    [
        ("mean_iou", 0.41, 0.5, False), ("mean_iou", 0.39, 0.5, True), ("mean_iou", 0.39, None, False),
        ("pixel_accuracy", 0.9, 0.8, False), ("miou_gap", 0.21, None, True), ("miou_gap", 0.19, None, False),
        ("miou_gap", -0.5, None, False), ("l1", 0.9, None, False), ("ssim", 0.01, None, False),
        ("fid_training", 1.31, 1.0, True), ("fid_training", 1.29, 1.0, False), ("kid_training", 99.0, 0.1, False),
        ("nearest_real", 0.69, 1.0, True), ("nearest_real", 0.71, 1.0, False), ("mean_iou", math.nan, 0.5, False),
    ],
)  # fmt: skip
def test_what_is_clearly_worse_than_real_is_out_of_range(name, value, floor, wrong) -> None:
    assert DEFINED[name].out_of_range(value, floor) is wrong


def test_every_score_says_what_it_means() -> None:
    assert all(score.better in ("lower", "higher") and score.meaning for score in SCORES)
    assert RANKED_BY == "miou_gap" and DEFINED[RANKED_BY].better == "lower"
