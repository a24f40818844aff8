"""The machine and its user: the processor, its cores, and the folder for what can be made again."""

import os
import platform
import re
import sys
from pathlib import Path


def processor() -> str:
    """The model of the processor, as far as the system tells it."""
    model = re.search(r"^model name\s*: (.+)$", _cpuinfo(), re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def bfloat16_instructions() -> list[str]:
    """The processor's sets of bfloat16 instructions; a virtual machine's model may hide its generation."""
    return sorted(set(re.findall(r"\b\w*bf16\w*", _cpuinfo())))


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def cache_folder() -> Path:
    """The project's folder for what can be made again: in XDG_CACHE_HOME, else where the system has such folders.

    Raises:
        RuntimeError: the user has no home folder.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():  # others are to be ignored, says the XDG Base Directory Specification
        folder = given
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        folder = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return folder / "gan-augmentation"


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
