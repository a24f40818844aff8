"""Anybody's images: a folder of images for each class, or a table that names them, read as arrays.

The rule for images of other sizes, unless the user gives another: the whole image becomes a square, averaged where it
shrinks, and its proportions are not kept. Cropping the centre would keep them and cut off what lies beside it, which
in a picture of one thing is a part of the thing; a classifier gets used to things being squeezed. It is the rule of
GTSRB's pickles too.
"""

import csv
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from gan.config import FITS, READING
from gan.data.class_layout import UNREAD, Layout, open_layout, quoted
from gan.data.class_table import File
from gan.data.decode import LARGEST_CHOSEN, SIZES, decode_files
from gan.data.groups import numbered, objects
from gan.data.labelled import GENERATED, GENERATED_LIST, Classes, LabelledImages, is_file_name, label_type, narrow
from gan.data.untrusted import Source
from gan.errors import UserError
from gan.files import parse_json, read_file

FEW = 10  # images of a class: fewer are worth a note
MAX_MIRROR_BYTES = 2**20  # of the file of mirror images


@dataclasses.dataclass(frozen=True)
class Reading:
    """How somebody's images are read.

    Attributes:
        image_size: width and height in pixels, 32, 64, 128 or 256; None: the power of two nearest to the median of
            the originals, 32 to `largest`.
        fit: "squeeze" the whole image, "crop" the square in its middle, or "pad" it to a square with its mean colour.
        groups: what tells the images of one object: "" nothing; "folder" the folder within the class folder; "column"
            the table's `group`, which can have several classes; else a regular expression that is searched in a
            file's name, whose first group, or all that it finds, names the object within its class.
        mirror: the class of mirror images: "" or "none" none, "all" the same, or a text file of lines
            `class,class in the mirror`, each of which holds the other way round too.
        turned: images that are turned by quarters are of their class, as textures are.
        skip_damaged: go on without files that can't be read.
        largest: size that is chosen where `image_size` is None; no option of a command.

    Raises:
        UserError: there is no such size or fit.
    """

    image_size: int | None = None
    fit: str = "squeeze"
    groups: str = ""
    mirror: str = ""
    turned: bool = False
    skip_damaged: bool = False
    largest: int = LARGEST_CHOSEN

    def __post_init__(self) -> None:
        if self.image_size is not None and self.image_size not in SIZES:
            sizes = " or ".join(map(str, SIZES))
            raise UserError(f"image_size is {sizes}, not {self.image_size}; give one of these.")
        if self.fit not in FITS:
            raise UserError(f"fit is {' or '.join(FITS)}, not {self.fit!r}; give one of these.")

    @classmethod
    def of(cls, config: Mapping) -> "Reading":
        """The fields of that name of a configuration; what it lacks is as where the user gives nothing."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: config[name] for name in names if name in config})

    def options(self) -> dict[str, Any]:
        """The options of a command that say so."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name in READING}

    def mirrors(self, names: Sequence[str]) -> tuple[int, ...]:
        """The class id that the mirror images of each class are of; -1 where they are of none.

        Raises:
            UserError: the file can't be read, or a line is other than two classes.
        """
        if self.mirror in ("", "none"):
            return (-1,) * len(names)
        if self.mirror == "all":
            return tuple(range(len(names)))
        return _mirrors(Path(self.mirror), names)


DEFAULT_READING = Reading()


@dataclasses.dataclass(frozen=True)
class Found:
    """What a source holds.

    Attributes:
        train: the training images, and those of a validation part.
        test: the test images, or None.
        notes: sentences about what was chosen, changed, missing or left out, or is other than it was published.
        files: where the images of the training part and then of the test part are from: names within the folder or
            zip, or within the table's folder; none of GTSRB.
        table: the name of the CSV there; "" where there are class folders.
    """

    train: LabelledImages
    test: LabelledImages | None
    notes: tuple[str, ...]
    files: tuple[str, ...] = ()
    table: str = ""


