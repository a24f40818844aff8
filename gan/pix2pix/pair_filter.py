"""Whether photos show what their label maps say: a segmenter of real photos decides which pairs are kept.

FreeMask (Yang et al. 2023, arXiv 2310.15160, section 3.3) leaves out pixels whose loss is far above what is usual for
their class in real photos; here a pair is kept or thrown away as a whole, by the share of each class that is found.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import pandas as pd

from gan.data.palettes import NOT_SCORED, Palette
from gan.data.parallel import in_threads
from gan.data.scenes import Scenes, resized
from gan.data.spread import spread_over
from gan.errors import UserError

BATCH = 8  # photos at a time
LEAST = 8  # pixels of a class that something can be said about
SHARE = 0.01  # of the pixels of a scene, from which on a class counts where nothing was put in
AUTO, NONE = "auto", "none"
WORST = (10, 5, 2, 1, 0)  # percent of the real photos that fall below the threshold of a class: the first of these
REAL_KEPT = 0.8  # with which so many real photos are kept, which have ten classes to fail in
USUAL_SHARE = 0.5  # of what is found of a class in the median real photo, which is asked for of what was put in
FLOOR = 0.1  # what is asked for at least, and from which on a class in the median real photo can be judged at all
FEW = 5  # real photos with a class that tell its threshold
MOST_REAL = 300  # real photos that thresholds are taken from
BLOCKS, EVERY = 25, 5  # blocks of the training scenes, of which the filter's segmenter lacks every fifth

# Photos uint8 (N, height, width, 3) to positions among the scored classes, uint8 (N, height, width).
Answers = Callable[[np.ndarray], np.ndarray]
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Check:
    """How far a segmenter agrees with the label map of a photo.

    Attributes:
        pixels: share of the scored pixels whose class it finds.
        classes: the same of each class that has some pixels, by id.
        large: ids of classes that have enough pixels to count where nothing was put in.
        put_in: of each class that was put in, the share found of the pixels of the object of which least was found.
        failed: ids of classes of which less was found than is asked for, in the scene.
        failed_put_in: the same of what was put in; `failed` may hold them too.
    """

    pixels: float
    classes: dict[int, float]
    large: tuple[int, ...]
    put_in: dict[int, float]
    failed: tuple[int, ...] = ()
    failed_put_in: tuple[int, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the pair is kept."""
        return not (self.failed or self.failed_put_in)


def measured(palette: Palette, labels: np.ndarray, added: np.ndarray | None, answer: np.ndarray) -> Check:
    """Hold an answer against a label map, with nothing asked for yet.

    Args:
        palette: of the label map.
        labels: uint8 (height, width), ids.
        added: (height, width), the number of each object that was put in, else 0; None if nothing was.
        answer: uint8 (height, width), positions among the scored classes.
    """
    wanted = palette.scored_indices(labels)
    scored = wanted != NOT_SCORED
    total, right = max(1, int(scored.sum())), scored & (answer == wanted)

    def shares(where: np.ndarray | bool, least: float = LEAST) -> dict[int, float]:
        """Share found of each class that has so many pixels there, by id."""
        counts, found = (np.bincount(wanted[part & where], minlength=len(palette.scored)) for part in (scored, right))
        there = np.flatnonzero(counts >= max(LEAST, least))
        return {palette.scored[k]: float(found[k] / counts[k]) for k in there}

    put_in: dict[int, float] = {}
    for number in [] if added is None else np.unique(added[added > 0]):
        put_in |= {k: min(share, put_in.get(k, 1.0)) for k, share in shares(added == number).items()}
    return Check(float(right.sum() / total), shares(True), tuple(shares(True, SHARE * total)), put_in)


