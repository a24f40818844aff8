"""Pairs of photo and label map for training: in an order, cut and mirrored, as a pure function of (seed, iteration).

Threads prepare the batches ahead of the iteration that asks for them, from memory where all scenes fit there and from
their files where not; the batches are the same either way.
"""

import functools
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import tensorflow as tf

from gan.data.scenes import Loaded, Scenes, load, resized
from gan.data.spread import spread_over
from gan.errors import UserError

ENLARGED = 286 / 256  # scenes are prepared this much larger, and cut to size at a random place (section 6.2)
MEMORY = 4 << 30  # bytes of scenes that are kept in memory; more are read from their files again and again
AHEAD = 4  # batches that are prepared ahead

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


class Pairs:
    """A part of a data set, as batches for the compiled loop.

    Args:
        scenes: the part.
        width: of the batches in pixels.
        height: the same.
        batch_size: pairs in a batch.
        seed: of order, cuts and mirroring.
        edges: whether the boundaries of instances are wanted, where there are instances.
        memory: bytes that all scenes may take to be kept in memory.
    """

    def __init__(
        self, scenes: Scenes, width: int, height: int, batch_size: int, seed: int, edges: bool, memory: int = MEMORY
    ):
        self._scenes, self._size, self.batch_size, self._seed = scenes, (width, height), batch_size, seed
        self._larger = round(width * ENLARGED), round(height * ENLARGED)
        self._edges = edges and scenes.has_instances
        each = self._larger[0] * self._larger[1] * (5 if self._edges else 4)
        self.in_memory = len(scenes) * each <= memory
        self._loaded = load(scenes, *self._larger, edges=self._edges) if self.in_memory else None
        self._threads = ThreadPoolExecutor(1 if self.in_memory else os.cpu_count() or 1, "pairs")
        self._coming: dict[tuple[int, int, int], Future[Batch]] = {}
        self._waited = 0.0
        self.trouble: UserError | None = None
        self._epoch = functools.lru_cache(3)(self._order)

    def batch(self, iteration):
        """The batch of an iteration, in a compiled function; with several replicas the part of this one.

        Args:
            iteration: int32 scalar tensor, 0 or more.

        Returns:
            uint8 photos (N, height, width, 3), label maps (N, height, width) of positions in the palette, and
            boundaries of instances (N, height, width), 0 everywhere if they are not wanted.
        """
        replica = tf.distribute.get_replica_context()
        parts = replica.num_replicas_in_sync
        arrays = tf.numpy_function(self._take, [iteration, replica.replica_id_in_sync_group, parts], [tf.uint8] * 3)
        width, height = self._size
        for array, channels in zip(arrays, ((3,), (), ()), strict=True):
            array.set_shape((self.batch_size // parts, height, width, *channels))
        return arrays

    def waited(self) -> float:
        """Seconds that batches were waited for since this was asked last."""
        waited, self._waited = self._waited, 0.0
        return waited

    def sample(self, most: int) -> Loaded:
        """At most so many scenes, evenly spread over the part, at about the working size."""
        chosen = spread_over(len(self._scenes), most)
        if self._loaded is None:
            return load(self._scenes.take(chosen), *self._size, edges=self._edges)
        edges = self._loaded.edges
        return Loaded(self._loaded.photos[chosen], self._loaded.labels[chosen],
                      None if edges is None else edges[chosen])  # fmt: skip

    def _take(self, iteration, part, parts) -> Batch:
        wanted = [(int(iteration) + k, int(part), int(parts)) for k in range(1 + AHEAD)]
        for other in set(self._coming).difference(wanted):
            if other[1:] == wanted[0][1:]:
                self._coming.pop(other).cancel()
        for each in wanted:
            if each not in self._coming:
                self._coming[each] = self._threads.submit(self.prepare, *each)
        began = time.perf_counter()
        try:
            return self._coming.pop(wanted[0]).result()
        except UserError as error:  # TensorFlow would turn it into an error of its own
            self.trouble = error
            raise
        finally:
            self._waited += time.perf_counter() - began

    def prepare(self, iteration: int, part: int = 0, parts: int = 1) -> Batch:
        """The same arrays, made now: all of the batch, or one of several parts."""
        random = np.random.default_rng([self._seed, 1, iteration])
        width, height = self._size
        count = self.batch_size // parts
        batch = (
            np.empty((count, height, width, 3), np.uint8),
            np.empty((count, height, width), np.uint8),
            np.zeros((count, height, width), np.uint8),
        )
        for place in range((part + 1) * count):
            epoch, number = divmod(iteration * self.batch_size + place, len(self._scenes))
            top = random.integers(0, self._larger[1] - height + 1)
            left = random.integers(0, self._larger[0] - width + 1)
            step = -1 if random.random() < 0.5 else 1
            if place < part * count:
                continue
            arrays = self._larger_pair(int(self._epoch(epoch)[number]))
            for array, into in zip(arrays, batch, strict=False):
                into[place - part * count] = array[top : top + height, left : left + width][:, ::step]
        return batch

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self._seed, 0, epoch]).permutation(len(self._scenes))

    def _larger_pair(self, k: int) -> list[np.ndarray]:
        if self._loaded is not None:
            loaded = self._loaded
            return [part[k] for part in (loaded.photos, loaded.labels, loaded.edges) if part is not None]
        scene = resized(self._scenes.scene(k), *self._larger)
        edges = [self._scenes.outlines(scene)] if self._edges else []
        return [scene.photo, self._scenes.palette.indices(scene.labels), *edges]
