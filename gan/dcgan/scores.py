"""All scores of generated images, each beside its real reference: the same score of real images."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gan.data.labelled import LabelledImages
from gan.dcgan.samples import draws, enough, some_of_each
from gan.score import FIFTH_ABOVE, FIVE_POINTS_BELOW, TENTH_BELOW, THREE_POINTS_BELOW, THREE_TENTHS_BELOW, Score
from gan.scoring import nearest
from gan.scoring.classification import Agreement, agreement
from gan.scoring.fidelity import frechet_distance, kernel_distance, manifold_scores
from gan.scoring.privacy import LEAK_SCORES
from gan.scoring.two_sample import copying_statistic

RARE = 10  # the so many smallest classes are "rare"
LARGEST_SAMPLE = 120  # images of a class that distances between sets are taken of
MANIFOLD = "precision", "recall", "density", "coverage"

Measured = tuple[float | None, float | None]  # a score, and the same of real images; None where there is nothing
NOTHING: Measured = (None, None)


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Images with what the judge says of them.

    Attributes:
        signs: the images.
        features: float (N, D).
        probabilities: float (N, C) of the classes.
    """

    signs: LabelledImages
    features: np.ndarray
    probabilities: np.ndarray

    def take(self, rows: np.ndarray) -> "Sample":
        """Some of the images, by index or mask."""
        return Sample(self.signs.take(rows), self.features[rows], self.probabilities[rows])

    def agreement(self) -> Agreement | None:
        """How far the judge agrees with the labels; None without images."""
        return agreement(self.probabilities, self.signs.labels) if len(self.signs) else None


class Comparison:
    """Generated and real signs of some classes, which scores are measured on.

    Args:
        generated: at least one image of each class.
        training: the real images that were trained on.
        held_out: real images of other physical signs, by which checkpoints are chosen.
        unseen: real images that neither training nor that choice has seen; `held_out` where there are none.
        class_ids: the classes; images of others are left out.
        most: images of a class in equal samples, at most.
    """

    def __init__(
        self, generated: Sample, training: Sample, held_out: Sample, unseen: Sample, class_ids: list[int], most: int
    ):
        self.class_ids, self._most = class_ids, most
        self.generated, self.training, self.held_out, self.unseen = (
            sample.take(np.isin(sample.signs.labels, class_ids)) for sample in (generated, training, held_out, unseen)
        )

    def over_draws(self, part: str, distance: Callable[[np.ndarray, np.ndarray], Any]) -> tuple[Any, Any]:
        """The mean distance of features to a real part, "training" or "unseen", and that of real images.

        For the training part these are held-out images, for the unseen part those of the training part. Distances
        are numbers or arrays of them.
        """
        drawn = self._to_training if part == "training" else self._to_unseen
        if not drawn:
            return NOTHING
        reference = None if drawn[0][1] is None else np.mean([distance(real, to) for _, real, to in drawn], axis=0)
        return np.mean([distance(images, to) for images, _, to in drawn], axis=0), reference

    @functools.cached_property
    def _to_training(self) -> list[tuple[Any, ...]]:
        return self._features(self.held_out, self.training)

    @functools.cached_property
    def _to_unseen(self) -> list[tuple[Any, ...]]:
        # A distance to very few real signs is one to these signs, and not to the signs there are.
        return self._features(self.training, self.unseen) if enough(self.unseen.signs, self.class_ids) else []

    def _features(self, stand_in: Sample, target: Sample) -> list[tuple[Any, ...]]:
        """Features of each draw: generated, stand-in (or None) and target."""
        samples = self.generated, stand_in, target
        drawn = draws(*(sample.signs for sample in samples), self.class_ids, self._most)
        return [
            tuple(
                None if rows is None else sample.features[rows]
                for sample, rows in zip(samples, (draw.generated, draw.stand_in, draw.target), strict=True)
            )
            for draw in drawn
        ]

    @functools.cached_property
    def manifold(self) -> tuple[Any, Any]:
        """The scores of `MANIFOLD`, float (4,) each, with the training part as the real one."""
        return self.over_draws("training", lambda points, real: [*map(manifold_scores(real, points).get, MANIFOLD)])

    @functools.cached_property
    def pixels(self) -> dict[str, float]:
        """Diversity and distance to the nearest training image, of one class (see `gan.scoring.nearest.compare`)."""
        real = self.training.signs
        return nearest.compare(self.generated.signs.images, real.images, real.tracks)

    def rare(self) -> "Comparison":
        """The same of the smallest classes."""
        counts = self.training.signs.counts()
        rare = sorted(self.class_ids, key=lambda k: (counts[k], k))[:RARE]
        return Comparison(self.generated, self.training, self.held_out, self.unseen, rare, self._most)


