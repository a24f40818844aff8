"""Objects in label maps: told apart, nearer or farther, standing in full view or not."""

import numpy as np
import pytest

from gan.data.palettes import CAMVID, CITYSCAPES, generic
from gan.pix2pix.objects import Kinds, edges, find_objects, find_standing, foot_of, together
from tests.made_up_streets import (
    BICYCLE,
    BUILDING,
    CAR,
    HEIGHT,
    PAVEMENT,
    PERSON,
    POLE,
    RIDER,
    ROAD,
    SIGN,
    WIDTH,
    Drawing,
)  # fmt: skip

KINDS = Kinds(CITYSCAPES)


def objects_of(drawing, with_instances=True):
    return find_objects(drawing.labels, drawing.instances if with_instances else None, KINDS)


def groups(drawing, with_instances=True):
    """The classes of the groups, sorted."""
    objects = objects_of(drawing, with_instances)
    return sorted(tuple(objects.classes[n - 1] for n in group) for group in together(objects, KINDS))


def stands(drawing, with_instances=True):
    return find_standing(drawing.labels, objects_of(drawing, with_instances), KINDS)


def test_instances_tell_things_apart_that_touch_and_nothing_else_does():
    drawing = Drawing().box(PERSON, 60, 20, 20, 5).box(PERSON, 60, 25, 20, 5)
    assert objects_of(drawing).classes == [PERSON, PERSON]
    assert objects_of(drawing, with_instances=False).classes == [PERSON]
    drawing.box(PERSON, 60, 100, 20, 5)
    assert objects_of(drawing, with_instances=False).classes == [PERSON, PERSON]


def test_pixels_that_touch_at_a_corner_are_of_one_object():
    drawing = Drawing().box(POLE, 40, 20, 10, 2, counted=False).box(POLE, 50, 22, 10, 2, counted=False)
    assert objects_of(drawing).classes == [POLE]


def test_things_without_instance_in_a_set_that_has_instances_are_a_crowd_that_is_not_cut_out():
    drawing = Drawing().box(PERSON, 60, 40, 20, 5, counted=False)
    assert objects_of(drawing).whole == [False] and not stands(drawing)
    assert len(stands(drawing, with_instances=False)) == 1


def test_lower_feet_are_nearer_and_ground_and_sky_never_hide_anything():
    drawing = Drawing().thing(CAR, 90, 80).thing(PERSON, 100, 90)
    feet = objects_of(drawing).feet
    assert (feet[drawing.labels == CAR] == 90).all() and (feet[drawing.labels == PERSON] == 100).all()
    assert (feet[:25] == -1).all() and (feet[-1] == -1).all(), "sky and road"


def test_a_wall_ends_where_its_column_does_not_at_the_foot_of_the_car_before_it():
    drawing = Drawing().thing(CAR, 90, 80)
    feet = objects_of(drawing).feet
    roof = int(np.flatnonzero(drawing.labels[:, 80] == CAR)[0])
    assert drawing.labels[roof - 1, 80] == BUILDING and feet[roof - 1, 80] == roof - 1
    below = int(np.flatnonzero(drawing.labels[:, 20] == PAVEMENT)[0])
    assert feet[40, 20] == below - 1
    drawing.box(BUILDING, 40, 0, HEIGHT - 40, 10, counted=False)
    assert objects_of(drawing).feet[60, 5] == HEIGHT - 1, "a wall beside the camera is nearer than everything"


def test_a_standing_thing_with_its_foot_its_ground_and_the_way_to_its_edge():
    drawing = Drawing().thing(PERSON, 90, 40)
    (thing,) = stands(drawing)
    assert thing.classes == (PERSON,) and thing.ground == PAVEMENT and len(thing.labels) == 48
    assert thing.foot[1] == 90 and abs(thing.foot[0] - 40) <= 1
    on_pavement = np.flatnonzero(drawing.labels[91, :80] == PAVEMENT)
    assert thing.edge == min(thing.foot[0] - on_pavement[0], on_pavement[-1] - thing.foot[0]) + 1


