"""The prepared folder of scenes: its layout, and reading it.

    palette.json
    prepared.json            what it was made from, and of every scene its size, pixels of each class, and length and
                             SHA-256 of its files; until all are written it is `preparing.jsonl`, a line a scene
    training_dataset/        photos/NAME.png, labels/NAME.png (8-bit ids) and, where the data has them,
                             instances/NAME.png (16 bits, 0 = none)
    validatation_dataset/    the same; existing projects expect this spelling, and `validation_dataset` is read too
    test_dataset/            the same; may be empty

Files that somebody has changed or added since are checked like those of a stranger, and count.
"""

import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from gan.data.palettes import Palette, from_json
from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes, SceneSet
from gan.data.untrusted import Source, open_source
from gan.data.untrusted_images import read_ids, read_image
from gan.errors import UserError
from gan.files import is_folder
from gan.progress import progress

TRAINING, VALIDATION, TEST = PARTS = "training_dataset", "validatation_dataset", "test_dataset"
SPELT_RIGHT = "validation_dataset"
KINDS = "photos", "labels", "instances"
PALETTE, PREPARED, PREPARING = "palette.json", "prepared.json", "preparing.jsonl"
FORMAT = 1
SLOW = 200  # changed files: checking more shows progress


class Record(pydantic.BaseModel, frozen=True):
    """What prepared.json says of one scene.

    Attributes:
        part: one of `PARTS`.
        name: stem of its files.
        stamp: changes when what it was made from changes.
        size: width and height.
        pixels: number of pixels by class id.
        files: length in bytes and SHA-256 by kind (one of `KINDS`).
    """

    part: Literal[PARTS]
    name: str
    stamp: str
    size: tuple[int, int]
    pixels: dict[Annotated[int, pydantic.Field(ge=0, le=255)], int]
    files: dict[Literal[KINDS], tuple[int, str]]

    @pydantic.field_validator("files")
    @classmethod
    def _whole(cls, files: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
        """Photo and label map belong to every scene."""
        if not files.keys() >= set(KINDS[:2]):
            raise ValueError("no photo or no label map")
        return files

    def paths(self, folder: Path) -> dict[str, Path]:
        """Its files by kind, in a prepared folder."""
        return {kind: folder / self.part / kind / f"{self.name}.png" for kind in self.files}


class Account(pydantic.BaseModel, extra="allow"):
    """What prepared.json says. The line at the head of preparing.jsonl says the same, without scenes.

    Attributes:
        format: of the folder.
        size: width and height of all scenes; None where each has its own.
        palette: its digest.
        names: digest of the parts and names of all scenes.
        source: what the scenes were made from, for people.
        instances: whether the scenes have them.
        scenes: their records.
    """

    format: Literal[FORMAT]
    size: tuple[int, int] | None = None
    palette: str = ""
    names: str = ""
    source: str = ""
    instances: bool = False
    scenes: list[Record] = []


def open_folder(data: str) -> SceneSet:
    """Open a prepared folder.

    What prepare wrote and nobody touched since is taken as it was then; only other files are decoded here.

    Raises:
        UserError: it is missing, half made or damaged, its training or validation part is empty, a photo or label map
            has no partner or another size than it, or a label map holds ids that the palette lacks.
    """
    folder = Path(data)
    _require_prepared(folder, data)
    account = read_account(folder)
    with open_source(folder) as source:
        palette = from_json(source.read(PALETTE), str(folder / PALETTE))
    for record in account.scenes:
        # The palette may have been changed since.
        palette.require_known(np.array(list(record.pixels), int), str(record.paths(folder)["labels"]))
    parts = {part: _part(folder, part, account, palette) for part in PARTS}
    for part in (TRAINING, VALIDATION):
        if not len(parts[part]):
            raise UserError(f"{folder / part} has no scenes, and some are needed; prepare data that has them.")
    return SceneSet(data, palette, parts[TRAINING], parts[VALIDATION], parts[TEST])


def _require_prepared(folder: Path, data: str) -> None:
    output = "" if data == "dataset" else f" --output {shlex.quote(data)}"
    make = (
        f"`uv run python -m gan.commands.prepare --dataset cityscapes --source FOLDER{output}` (or `--dataset pairs`)"
    )
    if data.startswith("drawn:") and not is_folder(folder):
        raise UserError(f"data {data!r} is not `drawn:N` with so many scenes to learn, from 1 to 9999; give that.")
    if not is_folder(folder):
        raise UserError(f"there is no folder {data!r} of scenes; make it with {make}, or take drawn ones: drawn.")
    if not (folder / PREPARED).is_file():
        if any((folder / part).exists() for part in (*PARTS, SPELT_RIGHT)):
            raise UserError(
                f"{folder} is half made: it has no {PREPARED}, which prepare writes last; start prepare again with "
                "the same source, and it goes on."
            )
        raise UserError(f"{folder} holds no prepared scenes; make them with {make}, or take drawn ones: drawn.")


def read_account(folder: Path) -> Account:
    """What prepared.json says.

    Raises:
        UserError: it is damaged.
    """
    try:
        with open_source(folder) as source:
            return Account.model_validate_json(source.read(PREPARED))
    except pydantic.ValidationError:
        raise UserError(
            f"{folder / PREPARED} is damaged or of another version; prepare the data again into a new folder."
        ) from None


def check_sizes(photo: Sequence[int], other: Sequence[int], where: str, other_where: str) -> None:
    """Raise a UserError unless two arrays have the same height and width."""
    if tuple(photo[:2]) != tuple(other[:2]):
        raise UserError(
            f"the photo {where} has {photo[1]}x{photo[0]} pixels and {other_where}, which belongs to it, "
            f"{other[1]}x{other[0]}; make both the same size or remove them."
        )


def _read_scene(source: Source, names: Sequence[str], palette: Palette) -> Scene:
    """Decode one scene: photo, label map and, if there is one, the map of instances."""
    photo = read_image(source.read(names[0]), source.where(names[0]))
    maps = [read_ids(source.read(name), source.where(name)) for name in names[1:]]
    for name, ids in zip(names[1:], maps, strict=True):
        check_sizes(photo.shape, ids.shape, source.where(names[0]), source.where(name))
    palette.require_known(maps[0], source.where(names[1]))
    return Scene(photo, maps[0].astype(np.uint8, copy=False), maps[1].astype(np.uint16) if len(maps) > 1 else None)


def _part(folder: Path, part: str, account: Account, palette: Palette) -> Scenes:
    place = folder / part
    if part == VALIDATION and (folder / SPELT_RIGHT).exists():
        if place.exists():
            raise UserError(f"{folder} holds both {part} and {SPELT_RIGHT}; remove one of them.")
        place = folder / SPELT_RIGHT
    kinds = KINDS if account.instances else KINDS[:2]
    records = {record.name: record for record in account.scenes if record.part == part}
    found = {kind: _files(place / kind) for kind in kinds}
    names = sorted(set().union(*found.values(), records))
    for kind, name in ((kind, name) for name in names for kind in kinds if name not in found[kind]):
        others = [place / other / f"{name}.png" for other in kinds if name in found[other]]
        what = f"the partner of {others[0]}, " if others else f"which {PREPARED} lists, "
        raise UserError(
            f"{place / kind / name}.png, {what}is missing; put it back, or prepare the data again into a new folder."
        )
    source, written = open_source(folder), (folder / PREPARED).stat().st_mtime_ns

    def files(name: str) -> list[str]:
        return [f"{place.name}/{kind}/{name}.png" for kind in kinds]

    def untouched(name: str, kind: str) -> bool:
        length, changed = found[kind][name]
        wrote = records[name].files if name in records else {}
        return kind in wrote and length == wrote[kind][0] and changed < written

    def digests(name: str) -> list[str]:
        _read_scene(source, files(name), palette)
        return [hashlib.sha256(source.read(file)).hexdigest() for file in files(name)]

    changed = [name for name in names if not all(untouched(name, kind) for kind in kinds)]
    results = progress(
        len(changed),
        f"checking {place.name}",
        "scene",
        items=in_threads(digests, changed),
        hidden=len(changed) <= SLOW,
    )
    checked = dict(zip(changed, results, strict=True))
    return Scenes(
        names,
        palette,
        account.instances,
        lambda k: _read_scene(source, files(names[k]), palette),
        lambda: [" ".join(checked.get(n) or [records[n].files[kind][1] for kind in kinds]) for n in names],
    )


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Length and time of the last change of the PNGs of a folder, by stem."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name.removesuffix(".png"): (entry.stat().st_size, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.endswith(".png") and not entry.name.startswith(".") and entry.is_file()
            }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{folder} can't be read ({(error.strerror or str(error)).lower()}).") from None
