"""Whether the machine that a benchmark runs on is idle."""

import os

BUSY = 0.3  # cores that other programs may use on a machine that still counts as idle


def warn_unless_idle(consequence: str) -> None:
    """Print a warning if other programs kept cores busy in the last minute, as far as the system tells it.

    Args:
        consequence: what that does to the figures: "the times will be too long".
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(f"warning: this machine is not idle (load {load:.1f}): {consequence}.")
