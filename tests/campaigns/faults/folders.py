"""Folders that can't be written: all, output, data, archive, temporary files, home."""

import functools
from pathlib import Path

from tests.campaigns.faults import child
from tests.campaigns.faults.jobs import Job
from tests.campaigns.faults.place import HOME, TMP, WORK, Place
from tests.campaigns.faults.tally import Tally, trial

MAY_FAIL = ("work", "output", "mlruns", "mlflow.db")  # others need not be written


def places(job: Job) -> dict[str, str]:
    """Paths on the disk that are made read-only, by what they are."""
    output = job.options.get("output", "images")
    data = {name for key in ("data", "source", "pictograms", "goodrun_ref") if (name := job.options.get(key))}
    found = {
        "work": WORK, "output": f"{WORK}/{output}", "mlruns": f"{WORK}/mlruns", "mlflow.db": f"{WORK}/mlflow.db",
        "temporary files": TMP, "home": HOME,
    }  # fmt: skip
    return found | {f"data ({name})": f"{WORK}/{name}" for name in sorted(data)}


def every_folder(place: Place, job: Job, most: int) -> Tally:
    """Run a job with each folder read-only."""
    tally = Tally()
    expected, _ = place.undisturbed(job)
    template = place.template(job)
    chosen = [
        (what, path) for what, path in places(job).items() if what == "output" or (template / path).exists()
    ][:most]  # fmt: skip
    for what, path in chosen:

        def one(path: str = path):
            folder = place.disk / path
            if not folder.exists():
                folder.mkdir(parents=True)
            child.make_read_only(folder)
            return trial(place, job, expected, mend=functools.partial(child.undo_read_only, folder))

        ended, fault = place.within(one, template)
        if not fault and ended.status and what not in MAY_FAIL:
            fault = f"refused: {ended.sentence[:300]}"
        if not fault and ended.status and what != "work" and Path(path).name not in ended.sentence:
            fault = f"does not name it: {ended.sentence[:300]}"
        tally.add(place.logs, f"{job.name}, {what} read-only", ended, fault)
    return tally
