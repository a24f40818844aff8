"""New label maps from old ones: sizes follow distance, feet stand on their ground, nearer things stay in front."""

import numpy as np
import pytest
from scipy import ndimage

from gan.data.palettes import CAMVID, CITYSCAPES
from gan.data.scene import Scene, Scenes
from gan.pix2pix import edits
from gan.pix2pix.cutouts import Pool
from gan.pix2pix.edits import Canvas, edited, mirrored, warped
from gan.pix2pix.objects import Standing, find_objects
from gan.pix2pix.paste import Pasted, paste
from tests.made_up_streets import (
    BICYCLE,
    BUILDING,
    CAR,
    HEIGHT,
    HEIGHTS,
    HORIZON,
    PAVEMENT,
    PERSON,
    POLE,
    RIDER,
    ROAD,
    SIGN,
    WIDTH,
    Drawing,
    some_streets,
    street,
)  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    return Pool(some_streets(12), (PERSON, CAR), 0, HEIGHT)


@pytest.fixture(scope="module")
def made(pool):
    return [edited(pool, 0, number) for number in range(60)]


def pool_of(*drawings, classes, rows=HEIGHT, with_instances=True):
    scenes = [drawing.scene(with_instances) for drawing in drawings]
    return Pool(Scenes.of(scenes, CITYSCAPES), classes, 0, rows)


def put(pool, labels, instances, k, tries=200):
    """Canvases with one object of a class put in, and what was done."""
    for seed in range(tries):
        canvas = Canvas(pool, labels, instances)
        place = canvas.put(pool.cutouts[k][0], np.random.default_rng(seed))
        if place is not None:
            yield canvas, place


def test_new_label_maps_are_a_function_of_seed_and_number(pool, made):
    again = [edited(pool, 0, number) for number in (7, 3)]
    for one, before in zip(again, (made[7], made[3]), strict=True):
        assert one.edits == before.edits and one.source == before.source
        assert one.labels.tobytes() == before.labels.tobytes()
        assert one.instances.tobytes() == before.instances.tobytes()
    assert len({one.labels.tobytes() for one in made}) == len(made)
    assert edited(pool, 1, 3).labels.tobytes() != made[3].labels.tobytes()
    other = Pool(some_streets(12), (PERSON, CAR), 0, HEIGHT)
    assert edited(other, 0, 3).labels.tobytes() == made[3].labels.tobytes()


def test_pasted_objects_keep_their_pixels_in_the_light_of_their_new_place(pool, made):
    for number in range(8):
        new = edited(pool, 0, number, with_photo=True)
        assert new.edits == made[number].edits and new.labels.tobytes() == made[number].labels.tobytes()
        expected = CITYSCAPES.colour(new.labels).astype(float)
        scene = ~ndimage.binary_dilation(new.added > 0, iterations=2)
        np.testing.assert_array_equal(new.photo[scene], expected[scene])
        inside = ndimage.binary_erosion(new.added > 0, iterations=2)
        ratio = (new.photo[inside] + 1.0) / (expected[inside] + 1)
        assert (ratio > 0.4).all() and (ratio < 2.1).all(), "its own colours, darker or brighter"


def test_what_is_pasted_is_mirrored_scaled_and_lit_as_it_is_put_in():
    photo = np.full((20, 20, 3), 50, np.uint8)
    photo[5:15, 5:10], photo[5:15, 10:15] = (200, 0, 0), (0, 0, 200)
    thing = Pasted(photo, (slice(5, 15), slice(5, 15)), np.ones((10, 10), bool), mirrored=True)
    place = np.full((40, 40, 3), 25, np.uint8)
    paste(place, (slice(10, 30), slice(10, 30)), np.ones((20, 20), bool), thing)
    assert place[20, 13, 2] == place[20, 26, 0] == 102, "half as bright, left and right exchanged"
    assert (place[:10] == 25).all() and 25 < place[20, 10, 2] < 102, "a soft edge, inwards"


def test_scenes_stay_as_they_were(pool, made):
    fresh = some_streets(12)
    for k in range(12):
        assert pool.scenes.scene(k).digest() == fresh.scene(k).digest()
    assert {one.source for one in made} == set(range(12)) and {one.edits["mirrored"] for one in made} == {True, False}


def test_ids_are_those_of_the_palette_and_sizes_stay(made):
    for one in made:
        assert one.labels.shape == one.instances.shape == one.added.shape == (HEIGHT, WIDTH)
        assert one.labels.dtype == np.uint8 and one.instances.dtype == np.uint16
        assert not CITYSCAPES.unknown(one.labels)


