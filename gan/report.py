"""The report of a run: one HTML file that needs nothing else."""

import base64
import dataclasses
import html
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from gan import pictures
from gan.files import replacing

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; margin: .8em 0; } td, th { padding: .25em .9em .25em 0; text-align: left; }
td { border-top: 1px solid #dee2e6; vertical-align: top; } th { color: #868e96; font-weight: 500; }
img { max-width: 100%; image-rendering: pixelated; } p { max-width: 48em; } .warn { color: #c92a2a; }
.wide { overflow-x: auto; }
"""


@dataclasses.dataclass(frozen=True)
class Flagged:
    """A number in a table that is out of range."""

    value: float


@dataclasses.dataclass(frozen=True)
class Scored:
    """A score of generated images beside the same of real ones.

    Attributes:
        name: of the score.
        value: of generated images.
        floor: of real images; None where there is none.
        better: "higher" or "lower".
        words: what it is.
        bad: whether it is clearly worse than the floor.
    """

    name: str
    value: float
    floor: float | None
    better: str
    words: str
    bad: bool

    def __str__(self) -> str:
        """As a line for the console."""
        beside = "" if self.floor is None else f" (real: {self.floor:.3f})"
        return f"{self.name} {self.value:.3f}{beside}: {self.words}{'  <- out of range' * self.bad}"


class Report:
    """A page that is put together from top to bottom and written in one piece."""

    def __init__(self, title: str):
        self._title = html.escape(title)
        self._parts = [f"<h1>{self._title}</h1>"]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, warn: bool = False) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p{' class=warn' if warn else ''}>{html.escape(text)}</p>")

    def picture(self, image: Image.Image, words: str) -> None:
        """Add a picture with the words that stand for it where it can't be seen."""
        data = io.BytesIO()
        image.save(data, "PNG")
        code = base64.b64encode(data.getvalue()).decode()
        self._parts.append(f'<img alt="{html.escape(words)}" src="data:image/png;base64,{code}">')

    def table(self, head: list[str], rows: list[list[object]]) -> None:
        """Add a table; numbers are shown with four significant digits, `Flagged` ones in red."""
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        lines = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
        self._parts.append(f"<div class=wide><table><tr>{cells}</tr>{lines}</table></div>")

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        page = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{self._title}</title>'
            f"<style>{_STYLE}</style>{''.join(self._parts)}</html>"
        )
        with replacing(path) as file:
            file.write(page.encode())


def _cell(value: object) -> str:
    if isinstance(value, Flagged):
        return f"<td class=warn><b>{_shown(value.value)}</b></td>"
    return f"<td>{_shown(value)}</td>"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def scored(
    values: dict[str, float],
    meanings: dict[str, tuple[str, str]],
    out_of_range: Callable[[str, float, float | None], bool],
) -> list[Scored]:
    """Scores with their floors, in the order of their meanings.

    Args:
        values: scores by name, and their floors by the name with `_floor` behind it.
        meanings: "higher" or "lower", which is better, and what it is, by name.
        out_of_range: whether a score of this name, value and floor is clearly worse than the floor.
    """
    known = [(name, values[name], values.get(f"{name}_floor")) for name in meanings if name in values]
    return [Scored(*each, *meanings[each[0]], out_of_range(*each)) for each in known]


def tell_scores(report: Report, scores: list[Scored]) -> None:
    """Show a table of scores."""
    rows: list[list[object]] = []
    for each in scores:
        shown = Flagged(each.value) if each.bad else each.value
        floor = "-" if each.floor is None else each.floor
        rows.append([each.name, shown, floor, f"{each.better} is better", each.words])
    report.table(["score", "generated", "real", "", ""], rows)


def tell_curves(report: Report, curves: dict[str, tuple[list[int], list[float]]]) -> None:
    """Show the losses of a run, and the scores at its checkpoints.

    Args:
        report: takes them.
        curves: iterations and values by name.
    """
    losses = {name: values for name, values in curves.items() if "loss" in name}
    if losses:
        report.heading("The run: losses")
        report.picture(pictures.curves(losses, "iterations", "loss"), "loss curves")
    others = {name: dict(zip(*values, strict=True)) for name, values in curves.items() if name not in losses}
    if others:
        report.heading("The run: scores at its checkpoints")
        for picture in pictures.score_curves(others):
            report.picture(picture, "curves of the scores")
