"""Whether photos show what their label maps say: shares with known answers, thresholds from real photos."""

import numpy as np
import pytest

from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene, Scenes
from gan.scoring.agreeing import FLOOR, LEAST, Filter, filter_for, groups
from tests.made_up_streets import BUILDING, PERSON, ROAD

PLACE = {k: CITYSCAPES.scored.index(k) for k in (ROAD, BUILDING, PERSON)}
UNSCORED = 4  # "static"


def keeper(share: float = 0.5) -> Filter:
    return Filter(CITYSCAPES, np.full(len(CITYSCAPES.scored), share))


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
    verdict = keeper().verdict(labels, None, answer_of(labels, building=6, person=4))
    assert verdict.classes == {ROAD: 1.0, BUILDING: 0.8, PERSON: 0.6}
    assert verdict.pixels == 0.9, "what is not scored does not count"
    assert verdict.agrees and verdict.put_in == {}


def test_a_class_that_is_found_too_little_fails():
    labels = map_of(road=60, building=30, person=10)
    verdict = keeper().verdict(labels, None, answer_of(labels, building=16, person=5))
    assert verdict.failed == (BUILDING,) and not verdict.agrees


def test_a_class_of_few_pixels_in_the_scene_does_not_count_but_what_was_put_in_does():
    labels = map_of(road=2000, person=LEAST)
    nothing_found = answer_of(labels, person=LEAST)
    assert keeper().verdict(labels, None, nothing_found).agrees
    added = (labels == PERSON).astype(np.uint8)
    verdict = keeper().verdict(labels, added, nothing_found)
    assert verdict.failed_put_in == (PERSON,) and verdict.failed == () and not verdict.agrees
    assert verdict.put_in == {PERSON: 0.0}


def test_of_what_was_put_in_its_own_pixels_are_looked_at():
    labels = map_of(road=100, person=60)
    added = np.zeros_like(labels)
    added[0, 100:120] = 1
    verdict = keeper().verdict(labels, added, answer_of(labels, person=20))
    assert verdict.put_in == {PERSON: 0.0} and verdict.classes[PERSON] == pytest.approx(2 / 3)
    assert verdict.failed == () and verdict.failed_put_in == (PERSON,)


def test_a_speck_is_not_judged():
    labels = map_of(road=50, person=LEAST - 1)
    verdict = keeper().verdict(labels, (labels == PERSON).astype(np.uint8), answer_of(labels, person=LEAST - 1))
    assert verdict.agrees and PERSON not in verdict.classes and verdict.put_in == {}


def test_each_class_has_its_own_threshold():
    labels = map_of(road=60, building=30, person=10)
    thresholds = np.zeros(len(CITYSCAPES.scored))
    thresholds[PLACE[PERSON]] = 0.95
    verdict = Filter(CITYSCAPES, thresholds).verdict(labels, None, answer_of(labels, building=30, person=1))
    assert verdict.failed == (PERSON,)


def test_a_map_without_a_scored_pixel_agrees_with_everything():
    labels = map_of(static=20)
    verdict = keeper().verdict(labels, None, answer_of(labels))
    assert verdict.agrees and verdict.pixels == 0 and verdict.classes == {}


def real_photos(missed: list[int]):
    """Scenes of 40 person pixels on road, whose photos say how many of them are not found, and their segmenter."""
    labels = np.repeat([ROAD, PERSON], [160, 40]).astype(np.uint8).reshape(10, 20)
    scenes = [Scene(np.full((10, 20, 3), count, np.uint8), labels) for count in missed]

    def answers(photos):
        return np.array([answer_of(labels.reshape(1, -1), person=int(p[0, 0, 0])).reshape(10, 20) for p in photos])

    return Scenes.of(scenes, CITYSCAPES), answers


def test_auto_asks_for_what_is_found_in_all_but_the_worst_tenth_of_real_photos():
    real, answers = real_photos([0] * 8 + [10, 12] + [40])
    keep, usual = filter_for("auto", real, (20, 10), answers)
    assert keep.thresholds[PLACE[PERSON]] == pytest.approx(0.7)
    assert keep.thresholds[PLACE[ROAD]] == 1
    assert usual.kept == pytest.approx(10 / 11) and len(usual.verdicts) == 11


def test_auto_asks_for_half_of_what_is_usual_where_the_worst_are_very_bad():
    real, answers = real_photos([8] * 6 + [40] * 4)
    assert filter_for("auto", real, (20, 10), answers)[0].thresholds[PLACE[PERSON]] == pytest.approx(0.4)


def test_auto_asks_for_a_little_where_real_photos_say_nothing():
    real, answers = real_photos([40] * 10)
    keep, usual = filter_for("auto", real, (20, 10), answers)
    assert keep.thresholds[PLACE[PERSON]] == FLOOR and usual.kept == 0
    assert keep.thresholds[PLACE[BUILDING]] == FLOOR, "no real photo shows it"
    few, answers = real_photos([0] * 4)
    assert filter_for("auto", few, (20, 10), answers)[0].thresholds[PLACE[PERSON]] == FLOOR


def test_a_number_is_the_threshold_of_all_classes():
    real, answers = real_photos([0, 10, 30])
    keep, usual = filter_for("0.6", real, (20, 10), answers)
    assert (keep.thresholds == 0.6).all() and usual.kept == pytest.approx(2 / 3)


def test_groups():
    assert list(groups(range(5), 2)) == [[0, 1], [2, 3], [4]] and list(groups([], 3)) == []
