"""A study without networks, for the tests of what every study shares."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np

from gan.errors import UserError
from gan.study.grid import Cell, Design

ARMS = {"real": "nothing added", "classical": "turned and moved", "generated": "filled up"}
REGIMES = {"1": "One track", "full": "Full data"}
LEVELS = {"real": 0.5, "classical": 0.6, "generated": 0.7}
MEASURES = {"rare": "recall of the rare classes", "macro": "recall of all classes"}


def design(seeds: int = 3, **changed) -> Design:
    whole = Design("Does it help?", ARMS, ("generated",), REGIMES, "tracks", seeds, MEASURES, "rare", "the recall")
    return dataclasses.replace(whole, **changed)


class MadeUp:
    """Numbers that anyone can work out: a level for each arm, lower in regime 1, and a step for each seed.

    Args:
        setting: part of every cell's identity, and of the numbers.
        trace: a file that takes a line for each cell that is run.
        trouble: what happens at the cell of seed 1, regime full, arm generated: "interrupt", "mistake", "bug",
            "killed", "slow", "lost" (the process that started this one is killed, once), or nothing.
        lifetime: cells that a process may run.
        arrays: whether cells answer an array too: their own seed.
    """

    steps = 4

    def __init__(
        self,
        setting: float = 0.0,
        trace: str = "",
        trouble: str = "",
        seeds: int = 3,
        lifetime: int = 0,
        arrays: bool = False,
    ):
        self.design, self.lifetime, self.arrays = design(seeds), lifetime, arrays
        self.setting, self.trace, self.trouble = setting, trace, trouble

    def identity(self, cell: Cell) -> dict:
        return {"arm": cell.arm, "regime": cell.regime, "seed": cell.seed, "setting": self.setting}

    def run_cell(self, cell: Cell, tick) -> dict:
        if cell == Cell(1, "full", "generated"):
            self.make_trouble()
        for _ in range(self.steps):
            tick(1)
        if self.trace:
            with Path(self.trace).open("a") as file:
                file.write(f"{cell} {os.environ.get('TF_NUM_INTRAOP_THREADS', '-')} {os.getpid()}\n")
        value = LEVELS[cell.arm] + self.setting - 0.1 * (cell.regime == "1") + 0.01 * cell.seed
        values = {"rare": value, "macro": value + 0.05, "unasked": 1.0}
        return values | ({"said": np.full(5, cell.seed, np.uint8)} if self.arrays else {})

    def make_trouble(self) -> None:
        if self.trouble == "interrupt":
            raise KeyboardInterrupt
        if self.trouble == "mistake":
            raise UserError("the data went away; bring it back.")
        if self.trouble == "bug":
            raise ZeroDivisionError("of all things")
        if self.trouble == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trouble == "lost" and not (once := Path(self.trace).with_name("lost")).exists():
            once.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        if self.trouble == "slow":
            time.sleep(600)

    def describe(self, report, results) -> None:
        report.text("Made up.")

    def answers(self, arrays) -> None:
        return None
