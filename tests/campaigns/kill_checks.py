"""What has to be true after a command was killed, and after it was run again."""

import dataclasses
import hashlib
import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from gan import checkpoints
from tests.campaigns.kill_child import PATIENCE, Ended, Kill
from tests.campaigns.kill_jobs import LAST, Job, checkpoint_files

SECONDS = 30.0  # in which a command has to end after SIGTERM or SIGINT, on a busy machine
LITTER = re.compile(r"\..+|tmp.{8}|.*(\.tmp|\.part|\.unfinished.*|\.jsonl)|__autograph.*")
OWN = re.compile(rb"\b[0-9a-f]{32}\b|m-[0-9a-f]{32}\b|\"seconds\": ?[0-9.]+|\b[0-9a-f]{8}\b")  # of one run only


def made(job: Job, folder: Path) -> dict[str, str]:
    """Digests of the files that a command has made, and of the arrays of the last checkpoint, by name."""
    found = {}
    for pattern in job.made:
        for place in folder.glob(pattern):
            for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
                if path.is_file() and not LITTER.fullmatch(path.name):
                    name = path.relative_to(folder).as_posix()
                    found[re.sub(r"(class-17|pix2pix)-[0-9a-f]{8}", "RUN", name)] = _digest(path)
    for path in checkpoint_files(folder):
        if int(path.stem.rpartition("-")[2]) == LAST:
            with np.load(path) as stored:
                for name in stored.files:
                    if name != "about":
                        found[f"checkpoint/{name}"] = hashlib.sha256(stored[name].tobytes()).hexdigest()
    return found


def _digest(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".npz":
        with np.load(path) as stored:
            return hashlib.sha256(b"".join(stored[name].tobytes() for name in sorted(stored.files))).hexdigest()
    return hashlib.sha256(OWN.sub(b"", data) if path.suffix in (".json", ".md") else data).hexdigest()


def whole_checkpoints(folder: Path) -> dict[Path, str]:
    """The digests of all checkpoints that are whole."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in checkpoint_files(folder)
            if checkpoints.whole(path)}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Before:
    """What there was before a command was started: whole checkpoints with their digests, and runs that run."""

    checkpoints: dict[Path, str]
    running: set[str]

    @classmethod
    def of(cls, folder: Path) -> "Before":
        """As a folder is now."""
        return cls(whole_checkpoints(folder), running(folder))


def after_kill(
    job: Job, folder: Path, kill: Kill, ended: Ended, before: "Before", wanted: dict[str, str]
) -> list[str]:
    """What is wrong after a kill.

    Args:
        job: the command.
        folder: its working folder.
        kill: how it was killed.
        ended: how it ended.
        before: what there was before it was started.
        wanted: what `made` gives after an undisturbed run.
    """
    faults = _ending(kill, ended) if ended.killed else ([] if ended.status == 0 else [f"status {ended.status}"])
    here = whole_checkpoints(folder)
    for path in checkpoint_files(folder):
        if path not in here:
            faults.append(f"half a checkpoint: {path.relative_to(folder)}")
    lost = [path for path, kept in before.checkpoints.items() if here.get(path) != kept]
    faults += [f"lost checkpoint {path.relative_to(folder)}" for path in lost]
    faults += _newest_there(folder, here)
    for path in folder.glob("images/**/*.png"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and not _opens(path):
            faults.append(f"half an image: {path.relative_to(folder)}")
    faults += [f"half a file: {name}" for name, kept in made(job, folder).items() if wanted.get(name, kept) != kept]
    if ended.killed and kill.number != signal.SIGKILL and (left := running(folder) - before.running):
        faults.append(f"RUNNING after {kill.number.name}: {left}")
    return faults


def _ending(kill: Kill, ended: Ended) -> list[str]:
    if kill.number == signal.SIGKILL:
        return [] if ended.status in (-signal.SIGKILL, 0) else [f"status {ended.status} after SIGKILL"]
    faults = []
    if ended.waited > SECONDS:
        forced = ", by force" * (ended.waited > PATIENCE)
        faults.append(f"ended {ended.waited:.0f} s after {kill.number.name}{forced}")
    if ended.status not in (0, 128 + kill.number, -kill.number):  # the last before or after the work itself
        faults.append(f"status {ended.status} after {kill.number.name}")
    if "Traceback" in ended.said or "Exception ignored" in ended.said:
        faults.append(f"traceback after {kill.number.name}")
    elif ended.status > 0 and not ended.said.strip():
        faults.append(f"silence after {kill.number.name}")
    return faults


def _newest_there(folder: Path, here: dict[Path, str]) -> list[str]:
    """Of each run that has logged generators, the checkpoint of the last has to be there."""
    question = (
        "SELECT m.source_run_id, MAX(CAST(p.param_value AS INTEGER)) FROM logged_models m JOIN logged_model_params p "
        "ON p.model_id = m.model_id AND p.param_key = 'iteration' WHERE m.lifecycle_stage = 'active' "
        "GROUP BY m.source_run_id"
    )
    faults = []
    for run_id, iteration in _asked(folder, question):
        names = {path.name for path in here if run_id in path.parts}
        if not any(name >= checkpoints.file_name(iteration) for name in names):
            faults.append(f"run {run_id} lost its checkpoint of iteration {iteration}")
    return faults


def running(folder: Path) -> set[str]:
    """Runs of the archive that are said to be running."""
    return {run for (run,) in _asked(folder, "SELECT run_uuid FROM runs WHERE status IN ('RUNNING', 'SCHEDULED')")}


def _asked(folder: Path, question: str) -> list[tuple]:
    if not (folder / "mlflow.db").exists():
        return []
    with closing(sqlite3.connect(folder / "mlflow.db", timeout=60)) as opened:
        return opened.execute(question).fetchall()


def _opens(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError):
        return False
    return True


def litter(folder: Path) -> list[str]:
    """Temporary files and folders in a working folder and in the folder for temporary files."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if LITTER.fullmatch(path.name)]
    kept = {Path("mlflow.db.lock")}
    temporary = [path for path in folder.with_name("tmp").iterdir() if not _is_trial(path)]
    return sorted(str(path) for path in found if path not in kept) + sorted(f"tmp/{path.name}" for path in temporary)


def _is_trial(path: Path) -> bool:
    """Whether it is the file of four bytes by which Python tries, for microseconds, if a folder can be written."""
    return path.is_file() and path.stat().st_size <= 4 and re.fullmatch(r"[a-z0-9_]{8}", path.name) is not None


def left_alive(session: int, seconds: float = 10.0) -> list[str]:
    """Processes of a session that go on after its first one has ended."""
    end = time.monotonic() + seconds
    while True:
        found = []
        for process in psutil.process_iter(["pid"]):
            try:
                if process.pid != session and _session(process.pid) == session and process.status() != "zombie":
                    found.append(" ".join(process.cmdline())[:80])
            except (psutil.Error, OSError):
                continue
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.2)


def _session(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
