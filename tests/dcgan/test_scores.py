import math

import numpy as np
import pytest

from gan.data.labelled import LabelledImages, join
from gan.data.sets import Parts
from gan.data.signs import CLASSES, GTSRB
from gan.dcgan import scorer as scorers
from gan.dcgan import scores as scoring
from gan.dcgan.samples import DRAWS, draws, some_of_each
from gan.dcgan.scorer import QUICK_SAMPLE, RANKED_BY, SignScorer, checkpoint_scores, pixel_scores
from gan.dcgan.scores import LARGEST_SAMPLE, SCORES
from gan.score import results
from gan.scoring.fidelity import frechet_distance
from gan.scoring.nearest import compare

WANTED = [4, 17, 30]
DEFINED = {score.name: score for score in SCORES}
BLOCKS = 4  # grey squares of 16x16 pixels that make an image


def draw(classes: list[int], tracks: int, frames: int, seed: int, first_track: int = 0) -> LabelledImages:
    """Images of four grey squares: those of a track hardly differ, and the first pixel says the class.

    Args:
        classes: ids; each has another mean grey.
        tracks: tracks a class.
        frames: images a track.
        seed: of all of them.
        first_track: the number of the first track, -1 for tracks that are not known.
    """
    random = np.random.default_rng(seed)
    labels = np.repeat(classes, tracks * frames)
    signs = random.normal(0, 30, (len(classes) * tracks, BLOCKS)).repeat(frames, axis=0)
    greys = 100 + labels[:, None] + signs + random.normal(0, 5, signs.shape)
    images = greys.reshape(-1, 2, 2, 1).repeat(16, axis=1).repeat(16, axis=2).repeat(3, axis=3)
    images = np.clip(images + random.normal(0, 2, images.shape), 0, 255).astype(np.uint8)
    images[:, 0, 0, 0] = labels
    drawn = LabelledImages.of(images, labels, GTSRB)
    if first_track >= 0:
        drawn.tracks[:] = first_track + np.arange(len(labels)) // frames
    return drawn


class Judge:
    """Looks at the squares and at the pixel that says the class, and remembers how many images it was shown."""

    def __init__(self):
        self.shown: list[int] = []

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.shown.append(len(images))
        labels = images[:, 0, 0, 0].astype(int)
        squares = images.reshape(-1, 2, 16, 2, 16, 3).mean(axis=(2, 4, 5)).reshape(len(images), BLOCKS) / 30
        features = np.concatenate([labels[:, None] / 20, squares], axis=1).astype(np.float32)
        return features, np.eye(CLASSES, dtype=np.float32)[labels] * 0.9


TRAINING = draw(WANTED, 12, 8, seed=0)
HELD_OUT = draw(WANTED, 8, 8, seed=1, first_track=1000)
OTHER = draw(WANTED, 64, 1, seed=2, first_track=-1)  # of the same distribution, no two of one sign
MANY_SIGNS = draw(WANTED, 64, 1, seed=3), draw(WANTED, 64, 1, seed=4, first_track=1000)


def scorer(training: LabelledImages = TRAINING, held_out: LabelledImages = HELD_OUT, classes=WANTED) -> SignScorer:
    return SignScorer(Judge(), training, held_out, list(classes))


def of_classes(signs: LabelledImages, *classes: int) -> LabelledImages:
    return signs.take(np.isin(signs.labels, classes))


def flagged(scores: dict[str, float]) -> set[str]:
    """The names of the scores that are out of range."""
    return {found.score.name for found in results(SCORES, scores) if found.flagged}


def assert_same(one: dict[str, float], other: dict[str, float], rel: float = 1e-4) -> None:
    assert one == pytest.approx(other, rel=rel, abs=1e-4)


# What the scores say


