"""Palettes: which class ids the label maps of a data set hold, what they are called, and how they are coloured.

Ids are those of the label PNGs and never change on the way through the project; networks see the position of an id
in its palette (`Palette.indices`).
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pydantic
from PIL import Image

from gan.errors import UserError

NOT_SCORED = 255  # `Palette.scored_indices` of a class that does not count

Colour = tuple[int, int, int]
_Byte = Annotated[int, pydantic.Field(ge=0, le=255)]
_Name = Annotated[str, pydantic.Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=80)]

_MARKS = {"scored": "scored", "rare": "rare", "things": "thing", "ground": "ground"}  # as JSON has them, per class


class _Class(pydantic.BaseModel, strict=True):
    id: _Byte
    name: _Name
    colour: tuple[_Byte, _Byte, _Byte] = pydantic.Field(validation_alias=pydantic.AliasChoices("colour", "color"))
    scored: bool = False
    rare: bool = False
    thing: bool = False
    ground: bool = False


class _PaletteFile(pydantic.BaseModel, strict=True):
    name: _Name = "custom"
    classes: list[_Class] = pydantic.Field(min_length=1, max_length=256)


@dataclasses.dataclass(frozen=True)
class Palette:
    """The classes of a data set.

    Attributes:
        name: of the palette.
        ids: class ids 0-255, ascending, as label maps store them.
        names: of the classes, in the order of `ids`.
        colours: red, green, blue 0-255 of the classes, in the order of `ids`; several may share one.
        scored: ids that count in training and scoring a segmenter, ascending.
        rare: ids of rare classes that are worth adding; each is one of `things`.
        things: ids of countable objects.
        ground: ids of what things stand on.
    """

    name: str
    ids: tuple[int, ...]
    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    scored: tuple[int, ...]
    rare: tuple[int, ...] = ()
    things: tuple[int, ...] = ()
    ground: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def name_of(self, class_id: int) -> str:
        """The name of a class that the palette has."""
        return self.names[self.ids.index(class_id)]

    def by_name(self, values: Mapping[int, float]) -> dict[str, float]:
        """Values by class id as values by name, with four digits, for files that people read."""
        return {self.name_of(k): round(value, 4) for k, value in sorted(values.items())}

    def indices(self, labels: np.ndarray) -> np.ndarray:
        """The position of each id in `ids`.

        Args:
            labels: unsigned integers of any shape, class ids.

        Returns:
            uint8 of the same shape, 0 to len(palette) - 1.

        Raises:
            UserError: there is an id that the palette lacks; the message names it.
        """
        self.require_known(labels, "a label map")
        return _places(self.ids)[labels]

    def scored_indices(self, labels: np.ndarray) -> np.ndarray:
        """The position of each id in `scored`: uint8 of the same shape, `NOT_SCORED` where the class does not count.

        Raises:
            UserError: there is an id that the palette lacks.
        """
        self.require_known(labels, "a label map")
        return _places(self.scored)[labels]

    def colour(self, labels: np.ndarray) -> np.ndarray:
        """Label maps as pictures.

        Args:
            labels: unsigned integers (..., height, width), class ids.

        Returns:
            uint8 (..., height, width, 3).

        Raises:
            UserError: there is an id that the palette lacks.
        """
        return self.paint(self.indices(labels))

    def paint(self, positions: np.ndarray) -> np.ndarray:
        """Label maps of positions in `ids` as pictures, uint8 (..., height, width, 3)."""
        return np.array(self.colours, np.uint8)[positions]

    def unknown(self, labels: np.ndarray) -> tuple[int, ...]:
        """The ids of a label map that the palette lacks, ascending."""
        return tuple(np.setdiff1d(np.flatnonzero(histogram(labels)), self.ids).tolist())

    def require_known(self, labels: np.ndarray, where: str) -> None:
        """Raise a UserError if a label map, `where` in the message, holds ids that the palette lacks."""
        unknown = self.unknown(labels)
        if unknown:
            listed = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
            gaps = len(self.ids) - 1 < self.ids[-1] - self.ids[0]
            known = ", ".join(map(str, self.ids)) if gaps else f"{self.ids[0]}-{self.ids[-1]}"
            raise UserError(
                f"{where} holds the id{'s' * (len(unknown) > 1)} {listed}, which the palette {self.name} lacks (it "
                f"has {known}); name the palette of the data set with --palette, or put the label map right."
            )

    def same_classes(self, other: "Palette") -> bool:
        """Whether the ids of another palette are the same and mean the same."""
        return (self.ids, self.names) == (other.ids, other.names)

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of all of it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The palette as `from_json` reads it: a class a line."""
        head = json.dumps({"name": self.name})[:-1]
        classes = [
            {"id": k, "name": name, "colour": list(colour)}
            | {mark: True for role, mark in _MARKS.items() if k in getattr(self, role)}
            for k, name, colour in zip(self.ids, self.names, self.colours, strict=True)
        ]
        lines = ",\n".join(f"  {json.dumps(one)}" for one in classes)
        return f'{head}, "classes": [\n{lines}\n]}}\n'


