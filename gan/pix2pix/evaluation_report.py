"""What an evaluation shows of generated street scenes: side by side, scores beside those of real photos, report."""

from collections.abc import Sequence

import numpy as np

from gan import pictures
from gan.archive import GoodRun
from gan.data.palettes import Palette
from gan.data.scenes import Scenes, load
from gan.data.spread import spread_over
from gan.pix2pix.judge import scored_names
from gan.pix2pix.presets import SceneNetwork
from gan.pix2pix.scores import SCORES, SceneScores
from gan.report import Evaluation, Flagged, number, source_of
from gan.score import FIFTH_BELOW, Score

SHOWN = 16  # scenes on the contact sheet
HEADS = {
    "labels_to_photo": ("label map", "real photo", "generated photo"),
    "photo_to_labels": ("real photo", "label map", "generated label map"),
}
EXPLAINED = {
    "labels_to_photo": "A segmenter that was trained on real photos looks for the classes of each label map in the "
    "photo that was generated from it, and in the real photo of the scene at the same size: counts of pixels at the "
    "size of the stored label map. Distances between sets are in its features, beside those of the real photos.",
    "photo_to_labels": "Generated label maps are held against the real ones, at their stored size; beside them "
    "stands what a segmenter sees in the same photos.",
}
LEAK = (
    "leak: somebody sees photos generated from the label maps of as many training scenes as unseen ones, and takes a "
    "real photo for a learned one when a generated photo is near. What was learned of a whole street counts too."
)
CLASS_SCORES = Score("iou", "higher", "IoU", FIFTH_BELOW), Score("recall", "higher", "recall", FIFTH_BELOW)


def page(
    goodrun: GoodRun, part: Scenes, network: SceneNetwork, generated: Sequence[np.ndarray], unseen: bool
) -> Evaluation:
    """An evaluation without scores.

    Args:
        goodrun: what was restored.
        part: the scenes that were generated.
        network: what generated them.
        generated: uint8 photos (height, width, 3), or label maps (height, width) of positions in the palette.
        unseen: whether the generator is known to have learned none of them.
    """
    chosen = spread_over(len(part), SHOWN)
    rows, palette, scenes = [], part.palette, part.take(chosen)
    loaded = load(scenes, network.width, network.height, edges=False)
    for k, labels, photo in zip(chosen, loaded.labels, loaded.photos, strict=True):
        if network.to_photos:
            rows.append((palette.paint(labels), photo, generated[k]))
        else:
            rows.append((photo, palette.paint(labels), palette.paint(generated[k])))
    heads = HEADS[network.direction]
    return Evaluation(
        f"Generated street scenes, {network.direction.replace('_', ' ')}",
        f"{source_of(goodrun, 'scenes')}; {len(part)} scenes{' that it did not learn' * unseen}"
        f"{', each in the light of its real photo' * bool(network.light)}.",
        pictures.side_by_side(rows, heads, scenes.names),
        ", ".join(heads),
        pictures.legend(palette.names, palette.colours),
    )


def add_scores(evaluation: Evaluation, direction: str, palette: Palette, scores: SceneScores) -> None:
    """Add scores, a table and confusions by class, and the closest pairs."""
    explanation = "" if scores.real_table is None else EXPLAINED[direction] + " Red: clearly worse than real."
    evaluation.add_scores(SCORES, scores, "Scores, each beside the same of the real photos", explanation)
    if "leak" in scores.overall:
        evaluation.report.text(LEAK)
    if scores.classes:
        _add_classes(evaluation, direction, palette, scores)
    if scores.closest:
        pairs = [pair for *pair, _ in scores.closest]
        captions = [f"{distance:.2f} apart" for *_, distance in scores.closest]
        evaluation.add_closest(
            "photo",
            ", at distances near 0 and far below those of real photos of held-out scenes: their nearest training "
            f"photo is {scores.overall['nearest_real_floor']:.2f} away in the median.",
            pictures.side_by_side(pairs, ("generated", "nearest training photo"), captions, 256),
        )


def _add_classes(evaluation: Evaluation, direction: str, palette: Palette, scores: SceneScores) -> None:
    names, rows, report = scored_names(palette), [], evaluation.report
    for name, values in zip(names, scores.classes.values(), strict=True):
        row: list[object] = [name, f"{values['share']:.2%}"]
        for score in CLASS_SCORES:
            value, reference = values.get(score.name), values.get(f"{score.name}_floor")
            flagged = value is not None and score.out_of_range(value, reference)
            row += [Flagged(value) if flagged else number(value), number(reference)]
        rows.append(row)
    report.heading("By class")
    report.table(["class", "of pixels", "IoU", "real", "recall", "real"], rows)
    for what, table in ((HEADS[direction][2], scores.table), ("real photo", scores.real_table)):
        if table is not None:
            report.heading(f"What the pixels of each class are taken for: {what}s")
            report.picture(pictures.confusion_map(table, names), f"confusions by class, {what}s")
