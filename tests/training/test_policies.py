"""How a classifier's images are varied: not at all, mildly, and strongly."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from gan.training import policies, sampling
from gan.training.augment import augment
from gan.training.policies import MILD, NONE, POLICIES, STRONG, WIDE, varied

SIZE = 32


def key(number: int = 0):
    return sampling.key(0, number, "policies")


def some(count: int = 8, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Smooth coloured images."""
    random = np.random.default_rng(seed)
    small = tf.constant(random.uniform(-1, 1, (count, 4, 4, 3)), tf.float32)
    return np.clip(tf.image.resize(small, (size, size), "bicubic"), -1, 1)


def changed(images: np.ndarray, policy: str = STRONG, number: int = 0) -> np.ndarray:
    return np.asarray(varied(tf.constant(images), key(number), policy))


def test_none_changes_nothing_and_mild_is_that_of_the_generators() -> None:
    images = some()
    np.testing.assert_array_equal(changed(images, NONE), images)
    np.testing.assert_array_equal(changed(images, MILD), augment(tf.constant(images), key()))
    far = [np.abs(changed(images, policy) - images).mean() for policy in POLICIES]
    assert far[0] == 0 < 1.2 * far[1] < far[2] < far[3]


@pytest.mark.parametrize(("size", "policy"), [(32, STRONG), (64, STRONG), (32, WIDE)])
def test_strong_keeps_shape_and_range(size, policy) -> None:
    images = some(16, size)
    images[0], images[1] = 1, -1
    for number in range(5):
        after = changed(images, policy, number)
        assert after.shape == images.shape and after.dtype == np.float32
        assert np.isfinite(after).all() and np.abs(after).max() <= 1


@pytest.mark.parametrize("policy", [MILD, STRONG, WIDE])
def test_the_same_key_gives_the_same_images_and_each_image_has_its_own_draw(policy) -> None:
    copies = np.repeat(some(1), 6, axis=0)
    first = changed(copies, policy)
    np.testing.assert_array_equal(first, changed(copies, policy))
    compiled = tf.function(varied)(tf.constant(copies), key(), policy)
    np.testing.assert_allclose(compiled, first, atol=1e-5)
    for one, other in itertools.combinations([*first, *changed(copies, policy, 1)], 2):
        assert np.abs(one - other).mean() > 0.01


def test_wide_differs_from_strong_in_light_and_colours_alone() -> None:
    """The mean of a grey image tells its light; what lies before a part of it, and noise, are the same."""
    grey = np.full((400, SIZE, SIZE, 3), 0.1, np.float32)
    strong, wide = (changed(grey, policy).mean(axis=(1, 2)) for policy in (STRONG, WIDE))
    assert 1.3 < wide.std(axis=0).mean() / strong.std(axis=0).mean() < 1.6
    column = np.broadcast_to((np.arange(SIZE, dtype=np.float32) / SIZE - 0.5)[None, None, :, None], grey.shape)
    steep = [changed(column.copy(), policy).mean(axis=(1, 3)) for policy in (STRONG, WIDE)]
    likeness = [
        np.corrcoef(one, other)[0, 1] for one, other in zip(*steep, strict=True) if min(one.std(), other.std()) > 0.1
    ]
    assert np.median(likeness) > 0.95


def test_strong_hides_blurs_and_adds_noise_in_some_images_only() -> None:
    """What each of the three does alone, in about the share of the images that it should."""
    images = some(400)

    def touched(name: str) -> np.ndarray:
        after = np.asarray(getattr(policies, name)(tf.constant(images), key()))
        return np.abs(after - images).max(axis=3) > 1e-3

    for name in ("_blurred", "_noisy", "_hidden"):
        share = touched(name).any(axis=(1, 2)).mean()
        assert policies.SHARE - 0.1 < share < policies.SHARE + 0.08, name
    hidden = touched("_hidden")
    assert hidden.any(axis=2).sum(axis=1).max() <= policies.ERASED * SIZE + 1  # rows of an image
    assert hidden.mean(axis=(1, 2)).max() <= policies.ERASED**2 * 1.2


def test_strong_keeps_the_picture_and_never_mirrors_it() -> None:
    row, column = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE), indexing="ij")
    picture = np.where((column < -0.1) | (row > 0.1), 0.7, -0.7).astype(np.float32)  # a thick L
    grey = changed(np.broadcast_to(picture[None, ..., None], (400, SIZE, SIZE, 3)).astype(np.float32)).mean(axis=3)

    def likeness(to: np.ndarray) -> np.ndarray:
        return np.array([np.corrcoef(image.ravel(), to.ravel())[0, 1] for image in grey + 1e-6 * row])

    own = likeness(picture)
    others = [likeness(other) for other in (picture[:, ::-1], picture[::-1], picture[::-1, ::-1])]
    assert (own > np.max(others, axis=0)).mean() > 0.98 and np.median(own) > 0.6
