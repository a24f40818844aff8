"""Images with a class as arrays: what a data set is, its classes, and which of them a mirror keeps."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence

import numpy as np

from gan.errors import UserError

MAX_PIXELS = 2**16 - 1  # width and height of an original: what `sizes` and `coords` can hold
LISTED = 12  # classes that a message names
GENERATED_LIST = "generated.json"  # beside class folders that were balanced: the names of the generated images
GENERATED = -2  # track of a generated image, which shows no object and is never held out
ALL = "all"  # `class_val` of one generator of all classes


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a data set; a class id is a place in them.

    Attributes:
        names: what people call each.
        keys: what the parameter `class_val` and records of runs call each, without two alike.
        mirror: class id that the mirror image of each belongs to; -1 where it belongs to none.
        title: what they are classes of, for messages.
        turned: whether an image that is turned by quarters is of its class, as textures are.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    mirror: tuple[int, ...]
    title: str = ""
    turned: bool = False

    @classmethod
    def named(
        cls, names: Sequence[str], mirror: Sequence[int] = (), title: str = "", turned: bool = False
    ) -> "Classes":
        """Classes that go by their names; without `mirror`, mirror images belong to none."""
        return cls(tuple(names), tuple(names), tuple(mirror) or (-1,) * len(names), title, turned)

    def __len__(self) -> int:
        return len(self.names)

    def label(self, class_id: int) -> str:
        """A class for people: "17 No entry", or its name alone where that is its key."""
        key, name = self.keys[class_id], self.names[class_id]
        return name if key == name else f"{key} {name}"

    def phrase(self, class_id: int) -> str:
        """A class in a sentence: "17 (No entry)", or its name."""
        key, name = self.keys[class_id], self.names[class_id]
        return repr(name) if key == name else f"{key} ({name})"

    def slug(self, class_id: int | None) -> str:
        """A class in the name of a file: its key, or its number where that can't be one; "all" for None."""
        key = self.key(class_id)
        return key if is_file_name(key) else str(class_id)

    def folder(self, class_id: int) -> str:
        """What a folder of images of a class is called: its name, or its number where the name is none for a file."""
        key, name = self.keys[class_id], self.names[class_id]
        return name if key == name and is_file_name(name) else f"{class_id:02d}"

    def labels(self) -> list[str]:
        """All of them."""
        return [self.label(k) for k in range(len(self))]

    def parse(self, text: str, parameter: str = "class_val") -> int | None:
        """The class id of a key, a name in capital or small letters, or a number; None for "all".

        Args:
            text: what the user gave.
            parameter: that it was given as.

        Raises:
            UserError: there is no such class.
        """
        folded = text.casefold()
        same = [k for k, name in enumerate(self.names) if name.casefold() == folded]
        if text in self.keys:
            return self.keys.index(text)
        if text == ALL:
            return None
        if text in self.names or len(same) == 1:
            return self.names.index(text) if text in self.names else same[0]
        if text in (str(k) for k in range(len(self))):
            return int(text)
        raise UserError(f"{parameter} is {self.listed()} or `{ALL}`, not {text!r}.")

    def listed(self) -> str:
        """What a class can be, for messages."""
        if self.keys == tuple(map(str, range(len(self)))) != self.names:
            example = min(17, len(self) - 1)
            known = f'from 0 to {len(self) - 1} ({example} is "{self.names[example]}")'
            return f"a {self.title} class id {known} or its name"
        more = len(self) - LISTED
        names = ", ".join(repr(name) for name in self.names[:LISTED])
        return f"a class of {self.title or 'the data'} ({names}{f' and {more} more' * (more > 0)})"

    def key(self, class_id: int | None) -> str:
        """The text that `parse` reads as this class, the same for every way to name it."""
        return ALL if class_id is None else self.keys[class_id]


