"""What balancing shows: histogram before and after, images of every class, what was thrown away, tables, report."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gan import pictures
from gan.archive import GoodRun
from gan.data.sets import SignSet
from gan.data.signs import CLASSES, NAMES, Signs
from gan.data.split import cut
from gan.data.spread import spread_over
from gan.dcgan.balance import COPY, LIMIT, REASONS, Filled
from gan.dcgan.learned import learned
from gan.report import Flagged, Report
from gan.scoring.nearest import nearest

SHOWN = 10  # generated images of each class on the sheet, and as many real ones
THROWN_SHOWN = 60  # images on the sheet of what was thrown away
MEANINGS = {
    "wrong_class": "the classifier takes it for another class",
    "not_confident": "right, but with less than the wanted confidence",
    "copies": f"nearer than {COPY} to a training image of its class",
}


def histogram(counts: np.ndarray, generated: np.ndarray) -> Image.Image:
    """A bar chart of the images of each class: the real ones, and the generated ones on top.

    Args:
        counts: integers (43,) of the real images.
        generated: integers (43,) of the generated ones.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.add_subplot()
    classes = np.arange(len(counts))
    axes.bar(classes, counts, 0.8, color=pictures.REAL, label=f"before: real ({int(counts.sum()):,})")
    axes.bar(
        classes, generated, 0.8, bottom=counts, color=pictures.GENERATED,
        label=f"added: generated ({int(generated.sum()):,})",
    )  # fmt: skip
    axes.set(xlabel="class id", ylabel="images", xticks=classes, xlim=(-0.7, len(classes) - 0.3))
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    return pictures.drawn(figure)


def samples(real: Signs, features: np.ndarray, filled: list[Filled]) -> Image.Image:
    """A sheet with generated and real images of each class that was filled up.

    Args:
        real: the training images.
        features: uint8 (N, 32, 32, 3), all images of the balanced set (see `gan.dcgan.balance.arrays`).
        filled: its classes.
    """
    rows, first = [], len(real)
    for each in filled:
        made = features[first : first + each.kept]
        own = real.images[real.labels == each.class_id]
        rows.append((f"{each.class_id}  {NAMES[each.class_id]}", *(_some(images) for images in (made, own))))
        first += each.kept
    return pictures.class_strips(rows)


def _some(images: np.ndarray) -> np.ndarray:
    """Images spread evenly over all of them."""
    return images[spread_over(len(images), SHOWN)]


def thrown_away(real: Signs, filled: list[Filled]) -> Image.Image | None:
    """A sheet of images that were not kept, each beside the nearest training image of its class; None without any."""
    shown = [(each.class_id, *example) for each in filled for example in each.examples][:THROWN_SHOWN]
    if not shown:
        return None
    made = np.stack([image for _, image, _ in shown])
    beside = np.full((len(made), 1, *made.shape[1:]), 255, np.uint8)
    for k, (class_id, image, _) in enumerate(shown):
        own = real.images[real.labels == class_id]
        if len(own):
            beside[k] = own[nearest(image[None], own, 1)[1][0]]
    return pictures.neighbour_sheet(made, beside, [words for *_, words in shown])


def table(filled: list[Filled]) -> str:
    """All numbers of the classes that were filled up, for the console."""
    columns = list(filled[0].row())
    widths = [max(len(name), 7) for name in columns]
    name_width = max(len(NAMES[each.class_id]) for each in filled)
    head = " ".join(f"{name.replace('_', ' '):>{width}}" for name, width in zip(columns, widths, strict=True))
    lines = [f"class {'':<{name_width}} {head}"]
    for each in filled:
        cells = " ".join(f"{value:>{width}}" for value, width in zip(each.row().values(), widths, strict=True))
        lines.append(f"{each.class_id:>5} {NAMES[each.class_id]:<{name_width}} {cells}")
    return "\n".join(lines)


