"""All scores of generated traffic signs, each beside its real reference: the same score of held-out real signs."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from gan.data.signs import CLASSES, Signs
from gan.data.spread import spread_over
from gan.score import FIFTH_ABOVE, FIVE_POINTS_BELOW, THREE_TENTHS_BELOW, Score
from gan.scoring import nearest
from gan.scoring.classification import Agreement, agreement
from gan.scoring.fidelity import frechet_distance, kernel_distance, manifold_scores
from gan.scoring.privacy import LEAK_SCORES
from gan.scoring.two_sample import copying_statistic

RARE = 10  # the so many smallest classes are "rare"
LARGEST_SAMPLE = 120  # images of a class that distances between sets are taken of
SMALLEST_SAMPLE = 10  # images of all classes together, below which there are no such distances

Measured = tuple[float | None, float | None]  # a score, and the same of real images; None where there is nothing
NOTHING: Measured = (None, None)


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Signs with what the judge says of them.

    Attributes:
        signs: the images.
        features: float (N, D).
        probabilities: float (N, 43) of the classes.
    """

    signs: Signs
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
        held_out: real images of other physical signs.
        class_ids: the classes; images of others are left out.
        most: images of a class in equal samples, at most.
    """

    def __init__(self, generated: Sample, training: Sample, held_out: Sample, class_ids: list[int], most: int):
        self.class_ids, self._most = class_ids, most
        self.generated, self.training, self.held_out = (
            sample.take(np.isin(sample.signs.labels, class_ids)) for sample in (generated, training, held_out)
        )

    @functools.cached_property
    def equal(self) -> tuple[Sample, Sample, Sample | None] | None:
        """Generated, training and held-out samples of equal sizes and shares of classes.

        None where they are too small; without held-out images where a class has none.
        """
        generated, training, held_out = (
            sample.signs.counts() for sample in (self.generated, self.training, self.held_out)
        )
        sizes = np.minimum(np.minimum(generated, self._most), smaller_part(training, held_out))
        if sizes.sum() < SMALLEST_SAMPLE:
            return None
        other = even(self.held_out, sizes) if held_out[self.class_ids].all() else None
        return even(self.generated, sizes), even(self.training, sizes), other

    @functools.cached_property
    def manifold(self) -> dict[str, float]:
        """Precision, recall, density and coverage of the equal samples; those of held-out ones end in "_floor"."""
        if self.equal is None:
            return {}
        generated, training, held_out = self.equal
        tracks = training.signs.tracks if (training.signs.tracks >= 0).all() else None
        found = manifold_scores(training.features, generated.features, groups=tracks)
        if held_out is not None:
            reference = manifold_scores(training.features, held_out.features, groups=tracks)
            found |= {f"{name}_floor": value for name, value in reference.items()}
        return found

    @functools.cached_property
    def pixels(self) -> dict[str, float]:
        """Diversity and distance to the nearest training image, of one class (see `gan.scoring.nearest.compare`)."""
        real = self.training.signs
        return nearest.compare(self.generated.signs.images, real.images, real.tracks)

    def rare(self) -> "Comparison":
        """The same of the smallest classes."""
        counts = self.training.signs.counts()
        rare = sorted(self.class_ids, key=lambda k: (counts[k], k))[:RARE]
        return Comparison(self.generated, self.training, self.held_out, rare, self._most)


def _distance(distance: Callable[[np.ndarray, np.ndarray], float], part: str) -> Callable[[Comparison], Measured]:
    """A distance between equal samples, to the real part "training" or "held_out"; for reference between these."""

    def measure(compared: Comparison) -> Measured:
        if compared.equal is None:
            return NOTHING
        generated, training, held_out = (sample and sample.features for sample in compared.equal)
        if part == "training":
            return distance(generated, training), None if held_out is None else distance(held_out, training)
        return NOTHING if held_out is None else (distance(generated, held_out), distance(training, held_out))

    return measure


def _fid(part: str) -> Callable[[Comparison], Measured]:
    return _distance(lambda first, second: frechet_distance(first, second), part)


def _kid(part: str) -> Callable[[Comparison], Measured]:
    return _distance(lambda first, second: 1000 * kernel_distance(first, second), part)


def _manifold(name: str) -> Callable[[Comparison], Measured]:
    return lambda compared: (compared.manifold.get(name), compared.manifold.get(f"{name}_floor"))


def _pixels(name: str) -> Callable[[Comparison], Measured]:
    return lambda compared: (compared.pixels.get(name), compared.pixels.get(f"{name}_floor"))


def _recall(name: str) -> Callable[[Comparison], Measured]:
    def measure(compared: Comparison) -> Measured:
        found, reference = compared.generated.agreement(), compared.held_out.agreement()
        return getattr(found, name), reference and getattr(reference, name)

    return measure


def _copying(points: Callable[[Sample], np.ndarray]) -> Callable[[Comparison], Measured]:
    """C_T with the classes as cells, of some generated images and all real ones."""

    def measure(compared: Comparison) -> Measured:
        generated = even(compared.generated, np.full(CLASSES, LARGEST_SAMPLE))
        samples = generated, compared.training, compared.held_out
        labels = tuple(sample.signs.labels for sample in samples)
        if not set.intersection(*map(set, labels)):
            return NOTHING
        return copying_statistic(*map(points, samples), labels, compared.held_out.signs.tracks), None

    return measure


def _light(statistic: Callable[[np.ndarray], np.ndarray]) -> Callable[[Comparison], Measured]:
    """How far a mean over images is from that of the training images; for reference that of held-out images."""

    def measure(compared: Comparison) -> Measured:
        generated, training, held_out = (
            statistic(sample.signs.images).mean() if len(sample.signs) else None
            for sample in (compared.generated, compared.training, compared.held_out)
        )
        return abs(generated - training), None if held_out is None else abs(held_out - training)

    return measure


def _of_rare(measure: Callable[[Comparison], Measured]) -> Callable[[Comparison], Measured]:
    return lambda compared: measure(compared.rare())


_copying_features = _copying(lambda sample: sample.features)
_copying_pixels = _copying(lambda sample: nearest.normalised(sample.signs.images))


_BRIGHTNESS = _light(lambda images: images.mean(axis=(1, 2, 3)))
_CONTRAST = _light(lambda images: images.std(axis=(1, 2, 3)))
_SATURATION = _light(lambda images: np.ptp(images, axis=3).mean(axis=(1, 2)))
OFF = 12  # grey levels, of 255, from which on the light of a class is off

_COPIES = "copying, in features: below -3 the images are nearer to training images than new signs are"
_NEAREST = "median distance, in pixels, to the nearest training image: far below the floor, copies"
SCORES = (
    Score("fid_training", "lower", "Fréchet distance to the training images", FIFTH_ABOVE,
          measure=_fid("training")),
    Score("fid_held_out", "lower",
          "Fréchet distance to signs held out from training: ranks the checkpoints of a run", FIFTH_ABOVE,
          measure=_fid("held_out")),
    # An unbiased kernel distance has a reference about 0 that is all noise, and a density no best value.
    Score("kid_training", "lower", "kernel distance to the training images, times 1000",
          measure=_kid("training")),
    Score("kid_held_out", "lower", "kernel distance to held-out signs, times 1000", measure=_kid("held_out")),
    Score("precision", "higher", "share of generated images that lie among the training images",
          FIVE_POINTS_BELOW, measure=_manifold("precision")),
    Score("recall", "higher", "share of training images that lie among the generated ones", FIVE_POINTS_BELOW,
          measure=_manifold("recall")),
    Score("density", "higher", "how thick the training images lie around generated ones; 1 is usual",
          measure=_manifold("density")),
    Score("coverage", "higher", "share of training images with a generated one beside them", FIVE_POINTS_BELOW,
          measure=_manifold("coverage")),
    Score("gan_test", "higher", "share that the classifier of real signs takes for the wanted class",
          FIVE_POINTS_BELOW, measure=_recall("overall")),
    Score("gan_test_worst", "higher", "the same of the worst class", FIVE_POINTS_BELOW, measure=_recall("worst"),
          scope="several"),
    Score("gan_train", "higher", "macro recall on held-out signs of a classifier that saw generated images only",
          FIVE_POINTS_BELOW),
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
          (1, 0.2)),
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


def some_of_each(signs: Signs, sizes: np.ndarray) -> np.ndarray:
    """Indices of so many images of each class, spread over the order of the data and so over its tracks.

    Args:
        signs: the images.
        sizes: integers (43,), how many of each class; fewer where it has fewer.
    """
    chosen = []
    for k in np.flatnonzero(sizes):
        rows = np.flatnonzero(signs.labels == k)
        size = min(sizes[k], len(rows))
        chosen.append(rows[spread_over(len(rows), size)])
    return np.concatenate(chosen) if chosen else np.empty(0, int)


def equal_images(parts: Sequence[Signs], most: int | None = None) -> list[np.ndarray]:
    """Images uint8 (N, 32, 32, 3) of each part: of every class as many as all parts have, `most` at most."""
    sizes = np.min([part.counts() for part in parts], axis=0)
    sizes = sizes if most is None else np.minimum(sizes, most)
    return [part.images[some_of_each(part, sizes)] for part in parts]


def even(sample: Sample, sizes: np.ndarray) -> Sample:
    """So many images (43,) of each class; see `some_of_each`."""
    return sample.take(some_of_each(sample.signs, sizes))


def smaller_part(training: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Counts (43,) of the smaller of the parts that have images of a class."""
    return np.where(training * held_out > 0, np.minimum(training, held_out), np.maximum(training, held_out))
