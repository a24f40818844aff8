"""The official GTSRB archives and the well-known pickles made of them, read into `Signs`.

The 32x32 picture is the whole image, resized with antialiasing and not cropped to the sign's box, as in the
well-known pickles; the original size and the box in it are kept beside it.
"""

import dataclasses
import hashlib
import io
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data import pickles
from gan.data.parallel import in_threads
from gan.data.pickles import write_pickle
from gan.data.signs import CLASSES, SIZE, TRAINING_COUNTS, Signs, join
from gan.data.tables import LARGEST, Row, read_table
from gan.data.untrusted import Source, open_source, read_image
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
_TRAINING_FILES = (
    re.compile(r"((?:.*/)?Final_Training/Images)" + _TABLE_OR_IMAGE),
    re.compile(r"((?:.*/)?Training)" + _TABLE_OR_IMAGE),
)
_TEST_FILE = re.compile(r"((?:.*/)?Final_Test/Images)/[^/]+\.(?:ppm|png|jpe?g|bmp)")
_TRUTH_FILE = re.compile(r"(?:.*/)?GT-final_test\.csv")
_TRACK = re.compile(r"(\d{5})_\d{5}\..*")


@dataclasses.dataclass(frozen=True)
class Found:
    """What a source holds.

    Attributes:
        train: the training images.
        test: the test images, or None.
        notes: sentences about what is missing, left out, or other than it was published.
    """

    train: Signs
    test: Signs | None
    notes: tuple[str, ...]


def read_source(path: str | Path) -> Found:
    """Read GTSRB from wherever it lies.

    Accepted are a folder with the official zips, one of these zips, a folder with the extracted tree (at any
    depth), and `train.p` with `valid.p` and `test.p` beside it where they exist, in a folder or a zip. The
    training and validation pickles become one training set. Of several, the first in this order counts.

    Training images are ordered by class and then as the official tables list them. Tracks are numbered from 0
    in the order of class and official track number (0-1306 in the full archive), so that a number belongs to
    one class only; test images have no tracks (-1).

    Raises:
        UserError: images or their classes are missing, damaged or contradict themselves.
    """
    path, notes = Path(path), []
    if path.is_file() and path.suffix in (".p", ".pkl", ".pickle"):
        train = read_signs(path, notes)
        return Found(train, None, (*notes, f"{path} holds one part only: there is no test set."))
    zips = [path / name for name in (*ARCHIVES, FIRST_ZIP) if path.is_dir() and (path / name).is_file()] or [path]
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(file)) for file in zips]
        members = [(source, name) for source in sources for name in source.names()]
        train = _training(members, notes)
        if train is None:
            if (found := _ready(sources[0], notes)) is not None:
                return found
            raise UserError(
                f"{path} holds no GTSRB training images; it should hold {TRAINING_ZIP}, the extracted folder "
                "GTSRB/Final_Training/Images, or train.p (links that lead out of a folder are not followed)."
            )
        test = _test(members, notes)
        for file in zips:
            _compare_digest(file, notes)
    return Found(train, test, tuple(notes))


def _compare_digest(file: Path, notes: list[str]) -> None:
    if file.name in MD5 and file.is_file():
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if digest != MD5[file.name]:
            notes.append(
                f"{file} is not the published file (its MD5 is {digest}, published is {MD5[file.name]}); it was read "
                "all the same."
            )


def _training(members: list[tuple[Source, str]], notes: list[str]) -> Signs | None:
    for pattern in _TRAINING_FILES:
        files = [(source, match) for source, name in members if (match := pattern.fullmatch(name))]
        if files:
            break
    else:
        return None
    source, root = _one_root([(source, match[1]) for source, match in files], "training")
    rows: list[Row] = []
    tracks: list[int] = []
    count = 0
    for folder in sorted({match[2] for _, match in files}):
        own = _class_rows(source, root, folder, {match[0] for _, match in files if match[2] == folder}, notes)
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


def _test(members: list[tuple[Source, str]], notes: list[str]) -> Signs | None:
    files = [(source, match) for source, name in members if (match := _TEST_FILE.fullmatch(name))]
    tables = [(source, name) for source, name in members if _TRUTH_FILE.fullmatch(name)]
    if not files or not tables:
        lack = [name for name, there in ((TEST_ZIP, files), (TRUTH_ZIP, tables)) if not there]
        notes.append(f"There is no test set: {' and '.join(lack)} missing.")
        return None
    source, root = _one_root([(source, match[1]) for source, match in files], "test")
    if len(tables) > 1:
        raise UserError(
            f"{source.path} holds two tables of the test images, {tables[0][1]!r} and {tables[1][1]!r}; "
            "keep one of them."
        )
    rows = read_table(*tables[0], root, {match[0] for _, match in files}, source)
    return _decode(source, rows, np.full(len(rows), -1, np.int32), "test images", notes)