def test_what_does_not_stand_in_full_view_is_left_out():
    assert not stands(Drawing().box(PERSON, 35, 40, 20, 6)), "before a wall, on nothing"
    assert not stands(Drawing().box(PERSON, 60, 0, 30, 8)), "cut by the left border"
    assert not stands(Drawing().box(PERSON, 60, WIDTH - 8, 60, 8)), "cut by the bottom"
    assert not stands(Drawing().box(PERSON, 92, 40, 3, 2)), "too small"
    assert not stands(Drawing().box(CAR, 88, 40, 6, 60)), "too wide"
    assert [each.classes for each in stands(Drawing().thing(PERSON, 90, 40).thing(CAR, 100, 46))] == [(CAR,)]


def test_what_stands_before_a_farther_thing_is_in_full_view():
    assert (PERSON,) in [each.classes for each in stands(Drawing().thing(CAR, 75, 80).thing(PERSON, 90, 80))]


def test_a_rider_and_what_is_ridden_are_one_and_stand_on_its_wheels():
    drawing = Drawing().box(RIDER, 60, 78, 18, 6).box(BICYCLE, 78, 74, 12, 14)
    assert groups(drawing) == [(RIDER, BICYCLE)]
    (both,) = stands(drawing)
    assert both.classes == (RIDER, BICYCLE) and len(both.labels) == 30 and both.ground == ROAD
    assert groups(drawing, with_instances=False) == [(RIDER, BICYCLE)]


def test_a_rider_takes_the_bicycle_it_touches_most_and_the_other_stands_by_itself():
    drawing = Drawing().box(RIDER, 60, 78, 18, 6).box(BICYCLE, 78, 82, 12, 14).box(BICYCLE, 78, 68, 12, 14)
    drawing.labels[78:90, 68:82] = BICYCLE
    numbers = objects_of(drawing)
    (pair,) = [group for group in together(numbers, KINDS) if len(group) == 2]
    contact = [int((drawing.instances[78, 78:84] == drawing.instances[80, column]).sum()) for column in (70, 90)]
    wanted = drawing.instances[80, 70 if contact[0] > contact[1] else 90]
    assert drawing.instances[numbers.numbers == pair[1]][0] == wanted
    assert groups(drawing) == [(RIDER, BICYCLE), (BICYCLE,)]


def test_a_rider_of_nothing_is_hidden_in_part_and_left_out():
    assert groups(Drawing().box(RIDER, 60, 78, 18, 6)) == []


def test_a_sign_belongs_to_its_post_and_a_sign_on_a_wall_stands_nowhere():
    drawing = Drawing().box(POLE, 40, 30, 51, 2, counted=False).box(SIGN, 42, 27, 8, 8, counted=False)
    drawing.box(SIGN, 32, 100, 8, 8, counted=False)
    assert groups(drawing) == [(POLE, POLE, SIGN), (SIGN,)]
    assert [each.classes for each in stands(drawing)] == [(POLE, SIGN)]


def test_palettes_of_other_names_and_without_any_role_are_understood():
    kinds = Kinds(CAMVID)
    assert kinds.posts[2] and kinds.signs[6] and kinds.behind[0] and not kinds.riders.any()
    plain = Kinds(generic([0, 1, 2]), (2,))
    assert np.flatnonzero(plain.objects).tolist() == [2] and not plain.ground.any()


@pytest.mark.parametrize(("run", "wanted"), [("..###..", "0012100"), ("####..", "432100"), ("###", "...")])
def test_how_far_the_edge_is(run, wanted):
    found = edges(np.array([letter == "#" for letter in run]))
    if wanted == "...":
        assert (found >= len(run)).all(), "without an edge it is far"
    else:
        assert found.tolist() == [int(letter) for letter in wanted]


def test_foot_is_what_reaches_down_of_the_lowest_part():
    mask = np.zeros((50, 6), bool)
    mask[:40, :] = True
    mask[40:50, 1] = mask[40:48, 4] = True
    columns, bottoms = foot_of(mask)
    assert columns.tolist() == [1, 4] and bottoms.tolist() == [49, 47]
