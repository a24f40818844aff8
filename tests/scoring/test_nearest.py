import math

import numpy as np
import pytest

from gan.scoring.nearest import compare, diversity, nearest, normalised, spread, track_floor

UNRELATED = math.sqrt(2)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 140, (count, 32, 32, 3)).astype(np.uint8)


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """A picture between two: most of one, a share of the other."""
    return np.rint((1 - share) * one.astype(float) + share * other).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The distance of two images, worked out from their correlation."""
    return math.sqrt(2 - 2 * np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_points_have_mean_0_and_length_1() -> None:
    points = normalised(noise(5))
    assert points.dtype == np.float32 and points.shape == (5, 32 * 32 * 3)
    np.testing.assert_allclose(points.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-5)


def test_a_flat_image_is_the_origin() -> None:
    assert np.abs(normalised(np.full((1, 32, 32, 3), 77, np.uint8))).max() < 1e-3


def test_the_images_are_left_alone() -> None:
    images = noise(3)
    normalised(images)
    np.testing.assert_array_equal(images, noise(3))


def test_a_copy_is_at_distance_0_and_found() -> None:
    references = noise(30)
    distances, found = nearest(references[[7, 3]], references, 2)
    assert found[:, 0].tolist() == [7, 3]
    assert distances[:, 0].max() < 2e-3
    assert distances[:, 1].min() > 1.3


def test_light_does_not_change_a_distance() -> None:
    references = noise(20)
    brighter, contrasted = references[4] + 50, (references[4].astype(int) * 2 - 60).astype(np.uint8)
    distances, found = nearest(np.stack([brighter, contrasted]), references, 1)
    assert found.tolist() == [[4], [4]] and distances.max() < 2e-3


def test_distances_are_those_of_the_correlation_in_ascending_order() -> None:
    references, image = noise(4), noise(1, seed=1)
    references[2], references[1] = mixed(image[0], references[2], 0.2), mixed(image[0], references[1], 0.4)
    distances, found = nearest(image, references, 4)
    assert found[0, :2].tolist() == [2, 1]
    wanted = sorted(apart(image[0], reference) for reference in references)
    np.testing.assert_allclose(distances[0], wanted, atol=1e-3)


def test_unrelated_images_are_about_the_root_of_two_apart() -> None:
    distances, _ = nearest(noise(10, seed=1), noise(1), 1)
    np.testing.assert_allclose(distances, UNRELATED, atol=0.06)


def test_a_negative_is_as_far_as_it_gets() -> None:
    image = noise(1)
    assert nearest(200 - image, image, 1)[0][0, 0] == pytest.approx(2, abs=1e-3)


def tracked() -> tuple[np.ndarray, np.ndarray]:
    """Three tracks of three equal frames; the second is a little like the first, the third like nothing."""
    first, other, third = noise(3)
    signs = np.stack([first, mixed(first, other, 0.4), third])
    return signs.repeat(3, axis=0), np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])


def test_the_floor_is_the_distance_to_the_nearest_other_sign() -> None:
    images, tracks = tracked()
    between = apart(images[0], images[3])
    floor = track_floor(images, tracks)
    assert between < 1
    np.testing.assert_allclose(floor[:6], between, atol=2e-3)
    wanted = min(apart(images[6], images[0]), apart(images[6], images[3]))
    np.testing.assert_allclose(floor[6:], wanted, atol=2e-3)


def test_the_floor_does_not_need_tracks_to_lie_together() -> None:
    images, tracks = tracked()
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_allclose(
        track_floor(images[order], tracks[order]), track_floor(images, tracks)[order], atol=1e-5
    )


def test_images_without_a_known_track_are_left_out_of_the_floor() -> None:
    images, tracks = tracked()
    with_unknown = np.concatenate([images, images[:2]])  # copies, which would make the floor 0
    floor = track_floor(with_unknown, np.append(tracks, [-1, -1]))
    np.testing.assert_allclose(floor, track_floor(images, tracks), atol=1e-6)


@pytest.mark.parametrize("tracks", [[4, 4, 4], [-1, -1, -1], [-1, 2, 2], []])
def test_there_is_no_floor_without_two_signs(tracks: list[int]) -> None:
    assert track_floor(noise(len(tracks)), np.array(tracks, np.int32)).shape == (0,)


def test_copies_in_any_light_have_no_diversity() -> None:
    picture = noise(1)[0]
    assert diversity(np.repeat(picture[None], 8, axis=0)) == pytest.approx(0, abs=1e-3)
    lights = np.stack([picture + k for k in range(0, 80, 10)])
    assert diversity(lights) == pytest.approx(0, abs=1e-3)


def test_unrelated_images_have_a_diversity_of_about_1() -> None:
    assert diversity(noise(200)) == pytest.approx(1, abs=0.02)


def test_diversity_grows_with_the_difference() -> None:
    picture, others = noise(1, seed=5)[0], noise(50)
    values = [diversity(np.stack([mixed(picture, other, share) for other in others])) for share in (0.1, 0.3, 0.6)]
    assert 0.05 < values[0] < values[1] < values[2] < 1


def test_compare_of_copies() -> None:
    real, tracks = tracked()
    scores = compare(real[[0, 0, 3, 6]], real, tracks)
    assert set(scores) == {"diversity", "diversity_floor", "nearest_real", "nearest_real_floor"}
    assert scores["nearest_real"] < 2e-3 < scores["nearest_real_floor"]
    assert scores["nearest_real_floor"] == pytest.approx(np.median(track_floor(real, tracks)))
    assert scores["diversity_floor"] == pytest.approx(diversity(real))
    assert scores["diversity"] == pytest.approx(diversity(real[[0, 0, 3, 6]]))
    assert all(isinstance(value, float) for value in scores.values())


def test_compare_takes_the_median_distance_of_the_generated_images() -> None:
    real, tracks = noise(6), np.arange(6)
    scores = compare(np.concatenate([real[:1], noise(2, seed=9)]), real, tracks)
    assert scores["nearest_real"] == pytest.approx(UNRELATED, abs=0.08), "one copy of three"
    scores = compare(np.concatenate([real[:2], noise(1, seed=9)]), real, tracks)
    assert scores["nearest_real"] < 2e-3, "two copies of three"


@pytest.mark.parametrize("tracks", [[-1] * 9, [3] * 9])
def test_compare_without_tracks_has_no_floor_of_the_nearest(tracks: list[int]) -> None:
    real, _ = tracked()
    assert set(compare(real[:2], real, np.array(tracks))) == {"diversity", "diversity_floor", "nearest_real"}


def test_the_order_of_images_does_not_matter() -> None:
    real, tracks = tracked()
    generated = noise(5, seed=9)
    order = np.random.default_rng(0).permutation(9)
    scores = compare(generated, real, tracks)
    shuffled = compare(generated[::-1], real[order], tracks[order])
    assert scores == pytest.approx(shuffled, abs=1e-5)


def test_spread_is_small_for_copies_of_a_few_different_pictures() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    assert spread(pictures) > 1.2
    assert spread(pictures[np.arange(40) % 3]) < 0.01 < diversity(pictures[np.arange(40) % 3])
