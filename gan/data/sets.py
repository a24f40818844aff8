"""The data sets that a `data` parameter can name, and the part of one that a run trains on."""

import dataclasses
import functools
import re
import shlex
from pathlib import Path

import numpy as np

from gan.checkpoint_info import CheckpointInfo
from gan.data.class_folders import DEFAULT_READING, Reading, class_names, read_class_folders
from gan.data.class_layout import holds_pictures
from gan.data.class_table import is_table
from gan.data.gtsrb import read_signs
from gan.data.labelled import Classes, LabelledImages, join, with_mirrored
from gan.data.signs import CLASSES, GTSRB, stored_size
from gan.data.split import cut
from gan.drawn.signs import draw_signs
from gan.errors import UserError
from gan.files import exists, is_folder
from gan.progress import remark

DRAWN = "drawn"

DRAWN_SEED = 0
DRAWN_TRAINING = 13_000  # images of all classes where the size is not given: a third of GTSRB
DRAWN_TEST_SHARE = 12_630 / 39_209  # test images for each training image, as in GTSRB


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """A data set whose training part is cut in two.

    Attributes:
        name: of the data set.
        learned: the training images that are learned.
        held_out: the others, of other tracks (see `gan.data.split.held_out`); they choose checkpoints.
        test: the test part; None where there is none.
    """

    name: str
    learned: LabelledImages
    held_out: LabelledImages
    test: LabelledImages | None

    @property
    def classes(self) -> Classes:
        """What the labels stand for."""
        return self.learned.classes


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Training and test part of a data set.

    Attributes:
        name: what the run records: "drawn", or the folder.
        train: the training part.
        test: the test part; None where the folder has none.
        files: of somebody's own images, where those of the training part and then of the test part are from.
        table: the CSV that names them, if one does.
    """

    name: str
    train: LabelledImages
    test: LabelledImages | None
    files: tuple[str, ...] = ()
    table: str = ""

    @property
    def classes(self) -> Classes:
        """What the labels stand for."""
        return self.train.classes

    @functools.cached_property
    def parts(self) -> Parts:
        """The parts: a copy of the training images, so that who needs only these can let go of the whole."""
        return Parts(self.name, *cut(self.train), self.test)


def classes_of(data: str, reading: Reading = DEFAULT_READING) -> Classes:
    """The classes of a data set, in a moment: no image is decoded.

    Args:
        data: see `open_images`.
        reading: how images of somebody's own are read.

    Raises:
        UserError: there is no data set.
    """
    if is_drawn(data) or _holds_pickles(Path(data)):
        return GTSRB
    if not is_own(Path(data)):
        raise _nothing(data)
    return own_classes(data, reading)


def own_classes(data: str, reading: Reading) -> Classes:
    """The classes of somebody's own images: GTSRB's where they are called 0 to 42, else those of their folders."""
    names = class_names(data)
    numbers = [int(name) if re.fullmatch("[0-9]{1,9}", name) else -1 for name in names]
    if sorted(numbers) == list(range(CLASSES)) and not reading.mirror:
        return GTSRB
    return Classes.named(names, reading.mirrors(names), data, reading.turned)


def open_images(
    data: str, class_id: int | None = None, reading: Reading = DEFAULT_READING, classes: Classes | None = None
) -> DataSet:
    """Read or draw a data set.

    Args:
        data: "drawn", "drawn:<training images>", a folder with train.p and test.p as `prepare` writes them (and
            valid.p, which becomes a part of the training part), or a folder, zip or CSV of somebody's own images (see
            `gan.data.class_folders.read_class_folders`).
        class_id: of drawn signs only this class, and the one that it is the mirror image of, are needed; None for
            all.
        reading: how images of somebody's own are read.
        classes: what the classes of somebody's own images must be among; None for those that there are.

    Raises:
        UserError: the folder has no images, or a file is not what it should be.
    """
    if is_drawn(data):
        needed = None if class_id is None else sorted({class_id, mirror_of(GTSRB, class_id)})
        size = int(data.partition(":")[2] or DRAWN_TRAINING)
        test = max(CLASSES, round(size * DRAWN_TEST_SHARE))
        return DataSet(data, *draw_signs(size, test, DRAWN_SEED, classes=needed))
    folder = Path(data)
    notes: list[str] = []
    if _holds_pickles(folder):
        parts = [folder / f"{name}.p" for name in ("train", "valid", "test")]
        train, valid, test = (read_signs(part, notes) if part.is_file() else None for part in parts)
        found = DataSet(data, train if valid is None else join(train, valid), test)
    elif is_own(folder):
        own = read_class_folders(folder, reading, classes or own_classes(data, reading))
        notes += own.notes
        found = DataSet(data, own.train, own.test, own.files, own.table)
    else:
        raise _nothing(data)
    for note in notes:
        remark(note)
    return found


def reading_of(info: CheckpointInfo) -> Reading:
    """How a run read its images, by what its checkpoint says of itself."""
    return Reading.of(info.config | {"image_size": stored_size(info.network)})


def _holds_pickles(folder: Path) -> bool:
    return is_folder(folder) and (folder / "train.p").is_file()


def is_own(path: Path) -> bool:
    """Whether a path holds images of somebody's own, or should."""
    if is_folder(path):
        return holds_pictures(path)
    return exists(path) and path.is_file() and (path.suffix.lower() == ".zip" or is_table(path))


