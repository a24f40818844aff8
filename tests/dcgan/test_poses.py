import numpy as np
import pytest
import tensorflow as tf

from gan.data.labelled import LabelledImages
from gan.data.signs import GTSRB
from gan.dcgan import poses
from gan.dcgan.poses import boxes_of, posed, random_poses, registered, textures_of_classes

CENTRED = np.array([[0, 0, np.log(0.5), np.log(0.5), 0, 0, 0, 0]], np.float32)


def drawn(label: int, pose: np.ndarray, size: int = 32) -> np.ndarray:
    return posed(tf.constant(textures_of_classes(size)[[label]]), tf.constant(pose), size).numpy()[0]


def test_a_pose_says_where_the_sign_is():
    alpha = drawn(17, CENTRED)[..., 3]
    inside = np.argwhere(alpha > 0.5)
    assert inside.min(axis=0).tolist() == [8, 8] and inside.max(axis=0).tolist() == [23, 23]
    moved = CENTRED + np.array([[0.25, 0, np.log(0.5), 0, 0, 0, 0, 0]], np.float32)
    inside = np.argwhere(drawn(17, moved)[..., 3] > 0.5)
    assert (inside[:, 1].min(), inside[:, 1].max()) == (16, 23)  # 4 pixels to the right, and half as wide
    assert (inside[:, 0].min(), inside[:, 0].max()) == (8, 23)


def test_a_turned_sign_is_turned_clockwise():
    pose = CENTRED.copy()
    pose[0, 4] = np.pi / 2
    arrow = drawn(35, CENTRED)  # it points up
    np.testing.assert_allclose(drawn(35, pose), np.rot90(arrow, -1), atol=0.02)


def test_the_side_that_is_near_is_larger():
    pose = CENTRED.copy()
    pose[0, 6] = 0.3
    columns = np.flatnonzero((drawn(17, pose)[..., 3] > 0.5).any(axis=0))
    assert columns.max() - 15.5 > 15.5 - columns.min() + 2


@pytest.mark.parametrize("label", [1, 13, 14, 18, 35])
def test_the_pose_of_a_photo_is_found_in_any_light(label):
    random = np.random.default_rng(label)
    count = 24
    true = random_poses(random.standard_normal((count, 8)).astype(np.float32)).numpy()
    sign = posed(tf.constant(np.repeat(textures_of_classes(32)[[label]], count, 0)), tf.constant(true), 32).numpy()
    street = random.uniform(0, 1, (count, 1, 1, 3)) + random.normal(0, 0.05, (count, 32, 32, 3))
    gain, offset = random.uniform(0.2, 0.8, (count, 1, 1, 3)), random.uniform(0, 0.2, (count, 1, 1, 3))
    photos = sign[..., :3] * gain + sign[..., 3:] * offset + (1 - sign[..., 3:]) * street
    photos = np.clip(photos * 255, 0, 255).astype(np.uint8)
    half = np.exp(true[:, 2:4])
    box = (np.concatenate([true[:, :2] - half, true[:, :2] + half], axis=1) + 1) * 16
    box = np.clip(np.rint(box + random.normal(0, 0.7, box.shape)) - [0, 0, 1, 1], 0, 31)  # by people, to a pixel
    signs = LabelledImages.of(photos, np.full(count, label), GTSRB)
    signs.coords[:] = box
    found = registered(signs)
    assert np.median(np.abs(found[:, :2] - true[:, :2])) < 0.03  # half a pixel
    assert np.median(np.abs(found[:, 2:4] - true[:, 2:4])) < 0.05
    if label != 17:
        assert np.median(np.abs(found[:, 4] - true[:, 4])) < 0.05  # 3 degrees
    np.testing.assert_array_equal(registered(signs.take(np.arange(5))), found[:5])


def test_an_unknown_box_is_the_middle_of_the_image():
    signs = LabelledImages.of(np.zeros((2, 32, 32, 3), np.uint8), np.array([0, 1]), GTSRB)
    signs.coords[1] = 0
    assert boxes_of(signs).tolist() == [[-1, -1, 1, 1], pytest.approx(list(poses.NO_BOX))]


def test_random_poses_stay_in_the_image():
    found = random_poses(np.random.default_rng(0).standard_normal((1000, 8)).astype(np.float32)).numpy()
    assert np.exp(found[:, 2:4]).max() < 0.9 and np.exp(found[:, 2:4]).min() > 0.5
    assert np.abs(found[:, :2]).max() < 0.3
