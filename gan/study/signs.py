"""The study of signs: does a classifier that has seen generated images recognise rare signs better?

Test parts: the held-out tracks, and the official test set. Neither classifiers nor generators see anything of them.
"""

import dataclasses
import functools
import logging
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan import pictures
from gan.data.sets import SignSet
from gan.data.signs import CLASSES, MIRROR, NAMES, Signs, with_mirrored
from gan.data.split import cut
from gan.data.spread import spread_over
from gan.dcgan import balance_files
from gan.dcgan.classifier import ClassifierTrainer
from gan.dcgan.judge import Judge
from gan.errors import UserError
from gan.report import Report
from gan.scoring.classification import agreement
from gan.study.grid import Cell, Design, Tick, Values
from gan.study.signs_arms import (
    DRAWN,
    FULL,
    GENERATED,
    REAL_LAST,
    SMOTE,
    Arm,
    class_weights,
    cut_tracks,
    missing_images,
    parse_arms,
    parse_regimes,
    rare_classes,
)
from gan.study.signs_drawn import drawn_pool
from gan.study.signs_generators import FATES, RECIPE, Generators, Pool, Source, Train
from gan.study.smote import require_imblearn, smote
from gan.training.devices import make_deterministic
from gan.training.loop import train_quietly
from gan.training.sampling import Sampler, Shares

PARTS = {"test": "official test set", "held_out": "held-out tracks"}
KINDS = {
    "rare": "mean recall of the {rare} smallest classes",
    "macro": "mean recall of all classes",
    "worst": "recall of the worst class",
    "accuracy": "share of all images that are recognised",
}
LIFETIME = 4  # cells in one process: TensorFlow keeps the graphs of loops, and the images in them, to its end
SHOWN = 10  # generated and real images of each rare class in the report


