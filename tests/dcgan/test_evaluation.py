"""Images of an evaluation are written in batches: memory does not grow with their number."""

import weakref

import numpy as np
from PIL import Image

from gan.dcgan.image_files import write_images


def in_folder(folder):
    return lambda number, png: (folder / f"{number:05d}.png").write_bytes(png)


def test_images_are_written_without_being_held_together(tmp_path):
    batches, alive = [], []

    def generated():
        for number in range(12):
            batch = np.full((10, 8, 8, 3), number, np.uint8)
            batches.append(weakref.ref(batch))
            alive.append(sum(one() is not None for one in batches))
            yield batch
            del batch

    kept = write_images(generated(), in_folder(tmp_path), 25)
    assert max(alive) <= 2
    np.testing.assert_array_equal(kept[:, 0, 0, 0], [0] * 10 + [1] * 10 + [2] * 5)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{number:05d}.png" for number in range(120)]
    assert np.asarray(Image.open(tmp_path / "00115.png")).max() == 11


def test_fewer_images_than_are_kept(tmp_path):
    kept = write_images(iter([np.zeros((3, 8, 8, 3), np.uint8)]), in_folder(tmp_path), 25)
    assert kept.shape == (3, 8, 8, 3) and len(list(tmp_path.iterdir())) == 3
