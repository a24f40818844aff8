"""Judges of generated images: found in the archive by what they were trained with, else trained and put there.

A judge is known by its data, its configuration (iterations and seed among them) and its recipe, a digest of its
network and its training settings: scores by judges of different recipes never stand side by side.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gan import checkpoints
from gan.archive.goodruns import GoodRun, newest_of
from gan.archive.runs import Run, archived_run
from gan.checkpoint_info import CheckpointInfo
from gan.errors import UserError
from gan.report import Report


@dataclasses.dataclass(frozen=True)
class JudgeConfig:
    """The configuration of a judge's training."""

    data: str  # name of the data set
    iterations: int  # updates
    seed: int = 0  # of weights and draws


@dataclasses.dataclass(frozen=True)
class JudgeKey:
    """What a judge is found by.

    Attributes:
        kind: "classifier" or "segmenter".
        config: all its fields but `data`, a name, belong to the key.
        digest: of the data that it learns.
        recipe: see `recipe`.
    """

    kind: str
    config: JudgeConfig
    digest: str
    recipe: str

    def traits(self) -> dict[str, str]:
        """Tags and parameters of the run that trained it."""
        values = {name: str(value) for name, value in dataclasses.asdict(self.config).items() if name != "data"}
        return values | {"data_digest": self.digest, "recipe": self.recipe}


@dataclasses.dataclass(frozen=True)
class TrainedJudge:
    """A judge after its training, with what the archive keeps of it."""

    model: Any  # a keras Model of images to features and logits
    quality: dict[str, float]  # on held-out data, by name; kept in its checkpoint
    metrics: dict[str, float]
    by_class: dict[str, Sequence]  # columns of a table; NaN where there is nothing
    report: Report
    lines: list[str]  # what the user reads
    warning: tuple[str, str] | None  # name and words of a warning tag, where it is a rough guide only


def recipe(model: Any, *modules: ModuleType) -> str:
    """A digest of a network and of the training settings around it.

    Args:
        model: a keras Model, whose configuration counts, not its weights.
        modules: those that train it; their constants (names in capitals) count.

    Returns:
        16 hexadecimal digits.
    """
    settings = [{name: value for name, value in vars(module).items() if name.isupper()} for module in modules]
    text = json.dumps([model.get_config(), settings], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def find_judge(key: JudgeKey, model: Any) -> GoodRun | None:
    """The newest run that trained this very judge, its weights put into `model`; None where there is no whole one."""
    found = newest_of(key.kind, key.traits())
    if found is not None:
        with contextlib.suppress(UserError):  # damaged weights: train anew
            checkpoints.load(found.checkpoint, {key.kind: model.variables})
            return found
    return None


def train_judge(
    key: JudgeKey, name: str, images: int, train: Callable[[Run], TrainedJudge], say: Callable[[str], None]
) -> tuple[TrainedJudge, str]:
    """Train a judge in a run of its own and keep it.

    Args:
        key: what it is to be found by.
        name: of the run.
        images: images that it learns.
        train: trains it; logs its curves to the run that it is given.
        say: prints a line for the user.

    Returns:
        The judge and the id of the run.
    """
    config = key.config
    with archived_run(key.kind, name, config, own=True) as run:
        run.data(config.data, key.digest)
        run.tags({"recipe": key.recipe})
        judge = train(run)
        run.metrics({name: value for name, value in judge.metrics.items() if np.isfinite(value)}, config.iterations)
        data = {"name": config.data, "digest": key.digest, "images": images}
        class_val = "all" if key.kind == "classifier" else ""
        settings = dataclasses.asdict(config)
        info = CheckpointInfo(key.kind, class_val, config.iterations, judge.quality, settings, data, run.id)
        run.checkpoint(info, {key.kind: judge.model.variables})
        run.model(judge.model, np.zeros((1, *judge.model.input_shape[1:]), np.float32), config.iterations)
        run.report(judge.report)
        run.table("by_class.json", judge.by_class)
        run.describe("\n\n".join([f"Judges what is generated; trained on **{config.data}**.", *judge.lines]))
        for line in judge.lines:
            say(line)
        if judge.warning is not None:
            tag, words = judge.warning
            say(f"warning: {words}; its scores are a rough guide")
            run.tags({f"warning.{tag}": words})
    return judge, run.id
