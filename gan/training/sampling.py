"""Random draws as pure functions of (seed, iteration, replica, purpose).

Nothing that draws has a state, so a resumed run needs none: iteration 400 draws the same numbers whether or not
the program stopped at 200.
"""

import zlib

import keras
import numpy as np
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
    """Make the next calls of a model's dropout layers a function of a key instead of their own history.

    Every layer draws a stream of its own: its place in the model is part of its key.
    """
    generators = [
        layer.seed_generator for layer in model.layers if getattr(layer, "seed_generator", None) is not None
    ]
    for place, generator in enumerate(generators):
        generator.state.assign(tf.cast(tf.random.fold_in(drawn_with, place), generator.state.dtype))


class EvenDraw:
    """Draws images of a data set so that every class comes as often as any other.

    Args:
        images: uint8 (N, height, width, channels), kept whole in the device's memory.
        labels: integers (N,), from 0 to `classes` - 1, each of them at least once.
        classes: number of classes.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, classes: int):
        counts = np.bincount(labels, minlength=classes)
        self._images = tf.constant(images[np.argsort(labels, kind="stable")])
        self._counts = tf.constant(counts, tf.int32)
        self._firsts = tf.constant(np.cumsum(counts) - counts, tf.int32)

    def batch(self, count: int, drawn_with):
        """int32 (count,) labels, and an image of each: float32 (count, height, width, channels) in [-1, 1]."""
        of_labels, of_images = tf.unstack(tf.random.split(drawn_with, 2))
        labels = tf.random.stateless_uniform((count,), of_labels, 0, len(self._counts), tf.int32)
        return labels, self.of(labels, of_images)

    def of(self, labels, drawn_with):
        """For each label an image of it: float32 (count, height, width, channels) in [-1, 1]."""
        counts = tf.gather(self._counts, labels)
        share = tf.random.stateless_uniform((len(labels),), drawn_with)
        within = tf.minimum(tf.cast(share * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        images = tf.gather(self._images, tf.gather(self._firsts, labels) + within)
        return tf.cast(images, tf.float32) / 127.5 - 1
