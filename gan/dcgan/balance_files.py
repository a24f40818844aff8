"""Balanced data on the disk: the source that it is made from, and what is written."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gan.archive import GoodRun
from gan.data.class_folders import read_signs_by_class
from gan.data.gtsrb import read_signs, write_signs
from gan.data.pickles import write_pickle
from gan.data.sets import SignSet, is_drawn, open_signs
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


def open_source(name: str, parameter: str = "source") -> SignSet:
    """The data set to fill up.

    Args:
        name: a folder with train.p, one such file (with test.p beside it or not), a folder or zip of class folders
            named 0-42, or "drawn" (see `gan.data.sets.open_signs`).
        parameter: that names it, for messages.

    Raises:
        UserError: there is none, it is damaged, or it was balanced before.
    """
    path = Path(name)
    folder = path if is_folder(path) else path.parent
    if not is_drawn(name) and (folder / MANIFEST).exists():
        raise UserError(f"{parameter} {name} was balanced before; give the data that it was made from.")
    if is_drawn(name) or is_folder(path):
        return open_signs(name)
    if not path.is_file():
        raise UserError(f"{parameter} {name} does not exist; give a folder with train.p, as prepare makes it.")
    if path.suffix.lower() == ".zip":
        return SignSet(name, read_signs_by_class(path), None)
    test = folder / "test.p"
    return SignSet(name, read_signs(path), read_signs(test) if test.is_file() else None)


def origin(source: SignSet, goodrun: GoodRun, parameters: dict) -> dict:
    """Everything that the bytes of the balanced data depend on: the data, the good run, parameters of the command."""
    return {
        "run": goodrun.run_id,
        "iteration": goodrun.iteration,
        "weights": sha256(goodrun.checkpoint),
        "source": source.train.digest(),
        "test": None if source.test is None else source.test.digest(),
        **{name: parameters[name] for name in DEPENDS_ON},
    }


def write_data(folder: Path, source: SignSet, data: dict[str, np.ndarray], by_class: bool) -> None:
    """Write train_balanced.p, the same file as train.p, and test.p where the source has a test part.

    Args:
        folder: where to; `gan.data.sets.open_signs` opens it then.
        source: the data that was filled up.
        data: see `gan.dcgan.balance.arrays`.
        by_class: write every image as a PNG too: by_class/<class id, two digits>/real-<place>.png and
            generated-<number>.png.
    """
    write_pickle(folder / BALANCED, data)
    try:
        os.link(folder / BALANCED, folder / "train.p")  # one file with two names
    except OSError:  # a file system without such links
        shutil.copyfile(folder / BALANCED, folder / "train.p")
    if source.test is not None:
        write_signs(folder / "test.p", source.test)
    if not by_class:
        return
    labels, generated = data["labels"], data["generated"]
    numbers = pd.Series(labels).groupby([labels, generated]).cumcount()
    for k in np.unique(labels):
        (folder / BY_CLASS / f"{k:02d}").mkdir(parents=True)
    for place, image in enumerate(progress(len(labels), "writing images", "image", items=data["features"])):
        name = f"generated-{numbers[place]:06d}" if generated[place] else f"real-{place:06d}"
        Image.fromarray(image).save(folder / BY_CLASS / f"{labels[place]:02d}" / f"{name}.png")
