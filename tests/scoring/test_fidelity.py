import math

import numpy as np
import pytest

from gan.scoring import fidelity
from gan.scoring.fidelity import frechet_distance, kernel_distance, manifold_scores


def normal(count: int, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def exactly(mean: np.ndarray, root: np.ndarray, count: int = 50, seed: int = 0) -> np.ndarray:
    """Points with this very mean and the covariance root' root, rounding apart."""
    points = normal(count, len(root), seed)
    points -= points.mean(axis=0)
    points = points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T
    return points @ root + mean


def kernel_by_loops(first: np.ndarray, second: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    def within(points: np.ndarray) -> float:
        pairs = [kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(x, y) for x in first for y in second]
    return within(first) + within(second) - 2 * sum(between) / len(between)


def manifold_by_loops(real: np.ndarray, generated: np.ndarray, k: int) -> dict:
    def balls(points: np.ndarray) -> list[float]:
        others = [sorted(math.dist(x, y) for j, y in enumerate(points) if j != i) for i, x in enumerate(points)]
        return [row[min(k, len(row)) - 1] for row in others]

    around_real, around_generated = balls(real), balls(generated)
    inside = [[math.dist(x, y) <= r for y in generated] for x, r in zip(real, around_real, strict=True)]
    reached = [[math.dist(x, y) <= r for y, r in zip(generated, around_generated, strict=True)] for x in real]
    return {
        "precision": sum(any(column) for column in zip(*inside, strict=True)) / len(generated),
        "recall": sum(any(row) for row in reached) / len(real),
        "density": sum(map(sum, inside)) / k / len(generated),
        "coverage": sum(any(row) for row in inside) / len(real),
    }


# Fréchet distance


def test_frechet_of_a_set_and_itself_is_0() -> None:
    points = normal(100, 20)
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)


def test_frechet_of_a_shift_is_its_squared_length() -> None:
    points, shift = normal(100), np.array([1.0, -2.0, 0.5, 3.0])
    assert frechet_distance(points, points + shift) == pytest.approx(shift @ shift, rel=1e-9)


def test_frechet_of_a_scaled_covariance() -> None:
    # trace(C + s^2 C - 2 s C) = (s - 1)^2 trace(C)
    points = normal(100)
    centred = points - points.mean(axis=0)
    wanted = (2.5 - 1) ** 2 * np.trace(np.cov(points.T))
    assert frechet_distance(centred, 2.5 * centred) == pytest.approx(wanted, rel=1e-9)


def test_frechet_of_known_normal_distributions() -> None:
    # Along common axes the distance is that of the means and of the standard deviations.
    mean, deviations = np.array([1.0, 0.0, -2.0]), np.array([0.5, 3.0, 1.0])
    first, second = exactly(np.zeros(3), np.eye(3)), exactly(mean, np.diag(deviations), count=80, seed=1)
    wanted = 5.0 + ((deviations - 1) ** 2).sum()
    assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-9)


def test_frechet_of_covariances_with_other_axes() -> None:
    # For 2x2, trace((C1 C2)^(1/2))^2 = trace(C1 C2) + 2 sqrt(det(C1 C2)).
    first_root, second_root = np.array([[1.0, 0.8], [0.0, 0.5]]), np.array([[0.3, -1.0], [2.0, 0.1]])
    covariances = [root.T @ root for root in (first_root, second_root)]
    product = covariances[0] @ covariances[1]
    root_trace = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    wanted = np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root_trace
    first, second = exactly(np.zeros(2), first_root), exactly(np.zeros(2), second_root, seed=1)
    assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-9)


def test_frechet_of_singular_covariances() -> None:
    # Points on two lines at right angles: nothing is shared, so the traces add up.
    values = normal(50, 1)
    flat = np.zeros((50, 30))
    first, second = flat.copy(), flat.copy()
    first[:, 3:4], second[:, 7:8] = values - values.mean(), 2 * (values - values.mean())
    assert frechet_distance(first, second) == pytest.approx(5 * values.var(ddof=1), rel=1e-9)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(flat, flat + 1) == pytest.approx(30)


def test_frechet_with_fewer_images_than_features() -> None:
    few = normal(5, 64)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)
    centred = few - few.mean(axis=0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(few.T)), rel=1e-9)


def test_frechet_is_symmetric_and_never_negative() -> None:
    first, second = normal(40, 8), 2 * normal(30, 8, seed=1) + 0.5
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)
    assert all(frechet_distance(normal(9, 9, seed), normal(9, 9, seed)[::-1]) >= 0 for seed in range(20))


