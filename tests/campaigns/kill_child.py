"""One run of a command that may be killed: forked from a process that has imported everything, or started anew."""

import atexit
import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.campaigns.kill_jobs import JOBS, as_it_is
from tests.conftest import ROOT

WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "sqlite3.connect")
PATIENCE = 120.0  # seconds in which a command has to end after a signal


@dataclasses.dataclass(frozen=True)
class Kill:
    """When a command is killed, and how.

    Attributes:
        number: of the signal.
        seconds: of the processor that the command has used by then, or None.
        change: the number of the change to a file that it comes before, or None.
        delay: seconds after that change begins.
    """

    number: signal.Signals
    seconds: float | None = None
    change: int | None = None
    delay: float = 0.0


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a run of a command ended.

    Attributes:
        status: the exit status, -9 after SIGKILL.
        said: what it printed, on stdout and stderr together.
        seconds: of the processor that it used.
        changes: to files that it made.
        killed: whether it was still running when the kill came.
        waited: seconds between the kill and the end.
    """

    status: int
    said: str
    seconds: float
    changes: int
    killed: bool
    waited: float


def run(job: str, options: Sequence[str], folder: Path, kill: Kill | None, fresh: bool = False) -> Ended:
    """Run a command in a folder, in a process that is forked from this one or, `fresh`, in a new one."""
    log = folder.with_name("log")
    reading, writing = os.pipe()
    pid = (_start if fresh else _fork)(job, options, folder, log, writing, None if fresh else kill)
    os.close(writing)
    clock = (~pid << 3) | 2  # the processor time of another process, as clock_getcpuclockid(3) gives it
    sent, used = None, 0.0
    began = time.monotonic()
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            break
        now = time.monotonic()
        used = time.clock_gettime(clock)
        if sent is None and kill and kill.seconds is not None and used >= kill.seconds:
            os.kill(pid, kill.number)
            sent = now
        if now - (sent or began) > (PATIENCE if sent else 10 * PATIENCE):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.003)
    with os.fdopen(reading) as pipe:
        told = dict(line.split() for line in pipe.read().splitlines())
    sent = float(told["killed"]) if "killed" in told else sent
    waited = time.monotonic() - sent if sent else 0.0
    code = os.waitstatus_to_exitcode(status)
    seconds, said = usage.ru_utime + usage.ru_stime, log.read_text(errors="replace")
    return Ended(code, said, seconds, int(told.get("changes", 0)), sent is not None, waited)


def _environment(folder: Path) -> dict[str, str]:
    """Of a command: an own folder for temporary files, an own cache, and the archive in its folder."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return known | {
        "TMPDIR": str(folder.with_name("tmp")), "XDG_CACHE_HOME": str(folder.with_name("cache")),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def _start(job: str, options: Sequence[str], folder: Path, log: Path, writing: int, kill: None) -> int:
    module = JOBS[job].module
    itself = ["-m", module] if "." in module else [str(ROOT / f"{module}.py")]
    started = itself if JOBS[job].patch is as_it_is else ["-m", "tests.campaigns.kill_jobs", job]
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *started, *options],
            cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        ).pid  # fmt: skip


def _fork(job: str, options: Sequence[str], folder: Path, log: Path, writing: int, kill: Kill | None) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    stops = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # until the handlers of this process are gone
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
        return pid
    status = 1
    try:
        os.setsid()
        os.chdir(folder)
        environment = _environment(folder)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None
        for number in stops:
            signal.signal(number, signal.SIG_DFL)  # as commands have it while they are imported
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        for stream in (1, 2):
            os.dup2(target, stream)
        os.close(target)
        sys.stdout, sys.stderr = (open(stream, "w", buffering=1, closefd=False) for stream in (1, 2))  # noqa: SIM115
        watch = _Watch(folder.parent, kill, writing)
        sys.addaudithook(watch)
        status = _be(job, options)
        os.write(writing, f"changes {watch.count}\n".encode())
    finally:
        os._exit(status)


def _be(job: str, options: Sequence[str]) -> int:
    """Run a command and end as Python does; its exit status."""
    sys.argv = [job, *options]
    status = 1
    try:
        JOBS[job].run(options)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


class _Watch:
    """Counts changes to files, as an audit hook, and kills its own process at one of them."""

    def __init__(self, folder: Path, kill: Kill | None, writing: int):
        self.count, self._kill, self._writing, self._folder = 0, kill, writing, f"{folder}/"

    def __call__(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str) or not flags & WRITING or not os.path.abspath(path).startswith(self._folder):  # noqa: PTH100
                return
        elif event not in CHANGES:
            return
        self.count += 1
        if self._kill is not None and self._kill.change == self.count:
            if self._kill.delay:
                threading.Timer(self._kill.delay, self._now).start()
            else:
                self._now()

    def _now(self) -> None:
        os.write(self._writing, f"killed {time.monotonic()}\n".encode())
        os.kill(os.getpid(), self._kill.number)
