import io

import numpy as np
import pytest
from PIL import Image

from gan.data.colours import halves, ids_of_colours, main_colours, palette_of_colours, photo_side
from gan.data.palettes import CITYSCAPES, generic
from gan.errors import UserError
from tests.made_up_scenes import image, some_scene

MINE = generic([3, 9, 20], [(0, 0, 170), (0, 85, 255), (255, 170, 0)], "mine")


def picture(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Ids of MINE in blocks of 13 pixels (not JPEG's 8), and their colours."""
    ids = np.random.default_rng(seed).choice([3, 9, 20], (6, 8)).astype(np.uint8).repeat(13, 0).repeat(13, 1)
    return ids, MINE.colour(ids)


def jpeg(pixels: np.ndarray, quality: int = 90) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return image(file.getvalue())


def test_exact_colours() -> None:
    ids, pixels = picture()
    assert np.array_equal(ids_of_colours(pixels, MINE, True, "map"), ids)
    pixels[5, 5] = (0, 0, 171)
    with pytest.raises(UserError, match=r"map holds the colour \(0, 0, 171\) in 0.0% .* palette mine lacks; name"):
        ids_of_colours(pixels, MINE, True, "map")


def test_of_classes_with_one_colour_the_first_is_meant() -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    assert ids_of_colours(black, CITYSCAPES, True, "map").tolist() == [[0, 0], [0, 0]]


def test_colours_that_jpeg_has_spoilt() -> None:
    ids, pixels = picture()
    spoilt = jpeg(pixels, 75)
    assert len(np.unique(spoilt.reshape(-1, 3), axis=0)) > 100
    found = ids_of_colours(spoilt, MINE, False, "map")
    inner = (slice(3, 10), slice(3, 10))
    assert (found[inner] == ids[inner]).all() and (found == ids).mean() > 0.85
    with pytest.raises(UserError, match="map holds the colour .* lacks"):
        ids_of_colours(jpeg(np.full((32, 32, 3), 255, np.uint8)), MINE, False, "map")


def test_the_colours_of_maps_are_found() -> None:
    maps = [picture(k)[1] for k in range(5)]
    assert main_colours(maps, True) == sorted(MINE.colours)
    near = np.array(main_colours([jpeg(one) for one in maps], False))
    distances = np.abs(near[:, None] - np.array(MINE.colours)[None]).max(axis=-1)
    assert near.shape == (3, 3) and (distances.min(axis=0) <= 6).all()
    palette = palette_of_colours(maps, True, "here")
    assert palette.ids == (0, 1, 2) and palette.colours == tuple(sorted(MINE.colours)) and palette.scored == (0, 1, 2)


def test_a_built_in_palette_is_known_by_its_colours() -> None:
    ids = np.array([7, 11, 23, 26, 8], np.uint8).repeat(20)[None].repeat(60, 0)
    assert palette_of_colours([CITYSCAPES.colour(ids)], True, "here") == CITYSCAPES
    assert palette_of_colours([jpeg(CITYSCAPES.colour(ids))], False, "here") == CITYSCAPES


def test_photos_are_no_label_maps() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with pytest.raises(UserError, match="label maps of here have more than 64 colours and can't be told from photos"):
        palette_of_colours([noise], True, "here")
    smooth = np.indices((256, 256)).transpose(1, 2, 0).astype(np.uint8)
    with pytest.raises(UserError, match="more than 64 colours"):
        palette_of_colours([np.dstack([smooth, smooth[..., :1]])], False, "here")


def test_the_side_of_the_photo() -> None:
    scene = some_scene(0, 96, 64)
    smooth = np.array(scene.photo).astype(int) + np.arange(96)[:, None] // 2
    photo, labels = smooth.clip(0, 255).astype(np.uint8), CITYSCAPES.colour(scene.labels)
    for order, side in (((photo, labels), 0), ((labels, photo), 1)):
        both = np.concatenate(order, axis=1)
        assert photo_side([both, jpeg(both)], "here") == side
        assert np.array_equal(halves(both, "here")[side], photo)
    for same in (photo, labels):
        with pytest.raises(UserError, match="images in here are no pairs of photo and label map side by side"):
            photo_side([np.concatenate([same, same], axis=1)], "here")
    with pytest.raises(UserError, match="here is 95 pixels wide"):
        halves(photo[:, 1:], "here")


def test_maps_without_flat_areas_are_no_label_maps() -> None:
    spotted = np.indices((8, 8)).sum(axis=0) % 2 * 255
    with pytest.raises(UserError, match="no flat areas .*; give label maps that were stored without losses"):
        palette_of_colours([np.repeat(spotted[..., None], 3, axis=2).astype(np.uint8)], False, "some")
