"""People, lamps, signs, lights and bins of a drawn street."""

import functools
import math
from collections.abc import Iterator

from PIL import Image

from gan.drawn.pictograms import pictogram
from gan.drawn.street.camera import FINE, THING, Canvas, Part, Spot
from gan.drawn.street.plan import LIGHT, PERSON, POLE, SIGN, UNLABELLED, Piece

SKINS = ((222, 180, 152), (190, 140, 110), (120, 84, 62), (236, 200, 176))
SIGNS = (2, 1, 9, 11, 12, 13, 14, 15, 17, 18, 22, 25, 27, 28, 33, 35, 38, 40)  # classes of GTSRB
SIGN_SIZE = 128  # pixels of a sign before it is scaled into the picture


def person(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """Someone on foot."""
    if piece.z > canvas.view.z + 2.5:
        yield piece.z, lambda: figure(canvas, piece, THING * PERSON + piece.number)


def figure(canvas: Canvas, piece: Piece, value: int, riding: bool = False) -> None:
    """A body seen from before, behind or from the side, upright, in parts of its height."""
    z, dice = piece.z, piece.dice
    scale = piece.height * canvas.view.scale(z)
    x, foot = canvas.view.spot(piece.x, 0, z)
    if not canvas.is_seen(x - 0.4 * scale, x + 0.4 * scale):
        return
    lit = canvas.light.facing(-math.copysign(0.6, piece.x), -0.6)
    top = canvas.tone(piece.colour, z, lit)
    dark = ((36, 40, 56), (30, 30, 32), (84, 78, 70), (60, 70, 96))[int(4 * dice[0])]
    legs, skin = canvas.tone(dark, z, lit), canvas.tone(SKINS[int(4 * dice[1])], z, lit)
    hair = canvas.tone(((40, 32, 28), (90, 66, 44), (150, 120, 80), (110, 108, 106))[int(4 * dice[2])], z, lit)
    aside = abs(piece.heading[0]) > 0.5
    ahead = math.copysign(1, piece.heading[0]) if aside else 0

    def at(u: float, v: float) -> Spot:
        return x + u * scale, foot - v * scale

    stride = (0.03 + 0.11 * dice[3]) if aside else 0.03 + 0.03 * dice[3]
    wide = max(FINE, 0.075 * scale)
    if riding:
        lean = 0.12 * ahead
        canvas.stroke(
            [at(-0.1 * ahead, 0.54), at(0.1 * ahead + 0.05 * (not aside), 0.36), at(0.05 * (not aside), 0.14)],
            wide,
            legs,
            value,
        )
        canvas.stroke(
            [at(-0.1 * ahead, 0.54), at(0.08 * ahead - 0.05 * (not aside), 0.33), at(-0.05 * (not aside), 0.2)],
            wide,
            legs,
            value,
        )
        hip, shoulder = (-0.12 * ahead, 0.52), (lean, 0.82)
    else:
        for way, lift in ((-1, 0.0), (1, 0.04 * dice[3])):
            canvas.stroke(
                [at(way * 0.025, 0.5), at(way * stride * 0.7, 0.25), at(way * stride, lift)], wide, legs, value
            )
        lean, hip, shoulder = 0.0, (0.0, 0.46), (0.0, 0.82)
    breadth = 0.085 if aside else 0.12
    middle, low = shoulder
    trunk = [at(hip[0] - breadth * 0.8, hip[1]), at(hip[0] + breadth * 0.8, hip[1])]
    trunk += [at(middle + breadth, low - 0.03), at(middle + breadth * 0.5, low + 0.02)]
    trunk += [at(middle - breadth * 0.5, low + 0.02), at(middle - breadth, low - 0.03)]
    arm = max(0.5 * FINE, 0.05 * scale)
    sleeves = canvas.tone(piece.colour, z, lit * 0.85)
    if riding:
        hands = [(0.27 * ahead, 0.58)] if aside else [(-0.15, 0.58), (0.15, 0.58)]
    else:
        swing = stride * 1.1
        hands = [(-swing, 0.44), (swing, 0.46)] if aside else [(-0.155, 0.44), (0.155, 0.44)]
    if not aside:
        starts = [(shoulder[0] - breadth, shoulder[1] - 0.03), (shoulder[0] + breadth, shoulder[1] - 0.03)]
    else:
        starts = [(shoulder[0], shoulder[1] - 0.03)] * len(hands)
    if not aside:
        for start, hand in zip(starts, hands, strict=True):
            canvas.stroke([at(*start), at(*hand)], arm, sleeves, value)
    canvas.shape(trunk, top, value)
    if aside:
        for start, hand in zip(starts, hands, strict=True):
            canvas.stroke([at(*start), at(*hand)], arm, sleeves, value)
    head = max(0.75 * FINE, 0.065 * scale)
    centre = at(shoulder[0] + 0.02 * ahead, shoulder[1] + 0.095)
    back = piece.heading[1] > 0.5
    canvas.disc(*centre, head * 0.82, head, hair if back else skin, value)
    if not back:
        canvas.disc(centre[0] - 0.25 * head * ahead, centre[1] - 0.4 * head, head * 0.8, head * 0.68, hair, value)
    if riding and dice[4] < 0.5:
        canvas.disc(
            centre[0], centre[1] - 0.45 * head, head * 0.95, head * 0.65, canvas.tone((220, 220, 216), z, lit), value
        )
    elif not riding and dice[4] < 0.25:  # a bag
        bag = (0.1 if dice[4] < 0.12 else -0.1) * (1 if not aside else 0.6)
        canvas.shape(
            [at(bag - 0.05, 0.4), at(bag - 0.05, 0.54), at(bag + 0.05, 0.54), at(bag + 0.05, 0.4)],
            canvas.tone((70, 50, 40), z, lit),
            value,
        )


def _post(canvas: Canvas, piece: Piece, tall: float, thick: float) -> tuple[float, float, float]:
    """An upright pole; gives x of its middle, y of its upper end, and pixels of a metre."""
    scale = canvas.view.scale(piece.z)
    x, foot = canvas.view.spot(piece.x, 0, piece.z)
    top = foot - tall * scale
    colour = canvas.tone(piece.colour, piece.z, canvas.light.facing(-math.copysign(0.7, piece.x), -0.7))
    half = max(FINE, thick * scale) / 2
    canvas.shape([(x - half, foot), (x - half, top), (x + half, top), (x + half, foot)], colour, POLE)
    return x, top, scale


def lamp(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A street lamp with its arm over the road."""
    if canvas.view.z + 3 < piece.z < canvas.view.z + 90:
        yield piece.z, lambda: _lamp(canvas, piece)


def _lamp(canvas: Canvas, piece: Piece) -> None:
    x, top, scale = _post(canvas, piece, piece.height, 0.14)
    colour = canvas.tone(piece.colour, piece.z, 0.9)
    if piece.look == "ball":
        canvas.disc(x, top, 0.22 * scale, 0.22 * scale, canvas.tone((226, 226, 218), piece.z), POLE)
        return
    inward = -math.copysign(1, piece.x)
    end = (x + inward * 1.5 * scale, top - 0.35 * scale)
    canvas.stroke([(x, top), end], 0.1 * scale, colour, POLE)
    canvas.stroke(
        [end, (end[0] + inward * 0.6 * scale, end[1])], 0.2 * scale, canvas.tone((190, 192, 190), piece.z), POLE
    )


def sign(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A traffic sign on its pole."""
    if canvas.view.z + 3 < piece.z < canvas.view.z + 70:
        yield piece.z, lambda: _sign(canvas, piece)


@functools.lru_cache(maxsize=len(SIGNS))
def _pictogram(class_id: int) -> Image.Image:
    return pictogram(class_id, SIGN_SIZE)


def _sign(canvas: Canvas, piece: Piece) -> None:
    x, top, scale = _post(canvas, piece, piece.height, 0.08)
    size = max(2 * FINE, round(piece.width * scale))
    picture = _pictogram(SIGNS[int(len(SIGNS) * piece.dice[0])]).resize((size, size), Image.Resampling.BOX)
    if canvas.is_seen(x - size, x + size):
        canvas.stamp(picture, x, top + size / 2 - 1, SIGN, canvas.light.facing(0, -1) * 0.95)


def signal(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A traffic light on its pole."""
    if canvas.view.z + 3 < piece.z < canvas.view.z + 90:
        yield piece.z, lambda: _signal(canvas, piece)


def _signal(canvas: Canvas, piece: Piece) -> None:
    x, top, scale = _post(canvas, piece, piece.height, 0.12)
    half, tall, above = max(FINE, piece.width * scale) / 2, max(2 * FINE, 1.1 * scale), top - 0.1 * scale
    box = [(x - half, above), (x + half, above), (x + half, above + tall), (x - half, above + tall)]
    canvas.shape(box, canvas.tone((30, 32, 32), piece.z), LIGHT)
    lamps = (("red", (250, 50, 40)), ("amber", (250, 180, 40)), ("green", (60, 230, 140)))
    for k, (look, colour) in enumerate(lamps):
        lit = piece.look == look
        tint = colour if lit else tuple(0.25 * c for c in colour)
        canvas.disc(
            x, box[0][1] + tall * (k + 0.5) / 3, half * 0.72, min(half * 0.72, tall / 7), canvas.tone(tint, piece.z)
        )


def bin_(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A litter bin or a cabinet: what no class names."""
    if canvas.view.z + 3 < piece.z < canvas.view.z + 60:
        yield piece.z, lambda: _bin(canvas, piece)


def _bin(canvas: Canvas, piece: Piece) -> None:
    x, z, half, tall = piece.x, piece.z, piece.width / 2, piece.height
    canvas.area(
        [(x - half, 0, z), (x - half, tall, z), (x + half, tall, z), (x + half, 0, z)],
        canvas.tone(piece.colour, z, canvas.light.facing(0, -1)),
        UNLABELLED,
    )
    side = x + math.copysign(half, -x)
    canvas.area([(side, 0, z), (side, tall, z), (side, tall, z + piece.width), (side, 0, z + piece.width)],
                canvas.tone(piece.colour, z, canvas.light.facing(-math.copysign(1, x), 0)), UNLABELLED)  # fmt: skip
    if tall < canvas.view.height:
        lid = [
            (x - half, tall, z),
            (x - half, tall, z + piece.width),
            (x + half, tall, z + piece.width),
            (x + half, tall, z),
        ]
        canvas.area(lid, canvas.tone(piece.colour, z, canvas.light.above * 0.8), UNLABELLED)
