"""Mutated files, references and command lines: every one is read or refused in a sentence; some minutes.

uv run --frozen python -m tests.campaigns.mutated_files [COUNT [SEED]]

Each input is changed at random in up to six places and read in a process that may have 1 GB more memory and takes 5
seconds at most. Tracebacks, crashes, programs that are started and files that are written are faults; the inputs that
caused them are kept. The campaign damaged_files takes every place of a few small files instead.
"""

import contextlib
import csv
import dataclasses
import io
import json
import multiprocessing
import pickle
import random
import resource
import shlex
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan import checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.commands.export import read_scores
from gan.config import parse
from gan.data import palettes
from gan.data.class_folders import Reading
from gan.data.pickles import read_pickle
from gan.data.sets import open_images
from gan.data.untrusted import open_source
from gan.data.untrusted_images import open_image
from gan.errors import UserError

SECONDS = 5  # of the processor
WAIT = 100.0  # seconds: other programs may use the processor too
MEMORY = 2**30
NUMBERS = [bytes([k]) * size for k in (0, 1, 0x7F, 0x80, 0xFF) for size in (1, 2, 4, 8)]
WORDS = [
    b"[" * 2000,
    b"{" * 2000,
    b"9" * 400,
    b"-1",
    b"1e999",
    b"../",
    b"/etc/passwd",
    b"\0",
    b"\x1b[2J",
    b"=--",
    b"%00",
]
WORDS += [b"null", b"\n", b",", b'"', b"cos\nsystem\n", b"\x85" * 2000, b"PK\3\4", b"models:/", b"\xe2\x80\xae"]
WRITES = set("wax+")  # in the mode of an opened file
STARTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")  # Python's audit events


@dataclasses.dataclass
class Result:
    """What became of the inputs of a kind."""

    refused: int = 0
    read: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    faults: int = 0


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed in one to six places."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((1, 2, 4, 16, 200)))
        before, within, after = data[:start], data[start:end], data[end:]
        data = chance.choice((
            before + chance.randbytes(len(within)) + after,
            before + bytes(byte ^ 1 << chance.randrange(8) for byte in within[:1]) + within[1:] + after,
            before + chance.choice(NUMBERS) + after,
            before + chance.choice(WORDS) + within + after,
            before + after,
            before + within * chance.choice((2, 4, 1000)) + after,
            before,
            within + after + before,
        ))  # fmt: skip
    return data


def arrays() -> dict[str, np.ndarray]:
    return {
        "features": np.arange(60, dtype=np.uint8).reshape(5, 4, 3),
        "labels": np.arange(5),
        "scores": np.ones(3, ">f4"),
    }


class Variable:
    """What a value of a checkpoint is put into."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.zeros(self.shape, np.float32)

    def assign(self, _: np.ndarray) -> None: ...


def image(form: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def class_folders(member: bytes) -> bytes:
    """A zip of two classes of three images, one of which is given."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for k in range(6):
            archive.writestr(f"data/{'cat' if k % 2 else 'dog'}/{k}.png", image("PNG") if k else member)
    return file.getvalue()


def checkpoint() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint"
        network = {"classes": 1, "generator_width": 4, "dropout": 0.25, "layout": "enlarged", "size": 32}
        data = {"name": "drawn", "digest": "0123456789abcdef", "images": 900, "classes": ["a"], "mirror": [0]}
        settings = {"batch_size": 32, "drawn": 0, "use_test": False, "fit": "squeeze", "precision": "float32"}
        info = CheckpointInfo("dcgan", "0", 300, network, settings, data, "a" * 32)
        checkpoints.save(path, info, {"averaged": [np.ones((2, 3), np.float32), np.float32(-2)]})
        return path.read_bytes()


