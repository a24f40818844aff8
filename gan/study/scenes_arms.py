"""Arms of the study of scenes: what a segmenter is trained on, and how often each scene is drawn."""

import dataclasses
import re

import numpy as np

from gan.errors import UserError

FULL = "full"
SHARES = 25, 50  # percent of generated pairs, of the arms that are meant by nothing
_CLASSICAL = "mirrored, zoomed, shifted and in another light"


@dataclasses.dataclass(frozen=True)
class Arm:
    """What a segmenter is trained on. Every arm makes as many steps, of as many scenes.

    Attributes:
        name: as the parameter `arms` says it.
        words: for tables.
        classical: whether scenes are mirrored, zoomed, shifted and shown in another light.
        share: percent of the draws that are generated pairs; 0: real scenes only.
    """

    name: str
    words: str
    classical: bool = False
    share: int = 0


def parse_arms(text: str) -> tuple[Arm, ...]:
    """The arms that the parameter `arms` names, in its order.

    Args:
        text: some of `real`, `classical`, `generated-SHARE` and `both-SHARE` (a percentage, 1 to 99) with commas
            between them; "" for the first two and the others with `SHARES`.

    Raises:
        UserError: there is no such arm, or one is named twice.
    """
    usual = ["real", "classical", *(f"{kind}-{share}" for kind in ("generated", "both") for share in SHARES)]
    names = [name.strip() for name in text.split(",")] if text else usual
    if len(set(names)) < len(names):
        raise UserError(f"arms names one twice: {text!r}.")
    return tuple(_arm(name) for name in names)


def _arm(name: str) -> Arm:
    if name == "real":
        return Arm(name, "real scenes only, as they are")
    if name == "classical":
        return Arm(name, f"real scenes only, {_CLASSICAL}", classical=True)
    found = re.fullmatch(r"(generated|both)-([1-9]\d?)", name)
    if found is None:
        raise UserError(
            "arms of task=scenes are some of real, classical, generated-SHARE and both-SHARE (a percentage from 1 to "
            f"99, as generated-25) with commas between them, not {name!r}."
        )
    share, both = int(found[2]), found[1] == "both"
    words = f"{share} % of the draws are generated pairs, the others real scenes"
    return Arm(name, f"{words}; all {_CLASSICAL}" if both else words, both, share)


def parse_regimes(text: str) -> tuple[str, ...]:
    """The regimes that the parameter `regimes` names: "full" is the only one.

    Raises:
        UserError: it names anything else.
    """
    if text != FULL:
        raise UserError(
            f"regimes is {FULL} for task=scenes, not {text!r}: the good run has learned all training scenes, and "
            "what it generates would bring back those that are left out."
        )
    return (FULL,)


def odds(share: int, real: int, generated: int) -> np.ndarray:
    """How often each scene is drawn: float64 (real + generated,) that sum to 1, the real scenes first.

    Args:
        share: percent of the draws that are generated pairs, 1 to 99.
        real: number of real scenes, 1 or more; each is drawn as often as every other.
        generated: number of generated pairs, 1 or more; the same.
    """
    each = (1 - share / 100) / real, share / 100 / generated
    return np.repeat(each, (real, generated))
