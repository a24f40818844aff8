import gc
import itertools

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from scipy import stats

from gan.training import sampling as draws
from gan.training.loop import Trainable, train_quietly

BASE = {"seed": 1, "iteration": 100, "purpose": "latents"}


def numbers(**changed) -> bytes:
    return np.asarray(draws.latents(4, 10, draws.key(**BASE | changed))).tobytes()


def test_the_same_key_draws_the_same_numbers() -> None:
    assert numbers() == numbers()


@pytest.mark.parametrize(
    "changed",
    [{"seed": 2}, {"seed": 0}, {"iteration": 101}, {"iteration": 0}, {"purpose": "labels"}, {"purpose": "latents "}],
    ids=str,
)
def test_any_change_draws_others(changed: dict) -> None:
    assert numbers() != numbers(**changed)


def test_keys_are_all_different() -> None:
    keys = {
        tuple(np.asarray(draws.key(seed, iteration, purpose)))
        for seed, iteration, purpose in itertools.product(range(12), range(12), ["labels", "images", "dropout"])
    }
    assert len(keys) == 12 * 12 * 3


def test_draws_of_other_purposes_and_iterations_are_unrelated() -> None:
    drawn = [
        np.asarray(draws.latents(1, 20_000, draws.key(seed, iteration, purpose)))[0]
        for seed, iteration, purpose in [(0, 0, "a"), (0, 1, "a"), (1, 0, "a"), (0, 0, "b"), (1, 1, "a")]
    ]
    assert np.abs(np.corrcoef(drawn) - np.eye(5)).max() < 0.04


def test_the_iteration_can_be_a_tensor_of_a_compiled_function() -> None:
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)])
    def compiled(iteration):
        return draws.latents(4, 10, draws.key(1, iteration, "latents"))

    assert np.asarray(compiled(tf.constant(100))).tobytes() == numbers()
    assert np.asarray(compiled(tf.constant(101))).tobytes() == numbers(iteration=101)


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_every_seed_that_is_allowed_makes_a_key(seed: int) -> None:
    key = draws.key(seed, 10**6, "latents")
    assert key.dtype == tf.int32 and key.shape == (2,)


def test_latents_are_standard_normal() -> None:
    drawn = np.asarray(draws.latents(500, 100, draws.key(0, 0, "latents")))
    assert drawn.shape == (500, 100) and drawn.dtype == np.float32
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    assert len(np.unique(drawn[:, 0])) == 500


@pytest.fixture
def dropping() -> keras.Model:
    image = keras.Input((200,))
    return keras.Model(image, keras.layers.Dropout(0.5)(keras.layers.Dropout(0.2)(image)))


def called(model: keras.Model, key) -> np.ndarray:
    draws.set_dropout(model, key)
    return np.asarray(model(np.ones((3, 200), np.float32), training=True))


def test_dropout_is_a_function_of_the_key(dropping: keras.Model) -> None:
    first, other = draws.key(0, 5, "dropout"), draws.key(0, 6, "dropout")
    once, again, changed = called(dropping, first), called(dropping, first), called(dropping, other)
    np.testing.assert_array_equal(once, again)
    assert (once != changed).mean() > 0.2
    assert (once == 0).mean() == pytest.approx(0.6, abs=0.1)


def test_every_dropout_layer_draws_a_stream_of_its_own() -> None:
    image = keras.Input((500,))
    both = keras.Model(image, [keras.layers.Dropout(0.5)(image), keras.layers.Dropout(0.5)(image)])
    draws.set_dropout(both, draws.key(0, 5, "dropout"))
    one, other = (np.asarray(answer) for answer in both(np.ones((1, 500), np.float32), training=True))
    assert ((one == 0) == (other == 0)).mean() == pytest.approx(0.5, abs=0.1)


def test_dropout_without_a_new_key_goes_on_drawing(dropping: keras.Model) -> None:
    once = called(dropping, draws.key(0, 5, "dropout"))
    assert (np.asarray(dropping(np.ones((3, 200), np.float32), training=True)) != once).any()


def test_dropout_in_a_compiled_function_is_that_of_the_key(dropping: keras.Model) -> None:
    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)])
    def compiled(iteration):
        draws.set_dropout(dropping, draws.key(0, iteration, "dropout"))
        return dropping(tf.ones((3, 200)), training=True)

    five, six, again = (np.asarray(compiled(tf.constant(k))) for k in (5, 6, 5))
    np.testing.assert_array_equal(five, again)
    assert (five != six).any()
    np.testing.assert_array_equal(five, called(dropping, draws.key(0, 5, "dropout")))


