"""The study of signs: does a classifier that has seen generated images recognise rare classes better?

Tested on: the test part, and the tracks that a regime cuts off ("unused"), of which nothing was learned and by which
nothing was chosen; together these are "new". The held-out part chooses which arms are compared.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gan.data.class_folders import Reading
from gan.data.labelled import LabelledImages
from gan.data.sets import DataSet
from gan.data.signs import GTSRB, SIZE
from gan.dcgan import last_layer
from gan.dcgan.balance_files import open_source
from gan.dcgan.classifier import ClassifierTrainer
from gan.dcgan.judge import Judge
from gan.errors import UserError
from gan.report import Report
from gan.study import signs_arms, signs_report
from gan.study.answers import COLUMNS, NEW, NEW_PARTS, Answers, measured
from gan.study.experiment import Experiment
from gan.study.grid import CELLS, Cell, Design, Values
from gan.study.results import Results
from gan.study.signs_arms import FULL, GENERATED, OF_GTSRB, PAINTED, PASTED, Arm, mirrored_within, parse_arms
from gan.study.signs_generators import Generators, Pool, Source, Train, drawn_pool, painted_pool, pasted_pool, recipe
from gan.training import policies
from gan.training.sampling import Sampler, Shares

GROUPS = {
    NEW: "test part and unused tracks", "test": "test part", "unused": "unused tracks", "held_out": "held-out part",
}  # fmt: skip
KINDS = {
    "rare": "mean recall of the {rare} smallest classes",
    "certainty": "probability that these are given, geometric mean",
    "macro": "mean recall of all classes",
    "accuracy": "share of all images that are recognised",
}
SEEN = 64  # width and height of own images that the classifier sees: it averages larger ones


class SignStudy(Experiment):
    """Arms and regimes of traffic signs.

    Args:
        config: of the command (`gan.commands.study.StudyConfig`).
        sources: further images of rare classes by (source, regime, draw), regime "" and draw 0 where they are the
            same everywhere; empty where no arm needs them, or while they are not made yet.
    """

    def __init__(self, config, sources: dict[tuple[str, str, int], Source]):
        reading = Reading.of(dataclasses.asdict(config) | {"largest": SEEN})
        signs = open_source(config.data, parameter="data", reading=reading)
        super().__init__(config, arms_of(config, signs))
        self.sources, self.signs, self.fit = sources, signs, signs.parts.learned
        self.rare = signs_arms.rare_classes(signs.train)
        parts = {"test": signs.test, "held_out": signs.parts.held_out}
        self.parts = {part: signs for part, signs in parts.items() if signs is not None and len(signs)}
        self._digests = {part: signs.digest() for part, signs in self.parts.items()}
        self.design = self._design()

    def _design(self) -> Design:
        if np.count_nonzero(self.signs.train.counts()) < 2:
            raise UserError(f"the study needs images of two classes or more, and {self.signs.name} has them of one.")
        regimes = signs_arms.parse_regimes(self.config.regimes)
        if "0" in regimes and any(GENERATED in arm.sources for arm in self.arms.values()):
            raise UserError(
                "regimes 0: a generator of classes can't learn one without images; leave out `generated`."
            )
        measures = self._measures(FULL not in regimes)
        headline = next((name for name in measures if name.endswith(".rare")), None)
        if headline is None:
            raise UserError(
                f"{self.signs.name} has no images of its rare classes to test on: they have a single track each; "
                "add a test.p or more tracks."
            )
        return self.arranged(
            title=f"Do generated images help to recognise rare classes? {self.signs.name}",
            regimes={regime: signs_arms.regime_words(regime) for regime in regimes},
            axis="tracks kept of each rare class",
            measures=measures,
            headline=headline,
            subject="the recall of the rare classes",
            draws=self.config.draws,
            chosen_by="held_out.rare" if "held_out.rare" in measures else "",
            primary=tuple(filter(None, self.config.primary.split(","))),
        )

    def _measures(self, cut: bool) -> dict[str, str]:
        """The measures in words, the one that decides first; `cut`: whether every regime has unused tracks."""

        def tested(part: str) -> bool:
            return part in self.parts and bool(np.isin(self.rare, self.parts[part].labels).any())

        wanted = [(NEW, ("rare", "certainty"))] if cut or tested("test") else []
        wanted += [(part, ("rare", "macro", "accuracy")) for part in ("test", "held_out") if part in self.parts]
        wanted += [("unused", ("rare",))] if cut else []
        return {
            f"{part}.{kind}": f"{KINDS[kind].format(rare=len(self.rare))}, {GROUPS[part]}"
            for part, kinds in wanted for kind in kinds
            if kind != "rare" or part in (NEW, "unused") or tested(part)
        }  # fmt: skip

    @functools.lru_cache(maxsize=2)  # noqa: B019  a study lives as long as its process
    def training(self, regime: str, draw: int) -> LabelledImages:
        """The training images of a regime."""
        return self.fit.take(self._kept(regime, draw))

    @functools.cache  # noqa: B019
    def _kept(self, regime: str, draw: int) -> np.ndarray:
        return signs_arms.kept_tracks(self.fit, regime, self.rare, self.config.first_draw + draw)

    def tested(self, regime: str, draw: int) -> dict[str, tuple[LabelledImages, np.ndarray]]:
        """What classifiers are tested on, by part, and the places of the images in the data that they are of."""
        found = {part: (signs, np.arange(len(signs))) for part, signs in self.parts.items()}
        unused = np.flatnonzero(~self._kept(regime, draw))
        return found | ({"unused": (self.fit.take(unused), unused)} if len(unused) else {})

    @functools.cache  # noqa: B019
    def _training_digest(self, regime: str, draw: int) -> str:
        return self.training(regime, draw).digest()

    def data_identity(self, cell: Cell) -> dict[str, Any]:
        """See `Experiment`."""
        arm, config = self.arms[cell.arm], self.config
        identity = {
            "recipe": recipe(policies, last_layer),
            "training": self._training_digest(cell.regime, self.design.draw(cell.seed)),
            "tests": self._digests, "rare": self.rare, "batch_size": config.batch_size,
            "policy": config.policy if arm.varied else policies.NONE,
        }  # fmt: skip
        return identity | {source: pool.identity for source, pool in self._pools(cell).items()}

    def trainer(self, cell: Cell) -> ClassifierTrainer:
        """See `Experiment`."""
        arm, config, signs = self.arms[cell.arm], self.config, self.training(cell.regime, self.design.draw(cell.seed))
        images, labels = self._further(arm, cell, signs)
        real = mirrored_within(signs, cell.regime, self.rare) if arm.varied else signs
        shares = shares_of(arm, signs.counts(), np.bincount(labels, minlength=len(signs.classes)), config.steps)
        priors = np.maximum(shares.classes, 0.1 / len(signs)) if arm.adjusted else None
        sampler = Sampler(real.images, real.labels, len(signs.classes), shares, images, labels)
        policy = config.policy if arm.varied else policies.NONE
        return ClassifierTrainer(
            sampler, config.steps, cell.seed, config.precision, config.batch_size, policy, priors
        )

    def finish(self, model, cell: Cell) -> None:
        """See `Experiment`: the last layer is fitted anew, where the arm says so."""
        if self.arms[cell.arm].retrained:
            signs = self.training(cell.regime, self.design.draw(cell.seed))
            real = mirrored_within(signs, cell.regime, self.rare)
            last_layer.retrain(model, real.images, real.labels, self.config.policy, cell.seed)

    def measure(self, model, cell: Cell) -> Values:
        """See `Experiment`: the measures, and of each part `PART.given` and `PART.probability`."""
        judge, found, arrays = Judge(model), {}, {}
        parts = self.tested(cell.regime, self.design.draw(cell.seed))
        for part, (signs, _) in parts.items():
            probabilities = judge(signs.images)[1]
            found[part] = (
                probabilities.argmax(axis=1).astype(signs.labels.dtype),
                probabilities[np.arange(len(signs)), signs.labels],
                signs.labels,
            )
            arrays |= {f"{part}.given": found[part][0], f"{part}.probability": found[part][1].astype(np.float16)}
        new = [found[part] for part in NEW_PARTS if part in found]
        groups = found | ({NEW: tuple(map(np.concatenate, zip(*new, strict=True)))} if new else {})
        return arrays | {
            f"{part}.{kind}": value
            for part, answers in groups.items() for kind, value in measured(*answers, self.rare).items()
        }  # fmt: skip

    def answers(self, arrays: Callable[[Cell], dict[str, np.ndarray]]) -> Answers:
        """What all classifiers said of all images."""
        tables = []
        for cell in self.design.cells():
            draw, kept = self.design.draw(cell.seed), arrays(cell)
            for part, (signs, places) in self.tested(cell.regime, draw).items():
                values = cell.regime, cell.arm, draw, cell.seed, part, places, signs.labels, signs.tracks
                found = kept.get(f"{part}.given"), kept.get(f"{part}.probability")
                if not all(a is not None and a.shape == places.shape and a.dtype.kind in "iuf" for a in found):
                    raise UserError(
                        f"the answers of {cell} are not those of its images; remove its files in the folder {CELLS} "
                        "of the study, and it is run again."
                    )
                tables.append(pd.DataFrame(dict(zip(COLUMNS, (*values, *found), strict=True))))
        return Answers(pd.concat(tables, ignore_index=True), tuple(self.rare))

    def describe(self, report: Report, results: Results) -> None:
        """Add data, generators and their images to the report."""
        signs_report.describe(self, report, results)

    def _further(self, arm: Arm, cell: Cell, signs: LabelledImages) -> tuple[np.ndarray, np.ndarray]:
        """The images of an arm that are not real, and their labels."""
        parts = [pool.read()[:2] for pool in self._pools(cell).values()]
        images, labels = zip((signs.images[:0], signs.labels[:0].astype(np.int64)), *parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def _pools(self, cell: Cell) -> dict[str, Pool]:
        """The further images of an arm by where they are from."""
        found = {}
        for source in self.arms[cell.arm].sources:
            for key in ((source, cell.regime, self.design.draw(cell.seed)), (source, "", 0)):
                if key in self.sources:
                    found[source] = self.sources[key].pool
        return found


def arms_of(config, data: DataSet) -> tuple[Arm, ...]:
    """The arms of a study; by default without what needs a pictogram of every class where the data are of others.

    Raises:
        UserError: what needs pictograms is asked for there.
    """
    signs = data.classes == GTSRB
    arms = parse_arms(config.arms or (signs_arms.SIGN_ARMS if signs else signs_arms.OWN_ARMS))
    odd = {source for arm in arms for source in arm.sources if source in OF_GTSRB}
    if odd and not signs:
        raise UserError(
            f"{' and '.join(sorted(odd))} needs the pictograms of GTSRB's classes, and {data.name} has others; leave "
            "it out of arms."
        )
    if odd and data.train.size != SIZE:
        raise UserError(f"{' and '.join(sorted(odd))} makes images of {SIZE}x{SIZE}; give image_size={SIZE}.")
    return arms


def shares_of(arm: Arm, real: np.ndarray, further: np.ndarray, steps: int) -> Shares:
    """How often an arm draws what.

    Args:
        arm: the arm.
        real: integers (C,), real images of each class, without mirror images.
        further: integers (C,), images of each class that are not real.
        steps: of the training.
    """
    present = (real + further) > 0
    classes = present / np.count_nonzero(present) if arm.even else real / real.sum()
    return Shares(classes, np.where(real > 0, arm.share, 1.0) * (further > 0), steps)


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
        UserError: the data or the good run is not what the study needs.
        Stopped: the training of a generator was stopped.
    """
    study = SignStudy(config, {})
    used = {source for arm in study.arms.values() for source in arm.sources}
    draws = range(min(config.draws or config.seeds, config.seeds))
    for regime in study.design.regimes:  # before hours of training: whether each can be cut
        study.training(regime, 0)
    makers: dict[str, Any] = {
        GENERATED: lambda regime, draw: generators.classes(regime, draw, study.training(regime, draw), study.rare),
        PASTED: lambda regime, draw: pasted_pool(folder, study.training(regime, draw), study.rare, study.fit),
    }
    generators = Generators(folder, study.signs, config, train, say)
    if signs_arms.DRAWN in used:
        study.sources[signs_arms.DRAWN, "", 0] = drawn_pool(folder, study.rare)
    if PAINTED in used:
        others = study.fit.take(~np.isin(study.fit.labels, study.rare))
        study.sources[PAINTED, "", 0] = painted_pool(folder, generators.painter(others), study.rare)
    for source in sorted(used & makers.keys()):
        for regime in study.design.regimes:
            for draw in draws if regime != FULL else (0,):
                study.sources[source, regime, draw] = makers[source](regime, draw)
            if regime == FULL:  # the data are the same in all draws
                study.sources |= {(source, regime, draw): study.sources[source, regime, 0] for draw in draws}
    return study, functools.partial(SignStudy, config, study.sources)
