"""Signs set into photos of other signs, without a network: in the place, the light and the blur of the other one.

A photo's sign is its pictogram with a gain and an offset of each colour. What is set in is a photo of the wanted
class without its own gain and offset, or the class's pictogram where there is no photo.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import numpy as np
import scipy.ndimage
import tensorflow as tf
from PIL import Image, ImageFilter

from gan.data.labelled import LabelledImages
from gan.dcgan import poses
from gan.drawn.pictograms import pictogram

BLURS = (0.0, 0.6, 1.0, 1.5)  # standard deviations in pixels that are tried
ALIKE = 0.95  # overlap of two outlines that are one
DRAWN = 256  # pixels of a pictogram
_PRIOR = 0.02  # variance of a colour from which its own gain is believed, beside that of all colours
_LARGEST_GAIN = 3.0  # by which light is changed: more would show the noise of dark photos


class Paster:
    """Sets signs into photos.

    Args:
        signs: photos of signs of GTSRB.
        found: float32 (N, 8), their poses (see `gan.dcgan.poses.registered`).
    """

    def __init__(self, signs: LabelledImages, found: np.ndarray):
        self._signs, self._poses, self._size = signs, found, signs.size
        self._textures = poses.textures_of_classes(signs.size)
        self._gains, self._offsets, self._blurs = self._light()

    def pasted(self, class_id: int, count: int, seed: int) -> np.ndarray:
        """uint8 (count, size, size, 3): signs of a class in photos of signs of other classes of the same outline."""
        random, labels = np.random.default_rng([seed, class_id]), self._signs.labels
        alike = [k for k in range(len(self._textures)) if k != class_id and self._overlap(k, class_id) > ALIKE]
        places = np.flatnonzero(np.isin(labels, alike) if alike else labels != class_id)
        sources, made = np.flatnonzero(labels == class_id), []
        drawing = pictogram(class_id, DRAWN)
        to_pixels = np.array([[DRAWN / 2, 0, DRAWN / 2], [0, DRAWN / 2, DRAWN / 2], [0, 0, 1]])
        alpha = drawing.getchannel("A")
        for place in random.choice(places, count):
            into, blur = self._matrix(place), float(self._blurs[place])
            mask = _warped(alpha, to_pixels @ into, self._size).filter(ImageFilter.GaussianBlur(blur / 2))
            gain, offset = self._gains[place], self._offsets[place]
            if len(sources):
                source = random.choice(sources)
                matrix = np.linalg.inv(self._matrix(source)) @ into
                seen = _warped(Image.fromarray(self._signs.images[source]), matrix, self._size)
                change = np.clip(gain / np.maximum(self._gains[source], 1e-3), 0, _LARGEST_GAIN)
                colours = (np.asarray(seen, np.float32) / 255 - self._offsets[source]) * change + offset
            else:
                seen = _warped(drawing.convert("RGB"), to_pixels @ into, self._size)
                seen = seen.filter(ImageFilter.GaussianBlur(blur))
                colours = np.asarray(seen, np.float32) / 255 * gain + offset
            share = np.asarray(mask, np.float32)[..., None] / 255
            image = share * colours * 255 + (1 - share) * self._signs.images[place]
            made.append(np.clip(np.rint(image), 0, 255).astype(np.uint8))
        return np.stack(made) if made else np.empty((0, self._size, self._size, 3), np.uint8)

    def _matrix(self, row: int) -> np.ndarray:
        return poses.matrix(self._poses[row], self._size)

    def _overlap(self, first: int, second: int) -> float:
        a, b = (self._textures[k][..., 3] > 0.5 for k in (first, second))
        return float((a & b).sum() / (a | b).sum())

    def _light(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gain and offset of each colour, float32 (N, 3), and blur in pixels, float32 (N,), of all photos."""
        count, signs = len(self._signs), self._signs
        gains, offsets = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
        blurs, best = np.zeros(count, np.float32), np.full(count, -np.inf)
        for first in range(0, count, poses.BATCH):
            rows = np.arange(first, min(first + poses.BATCH, count))
            photos = signs.images[rows].astype(np.float32) / 255
            textures, found = self._textures[signs.labels[rows]], self._poses[rows]
            drawn = np.asarray(poses.posed(tf.constant(textures), tf.constant(found), self._size))
            for blur in BLURS:
                soft = scipy.ndimage.gaussian_filter(drawn, (0, blur, blur, 0)) if blur else drawn
                gain, offset, explained = _fitted(photos, soft)
                better = explained > best[rows]
                chosen = rows[better]
                gains[chosen], offsets[chosen], blurs[chosen] = gain[better], offset[better], blur
                best[chosen] = explained[better]
        return gains, offsets, blurs


def _fitted(photos: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gain and offset that bring drawings nearest to photos inside the sign, and the share of variance explained."""
    weight = np.clip(2 * drawn[..., 3:] - 1, 0, 1)
    colours, total = drawn[..., :3] / (drawn[..., 3:] + 1e-3), weight.sum(axis=(1, 2), keepdims=True) + 1e-3
    of_photos, of_colours = (
        (weight * values).sum(axis=(1, 2), keepdims=True) / total for values in (photos, colours)
    )
    shared = (weight * (photos - of_photos) * (colours - of_colours)).sum(axis=(1, 2)) / total[:, 0, 0]
    variance = (weight * (colours - of_colours) ** 2).sum(axis=(1, 2)) / total[:, 0, 0]
    of_all = np.maximum(shared.sum(axis=1), 0) / (variance.sum(axis=1) + 1e-3)
    gain = np.maximum((shared + _PRIOR * of_all[:, None]) / (variance + _PRIOR), 0)
    offset = of_photos[:, 0, 0] - gain * of_colours[:, 0, 0]
    rest = (
        weight
        * (photos - drawn[..., :3] / (drawn[..., 3:] + 1e-3) * gain[:, None, None] - offset[:, None, None]) ** 2
    )
    whole = (weight * (photos - of_photos) ** 2).sum(axis=(1, 2, 3)) + 1e-3
    return gain, offset, 1 - rest.sum(axis=(1, 2, 3)) / whole


def _warped(picture: Image.Image, matrix: np.ndarray, size: int) -> Image.Image:
    """A picture through a matrix from pixels of the result to its own; size by size, averaged where it is finer."""
    fine = 4  # pixels of the result are averages of so many, along each axis
    to_result = np.diag([1 / fine, 1 / fine, 1])
    numbers = (matrix @ to_result).ravel()
    seen = picture.transform(
        (size * fine, size * fine),
        Image.Transform.PERSPECTIVE,
        tuple(numbers[:8] / numbers[8]),
        Image.Resampling.BICUBIC,
    )
    return seen.resize((size, size), Image.Resampling.BOX)
