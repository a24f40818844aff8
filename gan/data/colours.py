"""Label maps that are pictures in colours: ids by the colours of a palette, and the palette of such pictures."""

import collections
from collections.abc import Sequence

import numpy as np

from gan.data.palettes import BUILT_IN, Colour, Palette, generic
from gan.errors import UserError

MOST = 64  # colours that a label map in colours may have where its palette is not known
NEAR = 16  # colours that are less apart than this (Euclid) are one colour that JPEG has spoilt
FLAT = 8  # difference between neighbours, per channel, that still is one colour
LEAST = 5e-4  # share of the flat pixels that a colour must have to count, where JPEG has left traces between others
FAR = 48  # a pixel that far from all colours of the palette is of none of them ...
FAR_SHARE = 0.05  # ... and flat areas of a label map may have so many of them, that JPEG has blurred


def ids_of_colours(pixels: np.ndarray, palette: Palette, exact: bool, where: str) -> np.ndarray:
    """Ids by colours. Of classes that share a colour, the first in the palette is meant.

    Args:
        pixels: uint8 (height, width, 3).
        palette: the classes with their colours.
        exact: every colour must be one of the palette; else (JPEG) each pixel gets the nearest one.
        where: how messages name the picture.

    Returns:
        uint8 (height, width).

    Raises:
        UserError: there is a colour that the palette lacks, or many that are far from all of its colours.
    """
    values, inverse = np.unique(_packed(pixels), return_inverse=True)
    # Between two areas JPEG makes all kinds of colours: only what is inside of one tells.
    looked_at = np.ones(pixels.shape[:2], bool) if exact else _flat(pixels)
    counts = np.bincount(inverse.reshape(pixels.shape[:2])[looked_at], minlength=len(values))
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    known = np.array(palette.colours, np.int64)
    # In slices: a photo has a hundred thousand colours.
    near = np.concatenate([_distances(part, known) for part in np.array_split(colours, 1 + len(colours) // 4096)])
    closest, how_far = near.argmin(axis=1), near.min(axis=1)
    strange = how_far > (0 if exact else FAR**2)
    share = counts[strange].sum() / max(1, counts.sum())
    if share > (0 if exact else FAR_SHARE):
        worst = colours[strange][counts[strange].argmax()].tolist()
        raise UserError(
            f"{where} holds the colour {tuple(worst)} in {share:.1%} of its pixels, which the palette {palette.name} "
            "lacks; name the palette of the data set with --palette."
        )
    return np.array(palette.ids, np.uint8)[closest][inverse].reshape(pixels.shape[:2])


def palette_of_colours(maps: Sequence[np.ndarray], exact: bool, where: str) -> Palette:
    """The palette of label maps in colours: a built-in one if it has them all, else one class for each colour.

    Where the maps were stored with losses, only flat areas are looked at, colours close together are one, and what
    makes up less than one pixel in 2,000 of them is a trace of JPEG and no colour.

    Args:
        maps: uint8 (height, width, 3) pictures; all of them, or enough to see every class.
        exact: whether they were stored without losses.
        where: how messages name the data set.

    Raises:
        UserError: there are more than 64 colours, so that they are no label maps, or need a palette.
    """
    colours = main_colours(maps, exact)
    if len(colours) > MOST:
        raise UserError(
            f"the label maps of {where} have more than {MOST} colours and can't be told from photos; name the "
            "palette of the data set with --palette (cityscapes, camvid or the path of a palette.json)."
        )
    for palette in BUILT_IN.values():
        near = _distances(np.array(colours), np.array(palette.colours, np.int64)).min(axis=1)
        if len(colours) > 1 and (near <= (0 if exact else NEAR**2)).all():
            return palette
    return generic(range(len(colours)), colours, "colours")


def main_colours(maps: Sequence[np.ndarray], exact: bool) -> list[Colour]:
    """The colours of label maps, ascending; see `palette_of_colours`. Stops counting soon after `MOST`."""
    totals: collections.Counter[int] = collections.Counter()
    for pixels in maps:
        packed = _packed(pixels)
        if not exact:
            packed = packed[_flat(pixels)]
        values, counts = np.unique(packed, return_counts=True)
        totals.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if exact and len(totals) > MOST:
            break
    if exact:
        found = np.array(sorted(totals))[: MOST + 1]
        return [(int(v >> 16), int(v >> 8 & 255), int(v & 255)) for v in found]
    return _clusters(totals)


def _clusters(totals: "collections.Counter[int]") -> list[Colour]:
    """The most frequent colours that are far enough apart, each with what is near to it counted in."""
    values = np.array([value for value, _ in totals.most_common()], np.int64)
    counts = np.array([totals[value] for value in values.tolist()])
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    chosen: list[Colour] = []
    while len(colours) and len(chosen) <= MOST:
        near = _distances(colours, colours[:1])[:, 0] <= NEAR**2
        if counts[near].sum() >= LEAST * sum(totals.values()):
            chosen.append(tuple(colours[0].tolist()))
        colours, counts = colours[~near], counts[~near]
    return sorted(chosen)


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Where a pixel is like its neighbours on all four sides: bool (height, width)."""
    flat = np.ones(pixels.shape[:2], bool)
    wide = pixels.astype(np.int16)
    across = np.abs(wide[:, 1:] - wide[:, :-1]).max(axis=-1) <= FLAT
    down = np.abs(wide[1:] - wide[:-1]).max(axis=-1) <= FLAT
    flat[:, 1:] &= across
    flat[:, :-1] &= across
    flat[1:] &= down
    flat[:-1] &= down
    return flat


def _packed(pixels: np.ndarray) -> np.ndarray:
    """Colours as one number each."""
    wide = pixels.astype(np.int64)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances between colours: (N, 3) and (M, 3) give (N, M)."""
    return ((some[:, None].astype(np.int64) - others[None]) ** 2).sum(axis=-1)


def halves(pixels: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right half of an image.

    Raises:
        UserError: its width is odd.
    """
    width = pixels.shape[1]
    if width % 2:
        raise UserError(
            f"{where} is {width} pixels wide, and an image of two halves side by side has an even width; remove it, "
            "or give photos and label maps in two folders, photos/ and labels/."
        )
    return pixels[:, : width // 2], pixels[:, width // 2 :]


def photo_side(images: Sequence[np.ndarray], where: str) -> int:
    """Which half of images with two halves side by side is the photo: 0 for the left, 1 for the right.

    The label maps are the half with fewer colours.

    Args:
        images: some of the images, uint8 (height, width, 3).
        where: how messages name the data set.

    Raises:
        UserError: neither half looks like a label map, or both do.
    """
    pairs = [halves(image, where) for image in images]
    counts = [len(main_colours([pair[side] for pair in pairs], exact=False)) for side in (0, 1)]
    if min(counts) > MOST or counts[0] == counts[1]:
        raise UserError(
            f"the images in {where} are no pairs of photo and label map side by side; give photos and label maps of "
            "the same names in two folders, photos/ and labels/."
        )
    return counts.index(max(counts))
