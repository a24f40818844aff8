"""What only the study of signs tells in its report: data, generators and their images."""

import math

import numpy as np

from gan import pictures
from gan.data.labelled import Classes
from gan.data.spread import spread_over
from gan.report import Report
from gan.study.signs_arms import FULL
from gan.study.signs_generators import COUNTS, Source

IMAGES = 10  # generated and real images of each rare class


def describe(study, report: Report) -> None:
    """Add data, drawn signs and generators of a `gan.study.signs.SignStudy` to a report."""
    _describe_data(study, report)
    if study.drawn is not None:
        report.heading("Drawn signs, which no network made")
        report.text("Pictograms in streets that the program draws, each thirty of one sign in one place.")
        images, labels, _ = study.drawn.read()
        rows = [(study.signs.classes.label(k), images[labels == k][: 2 * IMAGES], images[:0]) for k in study.rare]
        report.picture(pictures.class_strips(rows, ("drawn", "")), "drawn signs")
    if study.sources:
        _describe_generators(study, report)


def _describe_data(study, report: Report) -> None:
    report.heading("Data")
    rows, config, regimes = [], study.config, study.design.regimes
    for regime, words in regimes.items():
        signs = study.training(regime, 0)
        kept = signs.take(np.isin(signs.labels, study.rare))
        rows.append([words, len(signs), len(kept), len(np.unique(kept.tracks[kept.tracks >= 0]))])
    of_rare = {part: int(np.isin(signs.labels, study.rare).sum()) for part, signs in study.parts.items()}
    rows += [[study.part_names[part], len(signs), of_rare[part], "-"] for part, signs in study.parts.items()]
    report.table(["part", "images", "of rare classes", "their tracks"], rows)
    report.text(f"Rare classes: {_named(study.rare, study.signs.classes)}.")
    first = next(iter(study.parts))
    report.text(
        "Intervals are over seeds, taken as independent: they do not hold what other test images or other held-out "
        f"tracks would change, and {config.seeds} seeds share {config.gan_seeds} "
        f"choice{'s' * (config.gan_seeds > 1)} of kept tracks, each with one generator and its images (gan_seeds). "
        "The correction of a test is for the arms of its regime. One image of rare classes in the "
        f"{study.part_names[first]} is worth {100 / max(1, of_rare[first]):.1f} points of their recall on average."
    )
    twins = [k for k in study.rare if study.signs.classes.mirror[k] not in (-1, k, *study.rare)]
    if twins and set(regimes) != {FULL} and any(arm.classical or arm.generated for arm in study.arms.values()):
        report.text(
            f"Of {_named(twins, study.signs.classes)}, mirrored photos of another class, which is not cut, are real "
            "images too wherever images are mirrored: in arms with classical augmentation, and for every generator."
        )


def _describe_generators(study, report: Report) -> None:
    drawn = study.config.gan_drawn
    drawings = f", {drawn} drawn signs of each class as another domain of it," if drawn else ""
    report.heading("Generators")
    report.text(
        f"Each learned the images of its regime{drawings} and no others; minutes are of its training. A classifier "
        "that has seen no others either filters its images, as the command balance does."
    )
    if study.config.goodrun_ref:
        report.text(
            f"That of the regime {FULL} was given. A run id names the checkpoint that came nearest to the held-out "
            "tracks, so there its arms were chosen by what they are tested on; on the test part they were not."
        )
    head = ["regime", "draw", "run", "iteration", "minutes", *COUNTS, "thrown away of rare classes"]
    report.table(head, [[*key, *_source_row(source, study.rare)] for key, source in study.sources.items()])
    for (regime, draw), source in study.sources.items():
        if draw:
            continue
        report.heading(f"Generated images, and all that is known of the rare classes: {study.design.regimes[regime]}")
        (images, labels, _), real, rows = source.pool.read(), study.training(regime, 0), []
        for k in study.rare:
            known = real.images[real.labels == k]
            rows.append(
                (study.signs.classes.label(k), images[labels == k][:IMAGES], known[spread_over(len(known), IMAGES)])
            )
        report.picture(pictures.class_strips(rows), f"generated and real images, {regime}")


def _source_row(source: Source, rare: list[int]) -> list[object]:
    goodrun, counts = source.goodrun, source.pool.read()[2]
    minutes = "-" if math.isnan(source.minutes) else f"{source.minutes:.1f}"
    drawn, kept = counts[:2, rare].sum(axis=1)
    rejected = f"{1 - kept / drawn:.1%}" if drawn else "-"
    return [goodrun.run_id, goodrun.iteration, minutes, *counts.sum(axis=1).tolist(), rejected]


def _named(class_ids: list[int], classes: Classes) -> str:
    return ", ".join(map(classes.phrase, class_ids))
