"""The classifier's trainer with another sampler, another batch size, other ways to vary images, and priors."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from gan.dcgan import classifier
from gan.dcgan.classifier import SMOOTHING, ClassifierTrainer, build_classifier
from gan.training import devices, policies, sampling
from gan.training.policies import varied

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
    varied = classifier.policies.varied

    def spy(images, key, policy):
        shown.append((np.asarray(images), policy))
        return varied(images, key, policy)

    monkeypatch.setattr(classifier.policies, "varied", spy)


def test_the_sampler_is_asked_for_the_batch_of_the_iteration(monkeypatch) -> None:
    shown, sampler = [], InOrder()
    spy_on(monkeypatch, shown)
    build(sampler, batch_size=12).iterate(tf.constant(5))
    assert sampler.asked == [(12, 5)]
    ((images, policy),) = shown
    np.testing.assert_array_equal(np.rint((images + 1) * 127.5), np.concatenate([IMAGES, IMAGES]))
    assert policy == policies.MILD


@pytest.mark.parametrize("policy", policies.POLICIES)
def test_the_network_sees_the_images_as_the_policy_varies_them(policy) -> None:
    trainer = build(batch_size=6, policy=policy)
    seen, model = [], trainer.model

    def look(images, training):
        seen.append(np.asarray(images))
        return model(images, training=training)

    look.trainable_variables, look.layers = model.trainable_variables, model.layers
    trainer.model = look
    trainer.iterate(tf.constant(0))
    key, plain = sampling.key(0, 0, "classifier augment"), IMAGES / np.float32(127.5) - 1
    np.testing.assert_allclose(seen[0], varied(tf.constant(plain), key, policy), atol=1e-5)
    assert (np.abs(seen[0] - plain).max() < 1e-6) == (policy == policies.NONE)


def loss_of_saying_class_0(bias=(20.0, 0, 0), **more) -> tuple[float, float]:
    """Loss and accuracy of a classifier that is sure of class 0 whatever it sees."""
    trainer = build(batch_size=6, policy=policies.NONE, **more)
    layer = trainer.model.get_layer("logits")
    layer.kernel.assign(layer.kernel * 0)
    layer.bias.assign([*bias])
    loss, accuracy, *_ = np.asarray(trainer.iterate(tf.constant(0))).tolist()
    return loss, accuracy


def test_priors_are_added_to_the_logits_of_the_loss_and_to_no_answer() -> None:
    right, wrong = 20 * SMOOTHING * 2 / 3, 20 * (1 - SMOOTHING / 3)
    assert loss_of_saying_class_0()[0] == pytest.approx((3 * right + 3 * wrong) / 6, rel=1e-4)
    priors = np.array([0.5, 0.25, 0.25])
    even = loss_of_saying_class_0((0.0, 0, 0), priors=priors)[0]
    # The loss of saying the priors, where the labels are 3, 2 and 1 of six, smoothed.
    wanted = np.array([3, 2, 1]) / 6 * (1 - SMOOTHING) + SMOOTHING / 3
    assert even == pytest.approx(-(wanted * np.log(priors)).sum(), rel=1e-5)
    # What the priors say already is not to be learned: logits that undo them are those of evenly seen classes.
    assert loss_of_saying_class_0(-np.log(priors), priors=priors)[0] == pytest.approx(np.log(3), rel=1e-5)
    assert loss_of_saying_class_0((0.1, 0, 0), priors=np.array([0.1, 0.8, 0.1]))[1] == 0.5


def test_the_batch_size_is_the_default_unless_given() -> None:
    assert build().batch_size == classifier.BATCH == 128
    assert build(batch_size=7).batch_size == 7
