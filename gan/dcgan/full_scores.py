"""The full scores of a generator: what a classifier of real signs says, and what one that learned from it can do."""

from collections.abc import Callable

import numpy as np

from gan.data.sets import SignSet
from gan.data.signs import CLASSES, Signs
from gan.data.split import cut
from gan.dcgan.evaluation_report import Evaluation
from gan.dcgan.generator import Generator
from gan.dcgan.judge import judge_of, train_judge
from gan.dcgan.scores import SignScorer, pixel_scores, some_of_each
from gan.progress import progress, say
from gan.scoring.classification import agreement
from gan.scoring.fidelity import frechet_distance

TAUGHT = 500  # images of a class that the classifier of GAN-train learns from


def score(
    evaluation: Evaluation,
    generator: Generator,
    real: SignSet,
    class_ids: list[int],
    seed: int,
    judge_iterations: int,
    inception: Callable[[np.ndarray], np.ndarray] | None,
) -> None:
    """Score the images that an evaluation has taken in.

    Args:
        evaluation: takes the scores.
        generator: makes more images where a score needs them.
        real: the data set.
        class_ids: the classes of the evaluation.
        seed: of the evaluation.
        judge_iterations: of the classifiers; 0 for the scores in pixels only.
        inception: gives ImageNet features, for the score that uses them; None leaves it out.
    """
    training, held_out = cut(real.train)
    judge = judge_of(real, judge_iterations, say) if judge_iterations else None
    if judge is None:  # not wanted, or there is too little to train it on
        evaluation.take(pixel_scores(evaluation.generated(), training, class_ids))
    else:
        scorer = SignScorer(judge, training, held_out, class_ids)
        evaluation.score(scorer)
        if class_ids == list(range(CLASSES)):
            taught = _taught(generator, seed + 1, judge_iterations)
            known = agreement(taught(held_out.images)[1], held_out.labels)
            evaluation.add_scores({"gan_train": known.macro, "gan_train_floor": scorer.usual().macro})
    if inception is not None:
        evaluation.add_scores(_inception(inception, evaluation.generated(), training, held_out, class_ids))


def _taught(generator: Generator, seed: int, iterations: int):
    """A classifier that has seen generated images only, of every class as many."""
    with progress(CLASSES * TAUGHT, "generating for GAN-train", "image") as bar:
        made = []
        for k in range(CLASSES):
            made.append(generator.images(TAUGHT, seed, k, bar))
    images = Signs.of(np.concatenate(made), np.repeat(np.arange(CLASSES), TAUGHT))
    return train_judge(images, iterations, seed, "training on generated images")


def _inception(features, generated: Signs, training: Signs, held_out: Signs, class_ids: list[int]):
    """The FID in other features, with its floor, at equal sizes."""
    sizes = np.zeros(CLASSES, int)
    for k in class_ids:
        sizes[k] = min(int((part.labels == k).sum()) for part in (generated, training, held_out))
    if sizes.sum() < 2:
        return {}
    made, real, other = (features(part.images[some_of_each(part, sizes)]) for part in (generated, training, held_out))
    return {
        "inception_fid_training": frechet_distance(made, real),
        "inception_fid_training_floor": frechet_distance(other, real),
    }
