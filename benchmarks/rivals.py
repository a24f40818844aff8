"""What a classifier can do for rare classes without further images: ways to vary photos, and ways to train.

uv run --extra sampling benchmarks/rivals.py --data traffic-signs-data

Each trial trains the study's classifier (`gan.study.signs`) where ten classes keep two tracks, and is tested on the
held-out signs only: what is chosen here may then be reported on others. Finished trials are kept in `output`; give
more `seeds`, which are other tracks, to those that lead.
"""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import keras
import numpy as np
import tensorflow as tf

from gan.commands.study import StudyConfig, settled
from gan.config import PRECISIONS, Config, option, require, run
from gan.dcgan import last_layer
from gan.dcgan.classifier import SMOOTHING, ClassifierTrainer
from gan.study import grid
from gan.study.grid import Cell, Store, conduct
from gan.study.signs import SignStudy
from gan.study.signs_arms import Arm
from gan.training import policies, sampling
from gan.training.policies import MILD, STRONG, WIDE

REGIME, HELD_OUT = "2", "held_out"
VIEW = {name: getattr(policies, name) for name in ("TURN", "SHIFT", "ZOOM", "SQUEEZE", "SHEAR", "PERSPECTIVE")}
LIGHT = {name: getattr(policies, name) for name in ("LIGHT", "TINT", "GREY", "GAMMA")}
FURTHER = 1.5  # times the strength of the strong policy
NEAREST = 5  # SMOTE's neighbours (Chawla et al. 2002, arXiv 1106.1813)


def scaled(settings: dict[str, float], factor: float) -> dict[str, float]:
    """Settings of the strong policy, stronger or weaker."""
    return {name: value * factor for name, value in settings.items()}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One way to train.

    Attributes:
        words: for tables.
        policy: how images are varied.
        settings: constants of `gan.training.policies` that are others here.
        layer: name of a Keras layer that varies batches further; "" for none.
        even: classes are drawn evenly, and not as often as the data has them.
        adjusted: logits are adjusted by how often classes are seen.
        head: how the last layer is trained once more, on features: "", "retrained" or "smote".
    """

    words: str
    policy: str = STRONG
    settings: dict[str, float] = dataclasses.field(default_factory=dict)
    layer: str = ""
    even: bool = True
    adjusted: bool = False
    head: str = ""


TRIALS = {
    "strong": Trial("the strong policy, classes drawn evenly: the arm `classical`"),
    "mild": Trial("the mild policy", MILD),
    "still": Trial("strong, but for the view", settings=scaled(VIEW, 0)),
    "unlit": Trial("strong, but for light and colours", settings=scaled(LIGHT, 0)),
    "plain": Trial("strong, but for blur, noise and things before the sign", settings={"SHARE": 0.0}),
    "far-view": Trial(f"strong, view {FURTHER} times as far", settings=scaled(VIEW, FURTHER)),
    "wide": Trial("the wide policy: strong, light and colours 1.5 times as far", WIDE),
    "wide-adjusted": Trial("the wide policy; logits adjusted", WIDE, even=False, adjusted=True),
    "wide-retrained": Trial("the wide policy; retrained", WIDE, even=False, head="retrained"),
    "mixup": Trial("strong and mixup (arXiv 1710.09412)", layer="MixUp"),
    "cutmix": Trial("strong and CutMix (arXiv 1905.04899)", layer="CutMix"),
    "randaugment": Trial("RandAugment (arXiv 1909.13719) instead, and shifts", policy=MILD, layer="RandAugment"),
    "adjusted": Trial("strong; logits adjusted: the arm `adjusted` (arXiv 2007.07314)", even=False, adjusted=True),
    "retrained": Trial(
        "strong, classes as in the data; the last layer trained once more, classes evenly (arXiv 1910.09217)",
        even=False, head="retrained",
    ),
    "smote": Trial("the same, filled up to the median by SMOTE between features", even=False, head="smote"),
}  # fmt: skip


class TrialTrainer(ClassifierTrainer):
    """The study's classifier, with a layer of Keras behind the policy, and constants of the policy changed."""

    def __init__(self, trial: Trial, sampler: sampling.Sampler, config, seed: int, priors: np.ndarray | None):
        super().__init__(sampler, config.steps, seed, config.precision, config.batch_size, trial.policy, priors)
        self._trial, self._layer = trial, None
        if trial.layer:
            made = getattr(keras.layers, trial.layer)
            self._layer = made(value_range=(-1, 1), seed=seed) if trial.layer == "RandAugment" else made(seed=seed)

    def batch(self, iteration):
        """Float32 images and the shares 0-1 of classes in them, float32 (N, C)."""
        with mock.patch.dict(vars(policies), self._trial.settings):  # read when the step is compiled
            images, labels = super().batch(iteration)
        shares = tf.one_hot(labels, self._sampler.classes)
        if self._layer is None:
            return images, shares
        if self._trial.layer == "RandAugment":
            return self._layer(tf.clip_by_value(images, -1.0, 1.0), training=True), shares
        mixed = self._layer({"images": images, "labels": shares}, training=True)
        return mixed["images"], mixed["labels"]

    def loss_and_accuracy(self, labels, logits):
        """As the study's, of shares of classes."""
        classes = self._sampler.classes
        targets = labels * (1 - SMOOTHING) + SMOOTHING / classes
        adjusted = logits if self._adjustment is None else logits + self._adjustment
        losses = tf.nn.softmax_cross_entropy_with_logits(targets, adjusted)
        right = tf.argmax(logits, axis=1) == tf.argmax(labels, axis=1)
        return tf.reduce_mean(losses), tf.reduce_mean(tf.cast(right, tf.float32))


