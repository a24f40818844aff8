"""The horizon and the sizes of things from label maps: scenes of known perspective give it back."""

import numpy as np
import pytest

from gan.data.palettes import CITYSCAPES
from gan.pix2pix.objects import Kinds, find_objects, find_standing
from gan.pix2pix.perspective import Perspective, View
from tests.made_up_streets import BUILDING, CAR, HEIGHT, HEIGHTS, HORIZON, PERSON, POLE, some_streets

KINDS = Kinds(CITYSCAPES)


def view_of(labels, instances=None):
    return View.from_labels(labels, find_standing(labels, find_objects(labels, instances, KINDS), KINDS), KINDS)


def made_up(horizons, seed=0, noise=0.0, rows=400, each=6):
    """Views with things of height H * (foot - horizon), times some noise."""
    random = np.random.default_rng(seed)
    views = []
    for horizon in horizons:
        things = []
        for k, size in HEIGHTS.items():
            for below in random.uniform(20, 150, each):
                height = size * below * np.exp(random.normal(0, noise))
                things.append(((k,), round(horizon + below), round(height)))
        views.append(View(rows, round(horizon) + 6, things))
    return views


def test_one_horizon_and_the_sizes_of_things_are_found():
    views = made_up([190] * 20, noise=0.15)
    fit = Perspective.fitted(views, KINDS)
    assert fit.horizon * 400 == pytest.approx(190, abs=5)
    for k, size in HEIGHTS.items():
        assert fit.heights[(k,)] == pytest.approx(size, rel=0.08)
    assert fit.estimate(views[0]) == pytest.approx(190, abs=5)


def test_scenes_of_two_cameras_get_a_horizon_of_their_own():
    views = made_up([170] * 15 + [230] * 6, noise=0.1)
    fit = Perspective.fitted(views, KINDS)
    found = np.array([fit.estimate(view) for view in views])
    assert np.abs(found[:15] - 170).max() < 12 and np.abs(found[15:] - 230).max() < 12
    assert fit.heights[(PERSON,)] / fit.heights[(CAR,)] == pytest.approx(1.2, rel=0.1)


def test_far_things_count_for_more_than_near_ones():
    fit = Perspective.fitted(made_up([190] * 20), KINDS)
    far, near = ((PERSON,), 240 + 20, 24), ((PERSON,), 190 + 150, 180)
    assert fit.estimate(View(400, 246, [far, near])) > fit.estimate(View(400, 246, [near])) + 10


def test_a_scene_without_things_has_the_usual_horizon_and_none_has_it_below_its_ground():
    fit = Perspective.fitted(made_up([190] * 20), KINDS)
    assert fit.estimate(View(400, 197, [])) == pytest.approx(190, abs=6)
    assert fit.estimate(View(400, 120, [])) <= 120


def test_posts_are_of_all_heights_and_tell_nothing():
    views = made_up([190] * 20)
    with_posts = [View(v.rows, v.top, [*v.things, ((POLE,), 300, 10 + 9 * n)]) for n, v in enumerate(views)]
    assert Perspective.fitted(with_posts, KINDS).horizon == Perspective.fitted(views, KINDS).horizon
    posts = [View(400, 200, [((POLE,), 300, 80)])] * 20
    assert Perspective.fitted(posts, KINDS).horizon == 0.5, "nothing is known"


def test_no_scenes_and_no_ground_are_no_error():
    assert Perspective.fitted([], KINDS).heights == {}
    wall = np.full((HEIGHT, 20), BUILDING, np.uint8)
    assert view_of(wall).top == HEIGHT
    assert Perspective.fitted([view_of(wall)] * 3, KINDS).estimate(view_of(wall)) == HEIGHT / 2


def test_drawn_streets_give_their_horizon():
    scenes = some_streets(12)
    views = [view_of(s.labels, s.instances) for s in map(scenes.scene, range(len(scenes)))]
    fit = Perspective.fitted(views, KINDS)
    assert fit.horizon * HEIGHT == pytest.approx(HORIZON, abs=3)
    assert fit.heights[(PERSON,)] == pytest.approx(HEIGHTS[PERSON], rel=0.1)
    found = [fit.estimate(view) for view in views]
    np.testing.assert_allclose(found, [int(name[-2:]) for name in scenes.names], atol=5)
