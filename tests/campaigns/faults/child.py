"""Processes that are forked from one that has imported everything: a command in them starts at once."""

import atexit
import ctypes
import dataclasses
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
TIMEOUT = 300.0  # seconds of a command
_libc = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str
    seconds: float

    def fault(self, statuses: tuple[int, ...] = (0, 2)) -> str:
        """What is wrong with the end of a command, whatever happened to it; "" if nothing is."""
        if "Traceback" in self.err:
            return f"traceback: {self.err.strip().splitlines()[-1][:300]}"
        if self.status not in statuses:
            return f"status {self.status}: {self.err.strip()[-300:]}"
        if self.status == 2 and len(re.findall("^error: ", self.err, re.M)) != 1:
            return f"no single sentence: {self.err.strip()[-300:]}"
        return ""

    @property
    def sentence(self) -> str:
        """The sentence that it ended with."""
        return re.split("^error: ", self.err, flags=re.M)[-1].strip()


def die_with_parent() -> None:
    """Let nothing outlive the campaign."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def fork(work: Callable[[], int], out: Path | None = None, err: Path | None = None) -> int:
    """Start a function in a forked process, which ends as Python does; its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        die_with_parent()
        os.setpgid(0, 0)
        for path, handle in ((out, 1), (err, 2)):
            if path is not None:
                opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(opened, handle)
                os.close(opened)
        try:
            status = work()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait(number: int, seconds: float = TIMEOUT) -> int:
    """The exit status of a forked process; after some time it is killed, with all that it has started, and -9."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return -signal.SIGKILL


def ended(number: int, out: Path, err: Path, began: float, seconds: float = TIMEOUT) -> Ended:
    """Wait for a command that was forked with these files."""
    status = wait(number, seconds)
    texts = [path.read_text(errors="replace") for path in (out, err)]
    return Ended(status, *texts, time.monotonic() - began)


def command(work: Callable[[], int], logs: Path, name: str = "command", seconds: float = TIMEOUT) -> Ended:
    """Run a function in a forked process to its end."""
    out, err = logs / f"{name}.out", logs / f"{name}.err"
    began = time.monotonic()
    return ended(fork(work, out, err), out, err, began, seconds)


def own_mounts() -> None:
    """Let this process mount what no other one sees."""
    user, group = os.getuid(), os.getgid()
    _checked(_libc.unshare(CLONE_NEWNS | CLONE_NEWUSER), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", "/", "", MS_REC | MS_PRIVATE, "")


def mount_disk(place: Path, size: int) -> None:
    """A disk of some bytes in memory."""
    _mount("tmpfs", str(place), "tmpfs", 0, f"size={size}")


def resize_disk(place: Path, size: int) -> None:
    """Give a disk in memory another size."""
    _mount("tmpfs", str(place), "tmpfs", MS_REMOUNT, f"size={size}")


def make_read_only(place: Path) -> None:
    """Let nothing below a folder be changed."""
    _mount(str(place), str(place), "", MS_BIND | MS_REC, "")
    _mount("none", str(place), "", MS_BIND | MS_REMOUNT | MS_RDONLY | _flags(place), "")


def undo_read_only(place: Path) -> None:
    """Let it be changed again."""
    _checked(_libc.umount2(str(place).encode(), 2), "umount")


def _flags(place: Path) -> int:
    """What a mount must keep in a namespace of a user."""
    found = os.statvfs(place).f_flag
    return found & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME | os.ST_RELATIME)


def _mount(source: str, place: str, kind: str, flags: int, options: str) -> None:
    given = [text.encode() for text in (source, place, kind)]
    _checked(_libc.mount(*given, ctypes.c_ulong(flags), options.encode()), f"mount {place}")


def _checked(answer: int, what: str) -> None:
    if answer:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def plain(text: str) -> str:
    """A text without what differs from run to run: ids, numbers of processes, temporary names."""
    return re.sub(r"(?<![0-9a-f])([0-9a-f]{32}|[0-9a-f]{8})(?![0-9a-f])", "ID", text)
