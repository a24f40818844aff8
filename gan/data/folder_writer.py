"""Writing a prepared folder of scenes (see `folder`): on all cores, going on where it was stopped.

Files are written under another name and then renamed: what has its name is whole. Until all scenes are there,
`preparing.jsonl` has a line that says what the folder is made from, then the record of each finished scene.
"""

import contextlib
import dataclasses
import hashlib
import io
import itertools
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from PIL import Image

from gan.data.folder import (
    FORMAT,
    KINDS,
    PALETTE,
    PARTS,
    PREPARED,
    PREPARING,
    Account,
    Record,
    check_sizes,
    read_account,
)
from gan.data.palettes import Palette, histogram
from gan.data.parallel import in_threads
from gan.data.scene import Scene, resized
from gan.data.untrusted_images import read_image
from gan.errors import UserError
from gan.files import replacing
from gan.progress import progress

PHOTO_PACKING = 3  # zlib level of photos: a tenth larger than at 6, in a third of the time
MAP_PACKING = 6

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Item:
    """A scene that is to be written.

    Attributes:
        part: one of `folder.PARTS`.
        name: of the scene.
        stamp: gives a text that changes when what the scene is made from changes.
        read: gives photo uint8 (height, width, 3), or the PNG that it already is; label map uint8 (height, width),
            ids; and instances uint16 (height, width), or None. Raises a UserError where these are damaged.
    """

    part: str
    name: str
    stamp: Callable[[], str]
    read: Callable[[], tuple[np.ndarray | bytes, np.ndarray, np.ndarray | None]]

    @classmethod
    def of(cls, part: str, name: str, scene: Callable[[], Scene]) -> "Item":
        """A scene that a function gives."""

        def read() -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
            found = scene()
            return found.photo, found.labels, found.instances

        return cls(part, name, lambda: scene().digest(), read)


@dataclasses.dataclass(frozen=True)
class Found:
    """What a source holds.

    Attributes:
        items: the scenes.
        palette: their classes.
        notes: sentences about what was decided or is missing.
    """

    items: tuple[Item, ...]
    palette: Palette
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Written:
    """What became of a prepared folder.

    Attributes:
        records: of all scenes, in the order of the items.
        new: how many of them were written now; the others were there.
        zips: zipped copies that were written now.
    """

    records: tuple[Record, ...]
    new: int
    zips: tuple[Path, ...]


