from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

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


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_features_and_logits_have_their_shapes_and_are_float32(precision: str) -> None:
    model = build_classifier(CLASSES, WIDTH, precision)
    for training in (False, True):
        features, logits = model(images(), training=training)
        assert tuple(features.shape) == (6, 128) and tuple(logits.shape) == (6, CLASSES)
        for answer in (features, logits):
            assert keras.backend.standardize_dtype(answer.dtype) == "float32"
            assert np.isfinite(np.asarray(answer)).all()
    assert all(variable.dtype == "float32" for variable in model.variables if "seed" not in variable.path)


def test_inner_layers_compute_in_the_precision_that_is_asked_for() -> None:
    reduced, exact = build_classifier(CLASSES, WIDTH, "mixed_bfloat16"), build_classifier(CLASSES, WIDTH)
    heavy = [layer for layer in reduced.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(heavy) == 6 and all(layer.compute_dtype == "bfloat16" for layer in heavy)
    assert all(reduced.get_layer(name).compute_dtype == "float32" for name in ("dense", "features", "logits"))
    assert all(layer.compute_dtype == "float32" for layer in exact.layers)


def test_width_is_the_number_of_channels_of_the_first_pair() -> None:
    model = build_classifier(CLASSES, width=5)
    shapes = [tuple(model.get_layer(f"conv_{size}_2").output.shape[1:]) for size in (32, 16, 8)]
    assert shapes == [(32, 32, 5), (16, 16, 10), (8, 8, 20)]
    assert build_classifier(43).get_layer("conv_32_1").filters == 32


def test_other_images_have_other_answers_that_do_not_depend_on_their_company() -> None:
    model = build_classifier(CLASSES, WIDTH)
    together = called(model, images())
    alone = called(model, images()[2:3])
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], all_of_them[2], atol=1e-5)
        assert np.abs(all_of_them[2] - all_of_them[3]).max() > 1e-3
    # While training it is the batch that is normalised.
    assert np.abs(called(model, images(), training=True)[0][2] - together[0][2]).max() > 1e-2


def test_features_of_a_batch_have_mean_0_and_variance_1_in_training() -> None:
    features, _ = called(build_classifier(CLASSES, WIDTH), images(64), training=True)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(features.var(axis=0), 1, atol=0.1)


def test_dropout_is_for_training_only() -> None:
    model = build_classifier(CLASSES, WIDTH)
    np.testing.assert_array_equal(called(model, images())[1], called(model, images())[1])
    once, again = (called(model, images(), training=True)[1] for _ in range(2))
    assert (once != again).all()


def test_every_weight_has_a_gradient() -> None:
    model = build_classifier(CLASSES, WIDTH)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(images(), training=True)[1] ** 2)
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        largest = np.abs(np.asarray(gradient)).max()
        # The bias before a normalisation is taken away by it.
        assert largest > 1e-6 or weight.path.endswith("dense/bias"), weight.path


def test_a_saved_classifier_answers_the_same_and_needs_only_keras(tmp_path: Path) -> None:
    model = build_classifier(CLASSES, WIDTH)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    called(model, images(), training=True)  # moves the statistics of the normalisation
    model.save(tmp_path / "classifier.keras")
    loaded = keras.saving.load_model(tmp_path / "classifier.keras", safe_mode=True)
    for mine, theirs in zip(called(model, images()), called(loaded, images()), strict=True):
        np.testing.assert_array_equal(mine, theirs)
