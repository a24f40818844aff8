"""How the pieces of a drawn street look: flat shapes, solids of plane faces, trees."""

import functools
import itertools
import math
import random
from collections.abc import Callable, Sequence

from PIL import Image

from gan.drawn.pictograms import pictogram
from gan.drawn.street.canvas import FINE, At, Canvas, Colour, Spot
from gan.drawn.street.plan import BICYCLE, LAMPS, POLE, STOREY, THING, Piece

PAINTS = {
    "pole": (112, 116, 116), "bright": (196, 198, 194), "case": (30, 32, 32), "rubber": (24, 24, 26), **LAMPS,
    "air": (99, 99, 99), "glass": (54, 62, 72), "dark": (34, 39, 46), "plate": (230, 230, 220), "tail": (172, 28, 26),
}  # fmt: skip
ROOFS, TRIMS = ((128, 62, 46), (84, 78, 78), (104, 72, 60), (70, 74, 84)), ((236, 234, 226), (70, 66, 60))
TROUSERS = ((36, 40, 56), (30, 30, 32), (84, 78, 70), (60, 70, 96))
SKINS, HAIR = ((222, 180, 152), (190, 140, 110), (120, 84, 62)), ((40, 32, 28), (90, 66, 44), (150, 120, 80))
SIGNS = (1, 2, 9, 11, 12, 13, 14, 15, 17, 18, 22, 25, 27, 28, 33, 35, 38, 40)  # classes of GTSRB
sign_picture = functools.lru_cache(functools.partial(pictogram, size=128))

# Flat shapes in parts of the piece's height; see `Canvas.shapes`.
RING = tuple((math.cos(k * math.pi / 8), math.sin(k * math.pi / 8)) for k in range(17))
WHEELS = [[(x + 0.3 * u, 0.34 + 0.3 * v) for u, v in RING] for x in (-0.52, 0.52)]
UPPER = (
    ("sleeves", 0.05, ((-0.12, 0.79), (-0.155, 0.48))), ("sleeves", 0.05, ((0.12, 0.79), (0.155, 0.48))),
    ("body", 0, ((-0.09, 0.46), (0.09, 0.46), (0.12, 0.79), (0.06, 0.84), (-0.06, 0.84), (-0.12, 0.79))),
    ("face", 0.12, ((0.0, 0.905),)), ("hair", 0.115, ((-0.012, 0.94),)),
)  # fmt: skip
SHAPES = {
    "person": (("legs", 0.075, ((-0.03, 0.5), (-0.05, 0))), ("legs", 0.075, ((0.03, 0.5), (0.05, 0.02))), *UPPER),
    "bicycle": (
        *(("air", 0, wheel) for wheel in WHEELS), *(("rubber", 0.07, wheel) for wheel in WHEELS),
        ("body", 0.05, ((-0.52, 0.34), (-0.06, 0.3), (0.36, 0.86), (-0.2, 0.78), (-0.52, 0.34))),
        ("body", 0.05, ((-0.06, 0.3), (-0.22, 0.88))), ("body", 0.05, ((0.52, 0.34), (0.36, 0.86), (0.3, 1))),
        ("rubber", 0.07, ((-0.34, 0.9), (-0.1, 0.92))),
    ),
    "lamp": (("pole", 0.02, ((0, 0), (0, 1), (0.2, 0.96))), ("bright", 0.028, ((0.2, 0.96), (0.28, 0.96)))),
    "post": (("pole", 0.03, ((0, 0), (0, 1))),),
    "case": (("case", 0, ((-0.07, 0.72), (0.07, 0.72), (0.07, 1.04), (-0.07, 1.04))),
             *((lamp, 0.08, ((0, 0.98 - k / 10),)) for k, lamp in enumerate(LAMPS))),
}  # fmt: skip
LAYERS = {kind: (kind,) for kind in ("person", "bicycle", "lamp")}
LAYERS |= {"cyclist": ("bicycle", "person"), "sign": ("post",), "signal": ("post", "case")}

