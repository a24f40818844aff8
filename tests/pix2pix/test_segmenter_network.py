import keras
import numpy as np
import pytest

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
