"""What Cityscapes in its official layout costs: the import of thousands of scenes, and a training at 512x256.

uv run benchmarks/cityscapes.py --source cityscapes --scenes 250,1000,5000

There is nothing to measure with but a few scenes: they are copied under other names until there are enough. Time and
memory of a scene are those of real ones, since each copy is unpacked, decoded, checked, resized and written anew.
"""

import dataclasses
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks import machine
from gan.config import Config, option, run
from gan.data.cityscapes import FINE_ZIP, PHOTOS_ZIP
from gan.errors import UserError
from gan.invocation import ROOT

CITY = 200  # scenes of a made-up city


@dataclasses.dataclass(frozen=True)
class CityscapesConfig(Config):
    """Time the import of copied scenes, and a training on them."""

    source: str = option("", "folder with the two official zips, of few scenes or all", pattern=".+")
    scenes: str = option("250,1000", "how many scenes, with commas between", pattern=r"\d{2,5}(,\d{2,5})*")
    width: int = option(512, "that scenes are resized to, in pixels", ge=64, le=1024, multiple_of=32)
    height: int = option(256, "the same", ge=32, le=1024, multiple_of=32)
    iterations: int = option(200, "of the training, after the last import; 0: none", ge=0, le=1_000_000)
    preset: str = option("small", "of the training")
    precision: str = option("bfloat16", "of the training")


def main(config: CityscapesConfig) -> None:
    """Copy, import, train, and print what it took."""
    machine.warn_unless_idle("the times will be too long")
    with tempfile.TemporaryDirectory(prefix="cityscapes-", dir=".") as folder:
        place = Path(folder).resolve()
        for count in map(int, config.scenes.split(",")):
            copied(Path(config.source), place, count)
            size = ["--width", config.width, "--height", config.height]
            options = ["--dataset", "cityscapes", "--source", place, "--output", place / f"{count}", *size]
            seconds, memory = timed(["-m", "gan.commands.prepare", *options], place)
            print(
                f"{count} scenes: {seconds:.0f} s, {1000 * seconds / count:.0f} ms each, {memory:.2f} GB", flush=True
            )
        if config.iterations:
            options = {"data": place / f"{count}", "preset": config.preset, "precision": config.precision,
                       "width": config.width, "height": config.height, "iterations": config.iterations,
                       "segmenter_iterations": 0}  # fmt: skip
            listed = [word for name, value in options.items() for word in (f"--{name}", value)]
            seconds, memory = timed([ROOT / "train_pix2pix.py", *listed], place)
            print(f"{config.iterations} iterations at {config.width}x{config.height}: {seconds:.0f} s with start and "
                  f"end, {memory:.2f} GB; speed and waiting for data stand in its last line")  # fmt: skip


def copied(source: Path, place: Path, count: int) -> None:
    """Write the two official zips with so many scenes, copies of those in the source's.

    Raises:
        UserError: the source has no such zips.
    """
    for name in (PHOTOS_ZIP, FINE_ZIP):
        if not (source / name).is_file():
            raise UserError(f"source: {source} holds no {name}; name the folder of the two official zips.")
        with zipfile.ZipFile(source / name) as old, zipfile.ZipFile(place / name, "w") as new:
            members: dict[str, list[tuple[str, str]]] = {}
            for member in old.namelist():
                if found := re.fullmatch(r"(.*)/train/[^/]+/([^/]+_\d+_\d+)_([^/]+\.png)", member):
                    members.setdefault(found[2], []).append((member, f"{found[1]}/%s/%s/%s_{found[3]}"))
            scenes = [members[stem] for stem in sorted(members)]
            for number in range(count):
                # One scene of ten is of the official validation part, which becomes the test part.
                city, part = f"city{number // CITY:03d}", "val" if number % 10 == 9 else "train"
                for member, pattern in scenes[number % len(scenes)]:
                    new.writestr(pattern % (part, city, f"{city}_{number:06d}_000019"), old.read(member))


def timed(arguments: list, place: Path) -> tuple[float, float]:
    """Seconds and peak memory in GB of a Python process with what it started.

    Raises:
        UserError: it failed; it has said why.
    """
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, *map(str, arguments)], cwd=place, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError("what was to be timed failed (see above).")
    return time.perf_counter() - began, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    run(CityscapesConfig, main)
