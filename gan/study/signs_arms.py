"""Arms and regimes of the study of signs: what a classifier is trained on, and how few tracks rare classes keep."""

import dataclasses
import re

import numpy as np

from gan.data.labelled import LabelledImages, join, with_mirrored
from gan.errors import UserError
from gan.study.grid import split_names

FULL = "full"
DRAWN, PASTED, GENERATED, PAINTED = "drawn", "pasted", "generated", "painted"  # where further images are from
SOURCES = {
    DRAWN: "drawn signs, which no network made",
    PASTED: "signs of photos of the class, or its pictogram where it has none, in the place and light of others",
    GENERATED: "images of a generator that learned this training data",
    PAINTED: "photos made of the class's pictogram by a generator that has learned photos of the other classes",
}
OF_GTSRB = (DRAWN, PASTED, PAINTED)  # that need a pictogram of every class
OWN_ARMS = "real,classical,adjusted,generated"  # where none are named, of images of one's own
SIGN_ARMS = "classical,drawn,pasted,painted,drawn+pasted+painted"  # the same of traffic signs
SHARE = 0.75  # of a rare class's images that are from these sources, where an arm does not say
MOST_TRACKS = 1_000  # that a regime may name
RARE = 10  # classes, at most a quarter of those that there are


@dataclasses.dataclass(frozen=True)
class Arm:
    """What a classifier is trained on. Every arm makes as many steps, of as many images."""

    name: str  # as the parameter `arms` says it
    words: str  # for tables
    even: bool = True  # classes are drawn evenly, and not as often as the data has them
    varied: bool = True  # images are varied by the study's policy, and mirrored where that is a sign
    adjusted: bool = False  # logits are adjusted by how often classes are seen
    retrained: bool = False  # the last layer is fitted anew, all classes of the same weight
    sources: tuple[str, ...] = ()  # of further images of rare classes, as many of each
    share: float = 0.0  # of the images of a rare class that are further ones; all, where it has no others

    @property
    def generated(self) -> bool:
        """Whether it uses generated images."""
        return not {GENERATED, PAINTED}.isdisjoint(self.sources)


ARMS = {
    arm.name: arm
    for arm in (
        Arm("real", "real images only, as the data has them, not varied", even=False, varied=False),
        Arm("classical", "real images, classes drawn evenly, varied"),
        Arm("adjusted", "real images as the data has them, varied; logits adjusted by how often classes are seen",
            even=False, adjusted=True),
        Arm("retrained", "real images as the data has them, varied; the last layer fitted anew, of equal weights",
            even=False, retrained=True),
    )
}  # fmt: skip


def parse_arms(text: str) -> tuple[Arm, ...]:
    """The arms that the parameter `arms` names, in its order.

    Beside `ARMS` there are those of one or more of `SOURCES` with + between them, and the percentage of a rare
    class's images that is from there behind a colon, if that is not `SHARE` (`drawn+painted:50`).

    Raises:
        UserError: there is no such arm, one is named twice, or its number is out of range.
    """
    return tuple(map(_arm, split_names("arms", text)))


def _arm(name: str) -> Arm:
    if name in ARMS:
        return ARMS[name]
    base, colon, number = name.partition(":")
    sources = tuple(base.split("+"))
    if not set(sources) <= set(SOURCES) or len(set(sources)) < len(sources):
        raise UserError(
            f"arms are some of {', '.join(ARMS)}, or {', '.join(SOURCES)}, or several of these with + between them, "
            f"and :PERCENT behind, with commas between the arms, not {name!r}."
        )
    if colon and not (re.fullmatch(r"\d{1,3}", number) and 1 <= int(number) <= 100):
        raise UserError(f"the arm {base} takes a percentage from 1 to 100, as {base}:50, not {number!r}.")
    share = int(number) / 100 if colon else SHARE
    words = f"as classical; {share:.0%} of the images of a rare class are {' and '.join(SOURCES[k] for k in sources)}"
    return Arm(name, words, sources=sources, share=share)


def parse_regimes(text: str) -> tuple[str, ...]:
    """The regimes that the parameter `regimes` names: numbers of tracks, the fewest first, and "full" as the last.

    Raises:
        UserError: one is no number of tracks, or named twice.
    """
    for name in (names := split_names("regimes", text)):
        if name != FULL and not (re.fullmatch(r"0|[1-9]\d{0,3}", name) and int(name) <= MOST_TRACKS):
            raise UserError(
                f"regimes are {FULL} and numbers of tracks from 0 to {MOST_TRACKS} with commas between them, as "
                f"full,2,0, not {name!r}."
            )
    return tuple(sorted(names, key=lambda name: (name == FULL, len(name), name)))


def regime_words(regime: str) -> str:
    """A regime for people."""
    return "Full data" if regime == FULL else f"Rare classes cut to {regime} track{'' if regime == '1' else 's'}"


def rare_classes(signs: LabelledImages) -> list[int]:
    """The ids of the smallest classes, ascending: ten of 43; of two of a size the one with the lower id."""
    return rarest(signs.counts())


def rarest(counts: np.ndarray) -> list[int]:
    """The same of integers (C,), the images of each class."""
    present = np.flatnonzero(counts)
    wanted = min(RARE, max(1, len(present) // 4))
    return sorted(present[np.argsort(counts[present], kind="stable")][:wanted].tolist())


def kept_tracks(signs: LabelledImages, regime: str, rare: list[int], draw: int) -> np.ndarray:
    """The training images of a regime: rare classes keep a few tracks, the others all of theirs.

    What a class keeps with one track it keeps with two, so that regimes differ in nothing else.

    Args:
        signs: training images, nothing held out among them.
        regime: "full" or a number of tracks.
        rare: ids of the classes that are cut.
        draw: seed of the choice of tracks.

    Returns:
        bool (N,).

    Raises:
        UserError: a rare class has images whose track is not known, or nothing is cut.
    """
    kept = np.ones(len(signs), bool)
    if regime == FULL:
        return kept
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
    return kept


def mirrored_within(signs: LabelledImages, regime: str, rare: list[int]) -> LabelledImages:
    """Images and their mirror images; where classes are cut, no image of another class becomes one of theirs."""
    mirror = np.array(signs.classes.mirror)
    coming = np.isin(mirror[signs.labels], rare) & ~np.isin(signs.labels, rare)
    if regime == FULL or not coming.any():
        return with_mirrored(signs)
    return join(with_mirrored(signs.take(~coming)), signs.take(coming))