def test_copies_are_found_out_and_nothing_else_is_wrong_with_them() -> None:
    scores = scorer().full(LabelledImages.of(TRAINING.images, TRAINING.labels, GTSRB))
    overall = scores.overall
    assert overall["c_t"] < -5 and overall["c_t_pixels"] < -5
    assert overall["gan_test"] == 1 and overall["fid_training"] < overall["fid_training_floor"]
    assert overall["nearest_real"] < 0.01 < 0.3 < overall["nearest_real_floor"]
    for k in WANTED:
        assert scores.classes[k]["nearest_real"] < 0.01
    wrong = flagged(overall) - {"fid_unseen", "kid_unseen"}  # here the unseen part has few signs, far by chance
    assert wrong == {"c_t", "c_t_rare", "c_t_pixels", "c_t_pixels_rare", "nearest_real"}


def test_other_signs_of_the_distribution_are_as_good_as_the_floors() -> None:
    overall = scorer(*MANY_SIGNS).full(OTHER).overall
    wrong = flagged(overall) - {"kid_training"}  # these features are not of unit variance, as those of judges are
    assert not wrong
    for name in ("c_t", "c_t_rare", "c_t_pixels", "c_t_pixels_rare"):
        assert abs(overall[name]) < 3
    for name in ("precision", "recall", "coverage", "diversity", "nearest_real"):
        assert overall[name] == pytest.approx(overall[f"{name}_floor"], rel=0.1), name
    assert overall["gan_test"] == overall["gan_test_floor"] == 1


def test_a_perfect_generator_scores_as_its_real_reference_however_many_frames_a_track_has() -> None:
    """Frames of few tracks are no sample of the signs: all of them look worse than generated images."""
    training, held_out = draw(WANTED, 40, 8, seed=3), draw(WANTED, 20, 8, seed=4, first_track=1000)
    test = draw(WANTED, 80, 1, seed=5, first_track=-1)
    judged = SignScorer(Judge(), training, held_out, WANTED, test)
    overall = judged.full(draw(WANTED, 200, 1, seed=2, first_track=-1)).overall
    assert not flagged(overall) - {"kid_training", "kid_unseen"}
    for name in ("fid_training", "fid_unseen"):
        assert overall[name] == pytest.approx(overall[f"{name}_floor"], abs=0.15), name
    for name in ("precision", "recall", "coverage"):
        assert overall[name] == pytest.approx(overall[f"{name}_floor"], abs=0.05), name


def test_images_of_the_wrong_class_are_found_out() -> None:
    wrong = OTHER.take(np.argsort(-OTHER.labels.astype(int), kind="stable"))
    right = LabelledImages.of(np.concatenate([of_classes(OTHER, 17).images] * 3), np.repeat(WANTED, 64), GTSRB)
    scores = scorer().full(LabelledImages.of(np.roll(wrong.images, 64, axis=0), wrong.labels, GTSRB))
    assert scores.overall["gan_test"] == scores.overall["gan_test_worst"] == 0
    assert [scores.classes[k]["gan_test"] for k in WANTED] == [0, 0, 0]
    assert scores.overall["gan_test_floor"] == scores.overall["gan_test_worst_floor"] == 1
    assert {"gan_test", "gan_test_worst"} <= flagged(scores.overall)
    scores = scorer(*MANY_SIGNS).full(right)
    assert scores.overall["gan_test"] == pytest.approx(1 / 3) and scores.overall["gan_test_worst"] == 0
    assert [scores.classes[k]["gan_test"] for k in WANTED] == [0, 1, 0]
    assert scores.overall["fid_training"] > 3 * scores.overall["fid_training_floor"]


def test_one_picture_for_all_has_no_recall_and_no_diversity() -> None:
    images = OTHER.images[np.repeat([0, 64, 128], 64)]
    overall = scorer().full(LabelledImages.of(images, OTHER.labels, GTSRB)).overall
    assert (
        overall["recall"] < 0.1
        and overall["diversity"] < 0.01
        and overall["coverage"] < 0.6 * overall["coverage_floor"]
    )
    assert {"fid_training", "recall", "coverage", "diversity"} <= flagged(overall)


def test_every_score_has_a_meaning_and_a_known_floor() -> None:
    scores = scorer().full(OTHER)
    for found in (scores.overall, *scores.classes.values()):
        names = {name.removesuffix("_floor") for name in found}
        assert names <= {score.name for score in SCORES} and names <= set(found)
        assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())
    without_floor = {found.score.name for found in results(SCORES, scores.overall) if found.reference is None}
    assert without_floor == {name for name in scores.overall if name.startswith("c_t")}
    assert set(scores.classes) == set(WANTED)


