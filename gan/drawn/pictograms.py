"""The clean signs of the 43 GTSRB classes, drawn by code: no font and no image file from outside.

Every drawing works on a square of 100 by 100 units, x to the right and y down, whatever the picture's size.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from gan.data.signs import CLASSES, GTSRB
from gan.drawn.pen import Colour, Pen, Point, bend, turn

SUPERSAMPLING = 4  # pixels drawn per pixel kept along each axis: Pillow's primitives have hard edges
WHITE: Colour = (245, 245, 245)
BLACK: Colour = (20, 20, 22)
RED: Colour = (200, 34, 32)
BLUE: Colour = (14, 74, 172)
YELLOW: Colour = (250, 190, 20)
GREEN: Colour = (0, 140, 80)
GREY: Colour = (118, 118, 120)
DARK_GREY: Colour = (78, 78, 80)


# Outer shapes: what a sign looks like without its symbol. The thin light edge stands out from a dark street.


def _red_ring(pen: Pen) -> None:
    pen.disc(50, 50, 49.5, WHITE)
    pen.disc(50, 50, 48.5, RED)
    pen.disc(50, 50, 36.5, WHITE)


def _blue_disc(pen: Pen) -> None:
    pen.disc(50, 50, 49.5, WHITE)
    pen.disc(50, 50, 47.5, BLUE)


def _grey_ring(pen: Pen) -> None:
    pen.disc(50, 50, 49.5, WHITE)
    pen.ring(50, 50, 46, 3, GREY)


def _triangle(pen: Pen, points_down: bool = False) -> None:
    """An equilateral triangle with round corners; the middle of its bounding box is the picture's middle."""
    side, edge, band = 85.0, 7.0, 11.0  # between corner centres, radius of the corners, width of the red
    height = side * math.sqrt(3) / 2
    corners = [(50, 50 - height / 2), (50 + side / 2, 50 + height / 2), (50 - side / 2, 50 + height / 2)]
    centroid = 50 + height / 6
    shrink = 1 - (band - edge + 1.5) / (height / 3)
    inner = [(50 + shrink * (x - 50), centroid + shrink * (y - centroid)) for x, y in corners]
    if points_down:
        corners, inner = ([(x, 100 - y) for x, y in shape] for shape in (corners, inner))
    pen.rounded(corners, edge, WHITE)
    pen.rounded(corners, edge - 1, RED)
    pen.rounded(inner, 1.5, WHITE)


def _end_bars(pen: Pen) -> None:
    """The diagonal bars of every sign that ends a restriction."""
    reach = 45 / math.sqrt(2)
    for shift in (-6, -3, 0, 3, 6):
        dx = shift / math.sqrt(2)
        ends = [(50 - reach + dx, 50 + reach + dx), (50 + reach + dx, 50 - reach + dx)]
        pen.stroke(ends, 1.9, BLACK, round_ends=False)


# Symbols that several signs share.


def _digits(pen: Pen, text: str, colour: Colour = BLACK) -> None:
    wide = len(text) > 2
    pen.text(text, (19, 33, 81, 67) if wide else (22, 30, 78, 70), 0.025 if wide else 0.018, colour)


def _car_from_behind(pen: Pen, x: float, y: float, width: float, colour: Colour, degrees: float = 0.0) -> None:
    """A car around (x, y), seen from behind."""

    def part(points: Sequence[Point], fill: Colour) -> None:
        pen.polygon(turn([(x + px * width, y + py * width) for px, py in points], degrees, (x, y)), fill)

    part([(-0.36, -0.02), (-0.25, -0.36), (0.25, -0.36), (0.36, -0.02)], colour)
    part([(-0.5, -0.08), (0.5, -0.08), (0.5, 0.26), (-0.5, 0.26)], colour)
    part([(-0.25, -0.08), (-0.18, -0.26), (0.18, -0.26), (0.25, -0.08)], WHITE)
    for left in (-0.46, 0.24):
        part([(left, 0.2), (left + 0.22, 0.2), (left + 0.22, 0.4), (left, 0.4)], colour)


