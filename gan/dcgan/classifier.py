"""Classifiers of images and their training: one is judge of generated images, the other learns from them.

They are of different architecture, so that images that please the judge are not those that a classifier of the study
learns from most easily.
"""

from collections.abc import Callable

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from gan.config import PRECISIONS
from gan.training import policies, sampling
from gan.training.judge import JudgeTrainer

# All constants belong to the recipe by which trained classifiers are found in the archive.
BATCH = 128  # images an iteration
RATE = 2e-3  # step size of AdamW at the start
SMOOTHING = 0.05  # of the labels: keeps the logits, and so the features, from growing without end


def build_classifier(
    classes: int, size: int = 32, width: int = 32, precision: str = "float32", features: int = 128
) -> keras.Model:
    """The classifier that a study trains: a model from images to features and logits.

    Three pairs of 3x3 convolutions with batch normalisation, each pair at half the resolution of the one before
    (the layout of VGG, Simonyan and Zisserman 2015, arXiv 1409.1556, section 2.1, at the size of these images).

    Args:
        classes: number of classes.
        size: width and height of the images, 32 or a multiple of it; larger images are averaged to 64x64 and then
            taken in steps of two pixels.
        width: channels of the first pair; the others have two and four times as many.
        precision: Keras dtype policy of the inner layers; features and logits are float32 always.
        features: dimensions of the features that scores compare.

    Returns:
        A model of input float32 (N, size, size, 3) in [-1, 1]; outputs float32 (N, features), of about unit variance,
        and float32 (N, classes), logits.
    """
    image = keras.Input((size, size, 3), name="image")
    x, stride = _averaged(image, precision)
    for level, channels in ((32, width), (16, width * 2), (8, width * 4)):
        for number in (1, 2):
            x = layers.Conv2D(
                channels, 3, strides=stride, padding="same", use_bias=False, dtype=precision,
                name=f"conv_{level}_{number}",
            )(x)  # fmt: skip
            x = layers.BatchNormalization(momentum=0.98, dtype=precision, name=f"normal_{level}_{number}")(x)
            x = layers.ReLU(dtype=precision, name=f"relu_{level}_{number}")(x)
            stride = 1
        x = layers.MaxPooling2D(2, dtype=precision, name=f"pool_{level}")(x)
    return _with_head(image, x, classes, precision, features)


def build_judge(
    classes: int, size: int = 32, width: int = 32, precision: str = "float32", features: int = 128
) -> keras.Model:
    """The judge of generated images: a residual network of the same inputs and outputs as `build_classifier`.

    A convolution and two residual blocks that halve the resolution (He et al. 2016, arXiv 1512.03385, section 3.3,
    with projections where sizes change).
    """

    def convolved(x, channels: int, size: int, strides: int, name: str):
        x = layers.Conv2D(
            channels, size, strides=strides, padding="same", use_bias=False, dtype=precision, name=f"conv_{name}"
        )(x)
        return layers.BatchNormalization(momentum=0.98, dtype=precision, name=f"normal_{name}")(x)

    image = keras.Input((size, size, 3), name="image")
    x, stride = _averaged(image, precision)
    x = layers.ReLU(dtype=precision, name="relu_32")(convolved(x, width, 3, stride, "32"))
    for level, channels in ((16, width * 2), (8, width * 4)):
        shortcut = convolved(x, channels, 1, 2, f"{level}_shortcut")
        x = layers.ReLU(dtype=precision, name=f"relu_{level}_1")(convolved(x, channels, 3, 2, f"{level}_1"))
        x = layers.Add(dtype=precision, name=f"add_{level}")([shortcut, convolved(x, channels, 3, 1, f"{level}_2")])
        x = layers.ReLU(dtype=precision, name=f"relu_{level}_2")(x)
    x = layers.MaxPooling2D(2, dtype=precision, name="pool")(x)
    return _with_head(image, x, classes, precision, features)


def _averaged(image, precision: str):
    """Images averaged to 64x64 where they are larger, and the stride of a convolution that gives maps of 32x32."""
    size = image.shape[1]
    if size > 64:
        image = layers.AveragePooling2D(size // 64, dtype=precision, name="averaged")(image)
    return image, min(size, 64) // 32


def _with_head(image, x, classes: int, precision: str, features: int) -> keras.Model:
    """The model of an input and its feature maps, (N, 4, 4, C), with features and logits behind them."""
    x = layers.Flatten(dtype=precision, name="flatten")(x)
    x = layers.Dropout(0.4, dtype=precision, name="dropout")(x)
    x = layers.Dense(features, dtype="float32", name="dense")(x)
    # Of unit variance: distances between sets of features do not depend on how large training let them grow.
    normal = layers.BatchNormalization(center=False, scale=False, momentum=0.98, dtype="float32", name="features")(x)
    x = layers.ReLU(dtype="float32", name="relu_features")(normal)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(image, [normal, logits], name="classifier")


class ClassifierTrainer(JudgeTrainer):
    """The classifier, its optimizer and its data.

    Args:
        sampler: draws the images and their class ids.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
        batch_size: images an iteration; None: `BATCH`.
        policy: how images are varied, one of `gan.training.policies.POLICIES`.
        priors: float (C,), how often each class is seen, above 0; None: not looked at. With them the loss is that of
            logits adjusted by their logarithms, so that a class is not taken for rare because it was rare (Menon et
            al. 2021, arXiv 2007.07314, section 5.1).
        build: `build_judge` where that is trained; None: `build_classifier`.
    """

    def __init__(
        self,
        sampler: sampling.Sampler,
        iterations: int,
        seed: int,
        precision: str = "float32",
        batch_size: int | None = None,
        policy: str = policies.MILD,
        priors: np.ndarray | None = None,
        build: Callable[..., keras.Model] | None = None,
    ):
        keras.utils.set_random_seed(seed)
        model = (build or build_classifier)(sampler.classes, sampler.size, precision=PRECISIONS[precision])
        super().__init__(model, RATE, iterations, batch_size or BATCH)
        self.seed, self._sampler, self._policy = seed, sampler, policy
        self._adjustment = None if priors is None else tf.constant(np.log(priors), tf.float32)

    def batch(self, iteration):
        """Draw images and class ids, and the units that drop out."""
        sampling.set_dropout(self.model, sampling.key(self.seed, iteration, "classifier dropout"))
        key = sampling.key(self.seed, iteration, "classifier images")
        labels, images = self._sampler.batch(self.batch_size, key, iteration)
        drawn_with = sampling.key(self.seed, iteration, "classifier augment")
        return policies.varied(images, drawn_with, self._policy), labels

    def loss_and_accuracy(self, labels, logits):
        """Cross entropy with smoothed labels, and the share of right classes."""
        classes = self._sampler.classes
        targets = tf.one_hot(labels, classes) * (1 - SMOOTHING) + SMOOTHING / classes
        adjusted = logits if self._adjustment is None else logits + self._adjustment
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, adjusted)
        right = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.float32)
        return tf.reduce_mean(losses), tf.reduce_mean(right)
