"""How the results of a study are shown: console, Markdown, CSV, charts, and the report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from gan.files import replacing
from gan.pictures import drawn
from gan.report import Report
from gan.scoring.intervals import Interval
from gan.study.grid import Study
from gan.study.results import Results

# Arms without generated images are cool, those with them warm; line and mark tell them apart without colour too.
COOL = ("#495057", "#4c6ef5", "#15aabf", "#7048e8", "#2b8a3e", "#868e96")
WARM = ("#f76707", "#e03131", "#f59f00", "#c2255c", "#a61e4d")
MARKS = "osD^vP*X"
GAP = 0.05  # between arms at one tick, in ticks, so that their intervals don't cover each other


def text(results: Results) -> str:
    """Tables and sentences for the console."""
    design, parts = results.design, []
    for regime, words in design.regimes.items():
        parts += [f"{words}: percent, mean over {design.seeds} seeds ± 95 % interval"]
        parts += [_lined_up(results.table(regime)), ""]
    compared = results.comparisons()
    if len(compared):
        parts += [f"{design.measures[design.headline]}: arms with generated images beside the best other"]
        parts += [_lined_up(compared), ""]
    return "\n".join(parts + [results.sentence(regime) for regime in design.regimes])


def markdown(results: Results) -> str:
    """The same as Markdown, for docs."""
    design, parts = results.design, [f"# {results.design.title}", ""]
    parts += [f"- {results.sentence(regime)}" for regime in design.regimes]
    parts += ["", f"Percent, mean over {design.seeds} seeds ± 95 % t-interval."]
    for regime, words in design.regimes.items():
        parts += ["", f"## {words}", "", *_piped(results.table(regime))]
    compared = results.comparisons()
    if len(compared):
        parts += ["", f"## Gain over the best other method: {design.measures[design.headline]}", ""]
        parts += _piped(compared)
    parts += ["", "## Arms", "", *_piped(pd.DataFrame(design.arms.items(), columns=["arm", "training data"]))]
    parts += ["", "## Measures", "", *_piped(pd.DataFrame(design.measures.items(), columns=["measure", ""]))]
    return "\n".join([*parts, ""])


def write(results: Results, study: Study, folder: Path, notes: list[str]) -> list[Path]:
    """Write table.md, results.csv, cells.csv, charts and report.html into a folder; the files."""
    files = {
        "table.md": markdown(results),
        "results.csv": results.rows().to_csv(index=False, lineterminator="\n", na_rep="nan"),
        "cells.csv": results.cells.to_csv(index=False, lineterminator="\n"),
    }
    for name, content in files.items():
        with replacing(folder / name) as file:
            file.write(content.encode())
    paths = [folder / name for name in files]
    for name, picture in charts(results).items():
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
        page.text(results.sentence(regime), warn=gain is not None and not gain.difference.low > 0)
    for name, picture in charts(results).items():
        page.picture(picture, name)
    compared = results.comparisons()
    if len(compared):
        page.heading(f"Gain over the best other method: {design.measures[design.headline]}")
        page.text(
            "Paired by seed; intervals are 95 % t-intervals. Corrected: the t test for as many arms as are compared "
            "(Holm). The best other method is chosen by the same numbers, which is in its favour."
        )
        page.table(list(compared), compared.values.tolist())
    for regime, words in design.regimes.items():
        page.heading(words)
        table = results.table(regime)
        for name in design.measures:
            table.loc[table["arm"] == results.best(design.arms, regime, name), name] += " (best)"
        page.table(list(table), table.values.tolist())
    page.heading("Arms and measures")
    page.table(["arm", "training data"], list(map(list, design.arms.items())))
    page.table(["measure", ""], list(map(list, design.measures.items())))
    study.describe(page)
    page.heading("How it was measured")
    for note in notes:
        page.text(note)
    return page


def charts(results: Results) -> dict[str, Image.Image]:
    """The headline measure over the regimes: "arms", all of them, and "gain", what generated images add."""
    design, pictures = results.design, {}
    arms = {arm: [results.interval(regime, arm, design.headline) for regime in design.regimes] for arm in design.arms}
    gains: dict[str, list[Interval]] = {}
    for regime in design.regimes:
        for gain in results.gains(regime, design.headline):
            gains.setdefault(gain.arm, []).append(gain.difference)
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = _lines(figure, arms, results, dashed=[arm for arm in arms if arm not in design.generated])
    axes.set_ylabel(f"{design.measures[design.headline]}, %")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    pictures["arms"] = drawn(figure)
    if gains:
        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = _lines(figure, gains, results, dashed=[])
        axes.axhline(0, color="#212529", linewidth=1, zorder=0)
        axes.set_ylabel("points over the best other method")
        axes.set_title(f"What generated images add to {design.subject}", fontsize=10, loc="left")
        axes.legend(frameon=False, fontsize=9)
        pictures["gain"] = drawn(figure)
    return pictures


def _lines(figure: Figure, arms: dict[str, list[Interval]], results: Results, dashed: Sequence[str]):
    """Means in percent with their intervals, a line for each arm; dashed ones in cool colours."""
    axes, ticks, colours = figure.add_subplot(), list(results.design.regimes), {True: 0, False: 0}
    for number, (arm, intervals) in enumerate(arms.items()):
        cool = arm in dashed
        palette = COOL if cool else WARM
        x = np.arange(len(ticks)) + (number - (len(arms) - 1) / 2) * GAP
        means = np.array([interval.mean for interval in intervals]) * 100
        half = np.nan_to_num([interval.half * 100 for interval in intervals])  # one seed: no interval
        axes.errorbar(
            x, means, half, label=arm, color=palette[colours[cool] % len(palette)], marker=MARKS[number % len(MARKS)],
            markersize=5, linestyle="--" if cool else "-", linewidth=1.3, elinewidth=1, capsize=2,
        )  # fmt: skip
        colours[cool] += 1
    axes.set(xlabel=results.design.axis, xticks=range(len(ticks)), xlim=(-0.5, len(ticks) - 0.5))
    axes.set_xticklabels(ticks)
    axes.grid(alpha=0.25, axis="y")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _lined_up(table: pd.DataFrame) -> str:
    """Columns of words begin below each other, columns of numbers end below each other."""
    columns = []
    for name, cells in table.items():
        width = max(len(name), *map(len, cells))
        words = cells.str[:1].str.isalpha().all()
        columns.append([each.ljust(width) if words else each.rjust(width) for each in [name, *cells]])
    return "\n".join("  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _piped(table: pd.DataFrame) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in [list(table), ["---"] * table.shape[1], *table.values.tolist()]]