def _two_cars(pen: Pen, left: Colour, right: Colour) -> None:
    _car_from_behind(pen, 33, 51, 29, left)
    _car_from_behind(pen, 67, 51, 29, right)


def _truck_and_car(pen: Pen, left: Colour, right: Colour) -> None:
    """A truck, seen from behind as a high box on two wheels, and a car."""
    for box in ((21, 30, 49, 60), (25, 60, 45, 63), (22, 60, 29, 67), (41, 60, 48, 67)):
        pen.box(*box, left)
    _car_from_behind(pen, 67, 56, 26, right)


def _walker(pen: Pen, x: float, y: float, scale: float) -> None:
    """A person who walks to the left; (x, y) is between the feet, the height is 44 units by `scale`."""

    def at(*points: Point) -> list[Point]:
        return [(x + px * scale, y + py * scale) for px, py in points]

    ((head_x, head_y),) = at((0, -40))
    pen.disc(head_x, head_y, 4.6 * scale, BLACK)
    pen.stroke(at((0, -31), (0, -19)), 8.5 * scale, BLACK)
    pen.stroke(at((-1, -18), (-6, -9), (-11, 0)), 4.8 * scale, BLACK)
    pen.stroke(at((1, -18), (4, -10), (11, -1)), 4.8 * scale, BLACK)
    pen.stroke(at((-1, -32), (-7, -24), (-12, -20)), 3.4 * scale, BLACK)
    pen.stroke(at((1, -32), (8, -25), (11, -17)), 3.4 * scale, BLACK)


def _roundabout(pen: Pen) -> None:
    for start in (100, 220, 340):
        angles = [math.radians(start - 7 * k) for k in range(11)]
        path = [(50 + 28 * math.cos(a), 50 + 28 * math.sin(a)) for a in angles]
        # The head leaves the circle along the tangent, leaning a little inwards.
        ahead = angles[-1] - math.radians(36)
        path.append((50 + 30 * math.cos(ahead), 50 + 30 * math.sin(ahead)))
        pen.arrow(path, 9, 25, WHITE)


def _skid(x: float) -> list[Point]:
    return [*bend((x, 69), (x - 9, 73), (x - 1, 76)), *bend((x - 1, 76), (x + 6, 80), (x - 5, 85))]


def _octagon(radius: float) -> list[Point]:
    corners = [math.radians(22.5 + 45 * k) for k in range(8)]
    return [(50 + radius * math.cos(a), 50 + radius * math.sin(a)) for a in corners]


def _diamond(reach: float) -> list[Point]:
    return [(50, 50 - reach), (50 + reach, 50), (50, 50 + reach), (50 - reach, 50)]


