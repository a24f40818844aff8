"""Three parts of a set of scenes that share no sequence: frames of one drive show the same street."""

import itertools
import re
import statistics
from collections.abc import Sequence

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
    for name in sorted(names, key=_order):
        groups.setdefault(sequence(name), []).append(name)
    if 2 * len(groups) > len(names):
        groups = {"": sorted(names, key=_order)}
    stretches = [stretch for group in groups.values() for stretch in _stretches(group)]
    waiting = sorted(stretches, key=lambda group: (-len(group), group[0]))
    chosen: dict[str, str] = {}
    held = dict.fromkeys(shares, 0)

    def put(part: str, group: Sequence[str]) -> None:
        chosen.update(dict.fromkeys(group, part))
        held[part] += len(group)

    if len(waiting) < len(shares) or len(waiting[0]) > MOST * len(names):
        blocks = _blocks(waiting.pop(0), list(shares.values()))
        for part, block in zip(shares, blocks, strict=True):
            put(part, block)
    for number, group in enumerate(waiting):
        empty = [part for part in shares if not held[part]]
        # Where no more sequences are left than parts without any, those parts get them.
        open_to = empty if len(waiting) - number <= len(empty) else list(shares)
        # Of parts that lack as much, the last: the test part is the one that scores are taken of.
        put(max(reversed(open_to), key=lambda part: shares[part] * len(names) - held[part]), group)
    return chosen


def _order(name: str) -> tuple[str, str]:
    """What names are sorted by: numbers by their size, however many digits they are written with."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name), name


def _stretches(names: Sequence[str]) -> list[Sequence[str]]:
    """Names of one sequence, parted where the recording was interrupted for long."""
    steps = [_gap(*pair) for pair in itertools.pairwise(names)]
    forward = [step for step in steps if step > 0]
    if not forward:
        return [names]
    ends = [k + 1 for k, step in enumerate(steps) if step > PAUSE * statistics.median(forward)]
    return [names[first:last] for first, last in itertools.pairwise([0, *ends, len(names)])]


def _blocks(names: Sequence[str], shares: Sequence[float]) -> list[Sequence[str]]:
    """Neighbouring names in blocks of these shares, none of them empty."""
    count, start, blocks = len(names), 0, []
    for k in range(len(shares) - 1):
        least, most = start + 1, count - (len(shares) - 1 - k)  # of the end: every block gets a name
        ideal = min(max(round(sum(shares[: k + 1]) / sum(shares) * count), least), most)
        slack = int(SLACK * count)
        ends = range(max(least, ideal - slack), min(most, ideal + slack) + 1)
        end = max(ends, key=lambda end: (_gap(names[end - 1], names[end]), -abs(end - ideal)))
        blocks.append(names[start:end])
        start = end
    return [*blocks, names[start:]]


def _gap(one: str, next_one: str) -> int:
    """How many frames lie between two names, by the last number in each; 0 where there is none."""
    numbers = [re.findall(r"\d+", name)[-1:] for name in (one, next_one)]
    return int(numbers[1][0]) - int(numbers[0][0]) if all(numbers) and all(len(n[0]) < 19 for n in numbers) else 0
