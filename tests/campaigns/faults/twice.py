"""The same command twice at the same moment, in the same folder."""

import dataclasses
import time

from tests.campaigns.faults import child
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import Place, damage, digests, lacking, litter, record
from tests.campaigns.faults.tally import Tally

APART = (0.0, 0.05, 0.5, 1.0)  # seconds between the two


def both(place: Place, job: Job, apart: float) -> list[child.Ended]:
    """Start a job twice, and wait for both."""
    started = []
    for name in ("command", "other"):

        def run() -> int:
            place.enter()
            return job.run()

        out, err = place.logs / f"{name}.out", place.logs / f"{name}.err"
        started.append((child.fork(run, out, err), out, err, time.monotonic()))
        time.sleep(apart)
    return [child.ended(*which) for which in started]


def every_pair(place: Place, job: Job, most: int) -> Tally:
    """Run a job twice at once, some time apart."""
    tally = Tally()
    expected, _ = place.undisturbed(job)
    for apart in APART[:most]:

        def one(apart: float = apart):
            template = digests(place.work)
            ended = both(place, job, apart)
            fault = next(filter(None, (each.fault() for each in ended)), "")
            if not fault and all(each.status for each in ended):
                fault = f"neither: {ended[0].sentence[:200]} / {ended[1].sentence[:200]}"
            if not fault and (left := litter(place.disk)):
                fault = f"litter: {left}"
            if not fault and (lost := damage(template, place.work)):
                fault = f"lost: {lost}"
            if not fault and (gone := lacking(expected, record(job, place.work))):
                fault = f"differs: {gone}"
            return ended, fault

        ended, fault = place.within(one, place.template(job))
        worse = max(ended, key=lambda each: each.status)
        tally.add(place.logs, f"{job.name}, {apart} s apart", dataclasses.replace(worse), fault)
    return tally
