"""Scenes are generated, written and scored a few at a time: memory does not grow with their number."""

import weakref

import numpy as np
import pytest

from gan.data.scenes import load, open_scenes
from gan.pix2pix import evaluation
from gan.pix2pix.evaluation import AT_ONCE, WrittenPictures, generated_pictures
from gan.pix2pix.gan import pictures
from gan.pix2pix.presets import PRESETS, SceneNetwork
from gan.pix2pix.scores import SceneScorer
from tests.made_up_maps import PALETTE, WORKING, toy_set


@pytest.mark.parametrize("palette", [None, PALETTE], ids=["photos", "label maps"])
def test_written_pictures_come_back_as_they_were(tmp_path, palette):
    size = (3, 6, 9) if palette else (3, 6, 9, 3)
    made = np.random.default_rng(0).integers(0, 4, size, np.uint8)
    written = WrittenPictures(tmp_path, ["a", "b", "c"], palette)
    for k, picture in enumerate(made):
        written.write(k, picture)
    assert len(written) == 3
    np.testing.assert_array_equal(list(written), made)


def test_no_more_than_a_chunk_is_in_memory_and_the_pictures_are_the_same(monkeypatch):
    scenes, loaded = open_scenes("drawn:24"), []

    def spy(part, *size, edges):
        loaded.append(len(part))
        return load(part, *size, edges=edges)

    monkeypatch.setattr(evaluation, "load", spy)
    network = SceneNetwork(PRESETS["spatial"], 64, 32, "labels_to_photo", scenes.palette, False)
    model, part = network.build_generator(), scenes.training.take(range(2 * AT_ONCE + 1))
    chunks = list(generated_pictures(model, network, part, 3, "evaluate", chunk=AT_ONCE))
    assert loaded == [AT_ONCE, AT_ONCE, 1]
    together = pictures(model, network, load(part, 64, 32).labels, None, 3, "evaluate")
    np.testing.assert_array_equal(chunks, together)


def test_scores_hold_a_few_photos_at_a_time():
    scenes, alive, most = toy_set(training=3, validation=1, test=40), [], []
    whole = load(scenes.test, *WORKING).photos

    class Photos:
        def __getitem__(self, k):
            photo = whole[k].copy() // 2
            alive.append(weakref.ref(photo))
            most.append(sum(one() is not None for one in alive))
            return photo

        def __iter__(self):
            return (self[k] for k in range(40))

    lazily = SceneScorer(None, scenes, scenes.test, *WORKING).photos(Photos())
    assert max(most) < 12, "those of the closest pairs are among them"
    assert lazily.overall == SceneScorer(None, scenes, scenes.test, *WORKING).photos(whole // 2).overall
