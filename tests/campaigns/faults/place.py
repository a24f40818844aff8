"""Where a job works: folders that lie at one path for every trial, since an archive holds whole paths."""

import contextlib
import dataclasses
import hashlib
import importlib
import os
import pickle
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaigns.faults import child
from tests.campaigns.faults.child import Ended, plain
from tests.campaigns.faults.jobs import Job, archived

WORK, TMP, HOME = "work", "tmp", "home"
LITTER = re.compile(r"\.unfinished|\.tmp$|\.tmp/|^tmp/|\.trial-|\.checkpoint-|\.part$")
MEASURED = ("system/", "images_per_second", "data_wait", "seconds")  # metrics that differ from run to run
LARGE = 4 << 30  # bytes of a disk that is large enough
Record = dict[str, set[str]]


@dataclasses.dataclass
class Place:
    """The folders of the campaign.

    Attributes:
        base: of all.
        known: what undisturbed jobs make.
    """

    base: Path
    known: dict[str, tuple[Record, Ended]] = dataclasses.field(default_factory=dict)

    @classmethod
    def new(cls) -> "Place":
        place = cls(Path(tempfile.mkdtemp(prefix="faults-")))
        for name in ("disk", "logs", "templates"):
            (place.base / name).mkdir()
        return place

    @property
    def disk(self) -> Path:
        """Where all that a command may write lies."""
        return self.base / "disk"

    @property
    def work(self) -> Path:
        return self.disk / WORK

    @property
    def logs(self) -> Path:
        return self.base / "logs"

    def template(self, job: Job) -> Path:
        """The folders as they are before the job, made once."""
        folder = self.base / "templates" / re.sub(r"\W+", "-", job.name)
        if folder.exists():
            return folder

        def set_up() -> int:
            self.enter()
            if job.has_archive:
                archived()
            job.set_up()
            return 0

        def made() -> Ended:
            for name in (WORK, TMP, HOME):
                (self.disk / name).mkdir()
            found = child.command(set_up, self.logs, "setup")
            if not found.status:
                shutil.copytree(self.disk, folder, symlinks=True)
            return found

        found = self.within(made)
        if found.status:
            raise SystemExit(f"{job.name}: {found.err}")
        return folder

    def enter(self) -> None:
        """Have this process work there, with nothing of the user's."""
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            del os.environ[name]
        os.environ |= {
            "TMPDIR": f"{self.disk / TMP}", "HOME": f"{self.disk / HOME}",
            "XDG_CACHE_HOME": f"{self.disk / HOME / '.cache'}",
        }  # fmt: skip
        tempfile.tempdir = None
        sys.argv[1:] = []
        os.chdir(self.work)

    def within(self, work: Callable[[], Any], folder: Path | None = None, size: int = LARGE) -> Any:
        """Call a function in a process for which `disk` is a disk in memory, with a copy of a folder on it."""
        reader, writer = os.pipe()

        def mounted() -> int:
            os.close(reader)
            child.own_mounts()
            child.mount_disk(self.disk, size)
            if folder is not None:
                shutil.copytree(folder, self.disk, symlinks=True, dirs_exist_ok=True)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(pickle.dumps(work()))
            return 0

        number = child.fork(mounted)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        if child.wait(number) or not answer:
            raise SystemExit("a trial could not be made; its traceback stands above")
        return pickle.loads(answer)

    def started(
        self,
        job: Job,
        name: str = "command",
        before: Callable[[], object] = lambda: None,
        leave: bool = False,
        **changed: str,
    ) -> Ended:
        """Run a job to its end in a process of its own, after a function; call it within `within`.

        With `leave` the names of all modules that it has imported stand in the logs.
        """

        def run() -> int:
            self.enter()
            before()
            try:
                return job.run(**changed)
            finally:
                if leave:
                    (self.logs / "modules").write_text("\n".join(sorted(sys.modules)))

        return child.command(run, self.logs, name)

    def undisturbed(self, job: Job) -> tuple[Record, Ended]:
        """What a job makes that is equal at every run, and how it ended."""
        if job.name in self.known:
            return self.known[job.name]

        def once() -> tuple[Record, Ended]:
            found = self.started(job, "undisturbed", leave=True)
            return record(job, self.work), found

        answers = []
        for _ in range(2):
            answers.append(self.within(once, self.template(job)))
            for name in (self.logs / "modules").read_text().split():
                with contextlib.suppress(Exception):
                    importlib.import_module(name)  # the next process that is forked from here has it
        (one, ended), (other, _) = answers
        if ended.status:
            raise SystemExit(f"{job.name} fails undisturbed: {ended.err}")
        equal = {name: values for name, values in one.items() if other.get(name) == values}
        self.known[job.name] = equal, ended
        return self.known[job.name]


def digest(path: Path) -> str:
    """A digest of a file; of a checkpoint without what it says of its run."""
    if path.suffix == ".npz":
        with contextlib.suppress(Exception), np.load(path, allow_pickle=False) as kept:
            parts = [(name, kept[name].tobytes()) for name in sorted(kept.files) if name != "about"]
            return hashlib.sha256(repr(parts).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(folder: Path) -> Record:
    """Digests of all files below a folder, by their paths without ids."""
    found: Record = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            found.setdefault(plain(path.relative_to(folder).as_posix()), set()).add(digest(path))
    return found


def record(job: Job, work: Path) -> Record:
    """What a job has made in its working folder, and in the newest run of its archive."""
    found: Record = {}
    for pattern in job.made:
        for path in sorted(work.glob(pattern)):
            if path.is_file():
                found.setdefault(plain(path.relative_to(work).as_posix()), set()).add(digest(path))
    with contextlib.closing(sqlite3.connect(f"file:{work / 'mlflow.db'}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT run_uuid, status, artifact_uri FROM runs ORDER BY rowid DESC").fetchall()
        for number, status, place in rows[:1]:
            found["run"] = {status}
            metrics = opened.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", [number])
            for key, step, value in metrics:
                if not key.startswith(MEASURED):
                    found[f"metric {key} {step}"] = {str(value)}
            for name, values in digests(Path(place.removeprefix("file://"))).items():
                found[f"artifact {name}"] = values
        aliases = opened.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
        found["registry"] = {str(alias) for alias in aliases}
    return found


def lacking(expected: Record, found: Record) -> str:
    """What of an undisturbed record is not in another one; "" if all is."""
    gone = [name for name, values in expected.items() if not values <= found.get(name, set())]
    return ", ".join(gone[:4])


def damage(before: Record, work: Path) -> str:
    """What of the files that were there is lost, changed, or can't be opened; "" if nothing is."""
    now = digests(work)
    gone = [name for name in before if not name.startswith("mlflow.db") and not before[name] <= now.get(name, set())]
    if "mlflow.db" in before:
        with contextlib.closing(sqlite3.connect(work / "mlflow.db")) as opened:
            answers = [row[0] for row in opened.execute("PRAGMA integrity_check")]
            runs = opened.execute("SELECT count(*) FROM metrics WHERE key = 'before'").fetchone()[0]
        gone += [] if answers == ["ok"] else [f"mlflow.db: {answers}"]
        gone += [] if runs else ["the run before"]
    return ", ".join(gone[:4])


def litter(disk: Path) -> str:
    """Files that a command has left behind and nobody will need; "" if there are none."""
    names = (path.relative_to(disk).as_posix() for path in sorted(disk.rglob("*")))
    left = [name for name in names if LITTER.search(name.removeprefix(f"{WORK}/"))]
    return ", ".join(map(plain, left[:4]))
