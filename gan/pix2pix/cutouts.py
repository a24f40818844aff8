"""What can be put into label maps: objects cut out of a data set's scenes, and how large things are in them."""

from typing import NamedTuple

import numpy as np

from gan.data.palettes import Palette
from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes, nearest, resized
from gan.errors import UserError
from gan.pix2pix.objects import Kinds, Objects, Standing, find_objects, find_standing
from gan.pix2pix.perspective import Perspective, View
from gan.progress import progress

MOST_SCENES = 800  # of the pool that objects are cut out of
MOST_CUTOUTS = 400  # kept of each class
USUAL = 0.1  # share of the things of a class that stand on a ground, from which on it is where they may be put
HEIGHTS = 0.6, 1.6  # of a thing's height to the usual one of its class; others are partly hidden, or several


class Cutout(NamedTuple):
    """An object cut out of a scene.

    Attributes:
        scene: name of the scene.
        standing: the object, where and how it stood.
        below: rows from the horizon to its foot.
    """

    scene: str
    standing: Standing
    below: float


class Pool:
    """What can be put in, and how large things are: the cut-outs of the wanted classes of some scenes.

    Args:
        scenes: the training part.
        classes: ids of the wanted classes.
        seed: of the choice, where there are more scenes or objects than are needed.
        rows: height that scenes are reduced to where they are higher; new label maps have it.

    Attributes:
        cutouts: of each wanted class what can be put in; one with several classes stands under each.
        pixels: int (256,), how many pixels of each id the scenes have that objects were cut out of.
    """

    def __init__(self, scenes: Scenes, classes: tuple[int, ...], seed: int, rows: int):
        self.scenes, self.classes, self.kinds = scenes, classes, Kinds(scenes.palette, classes)
        self._rows = rows
        self.pixels = np.zeros(256, np.int64)
        numbers = sorted(np.random.default_rng([seed, 0]).permutation(len(scenes))[:MOST_SCENES].tolist())
        views: list[View] = []
        standing: list[list[Standing]] = []
        found = in_threads(self._found, numbers)
        for view, things, pixels in progress(len(numbers), "looking for objects", "scene", items=found):
            self.pixels += pixels
            views.append(view)
            standing.append(things)
        self.perspective = Perspective.fitted(views, self.kinds)
        cutouts = []
        for number, view, things in zip(numbers, views, standing, strict=True):
            horizon = self.perspective.estimate(view)
            cutouts += [Cutout(scenes.names[number], thing, thing.foot[1] - horizon) for thing in things]
        usable = [cutout for cutout in cutouts if self._is_usual(cutout)]
        self.cutouts = {k: self._of_class(usable, k, seed) for k in classes}

    def labels(self, number: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Label map and instances of a scene, at the pool's size."""
        scene = self.scenes.scene(number)
        size = self._size(scene)
        if size == scene.size:
            return scene.labels, scene.instances
        return tuple(None if part is None else nearest(part, *size) for part in (scene.labels, scene.instances))

    def scene(self, number: int) -> Scene:
        """A scene at the pool's size, its photo too."""
        scene = self.scenes.scene(number)
        return resized(scene, *self._size(scene))

    def _size(self, scene: Scene) -> tuple[int, int]:
        width, height = scene.size
        if height <= self._rows:
            return scene.size
        return max(1, round(width * self._rows / height)), self._rows

    def horizon(self, labels: np.ndarray, objects: Objects) -> float:
        """The row of a scene's horizon."""
        return self.perspective.estimate(
            View.from_labels(labels, find_standing(labels, objects, self.kinds), self.kinds)
        )

    def _found(self, number: int) -> tuple[View, list[Standing], np.ndarray]:
        """What tells a scene's horizon, the wanted objects in it, and how many pixels of each id there are."""
        labels, instances = self.labels(number)
        things = find_standing(labels, find_objects(labels, instances, self.kinds), self.kinds)
        wanted = [thing for thing in things if not set(self.classes).isdisjoint(thing.classes)]
        return View.from_labels(labels, things, self.kinds), wanted, np.bincount(labels.ravel(), minlength=256)

    def _is_usual(self, cutout: Cutout) -> bool:
        """Whether it is below the horizon and about as high as its like."""
        classes = cutout.standing.classes
        usual = self.perspective.heights.get(classes)
        if cutout.below < 1 or usual is None or not self.perspective.counted.issuperset(classes):
            return cutout.below >= 1
        return HEIGHTS[0] <= len(cutout.standing.labels) / cutout.below / usual <= HEIGHTS[1]

    def _of_class(self, cutouts: list[Cutout], k: int, seed: int) -> list[Cutout]:
        own = [cutout for cutout in cutouts if k in cutout.standing.classes]
        grounds = np.array([cutout.standing.ground for cutout in own], int)
        own = [cutout for cutout in own if (grounds == cutout.standing.ground).mean() >= USUAL]
        chosen = np.random.default_rng([seed, 1, k]).permutation(len(own))[:MOST_CUTOUTS]
        return [own[n] for n in sorted(chosen.tolist())]


def parse_classes(text: str, palette: Palette) -> tuple[int, ...]:
    """Ids of classes from names or ids, with commas between; "" gives the rare classes of the palette.

    Raises:
        UserError: the palette has no such class, no rare ones, or no ground for anything to stand on.
    """
    if not palette.ground:
        raise UserError(
            f'the palette {palette.name} names no class as ground, so that nothing can be put in; add "ground": true '
            "to road and pavement in palette.json, and prepare the data with --palette."
        )
    if not text:
        if not palette.rare:
            raise UserError(f"the palette {palette.name} names no rare classes; say which to put in with --classes.")
        return palette.rare
    names = {name.lower(): k for k, name in zip(palette.ids, palette.names, strict=True)}
    chosen = []
    for word in (word.strip() for word in text.split(",")):
        k = int(word) if word.isdecimal() and int(word) in palette.ids else names.get(word.lower())
        if k is None:
            raise UserError(
                f"classes: the palette {palette.name} has no class {word!r}; it has {', '.join(palette.names)}."
            )
        if k in palette.ground:
            raise UserError(f"classes: {word!r} is ground that things stand on, and can't be put in.")
        chosen.append(k)
    return tuple(dict.fromkeys(chosen))


def require_objects(pool: Pool) -> list[str]:
    """Names of the wanted classes of which there is nothing to put in.

    Raises:
        UserError: it is all of them.
    """
    palette = pool.scenes.palette
    lacking = [palette.name_of(k) for k in pool.classes if not pool.cutouts[k]]
    if len(lacking) == len(pool.classes):
        raise UserError(
            f"classes: no {' or '.join(lacking)} in the training scenes stands whole and in full view on the ground, "
            "so that there is nothing to put in; name other classes."
        )
    return lacking
