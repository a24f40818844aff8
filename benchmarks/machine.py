"""The machine that a benchmark runs on."""

import os
import platform
import re
from pathlib import Path

BUSY = 0.3  # cores that other programs may use on a machine that still counts as idle


def processor() -> str:
    """The model of the processor, as far as the system tells it."""
    try:
        model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return model[1].strip() if model else platform.processor() or platform.machine()


def warn_unless_idle(consequence: str) -> None:
    """Print a warning if other programs kept cores busy in the last minute, as far as the system tells it.

    Args:
        consequence: what that does to the figures: "the times will be too long".
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY:
        print(f"warning: this machine is not idle (load {load:.1f}): {consequence}.")
