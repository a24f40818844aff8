"""All commands that write, killed at random moments, go on or are repeated and end as if nothing had been.

uv run --frozen python -m tests.campaigns.kills [COUNT [SEED [JOB ...]]]

Each job of `kill_jobs` is done undisturbed, twice, which also tells what differs between two runs anyway. Then it is
killed up to six times in a row, each time started as a user would start it again, and at last left alone. Half of the
kills come at a moment of the processor time that the undisturbed job took, half just before a change to a file or a
few milliseconds later. One in twenty is of a process of its own, so that it can come while Python still imports; the
others are forked from this one, which has imported everything. Folders with faults are kept.
"""

import collections
import dataclasses
import importlib
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.campaigns import kill_checks
from tests.campaigns.kill_child import Ended, Kill, run
from tests.campaigns.kill_jobs import ARCHIVE, JOBS, another_run

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MOST_IN_A_ROW = 6
FRESH = 20  # one kill of so many is of a process of its own
IMPORTS = 4.0  # seconds of the processor that such a process imports
REPEATED = 0.3  # probability that a job that has ended is started and killed once more
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Kills of each job for one of the quickest, as far as time goes.
WEIGHTS = {"train_dcgan": 2, "train_pix2pix": 2, "study": 1, "evaluate": 2}


@dataclasses.dataclass
class Row:
    """What came of the kills of a job."""

    kills: int = 0
    early: int = 0  # ended before the kill
    fresh: int = 0
    ends: int = 0  # undisturbed ends after kills
    equal: int = 0
    running: int = 0
    litter: int = 0
    faults: int = 0
    slowest: float = 0.0


