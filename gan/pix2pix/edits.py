"""New label maps from old ones: mirrored, with objects of rare classes put in, and slightly bent.

What is put in was cut out of a scene of the training part. It keeps its size: in pixels it is as large as its new
distance makes it (see `gan.pix2pix.perspective`). It stands on the same ground as before and about as far from its
edge, nearer things hide it, and it hides what is farther.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from gan.data.scene import nearest
from gan.pix2pix.cutouts import Cutout, Pool
from gan.pix2pix.objects import Standing, edges, find_objects, foot_of
from gan.pix2pix.paste import Pasted, paste

SCALES = 0.5, 1.5  # of a cut-out; beyond, its outline is too coarse or its thin parts get lost
LEAST = 0.06  # height of what is put in, as a share of the scene's: smaller is nothing at the sizes of training
DISTANCES = 0.3  # spread of the new distance about the old one (standard deviation of the logarithm)
ASIDE = 0.8  # camera heights by which the new distance to the ground's edge may differ from the old one
IN_VIEW = 0.7  # share of what is put in that must not be hidden
FOOT_IN_VIEW = 0.5  # share of its foot that must not be: what hides all of that would leave it floating
MOST_COVERED = 0.5  # share of a thing in the scene that may newly be hidden
PUT_IN = 3  # objects a scene, at most
TRIES = 40  # places that are tried for an object
SOURCES = 30  # scenes that are tried for one new label map
BENT = 0.005  # displacement of the small warp as a share of the height (standard deviation)
BENT_EVERY = 0.33  # of the height: how far apart the warp's independent displacements are


@dataclasses.dataclass(frozen=True)
class Edited:
    """A new label map.

    Attributes:
        source: number of the scene that it was made from.
        labels: uint8 (h, w), ids.
        instances: uint16 (h, w), or None where the data has no instances.
        added: uint8 (h, w), 1 and up for the pixels of each object that was put in, else 0.
        edits: what was done, for the manifest.
        photo: uint8 (h, w, 3), the scene's photo with the same done to it, or None.
    """

    source: int
    labels: np.ndarray
    instances: np.ndarray | None
    added: np.ndarray
    edits: dict
    photo: np.ndarray | None = None


def edited(pool: Pool, seed: int, number: int, with_photo: bool = False) -> Edited | None:
    """New label map `number`: a function of the pool, `seed` and `number` alone.

    Args:
        pool: with a cut-out of one class at least.
        seed: 0 or more.
        number: 0 or more.
        with_photo: the photo too, into which the objects are pasted with their own pixels.

    Returns:
        None where no object found a place in any of some scenes.
    """
    random = np.random.default_rng([seed, 2, number])
    present = [k for k in pool.classes if pool.cutouts[k]]
    for _ in range(SOURCES):
        source = int(random.integers(len(pool.scenes)))
        mirror = bool(random.integers(2))
        whole = pool.scene(source) if with_photo else None
        parts = (whole.labels, whole.instances, whole.photo) if whole else pool.labels(source)
        canvas = Canvas(pool, *(mirrored(part) if mirror else part for part in parts))
        pasted = []
        for _ in range(int(random.integers(1, PUT_IN + 1))):
            k = present[random.integers(len(present))]
            cutout = pool.cutouts[k][random.integers(len(pool.cutouts[k]))]
            place = canvas.put(cutout, random)
            if place is not None:
                pasted.append(place)
        if pasted:
            rows = BENT * len(canvas.labels)
            parts = canvas.labels, canvas.instances, canvas.added, canvas.photo
            labels, instances, added, photo = warped(parts, rows, random)
            edits = {"mirrored": mirror, "put_in": pasted, "bent": round(rows, 2)}
            return Edited(source, labels, instances, added, edits, photo)
    return None


def mirrored(values: np.ndarray | None) -> np.ndarray | None:
    """An array (h, w, ...) with left and right exchanged; None stays None."""
    return None if values is None else np.ascontiguousarray(values[:, ::-1])


def warped(arrays, amount: float, random: np.random.Generator):
    """Arrays (h, w, ...) bent alike by a smooth random displacement; every new pixel has the value of an old one.

    Args:
        arrays: of one height and width; None stays None.
        amount: standard deviation of the displacement in pixels.
        random: where the displacement is drawn from.
    """
    shape = arrays[0].shape[:2]
    coarse = [max(4, 1 + round(side / (BENT_EVERY * shape[0]))) for side in shape]
    moved = []
    for axis, side in enumerate(shape):
        field = random.normal(0, amount, coarse)
        # A cubic spline through displacements so far apart is too gentle to fold the image.
        field = ndimage.zoom(field, [s / c for s, c in zip(shape, coarse, strict=True)], order=3, mode="nearest")
        places = np.arange(side).reshape([-1, 1] if axis == 0 else [1, -1]) + field
        moved.append(np.clip(np.rint(places), 0, side - 1).astype(np.intp))
    return tuple(None if array is None else array[tuple(moved)] for array in arrays)


class Canvas:
    """A label map, and perhaps its photo, that objects are put into.

    Args:
        pool: whose cut-outs are put in.
        labels: uint8 (h, w), ids; not changed.
        instances: uint16 (h, w) or None; not changed.
        photo: uint8 (h, w, 3) or None; not changed.
    """

    def __init__(self, pool: Pool, labels: np.ndarray, instances: np.ndarray | None, photo: np.ndarray | None = None):
        self._pool, self.photo = pool, None if photo is None else photo.copy()
        self.labels, self.instances = labels.copy(), None if instances is None else instances.copy()
        self.added = np.zeros(labels.shape, np.uint8)
        self._objects = find_objects(self.labels, self.instances, pool.kinds)
        self.horizon = pool.horizon(self.labels, self._objects)

    def put(self, cutout: Cutout, random: np.random.Generator) -> dict | None:
        """Put an object in at a place that suits it.

        Returns:
            What was done, for the manifest; None if no place was found.
        """
        mirror = bool(random.integers(2))
        for _ in range(TRIES):
            scale = float(np.exp(random.normal(0, DISTANCES)))
            place = self._try(cutout, scale, mirror, float(random.random()))
            if place is not None:
                return place
        return None

    def _try(self, cutout: Cutout, scale: float, mirror: bool, draw: float) -> dict | None:
        """Put an object in at about so many times its distance; `draw`, 0-1, chooses among the columns that suit."""
        standing, (height, width) = cutout.standing, self.labels.shape
        row = round(self.horizon + cutout.below * scale)
        if not (SCALES[0] <= scale <= SCALES[1] and self.horizon + 1 <= row < height - 1):
            return None
        scale = (row - self.horizon) / cutout.below
        labels, numbers = _scaled(standing, scale, mirror)
        mask = numbers > 0
        if len(mask) < LEAST * height or not mask.any():
            return None
        columns, bottoms = foot_of(mask)
        aside = edges(self.labels[row] == standing.ground)
        suits = np.flatnonzero((aside > 0) & (np.abs(aside - standing.edge * scale) <= ASIDE * (row - self.horizon)))
        if not len(suits):
            return None
        top, left = row + 1 - len(mask), suits[int(draw * len(suits))] - round(float(columns.mean()))
        if top < 0 or left < 0 or left + mask.shape[1] > width:
            return None
        box = slice(top, row + 1), slice(left, left + mask.shape[1])
        visible = mask & (self._objects.feet[box] <= row)
        if (
            (self.labels[box][bottoms, columns] != standing.ground).mean() > 0.5
            or visible.sum() < IN_VIEW * mask.sum()
            or visible[bottoms, columns].mean() < FOOT_IN_VIEW
            or self._covers(box, visible)
        ):
            return None
        self._paint(box, visible, labels, numbers)
        if self.photo is not None:
            paste(self.photo, box, visible, _with_pixels(self._pool, cutout, mirror))
        name_of = self._pool.scenes.palette.name_of
        return {
            "classes": [name_of(k) for k in standing.classes],
            "from": cutout.scene,
            "at": list(standing.corner),
            "mirrored": mirror,
            "scale": round(scale, 3),
            "box": [int(left), top, mask.shape[1], mask.shape[0]],
            "ground": name_of(standing.ground),
            "in_view": round(float(visible.sum() / mask.sum()), 3),
        }

    def _covers(self, box, visible: np.ndarray) -> bool:
        """Whether too much of a thing would be hidden, or of what was put in before."""
        numbers = self._objects.numbers
        hidden = np.bincount(numbers[box][visible], minlength=1)[1:]
        areas = np.bincount(numbers.ravel(), minlength=len(hidden) + 1)[1 : len(hidden) + 1]
        return bool((hidden > MOST_COVERED * areas).any() or self.added[box][visible].any())

    def _paint(self, box, visible: np.ndarray, labels: np.ndarray, numbers: np.ndarray) -> None:
        self.labels[box][visible] = labels[visible]
        self.added[box][visible] = self.added.max() + 1
        if self.instances is not None:
            self.instances[box][visible] = 0
            for number in np.unique(numbers[visible & self._pool.kinds.things[labels]]):
                own = visible & (numbers == number)
                # In the manner of Cityscapes: id * 1000 and a count.
                k = int(labels[own][0])
                free = np.setdiff1d(np.arange(k * 1000 if 1 <= k <= 64 else 1, 2**16), self.instances)
                self.instances[box][own] = free[0]
        self._objects = find_objects(self.labels, self.instances, self._pool.kinds)


def _with_pixels(pool: Pool, cutout: Cutout, mirror: bool) -> Pasted:
    """What is put in, with its photo."""
    (column, row), mask = cutout.standing.corner, cutout.standing.numbers > 0
    box = slice(row, row + mask.shape[0]), slice(column, column + mask.shape[1])
    return Pasted(pool.scene(pool.scenes.names.index(cutout.scene)).photo, box, mask, mirror)


def _scaled(standing: Standing, scale: float, mirror: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels and numbers at another size, cropped to what is left of the object."""
    size = [max(1, round(side * scale)) for side in standing.labels.shape[::-1]]
    labels, numbers = (
        nearest(part, *size)[:, :: -1 if mirror else 1] for part in (standing.labels, standing.numbers)
    )
    boxes = ndimage.find_objects(np.sign(numbers))
    return (labels[boxes[0]], numbers[boxes[0]]) if boxes else (labels, numbers)  # thin lines may vanish
