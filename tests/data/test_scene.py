import numpy as np
import pytest

from gan.data.palettes import CAMVID, CITYSCAPES
from gan.data.scene import Scene, Scenes, boundaries, nearest, resized
from tests.made_up_scenes import some_scene


def test_photos_are_averaged_and_maps_are_not() -> None:
    # Black and white stripes of one pixel: grey when reduced, and no pattern.
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[:, ::2] = 255
    labels = np.full((64, 64), 7, np.uint8)
    labels[:, 32:] = 33
    small = resized(Scene(photo, labels, labels.astype(np.uint16) * 1000), 20, 12)
    assert small.photo.shape == (12, 20, 3) and small.photo.dtype == np.uint8 and small.size == (20, 12)
    assert np.abs(small.photo[:, 2:-2].astype(int) - 128).max() < 12
    assert set(np.unique(small.labels)) == {7, 33} and set(np.unique(small.instances)) == {7000, 33000}
    assert small.labels.dtype == np.uint8 and small.instances.dtype == np.uint16
    assert (small.labels[:, :10] == 7).all() and (small.labels[:, 10:] == 33).all()


def test_the_value_at_the_centre() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(2, 6)
    assert nearest(values, 2, 2).tolist() == [[1, 4], [7, 10]]  # of three columns, the middle one
    assert nearest(values, 6, 2).tolist() == values.tolist()
    assert nearest(values, 12, 4).tolist() == values.repeat(2, 0).repeat(2, 1).tolist()


def test_the_same_size_is_the_same_scene() -> None:
    scene = some_scene()
    assert resized(scene, *scene.size) is scene


def test_boundaries_are_on_both_sides() -> None:
    instances = np.zeros((4, 5), np.uint16)
    instances[1:3, 1:3] = 26000
    instances[1:3, 3] = 26001
    assert boundaries(instances).tolist() == [
        [0, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0],
    ]
    assert not boundaries(np.full((2, 3, 3), 5, np.uint16)).any()


def test_scenes_in_memory() -> None:
    scenes = Scenes.of([some_scene(k) for k in range(4)], CITYSCAPES)
    assert len(scenes) == 4 and scenes.names == ("000000", "000001", "000002", "000003") and scenes.has_instances
    assert np.array_equal(scenes.scene(2).photo, some_scene(2).photo)
    some = scenes.take(np.array([3, 1]))
    assert some.names == ("000003", "000001") and np.array_equal(some.scene(0).labels, some_scene(3).labels)
    assert some.take([1]).digest() == scenes.take([1]).digest()
    assert not Scenes.of([], CITYSCAPES).has_instances and len(Scenes.of([], CITYSCAPES)) == 0


@pytest.mark.parametrize("what", ["photo", "labels", "instances", "name", "palette", "order", "less"])
def test_the_digest_is_of_all_that_matters(what: str) -> None:
    def digest(changed: str = "") -> str:
        scenes = [some_scene(0), some_scene(1)]
        if changed in ("photo", "labels", "instances"):
            getattr(scenes[1], changed)[3, 3] += 1
        if changed == "order":
            scenes = scenes[::-1]
        if changed == "less":
            scenes[0] = Scene(scenes[0].photo, scenes[0].labels)
        palette = CITYSCAPES if changed != "palette" else CAMVID
        return Scenes.of(scenes, palette, ["a", "b" if changed != "name" else "c"]).digest()

    assert digest() == digest() and len(digest()) == 16
    assert digest() != digest(what)
