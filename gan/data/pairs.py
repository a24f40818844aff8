"""Any folder or zip of pairs of photo and label map, as items for `folder_writer`.

Two layouts are known:

- photos and label maps (and maps of instances) of the same names in folders of their own, `photos/` and `labels/`
  or one of the other usual spellings (see `pair_layouts`); label maps hold ids, or the palette's colours;
- one image with photo and label map side by side, as in the data sets of pix2pix (1611.07004).

Where folders above or below say `train`, `val` or `test`, these parts are kept (and a missing validation part is cut
from the training part); else the scenes are split by sequence, see `sequences.split`.
"""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan.data import palettes
from gan.data.colours import halves, palette_of_colours, photo_side
from gan.data.folder import PALETTE
from gan.data.folder_writer import Found, Item
from gan.data.pair_files import File, in_colours, pair, read_labels, side_by_side
from gan.data.pair_layouts import IMAGE, Key, by_kind, named_and_split, place
from gan.data.palettes import NOT_SCORED, Palette, from_json, generic, histogram
from gan.data.parallel import in_threads
from gan.data.spread import spread_over
from gan.data.untrusted import open_source
from gan.data.untrusted_images import image_kind, read_image
from gan.errors import UserError
from gan.files import read_file
from gan.progress import progress

SAMPLED = 100  # images in colours that stand for all
MOST_IDS = NOT_SCORED - 1  # different ids in all label maps: what `Palette.scored_indices` can tell apart
PALETTE_BYTES = 2**20

_CAMVID_NAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?\d{5,6}", re.IGNORECASE)
_CITYSCAPES_NAME = re.compile(r"[a-z-]+_\d{6}_\d{6}", re.IGNORECASE)


def find_pairs(path: str | Path, palette: str, stack: contextlib.ExitStack) -> Found:
    """The pairs of a folder or zip.

    Args:
        path: the folder or zip.
        palette: "cityscapes", "camvid", the path of a palette.json, or "" for the palette.json of the source, else
            CamVid's or Cityscapes' where ids and names are theirs, else one made of the ids or colours that are
            there.
        stack: keeps the archive open.

    Raises:
        UserError: there are no pairs, a photo or map has no partner, two scenes have one name, or the palette can't
            be found out.
    """
    source = stack.enter_context(open_source(path))
    names = [name for name in source.names() if not re.search(r"(^|/)(\.|__MACOSX/)", name)]
    given = _given_palette(palette, [File(source, name) for name in names if Path(name).name == PALETTE])
    images = [File(source, name) for name in names if IMAGE.fullmatch(name)]
    kinds = by_kind(images)
    if kinds["labels"]:
        return _of_folders(path, kinds, given)
    if images and not kinds["instances"]:
        return _of_halves(path, images, given)
    raise UserError(
        f"{path} holds no pairs; it should hold photos/ and labels/ with files of the same names, or images with "
        "photo and label map side by side (links that lead out of a folder are not followed)."
    )


def _given_palette(palette: str, inside: Sequence[File]) -> Palette | None:
    """The palette that the user names, else the one that comes with the data."""
    if palette in palettes.BUILT_IN:
        return palettes.BUILT_IN[palette]
    try:
        if palette:
            return from_json(read_file(Path(palette).expanduser(), PALETTE_BYTES), palette)
        if inside:
            file = min(inside, key=lambda file: (file.name.count("/"), file.name))
            return from_json(file.source.read(file.name, PALETTE_BYTES), file.where)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"palette is {', '.join(palettes.BUILT_IN)} or the path of a palette.json, and {palette!r} can't be read "
            f"({getattr(error, 'strerror', None) or error})."
        ) from None
    return None


def _of_folders(path: str | Path, kinds: dict[str, dict[Key, File]], given: Palette | None) -> Found:
    photos, labels, instances = kinds["photos"], kinds["labels"], kinds["instances"]
    if not photos:
        raise UserError(f"{path} holds label maps and no photos; put the photos into photos/ beside labels/.")
    for some, others, lacks in (
        (photos, labels, "label map"), (labels, photos, "photo"), (instances, photos, "photo"),
        (photos if instances else {}, instances, "map of instances"),
    ):  # fmt: skip
        alone = [key for key in some if key not in others]
        if alone:
            raise UserError(
                f"{some[alone[0]].where} has no {lacks} of the same name ({len(alone):,} of {len(some):,} have "
                "none); add what is missing or remove it."
            )
    names, parts, notes = named_and_split(list(photos))
    maps = [labels[key] for key in sorted(labels)]
    if image_kind(maps[0].read(), maps[0].where)[1] in ("RGB", "RGBA"):
        some = _some(maps)
        pictures = [read_image(file.read(), file.where) for file in some]
        palette = given or palette_of_colours(pictures, all(file.is_exact() for file in some), str(path))
        label_reader = in_colours(palette)
    else:
        palette = given or _palette_of_ids(maps, list(names.values()))
        label_reader = read_labels
    items = [
        pair(parts[k], names[k], (photos[k], labels[k], instances.get(k)), palette, label_reader) for k in photos
    ]
    return _found(items, palette, given, notes)


def _of_halves(path: str | Path, images: Sequence[File], given: Palette | None) -> Found:
    files = {place(file.name)[1]: file for file in images}
    names, parts, notes = named_and_split(list(files))
    some = _some(list(files.values()))
    pictures = [read_image(file.read(), file.where) for file in some]
    side = photo_side(pictures, str(path))
    maps = [halves(image, str(path))[1 - side] for image in pictures]
    palette = given or palette_of_colours(maps, all(file.is_exact() for file in some), str(path))
    items = [side_by_side(parts[key], names[key], file, side, palette) for key, file in files.items()]
    return _found(
        items, palette, given, [*notes, f"Each image is a pair: the photo is the {('left', 'right')[side]} half."]
    )


def _found(items: list[Item], palette: Palette, given: Palette | None, notes: list[str]) -> Found:
    note = f"Palette: {palette.name}, {len(palette)} classes."
    if given is None:
        note = (
            f"{note[:-1]}, by what the label maps hold; a palette.json with names and roles of the classes can be "
            "given with --palette."
        )
    return Found(tuple(sorted(items, key=lambda item: (item.part, item.name))), palette, (*notes, note))


def _some(files: Sequence[File]) -> list[File]:
    """A sample that stands for all, from first to last."""
    return [files[k] for k in spread_over(len(files), SAMPLED)]


def _palette_of_ids(maps: Sequence[File], names: Sequence[str]) -> Palette:
    """The palette of label maps that hold ids."""
    present = np.zeros(256, bool)
    histograms = in_threads(lambda file: histogram(read_labels(file)) > 0, maps)
    for found in progress(len(maps), "looking for ids", "label map", items=histograms):
        present |= found
    ids = np.flatnonzero(present).tolist()
    if len(ids) > MOST_IDS:
        raise UserError(
            f"the label maps, {maps[0].where} for one, hold {len(ids)} different values, too many for ids of "
            f"classes ({MOST_IDS} at most); give label maps of ids, or name their palette with --palette."
        )
    for palette, form in ((palettes.CAMVID, _CAMVID_NAME), (palettes.CITYSCAPES, _CITYSCAPES_NAME)):
        if set(ids) <= set(palette.ids) and all(form.fullmatch(name) for name in names):
            return palette
    return generic(ids)
