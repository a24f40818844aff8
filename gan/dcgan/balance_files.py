"""Balanced data on the disk: the source that it is made from, what is written, and whether it was written before."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from gan.archive import GoodRun
from gan.data.class_folders import holds_class_folders, read_signs_by_class
from gan.data.gtsrb import read_signs, write_signs
from gan.data.pickles import write_pickle
from gan.data.sets import SignSet, is_drawn, open_signs
from gan.data.signs import CLASSES
from gan.errors import UserError
from gan.files import is_folder, sha256
from gan.progress import progress

BALANCED = "train_balanced.p"
MANIFEST = "balance.json"
BY_CLASS = "by_class"
DEPENDS_ON = ("target", "classes", "seed", "quality", "judge_iterations", "folders")  # parameters
PNG_BYTES = 8_000  # of a PNG of 32x32 on the disk, at most
KEYS = {
    "features, labels, sizes, coords, tracks": "as in train.p: first the real images in their order, then the others",
    "generated": "bool, whether the image is generated: data['features'][data['generated']] are those",
    "source_run": "uint8 (N, 16), the run that generated it: data['source_run'][k].tobytes().hex(); zeros if real",
}


def open_source(name: str) -> SignSet:
    """The data set to fill up.

    Args:
        name: a folder with train.p, one such file (with test.p beside it or not), a folder or zip of class folders
            named 0-42, or "drawn" (see `gan.data.sets.open_signs`).

    Raises:
        UserError: there is none, it is damaged, or it was balanced before.
    """
    path = Path(name)
    if is_drawn(name):
        return open_signs(name)
    folder = path if is_folder(path) else path.parent
    if (folder / MANIFEST).exists():
        raise UserError(f"source {name} was balanced before; give the data that it was made from.")
    if is_folder(path):
        in_folders = not (path / "train.p").exists() and holds_class_folders(path)
    elif path.is_file():
        in_folders = path.suffix.lower() == ".zip"
    else:
        raise UserError(f"source {name} does not exist; give a folder with train.p, as prepare makes it.")
    if in_folders:
        return SignSet(name, read_signs_by_class(path), None)
    if is_folder(path):
        return open_signs(name)
    test = folder / "test.p"
    return SignSet(name, read_signs(path), read_signs(test) if test.is_file() else None)


def origin(source: SignSet, goodrun: GoodRun, parameters: dict) -> dict:
    """Everything that the bytes of the balanced data depend on.

    Args:
        source: the data that is filled up.
        goodrun: what generates.
        parameters: of the command.
    """
    return {
        "run": goodrun.run_id,
        "iteration": goodrun.iteration,
        "weights": sha256(goodrun.checkpoint),
        "source": source.train.digest(),
        "test": None if source.test is None else source.test.digest(),
        **{name: parameters[name] for name in DEPENDS_ON},
    }


def write_data(folder: Path, source: SignSet, data: dict[str, np.ndarray]) -> None:
    """Write train_balanced.p, the same file as train.p, and test.p where the source has a test part.

    Args:
        folder: where to; `gan.data.sets.open_signs` opens it then.
        source: the data that was filled up.
        data: see `gan.dcgan.balance.arrays`.
    """
    write_pickle(folder / BALANCED, data)
    try:
        os.link(folder / BALANCED, folder / "train.p")  # one file with two names
    except OSError:  # a file system without such links
        shutil.copyfile(folder / BALANCED, folder / "train.p")
    if source.test is not None:
        write_signs(folder / "test.p", source.test)


def write_by_class(folder: Path, data: dict[str, np.ndarray]) -> None:
    """Write every image as a PNG: by_class/<class id, two digits>/real-<place>.png and generated-<number>.png.

    Args:
        folder: where to.
        data: see `gan.dcgan.balance.arrays`.
    """
    numbers = np.zeros(CLASSES, int)
    with progress(len(data["labels"]), "writing images", "image") as bar:
        for place, (image, label) in enumerate(zip(data["features"], data["labels"], strict=True)):
            name = f"real-{place:06d}.png"
            if data["generated"][place]:
                name = f"generated-{numbers[label]:06d}.png"
                numbers[label] += 1
            path = folder / BY_CLASS / f"{label:02d}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            bar.update()


def digests(folder: Path, manifest: str) -> dict[str, str]:
    """The SHA-256 of every file of a folder but the manifest, by its path there; one for all that is by class."""
    found = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != manifest}
    if (folder / BY_CLASS).is_dir():
        total = hashlib.sha256()
        for path in sorted(path for path in (folder / BY_CLASS).rglob("*") if path.is_file()):
            total.update(f"{path.relative_to(folder).as_posix()} ".encode() + path.read_bytes())
        found[BY_CLASS] = total.hexdigest()
    return found
