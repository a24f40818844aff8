"""What the classifiers of a study said of every image that they were tested on, and what other images would change.

The images of a track show one physical sign: what a study would find on other signs differs by more than what it
would find on other photos. So whole tracks are drawn again (a bootstrap), within each class, the same for all draws
of training data and for both methods that are compared. How the draws differ is seen from their values, not from
here (the two together are the crossed design of Owen 2007, doi 10.1214/07-AOAS122, section 3).
"""

import dataclasses
import functools
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from gan.errors import UserError
from gan.scoring.classification import agreement_of

ROUNDS = 400  # of the bootstrap
LEAST = 1e-3  # probability that counts where less is given: one image must not decide a mean of logarithms
NUMBERS = ("draw", "seed", "image", "label", "track", "given", "probability")  # whole but the last
COLUMNS = ("regime", "arm", "draw", "seed", "part", "image", "label", "track", "given", "probability")
NEW = "new"  # the parts that nothing was chosen by
NEW_PARTS = ("test", "unused")


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """One row for each image and classifier.

    Attributes:
        rows: regime, arm, draw, seed, part, image (its place in the part), label, track (below 0 where it is not
            known: then the image counts as one), given (the class that it was taken for) and probability (of its
            own class).
        rare: ids of the rare classes.
    """

    rows: pd.DataFrame
    rare: tuple[int, ...]

    @classmethod
    def read(cls, path: Path, rare: Iterable[int]) -> "Answers":
        """Of a CSV file, packed or not.

        Raises:
            UserError: it can't be read, or has other columns.
        """
        try:
            names = dict.fromkeys(("regime", "arm", "part"), "str")  # "0" is no number
            rows = pd.read_csv(path, dtype=names)[[*COLUMNS]]
            if not all(rows[name].dtype.kind in "iuf"[: 2 + (name == "probability")] for name in NUMBERS):
                raise ValueError("no numbers")
            return cls(rows.astype(dict.fromkeys(names, "category")), tuple(rare))
        except (OSError, EOFError, KeyError, ValueError, zlib.error):
            raise UserError(f"{path} can't be read as a table of answers ({', '.join(COLUMNS)}).") from None

    def variance(self, regime: str, measure: str, arm: str, other: str = "") -> float:
        """The variance of an arm's mean, or of its difference from another arm, that comes from the choice of tracks.

        0 for measures that are no recall of a part.
        """
        part, _, kind = measure.partition(".")
        if kind not in ("rare", "macro"):
            return 0.0
        first = self._resampled(regime, part, kind, arm)
        return float(np.var(first - self._resampled(regime, part, kind, other) if other else first))

    @functools.lru_cache(maxsize=256)  # noqa: B019  as many as a study has arms and measures
    def _resampled(self, regime: str, part: str, kind: str, arm: str) -> np.ndarray:
        """float64 (ROUNDS,): the mean recall over classes and draws, each time of other tracks of each class."""
        rows = self.rows
        chosen = (rows["regime"] == regime) & (rows["arm"] == arm) & rows["part"].isin(parts_of(part))
        if kind == "rare":
            chosen &= rows["label"].isin(self.rare)
        rows = rows[chosen]
        track = np.where(rows["track"] < 0, -1 - rows["image"], rows["track"])
        right = (rows["given"] == rows["label"]).groupby(
            [rows["draw"], rows["label"], rows["part"].astype(str), track]
        )
        table = right.agg(["sum", "count"]).reset_index()
        table["unit"] = table.groupby(["label", "part", table.columns[3]]).ngroup()
        draws, recalls = sorted(table["draw"].unique()), []
        for label, of_class in table.groupby("label"):
            units = of_class["unit"].unique()
            weights = np.random.default_rng([0, int(label)]).multinomial(
                len(units), np.full(len(units), 1 / len(units)), ROUNDS
            )
            recalls.append(np.full((len(draws), ROUNDS), np.nan))
            for place, draw in enumerate(draws):
                of_draw = of_class[of_class["draw"] == draw].set_index("unit").reindex(units)
                right, count = (of_draw[name].fillna(0).to_numpy() for name in ("sum", "count"))
                seen = weights @ count
                recalls[-1][place] = np.where(seen > 0, weights @ right / np.maximum(seen, 1), np.nan)
        if not recalls:  # nothing of these classes was tested
            return np.full(ROUNDS, np.nan)
        return np.nanmean(np.stack(recalls), axis=0).mean(axis=0)

    def confusions(self, regime: str, arm: str) -> pd.DataFrame:
        """Of each rare class: images, the share 0-1 that is recognised, and what most others are taken for."""
        rows = self.rows
        rows = rows[(rows["regime"] == regime) & (rows["arm"] == arm) & rows["part"].isin(NEW_PARTS)]
        found = []
        for label in self.rare:
            given = rows.loc[rows["label"] == label, "given"]
            others = given[given != label].value_counts()
            found.append({
                "label": label, "answers": len(given), "recall": (given == label).mean() if len(given) else np.nan,
                "taken_for": [(int(k), int(count)) for k, count in others.head(3).items()],
            })  # fmt: skip
        return pd.DataFrame(found)

    def hardest(self, regime: str, arms: Iterable[str], count: int) -> pd.DataFrame:
        """The images of rare classes whose own class is given the lowest probability on average: part, image, label,
        probability, and the class that they are taken for most."""
        rows = self.rows
        chosen = (rows["regime"] == regime) & rows["arm"].isin(list(arms)) & rows["label"].isin(self.rare)
        of_image = rows[chosen & rows["part"].isin(NEW_PARTS)].groupby(["part", "image", "label"], observed=True)
        table = of_image.agg(
            probability=("probability", "mean"), given=("given", lambda given: given.mode().iloc[0])
        ).reset_index()  # fmt: skip
        return table.sort_values("probability").head(count)


def parts_of(name: str) -> tuple[str, ...]:
    """The parts that a measure's part stands for."""
    return NEW_PARTS if name == NEW else (name,)


def measured(given: np.ndarray, probability: np.ndarray, labels: np.ndarray, rare: Iterable[int]) -> dict[str, float]:
    """What answers are worth; what there are no images for is left out.

    Args:
        given: integers (N,), the classes that images were taken for.
        probability: float (N,), of their own classes.
        labels: integers (N,), these.
        rare: ids of the rare classes.

    Returns:
        Shares 0-1: "rare" and "macro", mean recall of the rare classes and of all; "accuracy"; "certainty", the
        geometric mean, over each rare class and then over these, of the probability that is given to the right class.
    """
    found = agreement_of(given, labels, int(max(given.max(), labels.max())) + 1)
    there = np.intersect1d(labels, list(rare))
    values = {"macro": found.macro, "accuracy": found.overall}
    if len(there):
        sure = np.log(np.maximum(probability.astype(np.float64), LEAST))
        values["rare"] = float(np.mean(found.per_class[there]))
        values["certainty"] = float(np.exp(np.mean([sure[labels == k].mean() for k in there])))
    return values
