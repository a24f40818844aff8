"""Vehicles and bicycles of a drawn street."""

import math
from collections.abc import Iterator

from gan.drawn.street.camera import FINE, THING, Canvas, Colour, Part, Place, Spot
from gan.drawn.street.plan import BICYCLE, BUS, CAR, RIDER, TRUCK, Piece
from gan.drawn.street.things import figure

GLASS = (46, 52, 60)
RUBBER = (24, 24, 26)

# The outline of vehicles from the rear over the top to the front: part of the length, part of the height; and what
# lies between two points: paint, glass.
PROFILES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "hatch": (
        (0, 0.2, "p"), (0, 0.62, "g"), (0.07, 0.97, "p"), (0.16, 1, "p"), (0.5, 1, "g"), (0.72, 0.66, "p"),
        (0.96, 0.56, "p"), (1, 0.45, "p"), (1, 0.2, ""),
    ),
    "saloon": (
        (0, 0.2, "p"), (0, 0.64, "p"), (0.13, 0.68, "g"), (0.28, 0.97, "p"), (0.54, 1, "g"),
        (0.73, 0.67, "p"), (0.97, 0.56, "p"), (1, 0.45, "p"), (1, 0.2, ""),
    ),
    "estate": (
        (0, 0.2, "p"), (0, 0.62, "g"), (0.05, 0.98, "p"), (0.1, 1, "p"), (0.55, 0.99, "g"), (0.74, 0.65, "p"),
        (0.97, 0.56, "p"), (1, 0.45, "p"), (1, 0.2, ""),
    ),
    "van": (
        (0, 0.16, "p"), (0, 0.52, "g"), (0.02, 0.97, "p"), (0.06, 1, "p"), (0.68, 1, "g"), (0.87, 0.6, "p"),
        (0.98, 0.5, "p"), (1, 0.4, "p"), (1, 0.16, ""),
    ),
    "truck": (
        (0, 0.2, "p"), (0, 1, "p"), (0.7, 1, "p"), (0.72, 0.84, "p"), (0.95, 0.82, "g"), (1, 0.5, "p"),
        (1, 0.15, ""),
    ),
    "bus": (
        (0, 0.12, "p"), (0, 0.5, "g"), (0, 0.88, "p"), (0.01, 1, "p"), (0.97, 1, "p"), (0.985, 0.9, "g"),
        (1, 0.38, "p"), (1, 0.12, ""),
    ),
}  # fmt: skip
# Windows on the side: corners as above.
WINDOWS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "hatch": (
        ((0.12, 0.66), (0.15, 0.93), (0.36, 0.94), (0.36, 0.66)),
        ((0.39, 0.66), (0.39, 0.94), (0.5, 0.94), (0.66, 0.66)),
    ),
    "saloon": (
        ((0.2, 0.7), (0.3, 0.92), (0.44, 0.94), (0.44, 0.69)),
        ((0.46, 0.69), (0.46, 0.94), (0.53, 0.94), (0.68, 0.68)),
    ),
    "estate": (
        ((0.06, 0.66), (0.09, 0.93), (0.37, 0.94), (0.37, 0.66)),
        ((0.4, 0.66), (0.4, 0.94), (0.54, 0.93), (0.69, 0.66)),
    ),
    "van": (
        ((0.08, 0.56), (0.08, 0.9), (0.4, 0.9), (0.4, 0.56)),
        ((0.46, 0.56), (0.46, 0.9), (0.67, 0.9), (0.8, 0.57)),
    ),
    "truck": (
        ((0.76, 0.5), (0.76, 0.76), (0.92, 0.76), (0.95, 0.5)),
    ),
}  # fmt: skip
WINDOWS["bus"] = tuple(
    ((k / 7 + 0.012, 0.42), (k / 7 + 0.012, 0.84), (k / 7 + 0.13, 0.84), (k / 7 + 0.13, 0.42)) for k in range(7)
)
IDS = {"truck": TRUCK, "bus": BUS}


def _turned(spots: list[Spot]) -> float:
    """Twice the area of a polygon, negative if it goes round against the clock on the screen."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(spots, spots[1:] + spots[:1], strict=True))


def vehicle(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A car, van, truck or bus: its outline from the side, drawn out to its width."""
    near, far = piece.extent()
    if far > canvas.view.z + 2.5:
        yield near, lambda: _vehicle(canvas, piece)


