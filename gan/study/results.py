"""What a study found: means with intervals, paired comparisons, and the sentence that decides it."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

from PIL import Image

from gan.scoring.intervals import Comparison, Interval, corrected, mean_interval, paired
from gan.study import pictures as study_pictures
from gan.study.grid import Cell, Design, Values, plain

FEWEST = 3  # seeds for a verdict: two that happen to agree would have an interval without width
LEVEL = 0.05  # p value below which a difference is called one
COLUMNS = ("regime", "arm", "generated", "measure", "seeds", "mean", "low", "high", "best_other", "gain", "gain_low",
           "gain_high", "t_p", "wilcoxon_p", "t_p_corrected")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Gain:
    """An arm with generated images beside the best one without.

    Attributes:
        arm: with generated images.
        best_other: the arm without them whose mean is highest in this regime and measure.
        comparison: seed by seed.
        corrected_p: of the t test, for as many arms as were compared (Holm).
    """

    arm: str
    best_other: str
    comparison: Comparison
    corrected_p: float


class Results:
    """The numbers of a finished study.

    Args:
        design: of the study.
        cells: the numbers of all of its cells.
    """

    def __init__(self, design: Design, cells: dict[Cell, Values]):
        self.design, self.cells = design, cells

    def values(self, regime: str, arm: str, measure: str) -> list[float]:
        """The values of all seeds, in order."""
        return [self.cells[Cell(seed, regime, arm)][measure] for seed in range(self.design.seeds)]

    def interval(self, regime: str, arm: str, measure: str) -> Interval:
        """Mean over the seeds, with its 95 % interval."""
        return mean_interval(self.values(regime, arm, measure))

    def best(self, arms: Iterable[str], regime: str, measure: str) -> str | None:
        """The arm with the highest mean, the first of equals; None of none."""
        return max(arms, key=lambda arm: self.interval(regime, arm, measure).mean, default=None)

    def gains(self, regime: str, measure: str) -> list[Gain]:
        """Every arm with generated images beside the best one without; nothing where one kind is missing."""
        others = [arm for arm in self.design.arms if arm not in self.design.generated]
        other = self.best(others, regime, measure)
        if other is None:
            return []
        beside = self.values(regime, other, measure)
        arms = [arm for arm in self.design.arms if arm in self.design.generated]
        found = [paired(self.values(regime, arm, measure), beside) for arm in arms]
        levels = corrected([each.t_p for each in found])
        return [Gain(*each) for each in zip(arms, [other] * len(arms), found, levels, strict=True)]

    def best_gain(self, regime: str, measure: str | None = None) -> Gain | None:
        """The largest of `gains` by its mean, in the headline measure where none is named."""
        gains = self.gains(regime, measure or self.design.headline)
        return max(gains, key=lambda gain: gain.comparison.difference.mean, default=None)

    def sentence(self, regime: str) -> str:
        """Whether generated images helped, in words that anyone understands."""
        where = self.design.regimes[regime]
        gain = self.best_gain(regime)
        if gain is None:
            return f"{where}: nothing to compare: give arms with and without generated images."
        difference = gain.comparison.difference
        points = abs(difference.mean) * 100
        over = f"the best other method ({gain.best_other}; {gain.arm} is the best with generated images)"
        if difference.count < FEWEST:
            return (
                f"{where}: {self.design.subject} with generated images is {100 * difference.mean:+.1f} points from "
                f"{over}; fewer than {FEWEST} seeds prove nothing: give more."
            )
        between = f"95 % interval {difference.low * 100:.1f} to {difference.high * 100:.1f}"
        if difference.low > 0:
            unsure = gain.corrected_p >= LEVEL
            compared = f"; not certain for the best of {len(self.gains(regime, self.design.headline))} arms"
            return (
                f"{where}: Generated images raised {self.design.subject} by {points:.1f} points ({between}) over "
                f"{over}{compared if unsure else ''}."
            )
        if difference.high < 0:
            return (
                f"{where}: Generated images lowered {self.design.subject} by {points:.1f} points ({between}) "
                f"against {over}."
            )
        return (
            f"{where}: Generated images did not raise {self.design.subject} over {over}: "
            f"the difference is {100 * difference.mean:+.1f} points ({between})."
        )

    def rows(self) -> list[dict[str, object]]:
        """All means and comparisons, one row for each regime, arm and measure; columns are `COLUMNS`."""
        rows = []
        for regime in self.design.regimes:
            for measure in self.design.measures:
                gains = {gain.arm: gain for gain in self.gains(regime, measure)}
                for arm in self.design.arms:
                    rows.append(self._row(regime, arm, measure, gains.get(arm)))
        return rows

    def _row(self, regime: str, arm: str, measure: str, gain: Gain | None) -> dict[str, object]:
        interval = self.interval(regime, arm, measure)
        row: dict[str, object] = dict.fromkeys(COLUMNS, "")
        row |= {"regime": regime, "arm": arm, "generated": str(arm in self.design.generated).lower()}
        row |= {"measure": measure, "seeds": interval.count, "mean": interval.mean}
        row |= {"low": interval.low, "high": interval.high}
        if gain is not None:
            difference = gain.comparison.difference
            row |= {"best_other": gain.best_other, "gain": difference.mean}
            row |= {"gain_low": difference.low, "gain_high": difference.high, "t_p": gain.comparison.t_p}
            row |= {"wilcoxon_p": gain.comparison.wilcoxon_p, "t_p_corrected": gain.corrected_p}
        return row

    def table(self, regime: str) -> tuple[list[str], list[list[str]]]:
        """Head and rows of one regime for people: arms, and each measure in percent with its interval."""
        rows = [
            [arm, *(shown(self.interval(regime, arm, measure)) for measure in self.design.measures)]
            for arm in self.design.arms
        ]
        return ["arm", *self.design.measures], rows

    def comparisons(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows of the paired comparisons in the headline measure."""
        head = [self.design.axis, "arm", "best other", "gain, points", "t test", "corrected", "Wilcoxon"]
        rows = [
            [regime, gain.arm, gain.best_other, signed(gain.comparison.difference),
             *(_p(p) for p in (gain.comparison.t_p, gain.corrected_p, gain.comparison.wilcoxon_p))]
            for regime in self.design.regimes
            for gain in self.gains(regime, self.design.headline)
        ]  # fmt: skip
        return head, rows

    def charts(self) -> Iterator[tuple[str, Image.Image]]:
        """Names and pictures of the headline measure over the regimes: all arms, and what generated images gain."""
        headline, regimes = self.design.headline, list(self.design.regimes)
        arms = {arm: [self.interval(regime, arm, headline) for regime in regimes] for arm in self.design.arms}
        gains: dict[str, list[Interval]] = {}
        for regime in regimes:
            for gain in self.gains(regime, headline):
                gains.setdefault(gain.arm, []).append(gain.comparison.difference)
        words = self.design.measures[headline]
        yield "arms", study_pictures.arms_chart(arms, self.design.generated, regimes, self.design.axis, words)
        if gains:
            yield "gain", study_pictures.gain_chart(gains, regimes, self.design.axis, self.design.subject)


def summary(results: Results) -> dict[str, float]:
    """The headline as metrics of a run: the best gain of each regime and the ends of its interval."""
    found = {}
    for regime in results.design.regimes:
        gain = results.best_gain(regime)
        if gain is not None:
            difference = gain.comparison.difference
            ends = {"gain": difference.mean, "gain_low": difference.low, "gain_high": difference.high}
            found |= {f"{name}/{plain(regime)}": value for name, value in ends.items() if math.isfinite(value)}
    return found


def shown(interval: Interval) -> str:
    """Percent and half the interval: "93.1 ± 0.8"."""
    beside = "" if math.isnan(interval.low) else f" ± {interval.half * 100:.1f}"
    return f"{interval.mean * 100:.1f}{beside}"


def signed(interval: Interval) -> str:
    """Points and the interval: "+1.2 (0.3 to 2.1)"."""
    beside = "" if math.isnan(interval.low) else f" ({interval.low * 100:.1f} to {interval.high * 100:.1f})"
    return f"{interval.mean * 100:+.1f}{beside}"


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
