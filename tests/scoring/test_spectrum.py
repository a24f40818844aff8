import numpy as np
import pytest

from gan.scoring.spectrum import radial_spectrum, spectral_excess


def noise(seed: int, count: int = 400, deviation: float = 20.0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(128, deviation, (count, 32, 32, 3))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


def test_images_of_one_distribution_have_one_spectrum() -> None:
    assert np.abs(spectral_excess(noise(0), noise(1))).max() < 0.15


def test_white_noise_has_the_same_power_at_every_frequency() -> None:
    assert np.ptp(radial_spectrum(noise(0))[1:]) < 0.2  # the mean is not part of the first


@pytest.mark.parametrize("shape", [(32, 32), (24, 32), (96, 128)])
def test_a_checkerboard_of_little_amplitude_is_seen_at_the_last_frequency(shape) -> None:
    """2 % of the range, on photos whose fine detail is as weak as that of real ones."""
    smooth = (
        np.random.default_rng(0).normal(128, 30, (100, 4, 4, 3)).repeat(shape[0] // 4, 1).repeat(shape[1] // 4, 2)
    )
    photos = smooth + np.random.default_rng(1).normal(0, 2, smooth.shape)
    rows, columns = np.indices(shape)
    board = 0.02 * 255 / 2 * (-1.0) ** (rows + columns)
    plain, marked = (np.clip(np.rint(x), 0, 255).astype(np.uint8) for x in (photos, photos + board[..., None]))
    excess = spectral_excess(marked, plain)
    assert excess.argmax() >= len(excess) - 2 and excess.max() > 1
    assert np.abs(excess[: len(excess) // 2]).max() < 0.1


def test_softness_is_a_lack_of_power() -> None:
    sharp = noise(0).astype(float)
    soft = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2) + np.roll(sharp, (1, 1), (1, 2))) / 4
    excess = spectral_excess(np.rint(soft).astype(np.uint8), noise(1))
    assert excess[14] < -1 and abs(excess[0]) < 0.2


def test_a_period_lies_at_its_number() -> None:
    wave = 128 + 60 * np.sin(2 * np.pi * 5 * np.arange(32) / 32)
    images = np.rint(np.broadcast_to(wave[None, None, :, None], (1, 32, 32, 3))).astype(np.uint8)
    assert radial_spectrum(images).argmax() == 4  # the first is one period


def test_images_without_detail_have_a_finite_spectrum() -> None:
    assert np.isfinite(radial_spectrum(np.full((2, 32, 32, 3), 9, np.uint8))).all()