def test_what_is_put_in_is_as_large_as_its_distance_makes_it(pool, made, monkeypatch):
    checked = 0
    for one in made:
        name = pool.scenes.names[one.source]
        for place in one.edits["put_in"]:
            _, top, _, height = place["box"]
            below = top + height - 1 - int(name[-2:])
            k = CITYSCAPES.ids[CITYSCAPES.names.index(place["classes"][0])]
            # Of the estimate of the horizon, 5 rows of error are allowed.
            assert HEIGHTS[k] * (below - 5) <= height <= HEIGHTS[k] * (below + 5) + 2, (name, place)
            checked += 1
    assert checked > 60


def test_things_stand_on_the_ground_that_they_stood_on(made):
    grounds = {(place["classes"][0], place["ground"]) for one in made for place in one.edits["put_in"]}
    assert grounds == {("person", "sidewalk"), ("car", "road")}


def test_feet_are_on_that_ground_and_boxes_inside(pool, made):
    for one in made:
        labels = pool.labels(one.source)[0]
        labels = mirrored(labels) if one.edits["mirrored"] else labels
        for place in one.edits["put_in"]:
            left, top, width, height = place["box"]
            assert left >= 0 and top >= 0 and left + width <= WIDTH and top + height < HEIGHT
            under = labels[top + height - 1, left : left + width]
            ground = CITYSCAPES.ids[CITYSCAPES.names.index(place["ground"])]
            assert (under == ground).any(), place


