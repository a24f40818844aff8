"""How large things are where, from label maps alone.

On flat ground seen by a camera that looks ahead, a thing that is H times as high as the camera, whose foot is d rows
below the horizon, is H * d rows high (Hoiem, Efros and Hebert 2006, "Putting Objects in Perspective", section 3).
So one row, the horizon, tells the size of everything from where it stands.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gan.pix2pix.objects import Kinds, Standing

HORIZONS = np.arange(0.2, 0.7, 0.005)  # where the horizon is looked for, as shares of the scene's height
ROUNDS = 4  # of fitting horizon and heights, and each scene's own horizon, in turn
SPREAD = 0.08  # of the scenes' horizons about the common one (standard deviation, share of the height)
TOP_SPREAD = 0.05  # of the rows between the horizon and the highest ground that is seen
NOISE = 0.25  # of the heights of a class's things, relative
FEWEST = 5  # things of a class that tell something of the horizon
NEAREST = 1e-3  # share of the height that a foot counts as below the horizon at least


@dataclasses.dataclass(frozen=True)
class View:
    """What of a scene tells its horizon.

    Attributes:
        rows: its height.
        top: the highest row with ground; `rows` where there is none.
        things: classes, row of the foot, and height of the objects that stand in it in full view.
    """

    rows: int
    top: int
    things: list[tuple[tuple[int, ...], int, int]]

    @classmethod
    def from_labels(cls, labels: np.ndarray, things: list[Standing], kinds: Kinds) -> "View":
        """Of a label map, uint8 (h, w): ground counts in rows where it takes a fiftieth of the width."""
        wide = kinds.ground[labels].sum(axis=1) >= labels.shape[1] / 50
        top = int(wide.argmax()) if wide.any() else len(labels)
        return cls(len(labels), top, [(thing.classes, thing.foot[1], len(thing.labels)) for thing in things])


@dataclasses.dataclass(frozen=True)
class Perspective:
    """The horizon that scenes of one camera have, and the heights of things.

    Attributes:
        horizon: as a share of the scene's height, on average.
        gap: of the highest ground below the horizon, the median, as a share of the scene's height.
        heights: by classes of an object, its height over the rows from horizon to foot, the median.
        counted: ids of classes whose things are about equally high, so that they tell the horizon.
    """

    horizon: float
    gap: float
    heights: dict[tuple[int, ...], float]
    counted: frozenset[int]

    @classmethod
    def fitted(cls, views: Sequence[View], kinds: Kinds) -> "Perspective":
        """The common horizon and the heights that agree best with what stands in the scenes.

        Each scene has a horizon of its own besides: cameras nod, and a data set has several.
        """
        counted = frozenset(np.flatnonzero(kinds.things).tolist())
        tops = np.array([view.top / view.rows for view in views])
        things = pd.DataFrame(
            [
                (number, classes, foot / view.rows, height / view.rows)
                for number, view in enumerate(views)
                for classes, foot, height in view.things
            ],
            columns=["view", "classes", "foot", "height"],
        )
        members = things.groupby("classes").indices
        alike = [group for key, group in members.items() if counted.issuperset(key) and len(group) >= FEWEST]
        if not alike:
            return cls(0.5, max(0.0, float(np.median(tops)) - 0.5) if len(tops) else 0.0, {}, counted)
        sizes, shifts = things["height"].to_numpy(), (tops - np.median(tops)) / 2
        for _ in range(ROUNDS):
            level = things["foot"].to_numpy() - shifts[things["view"]]  # as if all scenes had one horizon
            horizon = min(HORIZONS, key=lambda row, level=level: _disagreement(sizes, level - row, alike))
            ratios = sizes / np.maximum(level - horizon, NEAREST)
            heights = {key: float(np.median(ratios[group])) for key, group in members.items()}
            fit = cls(float(horizon), float(np.median(tops - horizon - shifts)), heights, counted)
            shifts = np.array([fit.estimate(view) / view.rows - horizon for view in views])
        return fit

    def estimate(self, view: View) -> float:
        """The row of one scene's horizon: the common one, drawn to where its own ground and things say.

        The height of a thing says how far the horizon is above its foot, the better the farther away it is.
        """
        estimates = [(self.horizon, SPREAD)]  # shares of the height, with their standard deviations
        if view.top < view.rows:
            estimates.append((view.top / view.rows - self.gap, TOP_SPREAD))
        for classes, foot, height in view.things:
            if self.counted.issuperset(classes) and classes in self.heights:
                below = height / view.rows / self.heights[classes]
                estimates.append((foot / view.rows - below, max(NOISE * below, NEAREST)))
        places, spreads = np.array(estimates).T
        # Ground is seen below the horizon only.
        return min(float(np.average(places, weights=spreads**-2.0)) * view.rows, view.top)


def _disagreement(sizes: np.ndarray, below: np.ndarray, groups: list[np.ndarray]) -> float:
    """How unequal the heights of things of a class are, if they stand so far below the horizon."""
    # What would stand above the horizon counts as far out as anything can.
    logs = np.log(sizes / np.maximum(below, NEAREST))
    return sum(float(np.minimum(np.abs(logs[group] - np.median(logs[group])), 1).sum()) for group in groups)
