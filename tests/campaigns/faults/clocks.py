"""Clocks that jump a day while a command runs."""

import re
import threading

from tests.campaigns.faults import injection
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import Place, lacking, record
from tests.campaigns.faults.tally import Tally

DAY = 86_400
MOMENTS = (0.2, 0.5, 0.8)  # shares of the time that an undisturbed one takes
ABSURD = re.compile(r"-\d+:\d\d|\d+:\d\d:\d\d|\d+ days?|-\d+ seconds|-\d+(\.\d+)? (image|iteration|scene)s/s")


def every_jump(place: Place, job: Job, most: int) -> Tally:
    """Run a job while the clock is put forward and back a day."""
    tally = Tally()
    expected, undisturbed = place.undisturbed(job)
    jumps = [(moment, day) for moment in MOMENTS for day in (DAY, -DAY)]
    for moment, day in jumps[:most]:

        def before(moment: float = moment, day: int = day) -> None:
            timer = threading.Timer(moment * undisturbed.seconds, injection.library().faults_jump, [day])
            timer.daemon = True
            timer.start()

        def one(before=before):
            ended = place.started(job, before=before)
            found = record(job, place.work)
            again = place.started(job, "again")
            return ended, found, again

        ended, found, again = place.within(one, place.template(job))
        fault = ended.fault((0,)) or again.fault((0,)) or lacking(expected, found)
        if not fault and (odd := ABSURD.search(ended.err + ended.out)):
            fault = f"absurd time: {odd[0]}"
        tally.add(place.logs, f"{job.name}, {day:+d} s at {moment:.0%}", ended, fault)
    return tally
