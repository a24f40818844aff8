"""The commands that `tests.campaigns.kills` kills: the smallest real work that writes all their kinds of files.

As a program this module is one of them in a process of its own: `python -m tests.campaigns.kill_jobs JOB OPTIONS`.
"""

import dataclasses
import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gan import config as command_line
from gan.checkpoints import NAME, file_name

SIGNS, PAIRS = "signs", "pairs.zip"
TRAINING = ["--checkpoint_interval", "4", "--sample_interval", "8", "--keep_checkpoints", "1", "--precision"]
TRAINING += ["float32"]
LAST = 16  # iterations of a training
JUDGE = file_name(2)  # of the classifier or segmenter that scores
ARCHIVE = ("gan.archive", "mlflow.store.tracking.sqlalchemy_store", "matplotlib.backends.backend_agg")
SIGN_NETWORKS = ("train_dcgan", "evaluate", "gan.dcgan.evaluation", "gan.dcgan.judge", "gan.dcgan.poses",
                 "gan.dcgan.scorer", "gan.training.following", "gan.training.run", "mlflow.keras", "mlflow.pyfunc",
                 "tests.conftest")  # fmt: skip


def as_it_is(patch: pytest.MonkeyPatch) -> None:
    """Nothing is put in place of anything."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A command with its options.

    Attributes:
        module: whose `main` is run.
        options: of the command, in a folder as it is now.
        made: patterns of the files and folders that it makes, below its folder.
        prepare: makes what the command needs, in the working folder; it runs in a process of its own.
        patch: what is put in place of slow parts.
        imports: modules that it imports later, which take long.
    """

    module: str
    options: Callable[[Path], list[str]]
    made: tuple[str, ...]
    prepare: Callable[[], None]
    patch: Callable[[pytest.MonkeyPatch], None] = as_it_is
    imports: tuple[str, ...] = ()

    def run(self, options: Sequence[str]) -> None:
        """Be the command; ends with SystemExit."""
        module = importlib.import_module(self.module)
        (config,) = (
            kind
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, command_line.Config) and kind.__module__ == self.module
        )

        def main(values: command_line.Config) -> int | None:
            self.patch(pytest.MonkeyPatch())
            return module.main(values)

        command_line.run(config, main, options)


def checkpoint_files(folder: Path) -> list[Path]:
    """All checkpoints of an archive."""
    found = folder.glob("mlruns/*/*/artifacts/checkpoints/*")
    return sorted(path for path in found if NAME.fullmatch(path.name))


def going_on(folder: Path) -> list[str]:
    """The option that goes on from the checkpoint of most iterations, if there is one and it is not the last."""
    trained = [path for path in checkpoint_files(folder) if path.name != JUDGE]
    found = max(trained, key=lambda path: (path.name, path.stat().st_mtime_ns), default=None)
    if found is None or (iteration := int(NAME.fullmatch(found.name)[1])) >= LAST:
        return []
    return ["--goodrun_ref", f"{found.parents[2].name}/{iteration}"]


def new_archive() -> None:
    """An archive without runs."""
    from gan.archive.store import prepare

    prepare()


def another_run() -> None:
    """What a later command does that writes to the archive."""
    from gan.archive import archived_run
    from gan.archive.judges import JudgeConfig

    with archived_run("prepare", "another", JudgeConfig("", 1)):
        pass


def some_signs() -> None:
    """Signs to train on, and an archive."""
    from gan.data.gtsrb import write_signs
    from gan.data.sets import open_images

    new_archive()
    drawn = open_images("drawn:400")
    Path(SIGNS).mkdir()
    write_signs(Path(SIGNS) / "train.p", drawn.train)
    write_signs(Path(SIGNS) / "test.p", drawn.test)


def more_signs() -> None:
    """Signs whose tracks can be cut, and an archive."""
    from gan.data.gtsrb import write_signs
    from gan.drawn.signs import draw_signs

    new_archive()
    Path(SIGNS).mkdir()
    for name, signs in zip(("train.p", "test.p"), draw_signs(1300, 86, 0), strict=True):
        write_signs(Path(SIGNS) / name, signs)


def trained_signs() -> None:
    """A trained run of one class; `run` names it."""
    import train_dcgan

    some_signs()
    narrow_signs(pytest.MonkeyPatch())
    config = train_dcgan.TrainConfig(
        data=SIGNS, iterations=2, batch_size=4, precision="float32", judge_iterations=0, log_model=False
    )
    Path("run").write_text(train_dcgan.train(config)[0])


def zips() -> None:
    """Official archives of signs and a zip of pairs, made up."""
    from tests.made_up_gtsrb import official_zips, write_zip
    from tests.made_up_scenes import camvid_names, pair_files

    new_archive()
    official_zips(Path("zips"))
    write_zip(Path(PAIRS), pair_files(camvid_names()))


def to_balance() -> None:
    """Signs to balance."""
    from tests.made_up_balance import write_place

    new_archive()
    write_place(Path())


def to_export() -> None:
    """A checkpoint to hand on."""
    from tests.made_up_goodrun import write_goodrun

    new_archive()
    write_goodrun(Path("run"))


