"""The published recipe that this project replaces, in Keras 3, as it would be written by following it.

Nothing is made faster here and nothing slower: batches are augmented by Keras' own `ImageDataGenerator`, images for
the discriminator come from `predict`, and both updates are `train_on_batch` of compiled models.  Where the recipe
says nothing, it is Keras' default (slope of LeakyReLU, first weights) or the usual choice: normal latents, padding
"same", and the generator's own update against unsmoothed labels.  It was published in float32; the networks can have
bfloat16 as well where a processor is faster at it, so that both sides of a comparison have the same arithmetic.
"""

import hashlib
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from benchmarks.clock import Clock
from gan.config import PRECISIONS
from gan.data.labelled import to_uint8
from gan.errors import UserError
from gan.files import replacing

LATENT = 100  # dimensions of the latent
BATCH = 20  # real images an iteration, as many generated ones
ITERATIONS = 14_100  # of the published training
RATE, BETA_1 = 1e-4, 0.5  # of Adam, for both networks
DROPOUT = 0.4
SMOOTHING = 0.05  # labels are up to this far from 0 and 1, at random
FORMAT = 3


def build_generator(precision: str = "float32") -> keras.Model:
    """A model from latents (N, 100) to images (N, 32, 32, 3) in [-1, 1].

    Args:
        precision: Keras dtype policy of the inner layers; the images are float32 always.
    """
    return keras.Sequential(
        [
            keras.Input((LATENT,)),
            layers.Dense(16 * 16 * 256, dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Reshape((16, 16, 256), dtype=precision),
            layers.Conv2D(256, 5, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(128, 5, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(128, 5, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(3, 7, padding="same", dtype=precision),
            layers.Activation("tanh", dtype="float32"),
        ],
        name="reference_generator",
    )


def build_discriminator(precision: str = "float32") -> keras.Model:
    """A model from images (N, 32, 32, 3) to the probability (N, 1) that they are real.

    Args:
        precision: Keras dtype policy of the inner layers; the probability is float32 always.
    """
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(64, 3, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(128, 3, strides=2, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(128, 3, strides=2, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Conv2D(256, 3, strides=2, padding="same", dtype=precision),
            layers.LeakyReLU(dtype=precision),
            layers.Flatten(dtype=precision),
            layers.Dropout(DROPOUT, name="dropout", dtype=precision),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ],
        name="reference_discriminator",
    )


class ReferenceRecipe:
    """Both networks, both optimizers and the data of the recipe.

    Args:
        images: uint8 (N, 32, 32, 3), the real images of one class.
        seed: of the first weights and of every draw.
        batch_size: real images an iteration, and as many generated ones.
        precision: "float32" or "bfloat16" (weights stay float32, most arithmetic is bfloat16).

    Attributes:
        iteration: updates of both networks made so far.
        clock: wall and processor time that building and training took so far, compiling included.
    """

    def __init__(self, images: np.ndarray, seed: int, batch_size: int = BATCH, precision: str = "float32"):
        self.clock = Clock()
        self.batch_size, self.seed, self.precision, self.iteration = batch_size, seed, precision, 0
        with self.clock:
            self._build(images)

    def _build(self, images: np.ndarray) -> None:
        keras.utils.set_random_seed(self.seed)
        self.generator = build_generator(PRECISIONS[self.precision])
        self.discriminator = build_discriminator(PRECISIONS[self.precision])
        self.discriminator.compile(keras.optimizers.Adam(RATE, beta_1=BETA_1), "binary_crossentropy")
        # Built now: weights of an optimizer that is not built yet can't be restored.
        self.discriminator.optimizer.build(self.discriminator.trainable_variables)
        self.discriminator.trainable = False
        self.adversarial = keras.Sequential([keras.Input((LATENT,)), self.generator, self.discriminator])
        self.adversarial.compile(keras.optimizers.Adam(RATE, beta_1=BETA_1), "binary_crossentropy")
        self.adversarial.optimizer.build(self.adversarial.trainable_variables)

        self._random = np.random.default_rng(self.seed)
        self._images = images.astype(np.float32) / 127.5 - 1
        self._digest = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()[:16]
        self._augmentation = tf.keras.preprocessing.image.ImageDataGenerator(
            rotation_range=15,
            width_shift_range=0.1,
            height_shift_range=0.1,
            zoom_range=(0.9, 1.25),
            horizontal_flip=True,
            fill_mode="nearest",
        )

    @property
    def images_seen(self) -> int:
        """Real images shown to the discriminator so far."""
        return self.iteration * self.batch_size

    def iterate(self) -> dict[str, float]:
        """One update of the discriminator, then one of the generator; the losses of both."""
        with self.clock:
            return self._iterate()

    def _iterate(self) -> dict[str, float]:
        real = self.draw_real()
        generated = self.generator.predict(self._latents(), batch_size=self.batch_size, verbose=0)
        wanted = np.repeat(np.float32([1, 0]), self.batch_size)
        wanted += np.where(wanted, -1, 1) * self._random.uniform(0, SMOOTHING, len(wanted)).astype(np.float32)
        # Keras 3 looks at `trainable` when it traces an update (at the first call), not when the model is compiled:
        # a discriminator that is still frozen then would never learn.
        self.discriminator.trainable = True
        on_images = self.discriminator.train_on_batch(np.concatenate([real, generated]), wanted[:, None])
        self.discriminator.trainable = False
        on_latents = self.adversarial.train_on_batch(self._latents(), np.ones((self.batch_size, 1), np.float32))
        self.iteration += 1
        return {"discriminator_loss": float(on_images), "generator_loss": float(on_latents)}

    def draw_real(self) -> np.ndarray:
        """float32 (batch_size, 32, 32, 3): real images drawn at random, each turned, moved, zoomed and mirrored."""
        chosen = self._random.integers(len(self._images), size=self.batch_size)
        seeds = self._random.integers(2**32, size=self.batch_size)
        # A transformation's seed goes to NumPy's global state, which Keras draws from; nothing else here does.
        return np.stack(
            [
                self._augmentation.random_transform(self._images[k], seed=int(seed))
                for k, seed in zip(chosen, seeds, strict=True)
            ]
        )

    def generate(self, count: int, seed: int) -> np.ndarray:
        """Generate images; training goes on as if they had not been made.

        Args:
            count: how many.
            seed: of the latents.

        Returns:
            uint8 (count, 32, 32, 3).
        """
        padded = -(-count // self.batch_size) * self.batch_size  # no batch of another size to be compiled
        latents = np.random.default_rng(seed).standard_normal((padded, LATENT), np.float32)
        return to_uint8(self.generator.predict(latents, batch_size=self.batch_size, verbose=0))[:count]

    def save(self, path: str | Path) -> None:
        """Write everything that is needed to go on; the file is there whole or not at all.

        Raises:
            OSError: it can't be written; what was there before is unchanged.
        """
        about = {
            "format": FORMAT,
            **self._identity(),
            "iteration": self.iteration,
            "seconds": self.clock.seconds,
            "cpu_seconds": self.clock.cpu_seconds,
            "random": self._random.bit_generator.state,
        }
        arrays = {
            f"{part}/{number:04d}": np.asarray(variable)
            for part, variables in self._parts().items()
            for number, variable in enumerate(variables)
        }
        with replacing(path) as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)

    def load(self, path: str | Path) -> None:
        """Go on from a saved file.

        Raises:
            UserError: the file is damaged, or of other images, another seed, batch size or precision; nothing
                is changed then.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                about = json.loads(str(archive["about"]))
                values = {
                    part: [archive[f"{part}/{number:04d}"] for number in range(len(variables))]
                    for part, variables in self._parts().items()
                }
            found = {name: about[name] for name in ("format", *self._identity())}
            iteration, random = about["iteration"], about["random"]
            clock = Clock(about["seconds"], about["cpu_seconds"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            raise UserError(f"{path} can't be read as a saved training; remove it to start anew.") from None
        for name, wanted in {"format": FORMAT, **self._identity()}.items():
            if found[name] != wanted:
                raise UserError(
                    f"{path} has {name} {found[name]} and this run has {wanted}; "
                    "give the same parameters again, or another folder for this one."
                )
        for part, variables in self._parts().items():
            for variable, value in zip(variables, values[part], strict=True):
                variable.assign(value)
        self._random.bit_generator.state = random
        self.iteration, self.clock = iteration, clock

    def _identity(self) -> dict[str, int | str]:
        """What a saved training must share with this one."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "precision": self.precision,
            "digest of the images": self._digest,
        }

    def _parts(self) -> dict[str, list]:
        return {
            "generator": self.generator.weights,
            "discriminator": self.discriminator.weights,
            "generator_optimizer": self.adversarial.optimizer.variables,
            "discriminator_optimizer": self.discriminator.optimizer.variables,
            # Dropout counts its draws in a variable that is not among the weights.
            "dropout": [self.discriminator.get_layer("dropout").seed_generator.state],
        }

    def _latents(self) -> np.ndarray:
        return self._random.standard_normal((self.batch_size, LATENT), np.float32)
