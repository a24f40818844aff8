"""What generated street scenes give away of the photos that a generator learned."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gan.data.sequences import sequence
from gan.scoring.privacy import Leak, membership_leak
from gan.scoring.two_sample import distances_to_nearest

MOST = 200  # scenes on either side of the attack
BLOCK = 5  # scenes that follow each other and count as one
LEAST = 4 * BLOCK  # scenes on either side; an interval over fewer than four blocks says nothing


def scene_leak(
    generated: tuple[np.ndarray, np.ndarray],
    real: tuple[np.ndarray, np.ndarray],
    names: tuple[Sequence[str], Sequence[str]],
) -> Leak:
    """How well somebody who has only generated photos tells the learned real photos from unseen ones.

    The attack of `membership_leak`. The generated photos are those of the label maps of both sides: a real photo is
    compared with what was generated from its own label map too, so a generator that repeats learned photos no better
    than unseen ones gives 0.5. What was learned of a whole street counts as well. The interval is over
    blocks of neighbouring frames.

    Args:
        generated: float (N, D) each, points of photos generated from the label maps of N training scenes and of N
            unseen ones.
        real: the same of their real photos.
        names: of the scenes, in the order of their sequences; see `gan.data.sequences.sequence`.
    """
    release = np.concatenate(generated)
    far = [distances_to_nearest(points, release) for points in real]
    cells = tuple(np.zeros(len(points), int) for points in real)
    return membership_leak(*far, cells, tuple(_blocks(part) for part in names))


def _blocks(names: Sequence[str]) -> np.ndarray:
    """The block of each scene: scenes that follow each other in one sequence, int (N,)."""
    sequences = pd.Series([sequence(name) for name in names])
    place = sequences.groupby(sequences).cumcount()
    return sequences.groupby([sequences, place // BLOCK]).ngroup().to_numpy()
