"""Whether generated signs can be told from photographs: a small network learns to, and is tested on other images.

The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545, section 3). The network sees images
as they are, not turned or zoomed: a pattern of single pixels is as good a sign as a wrong shape.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.metrics import roc_auc_score

from gan.data.labelled import LabelledImages
from gan.dcgan.samples import equal_images
from gan.training import sampling
from gan.training.judge import JudgeTrainer, answers, fit

BATCH = 64
UPDATES = 800
RATE = 1e-3  # step size of AdamW at the start
LEARNED = 120  # images of a class on each side that the network learns, where all classes are compared
LEARNED_OF_ONE = 600  # the same where one class is
EASIEST = 40  # generated images that are shown


@dataclasses.dataclass(frozen=True)
class ToldApart:
    """How well the network tells generated images from photographs that neither it nor the generator has seen.

    Attributes:
        auc: area under the curve; 0.5 for images that can't be told apart, 1 where all are told.
        reference: the same of two sets of photographs of different signs; None where there are too few tracks.
        easiest: uint8 (K, size, size, 3), the generated images that it is surest of, the surest first.
    """

    auc: float
    reference: float | None
    easiest: np.ndarray


class _Trainer(JudgeTrainer):
    """A network other than the judge, without a prior: three convolutions from single pixels on."""

    def __init__(self, real: np.ndarray, generated: np.ndarray, updates: int, seed: int):
        keras.utils.set_random_seed(seed)
        image = x = keras.Input(real.shape[1:])
        for channels, stride in ((32, 1), (64, 2), (128, 2)):
            x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
        features = layers.Flatten()(x)
        logits = layers.Dense(2)(layers.Dropout(0.3)(features))
        super().__init__(keras.Model(image, [features, logits]), RATE, updates, BATCH)
        labels = np.repeat([0, 1], [len(real), len(generated)])
        self.seed, self._sampler = seed, sampling.Sampler(np.concatenate([real, generated]), labels, 2)

    def batch(self, iteration):
        """As many real as generated images, as they are."""
        sampling.set_dropout(self.model, sampling.key(self.seed, iteration, "dropout"))
        labels, images = self._sampler.batch(BATCH, sampling.key(self.seed, iteration, "images"), iteration)
        return images, labels

    def loss_and_accuracy(self, labels, logits):
        """Cross entropy, and the share of right answers."""
        right = tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == labels, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_mean(losses), tf.reduce_mean(right)


def told_apart(
    generated: LabelledImages, training: LabelledImages, unseen: LabelledImages, seed: int = 0, updates: int = UPDATES
) -> ToldApart | None:
    """Learn to tell generated images from the training images, and test on other generated and on unseen images.

    All samples have the same number of images of each class.

    Args:
        generated: images of one or more classes; one half is learned, the other tested.
        training: real images, learned.
        unseen: real images of other physical signs, tested.
        seed: of the network.
        updates: of the network.

    Returns:
        None where no class has two generated, two training and two unseen images.
    """
    first, second = _halves(generated)
    images = _samples(first, training, second, unseen)
    if len(images[0]) < 2:
        return None
    auc, surest = _auc(*images, updates, seed, "learning to tell generated from real")
    order = np.argsort(-surest, kind="stable")[:EASIEST]
    return ToldApart(auc, _reference(training, unseen, updates, seed), images[2][order])


def _reference(training: LabelledImages, unseen: LabelledImages, updates: int, seed: int) -> float | None:
    """The same of photographs: one half of the signs of a class stands for the generated images."""
    images = _samples(*(half for signs in (training, unseen) for half in _halves(signs, by_track=True)))
    if len(images[0]) < 2:
        return None
    return _auc(*images, updates, seed, "learning to tell real from real")[0]


def _halves(signs: LabelledImages, by_track: bool = False) -> tuple[LabelledImages, LabelledImages]:
    """Every other image of each class; or every other track, and nothing of a class with fewer than two of them."""
    halves = np.full(len(signs), -1)
    for k in np.unique(signs.labels):
        rows = np.flatnonzero(signs.labels == k)
        tracks = signs.tracks[rows]
        if by_track and (tracks >= 0).all():
            halves[rows] = np.unique(tracks, return_inverse=True)[1] % 2 if len(np.unique(tracks)) > 1 else -1
        else:
            halves[rows] = np.arange(len(rows)) % 2
    return signs.take(halves == 0), signs.take(halves == 1)


def _samples(*parts: LabelledImages) -> list[np.ndarray]:
    """Images of each part, as many of each class as all parts have, at most what is learned."""
    classes = np.count_nonzero(np.min([part.counts() for part in parts], axis=0))
    return equal_images(parts, LEARNED if classes > 1 else LEARNED_OF_ONE)


def _auc(
    generated, real, other_generated, other_real, updates: int, seed: int, words: str
) -> tuple[float, np.ndarray]:
    """The area on other images, and how sure the network is of each of the other generated ones."""
    trainer = _Trainer(real, generated, updates, seed)
    fit(trainer, updates, words)
    tested = [*other_real, *other_generated]
    logits = np.array([logits for _, logits in answers(trainer.model, tested, BATCH)])
    surest = logits[:, 1] - logits[:, 0]
    is_generated = np.arange(len(tested)) >= len(other_real)
    return float(roc_auc_score(is_generated, surest)), surest[is_generated]
