"""How the results of a study are told: console, Markdown, CSV, and the report with its charts."""

import csv
import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

from gan.files import replacing
from gan.report import Report
from gan.study.grid import Study
from gan.study.results import COLUMNS, Results


def text(results: Results) -> str:
    """Tables and sentences for the console."""
    parts = []
    for regime, words in results.design.regimes.items():
        parts += [f"{words}: percent, mean over {results.design.seeds} seeds ± 95 % interval"]
        parts += [_lined_up(*results.table(regime)), ""]
    head, rows = results.comparisons()
    if rows:
        parts += [
            f"{results.design.measures[results.design.headline]}: arms with generated images beside the best other"
        ]
        parts += [_lined_up(head, rows), ""]
    return "\n".join(parts + [results.sentence(regime) for regime in results.design.regimes])


def markdown(results: Results) -> str:
    """The same as Markdown, for docs."""
    design, parts = results.design, [f"# {results.design.title}", ""]
    parts += [f"- {results.sentence(regime)}" for regime in design.regimes]
    parts += ["", f"Percent, mean over {design.seeds} seeds ± 95 % t-interval."]
    for regime, words in design.regimes.items():
        parts += ["", f"## {words}", "", *_piped(*results.table(regime))]
    head, rows = results.comparisons()
    if rows:
        parts += ["", f"## Gain over the best other method: {design.measures[design.headline]}", ""]
        parts += _piped(head, rows)
    parts += ["", "## Arms", "", *_piped(["arm", "training data"], [list(each) for each in design.arms.items()])]
    parts += ["", "## Measures", "", *_piped(["measure", ""], [list(each) for each in design.measures.items()])]
    return "\n".join([*parts, ""])


def write(results: Results, study: Study, folder: Path, notes: list[str]) -> list[Path]:
    """Write table.md, results.csv, cells.csv, charts and report.html into a folder; the files."""
    files = {
        "table.md": markdown(results),
        "results.csv": _csv(COLUMNS, results.rows()),
        "cells.csv": _csv(
            ["regime", "arm", "seed", *results.design.measures],
            [dataclasses.asdict(cell) | values for cell, values in results.cells.items()],
        ),
    }
    for name, content in files.items():
        with replacing(folder / name) as file:
            file.write(content.encode())
    paths = [folder / name for name in files]
    for name, picture in results.charts():
        paths.append(folder / f"{name}.png")
        with replacing(paths[-1]) as file:
            picture.save(file, "PNG")
    paths.append(folder / "report.html")
    report(results, study, notes).write(paths[-1])
    return paths


def report(results: Results, study: Study, notes: list[str]) -> Report:
    """The page that shows all of it."""
    design, page = results.design, Report(results.design.title)
    for regime in design.regimes:
        gain = results.best_gain(regime)
        page.text(results.sentence(regime), warn=gain is not None and not gain.comparison.difference.low > 0)
    for name, picture in results.charts():
        page.picture(picture, name)
    head, rows = results.comparisons()
    if rows:
        page.heading(f"Gain over the best other method: {design.measures[design.headline]}")
        page.text(
            "Paired by seed; intervals are 95 % t-intervals. Corrected: the t test for as many arms as are compared "
            "(Holm). The best other method is chosen by the same numbers, which is in its favour."
        )
        page.table(head, rows)
    for regime, words in design.regimes.items():
        page.heading(words)
        top, body = results.table(regime)
        best = {name: results.best(design.arms, regime, name) for name in design.measures}
        page.table(top, [[row[0], *_marked(row, best)] for row in body])
    page.heading("Arms and measures")
    page.table(["arm", "training data"], [list(each) for each in design.arms.items()])
    page.table(["measure", ""], [list(each) for each in design.measures.items()])
    study.describe(page)
    page.heading("How it was measured")
    for note in notes:
        page.text(note)
    return page


def _marked(row: list[str], best: dict[str, str | None]) -> list[str]:
    return [f"{cell} (best)" if row[0] == arm else cell for cell, arm in zip(row[1:], best.values(), strict=True)]


def _lined_up(head: list[str], rows: list[list[str]]) -> str:
    """Columns of words begin below each other, columns of numbers end below each other."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [all(cell[:1].isalpha() for cell in column[1:]) for column in columns]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, words, strict=True)
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def _piped(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def _csv(columns: Iterable[str], rows: list[dict]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