# Faces of a solid: where their lower corners are, rear (0) or front (1) and left (-1) or right (1), from the left to
# the right of who looks at them; and where their normals point, ahead and to the right.
FACES = {
    "rear": (0, -1, 0, 1, -1, 0), "front": (1, 1, 1, -1, 1, 0),
    "left": (1, -1, 0, -1, 0, -1), "right": (0, 1, 1, 1, 0, 1),
}  # fmt: skip
# Details of faces: left, right, low and high end in parts of the face, and a paint.
SCREEN = ((0.07, 0.93, 0.1, 0.87, "glass"),)
SIDES = (tuple(((k + 0.07) / n, (k + 0.93) / n, 0.15, 0.85, "glass") for k in range(n)) for n in (2, 7))
CABIN, BUS = ({"rear": SCREEN, "front": SCREEN, "left": side, "right": side} for side in SIDES)
LOAD = {"rear": ((0.03, 0.13, 0.02, 0.1, "tail"), (0.87, 0.97, 0.02, 0.1, "tail"), (0.4, 0.6, 0.02, 0.06, "plate"))}
ENDS = {
    end: [(0.02, 0.17, 0.55, 0.8, lamp), (0.83, 0.98, 0.55, 0.8, lamp), (0.35, 0.65, 0.35, 0.55, "plate"),
          (0, 1, 0, 0.2, "rubber")] for end, lamp in (("rear", "tail"), ("front", "plate"))
}  # fmt: skip
# Solids, one on the other: start and end in parts of the length, low and high in parts of the height, by how much
# they get shorter and narrower up to there, details.
SOLIDS = {
    "car": ((0, 1, 0.18, 0.62, 0, 0, ENDS), (0.03, 0.76, 0.62, 1, 0.3, 0.2, CABIN)),
    "van": ((0, 1, 0.16, 0.55, 0, 0, ENDS), (0, 0.86, 0.55, 1, 0.14, 0.1, CABIN)),
    "truck": ((0, 0.72, 0.15, 1, 0, 0, LOAD), (0.75, 1, 0.15, 0.4, 0, 0, ENDS), (0.75, 1, 0.4, 0.85, 0.1, 0, CABIN)),
    "bus": ((0, 1, 0.12, 0.32, 0, 0, ENDS), (0, 1, 0.32, 1, 0, 0, BUS)),
}


def quad(at: At, left: float, right: float, low: float, high: float) -> list[Spot]:
    """The corners of an upright rectangle of a plane."""
    return [at(left, low), at(left, high), at(right, high), at(right, low)]


