"""Which images show one object, as numbers."""

import contextlib
import re
import signal
import threading
from collections.abc import Hashable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from gan.data.class_layout import File, Layout
from gan.errors import UserError

PATIENCE = 2.0, 1e-4  # seconds of the processor that a pattern may take in all, and more for each name
LONGEST = 1_000  # letters of a pattern


def objects(layout: Layout, groups: str, notes: list[str]) -> list[Hashable]:
    """What tells the object of each image; None where it is not known.

    Args:
        layout: the images.
        groups: see `gan.data.class_folders.Reading`.
        notes: gets sentences about images whose object is not known, and about objects in both parts.

    Raises:
        UserError: there are no such groups, or the pattern is none.
    """
    files = layout.files
    if groups == "column":
        if layout.grouping != "column" or not any(file.group for file in files):
            raise UserError(f"groups=column needs a CSV with a column `group`, and {layout.path} has none; add it.")
        found = [file.group or None for file in files]  # a group can have images of several classes
    elif groups == "folder":
        if layout.grouping != "folder" or not any(file.group for file in files):
            raise UserError(
                f"groups=folder needs folders within the class folders, and {layout.path} has none; leave it out."
            )
        found = [(file.label, file.group) if file.group else None for file in files]
    elif groups:
        found = _named(layout, groups)
    else:
        notes.append(_without(layout))
        return [None] * len(files)
    if unknown := found.count(None):
        notes.append(f"Images of no group (groups={groups}): {unknown:,} of {len(files):,}.")
    parts = [{key for key, file in zip(found, files, strict=True) if file.part == part} for part in ("train", "test")]
    if both := len(set.intersection(*parts) - {None}):
        notes.append(
            f"Groups with images in the test part and in another: {both:,}; scores on the test part are too good."
        )
    return found


def _named(layout: Layout, groups: str) -> list[Hashable]:
    """The class, and what a pattern finds in the file's name."""
    try:
        if len(groups) > LONGEST:
            raise ValueError(f"longer than {LONGEST:,} letters")
        pattern = re.compile(groups)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise UserError(
            f"groups={groups[:LONGEST]} is no regular expression ({error}); give folder, column or a pattern that "
            "finds the object in a file's name."
        ) from error

    def key(file: File) -> Hashable:
        match = pattern.search(PurePosixPath(file.name).name)
        text = match and (match[1] if pattern.groups else match[0])
        return (file.label, text) if text else None

    try:
        with _patience(PATIENCE[0] + PATIENCE[1] * len(layout.files)):
            found = [key(file) for file in layout.files]
    except (TimeoutError, MemoryError):
        raise UserError(
            f"groups={groups} takes too long in the files' names of {layout.path}: a repetition within a repetition, "
            "as in (a+)+, tries endless ways; simplify the pattern."
        ) from None
    if not any(found):
        raise UserError(
            f"groups={groups} is found in no file's name of {layout.path} (such as "
            f"{PurePosixPath(layout.files[0].name).name!r}); correct the pattern."
        )
    return found


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after so many seconds of the processor, where this system and thread have such signals.

    A regular expression can take for ever, and a checkpoint of a stranger may name one.
    """

    def end(*_: Any) -> None:
        raise TimeoutError

    number = getattr(signal, "SIGVTALRM", None)  # not on every system
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(number, before)


def _without(layout: Layout) -> str:
    grouped = sum(bool(file.group) for file in layout.files)
    text = "No groups are given, so images of one object can be among those to learn and among those to compare with"
    if not grouped:
        return f"{text}; groups= keeps them together."
    where = "lie in folders within class folders" if layout.grouping == "folder" else "have a group in the CSV"
    which = f"{grouped:,} of {len(layout.files):,} images {where}"
    return f"{text}: {which}, and groups={layout.grouping} keeps them together."


def numbered(found: Sequence[Hashable]) -> np.ndarray:
    """int32 (N,): objects numbered from 0 as they come; -1 for None."""
    numbers: dict[Hashable, int] = {}
    return np.array([-1 if key is None else numbers.setdefault(key, len(numbers)) for key in found], np.int32)
