"""The folder of generated pairs: the layout of prepared scenes (`gan.data.folder`), and a manifest beside it.

Its training part holds the generated pairs, and the real ones besides if they are wanted; the other two parts hold
those of the data set that they were made from, so that whatever is trained on the folder is scored on real photos.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.folder import TEST, TRAINING, VALIDATION
from gan.data.folder_writer import Item, Size, to_png, write_folder
from gan.data.scene import Scene, SceneSet, nearest
from gan.pix2pix.augment import Counts, Pair, PairGenerator
from gan.pix2pix.edits import Edited

MANIFEST = "manifest.json"
LONGEST = 180  # bytes of a source's name that the name of a pair begins with


class PairWriter:
    """Takes pairs while they are generated, one at a time in memory.

    Args:
        folder: for their arrays, until they are written.
        scenes: the data set that they are made from.
        seed: of the pairs.
        goodrun: what the manifest says of the good run with each of them.
        fine: gives the label map of a number as fine as it was edited, to write pairs at the size of the scenes that
            they are made from; None: at their own.
    """

    def __init__(
        self, folder: Path, scenes: SceneSet, seed: int, goodrun: dict,
        fine: Callable[[int], Edited | None] | None = None,
    ):  # fmt: skip
        self._folder, self._scenes, self._seed, self._goodrun, self._fine = folder, scenes, seed, goodrun, fine
        self._taken = set(scenes.training.names)
        self.items: list[Item] = []
        self.entries: list[dict] = []
        folder.mkdir()

    def add(self, pair: Pair) -> str:
        """Store a pair; returns the name that it gets."""
        new, check = pair.label_map, pair.check
        source = self._scenes.training.names[new.source]
        name = self._name(source, pair.number)
        path = self._folder / f"{pair.number:08d}.npz"
        scene = Scene(pair.photo, new.labels, new.instances)
        if self._fine is not None:
            scene = self._enlarged(pair)
        arrays = {name: value for name, value in dataclasses.asdict(scene).items() if value is not None}
        np.savez_compressed(path, **arrays)
        self.items.append(Item.of(TRAINING, name, partial(_read_scene, path)))
        self.entries.append(
            {"name": name, "source": source, "number": pair.number, "seed": self._seed}
            | self._goodrun
            | {"edits": new.edits}
            | {
                "agreement": {
                    "pixels": round(check.pixels, 4),
                    "classes": self._scenes.palette.by_name(check.classes),
                    "put_in": self._scenes.palette.by_name(check.put_in),
                }
            }
        )
        return name

    def write(
        self, output: Path, about: dict, size: Size | None, with_real: bool, zipped: bool, previews: bool
    ) -> None:
        """Write the prepared folder: the pairs, and the real scenes beside them.

        Args:
            output: the folder, which is new.
            about: what prepared.json is to say.
            size: width and height of all; None: each has its own.
            with_real: real training scenes too.
            zipped: a zip of each part besides.
            previews: the label maps of the pairs in their colours, too.
        """
        scenes = self._scenes
        parts = {VALIDATION: scenes.validation, TEST: scenes.test} | (
            {TRAINING: scenes.training} if with_real else {}
        )
        originals = [
            Item.of(part, name, partial(members.scene, k))
            for part, members in parts.items()
            for k, name in enumerate(members.names)
        ]
        write_folder(output, [*self.items, *originals], scenes.palette, about, size, zipped)
        if previews:
            folder = output / TRAINING / "previews"
            folder.mkdir()
            for item in self.items:
                (folder / f"{item.name}.png").write_bytes(to_png(scenes.palette.colour(item.read()[1])))

    def _enlarged(self, pair: Pair) -> Scene:
        """A pair at the size of the scene that it is made from, its label map as fine as it was edited."""
        fine = self._fine(pair.number)
        size = self._scenes.training.scene(fine.source).size
        photo = Image.fromarray(pair.photo if fine.photo is None else fine.photo)
        photo = photo.resize(size, Image.Resampling.LANCZOS)
        instances = None if fine.instances is None else nearest(fine.instances, *size)
        return Scene(np.asarray(photo), nearest(fine.labels, *size), instances)

    def _name(self, source: str, number: int) -> str:
        """A name that begins like the source's, so that both stay together where names decide about parts."""
        start = source.encode()[:LONGEST].decode(errors="ignore")
        name = f"{start}_generated_{self._seed}_{number:06d}"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _read_scene(path: Path) -> Scene:
    with np.load(path) as arrays:
        return Scene(**arrays)


def manifest(generator: PairGenerator, counts: Counts, entries: list[dict]) -> dict:
    """What manifest.json says besides the origin and the files.

    Args:
        generator: of the pairs.
        counts: what became of the tries.
        entries: of the pairs.
    """
    keep = generator.keep
    return {
        "thresholds": keep.palette.by_name(keep.scene),
        "thresholds_put_in": keep.palette.by_name(keep.put_in),
        "not_judged": list(map(keep.palette.name_of, keep.blind)),
        "real_photos_kept": round(keep.real_kept, 4),
        **counts.numbers(),
        "thrown_away_by_class": keep.palette.by_name(counts.failed),
        "thrown_away_by_class_put_in": keep.palette.by_name(counts.failed_put_in),
        "put_in": counts.put_in,
        "pairs": entries,
    }
