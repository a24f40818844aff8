"""Images between neighbours, by imbalanced-learn; and one sentence where that is not installed."""

import importlib.util

import numpy as np
import pytest

from gan.errors import UserError
from gan.study import smote as module
from gan.study.smote import require_imblearn, smote

needs_imblearn = pytest.mark.skipif(
    importlib.util.find_spec("imblearn") is None, reason="imbalanced-learn is not installed"
)


def test_a_missing_package_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    for call in (require_imblearn, lambda: smote(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1]), 2, 0, 0)):
        with pytest.raises(
            UserError, match="smote needs the package imbalanced-learn.*--extra sampling.*leave smote"
        ):
            call()


def flat(levels: list[int]) -> np.ndarray:
    """An image of one grey level each."""
    return np.array(levels, np.uint8).reshape(-1, 1, 1, 1).repeat(4, 1).repeat(4, 2).repeat(3, 3)


@needs_imblearn
def test_classes_are_filled_up_with_images_between_their_own() -> None:
    images = flat([10, 20, 30, 40, 200, 210, 255, *range(50, 90)])
    labels = np.array([0] * 4 + [1] * 3 + [3] * 40)
    made, of = smote(images, labels, 5, 0, seed=0)
    assert np.bincount(of, minlength=5).tolist() == [36, 37, 0, 0, 0] and made.dtype == np.uint8
    assert (made == made[:, :1, :1, :1]).all()  # flat as what they lie between
    levels = made[:, 0, 0, 0]
    assert levels[of == 0].min() >= 10 and levels[of == 0].max() <= 40
    assert levels[of == 1].min() >= 200 and len(set(levels[of == 0]) - {10, 20, 30, 40}) > 5


@needs_imblearn
def test_a_target_is_what_a_class_has_in_the_end() -> None:
    images, labels = flat([10, 20, 30, 40, 50]), np.array([0, 0, 1, 1, 1])
    _, of = smote(images, labels, 2, 8, seed=0)
    assert np.bincount(of).tolist() == [6, 5]


@needs_imblearn
def test_a_single_image_is_repeated_and_two_are_enough() -> None:
    made, of = smote(flat([10, 90, 100, 200, 201, 202]), np.array([0, 1, 1, 2, 2, 2]), 3, 0, seed=0)
    assert of.tolist() == [0, 0, 1] and (made[:2] == 10).all() and 90 <= made[2].min() <= made[2].max() <= 100


@needs_imblearn
def test_the_same_seed_gives_the_same_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3), np.uint8)
    labels = np.repeat([0, 1], [10, 20])
    first, again, other = (smote(images, labels, 2, 0, seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
