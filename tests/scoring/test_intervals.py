"""Intervals and paired tests against figures worked out by hand, of textbooks, or by counting."""

import math

import numpy as np
import pytest

from gan.scoring.intervals import corrected, mean_interval, paired

# Student's own example (Biometrika 6, 1908, page 20): hours of sleep gained by two drugs in ten patients.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_the_interval_of_three_numbers_worked_out_by_hand() -> None:
    interval = mean_interval([1, 2, 3])
    # standard deviation 1, standard error 1/sqrt(3), t of 2 degrees of freedom 4.30265
    assert interval.mean == 2 and interval.count == 3
    assert interval.half == pytest.approx(4.302653 / math.sqrt(3), abs=1e-6)
    assert (interval.low, interval.high) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)


def test_the_interval_holds_the_true_mean_in_95_of_100_experiments() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(2000):
        interval = mean_interval(random.normal(3, 2, 5))
        hits += interval.low < 3 < interval.high
    assert 0.935 < hits / 2000 < 0.965


def test_what_is_the_same_in_all_repetitions_widens_the_interval() -> None:
    """Its variance is added to that of the mean: 1/3 of the numbers and 1 from elsewhere."""
    assert mean_interval([1, 2, 3], 1.0).half == pytest.approx(4.302653 * math.sqrt(4 / 3), abs=1e-6)
    random, hits = np.random.default_rng(0), {0.0: 0, 4.0: 0}
    for _ in range(2000):
        values = random.normal(3, 2) + random.normal(0, 1, 5)
        for variance in hits:
            interval = mean_interval(values, variance)
            hits[variance] += interval.low < 3 < interval.high
    assert hits[0.0] / 2000 < 0.6 and hits[4.0] / 2000 > 0.945


def test_what_is_detectable_is_found_in_four_of_five_experiments() -> None:
    # t of 2 degrees of freedom: 4.302653 at 97.5 %, 1.060660 at 80 %
    assert mean_interval([1, 2, 3]).detectable == pytest.approx((4.302653 + 1.060660) / math.sqrt(3), abs=1e-5)
    random = np.random.default_rng(0)
    scatter = random.normal(0, 1, (2000, 12))
    true = mean_interval(scatter[0] / scatter[0].std(ddof=1)).detectable
    found = np.mean([mean_interval(true + values).low > 0 for values in scatter])
    assert 0.77 < found < 0.85


def test_a_single_number_has_no_interval() -> None:
    interval = mean_interval([0.4])
    assert interval.mean == 0.4 and math.isnan(interval.low) and math.isnan(interval.high)
    assert math.isnan(interval.detectable) and math.isnan(mean_interval([0.4], 1.0).low)


def test_numbers_that_are_all_alike_have_an_interval_without_width() -> None:
    interval = mean_interval([0.5, 0.5, 0.5])
    assert (interval.low, interval.high) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 1.0], [[1.0, 2.0]]])
def test_what_is_no_list_of_finite_numbers_is_refused(values) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        mean_interval(values)


def test_students_own_example() -> None:
    comparison = paired(SECOND, FIRST)
    assert comparison.difference.mean == pytest.approx(1.58)
    assert (comparison.difference.low, comparison.difference.high) == pytest.approx((0.7001, 2.4599), abs=1e-4)
    assert comparison.t_p == pytest.approx(0.002833, abs=1e-6)


def test_the_order_turns_the_sign_and_not_the_certainty() -> None:
    one, other = paired(SECOND, FIRST), paired(FIRST, SECOND)
    assert one.difference.mean == -other.difference.mean and one.difference.low == -other.difference.high
    assert one.t_p == pytest.approx(other.t_p)


def test_a_variance_from_elsewhere_makes_the_test_less_sure() -> None:
    # Mean 2, error sqrt(1/3 + 1), t 1.7321 of 2 degrees of freedom.
    comparison = paired([2.0, 4.0, 6.0], [1.0, 2.0, 3.0], 1.0)
    assert comparison.t_p == pytest.approx(0.225403, abs=1e-6)
    assert comparison.difference == mean_interval([1, 2, 3], 1.0)
    same = paired([0.5, 0.6], [0.5, 0.6], 1.0)
    assert same.t_p == 1.0 and same.difference.low == -same.difference.high < 0


def test_what_moves_both_alike_is_not_counted() -> None:
    """Pairing takes out what a seed does to both methods."""
    seeds = np.array([0.1, 0.5, 0.9, 0.3])
    gains = np.array([0.010, 0.011, 0.009, 0.010])
    comparison = paired(seeds + gains, seeds)
    assert comparison.difference.low > 0.008 and comparison.t_p < 1e-3


@pytest.mark.filterwarnings("error")
def test_equal_methods_and_a_gain_that_is_the_same_at_every_seed() -> None:
    same = paired([0.1 + 0.2, 0.5, 0.7], [0.3, 0.5, 0.7])
    assert same.difference.mean == 0 and same.t_p == 1.0
    steady = paired([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    assert (steady.difference.low, steady.difference.high) == (1.0, 1.0)
    assert steady.t_p == 0.0


def test_one_seed_has_a_difference_and_no_test() -> None:
    comparison = paired([0.5], [0.2])
    assert comparison.difference.mean == pytest.approx(0.3) and math.isnan(comparison.difference.low)
    assert math.isnan(comparison.t_p) and math.isnan(comparison.difference.detectable)


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="not 2 and 3 numbers"):
        paired([1.0, 2.0], [1.0, 2.0, 3.0])


def test_holms_correction_worked_out_by_hand() -> None:
    # Ordered: 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 which may not be below the one before it.
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([0.6, 0.7]) == [1.0, 1.0] and corrected([0.02]) == [0.02] and corrected([]) == []


def test_tests_that_were_not_made_do_not_count() -> None:
    answers = corrected([math.nan, 0.02, 0.5])
    assert math.isnan(answers[0]) and answers[1:] == pytest.approx([0.04, 0.5])
