"""Commands in bad places: hours; `--most 6` some minutes. It needs Linux and a C compiler (`cc`).

uv run --frozen python -m tests.campaigns.faults [--most TRIALS] [--only COMMANDS] [PART ...]
"""

import argparse
import re
import shutil
import sys
import time

from tests.campaigns.faults import injection

PARTS = ("writes", "sizes", "folders", "locks", "clocks", "twice")


def main() -> int:
    """Run parts of the campaign; whether there were faults."""
    parser = argparse.ArgumentParser(description="Commands in bad places.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--most", type=int, default=1_000_000, help="trials of a command at most")
    parser.add_argument("--only", default="", help="commands whose names this regular expression finds")
    given = parser.parse_args()
    injection.start_with_it("tests.campaigns.faults")

    import tensorflow  # noqa: F401  what is forked from here has it

    from tests.campaigns.faults import clocks, disk, folders, locks, twice
    from tests.campaigns.faults.jobs import JOBS
    from tests.campaigns.faults.place import Place

    tries = dict(
        zip(
            PARTS,
            (disk.every_write, disk.every_size, folders.every_folder, locks.every_lock, clocks.every_jump,
             twice.every_pair),
            strict=True,
        )
    )  # fmt: skip
    place, faults = Place.new(), 0
    for part in given.parts or PARTS:
        rows = []
        for job in (job for job in JOBS if re.search(given.only, job.name)):
            print(f"{part}: {job.name}", flush=True)
            began = time.monotonic()
            found = tries[part](place, job, given.most)
            faults += found.faults
            rows.append(found.row(job.name))
            for words, count in found.sentences.most_common():
                print(f"  {count} x {words[:400]}")
            print(f"  {rows[-1]} {dict(found.seen)} {time.monotonic() - began:.0f} s", flush=True)
        print(f"\n| {part} | trials | refused | went on | faults |\n" + "\n".join(rows), flush=True)
    print(f"{faults} faults" + (f"; see {place.logs}" if faults else ""))
    if not faults:
        shutil.rmtree(place.base)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