# Sizes of samples


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], list[int]]]:
    """Labels of both sides of every comparison of sets."""
    pairs = []

    def spied(name: str):
        original = getattr(scoring, name)

        def spy(first, second, **more):
            pairs.append(tuple(np.rint(points[:, 0] * 20).astype(int).tolist() for points in (first, second)))
            return original(first, second, **more)

        return spy

    for name in ("frechet_distance", "kernel_distance", "manifold_scores"):
        monkeypatch.setattr(scoring, name, spied(name))
    monkeypatch.setattr(scorers, "frechet_distance", scoring.frechet_distance)
    return pairs


UNEVEN = join(draw([4], 3, 20, 3), draw([17], 20, 10, 4), draw([30], 3, 4, 5))
UNEVEN_HELD_OUT = join(draw([4], 2, 10, 6), draw([17], 20, 10, 7), draw([30], 5, 5, 8))


@pytest.mark.parametrize(
    ("each", "wanted"),
    [
        (1, {4: 1, 17: 1, 30: 1}),  # too few images for a distance
        (3, {4: 2, 17: 3, 30: 3}),
        (500, {4: 2, 17: 20, 30: 3}),  # the fewer tracks of training and held-out part
    ],
)
def test_samples_hold_one_frame_a_track_and_as_many_generated_images(each: int, wanted: dict[int, int]) -> None:
    generated = draw(WANTED, each, 1, seed=9, first_track=-1)
    drawn = draws(generated, UNEVEN_HELD_OUT, UNEVEN, WANTED, LARGEST_SAMPLE)
    assert len(drawn) == (0 if each == 1 else DRAWS)
    for draw_ in drawn:
        for signs, rows in ((generated, draw_.generated), (UNEVEN_HELD_OUT, draw_.stand_in), (UNEVEN, draw_.target)):
            chosen = signs.take(rows)
            assert {k: int(count) for k, count in enumerate(chosen.counts()) if count} == wanted
            assert len(np.unique(chosen.tracks[chosen.tracks >= 0])) == (chosen.tracks >= 0).sum(), "one of a track"
    assert len({tuple(each.target) for each in drawn}) == len(drawn), "each draw has other frames"


def test_targets_are_as_large_as_equal_shares_allow() -> None:
    target, few = draw(WANTED, 12, 2, seed=0), draw(WANTED, 3, 5, seed=1, first_track=500)
    first = draws(OTHER, few, target, WANTED, LARGEST_SAMPLE)[0]
    assert len(first.generated) == len(first.stand_in) == 9 and len(first.target) == 36
    assert len(draws(OTHER, few, target, WANTED, 6)[0].target) == 18, "no more of a class than wanted"


def test_there_is_no_reference_of_fewer_than_four_signs() -> None:
    three, four = (draw([17], count, 30, seed=1, first_track=500) for count in (3, 4))
    for held_out, referred in ((three, False), (four, True)):
        scores = scorer(held_out=held_out, classes=[17]).full(of_classes(OTHER, 17)).classes[17]
        for name in ("fid_training", "kid_training", "recall", "coverage", "gan_test"):
            assert (f"{name}_floor" in scores) == referred, name
        assert ("fid_unseen" in scores) == referred


@pytest.mark.parametrize("held_out", [UNEVEN_HELD_OUT, of_classes(UNEVEN_HELD_OUT, 4, 30)])
def test_both_sides_of_quick_scores_hold_as_many_images_of_every_class(
    compared: list, held_out: LabelledImages
) -> None:
    judged = scorer(UNEVEN, held_out)
    labels = judged.quick_labels()
    counts = {k: int((labels == k).sum()) for k in WANTED}
    assert counts == {4: 20, 17: QUICK_SAMPLE, 30: 12} and labels.dtype.kind in "ui"
    assert labels.tolist() == sorted(labels)
    generated = draw(WANTED, QUICK_SAMPLE, 1, seed=9, first_track=-1)
    judged.quick(generated.images[some_of_each(generated, np.bincount(labels, minlength=CLASSES))])
    assert len(compared) == 2
    for (first, second), real in zip(compared, (UNEVEN, held_out), strict=True):
        assert sorted(first) == sorted(second)
        assert set(first) == set(real.labels.tolist()) and len(first) == sum(counts[k] for k in set(first))


