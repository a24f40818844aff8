"""Arrays in, pictures out: grids, contact sheets and charts."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from gan.data.signs import NAMES, Signs

SCALE = 3  # how much a 32x32 image is enlarged in a picture for people
INK, PAPER, GREY = (33, 37, 41), (255, 255, 255), (134, 142, 150)
REAL, GENERATED = "#4c6ef5", "#f76707"


def grid(images: np.ndarray, columns: int = 8, scale: int = SCALE) -> np.ndarray:
    """Images side by side, row by row.

    Args:
        images: uint8 (N, height, width, 3).
        columns: images in a row; the last row is filled up with white.
        scale: how many pixels a pixel becomes in each direction.

    Returns:
        uint8 (rows * height * scale, columns * width * scale, 3).
    """
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    filled = np.full((rows * columns, height, width, channels), 255, np.uint8)
    filled[:count] = images
    sheet = filled.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)


def neighbour_sheet(generated: np.ndarray, neighbours: np.ndarray, captions: Sequence[str]) -> Image.Image:
    """A contact sheet: each generated image and, to its right, the real images nearest to it.

    Args:
        generated: uint8 (N, 32, 32, 3).
        neighbours: uint8 (N, K, 32, 32, 3), nearest first; K may be 0.
        captions: N short texts to stand under the pairs (numbers, distances).
    """
    count, nearest = neighbours.shape[:2]
    size = generated.shape[1] * SCALE
    gap, text = 12, 16
    cell_width = size * (1 + nearest) + (4 if nearest else 0) + gap
    columns = max(1, min(count, round(1100 / cell_width)))
    rows = math.ceil(count / columns)
    sheet = Image.new("RGB", (columns * cell_width + gap, rows * (size + text + gap) + 2 * gap + 8), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    head = "generated | the real training images nearest to it" if nearest else "generated"
    draw.text((gap, 4), head, INK, font)
    for k in range(count):
        left = gap + k % columns * cell_width
        top = 2 * gap + 4 + k // columns * (size + text + gap)
        sheet.paste(_enlarged(generated[k]), (left, top))
        for n in range(nearest):
            sheet.paste(_enlarged(neighbours[k, n]), (left + 4 + size * (n + 1), top))
        draw.text((left, top + size + 2), captions[k], GREY, font)
    return sheet


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
    gap, text, font = 6, 16, ImageFont.load_default(12)
    sized = [[fitted(picture, width) for picture in row] for row in rows]
    wide, high = sized[0][0].size if sized else (width, 0)
    line = high + text + gap
    sheet = Image.new("RGB", (len(heads) * (wide + gap) + gap, 2 * gap + text + len(rows) * line), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, head in enumerate(heads):
        draw.text((gap + column * (wide + gap), gap), head, INK, font)
    for number, (row, caption) in enumerate(zip(sized, captions, strict=True)):
        top = gap + text + number * line
        for column, picture in enumerate(row):
            sheet.paste(picture, (gap + column * (wide + gap), top))
        draw.text((gap, top + high + 1), caption, GREY, font)
    return sheet


def fitted(picture: np.ndarray, width: int) -> Image.Image:
    """A uint8 (height, width, 3) picture about so wide: enlarged by a whole number, or reduced."""
    image, scale = Image.fromarray(picture), round(width / picture.shape[1])
    if scale >= 1:
        return _enlarged(picture, scale)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)


def legend(names: Sequence[str], colours: Sequence[tuple[int, int, int]], columns: int = 6) -> Image.Image:
    """The colours of classes and their names.

    Args:
        names: of the classes.
        colours: red, green and blue 0-255 of each.
        columns: how many beside each other.
    """
    cell, line, font = 160, 22, ImageFont.load_default(12)
    columns = max(1, min(columns, len(names)))
    rows = math.ceil(len(names) / columns)
    sheet = Image.new("RGB", (columns * cell, rows * line), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (name, colour) in enumerate(zip(names, colours, strict=True)):
        left, top = number % columns * cell, number // columns * line
        draw.rectangle((left + 2, top + 3, left + 20, top + line - 4), tuple(colour), GREY)
        draw.text((left + 26, top + 4), name[:20], INK, font)
    return sheet


def class_strips(
    rows: Sequence[tuple[str, np.ndarray, np.ndarray]], heads: tuple[str, str] = ("generated", "real")
) -> Image.Image:
    """A sheet with a line for each class: its name, generated images, and real ones after a gap.

    Args:
        rows: name, uint8 (N, 32, 32, 3) generated and uint8 (M, 32, 32, 3) real images; M may be 0.
        heads: what stands above the two.
    """
    size, label, gap, font = 32 * 2, 230, 5, ImageFont.load_default(13)
    most = [max(len(row[part]) for row in rows) for part in (1, 2)]
    sheet = Image.new("RGB", (label + sum(most) * size + 4 * gap, len(rows) * (size + gap) + 24), PAPER)
    draw = ImageDraw.Draw(sheet)
    places = label, label + most[0] * size + 3 * gap
    for left, words in zip(places, (heads[0], heads[1] if most[1] else ""), strict=True):
        draw.text((left, 4), words, GREY, font)
    for number, (name, *parts) in enumerate(rows):
        top = 24 + number * (size + gap)
        draw.text((gap, top + size // 2 - 8), name, INK, font)
        for left, images in zip(places, parts, strict=True):
            for column, image in enumerate(images):
                sheet.paste(_enlarged(image, 2), (left + column * size, top))
    return sheet


def class_samples(signs: Signs, seed: int = 0, each: int = 10) -> Image.Image:
    """A sheet of some images of every class, with its number, name and count.

    Args:
        signs: the data set.
        seed: of the choice of images.
        each: images a class; fewer where it has fewer.
    """
    random = np.random.default_rng(seed)
    counts = signs.counts()
    present = np.flatnonzero(counts)
    size, label, gap, font = 32 * 2, 250, 6, ImageFont.load_default(13)
    columns = 2
    rows = math.ceil(len(present) / columns)
    sheet = Image.new("RGB", (columns * (label + each * size + 2 * gap), rows * (size + gap) + gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, k in enumerate(present):
        left = place // rows * (label + each * size + 2 * gap) + gap
        top = place % rows * (size + gap) + gap
        draw.text((left, top + 14), f"{k:2d}  {NAMES[k]}", INK, font)
        draw.text((left, top + 34), f"      {counts[k]} images", GREY, font)
        chosen = random.permutation(np.flatnonzero(signs.labels == k))[:each]
        for n, index in enumerate(chosen):
            sheet.paste(_enlarged(signs.images[index], 2), (left + label + n * size, top))
    return sheet


def class_histogram(counts: Mapping[str, np.ndarray], stacked: bool = False) -> Image.Image:
    """A bar chart of the images of each class.

    Args:
        counts: integers (43,) by what they count, one or two.
        stacked: the second bars stand on the first ones, else in them.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.add_subplot()
    bottom = np.zeros(len(next(iter(counts.values()))))
    for number, (name, values) in enumerate(counts.items()):
        colour, width = (REAL, GENERATED)[number], 0.8 if stacked or not number else 0.45
        label = f"{name} ({int(np.sum(values)):,})"
        axes.bar(np.arange(len(values)), values, width, bottom=bottom, color=colour, label=label)
        bottom = bottom + stacked * values
    axes.set(xlabel="class id", ylabel="images", xticks=range(len(bottom)), xlim=(-0.7, len(bottom) - 0.3))
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(
        frameon=False, **({"loc": "upper center", "bbox_to_anchor": (0.5, 1.12), "ncols": 2} if stacked else {})
    )
    axes.spines[["top", "right"]].set_visible(False)
    return drawn(figure)


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], xlabel: str, ylabel: str, log: bool = False
) -> Image.Image:
    """A line chart.

    Args:
        series: x and y values by name.
        xlabel: what x is.
        ylabel: what y is.
        log: a logarithmic scale of y.
    """
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    for name, (x, y) in series.items():
        axes.plot(x, y, label=name, linewidth=1.2, marker="." if len(x) < 20 else None)
    if log:
        axes.set_yscale("log")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return drawn(figure)


