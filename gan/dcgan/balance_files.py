"""Balanced data on the disk: the source that it is made from, and what is written."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from gan.archive import GoodRun
from gan.checkpoint_info import CheckpointInfo
from gan.data import pickles, untrusted
from gan.data.class_folders import DEFAULT_READING, Reading
from gan.data.class_table import is_table
from gan.data.gtsrb import read_signs, write_signs
from gan.data.labelled import GENERATED, GENERATED_LIST
from gan.data.sets import DataSet, is_drawn, open_images
from gan.dcgan.balance import ClassCounts, arrays, pickled_size
from gan.dcgan.learned import open_for
from gan.errors import UserError
from gan.files import is_folder, sha256
from gan.progress import progress

BALANCED = "train_balanced.p"
MANIFEST = "balance.json"
BY_CLASS = "by_class"
DEPENDS_ON = ("target", "classes", "seed", "quality", "judge_iterations", "folders")  # parameters
PNG_BYTES = 5_000  # of a PNG on the disk, besides 3 bytes a pixel
KEYS = {
    "features, labels, sizes, coords, tracks": "as in train.p: first the real images in their order, then the others",
    "generated": "bool, whether the image is generated: data['features'][data['generated']] are those",
    "source_run": "uint8 (N, 16), the run that generated it: data['source_run'][k].tobytes().hex(); zeros if real",
}


def open_source(
    name: str, info: CheckpointInfo | None = None, parameter: str = "source", reading: Reading = DEFAULT_READING
) -> DataSet:
    """The data set to fill up.

    Args:
        name: a folder with train.p, one such file (with test.p beside it or not), somebody's own images (see
            `gan.data.class_folders.read_class_folders`), or "drawn" (see `gan.data.sets.open_images`).
        info: of the good run, which says how somebody's own images are read; None: `reading` does.
        parameter: that names it, for messages.
        reading: how somebody's own images are read.

    Raises:
        UserError: there is none, it is damaged, or it was balanced before.
    """
    path = Path(name)
    folder = path if is_folder(path) else path.parent
    if not is_drawn(name) and any((folder / file).exists() for file in (MANIFEST, GENERATED_LIST)):
        raise UserError(f"{parameter} {name} was balanced before; give the data that it was made from.")
    if not is_drawn(name) and not is_folder(path):
        if not path.is_file():
            raise UserError(
                f"{parameter} {name} does not exist; give a folder with train.p, or with a folder of images for "
                "each class."
            )
        if path.suffix.lower() != ".zip" and not is_table(path):
            test = folder / "test.p"
            return DataSet(name, read_signs(path), read_signs(test) if test.is_file() else None)
    return open_for(info, name) if info else open_images(name, reading=reading)


def origin(source: DataSet, goodrun: GoodRun, parameters: dict) -> dict:
    """Everything that the bytes of the balanced data depend on: the data, the good run, parameters of the command."""
    return {
        "run": goodrun.run_id,
        "iteration": goodrun.iteration,
        "weights": sha256(goodrun.checkpoint),
        "source": source.train.digest(),
        "test": None if source.test is None else source.test.digest(),
        **{name: parameters[name] for name in DEPENDS_ON},
    }


class PickledForm:
    """GTSRB's way: train_balanced.p, the same file as train.p, and test.p where the source has a test part.

    Args:
        source: the data that is filled up.
        by_class: write every image as a PNG too: by_class/<class id, two digits>/real-<place>.png and
            generated-<number>.png.
    """

    main, folder = BALANCED, ""  # what holds the images, and the folder that `data` understands

    def __init__(self, source: DataSet, by_class: bool):
        self._source, self._by_class = source, by_class

    def bytes(self, added: int) -> int:
        """Room that it needs with so many generated images.

        Raises:
            UserError: the file would be longer than what is read again.
        """
        count = len(self._source.train) + added
        size, most = pickled_size(self._source.train.images, count), pickles.MAX_BYTES
        if size > 0.95 * most:
            raise UserError(
                f"{count:,} images make a file of about {size / 1e6:,.0f} MB, and up to {most / 1e6:,.0f} MB are "
                "read again; give a smaller target or fewer classes."
            )
        return 2 * size + png_bytes(self._source) * count * self._by_class

    def write(self, folder: Path, generated: np.ndarray, counts: list[ClassCounts], run_id: str) -> dict:
        """Write the files; what the manifest says of them."""
        data = arrays(self._source.train, generated, counts, run_id)
        pickles.write_pickle(folder / BALANCED, data)
        _link(folder / BALANCED, folder / "train.p")  # one file with two names
        if self._source.test is not None:
            write_signs(folder / "test.p", self._source.test)
        if self._by_class:
            self._write_by_class(folder, data)
        return {"keys": KEYS}

    def _write_by_class(self, folder: Path, data: dict[str, np.ndarray]) -> None:
        labels, generated = data["labels"], data["generated"]
        numbers = pd.Series(labels).groupby([labels, generated]).cumcount()
        for k in np.unique(labels):
            (folder / BY_CLASS / f"{k:02d}").mkdir(parents=True)
        for place, image in enumerate(progress(len(labels), "writing images", "image", items=data["features"])):
            name = f"generated-{numbers[place]:06d}" if generated[place] else f"real-{place:06d}"
            Image.fromarray(image).save(folder / BY_CLASS / f"{labels[place]:02d}" / f"{name}.png")


class OwnForm:
    """The layout that somebody's own images came in, with theirs unchanged and generated PNGs beside them.

    Args:
        source: the data that is filled up.
    """

    main = folder = "images"

    def __init__(self, source: DataSet):
        self._source = source

    def bytes(self, added: int) -> int:
        """Room that it needs with so many generated images."""
        with untrusted.open_source(self._root) as origin:
            originals = sum(_length(origin, self._root, name) for name in self._source.files)
        return originals + png_bytes(self._source) * added

    @property
    def _root(self) -> Path:
        path = Path(self._source.name)
        return path.parent if is_table(path) else path

    def write(self, folder: Path, generated: np.ndarray, counts: list[ClassCounts], run_id: str) -> dict:
        """Write the files; what the manifest says of them."""
        files, folder = self._source.files, folder / self.main
        with untrusted.open_source(self._root) as origin:
            for name in progress(len(files), "copying images", "image", items=files):
                place = folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                _copy(origin, self._root, name, place)
        first = {}  # an image of each class, whose folder it is
        for name, label in zip(files, self._source.train.labels, strict=False):
            first.setdefault(int(label), PurePosixPath(name).parent)
        names = list(self._names(counts, first))
        (folder / GENERATED_LIST).write_text(json.dumps([str(name) for name in names], indent=0))
        for name, image in zip(names, generated, strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / name)
        if self._source.table:
            labels = [count.class_id for count in counts for _ in range(count.kept)]
            (folder / self._source.table).write_text(self._table(names, labels))
        return {"generated": f"{self.main}/{GENERATED_LIST}", "source_run": run_id}

    def _names(self, counts: Sequence[ClassCounts], first: dict[int, PurePosixPath]) -> Iterator[PurePosixPath]:
        for count in counts:
            for number in range(count.kept):
                yield first[count.class_id] / f"generated-{number:06d}.png"

    def _table(self, names: Sequence[PurePosixPath], class_ids: Sequence[int]) -> str:
        """The CSV of all images; its files are named from its folder on."""
        source, place = self._source, PurePosixPath(self._source.table).parent
        parts = {"train": source.train} | ({"test": source.test} if source.test else {})
        ids = np.concatenate([*(images.labels for images in parts.values()), np.array(class_ids, int)])
        tracks = np.concatenate([*(images.tracks for images in parts.values()), np.full(len(names), GENERATED)])
        rows = {
            "file": [PurePosixPath(name).relative_to(place) for name in (*source.files, *names)],
            "label": [source.classes.names[k] for k in ids],
            "group": ["" if track < 0 else track for track in tracks],
            "part": [part for part, images in parts.items() for _ in range(len(images))] + ["train"] * len(names),
        }
        return pd.DataFrame(rows).to_csv(index=False)


def form_of(source: DataSet, by_class: bool) -> PickledForm | OwnForm:
    """How balanced data are written: as the source was."""
    return OwnForm(source) if source.files else PickledForm(source, by_class)


def png_bytes(source: DataSet) -> int:
    """Bytes of a PNG of a size of the source, at most."""
    return PNG_BYTES + 3 * source.train.size**2


def _length(origin: untrusted.Source, root: Path, name: str) -> int:
    """Bytes of a file of a folder or zip."""
    return (root / name).stat().st_size if is_folder(root) else int(origin.stamp(name).partition("-")[0])


def _copy(origin: untrusted.Source, root: Path, name: str, place: Path) -> None:
    """Link a file of a folder, or copy one of a zip."""
    if is_folder(root):
        _link(root / name, place)
    else:
        place.write_bytes(origin.read(name))


def _link(path: Path, place: Path) -> None:
    """One file with two names, or a copy where the file system can't do that."""
    try:
        os.link(path.resolve(), place)
    except OSError:
        shutil.copyfile(path, place)
