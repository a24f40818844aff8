"""A grid of experiments: regimes x arms x seeds. A finished cell is a file with a few numbers.

What is trained and measured in a cell is behind `Study`; this module knows nothing of networks or images.
"""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pydantic

from gan import processes
from gan.arrays import read_arrays, require_arrays
from gan.errors import UserError
from gan.files import read_file, replacing
from gan.invocation import code_version
from gan.progress import progress

CELLS = "cells"  # the subfolder of a study's folder that holds a file for each cell
MARK = "study.json"  # a folder that holds it belongs to a study

Values = dict[str, Any]  # floats, and arrays that are kept beside them
Tick = Callable[[int], None]


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    """One experiment: an arm in a regime with a seed."""

    seed: int
    regime: str
    arm: str

    def __str__(self) -> str:
        return f"{self.regime} / {self.arm} / seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Design:
    """What is compared with what. Arms, regimes and measures are descriptions by name, in the order of tables."""

    title: str
    arms: dict[str, str]
    generated: tuple[str, ...]  # the arms that use generated images; the others are what they must beat
    regimes: dict[str, str]
    axis: str  # what the regimes differ in ("tracks kept")
    seeds: int  # repetitions of every arm in every regime
    measures: dict[str, str]  # shares from 0 to 1, higher is better
    headline: str  # the measure that decides
    subject: str  # the headline in a sentence ("the recall of the rare classes")
    draws: int = 0  # choices of training data that the seeds take in turns; 0: a seed is one
    chosen_by: str = ""  # the measure that chooses which arms are compared; "" for the one that is compared
    primary: tuple[str, ...] = ()  # the arm with generated images and the other that were chosen before

    def draw(self, seed: int) -> int:
        """Which choice of training data a seed has."""
        return seed % self.draws if self.draws else seed

    def cells(self) -> list[Cell]:
        """All experiments, every arm once before any is repeated."""
        return [Cell(seed, regime, arm) for seed in range(self.seeds) for regime in self.regimes for arm in self.arms]


class Study(Protocol):
    """One kind of data; built anew in every worker."""

    design: Design
    steps: int  # ticks of a cell
    lifetime: int  # cells that a process runs before its memory is given back; 0: any number

    def identity(self, cell: Cell) -> dict[str, Any]:
        """All that decides the numbers of a cell, as JSON: equal identity, equal numbers."""

    def run_cell(self, cell: Cell, tick: Tick) -> Values:
        """A value of every measure; a pure function of the cell's identity."""

    def describe(self, report: Any, results: Any) -> None:
        """Add data, generators and pictures to the report (`gan.report.Report`)."""

    def answers(self, arrays: Callable[[Cell], dict[str, np.ndarray]]) -> Any:
        """What the arrays of all cells say together (`gan.study.answers.Answers`), or None."""


class Stopped(Exception):
    """A training that the study had started was stopped; the argument is its exit status."""


class Record(pydantic.BaseModel):
    """The file of a finished cell."""

    cell: Any = None
    values: dict[str, pydantic.FiniteFloat]
    arrays: bool = False
    seconds: float = 0.0
    code_version: str = "unknown"
    identity: dict[str, Any]


