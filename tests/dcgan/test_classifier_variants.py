"""The classifier's trainer with another sampler, weights, another batch size, and without augmentation."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from gan.dcgan import classifier
from gan.dcgan.classifier import SMOOTHING, ClassifierTrainer, build_classifier
from gan.training import devices

LABELS = np.array([0, 0, 0, 1, 1, 2], np.uint8)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def small_and_the_same_bits_each_time(monkeypatch):
    devices.make_deterministic()
    monkeypatch.setattr(classifier, "build_classifier", functools.partial(build_classifier, width=2))


class InOrder:
    """Draws the six images again and again."""

    classes, size = 3, 32

    def __init__(self):
        self.asked = []

    def batch(self, count, drawn_with, iteration):
        self.asked.append((count, int(iteration)))
        chosen = np.arange(count) % 6
        return tf.constant(LABELS[chosen], tf.int32), tf.constant(IMAGES[chosen] / np.float32(127.5) - 1)


def build(sampler=None, **more) -> ClassifierTrainer:
    return ClassifierTrainer(sampler or InOrder(), 8, 0, **more)


def spy_on(monkeypatch, shown: list) -> None:
    augment = classifier.augment

    def spy(images, key):
        shown.append(np.asarray(images))
        return augment(images, key)

    monkeypatch.setattr(classifier, "augment", spy)


def test_the_sampler_is_asked_for_the_batch_of_the_iteration(monkeypatch) -> None:
    shown, sampler = [], InOrder()
    spy_on(monkeypatch, shown)
    build(sampler, batch_size=12).iterate(tf.constant(5))
    assert sampler.asked == [(12, 5)]
    np.testing.assert_array_equal(np.rint((shown[0] + 1) * 127.5), np.concatenate([IMAGES, IMAGES]))


def test_without_augmentation_the_network_sees_the_images_as_they_are(monkeypatch) -> None:
    shown = []
    spy_on(monkeypatch, shown)
    trainer = build(batch_size=6, augmented=False)
    seen, model = [], trainer.model

    def look(images, training):
        seen.append(np.asarray(images))
        return model(images, training=training)

    look.trainable_variables, look.layers = model.trainable_variables, model.layers
    trainer.model = look
    trainer.iterate(tf.constant(0))
    assert shown == []
    np.testing.assert_allclose(seen[0], IMAGES / 127.5 - 1, atol=1e-6)


def loss_of_saying_class_0(**more) -> float:
    """The loss of a classifier that is sure of class 0 whatever it sees."""
    trainer = build(batch_size=6, augmented=False, **more)
    layer = trainer.model.get_layer("logits")
    layer.kernel.assign(layer.kernel * 0)
    layer.bias.assign([20.0, 0, 0])
    return float(trainer.iterate(tf.constant(0))[0])


def test_weights_multiply_the_loss_of_their_class() -> None:
    right, wrong = 20 * SMOOTHING * 2 / 3, 20 * (1 - SMOOTHING / 3)
    assert loss_of_saying_class_0() == pytest.approx((3 * right + 3 * wrong) / 6, rel=1e-4)
    weighed = loss_of_saying_class_0(weights=np.array([2 / 3, 1, 2]))
    assert weighed == pytest.approx((2 * right + 2 * wrong + 2 * wrong) / 6, rel=1e-4)
    assert loss_of_saying_class_0(weights=np.zeros(3)) == 0


def test_the_batch_size_is_the_default_unless_given() -> None:
    assert build().batch_size == classifier.BATCH == 128
    assert build(batch_size=7).batch_size == 7