@dataclasses.dataclass(frozen=True)
class LabelledImages:
    """Images with a class, one entry of every array an image.

    Attributes:
        images: uint8 (N, size, size, 3), RGB, 0-255.
        labels: uint8, or uint16 where there are more than 256 classes, (N,), class ids.
        tracks: int32 (N,), number of the group of images that show one object (GTSRB calls it a track), unique over
            all classes; -1 where it is not known, -2 (`GENERATED`) where the image is generated.
        sizes: uint8 or uint16 (N, 2), original width and height in pixels; zeros where they are not known.
        coords: uint8 or uint16 (N, 4), box of the object in the original image: left, top, right, bottom in pixels;
            zeros where it is not known.
        classes: what the labels stand for.
    """

    images: np.ndarray
    labels: np.ndarray
    tracks: np.ndarray
    sizes: np.ndarray
    coords: np.ndarray
    classes: Classes

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray, classes: Classes) -> "LabelledImages":
        """Images with labels and nothing else known: the box is the whole image, and no track has a number."""
        count, side = len(labels), images.shape[1]
        return cls(
            images,
            np.asarray(labels, label_type(classes)),
            np.full(count, -1, np.int32),
            narrow(np.tile(np.array([side, side]), (count, 1))),
            narrow(np.tile(np.array([0, 0, side - 1, side - 1]), (count, 1))),
            classes,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Width and height of the images in pixels."""
        return self.images.shape[1]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    def take(self, chosen: np.ndarray) -> "LabelledImages":
        """The images that a boolean mask or an array of indices names; these very ones where a mask names all."""
        if chosen.dtype == bool and chosen.all():
            return self
        return dataclasses.replace(self, **{name: array[chosen] for name, array in self.arrays.items()})

    def counts(self) -> np.ndarray:
        """int64 (C,): images of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of images, labels, tracks and names: they name this very data."""
        total = hashlib.sha256()
        for array in (self.images, self.labels, self.tracks):
            total.update(np.ascontiguousarray(array).data)
        if self.classes.keys == self.classes.names:  # classes with numbers were named by these before
            total.update(repr((self.classes.names, self.classes.mirror, self.classes.turned)).encode())
        return total.hexdigest()[:16]


def is_file_name(text: str) -> bool:
    """Whether a text can be the name of a file or folder, on any system, that leads nowhere else."""
    return re.fullmatch(r"(?![ .])[^\x00-\x1f/\\:*?\"<>|]{1,80}(?<![ .])", text) is not None


ARRAYS = ("images", "labels", "tracks", "sizes", "coords")


def label_type(classes: Classes) -> type:
    """The smallest type of number that holds the ids."""
    return np.uint8 if len(classes) <= 256 else np.uint16


def join(*parts: LabelledImages) -> LabelledImages:
    """One data set of several of the same classes, in order. Tracks of later parts are numbered on: none meet."""
    if len(parts) == 1:
        return parts[0]
    tracks, first = [], 0
    for part in parts:
        tracks.append(np.where(part.tracks < 0, part.tracks, part.tracks + first).astype(np.int32))
        first += int(part.tracks.max(initial=-1)) + 1
    return dataclasses.replace(_behind(*parts), tracks=np.concatenate(tracks))


def with_mirrored(images: LabelledImages) -> LabelledImages:
    """The images, and behind them mirrored and then turned ones that are of a class too, of the same tracks."""
    if max(images.classes.mirror) >= 0:
        images = _behind(images, mirrored(images))
    if images.classes.turned:
        images = _behind(images, *(_turned(images, quarters) for quarters in (1, 2, 3)))
    return images


def _behind(*parts: LabelledImages) -> LabelledImages:
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in ARRAYS}
    return LabelledImages(**arrays, classes=parts[0].classes)


def _turned(images: LabelledImages, quarters: int) -> LabelledImages:
    """The images turned by quarters; where the object lies in the original is not known of them."""
    pixels = np.rot90(images.images, quarters, axes=(1, 2))
    return dataclasses.replace(images, images=pixels, coords=np.zeros_like(images.coords))


def mirrored(images: LabelledImages) -> LabelledImages:
    """The mirror images of all images whose mirror image is of a class again, with the label of that class."""
    table = np.array(images.classes.mirror)
    kept = images.take(table[images.labels] >= 0)
    left, top, right, bottom = kept.coords.T.astype(np.int32)
    width = kept.sizes[:, 0].astype(np.int32)
    boxes = np.stack([width - 1 - right, top, width - 1 - left, bottom], axis=1)
    known = (width > right) & kept.coords.any(axis=1)
    return dataclasses.replace(
        kept,
        images=kept.images[:, :, ::-1],
        labels=table[kept.labels].astype(kept.labels.dtype),
        coords=np.where(known[:, None], boxes, 0).astype(kept.coords.dtype),
    )


def narrow(pixels: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 to `MAX_PIXELS`: uint8 if all fit, as readers of the pickles expect, else uint16."""
    return pixels.astype(np.uint8 if pixels.max(initial=0) < 256 else np.uint16, copy=False)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float (..., 3) in [-1, 1] as uint8 0-255, rounded; values outside are cut off."""
    return np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
