"""The segmenter that judges generated street scenes, a small U-Net: its network and its training."""

import math

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan.config import PRECISIONS
from gan.training import sampling
from gan.training.judge import JudgeTrainer

# All constants belong to the recipe by which trained segmenters are found in the archive.
BATCH = 8  # scenes an iteration
RATE = 2e-3  # step size of AdamW at the start
IGNORED = 255  # in label maps: a pixel that does not count
ZOOM = (0.6, 1.25)  # side of the part of a scene that is shown, in units of its own; beyond 1 there is a border
OFFSET = 0.5  # added to the light, on the scale of -1 to 1, either way
CONTRAST = 0.5  # share by which contrast changes, either way
TINT = 0.25  # share by which the contrast of each colour changes besides
BALANCE = 0.5  # power of the inverse share of a class that it is weighed by: 0 weighs pixels alike, 1 classes
HEAVIEST = 5.0  # most that a class weighs, in units of the mean weight of a pixel


def build_segmenter(
    classes: int, width: int, height: int, channels: int = 16, precision: str = "float32"
) -> keras.Model:
    """A model from photos to features and logits of every pixel.

    A U-Net (Ronneberger, Fischer and Brox 2015, arXiv 1505.04597, section 2): pairs of 3x3 convolutions at five
    resolutions, each half of the one before, and on the way back up-convolutions and skip connections.  Unlike
    there it has batch normalisation and keeps the size, each step up has one convolution, not two, and there are
    four times fewer channels, so that a training takes minutes on two cores.

    Args:
        classes: number of classes.
        width: of the photos in pixels, 16 or more; any size will do.
        height: the same.
        channels: at full resolution; the features have eight times as many dimensions.
        precision: Keras dtype policy of the inner layers; features and logits are float32 always.

    Returns:
        A model of input float32 (N, height, width, 3) in [-1, 1]; outputs float32 (N, 8 * channels), features of
        about unit variance that say what is in the photo but not where, and float32 (N, height, width, classes),
        logits.

    Raises:
        ValueError: the photos are too small.
    """
    units = 1, 2, 4, 8, 8  # channels at each resolution, from the finest to the coarsest, in units of the finest
    smallest = 2 ** (len(units) - 1)
    if min(height, width) < smallest:
        raise ValueError(f"photos of {width}x{height} are too small: {smallest} pixels or more on both sides")
    image = keras.Input((height, width, 3), name="image")
    x, skipped = image, []
    for level, unit in enumerate(units):
        if level:
            x = layers.MaxPooling2D(2, padding="same", dtype=precision, name=f"down_{level}")(x)
        for number in (1, 2):
            x = _convolved(x, unit * channels, f"{level}_{number}", precision)
        skipped.append(x)
    # Of unit variance: distances between sets of features do not depend on how large training let them grow.
    features = layers.BatchNormalization(center=False, scale=False, momentum=0.98, dtype="float32", name="features")(
        layers.GlobalAveragePooling2D(dtype="float32", name="pool")(x)
    )
    for level in reversed(range(len(units) - 1)):
        beside = skipped[level]
        x = layers.Conv2DTranspose(beside.shape[-1], 2, strides=2, dtype=precision, name=f"up_{level}")(x)
        over = x.shape[1] - beside.shape[1], x.shape[2] - beside.shape[2]
        if any(over):  # the finer resolution has an odd number of pixels
            x = layers.Cropping2D(((0, over[0]), (0, over[1])), dtype=precision, name=f"crop_{level}")(x)
        x = layers.Concatenate(dtype=precision, name=f"skip_{level}")([x, beside])
        x = _convolved(x, beside.shape[-1], f"{level}_3", precision)
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, [features, logits], name="segmenter")


class PairSampler:
    """Photos and label maps in the memory of the device, and random batches of them.

    Args:
        photos: uint8 (N, height, width, 3).
        labels: uint8 (N, height, width), class numbers from 0, `IGNORED` where a pixel does not count.
        classes: number of classes.
        odds: float (N,), in proportion to which scenes are drawn; None draws all alike.
    """

    def __init__(self, photos: np.ndarray, labels: np.ndarray, classes: int, odds: np.ndarray | None = None):
        self.classes, (self.height, self.width) = classes, labels.shape[1:]
        # Variables go with the sampler; a compiled function would keep constants.
        self._photos, self.labels = tf.Variable(photos, trainable=False), tf.Variable(labels, trainable=False)
        odds = np.ones(len(photos)) if odds is None else np.asarray(odds, float)
        self._bounds = tf.constant(np.cumsum(odds / odds.sum())[:-1], tf.float32)

    def batch(self, count: int, key):
        """Draw `count` scenes with an int32 (2,) key: float32 photos in [-1, 1] and int32 label maps."""
        rows = tf.searchsorted(self._bounds, tf.random.stateless_uniform((count,), key), side="right")
        photos = tf.cast(tf.gather(self._photos, rows), tf.float32) / 127.5 - 1
        return photos, tf.cast(tf.gather(self.labels, rows), tf.int32)


