"""How far generated images are from real ones, and how much of the real ones they reach, in any features.

Features are float (N, D), finite, 2 or more on either side and of one width; else there is a ValueError.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances, polynomial_kernel
from sklearn.utils import gen_batches

PAIRS = 2**22  # pairs of points looked at together: 32 MB for each array of them
ROUNDING = 1e-12  # of the longest squared length: what two ways of rounding one squared distance may differ by


def _checked(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two feature sets in float64; ValueError unless both are (2 or more, D) and finite."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"two sets of features of one width are needed, not {first.shape} and {second.shape}")
    if min(len(first), len(second)) < 2:
        raise ValueError(f"2 or more images are needed on either side, not {len(first)} and {len(second)}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("the features hold infinite values or NaN")
    return first, second


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of the rows of a table of pairs, each of about PAIRS pairs."""
    return gen_batches(rows, max(1, PAIRS // columns))


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The Fréchet distance of the normal distributions with the means and covariances of two feature sets.

    With Inception features this is the FID (Heusel et al. 2017, arXiv 1706.08500, equation 6 and appendix A1):
    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)).  It grows as samples get smaller, so compare it only with
    distances of equally many images.

    Returns:
        0 for equal means and covariances, else positive; in squared units of the features.  Covariances divide
        by N - 1 and may be singular, as they are for N <= D.
    """
    first, second = _checked(first, second)
    shift = first.mean(axis=0) - second.mean(axis=0)
    # A triangular R with R'R = C is the square root of a covariance.  The trace of (C1 C2)^(1/2) is then the sum of
    # the singular values of R1 R2': never complex, and without the root of a rounding error that eigenvalues give.
    roots: list[Any] = [  # the annotation of NumPy forgets that "r" gives one array
        np.linalg.qr((points - points.mean(axis=0)) / np.sqrt(len(points) - 1), mode="r")
        for points in (first, second)
    ]
    shared = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
    return max(0.0, float(shift @ shift + sum(np.sum(root**2) for root in roots) - 2 * shared))


def _kernel_sum(first: np.ndarray, second: np.ndarray) -> float:
    """The sum over all pairs of the kernel (x.y / D + 1)^3."""
    return sum(float(polynomial_kernel(first[rows], second).sum()) for rows in _blocks(len(first), len(second)))


def kernel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The squared maximum mean discrepancy of two feature sets under a cubic kernel, estimated without bias.

    With Inception features this is the KID (Bińkowski et al. 2018, arXiv 1801.01401, section 4), here over all
    pairs and not averaged over subsets.  Its mean does not depend on how many images there are, which suits few.

    Returns:
        The estimate: about 0, and as often negative as positive, for two samples of one distribution.
    """
    first, second = _checked(first, second)

    def within(points: np.ndarray) -> float:
        # A point paired with itself is what would make the estimate biased.
        own = np.sum(((points**2).sum(axis=1) / points.shape[1] + 1) ** 3)
        return (_kernel_sum(points, points) - float(own)) / (len(points) * (len(points) - 1))

    return within(first) + within(second) - 2 * _kernel_sum(first, second) / (len(first) * len(second))


def _balls(points: np.ndarray, neighbours: int) -> np.ndarray:
    """The squared distance (N,) to the k-th nearest other point, or the last where there are fewer."""
    count = len(points)
    rank, radii = min(neighbours, count - 1), np.empty(count)
    for rows in _blocks(count, count):
        squared = euclidean_distances(points[rows], points, squared=True)
        squared[np.arange(len(squared)), np.arange(count)[rows]] = -1  # a point is the first, whatever rounding says
        radii[rows] = np.partition(squared, rank, axis=1)[:, rank]
    return radii


def manifold_scores(real: np.ndarray, generated: np.ndarray, neighbours: int = 5) -> dict[str, float]:
    """How many generated images lie where real ones do, and how many real ones have generated ones near.

    Each image stands for the ball around it that reaches to its k-th nearest neighbour of the same kind, edge
    included.  Precision and recall are Kynkäänniemi et al. 2019 (arXiv 1904.06991, section 2), density and
    coverage Naeem et al. 2020 (arXiv 2002.09797, section 3.2).

    Images must be independent: the 30 nearly equal frames of a track make balls so small that another photo of that
    very sign lies outside.

    Args:
        real: float (N, D).
        generated: float (M, D).
        neighbours: k, 1 or more; the papers take 3 and 5.  Where there are fewer others, all of them.

    Returns:
        "precision": share 0-1 of the generated images inside a ball of a real one.
        "recall": share 0-1 of the real images inside a ball of a generated one.
        "density": in how many balls of real images a generated one lies, divided by k; 0 or more, about 1 for
            samples of one distribution.
        "coverage": share 0-1 of the balls of real images that hold a generated one; for two samples of one
            distribution and size about 1 - 2^-k.
    """
    real, generated = _checked(real, generated)
    if neighbours < 1:
        raise ValueError(f"1 or more neighbours are needed, not {neighbours}")
    # Distances come from products; features far from the origin would lose their digits in them.
    centre = real.mean(axis=0)
    real, generated = real - centre, generated - centre
    radii, generated_radii = _balls(real, neighbours), _balls(generated, neighbours)
    rank = min(neighbours, len(real) - 1)
    # A copy of a k-th neighbour lies on the edge, and must not fall out by rounding.
    edge = ROUNDING * max((points**2).sum(axis=1).max() for points in (real, generated))

    precise = np.zeros(len(generated), bool)
    recalled = density = covered = 0.0
    for rows in _blocks(len(real), len(generated)):
        squared = euclidean_distances(real[rows], generated, squared=True)
        inside = squared <= radii[rows, None] + edge
        precise |= inside.any(axis=0)
        covered += inside.any(axis=1).sum()
        density += inside.sum() / rank
        recalled += (squared <= generated_radii + edge).any(axis=1).sum()
    return {
        "precision": float(precise.mean()),
        "recall": float(recalled / len(real)),
        "density": float(density / len(generated)),
        "coverage": float(covered / len(real)),
    }
