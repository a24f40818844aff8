"""The official archives of GTSRB, as zips or extracted: images, and tables with a line for each.

The 32x32 picture is the whole image, resized with antialiasing and not cropped to the sign's box, as in the
well-known pickles; the original size and the box in it are kept beside it.
"""

import csv
import dataclasses
import hashlib
import io
import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.decode import fitted
from gan.data.labelled import MAX_PIXELS, LabelledImages, narrow
from gan.data.signs import CLASSES, GTSRB, SIZE, TRAINING_COUNTS
from gan.data.untrusted import Source, open_source
from gan.data.untrusted_images import read_image
from gan.errors import UserError
from gan.progress import progress

HOST = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
TRAINING_ZIP = "GTSRB_Final_Training_Images.zip"
TEST_ZIP = "GTSRB_Final_Test_Images.zip"
TRUTH_ZIP = "GTSRB_Final_Test_GT.zip"
FIRST_ZIP = "GTSRB-Training_fixed.zip"  # of the competition's first stage, which torchvision fetches
ARCHIVES = (TRAINING_ZIP, TEST_ZIP, TRUTH_ZIP)
MD5 = {  # published with torchvision's reader
    TEST_ZIP: "c7e4e6327067d32654124b0fe9e82185",
    TRUTH_ZIP: "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
    FIRST_ZIP: "513f3c79a4c5141765e10e952eaa2478",
}