def test_a_model_without_dropout_is_left_alone() -> None:
    image = keras.Input((3,))
    model = keras.Model(image, keras.layers.Dense(1)(image))
    before = model.get_weights()
    draws.set_dropout(model, draws.key(0, 0, "dropout"))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# Classes


def reddish(labels: np.ndarray) -> np.ndarray:
    """An image for each label: its red is the label, its green counts the images of the label."""
    images = np.zeros((len(labels), 4, 5, 3), np.uint8)
    images[..., 0] = labels[:, None, None]
    for label in np.unique(labels):
        images[labels == label, ..., 1] = np.arange((labels == label).sum())[:, None, None]
    return images


def pixels(images) -> np.ndarray:
    return np.rint((np.asarray(images) + 1) * 127.5).astype(int)


@pytest.fixture(scope="module")
def uneven() -> np.ndarray:
    """Labels of 43 classes of 1 to 40 images, in no order."""
    random = np.random.default_rng(0)
    return random.permutation(np.repeat(np.arange(43), random.permutation(np.clip(np.arange(43) - 2, 1, 40))))


def test_classes_are_drawn_evenly_whatever_their_size(uneven: np.ndarray) -> None:
    drawn = draws.Sampler(reddish(uneven), uneven, 43)
    labels = np.concatenate([np.asarray(drawn.batch(430, draws.key(0, k, "images"))[0]) for k in range(5)])
    assert np.bincount(uneven).min() == 1 and np.bincount(uneven).max() == 40 and labels.dtype == np.int32
    counts = np.bincount(labels, minlength=43)
    assert len(counts) == 43 and ((counts - 50) ** 2 / 50).sum() < 80  # chi-squared with 42 degrees of freedom


def test_an_image_is_of_the_class_that_was_drawn(uneven: np.ndarray) -> None:
    drawn = draws.Sampler(reddish(uneven), uneven, 43)
    labels, images = drawn.batch(300, draws.key(0, 0, "images"))
    assert images.shape == (300, 4, 5, 3) and images.dtype == tf.float32
    np.testing.assert_array_equal(pixels(images)[:, 0, 0, 0], labels)
    wanted = np.arange(43).repeat(4)
    np.testing.assert_array_equal(pixels(drawn.of(tf.constant(wanted), draws.key(0, 0, "x")))[:, 3, 4, 0], wanted)


def test_every_image_of_a_class_is_drawn_as_often_as_any_other() -> None:
    labels = np.array([1] * 30 + [0] * 3 + [2])
    drawn = draws.Sampler(reddish(labels), labels, 3)
    for label, size in enumerate((3, 30, 1)):
        images = drawn.of(tf.fill((1500,), label), draws.key(0, label, "images"))
        counts = np.bincount(pixels(images)[:, 0, 0, 1])
        assert len(counts) == size and stats.chisquare(counts).pvalue > 1e-3 if size > 1 else counts == [1500]


def test_how_classes_are_mixed_in_store_does_not_matter(uneven: np.ndarray) -> None:
    images, order = reddish(uneven), np.argsort(-uneven, kind="stable")  # within a class the order is the same
    key = draws.key(3, 4, "images")
    for one, other in zip(
        draws.Sampler(images, uneven, 43).batch(200, key),
        draws.Sampler(images[order], uneven[order], 43).batch(200, key),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_what_is_drawn_is_a_function_of_the_key(uneven: np.ndarray) -> None:
    drawn = draws.Sampler(reddish(uneven), uneven, 43)
    drawn_labels, drawn_images = drawn.batch(50, draws.key(0, 1, "images"))
    again_labels, again_images = drawn.batch(50, draws.key(0, 1, "images"))
    np.testing.assert_array_equal(drawn_labels, again_labels)
    np.testing.assert_array_equal(drawn_images, again_images)
    other_labels, _ = drawn.batch(50, draws.key(0, 2, "images"))
    assert (np.asarray(drawn_labels) != np.asarray(other_labels)).any()
    same = tf.fill((50,), 5)
    one, other = (drawn.of(same, draws.key(0, k, "images")) for k in (1, 2))
    assert (np.asarray(one) != np.asarray(other)).any()


def test_pixels_are_scaled_to_the_range_of_the_networks() -> None:
    drawn = draws.Sampler(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1), np.zeros(2, np.uint8), 1)
    assert sorted(np.unique(drawn.of(tf.zeros(40, tf.int32), draws.key(0, 0, "x")))) == [-1, 1]


# Classes and extra images by shares


def images_of(labels: list[int], red: int) -> np.ndarray:
    """An image for each label, its class in the green channel and its place in the blue one."""
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    images[..., 0] = red
    images[..., 1] = np.array(labels, int).reshape(-1, 1, 1) * 10
    images[..., 2] = np.arange(len(labels)).reshape(-1, 1, 1)
    return images


