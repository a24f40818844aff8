"""Objects pasted into photos with their own pixels: what is put into a label map, put into its photo too.

Copy-paste without a network (Dwibedi et al. 2017, arXiv 1708.01642; Ghiasi et al. 2021, arXiv 2012.07177), with soft
edges and the light of the new place.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

SOFT = 0.6  # pixels: standard deviation of the blur of an outline
AROUND = 0.5  # of an object's height: how far around it the light is taken from
LIGHT = 0.5, 2.0  # least and largest change of light: beyond, colours are noise or cut off


class Pasted(NamedTuple):
    """An object with its pixels.

    Attributes:
        photo: uint8 (height, width, 3), the photo that it was cut out of.
        box: rows and columns of it there.
        mask: bool, as large as the box: what is of the object.
        mirrored: it is put in with left and right exchanged.
    """

    photo: np.ndarray
    box: tuple[slice, slice]
    mask: np.ndarray
    mirrored: bool


def paste(photo: np.ndarray, box: tuple[slice, slice], visible: np.ndarray, thing: Pasted) -> None:
    """Paint an object into a photo.

    Args:
        photo: uint8 (height, width, 3); is changed.
        box: rows and columns that the object takes there.
        visible: bool, as large as the box: what of it is not hidden.
        thing: the object, at its old size.
    """
    light = _light_around(photo, box, visible) / _light_around(thing.photo, thing.box, thing.mask)
    pixels = thing.photo[thing.box]
    if thing.mirrored:
        pixels = pixels[:, ::-1]
    height, width = visible.shape
    resized = Image.fromarray(np.ascontiguousarray(pixels)).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized, np.float32) * np.clip(light, *LIGHT)
    # Soft inwards: the surroundings that the object was cut out of never show.
    alpha = ndimage.gaussian_filter(visible.astype(np.float32), SOFT, mode="constant") * visible
    old = photo[box].astype(np.float32)
    photo[box] = np.clip(np.rint(old + alpha[..., None] * (pixels - old)), 0, 255).astype(np.uint8)


def _light_around(photo: np.ndarray, box: tuple[slice, slice], mask: np.ndarray) -> np.ndarray:
    """float (3,): mean of each channel around an object, above 0."""
    margin = max(2, round(AROUND * mask.shape[0]))
    rows, columns = (
        slice(max(0, part.start - margin), min(side, part.stop + margin))
        for part, side in zip(box, photo.shape, strict=False)
    )
    around = np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
    top, left = box[0].start - rows.start, box[1].start - columns.start
    around[top : top + mask.shape[0], left : left + mask.shape[1]] &= ~mask
    return photo[rows, columns][around].mean(axis=0) + 1
