"""Charts of a study: what every arm reaches, and what generated images add."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gan.pictures import drawn
from gan.scoring.intervals import Interval

# Arms without generated images are cool, those with them warm; line and mark tell them apart without colour too.
COOL = ("#495057", "#4c6ef5", "#15aabf", "#7048e8", "#2b8a3e", "#868e96")
WARM = ("#f76707", "#e03131", "#f59f00", "#c2255c", "#a61e4d")
MARKS = "osD^vP*X"
GAP = 0.05  # between arms at one tick, in ticks, so that their intervals don't cover each other


def arms_chart(
    arms: dict[str, Sequence[Interval]], generated: Sequence[str], ticks: Sequence[str], xlabel: str, ylabel: str
) -> Image.Image:
    """Mean and interval of every arm in every regime.

    Args:
        arms: shares 0-1 of each regime, by arm.
        generated: arms with generated images; drawn in warm colours with whole lines, the others dashed.
        ticks: names of the regimes.
        xlabel: what the regimes differ in.
        ylabel: the measure.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    cool, warm = 0, 0
    for number, (arm, intervals) in enumerate(arms.items()):
        made = arm in generated
        colour = WARM[warm % len(WARM)] if made else COOL[cool % len(COOL)]
        cool, warm = cool + (not made), warm + made
        x = np.arange(len(ticks)) + (number - (len(arms) - 1) / 2) * GAP
        _line(axes, x, intervals, arm, colour, MARKS[number % len(MARKS)], "-" if made else "--")
    _finish(axes, ticks, xlabel, f"{ylabel}, %")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn(figure)


def gain_chart(gains: dict[str, Sequence[Interval]], ticks: Sequence[str], xlabel: str, subject: str) -> Image.Image:
    """What each arm with generated images adds to the best one without, and the interval of it.

    Args:
        gains: differences -1 to 1 of each regime, by arm.
        ticks: names of the regimes.
        xlabel: what the regimes differ in.
        subject: what is gained ("the recall of the rare classes").
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="#212529", linewidth=1)
    for number, (arm, intervals) in enumerate(gains.items()):
        x = np.arange(len(ticks)) + (number - (len(gains) - 1) / 2) * GAP
        _line(axes, x, intervals, arm, WARM[number % len(WARM)], MARKS[number % len(MARKS)], "-")
    _finish(axes, ticks, xlabel, "points over the best other method")
    axes.set_title(f"What generated images add to {subject}", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=9)
    return drawn(figure)


def _line(axes, x: np.ndarray, intervals: Sequence[Interval], name: str, colour: str, mark: str, style: str) -> None:
    means = np.array([interval.mean for interval in intervals]) * 100
    half = np.nan_to_num([interval.half * 100 for interval in intervals])  # one seed: a point without an interval
    axes.errorbar(x, means, half, label=name, color=colour, marker=mark, markersize=5, linestyle=style, linewidth=1.3,
                  elinewidth=1, capsize=2)  # fmt: skip


def _finish(axes, ticks: Sequence[str], xlabel: str, ylabel: str) -> None:
    axes.set(xlabel=xlabel, ylabel=ylabel, xticks=range(len(ticks)), xlim=(-0.5, len(ticks) - 0.5))
    axes.set_xticklabels(ticks)
    axes.grid(alpha=0.25, axis="y")
    axes.spines[["top", "right"]].set_visible(False)
