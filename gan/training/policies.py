"""How a classifier's training images are varied: the mild way of `gan.training.augment`, and two strong ones.

The strong one covers what photos of small flat things differ in: view, light, colour, sharpness, noise, and what
hides a part of them. The other one, `WIDE`, takes light and colours further: where a class is known from two objects,
that is what its other photos differ in most (docs/experiments.md#rivals). They need no gradient, so pixels may be cut
off.
"""

import math

import tensorflow as tf

from gan.training.augment import augment, resampled

NONE, MILD, STRONG, WIDE = POLICIES = ("none", "mild", "strong", "wide")

TURN = math.radians(15.0)  # either way, as the others
SHIFT = 0.12  # of the width and height
ZOOM = 0.15  # of the size
SQUEEZE = 0.15  # of the width beside the height
SHEAR = 0.1
PERSPECTIVE = 0.12  # how much smaller the far edge is
LIGHT = 0.4  # of the gain and of the offset of an image, on the scale of -1 to 1
TINT = 0.15  # of the gain of each colour
GREY = 0.8  # of the colours' distance from grey
GAMMA = 0.4  # natural logarithm of the exponent
NOISE = 0.12  # largest standard deviation, on the scale of -1 to 1
ERASED = 0.4  # largest side of what is hidden, as a share of the image
SHARE = 0.4  # of the images that are blurred; of those with noise, and with something before them
WIDER = 1.5  # times as far as the strong policy changes light and colours, the wide one does


def varied(images, drawn_with, policy: str):
    """Images as a policy varies them, each with its own draw.

    Args:
        images: float32 (N, size, size, 3) in [-1, 1].
        drawn_with: int32 (2,), the key of the draw.
        policy: one of `POLICIES`.

    Returns:
        float32 of the same shape; the strong policies keep to [-1, 1].

    Raises:
        ValueError: there is no such policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"no policy {policy!r}")
    if policy == NONE:
        return images
    if policy == MILD:
        return augment(images, drawn_with)
    view, light, sharpness, noise, hidden = tf.unstack(tf.random.split(drawn_with, 5))
    images = _lit(_seen_from_elsewhere(images, view), light, WIDER if policy == WIDE else 1.0)
    return tf.clip_by_value(_hidden(_noisy(_blurred(images, sharpness), noise), hidden), -1.0, 1.0)


def _seen_from_elsewhere(images, drawn_with):
    count, size = images.shape[0], images.shape[1]
    draws = tf.unstack(tf.random.stateless_uniform((8, count, 1), drawn_with, -1.0, 1.0))
    turn, shear = draws[0] * TURN, draws[1] * SHEAR
    wide, high = tf.exp(draws[2] * ZOOM + draws[3] * SQUEEZE / 2), tf.exp(draws[2] * ZOOM - draws[3] * SQUEEZE / 2)
    middle = (tf.range(size, dtype=tf.float32) + 0.5) * 2 / size - 1
    y, x = (tf.reshape(grid, (1, -1)) for grid in tf.meshgrid(middle, middle, indexing="ij"))
    depth = 1 + PERSPECTIVE * (draws[4] * x + draws[5] * y)
    u, v = (tf.cos(turn) * x + tf.sin(turn) * y) * wide, (tf.cos(turn) * y - tf.sin(turn) * x) * high
    u = (u + shear * v) / depth + 2 * SHIFT * draws[6]
    v = v / depth + 2 * SHIFT * draws[7]
    rows, columns = ((place + 1) * size / 2 - 0.5 for place in (v, u))
    return tf.reshape(resampled(images, rows, columns), images.shape)


def _lit(images, drawn_with, far: float):
    draws = far * tf.random.stateless_uniform((7, images.shape[0], 1, 1, 1), drawn_with, -1.0, 1.0)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (1 + GREY * draws[0])
    tint = 1 + TINT * tf.transpose(draws[1:4, :, 0, 0, 0])[:, None, None, :]
    shares = tf.clip_by_value((images + 1) / 2 * tint, 0.0, 1.0)
    shares = tf.pow(shares + 1e-3, tf.exp(GAMMA * draws[4]))
    return (shares * 2 - 1) * (1 + LIGHT * draws[5]) + LIGHT * draws[6]


def _blurred(images, drawn_with):
    soft = images
    for _ in range(2):
        padded = tf.pad(soft, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC")
        soft = tf.nn.avg_pool2d(padded, 3, 1, "VALID")
    chosen, amount = tf.unstack(tf.random.stateless_uniform((2, images.shape[0], 1, 1, 1), drawn_with))
    return images + tf.cast(chosen < SHARE, tf.float32) * amount * (soft - images)


def _noisy(images, drawn_with):
    of_share, of_noise = tf.unstack(tf.random.split(drawn_with, 2))
    chosen, amount = tf.unstack(tf.random.stateless_uniform((2, images.shape[0], 1, 1, 1), of_share))
    noise = tf.random.stateless_normal(images.shape, of_noise)
    return images + tf.cast(chosen < SHARE, tf.float32) * amount * NOISE * noise


def _hidden(images, drawn_with):
    count, size = images.shape[0], images.shape[1]
    draws = tf.random.stateless_uniform((8, count, 1, 1, 1), drawn_with)
    place = (tf.range(size, dtype=tf.float32) + 0.5) / size
    inside = tf.abs(place[None, :, None, None] - draws[0]) < draws[1] * ERASED / 2
    inside &= tf.abs(place[None, None, :, None] - draws[2]) < draws[3] * ERASED / 2
    inside &= draws[4] < SHARE
    colour = tf.transpose(draws[5:8, :, 0, 0, 0])[:, None, None, :] * 2 - 1
    return tf.where(inside, colour, images)
