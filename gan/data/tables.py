"""The tables of the official GTSRB archives: one line an image, with its class, original size and box."""

import csv
import dataclasses
import io
import re

from gan.data.signs import CLASSES
from gan.data.untrusted import Source
from gan.errors import UserError

LARGEST = 2**16 - 1  # pixels: what `sizes` and `coords` can hold

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
    if not (width and height and max(width, height) <= LARGEST):
        return Row.size, Row.box
    if None in box or not (box[0] < box[2] <= width and box[1] < box[3] <= height):
        return (width, height), Row.box
    return (width, height), tuple(box)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(" *[0-9]{1,6} *", text) else None
