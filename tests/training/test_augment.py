import itertools

import numpy as np
import pytest
import tensorflow as tf

from gan.training import augment as augmenting
from gan.training import sampling as draws
from gan.training.augment import augment

STRENGTHS = ("ROTATION", "SHIFT", "ZOOM", "BRIGHTNESS", "CONTRAST", "SATURATION")
SIZE = 32


def key(number: int = 0):
    return draws.key(0, number, "augment")


def noise(count: int = 4, size: int = SIZE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def changed(images: np.ndarray, number: int = 0) -> np.ndarray:
    return np.asarray(augment(tf.constant(images), key(number)))


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch):
    """Sets the strengths that are named and all others to 0."""

    def only(**strengths: float) -> None:
        for name in STRENGTHS:
            monkeypatch.setattr(augmenting, name, strengths.get(name, 0.0))

    return only


def test_the_same_key_gives_the_same_images() -> None:
    images = noise()
    np.testing.assert_array_equal(changed(images), changed(images))
    assert (changed(images, 0) != changed(images, 1)).mean() > 0.9


def test_each_image_has_its_own_draw() -> None:
    copies = np.repeat(noise(1), 6, axis=0)
    for one, other in itertools.combinations(changed(copies), 2):
        assert np.abs(one - other).mean() > 0.01


def test_shape_and_type_stay_and_all_is_finite() -> None:
    images = noise(8)
    images[0], images[1] = 1, -1
    for number in range(10):
        after = changed(images, number)
        assert after.shape == images.shape and after.dtype == np.float32 and np.isfinite(after).all()


def test_images_that_are_not_square_keep_their_shape() -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (2, 20, 30, 3)).astype(np.float32)
    assert changed(images).shape == images.shape