class SignsStudy:
    """Arms and regimes of traffic signs (see `gan.study.grid.Study`).

    Args:
        config: of the command (`gan.commands.study.StudyConfig`).
        sources: generated images by (regime, draw); empty where no arm needs them, or while they are not made yet.
        drawn: drawn images; None where no arm needs them, or while they are not made yet.
    """

    def __init__(self, config, sources: dict[tuple[str, int], Source], drawn: Pool | None = None):
        make_deterministic()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that every cell compiles a new network
        self._config, self.sources, self.drawn = config, sources, drawn
        self.signs = opened(config.data)
        self.fit, held_out = cut(self.signs.train)
        self.rare = rare_classes(self.signs.train)
        self.parts = {"test": self.signs.test, "held_out": held_out}
        self.parts = {
            part: self.parts[part] for part in PARTS if self.parts[part] is not None and len(self.parts[part])
        }
        self._arms = {arm.name: arm for arm in parse_arms(config.arms)}
        self.steps, self.lifetime = config.steps, LIFETIME
        self._check()
        self.design = self._designed()
        self._digests = {part: signs.digest() for part, signs in self.parts.items()}

    def _check(self) -> None:
        if np.count_nonzero(self.signs.train.counts()) < 2:
            raise UserError(f"the study needs images of two classes or more, and {self.signs.name} has them of one.")
        if not any(np.isin(self.rare, signs.labels).any() for signs in self.parts.values()):
            raise UserError(
                f"{self.signs.name} has no images of its rare classes to test on: they have a single track each; "
                "add a test.p or more tracks."
            )

    def _designed(self) -> Design:
        measures = {}
        for part, signs in self.parts.items():
            for kind, words in KINDS.items():
                if kind != "rare" or np.isin(self.rare, signs.labels).any():
                    measures[f"{part}.{kind}"] = f"{words.format(rare=len(self.rare))}, {PARTS[part]}"
        regimes = {
            regime: "Full data" if regime == FULL
            else f"Rare classes cut to {regime} track{'' if regime == '1' else 's'}"
            for regime in parse_regimes(self._config.regimes)
        }  # fmt: skip
        return Design(
            f"Do generated images help to recognise rare signs? {self.signs.name}",
            {arm.name: arm.words for arm in self._arms.values()},
            tuple(arm.name for arm in self._arms.values() if GENERATED in arm.sources),
            regimes,
            "tracks kept of each rare class",
            self._config.seeds,
            measures,
            next(name for name in measures if name.endswith(".rare")),
            "the recall of the rare classes",
        )

    @functools.lru_cache(maxsize=2)  # noqa: B019  a study lives as long as its process
    def training(self, regime: str, draw: int) -> Signs:
        """The training images of a regime."""
        return cut_tracks(self.fit, regime, self.rare, draw)

    @functools.cache  # noqa: B019
    def _training_digest(self, regime: str, draw: int) -> str:
        return self.training(regime, draw).digest()

    def draw(self, seed: int) -> int:
        """Which choice of tracks, and which generator, a seed has."""
        return seed % self._config.gan_seeds

    def identity(self, cell: Cell) -> dict[str, Any]:
        """All that decides the numbers of a cell."""
        arm, draw, config = self._arms[cell.arm], self.draw(cell.seed), self._config
        identity = {
            "task": "signs", "recipe": RECIPE, "arm": dataclasses.asdict(arm) | {"words": ""}, "seed": cell.seed,
            "training": self._training_digest(cell.regime, draw), "tests": self._digests, "rare": self.rare,
            "steps": config.steps, "batch_size": config.batch_size, "precision": config.precision,
        }  # fmt: skip
        pools = self._pools(cell)
        return identity | {source: pools[source].identity for source in arm.sources if source in pools}

    def run_cell(self, cell: Cell, tick: Tick) -> Values:
        """Train one classifier and test it."""
        arm, config, draw = self._arms[cell.arm], self._config, self.draw(cell.seed)
        signs = self.training(cell.regime, draw)
        images, labels = self._others(arm, cell, signs)
        real = with_mirrored(signs) if arm.classical else signs
        shares = shares_of(arm, signs.counts(), np.bincount(labels, minlength=CLASSES), config.steps)
        trainer = ClassifierTrainer(
            Sampler(real.images, real.labels, CLASSES, shares, images, labels), config.steps, cell.seed,
            config.precision, config.batch_size, arm.classical,
            class_weights(signs.counts()) if arm.weighted else None,
        )  # fmt: skip
        train_quietly(trainer, config.steps, tick)
        judge, values = Judge(trainer.model), {}
        for part, shown in self.parts.items():
            values |= {f"{part}.{kind}": value for kind, value in measured(judge, shown, self.rare).items()}
        return {name: values[name] for name in self.design.measures}

    def _others(self, arm: Arm, cell: Cell, signs: Signs) -> tuple[np.ndarray, np.ndarray]:
        """The images of an arm that are not real, and their labels."""
        if arm.source == SMOTE:
            return smote(signs.images, signs.labels, CLASSES, arm.target, cell.seed)
        images, labels = [np.empty((0, *signs.images.shape[1:]), np.uint8)], [np.empty(0, np.int64)]
        lacking, pools = missing_images(signs.counts(), arm.target), self._pools(cell)
        for place, source in enumerate(arm.sources):
            part = (lacking + place) // len(arm.sources)  # odd ones come from the last
            made, of = pools[source].first(part)
            images.append(made)
            labels.append(of)
        return np.concatenate(images), np.concatenate(labels)

    def _pools(self, cell: Cell) -> dict[str, Pool]:
        """The images that are not real, by where they are from."""
        made = self.sources.get((cell.regime, self.draw(cell.seed)))
        pools = {GENERATED: made and made.pool, DRAWN: self.drawn}
        return {source: pool for source, pool in pools.items() if pool is not None}

    def describe(self, report: Report) -> None:
        """Add data, generators and what they make to the report."""
        report.heading("Data")
        rows = []
        for regime, words in self.design.regimes.items():
            signs = self.training(regime, 0)
            kept = signs.take(np.isin(signs.labels, self.rare))
            rows.append([words, len(signs), len(kept), len(np.unique(kept.tracks[kept.tracks >= 0]))])
        rows += [
            [PARTS[part], len(s), int(np.isin(s.labels, self.rare).sum()), "-"] for part, s in self.parts.items()
        ]
        report.table(["part", "images", "of rare classes", "their tracks"], rows)
        report.text(f"Rare classes: {_named(self.rare)}.")
        config = self._config
        report.text(
            "Intervals are over seeds, taken as independent: they do not hold what other test images or other "
            f"held-out tracks would change, and {config.seeds} seeds share {config.gan_seeds} choice"
            f"{'s' * (config.gan_seeds > 1)} of kept tracks, each with one generator and its images (gan_seeds). The "
            "correction of a test is for the arms of its regime. One image of rare classes in the "
            f"{PARTS[next(iter(self.parts))]} is worth {self._weight():.1f} points of their recall on average."
        )
        twins = [k for k in self.rare if MIRROR.get(k, k) not in (k, *self.rare)]
        mirrored = any(arm.classical or GENERATED in arm.sources for arm in self._arms.values())
        if twins and mirrored and set(self.design.regimes) != {FULL}:
            report.text(
                f"Of {_named(twins)}, mirrored photos of another class, which is not cut, are real images too "
                "wherever images are mirrored: in arms with classical augmentation, and for every generator."
            )
        if self.drawn is not None:
            report.heading("Drawn signs, which no network made")
            report.text("Pictograms in streets that the program draws, each thirty of one sign in one place.")
            images, labels, _ = self.drawn.read()
            rows = [(f"{k}  {NAMES[k]}", images[labels == k][: 2 * SHOWN], images[:0]) for k in self.rare]
            report.picture(pictures.class_strips(rows, ("drawn", "")), "drawn signs")
        if not self.sources:
            return
        report.heading("Generators")
        report.text(
            f"Each learned the images of its regime{self._drawings()} and no others; minutes are of its training. A "
            "classifier that has seen no others either sorts what it makes, as the command balance does."
        )
        if config.goodrun_ref:
            report.text(
                f"That of the regime {FULL} was given. A run id names the checkpoint that came nearest to the "
                "held-out tracks, so there its arms were chosen by what they are tested on; on the official test set "
                "they were not."
            )
        head = ["regime", "draw", "run", "iteration", "minutes", *FATES, "thrown away of rare classes"]
        report.table(head, [self._source_row(*key, source) for key, source in self.sources.items()])
        for (regime, draw), source in self.sources.items():
            if draw == 0:
                report.heading(
                    f"Generated images, and all that is known of the rare classes: {self.design.regimes[regime]}"
                )
                report.picture(self._strips(regime, source), f"generated and real images, {regime}")

    def _drawings(self) -> str:
        drawn = self._config.gan_drawn
        return f", {drawn} drawn signs of each class as another domain of it," if drawn else ""

    def _weight(self) -> float:
        """Points of the rare classes' recall that an image of the first test part is worth, on average."""
        labels = next(iter(self.parts.values())).labels
        return 100 / max(1, np.isin(labels, self.rare).sum())

    def _source_row(self, regime: str, draw: int, source: Source) -> list[object]:
        made, (_, _, fates) = source.made, source.pool.read()
        minutes = "-" if math.isnan(made.minutes) else f"{made.minutes:.1f}"
        of_rare = fates[:, self.rare].sum(axis=1)
        thrown = f"{1 - of_rare[1] / of_rare[0]:.1%}" if of_rare[0] else "-"
        return [regime, draw, made.run_id, made.iteration, minutes, *fates.sum(axis=1).tolist(), thrown]

    def _strips(self, regime: str, source: Source):
        images, labels, _ = source.pool.read()
        real = self.training(regime, 0)
        rows = []
        for k in self.rare:
            known = real.images[real.labels == k]
            spread = spread_over(len(known), SHOWN)
            rows.append((f"{k}  {NAMES[k]}", images[labels == k][:SHOWN], known[spread]))
        return pictures.class_strips(rows)


