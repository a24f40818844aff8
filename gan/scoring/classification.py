"""What a classifier says of labelled images: how many it takes for their label, and which class fares worst."""

import dataclasses

import numpy as np
from sklearn.metrics import accuracy_score, recall_score


@dataclasses.dataclass(frozen=True, eq=False)
class Agreement:
    """How far a classifier agrees with the wanted labels.

    Attributes:
        overall: share 0-1 of all images that it takes for their label.
        macro: mean 0-1 of the recalls of the classes that occur, each counting the same.
        worst: lowest recall 0-1 of a class that occurs.
        worst_class: id of that class, the lowest of several.
        per_class: float64 (C,) recalls 0-1, NaN for classes that do not occur.
    """

    overall: float
    macro: float
    worst: float
    worst_class: int
    per_class: np.ndarray


def agreement(probabilities: np.ndarray, labels: np.ndarray) -> Agreement:
    """Hold a classifier's answers against the wanted labels.

    A classifier of real images gives the GAN-test of generated ones, which falls when images do not look like their
    class; a classifier of generated images the GAN-train on real ones (both Shmelkov et al. 2018, arXiv 1807.09499,
    section 3), also called classification accuracy score (Ravuri and Vinyals 2019, arXiv 1905.10887), which falls
    when images lack variety too. Both are compared with a classifier of real images on held-out real ones.

    Args:
        probabilities: float (N, C), a row for each image; only which class is largest counts, the lowest of several.
        labels: integers (N,), wanted class ids 0 to C - 1.

    Raises:
        ValueError: no images, shapes that do not fit, NaN, or labels that are not class ids.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or not probabilities.size or labels.shape != probabilities.shape[:1]:
        raise ValueError(f"not probabilities (N, C) and N labels: {probabilities.shape} and {labels.shape}")
    classes = probabilities.shape[1]
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"the labels are not all class ids 0-{classes - 1}")
    if np.isnan(probabilities).any():
        raise ValueError("the probabilities hold NaN")
    return agreement_of(probabilities.argmax(axis=1), labels, classes)


def agreement_of(answers: np.ndarray, labels: np.ndarray, classes: int) -> Agreement:
    """The same of the classes, integers (N,), that a classifier of so many classes has taken images for."""
    recalls = recall_score(labels, answers, labels=range(classes), average=None, zero_division=np.nan)
    worst = int(np.nanargmin(recalls))
    return Agreement(
        overall=float(accuracy_score(labels, answers)),
        macro=float(np.nanmean(recalls)),
        worst=float(recalls[worst]),
        worst_class=worst,
        per_class=recalls,
    )
