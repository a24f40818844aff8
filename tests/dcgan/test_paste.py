"""Signs that are set into photos: where, in which light, and what is set in."""

import numpy as np
import pytest
import tensorflow as tf

from gan.data.labelled import LabelledImages
from gan.data.signs import GTSRB
from gan.dcgan.paste import Paster
from gan.dcgan.poses import posed, random_poses, textures_of_classes
from gan.drawn.signs import draw_signs

DARK, LIGHT = (0.25, 0.05), (0.7, 0.2)  # gain and offset of all colours
CIRCLE, OTHER_CIRCLE, TRIANGLE = 1, 17, 25
MEAN = np.array([0, 0, np.log(0.7), np.log(0.7), 0, 0, 0, 0], np.float32)


def shown(label: int, pose: np.ndarray, light: tuple[float, float], street: np.ndarray) -> np.ndarray:
    """A sign in its place and light, float32 (32, 32, 3) from 0 to 255."""
    sign = posed(tf.constant(textures_of_classes(32)[[label]]), tf.constant(pose[None]), 32).numpy()[0]
    return 255 * (sign[..., :3] * light[0] + sign[..., 3:] * light[1] + (1 - sign[..., 3:]) * street)


def photos(
    *signs: tuple[int, np.ndarray, tuple[float, float]],
) -> tuple[LabelledImages, np.ndarray, list[np.ndarray]]:
    """Photos of (class, pose, light), the poses, and the streets behind the signs."""
    streets = [np.random.default_rng(k).uniform(0.3, 0.5, (32, 32, 3)) for k in range(len(signs))]
    images = [shown(label, pose, light, street) for (label, pose, light), street in zip(signs, streets, strict=True)]
    labels = np.array([label for label, *_ in signs])
    found = LabelledImages.of(np.rint(images).astype(np.uint8), labels, GTSRB)
    return found, np.stack([pose for _, pose, _ in signs]), streets


def somewhere(seed: int) -> np.ndarray:
    return random_poses(np.random.default_rng(seed).standard_normal((1, 8)).astype(np.float32)).numpy()[0]


def outside(pose: np.ndarray, label: int = CIRCLE) -> np.ndarray:
    """Pixels that a sign in a pose does not come near to."""
    alpha = shown(label, pose, (0, 1), np.zeros((32, 32, 3)))[..., 0]
    near = sum(np.roll(alpha, (down, right), (0, 1)) for down in range(-2, 3) for right in range(-2, 3))
    return near < 1


@pytest.mark.parametrize("seed", range(3))
def test_a_pictogram_stands_where_the_pose_says_in_the_light_of_the_place(seed) -> None:
    """There is no photo of its class."""
    for light in (DARK, LIGHT):
        signs, found, (street,) = photos((CIRCLE, pose := somewhere(seed), light))
        (made,) = Paster(signs, found).pasted(OTHER_CIRCLE, 1, 0).astype(float)
        wanted = shown(OTHER_CIRCLE, pose, light, street)
        assert np.abs(made - wanted).mean() < 6 * light[0] / LIGHT[0] + 1
        assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.95
        assert np.abs(made - signs.images[0]).mean() > 3 * np.abs(made - wanted).mean()
        np.testing.assert_array_equal(made[outside(pose)], signs.images[0][outside(pose)])


def test_a_photo_of_the_class_is_taken_out_of_its_place_and_light() -> None:
    """Its own marks come along: a red corner that no pictogram has."""
    moved = MEAN + np.array([0.15, -0.1, -0.1, 0, 0.1, 0, 0, 0], np.float32)
    signs, found, (_, street) = photos((OTHER_CIRCLE, MEAN, DARK), (CIRCLE, moved, LIGHT))
    (made,) = Paster(signs, found).pasted(OTHER_CIRCLE, 1, 0).astype(float)
    wanted = shown(OTHER_CIRCLE, moved, LIGHT, street)
    assert np.abs(made - wanted).mean() < 10
    np.testing.assert_array_equal(made[outside(moved)], signs.images[1][outside(moved)])
    marked = signs.images.copy()
    marked[0, 15:18, 15:18] = (0, 70, 0)  # on the white bar in the middle
    (other,) = Paster(LabelledImages.of(marked, signs.labels, GTSRB), found).pasted(OTHER_CIRCLE, 1, 0).astype(float)
    green = (other - made)[..., 1] - (other - made)[..., 0]
    place = (np.argwhere(green > 30).mean(axis=0) + 0.5) / 16 - 1
    assert place.tolist() == pytest.approx([-0.1, 0.15], abs=0.07)


def test_signs_go_into_photos_of_the_same_outline() -> None:
    signs, found, _ = photos((TRIANGLE, MEAN, LIGHT), (CIRCLE, MEAN, LIGHT), (CIRCLE, MEAN, DARK))
    far, paster = outside(MEAN, CIRCLE) & outside(MEAN, TRIANGLE), Paster(signs, found)
    for label, places in ((OTHER_CIRCLE, {1, 2}), (18, {0})):
        into = {int(np.abs(signs.images[:, far] - made[far].astype(int)).sum(axis=(1, 2)).argmin())
                for made in paster.pasted(label, 12, 0)}  # fmt: skip
        assert into == places
    assert len(paster.pasted(12, 3, 0)) == 3  # of an outline that no other class has: into any photo


def test_the_same_seed_gives_the_same_bytes() -> None:
    signs, _ = draw_signs(43, 43, 0, classes=[CIRCLE, OTHER_CIRCLE, 35])
    found = np.stack([MEAN] * len(signs))
    first = Paster(signs, found).pasted(OTHER_CIRCLE, 5, 3)
    assert first.shape == (5, 32, 32, 3) and first.dtype == np.uint8
    assert Paster(signs, found).pasted(OTHER_CIRCLE, 5, 3).tobytes() == first.tobytes()
    assert Paster(signs, found).pasted(OTHER_CIRCLE, 5, 4).tobytes() != first.tobytes()
    assert Paster(signs, found).pasted(OTHER_CIRCLE, 0, 3).shape == (0, 32, 32, 3)