def _places(ids: Sequence[int]) -> np.ndarray:
    """uint8 (256,): the place of each id in a list, `NOT_SCORED` where it is not there."""
    places = np.full(256, NOT_SCORED, np.uint8)
    places[list(ids)] = np.arange(len(ids))
    return places


def histogram(labels: np.ndarray) -> np.ndarray:
    """How often each id occurs: integers (256,), or more where there are larger ids than 255.

    Args:
        labels: unsigned integers of any shape.
    """
    if labels.dtype == np.uint8 and labels.size:  # six times as fast as bincount
        flat = np.ascontiguousarray(labels).reshape(-1, labels.shape[-1] if labels.ndim else 1)
        return np.array(Image.fromarray(flat).histogram())
    return np.bincount(labels.ravel(), minlength=256)


def from_json(text: str | bytes, where: str) -> Palette:
    """Read a palette that somebody wrote, in the form of `Palette.to_json`.

    Each of `classes` has `id`, `name` and `colour`, and `scored`, `rare`, `thing` or `ground` where they are true; if
    no class is `scored`, all are.

    Args:
        text: the file's content.
        where: how messages name the file.

    Raises:
        UserError: it is not of this form.
    """

    try:
        read = _PaletteFile.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise _no_palette(where, f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
    classes = sorted(read.classes, key=lambda one: one.id)
    ids = tuple(one.id for one in classes)
    if len(set(ids)) < len(ids):
        raise _no_palette(where, "an `id` is there twice")
    roles = {role: tuple(one.id for one in classes if getattr(one, mark)) for role, mark in _MARKS.items()}
    roles["scored"] = roles["scored"] or ids
    if len(roles["scored"]) >= NOT_SCORED:
        raise _no_palette(where, f"{len(roles['scored'])} classes are scored, and {NOT_SCORED - 1} may be")
    return Palette(read.name, ids, tuple(one.name for one in classes), tuple(one.colour for one in classes), **roles)


def _no_palette(where: str, what: str) -> UserError:
    return UserError(
        f"{where} is no palette: {what}; it is written as "
        '{"name": "mine", "classes": [{"id": 0, "name": "road", "colour": [128, 64, 128]}, ...]}.'
    )


def generic(ids: Sequence[int], colours: Sequence[Colour] | None = None, name: str = "generic") -> Palette:
    """The palette of a data set of which only the ids are known: all classes count, none is a thing.

    Args:
        ids: class ids 0-255, in any order.
        colours: of the classes, in the order of `ids`; well-spread ones if not given.
        name: of the palette.
    """
    chosen = dict(zip(ids, colours or map(_spread, ids), strict=True))
    ordered = tuple(sorted(int(k) for k in chosen))
    return Palette(
        name, ordered, tuple(f"class {k}" for k in ordered), tuple(chosen[k] for k in ordered), scored=ordered
    )


def _spread(k: int) -> Colour:
    """A colour for a class id: the bits of the id dealt out to the channels, highest first, as PASCAL VOC does."""
    channels = [0, 0, 0]
    for bit in range(8):
        channels[bit % 3] |= (k >> bit & 1) << 7 - bit // 3
    return (channels[0], channels[1], channels[2])


# Cityscapes (1604.01685): label ids, names, colours and the 19 training classes as its own scripts list them. Licence
# plates (id -1) are in no label map.
CITYSCAPES = Palette(
    "cityscapes",
    ids=tuple(range(34)),
    names=(
        "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road",
        "sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole",
        "polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car",
        "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle",
    ),
    colours=(
        (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (111, 74, 0), (81, 0, 81), (128, 64, 128),
        (244, 35, 232), (250, 170, 160), (230, 150, 140), (70, 70, 70), (102, 102, 156), (190, 153, 153),
        (180, 165, 180), (150, 100, 100), (150, 120, 90), (153, 153, 153), (153, 153, 153), (250, 170, 30),
        (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142),
        (0, 0, 70), (0, 60, 100), (0, 0, 90), (0, 0, 110), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ),
    scored=(7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33),
    rare=(25, 27, 28, 31, 32),
    things=(24, 25, 26, 27, 28, 29, 30, 31, 32, 33),
    ground=(6, 7, 8, 9, 10),
)  # fmt: skip

# CamVid in the 11 classes of SegNet (1511.00561) with the colours of CamVid's own list; 11 is unlabelled.
CAMVID = Palette(
    "camvid",
    ids=tuple(range(12)),
    names=(
        "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
        "Bicyclist", "Unlabelled",
    ),
    colours=(
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0), (192, 128, 128),
        (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192), (0, 0, 0),
    ),
    scored=tuple(range(11)),
    rare=(9, 10),
    things=(8, 9, 10),
    ground=(3, 4),
)  # fmt: skip

BUILT_IN = {palette.name: palette for palette in (CITYSCAPES, CAMVID)}
