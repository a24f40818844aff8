import keras
import numpy as np
import pytest

from gan.dcgan.classifier import build_classifier

WIDTH = 4
CLASSES = 5


def images(count: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32)


def called(model: keras.Model, given: np.ndarray, training: bool = False) -> tuple[np.ndarray, np.ndarray]:
    features, logits = model(given, training=training)
    return np.asarray(features), np.asarray(logits)


@pytest.fixture(autouse=True)
def same_weights_every_time() -> None:
    keras.utils.set_random_seed(0)


def test_width_is_the_number_of_channels_of_the_first_pair() -> None:
    model = build_classifier(CLASSES, width=5)
    shapes = [tuple(model.get_layer(f"conv_{size}_2").output.shape[1:]) for size in (32, 16, 8)]
    assert shapes == [(32, 32, 5), (16, 16, 10), (8, 8, 20)]
    assert build_classifier(43).get_layer("conv_32_1").filters == 32


def test_features_of_a_batch_have_mean_0_and_variance_1_in_training() -> None:
    features, _ = called(build_classifier(CLASSES, WIDTH), images(64), training=True)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.var(axis=0), 1, atol=0.1)


def test_dropout_is_for_training_only() -> None:
    model = build_classifier(CLASSES, WIDTH)
    np.testing.assert_array_equal(called(model, images())[1], called(model, images())[1])
    once, again = (called(model, images(), training=True)[1] for _ in range(2))
    assert (once != again).all()
