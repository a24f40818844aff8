"""What only the study of signs tells in its report: data, generators and their images, and the answers."""

import math

import numpy as np
from PIL import Image

from gan import pictures
from gan.data.labelled import Classes
from gan.data.spread import spread_over
from gan.report import Report
from gan.study.results import Results
from gan.study.signs_arms import SOURCES
from gan.study.signs_generators import COUNTS, POOL, Source

IMAGES = 10  # further and real images of each rare class
HARDEST = 40  # images of rare classes


def describe(study, report: Report, results: Results) -> None:
    """Add what a `gan.study.signs.SignStudy` found, and what it was made of, to a report."""
    _describe_answers(study, report, results)
    _describe_data(study, report)
    if study.sources:
        _describe_sources(study, report)


def _describe_answers(study, report: Report, results: Results) -> None:
    classes, answers = study.signs.classes, results.answers
    for regime, words in study.design.regimes.items():
        best = results.best_gain(regime)
        if best is None or answers is None:
            continue
        report.heading(f"Rare class by class, test part and unused tracks: {words}")
        tables = {arm: answers.confusions(regime, arm) for arm in (best["best_other"], best["arm"])}
        rows = []
        for k in study.rare:
            row = [classes.label(k)]
            for table in tables.values():
                found = table[table["label"] == k].iloc[0]
                taken = ", ".join(f"{classes.keys[other]} ({count})" for other, count in found["taken_for"])
                row += [f"{found['recall']:.1%} of {found['answers']}", taken or "-"]
            rows.append(row)
        report.table(["class", *(head for arm in tables for head in (arm, "taken for"))], rows)
        hardest, shown = answers.hardest(regime, tables, HARDEST), []
        for row in hardest.itertuples():
            data = study.signs.test if row.part == "test" else study.fit
            shown.append(data.images[row.image])
        if shown:
            report.picture(
                Image.fromarray(pictures.grid(np.stack(shown), 10)),
                "the images of rare classes that are hardest: "
                + ", ".join(
                    f"{classes.keys[row.label]} for {classes.keys[row.given]}" for row in hardest.itertuples()
                ),
            )


def _describe_data(study, report: Report) -> None:
    report.heading("Data")
    rows, config, regimes = [], study.config, study.design.regimes
    for regime, words in regimes.items():
        rows.append(_row(words, study.training(regime, 0), study.rare))
        for part, (signs, _) in study.tested(regime, 0).items():
            if part not in study.parts:
                rows.append(_row(f"{words}: {part}", signs, study.rare))
    rows += [_row(part, signs, study.rare) for part, signs in study.parts.items()]
    report.table(["part", "images", "of rare classes", "their tracks"], rows)
    report.text(f"Rare classes: {_named(study.rare, study.signs.classes)}.")
    draws = study.design.draws or study.design.seeds
    report.text(
        f"{draws} choices of kept tracks (numbers {config.first_draw} to {config.first_draw + draws - 1}), "
        f"{study.design.seeds} classifiers of each arm. Further images of a source are the same {POOL} a class in "
        "all of them, but for those that depend on the kept tracks; a generator of pictograms is one for all."
    )


def _row(words: str, signs, rare: list[int]) -> list[object]:
    of_rare = signs.take(np.isin(signs.labels, rare))
    known = of_rare.tracks[of_rare.tracks >= 0]
    return [words, len(signs), len(of_rare), len(np.unique(known)) or "-"]


def _describe_sources(study, report: Report) -> None:
    report.heading("Images that are not photos")
    rows, shown = [], set()
    for (source, regime, draw), made in study.sources.items():
        if made.goodrun is not None:
            rows.append([source, regime or "all", draw if regime else "all", *_source_row(made, study.rare)])
    if rows:
        report.table(
            ["source", "regime", "draw", "run", "iteration", "minutes", *COUNTS, "thrown away of rare classes"], rows
        )
    for (source, regime, _), made in study.sources.items():
        if (source, regime) in shown:
            continue
        shown.add((source, regime))
        report.heading(f"{source}: {SOURCES[source]}{f' ({study.design.regimes[regime]})' if regime else ''}")
        (images, labels, _), strips = made.pool.read(), []
        real = study.training(regime or next(iter(study.design.regimes)), 0)
        for k in study.rare:
            known = real.images[real.labels == k]
            strips.append(
                (study.signs.classes.label(k), images[labels == k][:IMAGES], known[spread_over(len(known), IMAGES)])
            )
        report.picture(pictures.class_strips(strips, (source, "all that is known")), f"{source} {regime}")


def _source_row(source: Source, rare: list[int]) -> list[object]:
    goodrun, counts = source.goodrun, source.pool.read()[2]
    minutes = "-" if math.isnan(source.minutes) else f"{source.minutes:.1f}"
    drawn, kept = counts[:2, rare].sum(axis=1)
    rejected = f"{1 - kept / drawn:.1%}" if drawn else "-"
    return [goodrun.run_id, goodrun.iteration, minutes, *counts.sum(axis=1).tolist(), rejected]


def _named(class_ids: list[int], classes: Classes) -> str:
    return ", ".join(map(classes.phrase, class_ids))
