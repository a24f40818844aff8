"""Trainings killed at random moments go on and end as if nothing had been; takes some minutes.

uv run python -m tests.campaigns.killed_trainings
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gan import archive
from gan.archive.store import search
from tests.conftest import DATA, ROOT

OPTIONS = ["--data", DATA, "--judge_iterations", "0", "--iterations", "80", "--batch_size", "4", "--sample_interval"]
OPTIONS += ["40", "--checkpoint_interval", "10", "--keep_checkpoints", "1", "--precision", "float32"]


def start(*options: str) -> subprocess.Popen:
    """A training of 80 iterations that keeps a checkpoint every 10."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "train_dcgan.py"), *OPTIONS, *options], stdout=subprocess.DEVNULL
    )


def checkpoints_here() -> int:
    return len(list(Path.cwd().glob("mlruns/**/checkpoint-*.npz")))


def newest() -> str:
    return search("tags.`gan.kind` = 'dcgan'")[0].info.run_id


def last_state(run_id: str) -> dict[str, np.ndarray]:
    with np.load(archive.resolve(f"{run_id}/80", "dcgan", "17").checkpoint) as stored:
        return {name: stored[name] for name in stored.files if name != "about"}


def main(kills: int = 6, seed: int = 0) -> None:
    """Kill a training some times, each time after a checkpoint, and compare its end with an undisturbed one."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="killed-trainings-"))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(folder)
    goodrun: list[str] = []
    moments = random.Random(seed)
    for number in range(kills):
        kept = checkpoints_here()
        process = start(*goodrun)
        while checkpoints_here() <= kept and process.poll() is None:
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 1.2))
        process.kill()
        process.wait()
        iteration = archive.resolve(newest(), "dcgan", "17").iteration
        assert iteration % 10 == 0 and 0 < iteration <= 80, f"{folder}: {newest()}/{iteration}"
        print(f"kill {number + 1} of {kills}: the run is kept up to iteration {iteration}", flush=True)
        if iteration == 80:
            break
        goodrun = ["--goodrun_ref", newest()]
    else:
        assert start(*goodrun).wait() == 0, folder
    disturbed = last_state(newest())
    assert start().wait() == 0, folder
    for name, array in last_state(newest()).items():
        np.testing.assert_array_equal(disturbed[name], array, err_msg=name)
    os.chdir(before)
    shutil.rmtree(folder)
    print("killed trainings end with the weights of an undisturbed one, bit for bit")


if __name__ == "__main__":
    main()
