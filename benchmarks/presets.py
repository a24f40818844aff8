"""Designs of networks for street scenes side by side: the same data, size, seed and minutes of training.

uv run python benchmarks/presets.py --data dataset --width 128 --height 96 --minutes 25

Each preset is trained by `train_pix2pix.py` in a process of its own, one after another, stopped as by Ctrl-C when its
time is over; then `evaluate.py` scores the checkpoints that the run kept.  `--runs` scores runs that were trained
before.
"""

import dataclasses
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks import machine
from benchmarks.tables import write_csv
from gan.config import option, require, run
from gan.errors import UserError
from gan.files import require_writable
from gan.invocation import ROOT
from train_pix2pix import PRESETS

ENDLESS = 10_000_000  # iterations: time ends the training, not their number
SCORES = (
    "mean_iou", "mean_iou_floor", "pixel_accuracy", "pixel_accuracy_floor", "ssim", "fid_held_out",
    "fid_held_out_floor", "nearest_real", "nearest_real_floor",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class PresetsConfig:
    """Train each preset for the same time, and score its checkpoints on scenes that it did not learn."""

    data: str = option("dataset", "folder of scenes that `prepare` wrote, or `drawn`")
    width: int = option(128, "of the photos in pixels, a multiple of 32 from 64 to 1024")
    height: int = option(96, "the same from 32 to 1024")
    minutes: float = option(25.0, "of training for each preset")
    presets: str = option(",".join(PRESETS), "what is compared")
    runs: str = option("", "ids of runs, with commas between them: these are scored, and nothing is trained")
    checkpoint_interval: int = option(2_000, "iterations between two checkpoints")
    segmenter_iterations: int = option(2_000, "training of the segmenter that gives scores, if the archive has none")
    output: str = option("benchmarks/results", "folder for presets.csv")

    def __post_init__(self):
        unknown = [name for name in self.names if name not in PRESETS]
        require(self.names and not unknown, "presets", f"some of {','.join(PRESETS)}", self.presets)
        require(0 < self.minutes <= 10_000, "minutes", "above 0 and up to 10000", self.minutes)
        fits = all(re.fullmatch(r"[0-9a-f]{32}", run_id) for run_id in self.run_ids)
        require(fits, "runs", "run ids of 32 digits, with commas between them", self.runs)

    @property
    def names(self) -> list[str]:
        """Names of the presets."""
        return [name for name in self.presets.split(",") if name]

    @property
    def run_ids(self) -> list[str]:
        """Ids of runs."""
        return [run_id for run_id in self.runs.split(",") if run_id]


def main(config: PresetsConfig) -> None:
    """Train what is to be trained, score it, and write the table."""
    from gan import archive

    output = Path(config.output)
    require_writable(output)
    machine.warn_unless_idle("fewer updates fit into the minutes")
    about = machine.about("benchmarks/presets.py", config)
    rows = []
    for run_id in config.run_ids or [trained(config, preset) for preset in config.names]:
        for iteration in archive.checkpoints_of(run_id):
            row = measured(config, run_id, iteration)
            print(line(row), flush=True)
            rows.append(row | about)
            write_csv(output / "presets.csv", rows)
    print(f"table: {output / 'presets.csv'}")


def trained(config: PresetsConfig, preset: str) -> str:
    """Train a preset until its time is over; the run's id.

    Raises:
        UserError: the training failed; it has said why.
    """
    from gan import archive

    print(f"{preset}: {config.minutes:g} minutes of training", flush=True)
    options = {
        "preset": preset, "data": config.data, "width": config.width, "height": config.height,
        "iterations": ENDLESS, "checkpoint_interval": config.checkpoint_interval,
        "segmenter_iterations": config.segmenter_iterations,
    }  # fmt: skip
    before = archive.newest_run("pix2pix", "") if Path("mlflow.db").exists() else None
    process = start("train_pix2pix.py", options)
    try:
        process.wait(60 * config.minutes)
    except subprocess.TimeoutExpired:
        print(f"{preset}: time is over", flush=True)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it keeps what it has until now, and ends
            process.wait()
    newest = archive.newest_run("pix2pix", "")
    if newest is None or newest == before:
        raise UserError(f"the training of {preset} kept nothing (see above); give it more minutes.")
    return newest


def measured(config: PresetsConfig, run_id: str, iteration: int) -> dict:
    """The row of a checkpoint: what it is, how long its training took, and its scores."""
    from gan import archive

    goodrun = archive.resolve(f"{run_id}/{iteration}", "pix2pix", "")
    about = goodrun.info
    _, rates = archive.history(run_id, ["images_per_second"])["images_per_second"]
    seconds = iteration * about.config["batch_size"] / statistics.median(rates)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scored"
        options = {
            "goodrun_ref": f"{run_id}/{iteration}", "data": config.data, "output": place,
            "judge_iterations": config.segmenter_iterations,
        }  # fmt: skip
        if start("evaluate.py", options, subprocess.DEVNULL).wait():
            raise UserError(f"evaluate.py failed for {run_id}/{iteration} (see above).")
        scores = json.loads((place / "scores.json").read_text())["overall"]
    return {
        "preset": about.network["preset"]["name"],
        "iteration": iteration,
        "minutes": round(seconds / 60, 1),
        **{name: round(scores[name], 4) for name in SCORES if name in scores},
        "size": f"{about.network['width']}x{about.network['height']}",
        "scenes": about.data["images"],
        "data_digest": about.data["digest"],
        "run": run_id,
    }


def line(row: dict) -> str:
    """A row for the console."""
    scores = ", ".join(f"{name} {row[name]:.3f}" for name in SCORES if name in row and not name.endswith("_floor"))
    return f"{row['preset']}, iteration {row['iteration']}, {row['minutes']} minutes: {scores}"


def start(script: str, options: dict, output=None) -> subprocess.Popen:
    """Start a script of the project here; what goes wrong is seen on stderr."""
    listed = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    # In a session of its own, so that Ctrl-C reaches it once and through this program only.
    return subprocess.Popen([sys.executable, str(ROOT / script), *listed], stdout=output, start_new_session=True)


if __name__ == "__main__":
    run(PresetsConfig, main)