def _one_root(found: list[tuple[Source, str]], part: str) -> tuple[Source, str]:
    """The folder that holds all images of a part."""
    roots = sorted({root for _, root in found})
    source = found[0][0]
    if len(roots) > 1 or any(other is not source for other, _ in found):
        raise UserError(
            f"{source.path} holds the {part} images more than once, in {roots[0]!r} and {roots[-1]!r}; "
            "name the folder that holds one of them."
        )
    return source, roots[0]


def _decode(source: Source, rows: list[Row], tracks: np.ndarray, what: str, notes: list[str]) -> Signs:
    def load(row: Row) -> tuple[np.ndarray, bool]:
        image = read_image(source.read(row.image), source.where(row.image))
        return resized(image), row.size in (Row.size, image.shape[1::-1])

    images, differ = np.empty((len(rows), SIZE, SIZE, 3), np.uint8), 0
    with progress(len(rows), what, "image") as bar:
        for i, (image, agrees) in enumerate(in_threads(load, rows)):
            images[i] = image
            differ += not agrees
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
    return Signs(
        images,
        np.array([row.label for row in rows], np.uint8),
        tracks,
        _narrow(np.array([row.size for row in rows])),
        _narrow(np.array([row.box for row in rows])),
    )


def _narrow(pixels: np.ndarray) -> np.ndarray:
    """uint8 where all values fit, as readers of the well-known pickles expect, else uint16."""
    return pixels.astype(np.uint8 if pixels.max(initial=0) < 256 else np.uint16, copy=False)


def resized(image: np.ndarray) -> np.ndarray:
    """The whole image as 32x32: bicubic, and averaged first where it shrinks, so that no fine detail aliases.

    Args:
        image: uint8 (height, width, 3).

    Returns:
        uint8 (32, 32, 3); an image of 32x32 as it is.
    """
    if image.shape[:2] == (SIZE, SIZE):
        return image
    return np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _ready(source: Source, notes: list[str]) -> Found | None:
    """The pickles of a folder or zip."""
    places = {}
    for part in ("train", "valid", "test"):
        names = [name for name in source.names() if name == f"{part}.p" or name.endswith(f"/{part}.p")]
        if len(names) > 1:
            raise UserError(
                f"{source.path} holds {names[0]!r} and {names[1]!r}; name the folder that holds one of them."
            )
        if names:
            content = source.read(names[0], pickles.MAX_BYTES)
            loaded = pickles.load_pickle(io.BytesIO(content), source.where(names[0]))
            places[part] = _signs(loaded, source.where(names[0]), notes)
    if "train" not in places:
        return None
    train = join(places["train"], places["valid"]) if "valid" in places else places["train"]
    if "test" not in places:
        notes.append(f"There is no test set: {source.path} holds no test.p.")
    return Found(train, places.get("test"), tuple(notes))


def read_signs(path: str | Path, notes: list[str] | None = None) -> Signs:
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


def _signs(arrays: dict[str, np.ndarray], where: str, notes: list[str]) -> Signs:
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

    return Signs(
        images,
        labels.astype(np.uint8),
        optional("tracks", (), -1, 2**31 - 2, -1).astype(np.int32),
        _narrow(optional("sizes", (2,), 0, LARGEST, 0)),
        _narrow(optional("coords", (4,), 0, LARGEST, 0)),
    )


def _whole_numbers(values: np.ndarray, lowest: int, highest: int) -> bool:
    return values.dtype.kind in "ui" and values.min() >= lowest and values.max() <= highest


def write_signs(path: str | Path, signs: Signs) -> None:
    """Write signs as one pickle for `read_signs` and plain `pickle.load`, atomically; see `write_pickle`.

    Its keys are `features` and `labels`, uint8; `sizes` and `coords`, uint8 where all are below 256 and else uint16;
    and `tracks`, int32.
    """
    write_pickle(
        path,
        {
            "features": signs.images.astype(np.uint8, copy=False),
            "labels": signs.labels.astype(np.uint8, copy=False),
            "sizes": _narrow(signs.sizes),
            "coords": _narrow(signs.coords),
            "tracks": signs.tracks.astype(np.int32, copy=False),
        },
    )
