"""Work on a Dask cluster of two processes, beside the same work on this machine; some minutes.

    uv run --frozen --extra cluster python -m tests.campaigns.cluster [STEPS [SCENES [IMAGES [SEEDS]]]]

A study on two workers and on one process of one thread, with the ratio of their times; a worker and a scheduler that
are killed in the middle; scenes that are prepared; images that are generated into tar files. All results are equal.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from gan.processes import THREADS

os.environ.update(dict.fromkeys(THREADS, "1"))  # of a process and of a cell, wherever it runs

import psutil

from gan.commands.study import StudyConfig, settled
from gan.data.folder_writer import to_png
from gan.data.gtsrb import write_signs
from gan.data.scenes import open_scenes
from gan.data.sets import open_images
from gan.files import digests
from gan.study import signs
from gan.study.grid import CELLS, Store, conduct
from tests.conftest import ROOT

PORT = 8799


def environment() -> dict[str, str]:
    """Of a program that is started outside of the project's folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


class Cluster:
    """A scheduler and two workers of one thread, by the commands of docs/cluster.md."""

    address = f"tcp://127.0.0.1:{PORT}"

    def __init__(self) -> None:
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard")
        self.workers = self._start(
            "worker", self.address, "--nworkers", "2", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard",
            "--death-timeout", "20",
        )  # fmt: skip

    def _start(self, *options: str) -> subprocess.Popen:
        with Path("dask.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *options], stdout=log, stderr=log, env=environment()
            )

    def processes(self) -> list[psutil.Process]:
        """The processes of the workers."""
        children = psutil.Process(self.workers.pid).children()
        return [process for process in children if "resource_tracker" not in " ".join(process.cmdline())]

    def end(self) -> None:
        """End all."""
        for process in (self.workers, self.scheduler):
            process.terminate()
            process.wait()


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that is ready."""
    started = Cluster()
    try:
        until = time.monotonic() + 120
        while len(started.processes()) < 2:
            assert time.monotonic() < until and started.scheduler.poll() is None, "see dask.log"
            time.sleep(0.2)
        yield started
    finally:
        started.end()


def run(*words: str, status: int = 0) -> str:
    """What a command of the project says."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment())
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def timed(work, *arguments, **options) -> tuple[float, object]:
    """The seconds that a call takes, and what it gives."""
    began = time.perf_counter()
    found = work(*arguments, **options)
    return time.perf_counter() - began, found


def kept(folder: Path) -> int:
    """Finished cells of a study."""
    return len(list(folder.glob(f"{CELLS}/**/*.json")))


def once_one_is_kept(folder: Path, act) -> threading.Thread:
    """Do something as soon as a study has finished its first cell."""

    def wait() -> None:
        while not kept(folder):
            time.sleep(0.1)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def studies(steps: int, seeds: int) -> None:
    """The study here, on a cluster, with a worker that is killed, and with a scheduler that is."""
    drawn = open_images("drawn:2000")
    Path("signs").mkdir()
    for name, part in (("train.p", drawn.train), ("test.p", drawn.test)):
        write_signs(Path("signs") / name, part)
    options = {"data": "signs", "regimes": "full", "arms": "real,classical", "seeds": seeds, "steps": steps}
    config = settled(StudyConfig(**options))
    study, build = signs.prepare(config, Path(), None, print)

    def conducted(name: str, address: str = ""):
        return timed(conduct, study, build, Store(Path(name), study), 2 if address else 1, address)

    study.lifetime = 0  # here: in this process, which has one thread
    here, results = conducted("here")
    with cluster() as started:
        there, found = conducted("there", started.address)
        assert found == results, "other numbers on the cluster"
        print(f"{len(results)} cells of {steps} steps: {here:.0f} s in one process of one thread, {there:.0f} s on")
        print(f"two workers: {here / there:.2f} times as fast; equal numbers", flush=True)
        killed = once_one_is_kept(Path("killed"), lambda: started.processes()[0].kill())
        _, found = conducted("killed", started.address)
        killed.join()
        assert found == results, "other numbers after a worker was killed"
        print("a worker was killed with SIGKILL in the middle: all cells, equal numbers", flush=True)
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        words = ["-m", "gan.commands.study", *words, "--cluster", started.address, "--output", "lost"]
        once_one_is_kept(Path("lost"), started.scheduler.kill)
        said = run(*words, status=2)
        before = kept(Path("lost"))
        assert f"error: the scheduler at {started.address} went away" in said and "Traceback" not in said, said
        assert 0 < before < len(results)
        print(f"the scheduler was killed: status 2 and a sentence, {before} cells kept", flush=True)
    with cluster():
        run(*words)
    store = Store(Path("lost"), study)
    assert store.finished() == results
    print("the same command again, with a new scheduler: the rest, equal numbers", flush=True)


def trees(*names: str) -> None:
    """Fail where folders differ."""
    first, *others = (digests(Path(name), "prepared.json") for name in names)
    assert first and all(other == first for other in others), names


def scenes(count: int) -> None:
    """A folder of pairs, prepared here and on a cluster."""
    drawn = open_scenes("drawn:20").training
    for kind in ("photos", "labels"):
        (Path("pairs") / kind).mkdir(parents=True)
    for k in range(count):
        scene, name = drawn.scene(k % len(drawn)), f"scene_{k:06d}.png"
        for kind, pixels in (("photos", scene.photo), ("labels", scene.labels)):
            (Path("pairs") / kind / name).write_bytes(to_png(pixels))
    words = [
        "-m",
        "gan.commands.prepare",
        "--dataset",
        "pairs",
        "--source",
        "pairs",
        "--width",
        "96",
        "--height",
        "64",
    ]
    here, _ = timed(run, *words, "--output", "scenes-here")
    with cluster() as started:
        there, _ = timed(run, *words, "--output", "scenes-there", "--cluster", started.address)
    trees("scenes-here", "scenes-there")
    print(f"{count:,} scenes prepared: {here:.0f} s here, {there:.0f} s on two workers; equal files", flush=True)


def images(count: int) -> None:
    """Tar files of generated signs, written here and on a cluster."""
    words = [str(ROOT / "evaluate.py"), "--goodrun_ref", "pretrained", "--scores", "none", "--format", "tar"]
    words += ["--count", str(count)]
    here, _ = timed(run, *words, "--output", "tar-here")
    with cluster() as started:
        there, _ = timed(run, *words, "--output", "tar-there", "--cluster", started.address)
    trees("tar-here/shards", "tar-there/shards")
    size = sum(path.stat().st_size for path in Path("tar-here/shards").glob("*.tar"))
    print(
        f"{count:,} signs as tar: {here:.0f} s here, {there:.0f} s on two workers; equal files, {size / 1e6:.0f} MB"
    )


def main(steps: int = 400, scene_count: int = 2_000, image_count: int = 30_000, seeds: int = 3) -> None:
    """All of it, in a folder of its own."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="cluster-"))
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.chdir(folder)
    studies(steps, seeds)
    scenes(scene_count)
    images(image_count)
    os.chdir(before)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