def test_some_of_each_class_lie_all_over_it() -> None:
    signs = LabelledImages.of(np.zeros((100, 32, 32, 3), np.uint8), np.arange(100) % 2 * 5, GTSRB)
    sizes = np.zeros(CLASSES, int)
    sizes[[0, 5, 9]] = 5, 80, 3
    chosen = some_of_each(signs, sizes)
    assert chosen[:5].tolist() == [0, 24, 48, 72, 98], "first and last too"
    assert chosen[5:].tolist() == list(range(1, 100, 2)), "fewer where there are fewer, none where there is none"
    assert some_of_each(signs, np.zeros(CLASSES, int)).tolist() == []
    for size in range(1, 51):
        sizes[0] = size
        assert len(set(some_of_each(signs, sizes)[:size])) == size


# Parts that are missing or small


def test_classes_without_held_out_images_have_no_floor() -> None:
    judged = scorer(held_out=of_classes(HELD_OUT, 4, 30))
    scores = judged.full(OTHER)
    assert "gan_test_floor" in scores.classes[4] and "fid_unseen" in scores.classes[30]
    for name in ("gan_test_floor", "fid_unseen", "fid_training_floor", "precision_floor"):
        assert name not in scores.classes[17], name
    assert {"gan_test", "fid_training", "precision", "nearest_real_floor"} <= set(scores.classes[17])
    assert "fid_training_floor" not in scores.overall and "fid_unseen" not in scores.overall
    # The classes that can be compared are.
    few = of_classes(OTHER, 4, 30)
    less = scorer(of_classes(TRAINING, 4, 30), of_classes(HELD_OUT, 4, 30), [4, 30]).full(few)
    assert scores.overall["c_t"] == pytest.approx(less.overall["c_t"])
    labels = judged.quick_labels()
    quick = judged.quick(OTHER.images[some_of_each(OTHER, np.bincount(labels, minlength=CLASSES))])
    assert set(quick) == {"gan_test", "gan_test_worst", "fid_training", "fid_held_out"}


def test_without_any_held_out_image_there_are_the_scores_that_need_none() -> None:
    judged = scorer(held_out=HELD_OUT.take(np.zeros(len(HELD_OUT), bool)))
    overall = judged.full(OTHER).overall
    assert {"gan_test", "gan_test_worst", "fid_training", "kid_training", "recall", "diversity"} <= set(overall)
    assert not [name for name in overall if "unseen" in name or name.startswith("c_t")]
    assert {name for name in overall if name.endswith("_floor")} == {"diversity_floor", "nearest_real_floor"}
    labels = judged.quick_labels()
    quick = judged.quick(OTHER.images[some_of_each(OTHER, np.bincount(labels, minlength=CLASSES))])
    assert set(quick) == {"gan_test", "gan_test_worst", "fid_training"}


@pytest.mark.parametrize("classes", [[17], WANTED, list(range(12))])
def test_one_generated_image_of_each_class_is_enough(classes: list[int]) -> None:
    training, held_out = draw(classes, 4, 5, seed=0), draw(classes, 2, 5, seed=1, first_track=1000)
    judged = scorer(training, held_out, classes)
    scores = judged.full(draw(classes, 1, 1, seed=9, first_track=-1))
    assert scores.overall["gan_test"] == 1 and "c_t" in scores.overall
    assert ("fid_training" in scores.overall) == (len(classes) >= 4)
    assert all(set(found) >= {"gan_test", "nearest_real"} for found in scores.classes.values())
    assert not any("diversity" in found or "fid_training" in found for found in scores.classes.values())
    made, real, apart = judged.closest(draw(classes, 1, 1, seed=9, first_track=-1))
    assert len(made) == len(real) == len(apart) == len(classes)


