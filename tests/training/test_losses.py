import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.scoring.spectrum import radial_spectrum
from gan.training import losses
from gan.training.losses import (
    class_loss,
    gradient_penalty,
    ranking_accuracy,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)


def logits(*values: float) -> tf.Tensor:
    return tf.constant(values, tf.float32)[:, None]


def test_equal_logits_cost_log_2_whatever_they_are() -> None:
    for value in (-50.0, 0.0, 3.0):
        same = logits(value, value + 1, value - 1)
        assert float(relativistic_discriminator_loss(same, same)) == pytest.approx(math.log(2), rel=1e-5)
        assert float(relativistic_generator_loss(same, same)) == pytest.approx(math.log(2), rel=1e-5)


def test_known_values() -> None:
    real, generated = logits(1.0, -2.0), logits(0.0, 1.0)
    wanted = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 2
    assert float(relativistic_discriminator_loss(real, generated)) == pytest.approx(wanted, rel=1e-5)
    wanted = (math.log(1 + math.exp(1)) + math.log(1 + math.exp(-3))) / 2
    assert float(relativistic_generator_loss(real, generated)) == pytest.approx(wanted, rel=1e-5)


def test_the_roles_are_exchanged() -> None:
    one, other = logits(0.3, -1.2, 4.0), logits(2.0, 0.1, -3.0)
    assert float(relativistic_generator_loss(one, other)) == float(relativistic_discriminator_loss(other, one))
    assert float(relativistic_generator_loss(one, other)) != float(relativistic_discriminator_loss(one, other))


def test_the_discriminator_gains_by_ranking_real_higher_and_the_generator_by_the_opposite() -> None:
    real, generated = logits(5.0, 6.0), logits(-5.0, -4.0)
    assert float(relativistic_discriminator_loss(real, generated)) < 1e-3
    assert float(relativistic_generator_loss(real, generated)) == pytest.approx(10, abs=1e-3)


def test_images_are_compared_in_pairs() -> None:
    real = logits(0.0, 10.0)
    paired = float(relativistic_discriminator_loss(real, logits(-1.0, 9.0)))
    assert paired == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-5)
    assert float(relativistic_discriminator_loss(real, logits(9.0, -1.0))) > 4


def test_extreme_logits_stay_finite_with_a_gradient() -> None:
    real, generated = tf.Variable(logits(-1e4)), logits(1e4)
    with tf.GradientTape() as tape:
        loss = relativistic_discriminator_loss(real, generated)
    assert float(loss) == pytest.approx(2e4)
    assert float(tape.gradient(loss, real)[0, 0]) == pytest.approx(-1)