def test_each_object_is_marked_and_has_an_instance_of_its_own(pool, made):
    for one in made:
        source = pool.labels(one.source)[1]
        assert set(np.unique(one.added)) == set(range(len(one.edits["put_in"]) + 1))
        numbers = [np.unique(one.instances[one.added == n]) for n in range(1, one.added.max() + 1)]
        assert all(len(each) == 1 for each in numbers)
        fresh = {int(each[0]) for each in numbers}
        assert len(fresh) == len(numbers) and not fresh & set(np.unique(source).tolist())
        for each in fresh:
            assert set(np.unique(one.labels[one.instances == each])) == {each // 1000}


def test_nearer_things_hide_what_is_put_in_and_farther_ones_are_hidden():
    person = pool_of(Drawing().thing(PERSON, 80, 46), classes=(PERSON,))
    # A car in front of much of the left pavement, and one behind.
    scene = Drawing().thing(CAR, 66, 57).box(CAR, 75, 18, 30, 24)
    before = find_objects(scene.labels, scene.instances, person.kinds).feet
    hidden = hides = 0
    for canvas, place in put(person, scene.labels, scene.instances, PERSON):
        left, top, width, height = place["box"]
        row, box = top + height - 1, (slice(top, top + height), slice(left, left + width))
        added = canvas.added > 0
        assert (before[added] <= row).all(), "nothing nearer is painted over"
        assert added.sum() == added[box].sum()
        hidden += place["in_view"] < 1
        hides += (scene.labels[added] == CAR).any()
    assert hidden and hides


def test_a_rider_stays_on_the_bicycle():
    cyclist = Drawing().box(RIDER, 62, 78, 18, 8).box(BICYCLE, 78, 74, 14, 16)
    pool = pool_of(cyclist, classes=(RIDER,))
    canvas, place = next(put(pool, street(), np.zeros((HEIGHT, WIDTH), np.uint16), RIDER))
    assert place["classes"] == ["rider", "bicycle"] and place["ground"] == "road"
    for k in (RIDER, BICYCLE):
        assert (np.unique(canvas.instances[canvas.labels == k]) // 1000).tolist() == [k]
    rows = [np.flatnonzero((canvas.labels == k).any(axis=1)) for k in (RIDER, BICYCLE)]
    assert rows[0][-1] + 1 == rows[1][0], "no gap between them"


def test_a_sign_stands_on_its_post_on_the_pavement_and_is_no_instance():
    post = Drawing().box(POLE, 42, 38, 49, 3, counted=False).box(SIGN, 32, 35, 11, 9, counted=False)
    pool = pool_of(post, classes=(SIGN,))
    canvas, place = next(put(pool, street(), np.zeros((HEIGHT, WIDTH), np.uint16), SIGN))
    assert place["classes"] == ["pole", "traffic sign"] and place["ground"] == "sidewalk"
    assert not canvas.instances.any() and {POLE, SIGN} <= set(np.unique(canvas.labels))


def test_data_without_instances_gets_none():
    pool = Pool(some_streets(8, with_instances=False), (PERSON,), 0, HEIGHT)
    one = edited(pool, 0, 0)
    assert one.instances is None and (one.labels[one.added == 1] == PERSON).all()


def test_other_palettes_work_alike():
    table = np.zeros(256, np.uint8)
    table[[ROAD, PAVEMENT, BUILDING, PERSON, CAR]] = 3, 4, 1, 9, 8
    scenes = some_streets(8, with_instances=False)
    scenes = [scenes.scene(k) for k in range(8)]
    camvid = Scenes.of([Scene(one.photo, table[one.labels]) for one in scenes], CAMVID)
    pool = Pool(camvid, (9,), 0, HEIGHT)
    assert {place["ground"] for n in range(5) for place in edited(pool, 0, n).edits["put_in"]} == {"Pavement"}


def test_large_scenes_are_edited_at_the_size_asked_for():
    pool = Pool(some_streets(8), (PERSON,), 0, 90)
    assert edited(pool, 0, 0).labels.shape == (90, 120)


def test_where_nothing_fits_there_is_no_new_label_map():
    wall = Drawing()
    wall.labels[:] = BUILDING
    pool = pool_of(*[wall] * 40, Drawing().thing(PERSON, 90, 40), classes=(PERSON,))
    found = [edited(pool, 0, number) for number in range(6)]
    assert any(one is None for one in found)
    assert all(one is None or one.source == 40 for one in found)


def test_a_pool_without_objects_of_a_class_says_so():
    pool = pool_of(Drawing().thing(PERSON, 90, 40), classes=(PERSON, RIDER))
    assert len(pool.cutouts[PERSON]) == 1 and pool.cutouts[RIDER] == []
    assert {name for place in edited(pool, 0, 0).edits["put_in"] for name in place["classes"]} == {"person"}


def test_things_of_unusual_size_are_not_cut_out():
    tall = Drawing().box(PERSON, 6, 34, 85, 12)
    drawings = [Drawing().thing(PERSON, 74 + 2 * n, 50 - n) for n in range(8)]
    pool = pool_of(*drawings, tall, classes=(PERSON,))
    assert len(pool.cutouts[PERSON]) == 8 and all(each.scene != "000008" for each in pool.cutouts[PERSON])


def test_mirroring_exchanges_left_and_right():
    values = np.arange(6).reshape(2, 3)
    assert mirrored(values).tolist() == [[2, 1, 0], [5, 4, 3]] and mirrored(None) is None
    np.testing.assert_array_equal(mirrored(mirrored(values)), values)


def test_the_warp_bends_all_maps_alike_by_a_few_pixels():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.int32)
    bent = warped((rows, columns, None), 2.0, np.random.default_rng(0))
    assert bent[2] is None
    apart = np.abs(bent[0] - rows), np.abs(bent[1] - columns)
    assert max(each.max() for each in apart) < 12 and min(each.mean() for each in apart) > 0.5
    # Order stays: what was above is not below now, so that nothing is folded or torn.
    assert (np.diff(bent[0], axis=0) >= 0).all() and (np.diff(bent[1], axis=1) >= 0).all()
    assert max(np.abs(np.diff(bent[0], axis=1)).max(), np.abs(np.diff(bent[1], axis=0)).max()) <= 1
    still = warped((rows, columns), 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(still[0], rows)


def test_thin_lines_may_vanish_at_another_size():
    mask = np.zeros((40, 21), np.int32)
    mask[0, :11] = mask[:, 10] = 1
    standing = Standing(mask.astype(np.uint8), mask, (0, 0), (PERSON,), (10, 39), ROAD, 5)
    for scale in np.linspace(0.3, 1, 50):
        for part in edits._scaled(standing, scale, False):
            assert part.ndim == 2 and part.size


def test_small_things_are_not_put_in(made):
    assert min(place["box"][3] for one in made for place in one.edits["put_in"]) >= edits.LEAST * HEIGHT


def test_horizons_of_new_scenes_are_about_right(pool):
    for k, name in enumerate(pool.scenes.names):
        canvas = Canvas(pool, *pool.labels(k))
        assert canvas.horizon == pytest.approx(int(name[-2:]), abs=5) and abs(canvas.horizon - HORIZON) < 12
