"""The official GTSRB archives and the well-known pickles made of them, read into `Signs`.

The 32x32 picture is the whole image, resized with antialiasing and not cropped to the sign's box, as in the
well-known pickles; the original size and the box in it are kept beside it.
"""

import dataclasses
import io
import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data import pickles
from gan.data.archives import Source, open_source
from gan.data.images import read_image
from gan.data.signs import CLASSES, SIZE, Signs, join
from gan.data.tables import LARGEST, Row, read_table
from gan.data.writing import write_pickle
from gan.errors import UserError
from gan.progress import progress

HOST = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
TRAINING_ZIP = "GTSRB_Final_Training_Images.zip"
TEST_ZIP = "GTSRB_Final_Test_Images.zip"
TRUTH_ZIP = "GTSRB_Final_Test_GT.zip"
ARCHIVES = {TRAINING_ZIP: 276_294_756, TEST_ZIP: 88_978_620, TRUTH_ZIP: 99_620}  # bytes on the official host


_TRAINING_FILE = re.compile(r"((?:.*/)?Final_Training/Images)/(\d{5})/(GT-\2\.csv|\d{5}_\d{5}\.ppm)")
_TEST_FILE = re.compile(r"((?:.*/)?Final_Test/Images)/\d{5}\.ppm")
_TRUTH_FILE = re.compile(r"(?:.*/)?GT-final_test\.csv")


@dataclasses.dataclass(frozen=True)
class Found:
    """What a source holds.

    Attributes:
        train: the training images.
        test: the test images, or None.
        notes: sentences about what is missing.
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
        UserError: something is missing, damaged or contradicts itself.
    """
    path = Path(path)
    with ExitStack() as stack:
        files = [path / name for name in ARCHIVES if path.is_dir() and (path / name).is_file()] or [path]
        if path.is_file() and path.suffix in (".p", ".pkl", ".pickle"):
            return Found(read_signs(path), None, (f"{path} holds one part only: there is no test set.",))
        sources = [stack.enter_context(open_source(file)) for file in files]
        members = [(source, name) for source in sources for name in source.names()]
        training = _training(members)
        test, notes = _test(members)
        if training is not None:
            return Found(training, test, notes)
        if len(sources) == 1 and test is None:
            found = _ready(sources[0])
            if found is not None:
                return found
    raise UserError(
        f"{path} holds no GTSRB training images; it should hold {TRAINING_ZIP}, the extracted folder "
        "GTSRB/Final_Training/Images, or train.p (links that lead out of a folder are not followed)."
    )


def _training(members: list[tuple[Source, str]]) -> Signs | None:
    files = [(source, match) for source, name in members if (match := _TRAINING_FILE.fullmatch(name))]
    if not files:
        return None
    source, root = _one_root([(source, match[1]) for source, match in files], "training")
    present = {match[0] for _, match in files}
    rows: list[Row] = []
    tracks: list[int] = []
    count = 0
    for folder in sorted({match[2] for _, match in files}):
        table = f"{root}/{folder}/GT-{folder}.csv"
        if table not in present:
            raise UserError(f"{source.where(table)} is missing; get the archive anew.")
        own = list(read_table(source, table, f"{root}/{folder}", r"\d{5}_\d{5}\.ppm", present))
        for row in own:
            if row.label != int(folder):
                raise UserError(
                    f"{row.where}: class {row.label} contradicts the folder {folder}; get the archive anew."
                )
        names = [row.image.rpartition("/")[2][:5] for row in own]
        numbers = {name: count + i for i, name in enumerate(sorted(set(names)))}
        tracks += [numbers[name] for name in names]
        count += len(numbers)
        rows += own
    return _decode(source, rows, np.array(tracks, np.int32), "training images")


def _test(members: list[tuple[Source, str]]) -> tuple[Signs | None, tuple[str, ...]]:
    files = [(source, match) for source, name in members if (match := _TEST_FILE.fullmatch(name))]
    tables = [(source, name) for source, name in members if _TRUTH_FILE.fullmatch(name)]
    if not files or not tables:
        lack = [name for name, there in ((TEST_ZIP, files), (TRUTH_ZIP, tables)) if not there]
        return None, (f"There is no test set: {' and '.join(lack)} missing.",)
    source, root = _one_root([(source, match[1]) for source, match in files], "test")
    if len(tables) > 1:
        raise UserError(
            f"{source.path} holds two tables of the test images, {tables[0][1]!r} and {tables[1][1]!r}; "
            "keep one of them."
        )
    rows = list(read_table(*tables[0], root, r"\d{5}\.ppm", {match[0] for _, match in files}, source))
    return _decode(source, rows, np.full(len(rows), -1, np.int32), "test images"), ()


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


