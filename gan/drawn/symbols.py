"""Outer shapes of German traffic signs and the symbols in them, for `gan.drawn.pictograms`.

Every drawing works on a square of 100 by 100 units, x to the right and y down, whatever the picture's size.
"""

import math
from collections.abc import Callable, Sequence

from gan.drawn.pen import Colour, Pen, Point, arc, bend, turn

WHITE: Colour = (245, 245, 245)
BLACK: Colour = (20, 20, 22)
RED: Colour = (200, 34, 32)
BLUE: Colour = (14, 74, 172)
YELLOW: Colour = (250, 190, 20)
GREEN: Colour = (0, 140, 80)
GREY: Colour = (118, 118, 120)
DARK_GREY: Colour = (78, 78, 80)


# Outer shapes. The thin light edge stands out from a dark street.


def red_ring(pen: Pen) -> None:
    """A white disc with a red ring: what is forbidden."""
    pen.disc(50, 50, 49.5, WHITE)
    pen.disc(50, 50, 48.5, RED)
    pen.disc(50, 50, 35.5, WHITE)


def blue_disc(pen: Pen) -> None:
    """A blue disc: what must be done."""
    pen.disc(50, 50, 49.5, WHITE)
    pen.disc(50, 50, 47.5, BLUE)


def grey_ring(pen: Pen) -> None:
    """A white disc with a thin ring: an end."""
    pen.disc(50, 50, 49.5, WHITE)
    pen.ring(50, 50, 46, 3, GREY)


def triangle(pen: Pen, points_down: bool = False) -> None:
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


def end_bars(pen: Pen) -> None:
    """The diagonal bars of every sign that ends a restriction."""
    reach = 45 / math.sqrt(2)
    for shift in (-6, -3, 0, 3, 6):
        dx = shift / math.sqrt(2)
        ends = [(50 - reach + dx, 50 + reach + dx), (50 + reach + dx, 50 - reach + dx)]
        pen.stroke(ends, 1.9, BLACK, round_ends=False)


# Symbols that several signs share.


def _placed(x: float, y: float, scale: float) -> Callable[..., list[Point]]:
    """A function that takes points of a symbol, and puts them about (x, y) at a scale."""
    return lambda *points: [(x + px * scale, y + py * scale) for px, py in points]


def car_from_behind(pen: Pen, x: float, y: float, width: float, colour: Colour, degrees: float = 0.0) -> None:
    """A car around (x, y), seen from behind."""

    def part(points: Sequence[Point], fill: Colour) -> None:
        pen.polygon(turn([(x + px * width, y + 0.8 * py * width) for px, py in points], degrees, (x, y)), fill)

    part([(-0.36, -0.02), (-0.25, -0.36), (0.25, -0.36), (0.36, -0.02)], colour)
    part([(-0.5, -0.08), (0.5, -0.08), (0.5, 0.26), (-0.5, 0.26)], colour)
    part([(-0.25, -0.08), (-0.18, -0.26), (0.18, -0.26), (0.25, -0.08)], WHITE)
    for left in (-0.46, 0.24):
        part([(left, 0.2), (left + 0.22, 0.2), (left + 0.22, 0.4), (left, 0.4)], colour)


def two_cars(pen: Pen, left: Colour, right: Colour) -> None:
    """Two cars beside each other, seen from behind."""
    car_from_behind(pen, 35, 52, 26, left)
    car_from_behind(pen, 66, 52, 27, right)


def truck_and_car(pen: Pen, left: Colour, right: Colour) -> None:
    """A truck, seen from behind as a high box on two wheels, and a car."""
    for box in ((22, 32, 48, 59), (26, 59, 44, 62), (23, 59, 29, 66), (41, 59, 47, 66)):
        pen.box(*box, left)
    car_from_behind(pen, 66, 58, 25, right)


