"""The smallest real job of each command that writes."""

import dataclasses
import functools
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gan import config as command_line
from tests import conftest, made_up_balance, made_up_goodrun, made_up_scene_run

# Scripts import these inside `main`; imported here, a forked process has them.
from gan import archive  # isort: skip
from gan.commands import augment_scenes, balance, export, new_signs, prepare, promote, study  # isort: skip
import evaluate  # isort: skip
import train_dcgan  # isort: skip
import train_pix2pix  # isort: skip

CLASS = 17
TRAINING = {
    "data": "signs", "class_val": str(CLASS), "iterations": "4", "checkpoint_interval": "2", "sample_interval": "2",
    "batch_size": "4", "keep_checkpoints": "0", "precision": "float32", "judge_iterations": "0",
}  # fmt: skip
SCENES = {
    "preset": "paper", "data": "drawn:6", "iterations": "4", "checkpoint_interval": "2", "sample_interval": "2",
    "keep_checkpoints": "0", "width": "64", "height": "32", "precision": "float32", "segmenter_iterations": "0",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Job:
    """A command, what it needs in its working folder, and stand-ins for what takes long.

    Attributes:
        name: of the command.
        config: its parameters' class.
        main: of the command.
        options: of the command line.
        made: what it makes, patterns of paths in the working folder.
        set_up: puts what it needs into the working folder, which is the present one.
        stand_in: patches what takes long.
        has_archive: whether there is one, with a run, before.
    """

    name: str
    config: Any
    main: Callable[[Any], Any]
    options: dict[str, str]
    made: tuple[str, ...]
    set_up: Callable[[], object] = lambda: None
    stand_in: Callable[[pytest.MonkeyPatch], None] = lambda patch: None
    has_archive: bool = True

    def run(self, **changed: str) -> int:
        """The command, as its command line starts it; ends with SystemExit."""
        self.stand_in(pytest.MonkeyPatch())
        options = [text for name, value in (self.options | changed).items() for text in (f"--{name}", value)]
        command_line.run(self.config, self.main, options)


def signs() -> None:
    made_up_balance.write_place(Path.cwd())


def archived() -> None:
    """An archive that holds a run."""
    with archive.archived_run("prepare", "before", balance.BalanceConfig()) as run:
        run.metrics({"before": 1.0}, 0)


def trained() -> None:
    signs()
    TRAIN_DCGAN.stand_in(pytest.MonkeyPatch())
    train_dcgan.main(command_line.parse(train_dcgan.TrainConfig, [f"--{k}={v}" for k, v in TRAINING.items()]))
    Path("run.id").write_text(archive.newest_run("dcgan", str(CLASS)) or "")


def one_sign() -> None:
    from gan.drawn.pictograms import pictogram

    Path("pictograms").mkdir()
    pictogram(CLASS, 100).save("pictograms/no entry.png")
    made_up_goodrun.write_goodrun(Path("run"), pictograms=True)


def of_streets(patch: pytest.MonkeyPatch) -> None:
    """Networks whose answers are known."""
    from gan.data.palettes import CITYSCAPES
    from gan.data.scene import SceneSet
    from gan.pix2pix import augment
    from tests.made_up_painter import painter, reader
    from tests.made_up_streets import some_streets

    streets = SceneSet("streets", CITYSCAPES, some_streets(6), some_streets(3, seed=1), some_streets(2, seed=2))
    traits = {"run": "a" * 32, "iteration": 300}
    good = types.SimpleNamespace(
        scenes=streets, size=(96, 64), goodrun=types.SimpleNamespace(run_id="a" * 32, iteration=300),
        traits=lambda: traits, origin=lambda: traits | {"data": "streets"}, photos=lambda seed: painter(),
        answers=lambda training, iterations, say: reader(),
    )  # fmt: skip
    patch.setattr(augment, "restore", lambda reference, data: good)


def made_up_study(patch: pytest.MonkeyPatch) -> None:
    """Experiments whose numbers are known."""
    from gan.study import signs as signs_study
    from tests.made_up_study import MadeUp

    made = functools.partial(MadeUp, seeds=2, arrays=True)
    patch.setattr(signs_study, "prepare", lambda *_: (made(), made))
    patch.setattr(study, "STATE_BYTES", 1_000_000)
    patch.setattr(study, "generators", lambda config: 0)


def without_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prepare, "ROOM", 300_000)


def promoted(config: Any) -> None:
    promote.main(dataclasses.replace(config, run_id=Path("run.id").read_text()))


PREPARE = Job(
    "prepare (signs)", prepare.PrepareConfig, prepare.main, {"source": "signs", "output": "prepared"},
    ("prepared/*", "images/data/*"), signs, without_room,
)  # fmt: skip
TRAIN_DCGAN = Job(
    "train_dcgan", train_dcgan.TrainConfig, train_dcgan.main, TRAINING, ("images/train/**/*.png",), signs,
    conftest.narrow,
)  # fmt: skip
JOBS = (
    PREPARE,
    dataclasses.replace(PREPARE, name="prepare (first archive)", has_archive=False),
    Job(
        "prepare (scenes)", prepare.PrepareConfig, prepare.main,
        {
            "dataset": "pairs", "source": "drawn:6", "output": "scenes", "width": "64", "height": "32",
            "zipped": "true",
        },
        ("scenes/**/*", "images/data/*"),
    ),
    TRAIN_DCGAN,
    Job(
        "train_pix2pix", train_pix2pix.TrainConfig, train_pix2pix.main, SCENES, ("images/train/**/*.png",),
        stand_in=made_up_scene_run.narrow,
    ),
    Job(
        "evaluate", evaluate.EvaluateConfig, evaluate.main,
        {"goodrun_ref": "one", "class_val": str(CLASS), "count": "4", "scores": "none", "output": "evaluated"},
        ("evaluated/*.png", "evaluated/*.json"), signs,
    ),
    Job(
        "balance", balance.BalanceConfig, balance.main,
        {"goodrun_ref": "run", "source": "signs", "target": "5", "output": "balanced"}, ("balanced/**/*",), signs,
        made_up_balance.stand_in,
    ),
    Job(
        "augment_scenes", augment_scenes.AugmentConfig, augment_scenes.main,
        {"goodrun_ref": "good", "classes": "person", "count": "2", "zipped": "true", "output": "augmented"},
        ("augmented/**/*",), stand_in=of_streets,
    ),
    Job("study", study.StudyConfig, study.main, {"output": "studied"}, ("studied/**/*",), stand_in=made_up_study),
    Job(
        "export", export.ExportConfig, export.main,
        {"goodrun_ref": "one", "class_val": str(CLASS), "output": "exported"}, ("exported/*",), signs,
    ),
    Job(
        "new_signs", new_signs.NewSignsConfig, new_signs.main,
        {"goodrun_ref": "run", "pictograms": "pictograms", "count": "2", "output": "new"}, ("new/**/*",), one_sign,
    ),
    Job("promote", promote.PromoteConfig, promoted, {"run_id": "a" * 32, "name": "signs"}, (), trained),
)  # fmt: skip
