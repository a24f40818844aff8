"""Random draws as pure functions of (seed, iteration, replica, purpose).

Nothing that draws has a state, so a resumed run needs none: iteration 400 draws the same numbers whether or not
the program stopped at 200.
"""

import zlib

import keras
import tensorflow as tf


def key(seed: int, iteration, purpose: str):
    """The seed of one draw, for the `tf.random.stateless_*` functions.

    Args:
        seed: the run's seed.
        iteration: the iteration, a Python int or an integer tensor.
        purpose: what is drawn; draws of different purposes are independent.

    Returns:
        int32 (2,), different on every replica of a distributed step.
    """
    mixed = tf.constant([seed & 0x7FFFFFFF, zlib.crc32(purpose.encode()) & 0x7FFFFFFF], tf.int32)
    mixed = tf.random.fold_in(mixed, tf.cast(iteration, tf.int32))
    context = tf.distribute.get_replica_context()
    return tf.random.fold_in(mixed, tf.cast(context.replica_id_in_sync_group, tf.int32))


def latents(count: int, size: int, drawn_with):
    """float32 (count, size) from the standard normal distribution."""
    return tf.random.stateless_normal((count, size), drawn_with)


def set_dropout(model: keras.Model, drawn_with) -> None:
    """Make the next calls of a model's dropout layers a function of a key instead of their own history."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(tf.cast(drawn_with, generator.state.dtype))
