"""Scores sets of generated traffic signs: of checkpoints during training, and in full."""

import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

from gan.data.labelled import LabelledImages
from gan.data.sets import Parts
from gan.dcgan.samples import smaller_part, some_of_each
from gan.dcgan.scores import LARGEST_SAMPLE, Comparison, Sample, even, means, measured
from gan.score import Scores
from gan.scoring import nearest
from gan.scoring.classification import Agreement, agreement
from gan.scoring.fidelity import frechet_distance
from gan.scoring.two_sample import closest_pairs

RANKED_BY = "fid_held_out"  # what checkpoints of signs are compared by; lower is better
QUICK_SAMPLE = 30  # images of a class that are compared during training
PAIRS = 40  # closest pairs that are shown
PAIRS_OF_A_CLASS = 3  # at most, where there are several: else the plainest sign fills the sheet

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class SignScorer:
    """Scores sets of generated signs against real ones.

    Args:
        judge: gives features float (N, D) and class probabilities float (N, C) of uint8 images (N, size, size, 3).
        training: the real images that were trained on.
        held_out: real images of other physical signs, by which checkpoints are chosen.
        class_ids: the classes to score.
        unseen: real images that neither training nor that choice has seen; None: `held_out`.
    """

    def __init__(
        self,
        judge: Judge,
        training: LabelledImages,
        held_out: LabelledImages,
        class_ids: list[int],
        unseen: LabelledImages | None = None,
    ):
        self._judge, self.class_ids = judge, class_ids
        self.training, self.held_out = (part.take(np.isin(part.labels, class_ids)) for part in (training, held_out))
        self.unseen = self.held_out if unseen is None else unseen.take(np.isin(unseen.labels, class_ids))

    @functools.cached_property
    def _real(self) -> tuple[Sample, Sample]:
        return self._sample(self.training), self._sample(self.held_out)

    @functools.cached_property
    def _unseen(self) -> Sample:
        return self._real[1] if self.unseen is self.held_out else self._sample(self.unseen)

    def _sample(self, signs: LabelledImages) -> Sample:
        return Sample(signs, *self._judge(signs.images))

    def quick_labels(self) -> np.ndarray:
        """Integers (N,): labels of the images that `quick` wants, class by class."""
        sizes = _quick_sizes(self.training, self.held_out, self.class_ids)
        return np.repeat(np.array(self.class_ids), sizes[self.class_ids])

    def quick(self, images: np.ndarray) -> dict[str, float]:
        """The scores that rank checkpoints.

        Args:
            images: uint8 (N, size, size, 3), generated, of the classes `quick_labels`.
        """
        generated = self._sample(LabelledImages.of(images, self.quick_labels(), self.training.classes))
        found = agreement(generated.probabilities, generated.signs.labels)
        scores = {"gan_test": found.overall}
        if len(self.class_ids) > 1:
            scores["gan_test_worst"] = found.worst
        for part, real in zip(("training", "held_out"), self._real, strict=True):
            sample = even(real, generated.signs.counts())
            compared = generated.take(np.isin(generated.signs.labels, real.signs.labels))
            if min(len(sample.signs), len(compared.signs)) > 1:
                scores[f"fid_{part}"] = frechet_distance(compared.features, sample.features)
        return scores

    def reference(self) -> Agreement:
        """How far the judge agrees with the labels of the unseen images, of which there is at least one."""
        return agreement(self._unseen.probabilities, self.unseen.labels)

    def full(self, generated: LabelledImages) -> Scores:
        """All scores.

        Args:
            generated: images with the classes they were made as, at least one of each class that is scored.
        """
        sample = self._sample(generated)
        most = LARGEST_SAMPLE * (10 if len(self.class_ids) == 1 else 1)

        def compared(class_ids: list[int]) -> Comparison:
            return Comparison(sample, *self._real, self._unseen, class_ids, most)

        scopes = {"both", "overall"} | ({"several"} if len(self.class_ids) > 1 else set())
        classes = {k: measured(compared([k]), {"both", "class"}) for k in self.class_ids}
        return Scores(measured(compared(self.class_ids), scopes) | means(classes), classes)

    def closest(self, generated: LabelledImages) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The generated images that lie nearest to a training image, in pixels.

        Returns:
            uint8 (K, size, size, 3) generated, uint8 (K, size, size, 3) the training image of each, float (K,)
            distances.
        """
        points, references = nearest.normalised(generated.images), nearest.normalised(self.training.images)
        cells = generated.labels, self.training.labels
        pairs = closest_pairs(points, references, len(generated), cells)
        if len(self.class_ids) > 1:
            labels = generated.labels[pairs[0]]
            chosen = pd.Series(labels).groupby(labels).cumcount().to_numpy() < PAIRS_OF_A_CLASS
            pairs = tuple(values[chosen] for values in pairs)
        rows, real_rows, distances = (values[:PAIRS] for values in pairs)
        return generated.images[rows], self.training.images[real_rows], distances


def _quick_sizes(training: LabelledImages, held_out: LabelledImages, class_ids: list[int]) -> np.ndarray:
    """Integers (C,): images of each class that are compared during training."""
    most = QUICK_SAMPLE if len(class_ids) > 1 else 10 * QUICK_SAMPLE
    sizes = np.minimum(smaller_part(training.counts(), held_out.counts()), most)
    return np.where(np.isin(np.arange(len(sizes)), class_ids), sizes, 0)


def pixel_scores(generated: LabelledImages, training: LabelledImages, class_ids: list[int]) -> Scores:
    """The scores of each class that need no classifier, and their means over the classes."""
    sample, real = (Sample(signs, *np.empty((2, len(signs), 0))) for signs in (generated, training))
    nothing = real.take(np.arange(0))
    classes = {k: measured(Comparison(sample, real, nothing, nothing, [k], 0), {"class"}) for k in class_ids}
    return Scores(means(classes), classes)


def checkpoint_scores(
    judge: Judge | None,
    parts: Parts,
    learned: LabelledImages,
    class_id: int | None,
    images: Callable,
) -> Callable[[], dict[str, float]]:
    """What scores a generator while it is trained.

    Args:
        judge: see `SignScorer`; None leaves the scores in pixels.
        parts: of the data set, of any classes.
        learned: the images that the generator learns, mirrored ones among them.
        class_id: the class that it is trained on; None for all.
        images: gives generated images, uint8 (N, size, size, 3), for the network's class ids, integers (N,).

    Returns:
        A function that gives the scores of the generator as it is then.
    """
    classes = list(range(len(learned.classes))) if class_id is None else [class_id]
    scorer = None
    if judge is not None:  # it gets what it compares, so that large data sets are neither judged nor kept
        sizes = _quick_sizes(parts.learned, parts.held_out, classes)
        compared = (part.take(some_of_each(part, sizes)) for part in (parts.learned, parts.held_out))
        scorer = SignScorer(judge, *compared, classes)
    rows = some_of_each(
        learned, np.where(np.isin(np.arange(len(learned.classes)), classes), max(1, 2_000 // len(classes)), 0)
    )
    real, tracks = learned.images[rows], learned.tracks[rows]
    labels = np.repeat(classes, max(1, 300 // len(classes))) if scorer is None else scorer.quick_labels()

    def score() -> dict[str, float]:
        generated = images(labels if class_id is None else labels * 0)
        return nearest.compare(generated, real, tracks) | (scorer.quick(generated) if scorer else {})

    return score