def test_the_penalty_of_a_linear_function_is_its_squared_slope() -> None:
    slope = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    images = tf.constant(np.random.default_rng(1).standard_normal((6, 4, 5, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        out = tf.reduce_sum(images * slope) + 7
    penalty = gradient_penalty(tape.gradient(out, images))
    assert float(penalty) == pytest.approx(float((slope**2).sum()), rel=1e-5)


def test_the_penalty_is_the_mean_over_images_of_the_sum_over_pixels() -> None:
    gradients = np.zeros((4, 2, 2, 3), np.float32)
    gradients[0] = 1
    gradients[1, 0, 0, 0] = -2
    assert float(gradient_penalty(gradients)) == pytest.approx((12 + 4) / 4)


def test_the_penalty_is_summed_in_float32() -> None:
    gradients = tf.cast(tf.fill((1, 32, 32, 3), 1.0), tf.bfloat16)  # a bfloat16 sum of ones ends at 256
    penalty = gradient_penalty(gradients)
    assert keras.backend.standardize_dtype(penalty.dtype) == "float32"
    assert float(penalty) == 3072


@pytest.mark.parametrize(
    ("real", "generated", "accuracies"),
    [
        ((2.0, 3.0), (0.0, 1.0), (1.0, 1.0)),
        ((0.0, 1.0), (2.0, 3.0), (0.0, 0.0)),
        ((102.0, 103.0), (100.0, 101.0), (1.0, 1.0)),  # logits have no zero
        ((1.0, 1.0), (1.0, 1.0), (0.0, 0.0)),
        # Mean of the generated ones 1: three of four real ones above.  Mean of the real ones 4: one of two below.
        ((0.0, 2.0, 4.0, 10.0), (-4.0, 6.0), (0.75, 0.5)),
    ],
)  # fmt: skip
def test_accuracy_compares_with_the_mean_of_the_other_kind(
    real: tuple[float, ...], generated: tuple[float, ...], accuracies: tuple[float, float]
) -> None:
    assert tuple(map(float, ranking_accuracy(logits(*real), logits(*generated)))) == accuracies


# Classes


def test_class_loss_of_known_logits() -> None:
    given = tf.constant([[1.0, 2, 3], [0, 0, 5]])
    wanted = [math.log(math.exp(-2) + math.exp(-1) + 1), math.log(2 + math.exp(5))]  # classes 2 and 0
    loss = class_loss(given, tf.constant([2, 0]))
    assert loss.shape == () and loss.dtype == tf.float32
    assert float(loss) == pytest.approx(np.mean(wanted), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 43])
def test_guessing_costs_the_logarithm_of_the_number_of_classes(classes: int) -> None:
    for value in (0.0, -30.0, 1e3):
        loss = class_loss(tf.fill((5, classes), value), tf.constant([0, 1, 1, 0, 1]))
        assert float(loss) == pytest.approx(math.log(classes), rel=1e-5)


def test_class_loss_is_small_for_the_right_class_and_large_but_finite_for_another() -> None:
    given = tf.Variable([[200.0, -200, 0]])
    assert float(class_loss(given, tf.constant([0]))) == 0
    with tf.GradientTape() as tape:
        loss = class_loss(given, tf.constant([1]))
    assert float(loss) == pytest.approx(400)
    np.testing.assert_allclose(tape.gradient(loss, given), [[1, -1, 0]], atol=1e-6)


# What the discriminator hardly looks at


def photos(count: int, seed: int = 0) -> np.ndarray:
    """Smooth images of different light, with some noise."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(-1, 1, (count, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    lit = coarse * random.uniform(0.1, 0.8, (count, 1, 1, 1)) + random.uniform(-0.5, 0.5, (count, 1, 1, 1))
    return (lit + random.normal(0, 0.02, lit.shape)).astype(np.float32)


def test_energy_distance_is_least_for_one_distribution_and_unbiased() -> None:
    random = np.random.default_rng(0)
    same, shifted, narrower = [], [], []
    for _ in range(300):
        first, second, third = random.normal(0, 1, (3, 6, 2)).astype(np.float32)
        within = np.linalg.norm(third[:, None] - third, axis=2).sum() / 30
        for found, sample in ((same, first), (shifted, first + 1), (narrower, first * 0.5)):
            found.append(float(losses.energy_distance(sample, second)) - within)
    assert abs(np.mean(same)) < 3 * np.std(same) / 300**0.5, "E|x - x'| of one distribution is E|y - y'| of the other"
    assert np.mean(shifted) > np.mean(same) + 0.3 and np.mean(narrower) > np.mean(same) + 0.1


def test_light_is_mean_contrast_and_saturation() -> None:
    images = np.zeros((2, 32, 32, 3), np.float32)
    images[0] = 0.5, -0.25, -0.25  # a plain red
    images[1, :16], images[1, 16:] = 0.6, -0.2  # two greys
    light = np.asarray(losses.light(images))
    np.testing.assert_allclose(light[0], [0.5, -0.25, -0.25, 0, np.sqrt(0.375 / 3)], atol=2e-3)
    np.testing.assert_allclose(light[1], [0.2, 0.2, 0.2, 0.4, 0], atol=2e-3)


def test_detail_is_the_spectrum_that_reports_show() -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), np.uint8)
    found = np.exp(np.asarray(losses.detail((images / 127.5 - 1).astype(np.float32)))).mean(axis=0)
    # Grey levels are 0-1 there and -1 to 1 here; the means that are taken out differ by the window.
    assert found.shape == (23,)
    np.testing.assert_allclose(np.log(found / 4)[3:], radial_spectrum(images)[3:], atol=0.05)


@pytest.mark.parametrize("measure", [losses.light, losses.detail])
def test_matching_brings_light_and_detail_to_the_real_ones(measure) -> None:
    real = tf.constant(photos(24))
    generated = keras.Variable(photos(24, seed=1) * 0.6 - 0.2)

    def error() -> float:
        return float(np.abs(np.mean(measure(generated) - measure(real), axis=0)).mean())

    before, optimizer = error(), keras.optimizers.Adam(0.01)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = losses.matching_loss(measure, real, generated)
        gradient = tape.gradient(loss, generated)
        optimizer.apply([gradient], [generated])
    assert error() < 0.5 * before


@pytest.mark.parametrize("measure", [losses.light, losses.detail])
def test_flat_and_equal_images_have_finite_gradients(measure) -> None:
    generated = tf.Variable(np.full((4, 32, 32, 3), -1, np.float32))
    with tf.GradientTape() as tape:
        loss = losses.matching_loss(measure, tf.constant(photos(4)), generated)
    assert np.isfinite(np.asarray(tape.gradient(loss, generated))).all()
