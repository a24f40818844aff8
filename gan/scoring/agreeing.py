"""Whether photos show what their label maps say: a segmenter of real photos looks, and pairs are kept or thrown away.

FreeMask (Yang et al. 2023, arXiv 2310.15160, section 3.3) leaves out pixels whose loss is far above what is usual for
their class in real photos; here a pair is kept or thrown away as a whole, by the share of each class that is found.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from gan.data.palettes import NOT_SCORED, Palette
from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, resized

BATCH = 8  # photos at a time
LEAST = 8  # pixels of a class that something can be said about
SHARE = 0.01  # of the pixels of a scene, from which on a class counts where nothing was put in
AUTO = "auto"
WORST = 10  # percent of the real photos may fall below the threshold of a class
OF_USUAL = 0.5  # of what is found of a class in the median real photo is asked for at least
FLOOR = 0.1  # a class of which less is found is not there, whatever is found of it in real photos
FEW = 5  # real photos with a class, below which its threshold is the floor
MOST_REAL = 300  # real photos that thresholds are taken from

# Photos uint8 (N, height, width, 3) to positions among the scored classes, uint8 (N, height, width).
Answers = Callable[[np.ndarray], np.ndarray]
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How far a segmenter agrees with the label map of a photo.

    Attributes:
        pixels: share of the scored pixels whose class it finds.
        classes: the same of each class that has some pixels, by id.
        put_in: the same of the pixels that were put in.
        failed: ids of classes of which less was found than the thresholds ask for, in the scene.
        failed_put_in: the same of what was put in; `failed` may hold them too.
    """

    pixels: float
    classes: dict[int, float]
    put_in: dict[int, float]
    failed: tuple[int, ...] = ()
    failed_put_in: tuple[int, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the pair is kept."""
        return not (self.failed or self.failed_put_in)


class Filter:
    """Keeps what a segmenter agrees with.

    Args:
        palette: of the label maps.
        thresholds: of each scored class the least share that is to be found, 0-1.
    """

    def __init__(self, palette: Palette, thresholds: np.ndarray):
        self.palette, self.thresholds = palette, thresholds

    def verdict(self, labels: np.ndarray, added: np.ndarray | None, answer: np.ndarray) -> Verdict:
        """Hold an answer against a label map.

        Args:
            labels: uint8 (height, width), ids.
            added: (height, width), not 0 where something was put in; None if nothing was.
            answer: uint8 (height, width), positions among the scored classes.
        """
        wanted = self.palette.scored_indices(labels)
        scored = wanted != NOT_SCORED
        total = max(1, int(scored.sum()))
        counts, shares = self._shares(wanted, answer, scored)
        failed = (counts >= max(LEAST, SHARE * total)) & (shares < self.thresholds)
        put_in, failed_put_in = {}, np.zeros(len(counts), bool)
        if added is not None:
            own = scored & (added > 0)
            own_counts, own_shares = self._shares(wanted, answer, own)
            put_in = self._by_id(own_counts, own_shares)
            failed_put_in = (own_counts >= LEAST) & (own_shares < self.thresholds)
        right = float((answer[scored] == wanted[scored]).sum() / total)
        return Verdict(right, self._by_id(counts, shares), put_in, self._ids(failed), self._ids(failed_put_in))

    def _shares(self, wanted, answer, where) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of each scored class, and the share of them that is found, 0 where there are none."""
        size = len(self.palette.scored)
        counts = np.bincount(wanted[where], minlength=size)[:size]
        right = np.bincount(wanted[where & (answer == wanted)], minlength=size)[:size]
        return counts, right / np.maximum(counts, 1)

    def _by_id(self, counts: np.ndarray, shares: np.ndarray) -> dict[int, float]:
        return {self.palette.scored[k]: float(shares[k]) for k in np.flatnonzero(counts >= LEAST)}

    def _ids(self, chosen: np.ndarray) -> tuple[int, ...]:
        return tuple(self.palette.scored[k] for k in np.flatnonzero(chosen))


@dataclasses.dataclass(frozen=True)
class Real:
    """What a segmenter finds in real photos.

    Attributes:
        verdicts: of the photos that were looked at.
        kept: share of them that the filter would keep.
    """

    verdicts: list[Verdict]
    kept: float


def filter_for(agreement: str, real: Scenes, size: tuple[int, int], answers: Answers) -> tuple[Filter, Real]:
    """The filter, and what it would do with real photos.

    Args:
        agreement: one threshold for all classes, 0-1, as text; or "auto": of each class, what the segmenter finds of
            it in all but the worst tenth of the real photos that show it, but no less than half of what it finds in
            the median one, and than `FLOOR`.
        real: scenes that the segmenter did not learn.
        size: working width and height.
        answers: the segmenter.
    """
    palette = real.palette
    chosen = np.unique(np.linspace(0, len(real) - 1, min(len(real), MOST_REAL)).astype(int)).tolist()
    pairs, found = [], Filter(palette, np.zeros(len(palette.scored)))
    scenes = in_threads(lambda k: resized(real.scene(k), *size), chosen)
    for group in groups(scenes, BATCH):
        for scene, answer in zip(group, answers(np.array([scene.photo for scene in group])), strict=True):
            pairs.append((scene.labels, answer))
    thresholds = np.full(len(palette.scored), FLOOR if agreement == AUTO else float(agreement))
    if agreement == AUTO:
        verdicts = [found.verdict(labels, None, answer) for labels, answer in pairs]
        for place, k in enumerate(palette.scored):
            shares = [verdict.classes[k] for verdict in verdicts if k in verdict.classes]
            if len(shares) >= FEW:
                worst, usual = np.percentile(shares, (WORST, 50))
                thresholds[place] = max(FLOOR, OF_USUAL * usual, worst)
    chosen_filter = Filter(palette, thresholds)
    verdicts = [chosen_filter.verdict(labels, None, answer) for labels, answer in pairs]
    return chosen_filter, Real(verdicts, float(np.mean([verdict.agrees for verdict in verdicts])))


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many items; the last may have fewer."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group
