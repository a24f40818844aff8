"""Random draws as pure functions of (seed, iteration, replica, purpose).

Nothing that draws has a state, so a resumed run needs none: iteration 400 draws the same numbers whether or not
the program stopped at 200.
"""

import dataclasses
import zlib

import keras
import numpy as np
import tensorflow as tf

PIECE = 4_096  # images that are copied at a time


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


def share(batch_size: int) -> int:
    """How many images of a batch a replica takes."""
    return batch_size // tf.distribute.get_replica_context().num_replicas_in_sync


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


@dataclasses.dataclass(frozen=True, eq=False)
class Shares:
    """How often each class is drawn, and how often from the extra images.

    Attributes:
        classes: float (C,), share of each class in a batch; they sum to 1.
        extra: float (C,), share 0-1 of a class's images that is drawn from the extra ones.
        until: iterations in which extra images are drawn at all; only real images from then on.
    """

    classes: np.ndarray
    extra: np.ndarray
    until: int


class Sampler:
    """Draws labelled images: all classes evenly, or by stated shares from real and extra images.

    The images are a variable in the device's memory, which goes with the sampler: a compiled function that has drawn
    from it keeps none of them.

    Args:
        images: uint8 (N, height, width, channels).
        labels: integers (N,), from 0 to `classes` - 1; without shares each of them at least once.
        classes: number of classes.
        shares: how often what is drawn; None: every class as often as any other, no extra images.
        extra: uint8 (M, height, width, channels), generated or interpolated images.
        extra_labels: integers (M,), their classes.

    Raises:
        ValueError: the shares do not sum to 1, or something is to be drawn that has no images.
    """

    def __init__(self, images, labels, classes, shares=None, extra=None, extra_labels=None):
        self.classes, self._shares = classes, shares
        groups, parts = np.asarray(labels, np.int64), [images]
        if extra is not None and len(extra):  # a group of real and a group of extra images for each class
            groups, parts = np.concatenate([groups, np.asarray(extra_labels, np.int64) + classes]), [images, extra]
        counts = np.bincount(groups, minlength=2 * classes)
        if shares is not None:
            _require_images(shares, counts)
            edges = np.cumsum(shares.classes)
            edges[np.flatnonzero(shares.classes)[-1] :] = 1  # not 0.9999999: every draw falls below it
            self._edges = tf.constant(edges, tf.float32)
            self._extra = tf.constant(shares.extra, tf.float32)
        self.size = images.shape[1]
        self._images = _variable(parts)
        # Places in order of group, and not images: large data sets are held once.
        self._order = tf.constant(np.argsort(groups, kind="stable"), tf.int32)
        self._counts = tf.constant(counts, tf.int32)
        self._firsts = tf.constant(np.cumsum(counts) - counts, tf.int32)

    def batch(self, count: int, drawn_with, iteration=0):
        """int32 (count,) labels, and an image of each: float32 (count, height, width, channels) in [-1, 1].

        Args:
            count: number of images.
            drawn_with: int32 (2,), the key of the draw.
            iteration: updates made before, an integer; decides whether extra images are drawn.
        """
        if self._shares is None:
            of_labels, of_images = tf.unstack(tf.random.split(drawn_with, 2))
            labels = tf.random.stateless_uniform((count,), of_labels, 0, self.classes, tf.int32)
            return labels, self.of(labels, of_images)
        of_class, of_group, of_image = tf.unstack(tf.random.stateless_uniform((3, count), drawn_with))
        labels = tf.searchsorted(self._edges, of_class, side="right")
        extra = tf.where(tf.cast(iteration, tf.int32) < self._shares.until, tf.gather(self._extra, labels), 0.0)
        return labels, self._take(labels + self.classes * tf.cast(of_group < extra, tf.int32), of_image)

    def of(self, labels, drawn_with):
        """For each label a real image of it: float32 (count, height, width, channels) in [-1, 1]."""
        return self._take(labels, tf.random.stateless_uniform((labels.shape[0],), drawn_with))

    def _take(self, groups, place):
        """The image at a place, from 0 to below 1, of each group."""
        counts = tf.gather(self._counts, groups)
        within = tf.minimum(tf.cast(place * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        images = tf.gather(self._images, tf.gather(self._order, tf.gather(self._firsts, groups) + within))
        return tf.cast(images, tf.float32) / 127.5 - 1


def _variable(parts: list[np.ndarray]) -> tf.Variable:
    """Images as one variable; piece by piece, so that memory never holds a second copy of many images."""
    shape = sum(map(len, parts)), *parts[0].shape[1:]
    # TensorFlow sends no uint8 to other hosts, and half floats hold the same values.
    several = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    images, first = tf.Variable(tf.zeros(shape, tf.float16 if several else tf.uint8), trainable=False), 0
    for part in parts:
        for start in range(0, len(part), PIECE):
            piece = part[start : start + PIECE].astype(images.dtype.as_numpy_dtype)
            images.scatter_update(tf.IndexedSlices(piece, tf.range(first, first + len(piece))))
            first += len(piece)
    return images


def _require_images(shares: Shares, counts: np.ndarray) -> None:
    wanted = np.concatenate([shares.classes * (1 - shares.extra), shares.classes * shares.extra])
    if shares.until <= 0:
        wanted[len(shares.classes) :] = 0
    missing = np.flatnonzero((wanted > 0) & (counts == 0))
    if missing.size or abs(shares.classes.sum() - 1) > 1e-6:
        raise ValueError(f"shares that don't sum to 1, or no images of groups {missing}")