def to_png(pixels: np.ndarray, packing: int = MAP_PACKING) -> bytes:
    """An array uint8 (h, w, 3), uint8 (h, w) or uint16 (h, w) as a PNG; the same array gives the same bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=packing)
    return file.getvalue()


def write_folder(
    output: str | Path,
    items: Sequence[Item],
    palette: Palette,
    about: dict[str, Any],
    size: Size | None = None,
    zipped: bool = False,
    elsewhere: Callable[[list[int]], Iterator[Record]] | None = None,
) -> Written:
    """Write scenes into a prepared folder, or what is missing of them.

    Args:
        output: the folder; made if need be.
        items: the scenes; no name may come twice in a part.
        palette: their classes.
        about: what prepared.json is to say of the whole: "source" (a text for people), and anything that JSON holds.
        size: width and height of all; None for the size that each has.
        zipped: write a zip of each part beside it, too.
        elsewhere: gives the records of new scenes by their places in `items`, written by other processes (see
            `SceneWriter`); None to write them here.

    Raises:
        UserError: a scene is damaged or does not match, some scenes have instances and others have none, or the
            folder holds something else, which is not overwritten. What was finished before stays and counts.
    """
    folder, finished = Path(output), (Path(output) / PREPARED).is_file()
    names = repr(sorted((item.part, item.name) for item in items))
    account = Account(
        **about, format=FORMAT, size=size, palette=palette.digest(), names=hashlib.sha256(names.encode()).hexdigest()
    )
    done = _records_before(folder, account)
    if not finished:
        folder.mkdir(parents=True, exist_ok=True)
        lines = [account.model_dump_json(exclude={"scenes"}), *(record.model_dump_json() for record in done.values())]
        _put(folder / PREPARING, "".join(f"{line}\n" for line in lines).encode())
        _put(folder / PALETTE, palette.to_json().encode())
    else:
        (folder / PREPARING).unlink(missing_ok=True)  # of a process that was killed when all was done
    for place in (folder / part / kind for part in PARTS for kind in KINDS[:2]):
        place.mkdir(parents=True, exist_ok=True)

    def write(item: Item) -> tuple[Record, bool]:
        """The record of a scene, and whether it was written now."""
        stamp, record = item.stamp(), done.get((item.part, item.name))
        if record is not None and record.stamp != stamp:
            raise UserError(
                f"{folder} was made from another source: {item.part}/{item.name} differs; it is not overwritten: "
                "choose another --output or delete it."
            )
        if record is not None and _is_whole(record, folder, finished):
            return record, False
        return _write_scene(folder, item, stamp, palette, size), True

    answers = in_threads(write, items)
    if elsewhere:
        before = [(item.part, item.name) in done for item in items]
        answers = itertools.chain(
            in_threads(write, itertools.compress(items, before)),
            ((record, True) for record in elsewhere([k for k, there in enumerate(before) if not there])),
        )
    new = 0
    with (Path(os.devnull) if finished else folder / PREPARING).open("a") as journal:
        for record, is_new in progress(len(items), "scenes", "scene", items=answers):
            account.scenes.append(record)
            new += is_new
            if is_new:
                journal.write(f"{record.model_dump_json()}\n")
                journal.flush()
    places = {(item.part, item.name): k for k, item in enumerate(items)}
    account.scenes.sort(key=lambda record: places[record.part, record.name])
    if new or not finished:
        _finish(folder, account)
    lacking = [part for part in PARTS if zipped and (new or not (folder / f"{part}.zip").exists())]
    return Written(tuple(account.scenes), new, tuple(_zip(folder, part, account.scenes) for part in lacking))


class SceneWriter:
    """Writes scenes in a process of its own: what `gan.processes.run` builds. A cell is a list of places of scenes.

    Args:
        folder: of the scenes, begun by `write_folder`.
        find: finds them; what it opens stays open to the end of the process.
        size: see `write_folder`.
    """

    def __init__(self, folder: Path, find: Callable[[contextlib.ExitStack], Found], size: Size | None):
        self._folder, self._open, self._size = folder, contextlib.ExitStack(), size
        self._found = find(self._open)

    def run_cell(self, places: list[int], tick: Callable[[int], Any]) -> list[Record]:
        """Write the scenes of a cell."""
        items = [self._found.items[k] for k in places]
        return list(in_threads(self._write, items))

    def _write(self, item: Item) -> Record:
        return _write_scene(self._folder, item, item.stamp(), self._found.palette, self._size)


def _records_before(folder: Path, account: Account) -> dict[tuple[str, str], Record]:
    """The records of a folder that was begun or finished before, if it was made from the same."""
    if (folder / PREPARED).is_file():
        before = read_account(folder)
    elif (folder / PREPARING).is_file():
        head, *lines = (folder / PREPARING).read_bytes().split(b"\n")
        try:
            before = Account.model_validate_json(head)
            before.scenes = [Record.model_validate_json(line) for line in lines[:-1]]  # a kill may cut the last
        except pydantic.ValidationError:
            raise UserError(
                f"{folder / PREPARING} is damaged or of another version; choose another --output or delete {folder}."
            ) from None
    elif there := [folder / name for name in (*PARTS, PALETTE) if (folder / name).exists()]:
        raise UserError(
            f"{there[0]} is not overwritten, as neither {PREPARED} nor {PREPARING} beside it says what it was made "
            "from; move it away or choose another --output."
        )
    else:
        return {}
    for key, what in (("names", "source"), ("palette", "palette"), ("size", "size")):
        if getattr(before, key) != getattr(account, key):
            named = f" ({before.source!r})" if what == "source" and before.source else ""
            raise UserError(
                f"{folder} was made from another {what}{named} and is not overwritten; choose another --output or "
                "delete it."
            )
    return {(record.part, record.name): record for record in before.scenes}


def _is_whole(record: Record, folder: Path, finished: bool) -> bool:
    """Whether the files of a scene are all there as they were written."""
    there = {kind: path for kind, path in record.paths(folder).items() if path.exists()}
    changed = [path for kind, path in there.items() if path.stat().st_size != record.files[kind][0]]
    if finished and changed:
        raise UserError(
            f"{changed[0]} was changed since prepare wrote it and is not overwritten; move it away or choose another "
            "--output."
        )
    return len(there) == len(record.files) and not changed


def _write_scene(folder: Path, item: Item, stamp: str, palette: Palette, size: Size | None) -> Record:
    """Write the files of a scene."""
    (photo, labels, instances), name = item.read(), f"of scene {item.name!r}"
    palette.require_known(labels, f"the label map {name}")
    if isinstance(photo, bytes) and size not in (None, labels.shape[::-1]):
        photo = read_image(photo, f"the photo {name}")
    if not isinstance(photo, bytes):
        for other in (labels, *([] if instances is None else [instances])):
            check_sizes(photo.shape, other.shape, name, "its map")
        scene = resized(Scene(photo, labels, instances), *(size or labels.shape[::-1]))
        photo, labels, instances = to_png(scene.photo, PHOTO_PACKING), scene.labels, scene.instances
    files = {"photos": photo, "labels": to_png(labels)} | (
        {} if instances is None else {"instances": to_png(instances)}
    )
    counts = histogram(labels)
    record = Record(
        part=item.part,
        name=item.name,
        stamp=stamp,
        size=labels.shape[::-1],
        pixels={int(k): int(counts[k]) for k in np.flatnonzero(counts)},
        files={kind: (len(data), hashlib.sha256(data).hexdigest()) for kind, data in files.items()},
    )
    for kind, path in record.paths(folder).items():
        path.parent.mkdir(exist_ok=True)
        _put(path, files[kind])
    return record


def _finish(folder: Path, account: Account) -> None:
    """Write prepared.json, when all else is on the disk."""
    without = [record for record in account.scenes if "instances" not in record.files]
    if 0 < len(without) < len(account.scenes):
        raise UserError(
            f"{without[0].part}/{without[0].name} has no instances and others have; add them or leave out all."
        )
    for left in folder.glob("*_dataset/*/.*.tmp"):  # of a process that was killed
        left.unlink(missing_ok=True)
    account.instances = bool(account.scenes) and not without
    account.counts = {part: sum(record.part == part for record in account.scenes) for part in PARTS}
    if hasattr(os, "sync"):
        os.sync()
    with replacing(folder / PREPARED) as file:
        file.write(account.model_dump_json().encode())
    (folder / PREPARING).unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; the system decides when it reaches the disk."""
    with replacing(path, synced=False) as file:
        file.write(data)


def _zip(folder: Path, part: str, records: Sequence[Record]) -> Path:
    """A part and the palette as a zip archive; the same files give the same bytes."""
    path = folder / f"{part}.zip"
    files = sorted(file for record in records if record.part == part for file in record.paths(folder).values())
    with replacing(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in progress(len(files) + 1, path.name, "file", items=[folder / PALETTE, *files]):
            archive.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix()), file.read_bytes())
    return path
