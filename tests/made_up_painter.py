"""A generator that paints label maps in their colours, and a segmenter that reads them back: known answers."""

import numpy as np

from gan.data.palettes import CITYSCAPES, Palette
from tests.made_up_streets import BUILDING


def painter(palette: Palette = CITYSCAPES, unseen: tuple[int, ...] = (), often: int = 1):
    """Photos of label maps: their colours and a little noise; classes in `unseen` look like buildings.

    Args:
        palette: of the label maps.
        unseen: ids that are not shown, in every photo whose number `often` divides.
        often: see there.
    """
    colours = np.array(palette.colours, np.uint8)
    building = colours[palette.ids.index(BUILDING)]

    def photos(labels, edges, first, lights=None):
        made = np.empty((*labels.shape, 3), np.uint8)
        for k, positions in enumerate(labels):
            number = first + k
            picture = colours[positions].astype(int)
            if number % often == 0:
                picture[np.isin(np.array(palette.ids)[positions], unseen)] = building
            noise = np.random.default_rng([9, number]).integers(-2, 3, picture.shape)
            made[k] = np.clip(picture + noise, 0, 255)
        return made

    return photos


def reader(palette: Palette = CITYSCAPES):
    """The scored class with the nearest colour, of every pixel."""
    places = [palette.ids.index(k) for k in palette.scored]
    colours = np.array(palette.colours, int)[places]

    def answers(photos):
        apart = ((photos[..., None, :].astype(int) - colours) ** 2).sum(axis=-1)
        return apart.argmin(axis=-1).astype(np.uint8)

    return answers
