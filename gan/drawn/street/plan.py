"""What a drawn street consists of: the classes, the pieces that stand and move in it, and all that frames share."""

import dataclasses

import numpy as np

from gan.drawn.street.camera import Colour, Light

# Cityscapes' ids of what is drawn.
ROAD, PAVEMENT, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN = 7, 8, 11, 12, 13, 17, 19, 20
VEGETATION, TERRAIN, SKY, PERSON, RIDER, CAR, TRUCK, BUS, BICYCLE = 21, 22, 23, 24, 25, 26, 27, 28, 33
UNLABELLED = 0

END = 190.0  # metres along the street up to which it is planned
BEHIND = -8.0  # and from where

LEAVES = (
    (74, 100, 44), (90, 112, 50), (62, 86, 46), (108, 116, 56), (84, 104, 62),
)  # fmt: skip
_TABLE = tuple(np.random.default_rng(1604).random(1021).tolist())


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Something that stands or moves in the street.

    Attributes:
        kind: names the function that draws it.
        x: metres right of the road's middle: of its middle, or of the front of what lines the street.
        z: metres along the street in the first frame: of its middle, or of its near end.
        length: metres along its heading.
        width: metres across.
        height: metres.
        colour: of its body.
        look: which variant of its kind.
        heading: unit vector, right and along the street.
        speed: metres along its heading from frame to frame.
        dice: six numbers 0-1 for its details.
        number: of countable objects, 1-999, unique in the street; 0 of others.
    """

    kind: str
    x: float
    z: float
    length: float = 0.0
    width: float = 0.0
    height: float = 0.0
    colour: Colour = (128, 128, 128)
    look: str = ""
    heading: tuple[float, float] = (0.0, 1.0)
    speed: float = 0.0
    dice: tuple[float, ...] = (0.5,) * 6
    number: int = 0

    def reach(self, along: bool = False) -> float:
        """Metres from its middle to its side, to the right or along the street."""
        ahead, aside = (self.heading[1], self.heading[0]) if along else (self.heading[0], self.heading[1])
        return 0.5 * (self.length * abs(ahead) + self.width * abs(aside))

    def extent(self) -> tuple[float, float]:
        """Near and far end, of what stands on its middle."""
        reach = self.reach(along=True)
        return self.z - reach, self.z + reach

    def moved(self, frames: float) -> "Piece":
        """The piece that many frames later."""
        if not self.speed:
            return self
        way = self.speed * frames
        return dataclasses.replace(self, x=self.x + self.heading[0] * way, z=self.z + self.heading[1] * way)


@dataclasses.dataclass(frozen=True)
class Ground:
    """A strip of ground along the street, between two distances from the road's middle (to the right)."""

    left: float
    right: float
    value: int
    colour: Colour


@dataclasses.dataclass(frozen=True, eq=False)
class Street:
    """All that the frames of one sequence have in common.

    Attributes:
        half: half the road's width in metres.
        ground: strips from the houses to the road, later ones on earlier ones; the road is not among them.
        base: id and colour of all other ground.
        asphalt: the road's colour.
        junction: (near, far) metres of a road that crosses; None if none does.
        zebra: whether people cross before the junction on a zebra.
        lanes: of each direction.
        edge: whether lines run along the road's sides.
        pieces: what stands and moves.
        skyline: (metres across, metres high, kind 0-1) of what closes the view.
        light: weather and sensor.
        camera: middle and horizon (parts of width and height), focal (parts of width), height and x in metres.
        pace: metres that the camera goes on from frame to frame.
        bend: see `View`.
        clouds: float32 (128, 128), 0-1.
        grain: float32 (256, 256), 0-1: the texture of the ground.
    """

    half: float
    ground: tuple[Ground, ...]
    base: tuple[int, Colour]
    asphalt: Colour
    junction: tuple[float, float] | None
    zebra: bool
    lanes: int
    edge: bool
    pieces: tuple[Piece, ...]
    skyline: tuple[tuple[float, float, float], ...]
    light: Light
    camera: tuple[float, float, float, float, float]
    pace: float
    bend: float
    clouds: np.ndarray
    grain: np.ndarray


class Planner:
    """Draws what a street holds; its methods add pieces."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.pieces: list[Piece] = []
        self.things = 0

    def is_(self, share: float) -> bool:
        """Whether something is so that is so in this share of streets."""
        return self.rng.random() < share

    def some(self, low: float, high: float) -> float:
        """A number between these."""
        return float(self.rng.uniform(low, high))

    def one(self, of: tuple, spread: float = 0.0):
        """One of these; colours vary by some grey levels in all and in each band."""
        chosen = of[int(self.rng.integers(len(of)))]
        if spread:
            shift = self.rng.uniform(-spread, spread) + self.rng.uniform(-spread / 4, spread / 4, 3)
            chosen = tuple(np.clip(np.array(chosen) + shift, 8, 245).tolist())
        return chosen

    def add(self, kind: str, x: float, z: float, countable: bool = False, **fields) -> None:
        """Put a piece there; fields as those of `Piece`. What is countable gets the next number."""
        self.things += countable
        number = self.things if countable else 0
        dice = tuple(self.rng.random(6).tolist())
        self.pieces.append(Piece(kind, float(x), float(z), dice=dice, number=number, **fields))

    def places(self, near: float, far: float, gap: float) -> list[float]:
        """Places along the street, `gap` metres apart on average and half of it at least."""
        places, z = [], near + self.some(0, gap)
        while z < far:
            places.append(z)
            z += gap * self.some(0.5, 1.5)
        return places


def chance(dice: float, one: int, other: int = 0) -> float:
    """A number from 0 to 1 that looks like chance and depends on nothing but these numbers."""
    return _TABLE[(int(dice * 4_000_037) + 73 * one + 331 * other) % 1021]