def is_clockwise(spots: list[Spot]) -> bool:
    """Whether a polygon goes round with the clock, as the faces do that look at the camera."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(spots, spots[1:] + spots[:1], strict=True)) > 0


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """The first colour with a share of the other."""
    return tuple(c + share * (o - c) for c, o in zip(colour, other, strict=True))


def solid(canvas: Canvas, piece: Piece, parts: Sequence[tuple] = ((0, 1, 0, 1, 0, 0, {}),), **paints: Colour) -> None:
    """What is seen of boxes and stumps of pyramids, as `SOLIDS` describes them."""
    (dx, dz), light, (_, _, near, far) = piece.heading, canvas.light, piece.bounds
    z, paints = (max(near, canvas.view.z) + far) / 2, PAINTS | {"body": piece.colour} | paints

    def spot(part: tuple, corners: list[int], s: float, t: float) -> Spot:
        """The spot of a part of the width and of the height of a face."""
        (start, end, low, high, shorter, narrower, _), (u0, v0, u1, v1) = part, corners
        u, v = 0.5 + (u0 + s * (u1 - u0) - 0.5) * (1 - t * shorter), (v0 + s * (v1 - v0)) * (1 - t * narrower)
        u, v, y = (start + (end - start) * u - 0.5) * piece.length, v * piece.width / 2, low + (high - low) * t
        return canvas.view.spot(piece.x + dx * u + dz * v, y * piece.height, piece.z + dz * u - dx * v)

    for part in sorted(parts, key=lambda part: -dz * round(part[0])):  # the far end first
        top = []
        for name, (*corners, ahead, right) in FACES.items():
            side = functools.partial(spot, part, corners)
            spots = quad(side, 0, 1, 0, 1)
            top.append(spots[1])
            if is_clockwise(spots):
                lit = light.facing(dx * ahead + dz * right, dz * ahead - dx * right)
                canvas.polygon(spots, canvas.tone(paints["body"], z, lit), piece.value)
                for *sides, paint in part[-1].get(name, ()):
                    canvas.polygon(quad(side, *sides), canvas.tone(paints[paint], z, lit))
        top = [top[0], top[2], top[1], top[3]]
        if is_clockwise(top):
            canvas.polygon(top, canvas.tone(paints["body"], z), piece.value)


def vehicle(canvas: Canvas, piece: Piece) -> None:
    """A car, van, truck or bus with its wheels."""
    view, (dx, dz), radius = canvas.view, piece.heading, 0.32 if piece.height < 2.5 else 0.46
    rubber, rings = canvas.tone(PAINTS["rubber"], piece.z), []
    for side, u in itertools.product((-0.45, 0.45), (-0.31 * piece.length, 0.31 * piece.length)):
        at = view.plane(piece.x + side * piece.width * dz, piece.z - side * piece.width * dx, piece.heading)
        canvas.line([at(u, 0), at(u, radius)], 0.2 * view.scale(piece.z + u * dz), rubber, piece.value)
        rings.append([at(u + radius * a, radius + radius * b) for a, b in RING])
    solid(canvas, piece, SOLIDS[piece.kind], glass=mixed(PAINTS["glass"], canvas.light.haze, 0.2))
    for k, ring in enumerate(rings):
        if is_clockwise(ring) == (k < 2):  # on the side that is seen
            canvas.polygon(ring, rubber, piece.value)


def house(canvas: Canvas, piece: Piece) -> None:
    """A house with windows, below a flat or a sloping roof."""
    roll, tall = random.Random(piece.seed), piece.height
    bays, wide = max(1, round(piece.length / roll.uniform(2.6, 3.8))), roll.uniform(0.2, 0.32)
    trim = mixed(piece.colour, roll.choice(TRIMS), roll.uniform(0, 0.9))
    panes = []
    for bay, floor in itertools.product(range(bays), range(int(tall / STOREY))):
        left, right, low = (bay + 0.5 - wide) / bays, (bay + 0.5 + wide) / bays, floor * STOREY + 0.95
        panes.append((left - 0.04 / bays, right + 0.04 / bays, (low - 0.12) / tall, (low + 1.65) / tall, "trim"))
        panes.append((left, right, low / tall, (low + 1.55) / tall, roll.choice(("glass", "dark", "sky"))))
    is_far = canvas.view.scale(piece.z) * STOREY < 3 * FINE
    details = {} if is_far else dict.fromkeys(("left", "right"), panes)
    solid(canvas, piece, [(0, 1, 0, 1, 0, 0, details)], trim=trim, sky=mixed(PAINTS["glass"], canvas.light.haze, 0.4))
    if roll.random() < (0.6 if tall < 11 else 0.3):
        solid(canvas, piece, [(0, 1, 1, 1 + 0.35 * piece.width / tall, 0, 1, {})], body=roll.choice(ROOFS))


def tree(canvas: Canvas, piece: Piece) -> None:
    """A bush, or a trunk with a crown, of round clumps that are brighter above and towards the sun."""
    scale, (x, foot) = canvas.view.scale(piece.z), canvas.view.spot(piece.x, 0, piece.z)
    radius, tall, is_bush = piece.width / 2 * scale, piece.height * scale, piece.height < 3 or piece.width > 10
    half, centre = (tall / 2, foot - 0.42 * tall) if is_bush else (0.36 * tall, foot - 0.66 * tall)
    roll, sun = random.Random(piece.seed), canvas.light.sun[0] * canvas.light.strength
    if not is_bush:
        bark = canvas.tone((74, 62, 52), piece.z, canvas.light.facing(-math.copysign(1, piece.x), 0))
        canvas.line([(x, foot), (x, centre)], (0.12 + 0.02 * piece.height) * scale, bark, piece.value)
    count = 30 if radius > 20 * FINE else 14 if radius > 5 * FINE else 5
    for (shade, size), k in itertools.product(((0.62, 0.46), (0.85, 0.34), (1.12, 0.24)), range(count)):
        away, angle = 0.75 * math.sqrt((k + 0.5) / count), 2.39996 * k + 10 * size
        across, up = away * math.cos(angle), away * math.sin(angle) + 0.25 * (shade - 0.62)
        lit = shade * (0.94 + 0.16 * up + 0.14 * sun * across + 0.14 * roll.random())
        grow = size * (0.8 + 0.4 * roll.random() + 0.3 * (count < 10))
        spot, tone = (x + across * radius, centre - up * half), canvas.tone(piece.colour, piece.z, lit)
        canvas.disc(spot, grow * radius, grow * half, tone, piece.value)


def flat(canvas: Canvas, piece: Piece) -> None:
    """What is flat and upright; a cyclist's bicycle has the cyclist's number."""
    view, z, roll, heading = canvas.view, piece.z, random.Random(piece.seed), piece.heading
    legs, skin, hair, scale = roll.choice(TROUSERS), roll.choice(SKINS), roll.choice(HAIR), view.scale(z)
    paints = PAINTS | {"body": piece.colour, "legs": legs, "face": hair if heading[1] > 0.5 else skin, "hair": hair}
    paints["sleeves"] = mixed(piece.colour, PAINTS["dark"], 0.3)
    paints |= {name: mixed(lamp, PAINTS["case"], 0.8) for name, lamp in LAMPS.items() if lamp != piece.colour}
    lit = canvas.light.facing(-math.copysign(0.6, piece.x), -0.6)
    tones = {name: canvas.tone(colour, z, lit) for name, colour in paints.items()}
    values = {"post": POLE, "bicycle": THING * BICYCLE + piece.value % THING}
    for name in LAYERS[piece.kind]:
        unit, way = (1, heading) if name == "bicycle" else (piece.height, (-math.copysign(1, piece.x), 0))
        at = view.plane(piece.x, z, way, unit)
        canvas.shapes(SHAPES[name], at, unit * scale, tones, values.get(name, piece.value))
    if piece.kind == "sign":
        size, (x, y) = max(2 * FINE, round(piece.width * scale)), view.spot(piece.x, piece.height, z)
        picture = sign_picture(SIGNS[piece.seed % len(SIGNS)]).resize((size, size), Image.Resampling.BOX)
        mask = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 127))  # nothing is half transparent
        where = round(x - size / 2), round(y)
        canvas.photo.paste(picture.convert("RGB").point(lambda level: int(level * lit)), where, mask)
        canvas.values.paste(piece.value, where, mask)


DRAW: dict[str, Callable[[Canvas, Piece], None]] = {
    **dict.fromkeys(SOLIDS, vehicle), **dict.fromkeys(LAYERS, flat), "house": house, "tree": tree, "border": solid,
    "bin": solid,
}  # fmt: skip
