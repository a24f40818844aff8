"""One iteration of the traffic-sign GAN: what is drawn, what is compared, what is updated."""

import dataclasses
import math

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from gan.config import PRECISIONS
from gan.data.decode import SIZES
from gan.data.labelled import to_uint8
from gan.data.spread import spread_over
from gan.dcgan import poses
from gan.dcgan.networks import (
    ENLARGED,
    LATENT,
    LAYOUTS,
    PICTOGRAM,
    TRANSPOSED,
    build_discriminator,
    build_generator,
    build_pictogram_generator,
    class_logits,
    pick_logits,
)
from gan.errors import UserError
from gan.pictures import CELL
from gan.training import losses, sampling
from gan.training.adam import Adam
from gan.training.augment import augment
from gan.training.averaged_gan import AveragedGan

PENALTY = 0.05  # weight of R1 and R2 (gamma; the penalties enter with gamma / 2)
PENALTY_EVERY = 8  # iterations; lazy regularisation (StyleGAN2, arXiv 1912.04958, appendix B)
LEARNED = 75_000.0  # images until which the classes are learned; from then on step sizes and the class loss fall
CLASS_WEIGHT = 1.0  # of the discriminator's class loss on real images: it speeds learning up and narrows the classes
GENERATOR_CLASS_WEIGHT = 0.1  # of the class loss on generated ones
CLASS_HALF_LIFE = 25_000.0  # images in which both weights halve
CLASS_REST = 0.25  # share of them that stays, so that classes are not unlearned
LIGHT_WEIGHT = 10.0  # of the distance of the generated images' light from that of the real ones, once `LEARNED`
DETAIL_WEIGHT = 0.3  # of the same of their detail
EMA_HALF_LIFE = 100_000  # images

WIDEST = 256  # channels of a network's first level: a file of a stranger may name no more
SAMPLE_BATCH = 128  # images at a time when samples are made
SAMPLED_CLASSES = 64  # that a grid of samples shows

# Share of the images that the discriminator sees in another light, turned, zoomed and shifted: of FEW and of MANY.
MOST_AUGMENTED, LEAST_AUGMENTED = 0.8, 0.1
FEW, MANY = 500, 50_000

METRICS = ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_generated", "gradient_penalty")
CLASS_METRICS = ("class_loss_real", "class_loss_generated")
DOMAINS = "domains", "looks"  # fields of networks of older checkpoints


@dataclasses.dataclass(frozen=True)
class Network:
    """What has to be known to build the networks again."""

    classes: int  # 1, or as many as there are for a class-conditional pair
    generator_width: int = 64
    discriminator_width: int = 64
    dropout: float = 0.25
    layout: str = ENLARGED  # see `gan.dcgan.networks.build_generator`
    size: int = 32  # width and height of the images
    pictograms: bool = False  # whether it is a pictogram that is painted, and not a class (GTSRB's have one each)

    def __post_init__(self):
        sizes = self.classes, self.generator_width, self.discriminator_width, self.size
        fits = all(type(size) is int and 1 <= size <= 1024 for size in sizes) and max(sizes[1:3]) <= WIDEST
        plain = not self.pictograms or self.layout == ENLARGED
        known = self.layout in LAYOUTS and self.size in SIZES and type(self.pictograms) is bool
        if not (fits and plain and known and 0 <= self.dropout < 1):
            raise ValueError(f"no network can be built of {self}")

    @classmethod
    def restored(cls, fields: dict) -> "Network":
        """The network that a checkpoint describes.

        Raises:
            UserError: the description makes no sense, as in a file that a stranger has changed, or the network knows
                drawn signs as a second domain of each class.
        """
        # Version 0.1 and before had one layout, and networks of one or two domains, which were called "looks" first.
        fields = {"layout": TRANSPOSED} | fields
        if [fields.pop(name, 1) for name in DOMAINS] != [1, 1]:
            raise UserError(
                "the checkpoint has learned drawn signs as a second domain, which is no longer built; train one with "
                "pictograms=true instead."
            )
        try:
            return cls(**fields)
        except (TypeError, ValueError):
            raise UserError(f"the checkpoint describes a network that can't be built: {fields}.") from None

    def build_generator(self, precision: str = "float32", portable: bool = False) -> keras.Model:
        """The generator, with fresh weights; portable: of layers that Keras ships alone, with the same variables."""
        if self.pictograms:
            return build_pictogram_generator(self.generator_width, PRECISIONS[precision], portable, self.size)
        sizes = self.classes, self.generator_width
        return build_generator(*sizes, PRECISIONS[precision], self.layout, portable, self.size)

    def build_discriminator(self, precision: str = "float32") -> keras.Model:
        """The discriminator, with fresh weights."""
        seen = (1, 3 + PICTOGRAM) if self.pictograms else (self.classes, 3)
        sizes = seen[0], self.discriminator_width, self.dropout
        return build_discriminator(*sizes, PRECISIONS[precision], self.layout, self.size, seen[1])

    @property
    def conditional(self) -> bool:
        """Whether generator and discriminator are told the class by its number."""
        return self.classes > 1 and not self.pictograms


