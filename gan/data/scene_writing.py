"""Writing a prepared folder of scenes (see `scene_folders`): on all cores, going on where it was stopped.

While it is being made, a folder has `preparing.jsonl`: a line that says what it is made from, then the record of
every scene that is finished. Files are written under another name and then renamed: what has its name is whole.
"""

import dataclasses
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gan.data.palettes import Palette, histogram
from gan.data.parallel import in_threads
from gan.data.scene import Scene, resized
from gan.data.scene_folders import (
    FORMAT,
    KINDS,
    PALETTE,
    PARTS,
    PREPARED,
    PREPARING,
    Record,
    check_ids,
    check_sizes,
    read_prepared,
)
from gan.data.untrusted import open_source
from gan.errors import UserError
from gan.files import replacing
from gan.progress import progress

PHOTO_PACKING = 3  # zlib level of photos: a tenth larger than at 6, in a third of the time
MAP_PACKING = 6

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Made:
    """What is written for one scene.

    Attributes:
        files: PNGs by kind (`KINDS`).
        size: width and height.
        pixels: number of pixels by class id.
    """

    files: dict[str, bytes]
    size: Size
    pixels: dict[int, int]


class Item(Protocol):
    """A scene that is to be written."""

    part: str
    name: str

    def stamp(self) -> str:
        """A text that changes when what the scene is made from changes."""

    def made(self, size: Size | None, palette: Palette) -> Made:
        """Its files, at a size or (None) at the one that it has.

        Raises:
            UserError: what it is made from is damaged or does not match.
        """


@dataclasses.dataclass(frozen=True)
class Ready:
    """A scene in memory, as an `Item`."""

    part: str
    name: str
    scene: Scene

    def stamp(self) -> str:
        """The digest of its pixels."""
        return self.scene.digest()

    def made(self, size: Size | None, palette: Palette) -> Made:
        """See `Item`."""
        where = f"of scene {self.name!r}"
        for other in (self.scene.labels, self.scene.instances):
            if other is not None:
                check_sizes(self.scene.photo.shape, other.shape, where, "its map")
        check_ids(self.scene.labels, palette, f"the label map {where}")
        return encoded(self.scene if size is None else resized(self.scene, *size))


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


def encoded(scene: Scene) -> Made:
    """A scene as PNGs."""
    return packed(to_png(scene.photo, PHOTO_PACKING), scene.labels, scene.instances)


def packed(photo: bytes, labels: np.ndarray, instances: np.ndarray | None, labels_png: bytes | None = None) -> Made:
    """What is written for a scene whose photo is a PNG already.

    Args:
        photo: the PNG.
        labels: uint8 (height, width), ids.
        instances: uint16 (height, width), or None.
        labels_png: the ids as a grey 8-bit PNG, if there is one already.
    """
    files = {"photos": photo, "labels": labels_png or to_png(labels, MAP_PACKING)}
    if instances is not None:
        files["instances"] = to_png(instances, MAP_PACKING)
    counts = histogram(labels)
    return Made(files, (labels.shape[1], labels.shape[0]), {int(k): int(counts[k]) for k in np.flatnonzero(counts)})


def to_png(pixels: np.ndarray, packing: int) -> bytes:
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
) -> Written:
    """Write scenes into a prepared folder, or what is missing of them.

    Args:
        output: the folder; made if need be.
        items: the scenes; no name may come twice in a part.
        palette: their classes.
        about: what prepared.json is to say of the whole: "source" (a text for people), and anything that JSON holds.
        size: width and height of all; None for the size that each has.
        zipped: write a zip of each part beside it, too.

    Raises:
        UserError: a scene is damaged or does not match, all in all have instances in some scenes only, or the folder
            holds something else, which is not overwritten. What was finished before stays, and counts next time.
    """
    folder = Path(output)
    head = {
        "format": FORMAT,
        "size": list(size) if size else None,
        "palette": palette.digest(),
        "names": hashlib.sha256(repr(sorted((item.part, item.name) for item in items)).encode()).hexdigest(),
        "source": str(about.get("source", "")),
    }
    finished = (folder / PREPARED).is_file()
    done = _state(folder, head)
    if not finished:
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(head), *(record.to_json() for record in done.values())]
        _put(folder / PREPARING, "".join(f"{line}\n" for line in lines).encode())
        _put(folder / PALETTE, palette.to_json().encode())
    for part in PARTS:
        (folder / part / KINDS[0]).mkdir(parents=True, exist_ok=True)
        (folder / part / KINDS[1]).mkdir(exist_ok=True)

    def write(item: Item) -> tuple[Record, bool]:
        stamp, record = item.stamp(), done.get((item.part, item.name))
        if record is not None:
            if record.stamp != stamp:
                raise UserError(
                    f"{folder} was made from another source: {item.part}/{item.name} differs; it is not overwritten: "
                    "choose another --output or delete it."
                )
            if _kept(record, folder, finished):
                return record, False
        made = item.made(size, palette)
        lengths = {kind: (len(data), hashlib.sha256(data).hexdigest()) for kind, data in made.files.items()}
        record = Record(item.part, item.name, stamp, made.size, made.pixels, lengths)
        for kind, path in record.paths(folder).items():
            path.parent.mkdir(exist_ok=True)
            _put(path, made.files[kind])
        return record, True

    records, new = [], 0
    notes = Path(os.devnull) if finished else folder / PREPARING
    with progress(len(items), "scenes", "scene") as bar, notes.open("a") as journal:
        for record, is_new in in_threads(write, items):
            records.append(record)
            new += is_new
            if is_new:
                journal.write(record.to_json() + "\n")
                journal.flush()
            bar.update()
    if new or not finished:
        _finish(folder, head | about, records)
    lacking = [part for part in PARTS if zipped and (new or not _zip_of(folder, part).exists())]
    return Written(tuple(records), new, tuple(_zip(folder, part, records) for part in lacking))


