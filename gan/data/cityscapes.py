"""The official Cityscapes archives (1604.01685), zipped or extracted, as pairs for `folder_writer`.

Cityscapes has no labels for its test part: its validation part becomes the test part here, and some cities of its
training part become the validation part.
"""

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.data.folder_writer import Found
from gan.data.pair_files import File, pair, read_labels
from gan.data.palettes import CITYSCAPES
from gan.data.untrusted import Source, open_source
from gan.errors import UserError

PHOTOS_ZIP, FINE_ZIP = "leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"
EXTRA_ZIP, COARSE_ZIP = "leftImg8bit_trainextra.zip", "gtCoarse.zip"
HOW = (
    "Cityscapes can't be downloaded without an account: register at https://www.cityscapes-dataset.com, fetch "
    f"{PHOTOS_ZIP} and {FINE_ZIP}, and name their folder with --source"
)

AT_LEAST, AT_MOST = 0.10, 0.15  # share of the training scenes that is wanted for validation
INSTANCES_FROM = 1000  # instanceIds: class id * 1000 + number; smaller ones are class ids of what is not counted

# The official archive of the extra photos holds a black picture in place of this one.
BROKEN = frozenset({"troisdorf_000000_000073"})

_ZIPS = {"leftImg8bit": (PHOTOS_ZIP, EXTRA_ZIP), "gtFine": (FINE_ZIP,), "gtCoarse": (COARSE_ZIP,)}
PARTS = "train", "val", "train_extra"
Key = tuple[str, str, str]  # part, city and name of a scene

_FILE = re.compile(
    r"(?:.*/)?(leftImg8bit|gtFine|gtCoarse)/(train|val|train_extra)/([^/]+)/([^/]+)_"
    r"(?:leftImg8bit|(?:gtFine|gtCoarse)_(labelIds|instanceIds))\.png"
)


def find_cityscapes(path: str | Path, coarse: bool, stack: contextlib.ExitStack) -> Found:
    """The scenes of the official archives.

    Args:
        path: a folder with the official zips or what was extracted from them (`leftImg8bit`, `gtFine`; where both
            are, the zips count), one of these zips, or one zip of all.
        coarse: add the extra scenes with coarse annotations to the training part.
        stack: keeps the archives open.

    Raises:
        UserError: there are no training scenes, or a scene lacks its photo or a map.
    """
    path = Path(path)
    if path.is_file() and path.name in sum(_ZIPS.values(), ()):
        path = path.parent
    photos, labels, instances = files = {}, {}, {}
    for source, prefix in _sources(path, coarse, stack):
        for name in source.names():
            if not (found := _FILE.fullmatch(prefix + name)):
                continue
            kind, part, city, stem, map_kind = found.groups()
            if map_kind and (part == "train_extra") != (kind == "gtCoarse"):
                continue  # coarse annotations of scenes that have fine ones
            own = files[(None, "labelIds", "instanceIds").index(map_kind)]
            if (part, city, stem) in own:
                raise UserError(
                    f"{path} holds {stem} twice, as {own[part, city, stem].where} and {source.where(name)}; keep one "
                    "of them."
                )
            own[part, city, stem] = File(source, name)
    _require_archives(path, photos, labels, coarse)
    wanted = PARTS[: 2 + coarse]
    keys = sorted(key for key in {*photos, *labels} if key[0] in wanted and key[2] not in BROKEN)
    for key in keys:
        for kind, there in (("photo", photos), ("label map (labelIds)", labels), ("instanceIds", instances)):
            if key not in there and (kind != "instanceIds" or instances):
                raise UserError(f"{key[2]} in {path} has no {kind}; get the archive anew, or extract it again.")
    parts, notes = _parts(keys)
    if coarse and any(key[2] in BROKEN for key in {*photos, *labels}):
        notes.append(f"{', '.join(BROKEN)} is left out: its official photo is a black picture.")
    items = [
        pair(parts[k], k[2], (photos[k], labels[k], instances.get(k)), CITYSCAPES, read_labels, INSTANCES_FROM)
        for k in keys
    ]
    return Found(tuple(sorted(items, key=lambda item: (item.part, item.name))), CITYSCAPES, tuple(notes))


def validation_cities(scenes: dict[str, int]) -> frozenset[str]:
    """Which cities of the official training part become the validation part.

    They are gone through in the order of the SHA-256 of their names, which has nothing to do with what they look
    like, and each is taken that leaves the taken ones with 15 % of the scenes at most, until they hold 10 %. Where
    none is so small, the smallest is taken. Of the official 18 cities, these are Aachen, Erfurt and Jena (13.5 %).

    Args:
        scenes: number of scenes by city.
    """
    total, taken = sum(scenes.values()), set[str]()
    for city in sorted(scenes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        held = sum(scenes[other] for other in taken)
        if held < AT_LEAST * total and held + scenes[city] <= AT_MOST * total:
            taken.add(city)
    return frozenset(taken or {min(scenes, key=lambda name: (scenes[name], name))})


def _sources(path: Path, coarse: bool, stack: contextlib.ExitStack) -> list[tuple[Source, str]]:
    """What to look into, with what comes before the names there."""
    if not path.is_dir():
        return [(stack.enter_context(open_source(path)), "")]
    found = []
    for kind, zips in _ZIPS.items():
        for number, name in enumerate(zips):
            if not coarse and name in (EXTRA_ZIP, COARSE_ZIP):
                continue
            folders = [path / name.removesuffix(".zip") / kind]
            if number == 0 or (path / zips[0]).is_file():  # or else it is in the list already
                folders.append(path / kind)
            if (path / name).is_file():
                found.append((stack.enter_context(open_source(path / name)), ""))
            else:
                found += [(stack.enter_context(open_source(p)), f"{kind}/") for p in folders if p.is_dir()]
    return found or [(stack.enter_context(open_source(path)), "")]


def _require_archives(path: Path, photos: dict[Key, File], labels: dict[Key, File], coarse: bool) -> None:
    """Raise a UserError unless there are photos and label maps of all training parts that are wanted."""
    more = f"; coarse=true needs {EXTRA_ZIP} and {COARSE_ZIP} besides" if coarse else ""
    for part, archives in {"train": (PHOTOS_ZIP, FINE_ZIP), "train_extra": (EXTRA_ZIP, COARSE_ZIP)}.items():
        there = [any(key[0] == part for key in files) for files in (photos, labels)]
        if not all(there) and (coarse or part == "train"):
            lacking = " and of ".join(name for name, found in zip(archives, there, strict=True) if not found)
            raise UserError(f"{path} holds no {part} scenes of {lacking}; {HOW}{more}.")


def _parts(keys: Sequence[Key]) -> tuple[dict[Key, str], list[str]]:
    """The part that each scene goes to, and sentences about what is unusual."""
    training = [key for key in keys if key[0] == "train"]
    scenes = Counter(city for _, city, _ in training)
    if len(scenes) > 1:
        cities = validation_cities(scenes)
        held_out = {key for key in training if key[1] in cities}
        notes = [f"Cities of the validation part: {', '.join(sorted(cities))}."]
    elif len(training) > 1:
        # Neighbours in a city's order were filmed one after the other.
        held_out = set(training[-max(1, round(AT_LEAST * len(training))) :])
        notes = [f"All training scenes are of {training[0][1]}: its last ones are the validation part."]
    else:
        raise UserError("2 training scenes are needed at least, one for validation; get the whole archive.")
    parts = {key: TEST if key[0] == "val" else VALIDATION if key in held_out else TRAINING for key in keys}
    if TEST not in parts.values():
        notes.append("There is no test part: the official val part is missing.")
    return parts, notes