def test_without_any_strength_nothing_changes(only) -> None:
    only()
    images = noise()
    np.testing.assert_allclose(changed(images), images, atol=1e-6)
    # Of grey images with mean 0 and few bits nothing is rounded, so these stay bit for bit.
    half = np.random.default_rng(0).integers(-8, 9, (3, SIZE // 2, SIZE, 1)).astype(np.float32).repeat(3, axis=3) / 8
    balanced = np.concatenate([half, -half], axis=1)
    np.testing.assert_array_equal(changed(balanced), balanced)


def ramps() -> np.ndarray:
    """Two images: the row and the column of each pixel."""
    row, column = np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij")
    return np.stack([row, column]).astype(np.float32)[..., None].repeat(3, axis=3)


def test_a_shift_moves_the_picture_and_repeats_its_edge(only) -> None:
    only(SHIFT=0.1)
    shifts = []
    for number in range(20):
        after = changed(ramps(), number)
        for axis, image in enumerate(after):
            line = image[:, 0, 0] if axis == 0 else image[0, :, 0]
            shift = line[SIZE // 2] - SIZE // 2
            shifts.append(shift)
            np.testing.assert_allclose(line, np.clip(np.arange(SIZE) + shift, 0, SIZE - 1), atol=1e-4)
            across = image if axis == 1 else image.swapaxes(0, 1)
            np.testing.assert_allclose(across, np.broadcast_to(across[:1], across.shape), atol=1e-4)
    assert np.abs(shifts).max() <= 3.2 + 1e-4
    assert min(shifts) < -2 and max(shifts) > 2, "either way, up to a tenth"


def test_a_shift_by_whole_pixels_is_exact(only, monkeypatch: pytest.MonkeyPatch) -> None:
    only(SHIFT=3 / SIZE)
    # Turn, zoom, down, right: the first image is taken from 3 pixels below, the second from 3 to the left.
    moves = {4: [[0, 0], [0, 0], [1, 0], [0, -1]], 3: [[0, 0]] * 3}
    monkeypatch.setattr(
        augmenting,
        "_draw_between",
        lambda drawn_with, count, numbers: tf.unstack(tf.constant(moves[numbers], tf.float32)),
    )
    images = noise(2)
    after = changed(images)
    np.testing.assert_allclose(after[0, :-3], images[0, 3:], atol=1e-5)
    np.testing.assert_allclose(after[0, -3:], np.repeat(images[0, -1:], 3, axis=0), atol=1e-5)
    np.testing.assert_allclose(after[1, :, 3:], images[1, :, :-3], atol=1e-5)
    np.testing.assert_allclose(after[1, :, :3], np.repeat(images[1, :, :1], 3, axis=1), atol=1e-5)


def test_a_rotation_turns_about_the_middle_and_keeps_lengths(only) -> None:
    only(ROTATION=8.0)
    angles = []
    for number in range(20):
        came_from = changed(np.stack([*ramps()[..., 0], ramps()[0, ..., 0]], axis=-1)[None], number)[0]
        rows, columns = came_from[8:24, 8:24, 0] - 15.5, came_from[8:24, 8:24, 1] - 15.5
        row, column = np.meshgrid(np.arange(8, 24) - 15.5, np.arange(8, 24) - 15.5, indexing="ij")
        np.testing.assert_allclose(np.hypot(rows, columns), np.hypot(row, column), atol=1e-3)
        angle = np.rad2deg(np.angle((columns + 1j * rows) / (column + 1j * row)))
        np.testing.assert_allclose(angle, angle[0, 0], atol=0.02)
        angles.append(angle[0, 0])
    assert np.abs(angles).max() <= 8.02 and min(angles) < -5 and max(angles) > 5


def test_a_zoom_keeps_the_middle_and_is_a_tenth_at_most(only) -> None:
    only(ZOOM=0.1)
    zooms = []
    for number in range(20):
        line = changed(ramps(), number)[1, 0, :, 0]
        inner = line[6:26]
        steps = np.diff(inner)
        np.testing.assert_allclose(steps, steps[0], atol=1e-3)
        assert (inner[9] + inner[10]) / 2 == pytest.approx(15.5, abs=1e-3)
        zooms.append(steps.mean())
    assert 1 / 1.1 - 1e-3 <= min(zooms) < 0.95 and 1.05 < max(zooms) <= 1.1 + 1e-3


def test_brightness_adds_the_same_to_every_pixel(only) -> None:
    only(BRIGHTNESS=0.3)
    images = noise(64)
    added = changed(images) - images
    by_image = added.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(added, np.broadcast_to(by_image[:, None, None, None], added.shape), atol=1e-5)
    assert np.abs(by_image).max() <= 0.3 and by_image.min() < -0.2 and by_image.max() > 0.2


def test_contrast_keeps_the_mean_and_scales_the_rest(only) -> None:
    only(CONTRAST=0.3)
    images = noise(64)
    after = changed(images)
    np.testing.assert_allclose(after.mean(axis=(1, 2, 3)), images.mean(axis=(1, 2, 3)), atol=1e-5)
    factors = after.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert 0.7 <= factors.min() < 0.8 and 1.2 < factors.max() <= 1.3 + 1e-5


def test_saturation_keeps_grey(only) -> None:
    only(SATURATION=0.5)
    images = noise(64)
    after = changed(images)
    np.testing.assert_allclose(after.mean(axis=3), images.mean(axis=3), atol=1e-5)
    factors = after.std(axis=3).mean(axis=(1, 2)) / images.std(axis=3).mean(axis=(1, 2))
    assert 0.5 <= factors.min() < 0.65 and 1.35 < factors.max() <= 1.5 + 1e-5
    grey = images[..., :1].repeat(3, axis=3)
    np.testing.assert_allclose(changed(grey), grey, atol=1e-5)


def test_light_is_not_cut_off(only) -> None:
    only(BRIGHTNESS=0.3)
    assert np.abs(changed(np.ones((32, 8, 8, 3), np.float32))).max() > 1.1


def gradient_of(images: np.ndarray, weights: np.ndarray, number: int) -> np.ndarray:
    """The gradient of a weighted sum of the augmented images."""
    given = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(augment(given, key(number)) * weights)
    return np.asarray(tape.gradient(total, given))


@pytest.mark.parametrize("number", range(4))
def test_the_gradient_is_the_exact_adjoint(number: int) -> None:
    # Each output is a sum of inputs with weights, plus a constant: A u.  Its gradient must be the transposed A.
    images, direction, weights = noise(3, 6, seed=1), noise(3, 6, seed=2), noise(3, 6, seed=3)
    gradient = gradient_of(images, weights, number).astype(np.float64)
    moved = changed(images + direction, number).astype(np.float64) - changed(images, number)
    for k in range(3):
        assert (gradient[k] * direction[k]).sum() == pytest.approx((weights[k] * moved[k]).sum(), abs=2e-4)
    assert np.abs(gradient).max() > 0.1


def test_the_gradient_of_every_pixel_is_that_of_small_steps() -> None:
    images, weights = noise(1, 4, seed=1), noise(1, 4, seed=2)
    gradient = gradient_of(images, weights, 3)
    for place in itertools.product(range(4), range(4), range(3)):
        step = np.zeros_like(images)
        step[0][place] = 0.5
        rise = (changed(images + step, 3).astype(np.float64) - changed(images - step, 3)) * weights
        assert gradient[0][place] == pytest.approx(rise.sum(), abs=1e-4)


def test_it_never_mirrors() -> None:
    row, column = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE), indexing="ij")
    picture = np.where((column < -0.1) | (row > 0.1), 1.0, -1.0).astype(np.float32)  # a thick L
    images = np.broadcast_to(picture[None, ..., None], (200, SIZE, SIZE, 3)).astype(np.float32)
    others = picture[:, ::-1], picture[::-1], picture[::-1, ::-1]
    for number in range(3):
        grey = changed(images, number).mean(axis=3)
        grey -= grey.mean(axis=(1, 2), keepdims=True)  # light aside

        def distance(to: np.ndarray, grey: np.ndarray = grey) -> np.ndarray:
            return ((grey - (to - to.mean())) ** 2).mean(axis=(1, 2))

        assert (distance(picture) < np.min([distance(other) for other in others], axis=0)).all()


def test_a_compiled_call_gives_the_same_images() -> None:
    images = noise(2)
    compiled = tf.function(augment)
    np.testing.assert_allclose(np.asarray(compiled(tf.constant(images), key())), changed(images), atol=1e-5)


def test_a_share_of_the_images_stays_as_it_is() -> None:
    images = noise(400)
    np.testing.assert_array_equal(augment(tf.constant(images), key(), 1.0), changed(images))
    np.testing.assert_allclose(augment(tf.constant(images), key(), 0.0), images, atol=1e-5)
    for change in (augmenting.change_light, lambda *args: augmenting._change_view(*args)):
        after = np.asarray(change(tf.constant(images), key(), 0.3))
        kept = (np.abs(after - images) < 1e-5).all(axis=(1, 2, 3))
        assert 0.6 < kept.mean() < 0.8
