"""What generated images give away of the images that a generator learned."""

import dataclasses

import numpy as np
from sklearn.metrics import roc_auc_score

REPEATS = 200  # drawings of the bootstrap


@dataclasses.dataclass(frozen=True)
class Leak:
    """How well learned images are told from unseen ones.

    Attributes:
        auc: area under the curve; 0.5 tells nothing, 1 tells all of them.
        low: lower end of the interval that holds the true one in 95 of 100 such samples.
        high: upper end.
    """

    auc: float
    low: float
    high: float


def membership_leak(
    learned: np.ndarray,
    unseen: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray],
    groups: tuple[np.ndarray, np.ndarray],
    seed: int = 0,
) -> Leak:
    """How well somebody who has only generated images tells the learned images from unseen ones.

    The full black-box attack of GAN-Leaks (Chen et al. 2020, arXiv 1909.03935, section 4.2): the nearer an image is
    to its nearest generated one, the more likely it was learned. Images are compared with images of their cell, and
    the cells' areas averaged by their unseen images. The interval is a bootstrap over groups, on both sides: frames
    of one object are no independent sample.

    Args:
        learned: float (N,), distance of each learned image to the nearest of the generated images of its cell.
        unseen: float (M,), the same of images that were not learned.
        cells: integers (N,) and (M,), the cell of each image, here its class.
        groups: integers (N,) and (M,), the object that an image shows, unique over all cells; -1 where it is not
            known, which makes the image a group of its own.
        seed: of the bootstrap.

    Raises:
        ValueError: no cell has images of both sides.
    """
    sides = [_Side(*side) for side in zip((learned, unseen), cells, groups, strict=True)]
    auc = _mean_area(*(side.all() for side in sides))
    if not np.isfinite(auc):
        raise ValueError("no class has learned and unseen images: there is nothing to tell apart")
    generator = np.random.default_rng(seed)
    drawn = [_mean_area(*(side.resampled(generator) for side in sides)) for _ in range(REPEATS)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Leak(auc, float(low), float(high))


class _Side:
    """Distances of learned or of unseen images, with their cells, in the order of their groups."""

    def __init__(self, distances: np.ndarray, cells: np.ndarray, groups: np.ndarray):
        groups = np.asarray(groups, np.int64)
        single = groups < 0
        groups = np.where(single, groups.max(initial=0) + 1 + np.cumsum(single), groups)
        order = np.argsort(groups, kind="stable")
        self._distances, self._cells = np.asarray(distances, float)[order], np.asarray(cells)[order]
        self._rows = np.split(np.arange(len(order)), np.flatnonzero(np.diff(groups[order])) + 1)

    def all(self) -> tuple[np.ndarray, np.ndarray]:
        return self._distances, self._cells

    def resampled(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As many groups, drawn with replacement."""
        chosen = generator.integers(0, len(self._rows), len(self._rows))
        rows = np.concatenate([self._rows[group] for group in chosen])
        return self._distances[rows], self._cells[rows]


def _mean_area(learned: tuple[np.ndarray, np.ndarray], unseen: tuple[np.ndarray, np.ndarray]) -> float:
    """The mean over cells of the area under the curve, weighed by unseen images; NaN where no cell has both."""
    areas, sizes = [], []
    for cell in np.intersect1d(learned[1], unseen[1]):
        near, usual = learned[0][learned[1] == cell], unseen[0][unseen[1] == cell]
        is_learned = np.repeat([True, False], [len(near), len(usual)])
        areas.append(roc_auc_score(is_learned, -np.concatenate([near, usual])))
        sizes.append(len(usual))
    return float(np.average(areas, weights=sizes)) if areas else float("nan")
