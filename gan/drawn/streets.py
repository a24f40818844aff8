"""Street scenes with exact label maps and instances, drawn by the program: a data set that needs no download.

It is what runs without data train on, and what tests are made with. Scenes come in sequences of `FRAMES` frames: the
same street, a little further on. Most of a photo follows from its label map; paint, light, weather and the sensor do
not, so that there is something to learn and something that cannot be.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from gan.data.palettes import CITYSCAPES, Palette
from gan.data.scene import Scene
from gan.drawn.street import plan, sides, things, trees, vehicles
from gan.drawn.street.camera import FINE, THING, Canvas, Part, View
from gan.drawn.street.film import film, texture
from gan.drawn.street.ground import FAR, ground, shade, sky
from gan.drawn.street.layout import STREAM, plan_street
from gan.drawn.street.plan import Piece, Street
from gan.errors import UserError

FRAMES = 4  # scenes of a sequence
SMALLEST, LARGEST = 16, 2048  # pixels of a side

_IDS = (0, 7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 33)
_PLACES = [CITYSCAPES.ids.index(k) for k in _IDS]

# What is drawn, with Cityscapes' ids, names and colours.
STREETS = Palette(
    "streets",
    ids=_IDS,
    names=tuple(CITYSCAPES.names[k] for k in _PLACES),
    colours=tuple(CITYSCAPES.colours[k] for k in _PLACES),
    scored=_IDS[1:],
    rare=(plan.PERSON, plan.RIDER, plan.TRUCK, plan.BUS, plan.BICYCLE),
    things=(plan.PERSON, plan.RIDER, plan.CAR, plan.TRUCK, plan.BUS, plan.BICYCLE),
    ground=(plan.ROAD, plan.PAVEMENT, plan.TERRAIN),
)

DRAW: dict[str, Callable[[Canvas, Piece], Iterator[Part]]] = {
    "building": sides.building,
    "wall": sides.wall,
    "fence": sides.fence,
    "hedge": sides.hedge,
    "tree": trees.tree,
    "vehicle": vehicles.vehicle,
    "person": things.person,
    "bicycle": vehicles.bicycle,
    "cyclist": vehicles.cyclist,
    "lamp": things.lamp,
    "sign": things.sign,
    "signal": things.signal,
    "bin": things.bin_,
}
ON_ROAD = ("vehicle", "cyclist", "bicycle", "person")


def draw_street(index: int, seed: int, width: int, height: int) -> Scene:
    """Draw a street scene.

    Args:
        index: of the scene, 0 or more: frame `index % FRAMES` of sequence `index // FRAMES`.
        seed: 0 or more; others give other streets.
        width: of the scene in pixels, 16 to 2048.
        height: the same.

    Returns:
        The scene with instances: THING * id + a number that an object keeps from frame to frame. The same arguments
        give the same bytes. What is shown does not depend on the size, only how finely.

    Raises:
        UserError: a number is out of its range.
    """
    for name, value in (("index", index), ("seed", seed)):
        if value < 0:
            raise UserError(f"the {name} of a drawn street is {value}; give a whole number from 0 on.")
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise UserError(f"a drawn street cannot have {width}x{height} pixels; give sides of {SMALLEST} to {LARGEST}.")
    sequence, frame = divmod(index, FRAMES)
    street = plan_street(seed, sequence)
    rng = np.random.default_rng([seed, STREAM, sequence, frame])
    view = _view(street, frame, rng, width, height)
    canvas = Canvas(sky(street, view, frame, width, height), plan.SKY, view, street.light)
    pieces = [piece.moved(frame) for piece in street.pieces]
    ground(canvas, street)
    shade(canvas, street, pieces, width, height)
    sides.skyline(canvas, street.skyline, FAR)
    draw_pieces(canvas, pieces)
    # The pixel in the middle of the FINE x FINE that a kept pixel averages says what it shows.
    values = np.asarray(canvas.values)[FINE // 2 :: FINE, FINE // 2 :: FINE]
    is_thing = values >= THING
    labels = np.where(is_thing, values // THING, values).astype(np.uint8)
    photo = np.asarray(canvas.photo.reduce(FINE), np.float32)
    photo = film(street, rng, photo * texture(street, view, rng, labels, photo))
    return Scene(photo, labels, np.where(is_thing, values, 0).astype(np.uint16))


def draw_pieces(canvas: Canvas, pieces: list[Piece]) -> None:
    """Draw pieces on a canvas, what is nearer on what is farther."""
    parts = [part for piece in pieces if piece.kind not in ON_ROAD for part in DRAW[piece.kind](canvas, piece)]
    place = math.inf
    for piece in behind_first(canvas.view, [piece for piece in pieces if piece.kind in ON_ROAD]):
        for near, draw in DRAW[piece.kind](canvas, piece):
            place = min(place, near)  # what comes later in this order is drawn later
            parts.append((place, draw))
    for _, draw in sorted(parts, key=lambda part: -part[0]):
        draw()


def behind_first(view: View, pieces: list[Piece]) -> list[Piece]:
    """What is on the road, in an order in which nothing is covered by what stands behind it.

    The one with the farther near end comes first, but of two that are side by side the one farther from the camera's
    own line: from there the other hides it, wherever their ends are.
    """
    ordered: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.extent()[0]):
        later, kept = [piece], []
        for other in ordered:
            (later if any(_is_beside_and_before(view, other, one) for one in later) else kept).append(other)
        ordered = kept + later
    return ordered


def _is_beside_and_before(view: View, piece: Piece, other: Piece) -> bool:
    """Whether a piece is beside another and nearer to the camera's line."""
    (near, far), (other_near, other_far) = piece.extent(), other.extent()
    if near >= other_far or other_near >= far:
        return False
    x, other_x = piece.x - view.x, other.x - view.x
    half, other_half = piece.reach(), other.reach()
    if x * other_x < 0 and abs(x) > half:
        return False
    return abs(other_x) - other_half >= abs(x) + half - 0.1


def _view(street: Street, frame: int, rng: np.random.Generator, width: int, height: int) -> View:
    middle, horizon, focal, tall, x = street.camera
    shake = rng.normal(0, 0.004, 2)
    return View(
        middle=FINE * width * (middle + shake[0]),
        horizon=FINE * height * (horizon + shake[1]),
        focal=FINE * focal * max(width, 0.9 * height),
        height=tall,
        x=x,
        z=street.pace * frame,
        bend=street.bend,
    )
