"""As many iterations as a day of a real training has, on tiny networks: memory, handles, threads, database, disk.

A real training of all signs makes about 300,000 iterations in a day on two cores. Some hours.

uv run --frozen python -m tests.campaigns.faults.day [ITERATIONS [ROWS]]
"""

import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from tests.campaigns.faults import child
from tests.conftest import DATA, ROOT

A_DAY = 300_000
LOOK = 2.0  # seconds between two looks
OPTIONS = [
    "--data", DATA, "--batch_size", "2", "--precision", "float32", "--judge_iterations", "0",
    "--keep_checkpoints", "2",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a training takes at an iteration."""

    iteration: int
    seconds: float
    resident: float  # MB
    handles: int
    threads: int
    rows: int  # of metrics in the database
    database: float  # MB
    disk: float  # MB, without the database

    def line(self) -> str:
        numbers = f"{self.handles} | {self.threads} | {self.rows:,} | {self.database:.1f} | {self.disk:.1f}"
        return f"| {self.iteration:,} | {self.seconds / 60:.0f} | {self.resident:.0f} | {numbers} |"


def look(process: psutil.Process, folder: Path, began: float) -> Sample | None:
    """A sample; None while there is nothing to be seen."""
    database = folder / "mlflow.db"
    with contextlib.suppress(sqlite3.Error, psutil.Error, OSError, TypeError):
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
            (iteration,) = opened.execute(
                "SELECT max(step) FROM latest_metrics WHERE key = 'generator_loss'"
            ).fetchone()
            (rows,) = opened.execute("SELECT max(rowid) FROM metrics").fetchone()
        files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path != database)
        return Sample(
            int(iteration), time.monotonic() - began, process.memory_info().rss / 1e6, process.num_fds(),
            process.num_threads(), int(rows), database.stat().st_size / 1e6, files / 1e6,
        )  # fmt: skip
    return None


def main(iterations: int = A_DAY, rows: int = 20) -> int:
    """Train, look on, and tell what grew after the first tenth."""
    folder = Path(tempfile.mkdtemp(prefix="day-"))
    step = iterations // rows
    line = [
        sys.executable, "-m", "tests.narrow_dcgan", *OPTIONS, "--iterations", str(iterations),
        "--sample_interval", str(max(1, iterations // 100)), "--checkpoint_interval", str(max(1, iterations // 15)),
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    samples: list[Sample] = []
    print(f"{folder}\n| iteration | minutes | resident MB | handles | threads | rows | database MB | disk MB |")
    print("| --: | --: | --: | --: | --: | --: | --: | --: |", flush=True)
    with (
        (folder / "said").open("w") as said,
        subprocess.Popen(
            line,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
            preexec_fn=child.die_with_parent,
        ) as started,
    ):
        process, began = psutil.Process(started.pid), time.monotonic()
        while started.poll() is None:
            time.sleep(LOOK)
            sample = look(process, folder, began)
            if sample and sample.iteration >= step * (len(samples) + 1):
                samples.append(sample)
                print(sample.line(), flush=True)
    print(f"status {started.returncode}; what it said: {folder / 'said'}")
    late = [sample for sample in samples if sample.iteration >= iterations / 10]
    for name in ("resident", "handles", "threads", "rows", "database", "disk"):
        growth = np.polyfit([sample.iteration / 1000 for sample in late], [getattr(s, name) for s in late], 1)[0]
        print(f"{name}: {growth:+.4f} for each 1,000 iterations after the first tenth")
    return started.returncode


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
