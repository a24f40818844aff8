import dataclasses

import numpy as np
import pytest
from PIL import Image

from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene
from gan.drawn.street import plan
from gan.drawn.street.canvas import FINE, Canvas, Light, View
from gan.drawn.street.plan import THING, Piece, plan_street
from gan.drawn.streets import FRAMES, STREETS, draw_pieces, draw_street

SEED, WIDTH, HEIGHT = 3, 96, 48
VIEW = View(middle=450, horizon=150, focal=900, height=1.5, x=0.0, z=0.0)
NOON = Light(
    zenith=(100, 150, 220), haze=(210, 220, 235), visibility=1e9, cover=0.0, strength=0.0, sun=(0.0, -1.0),
    gain=(1.0, 1.0, 1.0), noise=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Scenes of 60 streets."""
    return [draw_street(FRAMES * k, SEED, WIDTH, HEIGHT) for k in range(60)]


def values_of(*pieces: Piece, view: View = VIEW) -> np.ndarray:
    """int32 (300, 900): the map of values of these pieces before a sky."""
    canvas = Canvas(Image.new("RGB", (900, 300)), plan.SKY, view, NOON)
    draw_pieces(canvas, list(pieces))
    return np.asarray(canvas.values)


def car(x: float, z: float, number: int) -> Piece:
    return Piece("car", THING * plan.CAR + number, x, z, 4.4, 1.8, 1.5)


def person(x: float, z: float, number: int) -> Piece:
    return Piece("person", THING * plan.PERSON + number, x, z, 0.5, 0.6, 1.8)


def test_scenes_follow_from_their_arguments_and_differ_with_each():
    first = draw_street(5, 7, 80, 40)
    plan_street.cache_clear()
    again = draw_street(5, 7, 80, 40)
    assert all(np.array_equal(getattr(first, f.name), getattr(again, f.name)) for f in dataclasses.fields(Scene))
    for other in (draw_street(5, 8, 80, 40), draw_street(5 + FRAMES, 7, 80, 40), draw_street(6, 7, 80, 40)):
        assert (first.photo != other.photo).any() and (first.labels != other.labels).any()


def test_the_palette_is_part_of_cityscapes():
    for k, name, colour in zip(STREETS.ids, STREETS.names, STREETS.colours, strict=True):
        place = CITYSCAPES.ids.index(k)
        assert (name, colour) == (CITYSCAPES.names[place], CITYSCAPES.colours[place])
    assert set(STREETS.scored) == set(STREETS.ids) - {0} <= set(CITYSCAPES.scored)
    assert set(STREETS.rare) < set(STREETS.things) < set(STREETS.scored)


@pytest.mark.parametrize("width, height", [(16, 16), (40, 96), (97, 61), (512, 256)])
def test_any_size(width, height):
    scene = draw_street(2, SEED, width, height)
    assert (scene.photo.shape, scene.photo.dtype) == ((height, width, 3), np.uint8)
    assert (scene.labels.shape, scene.labels.dtype) == ((height, width), np.uint8)
    assert (scene.instances.shape, scene.instances.dtype) == ((height, width), np.uint16)
    assert STREETS.unknown(scene.labels) == () and len(np.unique(scene.labels)) >= 5


def test_every_size_shows_the_same_street():
    for k in range(0, 4 * FRAMES, FRAMES):
        small, large = draw_street(k, SEED, 80, 40), draw_street(k, SEED, 240, 120)
        assert (small.labels == large.labels[1::3, 1::3]).mean() > 0.93
        assert np.abs(np.asarray(Image.fromarray(large.photo).reduce(3), float) - small.photo).mean() < 9


def test_every_class_appears_and_rare_ones_seldom(scenes):
    counts = np.stack([np.bincount(scene.labels.ravel(), minlength=256) for scene in scenes])
    seen, share = (counts > 0).mean(0), counts.sum(0) / counts.sum()
    assert set(np.flatnonzero(seen)) == set(STREETS.ids) and seen[list(STREETS.ids)].min() > 0.08
    assert seen[[plan.ROAD, plan.PAVEMENT, plan.BUILDING, plan.VEGETATION, plan.SKY, plan.CAR]].min() > 0.8
    assert share[list(STREETS.rare)].max() < min(0.03, share[plan.ROAD] / 10)
    assert share[plan.UNLABELLED] < 0.02


def test_things_and_nothing_else_have_instances_of_one_class(scenes):
    for scene in scenes:
        is_thing = np.isin(scene.labels, STREETS.things)
        np.testing.assert_array_equal(scene.instances > 0, is_thing)
        np.testing.assert_array_equal(scene.instances[is_thing] // THING, scene.labels[is_thing])
    assert np.mean([len(np.unique(scene.instances[scene.labels == plan.CAR])) for scene in scenes]) > 3


def test_the_ground_is_below_and_the_sky_above(scenes):
    rows = np.indices((HEIGHT, WIDTH))[0]
    for scene in scenes:
        assert rows[scene.labels == plan.ROAD].min() > rows[scene.labels == plan.SKY].mean()
        assert not (scene.labels[-1] == plan.SKY).any()


def test_edges_of_photos_and_label_maps_lie_on_each_other(scenes):
    def edge(shift: int) -> float:
        change = np.concatenate([np.abs(np.diff(scene.photo.mean(2), axis=1)) for scene in scenes[:30]])
        border = np.concatenate([np.diff(scene.labels.astype(int), axis=1) != 0 for scene in scenes[:30]])
        return change[np.roll(border, shift, 1)].mean()

    assert edge(0) > 1.1 * max(edge(1), edge(-1)) and edge(0) > 1.5 * max(edge(3), edge(-3))


def test_colours_follow_from_the_class_to_a_good_part_but_not_wholly(scenes):
    photos = np.stack([scene.photo for scene in scenes]).astype(np.float64)
    labels = STREETS.indices(np.stack([scene.labels for scene in scenes]))
    means = np.stack([photos[labels == k].mean(0) for k in range(len(STREETS))])
    assert 0.3 < 1 - ((photos - means[labels]) ** 2).mean() / photos.var() < 0.9
    brightness = photos.mean((1, 2, 3))
    assert brightness.std() > 6 and 70 < brightness.min() < brightness.max() < 190


def test_frames_of_a_sequence_show_one_street_whose_objects_keep_their_numbers():
    frames = [draw_street(k, SEED, WIDTH, HEIGHT) for k in range(3 * FRAMES)]
    firsts, seconds = frames[::FRAMES], frames[1::FRAMES]
    within = np.mean([a.labels == b.labels for a, b in zip(firsts, seconds, strict=True)])
    between = np.mean([a.labels == b.labels for a, b in zip(firsts, firsts[1:] + firsts[:1], strict=True)])
    assert between + 0.05 < within < 0.99
    for pair in zip(firsts, seconds, strict=True):
        first, second = (set(np.unique(scene.instances)) - {0} for scene in pair)
        assert len(first & second) > 0.5 * min(len(first), len(second))


def test_the_nearer_thing_covers_the_farther():
    pieces = [person(0, 8, 1), car(0.4, 20, 2), car(-0.3, 30, 3)]
    alone = [values_of(piece) != plan.SKY for piece in pieces]
    assert (alone[0] & alone[1]).any() and (alone[1] & alone[2]).any()
    for order in (pieces, pieces[::-1]):
        numbers = np.where(values_of(*order) >= THING, values_of(*order) % THING, 0)
        np.testing.assert_array_equal(numbers == 1, alone[0])
        np.testing.assert_array_equal(numbers == 2, alone[1] & ~alone[0])
        np.testing.assert_array_equal(numbers == 3, alone[2] & ~alone[1] & ~alone[0])


def test_who_rides_beside_a_parked_bus_is_before_it_though_farther_than_its_near_end():
    bus = Piece("bus", THING * plan.BUS + 1, 4.0, 14.0, 11.0, 2.5, 3.0)
    rider = Piece("cyclist", THING * plan.RIDER + 2, 2.0, 12.0, 1.75, 0.6, 1.8)
    alone = values_of(rider)
    is_rider = alone != plan.SKY
    assert set(np.unique(alone[is_rider])) == {THING * plan.RIDER + 2, THING * plan.BICYCLE + 2}
    assert (values_of(bus)[is_rider] == bus.value).any()
    for order in ([rider, bus], [bus, rider]):
        np.testing.assert_array_equal(values_of(*order)[is_rider], alone[is_rider])
    for hidden in (dataclasses.replace(rider, z=22.0), dataclasses.replace(rider, x=6.5)):
        is_bus = values_of(bus) == bus.value
        assert (values_of(hidden, bus)[is_bus] == bus.value).all()


def test_a_house_before_the_bend_hides_what_is_behind_it():
    house = Piece("house", plan.BUILDING, 9.0, 26.0, 12.0, 8.0, 9.0)
    view = dataclasses.replace(VIEW, bend=0.005)
    assert (values_of(car(2, 80, 1), view=view) >= THING).any()
    assert not (values_of(car(2, 80, 1), house, view=view) >= THING).any()
    np.testing.assert_array_equal(
        values_of(car(2, 12, 1), house, view=view) >= THING, values_of(car(2, 12, 1), view=view) >= THING
    )


def test_size_and_place_follow_from_the_distance():
    """Known answers: 1.8 m at 10 m and 900 pixels focal length are 162 pixels, 1.5 m below the horizon 135."""
    for z in (10.0, 20.0):
        rows = np.flatnonzero((values_of(person(0, z, 1)) >= THING).any(1))
        assert rows[-1] == pytest.approx(150 + 1.5 * 900 / z, abs=0.06 * 900 / z)
        assert np.ptp(rows) == pytest.approx(1.8 * 900 / z, rel=0.06)
    width = [np.ptp(np.flatnonzero((values_of(car(0, z + 2.2, 1)) >= THING).any(0))) for z in (10.0, 30.0)]
    assert width == pytest.approx([1.8 * 90, 1.8 * 30], rel=0.05)
    assert (values_of(person(0, -5, 1), car(1, -8, 2)) == plan.SKY).all()


def test_haze_takes_colours_with_the_distance():
    hazy = dataclasses.replace(NOON, visibility=40.0)
    canvas = Canvas(Image.new("RGB", (30, 30)), plan.SKY, VIEW, hazy)
    near, far, farthest = (canvas.tone((40, 40, 40), z) for z in (1.0, 60.0, 2000.0))
    assert near < far < farthest == hazy.haze


def test_details_change_the_photo_alone():
    canvas = Canvas(Image.new("RGB", (30, 30)), plan.SKY, VIEW, NOON)
    square = [(5, 5), (20, 5), (20, 20), (5, 20)]
    canvas.polygon(square, (9, 9, 9))
    assert (np.asarray(canvas.values) == plan.SKY).all() and canvas.photo.getpixel((10, 10)) == (9, 9, 9)
    canvas.polygon(square, (9, 9, 9), plan.POLE)
    assert set(np.unique(np.asarray(canvas.values))) == {plan.SKY, plan.POLE}


def test_thin_poles_and_small_signs_are_as_wide_as_a_kept_pixel_at_least():
    values = values_of(Piece("sign", plan.SIGN, 3.0, 60.0, 0.1, 0.7, 2.6))
    assert (values == plan.POLE).any(0).sum() >= FINE and (values == plan.SIGN).any(0).sum() >= 2 * FINE
