"""The clean signs of the 43 GTSRB classes, drawn by code: no font and no image file from outside.

Every drawing works on a square of 100 by 100 units, x to the right and y down, whatever the picture's size.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from gan.data.signs import CLASSES, GTSRB
from gan.drawn.digits import draw_number
from gan.drawn.pen import Colour, Pen, Point, arc, bend, turn

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
    pen.disc(50, 50, 35.5, WHITE)


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


def _car_from_behind(pen: Pen, x: float, y: float, width: float, colour: Colour, degrees: float = 0.0) -> None:
    """A car around (x, y), seen from behind."""

    def part(points: Sequence[Point], fill: Colour) -> None:
        pen.polygon(turn([(x + px * width, y + 0.8 * py * width) for px, py in points], degrees, (x, y)), fill)

    part([(-0.36, -0.02), (-0.25, -0.36), (0.25, -0.36), (0.36, -0.02)], colour)
    part([(-0.5, -0.08), (0.5, -0.08), (0.5, 0.26), (-0.5, 0.26)], colour)
    part([(-0.25, -0.08), (-0.18, -0.26), (0.18, -0.26), (0.25, -0.08)], WHITE)
    for left in (-0.46, 0.24):
        part([(left, 0.2), (left + 0.22, 0.2), (left + 0.22, 0.4), (left, 0.4)], colour)


def _two_cars(pen: Pen, left: Colour, right: Colour) -> None:
    _car_from_behind(pen, 35, 52, 26, left)
    _car_from_behind(pen, 66, 52, 27, right)


def _truck_and_car(pen: Pen, left: Colour, right: Colour) -> None:
    """A truck, seen from behind as a high box on two wheels, and a car."""
    for box in ((22, 32, 48, 59), (26, 59, 44, 62), (23, 59, 29, 66), (41, 59, 47, 66)):
        pen.box(*box, left)
    _car_from_behind(pen, 66, 58, 25, right)


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


def _child(pen: Pen, x: float, y: float, scale: float) -> None:
    """A child that runs to the left; (x, y) is between the feet, the height is 44 units by `scale`."""

    def at(*points: Point) -> list[Point]:
        return [(x + px * scale, y + py * scale) for px, py in points]

    ((head_x, head_y),) = at((-3, -39))
    pen.disc(head_x, head_y, 5 * scale, BLACK)
    pen.stroke(at((-1, -31), (2, -19)), 8.5 * scale, BLACK)
    pen.stroke(at((0, -18), (-9, -10), (-8, 0)), 4.8 * scale, BLACK)
    pen.stroke(at((3, -18), (7, -8), (18, -5)), 4.8 * scale, BLACK)
    pen.stroke(at((-2, -30), (-10, -25), (-16, -29)), 3.6 * scale, BLACK)
    pen.stroke(at((0, -31), (10, -27), (14, -19)), 3.6 * scale, BLACK)


def _roundabout(pen: Pen) -> None:
    for start in (118, 238, 358):
        pen.barbed(arc(50, 50, 33, 33, start, start - 96, steps=12), 8, 11, WHITE)


def _skid(x: float) -> list[Point]:
    return [*bend((x, 67), (x - 7, 70), (x + 1, 73)), *bend((x + 1, 73), (x + 8, 76), (x - 2, 79))]


def _octagon(radius: float) -> list[Point]:
    corners = [math.radians(22.5 + 45 * k) for k in range(8)]
    return [(50 + radius * math.cos(a), 50 + radius * math.sin(a)) for a in corners]


def _diamond(reach: float) -> list[Point]:
    return [(50, 50 - reach), (50 + reach, 50), (50, 50 + reach), (50 - reach, 50)]


# The signs themselves: what is drawn, one on the other. Of two classes that mirror each other only one is here.
SIGNS: dict[int, list[tuple]] = {
    **{
        k: [(_red_ring,), (draw_number, limit, BLACK)]
        for k, limit in ((0, "20"), (1, "30"), (2, "50"), (3, "60"), (4, "70"), (5, "80"), (7, "100"), (8, "120"))
    },
    6: [(_grey_ring,), (draw_number, "80", DARK_GREY), (_end_bars,)],
    9: [(_red_ring,), (_two_cars, RED, BLACK)],
    10: [(_red_ring,), (_truck_and_car, RED, BLACK)],
    11: [
        (_triangle,),
        (Pen.polygon, [(43.5, 80), (43.5, 48), (56.5, 48), (56.5, 80), (50, 75)], BLACK),
        (Pen.polygon, [(50, 34), (60, 51), (40, 51)], BLACK),
        (Pen.box, 34, 56, 66, 63, BLACK),
    ],
    12: [(Pen.rounded, _diamond(r), edge, c) for r, edge, c in ((46, 3, GREY), (45.5, 2.5, WHITE), (27, 1, YELLOW))],
    13: [(_triangle, True)],
    14: [
        (Pen.polygon, _octagon(52), WHITE),
        (Pen.polygon, _octagon(49), RED),
        (Pen.text, "STOP", (11, 32, 89, 68), 0.03, WHITE),
    ],
    15: [(_red_ring,)],
    16: [  # No vehicles over 3.5 tons
        (_red_ring,),
        (Pen.box, 38, 34, 80, 55, BLACK),
        (Pen.polygon, [(20, 58), (20, 51), (26, 49), (29, 41), (36, 41), (36, 58)], BLACK),
        (Pen.polygon, [(27, 49), (30, 44), (34, 44), (34, 49)], WHITE),
        (Pen.box, 20, 56, 80, 58, BLACK),
        *((Pen.disc, x, 60, 5, BLACK) for x in (28, 63, 74)),
    ],
    17: [(Pen.disc, 50, 50, 49.5, WHITE), (Pen.disc, 50, 50, 48.5, RED), (Pen.box, 10, 42, 90, 58, WHITE)],
    18: [
        (_triangle,),
        (Pen.rounded, [(46.5, 33), (53.5, 33), (51.5, 63), (48.5, 63)], 2, BLACK),
        (Pen.disc, 50, 74.5, 5, BLACK),
    ],
    19: [(_triangle,), (Pen.arrow, [(60, 76), *bend((61, 64), (59, 55), (49, 54)), (35, 52)], 10, 17, BLACK)],
    21: [(_triangle,), (Pen.arrow, [(60, 79), (60, 61), (46, 60), (46, 38)], 8.5, 15, BLACK)],
    22: [
        (_triangle,),
        (Pen.box, 26, 76, 74, 80, BLACK),
        *((Pen.polygon, bend((x - 11, 77), (x, 60), (x + 11, 77)), BLACK) for x in (38.5, 61.5)),
    ],
    23: [  # Slippery road
        (_triangle,),
        (_car_from_behind, 50, 57, 28, BLACK, 9),
        *((Pen.stroke, _skid(x), 3, BLACK) for x in (39, 55)),
    ],
    24: [
        (_triangle,),
        (Pen.stroke, [(42, 78), (42, 41)], 6, BLACK, False),
        (Pen.stroke, [(60, 78), (60, 66), (53, 56), (53, 41)], 6, BLACK, False),
    ],
    25: [  # Road work
        (_triangle,),
        (Pen.disc, 46, 43, 4.4, BLACK),
        (Pen.stroke, [(44, 51), (39, 61)], 8, BLACK),
        (Pen.stroke, [(38, 62), (36, 70), (29, 79)], 4.6, BLACK),
        (Pen.stroke, [(40, 62), (45, 70), (45, 79)], 4.6, BLACK),
        (Pen.stroke, [(45, 50), (53, 57), (48, 62)], 3.8, BLACK),
        (Pen.stroke, [(38, 57), (63, 74)], 2.8, BLACK),
        (Pen.polygon, [(51, 80), *bend((56, 73), (64, 60), (69, 70)), (76, 80)], BLACK),
    ],
    26: [
        (_triangle,),
        *((Pen.disc, 50, y, 6.6, BLACK) for y in (41, 57, 73)),
        *((Pen.disc, 50, y, 6, lamp) for y, lamp in ((41, RED), (57, YELLOW), (73, GREEN))),
    ],
    27: [(_triangle,), (_walker, 49, 80, 1.1)],
    28: [(_triangle,), (_child, 58, 78, 0.9), (_child, 38, 77, 0.66)],
    29: [  # Bicycles crossing
        (_triangle,),
        *((Pen.ring, x, 70, 8, 2.6, BLACK) for x in (37, 62)),
        (Pen.stroke, [(37, 70), (43, 59), (48, 70), (57, 57), (43, 59)], 2.6, BLACK),
        (Pen.stroke, [(37, 70), (48, 70)], 2.6, BLACK),
        (Pen.stroke, [(57, 57), (62, 70)], 2.6, BLACK),
        (Pen.stroke, [(39, 57), (46, 57)], 3, BLACK),
        (Pen.stroke, [(57, 57), (56, 52), (61, 52)], 2.6, BLACK),
    ],
    30: [  # Ice or snow
        (_triangle,),
        *(
            (Pen.stroke, turn(points, degrees, (50, 63)), width, BLACK, has_round_ends)
            for degrees in range(0, 360, 60)
            for points, width, has_round_ends in (
                ([(50, 63), (50, 45)], 3.4, False),
                ([(44.5, 47), (50, 53), (55.5, 47)], 2.6, True),
            )
        ),
    ],
    31: [  # A deer that leaps to the left: trunk, neck and head, antlers, legs
        (_triangle,),
        (
            Pen.polygon,
            [(41.2, 56.8), (49.2, 60), (60.4, 63.2), (66.8, 66.4), (63.6, 72), (57.2, 69.6), (46, 67.2)],
            BLACK,
        ),
        (
            Pen.polygon,
            [
                (41.2, 61.6),
                (40.4, 54.4),
                (34.8, 56),
                (34, 53.6),
                (39.6, 48.8),
                (44.4, 49.6),
                (49.2, 60.8),
                (46, 65.6),
            ],
            BLACK,
        ),
        *(
            (Pen.stroke, antler, 2.6, BLACK)
            for antler in ([(42.8, 49.6), (43.6, 44), (47.6, 40.8)], [(43.6, 47.2), (49.2, 45.6)])
        ),
        *(
            (Pen.stroke, leg, 3, BLACK)
            for leg in ([(45.2, 64.8), (36.4, 64.8), (34, 68.8)], [(47.6, 66.4), (40.4, 70.4), (38.8, 75.2)])
        ),
        *(
            (Pen.stroke, leg, 3.2, BLACK)
            for leg in ([(65.2, 68), (66.8, 74.4), (73.2, 79.2)], [(62, 70.4), (61.2, 74.4), (66.8, 79.2)])
        ),
    ],
    32: [(_grey_ring,), (_end_bars,)],
    33: [(_blue_disc,), (Pen.barbed, [(34, 82), *bend((34, 58), (34, 36), (54, 35)), (84, 34)], 11, 18, WHITE)],
    35: [(_blue_disc,), (Pen.barbed, [(50, 90), (50, 10)], 12, 23, WHITE)],
    36: [
        (_blue_disc,),
        (Pen.barbed, [(42, 89), (42, 10)], 11, 18, WHITE),
        (Pen.barbed, [*bend((42, 74), (43, 60), (58, 60)), (89, 59)], 10, 16, WHITE),
    ],
    38: [(_blue_disc,), (Pen.barbed, [(24, 25), (78, 75)], 12, 21, WHITE)],
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
