"""What an evaluation shows of generated images: contact sheet, scores beside their real reference, report."""

import numpy as np
from PIL import Image

from gan import pictures
from gan.archive import GoodRun
from gan.data.labelled import Classes, LabelledImages
from gan.data.spread import spread_over
from gan.dcgan.photo_scores import PhotoScores
from gan.dcgan.scores import SCORES
from gan.report import Evaluation, cells, source_of
from gan.score import Scores, results
from gan.scoring.nearest import nearest

SHOWN = 48  # generated images on the contact sheet of one class
SHOWN_BY_CLASS = 8  # and of each class where there are several
NEIGHBOURS = 3  # real images beside each
KNOWN = 0.9  # of real images that the judge has not learned: if it knows fewer, its scores say little
CLASS_COLUMNS = ("gan_test", "fid_unseen", "diversity", "nearest_real", "brightness", "contrast", "saturation")


def page(goodrun: GoodRun, generated: LabelledImages, training: LabelledImages | None, several: bool) -> Evaluation:
    """An evaluation without scores.

    Args:
        goodrun: what was restored.
        generated: its images; not all that were written, where there are very many.
        training: the real images that the run could learn from, or None where they are not at hand.
        several: whether several classes are generated.
    """
    if several:
        sheet, heading = _class_sheet(generated, training), "Generated beside real images of the class"
    else:
        sheet, heading = _neighbour_sheet(generated, training), "Generated beside the nearest real images"
    title = f"Generated images, class_val {'all' if several else generated.classes.keys[generated.labels[0]]}"
    return Evaluation(title, f"{source_of(goodrun, 'images')}.", sheet, heading)


def _class_sheet(generated: LabelledImages, training: LabelledImages | None) -> Image.Image:
    """A line for each class."""
    rows = []
    for k in np.unique(generated.labels):
        real = _real_images(training, generated, k)
        real = real[spread_over(len(real), SHOWN_BY_CLASS)]
        rows.append((generated.classes.label(k), generated.images[generated.labels == k][:SHOWN_BY_CLASS], real))
    return pictures.class_strips(rows)


def _neighbour_sheet(generated: LabelledImages, training: LabelledImages | None) -> Image.Image:
    """Images of one class and the training images nearest to each."""
    images, k = generated.images[:SHOWN], generated.labels[0]
    real = _real_images(training, generated, k)
    captions = [f"{generated.classes.keys[k]} #{number}" for number in range(len(images))]
    neighbours = np.empty((len(images), 0, *images.shape[1:]), np.uint8)
    if len(real):
        distances, chosen = nearest(images, real, min(NEIGHBOURS, len(real)))
        neighbours = real[chosen]
        captions = [f"{text}  nearest {row[0]:.2f}" for text, row in zip(captions, distances, strict=True)]
    return pictures.neighbour_sheet(images, neighbours, captions)


def _real_images(training: LabelledImages | None, generated: LabelledImages, class_id: int) -> np.ndarray:
    if training is None:
        return generated.images[:0]
    return training.images[training.labels == class_id]


def add_scores(
    evaluation: Evaluation,
    scores: Scores,
    classes: Classes,
    closest: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> None:
    """Add scores, a table by class, and the closest pairs of generated and training image with their distances."""
    known = scores.overall.get("gan_test_floor", 1.0)
    if known < KNOWN:
        evaluation.warn(
            f"The classifier that judges knows only {known:.0%} of real images that it has not learned. FID, KID, "
            "precision, recall, coverage and GAN-test go by what it sees: trust told_apart, spectrum and your eyes."
        )
    evaluation.add_scores(
        SCORES, scores, "Scores, each beside the same score of real images",
        "Real: as many images as generated ones, of other objects, one image of each; nothing where fewer "
        "than four objects would make it. Features are those of a classifier trained on real training images. Red: "
        "clearly worse than real.",
    )  # fmt: skip
    by_name = {score.name: score for score in SCORES}
    columns = [name for name in CLASS_COLUMNS if any(name in values for values in scores.classes.values())]
    rows = []
    for k, values in scores.classes.items():
        row: list[object] = [classes.label(k)]
        for name in columns:
            found = results([by_name[name]], values)
            row += cells(found[0]) if found else ["-", "-"]
        rows.append(row)
    evaluation.report.heading("By class")
    evaluation.report.table(["class", *(head for name in columns for head in (name, "real"))], rows)
    if closest is not None:
        images, real, distances = closest
        evaluation.add_closest(
            "image",
            ". For comparison: two frames of a GTSRB sign that follow each other are 0.51 apart in the median, and "
            "one pair in twenty is nearer than 0.23.",
            pictures.neighbour_sheet(images, real[:, None], [f"{distance:.2f}" for distance in distances]),
        )


def add_photo_scores(evaluation: Evaluation, found: PhotoScores) -> None:
    """Add what tells generated images from photographs: spectra, and the images that are told most easily."""
    frequencies = np.arange(1, len(found.excess) + 1)
    evaluation.report.heading("Detail: power at each spatial frequency, beside unseen photographs")
    evaluation.report.text(
        "0 is as much detail as photographs have; below is too soft, a peak at the end a pattern of single pixels."
    )
    series = {"generated": (frequencies, found.excess), "training images": (frequencies, found.real_excess)}
    evaluation.report.picture(
        pictures.curves(series, "periods across the image", "logarithm of the ratio"), "spectra beside photographs"
    )
    if found.told_apart is not None:
        evaluation.report.heading("The generated images that are told from photographs most easily")
        evaluation.report.picture(Image.fromarray(pictures.grid(found.told_apart.easiest)), "easiest to tell")
