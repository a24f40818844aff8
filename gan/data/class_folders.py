"""Anybody's images: a folder with a folder of images for each class, read as arrays with class names.

The rule for images of other sizes: the whole image becomes 32x32, averaged where it shrinks, and its proportions
are not kept. Cropping the centre would keep them and cut off what lies beside it, which in a picture of one
thing is a part of the thing (the rim that tells two signs apart); a classifier gets used to things being squeezed.
It is the rule of GTSRB's pickles too, so that all images of this project are made one way.
"""

import dataclasses
import hashlib
import re
from pathlib import Path, PurePosixPath

import numpy as np

from gan.data.gtsrb_archives import resized
from gan.data.signs import CLASSES, SIZE, Signs
from gan.data.untrusted import FORMATS, Source, open_source, read_image
from gan.errors import UserError
from gan.progress import progress

SUFFIXES = (".ppm", ".png", ".jpg", ".jpeg", ".bmp")
UNREAD = (".gif", ".webp", ".tif", ".tiff", ".avif", ".heic", ".jp2", ".pgm", ".tga")  # pictures all the same


@dataclasses.dataclass(frozen=True)
class ClassFolders:
    """Images of classes that have names.

    Attributes:
        name: the folder or zip that they are from.
        images: uint8 (N, 32, 32, 3), RGB, 0-255; in order of class and file name.
        labels: int64 (N,), 0 to K - 1, places in `names`.
        names: K names of folders, in order: of numbers by value, else of letters.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> np.ndarray:
        """int64 (K,): images of each class."""
        return np.bincount(self.labels, minlength=len(self.names))

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of names, images and labels: names this very data."""
        total = hashlib.sha256(repr(self.names).encode())
        for array in (self.images, self.labels.astype("<i8")):
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()[:16]


def read_class_folders(path: str | Path) -> ClassFolders:
    """Read a folder, or a zip of it, that holds a folder of images for each class.

    Images are PPM, PNG, JPEG or BMP of any size (see the rule above). A folder around all class folders, as in most
    zips, is passed over; hidden files and files that are no pictures are left out.

    Raises:
        UserError: there are not two classes, a picture lies elsewhere or is of another kind, or one is damaged.
    """
    with open_source(path) as source:
        files = _by_class(source)
        names = tuple(sorted(files, key=_order))
        counts = [len(files[name]) for name in names]
        images = np.empty((sum(counts), SIZE, SIZE, 3), np.uint8)
        listed = [file for name in names for file in files[name]]
        for k, file in enumerate(progress(len(images), "images", "image", items=listed)):
            images[k] = resized(read_image(source.read(file), source.where(file)))
    return ClassFolders(str(path), images, np.repeat(np.arange(len(names), dtype=np.int64), counts), names)


def holds_class_folders(path: str | Path) -> bool:
    """Whether a folder or zip holds nothing but class folders, as far as names tell."""
    try:
        _names(path)
    except UserError:
        return False
    return True


def read_signs_by_class(path: str | Path) -> Signs:
    """Class folders whose names are GTSRB class ids ("7", "07", "00007") as signs; tracks are not known.

    Raises:
        UserError: see `read_class_folders`; a folder has another name, or two are of one class.
    """
    ids: list[int] = []
    for name in _names(path):
        if not re.fullmatch(r"[0-9]{1,9}", name) or int(name) >= CLASSES:
            raise UserError(
                f"the class folder {name!r} in {path} is no GTSRB class id from 0 to {CLASSES - 1}; balance "
                "classes of other names with gan.GANOverSampler, from Python."
            )
        if int(name) in ids:
            raise UserError(f"{path} has two folders of class {int(name)}; put their images into one.")
        ids.append(int(name))
    folders = read_class_folders(path)
    return Signs.of(folders.images, np.array(ids)[folders.labels])


def _names(path: str | Path) -> tuple[str, ...]:
    """The classes, in order."""
    with open_source(path) as source:
        return tuple(sorted(_by_class(source), key=_order))


def _by_class(source: Source) -> dict[str, list[str]]:
    """The images of each class folder, in order."""
    found = []
    for name in source.names():
        path = PurePosixPath(name)
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            continue
        if path.suffix.lower() in UNREAD:
            raise UserError(
                f"{source.where(name)} is a picture of a kind that is not read; save it as one of "
                f"{', '.join(FORMATS)}, or remove it."
            )
        if path.suffix.lower() in SUFFIXES:
            found.append((path.parts, name))
    around = 0  # folders around all class folders
    while found and all(len(parts) > around + 2 and parts[around] == found[0][0][around] for parts, _ in found):
        around += 1
    files: dict[str, list[str]] = {}
    for parts, name in found:
        if len(parts) != around + 2:
            raise UserError(
                f"{source.where(name)} does not lie in a class folder; name the folder that holds one folder of "
                "images for each class and nothing between."
            )
        files.setdefault(parts[around], []).append(name)
    if len(files) < 2:
        raise UserError(
            f"{source.path} holds images of {len(files) or 'no'} class{'' if len(files) == 1 else 'es'} and two or "
            "more are needed; give one folder of PPM, PNG, JPEG or BMP images for each class."
        )
    return files


def _order(name: str) -> tuple[bool, int, str]:
    number = re.fullmatch(r"[0-9]{1,18}", name) is not None
    return not number, int(name) if number else 0, name
