"""Where everything lies, stands and moves in a drawn street: one plan for all frames of a sequence."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

from gan.drawn.backdrops import smooth_noise
from gan.drawn.street.canvas import Colour, Light

# Cityscapes' ids of what is drawn.
UNLABELLED, ROAD, PAVEMENT, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN = 0, 7, 8, 11, 12, 13, 17, 19, 20
VEGETATION, TERRAIN, SKY, PERSON, RIDER, CAR, TRUCK, BUS, BICYCLE = 21, 22, 23, 24, 25, 26, 27, 28, 33
THING = 1000  # the value of a countable object is THING times its class id plus its number, as in Cityscapes

STREAM = 1_004  # sets these random draws apart from others with the same seed
START, END = -8.0, 190.0  # metres along the street between which it is planned
AHEAD = -1e9, 1e9  # all along the street
STOREY = 3.1  # metres

LEAVES = ((74, 100, 44), (90, 112, 50), (62, 86, 46), (108, 116, 56), (84, 104, 62))
PLASTER = ((206, 190, 160), (186, 120, 92), (196, 192, 186), (226, 218, 204), (214, 176, 120), (150, 100, 84))
PAINTS = ((190, 192, 196), (60, 62, 66), (28, 29, 32), (235, 235, 233), (44, 62, 110), (56, 84, 70), (196, 40, 36))
CLOTHES = ((40, 44, 58), (120, 40, 44), (70, 90, 120), (150, 140, 124), (60, 74, 58), (190, 190, 186), (172, 132, 60))
LAMPS = {"red": (250, 50, 40), "amber": (250, 180, 40), "green": (60, 230, 140)}
GREY = (132, 134, 132)
# Between gardens and pavement: class, thickness, least and greatest height, colours.
BORDERS = (
    (FENCE, 0.15, (0.9, 1.9), ((118, 92, 68), (150, 148, 142), (96, 104, 92), (206, 202, 194))),
    (WALL, 0.25, (0.8, 2.4), ((150, 142, 132), (170, 116, 92), (188, 182, 170))),
    (VEGETATION, 1.0, (0.9, 2.0), LEAVES),
)
# At the kerb: kind, class, metres from one to the next, where the last may be, width, heights, colours.
FURNITURE = (
    ("lamp", POLE, 30, 95, 0.1, (5.5, 8.0), (GREY,)),
    ("sign", SIGN, 45, 70, 0.7, (2.4, 3.0), (GREY,)),
    ("bin", UNLABELLED, 55, 60, 0.6, (0.8, 1.3), ((70, 84, 72), (190, 110, 40), (96, 96, 100))),
)
# Vehicles: class, share, least and greatest length, width and height.
VEHICLES = {
    "car": (CAR, 0.83, (3.8, 4.6), (1.68, 1.88), (1.4, 1.58)),
    "van": (CAR, 0.12, (4.3, 5.0), (1.8, 1.95), (1.85, 2.1)),
    "truck": (TRUCK, 0.03, (6.0, 9.0), (2.3, 2.4), (2.9, 3.5)),
    "bus": (BUS, 0.02, (10.0, 12.0), (2.5, 2.55), (2.9, 3.2)),
}

# A rectangle of ground: left, right, near and far end in metres, colour, class id (None of paint on what is below).
Strip = tuple[float, float, float, float, Colour, int | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A box on the ground, in metres, in which a function draws something."""

    kind: str  # names the function
    value: int  # in the label map: a class id, or THING * id + number
    x: float  # of its middle, right of the road's middle
    z: float  # of its middle, along the street, in the first frame
    length: float  # along its heading
    width: float
    height: float
    colour: Colour = GREY
    seed: int = 0  # of its details
    heading: tuple[float, float] = (0.0, 1.0)  # unit vector, right and along the street
    speed: float = 0.0  # along its heading from frame to frame

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, right, near and far end."""
        dx, dz = abs(self.heading[0]), abs(self.heading[1])
        across, along = (self.length * dx + self.width * dz) / 2, (self.length * dz + self.width * dx) / 2
        return self.x - across, self.x + across, self.z - along, self.z + along

    def moved(self, frames: int) -> "Piece":
        """The piece that many frames later."""
        (dx, dz), way = self.heading, self.speed * frames
        return dataclasses.replace(self, x=self.x + dx * way, z=self.z + dz * way)


@dataclasses.dataclass(frozen=True, eq=False)
class Street:
    """All that the frames of a sequence share."""

    strips: list[Strip]  # later ones on earlier ones
    pieces: list[Piece]
    light: Light
    camera: list[float]  # vanishing point and focal length in parts of the photo, x and height in metres
    pace: float  # metres that the camera goes on from frame to frame
    bend: float  # see `View`
    noise: np.ndarray  # float32 (256, 256), 0-1: clouds and the texture of the ground


@functools.lru_cache(maxsize=16)
def plan_street(seed: int, sequence: int) -> Street:
    """The street of a sequence; the same numbers, 0 or more, give the same one."""
    return _Planner(np.random.default_rng([seed, STREAM, sequence])).street()


class _Planner:
    """Draws the numbers of a street; its methods lay strips and add pieces."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.strips: list[Strip] = []
        self.pieces: list[Piece] = []
        self.is_city, self.has_verge, self.has_parking = self.chance(0.5), self.chance(0.3), self.chance(0.6)
        self.lane = self.uniform(2.9, 4.2)
        self.half = self.lane + 2.1 * self.has_parking  # of the road's width
        start = self.uniform(13, 65)
        self.junction = (start, start + self.uniform(6, 11)) if self.chance(0.5) else (END, END)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def pick(self, colours: Sequence[Colour]) -> Colour:
        """One of the colours, brighter or darker by some grey levels."""
        shift = self.rng.uniform(-16, 16) + self.rng.uniform(-4, 4, 3)
        return tuple(np.clip(colours[self.rng.integers(len(colours))] + shift, 8, 245).tolist())

    def places(self, near: float, far: float, gap: float, margin: float = 3.0) -> list[float]:
        """Places along the street, `gap` metres apart on average, none within a margin of the one that crosses."""
        places = near - gap / 2 + np.cumsum(gap * self.rng.uniform(0.5, 1.5, math.ceil(2 * (far - near) / gap)))
        low, high = self.junction
        return [z for z in places.tolist() if z < far and not low - margin < z < high + margin]

    def add(self, kind: str, class_id: int, colour: Colour, x: float, z: float, size: Sequence, *motion) -> None:
        """Put a piece of length, width and height there; what can be counted gets a number."""
        value = THING * class_id + len(self.pieces) + 1 if class_id >= PERSON else class_id
        self.pieces.append(Piece(kind, value, x, z, *size, colour, int(self.rng.integers(1 << 30)), *motion))

    def street(self) -> Street:
        slabs, grass = self.pick(((150, 146, 142), (164, 156, 148))), self.pick(((104, 118, 62), (126, 124, 76)))
        self.strips.append((-500, 500, *AHEAD, *((slabs, PAVEMENT) if self.is_city else (grass, TERRAIN))))
        for side in (-1, 1):
            kerb = self.half + self.uniform(1, 2.4) * self.has_verge
            edge = kerb + self.uniform(1.6, 4)
            self.strips.append((*sorted((side * kerb, side * edge)), *AHEAD, slabs, PAVEMENT))
            self.strips.append((*sorted((side * self.half, side * kerb)), *AHEAD, grass, TERRAIN))
            self.houses(side, edge)
            self.pavement(side, kerb, edge)
        self.road()
        pace = self.uniform(2.5, 6.5)
        self.traffic(pace)
        for x in np.arange(-230, 230, 18.0).tolist():  # what closes the view
            what = ("house", BUILDING, GREY) if self.chance(0.5) else ("tree", VEGETATION, LEAVES[0])
            self.add(*what, x, END, (10.0, self.uniform(14, 24), self.uniform(4, 20)))
        camera = self.rng.uniform((0.4, 0.38, 0.78, 1.25, -0.4), (0.6, 0.5, 1.12, 2.1, 0.4))
        camera[4] += self.lane / 2
        bend = self.uniform(-0.0022, 0.0022) * self.chance(0.45)
        noise = 0.6 * smooth_noise(self.rng, 24, 256) + 0.4 * smooth_noise(self.rng, 160, 256)
        return Street(self.strips, self.pieces, self.light(), camera.tolist(), pace, bend, noise)

    def road(self) -> None:
        """The road, the one that crosses, their lines, and people on the zebra crossing."""
        half, (near, far), grey = self.half, self.junction, self.uniform(78, 124)
        asphalt, white = (grey, grey + 1, grey + 3), (0.25 * grey + 170,) * 3
        self.strips.append((-half, half, *AHEAD, asphalt, ROAD))
        lines = [(0.0, 3), (0.3 - half, 9), (half - 0.3, 9)] if grey > 100 else [(0.0, 3)]
        for (x, length), z in itertools.product(lines, np.arange(0, END - 9, 9).tolist()):
            if z + length < near - 5 or z > far:
                self.strips.append((x - 0.07, x + 0.07, z, z + length, white, None))
        if near == END:
            return
        self.strips += [(-90, 90, near, far, asphalt, ROAD), (0.15, half, near - 0.9, near - 0.5, white, None)]
        for x in np.arange(0.3 - half, half - 0.5).tolist() if self.chance(0.6) else ():
            self.strips.append((x, x + 0.5, near - 4.6, near - 1.5, white, None))
            if self.chance(0.2):
                self.person(x, near - self.uniform(2, 4.4), (math.copysign(1, x), 0.0))

    def houses(self, side: int, edge: float) -> None:
        """Houses at the pavement or behind gardens, from the near to the far end of a side."""
        z, (near, far) = START - self.uniform(0, 6), self.junction
        while z < END - 5:
            if near - 3 < z < far:
                z = far + 2  # beyond the pavement of the street that crosses
            length = min(self.uniform(9, 20), near - 2 - z if z < near else END)
            setback = 0.0 if self.is_city and self.chance(0.84) else self.uniform(2, 6) if self.chance(0.6) else 14.0
            if setback < 14 and length > 4:
                tall = STOREY * int(self.rng.integers(1, 4) + 2 * (not setback)) + 0.8
                x, size = side * (edge + setback + 5), (length - min(setback, 2), 10.0, tall)
                self.add("house", BUILDING, self.pick(PLASTER), x, z + length / 2, size)
            if setback:
                self.garden(side, edge, z, length, setback)
            z += length

    def garden(self, side: int, edge: float, z: float, length: float, depth: float) -> None:
        """A border and, behind it, bushes and trees."""
        class_id, thick, heights, colours = BORDERS[self.rng.integers(len(BORDERS))]
        if self.chance(0.75):
            size, x = (length, thick, self.uniform(*heights)), side * (edge + thick / 2)
            self.add("border", class_id, self.pick(colours), x, z + length / 2, size)
        for _ in range(self.rng.poisson(length * (0.25 if depth > 6 else 0.1))):
            tall, wide = (self.uniform(4.5, 12), 0.6) if self.chance(0.65) else (self.uniform(1.2, 2.8), 1.1)
            x, size = side * (edge + 1 + self.uniform(0, depth - 1)), (tall * wide, tall * wide, tall)
            self.add("tree", VEGETATION, self.pick(LEAVES), x, z + self.uniform(0, length), size)

    def pavement(self, side: int, kerb: float, edge: float) -> None:
        """What stands at the kerb, people, and bicycles that stand at the houses."""
        x, (near, far), leaves = side * (kerb + 0.45), self.junction, self.pick(LEAVES)
        size = self.rng.uniform((2.4, 2.4, 4.5), (4.8, 4.8, 8.5)).tolist()
        for z in self.places(START, END, self.uniform(9, 18), 5) if self.chance(0.5) else ():
            self.add("tree", VEGETATION, leaves, x + 0.3 * side, z, size)
        for kind, class_id, gap, last, thick, heights, colours in FURNITURE:
            for z in self.places(4, last, gap):
                self.add(kind, class_id, self.pick(colours), x, z, (thick, thick, self.uniform(*heights)))
        for z in (near - 1.6, far + 1.4) if near < END and near % 1 < 0.7 else ():
            self.add("signal", LIGHT, list(LAMPS.values())[int(near) % 3], x, z, (0.5, 0.5, 3.3))
        for z in self.places(5, 70, 30 if self.is_city else 60):
            self.person(side * self.uniform(kerb + 0.4, edge - 0.4), z, (0.0, 1.0 if self.chance(0.5) else -1.0))
        for z in self.places(6, 30, 8) if self.chance(0.2) else ():
            angle = self.uniform(0, math.pi)
            heading = (math.cos(angle), math.sin(angle))
            self.add("bicycle", BICYCLE, self.pick(PAINTS), side * (edge - 0.9), z, (1.75, 0.5, 1.0), heading)

    def person(self, x: float, z: float, heading: tuple[float, float]) -> None:
        size = (0.5, 0.6, self.uniform(1.5, 1.88))
        self.add("person", PERSON, self.pick(CLOTHES), x, z, size, heading, self.uniform(0.2, 0.8))

    def vehicle(self, x: float, z: float, heading: tuple[float, float], speed: float) -> None:
        kind = str(self.rng.choice(list(VEHICLES), p=[share for _, share, *_ in VEHICLES.values()]))
        class_id, _, *limits = VEHICLES[kind]
        self.add(kind, class_id, self.pick(PAINTS), x, z, [self.uniform(*pair) for pair in limits], heading, speed)

    def traffic(self, pace: float) -> None:
        """Vehicles at the kerb, in the lanes and across, and cyclists."""
        for side in (-1.0, 1.0):
            for z in self.places(START, 120, 9, 7) if self.has_parking else ():
                self.vehicle(side * (self.half - 1.05), z, (0.0, side), 0.0)
            if self.chance(0.2):
                x, z = side * (self.half - 2.1 * self.has_parking - 0.55), self.uniform(7, 30)
                self.add("cyclist", RIDER, self.pick(CLOTHES), x, z, (1.75, 0.6, 1.78), (0.0, side), 2.0)
        for z in self.places(14, 120, 44, 0):
            self.vehicle(self.lane / 2, z, (0.0, 1.0), pace * self.uniform(0.9, 1.1))
        for z in self.places(6, 140, 40, 0):
            self.vehicle(-self.lane / 2, z, (0.0, -1.0), self.uniform(2.5, 6))
        (near, far), way = self.junction, 1.0 if self.chance(0.5) else -1.0
        if near < END and self.chance(0.35):
            self.vehicle(self.uniform(-9, 9), (near + far) / 2 - 1.7 * way, (way, 0.0), self.uniform(0.5, 2))

    def light(self) -> Light:
        """From a blue sky to fog."""
        cover, bright = self.uniform(0, 1.2), self.uniform(0.8, 1)
        visibility = self.uniform(45, 100) if cover > 1.1 else self.uniform(200, 1000 - 500 * cover)
        grey, clear = np.array([[188, 192, 198], [212, 214, 216]]), np.array([[110, 158, 214], [206, 222, 238]])
        zenith, haze = (bright * (grey + max(0, 1 - cover) * (clear - grey))).tolist()
        angle, exposure, warm = self.uniform(0, 2 * math.pi), self.uniform(0.88, 1.25), self.uniform(-0.05, 0.08)
        gain, sun = (exposure * (1 + warm), exposure, exposure * (1 - warm)), (math.cos(angle), math.sin(angle))
        strength, noise = max(0.0, 1 - 1.3 * cover), self.uniform(0.8, 3.5)
        return Light(zenith, haze, visibility, min(1.0, cover), strength, sun, gain, noise)
