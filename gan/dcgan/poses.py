"""Signs in a pose: pictograms drawn as a photo shows them, and the pose that a photo shows, found again.

A pose is eight numbers, float32: the sign's centre along x and y and the natural logarithms of half its width and
half its height, where the image reaches from -1 to 1; its turn in radians, its shear, its perspective along x and y.
"""

from collections.abc import Sequence

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import numpy as np
import tensorflow as tf
from PIL import Image

from gan.data.labelled import LabelledImages
from gan.data.signs import CLASSES
from gan.dcgan.networks import PICTOGRAM
from gan.drawn.pictograms import pictogram
from gan.progress import progress
from gan.training.augment import resampled

NUMBERS = 8  # of a pose
FINE = 2  # times as large a pictogram is drawn as it is kept
BORDER = 0.25  # transparent border of a texture, as a share of the pictogram's width
BATCH = 1024  # photos whose poses are searched at a time
DRAWN = 128  # pictograms that are drawn at a time
STEPS = (16, 12)  # of the search for a pose, on images of half the size and then on whole ones
# Standard deviations of a pose around the box that the data set names, or where none is around the image's middle.
_AROUND_BOX = np.array([1 / 16, 1 / 16, 0.06, 0.06, 0.08, 0.06, 0.06, 0.06], np.float32)
_PRIOR = 0.01  # weight of these deviations beside the share of the variance that is not explained
# Poses of GTSRB's training photos: means and standard deviations of what `registered` finds in them; the size varies
# as a whole first, and then its width and height apart.
_MEAN = np.array([0.014, 0.045, -0.347, -0.347, 0, 0, 0, 0], np.float32)
_SPREAD = np.array([0.05, 0.04, 0.1, 0.024, 0.05, 0.018, 0.021, 0.028], np.float32)
_SMALLEST, _LARGEST = -0.6, -0.17  # logarithm of half the width or height
NO_BOX = (-0.8, -0.8, 0.8, 0.8)  # left, top, right, bottom where the box is not known


def textures(pictures: Sequence[Image.Image], size: int) -> np.ndarray:
    """Pictograms as `posed` takes them.

    Args:
        pictures: RGBA, transparent outside the sign, which touches the picture's edges.
        size: width and height in pixels of the images that they are drawn in.

    Returns:
        float32 (K, side, side, 4) in [0, 1], colours multiplied with alpha, and a transparent border.
    """
    border = round(BORDER * size)
    found = []
    for picture in pictures:
        pixels = np.asarray(picture.convert("RGBa").resize((size, size), Image.Resampling.BOX), np.float32) / 255
        found.append(np.pad(pixels, ((border, border), (border, border), (0, 0))))
    return np.stack(found)


def textures_of_classes(size: int) -> np.ndarray:
    """The same of the signs of GTSRB, float32 (43, side, side, 4)."""
    return textures([pictogram(k, 8 * size) for k in range(CLASSES)], size)


