"""What a benchmark says of itself and of its machine, and whether that is idle."""

import multiprocessing
import os
from typing import Any

from gan.invocation import code_version, command
from gan.machine import processor

BUSY = 0.3  # cores that other programs may use on a machine that still counts as idle


def warn_unless_idle(consequence: str) -> None:
    """Print a warning if other programs kept cores busy in the last minute, as far as the system tells it.

    Args:
        consequence: what that does to the figures: "the times will be too long".
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(f"warning: this machine is not idle (load {load:.1f}): {consequence}.")


def about(script: str, config: Any) -> dict[str, str]:
    """The columns of a table that say how it was made: command, machine and code."""
    cores = f"{processor()}, {multiprocessing.cpu_count()} cores"
    return {"command": command(script, config), "machine": cores, "code": code_version()}
