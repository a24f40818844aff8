"""Scenes: photos of streets with their label maps, one by one and as the parts of a data set."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from gan.data.palettes import Palette


@dataclasses.dataclass(frozen=True)
class Scene:
    """A pair of photo and label map.

    Attributes:
        photo: uint8 (height, width, 3), RGB.
        labels: uint8 (height, width), class ids of a palette.
        instances: uint16 (height, width), 0 where there is none, else a number that is unique within the scene; None
            where the data has no instances.
    """

    photo: np.ndarray
    labels: np.ndarray
    instances: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.labels.shape[1], self.labels.shape[0]

    def digest(self) -> str:
        """The SHA-256 of the pixels, in hexadecimal digits."""
        total = hashlib.sha256()
        for array in (self.photo, self.labels, self.instances):
            if array is not None:
                total.update(repr((array.shape, array.dtype.str)).encode())
                total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()


class Scenes:
    """One part of a data set. Scenes are read (or drawn) when they are asked for, from several threads at once too.

    Args:
        names: of the scenes: the stems of their files; an attribute, as are the next two, and `hides`.
        palette: the classes of the label maps.
        has_instances: whether the scenes have instances.
        read: gives scene number k.
        fingerprints: gives a text for each scene that changes with its content; its pixels' digest by default.
        hides: whether they are windows of which a part is hidden from a generator: that of the instances.
    """

    def __init__(
        self,
        names: Sequence[str],
        palette: Palette,
        has_instances: bool,
        read: Callable[[int], Scene],
        fingerprints: Callable[[], Sequence[str]] | None = None,
        hides: bool = False,
    ) -> None:
        self.names = tuple(names)
        self.palette = palette
        self.has_instances = has_instances
        self.hides, self._read = hides, read
        self._fingerprints = fingerprints or (lambda: [self.scene(k).digest() for k in range(len(self))])

    @classmethod
    def of(cls, scenes: Sequence[Scene], palette: Palette, names: Sequence[str] | None = None) -> "Scenes":
        """Scenes that are in memory.

        Args:
            scenes: the scenes; all have instances or none has.
            palette: their classes.
            names: of the scenes; 000000, 000001 and so on if not given.
        """
        kept = tuple(scenes)
        has_instances = bool(kept) and all(scene.instances is not None for scene in kept)
        return cls(names or [f"{k:06d}" for k in range(len(kept))], palette, has_instances, kept.__getitem__)

    @classmethod
    def joined(cls, parts: Sequence["Scenes"]) -> "Scenes":
        """The scenes of several parts of one palette, 1 or more, one after the other."""
        places = [(part, k) for part in parts for k in range(len(part))]
        return cls(
            [part.names[k] for part, k in places],
            parts[0].palette,
            all(part.has_instances for part in parts),
            lambda n: places[n][0].scene(places[n][1]),
            lambda: [fingerprint for part in parts for fingerprint in part._all_fingerprints],
            parts[0].hides,
        )

    def __len__(self) -> int:
        return len(self.names)

    def scene(self, k: int) -> Scene:
        """Scene number k, 0 to len - 1, at the size that it is stored in.

        Raises:
            UserError: its files are damaged or do not match.
        """
        return self._read(k)

    def outlines(self, scene: Scene) -> np.ndarray:
        """What enters of a scene's instances beside its label map, uint8 (height, width) of 0 and 1.

        Their boundaries, or where a part is hidden that part.
        """
        return hidden(scene) if self.hides else boundaries(scene.instances)

    def take(self, chosen: Sequence[int]) -> "Scenes":
        """Some of the scenes, by number."""
        places = [int(k) for k in chosen]
        return Scenes(
            [self.names[k] for k in places],
            self.palette,
            self.has_instances,
            lambda k: self._read(places[k]),
            lambda: [self._all_fingerprints[k] for k in places],
            self.hides,
        )

    def digest(self) -> str:
        """16 hexadecimal digits that name this very data: of the palette, the names and the contents."""
        total = hashlib.sha256(self.palette.to_json().encode())
        for name, fingerprint in zip(self.names, self._all_fingerprints, strict=True):
            total.update(repr((name, fingerprint)).encode())
        return total.hexdigest()[:16]

    @functools.cached_property
    def _all_fingerprints(self) -> tuple[str, ...]:
        return tuple(self._fingerprints())


@dataclasses.dataclass(frozen=True)
class SceneSet:
    """The three parts of a data set; `test` is empty where there is none.

    Attributes:
        name: what a run records: "drawn", or the folder.
        palette: the classes, the same in all parts.
        training: what networks learn from.
        validation: what choices are made by.
        test: what scores are taken of.
    """

    name: str
    palette: Palette
    training: Scenes
    validation: Scenes
    test: Scenes

    @property
    def parts(self) -> dict[str, Scenes]:
        """The parts by name."""
        return {"training": self.training, "validation": self.validation, "test": self.test}


def resized(scene: Scene, width: int, height: int) -> Scene:
    """A scene at another size; its shape changes with it, nothing is cut off.

    Photos are resized with PIL's Lanczos filter, which widens with the reduction: what is too fine for the new size
    is averaged away instead of turning into patterns, and edges stay sharper than with box or bicubic. Label maps and
    instances take the value at each new pixel's centre, so that no id appears that was not there.

    Args:
        scene: the scene.
        width: new width in pixels.
        height: new height in pixels.
    """
    if scene.size == (width, height):
        return scene
    photo = Image.fromarray(scene.photo).resize((width, height), Image.Resampling.LANCZOS)
    instances = None if scene.instances is None else nearest(scene.instances, width, height)
    return Scene(np.asarray(photo), nearest(scene.labels, width, height), instances)


def nearest(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """An array (h, w) of any type as (height, width), by the value at each new pixel's centre."""
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip((height, width), values.shape, strict=True)
    )
    return values[rows[:, None], columns]


def hidden(scene: Scene) -> np.ndarray:
    """uint8 (height, width): 1 where a window's photo is hidden; see `Scenes`."""
    return (scene.instances > 0).astype(np.uint8)


def boundaries(instances: np.ndarray) -> np.ndarray:
    """Where instances end: pixels that have a neighbour (left, right, above, below) of another number.

    Args:
        instances: uint16 (..., height, width).

    Returns:
        uint8 of the same shape, 1 on both sides of a boundary, else 0 (pix2pixHD, 1711.11585, section 3.3, draws
        them so, from four neighbours).
    """
    edges = np.zeros(instances.shape, np.uint8)
    across = instances[..., :, 1:] != instances[..., :, :-1]
    down = instances[..., 1:, :] != instances[..., :-1, :]
    edges[..., :, 1:] |= across
    edges[..., :, :-1] |= across
    edges[..., 1:, :] |= down
    edges[..., :-1, :] |= down
    return edges