def _distance(part: str, distance: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[Comparison], Measured]:
    return lambda compared: compared.over_draws(part, distance)


def _fid(part: str) -> Callable[[Comparison], Measured]:
    return _distance(part, frechet_distance)


def _kid(part: str) -> Callable[[Comparison], Measured]:
    return _distance(part, lambda first, second: 1000 * kernel_distance(first, second))


def _manifold(name: str) -> Callable[[Comparison], Measured]:
    def measure(compared: Comparison) -> Measured:
        value, reference = (None if found is None else found[MANIFOLD.index(name)] for found in compared.manifold)
        return value, reference

    return measure


def _pixels(name: str) -> Callable[[Comparison], Measured]:
    return lambda compared: (compared.pixels.get(name), compared.pixels.get(f"{name}_floor"))


def _recall(name: str) -> Callable[[Comparison], Measured]:
    def measure(compared: Comparison) -> Measured:
        found = compared.generated.agreement()
        reference = compared.unseen.agreement() if enough(compared.unseen.signs, compared.class_ids) else None
        return getattr(found, name), reference and getattr(reference, name)

    return measure


def _copying(points: Callable[[Sample], np.ndarray]) -> Callable[[Comparison], Measured]:
    """C_T with the classes as cells, of some generated images and all real ones."""

    def measure(compared: Comparison) -> Measured:
        generated = even(compared.generated, np.full(len(compared.training.signs.classes), LARGEST_SAMPLE))
        samples = generated, compared.training, compared.held_out
        labels = tuple(sample.signs.labels for sample in samples)
        if not set.intersection(*map(set, labels)):
            return NOTHING
        return copying_statistic(*map(points, samples), labels, compared.held_out.signs.tracks), None

    return measure


def _light(statistic: Callable[[np.ndarray], np.ndarray]) -> Callable[[Comparison], Measured]:
    """How far a mean over images is from that of the training images; for reference that of unseen images."""

    def measure(compared: Comparison) -> Measured:
        generated, training, unseen = (
            statistic(sample.signs.images).mean() if len(sample.signs) else None
            for sample in (compared.generated, compared.training, compared.unseen)
        )
        return abs(generated - training), None if unseen is None else abs(unseen - training)

    return measure


def _of_rare(measure: Callable[[Comparison], Measured]) -> Callable[[Comparison], Measured]:
    return lambda compared: measure(compared.rare())


_copying_features = _copying(lambda sample: sample.features)
_copying_pixels = _copying(lambda sample: nearest.normalised(sample.signs.images))


_BRIGHTNESS = _light(lambda images: images.mean(axis=(1, 2, 3)))
_CONTRAST = _light(lambda images: images.std(axis=(1, 2, 3)))
_SATURATION = _light(lambda images: np.ptp(images, axis=3).mean(axis=(1, 2)))
OFF = 12  # grey levels, of 255, from which on the light of a class is off

