"""The clean signs of the 43 GTSRB classes, drawn by code: no font and no image file from outside.

Every drawing works on a square of 100 by 100 units, x to the right and y down, whatever the picture's size.
"""

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageOps

from gan.data.signs import CLASSES, MIRROR
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


def _truck_from_behind(pen: Pen, x: float, y: float, colour: Colour) -> None:
    """A truck around (x, y), seen from behind: a high box on two wheels."""
    pen.box(x - 14, y - 22, x + 14, y + 8, colour)
    pen.box(x - 10, y + 8, x + 10, y + 11, colour)
    pen.box(x - 13, y + 8, x - 6, y + 15, colour)
    pen.box(x + 6, y + 8, x + 13, y + 15, colour)


def _two_cars(pen: Pen, left: Colour, right: Colour) -> None:
    _car_from_behind(pen, 33, 51, 29, left)
    _car_from_behind(pen, 67, 51, 29, right)


def _truck_and_car(pen: Pen, left: Colour, right: Colour) -> None:
    _truck_from_behind(pen, 35, 52, left)
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


# The signs themselves. Of two classes that mirror each other only one is drawn here.


def _end_of_speed_limit(pen: Pen) -> None:
    _grey_ring(pen)
    _digits(pen, "80", DARK_GREY)
    _end_bars(pen)


def _no_passing(pen: Pen) -> None:
    _red_ring(pen)
    _two_cars(pen, RED, BLACK)


def _no_passing_for_trucks(pen: Pen) -> None:
    _red_ring(pen)
    _truck_and_car(pen, RED, BLACK)


def _right_of_way(pen: Pen) -> None:
    _triangle(pen)
    pen.polygon([(42, 85), (58, 85), (56, 50), (44, 50)], BLACK)
    pen.polygon([(50, 33), (62, 53), (38, 53)], BLACK)
    pen.polygon([(50, 57), (70, 61), (70, 66), (50, 71), (30, 66), (30, 61)], BLACK)


def _priority_road(pen: Pen) -> None:
    for reach, radius, colour in ((46, 3, GREY), (45.5, 2.5, WHITE), (30, 1, YELLOW)):
        pen.rounded([(50, 50 - reach), (50 + reach, 50), (50, 50 + reach), (50 - reach, 50)], radius, colour)


def _give_way(pen: Pen) -> None:
    _triangle(pen, points_down=True)


def _stop(pen: Pen) -> None:
    for radius, colour in ((52, WHITE), (49, RED)):
        corners = [math.radians(22.5 + 45 * k) for k in range(8)]
        pen.polygon([(50 + radius * math.cos(a), 50 + radius * math.sin(a)) for a in corners], colour)
    pen.text("STOP", (11, 34, 89, 66), 0.03, WHITE)


def _no_trucks(pen: Pen) -> None:
    _red_ring(pen)
    pen.box(41, 36, 75, 58, BLACK)
    pen.polygon([(25, 58), (25, 51), (29, 42), (39, 42), (39, 58)], BLACK)
    pen.polygon([(28, 50), (31, 45), (36, 45), (36, 50)], WHITE)
    pen.box(25, 57, 75, 60, BLACK)
    for x in (33, 56, 68):
        pen.disc(x, 61, 5, BLACK)


def _no_entry(pen: Pen) -> None:
    pen.disc(50, 50, 49.5, WHITE)
    pen.disc(50, 50, 48.5, RED)
    pen.box(14, 41.5, 86, 58.5, WHITE)


def _danger(pen: Pen) -> None:
    _triangle(pen)
    pen.rounded([(45.5, 39), (54.5, 39), (51.5, 62), (48.5, 62)], 2, BLACK)
    pen.disc(50, 77.5, 5.6, BLACK)


def _curve_left(pen: Pen) -> None:
    _triangle(pen)
    pen.arrow([(61, 84), *bend((61, 72), (61, 61), (50, 61)), (30, 61)], 9, 22, BLACK)


def _double_curve(pen: Pen) -> None:
    _triangle(pen)
    pen.arrow([(59, 84), (59, 70), (43, 61), (43, 38)], 10, 19, BLACK)