def test_frechet_of_features_far_from_the_origin_in_single_precision() -> None:
    points = (normal(200) + 1000).astype(np.float32)
    assert frechet_distance(points, points + np.float32(0.25)) == pytest.approx(0.25, rel=1e-6)


# Kernel distance


def test_kernel_distance_is_that_of_all_pairs() -> None:
    first, second = normal(7, 3), normal(5, 3, seed=1) * 2 + 1
    assert kernel_distance(first, second) == pytest.approx(kernel_by_loops(first, second), rel=1e-12)


def test_kernel_distance_of_one_distribution_is_around_0() -> None:
    values = np.array([kernel_distance(normal(20, 3, 2 * seed), normal(30, 3, 2 * seed + 1)) for seed in range(300)])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(len(values))
    # With the pairs of a point and itself the mean would be higher by far.
    assert 0.25 < (values < 0).mean() < 0.75


def test_kernel_distance_of_a_known_shift() -> None:
    # In one dimension, x standard normal and y the same plus s: E(xy + 1)^3 over independent pairs.
    shift = 0.7
    same, moved = 1 + 3, (1 + shift**2) ** 2
    between = 1 + 3 * moved**0.5  # E x = E x^3 = 0 and E x^2 = 1, E y^2 = 1 + s^2
    third = 3 * shift + shift**3  # E y^3
    within_moved = third**2 + 3 * moved + 3 * shift**2 + 1
    wanted = same + within_moved - 2 * between
    values = np.array([kernel_distance(normal(40, 1, 2 * k), normal(40, 1, 2 * k + 1) + shift) for k in range(400)])
    assert values.mean() == pytest.approx(wanted, abs=4 * values.std() / math.sqrt(len(values)))
    assert wanted > 10 * values.std() / math.sqrt(len(values)), "the test could not tell it from 0"


def test_kernel_distance_grows_with_the_shift_and_is_symmetric() -> None:
    first, second = normal(100), normal(80, seed=1)
    values = [kernel_distance(first, second + shift) for shift in (0, 0.5, 1, 2)]
    assert values == sorted(values)
    assert kernel_distance(second + 1, first) == pytest.approx(values[2], rel=1e-9)


# Manifold scores


def test_scores_are_those_of_all_pairs() -> None:
    real, generated = normal(25, 3), normal(18, 3, seed=1) * 1.3 + 0.4
    for k in (1, 2, 5):
        assert manifold_scores(real, generated, k) == pytest.approx(manifold_by_loops(real, generated, k)), k


def test_a_set_and_itself() -> None:
    points = normal(60)
    scores = manifold_scores(points, points.copy(), 5)
    # Each ball holds its centre and, the last on its edge, 5 others.
    assert scores == {"precision": 1, "recall": 1, "density": pytest.approx(6 / 5), "coverage": 1}
    assert all(type(value) is float for value in scores.values())


def test_copies_on_the_edge_of_a_ball_do_not_fall_out_by_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    # Blocks of other shapes for the radii and for the distances round them in other ways.
    monkeypatch.setattr(fidelity, "PAIRS", 60)
    for width in (16, 37):
        points = (normal(60, width) + 3).astype(np.float32)
        wanted = manifold_by_loops(points, points[:2], 5)
        assert manifold_scores(points, points[:2]) == pytest.approx(wanted)


def test_equal_images_lie_in_balls_without_size() -> None:
    assert manifold_scores(np.ones((9, 3)), np.ones((7, 3))) == {
        "precision": 1,
        "recall": 1,
        "density": pytest.approx(9 / 5),
        "coverage": 1,
    }


def test_scores_do_not_depend_on_the_origin() -> None:
    real, generated = normal(60), normal(60, seed=1) + 0.3
    assert manifold_scores(real + 1e6, generated + 1e6) == pytest.approx(manifold_scores(real, generated))


def test_sets_that_do_not_touch() -> None:
    scores = manifold_scores(normal(40), normal(40, seed=1) + 100)
    assert scores == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_samples_of_one_distribution_have_the_density_and_coverage_of_the_paper() -> None:
    # The probability that the k-th nearest of N - 1 others comes before all of M more (Naeem et al. 2020, 3.3).
    n, m, k = 120, 80, 3
    wanted = 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))
    runs = [manifold_scores(normal(n, 2, 2 * seed), normal(m, 2, 2 * seed + 1), k) for seed in range(40)]
    assert np.mean([run["coverage"] for run in runs]) == pytest.approx(wanted, abs=0.02)
    assert np.mean([run["density"] for run in runs]) == pytest.approx(1, abs=0.03)


