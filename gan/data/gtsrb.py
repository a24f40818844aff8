"""GTSRB from wherever it lies: the official archives, or pickles of signs, which are read and written here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan.data import pickles
from gan.data.class_folders import Found
from gan.data.gtsrb_archives import TRAINING_ZIP, read_archives
from gan.data.labelled import MAX_PIXELS, LabelledImages, join, narrow
from gan.data.signs import CLASSES, GTSRB, SIZE
from gan.data.untrusted import open_source
from gan.errors import UserError


def read_source(path: str | Path) -> Found:
    """Read GTSRB from wherever it lies.

    Accepted are a folder with the official zips, one of these zips, a folder with the extracted tree (at any
    depth), and `train.p` with `valid.p` and `test.p` beside it where they exist, in a folder or a zip. The
    training and validation pickles become one training set. Of several, the first in this order counts.

    Raises:
        UserError: images or their classes are missing, damaged or contradict themselves.
    """
    path, notes = Path(path), []
    if path.is_file() and path.suffix in (".p", ".pkl", ".pickle"):
        train = read_signs(path, notes)
        return Found(train, None, (*notes, f"{path} holds one part only: there is no test set."))
    parts = read_archives(path, notes) or _read_pickles(path, notes)
    if parts is None:
        raise UserError(
            f"{path} holds no GTSRB training images; it should hold {TRAINING_ZIP}, the extracted folder "
            "GTSRB/Final_Training/Images, or train.p (links that lead out of a folder are not followed)."
        )
    return Found(*parts, tuple(notes))


def _read_pickles(path: Path, notes: list[str]) -> tuple[LabelledImages, LabelledImages | None] | None:
    """Training and test part of the pickles in a folder or zip."""
    parts = {}
    with open_source(path) as source:
        for part in ("train", "valid", "test"):
            names = [name for name in source.names() if f"/{name}".endswith(f"/{part}.p")]
            if len(names) > 1:
                raise UserError(
                    f"{path} holds {names[0]!r} and {names[1]!r}; name the folder that holds one of them."
                )
            if names:
                content, where = source.read(names[0], pickles.MAX_BYTES), source.where(names[0])
                parts[part] = _signs(pickles.load_pickle(content, where), where, notes)
    if "train" not in parts:
        return None
    if "test" not in parts:
        notes.append(f"There is no test set: {path} holds no test.p.")
    return join(*(parts[part] for part in ("train", "valid") if part in parts)), parts.get("test")


def read_signs(path: str | Path, notes: list[str] | None = None) -> LabelledImages:
    """Read one pickle of signs: `train.p` or `test.p` of this project, or one of the well-known ones.

    It holds `features` uint8 (N, 32, 32, 3) and `labels` (N,) 0-42, and may hold `sizes` (N, 2) and `coords`
    (N, 4) (0-65,535; zeros if absent) and `tracks` (N,) (-1 if absent or unknown).

    Args:
        path: the file.
        notes: gets a sentence about everything that is left out: training needs no sizes, boxes or tracks.

    Raises:
        UserError: it is missing, damaged, or has no such images and labels.
    """
    return _signs(pickles.read_pickle(path), str(path), [] if notes is None else notes)


def _signs(arrays: dict[str, np.ndarray], where: str, notes: list[str]) -> LabelledImages:
    for key in ("features", "labels"):
        if key not in arrays:
            raise UserError(f"{where} has no array {key!r}; use a file made by prepare.")
    images, labels = arrays["features"], arrays["labels"]
    if images.dtype != np.uint8 or images.shape[1:] != (SIZE, SIZE, 3) or not len(images):
        raise UserError(
            f"{where} has features of {images.dtype} {images.shape} and not of uint8 (N, {SIZE}, {SIZE}, 3); "
            "use a file made by prepare."
        )
    if labels.shape != (len(images),):
        raise UserError(
            f"{where} has labels of shape {labels.shape} for {len(images)} images; use a file made by prepare."
        )
    if not _whole_numbers(labels, 0, CLASSES - 1):
        raise UserError(
            f"{where} has labels other than whole numbers from 0 to {CLASSES - 1}; use a file made by prepare."
        )

    def optional(key: str, shape: Sequence[int], lowest: int, highest: int, absent: int) -> np.ndarray:
        shape = (len(images), *shape)
        if key in arrays and arrays[key].shape == shape and _whole_numbers(arrays[key], lowest, highest):
            return arrays[key]
        if key in arrays:
            notes.append(
                f"The {key} in {where} are left out: they are not whole numbers from {lowest} to {highest:,} of "
                f"shape {shape}."
            )
        return np.full(shape, absent)

    return LabelledImages(
        images,
        labels.astype(np.uint8),
        optional("tracks", (), -1, 2**31 - 2, -1).astype(np.int32),
        narrow(optional("sizes", (2,), 0, MAX_PIXELS, 0)),
        narrow(optional("coords", (4,), 0, MAX_PIXELS, 0)),
        GTSRB,
    )


def _whole_numbers(values: np.ndarray, lowest: int, highest: int) -> bool:
    return values.dtype.kind in "ui" and values.min() >= lowest and values.max() <= highest


def write_signs(path: str | Path, signs: LabelledImages) -> None:
    """Write signs as one pickle for `read_signs` and plain `pickle.load`, atomically (see `write_pickle`).

    Its keys are `features` and `labels`, uint8; `sizes` and `coords`, uint8 where all are below 256 and else uint16;
    and `tracks`, int32.
    """
    pickles.write_pickle(
        path,
        {
            "features": signs.images.astype(np.uint8, copy=False),
            "labels": signs.labels.astype(np.uint8, copy=False),
            "sizes": narrow(signs.sizes),
            "coords": narrow(signs.coords),
            "tracks": signs.tracks.astype(np.int32, copy=False),
        },
    )
