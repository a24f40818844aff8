"""Progress with an estimate of the time left, for terminals and for logs."""

import sys

from tqdm import tqdm


def progress(total: int, what: str, unit: str, start: int = 0) -> tqdm:
    """A progress bar on stderr; where that is no terminal it writes a line every 15 seconds at most.

    Args:
        total: number of steps in all.
        what: the words in front of the bar.
        unit: what one step is, for the rate ("image", "iteration").
        start: steps done already (a resumed run).
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=start,
        desc=what,
        unit=f" {unit}s",
        dynamic_ncols=terminal,
        mininterval=0.2 if terminal else 15,
        maxinterval=1 if terminal else 30,
        leave=True,
        file=sys.stderr,
    )


def say(text: str) -> None:
    """Print a line for the user without disturbing a progress bar."""
    tqdm.write(text)
