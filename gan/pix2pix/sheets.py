"""The pictures that show what a generator of scenes makes, beside what it starts from and what is real."""

from collections.abc import Callable, Sequence

import numpy as np

from gan import pictures
from gan.data.scenes import Loaded
from gan.pix2pix.presets import SceneNetwork

WIDTH = 320  # pixels of a picture on a sheet, nearly
SHOWN = 6  # scenes on a sheet


def real_pictures(network: SceneNetwork, scenes: Loaded) -> np.ndarray:
    """What the generator's pictures should be like, uint8 (N, height, width, 3)."""
    return scenes.photos if network.to_photos else network.palette.paint(scenes.labels)


def sample_sheet(network: SceneNetwork, scenes: Loaded) -> Callable[[np.ndarray], np.ndarray]:
    """A function that lays out generated pictures with a line for each scene.

    Args:
        network: the generator's.
        scenes: what the pictures are generated from, at the network's size.

    Returns:
        A function of uint8 (N, height, width, 3) that gives uint8 (height, width, 3): what the generator started
        from, the real picture and the generated one.
    """
    painted, photos = network.palette.paint(scenes.labels), scenes.photos
    pair = (painted, photos) if network.to_photos else (photos, painted)
    heads = ("label map", "real photo", "generated") if network.to_photos else ("photo", "label map", "generated")
    return lambda generated: _sheet((*pair, generated), heads)


def real_sheet(network: SceneNetwork, scenes: Loaded) -> np.ndarray:
    """The same without generated pictures: photos and their label maps."""
    return _sheet((network.palette.paint(scenes.labels), scenes.photos), ("label map", "real photo"))


def _sheet(columns: Sequence[np.ndarray], heads: Sequence[str]) -> np.ndarray:
    rows = list(zip(*columns, strict=True))
    return np.asarray(pictures.side_by_side(rows, heads, [""] * len(rows), WIDTH))