def posed(of_each, poses, size: int):
    """Pictograms in their poses.

    Args:
        of_each: float32 (N, side, side, 4), a texture for each image.
        poses: float32 (N, 8).
        size: width and height of the drawings in pixels.

    Returns:
        float32 (N, size, size, 4) in [0, 1]: colours multiplied with alpha, and alpha.
    """
    count, side = of_each.shape[0], of_each.shape[1]
    middle = (np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1
    row, column = (tf.constant(grid.reshape(1, -1)) for grid in np.meshgrid(middle, middle, indexing="ij"))
    x, y, wide, high, turn, shear, across, down = (part[:, None] for part in tf.unstack(poses, axis=1))
    u, v = (column - x) * tf.exp(-wide), (row - y) * tf.exp(-high)
    u, v = tf.cos(turn) * u + tf.sin(turn) * v, tf.cos(turn) * v - tf.sin(turn) * u
    u += shear * v
    depth = tf.maximum(1 + across * u + down * v, 0.1)
    half = side / (1 + 2 * BORDER) / 2  # of the pictogram's width, in pixels of the texture
    # From pixel to pixel of the texture, whose border is transparent.
    rows, columns = (w / depth * half + (side - 1) / 2 for w in (v, u))
    return tf.reshape(resampled(of_each, rows, columns), (count, size, size, PICTOGRAM))


def matrix(pose: np.ndarray, size: int) -> np.ndarray:
    """One pose, float (8,), as float64 (3, 3): from the pixels of an image to its sign, which reaches from -1 to 1.

    Pixels are counted from the image's corner: the middle of the first one is at 0.5. What `posed` draws by.
    """
    x, y, wide, high, turn, shear, across, down = pose.astype(float)
    image = np.array([[2 / size, 0, -1 - x], [0, 2 / size, -1 - y], [0, 0, 1]])
    scale = np.diag([np.exp(-wide), np.exp(-high), 1])
    turned = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    sheared = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    return np.array([[1, 0, 0], [0, 1, 0], [across, down, 1]]) @ sheared @ turned @ scale @ image


def drawn(of_each, poses, size: int):
    """The same without jagged edges: drawn twice as large and averaged, of textures for twice the size."""
    return tf.nn.avg_pool2d(posed(of_each, poses, FINE * size), FINE, FINE, "VALID")


def random_poses(normals):
    """Poses as those of GTSRB's photos.

    Args:
        normals: float32 (N, 8), from the standard normal distribution.

    Returns:
        float32 (N, 8).
    """
    x, y, size, ratio, *others = tf.unstack(normals * _SPREAD, axis=1)
    wide, high = (tf.clip_by_value(mean + part, _SMALLEST, _LARGEST)
                  for mean, part in ((_MEAN[2], size + ratio), (_MEAN[3], size - ratio)))  # fmt: skip
    return tf.stack([_MEAN[0] + x, _MEAN[1] + y, wide, high, *others], axis=1)


def by_chance(of_each, normals, size: int):
    """Pictograms in poses by chance, as a generator takes them: float32 (N, size, size, 4) in [-1, 1].

    Args:
        of_each: float32 (N, side, side, 4), see `drawn`.
        normals: float32 (N, 8), from the standard normal distribution.
        size: width and height in pixels.
    """
    return drawn(tf.constant(of_each), random_poses(tf.constant(normals)), size) * 2 - 1


def boxes_of(signs: LabelledImages) -> np.ndarray:
    """float32 (N, 4): left, top, right, bottom of the box of each sign, where the image reaches from -1 to 1."""
    sizes = np.maximum(signs.sizes.astype(np.float32), 1)[:, [0, 1, 0, 1]]
    found = (signs.coords + np.array([0, 0, 1, 1])) / sizes * 2 - 1
    known = signs.coords.any(axis=1, keepdims=True) & signs.sizes.all(axis=1, keepdims=True)
    return np.where(known, found, NO_BOX).astype(np.float32)


def registered(signs: LabelledImages) -> np.ndarray:
    """The poses of signs, float32 (N, 8): those in which their pictograms explain the photos best, near their boxes.

    What is maximised is the share of the photo's variance inside the sign that its pictogram explains, with a gain
    and an offset of each colour that are free: light and wear change nothing. Adam searches on images of half the
    size first. It is deterministic; about 500 photos a second on two cores.
    """
    known = tf.constant(textures_of_classes(signs.size))
    # As soft as photos are; a sharp edge has no gradient beside it.
    soft = tf.nn.avg_pool2d(tf.nn.avg_pool2d(known, 3, 1, "SAME"), 3, 1, "SAME")
    boxes, poses = boxes_of(signs), np.empty((len(signs), NUMBERS), np.float32)
    with progress(len(signs), "finding the poses of the signs", "image") as bar:
        for first in range(0, len(signs), BATCH):
            rows = np.arange(first, min(first + BATCH, len(signs)))
            filled = np.resize(rows, BATCH)  # always as many: one graph, and the same arithmetic
            photos = tf.constant(signs.images[filled], tf.float32) / 255
            of_each = tf.gather(soft, signs.labels[filled].astype(np.int32))
            poses[rows] = _search(photos, of_each, tf.constant(boxes[filled]))[: len(rows)]
            bar.update(len(rows))
    return poses


def with_pictograms(signs: LabelledImages) -> np.ndarray:
    """uint8 (N, size, size, 7): photos of signs, and behind each the pictogram of its class in the photo's pose."""
    found, of_classes = registered(signs), textures_of_classes(FINE * signs.size)
    both = np.empty((*signs.images.shape[:3], 3 + PICTOGRAM), np.uint8)
    both[..., :3] = signs.images
    for first in range(0, len(signs), DRAWN):
        part = slice(first, first + DRAWN)
        drawing = drawn(tf.constant(of_classes[signs.labels[part]]), tf.constant(found[part]), signs.size)
        both[part, ..., 3:] = np.rint(np.asarray(drawing) * 255)
    return both


@tf.function(autograph=False)
def _search(photos, of_each, boxes):
    low, high = boxes[:, :2], boxes[:, 2:]
    extent = tf.math.log(tf.maximum(high - low, 0.1) / 2)
    start = tf.concat([(low + high) / 2, extent, tf.zeros((boxes.shape[0], NUMBERS - 4))], axis=1)
    moved = tf.zeros_like(start)
    for steps, images in zip(STEPS, (tf.nn.avg_pool2d(photos, 2, 2, "VALID"), photos), strict=True):
        moved = _searched(images, of_each, start, moved, steps)
    return start + moved * _AROUND_BOX


def _searched(photos, of_each, start, moved, steps: int):
    """Deviations from the box, in standard deviations, after so many steps of Adam with falling step size."""
    size = photos.shape[1]
    pixels = tf.reshape(photos, (photos.shape[0], size * size, 3))

    def step(number, moved, mean, square):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            drawn = tf.reshape(posed(of_each, start + moved * _AROUND_BOX, size), (photos.shape[0], size * size, 4))
            total = tf.reduce_sum(_unexplained(pixels, drawn)) + _PRIOR * tf.reduce_sum(moved**2)
        gradient = tape.gradient(total, moved)
        mean, square = 0.8 * mean + 0.2 * gradient, 0.95 * square + 0.05 * gradient**2
        made = tf.cast(number + 1, tf.float32)
        rate = 0.5 * (1 - tf.cast(number, tf.float32) / steps)
        scaled = mean / (1 - 0.8**made) / (tf.sqrt(square / (1 - 0.95**made)) + 1e-4)
        return number + 1, moved - rate * scaled, mean, square

    state = 0, moved, tf.zeros_like(moved), tf.zeros_like(moved)
    return tf.while_loop(lambda number, *_: number < steps, step, state)[1]


def _unexplained(photos, drawn):
    """float32 (N,): the share of the variance inside the sign that the drawing does not explain, 0-1."""
    alpha = drawn[..., 3:]
    weight = tf.nn.relu(2 * alpha - 1)  # none outside: the softened edge would draw the sign inwards
    colours, total = drawn[..., :3] / (alpha + 1e-3), tf.reduce_sum(weight, axis=1, keepdims=True) + 1e-3

    def centred(values):
        return values - tf.reduce_sum(weight * values, axis=1, keepdims=True) / total

    photos, colours = centred(photos), centred(colours)
    shared = tf.nn.relu(tf.reduce_sum(weight * photos * colours, axis=1))
    explained = shared**2 / (tf.reduce_sum(weight * colours**2, axis=1) + 1e-2)
    return 1 - tf.reduce_sum(explained, axis=1) / (tf.reduce_sum(weight * photos**2, axis=(1, 2)) + 1e-3)
