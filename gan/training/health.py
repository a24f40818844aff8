"""What users meet in GAN training, recognised and said in words with the usual remedy."""

import dataclasses

import numpy as np

from gan.scoring.nearest import spread

WON = 0.985  # accuracy on both kinds from which the discriminator has won
WON_FOR = 20  # reports in a row; a healthy run on 210 images did so in 18 of its first 20, then recovered
GRACE = 1_000  # iterations before anything but NaN is judged
ALIKE = 0.25  # of the distance between real images: less is a collapsed generator


@dataclasses.dataclass(frozen=True)
class Finding:
    """A thing that goes wrong.

    Attributes:
        name: a short name, for the run's tag.
        words: what happens and what to do.
        fatal: whether going on makes no sense.
    """

    name: str
    words: str
    fatal: bool = False


class Watch:
    """Judges the reports of one run; each finding is told once until it has passed."""

    def __init__(self):
        self._won = 0
        self._told: set[str] = set()

    def losses(self, iteration: int, metrics: dict[str, float]) -> Finding | None:
        """Judge the averages of a block of iterations.

        Args:
            iteration: updates made.
            metrics: at least "accuracy_real" and "accuracy_generated", 0-1; every value is checked for NaN.
        """
        broken = [name for name, value in metrics.items() if not np.isfinite(value)]
        if broken:
            return _not_a_number(broken[0])
        won = min(metrics["accuracy_real"], metrics["accuracy_generated"]) >= WON
        self._won = self._won + 1 if won else 0
        return self._tell(
            self._won >= WON_FOR and iteration >= GRACE,
            "discriminator-wins",
            "the discriminator tells real from generated almost always, so that the generator hardly learns: "
            "lower discriminator_lr (half of it is a good start), or raise generator_lr.",
        )

    def weights(self, finite: bool) -> Finding | None:
        """Judge whether all weights are finite numbers; called before each checkpoint."""
        return None if finite else _not_a_number("a weight")

    def samples(self, iteration: int, generated: np.ndarray, real: np.ndarray) -> Finding | None:
        """Judge a batch of generated images of one class (or an equal mix of classes) against real ones.

        Args:
            iteration: updates made.
            generated: uint8 (N, height, width, 3).
            real: uint8 (M, height, width, 3).  One alone of either says nothing: data may have one validation scene.
        """
        if min(len(generated), len(real)) < 2:
            return None
        share = spread(generated) / max(spread(real), 1e-6)
        return self._tell(
            share < ALIKE and iteration >= GRACE,
            "mode-collapse",
            f"many generated images are nearly alike ({share:.0%} of the distance between real ones): lower "
            "generator_lr (half of it is a good start), or go on from an earlier checkpoint.",
        )

    def _tell(self, is_so: bool, name: str, words: str) -> Finding | None:
        if not is_so:
            self._told.discard(name)
            return None
        if name in self._told:
            return None
        self._told.add(name)
        return Finding(name, words)


def _not_a_number(what: str) -> Finding:
    return Finding(
        "nan",
        f"{what} is not a number any more: the run stops here and keeps its last good checkpoint; go on from it "
        "with half the generator_lr and discriminator_lr, and with precision float32.",
        fatal=True,
    )
