import dataclasses

import numpy as np
import pytest
from PIL import Image

from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene
from gan.drawn.street import plan
from gan.drawn.street.camera import FINE, THING, Canvas, Light, View
from gan.drawn.street.layout import plan_street
from gan.drawn.street.plan import Piece
from gan.drawn.streets import FRAMES, STREETS, behind_first, draw_pieces, draw_street
from gan.errors import UserError

SEED = 3
WIDTH, HEIGHT = 96, 48
VIEW = View(middle=450, horizon=150, focal=900, height=1.5, x=0.0, z=0.0, bend=0.0)
NOON = Light(
    zenith=(100, 150, 220), low=(210, 220, 235), fog=(210, 220, 235), visibility=1e9, cover=0.0, sun=(0.0, -1.0),
    strength=0.0, exposure=1.0, cast=(1.0, 1.0, 1.0), contrast=1.0, blur=0.0, noise=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Scenes of 60 streets."""
    return [draw_street(FRAMES * k, SEED, WIDTH, HEIGHT) for k in range(60)]


def values_of(pieces: list[Piece], view: View = VIEW, light: Light = NOON) -> np.ndarray:
    """int32 (300, 900): the map of values of these pieces before a sky of id 23."""
    canvas = Canvas(Image.new("RGB", (900, 300)), plan.SKY, view, light)
    draw_pieces(canvas, pieces)
    return np.asarray(canvas.values)


def car(x: float, z: float, number: int, **other) -> Piece:
    return Piece("vehicle", x, z, 4.4, 1.8, 1.5, look="hatch", number=number, **other)


def person(x: float, z: float, number: int) -> Piece:
    return Piece("person", x, z, height=1.8, number=number)


def same(one: Scene, other: Scene) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(Scene))


def test_the_same_arguments_give_the_same_bytes():
    first = draw_street(5, 7, 80, 40)
    plan_street.cache_clear()
    assert same(first, draw_street(5, 7, 80, 40))


def test_other_arguments_give_other_scenes():
    one = draw_street(5, 7, 80, 40)
    for other in (draw_street(5, 8, 80, 40), draw_street(5 + FRAMES, 7, 80, 40), draw_street(6, 7, 80, 40)):
        assert not np.array_equal(one.photo, other.photo)
        assert not np.array_equal(one.labels, other.labels)


def test_the_palette_is_part_of_cityscapes():
    for k, name, colour in zip(STREETS.ids, STREETS.names, STREETS.colours, strict=True):
        place = CITYSCAPES.ids.index(k)
        assert (name, colour) == (CITYSCAPES.names[place], CITYSCAPES.colours[place])
    assert set(STREETS.scored) == set(STREETS.ids) - {0}
    assert set(STREETS.scored) <= set(CITYSCAPES.scored)
    assert set(STREETS.rare) <= set(STREETS.things) <= set(STREETS.scored)


@pytest.mark.parametrize("width, height", [(64, 32), (16, 16), (40, 96), (97, 61), (128, 96), (1024, 512)])
def test_any_size(width, height):
    scene = draw_street(2, SEED, width, height)
    assert (scene.photo.shape, scene.photo.dtype) == ((height, width, 3), np.uint8)
    assert (scene.labels.shape, scene.labels.dtype) == ((height, width), np.uint8)
    assert (scene.instances.shape, scene.instances.dtype) == ((height, width), np.uint16)
    assert STREETS.unknown(scene.labels) == ()
    assert len(np.unique(scene.labels)) >= 5


def test_every_size_shows_the_same_street():
    for k in range(0, 6 * FRAMES, FRAMES):
        small, large = draw_street(k, SEED, 80, 40), draw_street(k, SEED, 240, 120)
        assert (small.labels == large.labels[1::3, 1::3]).mean() > 0.93
        shrunk = np.asarray(Image.fromarray(large.photo).reduce(3), np.float64)
        assert np.abs(shrunk - small.photo).mean() < 9


def test_every_class_appears_and_rare_ones_seldom(scenes):
    counts = np.stack([np.bincount(scene.labels.ravel(), minlength=256) for scene in scenes])
    assert set(np.flatnonzero(counts.sum(0))) == set(STREETS.ids)
    seen = (counts > 0).mean(0)
    assert (seen[list(STREETS.ids)] > 0.08).all()
    for k in (plan.ROAD, plan.PAVEMENT, plan.BUILDING, plan.VEGETATION, plan.SKY, plan.CAR):
        assert seen[k] > 0.8
    share = counts.sum(0) / counts.sum()
    assert share[list(STREETS.rare)].max() < 0.03
    assert share[plan.ROAD] > 10 * share[list(STREETS.rare)].max()
    assert share[plan.UNLABELLED] < 0.02


def test_things_and_nothing_else_have_instances(scenes):
    for scene in scenes:
        is_thing = np.isin(scene.labels, STREETS.things)
        np.testing.assert_array_equal(scene.instances > 0, is_thing)
        # The number says the class, so no instance is of two classes.
        np.testing.assert_array_equal(scene.instances[is_thing] // THING, scene.labels[is_thing])


def test_several_things_of_a_class_are_told_apart(scenes):
    cars = [len(np.unique(scene.instances[scene.labels == plan.CAR])) for scene in scenes]
    assert np.mean(cars) > 3
    whole = {number for scene in scenes for number in np.unique(scene.instances % THING)}
    assert max(whole) < THING


def test_the_ground_is_below_and_the_sky_above(scenes):
    rows = np.arange(HEIGHT)[:, None] * np.ones(WIDTH)
    for scene in scenes:
        assert rows[scene.labels == plan.ROAD].min() > rows[scene.labels == plan.SKY].mean()
        assert not (scene.labels[-1] == plan.SKY).any()


def test_label_maps_lie_on_the_photos(scenes):
    """Edges of the photo are where those of the label map are, and not beside them."""

    def edge(shift: int) -> float:
        total = []
        for scene in scenes[:30]:
            grey = scene.photo.astype(np.float64).mean(2)
            for axis in (0, 1):
                change = np.abs(np.diff(grey, axis=axis))
                border = np.diff(scene.labels.astype(int), axis=axis) != 0
                total.append(change[np.roll(border, shift, axis)].mean())
        return float(np.mean(total))

    there = edge(0)
    assert there > 1.1 * max(edge(1), edge(-1))
    assert there > 1.5 * max(edge(3), edge(-3))


def test_a_photo_is_more_than_its_label_map(scenes):
    """Colours follow from the class to a good part, but not wholly."""
    photos = np.stack([scene.photo for scene in scenes]).astype(np.float64)
    labels = STREETS.indices(np.stack([scene.labels for scene in scenes]))
    means = np.stack([photos[labels == k].mean(0) for k in range(len(STREETS))])
    explained = 1 - ((photos - means[labels]) ** 2).mean() / photos.var()
    assert 0.3 < explained < 0.9
    brightness = photos.mean((1, 2, 3))
    assert brightness.std() > 6
    assert 70 < brightness.min() < brightness.max() < 190


def test_frames_of_a_sequence_show_one_street():
    frames = [draw_street(k, SEED, WIDTH, HEIGHT) for k in range(3 * FRAMES)]

    def alike(one: int, other: int) -> float:
        return float((frames[one].labels == frames[other].labels).mean())

    within = np.mean([alike(s * FRAMES, s * FRAMES + 1) for s in range(3)])
    between = np.mean([alike(s * FRAMES, (s + 1) % 3 * FRAMES) for s in range(3)])
    assert within > between + 0.05
    assert within < 0.99
    # An object keeps its number from frame to frame.
    for s in range(3):
        first, second = (set(np.unique(frames[s * FRAMES + k].instances)) - {0} for k in range(2))
        assert len(first & second) > 0.5 * min(len(first), len(second))


@pytest.mark.parametrize("flipped", [False, True])
def test_the_nearer_thing_covers_the_farther(flipped):
    pieces = [person(0, 8, 1), car(0.4, 20, 2), car(-0.3, 30, 3)]
    alone = [values_of([piece]) != plan.SKY for piece in pieces]
    values = values_of(pieces[::-1] if flipped else pieces)
    numbers = np.where(values >= THING, values % THING, 0)
    np.testing.assert_array_equal(numbers == 1, alone[0])
    np.testing.assert_array_equal(numbers == 2, alone[1] & ~alone[0])
    np.testing.assert_array_equal(numbers == 3, alone[2] & ~alone[1] & ~alone[0])
    assert all((alone[k] & alone[k + 1]).any() for k in range(2))


def test_what_drives_beside_a_parked_car_is_before_it():
    """The cyclist is nearer to the camera's line, though farther along the street than the bus' near end."""
    bus = Piece("vehicle", 4.0, 14.0, 11.0, 2.5, 3.0, look="bus", number=1)
    rider = Piece("cyclist", 2.0, 12.0, 1.75, height=1.8, number=2)
    assert behind_first(VIEW, [rider, bus]) == behind_first(VIEW, [bus, rider]) == [bus, rider]
    values, alone = values_of([rider, bus]), values_of([rider])
    is_rider = alone != plan.SKY
    assert (values_of([bus])[is_rider] // THING == plan.BUS).any()
    np.testing.assert_array_equal(values[is_rider], alone[is_rider])
    # One that drives behind the bus, or on its other side, is hidden by it.
    behind, beyond = dataclasses.replace(rider, z=22.0), dataclasses.replace(rider, x=6.5)
    assert behind_first(VIEW, [behind, bus]) == [behind, bus]
    assert behind_first(VIEW, [bus, beyond]) == [beyond, bus]


def test_a_house_before_the_bend_hides_what_is_behind_it():
    house = Piece("building", 5.0, 20.0, 12.0, 8.0, 9.0, look="flat")
    view = dataclasses.replace(VIEW, bend=0.005)
    behind, before = values_of([car(2, 80, 1), house], view), values_of([car(2, 12, 1), house], view)
    alone_behind, alone_before = values_of([car(2, 80, 1)], view), values_of([car(2, 12, 1)], view)
    assert (alone_behind >= THING).any()
    assert not (behind >= THING).any()
    np.testing.assert_array_equal(before[alone_before >= THING], alone_before[alone_before >= THING])


def test_size_and_place_follow_from_the_distance():
    """Known answers: 1.8 m at 10 m and 900 pixels focal length are 162 pixels, 1.5 m below the horizon 135."""
    for z in (10.0, 20.0):
        rows = np.flatnonzero((values_of([person(0, z, 1)]) >= THING).any(1))
        assert rows[-1] == pytest.approx(150 + 1.5 * 900 / z, abs=0.06 * 900 / z)
        assert rows[-1] - rows[0] == pytest.approx(1.8 * 900 / z, rel=0.06)
    width = [np.ptp(np.flatnonzero((values_of([car(0, z + 2.2, 1)]) >= THING).any(0))) for z in (10.0, 30.0)]
    assert width == pytest.approx([1.8 * 90, 1.8 * 30], rel=0.05)


def test_what_is_behind_the_camera_is_not_drawn():
    assert (values_of([person(0, -5, 1), car(1, -8, 2)]) == plan.SKY).all()


def test_haze_takes_colours_with_the_distance():
    hazy = dataclasses.replace(NOON, visibility=40.0)
    canvas = Canvas(Image.new("RGB", (30, 30)), plan.SKY, VIEW, hazy)
    near, far, farthest = (canvas.tone((40, 40, 40), z) for z in (1.0, 60.0, 2000.0))
    assert near < far < farthest
    assert farthest == hazy.fog


def test_details_change_the_photo_alone():
    canvas = Canvas(Image.new("RGB", (30, 30)), plan.SKY, VIEW, NOON)
    square = [(5, 5), (20, 5), (20, 20), (5, 20)]
    canvas.shape(square, (9, 9, 9))
    assert (np.asarray(canvas.values) == plan.SKY).all()
    assert canvas.photo.getpixel((10, 10)) == (9, 9, 9)
    canvas.shape(square, (9, 9, 9), plan.POLE)
    assert set(np.unique(np.asarray(canvas.values))) == {plan.SKY, plan.POLE}


def test_thin_poles_are_a_pixel_wide_at_least():
    values = values_of([Piece("sign", 3.0, 60.0, width=0.7, height=2.6)])
    assert (values == plan.POLE).any(0).sum() >= FINE
    assert (values == plan.SIGN).any(0).sum() >= 2 * FINE


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((-1, 0, 64, 32), "the index of a drawn street is -1; give a whole number from 0 on."),
        ((0, -2, 64, 32), "the seed of a drawn street is -2; give a whole number from 0 on."),
        ((0, 0, 8, 32), "a drawn street cannot have 8x32 pixels; give sides of 16 to 2048."),
        ((0, 0, 64, 5000), "a drawn street cannot have 64x5000 pixels; give sides of 16 to 2048."),
    ],
)
def test_impossible_wishes_are_refused(arguments, said):
    with pytest.raises(UserError, match=f"^{said}$"):
        draw_street(*arguments)
