"""The tables of docs/study.md, from what every classifier of the study said of every image.

uv run python benchmarks/study_signs.py

The experiments take hours; their answers are in `benchmarks/results/study_signs.csv.gz`, which `study` writes as
`answers.csv.gz`.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from gan.config import option, run
from gan.data.signs import GTSRB, TRAINING_COUNTS
from gan.errors import UserError
from gan.study import report
from gan.study.answers import NEW, Answers, measured, parts_of
from gan.study.grid import Cell, Design
from gan.study.results import Results
from gan.study.signs import GROUPS, KINDS
from gan.study.signs_arms import FULL, parse_arms, rarest, regime_words

MEASURES = (f"{NEW}.rare", f"{NEW}.certainty", "test.rare", "unused.rare", "test.accuracy", "held_out.rare")


@dataclasses.dataclass(frozen=True)
class StudySignsConfig:
    """Print the tables of the study of rare signs."""

    answers: str = option("benchmarks/results/study_signs.csv.gz", "what was said of each image")
    primary: str = option(
        "painted,pasted", "the comparison that was chosen before; regimes without its arms are left out"
    )


def results_of(answers: Answers, primary: tuple[str, ...]) -> Results:
    """The results of a study, from its answers alone.

    Raises:
        UserError: an arm of the comparison is not among them.
    """
    rows = answers.rows
    arms = {arm.name: arm for arm in parse_arms(",".join(rows["arm"].unique()))}
    if not set(primary) <= set(arms):
        raise UserError(f"primary is of arms that were studied ({', '.join(arms)}), not {','.join(primary)!r}.")
    regimes = sorted(rows["regime"].astype(str).unique(), key=lambda name: (name == FULL, name))
    names = [name for name in MEASURES if rows["part"].isin(parts_of(name.partition(".")[0])).any()]
    design = Design(
        title="Do generated images help to recognise rare classes?",
        arms={name: arm.words for name, arm in arms.items()},
        generated=tuple(name for name, arm in arms.items() if arm.generated),
        regimes={name: regime_words(name) for name in regimes},
        axis="tracks kept",
        seeds=int(rows["seed"].max()) + 1,
        measures={name: f"{KINDS[kind].format(rare=len(answers.rare))}, {GROUPS[part]}"
                  for name in names for part, kind in [name.split(".")]},
        headline=names[0],
        subject="the recall of the rare classes",
        draws=int(rows["draw"].max()) + 1,
        chosen_by="held_out.rare",
        primary=primary,
    )  # fmt: skip
    cells: dict[Cell, dict[str, float]] = {}
    for (regime, arm, seed), of_cell in rows.groupby(["regime", "arm", "seed"], observed=True):
        values = cells[Cell(int(seed), str(regime), str(arm))] = {}
        for name in names:
            part, kind = name.split(".")
            chosen = of_cell[of_cell["part"].isin(parts_of(part))]
            given, probability, labels = (chosen[column].to_numpy() for column in ("given", "probability", "label"))
            found = measured(given, probability, labels, answers.rare) if len(chosen) else {}
            values[name] = found.get(kind, float("nan"))
    return Results(design, cells, answers)


def alike(answers: Answers) -> list[Answers]:
    """The answers of regimes that were studied with the same arms and repetitions, group by group."""
    cells = answers.rows.groupby("regime", observed=True).apply(
        lambda rows: tuple(sorted(set(zip(rows["arm"], rows["seed"], strict=True)))), include_groups=False
    )
    chosen = [answers.rows["regime"].isin(cells.index[cells == group]) for group in dict.fromkeys(cells)]
    return [dataclasses.replace(answers, rows=answers.rows[rows]) for rows in chosen]


def main(config: StudySignsConfig) -> None:
    """Answers -> tables."""
    whole, primary = Answers.read(Path(config.answers), rarest(np.array(TRAINING_COUNTS))), config.primary.split(",")
    groups = alike(whole)
    compared = [answers for answers in groups if set(primary) <= set(answers.rows["arm"].unique())]
    for answers in compared or groups:
        tell(answers, results_of(answers, tuple(primary)))


def tell(answers: Answers, results: Results) -> None:
    """Print tables, and the rare classes one by one."""
    print(report.markdown(results))
    for regime in results.design.regimes:
        for arm in results.design.arms:
            print(f"\n{results.design.regimes[regime]}, {arm}: recall of each rare class, and what it is taken for")
            for row in answers.confusions(regime, arm).itertuples():
                taken = ", ".join(f"{GTSRB.label(k)} ({count})" for k, count in row.taken_for)
                print(f"  {GTSRB.label(row.label)}: {row.recall:.1%} of {row.answers}{f'; {taken}' * bool(taken)}")


if __name__ == "__main__":
    run(StudySignsConfig, main)
