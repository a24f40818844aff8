"""The data sets that a `data` parameter can name, and the part of one that a run trains on."""

import dataclasses
import re
import shlex
import sys
from pathlib import Path

import numpy as np

from gan.data.class_folders import holds_class_folders, read_signs_by_class
from gan.data.gtsrb import read_signs
from gan.data.signs import CLASSES, MIRROR, NAMES, Signs, join, with_mirrored
from gan.data.split import cut
from gan.drawn.signs import draw_signs
from gan.errors import UserError
from gan.files import is_folder

DRAWN = "drawn"
DRAWN_SEED = 0
DRAWN_TRAINING = 13_000  # images of all classes where the size is not given: a third of GTSRB
DRAWN_TEST_SHARE = 12_630 / 39_209  # test images for each training image, as in GTSRB


@dataclasses.dataclass(frozen=True)
class SignSet:
    """Training and test part of a data set.

    Attributes:
        name: what the run records: "drawn", or the folder.
        train: the training part.
        test: the test part; None where the folder has none.
    """

    name: str
    train: Signs
    test: Signs | None


def open_signs(data: str, class_id: int | None = None) -> SignSet:
    """Read or draw a data set.

    Args:
        data: "drawn", "drawn:<training images>", a folder with train.p and test.p as `prepare` writes them (and
            valid.p, which becomes a part of the training part), or one of class folders named 0 to 42.
        class_id: only this class, and the one that it is the mirror image of, are needed; None for all.

    Raises:
        UserError: the folder has no train.p, or a file is not what it should be.
    """
    if is_drawn(data):
        needed = None if class_id is None else sorted({class_id, MIRROR.get(class_id, class_id)})
        size = int(data.partition(":")[2] or DRAWN_TRAINING)
        test = max(CLASSES, round(size * DRAWN_TEST_SHARE))
        return SignSet(data, *draw_signs(size, test, DRAWN_SEED, classes=needed))
    folder = Path(data)
    if is_folder(folder) and not (folder / "train.p").is_file() and holds_class_folders(folder):
        return SignSet(data, read_signs_by_class(folder), None)
    if not is_folder(folder) or not (folder / "train.p").is_file():
        raise UserError(
            f"there is no {folder / 'train.p'} (data names a folder); make it from the GTSRB archives with "
            f"`uv run python -m gan.commands.prepare --source FOLDER --output {shlex.quote(data)}` "
            "(or `--download true`), or train on drawn signs with data=drawn."
        )
    notes: list[str] = []
    parts = [folder / f"{name}.p" for name in ("train", "valid", "test")]
    train, valid, test = (read_signs(part, notes) if part.is_file() else None for part in parts)
    for note in notes:
        print(note, file=sys.stderr)
    return SignSet(data, train if valid is None else join(train, valid), test)


def is_drawn(data: str) -> bool:
    """Whether a `data` parameter asks for drawn signs: "drawn", or "drawn:20000" for so many training images."""
    return re.fullmatch(rf"{DRAWN}(:[1-9]\d{{0,4}})?", data) is not None


def select(signs: SignSet, class_id: int | None, use_test: bool, use_held_out: bool) -> Signs:
    """The images that a generator learns: of one class or all, with the mirror images that are signs of it.

    Args:
        signs: the data set.
        class_id: the class, or None for all.
        use_test: take the test part too.
        use_held_out: take the tracks too that scores are to be compared with (see `gan.data.split`).

    Raises:
        UserError: the test part is wanted and missing, or there are too few images.
    """
    parts = [signs.train if use_held_out else cut(signs.train)[0]]
    if use_test:
        if signs.test is None:
            raise UserError(f"use_test=true needs {Path(signs.name) / 'test.p'}, and there is none.")
        parts.append(signs.test)
    if class_id is not None:
        # Before they are joined: tracks, and so the digest, must not depend on the classes that are left out.
        needed = class_id, MIRROR.get(class_id, class_id)
        parts = [part.take(np.isin(part.labels, needed)) for part in parts]
    chosen = with_mirrored(join(*parts))
    if class_id is not None:
        chosen = chosen.take(chosen.labels == class_id)
        if len(chosen) < 2:
            raise UserError(
                f"the data {signs.name} has {len(chosen) or 'no'} images of class {class_id} ({NAMES[class_id]}) "
                "and 2 or more are needed; prepare data that has them."
            )
    elif (missing := np.flatnonzero(chosen.counts() == 0)).size:
        raise UserError(
            f"class_val=all needs images of every class, and {signs.name} has none of class {missing[0]}."
        )
    return chosen