# The signs themselves: what is drawn, one on the other. Of two classes that mirror each other only one is here.
SIGNS: dict[int, list[tuple]] = {
    **{k: [(_red_ring,), (_digits, limit)] for k, limit in enumerate(("20", "30", "50", "60", "70", "80"))},
    6: [(_grey_ring,), (_digits, "80", DARK_GREY), (_end_bars,)],
    7: [(_red_ring,), (_digits, "100")],
    8: [(_red_ring,), (_digits, "120")],
    9: [(_red_ring,), (_two_cars, RED, BLACK)],
    10: [(_red_ring,), (_truck_and_car, RED, BLACK)],
    11: [
        (_triangle,),
        (Pen.polygon, [(42, 85), (58, 85), (56, 50), (44, 50)], BLACK),
        (Pen.polygon, [(50, 33), (62, 53), (38, 53)], BLACK),
        (Pen.polygon, [(50, 57), (70, 61), (70, 66), (50, 71), (30, 66), (30, 61)], BLACK),
    ],
    12: [(Pen.rounded, _diamond(r), edge, c) for r, edge, c in ((46, 3, GREY), (45.5, 2.5, WHITE), (30, 1, YELLOW))],
    13: [(_triangle, True)],
    14: [
        (Pen.polygon, _octagon(52), WHITE),
        (Pen.polygon, _octagon(49), RED),
        (Pen.text, "STOP", (11, 34, 89, 66), 0.03, WHITE),
    ],
    15: [(_red_ring,)],
    16: [  # No vehicles over 3.5 tons
        (_red_ring,),
        (Pen.box, 41, 36, 75, 58, BLACK),
        (Pen.polygon, [(25, 58), (25, 51), (29, 42), (39, 42), (39, 58)], BLACK),
        (Pen.polygon, [(28, 50), (31, 45), (36, 45), (36, 50)], WHITE),
        (Pen.box, 25, 57, 75, 60, BLACK),
        *((Pen.disc, x, 61, 5, BLACK) for x in (33, 56, 68)),
    ],
    17: [(Pen.disc, 50, 50, 49.5, WHITE), (Pen.disc, 50, 50, 48.5, RED), (Pen.box, 14, 41.5, 86, 58.5, WHITE)],
    18: [
        (_triangle,),
        (Pen.rounded, [(45.5, 39), (54.5, 39), (51.5, 62), (48.5, 62)], 2, BLACK),
        (Pen.disc, 50, 77.5, 5.6, BLACK),
    ],
    19: [(_triangle,), (Pen.arrow, [(61, 84), *bend((61, 72), (61, 61), (50, 61)), (30, 61)], 9, 22, BLACK)],
    21: [(_triangle,), (Pen.arrow, [(59, 84), (59, 70), (43, 61), (43, 38)], 10, 19, BLACK)],
    22: [
        (_triangle,),
        (Pen.box, 25, 77, 75, 82, BLACK),
        *((Pen.polygon, bend((x - 12, 78), (x, 54), (x + 12, 78)), BLACK) for x in (37, 63)),
    ],
    23: [  # Slippery road
        (_triangle,),
        (_car_from_behind, 49, 57, 31, BLACK, -13),
        *((Pen.stroke, _skid(x), 3.4, BLACK) for x in (41, 59)),
    ],
    24: [
        (_triangle,),
        (Pen.stroke, [(40, 84), (40, 46)], 6, BLACK, False),
        (Pen.stroke, [(66, 84), (66, 74), (55, 58), (55, 40)], 6, BLACK, False),
    ],
    25: [  # Road work
        (_triangle,),
        (Pen.disc, 47, 42, 5, BLACK),
        (Pen.stroke, [(44, 51), (38, 63)], 8.5, BLACK),
        (Pen.stroke, [(37, 64), (36, 72), (28, 83)], 5, BLACK),
        (Pen.stroke, [(39, 64), (45, 72), (45, 83)], 5, BLACK),
        (Pen.stroke, [(45, 50), (53, 58), (48, 64)], 4, BLACK),
        (Pen.stroke, [(38, 58), (66, 78)], 3, BLACK),
        (Pen.polygon, [(52, 84), *bend((58, 76), (66, 62), (70, 74)), (78, 84)], BLACK),
    ],
    26: [
        (_triangle,),
        *((Pen.disc, 50, y, 7.6, BLACK) for y in (45, 61, 77)),
        *((Pen.disc, 50, y, 6.4, lamp) for y, lamp in ((45, RED), (61, YELLOW), (77, GREEN))),
    ],
    27: [(_triangle,), (_walker, 50, 82, 1.0)],
    28: [(_triangle,), (_walker, 61, 82, 0.9), (_walker, 36, 83, 0.68)],
    29: [  # Bicycles crossing
        (_triangle,),
        *((Pen.ring, x, 72, 10, 3.4, BLACK) for x in (35.5, 64.5)),
        (Pen.stroke, [(35.5, 72), (44, 57), (48, 72), (58, 55), (44, 57)], 3, BLACK),
        (Pen.stroke, [(35.5, 72), (48, 72)], 3, BLACK),
        (Pen.stroke, [(58, 55), (64.5, 72)], 3, BLACK),
        (Pen.stroke, [(40, 55), (48, 55)], 3.4, BLACK),
        (Pen.stroke, [(58, 55), (57, 50), (63, 50)], 3, BLACK),
    ],
    30: [  # Ice or snow
        (_triangle,),
        *(
            (Pen.stroke, turn(points, degrees, (50, 62)), width, BLACK, has_round_ends)
            for degrees in range(0, 360, 60)
            for points, width, has_round_ends in (
                ([(50, 62), (50, 41)], 4, False),
                ([(43.5, 45), (50, 51), (56.5, 45)], 3.2, True),
            )
        ),
    ],
    31: [  # A deer that leaps to the left: trunk, neck and head, antlers, legs
        (_triangle,),
        (Pen.polygon, [(38, 56), (48, 60), (62, 64), (70, 68), (66, 75), (58, 72), (44, 69)], BLACK),
        (Pen.polygon, [(38, 62), (37, 53), (30, 55), (29, 52), (36, 46), (42, 47), (48, 61), (44, 67)], BLACK),
        *((Pen.stroke, antler, 2.6, BLACK) for antler in ([(40, 47), (41, 40), (46, 36)], [(41, 44), (48, 42)])),
        *((Pen.stroke, leg, 3, BLACK) for leg in ([(43, 66), (32, 66), (29, 71)], [(46, 68), (37, 73), (35, 79)])),
        *((Pen.stroke, leg, 3.2, BLACK) for leg in ([(68, 70), (70, 78), (78, 84)], [(64, 73), (63, 78), (70, 84)])),
    ],
    32: [(_grey_ring,), (_end_bars,)],
    33: [(_blue_disc,), (Pen.arrow, [(34, 80), *bend((34, 58), (34, 42), (50, 42)), (82, 42)], 12, 34, WHITE)],
    35: [(_blue_disc,), (Pen.arrow, [(50, 86), (50, 13)], 13, 38, WHITE)],
    36: [
        (_blue_disc,),
        (Pen.arrow, [(39, 86), (39, 14)], 11, 32, WHITE),
        (Pen.arrow, [(39, 62), (83, 62)], 11, 30, WHITE),
    ],
    38: [(_blue_disc,), (Pen.arrow, [(23, 29), (76, 74)], 13, 38, WHITE)],
    40: [(_blue_disc,), (_roundabout,)],
    41: [(_grey_ring,), (_two_cars, DARK_GREY, DARK_GREY), (_end_bars,)],
    42: [(_grey_ring,), (_truck_and_car, DARK_GREY, DARK_GREY), (_end_bars,)],
}


