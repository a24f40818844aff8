"""Two parts of a data set that share no physical sign."""

import numpy as np

from gan.data.labelled import GENERATED, LabelledImages

SHARE = 0.15  # of the tracks of each class that is held out; one at least


def held_out(signs: LabelledImages, seed: int = 0, share: float = SHARE) -> np.ndarray:
    """Which images are held out, so that scores can compare with signs that nothing was trained on.

    Frames of one physical sign (a track) all fall on the same side. Where tracks are not known, a class is cut in
    two at one place of its order: in the official archives, neighbours are frames of the same sign.

    Args:
        signs: the data set.
        seed: of the choice.
        share: of the tracks of each class, above 0 and below 1; at least one is held out and at least one is not.
            A class of a single track is not held out at all.

    Returns:
        bool (N,).
    """
    chosen = np.zeros(len(signs), bool)
    for k in range(len(signs.classes)):
        of_class = np.flatnonzero((signs.labels == k) & (signs.tracks != GENERATED))
        tracks = signs.tracks[of_class]
        known = np.unique(tracks[tracks >= 0])
        if len(known) > 1:
            count = min(max(1, round(share * len(known))), len(known) - 1)
            drawn = np.random.default_rng([seed, k]).permutation(known)[:count]
            chosen[of_class] = np.isin(tracks, drawn)
        elif not len(known) and len(of_class) > 1:
            chosen[of_class[len(of_class) - max(1, round(share * len(of_class))) :]] = True
    return chosen


def cut(signs: LabelledImages) -> tuple[LabelledImages, LabelledImages]:
    """The images to learn from, and those that are held out (see `held_out`)."""
    out = held_out(signs)
    return signs.take(~out), signs.take(out)
