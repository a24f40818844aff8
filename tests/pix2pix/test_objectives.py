import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.data.palettes import CAMVID, generic
from gan.pix2pix.objectives import HEAVIEST, PatchObjective, PixelObjective, WindowObjective, class_weights
from gan.training import losses
from gan.training.adam import Adam

LOG2 = math.log(2)


def logits(*values) -> tf.Tensor:
    return tf.constant(values, tf.float32)


# --- losses


def test_binary_loss_has_known_values():
    assert float(losses.binary_loss(logits(0.0, 0.0), True)) == pytest.approx(LOG2)
    assert float(losses.binary_loss(logits(0.0), False)) == pytest.approx(LOG2)
    for real, sign in ((True, 1), (False, -1)):
        assert float(losses.binary_loss(logits(30.0 * sign), real)) == pytest.approx(0, abs=1e-6)
        assert float(losses.binary_loss(logits(-30.0 * sign), real)) == pytest.approx(30)


def test_absolute_distance_has_known_values():
    white, black = tf.ones((2, 4, 4, 3)), -tf.ones((2, 4, 4, 3))
    assert float(losses.absolute_distance(white, black)) == 2
    half = tf.concat([white[:1], black[:1]], axis=0)
    assert float(losses.absolute_distance(white, half)) == 1
    one, other = tf.one_hot([[[0, 1], [2, 2]]], 5), tf.one_hot([[[0, 1], [2, 3]]], 5)
    assert float(losses.absolute_distance(one, other, shares=True)) == pytest.approx(2 / 4)


def test_pixel_loss_has_known_values():
    classes = tf.constant([[[0, 1], [2, 2]]])
    assert float(losses.pixel_loss(tf.zeros((1, 2, 2, 4)), classes, tf.ones(4))) == pytest.approx(math.log(4))
    weights = tf.constant([1.0, 0.0, 3.0, 0.0])
    assert float(losses.pixel_loss(tf.zeros((1, 2, 2, 4)), classes, weights)) == pytest.approx(math.log(4) * 7 / 4)
    assert float(losses.pixel_loss(100 * tf.one_hot(classes, 4), classes, weights)) == pytest.approx(0, abs=1e-5)


# --- patches


def test_patches_of_pairs():
    ask = PatchObjective()
    condition, picture = tf.zeros((2, 4, 4, 5)), tf.ones((2, 4, 4, 3))
    shown = ask.discriminator_input(condition, picture)
    assert shown.shape == (2, 4, 4, 8) and not shown[..., :5].numpy().any() and shown[..., 5:].numpy().all()
    assert float(ask.discriminator_loss(logits(0.0), logits(0.0), None)) == pytest.approx(LOG2)  # halved sum
    assert float(ask.discriminator_loss(logits(9.0), logits(-9.0), None)) < 0.001
    assert float(ask.discriminator_loss(logits(8.0), logits(8.0), None)) == pytest.approx(4, abs=0.01)
    assert float(ask.generator_loss(logits(-8.0), None)) == pytest.approx(8, abs=0.01)
    accuracies = ask.accuracies(logits(1.0, 2.0, -1.0, 3.0), logits(-1.0, 1.0), None)
    assert list(map(float, accuracies)) == [0.75, 0.5]


def test_of_windows_only_the_patches_about_what_is_painted_count():
    ask, hidden = WindowObjective(), np.zeros((1, 16, 16), np.uint8)
    hidden[0, 6:8, 8:10] = 1  # step 3 of 8 down, 4 of 8 along; logits begin at step 1
    near = np.zeros((1, 6, 6, 1), bool)
    near[0, 1:4, 2:5] = True
    said = tf.constant(np.where(near, -5.0, 7.0), tf.float32)
    assert float(ask.generator_loss(said, hidden)) == pytest.approx(5, abs=0.01)
    assert float(ask.discriminator_loss(said, said, hidden)) == pytest.approx(2.5, abs=0.01)
    assert list(map(float, ask.accuracies(said, said, hidden))) == [0, 1]
    assert float(ask.generator_loss(said, 0 * hidden)) == 0  # nothing painted, nothing said


# --- pixels