class Store:
    """The finished cells of a study in its folder; files of other identities lie beside them."""

    def __init__(self, folder: Path, study: Study):
        self._folder, self._study, self._version = folder / CELLS, study, code_version()

    def write(self, cell: Cell, values: Values, seconds: float) -> Values:
        """Keep the answer of a cell, whole or not at all; a ValueError where a measure is missing or not finite.

        Arrays go into a file of the same name with the ending .npz.
        """
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        try:
            record = Record(
                cell=dataclasses.asdict(cell), values={name: values[name] for name in self._study.design.measures},
                arrays=bool(arrays), seconds=round(seconds, 1), code_version=self._version,
                identity=self._study.identity(cell),
            )  # fmt: skip
        except (KeyError, ValueError):
            raise ValueError(f"{cell} answered {values}") from None
        path = self._path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrays:
            with replacing(path.with_suffix(".npz")) as file:
                np.savez_compressed(file, **arrays)
        with replacing(path) as file:
            file.write(record.model_dump_json(indent=1).encode())
        return record.values

    def finished(self) -> dict[Cell, Values]:
        """The numbers of all finished cells of the design."""
        return {cell: record.values for cell, record in self._records().items()}

    def arrays(self, cell: Cell) -> dict[str, np.ndarray]:
        """The arrays of a finished cell."""
        return require_arrays(self._path(cell).with_suffix(".npz"), {})

    def notes(self) -> list[str]:
        """How long the finished cells took together, and which versions of the code ran them."""
        records = self._records().values()
        seconds = sum(record.seconds for record in records)
        took = f"{seconds / 3600:.1f} hours" if seconds > 7200 else f"{seconds / 60:.1f} minutes"
        return [
            f"{len(records)} experiments of {self._study.steps} steps took {took} of computing.",
            f"Version of the code: {', '.join(sorted({record.code_version for record in records}))}.",
        ]

    def _path(self, cell: Cell) -> Path:
        place = self._folder / plain(cell.regime) / plain(cell.arm)
        return place / f"seed-{cell.seed:02d}-{digest(self._study.identity(cell))}.json"

    def _records(self) -> dict[Cell, Record]:
        found, design = {}, self._study.design
        for cell in design.cells():
            with contextlib.suppress(OSError, ValueError, KeyError):  # not finished, or damaged
                record = Record.model_validate_json(read_file(path := self._path(cell)))
                record.values = {name: record.values[name] for name in design.measures}
                same = record.identity == json.loads(json.dumps(self._study.identity(cell)))
                if same and (not record.arrays or _whole(path.with_suffix(".npz"))):
                    found[cell] = record
        return found


def conduct(
    study: Study,
    build: Callable[[], Study],
    store: Store,
    workers: int = 1,
    cluster: str = "",
) -> dict[Cell, Values]:
    """Run all cells that are not finished; each is kept as soon as it is.

    Args:
        study: what is studied.
        build: makes the same study in a worker; can be pickled.
        store: where cells are kept.
        workers: processes side by side; one works in this process where cells are few.
        cluster: see `gan.processes.run`.

    Returns:
        The numbers of all cells, in the order of the design.

    Raises:
        UserError: a worker ended without an answer, or the cluster is not there.
    """
    cells, done = study.design.cells(), store.finished()
    missing = [cell for cell in cells if cell not in done]
    with progress(len(cells) * study.steps, f"{len(cells)} experiments", "step", len(done) * study.steps) as bar:
        bar.set_postfix_str(f"{len(done)} done")
        here = workers == 1 and not cluster and (not study.lifetime or len(missing) <= study.lifetime)
        answers = (
            ((cell, *processes.timed(study, cell, bar.update)) for cell in missing)
            if here else processes.run(build, missing, workers, study.lifetime, bar, cluster)
        )  # fmt: skip
        with contextlib.closing(answers):
            for cell, values, seconds in answers:
                done[cell] = store.write(cell, values, seconds)
                bar.set_postfix_str(f"{len(done)} done")
    return {cell: done[cell] for cell in cells}


def require_own(folder: Path) -> None:
    """Make a study's folder; raise a UserError where it holds something of the user's."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"output {folder} is a file; name a folder.")
    if folder.exists() and not (folder / MARK).is_file() and any(folder.iterdir()):
        raise UserError(f"output {folder} holds other files already; name a folder that is new, empty or a study's.")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MARK).is_file():
        with replacing(folder / MARK) as file:
            file.write(b"{}")


def cached_arrays(folder: Path, identity: Any, make: Callable[[], dict[str, np.ndarray]]) -> Path:
    """The .npz file in `folder` that an identity (JSON) names: made now, unless it is there and whole."""
    path = folder / f"{digest(identity)}.npz"
    if not _whole(path):
        folder.mkdir(parents=True, exist_ok=True)
        arrays = make()
        with replacing(path) as file:
            np.savez(file, **arrays)
    return path


def digest(identity: Any) -> str:
    """Ten hexadecimal digits that name an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]


def plain(name: str) -> str:
    """A name as every file system and MLflow take it."""
    return re.sub(r"[^\w.-]", "-", name)


def split_names(parameter: str, text: str) -> list[str]:
    """The names in a parameter, with commas between them; a UserError where one is there twice."""
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names):
        raise UserError(f"{parameter} names one twice: {text!r}.")
    return names


def _whole(path: Path) -> bool:
    try:
        read_arrays(path)
    except ValueError:  # it is made again
        return False
    return True
