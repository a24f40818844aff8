"""What a study found: means with intervals, paired comparisons, and the sentence that decides it."""

import dataclasses
import itertools
import math

import pandas as pd

from gan.scoring.intervals import corrected, mean_interval, paired
from gan.study.answers import Answers
from gan.study.grid import Cell, Design, Values, plain

FEWEST = 3  # draws for a verdict: two that happen to agree would have an interval without width
LEVEL = 0.05  # p value below which a difference is called one
GAIN = ["best_other", "gain", "gain_low", "gain_high", "detectable", "t_p", "t_p_corrected"]


class Results:
    """The numbers of a finished study.

    Attributes:
        design: of the study.
        cells: a row for each cell, a column for each measure.
        answers: what was said of each test image, or None.
        rows: a row for each regime, measure and arm: mean over the draws and its 95 % interval, and, of arms with
            generated images, how much higher they are than the best arm without, paired by draw, with the smallest
            difference that would be found in 80 of 100 such studies, and p values (corrected: Holm, for as many arms
            as are compared, unless the comparison was chosen before); "" where nothing is compared.
    """

    def __init__(self, design: Design, cells: dict[Cell, Values], answers: Answers | None = None):
        self.design, self.answers = design, answers
        rows = [{"regime": cell.regime, "arm": cell.arm, "seed": cell.seed} | cells[cell] for cell in design.cells()]
        self.cells = pd.DataFrame(rows, columns=["regime", "arm", "seed", *design.measures])
        tables = itertools.starmap(self._compared, itertools.product(design.regimes, design.measures))
        self.rows = pd.concat(tables, ignore_index=True)

    def _compared(self, regime: str, measure: str) -> pd.DataFrame:
        arms = list(self.design.arms)
        generated = [arm for arm in arms if arm in self.design.generated]
        cells = self.cells[self.cells["regime"] == regime]
        values = cells.pivot_table(measure, cells["seed"].map(self.design.draw), "arm", sort=False)
        means = pd.DataFrame(
            [dataclasses.asdict(mean_interval(values[arm], self._variance(regime, measure, arm))) for arm in arms],
            arms,
        )
        flags = [str(arm in generated).lower() for arm in arms]
        head = pd.DataFrame({"regime": regime, "arm": arms, "generated": flags, "measure": measure,
                             "draws": means["count"]}, arms)  # fmt: skip
        best, gains = self.best_other(regime, measure), []
        if best:
            found = [
                paired(values[arm], values[best], self._variance(regime, measure, arm, best)) for arm in generated
            ]
            levels = corrected([comparison.t_p for comparison in found])
            gains = [
                (best, one.difference.mean, one.difference.low, one.difference.high, one.difference.detectable,
                 one.t_p, one.t_p if (arm, best) == self.design.primary else level)
                for arm, one, level in zip(generated, found, levels, strict=True)
            ]  # fmt: skip
        compared = pd.DataFrame(gains, generated if gains else [], GAIN, dtype=object)
        return head.join(means[["mean", "low", "high"]]).join(compared.reindex(arms, fill_value=""))

    def _variance(self, regime: str, measure: str, arm: str, other: str = "") -> float:
        return self.answers.variance(regime, measure, arm, other) if self.answers else 0.0

    def best_other(self, regime: str, measure: str) -> str:
        """The arm without generated images that the others are held against; "" where there is none."""
        if self.design.primary:
            return self.design.primary[1]
        others = [arm for arm in self.design.arms if arm not in self.design.generated]
        return self._best(regime, measure, others)

    def _best(self, regime: str, measure: str, arms: list[str]) -> str:
        """The arm that is best in the measure that chooses, or where there is none in this one; "" of no arms."""
        cells = self.cells[(self.cells["regime"] == regime) & self.cells["arm"].isin(arms)]
        means = cells.groupby("arm", sort=False)[self.design.chosen_by or measure].mean()
        return str(means.idxmax()) if len(means) else ""

    def arms(self, regime: str, measure: str) -> pd.DataFrame:
        """The rows of a regime and measure, by arm."""
        return self.rows.query("regime == @regime and measure == @measure").set_index("arm", drop=False)

    def values(self, regime: str, arm: str) -> dict[str, list[float]]:
        """The mean of each measure in one arm, and behind "by seed/" its values in the order of the seeds."""
        cells = self.cells.query("regime == @regime and arm == @arm")[[*self.design.measures]]
        means = {measure: [float(mean)] for measure, mean in cells.mean().items()}
        return means | {f"by seed/{measure}": cells[measure].tolist() for measure in cells}

    def best_gain(self, regime: str, measure: str | None = None) -> pd.Series | None:
        """The row that decides, in the headline measure where none is named: of the arm that was chosen before, or is
        best by the measure that chooses; None where there is nothing to compare.
        """
        rows = self.arms(regime, measure := measure or self.design.headline).query("best_other != ''")
        if not len(rows):
            return None
        return rows.loc[
            self.design.primary[0] if self.design.primary else self._best(regime, measure, list(rows.index))
        ]

    def sentence(self, regime: str) -> str:
        """Whether generated images helped, in words that anyone understands, and what would have been seen."""
        where, subject, best = self.design.regimes[regime], self.design.subject, self.best_gain(regime)
        if best is None:
            return f"{where}: nothing to compare: give arms with and without generated images."
        mean, low, high, least = (100 * best[name] for name in ("gain", "gain_low", "gain_high", "detectable"))
        chosen = "the comparison that was chosen before" if self.design.primary else "the best of either kind"
        over = f"{best['best_other']} ({best['arm']} beside {best['best_other']}: {chosen})"
        if best["draws"] < FEWEST:
            return (
                f"{where}: {subject} with generated images is {mean:+.1f} points from {over}; "
                f"fewer than {FEWEST} repetitions prove nothing: give more."
            )
        between = f"95 % interval {low:.1f} to {high:.1f}"
        points = f"{subject} by {abs(mean):.1f} points ({between})"
        if low > 0:
            unsure = f"; not certain for the best of {len(self.design.generated)} arms"
            return (
                f"{where}: Generated images raised {points} over {over}{unsure * (best['t_p_corrected'] >= LEVEL)}."
            )
        if high < 0:
            return f"{where}: Generated images lowered {points} against {over}."
        return (
            f"{where}: Generated images did not raise {subject} over {over}: the difference is {mean:+.1f} points "
            f"({between}). A study of this size finds {least:.1f} points or more in four of five cases."
        )

    def table(self, regime: str) -> pd.DataFrame:
        """One regime for people: arms, and each measure in percent with its interval."""
        columns = {measure: [percent(row.mean, row.low, row.high) for row in self.arms(regime, measure).itertuples()]
                   for measure in self.design.measures}  # fmt: skip
        return pd.DataFrame({"arm": list(self.design.arms)} | columns)

    def comparisons(self) -> pd.DataFrame:
        """The paired comparisons in the headline measure, for people."""
        rows = self.rows[(self.rows["measure"] == self.design.headline) & (self.rows["best_other"] != "")]
        gains = [points(row.gain, row.gain_low, row.gain_high) for row in rows.itertuples()]
        tests = {"t test": "t_p", "corrected": "t_p_corrected"}
        words = {self.design.axis: rows["regime"], "arm": rows["arm"], "best other": rows["best_other"]}
        return pd.DataFrame(
            words
            | {"gain, points": gains, "would be found": rows["detectable"].map(lambda least: f"{100 * least:.1f}")}
            | {head: rows[name].map(_p) for head, name in tests.items()}
        )

    def summary(self) -> dict[str, float]:
        """The headline as metrics of a run: the best gain of each regime and the ends of its interval."""
        best = {plain(regime): self.best_gain(regime) for regime in self.design.regimes}
        found = {f"{name}/{regime}": float(row[name]) for regime, row in best.items() if row is not None
                 for name in ("gain", "gain_low", "gain_high")}  # fmt: skip
        return {name: value for name, value in found.items() if math.isfinite(value)}


def percent(mean: float, low: float, high: float) -> str:
    """Percent and half the interval: "93.1 ± 0.8"."""
    return f"{mean * 100:.1f}" + ("" if math.isnan(low) else f" ± {(high - low) * 50:.1f}")


def points(mean: float, low: float, high: float) -> str:
    """Points and the interval: "+1.2 (0.3 to 2.1)"."""
    return f"{mean * 100:+.1f}" + ("" if math.isnan(low) else f" ({low * 100:.1f} to {high * 100:.1f})")


def _p(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