def test_pixels_are_told_by_class_and_generated_ones_apart():
    ask = PixelObjective(np.array([1.0, 2.0], np.float32))
    photo = tf.ones((1, 2, 2, 3))
    assert ask.discriminator_input(tf.zeros((1, 2, 2, 5)), photo) is photo
    classes = tf.constant([[[0, 1], [1, 1]]])
    right, generated = 50 * tf.one_hot(classes, 3), 50 * tf.one_hot(tf.fill((1, 2, 2), 2), 3)
    assert float(ask.discriminator_loss(right, generated, classes)) == pytest.approx(0, abs=1e-4)
    assert float(ask.generator_loss(right, classes)) == pytest.approx(0, abs=1e-4)
    assert list(map(float, ask.accuracies(right, generated, classes))) == [1, 1]
    assert list(map(float, ask.accuracies(generated, right, classes))) == [0, 0]
    # 1 + 2 + 2 + 2 for the real pixels, 1 for each generated one.
    unsure = tf.zeros((1, 2, 2, 3))
    assert float(ask.discriminator_loss(unsure, generated, classes)) == pytest.approx(math.log(3) * 7 / 4)
    assert float(ask.discriminator_loss(right, unsure, classes)) == pytest.approx(math.log(3))
    assert float(ask.generator_loss(unsure, classes)) == pytest.approx(math.log(3) * 7 / 4)


def test_classes_weigh_the_inverse_of_their_share():
    palette = generic(range(4))
    labels = np.zeros((2, 10, 10), np.uint8)
    labels[0, :2] = 1  # a tenth of all pixels
    labels[0, 2:6] = 2  # a fifth; class 3 is absent
    weights = class_weights(labels, palette)
    np.testing.assert_allclose(weights, [1 / 3 / 0.7, 1 / 3 / 0.1, 1 / 3 / 0.2, 1], rtol=1e-6)


def test_a_very_rare_class_does_not_weigh_everything():
    labels = np.zeros((1, 100, 100), np.uint8)
    labels[0, 0, 0] = 1
    assert class_weights(labels, generic((0, 1)))[1] == HEAVIEST


def test_a_class_that_is_not_scored_weighs_no_more_than_a_usual_pixel():
    labels = np.zeros((1, 10, 10), np.uint8)
    labels[0, 0, :5] = 11
    weights = class_weights(labels, CAMVID)
    assert weights[11] == 1 and class_weights(labels, dataclasses.replace(CAMVID, scored=(0, 11)))[11] == 10


# --- the optimizer


def test_adam_in_one_pass_is_keras_adam():
    def weights(kind):
        keras.utils.set_random_seed(0)
        variables = [keras.Variable(np.ones((3, 4), np.float32)), keras.Variable(np.zeros(5, np.float32))]
        optimizer = kind(1e-2, beta_1=0.5, beta_2=0.999)
        optimizer.build(variables)
        for k in range(20):
            gradients = [tf.constant(np.random.default_rng([k, n]).standard_normal(v.shape), tf.float32)
                         for n, v in enumerate(variables)]  # fmt: skip
            optimizer.apply(gradients, variables)
        return [np.asarray(v) for v in [*variables, *optimizer.variables]]

    ours, theirs = weights(Adam), weights(keras.optimizers.Adam)
    assert int(ours[2]) == 20
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_logits_of_every_other_pixel_are_held_against_its_class():
    ask = PixelObjective(np.ones(3, np.float32))
    classes = tf.constant(np.random.default_rng(0).integers(0, 3, (2, 6, 8)), tf.int32)
    sure = 40 * tf.one_hot(classes[:, ::2, ::2], 4)
    assert float(ask.generator_loss(sure, classes)) == pytest.approx(0, abs=1e-5)
    assert float(ask.generator_loss(sure[:, ::-1], classes)) > 1


def test_a_pixel_is_called_real_when_all_classes_together_are_likelier_than_generated():
    ask = PixelObjective(np.ones(3, np.float32))
    unsure = tf.constant([[[[0.0, 0.0, 0.0, 0.5]]]])  # three times 1 against e to the power of 0.5
    assert [float(share) for share in ask.accuracies(unsure, unsure, None)] == [1, 0]
    surer = tf.constant([[[[0.0, 0.0, 0.0, 1.5]]]])
    assert [float(share) for share in ask.accuracies(*2 * [surer], None)] == [0, 1]
