import numpy as np
import pytest
from PIL import Image

from gan.data.signs import CLASSES, GTSRB, NAMES
from gan.drawn.pictograms import designs, pictogram

MIRROR = {k: other for k, other in enumerate(GTSRB.mirror) if other >= 0}


@pytest.fixture(scope="module")
def on_grey() -> np.ndarray:
    """int64 (43, 32, 32, 3): the signs before plain grey, as small as a data set shows them."""
    signs = []
    for class_id in range(CLASSES):
        ground = Image.new("RGBA", (128, 128), (110, 110, 110, 255))
        ground.alpha_composite(pictogram(class_id, 128))
        signs.append(np.asarray(ground.convert("RGB").resize((32, 32), Image.Resampling.BOX)))
    return np.stack(signs).astype(np.int64)


@pytest.mark.parametrize("size", [64, 33])
def test_mirror_pairs_and_symmetric_signs_are_exact(size):
    for class_id, mirror in MIRROR.items():
        flipped = np.asarray(pictogram(class_id, size))[:, ::-1]
        np.testing.assert_array_equal(flipped, np.asarray(pictogram(mirror, size)), err_msg=NAMES[class_id])


def test_every_sign_differs_from_every_other_and_those_that_no_mirror_keeps_from_their_own(on_grey):
    apart = (np.abs(on_grey[:, None] - on_grey).max(-1) > 60).sum((2, 3))
    assert apart[~np.eye(CLASSES, dtype=bool)].min() >= 12, np.argwhere(apart < 12)
    mirrored = (np.abs(on_grey - on_grey[:, :, ::-1]).max(-1) > 60).mean((1, 2))
    for class_id in set(range(CLASSES)) - set(MIRROR):
        assert mirrored[class_id] > 0.01, NAMES[class_id]


def test_the_sign_fills_its_picture_and_nothing_else():
    for class_id in range(CLASSES):
        alpha = np.asarray(pictogram(class_id, 100).getchannel("A"))
        left, top, right, bottom = Image.fromarray(alpha).getbbox()
        assert right - left >= 96 and bottom - top >= 85 and abs((top + bottom) / 2 - 50) <= 1, NAMES[class_id]
        assert alpha[50, 50] == 255, NAMES[class_id]
        if class_id != 13:  # only "Yield" reaches into the upper corners
            assert alpha[3, 3] == alpha[3, 96] == 0, NAMES[class_id]


def test_colours_are_those_of_the_sign(on_grey):
    for class_id, sign in enumerate(on_grey):
        red, green, blue = np.moveaxis(sign, 2, 0)
        reddish, bluish = (red > blue + 90) & (red > green + 90), blue > red + 90
        if class_id in range(33, 41):  # blue discs
            assert bluish.mean() > 0.4, NAMES[class_id]
        elif class_id in (6, 12, 32, 41, 42):  # grey, white and yellow ones
            assert not reddish.any(), NAMES[class_id]
        else:
            assert 0.14 < reddish.mean() < 0.7 and not bluish.any(), NAMES[class_id]


def test_speed_limits_share_all_but_the_digits(on_grey):
    for class_id in (1, 2, 3, 4, 5, 7, 8):
        rows, columns = np.nonzero((on_grey[class_id] != on_grey[0]).any(axis=2))
        assert rows.min() >= 8 and rows.max() <= 23 and columns.min() >= 5 and columns.max() <= 26


def test_other_designs_show_another_symbol_on_the_same_sign():
    assert designs(8) > 2 and designs(20) == designs(19) == 2 and designs(17) == 1
    for class_id in range(CLASSES):
        pictures = [np.asarray(pictogram(class_id, 64, k)).astype(int) for k in range(designs(class_id))]
        for picture in pictures[1:]:
            np.testing.assert_array_equal(picture[..., 3], pictures[0][..., 3], err_msg=NAMES[class_id])
            changed = (np.abs(picture - pictures[0]).max(2) > 60).mean()
            assert 0.01 < changed < 0.25, NAMES[class_id]
    np.testing.assert_array_equal(np.asarray(pictogram(20, 64, 1)), np.asarray(pictogram(19, 64, 1))[:, ::-1])


@pytest.mark.parametrize("class_id, size, design", [(43, 32, 0), (-1, 32, 0), (0, 0, 0), (17, 32, 1), (8, 32, -1)])
def test_impossible_arguments_are_refused(class_id, size, design):
    with pytest.raises(ValueError, match=r"0 to 42|positive|has designs 0 to"):
        pictogram(class_id, size, design)
