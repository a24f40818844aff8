"""The tables, comparisons and charts of docs/results.md on rare signs, from the numbers of every experiment.

uv run python benchmarks/study_signs.py

The experiments take hours; what they found is in `benchmarks/results/study_signs.csv`, a row for each.  `--cells`
adds those of a study that was made meanwhile (`images/study/signs/cells.csv`) to that file.
"""

import dataclasses
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from gan.config import option, require, run
from gan.errors import UserError
from gan.files import replacing, require_writable
from gan.pictures import drawn
from gan.scoring.intervals import mean_interval, paired
from gan.study.grid import Design
from gan.study.report import figures
from gan.study.results import Results, percent, points

ARMS = {"classical": "", "drawn": "", "generated-drawn": "300"}  # of the tracks kept; drawings that the GAN learned
MEASURES = {"test.rare": "recall of the ten smallest classes, test part", "held_out.rare": "the same, held-out signs"}
REGIMES = {"1": "one track", "2": "two tracks", "3": "three tracks", "5": "five tracks", "full": "all tracks"}

KEY = ["regime", "arm", "gan_drawn", "seed"]  # of an experiment


@dataclasses.dataclass(frozen=True)
class StudySignsConfig:
    """Draw the charts of the study of rare signs, and print its table over the tracks kept."""

    results: str = option("benchmarks/results/study_signs.csv", "a row for each experiment")
    cells: str = option("", "cells.csv of a study, whose experiments are added to the results before")
    gan_drawn: int = option(300, "drawn signs of each class that the generators of `cells` learned")
    seeds: int = option(3, "repetitions in the charts, as many everywhere; the table has all")
    output: str = option("docs/pictures", "folder for study-signs.png and study-signs-gain.png")

    def __post_init__(self):
        require(self.seeds >= 1, "seeds", "1 or more", self.seeds)
        require(self.gan_drawn >= 0, "gan_drawn", "0 or more", self.gan_drawn)


def read(path: Path) -> pd.DataFrame:
    """The experiments of a table.

    Raises:
        UserError: there is none, or it has other columns.
    """
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        rows = rows.astype(dict.fromkeys(MEASURES, float) | {"seed": int})
        rows["regime"].map(list(REGIMES).index)  # finds regimes that there are not
        return rows if "gan_drawn" in rows else rows.assign(gan_drawn="")
    except (OSError, KeyError, ValueError):
        raise UserError(f"{path} can't be read as a table of experiments (regime, arm, seed, measures).") from None


def added(rows: pd.DataFrame, cells: pd.DataFrame, gan_drawn: int) -> pd.DataFrame:
    """All experiments of both, in order; those that both have as `cells` has them.

    Args:
        rows: what was there before.
        cells: of one study.
        gan_drawn: drawn signs of each class that its generators learned.
    """
    measures = [name for name in cells if "." in name]
    generated = cells["arm"].str.contains("generated") | (cells["arm"] == "mixed")
    cells = cells.assign(gan_drawn=generated.map({True: str(gan_drawn), False: ""}))[[*KEY, *measures]]
    cells = cells.astype(dict.fromkeys(measures, float)).round(4)
    together = pd.concat([rows, cells]).drop_duplicates(KEY, keep="last")
    order = together["regime"].map(list(REGIMES).index)
    return together.assign(order=order).sort_values(["order", "arm", "seed"]).drop(columns="order")


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `ARMS`, in the regimes where all of these have the same seeds, by regime, arm and seed."""
    rows = rows[rows["gan_drawn"] == rows["arm"].map(ARMS)]
    seeds = rows.groupby(["regime", "arm"])["seed"].agg(frozenset).unstack().reindex(columns=list(ARMS))
    even = seeds.index[seeds.nunique(axis=1, dropna=False) == 1]
    return rows[rows["regime"].isin(even)].set_index(["regime", "arm", "seed"]).sort_index()


def regimes_of(rows: pd.DataFrame) -> dict[str, list[int]]:
    """The seeds of each regime that `compared` has."""
    return {regime: rows.loc[regime].index.unique("seed").tolist() for regime in REGIMES if regime in rows.index}


def table(rows: pd.DataFrame) -> str:
    """Markdown: means by tracks kept, and below it what generated images add to the other arms; over all seeds."""
    lines = [f"| tracks kept | seeds | {' | '.join(f'{arm}, test / held-out' for arm in ARMS)} |"]
    lines.append("|" + " --- |" * (2 + len(ARMS)))
    gains, (*others, best) = [], ARMS
    for regime, seeds in regimes_of(rows).items():
        values = {arm: [rows.loc[(regime, arm), measure] for measure in MEASURES] for arm in ARMS}
        means = [[mean_interval(part) for part in values[arm]] for arm in ARMS]
        shares = [" / ".join(percent(part.mean, part.low, part.high) for part in parts) for parts in means]
        lines.append(f"| {'all' if regime == 'full' else regime} | {len(seeds)} | {' | '.join(shares)} |")
        for other in others:
            found = [paired(*pair).difference for pair in zip(values[best], values[other], strict=True)]
            words = " / ".join(points(gain.mean, gain.low, gain.high) for gain in found)
            gains.append(f"{REGIMES[regime]}: {best} over {other} {words}")
    return "\n".join([*lines, "", *gains])


def results(rows: pd.DataFrame, seeds: int) -> Results:
    """The regimes that have so many seeds, for the charts.

    Raises:
        UserError: none has.
    """
    regimes = [regime for regime, found in regimes_of(rows).items() if found[:seeds] == list(range(seeds))]
    if not regimes:
        raise UserError(f"no regime has {seeds} seeds of {', '.join(ARMS)}; give fewer.")
    design = Design(
        "Rare signs", dict.fromkeys(ARMS, ""), tuple(arm for arm in ARMS if arm.startswith("generated")),
        {regime: REGIMES[regime] for regime in regimes}, "tracks kept of each rare class", seeds, MEASURES,
        "test.rare", "the recall of the rare classes",
    )  # fmt: skip
    numbers = rows[list(MEASURES)]
    return Results(design, {cell: dict(numbers.loc[(cell.regime, cell.arm, cell.seed)]) for cell in design.cells()})


def main(config: StudySignsConfig) -> int:
    """Add, draw and print; the exit status."""
    source, output = Path(config.results), Path(config.output)
    rows = read(source)
    if config.cells:
        rows = added(rows, read(Path(config.cells)), config.gan_drawn)
    charts = figures(results(compared(rows), config.seeds))
    require_writable(output)
    if config.cells:
        with replacing(source) as file:
            file.write(rows.to_csv(index=False, lineterminator="\n").encode())
    for name, figure in charts.items():
        path = output / ("study-signs.png" if name == "arms" else f"study-signs-{name}.png")
        with replacing(path) as file:
            drawn(figure).save(file, "PNG")
    print(table(compared(rows)))
    print(f"\ncharts: {output / 'study-signs.png'}, {output / 'study-signs-gain.png'}")
    return 0


if __name__ == "__main__":
    run(StudySignsConfig, main)