class SegmenterTrainer(JudgeTrainer):
    """The segmenter, its optimizer and its data.

    Args:
        sampler: draws the scenes.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
        augmented: whether scenes are mirrored, zoomed, shifted and shown in another light.
        weights: float32 (classes,), factors of the loss of a pixel by its class; None: `class_weights` of the label
            maps.
    """

    def __init__(
        self,
        sampler: PairSampler,
        iterations: int,
        seed: int,
        precision: str = "float32",
        augmented: bool = True,
        weights: np.ndarray | None = None,
    ):
        keras.utils.set_random_seed(seed)
        model = build_segmenter(sampler.classes, sampler.width, sampler.height, precision=PRECISIONS[precision])
        super().__init__(model, RATE, iterations, BATCH)
        self.seed, self._sampler, self._augmented = seed, sampler, augmented
        weights = class_weights(sampler.labels.numpy(), sampler.classes) if weights is None else weights
        self._weights = tf.constant(weights)

    def batch(self, iteration):
        """Draw photos and label maps."""
        photos, labels = self._sampler.batch(BATCH, sampling.key(self.seed, iteration, "segmenter scenes"))
        if self._augmented:
            return augment_pairs(photos, labels, sampling.key(self.seed, iteration, "segmenter augment"))
        return photos, labels

    def loss_and_accuracy(self, labels, logits):
        """Weighted cross entropy of the pixels that count, and the share of them whose class is right."""
        counted = tf.cast(labels != IGNORED, tf.float32)
        classes = tf.where(labels == IGNORED, 0, labels)
        weights = tf.gather(self._weights, classes) * counted
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
        right = tf.cast(tf.argmax(logits, axis=3, output_type=tf.int32) == classes, tf.float32) * counted
        # A batch may lack scored pixels altogether.
        return (
            tf.math.divide_no_nan(tf.reduce_sum(losses * weights), tf.reduce_sum(weights)),
            tf.math.divide_no_nan(tf.reduce_sum(right), tf.reduce_sum(counted)),
        )


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


def augment_pairs(photos, labels, key):
    """Photos and label maps mirrored, zoomed and shifted alike, the photos in another light.

    Args:
        photos: float32 (N, height, width, 3) in [-1, 1].
        labels: int32 (N, height, width).
        key: int32 (2,), of the draw.

    Returns:
        float32 photos and int32 label maps of the same shapes.  What lies outside a scene is grey and `IGNORED`;
        light can take values outside [-1, 1].
    """
    count, height, width, _ = photos.shape
    view_key, light_key = tf.unstack(tf.random.split(key, 2))
    zoom, down, right, side = tf.unstack(tf.random.stateless_uniform((4, count), view_key))
    side_length = tf.exp(math.log(ZOOM[0]) + zoom * math.log(ZOOM[1] / ZOOM[0]))
    top, left = down * (1 - side_length), right * (1 - side_length)
    first, last = tf.where(side < 0.5, left, left + side_length), tf.where(side < 0.5, left + side_length, left)
    boxes = tf.stack([top, first, top + side_length, last], axis=1)  # from right to left is mirrored
    photos = tf.image.crop_and_resize(photos, boxes, tf.range(count), (height, width))
    labels = tf.image.crop_and_resize(
        tf.cast(labels, tf.float32)[..., None], boxes, tf.range(count), (height, width), "nearest", IGNORED
    )
    numbers = tf.random.stateless_uniform((count, 1, 1, 5), light_key, -1.0, 1.0)
    offset, contrast, tint = numbers[..., :1], numbers[..., 1:2], numbers[..., 2:]
    mean = tf.reduce_mean(photos, axis=(1, 2, 3), keepdims=True)
    photos = mean + (photos - mean) * (1 + CONTRAST * contrast) * (1 + TINT * tint) + OFFSET * offset
    return photos, tf.cast(labels[..., 0], tf.int32)


def _convolved(x, channels: int, name: str, precision: str):
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, dtype=precision, name=f"conv_{name}")(x)
    x = layers.BatchNormalization(momentum=0.98, dtype=precision, name=f"normal_{name}")(x)
    return layers.ReLU(dtype=precision, name=f"relu_{name}")(x)
