import numpy as np
import pytest

from gan.scoring.privacy import membership_leak


def cells(learned: int, unseen: int):
    return np.zeros(learned, int), np.zeros(unseen, int)


def alone(learned: int, unseen: int):
    return np.full(learned, -1), np.full(unseen, -1)


def test_equal_distances_tell_nothing() -> None:
    drawn = np.random.default_rng(0)
    leak = membership_leak(drawn.random(500), drawn.random(500), cells(500, 500), alone(500, 500))
    assert leak.low < 0.5 < leak.high and abs(leak.auc - 0.5) < 0.05


def test_copies_tell_everything() -> None:
    leak = membership_leak(np.zeros(50), np.ones(60), cells(50, 60), alone(50, 60))
    assert (leak.auc, leak.low, leak.high) == (1, 1, 1)


def test_known_answer_for_shifted_normal_distances() -> None:
    """Two normal distributions a deviation apart: AUC is the normal distribution function of 1 / sqrt 2, .760."""
    drawn = np.random.default_rng(1)
    leak = membership_leak(drawn.normal(0, 1, 1500), drawn.normal(1, 1, 1500), cells(1500, 1500), alone(1500, 1500))
    assert leak.auc == pytest.approx(0.760, abs=0.02) and leak.high - leak.low < 0.08


def test_classes_of_other_distances_do_not_pass_for_a_leak() -> None:
    """Learned images are mostly of a class whose distances are small; within each class nothing is told."""
    drawn = np.random.default_rng(2)
    labels = np.repeat([0, 1], [900, 100]), np.repeat([0, 1], [100, 900])
    far = [drawn.random(1000) + 5 * of for of in labels]
    leak = membership_leak(*far, labels, alone(1000, 1000))
    assert abs(leak.auc - 0.5) < 0.05


def test_frames_of_one_object_widen_the_interval() -> None:
    drawn = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 30), np.repeat(np.arange(20), 30)
    far = [drawn.random(20).repeat(30) + 0.01 * drawn.random(600) for _ in range(2)]
    together = membership_leak(*far, cells(600, 600), groups)
    apart = membership_leak(*far, cells(600, 600), alone(600, 600))
    assert together.auc == apart.auc
    assert together.high - together.low > 3 * (apart.high - apart.low)


def test_no_class_in_common_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to tell apart"):
        membership_leak(np.ones(3), np.ones(3), (np.zeros(3, int), np.ones(3, int)), alone(3, 3))
