"""Arms of the study of scenes: what a segmenter is trained on, and how often each scene is drawn."""

import dataclasses
import re

import numpy as np

from gan.errors import UserError
from gan.study.grid import split_names

FULL = "full"
GENERATE, INPAINT, PASTE = "generate", "inpaint", "paste"  # see `gan.pix2pix.restored.WAYS`
USUAL = "real,classical,pasted-25,pasted-50,generated-25,generated-50,both-25,both-50"
_CLASSICAL = "mirrored, zoomed, shifted and in another light"
_PAIRS = {
    "generated": (GENERATE, "generated pairs"), "both": (GENERATE, "generated pairs"),
    "pasted": (PASTE, "real scenes with objects pasted into them"),
    "inpaint": (INPAINT, "real scenes with objects painted into them"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Arm:
    """What a segmenter is trained on. Every arm makes as many steps, of as many scenes."""

    name: str  # as the parameter `arms` says it
    words: str  # for tables
    classical: bool = False  # scenes are mirrored, zoomed, shifted and shown in another light
    share: int = 0  # percent of the draws that are new pairs
    way: str = ""  # how the photos of these are made, one of `gan.pix2pix.restored.WAYS`; "" where there are none

    @property
    def generated(self) -> bool:
        """Whether a network has made a part of it."""
        return self.way in (GENERATE, INPAINT)


def parse_arms(text: str) -> tuple[Arm, ...]:
    """The arms that the parameter `arms` names, in its order, "" for those of `USUAL`; a UserError of others."""
    return tuple(map(_arm, split_names("arms", text or USUAL)))


def _arm(name: str) -> Arm:
    if name == "real":
        return Arm(name, "real scenes only, as they are")
    if name == "classical":
        return Arm(name, f"real scenes only, {_CLASSICAL}", classical=True)
    found = re.fullmatch(r"(generated|both|pasted|inpaint)-([1-9]\d?)", name)
    if found is None:
        raise UserError(
            "arms of task=scenes are some of real, classical, generated-SHARE, both-SHARE, inpaint-SHARE and "
            f"pasted-SHARE (a percentage from 1 to 99, as generated-25) with commas between them, not {name!r}."
        )
    share, classical, (way, pairs) = int(found[2]), found[1] != "generated", _PAIRS[found[1]]
    words = f"{share} % of the draws are {pairs}, the others real scenes"
    return Arm(name, f"{words}; all {_CLASSICAL}" if classical else words, classical, share, way)


def parse_regimes(text: str) -> tuple[str, ...]:
    """The regimes that the parameter `regimes` names: "full" is the only one; a UserError of others."""
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
        real: number of real scenes, 1 or more.
        generated: number of generated pairs, 1 or more.
    """
    return np.repeat([(1 - share / 100) / real, share / 100 / generated], (real, generated))
