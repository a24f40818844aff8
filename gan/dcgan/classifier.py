"""Training of the sign classifier that judges generated images."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from gan.dcgan.classifier_network import build_classifier
from gan.training import sampling
from gan.training.augment import augment
from gan.training.devices import PRECISIONS
from gan.training.loop import Trainable

BATCH = 128  # images an iteration
RATE = 2e-3  # step size of Adam at the start; falls to 0 along a cosine
SMOOTHING = 0.05  # of the labels: keeps the logits, and so the features, from growing without end


class ClassifierTrainer(Trainable):
    """The classifier, its optimizer and its data, with one update as `iterate` (see `gan.training.loop`).

    Args:
        sampler: draws the images and their class ids.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
        batch_size: images an iteration; None: `BATCH`.
        augmented: show the images in changed light and view.
        weights: float (C,), what the loss of an image of each class is multiplied with; None: all count the same.
    """

    metric_names = ("loss", "accuracy")

    def __init__(
        self,
        sampler: sampling.Sampler,
        iterations: int,
        seed: int,
        precision: str = "float32",
        batch_size: int | None = None,
        augmented: bool = True,
        weights: np.ndarray | None = None,
    ):
        self.seed, self.batch_size = seed, batch_size or BATCH
        keras.utils.set_random_seed(seed)
        self.model = build_classifier(sampler.classes, precision=PRECISIONS[precision])
        schedule = keras.optimizers.schedules.CosineDecay(RATE, iterations)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
        self.optimizer.build(self.model.trainable_variables)
        self._sampler, self._augmented = sampler, augmented
        self._weights = None if weights is None else tf.constant(weights, tf.float32)

    def iterate(self, iteration):
        """One update; float32 (2,): loss and accuracy of the batch before it."""
        drawn_with, classes = sampling.key(self.seed, iteration, "classifier images"), self._sampler.classes
        labels, shown = self._sampler.batch(self.batch_size, drawn_with, iteration)
        if self._augmented:
            shown = augment(shown, sampling.key(self.seed, iteration, "classifier augment"))
        sampling.set_dropout(self.model, sampling.key(self.seed, iteration, "classifier dropout"))
        wanted = tf.one_hot(labels, classes) * (1 - SMOOTHING) + SMOOTHING / classes
        with tf.GradientTape() as tape:
            _, logits = self.model(shown, training=True)
            each = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
            if self._weights is not None:
                each *= tf.gather(self._weights, labels)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        hits = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.float32)
        return tf.stack([loss, tf.reduce_mean(hits)])
