"""Folders as they may be on a disk: odd names, links, loops, pipes, devices, nesting, files in place of folders."""

import contextlib
import json
import os
import random
import shutil
import socket
import stat
from pathlib import Path

from gan.commands import new_signs
from gan.data.class_folders import Reading
from gan.data.gtsrb import read_source
from gan.data.sets import open_images
from tests.campaigns.mutated.data import image, label_map, read_scenes
from tests.campaigns.mutated.kind import Kind, each
from tests.campaigns.mutated.mutations import NAMES, of_any

ROOT = "tree"
DEEP = 600  # folders in each other, of ten letters each: longer than a path may be
TARGETS = (
    ".",
    "..",
    "../..",
    "/",
    "/etc",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/fd",
    "cat",
    "dog/1.png",
    "loop",
    "x",
)
SORTS = (
    "image",
    "map",
    "text",
    "empty",
    "damaged",
    "pipe",
    "device",
    "socket",
    "folder",
    "link",
    "deep",
    "closed",
    "mesh",
)
CONTENTS = {
    "image": image(),
    "map": label_map(),
    "text": b"file,label\n1.png,cat\n",
    "empty": b"",
    "damaged": b"\x89PNG",
}


def trees() -> list[bytes]:
    """Lists of [path, sort, target of a link]."""
    classes = [[f"{name}/{k}.png", "image", ""] for name in ("cat", "dog") for k in range(3)]
    parts = [[f"{part}/{name}/{k}.png", "image", ""] for part in ("train", "test") for name in "ab" for k in range(2)]
    pairs = [
        [f"{kind}/{k}.png", sort, ""] for kind, sort in (("photos", "image"), ("labels", "map")) for k in range(4)
    ]
    signs = [[f"GTSRB/Final_Training/Images/{k:05d}/00000_0000{k}.ppm", "image", ""] for k in range(3)]
    grouped = [[f"{name}/{group}/{k}.png", "image", ""] for name in "ab" for group in "xy" for k in range(2)]
    return [json.dumps(tree).encode() for tree in (classes, parts, pairs, signs, grouped)]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Things added beside the others, and others changed."""
    tree = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        others = [path for path, *_ in tree] or ["a"]
        folder = chance.choice(others).rpartition("/")[0]
        name = chance.choice((*NAMES, "a.png", "1.png", "cat", "photos", "generated.json", "train.p", "data.csv"))
        thing = [f"{folder}/{name}" if chance.random() < 0.7 else name, chance.choice(SORTS), chance.choice(TARGETS)]
        if chance.random() < 0.5 or not tree:
            tree.insert(chance.randrange(len(tree) + 1), thing)
        else:
            k = chance.randrange(len(tree))
            tree[k] = chance.choice(([tree[k][0], *thing[1:]], [thing[0], *tree[k][1:]], thing))
    text = json.dumps(tree).encode()
    return of_any(text, chance) if chance.random() < 0.1 else text


def build(path: Path) -> None:
    """Make the tree, as far as the system lets it be made."""
    root = path.with_name(ROOT)
    if root.exists():
        shutil.rmtree(root, onerror=lambda function, place, error: Path(place).rmdir())  # of one that is closed
    root.mkdir()
    with contextlib.suppress(ValueError, TypeError):
        for name, sort, target in json.loads(path.read_bytes()):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                place = root / name
                if root in Path(os.path.normpath(place)).parents:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    put(place, sort, target)


def put(place: Path, sort: str, target: str) -> None:
    if sort in CONTENTS:
        place.write_bytes(CONTENTS[sort])
    elif sort == "pipe":
        os.mkfifo(place)
    elif sort == "device":  # as /dev/zero: root alone may make one
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif sort == "socket":
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind(str(place))
    elif sort == "link":
        place.symlink_to(target)
    elif sort == "closed":
        place.mkdir()
        place.chmod(0)
    elif sort == "folder":
        place.mkdir()
    elif sort == "mesh":  # links to each other: more ways than anyone can go
        for k in range(9):
            (place / str(k)).mkdir(parents=True)
            for other in range(9):
                (place / str(k) / f"to {other}").symlink_to(f"../{other}")
    elif sort == "deep":
        here = Path.cwd()
        try:
            for _ in range(DEEP):
                place.mkdir()
                os.chdir(place)
                place = Path("ten-letters")
        finally:
            os.chdir(here)


def read(path: Path) -> None:
    root = path.with_name(ROOT)
    each(
        lambda: [new_signs.opened(file) for file in new_signs.read(root).values()],
        lambda: read_source(root),
        lambda: read_scenes(root),
        lambda: open_images(str(root), reading=Reading(groups="folder", skip_damaged=True)),
        lambda: open_images(str(root)),
    )


KINDS = (Kind("folders", trees, read, mutated, build, 0.1),)
