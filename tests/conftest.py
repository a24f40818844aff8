"""What tests share: a folder of their own with an archive of its own, and one small trained run."""

import contextlib
import dataclasses
import functools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from gan import signals

ROOT = Path(__file__).resolve().parent.parent

# Under nohup the end of the terminal is ignored, and so it would be by the programs that are tested.
signal.signal(getattr(signal, "SIGHUP", signal.SIGTERM), signal.SIG_DFL)
_handlers = {number: signal.getsignal(number) for number in signals.stop_signals()}
REAL_GTSRB = ROOT.parent / "shared" / "data" / "gtsrb"
DATA = "drawn:400"  # the fewest drawn signs that have two tracks of every class, and some more
if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each of two processes is quicker than two on two cores
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, "1")

TRAINING_FIXTURES = {"trained", "small_networks"}
# Parameters of a run that takes seconds. Without the judge its checkpoints are not ranked: the last one counts.
QUICK = {
    "data": DATA,
    "iterations": 60,
    "checkpoint_interval": 20,
    "sample_interval": 30,
    "batch_size": 8,
    "precision": "float32",
    "judge_iterations": 0,
}


def pytest_collection_modifyitems(items):
    """Mark what trains as slow, and begin with the files that hold slow tests: both processes end together then."""
    for item in items:
        if TRAINING_FIXTURES & set(item.fixturenames):
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What the program remembers of the machine is neither the user's nor there before the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory):
    """The tables of an archive are made by MLflow's migrations once, which takes a second, and then copied."""
    from mlflow.store.db import utils
    from mlflow.store.model_registry import sqlalchemy_store as registry

    migrate, template = utils._initialize_tables, tmp_path_factory.mktemp("tables") / "mlflow.db"

    def copy(source: Path, target: Path | str) -> None:
        with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
            old.backup(new)

    def initialize(engine) -> None:
        file = engine.url.database
        if engine.dialect.name != "sqlite" or not file:
            migrate(engine)
        elif template.exists():
            copy(template, file)
        else:
            migrate(engine)
            copy(file, template)

    with pytest.MonkeyPatch.context() as patch:
        for module in (utils, registry):
            patch.setattr(module, "_initialize_tables", initialize)
        yield


@pytest.fixture(scope="session", autouse=True)
def drawn_once():
    """A set of drawn signs takes seconds: each is drawn once in a process, and copied."""
    from gan.data import sets

    draw = functools.cache(sets.draw_signs)

    def copied(train, test, seed, classes=None):
        parts = draw(train, test, seed, None if classes is None else tuple(classes))
        return tuple(part.take(np.arange(len(part))) for part in parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "draw_signs", copied)
        yield


@pytest.fixture(autouse=True)
def no_signal_of_another_test():
    from gan.signals import stops

    stops.clear()
    yield
    stops.clear()
    for number, handler in _handlers.items():
        signal.signal(number, handler)


_started: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def no_script_of_another_test():
    yield
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.communicate()
    _started.clear()


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty working folder; MLflow's default store is in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return tmp_path


@pytest.fixture
def small_networks(monkeypatch):
    """The networks of training and of the judge, eight times narrower."""
    narrow(monkeypatch)


def narrow(patch, width: int = 8) -> None:
    """Narrow networks of training, of this width, and of the judge; nothing is told from photographs."""
    from gan.dcgan import classifier, photo_scores
    from gan.dcgan import gan as dcgan
    from gan.dcgan import judge as signs_judge
    from gan.dcgan.classifier import build_classifier, build_judge

    patch.setattr(classifier, "build_classifier", functools.partial(build_classifier, width=4))
    for module in (classifier, signs_judge):
        patch.setattr(module, "build_judge", functools.partial(build_judge, width=4))

    class Narrow(dcgan.Network):
        def __init__(
            self,
            classes,
            generator_width=width,
            discriminator_width=width,
            dropout=0.25,
            layout="enlarged",
            size=32,
            pictograms=False,
        ):
            widths = generator_width, discriminator_width
            super().__init__(classes, *widths, dropout, layout, size, pictograms)

    patch.setattr(dcgan, "Network", Narrow)
    # Its training takes seconds; tests/dcgan/test_told_apart.py and tests/test_all_classes.py have the real one.
    patch.setattr(photo_scores, "told_apart", lambda *_: None)


def run_script(config_class, main, **changed) -> NoReturn:
    """A script's `main` as its command line starts it, in this process; ends with SystemExit."""
    from gan import config as command_line

    options = [text for name, value in changed.items() for text in (f"--{name}", str(value))]
    command_line.run(config_class, main, options)


def refused(capsys, config_class, main, **changed) -> str:
    """The sentence that a script ends with, exit status 2, when it is started with these parameters."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run_script(config_class, main, **changed)
    error = capsys.readouterr().err
    assert stopped.value.code == 2, error
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


def refused_at_last(capsys, config_class, main, **changed) -> str:
    """The same where progress bars and notes come before the sentence."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run_script(config_class, main, **changed)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("error: ") == 1, error
    return error.partition("error: ")[2]


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished run of class 17, and where it lies."""

    folder: Path
    run_id: str


@pytest.fixture(scope="session")
def signs_folder(tmp_path_factory):
    """A folder of signs of all classes, of seven tracks where they are many; quicker to read than to draw."""
    from gan.data.gtsrb import write_signs
    from gan.drawn.signs import draw_signs

    folder = tmp_path_factory.mktemp("signs")
    for name, signs in zip(("train.p", "test.p"), draw_signs(1300, 86, 0), strict=True):
        write_signs(folder / name, signs)
    return str(folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of class 17 on drawn data with checkpoints of iterations 20, 40 and 60, registered as signs@goodrun."""
    folder = tmp_path_factory.mktemp("trained")
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        narrow(patch)
        import train_dcgan
        from gan import archive

        run_id, status = train_dcgan.train(train_dcgan.TrainConfig(**QUICK))
        assert status == 0
        archive.register(run_id, "signs", "goodrun")
    assert Path.cwd() == before
    return Trained(folder, run_id)


@pytest.fixture
def own_archive(trained, monkeypatch):
    """The trained run, with its folder as the working folder; for every test it is the only and newest training."""
    import mlflow

    from gan.archive.store import KIND

    monkeypatch.chdir(trained.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    yield trained
    # By its address: the test may have left for another folder or archive.
    client = mlflow.MlflowClient(f"sqlite:///{trained.folder}/mlflow.db")
    for run in client.search_runs(["0"], f"tags.`{KIND}` = 'dcgan'"):
        if run.info.run_id != trained.run_id:
            client.delete_run(run.info.run_id)


def start_script(*command: str, cwd: Path) -> subprocess.Popen:
    """A module of the project in a process of its own, as a user starts it in another folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    return process


@contextlib.contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process can grow beyond `room` bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
