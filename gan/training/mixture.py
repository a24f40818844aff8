"""Draws training images from real ones and others beside them, by shares that are stated class by class."""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, eq=False)
class Shares:
    """How often what is drawn.

    Attributes:
        classes: float (C,), share of each class in a batch; they sum to 1.
        others: float (C,), share 0-1 of a class's images that is drawn from the others.
        until: iterations in which the others are drawn at all; only real images from then on.
    """

    classes: np.ndarray
    others: np.ndarray
    until: int


class Mixture:
    """Draws batches; what `ClassifierTrainer` takes as `draw`.

    Args:
        images: uint8 (N, height, width, channels), the real images.
        labels: integers (N,), their class ids from 0.
        others: uint8 (M, height, width, channels), generated or interpolated images; M may be 0.
        other_labels: integers (M,), their class ids.
        shares: how often what is drawn.

    Raises:
        ValueError: something is to be drawn that has no images.
    """

    def __init__(self, images, labels, others, other_labels, shares: Shares):
        classes = len(shares.classes)
        groups = np.concatenate([np.asarray(labels, np.int64), np.asarray(other_labels, np.int64) + classes])
        counts = np.bincount(groups, minlength=2 * classes)
        wanted = np.concatenate([shares.classes * (1 - shares.others), shares.classes * shares.others])
        if shares.until <= 0:
            wanted[classes:] = 0
        missing = np.flatnonzero((wanted > 0) & (counts == 0))
        if missing.size or abs(shares.classes.sum() - 1) > 1e-6:
            raise ValueError(f"shares that don't sum to 1, or no images of groups {missing}")
        order = np.argsort(groups, kind="stable")
        together = np.empty((len(groups), *images.shape[1:]), np.uint8)
        of_real = order < len(images)
        together[of_real] = images[order[of_real]]
        together[~of_real] = others[order[~of_real] - len(images)]
        self._images = tf.constant(together)
        self._counts = tf.constant(counts, tf.int32)
        self._firsts = tf.constant(np.cumsum(counts) - counts, tf.int32)
        edges = np.cumsum(shares.classes)
        edges[np.flatnonzero(shares.classes)[-1] :] = 1  # not 0.9999999: every draw falls below it
        self._edges = tf.constant(edges, tf.float32)
        self._others = tf.constant(shares.others, tf.float32)
        self._until = shares.until

    def __call__(self, count: int, drawn_with, iteration):
        """int32 (count,) labels, and an image of each: float32 (count, height, width, channels) in [-1, 1]."""
        of_class, of_group, of_image = tf.unstack(tf.random.stateless_uniform((3, count), drawn_with))
        labels = tf.searchsorted(self._edges, of_class, side="right")
        others = tf.where(tf.cast(iteration, tf.int32) < self._until, tf.gather(self._others, labels), 0.0)
        groups = labels + len(self._others) * tf.cast(of_group < others, tf.int32)
        counts = tf.gather(self._counts, groups)
        within = tf.minimum(tf.cast(of_image * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        images = tf.gather(self._images, tf.gather(self._firsts, groups) + within)
        return labels, tf.cast(images, tf.float32) / 127.5 - 1
