"""What the reference benchmark keeps of each measurement, and the rows, chart and words it makes of them."""

import dataclasses
import json
import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gan import pictures
from gan.errors import UserError
from gan.files import replacing

COLOURS = {"reference": pictures.REAL, "ours": pictures.GENERATED}
Score = Callable[[np.ndarray], dict[str, float]]
TICKS = {
    **{k: f"{k} s" for k in (1, 3, 10, 30)},
    **{60 * k: f"{k} min" for k in (1, 3, 10, 30)},
    **{3600 * k: f"{k} h" for k in (1, 3, 10, 30, 100)},
}
TIMES = {
    "cpu_seconds": "processor time of training, all cores together",
    "seconds": "time of training by the clock",
}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What was generated at one moment of a training; scores are computed from it, so that they can be changed later.

    Attributes:
        recipe: "reference" or "ours".
        iteration: updates of both networks made.
        images_seen: real images shown to the discriminator.
        seconds: wall time of the training until then; it says little where other programs had the cores too.
        cpu_seconds: processor time of the same, on all cores together.
        command: the command that made it.
        machine: where it ran, in words.
        code: the version of the code.
        images: uint8 (N, 32, 32, 3), generated.
    """

    recipe: str
    iteration: int
    images_seen: int
    seconds: float
    cpu_seconds: float
    command: str
    machine: str
    code: str
    images: np.ndarray

    def save(self, folder: Path) -> None:
        """Write it to a folder, by the name of its recipe and iteration."""
        about = {name: value for name, value in vars(self).items() if name != "images"}
        with replacing(folder / f"{self.recipe}-{self.iteration:08d}.npz") as file:
            np.savez_compressed(file, about=np.array(json.dumps(about)), images=self.images)


def read(folder: Path) -> list[Measurement]:
    """All measurements of a folder, by recipe and iteration.

    Raises:
        UserError: one of them is damaged.
    """
    found = []
    for path in _files(folder, "reference") + _files(folder, "ours"):
        try:
            with np.load(path, allow_pickle=False) as archive:
                found.append(Measurement(**json.loads(str(archive["about"])), images=archive["images"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            raise UserError(f"{path} can't be read as a measurement; remove it.") from None
    return found


def forget(folder: Path, recipe: str, after: int) -> None:
    """Remove the measurements of a recipe after an iteration: those a training to be gone on with will make again."""
    for path in _files(folder, recipe):
        if int(path.stem.rpartition("-")[2]) > after:
            path.unlink()


def table(measurements: list[Measurement], score: Score, tell_apart: Score) -> list[dict[str, Any]]:
    """A row of the CSV for each measurement: what it says of itself, with its scores.

    Args:
        measurements: by recipe and iteration.
        score: gives the scores of images uint8 (N, 32, 32, 3) by name; `fid` is one of them.
        tell_apart: gives further ones, for the best and the last measurement of each recipe alone: it takes long.
    """
    scores = [score(measurement.images) for measurement in measurements]
    for recipe in COLOURS:
        own = [k for k, measurement in enumerate(measurements) if measurement.recipe == recipe]
        finite = [k for k in own if math.isfinite(scores[k].get("fid", math.nan))]
        for k in {min(finite, key=lambda k: scores[k]["fid"]), own[-1]} if finite else ():
            scores[k] |= tell_apart(measurements[k].images)
    rows = []
    for measurement, found in zip(measurements, scores, strict=True):
        about = {name: value for name, value in vars(measurement).items() if name != "images"}
        last = {name: about.pop(name) for name in ("command", "machine", "code")}
        about |= {name: round(about[name], 1) for name in ("seconds", "cpu_seconds")}
        rows.append(about | last | {name: float(f"{value:.6g}") for name, value in found.items()})
    return rows


def write_chart(path: Path, rows: list[dict[str, Any]], name: str) -> None:
    """Draw a score against the time of training, by the processor and by the clock; real images are a line.

    Args:
        path: the PNG to make or replace.
        rows: of `table`.
        name: of the score; its floor, where there is one, is `<name>_floor`.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    floors = {row[f"{name}_floor"] for row in rows if f"{name}_floor" in row}
    panels = figure.subplots(1, len(TIMES), sharey=True)
    for axes, (time, words) in zip(panels, TIMES.items(), strict=True):
        for recipe, colour in COLOURS.items():
            chosen = [row for row in rows if row["recipe"] == recipe]
            seconds, values = [row[time] for row in chosen], [row.get(name, math.nan) for row in chosen]
            axes.plot(seconds, values, "o-", color=colour, label=recipe, linewidth=1.4, markersize=3.5)
        if floors:
            axes.axhline(min(floors), color="#868e96", linestyle="--", linewidth=1, label="real images")
        axes.set(xlabel=words, xscale="log", yscale="log")
        low, high = axes.get_xlim()
        shown = {seconds: text for seconds, text in TICKS.items() if low <= seconds <= high}
        axes.set_xticks(list(shown), list(shown.values()))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(name.replace("_", " "))
    panels[-1].legend(frameon=False)
    with replacing(path) as file:
        FigureCanvasAgg(figure).print_png(file)