def narrow_signs(patch: pytest.MonkeyPatch) -> None:
    """Small networks of signs."""
    from tests.conftest import narrow

    narrow(patch, 4)


def narrow_scenes(patch: pytest.MonkeyPatch) -> None:
    """Small networks of scenes."""
    from tests.made_up_scene_run import narrow

    narrow(patch)


def without_networks(patch: pytest.MonkeyPatch) -> None:
    """Balancing by rules instead of networks."""
    from tests.made_up_balance import stand_in

    stand_in(patch)


def painted_streets(patch: pytest.MonkeyPatch) -> None:
    """Pairs by a painter instead of a network."""
    from gan.data.palettes import CITYSCAPES
    from gan.data.scene import SceneSet
    from gan.pix2pix import augment
    from tests.commands.test_augment_scenes import GoodRun
    from tests.made_up_painter import painter
    from tests.made_up_streets import some_streets

    streets = SceneSet("streets", CITYSCAPES, some_streets(10), some_streets(6, seed=1), some_streets(2, seed=2))
    good = GoodRun(streets, painter())
    patch.setattr(augment, "restore", lambda reference, data: good)


def quick_study(patch: pytest.MonkeyPatch) -> None:
    """Small networks, and few images of each class."""
    from gan.dcgan import balance
    from gan.study import signs_generators

    narrow_signs(patch)
    patch.setattr(balance, "CHUNK", 64)
    patch.setattr(balance, "LIMIT", 2)
    patch.setattr(signs_generators, "POOL", 8)


JOBS = {
    "train_dcgan": Job(
        "train_dcgan",
        lambda folder: ["--data", SIGNS, "--iterations", str(LAST), "--batch_size", "4", "--judge_iterations", "2",
                        *TRAINING, *going_on(folder)],
        ("images/train/*/real.png", "images/train/*/generated-*.png"), some_signs, narrow_signs,
        SIGN_NETWORKS,
    ),
    "train_pix2pix": Job(
        "train_pix2pix",
        lambda folder: ["--data", "drawn:6", "--preset", "paper", "--width", "64", "--height", "32",
                        "--segmenter_iterations", "2", "--iterations", str(LAST), *TRAINING, *going_on(folder)],
        ("images/train/*/real.png", "images/train/*/generated-*.png"), new_archive, narrow_scenes,
        ("train_pix2pix", "gan.pix2pix.judge", "gan.training.following", "gan.training.run", "mlflow.keras",
         "mlflow.pyfunc", "tests.made_up_scene_run"),
    ),
    "prepare signs": Job(
        "gan.commands.prepare", lambda _: ["--source", "zips", "--output", "data"],
        ("data", "images/data"), zips, imports=("gan.pictures",),
    ),
    "prepare scenes": Job(
        "gan.commands.prepare",
        lambda _: ["--dataset", "pairs", "--source", PAIRS, "--zipped", "true", "--output", "data"],
        ("data", "images/data"), zips, imports=("gan.pictures",),
    ),
    "balance": Job(
        "gan.commands.balance",
        lambda _: ["--goodrun_ref", "run", "--source", "signs", "--target", "8", "--folders", "true",
                   "--output", "made"],
        ("made",), to_balance, without_networks,
        ("gan.dcgan.balance_report", "gan.dcgan.generator", "gan.dcgan.judge"),
    ),
    "augment_scenes": Job(
        "gan.commands.augment_scenes",
        lambda _: ["--goodrun_ref", "good", "--count", "5", "--classes", "person", "--zipped", "true", "--with_real",
                   "true", "--output", "made"],
        ("made",), new_archive, painted_streets,
        ("gan.pix2pix.augment_files", "gan.pix2pix.augment_report", "tests.commands.test_augment_scenes"),
    ),
    "study": Job(
        "gan.commands.study",
        lambda _: ["--data", SIGNS, "--arms", "real,drawn,generated", "--regimes", "2", "--seeds", "1", "--steps",
                   "2", "--batch_size", "8", "--gan_iterations", "2", "--quality", "0.01", "--output", "made"],
        ("made",), more_signs, quick_study, (*SIGN_NETWORKS, "gan.study.signs", "gan.study.report"),
    ),
    "evaluate": Job(
        "evaluate",
        lambda folder: ["--goodrun_ref", (folder / "run").read_text(), "--count", "5", "--judge_iterations", "2",
                        "--output", "made"],
        ("made",), trained_signs, narrow_signs, SIGN_NETWORKS,
    ),
    "export": Job(
        "gan.commands.export", lambda _: ["--goodrun_ref", "run", "--output", "made"], ("made",), to_export,
        imports=("gan.dcgan.gan", "tests.made_up_goodrun"),
    ),
    "promote": Job(
        "gan.commands.promote", lambda folder: ["--run_id", (folder / "run").read_text()], (), trained_signs,
        imports=("train_dcgan", "gan.dcgan.gan", "mlflow.pyfunc"),
    ),
}  # fmt: skip


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as the commands themselves have it while they are imported
    JOBS[sys.argv[1]].run(sys.argv[2:])
