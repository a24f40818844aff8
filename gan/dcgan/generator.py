"""Images from a checkpoint's generator."""

from collections.abc import Iterator

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np

from gan.archive import GoodRun
from gan.data.labelled import ALL, to_uint8
from gan.data.signs import stored_classes
from gan.dcgan.gan import Network
from gan.dcgan.networks import LATENT
from gan.dcgan.poses import FINE, NUMBERS, by_chance, textures_of_classes
from gan.errors import UserError
from gan.training.averaged_gan import restored_generator

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
        self._textures = textures_of(self.network)
        self._model = restored_generator(self.network, goodrun.checkpoint)

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
        return generated(self._model, self.network, count, seed, class_id, self._textures, bar, first)

    def require_pictograms(self) -> None:
        """Make sure that it paints pictograms.

        Raises:
            UserError: the good run has learned classes by their number.
        """
        if not self.network.pictograms:
            raise UserError(
                "the good run has learned classes and can't paint other signs; give a run that was trained with "
                "pictograms=true."
            )

    def photos(self, texture: np.ndarray, count: int, seed: int, bar=None) -> Iterator[np.ndarray]:
        """Photos of any pictogram in batches, uint8 (`BATCH` or fewer, size, size, 3).

        Args:
            texture: float32 (side, side, 4), see `gan.dcgan.poses.drawn`.
            count: how many.
            seed: of latents and poses.
            bar: a progress bar that counts images, if any.

        Raises:
            UserError: see `require_pictograms`.
        """
        self.require_pictograms()
        return generated(self._model, self.network, count, seed, 0, texture[None], bar)


def textures_of(network: Network) -> np.ndarray | None:
    """The pictograms of a network's classes, float32 (C, side, side, 4); None where it knows them by their number."""
    return textures_of_classes(FINE * network.size) if network.pictograms else None


def generated(
    model: keras.Model,
    network: Network,
    count: int,
    seed: int,
    class_id: int,
    textures: np.ndarray | None = None,
    bar=None,
    start: int = 0,
) -> Iterator[np.ndarray]:
    """The same of any generator of a network; `textures` are those of `textures_of`."""
    class_id = class_id if network.classes > 1 else 0
    random = np.random.default_rng([seed, class_id])
    labels = np.full(BATCH, class_id, np.int32)
    for first in range(0, count, BATCH):
        latents = random.standard_normal((BATCH, LATENT), np.float32)
        normals = random.standard_normal((BATCH, NUMBERS), np.float32) if textures is not None else None
        if first < start:
            continue
        inputs = [latents, labels] if network.classes > 1 else latents
        if textures is not None:
            inputs = [latents, np.asarray(by_chance(textures[labels], normals, network.size))]
        batch = to_uint8(model.predict_on_batch(inputs))[: count - first]
        if bar is not None:
            bar.update(len(batch))
        yield batch
