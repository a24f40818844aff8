"""Square windows around objects of scenes: what a generator learns that paints objects into photos.

An object and what touches it are hidden in the window; the label map says what belongs there, the rest of the photo
what it has to fit. The windows of a part are scenes themselves, so that feeds, samples and scores take them as such.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes, SceneSet
from gan.errors import UserError
from gan.pix2pix.objects import LEAST_AREA, LEAST_HEIGHT, Kinds, box_of, find_objects, is_inside, together
from gan.progress import progress

CONTEXT = 2.0  # of an object's longer side: width and height of its window
SMALLEST = 16  # pixels of a window
STRETCHED = 1.5  # times the size of the generator: a window that is larger would be painted blurred, and is not
HIDDEN = 0.05  # of a window's side: how far around the object the photo is hidden, too
SOFT = 0.02  # of a window's side: standard deviation of the blur of the edge of what is painted
MOST = 20_000  # windows of a part
REPEATED = 8  # times that a window of a rare class is counted, at most


class Place(NamedTuple):
    """Where the window of an object is.

    Attributes:
        scene: number of the scene.
        top: first row of the window.
        left: first column.
        side: width and height.
        numbers: of the object's parts, as `find_objects` counts them.
        class_id: id of its rarest class.
    """

    scene: int
    top: int
    left: int
    side: int
    numbers: tuple[int, ...] = ()
    class_id: int = 0

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the window."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


def windowed(scenes: SceneSet) -> SceneSet:
    """The windows around the objects of a data set, part by part; every class about as often as any other.

    Raises:
        UserError: the training or the validation part shows no object.
    """
    palette = scenes.palette
    parts = {name: _windows(part, name == "training") for name, part in scenes.parts.items()}
    for name in ("training", "validation"):
        if not len(parts[name]):
            raise UserError(
                f"no object stands in the {name} scenes of {scenes.name}: none can be learned. Things have "
                f'"thing": true in the palette ({palette.name}); mark some, and prepare the data again.'
            )
    return dataclasses.replace(scenes, **parts)


def _windows(scenes: Scenes, evenly: bool) -> Scenes:
    kinds = Kinds(scenes.palette, scenes.palette.rare)
    found = in_threads(lambda k: _places(scenes.scene(k), k, kinds), range(len(scenes)))
    groups = progress(len(scenes), "looking for objects", "scene", items=found)
    places = _even([place for group in groups for place in group], evenly)

    @functools.lru_cache(8)
    def whole(number: int) -> tuple[Scene, np.ndarray]:
        scene = scenes.scene(number)
        return scene, find_objects(scene.labels, scene.instances, kinds).numbers

    def read(number: int) -> Scene:
        place = places[number]
        scene, numbers = whole(place.scene)
        return cut(scene, place, np.isin(numbers, place.numbers))

    names = [f"{scenes.names[place.scene]}-{number:05d}" for number, place in enumerate(places)]
    return Scenes(names, scenes.palette, True, read, hides=True)


def _places(scene: Scene, number: int, kinds: Kinds) -> list[Place]:
    """Windows of the objects of a scene that are large enough and not cut by its border."""
    labels = scene.labels
    objects, places = find_objects(labels, scene.instances, kinds), []
    counts = np.bincount(labels.ravel(), minlength=256)
    for group in together(objects, kinds):
        rows, columns = box_of(objects, group)
        area = np.isin(objects.numbers[rows, columns], group).sum()
        if (
            is_inside((rows, columns), labels.shape)
            and area >= LEAST_AREA
            and rows.stop - rows.start >= LEAST_HEIGHT * len(labels)
        ):
            rarest = min((objects.classes[n - 1] for n in group), key=lambda k: counts[k])
            place = around(rows, columns, labels.shape)
            places.append(place._replace(scene=number, numbers=group, class_id=rarest))
    return places


def around(rows: slice, columns: slice, shape: Sequence[int]) -> Place:
    """The window of an object that takes some rows and columns of a scene of a shape, (height, width)."""
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    side = min(max(SMALLEST, round(CONTEXT * longer)), *shape[:2])
    top, left = (
        int(np.clip((part.start + part.stop - side) // 2, 0, most - side))
        for part, most in zip((rows, columns), shape, strict=False)
    )
    return Place(0, top, left, side)


def cut(scene: Scene, place: Place, mask: np.ndarray) -> Scene:
    """A window of a scene; its instances say what is hidden.

    Args:
        scene: the scene.
        place: of the window.
        mask: bool (height, width), the object's pixels in the scene.
    """
    return Scene(scene.photo[place.box], scene.labels[place.box], grown(mask[place.box]).astype(np.uint16))


def grown(mask: np.ndarray) -> np.ndarray:
    """bool (side, side): what is hidden of a window, an object's pixels and those close to them."""
    return ndimage.distance_transform_edt(~mask) <= max(1.0, HIDDEN * len(mask)) if mask.any() else mask


def put_back(photo: np.ndarray, place: Place, painted: np.ndarray, mask: np.ndarray) -> None:
    """Put a painted window back into its photo.

    Args:
        photo: uint8 (height, width, 3); is changed where it was hidden.
        place: of the window.
        painted: uint8 (h, w, 3), at the size of the generator.
        mask: bool (side, side), what was hidden, at the size of the window.
    """
    new = np.asarray(Image.fromarray(painted).resize((place.side, place.side), Image.Resampling.LANCZOS), np.float32)
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), SOFT * place.side)
    alpha = np.clip(2 * blurred - 1, 0, 1)[..., None]  # soft inwards: nothing beyond the mask is touched
    old = photo[place.box]
    photo[place.box] = np.clip(np.rint(old + alpha * (new - old)), 0, 255).astype(np.uint8)


def _even(places: list[Place], repeated: bool) -> list[Place]:
    """At most `MOST` windows in order of class, each class about as often as any other.

    Args:
        places: of all objects.
        repeated: whether windows of rare classes come several times; otherwise there are few of the others.
    """
    of_class = {k: [place for place in places if place.class_id == k] for k in sorted({p.class_id for p in places})}
    counts = [len(own) for own in of_class.values()]
    most = min(MOST // max(1, len(counts)), max(counts) if repeated else 2 * min(counts)) if counts else 0
    random, chosen = np.random.default_rng(0), []
    for own in of_class.values():
        times = max(1, min(REPEATED, most // len(own))) if repeated else 1
        kept = sorted(random.permutation(len(own))[:most].tolist())
        chosen += [own[k] for k in kept for _ in range(times)]
    return chosen
