from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.pix2pix.segmenter import build_segmenter

CHANNELS = 2
CLASSES = 5


def photos(count: int = 3, height: int = 32, width: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


def build(width: int = 48, height: int = 32, **more) -> keras.Model:
    return build_segmenter(CLASSES, width, height, CHANNELS, **more)


def called(model: keras.Model, given: np.ndarray, training: bool = False) -> tuple[np.ndarray, np.ndarray]:
    features, logits = model(given, training=training)
    return np.asarray(features), np.asarray(logits)


@pytest.fixture(autouse=True)
def same_weights_every_time() -> None:
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_features_and_logits_have_their_shapes_and_are_float32(precision: str) -> None:
    model = build(precision=precision)
    for training in (False, True):
        features, logits = model(photos(), training=training)
        assert tuple(features.shape) == (3, 8 * CHANNELS) and tuple(logits.shape) == (3, 32, 48, CLASSES)
        for answer in (features, logits):
            assert keras.backend.standardize_dtype(answer.dtype) == "float32"
            assert np.isfinite(np.asarray(answer)).all()
    assert all(variable.dtype == "float32" for variable in model.variables)
    heavy = [layer for layer in model.layers if layer.name.startswith(("conv", "up"))]
    wanted = "bfloat16" if precision == "mixed_bfloat16" else "float32"
    assert len(heavy) == 18 and all(layer.compute_dtype == wanted for layer in heavy)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 31), (36, 24), (128, 96), (100, 45)])
def test_every_pixel_has_an_answer_at_any_size(width: int, height: int) -> None:
    features, logits = called(build(width, height), photos(1, height, width))
    assert logits.shape == (1, height, width, CLASSES) and features.shape == (1, 8 * CHANNELS)


def test_weights_do_not_depend_on_the_size() -> None:
    small, large = build(17, 31), build(128, 96)
    assert [v.shape for v in small.variables] == [v.shape for v in large.variables]


@pytest.mark.parametrize(("width", "height"), [(15, 64), (64, 15)])
def test_photos_that_are_too_small_are_an_error(width: int, height: int) -> None:
    with pytest.raises(ValueError, match=f"{width}x{height} are too small: 16 pixels"):
        build(width, height)


def test_channels_are_those_of_the_finest_resolution() -> None:
    assert build_segmenter(11, 64, 48).get_layer("conv_0_1").filters == 16
    assert build(48, 32).get_layer("conv_0_1").filters == CHANNELS


def test_other_photos_have_other_answers_that_do_not_depend_on_their_company() -> None:
    model = build()
    together, alone = called(model, photos()), called(model, photos()[1:2])
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], all_of_them[1], atol=1e-5)
        assert np.abs(all_of_them[0] - all_of_them[1]).max() > 1e-3


def test_an_answer_sees_its_own_pixel_finely_and_the_rest_of_the_photo() -> None:
    model = build()
    before = called(model, photos(1))[1]
    changed = photos(1)
    changed[0, 10, 20] += 1
    moved = np.abs(called(model, changed)[1] - before).max(axis=(0, 3))
    assert moved[10, 20] > 10 * np.median(moved) and moved.max() == moved[8:13, 18:23].max()
    far = photos(1)
    far[0, :, :8] *= -1
    assert np.abs(called(model, far)[1] - before)[0, :, -1].max() > 0


def test_every_weight_has_a_gradient() -> None:
    model = build()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(photos(), training=True)[1] ** 2)
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        assert np.abs(np.asarray(gradient)).max() > 1e-6, weight.path


def test_a_saved_segmenter_answers_the_same_and_needs_only_keras(tmp_path: Path) -> None:
    model = build(36, 24)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    called(model, photos(2, 24, 36), training=True)  # moves the statistics of the normalisation
    model.save(tmp_path / "segmenter.keras")
    loaded = keras.saving.load_model(tmp_path / "segmenter.keras", safe_mode=True)
    for mine, theirs in zip(called(model, photos(2, 24, 36)), called(loaded, photos(2, 24, 36)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