def _vehicle(canvas: Canvas, piece: Piece) -> None:
    view, light = canvas.view, canvas.light
    value = THING * IDS.get(piece.look, CAR) + piece.number
    (dx, dz), long, half, tall = piece.heading, piece.length, piece.width / 2, piece.height
    z = max(piece.extent()[0], view.z + 1)
    taper = 0.0 if piece.look in IDS else 0.36 if piece.look != "van" else 0.16
    profile = PROFILES[piece.look]

    def at(along: float, right: float, up: float) -> Place:
        """Part of the length from the rear, metres to the right of its middle, part of the height."""
        u = (along - 0.5) * long
        right *= 1 - taper * max(0.0, up - 0.62)  # the cabin is narrower than the body
        return piece.x + dx * u + dz * right, up * tall, piece.z + dz * u - dx * right

    left = [view.spot(*at(u, -half, y)) for u, y, _ in profile]
    right = [view.spot(*at(u, half, y)) for u, y, _ in profile]
    if not canvas.is_seen(*(x for x, _ in left), *(x for x, _ in right)):
        return
    scale = view.scale(z)
    # The tyres below the end that is seen, and the dark between them.
    for u in (0.06, 0.94):
        under = [at(u, v * half, y) for v, y in ((-0.92, 0.24), (0.92, 0.24), (0.92, 0.1), (-0.92, 0.1))]
        canvas.area(under, canvas.tone(RUBBER, z, 0.7), value)
        for v in (-half * 0.95, half * 0.6):
            tyre = [at(u, v, 0), at(u, v, 0.24), at(u, v + 0.35 * half, 0.24), at(u, v + 0.35 * half, 0)]
            canvas.area(tyre, canvas.tone(RUBBER, z), value)

    faces = []
    for k in range(len(profile) - 1):
        (u0, y0, kind), (u1, y1, _) = profile[k], profile[k + 1]
        spots = [left[k], right[k], right[k + 1], left[k + 1]]
        if _turned(spots) >= 0:
            continue
        run, rise = (u1 - u0) * long, (y1 - y0) * tall
        steep = abs(rise) / (math.hypot(run, rise) + 1e-6)
        towards = -1 if rise > 0 else 1  # the rear looks back, the front ahead
        lit = steep * light.facing(towards * dx, towards * dz) + (1 - steep) * light.above * 1.08
        faces.append((at(0.5 * (u0 + u1), 0, 0)[2], spots, canvas.tone(piece.colour, z, lit), None, None))
        if kind == "g":
            mirrored = 0.3 if steep < 0.8 else 0.12
            tint = tuple((1 - mirrored) * g + mirrored * s for g, s in zip(GLASS, light.low, strict=True))
            pane = [
                at(u0 + (u1 - u0) * part, v * half, y0 + (y1 - y0) * part)
                for v, part in ((-0.86, 0.1), (0.86, 0.1), (0.86, 0.9), (-0.86, 0.9))
            ]
            faces[-1] = (*faces[-1][:3], [view.spot(*place) for place in pane], canvas.tone(tint, z, 0.5 + 0.5 * lit))
    for _, spots, colour, pane, glass in sorted(faces, key=lambda face: -face[0]):
        canvas.shape(spots, colour, value)
        if pane:
            canvas.shape(pane, glass)
    for spots, v, hand in ((left, -half, -1), (right, half, 1)):
        if hand * _turned(spots) > 0:
            _flank(canvas, piece, spots, z, at, v, light.facing(hand * dz, -hand * dx), value)
    if abs(dz) > 0.5 and scale > 3 * FINE:
        _end(canvas, piece, z, at, half, rear=dz > 0)


def _flank(canvas: Canvas, piece: Piece, spots: list[Spot], z: float, at, v: float, lit: float, value: int) -> None:
    """The side that is seen: body, windows, wheels."""
    view = canvas.view
    canvas.shape(spots, canvas.tone(piece.colour, z, lit), value)
    low = [view.spot(*at(u, v, y)) for u, y in ((0.01, 0.2), (0.01, 0.38), (0.99, 0.36), (0.99, 0.2))]
    canvas.shape(low, canvas.tone(piece.colour, z, lit * 0.78))
    shine = tuple(0.75 * g + 0.25 * s for g, s in zip(GLASS, canvas.light.low, strict=True))
    for window in WINDOWS[piece.look]:
        canvas.shape([view.spot(*at(u, v, y)) for u, y in window], canvas.tone(shine, z, 0.6 + 0.4 * lit))
    radius = 0.31 if piece.height < 2.5 else 0.46
    near = view.scale(z) > 8 * FINE
    corners = 12 if near else 8
    for u in (0.19, 0.8):
        for size, colour in ((radius, RUBBER), (0.55 * radius, (128, 130, 134)))[: 1 + near]:
            ring = []
            for k in range(corners):
                angle = 2 * k * math.pi / corners
                ring.append(
                    at(u + size * math.cos(angle) / piece.length, v, (radius + size * math.sin(angle)) / piece.height)
                )
            canvas.area(ring, canvas.tone(colour, z, 0.9), value)


