"""The data sets of scenes that a `data` parameter can name, and a part of one as arrays at a working size."""

import dataclasses
import functools
import re

import numpy as np

from gan.data.folder import open_folder
from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes, SceneSet, boundaries, nearest, resized
from gan.progress import progress

__all__ = [
    "Loaded", "Scene", "SceneSet", "Scenes", "boundaries", "is_drawn", "load", "nearest", "open_scenes", "resized",
]  # fmt: skip

DRAWN = "drawn"
DRAWN_TRAINING = 120  # scenes where the number is not given
DRAWN_SHARE = 1 / 6  # validation and test scenes each, for each training scene
DRAWN_SIZE = 256, 128  # width and height
KEPT = 1024  # drawn scenes that stay in memory: 200 MB
SLOW = 100  # scenes: loading more shows progress


@dataclasses.dataclass(frozen=True)
class Loaded:
    """All scenes of a part at one size.

    Attributes:
        photos: uint8 (N, height, width, 3).
        labels: uint8 (N, height, width), positions in the palette (not ids).
        edges: uint8 (N, height, width), 1 at the boundaries of instances (in windows around objects: where the photo
            is hidden), else 0; None where there are no instances or they were not asked for.
    """

    photos: np.ndarray
    labels: np.ndarray
    edges: np.ndarray | None


def open_scenes(data: str) -> SceneSet:
    """Open a data set; its scenes are read when they are asked for.

    Args:
        data: "drawn", "drawn:<training scenes>", or a folder as `prepare --dataset cityscapes` (or pairs) writes it.

    Raises:
        UserError: the folder is missing, half made, or its pairs do not match; see `open_folder`.
    """
    return _drawn(data) if is_drawn(data) else open_folder(data)


def is_drawn(data: str) -> bool:
    """Whether a `data` parameter asks for drawn scenes: "drawn", or "drawn:500" for so many training scenes."""
    return re.fullmatch(rf"{DRAWN}(:[1-9]\d{{0,3}})?", data) is not None


def load(scenes: Scenes, width: int, height: int, edges: bool = True) -> Loaded:
    """All scenes of a part at a working size, in memory, read on all cores; see `resized`.

    Args:
        scenes: the part; N scenes take N * width * height * 4 or 5 bytes.
        width: working width in pixels.
        height: working height in pixels.
        edges: whether the boundaries of instances are wanted, where there are instances.

    Raises:
        UserError: a file is damaged, or a pair does not match.
    """
    count = len(scenes)
    photos = np.empty((count, height, width, 3), np.uint8)
    labels = np.empty((count, height, width), np.uint8)
    outlines = np.empty((count, height, width), np.uint8) if edges and scenes.has_instances else None

    def read(k: int) -> None:
        scene = resized(scenes.scene(k), width, height)
        photos[k] = scene.photo
        labels[k] = scenes.palette.indices(scene.labels)
        if outlines is not None:
            outlines[k] = scenes.outlines(scene)

    for _ in progress(count, "scenes", "scene", items=in_threads(read, range(count)), hidden=count <= SLOW):
        pass
    return Loaded(photos, labels, outlines)


def _drawn(data: str) -> SceneSet:
    from gan.drawn.streets import STREETS, draw_street

    training = int(data.partition(":")[2] or DRAWN_TRAINING)
    other = max(2, round(training * DRAWN_SHARE))

    def part(seed: int, count: int) -> Scenes:
        """The parts differ by their seed, so that they share no scene and more scenes begin with the same."""
        read = functools.lru_cache(KEPT)(lambda k: draw_street(k, seed, *DRAWN_SIZE))
        return Scenes([f"drawn_{seed}_{k:06d}" for k in range(count)], STREETS, True, read)

    return SceneSet(data, STREETS, part(0, training), part(1, other), part(2, other))
