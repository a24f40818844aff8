"""The judge of generated street scenes: a segmenter trained on real ones, kept in the archive and found by data."""

import dataclasses
import re
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from gan import pictures
from gan.archive import judges
from gan.data.palettes import Palette
from gan.data.scenes import Loaded, Scenes, SceneSet, load
from gan.data.spread import spread_over
from gan.pix2pix import segmenter
from gan.pix2pix.segmenter import PairSampler, SegmenterTrainer, build_segmenter
from gan.report import Report, judge_report
from gan.scoring.segmentation import IGNORED, Overlap, confusions, label_map, overlap
from gan.training.judge import answers, fit

KIND = "segmenter"
BATCH = 8  # photos at a time, always: arithmetic on another batch size could round another way
ENOUGH = 0.3  # mean IoU on held-out scenes from which its answers are worth something
SHOWN = 8  # held-out scenes in the report
MEMORY = 2 << 30  # bytes of scenes that are learned at most; training holds them up to three times


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmenterConfig(judges.JudgeConfig):
    """The configuration of a segmenter's training, with the working size in pixels."""

    width: int
    height: int


class Segmenter:
    """Features of photos, and what class every pixel of them is, from a network for one working size.

    Args:
        model: see `build_segmenter`.
        run_id: of its training in the archive; "" where there is none.
    """

    def __init__(self, model, run_id: str = ""):
        self.model, self.run_id = model, run_id

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photos that it looks at."""
        return self.model.input_shape[2], self.model.input_shape[1]

    @property
    def classes(self) -> int:
        """Number of classes, the scored ones of a palette."""
        return self.model.output_shape[1][-1]

    def answers(self, photos: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Look at uint8 (height, width, 3) photos of its size, with a few in memory at a time.

        Yields:
            For each photo float32 (D,), features, and float32 (height, width, classes), logits. An answer does not
            depend on the other photos.
        """
        return answers(self.model, photos, BATCH)

    def judge(self, photos: Iterable[np.ndarray], labels: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Look at photos once, for all that scores need.

        Args:
            photos: uint8 (height, width, 3) each, of its size.
            labels: uint8 (h, w) of each photo at any size, positions among the scored classes or `IGNORED`.

        Returns:
            int64 (classes, classes), counts of pixels at the sizes of the label maps (see
            `gan.scoring.segmentation.confusions`), and float32 (N, D), features.
        """
        features = []

        def logits() -> Iterator[np.ndarray]:
            for feature, answer in self.answers(photos):
                features.append(feature)
                yield answer

        table = confusions(logits(), labels, self.classes)
        return table, np.array(features, np.float32)

    def features(self, photos: Iterable[np.ndarray]) -> np.ndarray:
        """Features float32 (N, D) of photos uint8 (height, width, 3)."""
        return np.array([features for features, _ in self.answers(photos)], np.float32)


def train_segmenter(
    loaded: Loaded, palette: Palette, iterations: int, seed: int, words: str, report=None
) -> Segmenter:
    """Train a segmenter on scenes at a working size and the scored classes of their palette; see `fit`."""
    sampler = PairSampler(loaded.photos, scored(palette)[loaded.labels], len(palette.scored))
    trainer = SegmenterTrainer(sampler, iterations, seed)
    fit(trainer, iterations, words, report)
    return Segmenter(trainer.model)


def affordable(scenes: Scenes, width: int, height: int) -> Scenes:
    """As many scenes, from the first to the last, as can be learned from in memory at a working size."""
    return scenes.take(spread_over(len(scenes), max(1, MEMORY // (4 * width * height))))


def segmenter_of(scenes: SceneSet, width: int, height: int, iterations: int, say) -> Segmenter | None:
    """The segmenter for a data set and working size: the one that the archive has, else one that is trained now.

    It learns the training part, and is itself judged by the validation part and the test part. Width and height are
    in pixels; `say` prints a line for the user.

    Returns:
        None where no pixel of the training part is of a scored class: there is nothing to judge with then.
    """
    config = SegmenterConfig(scenes.name, iterations, width=width, height=height)
    model = build_segmenter(len(scenes.palette.scored), width, height)
    key = judges.JudgeKey(KIND, config, scenes.training.digest(), judges.recipe(model, segmenter))
    found = judges.find_judge(key, model)
    if found is not None:
        return Segmenter(model, found.run_id)
    loaded = load(affordable(scenes.training, width, height), width, height, edges=False)
    if (scored(scenes.palette)[loaded.labels] == IGNORED).all():
        say(f"no scores by a segmenter: no pixel of the training scenes of {scenes.name} is of a scored class.")
        return None
    say("training the segmenter that judges generated scenes (once for each data set and size)")

    def train(run) -> judges.TrainedJudge:
        judge = train_segmenter(
            loaded, scenes.palette, iterations, config.seed, "training the segmenter", run.metrics
        )
        tables = {
            name: judge.judge(load(part, width, height, edges=False).photos, scored_maps(part))[0]
            for name, part in (("validation", scenes.validation), ("test", scenes.test))
            if len(part)
        }
        overlaps = {name: overlap(table) for name, table in tables.items()}
        quality = overlaps["validation"].mean_iou if "validation" in overlaps else float("nan")
        return judges.TrainedJudge(
            judge.model,
            {"mean_iou": quality},
            _numbers(overlaps),
            {"class": scored_names(scenes.palette)} | {part: found.ious for part, found in overlaps.items()},
            _report(scenes, judge, tables, overlaps),
            [f"{name}: mean IoU {found.mean_iou:.3f}, per-pixel accuracy {found.pixel_accuracy:.3f}"
             for name, found in overlaps.items()],
            None if quality >= ENOUGH else ("segmenter", f"mean IoU {quality:.4f}, below {ENOUGH}"),
        )  # fmt: skip

    run_name = f"segmenter {scenes.name} {width}x{height}"
    trained, run_id = judges.train_judge(key, run_name, len(scenes.training), train, say)
    return Segmenter(trained.model, run_id)


def scored(palette: Palette) -> np.ndarray:
    """uint8 (len(palette),): the place of each class among the scored ones, `IGNORED` for the others."""
    return palette.scored_indices(np.array(palette.ids, np.uint8))


def scored_names(palette: Palette) -> list[str]:
    """The names of the scored classes, in their order."""
    return [palette.names[palette.ids.index(k)] for k in palette.scored]


def iou_names(palette: Palette) -> list[str]:
    """What the archive calls the intersection over union of each scored class, in their order."""
    # The archive takes letters, digits and a few signs; names of a palette hold what its owner likes.
    return [
        f"iou_{k:02d}_{re.sub(r'[^A-Za-z0-9_-]', '_', name)}"
        for k, name in zip(palette.scored, scored_names(palette), strict=True)
    ]


def scored_maps(part: Scenes) -> Iterator[np.ndarray]:
    """The label maps of a part, one by one at the size they are stored in, as positions among the scored classes.

    Of windows in which an object is painted only what is hidden counts: all else is the real photo.
    """
    for scene in map(part.scene, range(len(part))):
        found = part.palette.scored_indices(scene.labels)
        yield np.where(part.outlines(scene), found, IGNORED) if part.hides else found


def _numbers(overlaps: dict[str, Overlap]) -> dict[str, float]:
    numbers = {}
    for part, found in overlaps.items():
        for name in ("pixel_accuracy", "class_accuracy", "mean_iou"):
            numbers[f"{part}.{name}"] = getattr(found, name)
    return numbers


def _report(
    scenes: SceneSet, judge: Segmenter, tables: dict[str, np.ndarray], overlaps: dict[str, Overlap]
) -> Report:
    width, height = judge.size
    report = judge_report(
        f"The segmenter that judges generated street scenes, trained on {scenes.name} at {width}x{height}",
        [
            f"{part}: mean IoU {found.mean_iou:.3f}, per-class accuracy {found.class_accuracy:.3f}, "
            f"per-pixel accuracy {found.pixel_accuracy:.3f}, at the size of the label maps."
            for part, found in overlaps.items()
        ],
        scored_names(scenes.palette),
        ("Intersection over union by class", {part: found.ious for part, found in overlaps.items()}),
        {f"What it takes the pixels of the {part} scenes for": table for part, table in tables.items()},
        named=True,
    )
    part = scenes.validation if len(scenes.validation) else scenes.test
    if len(part):
        report.heading("Held-out scenes, and what it sees in them")
        report.picture(_answers_sheet(part, judge), "photos, label maps and answers")
        report.picture(pictures.legend(scenes.palette.names, scenes.palette.colours), "colours of the classes")
    return report


def _answers_sheet(part: Scenes, judge: Segmenter) -> Image.Image:
    """Photo, label map and answer of a few scenes."""
    rows, (width, height), palette = [], judge.size, part.palette
    chosen = part.take(spread_over(len(part), SHOWN))
    loaded = load(chosen, width, height, edges=False)
    for photo, labels, (_, logits) in zip(loaded.photos, loaded.labels, judge.answers(loaded.photos), strict=True):
        answer = np.array(palette.scored, np.uint8)[label_map(logits, height, width)]
        rows.append((photo, palette.paint(labels), palette.colour(answer)))
    return pictures.side_by_side(rows, ("photo", "label map", "what it sees"), chosen.names)
