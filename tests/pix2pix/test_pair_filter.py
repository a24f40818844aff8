"""Whether photos show what their label maps say: shares with known answers, thresholds from real photos."""

import numpy as np
import pytest

from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene, Scenes
from gan.errors import UserError
from gan.pix2pix.pair_filter import FLOOR, LEAST, Filter, filter_for, groups, measured, split_training
from tests.made_up_streets import BUILDING, PERSON, ROAD

PLACE = {k: CITYSCAPES.scored.index(k) for k in (ROAD, BUILDING, PERSON)}
UNSCORED = 4  # "static"


def keeper(share: float = 0.5) -> Filter:
    return Filter.even(CITYSCAPES, share)


def map_of(**pixels: int) -> np.ndarray:
    """A label map of a line: so many pixels of each class, in order."""
    ids = {"road": ROAD, "building": BUILDING, "person": PERSON, "static": UNSCORED}
    return np.repeat([ids[name] for name in pixels], list(pixels.values())).astype(np.uint8)[None]


def answer_of(labels: np.ndarray, **wrong: int) -> np.ndarray:
    """All right but the first so many pixels of a class, which are taken for road."""
    answer = CITYSCAPES.scored_indices(labels)
    for name, count in wrong.items():
        k = {"building": BUILDING, "person": PERSON}[name]
        answer[0, np.flatnonzero(labels[0] == k)[:count]] = PLACE[ROAD]
    answer[answer == 255] = PLACE[ROAD]
    return answer


def test_shares_of_classes_and_of_all_pixels():
    labels = map_of(road=60, building=30, person=10, static=50)
    check = keeper().check(labels, None, answer_of(labels, building=6, person=4))
    assert check.classes == {ROAD: 1.0, BUILDING: 0.8, PERSON: 0.6}
    assert check.pixels == 0.9, "what is not scored does not count"
    assert check.passed and check.put_in == {}
    unjudged = measured(CITYSCAPES, labels, None, answer_of(labels, building=30))
    assert unjudged.classes[BUILDING] == 0 and unjudged.passed and keeper().judged(unjudged).failed == (BUILDING,)


def test_a_class_that_is_found_too_little_fails():
    labels = map_of(road=60, building=30, person=10)
    check = keeper().check(labels, None, answer_of(labels, building=16, person=5))
    assert check.failed == (BUILDING,) and not check.passed


def test_a_class_of_few_pixels_in_the_scene_does_not_count_but_what_was_put_in_does():
    labels = map_of(road=2000, person=LEAST)
    nothing_found = answer_of(labels, person=LEAST)
    assert keeper().check(labels, None, nothing_found).passed
    added = (labels == PERSON).astype(np.uint8)
    check = keeper().check(labels, added, nothing_found)
    assert check.failed_put_in == (PERSON,) and check.failed == () and not check.passed
    assert check.put_in == {PERSON: 0.0}


def test_of_what_was_put_in_its_own_pixels_are_looked_at():
    labels = map_of(road=100, person=60)
    added = np.zeros_like(labels)
    added[0, 100:120] = 1
    check = keeper().check(labels, added, answer_of(labels, person=20))
    assert check.put_in == {PERSON: 0.0} and check.classes[PERSON] == pytest.approx(2 / 3)
    assert check.failed == () and check.failed_put_in == (PERSON,)


def test_of_several_objects_the_one_that_is_found_least_counts():
    labels = map_of(road=100, person=60)
    added = np.zeros_like(labels)
    added[0, 100:120], added[0, 120:150] = 1, 2
    check = keeper().check(labels, added, answer_of(labels, person=20))
    assert check.put_in == {PERSON: 0.0} and check.failed_put_in == (PERSON,), "30 of the 50 pixels are found"


def test_a_speck_is_not_judged():
    labels = map_of(road=50, person=LEAST - 1)
    check = keeper().check(labels, (labels == PERSON).astype(np.uint8), answer_of(labels, person=LEAST - 1))
    assert check.passed and PERSON not in check.classes and check.put_in == {}


def test_each_class_has_its_own_share_to_be_found_and_what_was_put_in_another():
    labels = map_of(road=60, building=30, person=10)
    nothing = dict.fromkeys(CITYSCAPES.scored, 0.0)
    answer = answer_of(labels, building=30, person=1)
    assert Filter(CITYSCAPES, nothing | {PERSON: 0.95}, nothing).check(labels, None, answer).failed == (PERSON,)
    put_in = Filter(CITYSCAPES, nothing, nothing | {PERSON: 0.95})
    assert put_in.check(labels, labels == PERSON, answer).failed_put_in == (PERSON,)
    assert put_in.check(labels, None, answer).passed


def test_a_map_without_a_scored_pixel_agrees_with_everything():
    labels = map_of(static=20)
    check = keeper().check(labels, None, answer_of(labels))
    assert check.passed and check.pixels == 0 and check.classes == {}