def _end(canvas: Canvas, piece: Piece, z: float, at, half: float, rear: bool) -> None:
    """Lights, plate and bumper of the end that looks at the camera."""
    u = 0.0 if rear else 1.0

    def plate(left: float, right: float, low: float, high: float, colour: Colour, light: float = 1.0) -> None:
        corners = [(left, low), (left, high), (right, high), (right, low)]
        canvas.area([at(u, v * half, y) for v, y in corners], canvas.tone(colour, z, light))

    tall = piece.look in IDS
    low, high = (0.2, 0.28) if tall else (0.46, 0.58) if rear else (0.37, 0.46)
    if piece.look == "hatch" or piece.look == "estate":
        high += 0.04 * rear
    lamp = (172, 28, 26) if rear else (232, 232, 222)
    for inner, outer in ((-0.96, -0.68), (0.68, 0.96)):
        plate(inner, outer, low, high, lamp)
    bumper = piece.colour if piece.dice[0] < 0.6 else (60, 60, 62)
    plate(-0.98, 0.98, *((0.12, 0.17) if tall else (0.2, 0.3)), bumper, 0.62)
    plate(-0.3, 0.3, *((0.15, 0.19) if tall else (0.34, 0.41)), (226, 226, 216))
    if piece.look == "truck":
        if rear:
            plate(-0.02, 0.02, 0.22, 0.96, piece.colour, 0.6)
        else:
            plate(-0.7, 0.7, 0.28, 0.4, (50, 50, 54))
    elif piece.look == "bus":
        plate(-0.6, 0.6, 0.88, 0.95, piece.colour if rear else (40, 40, 36), 0.9)
    elif not rear:
        plate(-0.5, 0.5, 0.4, 0.45, (44, 44, 48))


def bicycle(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A bicycle that stands."""
    if piece.z > canvas.view.z + 3:
        yield piece.z, lambda: _bicycle(canvas, piece)


def cyclist(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """Someone on a bicycle: two objects with one number."""
    if piece.z > canvas.view.z + 3:
        yield piece.z, lambda: _cyclist(canvas, piece)


def _cyclist(canvas: Canvas, piece: Piece) -> None:
    _bicycle(canvas, piece)
    figure(canvas, piece, THING * RIDER + piece.number, riding=True)


def _bicycle(canvas: Canvas, piece: Piece) -> None:
    view, z, (dx, dz) = canvas.view, piece.z, piece.heading
    value = THING * BICYCLE + piece.number
    scale = view.scale(z)
    x = view.spot(piece.x, 0, z)[0]
    if not canvas.is_seen(x - scale, x + scale):
        return
    paint = piece.colour if piece.kind == "bicycle" else (60, 60, 66)
    frame, rubber, air = canvas.tone(paint, z), canvas.tone(RUBBER, z), canvas.tone((104, 104, 104), z, 0.9)

    def at(u: float, v: float) -> Spot:
        return view.spot(piece.x + dx * u, v, piece.z + dz * u)

    def wheel(u: float, radius: float) -> list[Spot]:
        angles = [k * math.pi / 8 for k in range(16)]
        return [at(u + radius * math.cos(angle), 0.34 + radius * math.sin(angle)) for angle in angles]

    thin = 0.045 * scale
    for u in (-0.52, 0.52):
        # Seen from behind a wheel is as wide as its tyre; between its spokes the ground is a grey.
        if abs(dx) < 0.5:
            canvas.stroke([at(u, 0.02), at(u, 0.68)], max(FINE, 0.07 * scale), rubber, value)
        ring = wheel(u, 0.34)
        if abs(_turned(ring)) < 4 * FINE * FINE:
            continue
        canvas.shape(ring, rubber, value)
        if scale > 6 * FINE:
            canvas.shape(wheel(u, 0.28), air, value)
    saddle, pedal, head, hub = at(-0.22, 0.88), at(-0.06, 0.3), at(0.36, 0.86), at(0.52, 0.34)
    canvas.stroke([pedal, saddle], thin, frame, value)
    canvas.stroke([at(-0.52, 0.34), pedal, head, at(-0.2, 0.78), at(-0.52, 0.34)], thin, frame, value)
    canvas.stroke([hub, head, at(0.3, 1.0)], thin, frame, value)
    canvas.stroke([at(-0.34, 0.9), at(-0.1, 0.92)], 1.6 * thin, rubber, value)
    if abs(dx) < 0.7:  # the handlebars
        bar, y = view.spot(piece.x + dx * 0.3, 1.0, piece.z + dz * 0.3)
        canvas.stroke([(bar - 0.27 * scale, y), (bar + 0.27 * scale, y)], thin, rubber, value)
