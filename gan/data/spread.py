"""A few of many, evenly spaced."""

import numpy as np


def spread_over(count: int, wanted: int) -> np.ndarray:
    """Indices of at most `wanted` of `count` things, evenly spaced from the first to the last.

    Returns:
        int64 (min(wanted, count),), increasing; none where there are no things.
    """
    return np.linspace(0, count - 1, min(wanted, count)).astype(int)
