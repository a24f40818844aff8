"""What a study found: means with intervals, paired comparisons, and the sentence that decides it."""

import dataclasses
import itertools
import math
from collections.abc import Iterable

import pandas as pd

from gan.scoring.intervals import Comparison, Interval, corrected, mean_interval, paired
from gan.study.grid import Cell, Design, Values, plain

FEWEST = 3  # seeds for a verdict: two that happen to agree would have an interval without width
LEVEL = 0.05  # p value below which a difference is called one
GAIN_COLUMNS = ("best_other", "gain", "gain_low", "gain_high", "t_p", "wilcoxon_p", "t_p_corrected")


@dataclasses.dataclass(frozen=True)
class Gain:
    """An arm with generated images beside the best one without.

    Attributes:
        arm: with generated images.
        best_other: the arm without them whose mean is highest in this regime and measure.
        comparison: of the first with the second, seed by seed.
        corrected_p: of the t test, for as many arms as were compared (Holm).
    """

    arm: str
    best_other: str
    comparison: Comparison
    corrected_p: float

    @property
    def difference(self) -> Interval:
        """How much higher the arm is than the best other, with its interval."""
        return self.comparison.difference

    @property
    def p_values(self) -> tuple[float, float, float]:
        """Of the t test, of Wilcoxon's test, and of the t test corrected."""
        return self.comparison.t_p, self.comparison.wilcoxon_p, self.corrected_p


class Results:
    """The numbers of a finished study: `cells` has a row for each cell, a column for each measure."""

    def __init__(self, design: Design, cells: dict[Cell, Values]):
        self.design = design
        rows = [{"regime": cell.regime, "arm": cell.arm, "seed": cell.seed} | cells[cell] for cell in design.cells()]
        self.cells = pd.DataFrame(rows, columns=["regime", "arm", "seed", *design.measures])
        self._values = self.cells.set_index(["regime", "arm", "seed"]).sort_index()

    def values(self, regime: str, arm: str, measure: str) -> list[float]:
        """The values of all seeds, in order."""
        return self._values.loc[(regime, arm), measure].tolist()

    def interval(self, regime: str, arm: str, measure: str) -> Interval:
        """Mean over the seeds, with its 95 % interval."""
        return mean_interval(self.values(regime, arm, measure))

    def best(self, arms: Iterable[str], regime: str, measure: str) -> str | None:
        """The arm with the highest mean, the first of equals; None of none."""
        return max(arms, key=lambda arm: self.interval(regime, arm, measure).mean, default=None)

    def gains(self, regime: str, measure: str) -> list[Gain]:
        """Every arm with generated images beside the best one without; nothing where one kind is missing."""
        arms = [arm for arm in self.design.arms if arm in self.design.generated]
        other = self.best([arm for arm in self.design.arms if arm not in arms], regime, measure)
        if other is None:
            return []
        found = [paired(self.values(regime, arm, measure), self.values(regime, other, measure)) for arm in arms]
        levels = corrected([comparison.t_p for comparison in found])
        return [Gain(arm, other, *rest) for arm, *rest in zip(arms, found, levels, strict=True)]

    def best_gain(self, regime: str, measure: str | None = None) -> Gain | None:
        """The largest of `gains` by its mean, in the headline measure where none is named."""
        gains = self.gains(regime, measure or self.design.headline)
        return max(gains, key=lambda gain: gain.difference.mean, default=None)

    def sentence(self, regime: str) -> str:
        """Whether generated images helped, in words that anyone understands."""
        where, subject = self.design.regimes[regime], self.design.subject
        gain = self.best_gain(regime)
        if gain is None:
            return f"{where}: nothing to compare: give arms with and without generated images."
        difference, mean = gain.difference, 100 * gain.difference.mean
        over = f"the best other method ({gain.best_other}; {gain.arm} is the best with generated images)"
        if difference.count < FEWEST:
            return (
                f"{where}: {subject} with generated images is {mean:+.1f} points from {over}; "
                f"fewer than {FEWEST} seeds prove nothing: give more."
            )
        between = f"95 % interval {difference.low * 100:.1f} to {difference.high * 100:.1f}"
        points = f"{subject} by {abs(mean):.1f} points ({between})"
        if difference.low > 0:
            compared = f"; not certain for the best of {len(self.gains(regime, self.design.headline))} arms"
            return f"{where}: Generated images raised {points} over {over}{compared * (gain.corrected_p >= LEVEL)}."
        if difference.high < 0:
            return f"{where}: Generated images lowered {points} against {over}."
        return (
            f"{where}: Generated images did not raise {subject} over {over}: "
            f"the difference is {mean:+.1f} points ({between})."
        )

    def rows(self) -> pd.DataFrame:
        """All means and comparisons, one row for each regime, measure and arm; no number where none is compared."""
        rows = []
        for regime, measure in itertools.product(self.design.regimes, self.design.measures):
            gains = {gain.arm: gain for gain in self.gains(regime, measure)}
            for arm in self.design.arms:
                interval, numbers = self.interval(regime, arm, measure), ("",) * len(GAIN_COLUMNS)
                if gain := gains.get(arm):
                    found = gain.difference
                    numbers = gain.best_other, found.mean, found.low, found.high, *gain.p_values
                generated = str(arm in self.design.generated).lower()
                rows.append((regime, arm, generated, measure, interval.count, interval.mean, interval.low,
                             interval.high, *numbers))  # fmt: skip
        names = ("regime", "arm", "generated", "measure", "seeds", "mean", "low", "high", *GAIN_COLUMNS)
        return pd.DataFrame(rows, columns=names, dtype=object)

    def table(self, regime: str) -> pd.DataFrame:
        """One regime for people: arms, and each measure in percent with its interval."""
        columns = {name: [percent(self.interval(regime, arm, name)) for arm in self.design.arms]
                   for name in self.design.measures}  # fmt: skip
        return pd.DataFrame({"arm": list(self.design.arms)} | columns)

    def comparisons(self) -> pd.DataFrame:
        """The paired comparisons in the headline measure, for people."""
        rows = []
        for regime in self.design.regimes:
            for gain in self.gains(regime, self.design.headline):
                t_p, wilcoxon_p, corrected_p = map(_p, gain.p_values)
                rows.append(
                    (regime, gain.arm, gain.best_other, points(gain.difference), t_p, corrected_p, wilcoxon_p)
                )
        head = [self.design.axis, "arm", "best other", "gain, points", "t test", "corrected", "Wilcoxon"]
        return pd.DataFrame(rows, columns=head)

    def summary(self) -> dict[str, float]:
        """The headline as metrics of a run: the best gain of each regime and the ends of its interval."""
        best = {plain(regime): self.best_gain(regime) for regime in self.design.regimes}
        differences = {regime: gain.difference for regime, gain in best.items() if gain}
        ends = {"gain": "mean", "gain_low": "low", "gain_high": "high"}
        found = {f"{name}/{regime}": getattr(difference, end)
                 for regime, difference in differences.items() for name, end in ends.items()}  # fmt: skip
        return {name: value for name, value in found.items() if math.isfinite(value)}


def percent(interval: Interval) -> str:
    """Percent and half the interval: "93.1 ± 0.8"."""
    half = "" if math.isnan(interval.low) else f" ± {interval.half * 100:.1f}"
    return f"{interval.mean * 100:.1f}{half}"


def points(interval: Interval) -> str:
    """Points and the interval: "+1.2 (0.3 to 2.1)"."""
    ends = "" if math.isnan(interval.low) else f" ({interval.low * 100:.1f} to {interval.high * 100:.1f})"
    return f"{interval.mean * 100:+.1f}{ends}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
