"""The tables of the official GTSRB archives: one line an image, with its original size, box and class."""

import csv
import dataclasses
import io
import re
from collections.abc import Iterator

from gan.data.archives import Source
from gan.data.signs import CLASSES
from gan.errors import UserError

LARGEST = 255  # pixels, width and height of an original; the official ones have 15 to 250
LONGEST = 2**24  # bytes of a table
IMAGES = 1_000_000  # of one table

_COLUMNS = ["Filename", "Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId"]
_WHOLE = re.compile("[0-9]{1,6}")


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of an official table."""

    image: str  # its file
    size: tuple[int, int]  # width and height
    box: tuple[int, int, int, int]  # left, top, right, bottom
    label: int
    where: str  # how messages name the line


def read_table(
    source: Source, name: str, folder: str, pattern: str, present: set[str], images: Source | None = None
) -> Iterator[Row]:
    """The lines of an official table, checked.

    Args:
        source: where the table is.
        name: its name there.
        folder: what stands before its file names.
        pattern: the regular expression that they match.
        present: the images that there are.
        images: where these are, if not in `source`.

    Raises:
        UserError: the table is damaged, contradicts itself, or names an image that is missing.
    """
    where = source.where(name)
    try:
        text = source.read(name, LONGEST).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, ""), delimiter=";")
        header = next(lines, [])
        table = [line for line in lines if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where} is no table of text; get the archive anew.") from error
    if header != _COLUMNS:
        raise UserError(f"{where} should have the columns {';'.join(_COLUMNS)}; get the archive anew.")
    if not 0 < len(table) <= IMAGES:
        raise UserError(f"{where} lists {len(table):,} images; get the archive anew.")
    seen = set()
    for number, line in enumerate(table, 2):
        here = f"{where}, line {number}"
        if len(line) != len(header) or not all(_WHOLE.fullmatch(text) for text in line[1:]):
            raise UserError(f"{here}: not a file name and seven whole numbers; get the archive anew.")
        image = f"{folder}/{line[0]}"
        if not re.fullmatch(pattern, line[0]) or image in seen:
            raise UserError(f"{here}: the file name {line[0]!r} is odd or there twice; get the archive anew.")
        if image not in present:
            raise UserError(
                f"{here} names {(images or source).where(image)}, which is missing; get the archive anew."
            )
        seen.add(image)
        width, height, left, top, right, bottom, label = map(int, line[1:])
        if label >= CLASSES:
            raise UserError(f"{here}: class {label} is none of 0-{CLASSES - 1}; get the archive anew.")
        if not (0 < width <= LARGEST and 0 < height <= LARGEST):
            raise UserError(f"{here}: {width}x{height} is not 1 to {LARGEST} pixels; get the archive anew.")
        if not (left < right <= width and top < bottom <= height):
            raise UserError(f"{here}: the box does not lie in the image; get the archive anew.")
        yield Row(image, (width, height), (left, top, right, bottom), label, here)