def _decode(source: Source, rows: list[Row], tracks: np.ndarray, what: str) -> Signs:
    images = np.empty((len(rows), SIZE, SIZE, 3), np.uint8)
    with progress(len(rows), what, "image") as bar:
        for i, row in enumerate(rows):
            image = read_image(source.read(row.image), source.where(row.image), LARGEST**2)
            size = image.shape[1::-1]
            # Archives of images that somebody resized already keep the original sizes in their tables.
            if size not in (row.size, (SIZE, SIZE)):
                raise UserError(
                    f"{source.where(row.image)} has {size[0]}x{size[1]} pixels and not the "
                    f"{row.size[0]}x{row.size[1]} of its table; get the archive anew."
                )
            images[i] = resized(image)
            bar.update()
    return Signs(
        images,
        np.array([row.label for row in rows], np.uint8),
        tracks,
        np.array([row.size for row in rows], np.uint8),
        np.array([row.box for row in rows], np.uint8),
    )


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


def _ready(source: Source) -> Found | None:
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
            places[part] = _signs(loaded, source.where(names[0]))
    if "train" not in places:
        return None
    train = join(places["train"], places["valid"]) if "valid" in places else places["train"]
    notes = () if "test" in places else (f"There is no test set: {source.path} holds no test.p.",)
    return Found(train, places.get("test"), notes)


def read_signs(path: str | Path) -> Signs:
    """Read one pickle of signs: `train.p` or `test.p` of this project, or one of the well-known ones.

    It holds `features` uint8 (N, 32, 32, 3) and `labels` (N,) 0-42, and may hold `sizes` (N, 2) and `coords`
    (N, 4) (0-255; zeros if absent) and `tracks` (N,) (-1 if absent or unknown).

    Raises:
        UserError: it is missing, damaged, or not of this form.
    """
    return _signs(pickles.read_pickle(path), str(path))


def _signs(arrays: dict[str, np.ndarray], where: str) -> Signs:
    for key in ("features", "labels"):
        if key not in arrays:
            raise UserError(f"{where} has no array {key!r}; use a file made by prepare.")
    images = arrays["features"]
    if images.dtype != np.uint8 or images.shape[1:] != (SIZE, SIZE, 3) or not len(images):
        raise UserError(
            f"{where} has features of {images.dtype} {images.shape} and not of uint8 (N, {SIZE}, {SIZE}, 3); "
            "use a file made by prepare."
        )

    def column(key: str, width: tuple[int, ...], kind: type, lowest: int, highest: int, absent: int) -> np.ndarray:
        values = arrays.get(key, np.full((len(images), *width), absent, kind))
        if values.shape != (len(images), *width):
            raise UserError(
                f"{where} has {key} of shape {values.shape} for {len(images)} images; use a file made by prepare."
            )
        if values.dtype.kind not in "ui" or values.min() < lowest or values.max() > highest:
            raise UserError(
                f"{where} has {key} other than whole numbers from {lowest} to {highest}; use a file made by prepare."
            )
        return values.astype(kind)

    return Signs(
        images,
        column("labels", (), np.uint8, 0, CLASSES - 1, 0),
        column("tracks", (), np.int32, -1, 2**31 - 2, -1),
        column("sizes", (2,), np.uint8, 0, 255, 0),
        column("coords", (4,), np.uint8, 0, 255, 0),
    )


def write_signs(path: str | Path, signs: Signs) -> None:
    """Write signs as one pickle for `read_signs` and plain `pickle.load`, atomically; see `write_pickle`.

    Its keys are `features`, `labels`, `sizes`, `coords`, all uint8, and `tracks`, int32.
    """
    write_pickle(
        path,
        {
            "features": signs.images.astype(np.uint8, copy=False),
            "labels": signs.labels.astype(np.uint8, copy=False),
            "sizes": signs.sizes.astype(np.uint8, copy=False),
            "coords": signs.coords.astype(np.uint8, copy=False),
            "tracks": signs.tracks.astype(np.int32, copy=False),
        },
    )