def bytes_done(output: str | Path) -> int:
    """How many bytes of scenes a prepared folder, finished or not, holds already by its own account.

    Raises:
        UserError: its account is damaged.
    """
    folder = Path(output)
    if (folder / PREPARED).is_file():
        with open_source(folder) as source:
            records = read_prepared(source)[1]
    elif (folder / PREPARING).is_file():
        records = _records((folder / PREPARING).read_bytes().splitlines()[1:])
    else:
        return 0
    return sum(length for record in records for length, _ in record.files.values())


def _state(folder: Path, head: dict[str, Any]) -> dict[tuple[str, str], Record]:
    """The records of a folder that was begun or finished before, if it was made from the same.

    Raises:
        UserError: it was made from something else, or not by prepare.
    """
    if (folder / PREPARED).is_file():
        with open_source(folder) as source:
            before, records = read_prepared(source)
    elif (folder / PREPARING).is_file():
        lines = (folder / PREPARING).read_bytes().splitlines()
        try:
            before = dict(json.loads(lines[0]))
        except (ValueError, TypeError, IndexError):
            before = {}
        records = _records(lines[1:])
    else:
        for name in (*PARTS, PALETTE):
            if (folder / name).exists():
                raise UserError(
                    f"{folder / name} was not made by prepare and is not overwritten; move it away or choose another "
                    "--output."
                )
        return {}
    for key, what in (("names", "source"), ("palette", "palette"), ("size", "size"), ("format", "version")):
        if before.get(key) != head[key]:
            named = f" ({before.get('source')!r})" if what == "source" and before.get("source") else ""
            raise UserError(
                f"{folder} was made from another {what}{named} and is not overwritten; choose another --output or "
                "delete it."
            )
    return {(record.part, record.name): record for record in records}


def _records(lines: Sequence[bytes]) -> list[Record]:
    """The records of a journal; a last line that was cut off by a kill is none."""
    records = []
    for line in lines:
        try:
            records.append(Record.of(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
    return records


def _kept(record: Record, folder: Path, finished: bool) -> bool:
    """Whether the files of a scene are all there as they were written."""
    whole = True
    for kind, path in record.paths(folder).items():
        try:
            same = path.stat().st_size == record.files[kind][0]
        except FileNotFoundError:
            whole = False
            continue
        if not same and finished:
            raise UserError(
                f"{path} was changed since prepare wrote it and is not overwritten; move it away or choose another "
                "--output."
            )
        whole &= same
    return whole


def _finish(folder: Path, about: dict[str, Any], records: Sequence[Record]) -> None:
    """Write prepared.json, when all else is on the disk."""
    with_instances = [record for record in records if "instances" in record.files]
    if with_instances and len(with_instances) < len(records):
        lacking = next(record for record in records if "instances" not in record.files)
        raise UserError(
            f"{lacking.part}/{lacking.name} has no instances and others have; add them or leave out all of them."
        )
    for part in PARTS:
        for left in (folder / part).glob("*/.*.tmp"):  # of a process that was killed
            left.unlink(missing_ok=True)
    about |= {"instances": bool(with_instances), "counts": _counts(records)}
    if hasattr(os, "sync"):
        os.sync()
    lines = ",\n".join(record.to_json() for record in records)
    with replacing(folder / PREPARED) as file:
        file.write(f'{json.dumps(about)[:-1]}, "scenes": [\n{lines}\n]}}\n'.encode())
    (folder / PREPARING).unlink(missing_ok=True)


def _counts(records: Sequence[Record]) -> dict[str, int]:
    return {part: sum(record.part == part for record in records) for part in PARTS}


def _put(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; the system decides when it reaches the disk."""
    with replacing(path, synced=False) as file:
        file.write(data)


def _zip_of(folder: Path, part: str) -> Path:
    return folder / f"{part}.zip"


def _zip(folder: Path, part: str, records: Sequence[Record]) -> Path:
    """A part and the palette as a zip archive; the same files give the same bytes."""
    path = _zip_of(folder, part)
    files = [file for record in records if record.part == part for file in record.paths(folder).values()]
    with replacing(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(PALETTE), (folder / PALETTE).read_bytes())
        with progress(len(files), path.name, "file") as bar:
            for file in sorted(files):
                archive.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix()), file.read_bytes())
                bar.update()
    return path
