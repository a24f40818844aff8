"""What an evaluation shows of generated traffic signs: contact sheet, scores beside their floors, report."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan import pictures
from gan.archive import GoodRun
from gan.data.signs import NAMES, Signs
from gan.data.spread import spread_over
from gan.dcgan.scores import MEANINGS, Scores, SignScorer, out_of_range
from gan.report import Flagged, Report, Scored, scored, tell_curves, tell_scores
from gan.scoring.nearest import nearest

SHOWN = 48  # generated images on the contact sheet of one class
SHOWN_OF_EACH = 8  # and of each class where there are several
NEIGHBOURS = 3  # real images beside each
SCORED = 500  # images of a class that the scores look at


class Evaluation:
    """Collects the classes of one evaluation and shows them.

    Args:
        goodrun: what was restored.
        training: the real images that the run could learn from, or None where they are not at hand.
        several: whether several classes are generated.
    """

    def __init__(self, goodrun: GoodRun, training: Signs | None, several: bool):
        self._goodrun, self._training, self._several = goodrun, training, several
        self._made: list[tuple[int, np.ndarray]] = []
        self._scores = Scores({}, {})
        self._closest: Image.Image | None = None

    def add(self, class_id: int, images: np.ndarray) -> None:
        """Take in the generated images of a class, uint8 (N, 32, 32, 3)."""
        self._made.append((class_id, images[:SCORED]))

    def score(self, scorer: SignScorer) -> None:
        """Score what was taken in, and find the pairs that are closest to each other."""
        generated = self.generated()
        self._scores = scorer.full(generated)
        made, real, apart = scorer.closest(generated)
        captions = [f"{distance:.2f}" for distance in apart]
        self._closest = pictures.neighbour_sheet(made, real[:, None], captions)

    def take(self, scores: Scores) -> None:
        """Take in the scores of all classes and of each."""
        self._scores = scores

    def add_scores(self, scores: dict[str, float]) -> None:
        """Take in scores of all classes together that were found elsewhere."""
        self._scores.overall.update(scores)

    def sheet(self) -> np.ndarray:
        """The contact sheet, uint8 (height, width, 3)."""
        if self._several:
            rows = []
            for k, images in self._made:
                real = self._real_of(k)
                beside = real[spread_over(len(real), SHOWN_OF_EACH)]
                rows.append((f"{k}  {NAMES[k]}", images[:SHOWN_OF_EACH], beside))
            return np.asarray(pictures.class_strips(rows))
        k, images = self._made[0]
        shown, real = images[:SHOWN], self._real_of(k)
        captions = [f"{k} #{number}" for number in range(len(shown))]
        neighbours = np.empty((len(shown), 0, *shown.shape[1:]), np.uint8)
        if len(real):
            distances, chosen = nearest(shown, real, min(NEIGHBOURS, len(real)))
            neighbours = real[chosen]
            captions = [f"{text}  nearest {row[0]:.2f}" for text, row in zip(captions, distances, strict=True)]
        return np.asarray(pictures.neighbour_sheet(shown, neighbours, captions))

    def scores(self) -> dict[str, float]:
        """All scores of all classes together, and the floors."""
        return dict(self._scores.overall)

    def class_scores(self) -> dict[int, dict[str, float]]:
        """Scores and floors of each class."""
        return {k: dict(values) for k, values in self._scores.classes.items()}

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
        info = self._goodrun.info
        title = "all" if self._several else str(self._made[0][0])
        report = Report(f"Generated traffic signs, class_val {title}")
        report.text(
            f"From iteration {info.iteration} of run {self._goodrun.run_id}, trained on {info.data['name']} "
            f"({info.data['images']} images, digest {info.data['digest']})."
        )
        report.heading("Generated beside real images of the class" if self._several else
                       "Generated beside the nearest real images")  # fmt: skip
        report.picture(sheet, "contact sheet")
        if self._scores.overall:
            self._tell_scores(report)
        if self._closest is not None:
            report.heading("The closest pairs: generated, and the training image that is most like it")
            report.text(
                "Copies would show here. For comparison: two frames of a GTSRB sign that follow each other are 0.51 "
                "apart in the median, and one pair in twenty is nearer than 0.23."
            )
            report.picture(self._closest, "closest pairs")
        tell_curves(report, curves)
        report.write(folder / "report.html")

    def _tell_scores(self, report: Report) -> None:
        report.heading("Scores, each beside its floor: the same of held-out real images")
        report.text(
            "Features are those of a classifier trained on the real training images. Red: clearly worse than real."
        )
        tell_scores(report, self._overall())
        if not self._scores.classes:
            return
        report.heading("By class")
        chosen = [name for name in CLASS_COLUMNS if any(name in scores for scores in self._scores.classes.values())]
        rows = []
        for k, scores in self._scores.classes.items():
            row: list[object] = [f"{k} {NAMES[k]}"]
            for name in chosen:
                value, floor = scores.get(name), scores.get(f"{name}_floor")
                flagged = value is not None and out_of_range(name, value, floor)
                row.append("-" if value is None else Flagged(value) if flagged else value)
                row.append("-" if floor is None else floor)
            rows.append(row)
        report.table(["class", *(head for name in chosen for head in (name, "real"))], rows)

    def _overall(self) -> list[Scored]:
        return scored(self._scores.overall, MEANINGS, out_of_range)

    def generated(self) -> Signs:
        """The images that were taken in and are scored."""
        images = np.concatenate([images for _, images in self._made])
        labels = np.repeat([k for k, _ in self._made], [len(images) for _, images in self._made]).astype(np.uint8)
        return Signs.of(images, labels)

    def _real_of(self, class_id: int) -> np.ndarray:
        if self._training is None:
            return np.empty((0, 32, 32, 3), np.uint8)
        return self._training.images[self._training.labels == class_id]


CLASS_COLUMNS = ("gan_test", "fid_training", "fid_held_out", "precision", "recall", "density", "coverage",
                 "diversity", "nearest_real")  # fmt: skip
