"""Signals that ask a program to stop, and when they are heard."""

import _thread
import ctypes
import os
import signal
import sys
import threading
import time
import types

# Signals to stop that have arrived.  What they raise can be swallowed by a library that is being imported, so a long
# piece of work looks here before it begins.
stops: list[int] = []
HELD = 5.0  # seconds at most that a signal waits while the archive is written
_held: list[float] = []  # when the first of those came


def stop_signals() -> list[int]:
    """The signals that ask a program to stop: Ctrl-C, SIGTERM, and the end of the terminal unless that is ignored."""
    hangup = getattr(signal, "SIGHUP", None)  # not on every system
    if hangup is None or signal.getsignal(hangup) == signal.SIG_IGN:  # by nohup
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hangup]


def stop_status() -> int:
    """The exit status of a program that was asked to stop."""
    return 128 + (stops[0] if stops else signal.SIGINT)


def stop(number: int, frame: types.FrameType | None) -> None:
    """Stop now, or in a moment: a write to the database that is broken off would lock it against its own process."""
    if _writes_archive(frame):
        _held.append(time.monotonic())
        if _held[-1] - _held[0] < HELD:
            again = threading.Timer(0.02, _thread.interrupt_main, (number,))
            again.daemon = True
            again.start()
            return
    _held.clear()
    stops.append(number)
    raise KeyboardInterrupt


def _writes_archive(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("sqlalchemy.", "mlflow.store.")):
            return True
        frame = frame.f_back
    return False


def end_with_mlflow() -> None:
    """Have `mlflow run` take this process along when it is killed; it would train on unseen otherwise."""
    if sys.platform == "linux" and "MLFLOW_RUN_ID" in os.environ:
        signal_at_parents_death = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(signal_at_parents_death, signal.SIGTERM)
