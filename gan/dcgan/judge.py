"""The judge of generated signs: a classifier trained on real ones, kept in the archive and found by its data."""

import numpy as np
import scipy.special
from sklearn.metrics import confusion_matrix

from gan.archive import judges
from gan.archive.judges import JudgeConfig
from gan.data.labelled import Classes, LabelledImages, with_mirrored
from gan.data.sets import Parts
from gan.dcgan import classifier
from gan.dcgan.classifier import ClassifierTrainer, build_judge
from gan.report import Report, judge_report
from gan.scoring.classification import Agreement, agreement
from gan.training import augment
from gan.training.judge import answers, fit
from gan.training.sampling import Sampler

KIND = "classifier"
BATCH = 256  # images at a time, always: arithmetic on another batch size could round another way
ENOUGH = 0.985  # accuracy on held-out tracks or the test part from which its answers are worth something


class Judge:
    """Features and class probabilities of images, from a classifier of C classes.

    Args:
        model: of images in [-1, 1] to features and logits (see `gan.dcgan.classifier`).
        run_id: of its training in the archive; "" where there is none.
    """

    def __init__(self, model, run_id: str = ""):
        self.model, self.run_id = model, run_id

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Judge images.

        Args:
            images: uint8 (N, size, size, 3).

        Returns:
            float32 (N, 128), features, and float32 (N, C), probabilities of the classes. An image's answer does
            not depend on the others.
        """
        features, logits = (np.empty((len(images), output.shape[-1]), np.float32) for output in self.model.outputs)
        for k, answer in enumerate(answers(self.model, images, BATCH)):
            features[k], logits[k] = answer
        return features, scipy.special.softmax(logits, axis=1)


def train_judge(
    signs: LabelledImages,
    iterations: int,
    seed: int,
    words: str,
    report=None,
    hidden: bool = False,
    sampler: Sampler | None = None,
) -> Judge:
    """Train a classifier on images of all classes, with their mirror images.

    See `fit` for the rest; `sampler` draws these very images, where one has them in the device's memory already.
    """
    if sampler is None:
        learned = with_mirrored(signs)
        sampler = Sampler(learned.images, learned.labels, len(learned.classes))
    trainer = ClassifierTrainer(sampler, iterations, seed, build=build_judge)
    fit(trainer, iterations, words, report, hidden)
    return Judge(trainer.model)


def judge_of(signs: Parts, iterations: int, say, sampler: Sampler | None = None) -> Judge | None:
    """The judge for a data set: the one that the archive has, else one that is trained now and put there.

    It learns the tracks that are not held out, and is itself judged by those that are and by the test part. `say`
    prints a line for the user; `train_judge` explains the sampler.

    Returns:
        None where a class has no images, or no class has images of two signs: there is nothing to judge with then.
    """
    classes = signs.classes
    fit_part, held = signs.learned, signs.held_out
    missing = np.flatnonzero(fit_part.counts() == 0)
    if missing.size:
        say(f"no scores by a classifier: {signs.name} has no images of class {classes.phrase(missing[0])} to learn.")
        return None
    if not len(held):
        say(f"no scores by a classifier: {signs.name} has no class with images of two groups, to hold one out.")
        return None
    config, model = JudgeConfig(signs.name, iterations), build_judge(len(classes), fit_part.size)
    key = judges.JudgeKey(KIND, config, fit_part.digest(), judges.recipe(model, classifier, augment))
    found = judges.find_judge(key, model)
    if found is not None:
        return Judge(model, found.run_id)
    say("training the classifier that judges generated images (once for each data set)")

    def train(run) -> judges.TrainedJudge:
        judge = train_judge(fit_part, iterations, config.seed, "training the judge", run.metrics, sampler=sampler)
        on_held = judge(held.images)[1]
        found = {"held_out": agreement(on_held, held.labels)}
        if signs.test is not None and len(signs.test):
            found["test"] = agreement(judge(signs.test.images)[1], signs.test.labels)
        best = max(a.overall for a in found.values())
        return judges.TrainedJudge(
            judge.model,
            {"accuracy": found["held_out"].overall},
            {f"{part}.{name}": value for part, a in found.items() for name, value in _numbers(a).items()},
            {"class": classes.labels()} | {part: a.per_class for part, a in found.items()},
            _report(
                signs.name,
                classes,
                confusion_matrix(held.labels, on_held.argmax(axis=1), labels=range(len(classes))),
                found,
            ),
            ["; ".join(f"{part}: accuracy {a.overall:.4f}, macro recall {a.macro:.4f}" for part, a in found.items())],
            ("judge", f"accuracy {best:.4f}, below {ENOUGH}") if best < ENOUGH else None,
        )

    trained, run_id = judges.train_judge(key, f"classifier {signs.name}", len(fit_part), train, say)
    return Judge(trained.model, run_id)


def _numbers(a: Agreement) -> dict[str, float]:
    return {"accuracy": a.overall, "macro_recall": a.macro, "worst_recall": a.worst}


def _report(name: str, classes: Classes, confusions: np.ndarray, found: dict[str, Agreement]) -> Report:
    return judge_report(
        f"The classifier that judges generated images, trained on {name}",
        [
            f"{part}: accuracy {a.overall:.4f}, macro recall {a.macro:.4f}, "
            f"worst class {classes.phrase(a.worst_class)} {a.worst:.3f}."
            for part, a in found.items()
        ],
        classes.labels(),
        ("Recall by class", {part: a.per_class for part, a in found.items()}),
        {"What it takes held-out signs for": confusions},
    )
