"""How far the classes that a segmenter sees in photos agree with label maps: counts of pixels, and what they give.

The FCN-scores of pix2pix (Isola et al. 2017, arXiv 1611.07004, section 4.1) are these: a segmenter of real photos
looks at generated ones, and its answers are held against the label maps that they were generated from.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
from PIL import Image

from gan.data.parallel import in_threads

IGNORED = 255  # in label maps: a pixel that does not count


@dataclasses.dataclass(frozen=True, eq=False)
class Overlap:
    """How far answers agree with label maps; shares 0-1, NaN where there is nothing to take them of.

    Attributes:
        pixel_accuracy: share of the scored pixels whose class is right.
        class_accuracy: mean of the recalls of the classes that the label maps have.
        mean_iou: mean of the intersections over unions of the same classes.
        recalls: float64 (C,), share of the pixels of each class that are right.
        ious: float64 (C,), intersection over union of each class.
    """

    pixel_accuracy: float
    class_accuracy: float
    mean_iou: float
    recalls: np.ndarray
    ious: np.ndarray


def label_map(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The likeliest class of every pixel at another size.

    Logits are resized bilinearly, with pixel centres at halves, and only then compared, so that edges are finer than
    the segmenter's own pixels; where the size shrinks, they are averaged.  Memory holds one class at a time.

    Args:
        logits: float (h, w, classes), 254 classes at most; probabilities will do.
        height: of the answer in pixels.
        width: of the answer in pixels.

    Returns:
        uint8 (height, width) class numbers, the lowest of several that are equally likely.
    """
    best = np.full((height, width), -np.inf, np.float32)
    answer = np.zeros((height, width), np.uint8)
    for k in range(logits.shape[-1]):
        plane = Image.fromarray(np.ascontiguousarray(logits[..., k], np.float32))
        values = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
        answer[values > best] = k
        best = np.maximum(best, values)
    return answer


def confusion(labels: np.ndarray, answers: np.ndarray, classes: int, others: int = 0) -> np.ndarray:
    """Count pixels by their class and the class that they are taken for.

    Args:
        labels: uint8 of any shape, class numbers from 0; `IGNORED` is not counted.
        answers: uint8 of the same shape, class numbers.
        classes: number of classes.
        others: number of further answers, numbered after the classes, that are always wrong.

    Returns:
        int64 (classes, classes + others), a row for each class of the label maps.

    Raises:
        ValueError: different shapes, or numbers that are not classes.
    """
    if labels.shape != answers.shape:
        raise ValueError(f"label map and answers have different shapes, {labels.shape} and {answers.shape}")
    counted, columns = labels != IGNORED, classes + others
    true, taken = labels[counted].astype(np.int64), answers[counted]
    if counted.any() and (true.max() >= classes or taken.max() >= columns):
        raise ValueError(f"there are labels beyond {classes - 1} or answers beyond {columns - 1}")
    return np.bincount(true * columns + taken, minlength=classes * columns).reshape(classes, columns)


def confusions(
    logits: Iterable[np.ndarray], labels: Iterable[np.ndarray], classes: int, others: int = 0
) -> np.ndarray:
    """`confusion` summed over scenes at the size of their label maps, with a few scenes in memory at a time.

    Args:
        logits: float (h, w, classes + others) of each scene; sizes may differ.
        labels: uint8 (height, width) of as many scenes, class numbers or `IGNORED`.
        classes: number of classes.
        others: number of further answers.
    """

    def count(scene: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        answer, truth = scene
        return confusion(truth, label_map(answer, *truth.shape), classes, others)

    table = np.zeros((classes, classes + others), np.int64)
    for counts in in_threads(count, zip(logits, labels, strict=True)):
        table += counts
    return table


def overlap(table: np.ndarray) -> Overlap:
    """The scores of Long, Shelhamer and Darrell 2015 (arXiv 1411.4038, section 5) from counts of pixels.

    Pixel accuracy, mean accuracy and mean IU there; per-pixel accuracy, per-class accuracy and class IoU in
    pix2pix (arXiv 1611.07004, table 1).  Counts are summed over all scenes before anything is divided.  A class
    that label maps do not have is left out of both means, whether answers have it or not: answers that are compared
    are to be averaged over the same classes.

    Args:
        table: integers (C, C or more), pixels by class (rows) and the class that they are taken for (columns).
    """
    right, true, taken = np.diag(table).astype(float), table.sum(axis=1), table.sum(axis=0)[: len(table)]
    recalls, ious = (
        np.divide(right, whole, out=np.full(len(table), np.nan), where=true > 0)
        for whole in (true, true + taken - right)
    )
    total = true.sum()
    return Overlap(float(right.sum() / total) if total else float("nan"), mean(recalls), mean(ious), recalls, ious)


def mean(values: np.ndarray) -> float:
    """The mean of the values that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
