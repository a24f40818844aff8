"""One iteration of the traffic-sign GAN: what is drawn, what is compared, what is updated."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from gan.data.signs import to_uint8
from gan.errors import UserError
from gan.networks.dcgan import LATENT, build_discriminator, build_generator
from gan.training import draws, losses
from gan.training.augment import augment
from gan.training.devices import PRECISIONS

PENALTY = 0.05  # weight of R1 and R2 (gamma; the penalties enter with gamma / 2)
PENALTY_EVERY = 8  # iterations; lazy regularisation (StyleGAN2, arXiv 1912.04958, appendix B)
EMA_HALF_LIFE = 20_000  # images
EMA_RAMP = 0.05  # the half-life is at most this share of the images seen, so that the start is forgotten


@dataclasses.dataclass(frozen=True)
class Network:
    """What has to be known to build the networks again."""

    classes: int  # 1, or 43 for a class-conditional pair
    generator_width: int = 64
    discriminator_width: int = 64
    dropout: float = 0.25

    def __post_init__(self):
        sizes = self.classes, self.generator_width, self.discriminator_width
        if not all(isinstance(size, int) and 1 <= size <= 1024 for size in sizes) or not 0 <= self.dropout < 1:
            raise ValueError(f"no network can be built of {self}")

    @classmethod
    def restored(cls, fields: dict) -> "Network":
        """The network that a checkpoint describes.

        Raises:
            UserError: the description makes no sense, as in a file that a stranger has changed.
        """
        try:
            return cls(**fields)
        except (TypeError, ValueError):
            raise UserError(f"the checkpoint describes a network that can't be built: {fields}.") from None

    def build_generator(self, precision: str = "float32") -> keras.Model:
        """The generator, with fresh weights."""
        return build_generator(self.classes, self.generator_width, PRECISIONS[precision])

    def build_discriminator(self, precision: str = "float32") -> keras.Model:
        """The discriminator, with fresh weights."""
        return build_discriminator(self.classes, self.discriminator_width, self.dropout, PRECISIONS[precision])


class SignGan:
    """Both networks, both optimizers, the averaged generator and the data, with one update of all as `iterate`.

    Args:
        network: sizes of the networks.
        images: uint8 (N, 32, 32, 3), the real images, kept whole in the device's memory.
        labels: integers (N,), from 0 to `network.classes` - 1; classes are drawn evenly.
        batch_size: real images an iteration, as many generated ones.
        generator_lr: step size of Adam for the generator.
        discriminator_lr: the same for the discriminator.
        seed: of the initial weights and of every draw.
        precision: "float32" or "bfloat16"; the averaged generator is float32 always.
    """

    metric_names = (
        "generator_loss",
        "discriminator_loss",
        "accuracy_real",
        "accuracy_generated",
        "gradient_penalty",
    )

    def __init__(self, network, images, labels, batch_size, generator_lr, discriminator_lr, seed, precision):
        self.network, self.batch_size, self.seed = network, batch_size, seed
        keras.utils.set_random_seed(seed)
        self.generator = network.build_generator(precision)
        self.discriminator = network.build_discriminator(precision)
        self.averaged = network.build_generator()
        self.averaged.set_weights(self.generator.get_weights())
        self.generator_optimizer = keras.optimizers.Adam(generator_lr, beta_1=0.0, beta_2=0.99)
        self.discriminator_optimizer = keras.optimizers.Adam(discriminator_lr, beta_1=0.0, beta_2=0.99)
        # Built now: weights of an optimizer that is not built yet can't be restored (they would be lost silently).
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

        order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels, minlength=network.classes)
        self._images = tf.constant(images[order])
        self._counts = tf.constant(counts, tf.int32)
        self._firsts = tf.constant(np.cumsum(counts) - counts, tf.int32)

    def parts(self) -> dict[str, list]:
        """Everything that training changes, by name: lists of variables."""
        return {
            "generator": self.generator.variables,
            "discriminator": [v for v in self.discriminator.variables if "seed" not in v.path],
            "averaged": self.averaged.variables,
            "generator_optimizer": self.generator_optimizer.variables,
            "discriminator_optimizer": self.discriminator_optimizer.variables,
        }

    def sample(self) -> np.ndarray:
        """Images of the averaged generator from noise that is the same at every call.

        Returns:
            uint8 (N, 32, 32, 3): 32 images of a class of its own, or two of each of several classes, in order.
        """
        labels = np.repeat(np.arange(self.network.classes, dtype=np.int32), 2 if self.network.classes > 1 else 32)
        latents = draws.latents(len(labels), LATENT, draws.key(self.seed, 0, "samples"))
        inputs = self._inputs(latents, tf.constant(labels))
        return to_uint8(np.asarray(self.averaged(inputs, training=False)))

    def model(self) -> tuple[keras.Model, np.ndarray | dict[str, np.ndarray]]:
        """The averaged generator and an example of its input."""
        latent = np.zeros((1, LATENT), np.float32)
        if self.network.classes == 1:
            return self.averaged, latent
        return self.averaged, {"latent": latent, "label": np.zeros((1,), np.int32)}

    def iterate(self, iteration):
        """One update of both networks.

        Args:
            iteration: int32 scalar tensor, the number of updates made before this one.

        Returns:
            float32 (5,): the values of `metric_names`; the penalty is 0 where it was not taken.
        """
        return tf.cond(
            iteration % PENALTY_EVERY == 0,
            lambda: self._update(iteration, penalised=True),
            lambda: self._update(iteration, penalised=False),
        )

    def _update(self, iteration, penalised: bool):
        def key(purpose):
            return draws.key(self.seed, iteration, purpose)

        labels = tf.random.stateless_uniform((self.batch_size,), key("labels"), 0, self.network.classes, tf.int32)
        real = augment(self._draw_real(labels, key("images")), key("augment real"))
        latents = draws.latents(self.batch_size, LATENT, key("latents"))
        draws.set_dropout(self.discriminator, key("dropout"))

        # One pass through both networks serves both losses: the simultaneous update of Mescheder et al. 2018.
        with tf.GradientTape(persistent=True) as tape:
            generated = self.generator(self._inputs(latents, labels), training=True)
            shown = tf.concat([real, augment(generated, key("augment generated"))], axis=0)
            twice = tf.concat([labels, labels], axis=0)
            on_real, on_generated = tf.split(self.discriminator(self._inputs(shown, twice), training=True), 2)
            generator_loss = losses.relativistic_generator_loss(on_real, on_generated)
            discriminator_loss = losses.relativistic_discriminator_loss(on_real, on_generated)
        generator_gradients = tape.gradient(generator_loss, self.generator.trainable_variables)
        gradients = tape.gradient(discriminator_loss, self.discriminator.trainable_variables)
        penalty = tf.constant(0.0)
        if penalised:
            penalty, extra = self._penalise(shown, twice)
            # The last bias shifts all logits alike: the penalty has no gradient there.
            # Those of an embedding come as rows, which can't be added; whole tensors can.
            gradients = [
                a if b is None else tf.convert_to_tensor(a) + tf.convert_to_tensor(b)
                for a, b in zip(gradients, extra, strict=True)
            ]
        self.generator_optimizer.apply(generator_gradients, self.generator.trainable_variables)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
        self._average(iteration)
        accuracies = losses.ranking_accuracy(on_real, on_generated)
        return tf.stack([generator_loss, discriminator_loss, *accuracies, penalty])

    def _penalise(self, images, labels):
        """R1 + R2 of a batch that is half real, half generated, and its gradients, scaled for being taken rarely."""
        images = tf.stop_gradient(images)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                total = tf.reduce_sum(self.discriminator(self._inputs(images, labels), training=True))
            # The mean over both halves is half of R1 + R2.
            penalty = 2 * losses.gradient_penalty(inner.gradient(total, images))
            loss = PENALTY / 2 * PENALTY_EVERY * penalty
        return penalty, outer.gradient(loss, self.discriminator.trainable_variables)

    def _draw_real(self, labels, drawn_with):
        """float32 (batch, 32, 32, 3) in [-1, 1]: for each label an image of it."""
        counts = tf.gather(self._counts, labels)
        share = tf.random.stateless_uniform((self.batch_size,), drawn_with)
        within = tf.minimum(tf.cast(share * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        images = tf.gather(self._images, tf.gather(self._firsts, labels) + within)
        return tf.cast(images, tf.float32) / 127.5 - 1

    def _inputs(self, first, labels):
        return [first, labels] if self.network.classes > 1 else first

    def _average(self, iteration):
        """Move the averaged generator towards the trained one, batch-normalisation statistics too."""
        seen = tf.cast(iteration + 1, tf.float32) * self.batch_size
        half_life = tf.minimum(float(EMA_HALF_LIFE), EMA_RAMP * seen)
        step = 1 - tf.pow(0.5, self.batch_size / half_life)
        for averaged, current in zip(self.averaged.variables, self.generator.variables, strict=True):
            averaged.assign_add(step * (current - averaged))