def _named(class_ids: list[int]) -> str:
    return ", ".join(f"{k} ({NAMES[k]})" for k in class_ids)


def opened(data: str) -> SignSet:
    """The data set that the parameter `data` names: what `balance` understands as its source.

    Raises:
        UserError: there is none, it is damaged, or holds generated images already.
    """
    try:
        return balance_files.open_source(data)
    except UserError as error:  # it speaks of another parameter
        raise UserError(re.sub(r"^source\b", "data", str(error))) from None


def shares_of(arm: Arm, real: np.ndarray, others: np.ndarray, steps: int) -> Shares:
    """How often an arm draws what.

    Args:
        arm: the arm.
        real: integers (C,), real images of each class, without mirror images.
        others: integers (C,), images of each class that are not real.
        steps: of the training.
    """
    together = real + others
    lacking = others / np.maximum(together, 1)
    classes = (together > 0) / np.count_nonzero(together) if arm.even else together / together.sum()
    if arm.mix:
        return Shares(classes, arm.mix * lacking, max(1, round((1 - REAL_LAST) * steps)))
    return Shares(classes, lacking, steps)


def measured(judge: Judge, signs: Signs, rare: list[int]) -> Values:
    """What a classifier is worth on signs: a value for each of `KINDS`; without "rare" where there are none."""
    found = agreement(judge(signs.images)[1], signs.labels)
    values = {"macro": found.macro, "worst": found.worst, "accuracy": found.overall}
    of_rare = found.per_class[rare]
    return values | ({"rare": float(np.nanmean(of_rare))} if np.isfinite(of_rare).any() else {})


def prepare(config, folder: Path, train: Train, say) -> tuple[SignsStudy, Callable[[], SignsStudy]]:
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
    arms = parse_arms(config.arms)
    if any(arm.source == SMOTE for arm in arms):
        require_imblearn()
    study = SignsStudy(config, {})
    regimes, draws = parse_regimes(config.regimes), range(min(config.gan_seeds, config.seeds))
    for regime in regimes:  # before hours of training: whether each can be cut
        study.training(regime, 0)
    drawn = [arm.target for arm in arms if DRAWN in arm.sources]
    if drawn:
        fewest = [study.training(regime, draw).counts() for regime in regimes for draw in draws]
        lacking = [missing_images(counts, target) for counts in fewest for target in drawn]
        study.drawn = drawn_pool(folder, np.max(lacking, axis=0))
    targets = [arm.target for arm in arms if GENERATED in arm.sources]
    if targets:
        generators = Generators(
            folder,
            study.signs,
            config.gan_iterations,
            config.precision,
            config.gan_drawn,
            config.goodrun_ref,
            train,
            say,
        )
        study.sources = generators.sources(
            study.design.regimes, len(draws), study.training,
            max(targets), config.quality, config.steps,
        )  # fmt: skip
    return study, functools.partial(SignsStudy, config, study.sources, study.drawn)
