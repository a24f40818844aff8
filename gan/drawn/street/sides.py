"""What lines a drawn street: houses, walls, fences, hedges, and the skyline at its end.

Each function takes the canvas and a `Piece` of the plan and gives parts: (z, draw), to be drawn from large z to
small. What is long is cut into bays that are as far as their far end, so that whatever stands before them covers
them, also where the street bends.
"""

import math
from collections.abc import Callable, Iterator

from gan.drawn.street.camera import FINE, Canvas, Colour, Part, Spot
from gan.drawn.street.plan import BUILDING, FENCE, VEGETATION, WALL, Piece, chance

STOREY = 3.1  # metres
GLASS = (62, 72, 84)
ROOFS = ((128, 62, 46), (84, 78, 78), (104, 72, 60), (70, 74, 84))
SHOP_SIGNS = ((150, 40, 40), (40, 80, 120), (60, 110, 60), (200, 180, 90), (70, 60, 60))


def bays(canvas: Canvas, piece: Piece, step: float) -> Iterator[tuple[int, float, float]]:
    """Number, near and far end of the seen bays of a piece; far from the camera they are longer."""
    count = max(1, round(piece.length / step))
    size = piece.length / count
    k = 0
    while k < count:
        near = piece.z + k * size
        away = near - canvas.view.z
        together = 1 if away < 45 else 2 if away < 80 else count
        k_next = min(count, k + together)
        far = piece.z + k_next * size
        if far > canvas.view.z + 1:
            sides = canvas.view.spot(piece.x, 0, near)[0], canvas.view.spot(piece.x, 0, far)[0]
            if canvas.is_seen(*sides):
                yield k, near, far
        k = k_next


