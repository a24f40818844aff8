"""What generated images give away of the images that a generator learned."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan.score import Score

REPEATS = 200  # drawings of the bootstrap
LEAK_SCORES = (
    Score("leak", "lower", "AUC of telling training images from unseen ones by their distance to generated images",
          (1, 0.1)),
    Score("leak_low", "lower", "lower end of its interval: 0.5 or less for no proof of a leak", (1, 0.05)),
)  # fmt: skip


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

    def scores(self) -> dict[str, float]:
        """Values of `LEAK_SCORES`, beside 0.5: that of images that know nothing of either part."""
        return {"leak": self.auc, "leak_floor": 0.5, "leak_low": self.low, "leak_low_floor": 0.5}


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
    members = [_numbered(part) for part in groups]
    common = np.intersect1d(cells[0], cells[1])
    tables = [_wins(cell, (learned, unseen), cells, members) for cell in common]
    if not tables:
        raise ValueError("no class has learned and unseen images: there is nothing to tell apart")
    counts = [part.max() + 1 for part in members]
    auc = _mean_area(tables, [np.ones(count) for count in counts])
    generator, drawn = np.random.default_rng(seed), []
    for _ in range(REPEATS):
        chosen = [generator.integers(0, count, count) for count in counts]
        times = [np.bincount(part, minlength=count) for part, count in zip(chosen, counts, strict=True)]
        drawn.append(_mean_area(tables, times))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Leak(auc, float(low), float(high))


def _numbered(groups: np.ndarray) -> np.ndarray:
    """Groups as numbers from 0; an image of no known group is one."""
    groups = np.asarray(groups, np.int64)
    single = groups < 0
    return np.unique(np.where(single, groups.max(initial=0) + np.cumsum(single), groups), return_inverse=True)[1]


def _wins(
    cell: int, distances: Sequence[np.ndarray], cells: Sequence[np.ndarray], members: Sequence[np.ndarray]
) -> Any:
    """How often learned images of a group are nearer than unseen ones of another.

    Returns:
        The groups on either side, their images of the cell, and float (G, H), pairs of which the learned is nearer.
    """
    rows = [np.flatnonzero(np.asarray(part) == cell) for part in cells]
    near, usual = (np.asarray(part, float)[chosen] for part, chosen in zip(distances, rows, strict=True))
    found = [np.unique(part[chosen], return_inverse=True) for part, chosen in zip(members, rows, strict=True)]
    wins = (near[:, None] < usual) + 0.5 * (near[:, None] == usual)
    table = np.zeros([len(names) for names, _ in found])
    np.add.at(table, (found[0][1][:, None], found[1][1]), wins)
    return [names for names, _ in found], [np.bincount(places) for _, places in found], table


def _mean_area(tables: list, times: Sequence[np.ndarray]) -> float:
    """The mean over cells of the area under the curve, weighed by unseen images; NaN where no cell has both.

    Args:
        tables: see `_wins`.
        times: how often each group counts, on either side.
    """
    total = weight = 0.0
    for names, images, table in tables:
        first, second = (often[part] for often, part in zip(times, names, strict=True))
        learned, unseen = first @ images[0], second @ images[1]
        if learned and unseen:
            total += float(first @ table @ second / learned)
            weight += float(unseen)
    return total / weight if weight else float("nan")
