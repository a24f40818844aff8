"""What became of the trials of a command."""

import collections
import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.faults.child import Ended, plain
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import Place, Record, damage, digests, lacking, litter, record


@dataclasses.dataclass
class Tally:
    """Counts of the trials of a command."""

    trials: int = 0
    refused: int = 0
    went_on: int = 0
    faults: int = 0
    sentences: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    seen: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def add(self, logs: Path, where: str, ended: Ended, fault: str) -> None:
        self.trials += 1
        self.refused += ended.status == 2
        self.went_on += ended.status == 0
        if ended.status == 2:
            self.sentences[plain(ended.sentence)] += 1
        if fault:
            self.faults += 1
            self.seen[fault.split(":")[0]] += 1
            shutil.copy(logs / "command.err", logs / f"fault-{re.sub('[^0-9a-z]+', '-', where)[:90]}.err")
            print(f"  FAULT {where}: {fault}", flush=True)

    def row(self, name: str) -> str:
        """A row of a table."""
        return f"| {name} | {self.trials} | {self.refused} | {self.went_on} | {self.faults} |"


def trial(
    place: Place,
    job: Job,
    expected: Record,
    before: Callable[[], object] = lambda: None,
    mend: Callable[[], object] = lambda: None,
    word: str = "",
    repeat: bool = True,
    **changed: str,
) -> tuple[Ended, str]:
    """Run a job in a bad place, look at what it left, mend the place, and run it again.

    Args:
        place: where.
        job: the command.
        expected: what an undisturbed one makes.
        before: is called in the process of the command.
        mend: makes the place a good one.
        word: of the sentence that it may end with.
        repeat: whether it is run again.
        changed: options of the command.

    Returns:
        How it ended, and the fault that was found, if any.
    """
    template = digests(place.work)
    ended = place.started(job, before=before, **changed)
    fault = ended.fault()
    if not fault and ended.status == 2 and word not in ended.sentence:
        fault = f"no word of it: {ended.sentence[:300]}"
    if left := litter(place.disk):
        fault = fault or f"litter: {left}"
    mend()
    if not fault and (lost := damage(template, place.work)):
        fault = f"lost: {lost}"
    if not repeat and ended.status:
        return ended, fault
    again = place.started(job, "again", **changed) if repeat else ended
    if not fault and again.status:
        fault = f"again: {again.err.strip()[-300:]}"
    if not fault and (gone := lacking(expected, record(job, place.work))):
        fault = f"differs: {gone}"
    return ended, fault
