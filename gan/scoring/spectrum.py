"""How much detail of each size images hold: what a checkerboard or softness changes, whatever an image shows."""

import numpy as np
from scipy.signal import windows


def radial_spectrum(images: np.ndarray) -> np.ndarray:
    """The logarithm of the mean power of images at each spatial frequency, over all directions.

    The azimuthal integral of the power spectrum (Durall, Keuper and Keuper 2020, arXiv 2003.01826, section 3.1), of
    grey images without their mean, under a Hann window: opposite edges of a photo do not meet.

    Args:
        images: uint8 (N, height, width, 3), 1 or more.

    Returns:
        float64 (R,): natural logarithm of the mean power, grey levels 0-1, of every whole number of periods across
        the shorter side, from 1; the last is the checkerboard of single pixels. Images without any detail have a
        power of 1e-12, not 0.
    """
    height, width = images.shape[1:3]
    grey = images.mean(axis=3, dtype=np.float64) / 255
    window = np.outer(windows.hann(height, sym=False), windows.hann(width, sym=False))
    centred = grey - np.average(grey, axis=(1, 2), weights=np.broadcast_to(window, grey.shape))[:, None, None]
    power = (np.abs(np.fft.rfft2(centred * window)) ** 2).mean(axis=0)
    side = min(height, width)
    down, right = np.fft.fftfreq(height)[:, None] * side, np.fft.rfftfreq(width)[None, :] * side
    periods = np.rint(np.hypot(down, right)).astype(int)
    # Each number of periods on its own; half of the plane is all of it for real numbers.
    sums, counts = np.bincount(periods.ravel(), power.ravel()), np.bincount(periods.ravel())
    return np.log(np.maximum(sums / np.maximum(counts, 1), 1e-12))[1:]


def spectral_excess(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """How much more detail of each size generated images hold than real ones.

    Args:
        generated: uint8 (N, height, width, 3).
        real: uint8 (M, height, width, 3).

    Returns:
        float64 (R,), natural logarithm of the ratio of powers (see `radial_spectrum`): 0 for equal, above for more
        detail (a checkerboard at the end), below for softness. Real images of one distribution differ too: compare
        with the same of another real part.
    """
    return radial_spectrum(generated) - radial_spectrum(real)
