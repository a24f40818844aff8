"""The prepared folder of scenes: its layout, and reading it.

    palette.json
    prepared.json            the account: what it was made from, and of every scene its size, pixels of each class,
                             and length and SHA-256 of its files; until all scenes are written it is `preparing.json`
    training_dataset/        photos/NAME.png, labels/NAME.png (8-bit ids) and, where the data has them,
                             instances/NAME.png (16 bits, 0 = none)
    validatation_dataset/    the same; existing projects expect this spelling, and `validation_dataset` is read too
    test_dataset/            the same; may be empty

Files that somebody has changed or added since are checked like those of a stranger, and count.
"""

import dataclasses
import hashlib
import json
import os
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from gan.data.palettes import Palette, from_json
from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes, SceneSet
from gan.data.untrusted import Source, open_source, read_ids, read_image
from gan.errors import UserError
from gan.files import is_folder
from gan.progress import progress

TRAINING, VALIDATION, TEST = PARTS = "training_dataset", "validatation_dataset", "test_dataset"
SPELT_RIGHT = "validation_dataset"
KINDS = "photos", "labels", "instances"
PALETTE, PREPARED, PREPARING = "palette.json", "prepared.json", "preparing.json"
FORMAT = 1
SLOW = 200  # changed files: checking more shows progress


