"""What an evaluation shows of generated street scenes: side by side, scores beside those of real photos, report."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan import pictures
from gan.archive import GoodRun
from gan.data.scenes import Loaded, Scenes
from gan.data.spread import spread_over
from gan.pix2pix.judge import scored_names, shown
from gan.pix2pix.scores import MEANINGS, SceneScores, out_of_range
from gan.report import Flagged, Report, Scored, scored, tell_curves, tell_scores

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


class SceneEvaluation:
    """Collects the scenes of one evaluation and shows them.

    Args:
        goodrun: what was restored.
        part: the scenes that were generated, for their names and palette.
        loaded: the same at the working size.
        direction: "labels_to_photo", or "photo_to_labels".
        unseen: whether the generator is known to have learned none of them.
    """

    def __init__(
        self,
        goodrun: GoodRun,
        part: Scenes,
        loaded: Loaded,
        direction: str = "labels_to_photo",
        unseen: bool = True,
    ):
        self._goodrun, self._part, self._loaded, self._direction = goodrun, part, loaded, direction
        self._unseen = unseen
        self._scores: SceneScores | None = None
        self._made = np.empty((0, *loaded.photos.shape[1:]), np.uint8)

    def add(self, made: np.ndarray) -> None:
        """Take in pictures uint8 (N, height, width, 3) of all scenes in order: photos, or label maps in colour."""
        self._made = made

    def take(self, scores: SceneScores) -> None:
        """Take in the scores of what was generated."""
        self._scores = scores

    def sheet(self) -> np.ndarray:
        """The contact sheet, uint8 (height, width, 3)."""
        palette, rows, rowed = self._part.palette, [], spread_over(len(self._made), SHOWN)
        ids = np.array(palette.ids, np.uint8)
        for k in rowed:
            labels, photo = palette.colour(ids[self._loaded.labels[k]]), self._loaded.photos[k]
            given = (labels, photo) if self._direction == "labels_to_photo" else (photo, labels)
            rows.append((*given, self._made[k]))
        captions = [self._part.names[k] for k in rowed]
        return np.asarray(pictures.side_by_side(rows, HEADS[self._direction], captions))

    def scores(self) -> dict[str, float]:
        """All scores, and the same of real photos with "_floor" behind the name."""
        return dict(self._scores.overall) if self._scores else {}

    def class_scores(self) -> dict[int, dict[str, float]]:
        """Scores of each scored class by its id."""
        return {k: dict(values) for k, values in self._scores.classes.items()} if self._scores else {}

    def text(self) -> str:
        """The scores as lines for the console."""
        return "\n".join(map(str, self._overall()))

    def write(self, folder: Path, curves: dict[str, tuple[list[int], list[float]]]) -> None:
        """Write contact-sheet.png and report.html.

        Args:
            folder: where to.
            curves: iterations and values of the run's losses and scores, by name.
        """
        sheet = Image.fromarray(self.sheet())
        sheet.save(folder / "contact-sheet.png")
        info, palette = self._goodrun.info, self._part.palette
        report = Report(f"Generated street scenes, {self._direction.replace('_', ' ')}")
        report.text(
            f"From iteration {info.iteration} of run {self._goodrun.run_id}, trained on {info.data['name']} "
            f"({info.data['images']} scenes, digest {info.data['digest']}); {len(self._made)} scenes"
            f"{' that it did not learn' * self._unseen}."
        )
        report.heading(", ".join(HEADS[self._direction]))
        report.picture(sheet, "contact sheet")
        report.picture(pictures.legend(palette.names, palette.colours), "colours of the classes")
        if self._scores is not None:
            self._tell_scores(report, self._scores)
        tell_curves(report, curves)
        report.write(folder / "report.html")

    def _tell_scores(self, report: Report, scores: SceneScores) -> None:
        report.heading("Scores, each beside the same of the real photos")
        if scores.real_table is not None:
            report.text(EXPLAINED[self._direction] + " Red: clearly worse than real.")
        tell_scores(report, self._overall())
        if scores.classes:
            self._tell_classes(report, scores)
        if scores.closest:
            report.heading("The closest pairs: generated, and the training photo that is most like it")
            usual = scores.overall["nearest_real_floor"]
            report.text(
                "Copies would show here, at distances near 0 and far below those of real photos of held-out scenes: "
                f"their nearest training photo is {usual:.2f} away in the median."
            )
            pairs = [(made, real) for made, real, _ in scores.closest]
            captions = [f"{distance:.2f} apart" for *_, distance in scores.closest]
            heads = "generated", "nearest training photo"
            report.picture(pictures.side_by_side(pairs, heads, captions, 256), "closest pairs")

    def _tell_classes(self, report: Report, scores: SceneScores) -> None:
        names = scored_names(self._part.palette)
        report.heading("By class")
        rows = []
        for name, of_class in zip(names, scores.classes.values(), strict=True):
            row: list[object] = [name, f"{of_class['share']:.2%}"]
            for score in ("iou", "recall"):
                value, floor = (of_class.get(f"{score}{ending}", float("nan")) for ending in ("", "_floor"))
                worse = out_of_range("mean_iou", value, floor)
                row += [Flagged(value) if worse else shown(value), shown(floor)]
            rows.append(row)
        report.table(["class", "of pixels", "IoU", "real", "recall", "real"], rows)
        for what, table in ((HEADS[self._direction][2], scores.table), ("real photo", scores.real_table)):
            if table is not None:
                report.heading(f"What the pixels of each class are taken for: {what}s")
                report.picture(pictures.confusion_map(table, names), f"confusions by class, {what}s")

    def _overall(self) -> list[Scored]:
        return scored(self.scores(), MEANINGS, out_of_range)
