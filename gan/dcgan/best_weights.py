"""The weights of a training that were best when they were looked at."""

from collections.abc import Callable

import numpy as np

from gan.data.labelled import LabelledImages
from gan.dcgan.samples import some_of_each
from gan.scoring.fidelity import frechet_distance

PATIENCE = 2  # looks without an improvement that end a training
SCORED = 500  # images that a look compares


class BestWeights:
    """The weights of a training that gave the images nearest to the real ones, in features of the judge.

    Args:
        trained: the GAN.
        real: the images that it learns.
        judge: gives features; None: the last weights are the best.
    """

    def __init__(self, trained, real: LabelledImages, judge: Callable | None):
        self._trained, self._judge, self._weights = trained, judge, None
        self._score, self._waited = np.inf, 0
        if judge is not None:
            rows = some_of_each(real, np.full(len(real.classes), max(1, SCORED // len(real.classes))))
            self._labels, self._features = real.labels[rows], judge(real.images[rows])[0]

    def improving(self) -> bool:
        """Score the weights that there are now; False where the best are `PATIENCE` looks old."""
        if self._judge is None:
            return True
        score = frechet_distance(self._judge(self._trained.images(self._labels, "scores"))[0], self._features)
        self._waited += 1
        if score < self._score:
            self._score, self._waited = score, 0
            self._weights = [np.array(variable) for variable in self._trained.averaged.variables]
        return self._waited < PATIENCE

    def restore(self) -> None:
        """Put the best weights into the averaged generator."""
        for variable, values in zip(self._trained.averaged.variables, self._weights or [], strict=False):
            variable.assign(values)
