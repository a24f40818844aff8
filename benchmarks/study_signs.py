"""The tables, comparisons and charts of docs/results.md on rare signs, from the numbers of every experiment.

uv run python benchmarks/study_signs.py

The experiments take hours; what they found is in `benchmarks/results/study_signs.csv`, a row for each.  `--cells`
adds those of a study that was made meanwhile (`images/study/signs/cells.csv`) to that file.
"""

import csv
import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks.tables import write_csv
from gan.config import option, require, run
from gan.errors import UserError
from gan.files import replacing, require_writable
from gan.pictures import drawn
from gan.scoring.intervals import mean_interval, paired
from gan.study.grid import Cell, Design
from gan.study.report import figures
from gan.study.results import Results, percent, points

ARMS = {"classical": "", "drawn": "", "generated-drawn": "300"}  # of the tracks kept; drawings that the GAN learned
MEASURES = {"test.rare": "recall of the ten smallest classes, test part", "held_out.rare": "the same, held-out signs"}
REGIMES = {"1": "one track", "2": "two tracks", "3": "three tracks", "5": "five tracks", "full": "all tracks"}

Rows = dict[tuple[str, str, str, int], dict[str, str]]  # by regime, arm, drawings learned, seed


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


def read(path: Path) -> Rows:
    """The experiments of a table.

    Raises:
        UserError: there is none, or it has other columns.
    """
    try:
        with path.open(newline="") as file:
            rows = {
                (row["regime"], row["arm"], row.get("gan_drawn", ""), int(row["seed"])): row
                for row in csv.DictReader(file)
            }
            # Now, so that a damaged table is found before anything is made of it.
            [float(row[measure]) for row in rows.values() for measure in MEASURES]
            [REGIMES[regime] for regime, *_ in rows]
            return rows
    except (OSError, KeyError, ValueError, TypeError):
        raise UserError(f"{path} can't be read as a table of experiments (regime, arm, seed, measures).") from None


def added(rows: Rows, cells: Rows, gan_drawn: int) -> Rows:
    """All experiments of both, in order; those that both have as `cells` has them.

    Args:
        rows: what was there before.
        cells: of one study.
        gan_drawn: drawn signs of each class that its generators learned.
    """
    together = dict(rows)
    for (regime, arm, _, seed), row in cells.items():
        learned = str(gan_drawn) if "generated" in arm or arm == "mixed" else ""
        measures = {name: round(float(row[name]), 4) for name in row if "." in name}
        about = {"regime": regime, "arm": arm, "gan_drawn": learned, "seed": seed}
        together[regime, arm, learned, seed] = {name: str(value) for name, value in (about | measures).items()}
    regimes = list(REGIMES)
    return {key: together[key] for key in sorted(together, key=lambda key: (regimes.index(key[0]), key[1], key[3]))}


def seeds_of(rows: Rows, regime: str, arm: str) -> list[int]:
    """The seeds that an arm has in a regime, in order."""
    wanted = (regime, arm, ARMS[arm])
    return sorted(seed for *key, seed in rows if tuple(key) == wanted)


def values(rows: Rows, regime: str, arm: str, measure: str) -> list[float]:
    """Of all seeds that an arm has in a regime, in order."""
    return [float(rows[regime, arm, ARMS[arm], seed][measure]) for seed in seeds_of(rows, regime, arm)]


def regimes_of(rows: Rows) -> dict[str, list[int]]:
    """The regimes in which every arm has the same seeds, and these."""
    found = {regime: [seeds_of(rows, regime, arm) for arm in ARMS] for regime in REGIMES}
    return {regime: first for regime, (first, *others) in found.items() if first and others == [first] * len(others)}


def table(rows: Rows) -> str:
    """Markdown: means by tracks kept, and below it what generated images add to the other arms; over all seeds."""
    lines = [f"| tracks kept | seeds | {' | '.join(f'{arm}, test / held-out' for arm in ARMS)} |"]
    lines.append("|" + " --- |" * (2 + len(ARMS)))
    gains = []
    for regime, seeds in regimes_of(rows).items():
        by_arm = {arm: [values(rows, regime, arm, part) for part in MEASURES] for arm in ARMS}
        *others, best = by_arm
        means = {arm: map(mean_interval, by_arm[arm]) for arm in ARMS}
        shares = [" / ".join(percent(part.mean, part.low, part.high) for part in means[arm]) for arm in ARMS]
        name = "all" if regime == "full" else regime
        lines.append(f"| {name} | {len(seeds)} | {' | '.join(shares)} |")
        for other in others:
            found = [paired(*pair).difference for pair in zip(by_arm[best], by_arm[other], strict=True)]
            words = " / ".join(points(gain.mean, gain.low, gain.high) for gain in found)
            gains.append(f"{REGIMES[regime]}: {best} over {other} {words}")
    return "\n".join([*lines, "", *gains])


def results(rows: Rows, seeds: int) -> Results:
    """The regimes that have so many seeds, for the charts.

    Raises:
        UserError: none has.
    """
    regimes = [regime for regime, found in regimes_of(rows).items() if found[:seeds] == list(range(seeds))]
    if not regimes:
        raise UserError(f"no regime has {seeds} seeds of {', '.join(ARMS)}; give fewer.")
    cells = {
        Cell(seed, regime, arm): {name: values(rows, regime, arm, name)[seed] for name in MEASURES}
        for seed in range(seeds) for regime in regimes for arm in ARMS
    }  # fmt: skip
    generated = tuple(arm for arm in ARMS if arm.startswith("generated"))
    design = Design(
        "Rare signs", dict.fromkeys(ARMS, ""), generated, {regime: REGIMES[regime] for regime in regimes},
        "tracks kept of each rare class", seeds, MEASURES, "test.rare", "the recall of the rare classes",
    )  # fmt: skip
    return Results(design, cells)


def main(config: StudySignsConfig) -> int:
    """Add, draw and print; the exit status."""
    source, output = Path(config.results), Path(config.output)
    rows = read(source)
    if config.cells:
        rows = added(rows, read(Path(config.cells)), config.gan_drawn)
    charts = figures(results(rows, config.seeds))
    require_writable(output)
    if config.cells:
        write_csv(source, list(rows.values()))
    for name, figure in charts.items():
        path = output / ("study-signs.png" if name == "arms" else f"study-signs-{name}.png")
        with replacing(path) as file:
            drawn(figure).save(file, "PNG")
    print(table(rows))
    print(f"\ncharts: {output / 'study-signs.png'}, {output / 'study-signs-gain.png'}")
    return 0


if __name__ == "__main__":
    run(StudySignsConfig, main)
