"""A table of images and their classes: a CSV with the columns `file` and `label`, and perhaps `group` and `part`."""

import csv
import dataclasses
import io
import itertools
from pathlib import Path

from gan.data.untrusted import Source, check_name
from gan.errors import UserError

PARTS = {"train": "train", "training": "train", "val": "train", "valid": "train", "validation": "train"} | {
    "test": "test",
    "testing": "test",
}  # what a folder or the column `part` is called, in small letters, and the part of the data that it belongs to


@dataclasses.dataclass(frozen=True)
class File:
    """One image.

    Attributes:
        name: its name in the source.
        label: the name of its class.
        part: "train" or "test".
        group: what tells the images of one object: the folder within the class folder, or the table's group; "" where
            it is not known.
    """

    name: str
    label: str
    part: str
    group: str


def is_table(path: str | Path) -> bool:
    """Whether a path is a CSV file, by its name."""
    return Path(path).suffix.lower() == ".csv" and Path(path).is_file()


def holds_columns(source: Source, name: str) -> bool:
    """Whether a CSV has the columns of a table of images."""
    try:
        return {"file", "label"} <= set(_header(_text(source, name)))
    except UserError:
        return False


def read_rows(source: Source, name: str) -> list[File]:
    """The lines of a table; nothing is asked about the images that they name.

    Args:
        source: where the table is.
        name: its name there; the files that it names are relative to its folder.

    Raises:
        UserError: it is no such table, a field is empty or a part of another name, or a file is there twice or leads
            out of the source.
    """
    where, text = source.where(name), _text(source, name)
    columns = _header(text)
    if not {"file", "label"} <= set(columns):
        raise UserError(f"{where} should have the columns `file` and `label` in its first line; add them.")
    folder = name.rpartition("/")[0]
    rows: dict[str, File] = {}
    try:
        for fields in itertools.islice((lines := _lines(text)), 1, None):
            if any(field.strip() for field in fields):
                line = dict(zip(columns, map(str.strip, fields), strict=False))
                row = _row(line, folder, source.path, f"{where}, line {lines.line_num}")
                if row.name in rows:
                    raise UserError(
                        f"{where}, line {lines.line_num}: the file {line['file']!r} is there twice; keep one line."
                    )
                rows[row.name] = row
    except csv.Error as error:
        raise UserError(f"{where} is no table of text; save it as CSV.") from error
    return list(rows.values())


def _row(line: dict[str, str], folder: str, path: Path, where: str) -> File:
    for column in ("file", "label"):
        if not line.get(column):
            raise UserError(f"{where}: the {column} is missing; fill it in or remove the line.")
    part = PARTS.get((line.get("part") or "train").casefold())
    if part is None:
        raise UserError(f"{where}: the part {line['part']!r} is none of train, val and test; correct it.")
    file = line["file"].replace("\\", "/")
    check_name(file, path)
    inside = "/".join(step for step in file.split("/") if step not in ("", "."))
    return File(f"{folder}/{inside}" if folder else inside, line["label"], part, line.get("group", ""))


def _text(source: Source, name: str) -> str:
    try:
        return source.read(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{source.where(name)} is no text in UTF-8; save it as CSV in UTF-8.") from error


def _lines(text: str) -> "csv._reader":
    """The fields of each line; between them stands what the first line has most of: comma, semicolon or tab."""
    first = text.partition("\n")[0]
    return csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))


def _header(text: str) -> list[str]:
    try:
        return [column.strip().lower() for column in next(_lines(text), [])]
    except csv.Error:
        return []
