"""Pairs of photo and label map in files that a stranger made, as items of `folder_writer`."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gan.data.colours import halves, ids_of_colours
from gan.data.folder import check_sizes
from gan.data.folder_writer import Item
from gan.data.palettes import Palette
from gan.data.scene import Scene
from gan.data.untrusted import Source
from gan.data.untrusted_images import check_png, image_kind, read_ids, read_image
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

    def is_exact(self) -> bool:
        """Whether this image was stored without losses."""
        return image_kind(self.read(), self.where)[0] != "JPEG"


def read_labels(file: File) -> np.ndarray:
    """A label map of ids: uint8 (height, width).

    Raises:
        UserError: it is damaged, in colours, or holds ids beyond 255.
    """
    ids = read_ids(file.read(), file.where)
    if ids.max() > 255:
        raise UserError(f"{file.where} holds the id {ids.max()}, and class ids go from 0 to 255; put it right.")
    return ids.astype(np.uint8, copy=False)


def in_colours(palette: Palette) -> Callable[[File], np.ndarray]:
    """What reads label maps that are pictures in the colours of a palette, in place of `read_labels`."""

    def read(file: File) -> np.ndarray:
        return ids_of_colours(read_image(file.read(), file.where), palette, file.is_exact(), file.where)

    return read


def pair(
    part: str,
    name: str,
    files: tuple[File, File, File | None],
    palette: Palette,
    label_reader: Callable[[File], np.ndarray] = read_labels,
    first_instance: int = 1,
) -> Item:
    """A photo and its maps, each in a file of its own. A photo that is an RGB PNG stays the file that it is.

    Args:
        part: one of `folder.PARTS`.
        name: of the scene.
        files: of the photo, of the label map, and of the instances, or None.
        palette: the classes that the label map may hold.
        label_reader: gives uint8 (height, width) ids of a label map's file.
        first_instance: smaller numbers in the file of the instances are no instances.
    """
    photo_file, label_file, instance_file = files

    def stamp() -> str:
        return " ".join(file.source.stamp(file.name) for file in files if file is not None)

    def read() -> tuple[np.ndarray | bytes, np.ndarray, np.ndarray | None]:
        photo = photo_file.read()
        form, mode, (width, height) = image_kind(photo, photo_file.where)
        labels = label_reader(label_file)
        check_sizes((height, width), labels.shape, photo_file.where, label_file.where)
        palette.require_known(labels, label_file.where)
        instances = None
        if instance_file is not None:
            instances = read_ids(instance_file.read(), instance_file.where).astype(np.uint16, copy=False)
            check_sizes((height, width), instances.shape, photo_file.where, instance_file.where)
            instances[instances < first_instance] = 0
        if form == "PNG" and mode == "RGB" and photo[24] == 8:  # bits of a channel
            check_png(photo, photo_file.where)
            return photo, labels, instances
        return read_image(photo, photo_file.where), labels, instances

    return Item(part, name, stamp, read)


def side_by_side(part: str, name: str, file: File, photo_side: int, palette: Palette) -> Item:
    """A photo and its label map in colours side by side in one image; the photo is its left half (0) or right (1)."""

    def read() -> Scene:
        both = halves(read_image(file.read(), file.where), file.where)
        return Scene(both[photo_side], ids_of_colours(both[1 - photo_side], palette, file.is_exact(), file.where))

    return dataclasses.replace(Item.of(part, name, read), stamp=lambda: file.source.stamp(file.name))
