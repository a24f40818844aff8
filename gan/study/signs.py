"""The study of signs: does a classifier that has seen generated images recognise rare classes better?

Test parts: the held-out tracks or images, and the test part. Neither classifiers nor generators see anything of them.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from gan.data.class_folders import Reading
from gan.data.labelled import LabelledImages, with_mirrored
from gan.data.sets import DataSet
from gan.data.signs import GTSRB
from gan.dcgan.balance_files import open_source
from gan.dcgan.classifier import ClassifierTrainer
from gan.dcgan.judge import Judge
from gan.errors import UserError
from gan.report import Report
from gan.scoring.classification import agreement
from gan.study import signs_arms, signs_report
from gan.study.experiment import Experiment
from gan.study.grid import Cell, Design, Values
from gan.study.signs_arms import DRAWN, FULL, GENERATED, SMOTE, Arm, missing_images, parse_arms
from gan.study.signs_generators import Generators, Pool, Source, Train, drawn_pool, recipe
from gan.study.smote import NEIGHBOURS, require_imblearn, smote
from gan.training.sampling import Sampler, Shares

PARTS = {"test": "test part", "held_out": "held-out part"}
KINDS = {
    "rare": "mean recall of the {rare} smallest classes",
    "macro": "mean recall of all classes",
    "worst": "recall of the worst class",
    "accuracy": "share of all images that are recognised",
}
REAL_LAST = 0.4  # of the steps of the mixed arm that see real images only: the last ones


class SignStudy(Experiment):
    """Arms and regimes of traffic signs.

    Args:
        config: of the command (`gan.commands.study.StudyConfig`).
        sources: generated images by (regime, draw); empty where no arm needs them, or while they are not made yet.
        drawn: drawn images; None where no arm needs them, or while they are not made yet.
    """

    part_names = PARTS

    def __init__(self, config, sources: dict[tuple[str, int], Source], drawn: Pool | None = None):
        signs = open_source(config.data, parameter="data", reading=Reading.of(dataclasses.asdict(config)))
        super().__init__(config, arms_of(config, signs))
        self.sources, self.drawn, self.signs = sources, drawn, signs
        self.fit, held_out = self.signs.parts.learned, self.signs.parts.held_out
        self.rare = signs_arms.rare_classes(self.signs.train)
        parts = {"test": self.signs.test, "held_out": held_out}
        self.parts = {part: signs for part, signs in parts.items() if signs is not None and len(signs)}
        self._digests = {part: signs.digest() for part, signs in self.parts.items()}
        self.design = self._design()

    def _design(self) -> Design:
        if np.count_nonzero(self.signs.train.counts()) < 2:
            raise UserError(f"the study needs images of two classes or more, and {self.signs.name} has them of one.")
        measures = {
            f"{part}.{kind}": f"{words.format(rare=len(self.rare))}, {PARTS[part]}"
            for part, signs in self.parts.items() for kind, words in KINDS.items()
            if kind != "rare" or np.isin(self.rare, signs.labels).any()
        }  # fmt: skip
        headline = next((name for name in measures if name.endswith(".rare")), None)
        if headline is None:
            raise UserError(
                f"{self.signs.name} has no images of its rare classes to test on: they have a single track each; "
                "add a test.p or more tracks."
            )
        tracks = {regime: f"Rare classes cut to {regime} track{'' if regime == '1' else 's'}"
                  for regime in signs_arms.parse_regimes(self.config.regimes)}  # fmt: skip
        return self.arranged(
            title=f"Do generated images help to recognise rare classes? {self.signs.name}",
            regimes={regime: "Full data" if regime == FULL else words for regime, words in tracks.items()},
            axis="tracks kept of each rare class",
            measures=measures,
            headline=headline,
            subject="the recall of the rare classes",
        )

    @functools.lru_cache(maxsize=2)  # noqa: B019  a study lives as long as its process
    def training(self, regime: str, draw: int) -> LabelledImages:
        """The training images of a regime."""
        return signs_arms.cut_tracks(self.fit, regime, self.rare, draw)

    @functools.cache  # noqa: B019
    def _training_digest(self, regime: str, draw: int) -> str:
        return self.training(regime, draw).digest()

    def draw(self, seed: int) -> int:
        """Which choice of tracks, and which generator, a seed has."""
        return seed % self.config.gan_seeds

    def data_identity(self, cell: Cell) -> dict[str, Any]:
        """See `Experiment`."""
        arm, pools = self.arms[cell.arm], self._pools(cell)
        identity = {
            "recipe": recipe(), "training": self._training_digest(cell.regime, self.draw(cell.seed)),
            "tests": self._digests, "rare": self.rare, "batch_size": self.config.batch_size,
        }  # fmt: skip
        identity |= {"real_last": REAL_LAST} if arm.mix else {}
        identity |= {"neighbours": NEIGHBOURS} if arm.source == SMOTE else {}
        return identity | {source: pools[source].identity for source in arm.sources if source in pools}

    def trainer(self, cell: Cell) -> ClassifierTrainer:
        """See `Experiment`."""
        arm, config, signs = self.arms[cell.arm], self.config, self.training(cell.regime, self.draw(cell.seed))
        images, labels = self._extra(arm, cell, signs)
        classes = len(signs.classes)
        real = with_mirrored(signs) if arm.classical else signs
        shares = shares_of(arm, signs.counts(), np.bincount(labels, minlength=classes), config.steps)
        weights, present = None, np.unique(signs.labels)
        if arm.weighted:
            weights = np.zeros(classes)
            weights[present] = compute_class_weight("balanced", classes=present, y=signs.labels)
        return ClassifierTrainer(
            Sampler(real.images, real.labels, classes, shares, images, labels), config.steps, cell.seed,
            config.precision, config.batch_size, arm.classical, weights,
        )  # fmt: skip

    def measure(self, model, part: str) -> Values:
        """See `measured`."""
        return measured(Judge(model), self.parts[part], self.rare)

    def describe(self, report: Report) -> None:
        """Add data, generators and their images to the report."""
        signs_report.describe(self, report)

    def _extra(self, arm: Arm, cell: Cell, signs: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
        """The images of an arm that are not real, and their labels."""
        if arm.source == SMOTE:
            return smote(signs.images, signs.labels, len(signs.classes), arm.target, cell.seed)
        lacking, pools = missing_images(signs.counts(), arm.target), self._pools(cell)
        count = len(arm.sources)  # odd images come from the last
        parts = [pools[source].first((lacking + place) // count) for place, source in enumerate(arm.sources)]
        images, labels = zip((signs.images[:0], signs.labels[:0]), *parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def _pools(self, cell: Cell) -> dict[str, Pool]:
        """The images that are not real, by where they are from."""
        source = self.sources.get((cell.regime, self.draw(cell.seed)))
        pools = {GENERATED: source and source.pool, DRAWN: self.drawn}
        return {name: pool for name, pool in pools.items() if pool is not None}


def arms_of(config, data: DataSet) -> tuple[Arm, ...]:
    """The arms of a study; without drawn signs where the data are of other classes than these.

    Raises:
        UserError: drawn signs are asked for there.
    """
    arms = parse_arms(config.arms)
    if data.classes == GTSRB:
        return arms
    if config.gan_drawn or (config.arms and any(DRAWN in arm.sources for arm in arms)):
        raise UserError(f"drawn signs are of GTSRB's classes, and {data.name} has others; leave out what is drawn.")
    return tuple(arm for arm in arms if DRAWN not in arm.sources)


def shares_of(arm: Arm, real: np.ndarray, extra: np.ndarray, steps: int) -> Shares:
    """How often an arm draws what.

    Args:
        arm: the arm.
        real: integers (C,), real images of each class, without mirror images.
        extra: integers (C,), images of each class that are not real.
        steps: of the training.
    """
    together = real + extra
    lacking = extra / np.maximum(together, 1)
    classes = (together > 0) / np.count_nonzero(together) if arm.even else together / together.sum()
    if arm.mix:
        return Shares(classes, arm.mix * lacking, max(1, round((1 - REAL_LAST) * steps)))
    return Shares(classes, lacking, steps)


def measured(judge: Judge, signs: LabelledImages, rare: list[int]) -> Values:
    """What a classifier is worth on signs: a value for each of `KINDS`; without "rare" where there are none."""
    found = agreement(judge(signs.images)[1], signs.labels)
    values, of_rare = {"macro": found.macro, "worst": found.worst, "accuracy": found.overall}, found.per_class[rare]
    return values | ({"rare": float(np.nanmean(of_rare))} if np.isfinite(of_rare).any() else {})


def prepare(config, folder: Path, train: Train, say) -> tuple[SignStudy, Callable[[], SignStudy]]:
    """All that is done once, before the first cell: mistakes found, generators trained, images generated.

    Args:
        config: of the command.
        folder: the study's folder.
        train: trains a generator.
        say: prints a line for the user.

    Returns:
        The study, and what builds the same one in a worker.

    Raises:
        UserError: the data, the good run or a package is not what the study needs.
        Stopped: the training of a generator was stopped.
    """
    study = SignStudy(config, {})
    arms = tuple(study.arms.values())
    if any(arm.source == SMOTE for arm in arms):
        require_imblearn()
    regimes, draws = study.design.regimes, range(min(config.gan_seeds, config.seeds))
    for regime in regimes:  # before hours of training: whether each can be cut
        study.training(regime, 0)
    if targets := [arm.target for arm in arms if DRAWN in arm.sources]:
        counts = [study.training(regime, draw).counts() for regime in regimes for draw in draws]
        lacking = [missing_images(fewest, target) for fewest in counts for target in targets]
        study.drawn = drawn_pool(folder, np.max(lacking, axis=0))
    if targets := [arm.target for arm in arms if arm.generated]:
        generators = Generators(folder, study.signs, config, train, say)
        study.sources = generators.sources(regimes, len(draws), study.training, max(targets))
    return study, functools.partial(SignStudy, config, study.sources, study.drawn)
