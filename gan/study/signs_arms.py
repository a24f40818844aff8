"""Arms and regimes of the study of signs: what a classifier is trained on, and how few tracks rare classes keep."""

import dataclasses
import re

import numpy as np

from gan.data.labelled import LabelledImages
from gan.errors import UserError
from gan.study.grid import split_names

FULL = "full"
SMOTE, GENERATED, DRAWN = "smote", "generated", "drawn"  # where further images are from
MOST_TRACKS = 1_000  # that a regime may name
MOST_IMAGES = 20_000  # of a class that an arm may be filled up to
RARE = 10  # classes, at most a quarter of those that there are


@dataclasses.dataclass(frozen=True)
class Arm:
    """What a classifier is trained on. Every arm makes as many steps, of as many images."""

    name: str  # as the parameter `arms` says it
    words: str  # for tables
    even: bool = False  # classes are drawn evenly, and not as often as the data has them
    weighted: bool = False  # the loss of an image is weighed by how rare its class is
    classical: bool = False  # mirror images that are signs, and changed light and view
    source: str = ""  # where further images are from, with "+" between several, of which each gives an equal part
    target: int = 0  # images that each class is filled up to; 0: as many as the largest class has
    mix: float = 0.0  # share of the missing images drawn from generated ones in the first steps; 0: not mixed

    @property
    def sources(self) -> list[str]:
        """Where further images are from, one by one."""
        return self.source.split("+") if self.source else []

    @property
    def generated(self) -> bool:
        """Whether it uses generated images."""
        return GENERATED in self.sources


_CLASSICAL = "turned, moved, zoomed and in other light; real ones mirrored where that is a sign"
_ARMS = (
    Arm("real", "real images only, as the data has them"),
    Arm("weights", "real images only, the loss weighed by class (images / classes / images of the class)",
        weighted=True),
    Arm("oversampling", "real images only, classes drawn evenly (random oversampling)", even=True),
    Arm("smote", "filled up to the largest class by SMOTE on pixels (imbalanced-learn)", source=SMOTE),
    Arm("classical", f"real images, classes drawn evenly, {_CLASSICAL}", even=True, classical=True),
    Arm("drawn", f"filled up with drawn signs, which no network made; all {_CLASSICAL}", source=DRAWN,
        classical=True),
    Arm("generated", "filled up with generated images", source=GENERATED),
    Arm("generated-classical", f"filled up with generated images; all {_CLASSICAL}", source=GENERATED,
        classical=True),
    Arm("generated-drawn", f"filled up with generated images and drawn signs, half and half; all {_CLASSICAL}",
        source=f"{GENERATED}+{DRAWN}", classical=True),
    Arm("mixed", "as classical; at first a share of what a class lacks is drawn from generated images, at last "
        "real images only", even=True, classical=True, source=GENERATED, mix=0.5),
)  # fmt: skip
ARMS = {arm.name: arm for arm in _ARMS}


def parse_arms(text: str) -> tuple[Arm, ...]:
    """The arms that the parameter `arms` names, in its order; "" for all of `ARMS`.

    Arms with generated or drawn images take a number of images to fill every class up to (`generated:1000`), and
    `mixed` a share above 0 and up to 1 (`mixed:0.25`).

    Raises:
        UserError: there is no such arm, one is named twice, or its number is out of range.
    """
    return tuple(map(_arm, split_names("arms", text or ",".join(ARMS))))


def _arm(name: str) -> Arm:
    base, colon, number = name.partition(":")
    arm = ARMS.get(base)
    if arm is None or (colon and not {GENERATED, DRAWN}.intersection(arm.sources)):
        raise UserError(
            f"arms are some of {', '.join(ARMS)} with commas between them (generated:IMAGES, drawn:IMAGES, "
            f"mixed:SHARE), not {name!r}."
        )
    if not colon:
        return arm
    if arm.mix:
        if not re.fullmatch(r"\d(\.\d{1,4})?", number) or not 0 < float(number) <= 1:
            raise UserError(f"the arm mixed takes a share above 0 and up to 1, as mixed:0.25, not {number!r}.")
        return dataclasses.replace(arm, name=name, mix=float(number), words=f"{arm.words} (share {number})")
    if not re.fullmatch(r"\d{1,6}", number) or not 1 <= int(number) <= MOST_IMAGES:
        raise UserError(
            f"the arm {base} takes the images to fill each class up to, from 1 to {MOST_IMAGES}, not {number!r}."
        )
    return dataclasses.replace(arm, name=name, target=int(number), words=f"{arm.words} (up to {number} a class)")


def parse_regimes(text: str) -> tuple[str, ...]:
    """The regimes that the parameter `regimes` names: numbers of tracks, the fewest first, and "full" as the last.

    Raises:
        UserError: one is no number of tracks, or named twice.
    """
    for name in (names := split_names("regimes", text)):
        if name != FULL and not (re.fullmatch(r"[1-9]\d{0,3}", name) and int(name) <= MOST_TRACKS):
            raise UserError(
                f"regimes are {FULL} and numbers of tracks from 1 to {MOST_TRACKS} with commas between them, as "
                f"full,5,3,2,1, not {name!r}."
            )
    return tuple(sorted(names, key=lambda name: (name == FULL, len(name), name)))


def rare_classes(signs: LabelledImages) -> list[int]:
    """The ids of the smallest classes, ascending: ten of 43; of two of a size the one with the lower id."""
    counts = signs.counts()
    present = np.flatnonzero(counts)
    wanted = min(RARE, max(1, len(present) // 4))
    return sorted(present[np.argsort(counts[present], kind="stable")][:wanted].tolist())


def cut_tracks(signs: LabelledImages, regime: str, rare: list[int], draw: int) -> LabelledImages:
    """The training images of a regime: rare classes keep a few tracks, the others all of theirs.

    What a class keeps with one track it keeps with two, so that regimes differ in nothing else.

    Args:
        signs: training images, nothing held out among them.
        regime: "full" or a number of tracks.
        rare: ids of the classes that are cut.
        draw: seed of the choice of tracks.

    Raises:
        UserError: a rare class has images whose track is not known, or nothing is cut.
    """
    if regime == FULL:
        return signs
    kept = np.ones(len(signs), bool)
    for k in rare:
        of_class = np.flatnonzero(signs.labels == k)
        tracks = np.unique(signs.tracks[of_class])
        if len(tracks) and tracks[0] < 0:
            raise UserError(
                f"regimes {regime}: the tracks of class {signs.classes.phrase(k)} are not known, so it can't be cut "
                f"to some of them; give regimes={FULL}."
            )
        chosen = np.random.default_rng([draw, k]).permutation(tracks)[: int(regime)]
        kept[of_class] = np.isin(signs.tracks[of_class], chosen)
    if kept.all():
        raise UserError(
            f"regimes {regime}: the rare classes have {regime} tracks or fewer to train on, so nothing is cut; "
            f"give a smaller number, or {FULL}."
        )
    return signs.take(kept)


def missing_images(counts: np.ndarray, target: int) -> np.ndarray:
    """int64 (C,): how many images each class lacks of `target`, or where that is 0 of the largest class.

    A class that has no images at all, of the real ones in integers (C,) `counts`, lacks none.
    """
    return np.where(counts > 0, np.maximum((target or counts.max()) - counts, 0), 0)
