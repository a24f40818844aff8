"""Differentiable augmentation that keeps the meaning of an image: light, and small rotations, shifts and zooms.

Applied to real and generated images alike before the discriminator sees them, so that it can't learn the few
real images by heart and the generator still learns the images as they are (Zhao et al. 2020, arXiv 2006.10738,
section 3.2).  In plain TensorFlow operations with exact gradients.  Mirroring changes the meaning of most signs:
it is done to real images only, for the classes that have a mirror (`gan.data.labelled.Classes`).
"""

import math

import tensorflow as tf

ROTATION = 8.0  # degrees, either way
SHIFT = 0.1  # of the width and height, either way
ZOOM = 0.1  # of the size, smaller or larger
BRIGHTNESS = 0.3  # added, on the scale of -1 to 1, either way
CONTRAST = 0.3  # of the distance to the mean, either way
SATURATION = 0.5  # of the distance to grey, either way


def augment(images, drawn_with, share: float = 1.0):
    """Images in another light and a slightly other view, each image with its own draw.

    Turning and zooming softens an image, and shifting it repeats an edge: a discriminator that sees such images only
    can't see patterns of single pixels, nor what a rim is like. With a share below 1 it sees the other images as they
    are.

    Args:
        images: float32 (N, height, width, channels) in [-1, 1]; the light of the first three channels changes, others
            are turned, zoomed and shifted with them.
        drawn_with: int32 (2,), the key of the draw.
        share: of the images, 0-1, that are turned, zoomed and shifted, and of those whose light is changed.

    Returns:
        float32 of the same shape; light can take values outside [-1, 1], which are not cut off because a cut
        would stop the gradient.
    """
    keys = tf.unstack(tf.random.split(drawn_with, 2))
    lit = change_light(images[..., :3], keys[0], share)
    if images.shape[3] > 3:
        lit = tf.concat([lit, images[..., 3:]], axis=3)
    return _change_view(lit, keys[1], share)


def change_light(images, drawn_with, share: float = 1.0):
    """Images in another light, each with its own draw; see `augment`."""
    brightness, contrast, saturation = _draw_between(drawn_with, images.shape[0], 3)
    if share < 1:
        brightness, contrast, saturation = (
            _chosen(drawn_with, images.shape[0], share) * change for change in (brightness, contrast, saturation)
        )
    images += BRIGHTNESS * brightness[:, None, None, None]
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (1 + SATURATION * saturation[:, None, None, None])
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (1 + CONTRAST * contrast[:, None, None, None])


def _change_view(images, drawn_with, share: float):
    """Turn, zoom and shift; see `resampled`."""
    count, height, width, _ = images.shape
    turn, zoom, down, right = _draw_between(drawn_with, count, 4)
    down, right = down * SHIFT * height, right * SHIFT * width
    if share < 1:
        chosen = _chosen(drawn_with, count, share)
        turn, zoom, down, right = (chosen * change for change in (turn, zoom, down, right))
    angle = turn * (ROTATION * math.pi / 180)
    scale = tf.exp(zoom * math.log1p(ZOOM))
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale

    # Where each output pixel comes from: (N, height * width) of rows and columns.
    row, column = tf.meshgrid(tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij")
    row = tf.reshape(row, (1, -1)) - (height - 1) / 2
    column = tf.reshape(column, (1, -1)) - (width - 1) / 2
    rows = cosine[:, None] * row + sine[:, None] * column + (height - 1) / 2 + down[:, None]
    columns = cosine[:, None] * column - sine[:, None] * row + (width - 1) / 2 + right[:, None]
    return tf.reshape(resampled(images, rows, columns), images.shape)


def resampled(images, rows, columns):
    """Images whose pixels come from other places, bilinearly; what comes in over an edge repeats the edge.

    Args:
        images: float32 (N, height, width, channels).
        rows: float32 (N, P), the row that each pixel comes from.
        columns: the same of its column.

    Returns:
        float32 (N, P, channels).
    """
    count, height, width, channels = images.shape
    rows = tf.clip_by_value(rows, 0.0, height - 1.0)
    columns = tf.clip_by_value(columns, 0.0, width - 1.0)
    top, left = tf.floor(rows), tf.floor(columns)
    lower, rightward = (rows - top)[..., None], (columns - left)[..., None]
    top, left = tf.cast(top, tf.int32), tf.cast(left, tf.int32)
    bottom, further = tf.minimum(top + 1, height - 1), tf.minimum(left + 1, width - 1)
    pixels = tf.reshape(images, (count, height * width, channels))

    def at(row, column):
        return tf.gather(pixels, row * width + column, batch_dims=1)

    upper = at(top, left) * (1 - rightward) + at(top, further) * rightward
    under = at(bottom, left) * (1 - rightward) + at(bottom, further) * rightward
    return upper * (1 - lower) + under * lower


def _chosen(drawn_with, count: int, share: float):
    """float32 (count,): 1 for so many of the images on average, else 0."""
    place = tf.random.stateless_uniform((count,), tf.random.fold_in(drawn_with, 1))
    return tf.cast(place < share, tf.float32)


def _draw_between(drawn_with, count: int, numbers: int):
    """`numbers` tensors of float32 (count,), uniform in [-1, 1]."""
    return tf.unstack(tf.random.stateless_uniform((numbers, count), drawn_with, -1.0, 1.0))
