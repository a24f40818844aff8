"""Training of the sign classifier that judges generated images."""

import keras
import tensorflow as tf

from gan.networks.classifier import build_classifier
from gan.training import draws
from gan.training.augment import augment
from gan.training.devices import PRECISIONS

BATCH = 128  # images an iteration
RATE = 2e-3  # step size of Adam at the start; falls to 0 along a cosine
SMOOTHING = 0.05  # of the labels: keeps the logits, and so the features, from growing without end


class ClassifierTrainer:
    """The classifier, its optimizer and its data, with one update as `iterate` (see `gan.training.trainer`).

    Args:
        images: uint8 (N, 32, 32, 3).
        labels: integers (N,), ids from 0; classes are drawn evenly, so that rare ones count as much.
        classes: number of classes.
        iterations: updates there will be; the step size falls to 0 over them.
        seed: of the first weights and of every draw.
        precision: "float32" or "bfloat16".
    """

    metric_names = ("loss", "accuracy")
    batch_size = BATCH

    def __init__(self, images, labels, classes: int, iterations: int, seed: int, precision: str = "float32"):
        self.seed = seed
        keras.utils.set_random_seed(seed)
        self.model = build_classifier(classes, precision=PRECISIONS[precision])
        schedule = keras.optimizers.schedules.CosineDecay(RATE, iterations)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
        self.optimizer.build(self.model.trainable_variables)
        self._classes = classes
        self._drawn = draws.EvenDraw(images, labels, classes)

    def iterate(self, iteration):
        """One update; float32 (2,): loss and accuracy of the batch before it."""
        labels, real = self._drawn.batch(BATCH, draws.key(self.seed, iteration, "classifier images"))
        shown = augment(real, draws.key(self.seed, iteration, "classifier augment"))
        draws.set_dropout(self.model, draws.key(self.seed, iteration, "classifier dropout"))
        wanted = tf.one_hot(labels, self._classes) * (1 - SMOOTHING) + SMOOTHING / self._classes
        with tf.GradientTape() as tape:
            _, logits = self.model(shown, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        hits = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.float32)
        return tf.stack([loss, tf.reduce_mean(hits)])