REAL, OTHERS = [2, 0, 1, 1, 0, 0, 2, 2, 2, 2], [2, 1, 2]


def mixture(classes, others, until: int = 100) -> draws.Sampler:
    shares = draws.Shares(np.array(classes), np.array(others, float), until)
    extra = images_of(OTHERS, 200), np.array(OTHERS)
    return draws.Sampler(images_of(REAL, 0), np.array(REAL), 3, shares, *extra)


def drawn_of(mix: draws.Sampler, count: int = 20_000, iteration: int = 0, seed: int = 0):
    """Class, whether it is from the others, and place, of every image drawn."""
    labels, images = mix.batch(count, draws.key(seed, iteration, "test"), tf.constant(iteration))
    assert images.dtype == tf.float32 and labels.dtype == tf.int32
    pixels = np.rint((np.asarray(images)[:, 0, 0] + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(pixels[:, 1], np.asarray(labels) * 10)
    return np.asarray(labels), pixels[:, 0] == 200, pixels[:, 2]


def test_classes_and_others_come_as_often_as_they_should() -> None:
    labels, others, _ = drawn_of(mixture([0.2, 0.3, 0.5], [0, 0.25, 0.9]))
    np.testing.assert_allclose(np.bincount(labels) / len(labels), [0.2, 0.3, 0.5], atol=0.015)
    shares = [others[labels == k].mean() for k in range(3)]
    assert shares[0] == 0
    np.testing.assert_allclose(shares, [0, 0.25, 0.9], atol=0.015)


def test_within_a_class_every_image_comes_as_often_as_any_other() -> None:
    labels, others, places = drawn_of(mixture([0.2, 0.3, 0.5], [0, 0.5, 0.5]))
    of_real = places[(labels == 2) & ~others]
    assert set(of_real) == {0, 6, 7, 8, 9}
    np.testing.assert_allclose(np.bincount(of_real)[[0, 6, 7, 8, 9]] / len(of_real), 0.2, atol=0.02)
    assert set(places[(labels == 2) & others]) == {0, 2} and set(places[(labels == 1) & others]) == {1}


def test_the_others_end_when_they_should() -> None:
    mix = mixture([0.2, 0.3, 0.5], [0, 1, 1], until=7)
    _, before, _ = drawn_of(mix, 1000, 6)
    _, after, _ = drawn_of(mix, 1000, 7)
    assert before.mean() == pytest.approx(0.8, abs=0.05) and not after.any()


def test_a_mixed_draw_is_a_function_of_its_key() -> None:
    mix = mixture([0.2, 0.3, 0.5], [0, 0.5, 0.5])
    first, again, other = (np.stack(drawn_of(mix, 50, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_class_without_a_share_is_never_drawn() -> None:
    labels, _, _ = drawn_of(mixture([0.5, 0.0, 0.5], [0, 0, 0]))
    assert set(labels) == {0, 2}
    shares = draws.Shares(np.array([0.5, 0.5, 0]), np.zeros(3), 1)
    alone = draws.Sampler(images_of([0, 1], 0), np.array([0, 1]), 3, shares)
    assert set(drawn_of(alone)[0]) == {0, 1}


def test_what_is_not_there_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match=r"groups \[3\]"):
        mixture([0.2, 0.3, 0.5], [0.1, 0, 0])
    mixture([0.2, 0.3, 0.5], [0.1, 0, 0], until=0)  # never asked for
    with pytest.raises(ValueError, match="sum to 1"):
        mixture([0.2, 0.3, 0.6], [0, 0, 0])
    with pytest.raises(ValueError, match=r"groups \[1 3\]"):
        shares = draws.Shares(np.array([0.5, 0.25, 0, 0.25]), np.zeros(4), 1)
        draws.Sampler(images_of([0], 0), np.array([0]), 4, shares)


class Trained(Trainable):
    """What `train_quietly` trains, as far as it draws."""

    metric_names, batch_size = ("mean",), 4

    def __init__(self, megabytes: int):
        images = np.zeros((megabytes, 1024, 1024, 1), np.uint8)
        self.sampler = draws.Sampler(images, np.zeros(megabytes, int), 1)

    def iterate(self, iteration):
        _, images = self.sampler.batch(2, draws.key(0, iteration, "x"), iteration)
        return tf.reshape(tf.reduce_mean(images), (1,))


def test_a_process_that_trains_again_and_again_keeps_no_images() -> None:
    """The graph of a compiled loop stays to the end of the process: it must not hold the data."""
    before = None
    for _ in range(6):
        train_quietly(Trained(100), 2, lambda count: None)
        gc.collect()
        now = psutil.Process().memory_info().rss >> 20
        before = before or now
    assert now - before < 150, "megabytes, of the 500 that were drawn from since"
