"""How near a generated photo comes to the real photo of the same label map, pixel by pixel."""

import numpy as np
from scipy.ndimage import gaussian_filter

SIGMA = 1.5  # of the Gaussian window of SSIM, in pixels
RADIUS = 5  # of the window: 11x11 pixels
K1, K2, RANGE = 0.01, 0.03, 255.0  # constants of SSIM, and the range of the values


def mean_difference(photos: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The L1 distance of photos, what pix2pix lowers beside its adversarial loss (arXiv 1611.07004, equation 3).

    Args:
        photos: uint8 (N, height, width, 3).
        real: uint8 of the same shape, the photo that each is compared with.

    Returns:
        float64 (N,), the mean over pixels and colours of the absolute difference, in units of the whole range 0-255:
        0 for equal photos, 1 for black and white.

    Raises:
        ValueError: different shapes.
    """
    _require_alike(photos, real)
    return np.array(
        [np.abs(one.astype(np.int16) - other).mean() / RANGE for one, other in zip(photos, real, strict=True)]
    )


def similarity(photos: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The structural similarity SSIM (Wang, Bovik, Sheikh and Simoncelli 2004, IEEE TIP 13(4), section III.B).

    With the paper's window, a Gaussian of 11x11 pixels and standard deviation 1.5 whose weights sum to 1, and its
    constants 0.01 and 0.03, at the places where the window is inside the photo.  The paper takes grey images; this is
    the mean over the three colours.

    Args:
        photos: uint8 (N, height, width, 3), 11 pixels or more on both sides.
        real: uint8 of the same shape, the photo that each is compared with.

    Returns:
        float64 (N,), at most 1, which equal photos have; about 0 for photos that share nothing.

    Raises:
        ValueError: different shapes, or photos smaller than the window.
    """
    _require_alike(photos, real)
    if min(photos.shape[1:3]) < 2 * RADIUS + 1:
        raise ValueError(f"photos of {photos.shape[2]}x{photos.shape[1]} are smaller than the window of SSIM")
    return np.array([_similarity(*pair) for pair in zip(photos, real, strict=True)])


def _similarity(photo: np.ndarray, real: np.ndarray) -> float:
    one, other = photo.astype(np.float64), real.astype(np.float64)
    mean_one, mean_other = _blurred(one), _blurred(other)
    variances = _blurred(one**2) - mean_one**2 + _blurred(other**2) - mean_other**2
    covariance = _blurred(one * other) - mean_one * mean_other
    first, second = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2
    light = (2 * mean_one * mean_other + first) / (mean_one**2 + mean_other**2 + first)
    return float((light * (2 * covariance + second) / (variances + second)).mean())


def _blurred(values: np.ndarray) -> np.ndarray:
    """Weighted means (height - 10, width - 10, 3) of windows that are inside."""
    blurred = gaussian_filter(values, SIGMA, radius=RADIUS, axes=(0, 1))
    return blurred[RADIUS:-RADIUS, RADIUS:-RADIUS]


def _require_alike(photos: np.ndarray, real: np.ndarray) -> None:
    if photos.shape != real.shape:
        raise ValueError(f"photos of one shape are needed, not {photos.shape} and {real.shape}")