def test_a_single_real_image_on_each_side_does_no_harm() -> None:
    training, held_out = draw(WANTED, 1, 1, seed=0), draw(WANTED, 1, 1, seed=1, first_track=1000)
    judged = scorer(training, held_out)
    assert judged.quick_labels().tolist() == WANTED
    assert {"gan_test", "fid_held_out"} <= set(judged.quick(OTHER.images[[0, 64, 128]]))
    overall = judged.full(OTHER).overall
    assert "c_t" in overall and "fid_training" not in overall and "nearest_real_floor" not in overall
    one = scorer(of_classes(training, 17), of_classes(held_out, 17), [17])
    assert set(one.quick(OTHER.images[64:65])) == {"gan_test"}


def test_a_single_class_has_no_worst_and_no_rare_ones() -> None:
    judged = scorer(classes=[17])
    generated = of_classes(OTHER, 17)
    scores = judged.full(generated)
    assert not [name for name in scores.overall if "worst" in name or "rare" in name]
    assert scores.classes.keys() == {17}
    for name, value in scores.classes[17].items():
        assert scores.overall[name] == pytest.approx(value), name
    assert {len(judged.training), len(judged.held_out)} == {96, 64}, "images of other classes are left out"
    assert set(judged.quick(generated.images)) == {"gan_test", "fid_training", "fid_held_out"}


def test_rare_classes_are_the_ten_smallest() -> None:
    classes = list(range(20, 32))
    training = join(*(draw([k], 2 if k in (21, 25) else 12, 3, seed=k) for k in classes))
    training = join(training, draw([20], 1, 3, seed=60))  # the largest; then 22 on, of equal size
    held_out = draw(classes, 4, 3, seed=1, first_track=2000)
    generated = draw(classes, 12, 1, seed=2, first_track=-1)
    # Copies of the two classes that are not among them: 20, and 31, which comes last of the equal ones.
    for k in (20, 31):
        generated.images[generated.labels == k] = training.images[training.labels == k][:36:3][:12]
    overall = scorer(training, held_out, classes).full(generated).overall
    rare = classes[1:11]
    only = scorer(training, held_out, rare).full(of_classes(generated, *rare)).overall
    for name in ("c_t", "c_t_pixels"):
        assert overall[f"{name}_rare"] == pytest.approx(only[name])
        assert overall[name] < overall[f"{name}_rare"] - 1


# Quick scores


def test_quick_scores_are_those_of_the_images_in_the_order_of_the_labels() -> None:
    judged = scorer()
    labels = judged.quick_labels()
    assert labels.tolist() == np.repeat(WANTED, QUICK_SAMPLE).tolist()
    sizes = np.bincount(labels, minlength=CLASSES)
    copies = TRAINING.images[some_of_each(TRAINING, sizes)]
    scores = judged.quick(copies)
    assert set(scores) == {"gan_test", "gan_test_worst", "fid_training", "fid_held_out"}
    assert scores["gan_test"] == scores["gan_test_worst"] == 1
    assert scores["fid_training"] == pytest.approx(0, abs=1e-6)
    wanted = frechet_distance(Judge()(copies)[0], Judge()(HELD_OUT.images[some_of_each(HELD_OUT, sizes)])[0])
    assert scores["fid_held_out"] == pytest.approx(wanted) and wanted > 0.1
    turned = judged.quick(np.roll(copies, QUICK_SAMPLE, axis=0))
    assert turned["gan_test"] == 0 and turned["fid_training"] == pytest.approx(0, abs=1e-6)


def test_real_images_are_judged_once() -> None:
    judge = Judge()
    judged = SignScorer(judge, TRAINING, HELD_OUT, WANTED)
    images = OTHER.images[some_of_each(OTHER, np.bincount(judged.quick_labels(), minlength=CLASSES))]
    first, again = judged.quick(images), judged.quick(images)
    assert first == again
    judged.full(OTHER)
    judged.full(OTHER)
    assert sorted(judge.shown) == sorted([90, 90, *[len(OTHER)] * 2, len(TRAINING), len(HELD_OUT)])


