import numpy as np
import pytest
from PIL import Image

from gan.data.signs import CLASSES, MIRROR, NAMES
from gan.drawn.pictograms import pictogram

SPEEDS = (0, 1, 2, 3, 4, 5, 7, 8)
BLUE_DISCS = range(33, 41)


def on_grey(class_id: int, size: int = 32) -> np.ndarray:
    """int64 (size, size, 3): the sign before plain grey, as small as a data set shows it."""
    sign = pictogram(class_id, 4 * size)
    ground = Image.new("RGBA", sign.size, (110, 110, 110, 255))
    ground.alpha_composite(sign)
    return np.asarray(ground.convert("RGB").resize((size, size), Image.Resampling.BOX)).astype(np.int64)


@pytest.mark.parametrize("size", [64, 33])
def test_mirror_pairs_and_symmetric_signs_are_exact(size):
    for class_id, mirror in MIRROR.items():
        flipped = np.asarray(pictogram(class_id, size))[:, ::-1]
        np.testing.assert_array_equal(flipped, np.asarray(pictogram(mirror, size)), err_msg=NAMES[class_id])


def test_signs_that_no_mirror_keeps_are_not_symmetric():
    for class_id in set(range(CLASSES)) - set(MIRROR):
        sign = on_grey(class_id)
        changed = np.abs(sign - sign[:, ::-1]).max(axis=2) > 60
        assert changed.mean() > 0.01, NAMES[class_id]


def test_every_sign_differs_clearly_from_every_other_at_32_pixels():
    signs = [on_grey(class_id) for class_id in range(CLASSES)]
    for a in range(CLASSES):
        for b in range(a):
            changed = np.abs(signs[a] - signs[b]).max(axis=2) > 60
            assert changed.sum() >= 12, f"{NAMES[a]} and {NAMES[b]} differ in {changed.sum()} pixels"


def test_the_sign_fills_its_picture_and_nothing_else():
    for class_id in range(CLASSES):
        alpha = np.asarray(pictogram(class_id, 100).getchannel("A"))
        left, top, right, bottom = Image.fromarray(alpha).getbbox()
        assert right - left >= 96, NAMES[class_id]
        assert bottom - top >= 85, NAMES[class_id]
        assert abs((top + bottom) / 2 - 50) <= 1, NAMES[class_id]
        assert alpha[50, 50] == 255, NAMES[class_id]
        if class_id != 13:  # only "Yield" reaches into the upper corners
            assert alpha[3, 3] == alpha[3, 96] == 0, NAMES[class_id]


def test_colours_are_those_of_the_sign():
    for class_id in range(CLASSES):
        red, green, blue = np.moveaxis(on_grey(class_id), 2, 0)
        reddish, bluish = (red > blue + 90) & (red > green + 90), blue > red + 90
        if class_id in BLUE_DISCS:
            assert bluish.mean() > 0.4, NAMES[class_id]
        elif class_id in (6, 12, 32, 41, 42):  # grey, white and yellow ones
            assert not reddish.any(), NAMES[class_id]
        else:
            assert 0.14 < reddish.mean() < 0.7, NAMES[class_id]
            assert not bluish.any(), NAMES[class_id]


def test_speed_limits_share_all_but_the_digits():
    for class_id in SPEEDS[1:]:
        changed = (on_grey(class_id) != on_grey(0)).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert rows.min() >= 9
        assert rows.max() <= 22
        assert columns.min() >= 5
        assert columns.max() <= 26


@pytest.mark.parametrize("class_id, size", [(43, 32), (-1, 32), (0, 0)])
def test_impossible_wishes_are_refused(class_id, size):
    with pytest.raises(ValueError, match=r"0 to 42|positive"):
        pictogram(class_id, size)