def summary(rows: list[dict[str, Any]], name: str, done: int, published: int) -> str:
    """In words: how good the reference became and after what time, and when ours was as good.

    Args:
        rows: of `table`.
        name: of the score; lower is better.
        done: iterations of the reference that were made.
        published: those of the published recipe.
    """
    # A score that is no number says nothing; it is in the CSV.
    reference, ours = (
        [row for row in rows if row["recipe"] == recipe and math.isfinite(row.get(name, math.nan))]
        for recipe in ("reference", "ours")
    )
    lines = []
    if done < published:
        lines.append(f"The reference was NOT finished: {done:,} of {published:,} iterations; its end is not known.")
    if not reference:
        return "\n".join([*lines, "The reference has not been measured."])
    best, last = min(reference, key=lambda row: row[name]), reference[-1]
    for what, row in [("best and last", best)] if best is last else [("best", best), ("last", last)]:
        words = f"The reference's {what} {name} is {row[name]:.4g}, at iteration {row['iteration']:,}"
        lines.append(f"{words} after {times(row)}{_told_apart(row)}.")
        first = next((each for each in ours if each[name] <= row[name]), None)
        if first:
            ratios = [f"{row[time] / first[time]:.3g}" for time in TIMES]
            words = f"{ratios[0]} times as fast ({ratios[1]} by the clock)"
            lines.append(f"  Ours had {first[name]:.4g} after {times(first)}: {words}.")
        elif ours:
            lines.append(f"  Ours did not reach that in {times(ours[-1])}.")
    if ours:
        best = min(ours, key=lambda row: row[name])
        lines.append(f"Our best {name} is {best[name]:.4g} after {times(best)}{_told_apart(best)}.")
    else:
        lines.append("Ours has not been measured.")
    floor = f"{name}_floor"
    if floor in reference[0]:
        lines.append(f"Real images have {reference[0][floor]:.4g}.")
    if len({row["machine"] for row in rows}) > 1:
        lines.append("The measurements are of several machines (see the CSV), so the times can't be compared.")
    return "\n".join(lines)


def _told_apart(row: dict[str, Any]) -> str:
    """A part of a sentence for a row that has this score."""
    if "told_apart" not in row:
        return ""
    real = f", real images {row['told_apart_floor']:.2f}" if "told_apart_floor" in row else ""
    return f"; told apart from real images with an AUC of {row['told_apart']:.2f}{real}"


def times(row: dict[str, Any]) -> str:
    """The processor time of a row in words, and the wall time."""
    return f"{duration(row['cpu_seconds'])} of processor time ({duration(row['seconds'])} by the clock)"


def duration(seconds: float) -> str:
    """Seconds in words: "8.5 s", "12 min 5 s", "3 h 55 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _files(folder: Path, recipe: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{recipe}-*.npz") if re.fullmatch(r"[a-z]+-\d{8}", path.stem))