class Rivals(SignStudy):
    """Trials as arms of a study that is tested on held-out signs only."""

    def __init__(self, config: StudyConfig, names: tuple[str, ...]):
        super().__init__(config, {})
        self.arms = {
            name: Arm(name, t.words, even=t.even, adjusted=t.adjusted)
            for name, t in ((name, TRIALS[name]) for name in names)
        }
        self.parts = {HELD_OUT: self.parts[HELD_OUT]}
        kinds = {f"{HELD_OUT}.{kind}": kind for kind in ("rare", "certainty", "accuracy")}
        self.design = dataclasses.replace(
            self.design, arms={name: TRIALS[name].words for name in names}, measures=kinds,
            headline=f"{HELD_OUT}.rare",
        )  # fmt: skip

    def data_identity(self, cell: Cell) -> dict[str, Any]:
        """See `gan.study.experiment.Experiment`."""
        return super().data_identity(cell) | {"trial": dataclasses.asdict(TRIALS[cell.arm]) | {"words": ""}}

    def tested(self, regime: str, draw: int):
        """The held-out signs, and their places."""
        signs = self.parts[HELD_OUT]
        return {HELD_OUT: (signs, np.arange(len(signs)))}

    def trainer(self, cell: Cell) -> ClassifierTrainer:
        """See `gan.study.experiment.Experiment`."""
        plain = super().trainer(cell)
        priors = None if plain._adjustment is None else np.exp(plain._adjustment.numpy())
        return TrialTrainer(TRIALS[cell.arm], plain._sampler, self.config, cell.seed, priors)

    def finish(self, model, cell: Cell) -> None:
        """See `gan.study.experiment.Experiment`."""
        trial, signs = TRIALS[cell.arm], self.training(cell.regime, self.design.draw(cell.seed))
        if trial.head:
            found, labels = last_layer.features(model, signs.images, trial.policy, cell.seed), signs.labels
            found, labels = filled_up(found, labels, cell.seed) if trial.head == "smote" else (found, labels)
            last_layer.fit_last_layer(model, found, labels)


def filled_up(found: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features, float32 (N, F), and labels, small classes filled up to the median class by points between theirs."""
    from imblearn.over_sampling import SMOTE

    counts = np.bincount(labels)
    wanted = {k: max(count, int(np.median(counts))) for k, count in enumerate(counts) if count}
    return SMOTE(sampling_strategy=wanted, k_neighbors=NEAREST, random_state=seed).fit_resample(found, labels)


@dataclasses.dataclass(frozen=True)
class RivalsConfig(Config):
    """Compare ways to train without further images, by held-out signs."""

    data: str = option("traffic-signs-data", "GTSRB, with tracks")
    trials: str = option(",".join(TRIALS), f"some of {', '.join(TRIALS)}, with commas between them")
    seeds: int = option(1, "repetitions, each with other tracks and other first weights", ge=1, le=100)
    first_draw: int = option(100, "number of the first choice of tracks; the study takes 0 and on", ge=0, le=10**6)
    steps: int = option(1_500, "updates of 128 images", ge=1, le=1_000_000)
    precision: str = option("bfloat16", "float32 or bfloat16", tuple(PRECISIONS))
    workers: int = option(2, "processes that share the cores", ge=1, le=64)
    output: str = option("images/rivals", "folder for finished trials")

    def __post_init__(self):
        super().__post_init__()
        names = grid.split_names("trials", self.trials)
        require(set(names) <= set(TRIALS), "trials", f"some of {', '.join(TRIALS)}", self.trials)


def main(config: RivalsConfig) -> None:
    """Train what is missing, and print the trials from the best on."""
    names = tuple(grid.split_names("trials", config.trials))
    study = settled(StudyConfig(
        data=config.data, arms="classical", regimes=REGIME, seeds=config.seeds, first_draw=config.first_draw,
        steps=config.steps, precision=config.precision, policy=STRONG,
    ))  # fmt: skip
    folder = Path(config.output)
    grid.require_own(folder)
    build = functools.partial(Rivals, study, names)
    rivals = build()
    cells = conduct(rivals, build, Store(folder, rivals), config.workers)
    measures = list(rivals.design.measures)
    values = {
        name: np.array([[cells[Cell(seed, REGIME, name)][m] for m in measures] for seed in range(config.seeds)])
        for name in names
    }
    print(f"held-out signs, percent, mean of {config.seeds}: rare, its certainty, all; each repetition's rare")
    for name in sorted(names, key=lambda name: -values[name].mean(axis=0)[0]):
        mean, each = 100 * values[name].mean(axis=0), 100 * values[name][:, 0]
        figures = " ".join(f"{value:5.1f}" for value in mean)
        print(f"{name:<12} {figures}  ({', '.join(f'{value:.1f}' for value in each)})  {TRIALS[name].words}")


if __name__ == "__main__":
    run(RivalsConfig, main)
