"""Balanced data on the disk: the source that it is made from, what is written, and whether it was written before."""

import hashlib
import json
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
from gan.data.signs import NAMES
from gan.dcgan.balance import COPY, LIMIT, Filled, arrays
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


def write_data(folder: Path, source: SignSet, features: np.ndarray, filled: list[Filled], run_id: str) -> None:
    """Write train_balanced.p, the same file as train.p, and test.p where the source has a test part.

    Args:
        folder: where to; `gan.data.sets.open_signs` opens it then.
        source: the data that was filled up.
        features: uint8 (N, 32, 32, 3), all images (see `gan.dcgan.balance.arrays`).
        filled: its classes.
        run_id: of the run that generated.
    """
    write_pickle(folder / BALANCED, arrays(source.train, features, filled, run_id))
    try:
        os.link(folder / BALANCED, folder / "train.p")  # one file with two names
    except OSError:  # a file system without such links
        shutil.copyfile(folder / BALANCED, folder / "train.p")
    if source.test is not None:
        write_signs(folder / "test.p", source.test)


def write_by_class(folder: Path, source: SignSet, features: np.ndarray, filled: list[Filled]) -> None:
    """Write every image as a PNG: by_class/<class id, two digits>/real-<place>.png and generated-<number>.png.

    Args:
        folder: where to.
        source: the data that was filled up.
        features: uint8 (N, 32, 32, 3), all images.
        filled: its classes.
    """
    with progress(len(features), "writing images", "image") as bar:
        for k, label in enumerate(source.train.labels):
            _save(features[k], folder / BY_CLASS / f"{label:02d}" / f"real-{k:06d}.png")
            bar.update()
        place = len(source.train)
        for each in filled:
            for number, image in enumerate(features[place : place + each.kept]):
                _save(image, folder / BY_CLASS / f"{each.class_id:02d}" / f"generated-{number:06d}.png")
                bar.update()
            place += each.kept


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_manifest(folder: Path, origin: dict, command: str, filled: list[Filled], sentences: list[str]) -> Path:
    """Write balance.json: what all was made from and how, numbers by class, digests of the files. Its path.

    Args:
        folder: the folder, all else written.
        origin: what the data depends on.
        command: that makes it again.
        filled: the classes.
        sentences: what to know.
    """
    content = {
        "origin": origin,
        "command": command,
        "notes": sentences,
        "keys": KEYS,
        "rules": {"copies": f"nearer than {COPY}", "given_up": f"fewer than one in {LIMIT} kept"},
        "classes": {str(each.class_id): {"name": NAMES[each.class_id], **each.row()} for each in filled},
        "files": digests(folder, MANIFEST),
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(content, indent=1))
    return path


def digests(folder: Path, manifest: str) -> dict[str, str]:
    """The SHA-256 of every file of a folder but the manifest, by its path there; one for all that is by class."""
    found = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != manifest}
    if (folder / BY_CLASS).is_dir():
        total = hashlib.sha256()
        for path in sorted(path for path in (folder / BY_CLASS).rglob("*") if path.is_file()):
            total.update(f"{path.relative_to(folder).as_posix()} ".encode() + path.read_bytes())
        found[BY_CLASS] = total.hexdigest()
    return found