@dataclasses.dataclass(frozen=True)
class Filter:
    """Keeps what a segmenter agrees with.

    Attributes:
        palette: of the label maps.
        scene: of each scored class, by id, the share that is asked for in a scene, 0-1.
        put_in: the same of what was put in.
        blind: ids of classes that are not judged, because the segmenter finds too little of them in real photos.
        real_kept: share of real photos that it would keep.
        unseen: ids of classes that were to be put in, and can't be judged.
    """

    palette: Palette
    scene: dict[int, float]
    put_in: dict[int, float]
    blind: tuple[int, ...] = ()
    real_kept: float = float("nan")
    unseen: tuple[int, ...] = ()

    @classmethod
    def even(cls, palette: Palette, share: float) -> "Filter":
        """One share of all classes in a scene; of what was put in, `FLOOR` at least."""
        put_in = dict.fromkeys(palette.scored, max(share, FLOOR))
        return cls(palette, dict.fromkeys(palette.scored, share), put_in)

    def judged(self, check: Check) -> Check:
        """A check with what it fails in."""
        failed = tuple(k for k in check.large if check.classes[k] < self.scene[k])
        failed_put_in = tuple(k for k, share in check.put_in.items() if share < self.put_in[k])
        return dataclasses.replace(check, failed=failed, failed_put_in=failed_put_in)

    def check(self, labels: np.ndarray, added: np.ndarray | None, answer: np.ndarray) -> Check:
        """Hold an answer against a label map; see `measured`."""
        return self.judged(measured(self.palette, labels, added, answer))

    def blind_text(self) -> str:
        """Which classes are not judged, and why."""
        listed = ", ".join(map(self.palette.name_of, self.blind))
        return (
            f"the segmenter finds too little of {listed} in real photos to judge by: train it longer, or look "
            "yourself."
        )


def split_training(training: Scenes) -> tuple[Scenes, Scenes]:
    """The scenes that the filter's segmenter learns, and those that tell what it finds in photos it has not learned.

    Both lie in blocks all over the training part, so that they show the same light as what is generated.
    """
    numbers = np.arange(len(training))
    held = numbers // max(1, round(len(training) / BLOCKS)) % EVERY == min(EVERY // 2, len(training) - 1)
    return training.take(numbers[~held].tolist()), training.take(numbers[held].tolist())


def filter_for(
    agreement: str,
    real: Scenes,
    size: tuple[int, int],
    answers: Answers | None,
    classes: tuple[int, ...] = (),
    named: bool = True,
) -> Filter:
    """The filter, by what the segmenter finds in real photos.

    Args:
        agreement: what is asked for of all classes, 0-1, as text, and of what was put in, `FLOOR` at least; or
            "auto": of each class in a scene, what the segmenter finds in all but the worst real photos (see
            `WORST`), and of what was put in, half of what it finds in the median one and `FLOOR` at least. A class of
            which it finds less than that in the median real photo is not judged. "none" asks for nothing.
        real: scenes that the segmenter did not learn.
        size: working width and height.
        answers: the segmenter; "none" needs none.
        classes: ids of what is to be put in.
        named: the user named them: no one is left out.

    Raises:
        UserError: the segmenter finds too little of all that is to be put in, or of one that was named.
    """
    palette, ids = real.palette, list(real.palette.scored)
    if agreement == NONE:
        nothing = dict.fromkeys(ids, 0.0)
        return Filter(palette, nothing, nothing, real_kept=1.0)
    scenes = in_threads(lambda k: resized(real.scene(k), *size), spread_over(len(real), MOST_REAL).tolist())
    checks: list[Check] = []
    for group in groups(scenes, BATCH):
        found = answers(np.array([scene.photo for scene in group]))
        checks += [measured(palette, scene.labels, None, answer) for scene, answer in zip(group, found, strict=True)]
    shares = pd.DataFrame([check.classes for check in checks], columns=ids, dtype=float)
    usual = shares.median().where(shares.count() >= FEW)
    blind = tuple(usual.index[usual < FLOOR])
    unseen = tuple(k for k in classes if k in blind)
    if unseen and (named or len(unseen) == len(classes)):
        listed = ", ".join(map(palette.name_of, unseen))
        raise UserError(
            f"the segmenter finds too little of {listed} in real photos to judge generated ones by; train "
            "it longer with --segmenter_iterations, put in others with --classes, or keep pairs that nothing has "
            "judged with --agreement none."
        )
    if agreement != AUTO:
        keep = Filter.even(palette, float(agreement))
    else:
        put_in = (USUAL_SHARE * usual.fillna(0)).clip(lower=FLOOR).where(~usual.index.isin(blind), 0.0).to_dict()
        large = pd.DataFrame(
            [{k: check.classes[k] for k in check.large} for check in checks], columns=ids, dtype=float
        )
        judged = (large.count() >= FEW) & ~large.columns.isin(blind)
        for worst in WORST:
            keep = Filter(palette, large.quantile(worst / 100).where(judged, 0.0).to_dict(), put_in, blind)
            if _share_kept(keep, checks) >= REAL_KEPT:
                break
    return dataclasses.replace(keep, real_kept=_share_kept(keep, checks), unseen=unseen)


def _share_kept(keep: Filter, checks: list[Check]) -> float:
    return float(np.mean([keep.judged(check).passed for check in checks]))


def groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many items; the last may have fewer."""
    rest = iter(items)
    while group := list(itertools.islice(rest, size)):
        yield group
