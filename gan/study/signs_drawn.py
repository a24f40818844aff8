"""Drawn signs for the study: what drawings alone are worth, beside images that a network has learned to make."""

from pathlib import Path

import numpy as np

from gan.drawn.signs import drawn_signs
from gan.study.grid import kept_arrays
from gan.study.signs_generators import FATES, Pool, recipe

SEED = 0


def drawn_pool(folder: Path, wanted: np.ndarray) -> Pool:
    """Drawn images of every class: read if they are there, else drawn.

    Args:
        folder: the study's folder.
        wanted: integers (C,), how many of each class.
    """

    def make() -> dict[str, np.ndarray]:
        signs = drawn_signs(wanted, SEED)
        fates = np.zeros((len(FATES), len(wanted)), np.int64)
        return {"images": signs.images, "labels": signs.labels.astype(np.int64), "fates": fates}

    identity = {"drawn": SEED, "wanted": wanted.tolist()} | recipe()
    return Pool(kept_arrays(folder / "pools", identity, make), {"seed": SEED} | recipe())
