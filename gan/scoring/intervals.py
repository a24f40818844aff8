"""How sure a mean over a few repetitions is, and whether one method is better than another, repetition by repetition.

Everything is two-sided. The intervals are Student's (mean plus or minus t times the standard error), which assume
that the numbers scatter about normally. What is the same in all of them, and so does not let them scatter (the images
that all are tested on), enters as a variance of their mean that is known from elsewhere.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
POWER = 0.8


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and the interval that holds the true one in 95 of 100 such experiments; NaN for a single value."""

    mean: float
    low: float
    high: float
    count: int  # values

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def detectable(self) -> float:
        """The smallest true mean whose interval would not hold 0 in `POWER` of such experiments."""
        if self.count < 2:
            return math.nan
        limit = stats.t.ppf((1 + CONFIDENCE) / 2, self.count - 1)
        return float(self.half * (1 + stats.t.ppf(POWER, self.count - 1) / limit))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One method beside another at the same repetitions."""

    difference: Interval  # of the first from the second, repetition by repetition
    t_p: float  # of the paired t test; NaN where there is a single one


def mean_interval(values: Sequence[float] | np.ndarray, variance: float = 0.0) -> Interval:
    """The mean of some repetitions and its 95 % t-interval.

    Args:
        values: finite numbers, one or more.
        variance: of their mean, from what is the same in all of them.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = _checked(values)
    mean, count = float(values.mean()), len(values)
    if count == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * _error(values, variance))
    return Interval(mean, mean - half, mean + half, count)


def paired(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, variance: float = 0.0
) -> Comparison:
    """How much larger the first is than the second, pair by pair.

    Args:
        first: finite numbers, one for each repetition.
        second: the same of the other method, in the same order.
        variance: of the mean difference, see `mean_interval`.

    Raises:
        ValueError: not as many of one as of the other, none, or one that is not finite.
    """
    first, second = _checked(first), _checked(second)
    if len(first) != len(second):
        raise ValueError(f"pairs are needed, not {len(first)} and {len(second)} numbers")
    # Numbers that agree but for rounding are ties.
    differences = np.where(np.isclose(first, second, rtol=1e-12, atol=1e-12), 0.0, first - second)
    interval, count = mean_interval(differences, variance), len(differences)
    if count == 1:
        return Comparison(interval, math.nan)
    error = _error(differences, variance)
    if error == 0:
        return Comparison(interval, 0.0 if interval.mean else 1.0)
    return Comparison(interval, float(2 * stats.t.sf(abs(interval.mean) / error, count - 1)))


def corrected(p_values: Sequence[float]) -> list[float]:
    """Holm's correction of several tests made side by side (Holm 1979, Scand. J. Statist. 6, section 2).

    Whoever makes five comparisons and shows the best must ask for more than one comparison alone would need.

    Args:
        p_values: of the tests; NaN where there was none.

    Returns:
        Of each the smallest level at which it would still hold among all of them, in the same order; NaN stays.
    """
    known = [k for k, p in enumerate(p_values) if not math.isnan(p)]
    answers, least = [math.nan] * len(p_values), 0.0
    for rank, k in enumerate(sorted(known, key=lambda k: p_values[k])):
        least = max(least, min(1.0, (len(known) - rank) * p_values[k]))
        answers[k] = least
    return answers


def _error(values: np.ndarray, variance: float) -> float:
    """The standard error of a mean; see `mean_interval`."""
    return math.sqrt(values.var(ddof=1) / len(values) + variance)


def _checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("finite numbers are needed, one at least")
    return values
