"""All scores of generated traffic signs, each beside its floor: the same score of real signs that were held out."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gan.data.signs import CLASSES, Signs
from gan.data.spread import spread_over
from gan.scoring import nearest
from gan.scoring.classification import Agreement, agreement
from gan.scoring.fidelity import frechet_distance, kernel_distance, manifold_scores
from gan.scoring.two_sample import closest_pairs, copying_statistic

RANKED_BY = "fid_held_out"  # what checkpoints of signs are compared by; lower is better
RARE = 10  # the so many smallest classes are "rare"
LARGEST_SAMPLE = 120  # images of a class that distances between sets are taken of
QUICK_SAMPLE = 30  # the same during training
PAIRS = 40  # closest pairs that are shown
PAIRS_OF_EACH = 3  # of one class at most, where there are several: else the plainest sign fills the sheet

# For each score: whether lower or higher is better, and what it says.
MEANINGS = {
    "fid_training": ("lower", "Fréchet distance to the training images"),
    "fid_held_out": ("lower", "Fréchet distance to signs held out from training: ranks the checkpoints of a run"),
    "kid_training": ("lower", "kernel distance to the training images, times 1000"),
    "kid_held_out": ("lower", "kernel distance to held-out signs, times 1000"),
    "precision": ("higher", "share of generated images that lie among the training images"),
    "recall": ("higher", "share of training images that lie among the generated ones"),
    "density": ("higher", "how thick the training images lie around generated ones; 1 is usual"),
    "coverage": ("higher", "share of training images with a generated one beside them"),
    "gan_test": ("higher", "share that the classifier of real signs takes for the wanted class"),
    "gan_test_worst": ("higher", "the same of the worst class"),
    "gan_train": ("higher", "macro recall on held-out signs of a classifier that saw generated images only"),
    "c_t": ("higher", "copying, in features: below -3 the images are nearer to training images than new signs are"),
    "c_t_rare": ("higher", "the same of the ten smallest classes taken together"),
    "c_t_pixels": ("higher", "copying, in pixels"),
    "c_t_pixels_rare": ("higher", "the same of the ten smallest classes taken together"),
    "diversity": ("higher", "how much images of a class differ from each other in shape and place"),
    "nearest_real": (
        "higher",
        "median distance, in pixels, to the nearest training image: far below the floor, copies",
    ),
    "inception_fid_training": (
        "lower",
        "Fréchet distance in features of ImageNet's Inception: rough for such images",
    ),
}


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores over all classes, and of each class, by name; a floor has "_floor" behind the name.

    Attributes:
        overall: of all classes together.
        classes: of each class by its id; fewer scores where a class is too small for some.
    """

    overall: dict[str, float]
    classes: dict[int, dict[str, float]]


def out_of_range(name: str, value: float, floor: float | None) -> bool:
    """Whether a score is clearly worse than the same of real images.

    A distance between sets may be a fifth above its floor, a share 0.05 below; C_T has no floor but -3.
    """
    if name.startswith("c_t"):
        return value < -3
    # A density has no best value, and an unbiased kernel distance has a floor about 0 that is all noise.
    if floor is None or name.startswith(("density", "kid")):
        return False
    if name == "nearest_real":
        return value < 0.7 * floor
    lower = MEANINGS[name][0] == "lower"
    return value > 1.2 * abs(floor) + 0.1 if lower else value < floor - 0.05


