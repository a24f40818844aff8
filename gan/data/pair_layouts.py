"""Which files of a folder or zip are photos, label maps and instances, which belong together, and to which part."""

import re
from collections.abc import Iterable, Sequence

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.data.pair_files import File
from gan.data.sequences import SHARES, split
from gan.errors import UserError

IMAGE = re.compile(r".+\.(png|jpe?g|bmp|ppm|pgm)", re.IGNORECASE)

# Kind or part by the name of a folder, in small letters.
_KINDS = {
    word: kind
    for kind, words in {
        "photos": "photos photo images image imgs img jpegimages jpg rgb inputs input leftimg8bit 701_stillsraw_full",
        "labels": "labels label masks mask annotations annotation annot gt groundtruth ground_truth segmentation "
        "segmentations segmentationclass label_maps labelmaps gtfine labeledapproved_full targets target",
        "instances": "instances instance instance_maps instancemaps",
    }.items()
    for word in words.split()
}
_PARTS = {
    word: part
    for part, words in {
        TRAINING: f"train training {TRAINING}",
        VALIDATION: f"val valid validation validation_dataset {VALIDATION}",
        TEST: f"test testing {TEST}",
    }.items()
    for word in words.split()
}
_ENDINGS = {  # what the names of files have besides those of their partners
    "photos": r"_(leftimg8bit|photo|image)$",
    "labels": r"_(l|labels?|masks?|gt|seg|labelids|(gtfine|gtcoarse)_labelids)$",
    "instances": r"_(instances?|instanceids|(gtfine|gtcoarse)_instanceids)$",
}

Key = tuple[str, str]  # part or "", and the path below the folder of the kind without its ending


def by_kind(images: Sequence[File]) -> dict[str, dict[Key, File]]:
    """Images by kind ("photos", "labels", "instances", "") and key.

    Names of partners are equal, or equal without what tells their kinds apart (`_labels`, `_leftImg8bit`).
    """
    equal = _keyed(images, False)
    if equal["labels"] and equal["labels"].keys() == equal["photos"].keys():
        return equal
    return max(_keyed(images, True), equal, key=lambda found: len(found["photos"].keys() & found["labels"].keys()))


def _keyed(images: Iterable[File], without_endings: bool) -> dict[str, dict[Key, File]]:
    found: dict[str, dict[Key, File]] = {kind: {} for kind in (*_ENDINGS, "")}
    for file in images:
        kind, key = place(file.name, without_endings)
        if key in found[kind]:
            raise UserError(
                f"{found[kind][key].where} and {file.where} are two {kind or 'images'} of one name; remove "
                "one of them."
            )
        found[kind][key] = file
    if found["labels"] and not found["photos"]:  # train/ and trainannot/, for one
        found["photos"] = found[""]
    return found


def place(name: str, without_ending: bool = True) -> tuple[str, Key]:
    """Kind and key of a file, by its path."""
    *folders, file = name.split("/")
    part, kind, below = "", "", list[str]()
    for folder in folders:
        word = folder.lower()
        if annotated := re.fullmatch(r"(train|val|test)annot", word):
            part, kind, below = _PARTS[annotated[1]], "labels", []
        elif word in _PARTS:
            part, below = _PARTS[word], below if kind else []
        elif word in _KINDS:
            kind, below = _KINDS[word], []
        else:
            below.append(folder)
    stem = file.rpartition(".")[0]
    if without_ending and kind:
        stem = re.sub(_ENDINGS[kind], "", stem, flags=re.IGNORECASE)
    return kind, (part, "/".join([*below, stem]))


def named_and_split(keys: Sequence[Key]) -> tuple[dict[Key, str], dict[Key, str], list[str]]:
    """Name and part of each scene, and sentences about them."""
    stems = {key: key[1].rpartition("/")[2] for key in keys}
    alike = len({(part, stems[part, below]) for part, below in keys}) < len(keys)
    wanted = {key: key[1].replace("/", "_") if alike else stems[key] for key in keys}
    # Names for files, on any operating system.
    names = {key: re.sub(r"[^\w.()+-]", "_", name).lstrip(".")[:150] or "scene" for key, name in wanted.items()}
    parts, notes = _parts(names)
    taken: dict[tuple[str, str], Key] = {}
    for key in keys:
        first = taken.setdefault((parts[key], names[key]), key)
        if first != key:
            raise UserError(f"the scenes {first[1]!r} and {key[1]!r} would have one name; rename one of them.")
    return names, parts, notes


def _parts(names: dict[Key, str]) -> tuple[dict[Key, str], list[str]]:
    lone = [below for part, below in names if not part]
    if len(lone) == len(names):
        cut = split(list(names.values()))
        return {key: cut[name] for key, name in names.items()}, [
            "Training, validation and test part share no sequence (see gan/data/sequences.py)."
        ]
    if lone:
        raise UserError(
            f"some scenes stand under train, val or test and {lone[0]!r} does not; move it there, or remove it."
        )
    parts, notes = {key: key[0] for key in names}, []
    training = {name: key for key, name in names.items() if key[0] == TRAINING}
    if not training:
        raise UserError("the source has no training part; name the folder that holds train/ or photos/.")
    if VALIDATION not in parts.values():
        cut = split(list(training), {TRAINING: 0.85, VALIDATION: SHARES[VALIDATION]})
        parts |= {training[name]: part for name, part in cut.items()}
        notes.append("The source has no validation part: it was cut from the training part, by sequence.")
    if TEST not in parts.values():
        notes.append("There is no test part: the source has none.")
    return parts, notes
