"""Objects in label maps: telling them apart, which is nearer, and which stand on the ground in full view."""

import dataclasses

import numpy as np
from scipy import ndimage

from gan.data.palettes import Palette

RIDERS, RIDDEN = ("rider",), ("bicycle", "motorcycle")  # names of classes that belong together where they touch
POSTS, SIGNS = ("pole", "polegroup"), ("traffic sign", "traffic light", "signsymbol")  # these as well
SKIES = ("sky",)

FOOT = 0.08  # the part of a thing's height, from below, that counts as its foot
STANDS = 0.6  # share of the foot that must be on ground
HIDDEN = 0.12  # share of the outline that may be of something nearer: more of it means that a part is hidden
LEAST_HEIGHT = 0.04  # of a thing that is cut out, as a share of the scene's height
LEAST_AREA = 24  # pixels
WIDEST = 4.0  # of width to height: wider than that is a row of things, or a fence along the street
_CONNECTED = np.ones((3, 3), bool)  # diagonal neighbours touch


class Kinds:
    """What the ids of a palette are, as tables over 0-255.

    Args:
        palette: of the label maps.
        classes: ids of further classes to take for objects.
    """

    def __init__(self, palette: Palette, classes: tuple[int, ...] = ()):
        names, ids = np.array([name.lower() for name in palette.names]), np.array(palette.ids)
        self.riders, self.ridden, self.posts, self.signs, skies, self.ground, self.things, more = (
            np.isin(np.arange(256), chosen)
            for chosen in (
                *(ids[np.isin(names, wanted)] for wanted in (RIDERS, RIDDEN, POSTS, SIGNS, SKIES)),
                *(palette.ground, palette.things, classes),
            )
        )
        self.objects = (self.things | self.posts | self.signs | more) & ~self.ground & ~skies
        self.behind = self.ground | skies  # never in front of anything


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of one scene.

    Attributes:
        numbers: int32 (h, w), which object a pixel belongs to, from 1; 0 for none.
        boxes: rows and columns of each, as slices; the first is of object 1.
        classes: id of each.
        whole: whether each is one thing, not a crowd without instances.
        feet: int32 (h, w), the row where what the pixel belongs to meets the ground: what has the lower foot, the
            larger number, is nearer. -1 for ground and sky; for walls, trees and the like the end of the column.
    """

    numbers: np.ndarray
    boxes: list[tuple[slice, slice]]
    classes: list[int]
    whole: list[bool]
    feet: np.ndarray


def find_objects(labels: np.ndarray, instances: np.ndarray | None, kinds: Kinds) -> Objects:
    """Tell the objects of a label map apart: by instances where there are some, else what hangs together.

    Args:
        labels: uint8 (h, w), ids.
        instances: uint16 (h, w), 0 for none, or None.
        kinds: of the palette.
    """
    height = len(labels)
    numbers = np.zeros(labels.shape, np.int32)
    classes, whole = [], []
    for k in np.flatnonzero(np.bincount(labels.ravel(), minlength=256).astype(bool) & kinds.objects):
        of_class = labels == k
        counted = instances is not None and bool(kinds.things[k])
        if counted:
            values = np.unique(instances[of_class])
            for value in values[values > 0]:
                classes.append(int(k))
                whole.append(True)
                numbers[of_class & (instances == value)] = len(classes)
            of_class &= instances == 0
        parts, count = ndimage.label(of_class, _CONNECTED)
        numbers[of_class] = parts[of_class] + len(classes)
        classes += [int(k)] * count
        whole += [not counted] * count
    boxes = ndimage.find_objects(numbers, len(classes))
    rows = np.arange(height, dtype=np.int32)[:, None]
    stuff = (numbers == 0) & ~kinds.behind[labels]
    ends = np.minimum.accumulate(np.where(stuff, height, rows)[::-1])[::-1] - 1
    bottoms = np.array([-1] + [box[0].stop - 1 for box in boxes], np.int32)
    return Objects(numbers, boxes, classes, whole, np.where(stuff, ends, bottoms[numbers]).astype(np.int32))


def together(objects: Objects, kinds: Kinds) -> list[tuple[int, ...]]:
    """Which objects are one: a rider with what is ridden, posts and signs that touch, else each by itself.

    A rider that touches nothing to ride is hidden in part and left out, and so are crowds.

    Returns:
        Tuples of object numbers.
    """
    riders = [n for n, k in enumerate(objects.classes, 1) if kinds.riders[k] and objects.whole[n - 1]]
    ridden = {n: _ridden(objects, n, kinds) for n in riders} if kinds.ridden.any() else {}
    groups = [(n, other) for n, other in ridden.items() if other]
    taken = {*ridden, *ridden.values()}
    furniture = (kinds.posts | kinds.signs)[np.array([0, *objects.classes])]
    furniture[0] = False
    clusters, _ = ndimage.label(furniture[objects.numbers], _CONNECTED)
    members: dict[int, list[int]] = {}
    for n, box in enumerate(objects.boxes, 1):
        if furniture[n]:
            members.setdefault(int(clusters[box][objects.numbers[box] == n][0]), []).append(n)
        elif n not in taken and objects.whole[n - 1]:
            groups.append((n,))
    return groups + [tuple(group) for group in members.values()]


def _ridden(objects: Objects, rider: int, kinds: Kinds) -> int:
    """What a rider touches most of what can be ridden; 0 if nothing."""
    near = objects.numbers[_around(objects.boxes[rider - 1], objects.numbers.shape)]
    touching = near[ndimage.binary_dilation(near == rider, _CONNECTED)]
    fits = np.append(False, kinds.ridden[objects.classes] & objects.whole)
    contact = np.bincount(touching, minlength=len(fits)) * fits
    return int(contact.argmax()) if contact.any() else 0


@dataclasses.dataclass(frozen=True)
class Standing:
    """An object that stands on the ground, whole and in full view.

    Attributes:
        labels: uint8 (h, w), ids in its box.
        numbers: int32 (h, w), which thing of its scene a pixel of it belongs to (a rider, a bicycle), from 1; 0 for
            pixels that are not of it.
        corner: column and row of its box in the scene.
        classes: its ids, ascending.
        foot: column and row of the middle of its foot, in the scene.
        ground: id of what it stands on.
        edge: columns from the foot to where this ground ends, the nearer side; the image's border is no end.
    """

    labels: np.ndarray
    numbers: np.ndarray
    corner: tuple[int, int]
    classes: tuple[int, ...]
    foot: tuple[int, int]
    ground: int
    edge: int


def find_standing(labels: np.ndarray, objects: Objects, kinds: Kinds) -> list[Standing]:
    """All objects of a scene that stand on the ground in full view and are not cut by the border."""
    found = (_standing(labels, objects, group, kinds) for group in together(objects, kinds))
    return [thing for thing in found if thing is not None]


def _standing(labels: np.ndarray, objects: Objects, group: tuple[int, ...], kinds: Kinds) -> Standing | None:
    rows, columns = box_of(objects, group)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not is_inside((rows, columns), labels.shape) or height < LEAST_HEIGHT * len(labels) or width > WIDEST * height:
        return None
    numbers = np.where(np.isin(objects.numbers[rows, columns], group), objects.numbers[rows, columns], 0)
    if np.count_nonzero(numbers) < LEAST_AREA:
        return None
    feet, bottoms = foot_of(numbers > 0)
    below = labels[rows.start + bottoms + 1, columns.start + feet]
    on_ground = kinds.ground[below]
    if on_ground.mean() < STANDS:
        return None
    around = _around((rows, columns), labels.shape)
    own = np.isin(objects.numbers[around], group)
    outline = ndimage.binary_dilation(own, _CONNECTED) & ~own
    if (objects.feet[around][outline] >= rows.stop).mean() > HIDDEN:
        return None
    ground = int(np.bincount(below[on_ground]).argmax())
    foot = columns.start + round(float(feet.mean())), rows.stop - 1
    edge = int(edges(labels[rows.stop] == ground)[foot[0]])
    classes = tuple(sorted({objects.classes[n - 1] for n in group}))
    return Standing(labels[rows, columns].copy(), numbers, (columns.start, rows.start), classes, foot, ground, edge)


def box_of(objects: Objects, group: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns that some objects take together."""
    boxes = [objects.boxes[n - 1] for n in group]
    rows, columns = (slice(min(b[i].start for b in boxes), max(b[i].stop for b in boxes)) for i in (0, 1))
    return rows, columns


def is_inside(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether a box of a scene, (height, width), touches none of its borders."""
    return all(side.start > 0 and side.stop < most for side, most in zip(box, shape, strict=True))


def foot_of(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of a mask that reach down to its foot, and the last row of each."""
    columns = np.flatnonzero(mask.any(axis=0))
    bottoms = len(mask) - 1 - mask[::-1, columns].argmax(axis=0)
    low = bottoms >= bottoms.max() - max(1, FOOT * len(mask))
    return columns[low], bottoms[low]


def edges(run: np.ndarray) -> np.ndarray:
    """How far the nearer end of the run of True is that each place lies in; 0 where False, the border is no end."""
    padding = len(run)
    distances = ndimage.distance_transform_edt(np.pad(run, padding, constant_values=True))
    return np.where(run.all(), padding, distances[padding : 2 * padding]).astype(int)


def _around(box: tuple[slice, slice], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """A box and the pixels that touch it, within the image."""
    return tuple(
        slice(max(0, side.start - 1), min(most, side.stop + 1)) for side, most in zip(box, shape, strict=True)
    )
