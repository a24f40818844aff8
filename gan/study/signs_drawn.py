"""Drawn signs for the study: what drawings alone are worth, beside images that a network has learned to make."""

from pathlib import Path

import numpy as np

from gan.data.drawn import draw_more
from gan.progress import progress
from gan.study.cells import kept_arrays
from gan.study.signs_generators import FATES, Pool

SEED = 0


def drawn_pool(folder: Path, wanted: np.ndarray) -> Pool:
    """Drawn images of every class: read if they are there, else drawn.

    Args:
        folder: the study's folder.
        wanted: integers (C,), how many of each class.
    """

    def make() -> dict[str, np.ndarray]:
        labels = np.repeat(np.arange(len(wanted)), wanted)
        images = np.empty((len(labels), 32, 32, 3), np.uint8)
        with progress(len(images), "drawing signs", "image") as bar:
            for k in np.flatnonzero(wanted):
                images[labels == k] = draw_more(int(k), int(wanted[k]), SEED)
                bar.update(int(wanted[k]))
        return {"images": images, "labels": labels, "fates": np.zeros((len(FATES), len(wanted)), np.int64)}

    return Pool(kept_arrays(folder / "pools", {"drawn": SEED, "wanted": wanted.tolist()}, make), {"seed": SEED})
