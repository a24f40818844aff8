import itertools
import math

import numpy as np
import pytest
import scipy.stats

from gan.scoring.two_sample import closest_pairs, copying_statistic, distances_to_nearest, rank_z


def normal(count: int, width: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def near(points: np.ndarray, seed: int = 50) -> np.ndarray:
    """Points that hardly differ from the given ones."""
    return points + 0.01 * normal(len(points), points.shape[1], seed)


def u_by_loops(first: np.ndarray, second: np.ndarray) -> float:
    return sum((x > y) + 0.5 * (x == y) for x in first for y in second)


# Distances


def test_distances_are_those_of_all_pairs() -> None:
    points, references = normal(20), normal(30, seed=1)
    wanted = [min(math.dist(x, y) for y in references) for x in points]
    np.testing.assert_allclose(distances_to_nearest(points, references), wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_copies_are_at_distance_0_exactly(dtype: type) -> None:
    references = (normal(200, 64) + 100).astype(dtype)
    assert (distances_to_nearest(references[[7, 3, 150]], references) == 0).all()


def test_distances_of_bytes_do_not_wrap_around() -> None:
    distances = distances_to_nearest(np.array([[10], [250]], np.uint8), np.array([[13], [240]], np.uint8))
    assert distances.tolist() == [3, 10]


def test_only_references_of_the_same_cell_count() -> None:
    points, references = np.array([[0.0], [0.0], [0.0]]), np.array([[1.0], [5.0], [2.0]])
    distances = distances_to_nearest(points, references, (np.array([4, 7, 9]), np.array([7, 4, 4])))
    np.testing.assert_array_equal(distances, [2, 1, np.nan])


# Ranks


def test_z_is_that_of_u_by_loops() -> None:
    first, second = normal(12, 1)[:, 0], normal(9, 1, seed=1)[:, 0] + 0.5
    wanted = (u_by_loops(first, second) - 12 * 9 / 2) / math.sqrt(12 * 9 * (12 + 9 + 1) / 12)
    assert rank_z(first, second) == pytest.approx(wanted, rel=1e-12)
    assert wanted < -0.5


def test_z_with_ties_is_that_of_all_ways_to_split_the_values() -> None:
    first, second = [1, 2, 2, 5, 5], [2, 3, 5, 6]
    values = np.array(first + second)
    splits = []
    for chosen in itertools.combinations(range(9), 5):
        rest = [index for index in range(9) if index not in chosen]
        splits.append(u_by_loops(values[list(chosen)], values[rest]))
    wanted = (u_by_loops(first, second) - np.mean(splits)) / np.std(splits)
    assert rank_z(first, second) == pytest.approx(wanted, rel=1e-12)


def test_z_has_the_probability_of_scipys_test() -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        first, second = random.integers(0, 8, 30), random.integers(1, 9, 25)
        wanted = scipy.stats.mannwhitneyu(
            first, second, alternative="less", use_continuity=False, method="asymptotic"
        )
        assert scipy.stats.norm.cdf(rank_z(first, second)) == pytest.approx(wanted.pvalue, rel=1e-9)


def test_z_changes_its_sign_with_the_samples_and_is_0_for_equal_values() -> None:
    first, second = np.array([1.0, 2, 2, 7]), np.array([0.5, 2, 2])
    assert rank_z(first, second) == -rank_z(second, first) != 0
    assert rank_z(np.ones(4), np.ones(7)) == 0
    assert rank_z(first, first) == 0


def test_z_is_standard_normal_for_one_distribution() -> None:
    random = np.random.default_rng(0)
    plain = [rank_z(random.random(15), random.random(10)) for _ in range(600)]
    cells = np.arange(15) % 3, np.arange(10) % 3
    stratified = [rank_z(random.random(15), random.random(10), cells) for _ in range(600)]
    for values in (plain, stratified):
        assert np.mean(values) == pytest.approx(0, abs=0.15)
        assert np.std(values) == pytest.approx(1, abs=0.1)


def test_z_of_cells_weighs_them_as_van_elteren_does() -> None:
    first, second = np.array([3.0, 1, 9, 8, 7]), np.array([2.0, 6, 10, 4])
    own, theirs = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1])
    # Cell 0: 3 and 1 against 2; cell 1: 9, 8 and 7 against 6, 10 and 4.
    above = (1 - 1) / 4 + (6 - 4.5) / 7
    spread = (2 * 1 * 4 / 12) / 4**2 + (3 * 3 * 7 / 12) / 7**2
    assert rank_z(first, second, (own, theirs)) == pytest.approx(above / math.sqrt(spread), rel=1e-12)
    assert rank_z(first[own == 1], second[theirs == 1]) == pytest.approx(1.5 / math.sqrt(3 * 3 * 7 / 12))


