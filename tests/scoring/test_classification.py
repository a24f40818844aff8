import dataclasses

import numpy as np
import pytest

from gan.scoring.classification import agreement


def saying(verdicts: list[int], classes: int = 4) -> np.ndarray:
    """Probabilities of which the largest names the verdict."""
    probabilities = np.random.default_rng(0).random((len(verdicts), classes))
    probabilities[np.arange(len(verdicts)), verdicts] += 1
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def test_shares_of_a_known_table() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 3, 3, 3, 3])
    result = agreement(saying([0, 0, 0, 2, 1, 1, 3, 0, 1, 2]), labels)
    assert result.overall == pytest.approx(6 / 10)
    np.testing.assert_allclose(result.per_class, [3 / 4, 1, np.nan, 1 / 4])
    assert result.macro == pytest.approx((3 / 4 + 1 + 1 / 4) / 3)
    assert (result.worst, result.worst_class) == (1 / 4, 3)


def test_verdicts_for_a_class_that_does_not_occur_count_as_wrong_only() -> None:
    result = agreement(saying([2, 2, 1]), np.array([0, 1, 1]))
    np.testing.assert_allclose(result.per_class, [0, 1 / 2, np.nan, np.nan])
    assert (result.worst, result.worst_class, result.macro) == (0, 0, 1 / 4)


def test_a_perfect_classifier() -> None:
    labels = np.arange(43, dtype=np.uint8).repeat(3)
    result = agreement(saying(labels.tolist(), 43).astype(np.float32), labels)
    assert (result.overall, result.macro, result.worst, result.worst_class) == (1, 1, 1, 0)
    assert result.per_class.shape == (43,) and (result.per_class == 1).all()


def test_classes_count_the_same_in_the_mean_and_by_their_size_overall() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    result = agreement(saying([0] * 100, 2), labels)
    assert (result.overall, result.macro, result.worst_class) == (0.9, 0.5, 1)


def test_the_lowest_of_equal_classes_is_named() -> None:
    assert agreement(saying([0, 2, 1, 2, 1]), np.array([0, 1, 2, 3, 3])).worst_class == 1
    assert agreement(np.full((2, 4), 0.25), np.array([0, 3])).worst_class == 3, "equal probabilities say class 0"


def test_the_order_of_images_does_not_matter() -> None:
    labels, verdicts = np.random.default_rng(1).integers(0, 4, (2, 50))
    order = np.random.default_rng(2).permutation(50)
    first = agreement(saying(verdicts.tolist()), labels)
    second = agreement(saying(verdicts.tolist())[order], labels[order])
    np.testing.assert_array_equal(first.per_class, second.per_class)
    assert dataclasses.astuple(first)[:4] == dataclasses.astuple(second)[:4]


def test_the_numbers_are_plain() -> None:
    result = agreement(saying([0, 1]), np.array([0, 0]))
    assert [type(value) for value in dataclasses.astuple(result)[:4]] == [float, float, float, int]
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.worst = 1.0


@pytest.mark.parametrize(
    ("probabilities", "labels", "match"),
    [
        (np.empty((0, 4)), np.empty(0, int), "N labels"),
        (saying([0, 1]), np.array([0]), "N labels"),
        (saying([0, 1])[0], np.array([0, 1, 2, 3]), "N labels"),
        (saying([0, 1]), np.array([0, 4]), "class ids 0-3"),
        (saying([0, 1]), np.array([-1, 0]), "class ids"),
        (saying([0, 1]), np.array([0.0, 1.0]), "class ids"),
        (np.array([[0.5, np.nan]]), np.array([0]), "NaN"),
    ],
)
def test_what_cannot_be_judged_is_refused(probabilities: np.ndarray, labels: np.ndarray, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        agreement(probabilities, labels)