def class_names(path: str | Path) -> tuple[str, ...]:
    """The classes of somebody's images, in order: of numbers by value, else of letters. No image is read.

    Raises:
        UserError: see `gan.data.class_layout.open_layout`.
    """
    with open_layout(path) as layout:
        return layout.names


def read_class_folders(path: str | Path, reading: Reading = DEFAULT_READING, classes: Classes | None = None) -> Found:
    """Read somebody's images: a folder, zip or CSV with 2 to 1,000 classes of at least 2 images.

    A folder or zip holds a folder of images for each class, perhaps below train, val and test, perhaps in folders of
    their own; a folder around everything is passed over, and so are hidden files and files that are no pictures. A
    CSV has the columns `file`, relative to its folder, and `label`, and may have `group` and `part`.

    Args:
        path: the folder, zip or CSV.
        reading: how they are read.
        classes: what the classes must be among, by key or name; their mirror counts, and not that of `reading`.
            None: the names of the classes in order.

    Raises:
        UserError: the layout is another, files can't be read, or a class is none of `classes`.
    """
    with open_layout(path, nested=reading.groups == "folder") as layout:
        names = layout.names
        own = classes or Classes.named(names, reading.mirrors(names), str(path), reading.turned)
        ids = _ids(layout, classes) if classes else {name: place for place, name in enumerate(names)}
        _check_counts(layout, layout.files, "")
        notes = list(layout.notes)
        found = objects(layout, reading.groups, notes)
        taken = _of_kinds_that_are_read(layout, reading.skip_damaged, notes)
        files = [layout.files[place] for place in taken]
        decoded = decode_files(
            layout.source,
            [file.name for file in files],
            reading.image_size,
            reading.fit,
            reading.skip_damaged,
            reading.largest,
        )
        kept = [files[place] for place in decoded.kept]
        generated = _generated(layout.source)
        found = [found[taken[place]] for place in decoded.kept]
        _check_counts(layout, kept, " that can be read")
    labels = np.array([ids[file.label] for file in kept], label_type(own))

    tracks = numbered(found)
    tracks[[file.name in generated for file in kept]] = GENERATED

    def part(start: int, stop: int) -> LabelledImages:
        return LabelledImages(
            decoded.images[start:stop],
            labels[start:stop],
            tracks[start:stop],
            narrow(decoded.sizes[start:stop]),
            np.zeros((stop - start, 4), np.uint8),
            own,
        )

    learned = sum(file.part == "train" for file in kept)
    test = part(learned, len(kept)) if learned < len(kept) else None
    notes = (*decoded.notes, *notes, *_few(kept[:learned], names))
    return Found(part(0, learned), test, notes, tuple(file.name for file in kept), layout.table)


def write_class_folders(folder: Path, images: LabelledImages) -> None:
    """Write images as PNGs for `read_class_folders`; in folders of their groups, where these are known."""
    names = images.classes.keys
    if not all(map(is_file_name, names)):
        names = tuple(f"{k:04d}" for k in range(len(names)))
    for place, (image, label, track) in enumerate(zip(images.images, images.labels, images.tracks, strict=True)):
        group = f"{track:07d}" if track >= 0 else ""
        path = folder / names[label] / group / f"{place:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def _generated(source: Source) -> set[str]:
    """The names of generated images, which a folder that was balanced has a list of."""
    if GENERATED_LIST not in source.names():
        return set()
    try:
        names = parse_json(source.read(GENERATED_LIST))
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{source.where(GENERATED_LIST)} is damaged; balance the data again, or remove it.")
    return set(names)


def _check_counts(layout: Layout, files: Sequence[File], which: str) -> None:
    """Make sure that a class that is learned has 2 images, and that every one has some."""
    learned, tested = ([file.label for file in files if file.part == part] for part in ("train", "test"))
    counts = _counts(learned, layout.names)
    elsewhere = set(tested)
    few = [name for name, count in counts.items() if count == 1 or (count == 0 and name not in elsewhere)]
    if few:
        count, others = counts[few[0]], f" (and so in {len(few) - 1:,} more)" * (len(few) > 1)
        raise UserError(
            f"the class {few[0]!r} in {layout.path} has {count or 'no'} image{'s' * (count != 1)} to learn{which}"
            f"{others}, and 2 or more are needed; add images, or remove the class."
        )


