"""A pinhole camera above level ground, and a canvas on which photo and label map are drawn by the same shapes."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

Colour = tuple[float, ...]  # red, green, blue, 0-255
Spot = tuple[float, float]  # pixels of the canvas, x to the right and y down
At = Callable[[float, float], Spot]  # the spot of a point of an upright plane, along and up in the plane's unit
# A paint's name, a width and the points of a plane: width 0 fills their polygon, a single point is a disc that wide.
Shape = tuple[str, float, Sequence[tuple[float, float]]]

FINE = 3  # canvas pixels along the side of a kept pixel; odd, so that one of them lies in its middle
NEAR = 0.8  # metres before the camera; what is nearer is drawn there


@dataclasses.dataclass(frozen=True)
class Light:
    """Weather and sensor of a street."""

    zenith: Colour  # of the sky above
    haze: Colour  # of the sky at the horizon; far things fade into it
    visibility: float  # metres in which things fade to 1/e
    cover: float  # share of clouds, 0-1
    strength: float  # of the sun, 0 under clouds to 1
    sun: tuple[float, float]  # direction to it, right and along the street, a unit vector
    gain: Colour  # factors of red, green and blue
    noise: float  # standard deviation in grey levels

    def facing(self, right: float, along: float) -> float:
        """The brightness of an upright face whose normal points there."""
        towards = max(0.0, right * self.sun[0] + along * self.sun[1])
        return 0.92 + self.strength * (0.48 * towards - 0.36)


@dataclasses.dataclass(frozen=True)
class View:
    """A camera that looks along the street."""

    middle: float  # x of the vanishing point, in pixels of the canvas
    horizon: float  # y of it
    focal: float  # pixels of a metre in a metre's distance
    height: float  # metres above the ground
    x: float  # metres right of the road's middle
    z: float  # metres along the street
    bend: float = 0.0  # the street's middle lies bend * distance**2 metres to the right

    def scale(self, z: float) -> float:
        """Pixels of a metre there."""
        return self.focal / max(NEAR, z - self.z)

    def spot(self, x: float, y: float, z: float) -> Spot:
        """The pixel of a place: metres right of the road's middle, above the ground, along the street."""
        away = max(NEAR, z - self.z)
        scale = self.focal / away
        return self.middle + scale * (x - self.x + self.bend * away * away), self.horizon + scale * (self.height - y)

    def plane(self, x: float, z: float, heading: tuple[float, float], unit: float = 1.0) -> At:
        """An upright plane through a place of the ground, with a unit of so many metres."""
        dx, dz = heading
        return lambda u, v: self.spot(x + dx * u * unit, v * unit, z + dz * u * unit)


class Canvas:
    """An RGB photo and a map of values (class ids, or THING * id + number), FINE times as large as they are kept."""

    def __init__(self, photo: Image.Image, background: int, view: View, light: Light):
        self.photo, self.values = photo, Image.new("I", photo.size, background)
        self.view, self.light = view, light
        self._paint, self._mark = ImageDraw.Draw(self.photo), ImageDraw.Draw(self.values)

    def tone(self, colour: Colour, z: float, light: float = 1.0) -> tuple[int, ...]:
        """The colour in this light, seen through the haze before z."""
        clear = math.exp((self.view.z - z) / self.light.visibility) if z > self.view.z else 1.0
        lit, dim = light * clear, 1 - clear
        (r, g, b), (hr, hg, hb) = colour, self.light.haze
        return min(255, int(r * lit + hr * dim)), min(255, int(g * lit + hg * dim)), min(255, int(b * lit + hb * dim))

    def polygon(self, spots: Sequence[Spot], colour: tuple[int, ...], value: int | None = None) -> None:
        """A full polygon. Without a value it is a detail of the photo, and the map stays as it is."""
        self._paint.polygon(spots, fill=colour)
        if value is not None:
            self._mark.polygon(spots, fill=value)

    def disc(self, spot: Spot, across: float, down: float, colour: tuple[int, ...], value: int | None = None) -> None:
        """A full ellipse with these half axes in pixels."""
        box = (spot[0] - across, spot[1] - down, spot[0] + across, spot[1] + down)
        self._paint.ellipse(box, fill=colour)
        if value is not None:
            self._mark.ellipse(box, fill=value)

    def line(self, spots: Sequence[Spot], width: float, colour: tuple[int, ...], value: int | None = None) -> None:
        """A line this many pixels wide; where it has a value, at least as wide as a kept pixel."""
        wide = max(1 if value is None else FINE, round(width))
        joint = "curve" if wide > 2 * FINE else None
        self._paint.line(spots, fill=colour, width=wide, joint=joint)
        if value is not None:
            self._mark.line(spots, fill=value, width=wide, joint=joint)

    def shapes(self, shapes: Sequence[Shape], at: At, scale: float, paints: dict[str, tuple], value: int) -> None:
        """Shapes of a plane, one on the other; its unit is `scale` pixels."""
        for paint, width, points in shapes:
            spots = [at(*point) for point in points]
            if not width:
                self.polygon(spots, paints[paint], value)
            elif len(spots) == 1:
                radius = max(0.7 * FINE, width * scale / 2)
                self.disc(spots[0], radius, radius, paints[paint], value)
            else:
                self.line(spots, width * scale, paints[paint], value)
