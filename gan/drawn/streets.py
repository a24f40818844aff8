"""Street scenes with exact label maps and instances, drawn by the program: a data set that needs no download.

Scenes come in sequences of `FRAMES` frames: the same street, a little further on. Most of a photo follows from its
label map; paint, light, weather and the sensor do not, so that not everything can be learned.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from gan.data.palettes import CITYSCAPES, Palette
from gan.data.scene import Scene
from gan.drawn.street import plan
from gan.drawn.street.canvas import FINE, NEAR, Canvas, View
from gan.drawn.street.pieces import DRAW
from gan.drawn.street.plan import PAVEMENT, ROAD, TERRAIN, THING, Piece, Street, plan_street

FRAMES = 4  # scenes of a sequence
STEPS = (NEAR, 2, 3.5, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 60, 76, 96, 122, 165, 400)  # metres; strips bend there
# By how much surfaces vary.
ROUGH = {
    plan.VEGETATION: 0.34,
    plan.BUILDING: 0.06,
    plan.WALL: 0.1,
    plan.FENCE: 0.08,
    TERRAIN: 0.1,
}

_THINGS = (plan.PERSON, plan.RIDER, plan.CAR, plan.TRUCK, plan.BUS, plan.BICYCLE)
_IDS = (0, 7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, *_THINGS)
_PLACES = [CITYSCAPES.ids.index(k) for k in _IDS]

# What is drawn, with Cityscapes' ids, names and colours.
STREETS = Palette(
    "streets", _IDS, tuple(CITYSCAPES.names[k] for k in _PLACES), tuple(CITYSCAPES.colours[k] for k in _PLACES),
    scored=_IDS[1:], rare=tuple(k for k in _THINGS if k != plan.CAR), things=_THINGS,
    ground=(ROAD, PAVEMENT, TERRAIN),
)  # fmt: skip


def draw_street(index: int, seed: int, width: int, height: int) -> Scene:
    """Draw a street scene.

    Args:
        index: of the scene, 0 or more: frame `index % FRAMES` of sequence `index // FRAMES`.
        seed: 0 or more; others give other streets.
        width: of the scene in pixels, 16 or more.
        height: the same.

    Returns:
        The scene with instances: THING * id + a number that an object keeps from frame to frame. The same arguments
        give the same bytes. The size changes how finely a street is drawn, not what stands in it.
    """
    sequence, frame = divmod(index, FRAMES)
    street = plan_street(seed, sequence)
    rng = np.random.default_rng([seed, plan.STREAM, sequence, frame])
    middle, horizon, focal, tall, x = street.camera
    middle, horizon = rng.normal((middle, horizon), 0.004) * (FINE * width, FINE * height)
    view = View(middle, horizon, FINE * focal * max(width, 0.9 * height), tall, x, street.pace * frame, street.bend)
    canvas = Canvas(_sky(street, view, frame, width, height), plan.SKY, view, street.light)
    pieces = [piece.moved(frame) for piece in street.pieces]
    _ground(canvas, street)
    draw_pieces(canvas, pieces)
    # The pixel in the middle of the FINE x FINE that a kept pixel averages gives its class.
    values = np.asarray(canvas.values)[FINE // 2 :: FINE, FINE // 2 :: FINE]
    is_thing = values >= THING
    labels = np.where(is_thing, values // THING, values).astype(np.uint8)
    lit, photo = _shadows(street, view, pieces, width, height), np.asarray(canvas.photo.reduce(FINE), np.float32)
    photo = _film(street, view, rng, labels, lit, photo)
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


def _sky(street: Street, view: View, frame: int, width: int, height: int) -> Image.Image:
    """RGB picture of the canvas' size: the sky down to the horizon, with clouds that are flat far off."""
    light, rows, box = street.light, max(2, math.ceil(view.horizon / FINE)), (frame, 0, 80 + frame, 60)
    clouds = np.asarray(Image.fromarray(street.noise).resize((width, rows), Image.Resampling.BICUBIC, box))
    clouds = np.clip((clouds[..., None] - 0.78 + 0.5 * light.cover) * 4, 0, 1) * min(0.9, 1.6 * light.cover)
    blue = 1 - np.linspace(0, 1, rows, dtype=np.float32)[:, None, None] ** 1.5
    haze, zenith = np.array(light.haze, np.float32), np.array(light.zenith, np.float32)
    pixels = np.clip(haze + blue * (1 - clouds) * (zenith - haze), 0, 255).astype(np.uint8)
    picture = Image.new("RGB", (FINE * width, FINE * height))
    picture.paste(Image.fromarray(pixels).resize((FINE * width, FINE * rows), Image.Resampling.BILINEAR))
    return picture


