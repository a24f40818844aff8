"""The results of a study as console text, Markdown, CSV, charts and a report."""

import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gan import pictures
from gan.files import replacing
from gan.report import Report
from gan.study.grid import Design, Study
from gan.study.results import Results

# Arms without generated images are cool, those with them warm; line and mark tell them apart without colour too.
COOL = ("#495057", "#4c6ef5", "#15aabf", "#7048e8", "#2b8a3e", "#868e96")
WARM = ("#f76707", "#e03131", "#f59f00", "#c2255c", "#a61e4d")
MARKS = "osD^vP*X"
ANSWERS = "answers.csv.gz"  # what was said of each test image
GAP = 0.05  # between arms at one tick, in ticks, so that their intervals don't cover each other


def text(results: Results) -> str:
    """Tables and sentences for the console."""
    design, compared = results.design, results.comparisons()
    tables = {f"{words}: percent, mean over {repeated(design)} ± 95 % interval": results.table(regime)
              for regime, words in design.regimes.items()}  # fmt: skip
    if len(compared):
        tables[f"{design.measures[design.headline]}: arms with generated images beside another"] = compared
    parts = [f"{title}\n{_aligned(table)}\n" for title, table in tables.items()]
    return "\n".join(parts + [results.sentence(regime) for regime in design.regimes])


def repeated(design: Design) -> str:
    """What the means are over."""
    if design.draws and design.draws < design.seeds:
        return f"{design.draws} draws of training data with {math.ceil(design.seeds / design.draws)} seeds each"
    return f"{design.seeds} repetitions"


