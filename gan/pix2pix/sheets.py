"""The pictures that show what a generator of scenes makes, beside what it starts from and what is real."""

import numpy as np

from gan import pictures
from gan.data.scenes import Loaded
from gan.pix2pix.presets import SceneNetwork

WIDTH = 320  # pixels of a picture on a sheet, nearly
SHOWN = 6  # scenes on a sheet


def real_pictures(network: SceneNetwork, scenes: Loaded) -> np.ndarray:
    """What the generator's pictures should be like, uint8 (N, height, width, 3)."""
    return scenes.photos if network.to_photos else network.palette.paint(scenes.labels)


def sheet(network: SceneNetwork, scenes: Loaded, generated: np.ndarray | None = None) -> np.ndarray:
    """A line for each scene: what the generator starts from, the real picture, and the generated one.

    Args:
        network: the generator's.
        scenes: what the pictures are generated from, at the network's size.
        generated: uint8 (N, height, width, 3); without it label maps stand before photos whatever is generated.

    Returns:
        uint8 (height, width, 3).
    """
    columns = {"label map": network.palette.paint(scenes.labels), "real photo": scenes.photos}
    if generated is not None:
        if not network.to_photos:
            columns = {"photo": scenes.photos, "label map": columns["label map"]}
        columns["generated"] = generated
    rows = list(zip(*columns.values(), strict=True))
    return np.asarray(pictures.side_by_side(rows, list(columns), [""] * len(rows), WIDTH))
