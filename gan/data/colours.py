"""Label maps that are pictures in colours: ids by the colours of a palette, and the palette of such pictures."""

import collections
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy.spatial import KDTree

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
    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    values, inverse = np.unique(packed, return_inverse=True)
    colours = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1)
    ids = {colour: k for k, colour in reversed(list(zip(palette.ids, palette.colours, strict=True)))}
    how_far, closest = KDTree(list(ids)).query(colours)
    # Between two areas JPEG makes all kinds of colours: only what is inside of one tells.
    seen = inverse.reshape(packed.shape)[... if exact else _flat(pixels)]
    counts = np.bincount(seen.ravel(), minlength=len(values))
    strange = how_far > (0 if exact else FAR)
    share = counts[strange].sum() / max(1, counts.sum())
    if share > (0 if exact else FAR_SHARE):
        worst = colours[strange][counts[strange].argmax()].tolist()
        raise UserError(
            f"{where} holds the colour {tuple(worst)} in {share:.1%} of its pixels, which the palette {palette.name} "
            "lacks; name the palette of the data set with --palette."
        )
    return np.array(list(ids.values()), np.uint8)[closest][inverse].reshape(packed.shape)


def palette_of_colours(maps: Sequence[np.ndarray], exact: bool, where: str) -> Palette:
    """The palette of label maps in colours: a built-in one if it has them all, else one class for each colour.

    Where the maps were stored with losses, only flat areas count, colours close together are one, and what
    makes up less than one pixel in 2,000 of them is a trace of JPEG and no colour.

    Args:
        maps: uint8 (height, width, 3) pictures; all of them, or enough to see every class.
        exact: whether they were stored without losses.
        where: how messages name the data set.

    Raises:
        UserError: there are more than 64 colours, so that they are no label maps, or need a palette.
    """
    colours = main_colours(maps, exact)
    if not colours:
        raise UserError(
            f"the label maps of {where} have no flat areas and can't be told from photos; give label maps that were "
            "stored without losses, as PNG."
        )
    if len(colours) > MOST:
        raise UserError(
            f"the label maps of {where} have more than {MOST} colours and can't be told from photos; name the "
            "palette of the data set with --palette (cityscapes, camvid or the path of a palette.json)."
        )
    for palette in BUILT_IN.values():
        how_far, _ = KDTree(palette.colours).query(colours)
        if len(colours) > 1 and (how_far <= (0 if exact else NEAR)).all():
            return palette
    return generic(range(len(colours)), colours, "colours")


def main_colours(maps: Sequence[np.ndarray], exact: bool) -> list[Colour]:
    """The colours of label maps, ascending; see `palette_of_colours`. Stops counting soon after `MOST`."""
    totals: collections.Counter[Colour] = collections.Counter()
    for pixels in maps:
        counted = pixels.reshape(1, -1, 3) if exact else pixels[_flat(pixels)][None]
        if counted.size:
            counts = Image.fromarray(counted).getcolors(counted.shape[1])
            totals.update({colour: count for count, colour in counts})
        if exact and len(totals) > MOST:
            break
    if exact:
        return sorted(totals)[: MOST + 1]
    colours, counts = np.array(list(totals), np.int64).reshape(-1, 3), np.array(list(totals.values()))
    chosen: list[Colour] = []
    while len(colours) and len(chosen) <= MOST:  # the most frequent colour, with what is near to it counted in
        most = colours[counts.argmax()]
        near = np.linalg.norm(colours - most, axis=1) <= NEAR
        if counts[near].sum() >= LEAST * totals.total():
            chosen.append(tuple(most.tolist()))
        colours, counts = colours[~near], counts[~near]
    return sorted(chosen)


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Where a pixel is like its neighbours on all four sides: bool (height, width)."""
    wide = np.pad(pixels.astype(np.int16), ((1, 1), (1, 1), (0, 0)), "edge")
    neighbours = wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]
    return np.all([np.abs(wide[1:-1, 1:-1] - other).max(axis=-1) <= FLAT for other in neighbours], axis=0)


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
