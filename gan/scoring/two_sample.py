"""Whether generated images repeat training images: a rank test against held-out images, and the nearest pairs.

Points are float (N, D) of one width and finite. Cells are integers (N,) for each set of points, the cell of every
point (here the class); only points of one cell are compared, and None is one cell for all. What does not fit is a
ValueError.
"""

import numpy as np
import pandas as pd
import scipy.stats
from sklearn.neighbors import NearestNeighbors


def _cells(cells: tuple[np.ndarray, ...] | None, *samples: np.ndarray) -> tuple[np.ndarray, ...]:
    """The cell of every point of each sample, one for all where none are given."""
    if cells is None:
        return tuple(np.zeros(len(sample), int) for sample in samples)
    cells = tuple(np.asarray(part) for part in cells)
    wanted, given = [(len(sample),) for sample in samples], [part.shape for part in cells]
    if given != wanted:
        raise ValueError(f"the cells have shapes {given}, their points {wanted}")
    return cells


def _nearest(
    points: np.ndarray, references: np.ndarray, cells: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest reference of the same cell and its index; NaN and -1 where the cell has none."""
    points, references = np.asarray(points), np.asarray(references)
    own, theirs = _cells(cells, points, references)
    distances, found = np.full(len(points), np.nan), np.full(len(points), -1)
    for cell in np.unique(own):
        rows, members = np.flatnonzero(own == cell), np.flatnonzero(theirs == cell)
        if len(members):
            search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(references[members])
            found[rows] = members[search.kneighbors(points[rows], return_distance=False)[:, 0]]
            # The search works with products, whose rounding would rank equal distances; differences give exact zeros.
            apart = np.subtract(points[rows], references[found[rows]], dtype=np.float64)
            distances[rows] = np.linalg.norm(apart, axis=1)
    return distances, found


def distances_to_nearest(
    points: np.ndarray, references: np.ndarray, cells: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """How far each point is from the nearest reference: float64 (N,), 0 for copies, NaN where its cell has none."""
    return _nearest(points, references, cells)[0]


def _excess(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """By how much Mann and Whitney's U of the first sample is above its mean, and its variance, ties allowed for."""
    n, m, count = len(first), len(second), len(first) + len(second)
    values = np.concatenate([first, second])
    excess = scipy.stats.rankdata(values)[:n].sum() - n * (count + 1) / 2
    ties = np.unique(values, return_counts=True)[1].astype(float)
    return float(excess), n * m / 12 * (count + 1 - float((ties**3 - ties).sum()) / (count * (count - 1)))


def rank_z(first: np.ndarray, second: np.ndarray, cells: tuple[np.ndarray, np.ndarray] | None = None) -> float:
    """Whether the values of one sample are lower or higher than those of another, in standard deviations.

    This is the U of Mann and Whitney 1947, standardised, with average ranks and a variance corrected for ties and
    without continuity correction.  With cells, values are ranked within their cell only, and the cells put together
    with weights 1 / (size + 1) before standardising: the stratified test of van Elteren 1960 (Bulletin of the
    International Statistical Institute 37).  Cells that both samples fill in other shares then cannot pass for a
    difference, as they can when distances of several cells are ranked in one row.

    Args:
        first: float (N,), 1 or more; NaN is left out.
        second: the same of the other sample.
        cells: of the values of both.

    Returns:
        About standard normal for two samples of one distribution whose values are independent, negative when
        `first` is lower, 0 when all are equal.  Frames of one track are not independent: they widen it.

    Raises:
        ValueError: no cell holds values of both samples.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    own, theirs = _cells(cells, first, second)
    own, first = own[~np.isnan(first)], first[~np.isnan(first)]
    theirs, second = theirs[~np.isnan(second)], second[~np.isnan(second)]
    shared = np.intersect1d(own, theirs)
    if not len(shared):
        raise ValueError("there is nothing to rank: both samples need values, and in one cell")
    excess = variance = 0.0
    for cell in shared:
        here, there = first[own == cell], second[theirs == cell]
        above, spread = _excess(here, there)
        excess += above / (len(here) + len(there) + 1)
        variance += spread / (len(here) + len(there) + 1) ** 2
    return excess / float(np.sqrt(variance)) if variance > 0 else 0.0


def copying_statistic(
    generated: np.ndarray,
    training: np.ndarray,
    held_out: np.ndarray,
    cells: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    groups: np.ndarray | None = None,
) -> float:
    """C_T, the three-sample test for data-copying (Meehan, Chaudhuri and Dasgupta 2020, arXiv 2004.05675, section 3).

    Are generated points nearer to the training points than held-out points are?  Both samples of distances to the
    nearest training point of the cell are ranked.  Two things differ from the paper, so that the answer is about
    standard normal where there is no copying: the cells are put together as one test (see `rank_z`), where the
    paper averages the statistics of the cells, which varies less than one of them; and the frames of one track,
    which are no independent sample, count as one value, the median of their distances.

    Args:
        generated: float (N, D).
        training: float (M, D).
        held_out: float (K, D), of the same distribution but other physical signs than `training`.
        cells: of the points of all three.
        groups: integers (K,), the physical sign of every held-out point; -1 where it is not known. None: all
            points are independent.

    Returns:
        Negative for copying, and below -3 a clear case; positive for points further away than real ones.

    Raises:
        ValueError: no cell has points of all three.
    """
    own, learned, other = _cells(cells, generated, training, held_out)
    near = distances_to_nearest(generated, training, (own, learned))
    usual = distances_to_nearest(held_out, training, (other, learned))
    if groups is not None:
        if np.shape(groups) != (len(usual),):
            raise ValueError(f"{len(usual)} held-out points need as many groups, not {np.shape(groups)}")
        groups = np.where(np.asarray(groups) < 0, -1 - np.arange(len(usual)), groups)
        by_group = pd.DataFrame({"distance": usual, "cell": other}).groupby(groups)
        usual, other = by_group["distance"].median().to_numpy(), by_group["cell"].first().to_numpy()
    return rank_z(near, usual, (own, other))


def closest_pairs(
    generated: np.ndarray,
    training: np.ndarray,
    count: int,
    cells: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The generated points that are most like a training point, to be looked at.

    Args:
        generated: float (N, D).
        training: float (M, D).
        count: how many, 0 or more.
        cells: of the points of both.

    Returns:
        int (count,) indices of generated points, no one twice; int (count,) indices of the training point nearest
        to each, which may repeat; float64 (count,) their distances, ascending.  Shorter where there are fewer
        generated points with a training point in their cell.
    """
    if count < 0:
        raise ValueError(f"0 or more pairs can be had, not {count}")
    distances, found = _nearest(generated, training, cells)
    order = np.argsort(distances, kind="stable")[: min(count, int((found >= 0).sum()))]  # NaN is last
    return order, found[order], distances[order]