def kinds() -> dict[str, tuple[list[bytes], Callable[[Path], Any]]]:
    """Good inputs of each kind, and what reads one from a file."""

    def read_zip(path: Path) -> None:
        with open_source(path) as source:
            for name in source.names():
                source.read(name)

    def read_checkpoint(path: Path) -> None:
        from gan.dcgan.gan import Network

        info = checkpoints.read_info(path)
        info.differences(info)
        checkpoints.generates_only(path)
        Network.restored(info.network)
        Reading.of(info.config | {"image_size": 32})
        checkpoints.load(path, {"averaged": [Variable((2, 3)), Variable(())]})

    def read_reference(path: Path) -> None:
        from gan import archive

        archive.resolve(path.read_bytes().decode(errors="replace").replace("\0", ""), "dcgan", "17")

    def read_words(path: Path) -> None:
        from gan.commands.prepare import PrepareConfig
        from train_dcgan import TrainConfig

        with contextlib.suppress(ValueError):
            words = shlex.split(path.read_bytes().decode(errors="replace"))
            for settings in (TrainConfig, PrepareConfig):
                with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                    parse(settings, words)

    table = io.StringIO()
    csv.writer(table).writerows([("file", "label", "part"), *((f"{k}.png", "ab"[k % 2], "train") for k in range(6))])

    def read_table(path: Path) -> None:
        folder = path.parent / "table"
        if not folder.exists():
            folder.mkdir()
            for k in range(6):
                (folder / f"{k}.png").write_bytes(image("PNG"))
        (folder / "table.csv").write_bytes(path.read_bytes())
        open_images(str(folder / "table.csv"))

    def read_evaluation(path: Path) -> None:
        from gan import archive

        folder = path.parent / "evaluation"
        folder.mkdir(exist_ok=True)
        for name in ("evaluation.json", "scores.json"):
            (folder / name).write_bytes(path.read_bytes())
        read_scores(str(folder), archive.GoodRun("a" * 32, 5, path, None))

    def read_member(path: Path) -> None:
        archive = path.with_name("folders.zip")
        archive.write_bytes(class_folders(path.read_bytes()))
        open_images(str(archive))

    def read_text(path: Path) -> None:
        other = path.with_name("text.npz")
        np.savez(other, **whole | {"about": np.array(path.read_bytes().decode(errors="replace"))})
        read_checkpoint(other)

    origin = {"run": "a" * 32, "iteration": 5, "count": 3}
    scores = json.dumps({"origin": origin, "overall": {"fid": 3.5}, "classes": {"1": [1.0, None]}}).encode()
    with np.load(io.BytesIO(checkpoint())) as kept:
        whole = dict(kept)
    images = [*map(image, ("PPM", "PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")), b"P3\n2 2\n255\n" + b"7 " * 12]
    references = [b"a" * 32 + b"/300", b"models:/name@goodrun", b"runs:/" + b"1" * 32, b"some/folder", b"pretrained"]
    words = [
        b"--iterations 5 --data drawn:400 --class_val 17 --precision float32 --seed=3",
        b"--source some --output=there --download true",
    ]
    palette = [palettes.CITYSCAPES.to_json().encode()]
    return {
        "pickle": ([pickle.dumps(arrays(), protocol) for protocol in (2, 3, 4, 5)], read_pickle),
        "zip": ([class_folders(image("PNG"))], read_zip),
        "image": (images, lambda path: open_image(path.read_bytes(), "it", lambda it: np.array(it.convert("RGB")))),
        "class folders": (images, read_member),
        "CSV": ([table.getvalue().encode()], read_table),
        "palette": (palette, lambda path: palettes.from_json(path.read_bytes(), "it")),
        "checkpoint": ([checkpoint()], read_checkpoint),
        "text of a checkpoint": ([str(whole["about"]).encode()], read_text),
        "evaluation": ([scores], read_evaluation),
        "reference": (references, read_reference),
        "command line": (words, read_words),
    }


def reader(name: str, folder: Path, pipe: Any) -> None:
    """In a process of its own: read what is in a folder, again and again, and say what came of it."""
    read = kinds()[name][1]
    watched: list[str] = []
    begun = [False]

    def watch(event: str, words: tuple) -> None:
        if not begun[0]:
            return
        written = event == "open" and isinstance(words[1], str) and bool(WRITES & set(words[1]))
        if event in STARTS or (written and folder not in Path(str(words[0])).parents):
            watched.append(f"{event} {words[0]!r}")

    sys.addaudithook(watch)
    with contextlib.suppress(UserError), contextlib.redirect_stderr(io.StringIO()):
        read(folder / "good")  # what is imported late is so now
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send("ready")
    while pipe.recv():
        outcome = "read"
        began, begun[0] = time.process_time(), True
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                read(folder / "input")
        except UserError as error:
            text, outcome = str(error), "refused"
            if "\n" in text or not text.endswith("."):
                outcome = f"no sentence: {text[:300]!r}"
            if isinstance(error.__cause__ or error.__context__, MemoryError):
                outcome = "out of memory"
        except BaseException as error:  # what a fault is
            outcome = f"{type(error).__name__}: {str(error)[:300]}"
        begun[0] = False
        outcome, watched[:] = (f"it did {watched}" if watched else outcome), []
        most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        pipe.send((outcome, time.process_time() - began, most))


def campaign(name: str, count: int, seed: int, folder: Path) -> Result:
    """Read some mutated inputs of a kind."""
    good, chance, result = kinds()[name][0], random.Random(f"{seed} {name}"), Result()
    context, process = multiprocessing.get_context("spawn"), None
    (folder / "good").write_bytes(good[0])
    for _ in range(count):
        if process is None:
            pipe, other = context.Pipe()
            process = context.Process(target=reader, args=(name, folder, other))
            process.start()
            other.close()
            pipe.recv()
        data = mutated(chance.choice(good), chance)
        (folder / "input").write_bytes(data)
        try:
            pipe.send(True)
            outcome, seconds, most = pipe.recv() if pipe.poll(WAIT) else ("it did not end", WAIT, 0.0)
        except EOFError:
            process.join()
            outcome, seconds, most = f"the process ended with {process.exitcode}", 0.0, 0.0
        result.slowest, result.megabytes = max(result.slowest, seconds), max(result.megabytes, most)
        if outcome in ("read", "refused") and seconds < SECONDS:
            setattr(result, outcome, getattr(result, outcome) + 1)
            continue
        result.faults += 1
        kept = folder / f"fault-{name.replace(' ', '-')}-{result.faults}"
        kept.write_bytes(data)
        print(f"{kept}: {outcome}, {seconds:.1f} s", flush=True)
        process.kill()
        process = None
    if process is not None:
        process.kill()
    return result


def main(count: int = 2_000, seed: int = 0) -> int:
    """Read mutated inputs of all kinds; whether there were faults."""
    folder, faults = Path(tempfile.mkdtemp(prefix="mutated-files-")), 0
    print("| input | read | refused | slowest, s of processor | most MB | faults |")
    print("| --- | --: | --: | --: | --: | --: |", flush=True)
    with contextlib.chdir(folder):
        for name in (names := list(kinds())):
            result = campaign(name, -(-count // len(names)), seed, folder)
            faults += result.faults
            numbers = f"{result.slowest:.2f} | {result.megabytes:.0f} | {result.faults}"
            print(f"| {name} | {result.read:,} | {result.refused:,} | {numbers} |", flush=True)
    print(f"{faults} faults; {folder} can be removed" if not faults else f"{faults} faults are kept in {folder}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
