import keras
import numpy as np
import pytest

from gan.dcgan import inception
from gan.dcgan.inception import Inception
from gan.errors import UserError


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Exception("URL fetch failure on https://host/weights.h5: None -- Name or service not known"), "URL fetch"),
        (ValueError("Incomplete or corrupted file detected.\nThe md5 file hash does not match."), "corrupted file"),
        (OSError(), "OSError"),
        (ConnectionError("x" * 5000), "xxx"),
    ],
    ids=["no network", "wrong hash", "no words", "many words"],
)
def test_weights_that_can_not_be_had_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def failing(**_):
        raise error

    monkeypatch.setattr(keras.applications, "InceptionV3", failing)
    with pytest.raises(UserError) as raised:
        Inception()
    text = str(raised.value)
    assert "inception=true" in text and words in text and "without inception=true" in text
    assert "\n" not in text and len(text) < 400 and text.endswith(".")
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What a small network in the place of the large one is given; its features are mean, least and largest value."""
    seen = []

    class Small:
        def __call__(self, batch, training):
            assert training is False
            seen.append(np.asarray(batch))
            flat = seen[-1].reshape(len(batch), -1)
            return np.stack([flat.mean(axis=1), flat.min(axis=1), flat.max(axis=1)], axis=1)

    def build(**options):
        assert options == {"include_top": False, "pooling": "avg", "input_shape": (299, 299, 3)}
        return Small()

    monkeypatch.setattr(keras.applications, "InceptionV3", build)
    return seen


def test_images_are_enlarged_and_scaled_as_the_network_was_trained(given: list[np.ndarray]) -> None:
    flat = np.repeat(np.array([0, 51, 255], np.uint8), 32 * 32 * 3).reshape(3, 32, 32, 3)
    features = Inception()(flat)
    np.testing.assert_allclose(features, np.repeat([[-1.0], [-0.6], [1.0]], 3, axis=1), atol=1e-4)
    assert given[0].shape == (3, 299, 299, 3) and given[0].dtype == np.float32
    left = np.zeros((1, 32, 32, 3), np.uint8)
    left[:, :, :16, 1] = 200
    Inception()(left)
    large = (given[-1][0] + 1) * 127.5
    np.testing.assert_allclose(large[10:-10, 10:130, 1], 200, atol=1)
    np.testing.assert_allclose(large[10:-10, 170:-10, 1], 0, atol=1)
    assert large[..., [0, 2]].max() < 1e-3


def test_large_images_are_made_smaller_without_aliases(given: list[np.ndarray]) -> None:
    stripes = np.zeros((1, 598, 598, 3), np.uint8)
    stripes[:, :, ::2] = 200
    Inception()(stripes)
    assert np.abs(given[0][0, 10:-10, 10:-10] - (100 / 127.5 - 1)).max() < 0.1


def test_every_image_has_its_features_whatever_the_batch(
    given: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, some = Inception(), images(7)
    wanted = network(some)
    monkeypatch.setattr(inception, "BATCH", 3)
    features = network(some)
    assert [len(batch) for batch in given] == [7, 3, 3, 1]
    np.testing.assert_allclose(features, wanted, atol=1e-5)
    assert len(np.unique(wanted[:, 0])) == 7


def test_features_are_those_of_the_network_before_its_last_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.applications.InceptionV3
    keras.utils.set_random_seed(0)
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: original(weights=None, **options))
    network, some = Inception(), images(2)
    features = network(some)
    assert features.shape == (2, 2048) and features.dtype == np.float32 and np.isfinite(features).all()
    assert np.abs(features[0] - features[1]).max() > 1e-3 * np.abs(features).max()
    np.testing.assert_allclose(network(some[1:])[0], features[1], atol=1e-4 * np.abs(features).max())
