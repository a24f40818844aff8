"""What both GANs share: two networks, two optimizers, and an averaged copy of the generator."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan import checkpoints, pictures
from gan.data.spread import spread_over
from gan.training.distribution import mean_of_replicas
from gan.training.loop import Trainable

EMA_RAMP = 0.05  # the half-life is at most this share of the images seen, so that the start is forgotten
GRID_BYTES = 1_000_000  # of a grid of samples: the file, and picture and thumbnail in the archive
REAL_IMAGES = 32  # beside the samples


class AveragedGan(Trainable):
    """Generator, discriminator, their optimizers, and the exponential moving average (EMA) of the generator.

    Args:
        network: sizes of the networks; its `build_generator` and `build_discriminator` take a precision, and
            `build_generator(portable=True)` gives the generator that is archived.
        seed: of the initial weights and of every draw.
        precision: "float32" or "bfloat16"; the averaged generator is float32 always.
        optimizers: of generator and discriminator, not built yet.
        half_life: of the average, in images; 0: no average, the generator as it is.
        real: uint8 (N, height, width, 3), the real images that samples are to be like.
    """

    def __init__(self, network: Any, seed: int, precision: str, optimizers: tuple, half_life: int, real: np.ndarray):
        self.network, self.seed, self.half_life = network, seed, half_life
        self.real = real[spread_over(len(real), REAL_IMAGES)]
        keras.utils.set_random_seed(seed)
        self.generator = network.build_generator(precision)
        self.discriminator = network.build_discriminator(precision)
        self.averaged = network.build_generator(portable=True)
        self._copy_generator()
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        # Built now: weights of an optimizer that is not built yet can't be restored (they would be lost silently).
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def parts(self) -> dict[str, list]:
        """Everything that training changes, by name: lists of variables.

        Without an average, the generator stands under the name of the averaged one.
        """
        return {
            **({"generator": weights(self.generator)} if self.half_life else {}),
            "discriminator": weights(self.discriminator),
            "averaged": weights(self.averaged if self.half_life else self.generator),
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }

    def sample(self) -> np.ndarray:
        """Images of the averaged generator from noise that is the same at every call: uint8 (N, height, width, 3)."""
        raise NotImplementedError

    def example(self) -> np.ndarray | dict[str, np.ndarray]:
        """An example of the generator's input."""
        raise NotImplementedError

    def sheet(self, samples: np.ndarray) -> np.ndarray:
        """The picture of samples, uint8 (height, width, 3)."""
        return pictures.grid(samples)

    def real_sheet(self) -> np.ndarray:
        """The picture of real images, uint8 (height, width, 3)."""
        return pictures.grid(self.real)

    def sheet_bytes(self) -> int:
        """Bytes that a sheet of samples takes at most, on the disk and in the archive together."""
        return GRID_BYTES

    def generating(self) -> keras.Model:
        """The model that makes images, up to date."""
        if not self.half_life:
            self._copy_generator()
        return self.averaged

    def average(self, iteration, updates: int = 1) -> None:
        """Move the averaged generator towards the trained one, batch-normalisation statistics too.

        Args:
            iteration: int32 scalar tensor, the number of updates made before this one.
            updates: since the last call.
        """
        seen = tf.cast(iteration + 1, tf.float32) * self.batch_size
        half_life = tf.minimum(float(self.half_life), EMA_RAMP * seen)
        step = 1 - tf.pow(0.5, updates * self.batch_size / half_life)
        for averaged, current in zip(weights(self.averaged), weights(self.generator), strict=True):
            averaged.assign_add(step * (current - averaged))

    def share_statistics(self) -> None:
        """Average the moving statistics of the trained generator's batch normalisation over all replicas."""
        moving = [variable for variable in self.generator.non_trainable_variables if "moving" in variable.path]
        for variable, mean in zip(moving, mean_of_replicas([v.value for v in moving]), strict=True):
            if mean is not variable.value:
                variable.assign(mean)

    def _copy_generator(self) -> None:
        for into, current in zip(weights(self.averaged), weights(self.generator), strict=True):
            into.assign(current)


def restored_generator(network: Any, checkpoint: Path) -> keras.Model:
    """The generator of a checkpoint.

    Args:
        network: what the checkpoint describes; see `AveragedGan`.
        checkpoint: the file.

    Raises:
        UserError: the file is damaged.
    """
    model = network.build_generator()
    checkpoints.load(checkpoint, {checkpoints.WEIGHTS: weights(model)})
    return model


def weights(model: keras.Model) -> list:
    """A model's variables without the counters of its dropout layers, which are set before every call."""
    return [variable for variable in model.variables if "seed" not in variable.path]