def augmented_share(images: int) -> float:
    """The share of the images that are augmented, by how many there are to learn.

    A discriminator soon knows few images by heart (Karras et al. 2020, arXiv 2006.06676). Of many it learns more of
    what a photo is like where it sees them as they are.
    """
    place = math.log(max(FEW, min(MANY, images)) / FEW) / math.log(MANY / FEW)
    return MOST_AUGMENTED + (LEAST_AUGMENTED - MOST_AUGMENTED) * place


class StepSize(keras.optimizers.schedules.LearningRateSchedule):
    """A step size that stays until so many images were seen, and falls with the inverse root of their number then.

    It does not know how long the run will be: iteration 200 of 400 is as iteration 200 of 200, so resuming is exact.

    Args:
        start: the step size at the start.
        batch_size: images seen in an update.
    """

    def __init__(self, start: float, batch_size: int):
        self.start, self.batch_size = start, batch_size

    def __call__(self, step):
        """float32 scalar, for the number of updates made before."""
        seen = (tf.cast(step, tf.float32) + 1) * self.batch_size
        return self.start * tf.minimum(1.0, tf.sqrt(LEARNED / seen))

    def get_config(self):
        """What to build it from."""
        return {"start": self.start, "batch_size": self.batch_size}


class SignGan(AveragedGan):
    """The GAN of signs with its data, one update of both networks as `iterate`.

    Args:
        network: sizes of the networks.
        images: uint8 (N, size, size, 3), the real images, kept whole in the device's memory; with pictograms uint8
            (N, size, size, 7): behind each photo the pictogram in its pose (see `gan.dcgan.poses.with_pictograms`).
        labels: integers (N,), class ids; classes are drawn evenly.
        batch_size: real images an iteration, as many generated ones.
        rates: step sizes of Adam for generator and discriminator at the start (see `StepSize`).
        seed: of the initial weights and of every draw.
        precision: "float32" or "bfloat16"; the averaged generator is float32 always.
    """

    def __init__(self, network, images, labels, batch_size, rates, seed, precision):
        optimizers = tuple(Adam(StepSize(rate, batch_size), beta_1=0.0, beta_2=0.99) for rate in rates)
        super().__init__(network, seed, precision, optimizers, EMA_HALF_LIFE, images)
        self.real, self.batch_size = self.real[..., :3], batch_size
        self.metric_names = METRICS + (CLASS_METRICS if network.conditional else ())
        self._augmented = augmented_share(len(images))
        self.drawn = sampling.Sampler(images, labels, network.classes)
        self._present = tf.constant(np.unique(labels), tf.int32)  # of pictograms some classes may have no photo
        self._textures = poses.textures_of_classes(poses.FINE * network.size) if network.pictograms else None

    def sample(self) -> np.ndarray:
        """Images of the averaged generator from noise that is the same at every call.

        Returns:
            uint8 (N, size, size, 3): 32 images of a class of its own, or two of each of several classes, in order.
        """
        classes = spread_over(self.network.classes, SAMPLED_CLASSES)
        labels = np.repeat(classes, 2 if len(classes) > 1 else 32)
        return self.images(labels, "samples")

    def images(self, labels: np.ndarray, purpose: str) -> np.ndarray:
        """Images of the averaged generator from noise that is the same at every call.

        Args:
            labels: integers (N,), class ids from 0; all 0 where there is one class.
            purpose: images of another purpose have other noise.

        Returns:
            uint8 (N, size, size, 3).
        """
        labels = np.asarray(labels, np.int32)
        latents = sampling.latents(len(labels), LATENT, sampling.key(self.seed, 0, purpose))
        made = np.empty((len(labels), self.network.size, self.network.size, 3), np.uint8)
        normals = sampling.latents(len(labels), poses.NUMBERS, sampling.key(self.seed, 0, f"{purpose} poses"))
        for first in range(0, len(labels), SAMPLE_BATCH):
            part = slice(first, first + SAMPLE_BATCH)
            condition = tf.constant(labels[part])
            if self.network.pictograms:
                condition = poses.by_chance(self._textures[labels[part]], normals[part], self.network.size)
            inputs = self._inputs(latents[part], condition)
            made[part] = to_uint8(np.asarray(self.averaged(inputs, training=False)))
        return made

    def example(self) -> np.ndarray | dict[str, np.ndarray]:
        """An example of the generator's input: a latent, with a label where there are classes."""
        latent = np.zeros((1, LATENT), np.float32)
        if self.network.pictograms:
            size = self.network.size
            return {"latent": latent, "pictogram": np.zeros((1, size, size, PICTOGRAM), np.float32)}
        return latent if self.network.classes == 1 else {"latent": latent, "label": np.zeros((1,), np.int32)}

    def sheet_bytes(self) -> int:
        """See `AveragedGan`."""
        return round(super().sheet_bytes() * max(1.0, self.network.size / CELL) ** 2)

    def iterate(self, iteration):
        """One update of both networks.

        Args:
            iteration: int32 scalar tensor, the number of updates made before this one.

        Returns:
            float32 (M,): the values of `metric_names`; the penalty is 0 where it was not taken.
        """

        def key(purpose):
            return sampling.key(self.seed, iteration, purpose)

        count = sampling.share(self.batch_size)
        place = tf.random.stateless_uniform((count,), key("labels"), 0, len(self._present), tf.int32)
        condition = labels = tf.gather(self._present, place)
        drawn = self.drawn.of(labels, key("images"))
        photos, real = drawn[..., :3], augment(drawn, key("augment real"), self._augmented)
        if self.network.pictograms:  # in the pose of another photo
            condition = self.drawn.of(labels, key("pictograms"))[..., 3:]
        latents = sampling.latents(count, LATENT, key("latents"))
        sampling.set_dropout(self.discriminator, key("dropout"))

        # One pass through both networks serves both losses: the simultaneous update of Mescheder et al. 2018.
        with tf.GradientTape(persistent=True) as tape:
            generated = self.generator(self._inputs(latents, condition), training=True)
            made = tf.concat([generated, condition], axis=3) if self.network.pictograms else generated
            shown = tf.concat([real, augment(made, key("augment generated"), self._augmented)], axis=0)
            twice = tf.concat([labels, labels], axis=0)
            logits = self.discriminator(shown, training=True)
            on_real, on_generated = tf.split(pick_logits(logits, twice), 2)
            generator_loss = total_generator_loss = losses.relativistic_generator_loss(on_real, on_generated)
            discriminator_loss = total_loss = losses.relativistic_discriminator_loss(on_real, on_generated)
            seen = tf.cast(iteration, tf.float32) * self.batch_size
            for weight, measure in ((LIGHT_WEIGHT, losses.light), (DETAIL_WEIGHT, losses.detail)):
                weight *= tf.minimum(seen / LEARNED, 1.0)  # classes come first
                total_generator_loss += weight * losses.matching_loss(measure, photos, generated)
            class_losses = []
            if self.network.conditional:
                class_losses = [losses.class_loss(class_logits(each), labels) for each in tf.split(logits, 2)]
                fading = tf.clip_by_value(tf.pow(0.5, (seen - LEARNED) / CLASS_HALF_LIFE), CLASS_REST, 1.0)
                total_loss += CLASS_WEIGHT * fading * class_losses[0]
                total_generator_loss += GENERATOR_CLASS_WEIGHT * fading * class_losses[1]
        generator_gradients = tape.gradient(total_generator_loss, self.generator.trainable_variables)
        gradients = tape.gradient(total_loss, self.discriminator.trainable_variables)
        penalty, gradients = tf.cond(
            iteration % PENALTY_EVERY == 0,
            lambda: self._penalised(shown, twice, gradients),
            lambda: (0.0, gradients),
        )
        self.generator_optimizer.apply(generator_gradients, self.generator.trainable_variables)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
        self.share_statistics()
        self.average(iteration)
        accuracies = losses.ranking_accuracy(on_real, on_generated)
        return tf.stack([generator_loss, discriminator_loss, *accuracies, penalty, *class_losses])

    def _penalised(self, images, labels, gradients):
        """R1 + R2 of a batch that is half real, half generated, and gradients with its own, scaled for being rare."""
        images = tf.stop_gradient(images)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                logits = self.discriminator(images, training=True)
                total = tf.reduce_sum(pick_logits(logits, labels))
            # The mean over both halves is half of R1 + R2.
            penalty = 2 * losses.gradient_penalty(inner.gradient(total, images))
        extra = outer.gradient(penalty, self.discriminator.trainable_variables)
        # The factor stands between the sum of `b` and this one: a sum of three in a branch that is not taken stops
        # large images in float32 with "AlreadyExists" (TensorFlow's issue 23780).
        factor = PENALTY / 2 * PENALTY_EVERY
        # The last bias shifts all logits alike: the penalty has no gradient there.
        return penalty, [a if b is None else a + factor * b for a, b in zip(gradients, extra, strict=True)]

    def _inputs(self, latents, condition):
        return [latents, condition] if self.network.classes > 1 or self.network.pictograms else latents