def _bumps(pen: Pen) -> None:
    _triangle(pen)
    pen.box(25, 77, 75, 82, BLACK)
    for x in (37, 63):
        pen.polygon(bend((x - 12, 78), (x, 54), (x + 12, 78)), BLACK)


def _slippery_road(pen: Pen) -> None:
    _triangle(pen)
    _car_from_behind(pen, 49, 57, 31, BLACK, degrees=-13)
    for x in (41, 59):
        track = [*bend((x, 69), (x - 9, 73), (x - 1, 76)), *bend((x - 1, 76), (x + 6, 80), (x - 5, 85))]
        pen.stroke(track, 3.4, BLACK)


def _narrows_on_the_right(pen: Pen) -> None:
    _triangle(pen)
    pen.stroke([(40, 84), (40, 46)], 6, BLACK, round_ends=False)
    pen.stroke([(66, 84), (66, 74), (55, 58), (55, 40)], 6, BLACK, round_ends=False)


def _road_works(pen: Pen) -> None:
    _triangle(pen)
    pen.disc(47, 42, 5, BLACK)
    pen.stroke([(44, 51), (38, 63)], 8.5, BLACK)
    pen.stroke([(37, 64), (36, 72), (28, 83)], 5, BLACK)
    pen.stroke([(39, 64), (45, 72), (45, 83)], 5, BLACK)
    pen.stroke([(45, 50), (53, 58), (48, 64)], 4, BLACK)
    pen.stroke([(38, 58), (66, 78)], 3, BLACK)
    pen.polygon([(52, 84), *bend((58, 76), (66, 62), (70, 74)), (78, 84)], BLACK)


def _traffic_lights(pen: Pen) -> None:
    _triangle(pen)
    for y, colour in ((45, RED), (61, YELLOW), (77, GREEN)):
        pen.disc(50, y, 7.6, BLACK)
        pen.disc(50, y, 6.4, colour)


def _pedestrians(pen: Pen) -> None:
    _triangle(pen)
    _walker(pen, 50, 82, 1.0)


def _children(pen: Pen) -> None:
    _triangle(pen)
    _walker(pen, 61, 82, 0.9)
    _walker(pen, 36, 83, 0.68)


def _bicycle(pen: Pen) -> None:
    _triangle(pen)
    for x in (35.5, 64.5):
        pen.ring(x, 72, 10, 3.4, BLACK)
    hub, seat, bars = (48, 72), (44, 57), (58, 55)
    for line in ((35.5, 72), seat, hub, bars, seat), ((35.5, 72), hub), (bars, (64.5, 72)):
        pen.stroke(line, 3, BLACK)
    pen.stroke([(40, 55), (48, 55)], 3.4, BLACK)
    pen.stroke([bars, (57, 50), (63, 50)], 3, BLACK)


def _snowflake(pen: Pen) -> None:
    _triangle(pen)
    for degrees in range(0, 360, 60):
        pen.stroke(turn([(50, 62), (50, 41)], degrees, (50, 62)), 4, BLACK, round_ends=False)
        pen.stroke(turn([(43.5, 45), (50, 51), (56.5, 45)], degrees, (50, 62)), 3.2, BLACK)


def _deer(pen: Pen) -> None:
    _triangle(pen)
    # Leaping to the left: trunk, neck and head, antlers, two legs tucked up in front and two stretched back.
    pen.polygon([(38, 56), (48, 60), (62, 64), (70, 68), (66, 75), (58, 72), (44, 69)], BLACK)
    pen.polygon([(38, 62), (37, 53), (30, 55), (29, 52), (36, 46), (42, 47), (48, 61), (44, 67)], BLACK)
    for antler in ((40, 47), (41, 40), (46, 36)), ((41, 44), (48, 42)):
        pen.stroke(antler, 2.6, BLACK)
    for leg in ((43, 66), (32, 66), (29, 71)), ((46, 68), (37, 73), (35, 79)):
        pen.stroke(leg, 3, BLACK)
    for leg in ((68, 70), (70, 78), (78, 84)), ((64, 73), (63, 78), (70, 84)):
        pen.stroke(leg, 3.2, BLACK)


