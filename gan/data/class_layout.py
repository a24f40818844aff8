"""Where images of classes lie: class folders, parts above them, folders within them, or a table that names them.

Only names are looked at. Class folders may have one folder around them all, and train, val and test above them; val
becomes a part of train.
"""

import contextlib
import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from gan.checkpoint_info import MOST_CLASSES
from gan.data.class_table import PARTS, File, holds_columns, is_table, read_rows
from gan.data.labelled import ALL, LISTED
from gan.data.untrusted import Source, open_source
from gan.errors import UserError

READ = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm"}
READ |= {".webp", ".tif", ".tiff", ".gif"}
UNREAD = {".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".tga", ".svg", ".psd", ".xcf", ".eps", ".ico"}
UNREAD |= {".exr", ".hdr", ".pcx", ".dng", ".cr2", ".nef", ".arw", ".dcm"}  # pictures all the same

_Found = tuple[tuple[str, ...], str]  # the steps of a file's path, and its name in the source


@dataclasses.dataclass(frozen=True)
class Layout:
    """Images of classes.

    Attributes:
        path: what the user named.
        source: what the images are read from.
        names: the classes, in order: of numbers by value, else of letters.
        files: the images in order: of part, training first; then of class; then of name, or of line in the table.
        grouping: what `group` of the files is: "folder" or "column".
        notes: sentences about what was passed over.
        table: the name of the CSV; "" where there are class folders.
    """

    path: Path
    source: Source
    names: tuple[str, ...]
    files: tuple[File, ...]
    grouping: str
    notes: tuple[str, ...]
    table: str = ""


@contextlib.contextmanager
def open_layout(path: str | Path, nested: bool = False) -> Iterator[Layout]:
    """Find the images of classes in a folder or zip, or those that a CSV names.

    Args:
        path: the folder, zip or CSV.
        nested: there is a level of folders between class folders and images.

    Raises:
        UserError: there are not 2 to 1,000 classes, images lie outside of them, or names can't be told apart.
    """
    path = Path(path)
    if is_table(path):
        with open_source(path.parent) as source:
            yield _of_table(source, path.name, path)
    else:
        with open_source(path, follow_links=True) as source:
            yield _of_source(source, nested)


def holds_pictures(path: str | Path) -> bool:
    """Whether a folder holds pictures or tables anywhere, as far as names tell.

    Raises:
        UserError: it can't be read.
    """
    with open_source(path, follow_links=True) as source:
        suffixes = {PurePosixPath(name).suffix.lower() for name in source.names()}
    return not suffixes.isdisjoint(READ | UNREAD | {".csv"})


def quoted(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of them."""
    more = len(names) - LISTED
    return ", ".join(map(repr, names[:LISTED])) + f" and {more:,} more" * (more > 0)


def _of_source(source: Source, nested: bool) -> Layout:
    """The table at the top, if it is the only one and there are no class folders; else the class folders."""
    visible = [(parts, name) for name in source.names() if _is_visible(parts := PurePosixPath(name).parts)]
    depth = _around([parts for parts, _ in visible], 1)
    csvs = [name for parts, name in visible if len(parts) == depth + 1 and parts[-1].lower().endswith(".csv")]
    tables = [name for name in csvs if holds_columns(source, name)]
    try:
        layout = _of_folders(source, visible, nested)
    except UserError:
        if len(tables) == 1:
            return _of_table(source, tables[0], source.path)
        raise
    passed_over = [f"{quoted(tables)} is passed over, since there are class folders."] * bool(tables)
    return dataclasses.replace(layout, notes=(*layout.notes, *passed_over))


def _of_table(source: Source, table: str, path: Path) -> Layout:
    rows = read_rows(source, table)
    files = [dataclasses.replace(row, label=_class_name(source, row.label)) for row in rows]
    return dataclasses.replace(_layout(path, source, files, "column", [], []), table=table)


def _of_folders(source: Source, visible: Sequence[_Found], nested: bool) -> Layout:
    pictures = [found for found in visible if PurePosixPath(found[1]).suffix.lower() in READ | UNREAD]
    files, roots = [], set()
    for part, parts, (whole, name) in _by_part(source, pictures, 3 if nested else 2):
        if not 2 <= len(parts) <= 3:
            place = "outside of" if len(parts) < 2 else "more than one folder deep in"
            raise UserError(
                f"{source.where(name)} lies {place} a class folder; name the folder that holds a folder of images "
                "for each class."
            )
        files.append(File(name, _class_name(source, parts[0]), part, parts[1] if len(parts) == 3 else ""))
        roots.add(whole[: len(whole) - len(parts)])
    known, folders = {file.label for file in files}, (PurePosixPath(name).parts for name in source.folders())
    inside = (_class_name(source, parts[-1]) for parts in folders if _is_visible(parts) and parts[:-1] in roots)
    empty = sorted(set(inside) - known)
    notes = [f"Folders without images are no classes: {quoted(empty)}."] * bool(empty)
    if source.links_left_out:
        why = "an archive's are not followed" if source.path.is_file() else f"they lead out of {source.path}"
        notes.append(f"Links that are left out: {source.links_left_out:,} ({why}).")
    return _layout(source.path, source, files, "folder", notes, empty)


def _by_part(source: Source, pictures: Sequence[_Found], least: int) -> Iterator[tuple[str, tuple[str, ...], _Found]]:
    """Part of the data, the path from the class folder on, and what it is of."""
    start = _around([parts for parts, _ in pictures], least)
    tops = {parts[start] for parts, _ in pictures}
    parts_there = sorted(top for top in tops if top.casefold() in PARTS)
    if pictures and len(parts_there) == len(tops):
        again = start + 1 + _around([parts[start + 1 :] for parts, _ in pictures], least)
        yield from ((PARTS[found[0][start].casefold()], found[0][again:], found) for found in pictures)
        return
    if len(parts_there) > 1:
        other = next(name for parts, name in pictures if parts[start] not in parts_there)
        raise UserError(
            f"{source.path} has {quoted(parts_there)} and, beside them, {other!r}; name a folder that holds either "
            "parts of the data or classes."
        )
    for found in pictures:
        part = PARTS.get(found[0][start - 1].casefold(), "train") if start else "train"
        yield part, found[0][start:], found


def _around(paths: Sequence[tuple[str, ...]], least: int) -> int:
    """How many folders lie around all files, of which `least` steps are left."""
    depth = 0
    while paths and all(len(parts) > depth + least and parts[depth] == paths[0][depth] for parts in paths):
        depth += 1
    return depth


def _is_visible(parts: Sequence[str]) -> bool:
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _class_name(source: Source, folder: str) -> str:
    """The name of a class as people write it.

    Archives of some systems hold UTF-8 and don't say so; accents may be letters of their own. Both are put right.
    """
    name = folder
    if source.path.is_file() and not name.isascii():
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    name = unicodedata.normalize("NFC", name)
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise UserError(f"{source.path} has a class with the name {name!r}, which can't be written; rename it.")
    return name


def _layout(
    path: Path, source: Source, files: list[File], grouping: str, notes: list[str], empty: Collection[str]
) -> Layout:
    names = sorted({file.label for file in files}, key=_order)
    if len(names) < 2:
        without = f" (folders without any: {quoted(sorted(empty))})" * bool(empty)
        raise UserError(
            f"{path} holds images of {len(names) or 'no'} class{'' if len(names) == 1 else 'es'}{without} and two or "
            "more are needed; give one folder of images for each class, or a CSV with the columns `file` and `label`."
        )
    if len(names) > MOST_CLASSES:
        raise UserError(
            f"{path} has {len(names):,} classes, and {MOST_CLASSES:,} at most can be learned; merge some."
        )
    if mistaken := [name for name in names if name.casefold() == ALL]:
        raise UserError(f"the class {mistaken[0]!r} in {path} can't be told from `{ALL}` classes; rename it.")
    alike = Counter(name.casefold() for name in names)
    if same := [name for name in names if alike[name.casefold()] > 1]:
        raise UserError(
            f"the classes {same[0]!r} and {next(n for n in same[1:] if n.casefold() == same[0].casefold())!r} in "
            f"{path} differ in capital letters only; merge or rename them."
        )
    if not any(file.part == "train" for file in files):
        raise UserError(f"{path} holds a test part only; add images to learn, in a folder `train`.")
    places = {name: place for place, name in enumerate(names)}
    files = sorted(files, key=lambda file: (file.part == "test", places[file.label]))
    return Layout(path, source, tuple(names), tuple(files), grouping, tuple(notes))


def _order(name: str) -> tuple[bool, int, str]:
    number = re.fullmatch(r"[0-9]{1,18}", name) is not None
    return not number, int(name) if number else 0, name
