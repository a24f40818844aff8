"""What an evaluation shows of generated traffic signs: contact sheet, scores beside their floors, report."""

from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.signs import NAMES, Signs
from gan.pictures import neighbour_sheet
from gan.report import Report
from gan.scoring.neighbours import compare, nearest
from gan.tracking import GoodRun

SHOWN = 48  # generated images on the contact sheet, over all classes; one of each class at least
NEIGHBOURS = 3  # real images beside each
SCORED = 500  # images of a class that the scores look at

WORDS = {
    "diversity": "how much the images differ from each other; well below the floor: they are nearly alike",
    "nearest_real": "median distance to the nearest training image; far below the floor: copies, far above: not real",
}


class Evaluation:
    """Collects the classes of one evaluation and shows them.

    Args:
        goodrun: what was restored.
        real: the real training images of its classes, or None where they are not at hand.
    """

    def __init__(self, goodrun: GoodRun, real: Signs | None):
        self._goodrun, self._real = goodrun, real
        self._scores: dict[int, dict[str, float]] = {}
        self._shown: list[tuple[np.ndarray, np.ndarray, list[str]]] = []

    def add(self, class_id: int, images: np.ndarray) -> None:
        """Take in the generated images of a class, uint8 (N, 32, 32, 3)."""
        shown = images[: SHOWN if self._goodrun.about.class_val != "all" else 1]
        captions = [f"{class_id} #{number}" for number in range(len(shown))]
        neighbours = np.empty((len(shown), 0, *images.shape[1:]), np.uint8)
        if self._real is not None:
            real = self._real.take(self._real.labels == class_id)
            distances, chosen = nearest(shown, real.images, min(NEIGHBOURS, len(real)))
            neighbours = real.images[chosen]
            captions = [f"{text}  nearest {row[0]:.2f}" for text, row in zip(captions, distances, strict=True)]
            self._scores[class_id] = compare(images[:SCORED], real.images, real.tracks)
        self._shown.append((shown, neighbours, captions))

    def sheet(self) -> np.ndarray:
        """The contact sheet, uint8 (height, width, 3)."""
        generated, neighbours, captions = zip(*self._shown, strict=True)
        most = min(pictures.shape[1] for pictures in neighbours)
        return np.asarray(
            neighbour_sheet(
                np.concatenate(generated),
                np.concatenate([pictures[:, :most] for pictures in neighbours]),
                [caption for some in captions for caption in some],
            )
        )

    def means(self) -> dict[str, float]:
        """Each score and each floor, averaged over the classes."""
        names = {name for scores in self._scores.values() for name in scores}
        return {
            name: float(np.mean([scores[name] for scores in self._scores.values() if name in scores]))
            for name in sorted(names)
        }

    def text(self) -> str:
        """The scores as lines for the console."""
        means = self.means()
        return "\n".join(
            f"{name} {means[name]:.3f} (real: {means.get(f'{name}_floor', float('nan')):.3f}): {words}"
            for name, words in WORDS.items()
            if name in means
        )

    def write(self, folder: Path) -> None:
        """Write contact-sheet.png and report.html."""
        sheet = Image.fromarray(self.sheet())
        sheet.save(folder / "contact-sheet.png")
        about = self._goodrun.about
        report = Report(f"Generated traffic signs, class_val {about.class_val}")
        report.text(
            f"From iteration {about.iteration} of run {self._goodrun.run_id}, trained on {about.data['name']} "
            f"({about.data['images']} images, digest {about.data['digest']})."
        )
        report.heading("Generated beside the nearest real images")
        report.picture(sheet, "contact sheet")
        if self._scores:
            report.heading("Scores, each beside its floor: the same of real images")
            for name, words in WORDS.items():
                report.text(f"{name}: {words}.")
            report.table(
                ["class", *(head for name in WORDS for head in (name, "floor"))],
                [
                    [f"{k} {NAMES[k]}", *(scores.get(key, "-") for name in WORDS for key in (name, f"{name}_floor"))]
                    for k, scores in self._scores.items()
                ],
            )
        report.write(folder / "report.html")