KERNEL_NOISE = 1.0, 5.0  # what two samples of one distribution can differ by
_UNSEEN = "real images that neither the run nor the choice of its checkpoint has seen"
_COPIES = "copying, in features: below -3 the images are nearer to training images than new ones are"
_NEAREST = "median distance, in pixels, to the nearest training image: far below the floor, copies"
SCORES = (
    Score("fid_training", "lower", "Fréchet distance to the training images", FIFTH_ABOVE,
          measure=_fid("training")),
    Score("fid_unseen", "lower", f"Fréchet distance to {_UNSEEN}", FIFTH_ABOVE, measure=_fid("unseen")),
    Score("kid_training", "lower", "kernel distance to the training images, times 1000", KERNEL_NOISE,
          measure=_kid("training")),
    Score("kid_unseen", "lower", f"kernel distance to {_UNSEEN}, times 1000", KERNEL_NOISE,
          measure=_kid("unseen")),
    Score("precision", "higher", "share of generated images that lie among the training images",
          FIVE_POINTS_BELOW, measure=_manifold("precision")),
    Score("recall", "higher", "share of training images that lie among the generated ones", TENTH_BELOW,
          measure=_manifold("recall")),
    # The density of a perfect generator is not the best: repeated tracks have a higher one.
    Score("density", "higher", "how thick the training images lie around generated ones; 1 is usual",
          measure=_manifold("density")),
    Score("coverage", "higher", "share of training images with a generated one beside them", TENTH_BELOW,
          measure=_manifold("coverage")),
    Score("gan_test", "higher", "macro recall: the classifier of real images takes them for the wanted class",
          THREE_POINTS_BELOW, measure=_recall("macro")),
    Score("gan_test_worst", "higher", "the same of the worst class", FIVE_POINTS_BELOW, measure=_recall("worst"),
          scope="several"),
    Score("gan_train", "higher", "macro recall on unseen images of a classifier that saw generated images only",
          THREE_POINTS_BELOW),
    Score("c_t", "higher", _COPIES, limit=-3, measure=_copying_features, scope="overall"),
    Score("c_t_rare", "higher", "the same of the ten smallest classes taken together", limit=-3,
          measure=_of_rare(_copying_features), scope="several"),
    Score("c_t_pixels", "higher", "copying, in pixels", limit=-3, measure=_copying_pixels, scope="overall"),
    Score("c_t_pixels_rare", "higher", "the same of the ten smallest classes taken together", limit=-3,
          measure=_of_rare(_copying_pixels), scope="several"),
    Score("diversity", "higher", "how much images of a class differ from each other in shape and place",
          FIVE_POINTS_BELOW, measure=_pixels("diversity"), scope="class"),
    Score("nearest_real", "higher", _NEAREST, THREE_TENTHS_BELOW, measure=_pixels("nearest_real"), scope="class"),
    Score("told_apart", "lower", "AUC of a small network that learned to tell generated from real, on other images",
          (1, 0.2), equal=0.5),
    Score("spectrum", "lower", "largest excess or lack of power at a spatial frequency, natural logarithm", (1.5, 0)),
    Score("brightness", "lower", "grey levels between the mean brightness of a class and that of its training images",
          limit=OFF, measure=_BRIGHTNESS, scope="class"),
    Score("contrast", "lower", "the same of the standard deviation within images", limit=OFF, measure=_CONTRAST,
          scope="class"),
    Score("saturation", "lower", "the same of the colours' saturation", limit=OFF, measure=_SATURATION,
          scope="class"),
    *LEAK_SCORES,
    Score("inception_fid_training", "lower",
          "Fréchet distance in features of ImageNet's Inception: rough for such images", FIFTH_ABOVE),
)  # fmt: skip


def measured(compared: Comparison, scopes: set[str]) -> dict[str, float]:
    """The scores of some scopes by name; a real reference has "_floor" behind the name."""
    values = {}
    for score in SCORES:
        if score.measure is not None and score.scope in scopes:
            value, reference = score.measure(compared)
            values |= {score.name: value, f"{score.name}_floor": reference}
    return {name: float(value) for name, value in values.items() if value is not None}


def means(classes: dict[int, dict[str, float]]) -> dict[str, float]:
    """The means over the classes of the scores of scope "class"."""
    names = [f"{score.name}{end}" for score in SCORES if score.scope == "class" for end in ("", "_floor")]
    found = {name: [values[name] for values in classes.values() if name in values] for name in names}
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def even(sample: Sample, sizes: np.ndarray) -> Sample:
    """So many images (C,) of each class; see `some_of_each`."""
    return sample.take(some_of_each(sample.signs, sizes))
