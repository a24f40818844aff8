"""Commands in bad places; some hours, `--most 20` some minutes.  It needs Linux, and a C compiler (`cc`).

uv run --frozen python -m tests.campaigns.faults [--most TRIALS] [--only WORD] [PART ...]
"""

import argparse
import shutil
import sys
import time

from tests.campaigns.faults import injection

PARTS = ("writes", "sizes")


def main() -> int:
    """Run parts of the campaign; whether there were faults."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--most", type=int, default=1_000_000, help="trials of a command at most")
    parser.add_argument("--only", default="", help="commands whose name has this word")
    given = parser.parse_args()
    injection.start_with_it("tests.campaigns.faults")

    import tensorflow  # noqa: F401  what is forked from here has it

    from tests.campaigns.faults import disk
    from tests.campaigns.faults.jobs import JOBS
    from tests.campaigns.faults.place import Place

    place, faults = Place.new(), 0
    for part in given.parts or PARTS:
        rows = []
        for job in (job for job in JOBS if given.only in job.name):
            began = time.monotonic()
            print(f"{part}: {job.name}", flush=True)
            found = (
                disk.every_write(place, job, given.most)
                if part == "writes"
                else disk.every_size(place, job, min(12, given.most))
            )
            faults += found.faults
            rows.append(f"| {job.name} | {found.trials} | {found.refused} | {found.went_on} | {found.faults} |")
            for words, count in found.sentences.most_common():
                print(f"  {count} x {words}")
            print(f"  {rows[-1]} {dict(found.seen)} {time.monotonic() - began:.0f} s", flush=True)
        print(f"\n{part}\n" + "\n".join(rows), flush=True)
    if not faults:
        shutil.rmtree(place.base)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
