"""Three parts of a set of scenes that share no sequence: frames of one drive show the same street."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.errors import UserError

SHARES = {TRAINING: 0.70, VALIDATION: 0.15, TEST: 0.15}
MOST = 0.80  # a sequence that holds more of all scenes is cut into pieces
PAUSE = 50  # a jump of more than so many usual steps of the frame numbers ends a sequence: another street follows
SLACK = 0.05  # how far, in parts of a sequence, a cut may move to a gap


def sequence(name: str) -> str:
    """The sequence that a scene belongs to, by its name: what stands before the first underscore, or without one the
    name without the digits that it ends with ("0016E5_00390" is of "0016E5", "drive7-0012" of "drive7-")."""
    before, underscore, _ = name.partition("_")
    return before if underscore else re.sub(r"\d+$", "", name)


def split(names: Sequence[str], shares: dict[str, float] | None = None) -> dict[str, str]:
    """The part that each scene goes to.

    Sequences (see `sequence`; where its frame numbers jump by far more than usual, another begins) stay whole. The
    largest comes first, and each goes to the part that lacks the most scenes of its share (70 % training, 15 %
    validation, 15 % test); no part stays empty.

    Where that can't be, because there are fewer sequences than parts or one of them holds more than 80 % of the
    scenes, the largest sequence is cut into a block of neighbouring frames for each part, in the order of their
    names. A cut goes to the largest jump of the frame numbers nearby. Names of which most have a sequence of their
    own say nothing about sequences: they count as one.

    Args:
        names: of the scenes, in any order.
        shares: of the parts in all scenes; `SHARES` if not given.

    Returns:
        part by name; no part is empty.

    Raises:
        UserError: there are fewer scenes than parts.
    """
    shares = shares or SHARES
    if len(names) < len(shares):
        raise UserError(
            f"there {'is' if len(names) == 1 else 'are'} {len(names)} scene{'s' * (len(names) != 1)} and "
            f"{len(shares)} or more are needed, one for each part; prepare data that has them."
        )
    groups: dict[str, list[str]] = {}
    ordered = sorted(names, key=natural)
    for name in ordered:
        groups.setdefault(sequence(name), []).append(name)
    if 2 * len(groups) > len(names):
        groups = {"": ordered}
    waiting = sorted(
        (stretch for group in groups.values() for stretch in _stretches(group)),
        key=lambda group: (-len(group), group[0]),
    )
    if len(waiting) < len(shares) > len(waiting[0]):  # too few scenes to cut the largest
        waiting = [ordered]
    held: dict[str, list[str]] = {part: [] for part in shares}
    if len(waiting) < len(shares) or len(waiting[0]) > MOST * len(names):
        held = dict(zip(shares, _blocks(waiting.pop(0), np.array(list(shares.values()))), strict=True))
    for number, group in enumerate(waiting):
        empty = [part for part in shares if not held[part]]
        # Where no more sequences are left than parts without any, those parts get them.
        open_to = empty if len(waiting) - number <= len(empty) else list(shares)
        # Of parts that lack as much, the last: the test part is the one that scores are taken of.
        held[max(reversed(open_to), key=lambda part: shares[part] * len(names) - len(held[part]))] += group
    return {name: part for part, group in held.items() for name in group}


def natural(name: str) -> tuple[str, str]:
    """What names are sorted by: numbers by their size, however many digits they are written with."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name), name


def _gaps(names: list[str]) -> np.ndarray:
    """How many frames lie between neighbours, by the last number in each name; 0 where there is none."""
    numbers = [(re.findall(r"\d+", name) or [""])[-1] for name in names]
    frames = np.array([int(number) if 0 < len(number) < 19 else -1 for number in numbers])
    return np.where((frames[1:] >= 0) & (frames[:-1] >= 0), np.diff(frames), 0)


def _stretches(names: list[str]) -> list[list[str]]:
    """Names of one sequence, parted where the recording was interrupted for long."""
    gaps = _gaps(names)
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else np.inf
    ends = np.flatnonzero(gaps > PAUSE * usual) + 1
    return [names[first:last] for first, last in itertools.pairwise([0, *ends, len(names)])]


def _blocks(names: list[str], shares: np.ndarray) -> list[list[str]]:
    """Neighbouring names in blocks of these shares, none of them empty."""
    count, slack, gaps, ends = len(names), int(SLACK * len(names)), _gaps(names), [0]
    for k, share in enumerate(np.cumsum(shares / shares.sum())[:-1], 1):
        least, most = ends[-1] + 1, count - (len(shares) - k)  # of the end: every block gets a name
        ideal = min(max(round(share * count), least), most)
        nearby = range(max(least, ideal - slack), min(most, ideal + slack) + 1)
        ends.append(max(nearby, key=lambda end, ideal=ideal: (gaps[end - 1], -abs(end - ideal))))
    return [names[first:last] for first, last in itertools.pairwise([*ends, count])]
