"""How many real traffic signs a classifier knows that has seen drawn ones only, and what it takes others for.

uv run benchmarks/drawn_only.py --data traffic-signs-data

It is the study's classifier (`gan.dcgan.classifier`) varied by one of its policies. Classes are listed from the worst
on: there the pictogram, or what can happen to it, is not what the street shows.
"""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import numpy as np

from gan.config import PRECISIONS, Config, option, run
from gan.data.labelled import LabelledImages
from gan.data.sets import open_images
from gan.data.signs import CLASSES, GTSRB, NAMES
from gan.dcgan.classifier import ClassifierTrainer
from gan.drawn.signs import draw_more
from gan.errors import UserError
from gan.progress import progress
from gan.training.judge import answers, fit
from gan.training.policies import MILD, POLICIES
from gan.training.sampling import Sampler

BATCH = 256  # images that are recognised at a time


@dataclasses.dataclass(frozen=True)
class DrawnOnlyConfig(Config):
    """Train a classifier on drawn signs, and test it on real ones."""

    data: str = option("traffic-signs-data", "real signs with a test part")
    drawings: int = option(2_000, "drawn signs of each class", ge=1, le=20_000)
    steps: int = option(6_000, "updates of 128 images", ge=1, le=1_000_000)
    seed: int = option(0, "of drawings, weights and draws", ge=0, le=2**31 - 1)
    policy: str = option(MILD, "how drawn signs are varied", POLICIES)
    precision: str = option("bfloat16", "float32 or bfloat16", tuple(PRECISIONS))
    listed: int = option(15, "classes that are listed", ge=0, le=CLASSES)


def main(config: DrawnOnlyConfig) -> None:
    """Draw, train, and print what is recognised."""
    data = open_images(config.data)
    test = data.test
    if test is None or data.classes != GTSRB:
        raise UserError(f"data={config.data} has no test part of traffic signs; give GTSRB's.")
    signs = drawn_signs(config.drawings, config.seed)
    sampler = Sampler(signs.images, signs.labels, CLASSES)
    trainer = ClassifierTrainer(sampler, config.steps, config.seed, config.precision, policy=config.policy)
    fit(trainer, config.steps, "training on drawn signs")
    given = np.array([logits.argmax() for _, logits in answers(trainer.model, test.images, BATCH)])
    taken = np.zeros((CLASSES, CLASSES), int)
    np.add.at(taken, (test.labels, given), 1)
    recall = taken.diagonal() / np.maximum(taken.sum(axis=1), 1)
    for label in np.argsort(recall)[: config.listed]:
        others = [(count, other) for other, count in enumerate(taken[label]) if count and other != label]
        most = ", ".join(f"{other} ({count})" for count, other in sorted(others, reverse=True)[:2])
        print(f"{label:>2} {NAMES[label]:<45} {recall[label]:6.1%} of {taken[label].sum():>4}, taken for {most}")
    right = (given == test.labels).mean()
    print(f"right: {right:.1%} of {len(given):,} real signs; mean of the classes {recall.mean():.1%}")


def drawn_signs(each: int, seed: int) -> LabelledImages:
    """So many drawn signs of each class."""
    images = [draw_more(k, each, seed) for k in progress(CLASSES, "drawing signs", "class", items=range(CLASSES))]
    return LabelledImages.of(np.concatenate(images), np.repeat(np.arange(CLASSES), each), GTSRB)


if __name__ == "__main__":
    run(DrawnOnlyConfig, main)
