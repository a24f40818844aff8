"""The losses of the GANs of scenes: what the discriminator sees, and what both networks learn from its answers."""

import numpy as np

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import tensorflow as tf

from gan.data.palettes import Palette
from gan.training import losses

HEAVIEST = 20.0  # most that a pixel of a rare class weighs, in units of the mean weight of a pixel


class PatchObjective:
    """The discriminator sees what the generator started from, with a real or a generated picture upon it.

    Isola et al. 2017, arXiv 1611.07004, sections 3.1 and 3.2.
    """

    def discriminator_input(self, condition, picture):
        """What the discriminator sees, float32 (N, height, width, channels of both)."""
        return tf.concat([condition, picture], axis=3)

    def discriminator_loss(self, on_real, on_generated, hidden):
        """The discriminator's loss, halved to slow it down beside the generator (section 3.3)."""
        counts = self.counts(hidden, on_real)
        return (losses.binary_loss(on_real, True, counts) + losses.binary_loss(on_generated, False, counts)) / 2

    def generator_loss(self, on_generated, hidden):
        """The generator's loss: to be called real."""
        return losses.binary_loss(on_generated, True, self.counts(hidden, on_generated))

    def accuracies(self, on_real, on_generated, hidden):
        """Shares 0-1 of the patches that the discriminator is right about: of real and of generated pictures."""
        counts = self.counts(hidden, on_real)
        return _share(on_real > 0, counts), _share(on_generated < 0, counts)

    def counts(self, hidden, logits):
        """How much each patch counts, float32 of the logits' shape; None: all alike."""
        return None


class WindowObjective(PatchObjective):
    """The same for windows in which a part is painted: only the patches about it count.

    All others are the same in a real and in a generated picture. There is nothing to learn from them, and they are
    three of four.
    """

    def counts(self, hidden, logits):
        """1 for patches whose middle is at most a step away from what is hidden, 0 for all others.

        Patches are `factor` pixels apart, and those of the border have no logit (see `build_patch_discriminator`).

        Args:
            hidden: (N, height, width), 1 where a window is painted.
            logits: (N, h, w, 1).
        """
        factor = hidden.shape[1] // (logits.shape[1] + 2)
        steps = tf.nn.max_pool2d(tf.cast(hidden, tf.float32)[..., None], factor, factor, "VALID")
        return tf.nn.max_pool2d(steps, 3, 1, "VALID")


class PixelObjective:
    """The discriminator sees a photo, and tells the class of every pixel, or that it was generated.

    Schönfeld et al. 2021, arXiv 2012.04781, section 3.1, with weights from the whole training part and not from the
    batch: a batch of four is too few to know how rare a class is.

    Args:
        weights: float32 (C,), what a pixel of each class weighs.
    """

    def __init__(self, weights: np.ndarray):
        self._weights = tf.constant(np.append(weights, 1.0), tf.float32)
        self._generated = len(weights)

    def discriminator_input(self, condition, picture):
        """What the discriminator sees: the photo alone."""
        return picture

    def discriminator_loss(self, on_real, on_generated, classes):
        """The discriminator's loss: real pixels are of their class, generated ones are generated."""
        classes = _thinned(classes, on_real)
        generated = tf.fill(tf.shape(classes), self._generated)
        on_real = losses.pixel_loss(on_real, classes, self._weights)
        return on_real + losses.pixel_loss(on_generated, generated, self._weights)

    def generator_loss(self, on_generated, classes):
        """The generator's loss: its pixels are taken for real ones of their class."""
        return losses.pixel_loss(on_generated, _thinned(classes, on_generated), self._weights)

    def accuracies(self, on_real, on_generated, classes):
        """Shares 0-1 of the pixels that are rightly told to be real (of any class) or generated."""
        real, generated = (
            tf.reduce_logsumexp(answer[..., :-1], axis=3) > answer[..., -1] for answer in (on_real, on_generated)
        )
        return _share(real), _share(~generated)


def class_weights(labels: np.ndarray, palette: Palette) -> np.ndarray:
    """What a pixel of each class weighs, so that all classes together weigh the same.

    Args:
        labels: uint8 (N, height, width), positions in the palette.
        palette: the classes.

    Returns:
        float32 (classes,): the inverse of the class's share, with a mean of about 1 over the pixels and `HEAVIEST` at
        most; 1 at most for classes that are not scored, which are what was left over, and 1 for absent ones.
    """
    shares = np.bincount(labels.ravel(), minlength=len(palette))[: len(palette)] / labels.size
    weights = np.ones(len(palette))
    present = shares > 0
    weights[present] = np.minimum(1 / (present.sum() * shares[present]), HEAVIEST)
    idle = ~np.isin(palette.ids, palette.scored)
    weights[idle] = np.minimum(weights[idle], 1)
    return weights.astype(np.float32)


def _thinned(classes, logits):
    """The classes of the pixels that logits are about: of every n-th row and column."""
    step = classes.shape[1] // logits.shape[1]
    return classes[:, ::step, ::step]


def _share(right, counts=None):
    return losses.mean(tf.cast(right, tf.float32), counts)
