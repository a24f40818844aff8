"""Disks that are full at every write, and disks of every size."""

import errno
import os
import shutil
from collections.abc import Callable

import pytest

from tests.campaigns.faults import child, injection
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import LARGE, Place
from tests.campaigns.faults.tally import Tally, trial

FOR_EVER = 1 << 30
SIZES = 12


def armed(place: Place, first: int, final: int = FOR_EVER) -> Callable[[], None]:
    """Lets writes fail in the process that calls it, and has it write into the logs what came of that."""
    import atexit

    def arm() -> None:
        library = injection.library()
        patch = pytest.MonkeyPatch()
        usage = shutil.disk_usage("/")
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 50))  # what is asked before
        atexit.register(
            lambda: (place.logs / "events").write_text(
                f"{library.faults_count()} {library.faults_failed().decode(errors='replace')}"
            )
        )
        library.faults_arm(os.fsencode(place.disk), first, final, errno.ENOSPC)

    return arm


def events(place: Place) -> tuple[int, str]:
    """How many writes the last command made, and which one failed first."""
    count, _, failed = (place.logs / "events").read_text().partition(" ")
    return int(count), child.plain(failed.replace(str(place.disk), ""))


def every_write(place: Place, job: Job, most: int, share: int = 3) -> Tally:
    """Let each write fail, with all that follow, and each one alone.

    Args:
        place: where.
        job: the command.
        most: trials at most, spread over the writes.
        share: of so many trials one is run again when there is space.
    """
    tally = Tally()
    expected, _ = place.undisturbed(job)

    def count() -> tuple[int, str]:
        place.started(job, before=armed(place, 0))
        return events(place)

    writes, _ = place.within(count, place.template(job))
    print(f"  {writes} writes", flush=True)
    step = max(1, -(-2 * writes // most)) | 1  # odd: both kinds have their turns
    for number in range(writes):
        for mode, final in enumerate((FOR_EVER, number + 1)):
            if (2 * number + mode) % step:
                continue
            arm = armed(place, number + 1, final)

            repeat = tally.trials % share == 0

            def one(arm=arm, repeat=repeat):
                return trial(place, job, expected, arm, word="free", repeat=repeat)

            ended, fault = place.within(one, place.template(job))
            which = "alone" if mode else "on"
            tally.add(place.logs, f"{job.name} {number + 1} {which} ({events(place)[1]})", ended, fault)
    return tally


def every_size(place: Place, job: Job, most: int) -> Tally:
    """Run a job on disks from what its inputs take to what it needs."""
    tally, sizes = Tally(), min(SIZES, most)
    expected, _ = place.undisturbed(job)
    template = place.template(job)

    def sized(size: int, checked: bool):
        def work():
            def before() -> None:
                if not checked:
                    usage = shutil.disk_usage("/")
                    pytest.MonkeyPatch().setattr(shutil, "disk_usage", lambda path: usage._replace(free=1 << 50))

            return trial(place, job, expected, before, lambda: child.resize_disk(place.disk, LARGE), "free")

        return place.within(work, template, size)

    def taken() -> int:
        return shutil.disk_usage(place.disk).used

    def needed() -> int:
        place.started(job)
        return shutil.disk_usage(place.disk).used

    least, most = (place.within(work, template) for work in (taken, needed))
    print(f"  from {least / 1e6:.1f} to {most / 1e6:.1f} MB", flush=True)
    for k in range(sizes):
        size = (least + (most - least) * k // max(1, sizes - 1)) // 4096 * 4096 + 4096
        for checked in (False, True)[: 1 + (k % 3 == 0)]:
            ended, fault = sized(size, checked)
            tally.add(place.logs, f"{job.name} on {size / 1e6:.2f} MB{', asked before' * checked}", ended, fault)
    return tally