@dataclasses.dataclass(frozen=True)
class Record:
    """What prepared.json says of one scene.

    Attributes:
        part: one of `PARTS`.
        name: stem of its files.
        stamp: changes when what it was made from changes.
        size: width and height.
        pixels: number of pixels by class id.
        files: length in bytes and SHA-256 by kind (one of `KINDS`).
    """

    part: str
    name: str
    stamp: str
    size: tuple[int, int]
    pixels: dict[int, int]
    files: dict[str, tuple[int, str]]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of(cls, read: Any) -> "Record":
        """The record that a line holds.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        if read["part"] not in PARTS or not set(read["files"]) <= set(KINDS):
            raise ValueError
        width, height = map(int, read["size"])
        return cls(
            read["part"],
            str(read["name"]),
            str(read["stamp"]),
            (width, height),
            {int(k): int(count) for k, count in read["pixels"].items()},
            {kind: (int(length), str(digest)) for kind, (length, digest) in read["files"].items()},
        )

    def paths(self, folder: Path) -> dict[str, Path]:
        """Its files by kind, in a prepared folder."""
        return {kind: folder / self.part / kind / f"{self.name}.png" for kind in self.files}


def open_folder(data: str) -> SceneSet:
    """Open a prepared folder.

    What prepare wrote and nobody touched since is taken as it was then; only other files are decoded here.

    Raises:
        UserError: it is missing, half made or damaged, its training or validation part is empty, a photo or label map
            has no partner or another size than it, or a label map holds ids that the palette lacks.
    """
    folder = Path(data)
    require_prepared(folder, data)
    about, records = read_account(folder)
    with open_source(folder) as source:
        palette = from_json(source.read(PALETTE), str(folder / PALETTE))
    for record in records:
        unknown = sorted(set(record.pixels) - set(palette.ids))
        if unknown:  # the palette was changed since
            raise UserError(f"{record.paths(folder)['labels']} holds {palette.unknown_text(unknown)}.")
    written = (folder / PREPARED).stat().st_mtime_ns
    parts = {}
    for part in PARTS:
        own = {record.name: record for record in records if record.part == part}
        parts[part] = _part(folder, _place(folder, part), own, palette, bool(about.get("instances")), written)
    for part in (TRAINING, VALIDATION):
        if not len(parts[part]):
            raise UserError(f"{folder / part} has no scenes, and some are needed; prepare data that has them.")
    return SceneSet(data, palette, parts[TRAINING], parts[VALIDATION], parts[TEST])


def require_prepared(folder: Path, data: str) -> None:
    """Make sure that a folder is there and finished.

    Raises:
        UserError: it is not; says how to make it.
    """
    output = "" if data == "dataset" else f" --output {shlex.quote(data)}"
    make = (
        f"`uv run python -m gan.commands.prepare --dataset cityscapes --source FOLDER{output}` (or `--dataset pairs`)"
    )
    if not is_folder(folder):
        raise UserError(f"there is no folder {data!r} of scenes; make it with {make}, or take drawn ones: drawn.")
    if not (folder / PREPARED).is_file():
        if any((folder / part).exists() for part in (*PARTS, SPELT_RIGHT)):
            raise UserError(
                f"{folder} is half made: it has no {PREPARED}, which prepare writes last; start prepare again with "
                "the same source, and it goes on."
            )
        raise UserError(f"{folder} holds no prepared scenes; make them with {make}, or take drawn ones: drawn.")


def read_account(folder: Path, name: str = PREPARED) -> tuple[dict[str, Any], list[Record]]:
    """What prepared.json (or preparing.json) says: of the whole, and of each scene.

    Raises:
        UserError: it is damaged.
    """
    try:
        with open_source(folder) as source:
            about = json.loads(source.read(name))
        if about["format"] != FORMAT:
            raise ValueError
        return about, [Record.of(line) for line in about.pop("scenes")]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise UserError(
            f"{folder / name} is damaged or of another version; prepare the data again into a new folder."
        ) from None


def read_scene(source: Source, names: Sequence[str], palette: Palette) -> Scene:
    """Decode one scene.

    Args:
        source: where its files are.
        names: of the photo, the label map and, if there is one, the map of instances.
        palette: the classes that the label map may hold.

    Raises:
        UserError: a file is missing or damaged, sizes differ, or the palette lacks an id.
    """
    photo = read_image(source.read(names[0]), source.where(names[0]))
    maps = [read_ids(source.read(name), source.where(name)) for name in names[1:]]
    for name, ids in zip(names[1:], maps, strict=True):
        check_sizes(photo.shape, ids.shape, source.where(names[0]), source.where(name))
    check_ids(maps[0], palette, source.where(names[1]))
    return Scene(photo, maps[0].astype(np.uint8, copy=False), maps[1].astype(np.uint16) if len(maps) > 1 else None)


def check_sizes(photo: Sequence[int], other: Sequence[int], where: str, other_where: str) -> None:
    """Raise a UserError unless two arrays have the same height and width."""
    if tuple(photo[:2]) != tuple(other[:2]):
        raise UserError(
            f"the photo {where} has {photo[1]}x{photo[0]} pixels and {other_where}, which belongs to it, "
            f"{other[1]}x{other[0]}; make both the same size or remove them."
        )


def check_ids(labels: np.ndarray, palette: Palette, where: str) -> None:
    """Raise a UserError if a label map holds ids that the palette lacks."""
    unknown = palette.unknown(labels)
    if unknown:
        raise UserError(f"{where} holds {palette.unknown_text(unknown)}.")


def _place(folder: Path, part: str) -> Path:
    """The folder of a part, in either spelling."""
    other = folder / SPELT_RIGHT
    if part != VALIDATION or not other.exists():
        return folder / part
    if (folder / part).exists():
        raise UserError(f"{folder} holds both {part} and {SPELT_RIGHT}; remove one of them.")
    return other


def _part(
    folder: Path, place: Path, records: dict[str, Record], palette: Palette, instances: bool, written: int
) -> Scenes:
    """One part; `written` is when prepared.json was."""
    kinds = KINDS if instances else KINDS[:2]
    found = {kind: _files(place / kind) for kind in kinds}
    names = sorted(set().union(*found.values(), records))
    for name in names:
        for kind in kinds:
            if name in found[kind]:
                continue
            others = [place / other / f"{name}.png" for other in kinds if name in found[other]]
            what = f"the partner of {others[0]}, " if others else "which prepare wrote, "
            raise UserError(
                f"{place / kind / name}.png, {what}is missing; put it back, or prepare the data again "
                "into a new folder."
            )
    source = open_source(folder)

    def files(name: str) -> list[str]:
        return [f"{place.name}/{kind}/{name}.png" for kind in kinds]

    def untouched(name: str) -> bool:
        record = records.get(name)
        return record is not None and all(
            kind in record.files and found[kind][name][0] == record.files[kind][0] and found[kind][name][1] < written
            for kind in kinds
        )

    def check(name: str) -> tuple[str, str]:
        read_scene(source, files(name), palette)
        return name, " ".join(hashlib.sha256(source.read(file)).hexdigest() for file in files(name))

    kept = [name for name in names if untouched(name)]
    fingerprints = {name: " ".join(records[name].files[kind][1] for kind in kinds) for name in kept}
    changed = [name for name in names if name not in fingerprints]
    with progress(len(changed), f"checking {place.name}", "scene") if len(changed) > SLOW else nullcontext() as bar:
        for name, fingerprint in in_threads(check, changed):
            fingerprints[name] = fingerprint
            if bar:
                bar.update()
    return Scenes(
        names,
        palette,
        instances,
        lambda k: read_scene(source, files(names[k]), palette),
        lambda: [fingerprints[name] for name in names],
    )


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Length and time of the last change of the PNGs of a folder, by stem."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, _, kind = entry.name.rpartition(".")
                if stem and kind == "png" and not entry.name.startswith(".") and entry.is_file():
                    state = entry.stat()
                    found[stem] = state.st_size, state.st_mtime_ns
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{folder} can't be read ({(error.strerror or str(error)).lower()}).") from None
    return found