def real_photos(missed: list[int]):
    """Scenes of 40 person pixels on road, whose photos say how many of them are not found, and their segmenter."""
    labels = np.repeat([ROAD, PERSON], [160, 40]).astype(np.uint8).reshape(10, 20)
    scenes = [Scene(np.full((10, 20, 3), count, np.uint8), labels) for count in missed]

    def answers(photos):
        return np.array([answer_of(labels.reshape(1, -1), person=int(p[0, 0, 0])).reshape(10, 20) for p in photos])

    return Scenes.of(scenes, CITYSCAPES), answers


def test_auto_asks_for_what_is_found_in_all_but_the_worst_real_photos():
    real, answers = real_photos([0] * 8 + [10, 12] + [40])
    keep = filter_for("auto", real, (20, 10), answers)
    assert keep.scene[PERSON] == pytest.approx(0.7) and keep.scene[ROAD] == 1
    assert keep.real_kept == pytest.approx(10 / 11) and keep.blind == ()


def test_auto_asks_for_less_where_too_many_real_photos_would_fail():
    # In every photo one of eight classes is found less, in each by another share.
    ids = CITYSCAPES.scored[:8]
    labels = np.repeat(ids, 100).astype(np.uint8).reshape(20, 40)
    scenes = [Scene(np.full((20, 40, 3), number, np.uint8), labels) for number in range(64)]

    def answers(photos):
        found = np.repeat(CITYSCAPES.scored_indices(labels)[None], len(photos), axis=0)
        for answer, number in zip(found, photos[:, 0, 0, 0].tolist(), strict=True):
            place, missed = number % 8, 10 + number // 8
            answer.reshape(-1)[100 * place : 100 * place + missed] = PLACE[PERSON]
        return found

    keep = filter_for("auto", Scenes.of(scenes, CITYSCAPES), (40, 20), answers)
    assert 0.8 <= keep.real_kept < 1
    assert 0.83 < keep.scene[ids[0]] < np.percentile([1] * 56 + [0.9 - 0.01 * n for n in range(8)], 10)


def test_of_what_is_put_in_half_of_what_is_usual_is_asked_for():
    real, answers = real_photos([8] * 6 + [40] * 4)
    keep = filter_for("auto", real, (20, 10), answers)
    assert keep.put_in[PERSON] == pytest.approx(0.4) and keep.put_in[ROAD] == 0.5
    assert keep.put_in[BUILDING] == FLOOR, "no real photo shows it"


def test_what_the_segmenter_does_not_see_in_real_photos_is_not_judged():
    real, answers = real_photos([40] * 9 + [0])
    keep = filter_for("auto", real, (20, 10), answers, (BUILDING,))
    assert keep.blind == (PERSON,) and keep.scene[PERSON] == keep.put_in[PERSON] == 0 and keep.real_kept == 1
    few, answers = real_photos([40] * 4)
    keep = filter_for("auto", few, (20, 10), answers)
    assert keep.blind == () and keep.put_in[PERSON] == FLOOR and keep.scene[PERSON] == 0


def test_a_number_is_the_threshold_of_all_classes():
    real, answers = real_photos([0, 10, 30])
    keep = filter_for("0.6", real, (20, 10), answers)
    assert set(keep.scene.values()) == set(keep.put_in.values()) == {0.6} and keep.real_kept == pytest.approx(2 / 3)
    low = filter_for("0", real, (20, 10), answers, (PERSON,))
    assert low.scene[PERSON] == 0 and low.put_in[PERSON] == FLOOR, "what was put in has to be found"


def test_a_segmenter_that_does_not_see_what_is_put_in_judges_nothing():
    real, answers = real_photos([40] * 9 + [0])
    for agreement in ("auto", "0"):
        with pytest.raises(UserError, match="finds too little of person in real photos.*--agreement none"):
            filter_for(agreement, real, (20, 10), answers, (PERSON,))
    # Of classes that nobody named, those that can be judged are put in.
    assert filter_for("0", real, (20, 10), answers, (PERSON, ROAD), named=False).unseen == (PERSON,)
    keep = filter_for("none", real, (20, 10), answers, (PERSON,))
    assert set(keep.scene.values()) == set(keep.put_in.values()) == {0.0} and keep.real_kept == 1


@pytest.mark.parametrize("count", [1, 2, 3, 8, 30, 250])
def test_a_fifth_of_the_training_scenes_is_not_learned(count):
    scene = Scene(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    learned, held = split_training(Scenes.of([scene] * count, CITYSCAPES))
    assert sorted(learned.names + held.names) == [f"{k:06d}" for k in range(count)]
    assert len(held) == {1: 1, 2: 1, 3: 1, 8: 2, 30: 6, 250: 50}[count]
    if count == 250:  # ten neighbours in each of five blocks
        assert np.array_equal([int(name) for name in held.names], np.arange(250).reshape(5, 50)[:, 20:30].ravel())


def test_groups():
    assert list(groups(range(5), 2)) == [[0, 1], [2, 3], [4]] and list(groups([], 3)) == []
