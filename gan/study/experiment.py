"""What the studies of signs and scenes share: a cell trains one network and measures it on held-out parts."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any

from gan.study.grid import Cell, Design, Tick, Values
from gan.training.devices import make_deterministic
from gan.training.loop import Trainable, train_quietly


class Experiment:
    """A `gan.study.grid.Study`; a kind of data adds `design`, `describe` and what is declared here.

    Attributes:
        config: of the command (`gan.commands.study.StudyConfig`).
        arms: by name; each has `name`, `words` for tables, and `generated`, whether it uses generated images.
        parts: what networks are tested on, by name; the first one decides.
        data_identity: what `identity` says of a cell's recipe and data.
        trainer: what a cell trains, on the training set of its arm and regime.
        measure: what a network (a keras Model) is worth, by part and measure, and arrays to keep.
    """

    lifetime = 4  # TensorFlow keeps the graphs of loops, and the images in them, to the end of a process
    parts: dict[str, Any]
    data_identity: Callable[[Cell], dict[str, Any]]
    trainer: Callable[[Cell], Trainable]
    measure: Callable[[Any, Cell], Values]

    def __init__(self, config, arms: Sequence[Any]):
        make_deterministic()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that every cell compiles a new network
        self.config, self.steps, self.arms = config, config.steps, {arm.name: arm for arm in arms}

    def arranged(self, **fields) -> Design:
        """A design with the arms and seeds of this study."""
        words = {arm.name: arm.words for arm in self.arms.values()}
        generated = tuple(arm.name for arm in self.arms.values() if arm.generated)
        return Design(arms=words, generated=generated, seeds=self.config.seeds, **fields)

    def identity(self, cell: Cell) -> dict[str, Any]:
        """All that decides the numbers of a cell."""
        config, arm = self.config, dataclasses.asdict(self.arms[cell.arm]) | {"words": ""}
        identity = {"task": config.task, "arm": arm, "seed": cell.seed, "steps": config.steps}
        return identity | {"precision": config.precision} | self.data_identity(cell)

    def run_cell(self, cell: Cell, tick: Tick) -> Values:
        """Train one network and test it."""
        trainer = self.trainer(cell)
        train_quietly(trainer, self.steps, tick)
        self.finish(trainer.model, cell)
        return self.measure(trainer.model, cell)

    def finish(self, model: Any, cell: Cell) -> None:
        """What is done to a trained network before it is measured: nothing."""

    def answers(self, arrays: Callable[[Cell], dict[str, Any]]) -> Any:
        """See `gan.study.grid.Study`: none."""
        return None
