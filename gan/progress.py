"""Progress with an estimate of the time left, for terminals and for logs."""

import sys
import time
from collections.abc import Iterable

import tqdm._monitor
import tqdm.std
from tqdm import tqdm as Bar

# Their clock is that of the day: where it is put back or forward, the time left would be nonsense.
tqdm.std.time = tqdm._monitor.time = time.monotonic

_silenced: list[bool] = []


def progress(
    total: int, what: str, unit: str, start: int = 0, items: Iterable | None = None, hidden: bool = False
) -> Bar:
    """A progress bar on stderr; where that is no terminal it writes a line every 15 seconds at most.

    Args:
        total: number of steps in all.
        what: the words in front of the bar.
        unit: what one step is, for the rate ("image", "iteration").
        start: steps done already (a resumed run).
        items: what the bar gives when it is iterated over, a step an item.
        hidden: show nothing.
    """
    terminal = sys.stderr.isatty()
    return Bar(
        items,
        total=total,
        initial=start,
        desc=what,
        unit=f" {unit}s",
        dynamic_ncols=terminal,
        mininterval=0.2 if terminal else 15,
        maxinterval=1 if terminal else 30,
        leave=True,
        file=sys.stderr,
        disable=hidden or bool(_silenced),
    )


def say(text: str) -> None:
    """Print a line for the user without disturbing a progress bar."""
    if not _silenced:
        Bar.write(text)


def remark(text: str) -> None:
    """The same on stderr: a sentence that the user should know beside the results."""
    if not _silenced:
        Bar.write(text, file=sys.stderr)


def silence() -> None:
    """Show nothing from now on: another process speaks for this one."""
    _silenced.append(True)
