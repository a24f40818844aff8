"""Street scenes with exact label maps and instances, drawn by the program: a data set that needs no download.

It is what runs without data train on, and what tests use. Scenes come in sequences of `FRAMES` frames: the same
street, a little further on. Most of a photo follows from its label map; paint, light, weather and the sensor do not,
so that there is something to learn and something that cannot be learned.
"""

import numpy as np

from gan.data.palettes import CITYSCAPES, Palette
from gan.data.scene import Scene
from gan.drawn.street import ground, plan
from gan.drawn.street.canvas import FINE, Canvas, View
from gan.drawn.street.pieces import DRAW
from gan.drawn.street.plan import THING, Piece, plan_street
from gan.errors import UserError

FRAMES = 4  # scenes of a sequence
SMALLEST, LARGEST = 16, 2048  # pixels of a side

_THINGS = (plan.PERSON, plan.RIDER, plan.CAR, plan.TRUCK, plan.BUS, plan.BICYCLE)
_IDS = (0, 7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, *_THINGS)
_PLACES = [CITYSCAPES.ids.index(k) for k in _IDS]

# What is drawn, with Cityscapes' ids, names and colours.
STREETS = Palette(
    "streets", _IDS, tuple(CITYSCAPES.names[k] for k in _PLACES), tuple(CITYSCAPES.colours[k] for k in _PLACES),
    scored=_IDS[1:], rare=tuple(k for k in _THINGS if k != plan.CAR), things=_THINGS,
    ground=(plan.ROAD, plan.PAVEMENT, plan.TERRAIN),
)  # fmt: skip


def draw_street(index: int, seed: int, width: int, height: int) -> Scene:
    """Draw a street scene.

    Args:
        index: of the scene, 0 or more: frame `index % FRAMES` of sequence `index // FRAMES`.
        seed: 0 or more; others give other streets.
        width: of the scene in pixels, 16 to 2048.
        height: the same.

    Returns:
        The scene with instances: THING * id + a number that an object keeps from frame to frame. The same arguments
        give the same bytes. The size changes how finely a street is drawn, not what stands in it.

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
    rng = np.random.default_rng([seed, plan.STREAM, sequence, frame])
    middle, horizon, focal, tall, x = street.camera
    middle, horizon = rng.normal((middle, horizon), 0.004) * (FINE * width, FINE * height)
    view = View(middle, horizon, FINE * focal * max(width, 0.9 * height), tall, x, street.pace * frame, street.bend)
    canvas = Canvas(ground.sky(street, view, frame, width, height), plan.SKY, view, street.light)
    pieces = [piece.moved(frame) for piece in street.pieces]
    ground.ground(canvas, street)
    ground.shade(canvas, street, pieces, width, height)
    draw_pieces(canvas, pieces)
    # The pixel in the middle of the FINE x FINE that a kept pixel averages gives its class.
    values = np.asarray(canvas.values)[FINE // 2 :: FINE, FINE // 2 :: FINE]
    is_thing = values >= THING
    labels = np.where(is_thing, values // THING, values).astype(np.uint8)
    photo = ground.film(street, view, rng, labels, np.asarray(canvas.photo.reduce(FINE), np.float32))
    return Scene(photo, labels, np.where(is_thing, values, 0).astype(np.uint16))


def draw_pieces(canvas: Canvas, pieces: list[Piece]) -> None:
    """Draw what the camera sees of the pieces, hidden ones before those that hide them."""
    view, seen = canvas.view, []
    for piece in pieces:
        left, right, near, far = piece.bounds
        columns = [view.spot(x, 0, z)[0] for x in (left - 1, right + 1) for z in (near, far)]
        # What is flat, and so as near in all its parts, would fill the picture when the camera passes it.
        is_ahead = far > view.z + 2 if piece.length > 2 else near > view.z + 2.5
        if is_ahead and max(columns) > 0 and min(columns) < canvas.photo.width:
            seen.append(piece)
    for piece in back_to_front(view, seen):
        DRAW[piece.kind](canvas, piece)


def back_to_front(view: View, pieces: list[Piece]) -> list[Piece]:
    """The pieces in an order in which each comes after what it hides.

    A box can hide another only if a part of it is nearer and a part of it is nearer to the camera's own line too; if
    that holds in both directions, the box whose near end is farther comes first.
    """
    left, right, near, far = np.array([piece.bounds for piece in pieces]).reshape(-1, 4).T
    may_hide = np.zeros((len(pieces), len(pieces)), bool)  # whether a row's piece may hide a column's
    for low, high in ((left - view.x, right - view.x), (view.x - right, view.x - left)):  # on either side of the line
        may_hide |= (high > 0)[:, None] & (high > 0) & (np.maximum(low, 0)[:, None] < high)
    may_hide &= near[:, None] < far
    hides = may_hide & ~may_hide.T
    waits, rank, order = hides.sum(1), near.copy(), []
    while len(order) < len(pieces):
        free = np.where(waits == 0, rank, -np.inf)
        k = int(np.argmax(free if np.isfinite(free).any() else rank))
        order.append(pieces[k])
        rank[k] = -np.inf
        waits = waits - hides[:, k]
    return order
