"""Batches of pairs: what they hold, in which order, and what the loop does when they are late or damaged."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from gan.data.palettes import generic
from gan.data.scene import Scene, Scenes
from gan.errors import UserError
from gan.pix2pix import batches as paired
from gan.pix2pix.batches import AHEAD, Pairs
from gan.training.loop import Trainable, run_blocks

WIDTH, HEIGHT = 64, 32
LARGER = 72, 36  # 286 / 256 of it
PALETTE = generic((0, 3, 5, 9))


def scene(number: int) -> Scene:
    """Photo and instances can be told from the label map, and the scene from the photo's blue."""
    random = np.random.default_rng(number)
    labels = random.choice(PALETTE.ids, (LARGER[1], LARGER[0])).astype(np.uint8)
    photo = np.stack([labels * 20, 255 - labels * 20, np.full_like(labels, number)], axis=2)
    instances = np.zeros(labels.shape, np.uint16)
    instances[:, number:] = 7
    return Scene(photo, labels, instances)


def scenes(count: int = 5, read=scene, instances: bool = True) -> Scenes:
    return Scenes([f"{k}" for k in range(count)], PALETTE, instances, read)


def pairs(batch_size: int = 2, seed: int = 0, edges: bool = True, **more) -> Pairs:
    return Pairs(scenes(**more), WIDTH, HEIGHT, batch_size, seed, edges)


def taken(feed: Pairs, iteration: int) -> list[np.ndarray]:
    return [array.numpy() for array in feed.batch(tf.constant(iteration))]


def numbers(batch) -> list[int]:
    """Which scenes a batch holds."""
    return [int(photo[0, 0, 2]) for photo in batch[0]]


def test_photo_label_map_and_instances_are_cut_and_mirrored_alike():
    feed, mirrored, places = pairs(), set(), set()
    for iteration in range(20):
        photos, labels, edges = feed.prepare(iteration)
        assert photos.shape == (2, HEIGHT, WIDTH, 3) and labels.shape == edges.shape == (2, HEIGHT, WIDTH)
        ids = np.array(PALETTE.ids)[labels]
        np.testing.assert_array_equal(photos[..., 0], ids * 20)
        np.testing.assert_array_equal(photos[..., 1], 255 - ids * 20)
        for number, map_, edge in zip(numbers([photos]), ids, edges, strict=True):
            whole = scene(number)
            for way in (1, -1):
                windows = np.lib.stride_tricks.sliding_window_view(whole.labels[:, ::way], (HEIGHT, WIDTH))
                found = np.argwhere((windows == map_).all(axis=(2, 3)))
                for top, left in found:
                    mirrored.add(way)
                    places.add((top, left))
                    instances = whole.instances[:, ::way][:, left : left + WIDTH]
                    across = np.flatnonzero(instances[0, 1:] != instances[0, :-1])
                    # Boundaries are those of the larger scene: one that lies just outside is half there.
                    assert set(np.flatnonzero(edge[0])) >= set(across) | set(across + 1)
                    assert edge.sum() <= 2 * HEIGHT
    assert mirrored == {1, -1}
    assert {top for top, _ in places} == set(range(LARGER[1] - HEIGHT + 1))
    assert len({left for _, left in places}) > 5


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_every_scene_comes_once_in_each_round_and_rounds_differ(batch_size):
    feed = pairs(batch_size)
    order = [number for k in range(30) for number in numbers(feed.prepare(k))]
    rounds = [tuple(order[first : first + 5]) for first in range(0, 5 * (len(order) // 5), 5)]
    assert all(sorted(each) == [0, 1, 2, 3, 4] for each in rounds) and len(set(rounds)) > 2


def test_a_batch_depends_on_seed_and_iteration_alone():
    one, other = pairs(), pairs()
    for iteration in (3, 0, 1, 2, 9):
        for a, b in zip(taken(one, iteration), other.prepare(iteration), strict=True):
            np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one.prepare(0), pairs(seed=1).prepare(0), strict=True))


def test_from_files_the_batches_are_the_same_as_from_memory():
    kept, read = pairs(), Pairs(scenes(), WIDTH, HEIGHT, 2, 0, True, memory=1000)
    assert kept.in_memory and not read.in_memory
    for iteration in range(4):
        for a, b in zip(taken(kept, iteration), taken(read, iteration), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_limit_of_memory_counts_photos_label_maps_and_edges():
    each = LARGER[0] * LARGER[1]
    for edges, bytes_of_a_pixel in ((True, 5), (False, 4)):
        for room, fits in ((0, True), (-1, False)):
            memory = 5 * each * bytes_of_a_pixel + room
            assert Pairs(scenes(), WIDTH, HEIGHT, 1, 0, edges, memory).in_memory is fits


def test_without_instances_there_are_no_boundaries():
    for feed in (pairs(edges=False), pairs(instances=False)):
        assert not feed.prepare(0)[2].any()
    assert any(pairs().prepare(k)[2].any() for k in range(5))


def test_batches_are_prepared_ahead_by_threads():
    seen = []
    feed = Pairs(
        scenes(read=lambda k: seen.append(threading.current_thread().name) or scene(k)), WIDTH, HEIGHT, 1, 0, True, 0
    )
    taken(feed, 0)
    until = time.monotonic() + 60
    while len(seen) < 1 + AHEAD and time.monotonic() < until:
        time.sleep(0.01)
    assert len(seen) == 1 + AHEAD and all(name.startswith("pairs") for name in seen)


def test_the_time_that_was_waited_is_told_once():
    def slow(k):
        time.sleep(0.05)
        return scene(k)

    feed = Pairs(scenes(read=slow), WIDTH, HEIGHT, 1, 0, True, memory=0)
    taken(feed, 0)
    assert feed.waited() >= 0.04 and feed.waited() == 0


class Learning(Trainable):
    """Something that only takes its data."""

    metric_names = ("mean",)

    def __init__(self, feed: Pairs):
        self.feed, self.batch_size = feed, feed.batch_size

    def iterate(self, iteration):
        photos, *_ = self.feed.batch(iteration)
        return tf.reduce_mean(tf.cast(photos[..., 2], tf.float32))[None]


def test_the_loop_gets_every_batch_in_order_and_reports_the_wait():
    learning = Learning(pairs())
    wanted = [np.mean(numbers(learning.feed.prepare(k))) for k in range(3, 9)]
    reports = list(run_blocks(learning, 3, 9, [1]))
    assert [metrics["mean"] for _, metrics in reports] == pytest.approx(wanted)
    assert all(0 <= metrics["data_wait"] <= 1 for _, metrics in reports)


def test_a_file_that_is_damaged_meanwhile_is_the_users_to_know():
    def damaged(k):
        raise UserError(f"photos/{k}.png is damaged.")

    feed = Pairs(scenes(read=damaged), WIDTH, HEIGHT, 1, 0, True, memory=0)
    learning = Learning(feed)
    with pytest.raises(UserError, match=r"photos/\d.png is damaged"):
        list(run_blocks(learning, 0, 2, []))


def test_some_scenes_of_the_part_at_about_the_size():
    for memory in (paired.MEMORY, 0):
        feed = Pairs(scenes(), WIDTH, HEIGHT, 1, 0, True, memory)
        some = feed.sample(3)
        assert some.labels.shape[0] == 3 and some.labels.max() < len(PALETTE)
        assert [int(photo[0, 0, 2]) for photo in some.photos] == [0, 2, 4]
        assert feed.sample(100).labels.shape[0] == 5