def _nothing(data: str) -> UserError:
    if data.startswith(f"{DRAWN}:"):
        return UserError(
            f"data {data!r} is not `{DRAWN}:N` with so many drawn images, from {CLASSES} to 99999; give that."
        )
    if exists(Path(data) / "train.p"):
        return UserError(f"{Path(data) / 'train.p'} is no file; move it away, or name another folder.")
    return UserError(
        f"there is no {Path(data) / 'train.p'} and there are no class folders (data names a folder, zip or CSV); "
        "make it from the GTSRB archives with "
        f"`uv run python -m gan.commands.prepare --source FOLDER --output {shlex.quote(data)}` "
        "(or `--download true`), name a folder with a folder of images for each class, or train on drawn signs with "
        "data=drawn."
    )


def is_drawn(data: str) -> bool:
    """Whether a `data` parameter asks for drawn signs: "drawn", or "drawn:20000" for so many training images."""
    return re.fullmatch(rf"{DRAWN}(:[1-9]\d{{0,4}})?", data) is not None


def mirror_of(classes: Classes, class_id: int) -> int:
    """The class whose mirror images are of a class; the class itself where there is none."""
    return classes.mirror.index(class_id) if class_id in classes.mirror else class_id


def select(
    data: DataSet, class_id: int | None, use_test: bool, use_held_out: bool, as_it_is: bool = False
) -> LabelledImages:
    """The images that a generator learns: of one class or all, with the mirror images that are of it.

    Args:
        data: the data set.
        class_id: the class, or None for all.
        use_test: take the test part too.
        use_held_out: take the tracks too that scores are to be compared with (see `gan.data.split`).
        as_it_is: without mirror images, and classes may have no images: a generator of pictograms knows a class by
            its drawing, and who cuts a class out of a data set wants none of its images to come back in a mirror.

    Raises:
        UserError: the test part is wanted and missing, or there are too few images.
    """
    parts = [data.train if use_held_out else data.parts.learned]
    if use_test:
        if data.test is None:
            raise UserError(f"use_test=true needs a test part, as {Path(data.name) / 'test.p'}, and there is none.")
        parts.append(data.test)
    if class_id is not None:
        # Before they are joined: tracks, and so the digest, must not depend on the classes that are left out.
        needed = class_id, mirror_of(data.classes, class_id)
        parts = [part.take(np.isin(part.labels, needed)) for part in parts]
    chosen = join(*parts) if as_it_is else with_mirrored(join(*parts))
    if class_id is not None:
        chosen = chosen.take(chosen.labels == class_id)
        if len(chosen) < 2:
            raise UserError(
                f"the data {data.name} has {len(chosen) or 'no'} images of class {data.classes.phrase(class_id)} "
                "and 2 or more are needed; prepare data that has them."
            )
    elif not as_it_is and (missing := np.flatnonzero(chosen.counts() == 0)).size:
        raise UserError(
            f"class_val=all needs images of every class, and {data.name} has none of class "
            f"{data.classes.keys[missing[0]]}."
        )
    return chosen
