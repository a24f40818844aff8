"""Mutated inputs of all kinds: every one is read or refused in a sentence; some minutes.

uv run --frozen python -m tests.campaigns.mutated_files [COUNT [SEED [KIND ...]]]

Each input is changed at random, in its bytes or in what they mean, and read in a process that may have 1 GB more
memory and takes 5 seconds at most. Tracebacks, crashes, programs that are started and files that are written are
faults; the inputs that caused them are kept. Kinds stand in tests/campaigns/mutated. The campaign damaged_files takes
every place of a few small files instead.
"""

import contextlib
import dataclasses
import importlib
import io
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from gan.errors import UserError
from tests.campaigns.mutated.kind import Kind, require_sentence

ROOMS = ("data", "trees", "kept", "words", "archives")  # modules of kinds
SECONDS = 5  # of the processor
WAIT = 100.0  # seconds: other programs may use the processor too
START = 1200.0  # seconds in which a process has imported what it needs
MEMORY = 2**30
WRITES = set("wax+")  # in the mode of an opened file
MOST_SHOWN = 20  # faults of a kind that are kept
# Python's audit events: programs that are started, connections, objects that a pickle makes, and changes of files.
STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class",
          "socket.connect", "socket.getaddrinfo", "socket.bind", "ctypes.dlopen")  # fmt: skip
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod")


@dataclasses.dataclass
class Result:
    """What became of the inputs of a kind."""

    refused: int = 0
    read: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    faults: int = 0


def kinds() -> dict[str, Kind]:
    """All kinds by name."""
    rooms = [importlib.import_module(f"tests.campaigns.mutated.{room}") for room in ROOMS]
    return {kind.name: kind for room in rooms for kind in room.KINDS}


def done(event: str, words: tuple, folder: Path) -> str:
    """What an audit event says was done that an input must not do; "" for others."""
    if event in STARTS:
        return f"{event} {words[:1]!r}"
    written = event in CHANGES
    if event == "open":
        mode, flags = words[1], words[2]
        written = bool(WRITES & set(mode)) if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))
    if written and isinstance(words[0], str | bytes | os.PathLike):
        path = Path(os.path.normpath(Path.cwd() / os.fsdecode(words[0])))
        if folder not in (path, *path.parents) and Path("/dev") not in path.parents:
            return f"{event} {words[0]!r}"
    return ""


def limited(folder: Path) -> None:
    """Keep temporary files in the folder, and let this process have so much more memory."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outcome_of(kind: Kind, path: Path) -> str:
    """Read an input: "read", "refused", or what went wrong."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            kind.read(path)
    except UserError as error:
        if isinstance(error.__cause__ or error.__context__, MemoryError):
            return "out of memory"
        try:
            require_sentence(error)
        except AssertionError as fault:
            return str(fault)
        return "refused"
    except BaseException as error:  # what a fault is
        frames, place = error.__traceback__, ""
        while frames:
            code = frames.tb_frame.f_code
            place = f"{Path(code.co_filename).name}:{frames.tb_lineno}"
            frames = frames.tb_next
        return f"{type(error).__name__} at {place}: {str(error)[:300]}"
    return "read"


def reader(name: str, folder: Path, pipe: Any) -> None:
    """In a process of its own: read what is in a folder, again and again, and say what came of it."""
    sys.dont_write_bytecode = True
    tempfile.tempdir = str(folder / "temporary")
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    kind, watched, begun = kinds()[name], [], [False]

    def watch(event: str, words: tuple) -> None:
        if begun[0] and (found := done(event, words, folder)):
            watched.append(found)

    sys.addaudithook(watch)
    kind.prepare(folder / "good")
    first = outcome_of(kind, folder / "good")  # what is imported late is so now
    if first not in ("read", "refused"):
        print(f"{name}: the good input: {first}", flush=True)
    limited(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send("ready")
    while pipe.recv():
        kind.prepare(folder / "input")
        began, begun[0] = time.process_time(), True
        outcome = outcome_of(kind, folder / "input")
        begun[0] = False
        outcome, watched[:] = (f"it did {watched[:3]}" if watched else outcome), []
        most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        pipe.send((outcome, time.process_time() - began, most))


def answered(pipe: Any, process: Any) -> bool:
    """Wait for an answer, as long as the processor and the clock allow."""
    began, used = time.monotonic(), psutil.Process(process.pid).cpu_times()
    while not pipe.poll(1.0):
        with contextlib.suppress(psutil.Error):
            now = psutil.Process(process.pid).cpu_times()
            if now.user + now.system - used.user - used.system > SECONDS + 1:
                return False
        if time.monotonic() - began > WAIT:
            return False
    return True


def campaign(name: str, count: int, seed: int, folder: Path) -> Result:
    """Read some mutated inputs of a kind."""
    kind, chance, result = kinds()[name], random.Random(f"{seed} {name}"), Result()
    good, context, process = kind.good(), multiprocessing.get_context("spawn"), None
    (folder / "good").write_bytes(good[0])
    for _ in range(count):
        if process is None:
            pipe, other = context.Pipe()
            process = context.Process(target=reader, args=(name, folder, other))
            process.start()
            other.close()
            if not pipe.poll(START):
                raise RuntimeError(f"{name}: no process starts")
            pipe.recv()
        data = kind.mutate(chance.choice(good), chance)
        (folder / "input").write_bytes(data)
        try:
            pipe.send(True)
            outcome, seconds, most = pipe.recv() if answered(pipe, process) else ("it did not end", SECONDS, 0.0)
        except EOFError:
            process.join()
            outcome, seconds, most = f"the process ended with {process.exitcode}", 0.0, 0.0
        result.slowest, result.megabytes = max(result.slowest, seconds), max(result.megabytes, most)
        if outcome in ("read", "refused") and seconds < SECONDS:
            setattr(result, outcome, getattr(result, outcome) + 1)
            continue
        result.faults += 1
        if result.faults <= MOST_SHOWN:
            kept = folder.parent / f"fault-{name.replace(' ', '-')}-{result.faults}"
            kept.write_bytes(data)
            print(f"{kept}: {outcome}, {seconds:.1f} s", flush=True)
        if seconds >= SECONDS or outcome.startswith(("it did not end", "the process ended")):
            process.kill()
            process = None
    if process is not None:
        process.kill()
    return result


def main(count: int = 2_000, seed: int = 0, *chosen: str) -> int:
    """Read mutated inputs of all kinds, or of some; whether there were faults."""
    top, faults, known = Path(tempfile.mkdtemp(prefix="mutated-files-")), 0, kinds()
    names = list(chosen or known)
    shares = sum(known[name].share for name in names)
    print("| input | read | refused | slowest, s of processor | most MB | faults |")
    print("| --- | --: | --: | --: | --: | --: |", flush=True)
    for name in names:
        folder = top / name.replace(" ", "-")
        folder.mkdir()
        with contextlib.chdir(folder):
            result = campaign(name, -int(-count * known[name].share // shares), seed, folder)
        faults += result.faults
        numbers = f"{result.slowest:.2f} | {result.megabytes:.0f} | {result.faults}"
        print(f"| {name} | {result.read:,} | {result.refused:,} | {numbers} |", flush=True)
    print(f"{faults} faults; {top} can be removed" if not faults else f"{faults} faults are kept in {top}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3]), *sys.argv[3:]))
