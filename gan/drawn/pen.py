"""A pen that draws flat shapes with round joints on a square picture of 100 by 100 units."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]  # x to the right and y down, 0-100
Colour = tuple[int, int, int]  # red, green, blue, 0-255

FONT_SIZE = 200  # pixels; text is drawn this large and then stretched into its box


class Pen:
    """Draws shapes given in units of a hundredth of the picture's width."""

    def __init__(self, size: int):
        self.image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
        self.unit = size / 100
        self._draw = ImageDraw.Draw(self.image)

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.unit, y * self.unit) for x, y in points]

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """The area inside the points."""
        self._draw.polygon(self._pixels(points), fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A full circle around (x, y)."""
        self._draw.ellipse(self._pixels([(x - radius, y - radius), (x + radius, y + radius)]), fill=colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """A ring whose middle line has this radius."""
        outer = radius + width / 2
        box = self._pixels([(x - outer, y - outer), (x + outer, y + outer)])
        self._draw.ellipse(box, outline=colour, width=round(width * self.unit))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A full rectangle."""
        self._draw.rectangle(self._pixels([(left, top), (right, bottom)]), fill=colour)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour, round_ends: bool = True) -> None:
        """A line through the points with round joints."""
        self._draw.line(self._pixels(points), fill=colour, width=max(1, round(width * self.unit)))
        for x, y in points if round_ends else points[1:-1]:
            self.disc(x, y, width / 2, colour)

    def arrow(self, points: Sequence[Point], width: float, head: float, colour: Colour) -> None:
        """A line through the points with a flat tail and a triangular head, `head` wide, before its tip."""
        (x1, y1), (dx, dy) = points[-1], _direction(points)
        deep = 0.62 * head
        neck = (x1 - deep * dx, y1 - deep * dy)
        # The line runs a little into the head: no seam is left between them.
        self.stroke([*points[:-1], (neck[0] + dx, neck[1] + dy)], width, colour, round_ends=False)
        side = (-dy * head / 2, dx * head / 2)
        corners = [(neck[0] + side[0], neck[1] + side[1]), (neck[0] - side[0], neck[1] - side[1])]
        self.polygon([(x1, y1), *corners], colour)

    def barbed(self, points: Sequence[Point], width: float, wing: float, colour: Colour) -> None:
        """A line through the points to a tip with two barbs, which reach `wing` to both sides of it."""
        (x, y), (dx, dy) = points[-1], _direction(points)
        deep = 1.3 * width  # of a barb along the line
        ends = [(x - wing * (dx + side * dy), y - wing * (dy - side * dx)) for side in (1, -1)]
        inner = [(px - deep * dx, py - deep * dy) for px, py in (ends[1], (x, y), ends[0])]
        self.polygon([ends[0], (x, y), ends[1], *inner], colour)
        self.stroke([*points[:-1], (x - deep * dx / 2, y - deep * dy / 2)], width, colour, round_ends=False)

    def rounded(self, corners: Sequence[Point], radius: float, colour: Colour) -> None:
        """The polygon of these corners, grown by `radius` with round corners."""
        self.polygon(corners, colour)
        self.stroke([*corners, corners[0]], 2 * radius, colour)

    def text(self, text: str, box: tuple[float, float, float, float], bold: float, colour: Colour) -> None:
        """Text stretched to fill the box (left, top, right, bottom), thicker by `bold` of the font size."""
        font = ImageFont.load_default(FONT_SIZE)  # the one font that comes with Pillow
        mask = Image.new("L", (FONT_SIZE * (len(text) + 2), 3 * FONT_SIZE), 0)
        where, stroke = (FONT_SIZE, FONT_SIZE), round(FONT_SIZE * bold)
        ImageDraw.Draw(mask).text(where, text, font=font, fill=255, stroke_width=stroke)
        left, top, right, bottom = (round(edge * self.unit) for edge in box)
        mask = mask.crop(mask.getbbox()).resize((right - left, bottom - top), Image.Resampling.LANCZOS)
        self.image.paste(colour, (left, top), mask)


def bend(start: Point, corner: Point, end: Point, steps: int = 12) -> list[Point]:
    """Points on the quadratic Bezier curve from start to end, drawn towards the corner."""
    points = []
    for t in (step / steps for step in range(steps + 1)):
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append((a * start[0] + b * corner[0] + c * end[0], a * start[1] + b * corner[1] + c * end[1]))
    return points


def turn(points: Sequence[Point], degrees: float, centre: Point) -> list[Point]:
    """The points turned clockwise around the centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cx, cy = centre
    return [(cx + cos * (x - cx) - sin * (y - cy), cy + sin * (x - cx) + cos * (y - cy)) for x, y in points]


def arc(x: float, y: float, across: float, down: float, start: float, end: float, steps: int = 16) -> list[Point]:
    """Points on the ellipse around (x, y) with these radii, between two angles: degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * k / steps) for k in range(steps + 1)]
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


def _direction(points: Sequence[Point]) -> Point:
    """The unit vector of a line's last piece."""
    (x0, y0), (x1, y1) = points[-2:]
    length = math.hypot(x1 - x0, y1 - y0)
    return (x1 - x0) / length, (y1 - y0) / length
