"""Pairs of photo and label map in files that a stranger made, as items of `folder_writer`."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gan.data.colours import halves, ids_of_colours
from gan.data.folder import check_ids, check_sizes
from gan.data.folder_writer import Made, Ready, Size, encoded
from gan.data.palettes import Palette
from gan.data.scene import Scene
from gan.data.untrusted import Source, check_png, image_kind, read_ids, read_image
from gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a source."""

    source: Source
    name: str

    @property
    def where(self) -> str:
        """How messages name it."""
        return self.source.where(self.name)

    def read(self) -> bytes:
        """Its content."""
        return self.source.read(self.name)

    def stamp(self) -> str:
        """See `Source.stamp`."""
        return self.source.stamp(self.name)


def read_labels(file: File) -> np.ndarray:
    """A label map of ids: uint8 (height, width).

    Raises:
        UserError: it is damaged, in colours, or holds ids beyond 255.
    """
    ids = read_ids(file.read(), file.where)
    if ids.max() > 255:
        raise UserError(f"{file.where} holds the id {ids.max()}, and class ids go from 0 to 255; put it right.")
    return ids.astype(np.uint8, copy=False)


@dataclasses.dataclass(frozen=True)
class FilePair:
    """A photo and its maps, each in a file of its own.

    Attributes:
        part: one of `folder.PARTS`.
        name: of the scene.
        photo: the photo's file.
        labels: the label map's file.
        instances: the file of the instances, or None.
        read: gives uint8 (height, width) ids of a label map's file; label maps in colours have a reader of their own.
        first_instance: smaller numbers in the file of the instances are no instances.
    """

    part: str
    name: str
    photo: File
    labels: File
    instances: File | None = None
    read: Callable[[File], np.ndarray] = read_labels
    first_instance: int = 1

    def stamp(self) -> str:
        """See `folder_writer.Item`."""
        return " ".join(file.stamp() for file in (self.photo, self.labels, self.instances) if file is not None)

    def made(self, size: Size | None, palette: Palette) -> Made:
        """See `folder_writer.Item`. At its own size, a photo that is a PNG stays the file that it is."""
        photo = self.photo.read()
        form, mode, (width, height) = image_kind(photo, self.photo.where)
        plain = form == "PNG" and mode == "RGB" and photo[24] == 8  # bits of a channel
        keep = plain and size in (None, (width, height))
        labels = self.read(self.labels)
        check_sizes((height, width), labels.shape, self.photo.where, self.labels.where)
        check_ids(labels, palette, self.labels.where)
        instances = None if self.instances is None else self._instances((height, width))
        if keep:
            check_png(photo, self.photo.where)
            return encoded(photo, labels, instances)
        scene = Scene(read_image(photo, self.photo.where), labels, instances)
        return Ready(self.part, self.name, scene).made(size, palette)

    def _instances(self, shape: tuple[int, int]) -> np.ndarray:
        ids = read_ids(self.instances.read(), self.instances.where).astype(np.uint16, copy=False)
        check_sizes(shape, ids.shape, self.photo.where, self.instances.where)
        ids[ids < self.first_instance] = 0
        return ids


def in_colours(palette: Palette) -> Callable[[File], np.ndarray]:
    """What reads label maps that are pictures in the colours of a palette, in place of `read_labels`."""

    def read(file: File) -> np.ndarray:
        return ids_of_colours(read_image(file.read(), file.where), palette, is_exact(file), file.where)

    return read


class Halves:
    """A photo and its label map in colours side by side in one image, as an item of `folder_writer`."""

    def __init__(self, part: str, name: str, file: File, side: int, palette: Palette) -> None:
        """Take a file whose `side` (0 left, 1 right) is the photo and whose other half has the palette's colours."""
        self.part, self.name = part, name
        self.file, self._side, self._palette = file, side, palette

    def stamp(self) -> str:
        """See `folder_writer.Item`."""
        return self.file.stamp()

    def made(self, size: Size | None, palette: Palette) -> Made:
        """See `folder_writer.Item`."""
        where = self.file.where
        both = halves(read_image(self.file.read(), where), where)
        labels = ids_of_colours(both[1 - self._side], self._palette, is_exact(self.file), where)
        return Ready(self.part, self.name, Scene(both[self._side], labels)).made(size, palette)


def is_exact(file: File) -> bool:
    """Whether an image was stored without losses."""
    return image_kind(file.read(), file.where)[0] != "JPEG"
