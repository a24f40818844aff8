"""Training of the sign classifier that judges generated images."""

from collections.abc import Callable

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from gan.dcgan.classifier_network import build_classifier
from gan.training import sampling as draws
from gan.training.augment import augment
from gan.training.devices import PRECISIONS
from gan.training.loop import Trainable

BATCH = 128  # images an iteration
RATE = 2e-3  # step size of Adam at the start; falls to 0 along a cosine
SMOOTHING = 0.05  # of the labels: keeps the logits, and so the features, from growing without end


class ClassifierTrainer(Trainable):
    """The classifier, its optimizer and its data, with one update as `iterate` (see `gan.training.loop`).

    Args:
        images: uint8 (N, 32, 32, 3).
        labels: integers (N,), ids from 0; classes are drawn evenly, so that rare ones count as much.
        classes: number of classes.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
        batch_size: images an iteration; None: `BATCH`.
        draw: gives a batch, labels and images in [-1, 1], for (count, key, iteration), in place of the even draw.
        augmented: show the images in changed light and view.
        weights: float (C,), what the loss of an image of each class is multiplied with; None: all count the same.
    """

    metric_names = ("loss", "accuracy")
    batch_size = BATCH

    def __init__(
        self,
        images,
        labels,
        classes: int,
        iterations: int,
        seed: int,
        precision: str = "float32",
        batch_size: int | None = None,
        draw: Callable | None = None,
        augmented: bool = True,
        weights: np.ndarray | None = None,
    ):
        self.seed = seed
        if batch_size is not None:
            self.batch_size = batch_size
        keras.utils.set_random_seed(seed)
        self.model = build_classifier(classes, precision=PRECISIONS[precision])
        schedule = keras.optimizers.schedules.CosineDecay(RATE, iterations)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
        self.optimizer.build(self.model.trainable_variables)
        self._classes = classes
        self._draw = draw or _even_draw(images, labels, classes)
        self._augmented = augmented
        self._weights = None if weights is None else tf.constant(weights, tf.float32)

    def iterate(self, iteration):
        """One update; float32 (2,): loss and accuracy of the batch before it."""
        labels, shown = self._draw(self.batch_size, draws.key(self.seed, iteration, "classifier images"), iteration)
        if self._augmented:
            shown = augment(shown, draws.key(self.seed, iteration, "classifier augment"))
        draws.set_dropout(self.model, draws.key(self.seed, iteration, "classifier dropout"))
        wanted = tf.one_hot(labels, self._classes) * (1 - SMOOTHING) + SMOOTHING / self._classes
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


def _even_draw(images, labels, classes: int) -> Callable:
    """Batches in which every class is as frequent as any other."""
    drawn = draws.EvenDraw(images, labels, classes)
    return lambda count, drawn_with, iteration: drawn.batch(count, drawn_with)
