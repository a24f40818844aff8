"""What is drawn how often, and until when."""

import numpy as np
import pytest
import tensorflow as tf

from gan.training import sampling as draws
from gan.training.mixture import Mixture, Shares


def images_of(labels: list[int], red: int) -> np.ndarray:
    """An image for each label, its class in the green channel and its place in the blue one."""
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    images[..., 0] = red
    images[..., 1] = np.array(labels, int).reshape(-1, 1, 1) * 10
    images[..., 2] = np.arange(len(labels)).reshape(-1, 1, 1)
    return images


REAL, OTHERS = [2, 0, 1, 1, 0, 0, 2, 2, 2, 2], [2, 1, 2]


def mixture(classes, others, until: int = 100) -> Mixture:
    shares = Shares(np.array(classes), np.array(others, float), until)
    return Mixture(images_of(REAL, 0), np.array(REAL), images_of(OTHERS, 200), np.array(OTHERS), shares)


def drawn(mix: Mixture, count: int = 20_000, iteration: int = 0, seed: int = 0):
    """Class, whether it is from the others, and place, of every image drawn."""
    labels, images = mix(count, draws.key(seed, iteration, "test"), tf.constant(iteration))
    assert images.dtype == tf.float32 and labels.dtype == tf.int32
    pixels = np.rint((np.asarray(images)[:, 0, 0] + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(pixels[:, 1], np.asarray(labels) * 10)
    return np.asarray(labels), pixels[:, 0] == 200, pixels[:, 2]


def test_classes_and_others_come_as_often_as_they_should() -> None:
    labels, others, _ = drawn(mixture([0.2, 0.3, 0.5], [0, 0.25, 0.9]))
    np.testing.assert_allclose(np.bincount(labels) / len(labels), [0.2, 0.3, 0.5], atol=0.015)
    shares = [others[labels == k].mean() for k in range(3)]
    assert shares[0] == 0
    np.testing.assert_allclose(shares, [0, 0.25, 0.9], atol=0.015)


def test_within_a_class_every_image_comes_as_often_as_any_other() -> None:
    labels, others, places = drawn(mixture([0.2, 0.3, 0.5], [0, 0.5, 0.5]))
    of_real = places[(labels == 2) & ~others]
    assert set(of_real) == {0, 6, 7, 8, 9}
    np.testing.assert_allclose(np.bincount(of_real)[[0, 6, 7, 8, 9]] / len(of_real), 0.2, atol=0.02)
    assert set(places[(labels == 2) & others]) == {0, 2} and set(places[(labels == 1) & others]) == {1}


def test_the_others_end_when_they_should() -> None:
    mix = mixture([0.2, 0.3, 0.5], [0, 1, 1], until=7)
    _, before, _ = drawn(mix, 1000, 6)
    _, after, _ = drawn(mix, 1000, 7)
    assert before.mean() == pytest.approx(0.8, abs=0.05) and not after.any()


def test_a_draw_is_a_function_of_its_key() -> None:
    mix = mixture([0.2, 0.3, 0.5], [0, 0.5, 0.5])
    first, again, other = (np.stack(drawn(mix, 50, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_class_without_a_share_is_never_drawn() -> None:
    labels, _, _ = drawn(mixture([0.5, 0.0, 0.5], [0, 0, 0]))
    assert set(labels) == {0, 2}
    shares = Shares(np.array([0.5, 0.5, 0]), np.zeros(3), 1)
    real = np.array([0, 1])
    alone = Mixture(images_of([0, 1], 0), real, images_of([], 0), np.array([], int), shares)
    assert set(drawn(alone)[0]) == {0, 1}


def test_what_is_not_there_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match=r"groups \[3\]"):
        mixture([0.2, 0.3, 0.5], [0.1, 0, 0])
    mixture([0.2, 0.3, 0.5], [0.1, 0, 0], until=0)  # never asked for
    with pytest.raises(ValueError, match="sum to 1"):
        mixture([0.2, 0.3, 0.6], [0, 0, 0])
    with pytest.raises(ValueError, match=r"groups \[1 3\]"):
        Mixture(images_of([0], 0), np.array([0]), images_of([], 0), np.array([], int),
                Shares(np.array([0.5, 0.25, 0, 0.25]), np.zeros(4), 1))  # fmt: skip
