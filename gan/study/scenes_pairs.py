"""Generated pairs for the study of scenes: generated once by the good run, filtered, kept in the study's folder."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np

from gan.archive import judges
from gan.arrays import require_arrays
from gan.data.palettes import Palette
from gan.errors import UserError
from gan.files import require_writable
from gan.pix2pix import augment, cutouts, edits, pair_filter, paste, segmenter, windows
from gan.pix2pix.augment import Counts, PairGenerator
from gan.pix2pix.augment_report import Gallery, thrown_text
from gan.pix2pix.pair_filter import NONE
from gan.pix2pix.restored import GENERATE, INPAINT, PASTE, Restored
from gan.pix2pix.segmenter import build_segmenter
from gan.study.grid import cached_arrays

SEED = 0  # of label maps and noise
# What the filter asks for: see `gan.pix2pix.pair_filter.filter_for`. Real photos with new objects are all kept.
AGREEMENT = {GENERATE: "auto", INPAINT: NONE, PASTE: NONE}
SEGMENTER_ITERATIONS = 2_000  # of the filter's segmenter: that of train_pix2pix, which the archive has already


@dataclasses.dataclass(frozen=True)
class Source:
    """The files that hold new pairs."""

    size: tuple[int, int]  # width and height of pairs, and of all that segmenters learn
    paths: dict[tuple[str, int], Path] = dataclasses.field(default_factory=dict)  # by way and fold

    def read(self, way: str, fold: int = 0) -> dict[str, np.ndarray]:
        """The pairs that were kept, and what is known of them.

        Args:
            way: how photos are made, one of `gan.pix2pix.restored.WAYS`.
            fold: whose training scenes they are made from; 0 where there are none.

        Returns:
            photos: uint8 (M, height, width, 3).
            labels: uint8 (M, height, width), ids.
            sheet: uint8 (h, w, 3), some of them beside the label maps that they were made from.
            real_pixels: integers (256,), pixels of each id in the training scenes searched for objects.
            told: JSON; "tries", "kept", "thrown_away" and "no_place" by number; "put_in", objects by class name;
                "kept_of_real", the share of real photos that the filter keeps; "blind", classes it does not judge;
                "made_by", a sentence.
        """
        return require_arrays(
            self.paths[way, fold],
            {"photos": "u4", "labels": "u3", "sheet": "u3", "real_pixels": "iu1", "told": "U0"},
        )

    def summary(self, way: str, fold: int = 0) -> dict:
        """The `told` of `read`."""
        return json.loads(str(self.read(way, fold)["told"]))


def digest(pairs: dict[str, np.ndarray]) -> str:
    """16 hexadecimal digits that name these very pairs, whoever made them."""
    total = hashlib.sha256(repr(pairs["photos"].shape).encode())
    total.update(np.ascontiguousarray(pairs["photos"]).data)
    total.update(np.ascontiguousarray(pairs["labels"]).data)
    return total.hexdigest()[:16]


def wanted_classes(palette: Palette) -> tuple[int, ...]:
    """Ids of the classes that are put into label maps: the rare ones, or all things where none is rare.

    Raises:
        UserError: the palette marks neither, or no ground that things stand on.
    """
    classes = palette.rare or palette.things
    if not classes:
        raise UserError(
            f"the palette {palette.name} marks no class as rare and none as thing, so that there is nothing to put "
            "into label maps; mark some in palette.json, and prepare the data with --palette."
        )
    return cutouts.parse_classes(",".join(map(str, classes)), palette)


def made(folder: Path, good: Restored, count: int, say, way: str) -> Path:
    """The file of a study's new pairs: read if the folder has them, else made.

    Args:
        folder: the study's folder.
        good: the generator and its data.
        count: pairs to keep; fewer where too few pass the filter, which the user is told.
        say: prints a line for the user.
        way: how photos are made, one of `gan.pix2pix.restored.WAYS`.

    Raises:
        UserError: the good run can't make them so, there is nothing to put in, no segmenter can be trained, or no
            pair passes the filter.
    """
    palette, (width, height), origin = good.scenes.palette, good.size, good.origin()
    good.way(way)
    classes = wanted_classes(palette)
    network = build_segmenter(len(palette.scored), width, height)
    # Names of runs and folders decide nothing: the same weights and scenes give the same pairs.
    identity = {
        "recipe": judges.recipe(network, segmenter, augment, cutouts, edits, paste, pair_filter, windows),
        "weights": origin["weights"], "training": origin["digests"]["training"],
        "size": [width, height], "classes": list(classes),
        "count": count, "seed": SEED, "agreement": AGREEMENT[way], "segmenter_iterations": SEGMENTER_ITERATIONS,
        "way": way,
    }  # fmt: skip

    def make() -> dict[str, np.ndarray]:
        require_writable(folder, count * width * height * 4)
        say(f"making {count} pairs. {good.made_by(way)}")
        return _arrays(good, classes, count, say, way)

    path = cached_arrays(folder / "pools", identity, make)
    found = Source((width, height), {(way, 0): path}).summary(way)
    if found["kept"] < count:
        say(f"warning: only {found['kept']} pairs of {count} passed the filter, in {found['tries']} tries")
    return path


def _arrays(good: Restored, classes: tuple[int, ...], count: int, say, way: str) -> dict[str, np.ndarray]:
    width, height = good.size
    photos, labels = np.empty((count, height, width, 3), np.uint8), np.empty((count, height, width), np.uint8)
    generator = PairGenerator.restored(good, classes, SEED, AGREEMENT[way], SEGMENTER_ITERATIONS, say, way=way)
    gallery, counts = Gallery(generator.pool), Counts()
    for pair in generator.pairs(count, counts):
        gallery.add(pair)
        if pair.check.passed:
            photos[counts.kept - 1], labels[counts.kept - 1] = pair.photo, pair.label_map.labels
    say(thrown_text(counts, generator.keep))
    if not counts.kept:
        raise UserError(
            f"of {counts.tries} generated pairs none agreed with its label map enough to be kept; give a good "
            "run that was trained longer."
        )
    blind = list(map(good.scenes.palette.name_of, generator.keep.blind))
    summary = counts.numbers() | {"put_in": counts.put_in, "kept_of_real": generator.keep.real_kept, "blind": blind}
    summary["made_by"] = good.made_by(way)
    return {
        "photos": photos[: counts.kept], "labels": labels[: counts.kept], "sheet": gallery.sheet(),
        "real_pixels": generator.pool.pixels, "told": np.array(json.dumps(summary)),
    }  # fmt: skip
