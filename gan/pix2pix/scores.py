"""The scores of generated street scenes, each beside the same of real photos: of a run's checkpoints, and in full.

Photos are generated from the label maps of a part that nothing was trained on.  A segmenter that learned real photos
then looks for the classes of the label map in them, and looks at the real photos of the same scenes too: what it
does not find there, no generator can show it.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import numpy as np
import tensorflow as tf
from PIL import Image

from gan.data.palettes import Palette
from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, SceneSet, load, resized
from gan.data.spread import spread_over
from gan.pix2pix.judge import Segmenter, scored, scored_maps
from gan.pix2pix.leak import LEAST, MOST, scene_leak
from gan.progress import progress
from gan.score import FIFTH_ABOVE, FIFTH_BELOW, THREE_TENTHS_BELOW, Score, Scores
from gan.scoring.fidelity import frechet_distance, kernel_distance
from gan.scoring.nearest import normalised
from gan.scoring.privacy import LEAK_SCORES
from gan.scoring.segmentation import Overlap, confusions, mean, overlap
from gan.scoring.two_sample import closest_pairs, distances_to_nearest

RANKED_BY = "miou_gap"  # what checkpoints of scenes are compared by; lower is better
QUICK = 32  # scenes that the scores during training look at, at most
SMALL = 32  # pixels: width that photos are reduced to before their distances are taken
PAIRS = 8  # closest pairs that are shown
WINDOW = 11  # pixels: the window of SSIM

SCORES = (
    Score("miou_gap", "lower",
          "1 - mean IoU / that of the real photos: ranks a run's checkpoints; 0: as good as real", limit=0.2),
    Score("mean_iou", "higher",
          "mean over the classes of intersection over union: what is found and what is wanted", FIFTH_BELOW),
    Score("rare_iou", "higher", "the same of the rare classes", FIFTH_BELOW),
    Score("class_accuracy", "higher", "mean over the classes of the share of their pixels that are found as such",
          FIFTH_BELOW),
    Score("pixel_accuracy", "higher", "share of the scored pixels whose class is found", FIFTH_BELOW),
    # L1 and SSIM have no real reference.
    Score("l1", "lower", "mean absolute difference to the real photo of the scene; 1 is black against white"),
    Score("ssim", "higher", "structural similarity to the real photo of the scene; 1 is equal"),
    Score("fid_training", "lower", "Fréchet distance to training photos", FIFTH_ABOVE),
    Score("fid_held_out", "lower",
          "Fréchet distance of every other scene to the real photos of the scenes between", FIFTH_ABOVE),
    # An unbiased kernel distance has a reference about 0 that is all noise.
    Score("kid_training", "lower", "kernel distance to training photos, times 1000"),
    Score("kid_held_out", "lower", "kernel distance to the same, times 1000"),
    Score("nearest_real", "higher",
          "median distance, in pixels, to the nearest training photo: far below real, copies", THREE_TENTHS_BELOW),
    *LEAK_SCORES,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class SceneScores(Scores):
    """Scores of generated scenes; classes have "iou", "recall", and the "share" of the scored pixels.

    Attributes:
        table: int64 (C, C), counts of pixels of generated photos by scored class and what they are taken for; of
            generated label maps one column more, for the classes that are not scored.  None without a segmenter.
        real_table: the same of the real photos.
        closest: generated photo, training photo and their distance, of the pairs that are closest to each other.
    """

    table: np.ndarray | None = None
    real_table: np.ndarray | None = None
    closest: list[tuple[np.ndarray, np.ndarray, float]] = dataclasses.field(default_factory=list)


class CheckpointScorer:
    """The cheap scores, of a few scenes, that rank the checkpoints of a run.

    Args:
        segmenter: looks at the photos; None leaves the scores that need none, and nothing that ranks.
        part: scenes that the run does not learn; those that are looked at are spread over them.
        width: working width in pixels.
        height: working height in pixels.

    Attributes:
        loaded: the scenes that are looked at, at the working size: what photos are to be generated from.
        real: the scores of their real photos, with "_floor" behind the name; they never change.
    """

    def __init__(self, segmenter: Segmenter | None, part: Scenes, width: int, height: int):
        chosen = part.take(spread_over(len(part), QUICK))
        self._segmenter, self._palette = segmenter, part.palette
        self.loaded = load(chosen, width, height)
        self._labels = list(scored_maps(chosen))
        self._real = overlap(segmenter.judge(self.loaded.photos, self._labels)[0]) if segmenter else None
        self.real = {f"{name}_floor": value for name, value in self._shares(self._real).items()}

    def photos(self, photos: np.ndarray) -> dict[str, float]:
        """Score photos generated from the label maps of `loaded`, uint8 (N, height, width, 3).

        Returns:
            "l1", and with a segmenter "mean_iou", "pixel_accuracy" and "miou_gap" (see `SCORES`).
        """
        scores = {"l1": float(np.mean([_difference(*pair) for pair in zip(photos, self.loaded.photos, strict=True)]))}
        if self._segmenter is not None:
            scores |= self._ranked(overlap(self._segmenter.judge(photos, self._labels)[0]))
        return scores

    def label_maps(self, maps: np.ndarray) -> dict[str, float]:
        """Score label maps generated from the photos of `loaded`, beside those that the segmenter makes of them.

        Args:
            maps: uint8 (N, height, width), positions in the palette.

        Returns:
            "mean_iou" and "pixel_accuracy", and with a segmenter "miou_gap".
        """
        return self._ranked(overlap(_table_of_maps(maps, self._labels, self._palette)))

    def _ranked(self, found: Overlap) -> dict[str, float]:
        return self._shares(found) | ({} if self._real is None else {RANKED_BY: _gap(found, self._real)})

    @staticmethod
    def _shares(found: Overlap | None) -> dict[str, float]:
        return {} if found is None else {"mean_iou": found.mean_iou, "pixel_accuracy": found.pixel_accuracy}


class SceneScorer:
    """All scores.  A few photos are in memory at a time.

    Args:
        segmenter: looks at the photos; None leaves the scores that need none.
        scenes: the data set; its training part is what copies would be copies of.
        part: the scenes that photos are generated for, of another part.
        width: working width in pixels.
        height: working height in pixels.
    """

    def __init__(self, segmenter: Segmenter | None, scenes: SceneSet, part: Scenes, width: int, height: int):
        self._segmenter, self._training, self._part = segmenter, scenes.training, part
        self._size, self._palette = (width, height), scenes.palette
        self._real_table = self._real_features = None
        if segmenter is not None:
            self._real_table, self._real_features = segmenter.judge(_photos(part, width, height), scored_maps(part))

    def photos(
        self, photos: Sequence[np.ndarray], generate: Callable[[Scenes], Iterable[np.ndarray]] | None = None
    ) -> SceneScores:
        """Score photos generated from the label maps of the part.

        Args:
            photos: uint8 (height, width, 3) each, in the order of the part.
            generate: gives photos generated from the label maps of other scenes; None leaves `leak` out. Only for a
                generator that has learned the training part and nothing of the other part.
        """
        overall, classes, table = {}, {}, None
        if self._segmenter is not None:
            table, features = self._segmenter.judge(photos, scored_maps(self._part))
            overall, classes = self._overlaps(table)
            overall |= self._between_sets(features)
        in_pixels, closest = self._in_pixels(photos, generate)
        return SceneScores(overall | in_pixels, classes, table, self._real_table, closest)

    def label_maps(self, maps: Iterable[np.ndarray]) -> SceneScores:
        """Score label maps generated from the photos of the part, beside those that the segmenter makes of them.

        Args:
            maps: uint8 (height, width) each, positions in the palette.
        """
        table = _table_of_maps(maps, scored_maps(self._part), self._palette)
        return SceneScores(*self._overlaps(table), table, self._real_table)

    def _overlaps(self, table: np.ndarray) -> tuple[dict[str, float], dict[int, dict[str, float]]]:
        """Scores from counts of pixels, overall and by class id, beside those of the real photos."""
        found = {"": overlap(table)}
        if self._real_table is not None:
            found["_floor"] = overlap(self._real_table)
        rare = [number for number, k in enumerate(self._palette.scored) if k in self._palette.rare]
        counts = table.sum(axis=1)
        overall: dict[str, float] = {}
        classes = {k: {"share": counts[n] / max(1, counts.sum())} for n, k in enumerate(self._palette.scored)}
        for ending, one in found.items():
            for name in ("mean_iou", "class_accuracy", "pixel_accuracy"):
                overall[f"{name}{ending}"] = getattr(one, name)
            overall[f"rare_iou{ending}"] = mean(one.ious[rare])
            for number, k in enumerate(self._palette.scored):
                classes[k] |= {f"iou{ending}": one.ious[number], f"recall{ending}": one.recalls[number]}
        if self._real_table is not None:
            overall[RANKED_BY] = _gap(found[""], found["_floor"])
        return _known(overall), {k: _known(scores) for k, scores in classes.items()}

    def _between_sets(self, features: np.ndarray) -> dict[str, float]:
        """FID and KID in the segmenter's features, and between real photos, at equal sizes.

        Training photos may be of other streets, and their distance from real photos of these ones large.  So photos
        are compared with real ones of the same streets too: every other scene with the scenes between.
        """
        count = min(len(features), len(self._training))
        if count < 4:
            return {}
        rows = spread_over(len(self._training), count)
        training = self._segmenter.features(_photos(self._training.take(rows), *self._size))
        some, half = spread_over(len(features), count), len(features) // 2
        real, between = self._real_features, self._real_features[1::2][:half]
        pairs = {
            "training": (features[some], training), "training_floor": (real[some], training),
            "held_out": (features[::2][:half], between), "held_out_floor": (real[::2][:half], between),
        }  # fmt: skip
        scores = {}
        for name, (first, second) in pairs.items():
            scores[f"fid_{name}"] = frechet_distance(first, second)
            scores[f"kid_{name}"] = 1000 * kernel_distance(first, second)
        return scores

    def _in_pixels(self, photos: Sequence[np.ndarray], generate: Callable[[Scenes], Iterable[np.ndarray]] | None):
        """L1 and SSIM to the real photos, the distance to the nearest training photo, leak, and the closest pairs."""
        differences, similarities, small, small_real = [], [], [], []
        for photo, real in zip(photos, _photos(self._part, *self._size), strict=True):
            differences.append(_difference(photo, real))
            if min(self._size) >= WINDOW:  # Wang et al. 2004, IEEE TIP 13(4), section III.B, on the three colours
                similarities.append(float(tf.image.ssim(photo, real, 255, filter_size=WINDOW)))
            small.append(_reduced(photo))
            small_real.append(_reduced(real))
        photos_read = _photos(self._training, *self._size, _reduced)
        training = list(progress(len(self._training), "looking for copies", "photo", items=photos_read))
        generated, real, points = (normalised(np.array(some)) for some in (small, small_real, training))
        closest = [
            (photos[k], resized(self._training.scene(near), *self._size).photo, float(distance))
            for k, near, distance in zip(*closest_pairs(generated, points, PAIRS), strict=True)
        ]
        scores = {
            "l1": np.mean(differences),
            "ssim": np.mean(similarities) if similarities else np.nan,
            "nearest_real": np.median(distances_to_nearest(generated, points)),
            "nearest_real_floor": np.median(distances_to_nearest(real, points)),
        }
        if generate is not None:
            scores |= self._leak(generate, generated, real, points)
        return _known(scores), closest

    def _leak(
        self,
        generate: Callable[[Scenes], Iterable[np.ndarray]],
        generated: np.ndarray,
        real: np.ndarray,
        training: np.ndarray,
    ) -> dict[str, float]:
        """The scores of the attack on as many training scenes as unseen ones; nothing where there are too few."""
        count = min(len(real), len(training), MOST)
        if count < LEAST:
            return {}
        learned, unseen = (spread_over(len(points), count) for points in (training, real))
        parts = self._training.take(learned), self._part.take(unseen)
        of_learned = normalised(np.array([_reduced(photo) for photo in generate(parts[0])]))
        photos = (of_learned, generated[unseen]), (training[learned], real[unseen])
        return scene_leak(*photos, tuple(part.names for part in parts)).scores()


def _photos(
    scenes: Scenes, width: int, height: int, change: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> Iterator[np.ndarray]:
    """The photos of a part at a working size, read a few ahead, after a change."""
    return in_threads(lambda k: change(resized(scenes.scene(k), width, height).photo), range(len(scenes)))


def _difference(photo: np.ndarray, real: np.ndarray) -> float:
    """The mean absolute difference of two uint8 photos, 0-1 (arXiv 1611.07004, equation 3)."""
    return float(np.abs(photo.astype(np.int16) - real).mean() / 255)


def _reduced(photo: np.ndarray) -> np.ndarray:
    """A photo small enough that small shifts do not count."""
    height, width = photo.shape[:2]
    size = min(width, SMALL), max(1, round(height * min(width, SMALL) / width))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BOX))


def _table_of_maps(maps: Iterable[np.ndarray], labels: Iterable[np.ndarray], palette: Palette) -> np.ndarray:
    """Counts of pixels by scored class and what a generated label map has there, classes that do not count last."""
    classes = len(palette.scored)
    positions = np.minimum(scored(palette), classes)
    planes = ((positions[found][..., None] == np.arange(classes + 1)).astype(np.float32) for found in maps)
    return confusions(planes, labels, classes, others=1)


def _gap(found: Overlap, real: Overlap) -> float:
    """By what share generated scenes fall short of real ones; lower is better, NaN where real ones have nothing."""
    return 1 - found.mean_iou / real.mean_iou if real.mean_iou > 0 else float("nan")


def _known(scores: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items() if np.isfinite(value)}
