"""Samples of signs that scores compare.

Frames of one physical sign are nearly equal, so many frames of few signs are no sample of the signs there are. A real
reference is what a perfect generator would score: of one frame a track, and of as many images as generated ones.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gan.data.labelled import LabelledImages
from gan.data.spread import spread_over

FEWEST = 4  # images of different signs that a distance between sets, or a real reference, is taken of
DRAWS = 10  # of one frame a track; scores are means over them


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """Images of different physical signs, by index: of each class as many generated ones as stand-ins.

    Attributes:
        generated: integers (N,).
        stand_in: integers (N,), real images that stand for those of a perfect generator; None where they are too few.
        target: integers (a multiple of N), real images that both are compared with.
    """

    generated: np.ndarray
    stand_in: np.ndarray | None
    target: np.ndarray


def draws(
    generated: LabelledImages, stand_in: LabelledImages, target: LabelledImages, class_ids: list[int], most: int
) -> list[Draw]:
    """Draw images to compare: one frame of each track, the classes in equal shares.

    Args:
        generated: each image counts as a sign of its own, as does a real one of no known track.
        stand_in: real images, of other tracks than the target.
        target: real images.
        class_ids: the classes of all of them.
        most: images of a class.

    Returns:
        `DRAWS` of them, each of other frames; none where there are fewer than `FEWEST` images of different signs.
    """
    wanted = np.isin(np.arange(len(target.classes)), class_ids)
    available = signs_of_each(target)
    sizes = np.minimum(np.minimum(generated.counts(), most), available) * wanted
    smaller = np.minimum(sizes, signs_of_each(stand_in))
    referred = bool(smaller[class_ids].all()) and smaller.sum() >= FEWEST
    sizes = smaller if referred else sizes
    if sizes.sum() < FEWEST:
        return []
    times = max(1, min((available[sizes > 0] // sizes[sizes > 0]).min(), most // sizes.max()))
    return [
        Draw(
            _one_of_each_sign(generated, sizes, random),
            _one_of_each_sign(stand_in, sizes, random) if referred else None,
            _one_of_each_sign(target, sizes * times, random),
        )
        for random in map(np.random.default_rng, range(DRAWS))
    ]


def signs_of_each(signs: LabelledImages) -> np.ndarray:
    """Integers (C,): the physical signs of each class; an image of no known track counts as one."""
    return np.bincount(signs.labels[_first_of_each_sign(signs, np.arange(len(signs)))], minlength=len(signs.classes))


def enough(signs: LabelledImages, class_ids: list[int]) -> bool:
    """Whether there are signs of every class, and `FEWEST` in all."""
    counts = signs_of_each(signs)[class_ids]
    return bool(counts.all()) and counts.sum() >= FEWEST


def _first_of_each_sign(signs: LabelledImages, order: np.ndarray) -> np.ndarray:
    """Indices of the first image of each sign in an order."""
    tracks = np.where(signs.tracks < 0, -1 - np.arange(len(signs)), signs.tracks).astype(np.int64)
    _, first = np.unique((tracks * len(signs.classes) + signs.labels)[order], return_index=True)
    return order[np.sort(first)]


def _one_of_each_sign(signs: LabelledImages, sizes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Indices of so many images of each class, each of another sign, both by chance."""
    rows = _first_of_each_sign(signs, random.permutation(len(signs)))
    rows = rows[np.argsort(signs.labels[rows], kind="stable")]
    counts = np.bincount(signs.labels[rows], minlength=len(signs.classes))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)  # within the class
    return rows[place < np.repeat(sizes, counts)]


def some_of_each(signs: LabelledImages, sizes: np.ndarray) -> np.ndarray:
    """Indices of so many images of each class, spread over the order of the data and so over its tracks.

    Args:
        signs: the images.
        sizes: integers (C,), how many of each class; fewer where it has fewer.
    """
    chosen = []
    for k in np.flatnonzero(sizes):
        rows = np.flatnonzero(signs.labels == k)
        size = min(sizes[k], len(rows))
        chosen.append(rows[spread_over(len(rows), size)])
    return np.concatenate(chosen) if chosen else np.empty(0, int)


def equal_images(parts: Sequence[LabelledImages], most: int) -> list[np.ndarray]:
    """Images uint8 (N, size, size, 3) of each part: of every class as many as all parts have, `most` at most."""
    sizes = np.minimum(np.min([part.counts() for part in parts], axis=0), most)
    return [part.images[some_of_each(part, sizes)] for part in parts]


def smaller_part(training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Counts (C,) of the smaller of the parts that have images of a class."""
    return np.where(training * held_out > 0, np.minimum(training, held_out), np.maximum(training, held_out))