def _ground(canvas: Canvas, street: Street) -> None:
    """Road, pavements and lines, without shadows and haze."""
    view = canvas.view
    for left, right, near, far, colour, value in street.strips:
        near, far = max(near, view.z + NEAR), min(far, view.z + 1000)
        if far > near:
            # Far lines are as wide as a kept pixel.
            thick = 0 if value is not None else max(0.0, FINE / view.scale(far) - right + left) / 2
            places = [near, *(view.z + z for z in STEPS if near < view.z + z < far), far]
            spots = [view.spot(left - thick, 0, z) for z in places]
            spots += [view.spot(right + thick, 0, z) for z in reversed(places)]
            canvas.polygon(spots, tuple(map(int, colour)), value)


def _shadows(street: Street, view: View, pieces: list[Piece], width: int, height: int) -> np.ndarray:
    """float32 (height, width), 0-1: the light that falls on the ground between the shadows of the pieces."""
    light, mask = street.light, Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(mask)

    def shadow(left: float, right: float, near: float, far: float, dx: float, dz: float, level: float) -> None:
        """A rectangle of the ground that is drawn out that far."""
        x0, x1 = (left, right) if dx > 0 else (right, left)
        z0, z1 = (near, far) if dz > 0 else (far, near)
        hull = ((x0, z0), (x1, z0), (x1 + dx, z0 + dz), (x1 + dx, z1 + dz), (x0 + dx, z1 + dz), (x0, z1))
        spots = [view.spot(x, 0, z) for x, z in hull]
        draw.polygon([(x / FINE, y / FINE) for x, y in spots], fill=int(255 * level))

    near = [piece for piece in pieces if piece.bounds[3] > view.z + NEAR and piece.z < view.z + 110]
    for piece in near if light.strength > 0.2 else ():
        shadow(*piece.bounds, *(-0.8 * piece.height * part for part in light.sun), 1 - 0.5 * light.strength)
    for piece in near:
        if piece.value >= THING or piece.kind == "bin":
            shadow(*piece.bounds, 0, 0, 0.4)
    return np.asarray(mask.filter(ImageFilter.BoxBlur(max(0.4, width / 400))), np.float32) / 255


def _film(
    street: Street, view: View, rng: np.random.Generator, labels: np.ndarray, lit: np.ndarray, photo: np.ndarray
) -> np.ndarray:
    """uint8 (height, width, 3): shadows, haze and texture on a float photo, as lens and sensor render them."""
    light, (height, width) = street.light, labels.shape
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) * FINE - view.horizon
    across = (np.arange(width, dtype=np.float32) + 0.5) * FINE - view.middle
    away = view.focal * view.height / np.maximum(down, 2)
    x, z = across * away / view.focal - view.bend * away**2 + view.x, away + view.z
    haze, is_ground = np.array(light.haze, np.float32), np.isin(labels, (ROAD, PAVEMENT, TERRAIN))[..., None]
    hazy = haze + np.exp(-away / light.visibility)[..., None] * (photo * lit[..., None] - haze)
    photo = np.where(is_ground, hazy, photo)
    # Haze hides texture: what has nearly its colour shows none.
    rough = np.zeros(256, np.float32)
    rough[list(ROUGH)] = list(ROUGH.values())
    cells = rng.integers(0, 256, (max(2, 160 * height // width), 160), dtype=np.uint8)
    leaves = np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    factors = 1 + rough[labels] * np.clip(1.7 - 1.7 / max(haze) * photo[..., 1], 0, 1) * (leaves / 127.5 - 1)
    fine = street.noise[(z * 11).astype(int) % 256, (x * 23).astype(int) % 256] - 0.5
    coarse = street.noise[(z * 1.3).astype(int) % 256, (x * 5).astype(int) % 256] - 0.5
    joints = ((x % 0.75 < 0.07) | (z % 0.75 < 0.09)) * np.clip(9 / away, 0, 1) * (labels == PAVEMENT)
    graininess = 0.17 * (labels == ROAD) + 0.12 * (labels == PAVEMENT) + 0.42 * (labels == TERRAIN)
    factors += graininess * np.clip(22 / away, 0, 1) * (fine + coarse) - 0.13 * joints
    vignette = 1 - 0.28 * ((across / FINE / width) ** 2 + (down / FINE / height) ** 2)
    photo = photo * (factors * vignette)[..., None] * np.array(light.gain, np.float32)
    blurred = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.4))
    noise = rng.standard_normal((height, width, 3), dtype=np.float32) * np.float32(light.noise)
    return np.clip(np.rint(np.asarray(blurred, np.float32) + noise), 0, 255).astype(np.uint8)
