"""Which objects of rare classes a segmenter finds in scenes, and which of those that it claims are there.

IoU counts pixels: one bus outweighs all people far away. Here each object counts as one.
"""

import numpy as np

from gan.data.palettes import Palette
from gan.data.parallel import in_threads
from gan.data.scene import Scene, Scenes
from gan.pix2pix.objects import Kinds, find_objects

LEAST = 6 / 192  # of the height of a scene: smaller objects do not count (6 pixels at 256x192)
SEEN = 0.5  # of an object's pixels: it is found, or rightly claimed, where so many agree


def told(answer: np.ndarray, scene: Scene, palette: Palette) -> tuple[np.ndarray, np.ndarray]:
    """Objects of rare classes, and what an answer says of them.

    Args:
        answer: uint8 (height, width), positions among the scored classes, at the size of the label map.
        scene: what is there.
        palette: its classes.

    Returns:
        float32 (N, 2) of the scene's objects and (M, 2) of those that the answer claims: the id of the class, and the
        share of the pixels that are of the same class in the other. Of a claim only pixels of scored classes count.
    """
    kinds, claimed = Kinds(palette, palette.rare), np.array(palette.scored, np.uint8)[answer]
    scored = np.isin(scene.labels, palette.scored)
    everywhere = np.ones_like(scored)
    return (
        _shares(scene.labels, scene.instances, claimed, everywhere, palette, kinds),
        _shares(claimed, None, scene.labels, scored, palette, kinds),
    )


def _shares(labels, instances, others, counted, palette: Palette, kinds: Kinds) -> np.ndarray:
    objects, rows = find_objects(labels, instances, kinds), []
    for number, (box, k) in enumerate(zip(objects.boxes, objects.classes, strict=True), 1):
        if k in palette.rare and box[0].stop - box[0].start >= LEAST * len(labels):
            own = (objects.numbers[box] == number) & counted[box]
            if own.any():
                rows.append((k, (others[box][own] == k).mean()))
    return np.array(rows, np.float32).reshape(-1, 2)


def found(table: np.ndarray) -> float:
    """Mean over the classes of the share of their objects that agree, 0-1; 0 where there are none.

    Args:
        table: float (N, 2), see `told`.
    """
    shares = [(table[table[:, 0] == k, 1] >= SEEN).mean() for k in np.unique(table[:, 0])]
    return float(np.mean(shares)) if shares else 0.0


def count(part: Scenes) -> int:
    """How many objects of rare classes the scenes of a part hold."""
    nothing = part.palette.scored_indices(np.array(part.palette.scored[:1], np.uint8))

    def of_scene(k: int) -> int:
        scene = part.scene(k)
        return len(told(np.full(scene.labels.shape, nothing[0], np.uint8), scene, part.palette)[0])

    return sum(in_threads(of_scene, range(len(part))))
