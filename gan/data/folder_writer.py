"""Writing a prepared folder of scenes (see `folder`): on all cores, going on where it was stopped.

Files are written under another name and then renamed: what has its name is whole. Until all scenes are there, the
account of those that are finished is `preparing.json`; it is saved every few seconds and when the work stops.
"""

import dataclasses
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gan.data.folder import (
    FORMAT,
    KINDS,
    PALETTE,
    PARTS,
    PREPARED,
    PREPARING,
    Record,
    check_ids,
    check_sizes,
    read_account,
)
from gan.data.palettes import Palette, histogram
from gan.data.parallel import in_threads
from gan.data.scene import Scene, resized
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
        scene = self.scene if size is None else resized(self.scene, *size)
        return encoded(scene.photo, scene.labels, scene.instances)


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


def encoded(photo: np.ndarray | bytes, labels: np.ndarray, instances: np.ndarray | None = None) -> Made:
    """The files of a scene.

    Args:
        photo: uint8 (height, width, 3), or a PNG of it.
        labels: uint8 (height, width), ids.
        instances: uint16 (height, width), or None.
    """
    files = {
        "photos": photo if isinstance(photo, bytes) else to_png(photo, PHOTO_PACKING),
        "labels": to_png(labels, MAP_PACKING),
    }
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
    save_every: float = 10.0,
) -> Written:
    """Write scenes into a prepared folder, or what is missing of them.

    Args:
        output: the folder; made if need be.
        items: the scenes; no name may come twice in a part.
        palette: their classes.
        about: what prepared.json is to say of the whole: "source" (a text for people), and anything that JSON holds.
        size: width and height of all; None for the size that each has.
        zipped: write a zip of each part beside it, too.
        save_every: seconds between two accounts of a folder in the making; what is newer is done again after a kill.

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
    done = _written_before(folder, head)
    if not finished:
        folder.mkdir(parents=True, exist_ok=True)
        _write_account(folder / PREPARING, head, done.values())
        _put(folder / PALETTE, palette.to_json().encode())
    for kind in KINDS[:2]:
        for part in PARTS:
            (folder / part / kind).mkdir(parents=True, exist_ok=True)

    new, saved = 0, time.monotonic()
    try:
        with progress(len(items), "scenes", "scene") as bar:
            for record, is_new in in_threads(partial(_write_scene, folder, done, finished, palette, size), items):
                done[record.part, record.name] = record
                new += is_new
                bar.update()
                if not finished and time.monotonic() > saved + save_every:
                    _write_account(folder / PREPARING, head, done.values())
                    saved = time.monotonic()
    except BaseException:
        with suppress(OSError):  # what stopped it is what is reported
            if not finished:
                _write_account(folder / PREPARING, head, done.values())
        raise
    records = tuple(done[item.part, item.name] for item in items)
    if new or not finished:
        _finish(folder, head | about, records)
    lacking = [part for part in PARTS if zipped and (new or not (folder / f"{part}.zip").exists())]
    return Written(records, new, tuple(_zip(folder, part, records) for part in lacking))


def _write_scene(
    folder: Path, done: dict[tuple[str, str], Record], finished: bool, palette: Palette, size: Size | None, item: Item
) -> tuple[Record, bool]:
    """The record of a scene, and whether it was written now."""
    stamp, record = item.stamp(), done.get((item.part, item.name))
    if record is not None:
        if record.stamp != stamp:
            raise UserError(
                f"{folder} was made from another source: {item.part}/{item.name} differs; it is not overwritten: "
                "choose another --output or delete it."
            )
        if _is_whole(record, folder, finished):
            return record, False
    made = item.made(size, palette)
    lengths = {kind: (len(data), hashlib.sha256(data).hexdigest()) for kind, data in made.files.items()}
    record = Record(item.part, item.name, stamp, made.size, made.pixels, lengths)
    for kind, path in record.paths(folder).items():
        path.parent.mkdir(exist_ok=True)
        _put(path, made.files[kind])
    return record, True


def _written_before(folder: Path, head: dict[str, Any]) -> dict[tuple[str, str], Record]:
    """The records of a folder that was begun or finished before, if it was made from the same.

    Raises:
        UserError: it was made from something else, or not by prepare.
    """
    account = next((name for name in (PREPARED, PREPARING) if (folder / name).is_file()), None)
    if account is None:
        for name in (*PARTS, PALETTE):
            if (folder / name).exists():
                raise UserError(
                    f"{folder / name} was not made by prepare and is not overwritten; move it away or choose another "
                    "--output."
                )
        return {}
    before, records = read_account(folder, account)
    for key, what in (("names", "source"), ("palette", "palette"), ("size", "size")):
        if before.get(key) != head[key]:
            named = f" ({before.get('source')!r})" if what == "source" and before.get("source") else ""
            raise UserError(
                f"{folder} was made from another {what}{named} and is not overwritten; choose another --output or "
                "delete it."
            )
    return {(record.part, record.name): record for record in records}


def _is_whole(record: Record, folder: Path, finished: bool) -> bool:
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
    counts = {part: sum(record.part == part for record in records) for part in PARTS}
    if hasattr(os, "sync"):
        os.sync()
    _write_account(folder / PREPARED, about | {"instances": bool(with_instances), "counts": counts}, records)
    (folder / PREPARING).unlink(missing_ok=True)


def _write_account(path: Path, about: dict[str, Any], records: Iterable[Record]) -> None:
    lines = ",\n".join(record.to_json() for record in records)
    with replacing(path) as file:
        file.write(f'{json.dumps(about)[:-1]}, "scenes": [\n{lines}\n]}}\n'.encode())


def _put(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there; the system decides when it reaches the disk."""
    with replacing(path, synced=False) as file:
        file.write(data)


def _zip(folder: Path, part: str, records: Sequence[Record]) -> Path:
    """A part and the palette as a zip archive; the same files give the same bytes."""
    path = folder / f"{part}.zip"
    files = [file for record in records if record.part == part for file in record.paths(folder).values()]
    with replacing(path) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(PALETTE), (folder / PALETTE).read_bytes())
        with progress(len(files), path.name, "file") as bar:
            for file in sorted(files):
                archive.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix()), file.read_bytes())
                bar.update()
    return path
