"""What a score is called, what it says, and when it is clearly worse than the same score of real images."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Tolerances: the worst value in range is factor * |real reference| + offset.
FIFTH_ABOVE = 1.2, 0.1  # distances between sets
FIVE_POINTS_BELOW = 1.0, -0.05  # shares of images
THREE_POINTS_BELOW = 1.0, -0.03  # recall of a classifier
TENTH_BELOW = 0.9, 0.0  # shares of images that depend on how many images there are
FIFTH_BELOW = 0.8, 0.0  # shares of pixels
THREE_TENTHS_BELOW = 0.7, 0.0  # distances to the nearest training image


@dataclasses.dataclass(frozen=True)
class Score:
    """The definition of a score.

    Attributes:
        name: as archive and reports have it; the real reference has "_floor" behind it.
        better: "higher" or "lower".
        meaning: what it says, for people.
        tolerance: factor and offset from the real reference to the worst value in range; None: all are in range.
        limit: the worst value in range, whatever the real reference is; None: there is no such limit.
        equal: the value of two equal sets, by definition; it is the reference where none can be measured.
        measure: gives the score and its real reference, None where there is nothing, from a comparison of generated
            and real images; None: it is measured elsewhere.
        scope: "both": of all classes together and of each; "class": of each, overall their mean; "overall": of all
            together; "several": the same, where there are several classes.
    """

    name: str
    better: str
    meaning: str
    tolerance: tuple[float, float] | None = None
    limit: float | None = None
    equal: float | None = None
    measure: Callable[[Any], tuple[float | None, float | None]] | None = None
    scope: str = "both"

    def out_of_range(self, value: float, reference: float | None) -> bool:
        """Whether a value is clearly worse than that of real images; never where there is nothing to compare with."""
        worst = self.limit
        if worst is None:
            reference = self.equal if reference is None else reference
            if reference is None or self.tolerance is None:
                return False
            factor, offset = self.tolerance
            worst = factor * abs(reference) + offset
        return value > worst if self.better == "lower" else value < worst


@dataclasses.dataclass(frozen=True)
class Result:
    """A score of generated images, beside its real reference where it has one."""

    score: Score
    value: float
    reference: float | None

    @property
    def flagged(self) -> bool:
        """Whether it is out of range."""
        return self.score.out_of_range(self.value, self.reference)

    def __str__(self) -> str:
        """As a line for the console."""
        beside = "" if self.reference is None else f" (real: {self.reference:.3f})"
        return f"{self.score.name} {self.value:.3f}{beside}: {self.score.meaning}{'  <- out of range' * self.flagged}"


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores over all classes, and of each class, by name; a real reference has "_floor" behind the name.

    Attributes:
        overall: of all classes together.
        classes: of each class by its id; fewer scores where a class is too small for some.
    """

    overall: dict[str, float] = dataclasses.field(default_factory=dict)
    classes: dict[int, dict[str, float]] = dataclasses.field(default_factory=dict)


def results(definitions: Iterable[Score], values: Mapping[str, float]) -> list[Result]:
    """The scores that there are, in the order of their definitions."""
    return [
        Result(score, values[score.name], values.get(f"{score.name}_floor"))
        for score in definitions
        if score.name in values
    ]