def _counts(labels: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    counts = dict.fromkeys(names, 0)
    for label in labels:
        counts[label] += 1
    return counts


def _few(files: Sequence[File], names: Sequence[str]) -> list[str]:
    few = [(name, n) for name, n in _counts([file.label for file in files], names).items() if n < FEW]
    more = f" and {len(few) - FEW:,} more" * (len(few) > FEW)
    listed = ", ".join(f"{name!r} ({count})" for name, count in few[:FEW])
    return [f"Classes with fewer than {FEW} images to learn: {listed}{more}."] * bool(few)


def _of_kinds_that_are_read(layout: Layout, skip: bool, notes: list[str]) -> list[int]:
    """Places of the files that are no pictures of other kinds, by their names."""
    read = [PurePosixPath(file.name).suffix.lower() not in UNREAD for file in layout.files]
    others = [file.name for file, is_read in zip(layout.files, read, strict=True) if not is_read]
    if others and not skip:
        raise UserError(
            f"{layout.path} has pictures of kinds that are not read: {len(others):,} ({quoted(others)}); save them "
            "as PNG or JPEG, or give skip_damaged=true, which goes on without them."
        )
    if others:
        notes.append(f"Pictures of kinds that are not read and are left out: {len(others):,} ({quoted(others)}).")
    return [place for place, is_read in enumerate(read) if is_read]


def _ids(layout: Layout, classes: Classes) -> dict[str, int]:
    """The class ids of the names of classes."""
    find, ids = _finder(classes.keys, classes.names), {}
    for name in layout.names:
        found = find(name)
        if found is None:
            raise UserError(f"{name!r} in {layout.path} is not {classes.listed()}; rename or remove it.")
        if found in ids.values():
            other = next(other for other, taken in ids.items() if taken == found)
            raise UserError(
                f"{layout.path} has two folders of class {classes.label(found)}, {other!r} and {name!r}; put their "
                "images into one."
            )
        ids[name] = found
    return ids


def _finder(keys: Sequence[str], names: Sequence[str]) -> Callable[[str], int | None]:
    """A function that finds the class id of a text; None where there is none.

    A text is a key, a number of the same value, a name, or a name in other capitals that is no other's.
    """
    exact = {name: place for place, name in reversed([*enumerate(names), *enumerate(keys)])}
    numbers = {int(key): place for place, key in enumerate(keys) if re.fullmatch("[0-9]{1,18}", key)}
    folded: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        folded.setdefault(name.casefold(), []).append(place)

    def find(text: str) -> int | None:
        if text in exact:
            return exact[text]
        if re.fullmatch("[0-9]{1,18}", text):
            return numbers.get(int(text))
        same = folded.get(text.casefold(), [])
        return same[0] if len(same) == 1 else None

    return find


def _mirrors(path: Path, names: Sequence[str]) -> tuple[int, ...]:
    try:
        text = read_file(path, MAX_MIRROR_BYTES).decode("utf-8-sig")
        lines = list(csv.reader(text.splitlines(), skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"mirror={path} can't be read as text ({(getattr(error, 'strerror', None) or str(error)).lower()}); give "
            "`all`, `none` or a file of lines `class,class in the mirror`."
        ) from error
    find, table = _finder(names, names), {}
    for number, line in enumerate(lines, 1):
        if not any(field.strip() for field in line):
            continue
        pair = [find(field.strip()) for field in line]
        if len(pair) != 2 or None in pair:
            raise UserError(
                f"{path}, line {number}: {','.join(line)!r} is not two of the classes {quoted(names)}; correct it."
            )
        for one, other in (pair, pair[::-1]):
            if table.setdefault(one, other) != other:
                raise UserError(
                    f"{path}, line {number}: {names[one]!r} has another class in the mirror already; keep one line."
                )
    return tuple(table.get(place, -1) for place in range(len(names)))