def test_nearer_images_rank_better() -> None:
    judged = scorer()
    images = OTHER.images[some_of_each(OTHER, np.bincount(judged.quick_labels(), minlength=CLASSES))]
    darker = np.where(images > 60, images - 20, images)
    darker[:, 0, 0, 0] = images[:, 0, 0, 0]
    assert judged.quick(images)[RANKED_BY] < judged.quick(darker)[RANKED_BY]


def test_the_order_of_images_within_their_class_does_not_matter_to_quick_scores() -> None:
    judged = scorer()
    images = OTHER.images[some_of_each(OTHER, np.bincount(judged.quick_labels(), minlength=CLASSES))]
    within = np.concatenate([k * QUICK_SAMPLE + np.random.default_rng(k).permutation(QUICK_SAMPLE) for k in range(3)])
    assert_same(judged.quick(images), judged.quick(images[within]))


# The closest pairs


def test_the_closest_pairs_are_of_one_class_and_nearest_first() -> None:
    generated = draw(WANTED, 100, 1, seed=2, first_track=-1)
    looked_at = some_of_each(generated, np.bincount(HELD_OUT.labels, minlength=CLASSES))
    of_4, of_30 = (TRAINING.images[TRAINING.labels == k][7] for k in (4, 30))
    nearly = of_30.copy()
    nearly[8:16] += 1
    images = generated.images.copy()
    images[looked_at[[5, 150]]] = of_4, nearly
    images[looked_at[70]] = of_30  # a copy, but of another class
    made, real, apart = scorer().closest(LabelledImages.of(images, generated.labels, GTSRB))
    pairs = len(WANTED) * scorers.PAIRS_OF_A_CLASS
    assert made.shape == real.shape == (pairs, 32, 32, 3) and made.dtype == real.dtype == np.uint8
    assert apart.tolist() == sorted(apart) and apart[0] < 1e-5 < apart[1] < apart[2]
    np.testing.assert_array_equal(made[:2], [of_4, nearly])
    np.testing.assert_array_equal(real[:2], [of_4, of_30])
    np.testing.assert_array_equal(made[:, 0, 0, 0], real[:, 0, 0, 0])


# Out of range


@pytest.mark.parametrize(
    ("name", "value", "floor", "wrong"),
    [
        ("fid_training", 1.29, 1.0, False), ("fid_training", 1.31, 1.0, True), ("fid_training", 0.0, 1.0, False),
        ("fid_unseen", 99.0, None, False), ("kid_training", 0.3, -0.2, False), ("kid_training", 40.0, -0.2, True),
        ("precision", 0.86, 0.9, False), ("precision", 0.84, 0.9, True), ("recall", 1.0, 0.5, False),
        ("coverage", 0.44, 0.5, True), ("coverage", 0.46, 0.5, False),
        ("density", 0.1, 1.0, False), ("density", 9.0, 1.0, False),
        ("gan_test", 0.96, 0.98, False), ("gan_test", 0.9, 0.98, True), ("gan_test_worst", 0.1, 0.9, True),
        ("gan_train", 0.5, 0.98, True), ("diversity", 0.5, 0.6, True), ("diversity", 0.58, 0.6, False),
        ("c_t", -2.9, None, False), ("c_t", -3.1, None, True), ("c_t", 9.0, None, False),
        ("c_t_rare", -3.1, None, True), ("c_t_pixels_rare", -3.1, None, True), ("c_t_pixels", 0.0, None, False),
        ("nearest_real", 0.71, 1.0, False), ("nearest_real", 0.69, 1.0, True), ("nearest_real", 5.0, 1.0, False),
        ("told_apart", 0.69, 0.5, False), ("told_apart", 0.71, 0.5, True),
        ("told_apart", 0.99, None, True), ("leak", 0.61, 0.5, True),
        ("leak_low", 0.54, 0.5, False), ("spectrum", 0.6, 0.5, False), ("spectrum", 0.8, 0.5, True),
        ("brightness", 11.0, 3.0, False), ("brightness", 13.0, 3.0, True), ("brightness", 13.0, 20.0, True),
        ("nearest_real", 0.0, None, False), ("inception_fid_training", 2.0, 1.0, True),
    ],
)  # fmt: skip
def test_what_is_out_of_range(name: str, value: float, floor: float | None, wrong: bool) -> None:
    assert DEFINED[name].out_of_range(value, floor) is wrong


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.name)
def test_real_images_are_never_out_of_range(score) -> None:
    for floor in (0.0, 0.3, 1.0):
        assert not score.out_of_range(floor, floor)