_TABLE_OR_IMAGE = r"/(\d{5})/(GT-\2\.csv|[^/]+\.(?:ppm|png|jpe?g|bmp))"
_TRAINING_FILE = re.compile(r"((?:.*/)?Final_Training/Images)" + _TABLE_OR_IMAGE)
_FIRST_STAGE_FILE = re.compile(r"((?:.*/)?Training)" + _TABLE_OR_IMAGE)
_TEST_FILE = re.compile(r"((?:.*/)?Final_Test/Images)/[^/]+\.(?:ppm|png|jpe?g|bmp)")
_TRUTH_FILE = re.compile(r"(?:.*/)?GT-final_test\.csv")
_TRACK = re.compile(r"(\d{5})_\d{5}\..*")
_PIXELS = ("Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2")


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of an official table."""

    image: str  # its file
    label: int
    size: tuple[int, int] = (0, 0)  # width and height; zeros where the table gives none
    box: tuple[int, int, int, int] = (0, 0, 0, 0)  # left, top, right, bottom; zeros where the table gives none
    where: str = ""  # how messages name the line


def read_table(source: Source, name: str, folder: str, present: set[str], images: Source | None = None) -> list[Row]:
    """The lines of an official table. The class of every image is needed; its size and box are not.

    Args:
        source: where the table is.
        name: its name there.
        folder: what stands before its file names.
        present: the images that there are.
        images: where these are, if not in `source`.

    Raises:
        UserError: it is no such table, or names a class that GTSRB does not have, an image that is missing, or one
            image twice.
    """
    where = source.where(name)
    try:
        lines = csv.DictReader(io.StringIO(source.read(name).decode("utf-8-sig"), ""), delimiter=";")
        table = list(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} is no table of text; get the archive anew.") from error
    if not {"Filename", "ClassId"} <= set(lines.fieldnames or ()):
        raise UserError(f"{where} should have the columns Filename and ClassId; get the archive anew.")
    rows: dict[str, Row] = {}
    for number, line in enumerate(table, 2):
        here, image, label = f"{where}, line {number}", f"{folder}/{line['Filename']}", _whole(line["ClassId"])
        if label is None or label >= CLASSES:
            raise UserError(f"{here}: class {line['ClassId']!r} is none of 0-{CLASSES - 1}; get the archive anew.")
        if image in rows:
            raise UserError(f"{here}: the image {line['Filename']!r} is there twice; get the archive anew.")
        if image not in present:
            raise UserError(
                f"{here} names {(images or source).where(image)}, which is missing; get the archive anew."
            )
        rows[image] = Row(image, label, *_size_and_box(line), here)
    if not rows:
        raise UserError(f"{where} lists no images; get the archive anew.")
    return list(rows.values())


def _size_and_box(line: dict[str, str]) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    width, height, *box = (_whole(line.get(column)) for column in _PIXELS)
    if not (width and height and max(width, height) <= MAX_PIXELS):
        return Row.size, Row.box
    if None in box or not (box[0] < box[2] <= width and box[1] < box[3] <= height):
        return (width, height), Row.box
    return (width, height), tuple(box)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(" *[0-9]{1,6} *", text) else None


def read_archives(path: Path, notes: list[str]) -> tuple[LabelledImages, LabelledImages | None] | None:
    """Training and test part of a folder with the official zips, one of these zips, or the extracted tree.

    Training images are ordered by class and then as the official tables list them. Tracks are numbered from 0
    in the order of class and official track number (0-1306 in the full archive), so that a number belongs to
    one class only; test images have no tracks (-1).

    Args:
        path: the folder or zip.
        notes: gets sentences about what is missing, left out, or other than it was published.

    Returns:
        None where there are no training images of this kind.

    Raises:
        UserError: images or their classes are missing, damaged or contradict themselves.
    """
    zips = [path / name for name in (*ARCHIVES, FIRST_ZIP) if path.is_dir() and (path / name).is_file()] or [path]
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(file)) for file in zips]
        members = [(source, name) for source in sources for name in source.names()]
        train = _training(members, notes)
        if train is None:
            return None
        test = _test(members, notes)
    for file in zips:
        _compare_digest(file, notes)
    return train, test


def _compare_digest(file: Path, notes: list[str]) -> None:
    if file.name in MD5 and file.is_file():
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if digest != MD5[file.name]:
            notes.append(
                f"{file} is not the published file (its MD5 is {digest}, published is {MD5[file.name]}); it was read "
                "all the same."
            )


def _matching(members: list[tuple[Source, str]], pattern: re.Pattern, part: str) -> tuple[Source, list[re.Match]]:
    """The files of a part; all in one folder of one source."""
    found = [(source, match) for source, name in members if (match := pattern.fullmatch(name))]
    if len({(source.path, match[1]) for source, match in found}) > 1:
        (source, first), (_, last) = found[0], found[-1]
        raise UserError(
            f"{source.path} holds the {part} images more than once, in {first[1]!r} and {last[1]!r}; name the folder "
            "that holds one of them."
        )
    return found[0][0] if found else None, [match for _, match in found]


def _training(members: list[tuple[Source, str]], notes: list[str]) -> LabelledImages | None:
    source, files = _matching(members, _TRAINING_FILE, "training")
    if not files:
        source, files = _matching(members, _FIRST_STAGE_FILE, "training")
    if not files:
        return None
    present: dict[str, set[str]] = {}
    for match in files:
        present.setdefault(match[2], set()).add(match[0])
    rows: list[Row] = []
    tracks: list[int] = []
    count = 0
    for folder in sorted(present):
        own = _class_rows(source, files[0][1], folder, present[folder], notes)
        names = [_TRACK.fullmatch(row.image.rpartition("/")[2]) for row in own]
        numbers = {name: count + i for i, name in enumerate(sorted({match[1] for match in names if match}))}
        tracks += [numbers[match[1]] if match else -1 for match in names]
        count += len(numbers)
        rows += own
    if -1 in tracks:
        notes.append(
            f"The tracks of {tracks.count(-1):,} training images are not known: their names are other than "
            "00000_00000.ppm, track and frame."
        )
    if len(rows) != sum(TRAINING_COUNTS):
        notes.append(
            f"These are {len(rows):,} of the {sum(TRAINING_COUNTS):,} training images of GTSRB; {TRAINING_ZIP} "
            "holds all of them."
        )
    return _decode(source, rows, np.array(tracks, np.int32), "training images", notes)


def _class_rows(source: Source, root: str, folder: str, present: set[str], notes: list[str]) -> list[Row]:
    """The images of one class: as its table lists them, or by name where there is no table."""
    table = f"{root}/{folder}/GT-{folder}.csv"
    if int(folder) >= CLASSES:
        raise UserError(f"{source.where(f'{root}/{folder}')} is a class that GTSRB does not have; remove it.")
    if table not in present:
        notes.append(f"{source.where(table)} is missing: the original sizes and boxes of its images are not known.")
        return [Row(name, int(folder)) for name in sorted(present)]
    rows = read_table(source, table, f"{root}/{folder}", present)
    for row in rows:
        if row.label != int(folder):
            raise UserError(f"{row.where}: class {row.label} contradicts the folder {folder}; get the archive anew.")
    return rows


def _test(members: list[tuple[Source, str]], notes: list[str]) -> LabelledImages | None:
    source, files = _matching(members, _TEST_FILE, "test")
    tables = [(source, name) for source, name in members if _TRUTH_FILE.fullmatch(name)]
    if not files or not tables:
        lack = [name for name, there in ((TEST_ZIP, files), (TRUTH_ZIP, tables)) if not there]
        notes.append(f"There is no test set: {' and '.join(lack)} missing.")
        return None
    if len(tables) > 1:
        raise UserError(
            f"{source.path} holds two tables of the test images, {tables[0][1]!r} and {tables[1][1]!r}; keep one."
        )
    rows = read_table(*tables[0], files[0][1], {match[0] for match in files}, source)
    return _decode(source, rows, np.full(len(rows), -1, np.int32), "test images", notes)


def _decode(source: Source, rows: list[Row], tracks: np.ndarray, what: str, notes: list[str]) -> LabelledImages:
    images, differ = np.empty((len(rows), SIZE, SIZE, 3), np.uint8), 0
    with progress(len(rows), what, "image") as bar:
        for i, row in enumerate(rows):
            image = read_image(source.read(row.image), source.where(row.image))
            images[i] = fitted(Image.fromarray(image), SIZE, "squeeze")
            differ += row.size not in (Row.size, image.shape[1::-1])
            bar.update()
    if differ:
        notes.append(
            f"{differ:,} of {len(rows):,} {what} have another size than their table gives, as images that somebody "
            "resized have; the sizes of the table are kept."
        )
    for name, attribute in (("sizes", "size"), ("boxes", "box")):
        unknown = [row for row in rows if row.where and getattr(row, attribute) == getattr(Row, attribute)]
        if unknown:
            notes.append(
                f"The {name} of {len(unknown):,} {what} are left out: the table gives none that are possible "
                f"(first: {unknown[0].where})."
            )
    return LabelledImages(
        images,
        np.array([row.label for row in rows], np.uint8),
        tracks,
        narrow(np.array([row.size for row in rows])),
        narrow(np.array([row.box for row in rows])),
        GTSRB,
    )