def building(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A house along the street: its front in bays, the wall at its near end, its roof."""
    side = math.copysign(1, piece.x)
    step = 2.6 + 1.2 * piece.dice[0]
    for k, near, far in bays(canvas, piece, step):
        yield far, lambda k=k, near=near, far=far: _front(canvas, piece, side, k, near, far)
    if piece.z > canvas.view.z + 2:
        yield piece.z, lambda: _gable(canvas, piece, side)


def _ridge(piece: Piece) -> float:
    """Height of a sloping roof above the eaves; 0 of a flat one."""
    return piece.width * (0.3 + 0.2 * piece.dice[1]) if piece.look == "pitched" else 0.0


def _roof_colour(piece: Piece) -> Colour:
    return ROOFS[int(len(ROOFS) * piece.dice[2])]


def _front(canvas: Canvas, piece: Piece, side: float, k: int, near: float, far: float) -> None:
    """One bay of the front, with the roof above it."""
    view, x, tall = canvas.view, piece.x, piece.height
    light = canvas.light.facing(-side, 0)
    rise = _ridge(piece)
    if rise:  # the slope goes on a little beyond the wall
        top, over = (x + side * piece.width / 2, tall + rise), (x - side * 0.3, tall - 0.6 * rise / piece.width)
        slope = [(*over, near), (*over, far), (*top, far), (*top, near)]
        canvas.area(slope, canvas.tone(_roof_colour(piece), far, light * 1.02), BUILDING)
    colour = canvas.tone(piece.colour, far, light * (0.97 + 0.06 * chance(piece.dice[0], k)))
    canvas.area([(x, -0.1, near), (x, tall, near), (x, tall, far), (x, -0.1, far)], colour, BUILDING)
    across = view.spot(x, 0, far)[0] - view.spot(x, 0, near)[0]
    if abs(across) < 1.2 * FINE and view.scale(far) * STOREY < 2 * FINE:
        return

    def quad(start: float, end: float, low: float, high: float) -> list[Spot]:
        """A piece of the bay: from and to parts of its length, between two heights."""
        a, b = near + (far - near) * start, near + (far - near) * end
        return [view.spot(x, low, a), view.spot(x, high, a), view.spot(x, high, b), view.spot(x, low, b)]

    columns = 1 if far - near < 4.2 else max(2, round((far - near) / 3.2))
    for column in range(columns):
        for floor in range(_floors(piece)):
            _opening(canvas, piece, quad, (column, columns), floor, k, far, light)
    dark = canvas.tone(piece.colour, far, light * 0.7)
    if piece.look == "shop":
        sign = SHOP_SIGNS[int(len(SHOP_SIGNS) * piece.dice[4])]
        canvas.shape(quad(0, 1, 2.75, 3.25), canvas.tone(sign, far, light))
    if not rise:
        canvas.shape(quad(0, 1, tall - 0.5, tall - 0.3), dark)
        canvas.shape(quad(0, 1, -0.1, 0.45), dark)


def _floors(piece: Piece) -> int:
    return max(1, round((piece.height - 0.6) / STOREY))


def _opening(
    canvas: Canvas,
    piece: Piece,
    quad: Callable[[float, float, float, float], list[Spot]],
    column: tuple[int, int],
    floor: int,
    k: int,
    far: float,
    light: float,
) -> None:
    """A window, or on the ground floor a door or a shop window."""
    scale, share = canvas.view.scale(far), 1 / column[1]
    wide = (0.38 + 0.26 * piece.dice[3]) * share
    middle = (column[0] + 0.5) * share
    left, right, low = middle - wide / 2, middle + wide / 2, floor * STOREY + 0.95
    mood = chance(piece.dice[3], k + column[0], floor)
    glass = canvas.tone(_glass(canvas, mood), far)
    if floor == 0 and piece.look == "shop":
        canvas.shape(quad(middle - 0.44 * share, middle + 0.44 * share, 0.35, 2.7), glass)
        return
    if floor == 0 and mood > 0.82:
        wood = (92, 66, 48) if piece.dice[4] < 0.5 else (60, 74, 70)
        canvas.shape(quad(left, right, 0, 2.3), canvas.tone(wood, far, light))
        return
    high = low + 1.35 + 0.35 * piece.dice[4]
    pale = canvas.tone((228, 225, 218), far, light)
    if piece.dice[5] > 0.35 and scale > 4 * FINE:
        frame = pale if piece.dice[5] > 0.6 else canvas.tone(piece.colour, far, light * 0.7)
        canvas.shape(quad(left - 0.05 * share, right + 0.05 * share, low - 0.12, high + 0.1), frame)
    canvas.shape(quad(left, right, low, high), glass)
    if scale > 8 * FINE:
        canvas.shape(quad(middle - 0.02, middle + 0.02, low, high), pale)


def _glass(canvas: Canvas, mood: float) -> Colour:
    """A window: mostly dark, some with the sky in it, some with curtains."""
    if mood > 0.75:
        return tuple(0.55 * g + 0.45 * s for g, s in zip(GLASS, canvas.light.low, strict=True))
    if mood > 0.6:
        return (150, 146, 136)
    return tuple(g * (0.6 + 0.7 * mood) for g in GLASS)


def _gable(canvas: Canvas, piece: Piece, side: float) -> None:
    """The wall that looks down the street; seen where the house before is lower, farther off or missing."""
    x, z, tall, back = piece.x, piece.z, piece.height, piece.x + side * piece.width
    light = canvas.light.facing(0, -1)
    colour = canvas.tone(piece.colour, z, light)
    rise = _ridge(piece)
    outline = [(x, -0.1, z), (x, tall, z), (back, tall, z), (back, -0.1, z)]
    if rise:
        outline.insert(2, ((x + back) / 2, tall + rise, z))
    canvas.area(outline, colour, BUILDING)
    if rise:
        eaves = [canvas.view.spot(*place) for place in (outline[1], outline[2], outline[3])]
        canvas.stroke(eaves, 0.25 * canvas.view.scale(z), canvas.tone(_roof_colour(piece), z, 0.8), BUILDING)
    if canvas.view.scale(z) < 2 * FINE or piece.dice[2] < 0.35:
        return
    for floor in range(_floors(piece)):
        for k in range(1, int(piece.width / 3)):
            a, low = x + side * 3 * k, floor * STOREY + 0.95
            pane = [(a, low, z), (a, low + 1.5, z), (a + side, low + 1.5, z), (a + side, low, z)]
            canvas.area(pane, canvas.tone(_glass(canvas, chance(piece.dice[0], k, floor)), z))


def wall(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A wall of stone along the street."""
    yield from _screen(canvas, piece, WALL, 4.0)


def fence(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A fence of boards."""
    yield from _screen(canvas, piece, FENCE, 2.5)


def hedge(canvas: Canvas, piece: Piece) -> Iterator[Part]:
    """A cut hedge."""
    yield from _screen(canvas, piece, VEGETATION, 3.0)


def _screen(canvas: Canvas, piece: Piece, value: int, step: float) -> Iterator[Part]:
    for k, near, far in bays(canvas, piece, step):
        yield far, lambda k=k, near=near, far=far: _panel(canvas, piece, value, k, near, far)
    if piece.z > canvas.view.z + 2:
        yield piece.z, lambda: _panel_end(canvas, piece, value)


def _panel_end(canvas: Canvas, piece: Piece, value: int) -> None:
    x, z, tall, back = piece.x, piece.z, piece.height, piece.x + math.copysign(piece.width, piece.x)
    colour = canvas.tone(piece.colour, z, canvas.light.facing(0, -1))
    canvas.area([(x, 0, z), (x, tall, z), (back, tall, z), (back, 0, z)], colour, value)


def _panel(canvas: Canvas, piece: Piece, value: int, k: int, near: float, far: float) -> None:
    view, x, tall = canvas.view, piece.x, piece.height
    side = math.copysign(1, x)
    light = canvas.light.facing(-side, 0)
    back = x + side * piece.width
    if tall < view.height:
        top = [(x, tall, near), (x, tall, far), (back, tall, far), (back, tall, near)]
        canvas.area(top, canvas.tone(piece.colour, far, canvas.light.above * 1.05), value)
    shade = light * (0.95 + 0.1 * chance(piece.dice[0], k))
    canvas.area(
        [(x, 0, near), (x, tall, near), (x, tall, far), (x, 0, far)], canvas.tone(piece.colour, far, shade), value
    )
    if value == VEGETATION or view.scale(far) < 3 * FINE:
        return
    line = canvas.tone(piece.colour, far, shade * 0.72)
    wide = max(1.0, 0.04 * view.scale(far))
    if value == WALL:
        for y in (tall * 0.33, tall * 0.66):
            canvas.stroke([view.spot(x, y, near), view.spot(x, y, far)], wide, line)
        cap = canvas.tone(piece.colour, far, light * 1.15)
        canvas.area([(x, tall - 0.12, near), (x, tall, near), (x, tall, far), (x, tall - 0.12, far)], cap)
    else:
        boards = 8 if view.scale(far) > 8 * FINE else 4
        for board in range(boards):
            z = near + (far - near) * board / boards
            canvas.stroke([view.spot(x, 0, z), view.spot(x, tall - 0.05, z)], wide, line)


def skyline(canvas: Canvas, heights: tuple[tuple[float, float, float], ...], away: float) -> None:
    """What closes the view: houses and trees far off, side by side over the whole width.

    Args:
        canvas: where it is drawn.
        heights: of each: metres across, metres high, and 0-1: below 0.5 trees, above houses of some shade.
        away: metres from the camera.
    """
    view, z = canvas.view, canvas.view.z + away
    scale = view.scale(z)
    ground = view.horizon + scale * view.height + FINE
    x = view.middle - scale * sum(width for width, _, _ in heights) / 2
    for width, tall, kind in heights:
        top, right = ground - scale * tall, x + scale * width
        if kind < 0.5:
            colour = canvas.tone((66 + 60 * kind, 84 + 40 * kind, 52), z, 0.9)
            for k in range(6):
                size = 0.55 + 0.45 * chance(kind, k)
                half = (0.1 + 0.06 * chance(kind, k, 1)) * (right - x)
                high = 0.5 * size * (ground - top)
                canvas.disc(x + (k + 0.5) / 6 * (right - x), ground - high, half, high, colour, VEGETATION)
        else:
            grey = 90 + 130 * (kind - 0.5)
            colour = canvas.tone((grey * 1.06, grey, grey * 0.94), z, 0.9)
            canvas.shape([(x, ground), (x, top), (right, top), (right, ground)], colour, BUILDING)
        x = right
