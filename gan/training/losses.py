"""Losses of generator and discriminator: small pure functions of logits, gradients and images."""

import numpy as np
from keras import ops

FAINT = 1e-3  # power of an image's detail that counts as none
LEAST_SPREAD = 0.05  # of a measure: images that are all alike in it would else be matched before anything else


def relativistic_discriminator_loss(real, generated):
    """How far the discriminator is from ranking every real image above the generated one it is paired with.

    The relativistic pairing loss (Jolicoeur-Martineau 2018, arXiv 1807.00734, section 3.1; in the form of
    R3GAN, Huang et al. 2024, arXiv 2501.05441, section 2): mean softplus(generated - real).

    Args:
        real: float32 (N, 1) logits of real images.
        generated: float32 (N, 1) logits of generated images, the k-th paired with the k-th real one.

    Returns:
        float32 scalar, 0 or more; log 2 where the discriminator can't tell the two apart.
    """
    return ops.mean(ops.softplus(generated - real))


def relativistic_generator_loss(real, generated):
    """The same with the roles exchanged: mean softplus(real - generated)."""
    return ops.mean(ops.softplus(real - generated))


def gradient_penalty(gradients):
    """The mean squared norm of the gradients of the logits with respect to the images.

    R1 when taken on real images, R2 on generated ones (Mescheder et al. 2018, arXiv 1801.04406, section 4.1).

    Args:
        gradients: (N, height, width, channels) of any float dtype.

    Returns:
        float32 scalar, 0 or more.
    """
    return ops.mean(ops.sum(ops.square(ops.cast(gradients, "float32")), axis=(1, 2, 3)))


def ranking_accuracy(real, generated):
    """How often the discriminator is right about a real and about a generated image.

    A relativistic discriminator's logits have no zero, so an image is called real when its logit is above the
    mean logit of the other kind (the relativistic average, arXiv 1807.00734, section 3.2).

    Returns:
        Two float32 scalars in 0-1: on real and on generated images.  0.5 is guessing.
    """
    on_real = ops.mean(ops.cast(real > ops.mean(generated), "float32"))
    on_generated = ops.mean(ops.cast(generated < ops.mean(real), "float32"))
    return on_real, on_generated


def class_loss(logits, labels):
    """How far class logits are from telling the classes: mean cross-entropy.

    Args:
        logits: float32 (N, classes).
        labels: int32 (N,), class ids from 0.

    Returns:
        float32 scalar, 0 or more; the logarithm of the number of classes for guessing.
    """
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


def binary_loss(logits, real: bool, weights=None):
    """How far logits are from calling everything real, or everything generated: mean binary cross-entropy.

    The loss of the first GANs and of pix2pix (Isola et al. 2017, arXiv 1611.07004, section 3.1; the generator is
    trained to be called real, section 3.3).

    Args:
        logits: float32 of any shape, higher for what seems real.
        real: what they should say.
        weights: float32 of the same shape, 0 or more: how much each counts; None: all alike.

    Returns:
        float32 scalar, 0 or more; log 2 for logits of 0.
    """
    return mean(ops.softplus(-logits if real else logits), weights)


def mean(values, weights=None):
    """The mean of float32 values of any shape, by weights of 0 and more of that shape, or of all alike.

    0 where all weights are: their sum counts as 1 at least.
    """
    return ops.mean(values) if weights is None else ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1.0)


def absolute_distance(made, wanted, shares: bool = False):
    """The mean over pixels of how far a picture is from the one that is wanted (L1).

    Args:
        made: float32 (N, height, width, channels): photos in [-1, 1], or shares of classes that sum to 1.
        wanted: the same.
        shares: whether they are shares: their distances are added over the classes, not averaged.

    Returns:
        float32 scalar in 0-2.
    """
    apart = ops.abs(made - wanted)
    return ops.mean(ops.sum(apart, axis=-1)) if shares else ops.mean(apart)


def pixel_loss(logits, classes, weights):
    """How far logits are from telling the class of every pixel: cross-entropy, weighed by class.

    Args:
        logits: float32 (N, height, width, C).
        classes: int32 (N, height, width), from 0 to C - 1.
        weights: float32 (C,), what a pixel of each class weighs.

    Returns:
        float32 scalar, 0 or more: the mean over all pixels.
    """
    losses = ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
    return ops.mean(losses * ops.take(weights, classes))


def energy_distance(first, second):
    """How far two samples are from being of one distribution, up to what the second alone decides.

    The generator's part of the energy distance (Székely and Rizzo 2013, doi 10.1016/j.jspi.2013.03.018; as a loss
    Bellemare et al. 2017, arXiv 1705.10743, section 4), estimated without bias: 2 E|x - y| - E|x - x'|.

    Args:
        first: float32 (N, D), N 2 or more.
        second: float32 (M, D), in units of its spread.

    Returns:
        float32 scalar, smallest on average where both are of one distribution.
    """

    def distances(one, other):
        return ops.sqrt(ops.sum(ops.square(one[:, None] - other[None]), axis=2) + 1e-6)

    count = first.shape[0]
    return 2 * ops.mean(distances(first, second)) - ops.sum(distances(first, first)) / (count * (count - 1))


def light(images):
    """What a person sees of an image's light: float32 (N, 5), the means of its channels, its contrast and saturation.

    Args:
        images: float32 (N, height, width, 3).
    """
    grey = ops.mean(images, axis=3, keepdims=True)
    contrast = ops.sqrt(ops.var(grey, axis=(1, 2)) + 1e-6)
    saturation = ops.sqrt(ops.mean(ops.square(images - grey), axis=(1, 2, 3)) + 1e-6)
    return ops.concatenate([ops.mean(images, axis=(1, 2)), contrast, saturation[:, None]], axis=1)


def detail(images):
    """How much detail of each size an image holds: float32 (N, R), logarithms of its power at each frequency.

    The spectrum of `gan.scoring.spectrum`, of each image; as a loss Durall et al. 2020, arXiv 2003.01826, section 4.

    Args:
        images: float32 (N, side, side, 3).
    """
    side = images.shape[1]
    window = np.hanning(side + 1)[:-1].astype(np.float32)
    grey = ops.mean(images, axis=3)
    grey = (grey - ops.mean(grey, axis=(1, 2), keepdims=True)) * (window[:, None] * window)
    real, imaginary = ops.fft2((grey, ops.zeros_like(grey)))
    frequencies = np.fft.fftfreq(side) * side
    periods = np.rint(np.hypot(frequencies[:, None], frequencies)).astype(int).ravel()
    bins = np.eye(periods.max() + 1, dtype=np.float32)[periods]
    bins = (bins / bins.sum(axis=0))[:, 1:]
    power = ops.reshape(ops.square(real) + ops.square(imaginary), (-1, side * side)) @ bins
    return ops.log(power + FAINT)


def matching_loss(measure, real, generated):
    """How far generated images are from real ones in the distribution of a measure, in units of its spread.

    Feature matching (Salimans et al. 2016, arXiv 1606.03498, section 3.1) of what a discriminator hardly looks at as
    long as shapes tell more, with the energy distance in place of the distance of means.

    Args:
        measure: `light` or `detail`.
        real: float32 (N, height, width, 3).
        generated: the same.

    Returns:
        float32 scalar; its least value is about 1.
    """
    wanted = measure(real)
    spread = ops.std(wanted, axis=0) + LEAST_SPREAD
    return energy_distance(measure(generated) / spread, wanted / spread) / wanted.shape[1] ** 0.5