class Campaign:
    """Kills of one job.

    Args:
        name: of the job.
        base: folder for everything.
        draws: of moments and signals.
    """

    def __init__(self, name: str, base: Path, draws: random.Random):
        self.name, self.job, self.base, self.draws = name, JOBS[name], base, draws
        self.work, self.template = base / "work", base / f"template-{name.replace(' ', '-')}"
        self.row, self.words = Row(), collections.Counter()
        self._prepare()

    def _prepare(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self._apart(self.job.prepare)
        shutil.copytree(self.work, self.template)
        first, self.usual = self._undisturbed()
        second, _ = self._undisturbed()
        self.wanted = {name: digest for name, digest in first.items() if second.get(name) == digest}
        self.differ = sorted((first.keys() | second.keys()) - self.wanted.keys())

    def _apart(self, work: Callable[[], None]) -> None:
        """Do something in a process of its own, in the working folder."""
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.chdir(self.work)
                work()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0, f"{self.name}: {work.__name__} failed"

    def _undisturbed(self) -> tuple[dict[str, str], Ended]:
        self._afresh()
        ended = self._run(None)
        assert ended.status == 0, ended.said
        return kill_checks.made(self.job, self.work), ended

    def _afresh(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.template, self.work)
        for path in self.base.joinpath("tmp").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _run(self, kill: Kill | None, fresh: bool = False) -> Ended:
        return run(self.name, self.job.options(self.work), self.work, kill, fresh)

    def _kill(self, fresh: bool) -> Kill:
        number = self.draws.choice(SIGNALS)
        if fresh:
            return Kill(number, seconds=self.draws.uniform(0, IMPORTS + self.usual.seconds))
        if self.draws.random() < 0.5:
            return Kill(number, seconds=self.draws.uniform(0, self.usual.seconds))
        delay = self.draws.choice((0.0, self.draws.uniform(0, 0.005)))
        return Kill(number, change=self.draws.randint(1, self.usual.changes), delay=delay)

    def chain(self, most: int) -> int:
        """Kill the job some times in a row, let it end and compare; how often it was killed."""
        self._afresh()
        row, faults = self.row, []
        kills = self.draws.randint(1, min(most, MOST_IN_A_ROW))
        for number in range(kills):
            fresh = self.draws.random() < 1 / FRESH
            kill, before = self._kill(fresh), kill_checks.Before.of(self.work)
            ended = self._run(kill, fresh)
            row.kills += 1
            row.fresh += fresh
            row.early += not ended.killed
            if ended.killed and kill.number != signal.SIGKILL:
                row.slowest = max(row.slowest, ended.waited)
            found = kill_checks.after_kill(self.job, self.work, kill, ended, before, self.wanted)
            words = f"kill {number + 1} ({kill}{', fresh' * fresh})"
            faults += [f"{words}: {fault}\n{ended.said[-2000:]}" for fault in found]
            if found or (not ended.killed and self.draws.random() > REPEATED):
                break
        faults += self._end()
        if faults:
            self._keep(faults)
        return number + 1

    def _end(self) -> list[str]:
        row, faults = self.row, []
        ended = self._run(None)
        row.ends += 1
        found = kill_checks.made(self.job, self.work)
        other = sorted(name for name, digest in self.wanted.items() if found.get(name) != digest)
        if ended.status:
            faults.append(f"the end: status {ended.status}\n{ended.said[-2000:]}")
        elif other:
            faults.append(f"the end: {len(other)} results differ: {other[:5]}")
        else:
            row.equal += 1
        if kill_checks.running(self.work):  # what is there already is not made again, nor is the archive written
            self._apart(another_run)
        if left := kill_checks.running(self.work):
            row.running += 1
            faults.append(f"the end: {len(left)} runs RUNNING")
        if left := kill_checks.litter(self.work):
            row.litter += 1
            faults.append(f"the end: litter: {left[:8]}")
        return faults

    def _keep(self, faults: list[str]) -> None:
        self.row.faults += 1
        place = self.base / f"fault-{self.name.replace(' ', '-')}-{self.row.faults}"
        shutil.copytree(self.work, place, symlinks=True)
        shutil.copytree(self.base / "tmp", place / "TMPDIR", symlinks=True)
        (place / "faults.txt").write_text("\n".join(faults))
        for fault in faults:
            print(f"{self.name}: {fault.partition(chr(10))[0]}\n    kept in {place}", flush=True)
            self.words[fault.partition("): ")[2].partition("\n")[0] or fault] += 1


def table(campaigns: dict[str, Campaign]) -> str:
    """The table for docs/reliability.md."""
    lines = [
        "| command | kills | of fresh processes | ended before the kill | ends after kills | equal | RUNNING left "
        "| litter | faults | slowest end after SIGTERM or SIGINT, s |",
        "| --- |" + " --: |" * 9,
    ]
    rows = {name: campaign.row for name, campaign in campaigns.items()}
    names = [field.name for field in dataclasses.fields(Row) if field.name != "slowest"]
    total = Row(**{name: sum(getattr(row, name) for row in rows.values()) for name in names})
    total.slowest = max((row.slowest for row in rows.values()), default=0)
    for name, row in (rows | {"all": total}).items():
        lines.append(
            f"| {name} | {row.kills} | {row.fresh} | {row.early} | {row.ends} | {row.equal} | {row.running} | "
            f"{row.litter} | {row.faults} | {row.slowest:.1f} |"
        )
    return "\n".join(lines)


def main(count: int = 1_000, seed: int = 0, jobs: tuple[str, ...] = tuple(JOBS)) -> None:
    """Kill commands `count` times in all."""
    for module in itertools.chain(ARCHIVE, *((JOBS[job].module, *JOBS[job].imports) for job in jobs)):
        importlib.import_module(module)
    base = Path(tempfile.mkdtemp(prefix="kills-"))
    for name in ("tmp", "cache"):
        (base / name).mkdir()
    draws, began = random.Random(seed), time.monotonic()
    campaigns: dict[str, Campaign] = {}
    for name in jobs:
        campaigns[name] = campaign = Campaign(name, base, draws)
        print(
            f"{name}: {campaign.usual.seconds:.1f} s of the processor, {campaign.usual.changes} changes to files, "
            f"{len(campaign.wanted)} results; differ anyway: {', '.join(campaign.differ) or 'none'}",
            flush=True,
        )
    left = count
    while left > 0:
        name = draws.choices(list(jobs), [WEIGHTS.get(job, 3) for job in jobs])[0]
        left -= campaigns[name].chain(left)
        done = count - left
        print(f"{done} kills, {time.monotonic() - began:.0f} s", flush=True)
        (base / "table.md").write_text(table(campaigns))
    print(table(campaigns))
    if any(campaign.row.faults for campaign in campaigns.values()):
        sys.exit(f"faults are kept in {base}")
    shutil.rmtree(base)


if __name__ == "__main__":
    given = sys.argv[1:]
    if any(name not in os.environ for name in THREADS):  # read when TensorFlow and NumPy are loaded
        os.environ |= dict.fromkeys(THREADS, "1")
        os.execv(sys.executable, [sys.executable, "-m", "tests.campaigns.kills", *given])
    main(*map(int, given[:2]), *([tuple(given[2:])] if given[2:] else []))
