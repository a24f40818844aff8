"""An evaluation of a generator of signs: what is generated, beside what, and how it is scored."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gan.archive import GoodRun
from gan.data.sets import SignSet, open_signs, select
from gan.data.signs import CLASSES, parse_class
from gan.data.split import cut
from gan.errors import UserError

IMAGE_BYTES = 16_000  # of a PNG of 32x32 on the disk, written and logged, at most


@dataclasses.dataclass(frozen=True)
class Signs:
    """What evaluate makes of a good run of signs.

    Attributes:
        goodrun: what is restored.
        class_val: a class id, or "all".
        count: images of each class.
        seed: of the latents.
        scores: "full", "pixels" or "none".
        judge_iterations: training of the classifier that gives scores.
        inception: whether to take the FID in Inception's features too.
        real: the data set that the run was trained on, or None where it is not there any more.
    """

    goodrun: GoodRun
    class_val: str
    count: int
    seed: int
    scores: str
    judge_iterations: int
    inception: bool
    real: SignSet | None

    @classmethod
    def of(cls, goodrun: GoodRun, config) -> "Signs":
        """What a configuration of evaluate asks for."""
        real = real_images(goodrun.info, config.data, every_class=config.scores == "full")
        names = ("class_val", "count", "seed", "scores", "judge_iterations", "inception")
        return cls(goodrun, *(getattr(config, name) for name in names), real)

    @property
    def classes(self) -> list[int]:
        """The classes to generate."""
        class_id = parse_class(self.class_val)
        return list(range(CLASSES)) if class_id is None else [class_id]

    @property
    def name(self) -> str:
        """What the folder is called."""
        goodrun = self.goodrun
        start = f"class-{self.class_val}-{goodrun.run_id[:8]}-{goodrun.iteration:06d}-seed{self.seed}-n{self.count}"
        return start + ("" if self.scores == "full" else f"-{self.scores}") + "-inception" * self.inception

    @property
    def bytes(self) -> int:
        """Room that it needs on the disk."""
        return self.count * len(self.classes) * IMAGE_BYTES

    def origin(self) -> dict:
        """What the images and scores depend on."""
        names = ("class_val", "seed", "count", "scores", "inception")
        return {name: getattr(self, name) for name in names} | {"compared": self.real is not None}

    def make(self, folder: Path):
        """Generate into a folder, and score; the `gan.dcgan.evaluation_report.Evaluation`."""
        from gan.dcgan.evaluation_report import SCORED, Evaluation
        from gan.dcgan.full_scores import score
        from gan.dcgan.generator import Generator
        from gan.dcgan.inception import Inception
        from gan.progress import progress

        inception = Inception() if self.inception else None
        generator = Generator(self.goodrun)
        several = self.class_val == "all"
        evaluation = Evaluation(self.goodrun, self.real and cut(self.real.train)[0], several)
        with progress(self.count * len(self.classes), "generating", "image") as bar:
            for k in self.classes:
                place = folder / f"{k:02d}" if several else folder
                place.mkdir(exist_ok=True)
                evaluation.add(k, write_images(generator.batches(self.count, self.seed, k, bar), place, SCORED))
        if self.real is not None and self.scores != "none":
            judge_iterations = self.judge_iterations if self.scores == "full" else 0
            score(evaluation, generator, self.real, self.classes, self.seed, judge_iterations, inception)
        return evaluation


def write_images(batches: Iterable[np.ndarray], folder: Path, keep: int) -> np.ndarray:
    """Write images as numbered PNGs, batch by batch.

    Args:
        batches: uint8 (N, height, width, 3) each, one or more.
        folder: where to.
        keep: images to return at most; memory holds no more than these and a batch.

    Returns:
        The first images, uint8 (`keep` or fewer, height, width, 3).
    """
    kept, written = [], 0
    for batch in batches:
        if written < keep:
            kept.append(batch[: keep - written].copy())
        for number, image in enumerate(batch, written):
            Image.fromarray(image).save(folder / f"{number:05d}.png")
        written += len(batch)
    return np.concatenate(kept)


def real_images(info, data: str, every_class: bool) -> SignSet | None:
    """The data set that the good run was trained on, or None where it is not there any more.

    Args:
        info: what the good run says of itself.
        data: where it is now; "" for where it was.
        every_class: the classes that it was not trained on are needed too, for the classifier that gives scores.
    """
    try:
        class_id = parse_class(info.class_val)
        signs = open_signs(data or info.data["name"], None if every_class else class_id)
        # Runs of the time before there were held-out tracks have learned them all.
        parts = info.config.get("use_test") is True, info.config.get("use_held_out", True) is True
        if select(signs, class_id, *parts).digest() == info.data["digest"]:
            if any(parts) or info.data.get("learned_before"):
                print("the run has learned signs that it should be compared with: scores beside them mean little.")
            return signs
        reason = f"{signs.name} holds other images than the run was trained on."
    except UserError as error:
        reason = str(error)
    print(f"without real images beside and scores: {reason}")
    return None