def test_cells_filled_in_other_shares_are_no_difference() -> None:
    random = np.random.default_rng(0)
    first, second = random.random(100), random.random(100)
    own, theirs = (np.arange(100) < 80).astype(int), (np.arange(100) < 20).astype(int)
    first, second = first + 10 * own, second + 10 * theirs
    assert rank_z(first, second) > 5
    assert abs(rank_z(first, second, (own, theirs))) < 2


def test_values_and_cells_that_are_missing_are_left_out() -> None:
    first, second = np.array([1.0, np.nan, 5, 99]), np.array([2.0, 3, np.nan, -99])
    own, theirs = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 2])
    assert rank_z(first, second, (own, theirs)) == rank_z([1, 5], [2, 3])
    for nothing in (([], [1]), ([1], [np.nan])):
        with pytest.raises(ValueError, match="nothing to rank"):
            rank_z(*nothing)
    with pytest.raises(ValueError, match="nothing to rank"):
        rank_z([1, 2], [3], ([0, 0], [1]))


# The statistic


def test_copies_are_far_below_and_distant_points_far_above() -> None:
    training, held_out = normal(200), normal(100, seed=1)
    assert copying_statistic(near(training[:100]), training, held_out) < -3
    assert copying_statistic(normal(100, seed=2) * 3, training, held_out) > 3


def test_a_sample_of_the_distribution_is_neither() -> None:
    values = [
        copying_statistic(normal(60, 3, 3 * k), normal(90, 3, 3 * k + 1), normal(50, 3, 3 * k + 2)) for k in range(40)
    ]
    assert max(map(abs, values)) < 3.5
    assert np.mean(values) == pytest.approx(0, abs=0.5)
    assert 0.7 < np.std(values) < 1.3


def test_the_statistic_is_the_rank_test_of_the_distances() -> None:
    generated, training, held_out = normal(30), normal(50, seed=1), normal(20, seed=2)
    wanted = rank_z(distances_to_nearest(generated, training), distances_to_nearest(held_out, training))
    assert copying_statistic(generated, training, held_out) == wanted
    assert copying_statistic(held_out, training, generated) == pytest.approx(-wanted)