def walker(pen: Pen, x: float, y: float, scale: float) -> None:
    """A person who walks to the left; (x, y) is between the feet, the height is 44 units by `scale`."""
    at = _placed(x, y, scale)
    ((head_x, head_y),) = at((0, -40))
    pen.disc(head_x, head_y, 4.6 * scale, BLACK)
    pen.stroke(at((0, -31), (0, -19)), 8.5 * scale, BLACK)
    pen.stroke(at((-1, -18), (-6, -9), (-11, 0)), 4.8 * scale, BLACK)
    pen.stroke(at((1, -18), (4, -10), (11, -1)), 4.8 * scale, BLACK)
    pen.stroke(at((-1, -32), (-7, -24), (-12, -20)), 3.4 * scale, BLACK)
    pen.stroke(at((1, -32), (8, -25), (11, -17)), 3.4 * scale, BLACK)


def child(pen: Pen, x: float, y: float, scale: float) -> None:
    """A child that runs to the left; (x, y) is between the feet, the height is 44 units by `scale`."""
    at = _placed(x, y, scale)
    ((head_x, head_y),) = at((-3, -39))
    pen.disc(head_x, head_y, 5 * scale, BLACK)
    pen.stroke(at((-1, -31), (2, -19)), 8.5 * scale, BLACK)
    pen.stroke(at((0, -18), (-9, -10), (-8, 0)), 4.8 * scale, BLACK)
    pen.stroke(at((3, -18), (7, -8), (18, -5)), 4.8 * scale, BLACK)
    pen.stroke(at((-2, -30), (-10, -25), (-16, -29)), 3.6 * scale, BLACK)
    pen.stroke(at((0, -31), (10, -27), (14, -19)), 3.6 * scale, BLACK)


def bicycle(pen: Pen, radius: float, line: float) -> None:
    """A bicycle that rides to the right, of wheels with this radius and lines of this width."""
    left, right, axis = 49.8 - 1.6 * radius, 49.2 + 1.6 * radius, 78 - radius
    scale = (right - left) / 25  # of the frame, which was drawn on an axis of 25
    at = _placed(left, axis, scale)
    for x in (left, right):
        pen.ring(x, axis, radius, line, BLACK)
    pen.stroke(at((0, 0), (6, -11), (11, 0), (20, -13), (6, -11)), line, BLACK)
    pen.stroke(at((0, 0), (11, 0)), line, BLACK)
    pen.stroke(at((20, -13), (25, 0)), line, BLACK)
    pen.stroke(at((2, -13), (9, -13)), line + 0.4, BLACK)
    pen.stroke(at((20, -13), (19, -18), (24, -18)), line, BLACK)


def snowflake(pen: Pen, scale: float, line: float) -> None:
    """Six arms of 18 units by `scale` around the middle of a triangle, `line` wide."""
    middle = (50, 63)
    arm = [middle, (50, 63 - 18 * scale)]
    barbs = [(50 + x * scale, 63 + y * scale) for x, y in ((-5.5, -16), (0, -10), (5.5, -16))]
    for degrees in range(0, 360, 60):
        pen.stroke(turn(arm, degrees, middle), line, BLACK, round_ends=False)
        pen.stroke(turn(barbs, degrees, middle), line - 0.8, BLACK)


def roundabout(pen: Pen, width: float = 8, wing: float = 11) -> None:
    """Three arrows in a circle; see `Pen.barbed`."""
    for start in (118, 238, 358):
        pen.barbed(arc(50, 50, 33, 33, start, start - 96, steps=12), width, wing, WHITE)


def skid(x: float) -> list[Point]:
    """Points on the trail of a wheel that slips, around x."""
    return [*bend((x, 67), (x - 7, 70), (x + 1, 73)), *bend((x + 1, 73), (x + 8, 76), (x - 2, 79))]


def octagon(radius: float) -> list[Point]:
    """Corners of a regular octagon around the middle; the radius is that of its corners."""
    corners = [math.radians(22.5 + 45 * k) for k in range(8)]
    return [(50 + radius * math.cos(a), 50 + radius * math.sin(a)) for a in corners]


def diamond(reach: float) -> list[Point]:
    """Corners of a square that stands on one of them."""
    return [(50, 50 - reach), (50 + reach, 50), (50, 50 + reach), (50 - reach, 50)]