def test_density_of_a_row_of_points() -> None:
    real = np.array([[0.0], [1], [2], [3]])
    # Balls of k = 1 have radius 1: 0.5 lies in two of them, 3.5 in one, 9 in none.
    assert manifold_scores(real, np.array([[0.5], [3.5], [9.0]]), 1) == {
        "precision": pytest.approx(2 / 3),
        "recall": 1,
        "density": pytest.approx(3 / 3),
        "coverage": pytest.approx(3 / 4),
    }
    assert manifold_scores(real, np.array([[0.5], [0.6], [0.4]]), 1)["density"] == pytest.approx(2)


def test_a_missing_mode_costs_recall_and_coverage_but_not_precision() -> None:
    real = np.concatenate([normal(50, 2), normal(50, 2, seed=1) + 40])
    both = np.concatenate([normal(50, 2, seed=2), normal(50, 2, seed=3) + 40])
    one = normal(100, 2, seed=4)
    full, dropped = manifold_scores(real, both), manifold_scores(real, one)
    assert min(full.values()) > 0.8
    assert dropped["precision"] > 0.8 and dropped["density"] > 0.8
    assert dropped["recall"] <= 0.5 and dropped["coverage"] <= 0.5


def test_poor_images_cost_precision_and_density_but_not_coverage() -> None:
    real, good = normal(60, 2), normal(60, 2, seed=1)
    scores, only_good = manifold_scores(real, np.concatenate([good, good + 100])), manifold_scores(real, good)
    assert scores["precision"] == pytest.approx(only_good["precision"] / 2)
    assert scores["density"] == pytest.approx(only_good["density"] / 2)
    assert scores["coverage"] == only_good["coverage"]


def test_few_images_use_the_largest_k_there_is() -> None:
    real, generated = normal(4), normal(3, seed=1)
    assert manifold_scores(real, generated, 50)["density"] == manifold_scores(real, generated, 3)["density"]
    assert manifold_scores(real, generated, 50) == manifold_scores(real, generated, 3)
    assert manifold_scores(real[:2], real[:2])["coverage"] == 1


# All of them


@pytest.mark.parametrize("pairs", [1, 40, 130])
def test_the_size_of_a_block_does_not_matter(monkeypatch: pytest.MonkeyPatch, pairs: int) -> None:
    real, generated = normal(41), normal(33, seed=1) + 0.3
    kernel, scores = kernel_distance(real, generated), manifold_scores(real, generated)
    monkeypatch.setattr(fidelity, "PAIRS", pairs)
    assert len(list(fidelity._blocks(41, 33))) > 10
    assert kernel_distance(real, generated) == pytest.approx(kernel, rel=1e-10)
    assert manifold_scores(real, generated) == pytest.approx(scores, abs=1e-12)


def test_the_order_of_images_does_not_matter() -> None:
    real, generated = normal(41), normal(33, seed=1) + 0.3
    order = np.random.default_rng(0).permutation(41)
    assert frechet_distance(real[order], generated[::-1]) == pytest.approx(frechet_distance(real, generated))
    assert kernel_distance(real[order], generated[::-1]) == pytest.approx(kernel_distance(real, generated))
    wanted = manifold_scores(real, generated)
    assert manifold_scores(real[order], generated[::-1]) == pytest.approx(wanted)


def test_single_precision_is_as_good_and_the_features_are_left_alone() -> None:
    real, generated = normal(41).astype(np.float32), normal(33, seed=1).astype(np.float32)
    kept = real.copy(), generated.copy()
    for score in (frechet_distance, kernel_distance, manifold_scores):
        assert score(real, generated) == score(real.astype(float), generated.astype(float))
    np.testing.assert_array_equal(real, kept[0])
    np.testing.assert_array_equal(generated, kept[1])


@pytest.mark.parametrize("score", [frechet_distance, kernel_distance, manifold_scores])
def test_what_cannot_be_scored_is_refused(score) -> None:
    points = normal(5)
    for few in (points[:1], points[:0]):
        with pytest.raises(ValueError, match="2 or more"):
            score(few, points)
        with pytest.raises(ValueError, match="2 or more"):
            score(points, few)
    for shape in (points[:, :3], points[0], points[None]):
        with pytest.raises(ValueError, match="one width"):
            score(points, shape)
    for value in (np.nan, np.inf):
        broken = points.copy()
        broken[2, 1] = value
        with pytest.raises(ValueError, match="NaN"):
            score(points, broken)


def test_wrong_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more neighbours"):
        manifold_scores(normal(5), normal(5), 0)
