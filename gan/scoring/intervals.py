"""How sure a mean over a few repetitions is, and whether one method is better than another, seed by seed.

Everything is two-sided. The intervals are Student's (mean plus or minus t times the standard error), which assume
that the numbers scatter about normally; Wilcoxon's test stands beside the t test because it does not.
"""

import dataclasses
import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


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


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One method beside another at the same seeds; p values are NaN where there is a single seed."""

    difference: Interval  # of the first from the second, seed by seed
    t_p: float  # of the paired t test
    wilcoxon_p: float  # of Wilcoxon's signed-rank test; with 5 seeds it is 0.0625 or more whatever the numbers


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The mean of some repetitions and its t-interval.

    Args:
        values: finite numbers, one or more.
        confidence: above 0 and below 1.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    values = _checked(values)
    mean, count = float(values.mean()), len(values)
    if count == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1) * values.std(ddof=1) / math.sqrt(count))
    return Interval(mean, mean - half, mean + half, count)


def paired(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> Comparison:
    """How much larger the first is than the second, pair by pair.

    Args:
        first: finite numbers, one for each seed.
        second: the same of the other method, in the same order of seeds.

    Raises:
        ValueError: not as many of one as of the other, none, or one that is not finite.
    """
    first, second = _checked(first), _checked(second)
    if len(first) != len(second):
        raise ValueError(f"pairs are needed, not {len(first)} and {len(second)} numbers")
    # Numbers that agree but for rounding are ties, for both tests.
    differences = np.where(np.isclose(first, second, rtol=1e-12, atol=1e-12), 0.0, first - second)
    interval = mean_interval(differences)
    if len(differences) == 1:
        return Comparison(interval, math.nan, math.nan)
    if not differences.any():
        return Comparison(interval, 1.0, 1.0)
    with warnings.catch_warnings():
        # SciPy warns of differences that are all alike (it answers 0 then, rightly) and of small samples with ties.
        warnings.simplefilter("ignore")
        t_p = float(stats.ttest_1samp(differences, 0.0).pvalue)
        wilcoxon_p = float(stats.wilcoxon(differences).pvalue)
    return Comparison(interval, t_p, wilcoxon_p)


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


def _checked(values: Sequence[float] | np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError("finite numbers are needed, one at least")
    return values
