"""The last layer that is fitted anew: it finds a rare class, knows no class without images, and changes no other."""

import keras
import numpy as np
import pytest

from gan.dcgan.classifier import build_classifier
from gan.dcgan.judge import Judge
from gan.dcgan.last_layer import features, retrain
from gan.training.policies import MILD, NONE

COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])


@pytest.fixture(autouse=True)
def the_same_weights_each_time():
    keras.utils.set_random_seed(0)


def coloured(counts: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images in the colour of their class."""
    draws = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    images = COLOURS[labels][:, None, None] + draws.integers(-40, 40, (len(labels), 32, 32, 3))
    return images.clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("counts", [[60, 40, 5], [60, 5, 0], [0, 50, 5]])
def test_a_rare_class_is_found_and_one_without_images_never(counts) -> None:
    model = build_classifier(3, width=16)
    before = [layer.numpy() for layer in model.variables if "logits" not in layer.path]
    images, labels = coloured(counts)
    retrain(model, images, labels, NONE, 0)
    others, expected = coloured([20 * (count > 0) for count in counts], seed=1)
    probabilities = Judge(model)(others)[1]
    assert (probabilities.argmax(axis=1) == expected).mean() > 0.95
    assert probabilities[:, np.array(counts) == 0].max(initial=0) < 1e-6
    for kept, now in zip(before, [v.numpy() for v in model.variables if "logits" not in v.path], strict=True):
        np.testing.assert_array_equal(kept, now)


def test_features_are_those_of_the_last_layer_and_follow_policy_and_seed() -> None:
    model, (images, _) = build_classifier(3, width=16), coloured([3, 3, 3])
    found = features(model, images)
    kernel, bias = model.get_layer("logits").get_weights()
    logits = np.asarray(model(images.astype(np.float32) / 127.5 - 1, training=False)[1])
    np.testing.assert_allclose(found @ kernel + bias, logits, atol=1e-4)
    varied = features(model, images, MILD, 1)
    assert np.abs(varied - found).max() > 1e-3
    np.testing.assert_array_equal(varied, features(model, images, MILD, 1))
    assert (features(model, images, MILD, 2) != varied).any()
