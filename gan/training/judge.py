"""Networks that judge generated images, a classifier or a segmenter: their training, and their answers."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from gan.progress import progress
from gan.training.loop import Trainable, run_blocks


class JudgeTrainer(Trainable):
    """A judge and its optimizer, with one update as `iterate` (see `gan.training.loop`).

    Args:
        model: of images to features and logits.
        rate: step size of AdamW at the start; falls to 0 along a cosine.
        iterations: updates there will be.
        batch_size: images an iteration.
    """

    metric_names = ("loss", "accuracy")

    def __init__(self, model: keras.Model, rate: float, iterations: int, batch_size: int):
        self.model, self.batch_size = model, batch_size
        schedule = keras.optimizers.schedules.CosineDecay(rate, iterations)
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
        self.optimizer.build(model.trainable_variables)

    def batch(self, iteration):
        """The float32 images in about [-1, 1] of an iteration, and their int32 labels."""
        raise NotImplementedError

    def loss_and_accuracy(self, labels, logits):
        """Two float32 scalars: what is minimised, and the share 0-1 of right answers."""
        raise NotImplementedError

    def iterate(self, iteration):
        """One update; float32 (2,): loss and accuracy of the batch before it."""
        images, labels = self.batch(iteration)
        with tf.GradientTape() as tape:
            _, logits = self.model(images, training=True)
            loss, accuracy = self.loss_and_accuracy(labels, logits)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return tf.stack([loss, accuracy])


def fit(
    trainer: Trainable, iterations: int, words: str, report: Callable | None = None, hidden: bool = False
) -> None:
    """Make all updates of a trainer.

    Args:
        trainer: networks, optimizer and data.
        iterations: updates.
        words: what the progress bar says.
        report: called with the metrics of each block and the iteration, if given.
        hidden: show no progress.
    """
    with progress(iterations, words, "iteration", hidden=hidden) as bar:
        for done, metrics in run_blocks(trainer, 0, iterations, []):
            bar.update(done - bar.n)
            if report is not None:
                report(metrics, done)


def answers(
    model: keras.Model, images: Iterable[np.ndarray], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features and logits of images, one by one, with a single batch in memory.

    Args:
        model: of images to features and logits.
        images: uint8 (height, width, 3) each.
        batch_size: the model is always called with so many: arithmetic on another batch size could round another
            way, so an answer does not depend on how many images there are.
    """
    images = iter(images)
    while part := list(itertools.islice(images, batch_size)):
        batch = np.zeros((batch_size, *model.input_shape[1:]), np.float32)
        batch[: len(part)] = np.asarray(part) / np.float32(127.5) - 1
        features, logits = (np.asarray(output)[: len(part)] for output in model(batch, training=False))
        yield from zip(features, logits, strict=True)
