"""Training of the segmenter that judges generated street scenes."""

import math

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from gan.pix2pix.segmenter_network import build_segmenter
from gan.training import sampling
from gan.training.devices import PRECISIONS
from gan.training.loop import Trainable

BATCH = 8  # scenes an iteration
RATE = 2e-3  # step size of AdamW at the start; falls to 0 along a cosine
IGNORED = 255  # in label maps: a pixel that does not count
ZOOM = (0.6, 1.25)  # side of the part of a scene that is shown, in units of its own; beyond 1 there is a border
OFFSET = 0.5  # added to the light, on the scale of -1 to 1, either way
CONTRAST = 0.5  # share by which contrast changes, either way
TINT = 0.25  # share by which the contrast of each colour changes besides
BALANCE = 0.5  # power of the inverse share of a class that it is weighed by: 0 weighs pixels alike, 1 classes
HEAVIEST = 5.0  # most that a class weighs, in units of the mean weight of a pixel


class SegmenterTrainer(Trainable):
    """The segmenter, its optimizer and its data, with one update as `iterate` (see `gan.training.loop`).

    Args:
        photos: uint8 (N, height, width, 3), kept whole in the device's memory.
        labels: uint8 (N, height, width), class numbers from 0, `IGNORED` where a pixel does not count.
        classes: number of classes.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
        augmented: whether scenes are mirrored, zoomed, shifted and shown in another light.
        odds: float (N,), how often each scene is drawn, in proportion; None draws all alike.
        weights: float32 (classes,), what a pixel of each class weighs in the loss; None: as `class_weights` has it
            of the label maps.
    """

    metric_names = ("loss", "accuracy")
    batch_size = BATCH

    def __init__(
        self,
        photos: np.ndarray,
        labels: np.ndarray,
        classes: int,
        iterations: int,
        seed: int,
        precision: str = "float32",
        augmented: bool = True,
        odds: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ):
        self.seed = seed
        keras.utils.set_random_seed(seed)
        self.model = build_segmenter(classes, photos.shape[2], photos.shape[1], precision=PRECISIONS[precision])
        schedule = keras.optimizers.schedules.CosineDecay(RATE, iterations)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
        self.optimizer.build(self.model.trainable_variables)
        self._augmented = augmented
        # Variables go with the trainer; a compiled function would keep constants.
        self._photos, self._labels = (tf.Variable(each, trainable=False) for each in (photos, labels))
        odds = np.ones(len(photos)) if odds is None else np.asarray(odds, float)
        self._bounds = tf.constant(np.cumsum(odds / odds.sum())[:-1], tf.float32)
        self._weights = tf.constant(class_weights(labels, classes) if weights is None else weights)

    def iterate(self, iteration):
        """One update; float32 (2,): loss and per-pixel accuracy of the batch before it."""
        photos, labels = self._batch(iteration)
        counted = tf.cast(labels != IGNORED, tf.float32)
        wanted = tf.where(labels == IGNORED, 0, labels)
        weights = tf.gather(self._weights, wanted) * counted
        with tf.GradientTape() as tape:
            _, logits = self.model(photos, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
            # A batch may lack scored pixels altogether.
            loss = tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        hits = tf.cast(tf.argmax(logits, axis=3, output_type=tf.int32) == wanted, tf.float32) * counted
        return tf.stack([loss, tf.math.divide_no_nan(tf.reduce_sum(hits), tf.reduce_sum(counted))])

    def _batch(self, iteration):
        """The scenes of an iteration: float32 photos in about [-1, 1] and int32 label maps."""
        share = tf.random.stateless_uniform((BATCH,), sampling.key(self.seed, iteration, "segmenter scenes"))
        rows = tf.searchsorted(self._bounds, share, side="right")
        photos = tf.cast(tf.gather(self._photos, rows), tf.float32) / 127.5 - 1
        labels = tf.cast(tf.gather(self._labels, rows), tf.int32)
        if self._augmented:
            photos, labels = augment_pairs(photos, labels, sampling.key(self.seed, iteration, "segmenter augment"))
        return photos, labels


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """What a pixel of each class weighs in the loss.

    Args:
        labels: uint8 (N, height, width), `IGNORED` where a pixel does not count.
        classes: number of classes.

    Returns:
        float32 (classes,): the share of the class to the power of -`BALANCE`, such that the mean over the pixels is
        1 but for the limit `HEAVIEST`.  Classes without a pixel weigh nothing.
    """
    counts = np.bincount(labels.ravel(), minlength=256)[:classes].astype(float)
    if not counts.sum():
        return np.zeros(classes, np.float32)
    shares = counts / counts.sum()
    weights = np.where(shares > 0, np.maximum(shares, 1e-12) ** -BALANCE, 0)
    return np.minimum(weights / (weights @ shares), HEAVIEST).astype(np.float32)


def augment_pairs(photos, labels, drawn_with):
    """Photos and label maps mirrored, zoomed and shifted alike, the photos in another light.

    Args:
        photos: float32 (N, height, width, 3) in [-1, 1].
        labels: int32 (N, height, width).
        drawn_with: int32 (2,), the key of the draw; each pair has its own.

    Returns:
        float32 photos and int32 label maps of the same shapes.  What lies outside a scene is grey and `IGNORED`;
        light can take values outside [-1, 1].
    """
    count, height, width, _ = photos.shape
    of_view, of_light = tf.unstack(tf.random.split(drawn_with, 2))
    zoom, down, right, side = tf.unstack(tf.random.stateless_uniform((4, count), of_view))
    shown = tf.exp(math.log(ZOOM[0]) + zoom * math.log(ZOOM[1] / ZOOM[0]))
    top, left = down * (1 - shown), right * (1 - shown)
    first, last = tf.where(side < 0.5, left, left + shown), tf.where(side < 0.5, left + shown, left)
    boxes = tf.stack([top, first, top + shown, last], axis=1)  # from right to left is mirrored
    photos = tf.image.crop_and_resize(photos, boxes, tf.range(count), (height, width))
    labels = tf.image.crop_and_resize(
        tf.cast(labels, tf.float32)[..., None], boxes, tf.range(count), (height, width), "nearest", IGNORED
    )
    numbers = tf.random.stateless_uniform((count, 1, 1, 5), of_light, -1.0, 1.0)
    offset, contrast, tint = numbers[..., :1], numbers[..., 1:2], numbers[..., 2:]
    mean = tf.reduce_mean(photos, axis=(1, 2, 3), keepdims=True)
    photos = mean + (photos - mean) * (1 + CONTRAST * contrast) * (1 + TINT * tint) + OFFSET * offset
    return photos, tf.cast(labels[..., 0], tf.int32)
