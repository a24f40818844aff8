"""The library that makes writes fail and clocks jump: it has to be loaded before all others."""

import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
LIBRARY = "FAULTS_LIBRARY"  # variable of the environment: where the compiled library is


def start_with_it(module: str) -> None:
    """Start this very program again, with the library, unless that was done."""
    if LIBRARY in os.environ:
        return
    path = Path(tempfile.mkdtemp(prefix="faults-library-")) / "faults.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", path, SOURCE, "-ldl", "-lpthread"], check=True)
    environment = os.environ | {LIBRARY: str(path), "LD_PRELOAD": str(path)}
    os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment)


def library() -> ctypes.CDLL:
    """The library in this process, which was started with it."""
    found = ctypes.CDLL(os.environ[LIBRARY])
    found.faults_failed.restype = ctypes.c_char_p
    found.faults_jump.argtypes = [ctypes.c_long]
    return found