class SignScorer:
    """Scores sets of generated signs against real ones.

    Args:
        judge: gives features float (N, D) and class probabilities float (N, 43) of uint8 images (N, 32, 32, 3).
        training: the real images that were trained on.
        held_out: real images of other physical signs.
        class_ids: the classes to score.
    """

    def __init__(
        self,
        judge: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        training: Signs,
        held_out: Signs,
        class_ids: list[int],
    ):
        self._judge, self.class_ids = judge, class_ids
        self.training = training.take(np.isin(training.labels, class_ids))
        self.held_out = held_out.take(np.isin(held_out.labels, class_ids))
        self._answers: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def quick_labels(self) -> np.ndarray:
        """uint8 (N,): labels of the images that `quick` wants, class by class."""
        most = QUICK_SAMPLE if len(self.class_ids) > 1 else 10 * QUICK_SAMPLE
        return np.repeat(np.array(self.class_ids, np.uint8), [self._size(k, most) for k in self.class_ids])

    def quick(self, images: np.ndarray) -> dict[str, float]:
        """The scores that rank checkpoints.

        Args:
            images: uint8 (N, 32, 32, 3), generated, of the classes `quick_labels`.
        """
        labels = self.quick_labels()
        wanted = np.bincount(labels, minlength=CLASSES)
        features, probabilities = self._judge(images)
        verdicts = agreement(probabilities, labels)
        scores = {"gan_test": verdicts.overall}
        if len(self.class_ids) > 1:
            scores["gan_test_worst"] = verdicts.worst
        for part, real in self._real_parts():
            sample = self._features(part)[some_of_each(real, wanted)]
            made = features[np.isin(labels, real.labels)]
            if min(len(sample), len(made)) > 1:
                scores[f"fid_{part}"] = frechet_distance(made, sample)
        return scores

    def usual(self) -> Agreement:
        """What the judge makes of the held-out images, at least one: the floor of what it makes of generated ones."""
        return agreement(self._answers_of("held_out")[1], self.held_out.labels)

    def full(self, generated: Signs) -> Scores:
        """All scores.

        Args:
            generated: images with the classes they were made as, at least one of each class that is scored.
        """
        features, probabilities = self._judge(generated.images)
        verdicts = agreement(probabilities, generated.labels)
        overall = {"gan_test": verdicts.overall}
        classes = {k: {"gan_test": float(verdicts.per_class[k])} for k in self.class_ids}
        if len(self.held_out):
            usual = self.usual()
            overall["gan_test_floor"] = usual.overall
            for k in self.class_ids:
                if np.isfinite(usual.per_class[k]):
                    classes[k]["gan_test_floor"] = float(usual.per_class[k])
        if len(self.class_ids) > 1:
            overall["gan_test_worst"] = verdicts.worst
            if len(self.held_out):
                overall["gan_test_worst_floor"] = usual.worst
        overall |= self._between_sets(generated, features, self.class_ids)
        for k in self.class_ids:
            classes[k] |= self._between_sets(generated, features, [k])
        overall |= self._copying(generated, features, self.class_ids, "")
        if len(self.class_ids) > 1:
            counts = self.training.counts()
            rare = sorted(self.class_ids, key=lambda k: (counts[k], k))[:RARE]
            overall |= self._copying(generated, features, rare, "_rare")
        in_pixels = pixel_scores(generated, self.training, self.class_ids)
        for k in self.class_ids:
            classes[k] |= in_pixels.classes[k]
        return Scores(overall | in_pixels.overall, classes)

    def closest(self, generated: Signs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The generated images that lie nearest to a training image, in pixels.

        Returns:
            uint8 (K, 32, 32, 3) generated, uint8 (K, 32, 32, 3) the training image of each, float (K,) distances.
        """
        points = nearest.normalised(generated.images)
        references = nearest.normalised(self.training.images)
        cells = generated.labels, self.training.labels
        made, real, apart = closest_pairs(points, references, len(generated), cells)
        if len(self.class_ids) > 1:
            ranks = np.zeros(len(made), int)
            for k in self.class_ids:
                of_class = generated.labels[made] == k
                ranks[of_class] = np.arange(of_class.sum())
            chosen = ranks < PAIRS_OF_EACH
            made, real, apart = made[chosen], real[chosen], apart[chosen]
        return generated.images[made[:PAIRS]], self.training.images[real[:PAIRS]], apart[:PAIRS]

    def _real_parts(self):
        yield "training", self.training
        if len(self.held_out):
            yield "held_out", self.held_out

    def _size(self, k: int, most: int) -> int:
        """How many images of a class are compared: as many as the smaller real part has, of those that have any."""
        counts = [int((part.labels == k).sum()) for _, part in self._real_parts()]
        return min(most, min((count for count in counts if count), default=0))

    def _sample_sizes(self, generated: Signs, class_ids: list[int]) -> np.ndarray:
        sizes = np.zeros(CLASSES, int)
        for k in class_ids:
            sizes[k] = min(self._size(k, LARGEST_SAMPLE * (10 if len(self.class_ids) == 1 else 1)),
                           (generated.labels == k).sum())  # fmt: skip
        return sizes

    def _answers_of(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        if part not in self._answers:
            self._answers[part] = self._judge(getattr(self, part).images)
        return self._answers[part]

    def _features(self, part: str) -> np.ndarray:
        return self._answers_of(part)[0]

    def _between_sets(self, generated: Signs, features: np.ndarray, class_ids: list[int]) -> dict[str, float]:
        """FID, KID and the manifold scores of some classes, at equal sizes and shares of classes."""
        sizes = self._sample_sizes(generated, class_ids)
        if sizes.sum() < 10:
            return {}
        made = features[some_of_each(generated, sizes)]
        rows = some_of_each(self.training, sizes)
        real, tracks = self._features("training")[rows], self.training.tracks[rows]
        scores = _distances(made, real, "training") | _manifold(made, real, tracks)
        if all((self.held_out.labels == k).any() for k in class_ids):
            other = self._features("held_out")[some_of_each(self.held_out, sizes)]
            floors = _distances(other, real, "training") | _distances(real, other, "held_out")
            floors |= _manifold(other, real, tracks)
            scores |= _distances(made, other, "held_out") | {f"{name}_floor": v for name, v in floors.items()}
        return scores

    def _copying(self, generated: Signs, features: np.ndarray, class_ids: list[int], suffix: str) -> dict[str, float]:
        """C_T with the classes as cells, in features and in pixels."""
        parts = generated, self.training, self.held_out
        sizes = np.where(np.isin(np.arange(CLASSES), class_ids), LARGEST_SAMPLE, 0)
        rows = [some_of_each(generated, sizes), *(np.flatnonzero(np.isin(p.labels, class_ids)) for p in parts[1:])]
        labels = [part.labels[chosen] for part, chosen in zip(parts, rows, strict=True)]
        if not len(set.intersection(*map(set, labels))):
            return {}
        features_of = features, self._features("training"), self._features("held_out")
        spaces = {
            "c_t": [points[chosen] for points, chosen in zip(features_of, rows, strict=True)],
            "c_t_pixels": [nearest.normalised(part.images[chosen]) for part, chosen in zip(parts, rows, strict=True)],
        }
        tracks = self.held_out.tracks[rows[2]]
        return {name + suffix: copying_statistic(*points, tuple(labels), tracks) for name, points in spaces.items()}


def pixel_scores(generated: Signs, training: Signs, class_ids: list[int]) -> Scores:
    """The scores that need no classifier (see `gan.scoring.nearest.compare`), and their means over the classes."""
    classes = {}
    for k in class_ids:
        made = generated.images[generated.labels == k]
        real = training.take(training.labels == k)
        classes[k] = nearest.compare(made, real.images, real.tracks)
    names = sorted({name for scores in classes.values() for name in scores})
    means = {name: float(np.mean([s[name] for s in classes.values() if name in s])) for name in names}
    return Scores(means, classes)


def checkpoint_scores(
    judge: Callable | None, training: Signs, held_out: Signs, learned: Signs, class_id: int | None, images: Callable
) -> Callable[[], dict[str, float]]:
    """What scores a generator while it is trained.

    Args:
        judge: see `SignScorer`; None leaves the scores in pixels.
        training: real images, of any classes.
        held_out: real images of other physical signs.
        learned: the images that the generator learns, mirrored ones among them.
        class_id: the class that it is trained on; None for all.
        images: gives generated images, uint8 (N, 32, 32, 3), for the network's class ids, integers (N,).

    Returns:
        A function that gives the scores of the generator as it is then.
    """
    classes = list(range(CLASSES)) if class_id is None else [class_id]
    scorer = None if judge is None else SignScorer(judge, training, held_out, classes)
    rows = some_of_each(learned, np.where(np.isin(np.arange(CLASSES), classes), 2_000 // len(classes), 0))
    real, tracks = learned.images[rows], learned.tracks[rows]
    labels = np.repeat(classes, max(1, 300 // len(classes))) if scorer is None else scorer.quick_labels()

    def score() -> dict[str, float]:
        made = images(labels if class_id is None else labels * 0)
        return nearest.compare(made, real, tracks) | (scorer.quick(made) if scorer else {})

    return score


def some_of_each(signs: Signs, sizes: np.ndarray) -> np.ndarray:
    """Indices of so many images of each class, spread over the order of the data and so over its tracks.

    Args:
        signs: the images.
        sizes: integers (43,), how many of each class; fewer where it has fewer.
    """
    chosen = []
    for k in np.flatnonzero(sizes):
        of_class = np.flatnonzero(signs.labels == k)
        size = min(sizes[k], len(of_class))
        chosen.append(of_class[spread_over(len(of_class), size)])
    return np.concatenate(chosen) if chosen else np.empty(0, int)


def _distances(first: np.ndarray, second: np.ndarray, to: str) -> dict[str, float]:
    return {f"fid_{to}": frechet_distance(first, second), f"kid_{to}": 1000 * kernel_distance(first, second)}


def _manifold(made: np.ndarray, real: np.ndarray, tracks: np.ndarray) -> dict[str, float]:
    known = tracks if (tracks >= 0).all() else None
    return manifold_scores(real, made, groups=known)