def totals(filled: list[Filled]) -> dict[str, int]:
    """The numbers of all these classes together."""
    return {name: sum(each.row()[name] for each in filled) for name in filled[0].row()}


def metrics(filled: list[Filled]) -> dict[str, float]:
    """What the archive keeps as numbers: of all classes together, and of each what was generated and kept."""
    overall = {name: float(value) for name, value in totals(filled).items()}
    return overall | {f"generated_{each.class_id:02d}": float(each.kept) for each in filled}


def words(filled: list[Filled], goodrun: GoodRun, source: SignSet) -> list[str]:
    """What to know about the balanced data, in sentences."""
    about, real = goodrun.about, source.train
    sentences = [
        f"Generated by iteration {goodrun.iteration} of run {goodrun.run_id}, which learned {about.data['name']} "
        f"({about.data['images']} images)."
    ]
    sentences += [
        f"warning: class {each.class_id} ({NAMES[each.class_id]}) stays {each.short} images short, because fewer "
        f"than one generated image in {LIMIT} was kept; give another good run or a lower quality."
        for each in filled
        if each.short
    ]
    empty = np.flatnonzero(real.counts() == 0)
    if len(empty):
        sentences.append(f"Without a real image, and so not filled: class {', '.join(map(str, empty))}.")
    unknown = [e.class_id for e in filled if e.real and (real.tracks[real.labels == e.class_id] < 0).all()]
    if unknown:
        sentences.append(
            f"warning: the source does not say which images of class {', '.join(map(str, unknown))} show the same "
            "physical sign, so nothing of it is held out in training on this data; prepare makes data that says it."
        )
    if len(unknown) < len(filled) and len(cut(real)[1]):
        sentences.append(
            "Generated images have no track: the same physical signs are held out of this data as of the source, and "
            "the generator has learned none of them."
            if learned(goodrun.about, source, use_held_out=False)
            else "warning: the generator may have learned physical signs that are held out of the source, so scores "
            "after training on this data mean little; generate from a run that was trained on this source."
        )
    return sentences


def write(
    folder: Path,
    title: str,
    real: Signs,
    features: np.ndarray,
    filled: list[Filled],
    sentences: list[str],
    command: str,
) -> list[Path]:
    """Write histogram.png, samples.png, thrown-away.png (where anything was) and report.html.

    Args:
        folder: where to.
        title: of the report.
        real: the training images.
        features: all images of the balanced set.
        filled: its classes.
        sentences: what to know (see `words`).
        command: the command line that makes this data again.

    Returns:
        the files.
    """
    generated = np.zeros(CLASSES, np.int64)
    for each in filled:
        generated[each.class_id] = each.kept
    sheets = {
        "histogram": ("Images of each class, before and after", histogram(real.counts(), generated)),
        "samples": ("Generated beside real images of the class", samples(real, features, filled)),
        "thrown-away": (
            "Not kept: generated, and the training image of the class that is nearest to it",
            thrown_away(real, filled),
        ),
    }
    report, files = Report(title), []
    for sentence in sentences:
        report.text(sentence, warn=sentence.startswith("warning"))
    for name, (heading, sheet) in sheets.items():
        if sheet is not None:
            report.heading(heading)
            report.picture(sheet, heading)
            files.append(folder / f"{name}.png")
            sheet.save(files[-1])
    report.heading("By class")
    for name in REASONS.values():
        report.text(f"{name}: {MEANINGS[name]}")
    rows = [[f"{each.class_id} {NAMES[each.class_id]}", *_cells(each)] for each in filled]
    report.table(["class", *filled[0].row()], [*rows, ["together", *totals(filled).values()]])
    report.heading("The command that makes this data again")
    report.text(command)
    files.append(folder / "report.html")
    report.write(files[-1])
    return files


def _cells(each: Filled) -> list[object]:
    return [Flagged(value) if name == "short" and value else value for name, value in each.row().items()]
