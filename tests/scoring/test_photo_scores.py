"""L1 and SSIM of photos: known answers, and another way to the same numbers."""

import numpy as np
import pytest

from gan.scoring.photos import mean_difference, similarity


def noise(count: int = 1, height: int = 24, width: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


def test_equal_photos_are_0_apart_and_black_is_1_from_white() -> None:
    black = np.zeros((2, 4, 5, 3), np.uint8)
    np.testing.assert_array_equal(mean_difference(noise(3), noise(3)), [0, 0, 0])
    np.testing.assert_array_equal(mean_difference(black, black + 255), [1, 1])
    np.testing.assert_array_equal(mean_difference(black + 255, black), [1, 1])


def test_the_difference_is_the_mean_over_pixels_and_colours() -> None:
    one = np.zeros((1, 2, 2, 3), np.uint8)
    other = one.copy()
    other[0, 0, 0] = 51, 0, 255
    assert mean_difference(one, other)[0] == pytest.approx((51 + 255) / 255 / 12)


def test_equal_photos_have_a_similarity_of_1() -> None:
    np.testing.assert_allclose(similarity(noise(2), noise(2)), 1, atol=1e-12)


def test_noise_has_a_similarity_of_about_0_and_a_negative_less() -> None:
    values = similarity(noise(1, 120, 120), noise(1, 120, 120, seed=1))
    assert abs(values[0]) < 0.03
    negative = similarity(noise(1, 120, 120), 255 - noise(1, 120, 120))
    assert negative[0] < -0.8


@pytest.mark.parametrize(("first", "second"), [(100, 100), (100, 150), (0, 255)])
def test_flat_photos_have_what_the_formula_gives(first: int, second: int) -> None:
    one, other = np.full((1, 16, 16, 3), first, np.uint8), np.full((1, 16, 16, 3), second, np.uint8)
    constant = (0.01 * 255) ** 2
    wanted = (2 * first * second + constant) / (first**2 + second**2 + constant)
    assert similarity(one, other)[0] == pytest.approx(wanted, rel=1e-9)


def by_windows(one: np.ndarray, other: np.ndarray) -> float:
    """SSIM of two photos, window by window, as the paper writes it."""
    places = np.arange(-5, 6)
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    window /= window.sum()
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    found = []
    for channel in range(3):
        x, y = one[..., channel].astype(float), other[..., channel].astype(float)
        for row in range(5, x.shape[0] - 5):
            for column in range(5, x.shape[1] - 5):
                a = x[row - 5 : row + 6, column - 5 : column + 6]
                b = y[row - 5 : row + 6, column - 5 : column + 6]
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                variance_a = (window * (a - mean_a) ** 2).sum()
                variance_b = (window * (b - mean_b) ** 2).sum()
                covariance = (window * (a - mean_a) * (b - mean_b)).sum()
                found.append(
                    (2 * mean_a * mean_b + first) * (2 * covariance + second)
                    / ((mean_a**2 + mean_b**2 + first) * (variance_a + variance_b + second))
                )  # fmt: skip
    return float(np.mean(found))


def test_it_is_the_mean_over_all_windows_that_are_inside() -> None:
    one = noise(1, 14, 17)
    other = np.clip(one * 0.6 + noise(1, 14, 17, seed=1) * 0.3 + 20, 0, 255).astype(np.uint8)
    wanted = by_windows(one[0], other[0])
    assert 0.3 < wanted < 0.95
    assert similarity(one, other)[0] == pytest.approx(wanted, rel=1e-9)
    assert similarity(other, one)[0] == pytest.approx(wanted, rel=1e-9)


def test_each_photo_is_scored_by_itself() -> None:
    one, other = noise(3), noise(3, seed=1)
    other[1] = one[1]
    for score in (similarity, mean_difference):
        together = score(one, other)
        alone = [score(one[k : k + 1], other[k : k + 1])[0] for k in range(3)]
        np.testing.assert_array_equal(together, alone)


def test_photos_of_the_size_of_the_window_have_one_window() -> None:
    one, other = noise(1, 11, 11), noise(1, 11, 11, seed=1)
    assert similarity(one, other)[0] == pytest.approx(by_windows(one[0], other[0]), rel=1e-9)


def test_what_does_not_fit_is_an_error() -> None:
    for score in (similarity, mean_difference):
        with pytest.raises(ValueError, match="one shape"):
            score(noise(2), noise(1))
    with pytest.raises(ValueError, match="10x24 are smaller"):
        similarity(noise(1, 24, 10), noise(1, 24, 10))