def in_cells(count: int, seed: int, cells: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Points of several cells, whose centres do not matter."""
    own = np.arange(count) % cells
    return normal(count, 3, seed) + 20 * own[:, None], own


def test_copies_in_one_cell_show_in_all_together() -> None:
    (training, learned), (held_out, kept), (generated, made) = in_cells(400, 0), in_cells(200, 1), in_cells(200, 2)
    copied = generated.copy()
    copied[made == 2] = near(training[learned == 2][:50])
    cells = made, learned, kept
    honest, copying = (copying_statistic(points, training, held_out, cells) for points in (generated, copied))
    only = [
        copying_statistic(copied[made == cell], training[learned == cell], held_out[kept == cell])
        for cell in range(4)
    ]
    assert np.argmin(only) == 2 and only[2] < -5 and max(map(abs, np.delete(only, 2))) < 3
    assert abs(honest) < 2 and copying < -3
    # Cells of one size count alike: each cell's excess over the root of four variances.
    assert copying == pytest.approx(np.sum(only) / 2, rel=1e-12)


def test_the_statistic_of_cells_is_standard_normal_too() -> None:
    values = []
    for k in range(150):
        (training, learned), (held_out, kept), (generated, made) = (in_cells(60, 3 * k + part) for part in range(3))
        values.append(copying_statistic(generated, training, held_out, (made, learned, kept)))
    assert np.mean(values) == pytest.approx(0, abs=0.3)
    assert 0.8 < np.std(values) < 1.25, "an average of the cells would vary half as much"


def test_copies_of_another_cell_are_none() -> None:
    training, learned = in_cells(200, 0, cells=2)
    held_out, kept = in_cells(100, 1, cells=2)
    copies = near(training[learned == 0][:50])
    assert copying_statistic(copies, training, held_out, (np.zeros(50, int), learned, kept)) < -3
    assert copying_statistic(copies, training, held_out, (np.ones(50, int), learned, kept)) > 3


def test_cells_are_put_together_as_ranks_are() -> None:
    training, learned = in_cells(200, 0, cells=2)
    (held_out, kept), (generated, made) = in_cells(80, 1, cells=2), in_cells(60, 2, cells=2)
    kept_rows = np.flatnonzero((kept == 0) | (np.arange(80) < 20))  # 40 of cell 0 and 10 of cell 1
    held_out, kept = held_out[kept_rows], kept[kept_rows]
    generated[made == 0] = near(training[learned == 0][:30])
    near_distances = distances_to_nearest(generated, training, (made, learned))
    usual = distances_to_nearest(held_out, training, (kept, learned))
    value = copying_statistic(generated, training, held_out, (made, learned, kept))
    assert value == rank_z(near_distances, usual, (made, kept)) < -3
    assert value != pytest.approx(rank_z(near_distances, usual), abs=0.1)


def test_cells_that_cannot_be_compared_are_left_out() -> None:
    training, learned = in_cells(80, 0)
    (held_out, kept), (generated, made) = in_cells(40, 1), in_cells(40, 2)
    generated[made != 0] = training[learned != 0][:30]  # would be copies
    wanted = copying_statistic(generated[made == 0], training[learned == 0], held_out[kept == 0])
    # Cell 1 has no training point, cell 2 no generated and cell 3 no held-out one.
    some, made_rows, kept_rows = learned != 1, made != 2, kept != 3
    value = copying_statistic(
        generated[made_rows], training[some], held_out[kept_rows], (made[made_rows], learned[some], kept[kept_rows])
    )
    assert value == pytest.approx(wanted, rel=1e-12)


def test_nothing_to_compare_is_refused() -> None:
    training, held_out = normal(20), normal(10, seed=1)
    for arguments in ((normal(0), training, held_out), (normal(9), training, held_out[:0])):
        with pytest.raises(ValueError):
            copying_statistic(*arguments)
    with pytest.raises(ValueError, match="nothing to rank"):
        copying_statistic(normal(9), training, held_out, (np.zeros(9, int), np.ones(20, int), np.zeros(10, int)))
    with pytest.raises(ValueError, match="shapes"):
        copying_statistic(normal(9), training, held_out, (np.zeros(9, int), np.ones(19, int), np.zeros(10, int)))


# Frames of one physical sign


def test_a_track_counts_as_the_median_of_its_distances() -> None:
    training, generated = np.array([[0.0]]), np.array([[2.5], [6.0], [7.5]])
    held_out, tracks = np.array([[1.0], [9], [2], [5], [7], [-8], [-4]]), np.array([3, -1, 3, 8, 3, -1, 8])
    # Distances: track 3 has 1, 2 and 7; track 8 has 5 and 4; 9 and 8 stand alone.
    wanted = rank_z([2.5, 6, 7.5], [2, 4.5, 9, 8])
    assert copying_statistic(generated, training, held_out, groups=tracks) == wanted
    assert wanted != copying_statistic(generated, training, held_out)


def test_a_track_stays_in_its_cell() -> None:
    training, learned = np.array([[0.0], [100]]), np.array([4, 6])
    generated, made = np.array([[2.5], [104], [101]]), np.array([4, 6, 6])
    held_out, kept = np.array([[102.0], [1], [103], [3], [107], [8]]), np.array([6, 4, 6, 4, 6, 4])
    tracks = np.array([0, 9, 0, 9, 0, -1])
    value = copying_statistic(generated, training, held_out, (made, learned, kept), tracks)
    assert value == rank_z([2.5, 4, 1], [3, 2, 8], (np.array([4, 6, 6]), np.array([6, 4, 4])))


def test_points_of_unknown_tracks_count_singly() -> None:
    (training, learned), (held_out, kept), (generated, made) = in_cells(60, 0), in_cells(40, 1), in_cells(50, 2)
    arguments = generated, training, held_out, (made, learned, kept)
    wanted = copying_statistic(*arguments)
    assert copying_statistic(*arguments, groups=np.full(40, -1)) == pytest.approx(wanted, rel=1e-12)
    assert copying_statistic(*arguments, groups=np.arange(40) * 5) == pytest.approx(wanted, rel=1e-12)
    some_known = np.where(np.arange(40) < 9, -1, np.arange(40))
    assert copying_statistic(*arguments, groups=some_known) == pytest.approx(wanted, rel=1e-12)


def test_frames_of_a_track_are_no_proof_of_copying() -> None:
    with_tracks, without = [], []
    for k in range(120):
        training, generated, signs = normal(60, 3, 3 * k), normal(40, 3, 3 * k + 1), normal(8, 3, 3 * k + 2)
        held_out = near(signs.repeat(20, axis=0), k)
        with_tracks.append(copying_statistic(generated, training, held_out, groups=np.arange(160) // 20))
        without.append(copying_statistic(generated, training, held_out))
    assert np.mean(with_tracks) == pytest.approx(0, abs=0.35)
    assert 0.75 < np.std(with_tracks) < 1.25
    assert np.std(without) > 1.5, "the same frames taken for independent signs"
    assert copying_statistic(near(training[:40]), training, held_out, groups=np.arange(160) // 20) < -3


def test_a_track_without_training_points_in_its_cell_is_left_out() -> None:
    training, learned = in_cells(40, 0, cells=2)
    (held_out, kept), (generated, made) = in_cells(30, 1, cells=3), in_cells(30, 2, cells=2)
    tracks, inside = kept * 100 + np.arange(30) // 6, kept < 2
    value = copying_statistic(generated, training, held_out, (made, learned, kept), tracks)
    fewer = (made, learned, kept[inside]), tracks[inside]
    assert value == pytest.approx(copying_statistic(generated, training, held_out[inside], *fewer), rel=1e-12)


def test_as_many_tracks_as_held_out_points_are_needed() -> None:
    for count in (9, 11):
        with pytest.raises(ValueError, match="groups"):
            copying_statistic(normal(5), normal(20), normal(10), groups=np.zeros(count, int))


def test_the_order_of_points_does_not_matter() -> None:
    (training, learned), (held_out, kept), (generated, made) = in_cells(60, 0), in_cells(40, 1), in_cells(50, 2)
    order = np.random.default_rng(0).permutation(60)
    value = copying_statistic(generated, training, held_out, (made, learned, kept))
    shuffled = generated[::-1], training[order], held_out[::-1], (made[::-1], learned[order], kept[::-1])
    assert copying_statistic(*shuffled) == pytest.approx(value, rel=1e-12)
    tracks = kept * 100 + np.arange(40) // 9
    value = copying_statistic(generated, training, held_out, (made, learned, kept), tracks)
    assert copying_statistic(*shuffled, tracks[::-1]) == pytest.approx(value, rel=1e-12)


# Pairs


def test_the_closest_pairs_are_found_nearest_first() -> None:
    training, generated = 100 * normal(40), 100 * normal(30, seed=1)
    generated[[17, 4, 22]] = training[[8, 31, 8]] + np.array([[0.2], [0.0], [0.1]])
    made, learned, distances = closest_pairs(generated, training, 3)
    assert made.tolist() == [4, 22, 17] and learned.tolist() == [31, 8, 8]
    np.testing.assert_allclose(distances, np.array([0, 0.1, 0.2]) * math.sqrt(3), atol=1e-12)


def test_all_pairs_hold_every_generated_point_once() -> None:
    training, generated = normal(40), normal(30, seed=1)
    made, learned, distances = closest_pairs(generated, training, 99)
    assert sorted(made) == list(range(30))
    np.testing.assert_allclose(distances, np.sort(distances_to_nearest(generated, training)))
    np.testing.assert_allclose(distances, np.linalg.norm(generated[made] - training[learned], axis=1))


def test_pairs_stay_within_their_cell() -> None:
    training, generated = np.array([[0.0], [10], [20]]), np.array([[0.0], [11], [20], [19.5]])
    cells = np.array([5, 6, 8, 7]), np.array([6, 5, 7])
    made, learned, distances = closest_pairs(generated, training, 4, cells)
    assert made.tolist() == [3, 0, 1] and learned.tolist() == [2, 1, 0] and distances.tolist() == [0.5, 10, 11]
    assert [len(part) for part in closest_pairs(generated, training, 0, cells)] == [0, 0, 0]


def test_equal_distances_come_in_the_order_of_the_points() -> None:
    made, _, _ = closest_pairs(np.arange(3000)[:, None] % 2, np.ones((1, 1)), 3000)
    assert made.tolist() == [*range(1, 3000, 2), *range(0, 3000, 2)]


def test_a_negative_number_of_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        closest_pairs(normal(3), normal(3), -1)


def test_what_cannot_be_measured_is_refused() -> None:
    broken = normal(5)
    broken[1, 1] = np.nan
    for arguments in ((broken, normal(5)), (normal(5), broken), (normal(5), normal(5, 2)), (normal(5), normal(5)[0])):
        with pytest.raises(ValueError):
            distances_to_nearest(*arguments)