def score_curves(scores: dict[str, dict[int, float]]) -> list[Image.Image]:
    """Line charts of scores over iterations: one of distances, on a logarithmic scale, and one of shares.

    Args:
        scores: values by iteration, by name of the score.
    """
    charts = []
    distances = {name: values for name, values in scores.items() if "fid" in name or "kid" in name}
    for chosen, log in ((distances, True), ({k: v for k, v in scores.items() if k not in distances}, False)):
        if chosen:
            series = {name: (list(values), list(values.values())) for name, values in chosen.items()}
            charts.append(curves(series, "iterations", "distance" if log else "score", log))
    return charts


def confusion_chart(labels: np.ndarray, answers: np.ndarray, classes: int) -> Image.Image:
    """What a classifier takes images of each class for, as a map of shares.

    Args:
        labels: integers (N,), the true class ids.
        answers: integers (N,), the ids that the classifier gave.
        classes: number of classes.
    """
    table = np.zeros((classes, classes))
    np.add.at(table, (labels, answers), 1)
    return confusion_map(table)


def confusion_map(table: np.ndarray, names: Sequence[str] | None = None) -> Image.Image:
    """The same from counts.

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
    axes.set(xlabel="taken for class", ylabel="class", yticks=ticks)
    axes.set_xticks(range(table.shape[1]) if names else ticks)
    axes.tick_params(labelsize=7)
    if names:
        shown = [name[:20] for name in names]
        others = ["others"] * (table.shape[1] - classes)
        axes.set_xticklabels([*shown, *others], rotation=90, parse_math=False)
        axes.set_yticklabels(shown, parse_math=False)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, ticks=np.sqrt([0, 0.01, 0.1, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "50 %", "100 %"])
    return drawn(figure)


def _enlarged(image: np.ndarray, scale: int = SCALE) -> Image.Image:
    return Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1))


def drawn(figure: Figure) -> Image.Image:
    """A chart as a picture, without a window."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