# Scores that need no classifier


def test_scores_in_pixels_are_those_of_each_class_and_their_means() -> None:
    scores = pixel_scores(OTHER, TRAINING, WANTED)
    for k in WANTED:
        real = of_classes(TRAINING, k)
        images = of_classes(OTHER, k).images
        found = compare(images, real.images, real.tracks)
        assert {name: scores.classes[k][name] for name in found} == found
        light = abs(images.mean(dtype=float) - real.images.mean(dtype=float))
        assert scores.classes[k]["brightness"] == pytest.approx(light)
        assert set(scores.classes[k]) - set(found) == {"brightness", "contrast", "saturation"}
    for name in ("diversity", "diversity_floor", "nearest_real", "nearest_real_floor"):
        assert scores.overall[name] == pytest.approx(np.mean([found[name] for found in scores.classes.values()]))


def test_the_mean_is_over_the_classes_that_have_the_score() -> None:
    generated = join(of_classes(OTHER, 4), of_classes(OTHER, 17).take(np.arange(1)))
    scores = pixel_scores(generated, TRAINING, [4, 17])
    assert "diversity" not in scores.classes[17]
    assert scores.overall["diversity"] == scores.classes[4]["diversity"]


# Scores during training


def test_scores_of_a_checkpoint_are_those_of_the_generator_as_it_is_then() -> None:
    asked, shown = [], [0]

    def images(labels: np.ndarray) -> np.ndarray:
        asked.append(labels.tolist())
        return OTHER.images[64 + shown[0] : 64 + shown[0] + len(labels)]

    learned = of_classes(TRAINING, 17)
    score = checkpoint_scores(Judge(), Parts("", TRAINING, HELD_OUT, None), learned, 17, images)
    first = score()
    expected = compare(OTHER.images[64:128], learned.images, learned.tracks)
    expected |= scorer(classes=[17]).quick(OTHER.images[64:128])
    assert first == pytest.approx(expected) and first["gan_test"] == 1 and RANKED_BY in first
    shown[0] = 64  # now it generates another class
    assert score()["gan_test"] == 0
    assert asked == [[0] * 64] * 2, "a network of one class knows the class as 0"


def test_scores_of_a_checkpoint_of_all_classes() -> None:
    every = list(range(CLASSES))
    training, held_out = draw(every, 3, 3, seed=0), draw(every, 2, 2, seed=1, first_track=1000)
    generated = draw(every, 4, 1, seed=2, first_track=-1)
    asked = []

    def images(labels: np.ndarray) -> np.ndarray:
        asked.append(labels.tolist())
        return generated.images

    scores = checkpoint_scores(Judge(), Parts("", training, held_out, None), training, None, images)()
    assert asked == [np.repeat(every, 4).tolist()]
    assert {"gan_test", "gan_test_worst", "fid_training", RANKED_BY, "diversity", "nearest_real"} <= set(scores)
    assert scores["gan_test"] == 1


@pytest.mark.parametrize(("class_id", "count"), [(17, 300), (None, CLASSES * 6)])
def test_scores_of_a_checkpoint_without_a_judge_are_those_in_pixels(class_id: int | None, count: int) -> None:
    every = draw(list(range(CLASSES)), 2, 2, seed=0)
    asked = []

    def images(labels: np.ndarray) -> np.ndarray:
        asked.append(labels)
        return np.zeros((len(labels), 32, 32, 3), np.uint8)

    learned = every if class_id is None else of_classes(every, class_id)
    scores = checkpoint_scores(None, Parts("", every, every, None), learned, class_id, images)()
    assert set(scores) == {"diversity", "diversity_floor", "nearest_real", "nearest_real_floor"}
    assert [len(labels) for labels in asked] == [count]
    wanted = np.repeat(np.arange(CLASSES), 6) if class_id is None else np.zeros(count)
    np.testing.assert_array_equal(asked[0], wanted)