def _end_of_all_limits(pen: Pen) -> None:
    _grey_ring(pen)
    _end_bars(pen)


def _turn_right(pen: Pen) -> None:
    _blue_disc(pen)
    pen.arrow([(34, 80), *bend((34, 58), (34, 42), (50, 42)), (82, 42)], 12, 34, WHITE)


def _straight_on(pen: Pen) -> None:
    _blue_disc(pen)
    pen.arrow([(50, 86), (50, 13)], 13, 38, WHITE)


def _straight_on_or_right(pen: Pen) -> None:
    _blue_disc(pen)
    pen.arrow([(39, 86), (39, 14)], 11, 32, WHITE)
    pen.arrow([(39, 62), (83, 62)], 11, 30, WHITE)


def _keep_right(pen: Pen) -> None:
    _blue_disc(pen)
    pen.arrow([(23, 29), (76, 74)], 13, 38, WHITE)


def _roundabout(pen: Pen) -> None:
    _blue_disc(pen)
    for start in (100, 220, 340):
        angles = [math.radians(start - 7 * k) for k in range(11)]
        path = [(50 + 28 * math.cos(a), 50 + 28 * math.sin(a)) for a in angles]
        # The head leaves the circle along the tangent, leaning a little inwards.
        ahead = angles[-1] - math.radians(36)
        path.append((50 + 30 * math.cos(ahead), 50 + 30 * math.sin(ahead)))
        pen.arrow(path, 9, 25, WHITE)


def _end_of_no_passing(pen: Pen) -> None:
    _grey_ring(pen)
    _two_cars(pen, DARK_GREY, DARK_GREY)
    _end_bars(pen)


def _end_of_no_passing_for_trucks(pen: Pen) -> None:
    _grey_ring(pen)
    _truck_and_car(pen, DARK_GREY, DARK_GREY)
    _end_bars(pen)


def _speed_limit(text: str) -> Callable[[Pen], None]:
    def draw(pen: Pen) -> None:
        _red_ring(pen)
        _digits(pen, text)

    return draw


DRAWINGS: dict[int, Callable[[Pen], None]] = {
    **{k: _speed_limit(text) for k, text in enumerate(("20", "30", "50", "60", "70", "80"))},
    6: _end_of_speed_limit, 7: _speed_limit("100"), 8: _speed_limit("120"), 9: _no_passing,
    10: _no_passing_for_trucks, 11: _right_of_way, 12: _priority_road, 13: _give_way, 14: _stop,
    15: _red_ring, 16: _no_trucks, 17: _no_entry, 18: _danger, 19: _curve_left, 21: _double_curve,
    22: _bumps, 23: _slippery_road, 24: _narrows_on_the_right, 25: _road_works, 26: _traffic_lights,
    27: _pedestrians, 28: _children, 29: _bicycle, 30: _snowflake, 31: _deer, 32: _end_of_all_limits,
    33: _turn_right, 35: _straight_on, 36: _straight_on_or_right, 38: _keep_right, 40: _roundabout,
    41: _end_of_no_passing, 42: _end_of_no_passing_for_trucks,
}  # fmt: skip


def pictogram(class_id: int, size: int = 256) -> Image.Image:
    """The clean sign of a class, as the design drawings show it.

    The sign touches the picture's edges, all around it is transparent. Classes that `signs.MIRROR` pairs are
    exact mirror images of each other, and those that it maps to themselves are exactly symmetric.

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
    mirror = MIRROR.get(class_id)
    if class_id not in DRAWINGS:
        return ImageOps.mirror(pictogram(mirror, size))
    pen = Pen(size * SUPERSAMPLING)
    DRAWINGS[class_id](pen)
    image = pen.image.resize((size, size), Image.Resampling.BOX)
    if mirror == class_id:  # Pillow rounds left and right edges differently: the right half repeats the left
        left = image.crop((0, 0, size // 2, size))
        image.paste(ImageOps.mirror(left), (size - size // 2, 0))
    return image
