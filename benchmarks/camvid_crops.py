"""Class folders of cars, people, bicyclists, signs and poles, cut out of CamVid's street scenes: a hard and tiny set.

uv run benchmarks/camvid_crops.py --source camvid.zip --output camvid-crops

Each crop is a square around a connected region of a class, with a margin. Files are named after their scene, and
scenes of one video follow each other: `--groups '^(.*?)_f?[0-9]+_'` keeps a video together.
"""

import contextlib
import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

import numpy as np
from PIL import Image
from scipy import ndimage

from gan.config import Config, option, run
from gan.data.pairs import find_pairs
from gan.errors import UserError
from gan.files import fill_folder, require_writable, unfinished
from gan.progress import progress

CLASSES = ("Car", "Pedestrian", "Bicyclist", "SignSymbol", "Pole")
BYTES = 200_000_000  # of all crops, at most


@dataclasses.dataclass(frozen=True)
class CropsConfig(Config):
    """Cut the objects of CamVid's scenes out, into a folder for each class."""

    source: str = option("camvid.zip", "zip or folder of CamVid's photos and label maps")
    output: str = option("camvid-crops", "new folder for the class folders")
    least: int = option(24, "pixels, width or height of the smallest object that is taken", ge=8, le=480)
    margin: float = option(0.15, "of the object's size, around it on each side", ge=0, le=1)


def main(config: CropsConfig) -> None:
    """Read the scenes and write their objects."""
    output = Path(config.output).resolve()
    if output.exists():
        raise UserError(f"output {output} is there already; name a new folder.")
    require_writable(output.parent, BYTES)
    counts = dict.fromkeys(CLASSES, 0)
    with contextlib.ExitStack() as stack:
        found = find_pairs(config.source, "camvid", stack)
        ids = {name: found.palette.ids[found.palette.names.index(name)] for name in CLASSES}
        part = stack.enter_context(unfinished(output))
        for item in progress(len(found.items), "scenes", "scene", items=found.items):
            photo, labels, _ = item.read()
            for name, class_id in ids.items():
                for number, crop in enumerate(crops(photo, labels == class_id, config.least, config.margin)):
                    (part / name).mkdir(exist_ok=True)
                    Image.fromarray(crop).save(part / name / f"{item.name}_{number:02d}.png")
                    counts[name] += 1
        fill_folder(part, output)
    print("\n".join(f"{name:<12} {count:>5}" for name, count in counts.items()))
    print(f"images: {output}")


def crops(photo: np.ndarray, mask: np.ndarray, least: int, margin: float) -> list[np.ndarray]:
    """Squares around the connected regions of a mask, cut off at the photo's edges.

    Args:
        photo: uint8 (height, width, 3).
        mask: bool (height, width).
        least: pixels, of the longer side of the smallest region.
        margin: of that side, around it.
    """
    numbers, _ = ndimage.label(mask, np.ones((3, 3)))
    found = []
    for rows, columns in ndimage.find_objects(numbers):
        side = max(rows.stop - rows.start, columns.stop - columns.start)
        if side < least:
            continue
        half = round(side * (0.5 + margin))
        row, column = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
        found.append(photo[max(0, row - half) : row + half, max(0, column - half) : column + half])
    return found


if __name__ == "__main__":
    run(CropsConfig, main)
