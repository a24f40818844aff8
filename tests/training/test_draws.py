import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from gan.training import draws

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
