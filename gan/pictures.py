"""Arrays in, pictures out: grids, contact sheets and charts."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image, ImageDraw, ImageFont

from gan.data.labelled import LabelledImages
from gan.data.spread import spread_over
from gan.files import replacing

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it warns of fonts that a machine lacks

CELL = 96  # pixels that an image in a picture for people has at least
STRIP = 64  # the same in a line of a class
STRIPS = 100  # classes on a sheet
LONGEST_NAME = 34  # letters of a class on a sheet
INK, PAPER, GREY = (33, 37, 41), (255, 255, 255), (134, 142, 150)
REAL, GENERATED = "#4c6ef5", "#f76707"


def save(picture: np.ndarray | Image.Image, path: Path) -> None:
    """Write a picture, or pixels uint8 (height, width, 3), as a PNG; the file is there whole or not at all."""
    with replacing(path) as file:
        (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, "PNG")


class _Sheet:
    """A white picture that images and words are put on, by their left and top."""

    def __init__(self, width: int, height: int):
        self.image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(self, place: tuple[int, int], words: str, ink=GREY, size: int = 12) -> None:
        self._draw.text(place, words, ink, ImageFont.load_default(size))

    def row(self, place: tuple[int, int], images: np.ndarray, scale: int) -> None:
        """Images of one size side by side, enlarged."""
        if len(images):
            self.image.paste(Image.fromarray(grid(images, len(images), scale)), place)

    def box(self, corners: tuple[int, int, int, int], colour: Sequence[int]) -> None:
        self._draw.rectangle(corners, tuple(colour), GREY)


def grid(images: np.ndarray, columns: int = 8, scale: int | None = None) -> np.ndarray:
    """Images side by side, row by row.

    Args:
        images: uint8 (N, height, width, 3).
        columns: images in a row; the last row is filled up with white.
        scale: how many pixels a pixel becomes in each direction; None: so that small images are seen.

    Returns:
        uint8 (rows * height * scale, columns * width * scale, 3).
    """
    count, height, width, channels = images.shape
    scale = scale or enlarged(width)
    rows = math.ceil(count / columns)
    filled = np.full((rows * columns, height, width, channels), 255, np.uint8)
    filled[:count] = images
    sheet = filled.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def beside(left: np.ndarray, right: np.ndarray, width: int = 720) -> np.ndarray:
    """Two sheets, uint8 (height, width, 3), beside each other, at most so wide together."""
    sheet = _Sheet(left.shape[1] + right.shape[1] + STRIP, max(len(left), len(right)))
    sheet.image.paste(Image.fromarray(left), (0, 0))
    sheet.image.paste(Image.fromarray(right), (left.shape[1] + STRIP, 0))
    sheet.image.thumbnail((width, sheet.image.height))
    return np.asarray(sheet.image)


def enlarged(side: int, cell: int = CELL) -> int:
    """How many pixels a pixel becomes, so that an image so wide has about so many."""
    return max(1, cell // side)


def neighbour_sheet(generated: np.ndarray, neighbours: np.ndarray, captions: Sequence[str]) -> Image.Image:
    """A contact sheet: each generated image and, to its right, the real images nearest to it.

    Args:
        generated: uint8 (N, size, size, 3).
        neighbours: uint8 (N, K, size, size, 3), nearest first; K may be 0.
        captions: N short texts to stand under the pairs (numbers, distances).
    """
    count, nearest = neighbours.shape[:2]
    scale = enlarged(generated.shape[1])
    size, gap, text = generated.shape[1] * scale, 12, 16
    cell = size * (1 + nearest) + (4 if nearest else 0) + gap
    columns = max(1, min(count, round(1100 / cell)))
    sheet = _Sheet(columns * cell + gap, math.ceil(count / columns) * (size + text + gap) + 2 * gap + 8)
    head = "generated | the real training images nearest to it" if nearest else "generated"
    sheet.text((gap, 4), head, INK, 11)
    for k in range(count):
        left, top = gap + k % columns * cell, 2 * gap + 4 + k // columns * (size + text + gap)
        sheet.row((left, top), generated[k : k + 1], scale)
        sheet.row((left + 4 + size, top), neighbours[k], scale)
        sheet.text((left, top + size + 2), captions[k], size=11)
    return sheet.image


def side_by_side(
    rows: Sequence[Sequence[np.ndarray]], heads: Sequence[str], captions: Sequence[str], width: int = 320
) -> Image.Image:
    """Pictures of one scene beside each other, its label map and photos for example, and a line for each scene.

    Args:
        rows: for each scene uint8 (height, width, 3) pictures, as many as `heads`, all of one size.
        heads: what stands over each column.
        captions: what stands under each line.
        width: about how wide a picture becomes: enlarged by a whole number, or reduced.
    """
    gap, text = 6, 16
    sized = [[fitted(picture, width) for picture in row] for row in rows]
    wide, high = sized[0][0].size if sized else (width, 0)
    line = high + text + gap
    sheet = _Sheet(len(heads) * (wide + gap) + gap, 2 * gap + text + len(rows) * line)
    for column, head in enumerate(heads):
        sheet.text((gap + column * (wide + gap), gap), head, INK)
    for number, (row, caption) in enumerate(zip(sized, captions, strict=True)):
        top = gap + text + number * line
        for column, picture in enumerate(row):
            sheet.image.paste(picture, (gap + column * (wide + gap), top))
        sheet.text((gap, top + high + 1), caption)
    return sheet.image


def fitted(picture: np.ndarray, width: int) -> Image.Image:
    """A uint8 (height, width, 3) picture about so wide: enlarged by a whole number, or reduced."""
    scale = round(width / picture.shape[1])
    if scale >= 1:
        return Image.fromarray(grid(picture[None], 1, scale))
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)


def legend(names: Sequence[str], colours: Sequence[tuple[int, int, int]], columns: int = 6) -> Image.Image:
    """The names of classes and their colours, red, green and blue 0-255, so many beside each other."""
    cell, line = 160, 22
    columns = max(1, min(columns, len(names)))
    sheet = _Sheet(columns * cell, math.ceil(len(names) / columns) * line)
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        left, top = number % columns * cell, number // columns * line
        sheet.box((left + 2, top + 3, left + 20, top + line - 4), colour)
        sheet.text((left + 26, top + 4), name[:20], INK)
    return sheet.image


def class_strips(
    rows: Sequence[tuple[str, np.ndarray, np.ndarray]], heads: tuple[str, str] = ("generated", "real")
) -> Image.Image:
    """A sheet with a line for each class: its name, generated images, and real ones after a gap.

    Args:
        rows: name, uint8 (N, size, size, 3) generated and uint8 (M, size, size, 3) real images, M may be 0; of many
            classes `STRIPS` are shown.
        heads: what stands above the two.
    """
    rows = [rows[k] for k in spread_over(len(rows), STRIPS)]
    scale = enlarged(rows[0][1].shape[1], STRIP) if rows else 1
    size, label, gap = rows[0][1].shape[1] * scale if rows else STRIP, 230, 5
    most = [max(len(row[part]) for row in rows) for part in (1, 2)]
    sheet = _Sheet(label + sum(most) * size + 4 * gap, len(rows) * (size + gap) + 24)
    places = label, label + most[0] * size + 3 * gap
    for left, words in zip(places, (heads[0], heads[1] if most[1] else ""), strict=True):
        sheet.text((left, 4), words, size=13)
    for number, (name, *parts) in enumerate(rows):
        name = "\n".join(line[:LONGEST_NAME] for line in name.split("\n"))
        top = 24 + number * (size + gap)
        sheet.text((gap, top + size // 2 - 8), name, INK, 13)
        for left, images in zip(places, parts, strict=True):
            sheet.row((left, top), images, scale)
    return sheet.image


def class_samples(signs: LabelledImages, seed: int = 0, each: int = 10) -> Image.Image:
    """Some images of every class, drawn with a seed, `each` at most, with its number, name and count."""
    random, counts, rows = np.random.default_rng(seed), signs.counts(), []
    for k in np.flatnonzero(counts):
        chosen = random.permutation(np.flatnonzero(signs.labels == k))[:each]
        rows.append((f"{signs.classes.label(k)}\n      {counts[k]} images", signs.images[chosen], signs.images[:0]))
    half = math.ceil(len(rows) / 2)
    strips = [class_strips(part, ("", "")) for part in (rows[:half], rows[half:]) if part]
    sheet = _Sheet(sum(strip.width for strip in strips), strips[0].height)
    for number, strip in enumerate(strips):
        sheet.image.paste(strip, (number * strips[0].width, 0))
    return sheet.image


def class_histogram(counts: Mapping[str, np.ndarray], stacked: bool = False) -> Image.Image:
    """A bar chart of the images of each class.

    Args:
        counts: integers (C,) by what they count, one or two.
        stacked: the second bars stand on the first ones, else in them.
    """
    bottom = np.zeros(len(next(iter(counts.values()))))
    figure, axes = _axes(
        (12, 4),
        xlabel="class id",
        ylabel="images",
        xticks=range(0, len(bottom), max(1, len(bottom) // 50)),
        xlim=(-0.7, len(bottom) - 0.3),
    )
    for number, (name, values) in enumerate(counts.items()):
        colour, width = (REAL, GENERATED)[number], 0.8 if stacked or not number else 0.45
        label = f"{name} ({int(np.sum(values)):,})"
        axes.bar(np.arange(len(values)), values, width, bottom=bottom, color=colour, label=label)
        bottom = bottom + stacked * values
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(
        frameon=False, **({"loc": "upper center", "bbox_to_anchor": (0.5, 1.12), "ncols": 2} if stacked else {})
    )
    return drawn(figure)


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str, log: bool = False
) -> Image.Image:
    """A line chart of x and y values by name, on a logarithmic scale of y if asked for."""
    figure, axes = _axes((7, 3), xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    for name, (x, y) in series.items():
        axes.plot(x, y, label=name, linewidth=1.2, marker="." if len(x) < 20 else None)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    return drawn(figure)


def score_curves(scores: Mapping[str, Mapping[int, float]]) -> list[Image.Image]:
    """Line charts of scores over iterations: one of distances, on a logarithmic scale, and one of shares.

    Args:
        scores: values by iteration, by name of the score.
    """
    charts = []
    for log in (True, False):
        chosen = {name: values for name, values in scores.items() if ("fid" in name or "kid" in name) is log}
        if chosen:
            series = {name: (list(values), list(values.values())) for name, values in chosen.items()}
            charts.append(curves(series, "iterations", "distance" if log else "score", log))
    return charts


def confusion_map(table: np.ndarray, names: Sequence[str] | None = None) -> Image.Image:
    """What images or pixels of each class are taken for, as a map of shares.

    Args:
        table: numbers (C, C or more), how much of each class (rows) was taken for which (columns; none of the
            classes in further ones).
        names: of the classes; without, a few ids are shown.
    """
    classes = len(table)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.add_subplot()
    # The square root lets a few wrong answers be seen beside many right ones.
    picture = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    ticks = range(0, classes, 1 if names else max(1, classes // 21))
    axes.set(xlabel="taken for class", ylabel="class", yticks=ticks, xticks=range(table.shape[1]) if names else ticks)
    axes.tick_params(labelsize=7)
    if names:
        short = [name[:20] for name in names]
        axes.set_xticklabels([*short, *["others"] * (table.shape[1] - classes)], rotation=90, parse_math=False)
        axes.set_yticklabels(short, parse_math=False)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, ticks=np.sqrt([0, 0.01, 0.1, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "50 %", "100 %"])
    return drawn(figure)


def network(model) -> Image.Image:
    """The feature maps of a Keras model as boxes, from its input to its output.

    A box is as high as a map and the wider the more channels there are; below stand height x width, and channels.
    Convolutions of single pixels are left out.
    """
    shapes = [layer.output.shape[1:] for layer in model.layers if getattr(layer, "kernel_size", (3,))[0] > 1
              and len(layer.output.shape) == 4 and hasattr(layer, "kernel")]  # fmt: skip
    largest, left = max(height for height, _, _ in shapes), 0.0
    figure, axes = _axes((9, 2.4), title=f"{model.name}: {model.count_params():,} weights", xticks=[], yticks=[])
    for height, width, channels in shapes:
        wide, high = 0.06 * math.sqrt(channels), height / largest
        axes.add_patch(Rectangle((left, -high / 2), wide, high, facecolor=REAL, edgecolor="white"))
        axes.text(left + wide / 2, -0.56, f"{height}x{width}\n{channels}", ha="center", va="top", fontsize=7)
        left += max(wide, 0.35) + 0.25
    axes.set(xlim=(-0.2, left), ylim=(-0.85, 0.52))
    axes.spines[:].set_visible(False)
    return drawn(figure)


def _axes(size: tuple[float, float], **settings) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set(**settings)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def drawn(figure: Figure) -> Image.Image:
    """A chart as a picture, without a window."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
