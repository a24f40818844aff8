"""SMOTE on pixels: images between two real images of a class, by imbalanced-learn, which need not be installed."""

import importlib.util

import numpy as np

from gan.errors import UserError
from gan.study.signs_arms import missing_images

NEIGHBOURS = 5  # of SMOTE (Chawla et al. 2002, section 4.2), fewer where a class has fewer images


def require_imblearn() -> None:
    """Raise a UserError where imbalanced-learn is not installed."""
    if importlib.util.find_spec("imblearn") is None:
        raise UserError(
            "the arm smote needs the package imbalanced-learn, which is not installed; install it with "
            "`uv sync --frozen --extra sampling`, or leave smote out of arms."
        )


def smote(
    images: np.ndarray, labels: np.ndarray, classes: int, target: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated images, as many as each class lacks (see `missing_images`).

    Args:
        images: uint8 (N, height, width, channels).
        labels: integers (N,), from 0 to `classes` - 1.
        classes: number of classes.
        target: images of a class, those that it has included; 0: as many as the largest class has.
        seed: of the choice of neighbours and of the places between them.

    Returns:
        uint8 (M, height, width, channels), and int64 (M,) class ids, ascending. A class of one image repeats it.

    Raises:
        UserError: imbalanced-learn is not installed.
    """
    require_imblearn()
    from imblearn.over_sampling import SMOTE

    lacking = missing_images(np.bincount(labels, minlength=classes), target)
    parts = [images[:0]]
    for k in np.flatnonzero(lacking):  # one class at a time: all at once would need gigabytes
        real = images[labels == k]
        if len(real) == 1:
            parts.append(np.repeat(real, lacking[k], axis=0))
            continue
        # SMOTE asks for two classes; the single point of the other one has no part in what is interpolated.
        points = np.concatenate([real.reshape(len(real), -1), np.zeros((1, real[0].size))]).astype(np.float32)
        sampler = SMOTE(
            sampling_strategy={1: int(len(real) + lacking[k])},
            k_neighbors=min(NEIGHBOURS, len(real) - 1),
            random_state=int(np.random.default_rng([seed, k]).integers(2**31)),
        )
        added = sampler.fit_resample(points, np.append(np.ones(len(real), int), 0))[0][len(points) :]
        parts.append(np.rint(added).clip(0, 255).astype(np.uint8).reshape(-1, *images.shape[1:]))
    return np.concatenate(parts), np.repeat(np.arange(classes), lacking)
