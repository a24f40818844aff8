"""Street scenes whose perspective is known, drawn with a few rectangles in the ids of Cityscapes."""

import numpy as np

from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene, Scenes

ROAD, PAVEMENT, BUILDING, POLE, SIGN, SKY, PERSON, RIDER, CAR, BICYCLE = 7, 8, 11, 17, 20, 23, 24, 25, 26, 33
WIDTH, HEIGHT = 160, 120
HORIZON = 50
HEIGHTS = {PERSON: 1.2, CAR: 1.0}  # over the rows from horizon to foot
WIDTHS = {PERSON: 0.35, CAR: 1.2}


def street(horizon: int = HORIZON) -> np.ndarray:
    """A road between pavements that narrow towards the horizon, between buildings under the sky."""
    labels = np.full((HEIGHT, WIDTH), BUILDING, np.uint8)
    labels[: horizon - 20] = SKY
    for row in range(horizon + 1, HEIGHT):
        below = row - horizon
        for reach, k in ((1.6, PAVEMENT), (0.8, ROAD)):
            half = round(reach * below)
            labels[row, max(0, WIDTH // 2 - half) : WIDTH // 2 + half] = k
    return labels


class Drawing:
    """A scene that things are put into, each over what is there: begin with the farthest."""

    def __init__(self, horizon: int = HORIZON):
        self.horizon = horizon
        self.labels = street(horizon)
        self.instances = np.zeros(self.labels.shape, np.uint16)
        self._count = 0

    def box(self, k: int, top: int, left: int, height: int, width: int, counted: bool = True) -> "Drawing":
        """A rectangle of a class, an instance of its own if it is `counted`."""
        self._count += counted
        self.labels[top : top + height, left : left + width] = k
        self.instances[top : top + height, left : left + width] = k * 1000 + self._count if counted else 0
        return self

    def thing(self, k: int, row: int, column: int) -> "Drawing":
        """A thing of the size that its class has at a distance, its foot in a row, its middle in a column."""
        below = row - self.horizon
        height, width = round(HEIGHTS[k] * below), max(2, round(WIDTHS[k] * below))
        return self.box(k, row + 1 - height, column - width // 2, height, width)

    def scene(self, with_instances: bool = True) -> Scene:
        photo = CITYSCAPES.colour(self.labels)
        return Scene(photo, self.labels, self.instances if with_instances else None)


def some_streets(count: int, with_instances: bool = True, seed: int = 0) -> Scenes:
    """Streets with a car on the road and a person on each pavement; names end with the row of the horizon."""
    random = np.random.default_rng(seed)
    scenes, names = [], []
    for number in range(count):
        drawing = Drawing(HORIZON + int(random.integers(-6, 7)))
        for k, aside in ((PERSON, -1.2), (PERSON, 1.2), (CAR, float(random.uniform(-0.2, 0.2)))):
            below = int(random.integers(18, 40))
            drawing.thing(k, drawing.horizon + below, WIDTH // 2 + round(aside * below))
        scenes.append(drawing.scene(with_instances))
        names.append(f"street_{number:03d}_{drawing.horizon}")
    return Scenes.of(scenes, CITYSCAPES, names)
