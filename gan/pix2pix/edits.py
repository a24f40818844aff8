"""New label maps from old ones: mirrored, with objects of rare classes put in, and slightly bent.

What is put in was cut out of a scene of the training part. It keeps its size: in pixels it is as large as its new
distance makes it (see `gan.pix2pix.perspective`). It stands on the same ground as before and about as far from its
edge,
nearer things hide it, and it hides what is farther.
"""

import dataclasses

import numpy as np
from scipy import ndimage

from gan.data.scene import nearest
from gan.pix2pix.cutouts import Cutout, Pool
from gan.pix2pix.objects import edges, find_objects, foot_of

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
    """

    source: int
    labels: np.ndarray
    instances: np.ndarray | None
    added: np.ndarray
    edits: dict


def edited(pool: Pool, seed: int, number: int) -> Edited | None:
    """New label map `number`: a function of the pool, `seed` and `number` alone.

    Args:
        pool: with a cut-out of one class at least.
        seed: 0 or more.
        number: 0 or more.

    Returns:
        None where no object found a place in any of some scenes.
    """
    random = np.random.default_rng([seed, 2, number])
    present = [k for k in pool.classes if pool.cutouts[k]]
    for _ in range(SOURCES):
        source = int(random.integers(len(pool.scenes)))
        mirror = bool(random.integers(2))
        canvas = Canvas(pool, *(mirrored(part) if mirror else part for part in pool.labels(source)))
        pasted = []
        for _ in range(int(random.integers(1, PUT_IN + 1))):
            k = present[random.integers(len(present))]
            cutout = pool.cutouts[k][random.integers(len(pool.cutouts[k]))]
            place = canvas.put(cutout, random)
            if place is not None:
                pasted.append(place)
        if pasted:
            rows = BENT * len(canvas.labels)
            labels, instances, added = warped((canvas.labels, canvas.instances, canvas.added), rows, random)
            edits = {"mirrored": mirror, "put_in": pasted, "bent": round(rows, 2)}
            return Edited(source, labels, instances, added, edits)
    return None


def mirrored(values: np.ndarray | None) -> np.ndarray | None:
    """An array (h, w) with left and right exchanged; None stays None."""
    return None if values is None else np.ascontiguousarray(values[:, ::-1])


def warped(arrays, amount: float, random: np.random.Generator):
    """Arrays (h, w) bent alike by a smooth random displacement; every new pixel has the value of an old one.

    Args:
        arrays: of one shape; None stays None.
        amount: standard deviation of the displacement in pixels.
        random: where the displacement is drawn from.
    """
    shape = arrays[0].shape
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
    """A label map that objects are put into.

    Args:
        pool: whose cut-outs are put in.
        labels: uint8 (h, w), ids; not changed.
        instances: uint16 (h, w) or None; not changed.
    """

    def __init__(self, pool: Pool, labels: np.ndarray, instances: np.ndarray | None):
        self._pool = pool
        self.labels, self.instances = labels.copy(), None if instances is None else instances.copy()
        self.added = np.zeros(labels.shape, np.uint8)
        self._look()
        self.horizon = pool.horizon(self.labels, self._objects)

    def _look(self) -> None:
        self._objects = find_objects(self.labels, self.instances, self._pool.kinds)

    def put(self, cutout: Cutout, random: np.random.Generator) -> dict | None:
        """Put an object in at a place that suits it.

        Returns:
            What was done, for the manifest; None if no place was found.
        """
        mirror = bool(random.integers(2))
        height, width = self.labels.shape
        for _ in range(TRIES):
            scale = float(np.exp(random.normal(0, DISTANCES)))
            draw = float(random.random())
            row = round(self.horizon + cutout.below * scale)
            if not (SCALES[0] <= scale <= SCALES[1] and self.horizon + 1 <= row < height - 1):
                continue
            scale = (row - self.horizon) / cutout.below
            mask, labels, parts = _scaled(cutout, scale, mirror)
            if len(mask) < LEAST * height or not mask.any():
                continue
            columns, bottoms = foot_of(mask)
            aside = edges(self.labels[row] == cutout.standing.ground)
            wanted = cutout.standing.edge * scale
            suits = np.flatnonzero((aside > 0) & (np.abs(aside - wanted) <= ASIDE * (row - self.horizon)))
            if not len(suits):
                continue
            column = int(suits[int(draw * len(suits))])
            top, left = row + 1 - len(mask), column - round(float(columns.mean()))
            if top < 0 or left < 0 or left + mask.shape[1] > width:
                continue
            box = slice(top, row + 1), slice(left, left + mask.shape[1])
            if (self.labels[top + bottoms, left + columns] != cutout.standing.ground).mean() > 0.5:
                continue
            shown = mask & (self._objects.feet[box] <= row)
            if (
                shown.sum() < IN_VIEW * mask.sum()
                or shown[bottoms, columns].mean() < FOOT_IN_VIEW
                or self._covers(box, shown)
            ):
                continue
            self._paint(box, shown, labels, parts)
            return {
                "classes": [self._pool.scenes.palette.name_of(k) for k in cutout.standing.classes],
                "from": cutout.scene,
                "at": [cutout.standing.left, cutout.standing.top],
                "mirrored": mirror,
                "scale": round(scale, 3),
                "box": [left, top, mask.shape[1], mask.shape[0]],
                "ground": self._pool.scenes.palette.name_of(cutout.standing.ground),
                "in_view": round(float(shown.sum() / mask.sum()), 3),
            }
        return None

    def _covers(self, box, shown: np.ndarray) -> bool:
        """Whether too much of a thing would be hidden, or of what was put in before."""
        numbers = self._objects.numbers
        touched = np.bincount(numbers[box][shown])
        for number in np.flatnonzero(touched[1:]) + 1:
            own = self._objects.boxes[number - 1]
            if touched[number] > MOST_COVERED * (numbers[own] == number).sum():
                return True
        return bool((self.added[box][shown] > 0).any())

    def _paint(self, box, shown, labels, parts) -> None:
        self.labels[box][shown] = labels[shown]
        self.added[box][shown] = self.added.max() + 1
        if self.instances is not None:
            self.instances[box][shown] = 0
            for part in np.unique(parts[shown & (parts > 0)]):
                own = shown & (parts == part)
                self.instances[box][own] = self._free(int(labels[own][0]))
        self._look()

    def _free(self, k: int) -> int:
        """A number for a new instance of a class, in the manner of Cityscapes: id * 1000 and a count."""
        used = set(np.unique(self.instances).tolist())
        first = k * 1000 if 1 <= k <= 64 else 1
        return next(n for n in range(first, 2**16) if n not in used)


def _scaled(cutout: Cutout, scale: float, mirror: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mask, labels and parts at another size, cropped to the mask."""
    mask = cutout.standing.mask
    size = [max(1, round(side * scale)) for side in mask.shape[::-1]]
    new = [nearest(part, *size)[:, :: -1 if mirror else 1] for part in (mask, cutout.labels, cutout.parts)]
    rows, columns = (np.flatnonzero(new[0].any(axis=axis)) for axis in (1, 0))
    if not len(rows):  # of thin lines nothing may be left
        return new[0], new[1], new[2]
    crop = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return new[0][crop], new[1][crop], new[2][crop]
