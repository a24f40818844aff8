"""Trees and bushes of a drawn street."""

import math
from collections.abc import Iterator

from gan.drawn.street.camera import FINE, Canvas, Part
from gan.drawn.street.plan import VEGETATION, Piece, chance


def tree(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A trunk and a crown of many round clumps, brighter above and towards the sun."""
    if piece.z > canvas.view.z + 2.5:
        yield piece.z, lambda: _tree(canvas, piece)


def _tree(canvas: Canvas, piece: Piece) -> None:
    view, z = canvas.view, piece.z
    scale = view.scale(z)
    x, foot = view.spot(piece.x, 0, z)
    radius, tall = 0.5 * piece.width * scale, piece.height * scale
    if not canvas.is_seen(x - 1.3 * radius, x + 1.3 * radius):
        return
    bark = canvas.tone((74, 62, 52), z, canvas.light.facing(-math.copysign(1, piece.x), 0))
    if piece.look == "bush":
        half, centre = 0.5 * tall, foot - 0.42 * tall
    else:
        half, centre = 0.36 * tall, foot - 0.66 * tall
        thick = max(0.6 * FINE, 0.5 * (0.12 + 0.02 * piece.height) * scale)
        canvas.shape(
            [(x - thick, foot), (x - 0.7 * thick, centre), (x + 0.7 * thick, centre), (x + thick, foot)],
            bark,
            VEGETATION,
        )
    if piece.look == "cone":
        _cone(canvas, piece, x, foot, scale)
        return
    sun = canvas.light.sun[0] * canvas.light.strength
    fine = radius > 5 * FINE
    count = 48 if radius > 24 * FINE else 22 if fine else 8 if radius > 2 * FINE else 3
    for layer, shade in enumerate((0.62, 0.85, 1.12)):
        size = ((0.46, 0.3, 0.2) if fine else (0.5, 0.4, 0.32))[layer]
        spread = (0.72, 0.74, 0.78)[layer]
        clumps = max(3, count >> (layer == 0))
        for k in range(clumps):
            away = spread * math.sqrt((k + 0.5) / clumps)
            angle = 2.39996 * k + 6.283 * piece.dice[layer]
            across, up = away * math.cos(angle), away * math.sin(angle)
            grow = size * (0.8 + 0.45 * chance(piece.dice[3], k, layer))
            lit = shade * (0.92 + 0.16 * up + 0.14 * sun * across + 0.16 * chance(piece.dice[4], k, layer))
            spot = x + (across + 0.1 * sun * layer) * radius, centre - (up + 0.12 * layer) * half
            canvas.disc(*spot, grow * radius, grow * half * 1.05, canvas.tone(piece.colour, z, lit), VEGETATION)


def _cone(canvas: Canvas, piece: Piece, x: float, foot: float, scale: float) -> None:
    """A conifer: storeys of branches."""
    tall, wide = piece.height * scale, 0.36 * piece.width * scale
    steps = 5
    for k in range(steps):
        low, high = 0.12 + 0.16 * k, min(1.0, 0.12 + 0.16 * k + 0.34)
        half = wide * (1 - k / steps * 0.85)
        spots = [
            (x - half, foot - low * tall),
            (x, foot - high * tall),
            (x + half, foot - low * tall),
            (x, foot - (low - 0.04) * tall),
        ]
        canvas.shape(spots, canvas.tone(piece.colour, piece.z, 0.55 + 0.07 * k), VEGETATION)
        sunny = math.copysign(1, canvas.light.sun[0])
        lit = [(x, foot - high * tall), (x + sunny * half, foot - low * tall), (x, foot - (low - 0.04) * tall)]
        canvas.shape(lit, canvas.tone(piece.colour, piece.z, 0.68 + 0.09 * k))