def markdown(results: Results) -> str:
    """The same as Markdown, for docs."""
    design, compared = results.design, results.comparisons()
    tables = {words: results.table(regime) for regime, words in design.regimes.items()}
    if len(compared):
        tables[f"Gain over an arm without generated images: {design.measures[design.headline]}"] = compared
    tables["Arms"] = pd.DataFrame(design.arms.items(), columns=["arm", "training data"])
    tables["Measures"] = pd.DataFrame(design.measures.items(), columns=["measure", ""])
    lines = [f"# {design.title}", "", *(f"- {results.sentence(regime)}" for regime in design.regimes)]
    lines += ["", f"Percent, mean over {repeated(design)} ± 95 % interval."]
    for title, table in tables.items():
        rows = [list(table), ["---"] * table.shape[1], *table.values.tolist()]
        lines += ["", f"## {title}", "", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join([*lines, ""])


def write(results: Results, study: Study, folder: Path, notes: list[str]) -> list[Path]:
    """Write table.md, results.csv, cells.csv, charts and report.html into a folder; the files."""
    files = {
        "table.md": markdown(results),
        "results.csv": results.rows.to_csv(index=False, lineterminator="\n", na_rep="nan"),
        "cells.csv": results.cells.to_csv(index=False, lineterminator="\n"),
    }
    packed = {name: content.encode() for name, content in files.items()}
    if results.answers is not None:
        rows = results.answers.rows.round({"probability": 3})
        packed[ANSWERS] = gzip.compress(rows.to_csv(index=False, lineterminator="\n").encode(), mtime=0)
    images = {name: pictures.drawn(figure) for name, figure in figures(results).items()}
    for name, content in packed.items():
        with replacing(folder / name) as file:
            file.write(content)
    for name, image in images.items():
        with replacing(folder / f"{name}.png") as file:
            image.save(file, "PNG")
    page = Report(results.design.title)
    for regime in results.design.regimes:
        best = results.best_gain(regime)
        page.text(results.sentence(regime), warn=best is not None and not best["gain_low"] > 0)
    for name, image in images.items():
        page.picture(image, name)
    _describe(results, page)
    study.describe(page, results)
    page.heading("How it was measured")
    for note in notes:
        page.text(note)
    page.write(folder / "report.html")
    return [folder / name for name in (*packed, *(f"{name}.png" for name in images), "report.html")]


def _describe(results: Results, page: Report) -> None:
    """All tables as sections of the report."""
    design, compared = results.design, results.comparisons()
    if len(compared):
        page.heading(f"Gain over an arm without generated images: {design.measures[design.headline]}")
        chosen = "chosen before the experiments" if design.primary else (
            f"the best by: {design.measures[design.chosen_by]}" if design.chosen_by
            else "chosen by the same numbers, which is in its favour"
        )  # fmt: skip
        page.text(
            "Paired by repetition; 95 % intervals of Student, which hold what the choice of training data and seed "
            + ("changes, and what other test signs would (tracks are drawn again, 400 times)" if results.answers
               else "changes")
            + f". Corrected: for as many arms as are compared (Holm). What they are compared with is {chosen}. Would "
            "be found: the difference that four of five such studies find."
        )  # fmt: skip
        page.table(list(compared), compared.values.tolist())
    for regime, words in design.regimes.items():
        page.heading(words)
        table = results.table(regime)
        for measure in design.measures:
            table.loc[table["arm"] == results.arms(regime, measure)["mean"].idxmax(), measure] += " (best)"
        page.table(list(table), table.values.tolist())
    page.heading("Arms and measures")
    page.table(["arm", "training data"], list(map(list, design.arms.items())))
    page.table(["measure", ""], list(map(list, design.measures.items())))


def figures(results: Results) -> dict[str, Figure]:
    """The headline measure over the regimes: "arms", all of them, and "gain", what generated images add."""
    design, found = results.design, {"arms": Figure(figsize=(9, 5), layout="constrained")}
    rows = results.rows[results.rows["measure"] == design.headline]
    axes = _lines(found["arms"], rows, ("mean", "low", "high"), results)
    axes.set_ylabel(f"{design.measures[design.headline]}, %")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    rows = rows[rows["best_other"] != ""]
    if len(rows):
        found["gain"] = Figure(figsize=(8, 4), layout="constrained")
        axes = _lines(found["gain"], rows, ("gain", "gain_low", "gain_high"), results)
        axes.axhline(0, color="#212529", linewidth=1, zorder=0)
        axes.set_ylabel("points over the best other method")
        axes.set_title(f"What generated images add to {design.subject}", fontsize=10, loc="left")
        axes.legend(frameon=False, fontsize=9)
    return found


def _lines(figure: Figure, rows: pd.DataFrame, columns: tuple[str, str, str], results: Results):
    """Means in percent with their intervals, a line for each arm; dashed and cool without generated images."""
    axes, ticks, colours = figure.add_subplot(), list(results.design.regimes), {False: [*COOL], True: [*WARM]}
    arms = rows.groupby("arm", sort=False)[list(columns)]
    for number, (arm, values) in enumerate(arms):
        mean, low, high = 100 * values.to_numpy(float).T
        generated = arm in results.design.generated
        colours[generated].append(colour := colours[generated].pop(0))
        axes.errorbar(
            np.arange(len(ticks)) + (number - (len(arms) - 1) / 2) * GAP, mean,
            np.nan_to_num((high - low) / 2),  # one seed: no interval
            label=arm, color=colour, marker=MARKS[number % len(MARKS)], markersize=5,
            linestyle="-" if generated else "--", linewidth=1.3, elinewidth=1, capsize=2,
        )  # fmt: skip
    axes.set(xlabel=results.design.axis, xticks=range(len(ticks)), xlim=(-0.5, len(ticks) - 0.5))
    axes.set_xticklabels(ticks)
    axes.grid(alpha=0.25, axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _aligned(table: pd.DataFrame) -> str:
    """Columns of words begin below each other, columns of numbers end below each other."""
    columns = []
    for name, cells in table.items():
        width, words = max(len(name), *map(len, cells)), cells.str[:1].str.isalpha().all()
        columns.append([cell.ljust(width) if words else cell.rjust(width) for cell in (name, *cells)])
    return "\n".join("  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True))