def pictogram(class_id: int, size: int = 256) -> Image.Image:
    """The clean sign of a class, as the design drawings show it.

    The sign touches the picture's edges, all around it is transparent. Classes that `signs.GTSRB` pairs in the mirror
    are exact mirror images of each other, and those that it maps to themselves are exactly symmetric.

    Args:
        class_id: GTSRB class id, 0-42.
        size: width and height in pixels.

    Returns:
        RGBA picture, size by size; alpha 0 outside the sign, 255 inside.

    Raises:
        ValueError: no such class, or the size is not positive.
    """
    if class_id not in range(CLASSES):
        raise ValueError(f"there is no class {class_id}: class ids are 0 to {CLASSES - 1}")
    if size < 1:
        raise ValueError(f"size must be positive, not {size}")
    mirror = GTSRB.mirror[class_id]
    if class_id not in SIGNS:
        return ImageOps.mirror(pictogram(mirror, size))
    pen = Pen(size * SUPERSAMPLING)
    for draw, *arguments in SIGNS[class_id]:
        draw(pen, *arguments)
    image = pen.image.resize((size, size), Image.Resampling.BOX)
    if mirror == class_id:  # Pillow rounds left and right edges differently: the right half repeats the left
        left = image.crop((0, 0, size // 2, size))
        image.paste(ImageOps.mirror(left), (size - size // 2, 0))
    return image
