"""The pictures that show what a generator of scenes makes, beside what it starts from and what is real."""

from collections.abc import Callable

import numpy as np

from gan import pictures
from gan.data.scenes import Loaded
from gan.pix2pix.presets import SceneNetwork

WIDTH = 320  # pixels of a picture on a sheet, nearly
SHOWN = 6  # scenes on a sheet


def real_pictures(network: SceneNetwork, shown: Loaded) -> np.ndarray:
    """What the generator's pictures should be like, uint8 (N, height, width, 3)."""
    return shown.photos if network.to_photos else _coloured(network, shown.labels)


def sample_sheet(network: SceneNetwork, shown: Loaded) -> Callable[[np.ndarray], np.ndarray]:
    """A function that makes of generated pictures the sheet with a line for each scene.

    Args:
        network: what made them.
        shown: the scenes that they were made of, at the network's size.

    Returns:
        A function of uint8 (N, height, width, 3) that gives uint8 (height, width, 3): what the generator started
        from, the real picture and the generated one.
    """
    given = _coloured(network, shown.labels) if network.to_photos else shown.photos
    real = real_pictures(network, shown)
    heads = ("label map", "real photo", "generated") if network.to_photos else ("photo", "label map", "generated")

    def sheet(made: np.ndarray) -> np.ndarray:
        rows = list(zip(given, real, made, strict=True))
        return np.asarray(pictures.side_by_side(rows, heads, [""] * len(rows), WIDTH))

    return sheet


def real_sheet(network: SceneNetwork, shown: Loaded) -> np.ndarray:
    """The same without generated pictures: photos and their label maps."""
    rows = list(zip(_coloured(network, shown.labels), shown.photos, strict=True))
    return np.asarray(pictures.side_by_side(rows, ("label map", "real photo"), [""] * len(rows), WIDTH))


def _coloured(network: SceneNetwork, labels: np.ndarray) -> np.ndarray:
    return np.array(network.palette.colours, np.uint8)[labels]
