"""Images from a checkpoint's generator."""

from collections.abc import Iterator

import keras
import numpy as np

from gan import checkpoints
from gan.archive import GoodRun
from gan.data.labelled import ALL, to_uint8
from gan.data.signs import stored_classes
from gan.dcgan.gan import Network
from gan.dcgan.networks import LATENT
from gan.errors import UserError

BATCH = 64  # images at a time, always: arithmetic on another batch size could round another way


class Generator:
    """The averaged generator of a good run.

    Args:
        goodrun: a checkpoint of "dcgan".

    Raises:
        UserError: the checkpoint is damaged or its network can't be built.
    """

    def __init__(self, goodrun: GoodRun):
        self.network = Network.restored(goodrun.info.network)
        if self.network.classes != (len(stored_classes(goodrun.info.data)) if goodrun.info.class_val == ALL else 1):
            raise UserError(f"{goodrun.checkpoint} is no checkpoint of this project: its classes do not fit.")
        self._model = self.network.build_generator()
        checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: self._model.variables})

    def images(self, count: int, seed: int, class_id: int, bar=None) -> np.ndarray:
        """Generate images of one class.

        The k-th image depends on the weights, `seed`, `class_id` and k alone, not on `count`.

        Args:
            count: how many.
            seed: of the latents.
            class_id: of the signs; makes no difference to a network that knows only one class.
            bar: a progress bar that counts images, if any.

        Returns:
            uint8 (count, size, size, 3).
        """
        batches = list(self.batches(count, seed, class_id, bar))
        return (
            np.concatenate(batches) if batches else np.empty((0, self.network.size, self.network.size, 3), np.uint8)
        )

    def batches(self, count: int, seed: int, class_id: int, bar=None, first: int = 0) -> Iterator[np.ndarray]:
        """The same images in batches, uint8 (`BATCH` or fewer, size, size, 3): memory need not hold them all.

        Those before `first`, a multiple of `BATCH`, are left out.
        """
        return generated(self._model, self.network, count, seed, class_id, bar, first)


def generated(
    model: keras.Model, network: Network, count: int, seed: int, class_id: int, bar=None, start: int = 0
) -> Iterator[np.ndarray]:
    """The same of any generator of a network."""
    class_id = class_id if network.classes > 1 else 0
    random = np.random.default_rng([seed, class_id])
    labels = np.full(BATCH, class_id, np.int32)
    for first in range(0, count, BATCH):
        latents = random.standard_normal((BATCH, LATENT), np.float32)
        if first < start:
            continue
        inputs = [latents, labels] if network.classes > 1 else latents
        batch = to_uint8(model.predict_on_batch(inputs))[: count - first]
        if bar is not None:
            bar.update(len(batch))
        yield batch
