"""A camera in a street: what is drawn in metres lands on a photo and, alike, on a map of what each pixel shows."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

Colour = tuple[float, float, float]  # red, green, blue, 0-255
Spot = tuple[float, float]  # pixels of the canvas, x to the right and y down
Place = tuple[float, float, float]  # metres: right of the road's middle, above the ground, along the street
Part = tuple[float, Callable[[], None]]  # how far along the street, and what draws it

FINE = 3  # canvas pixels along the side of one of the photo; odd, so that one of them lies in its middle
NEAR = 0.8  # metres before the camera; what is nearer is drawn there
THING = 1000  # the value of a countable object is THING times its id plus its number, as in Cityscapes


@dataclasses.dataclass(frozen=True)
class Light:
    """Weather and sensor of one street.

    Attributes:
        zenith: colour of the sky above.
        low: colour of the sky near the horizon.
        fog: colour that far things fade into.
        visibility: metres in which things fade to 1/e.
        cover: share of clouds, 0-1.
        sun: direction to it, right and along the street, a unit vector.
        strength: 0 under clouds, 1 in the sun.
        exposure: what the sensor multiplies with.
        cast: factors of red, green and blue.
        contrast: around middle grey; 1 leaves it.
        blur: radius in pixels.
        noise: standard deviation in grey levels.
    """

    zenith: Colour
    low: Colour
    fog: Colour
    visibility: float
    cover: float
    sun: tuple[float, float]
    strength: float
    exposure: float
    cast: Colour
    contrast: float
    blur: float
    noise: float

    def facing(self, right: float, along: float) -> float:
        """How bright an upright face is whose normal points there."""
        return (
            0.92 - 0.36 * self.strength + 0.48 * self.strength * max(0.0, right * self.sun[0] + along * self.sun[1])
        )

    @property
    def above(self) -> float:
        """How bright a level face is."""
        return 1 - 0.04 * self.strength


@dataclasses.dataclass(frozen=True)
class View:
    """Where the camera is and what it sees.

    Attributes:
        middle: x of the vanishing point, in pixels of the canvas.
        horizon: y of it.
        focal: pixels that a metre takes in a metre's distance.
        height: metres above the ground.
        x: metres right of the road's middle.
        z: metres along the street.
        bend: the street's middle lies bend * distance**2 metres to the right.
    """

    middle: float
    horizon: float
    focal: float
    height: float
    x: float
    z: float
    bend: float

    def away(self, z: float) -> float:
        """Metres from the camera along the street, NEAR at least."""
        return max(NEAR, z - self.z)

    def scale(self, z: float) -> float:
        """Pixels of a metre there."""
        return self.focal / self.away(z)

    def spot(self, x: float, y: float, z: float) -> Spot:
        """The pixel that shows a place."""
        away = max(NEAR, z - self.z)
        scale = self.focal / away
        return self.middle + scale * (x - self.x + self.bend * away * away), self.horizon + scale * (self.height - y)


class Canvas:
    """Photo and map of values, FINE times as large as they are kept, on which the same shapes are drawn.

    Attributes:
        photo: RGB picture.
        values: picture of whole numbers: ids, or THING * id + number for countable objects.
        view: the camera.
        light: the weather.
    """

    def __init__(self, photo: Image.Image, background: int, view: View, light: Light):
        self.photo = photo
        self.values = Image.new("I", photo.size, background)
        self.view, self.light = view, light
        self._paint, self._mark = ImageDraw.Draw(self.photo), ImageDraw.Draw(self.values)
        self._fog: dict[float, float] = {}

    def tone(self, colour: Colour, z: float, light: float = 1.0) -> tuple[int, int, int]:
        """The colour in this light, seen through the haze before z."""
        share = self._fog.get(z)
        if share is None:
            share = self._fog[z] = 1 - math.exp(-self.view.away(z) / self.light.visibility)
        clear, fog = light * (1 - share), self.light.fog
        red, green, blue = colour
        return (
            min(255, int(red * clear + fog[0] * share)),
            min(255, int(green * clear + fog[1] * share)),
            min(255, int(blue * clear + fog[2] * share)),
        )

    def shape(self, spots: Sequence[Spot], colour: tuple[int, int, int], value: int | None = None) -> None:
        """A full polygon; without a value the map stays as it is, as it does for details on what is drawn."""
        self._paint.polygon(spots, fill=colour)
        if value is not None:
            self._mark.polygon(spots, fill=value)

    def area(self, places: Sequence[Place], colour: tuple[int, int, int], value: int | None = None) -> None:
        """A full polygon given in metres."""
        self.shape([self.view.spot(*place) for place in places], colour, value)

    def disc(self, x: float, y: float, across: float, down: float, colour: tuple, value: int | None = None) -> None:
        """A full ellipse with these half axes, in pixels."""
        box = (x - across, y - down, x + across, y + down)
        self._paint.ellipse(box, fill=colour)
        if value is not None:
            self._mark.ellipse(box, fill=value)

    def stroke(self, spots: Sequence[Spot], width: float, colour: tuple, value: int | None = None) -> None:
        """A line of this many pixels, one pixel of the kept photo at least where it has a value."""
        wide = max(1 if value is None else FINE, round(width))
        self._paint.line(spots, fill=colour, width=wide, joint="curve" if wide > 2 * FINE else None)
        if value is not None:
            self._mark.line(spots, fill=value, width=wide, joint="curve" if wide > 2 * FINE else None)

    def stamp(self, picture: Image.Image, x: float, y: float, value: int, light: float) -> None:
        """A picture with transparency, its middle at (x, y); nothing of it is half transparent afterwards."""
        where = (round(x - picture.width / 2), round(y - picture.height / 2))
        mask = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 127))
        lit = picture.convert("RGB").point(lambda level: int(level * light))
        self.photo.paste(lit, where, mask)
        self.values.paste(value, where, mask)

    def is_seen(self, *xs: float) -> bool:
        """Whether something with these pixel columns at its sides reaches into the picture."""
        return max(xs) > 0 and min(xs) < self.photo.width
