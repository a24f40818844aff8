"""One iteration of a GAN of street scenes: pairs of label map and photo, in either direction."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np
import tensorflow as tf

from gan.data.labelled import to_uint8
from gan.data.scenes import Loaded
from gan.pix2pix import sheets
from gan.pix2pix.batches import Pairs
from gan.pix2pix.lights import lights_of
from gan.pix2pix.objectives import PatchObjective, PixelObjective, WindowObjective, class_weights
from gan.pix2pix.presets import SceneNetwork
from gan.training import losses, sampling
from gan.training.adam import Adam
from gan.training.augment import change_light
from gan.training.averaged_gan import AveragedGan

AT_ONCE = 4  # pictures made at a time, always: noise and arithmetic of another number could be others
AVERAGED_EVERY = 8  # iterations: at each, the average of 57 million weights took a seventh of the time
WEIGHED = 500  # scenes that the weights of the classes are taken from
LIGHT_UNIT = 32.0  # grey levels that are 1 where the light of a photo enters

METRICS = ("generator_loss", "discriminator_loss", "l1_training", "accuracy_real", "accuracy_generated")


class SceneGan(AveragedGan):
    """The GAN of street scenes with its data, one update of both networks as `iterate`.

    Args:
        network: what to build.
        feed: batches of the training part.
        rates: step sizes of Adam for generator and discriminator.
        l1_weight: of the distance to the real picture in the generator's loss.
        seed: of the initial weights and of every draw.
        precision: "float32" or "bfloat16"; pictures are made in float32 always.
        sampled: the scenes that samples are made of.
    """

    def __init__(
        self,
        network: SceneNetwork,
        feed: Pairs,
        rates: tuple[float, float],
        l1_weight: float,
        seed: int,
        precision: str,
        sampled: Loaded,
    ):
        preset = network.preset
        optimizers = tuple(Adam(rate, beta_1=preset.beta_1, beta_2=0.999) for rate in rates)
        super().__init__(
            network, seed, precision, optimizers, preset.half_life, sheets.real_pictures(network, sampled)
        )
        self.feed, self.batch_size, self.sampled = feed, feed.batch_size, sampled
        self._l1_weight = l1_weight
        self._lit = preset.light and network.to_photos
        self.metric_names = (*METRICS, "matching_training") if preset.matching else METRICS
        self._objective: PatchObjective | PixelObjective = WindowObjective() if network.inpaints else PatchObjective()
        if network.by_pixels:
            self._objective = PixelObjective(class_weights(feed.sample(WEIGHED).labels, network.palette))
        self._inner = _inner_answers(self.discriminator) if preset.matching else None

    def sheet(self, samples: np.ndarray) -> np.ndarray:
        """A line for each scene of the samples: what it starts from, the real picture, the generated one."""
        return sheets.sheet(self.network, self.sampled, samples)

    def real_sheet(self) -> np.ndarray:
        """The scenes of the samples: photos and their label maps."""
        return sheets.sheet(self.network, self.sampled)

    def sheet_bytes(self) -> int:
        """Bytes that a sheet of samples takes at most, on the disk and in the archive together."""
        return 3 * self.sheet(self.sample()).nbytes

    def sample(self) -> np.ndarray:
        """Pictures of the scenes that were given for it, of noise that is the same at every call.

        Returns:
            uint8 (N, height, width, 3): photos, or label maps in their colours.
        """
        made = self.pictures(self.sampled, "samples")
        return made if self.network.to_photos else self.network.palette.paint(made)

    def pictures(self, scenes: Loaded, purpose: str) -> np.ndarray:
        """What the averaged generator makes of scenes' label maps, or of their photos; see `pictures`."""
        given = scenes.labels if self.network.to_photos else scenes.photos
        return pictures(
            self.generating(), self.network, given, scenes.edges, self.seed, purpose, photos=scenes.photos
        )

    def example(self) -> np.ndarray | dict[str, np.ndarray]:
        """An example of the generator's input: what it starts from, with a latent where it takes one."""
        network = self.network
        condition = np.zeros((1, network.height, network.width, network.channels_in), np.float32)
        if len(self.averaged.inputs) == 1:
            return condition
        return {"condition": condition, "latent": np.zeros((1, network.preset.latent), np.float32)}

    def iterate(self, iteration):
        """One update of the discriminator, then one of the generator through it (section 3.3 of the paper).

        Args:
            iteration: int32 scalar tensor, the number of updates made before this one.

        Returns:
            float32 (M,): the values of `metric_names`.
        """
        return self.with_xla(self._update)(iteration, *self.feed.batch(iteration))

    def _update(self, iteration, photos, labels, edges):
        given = labels if self.network.to_photos else photos
        condition = _condition(self.network, given, edges, photos, _lights(photos) if self.network.light else None)
        wanted = _as_float(photos) if self.network.to_photos else tf.one_hot(labels, len(self.network.palette))
        classes = edges if self.network.inpaints else tf.cast(labels, tf.int32)  # what the objective asks for
        sampling.set_dropout(self.generator, sampling.key(self.seed, iteration, "dropout"))
        latents = sampling.latents(
            photos.shape[0], self.network.preset.latent, sampling.key(self.seed, iteration, "latents")
        )
        ask, discriminator = self._objective, self.discriminator
        light = sampling.key(self.seed, iteration, "light")

        def shown(picture):
            # The same light for both pictures of a pair: what the layers find in them is compared.
            return ask.discriminator_input(condition, change_light(picture, light) if self._lit else picture)

        with tf.GradientTape() as tape:
            made = self.generator(_inputs(self.generator, condition, latents), training=True)
            made = _painted(self.network, made, wanted, edges)
            # The discriminator's turn: real and generated in one pass.
            real, generated = shown(wanted), shown(made)
            both = tf.concat([real, tf.stop_gradient(generated)], axis=0)
            with tape.stop_recording(), tf.GradientTape() as own:
                answers = tf.split(discriminator(both, training=True), 2)
                discriminator_loss = ask.discriminator_loss(*answers, classes)
            gradients = own.gradient(discriminator_loss, discriminator.trainable_variables)
            self.discriminator_optimizer.apply(gradients, discriminator.trainable_variables)
            # The generator's turn.
            l1 = losses.absolute_distance(made, wanted, shares=not self.network.to_photos)
            if self.network.inpaints:  # of what is painted alone
                l1 /= tf.reduce_mean(tf.cast(edges, tf.float32)) + 1e-3
            more = []
            if self._inner is None:
                answer = discriminator(generated, training=False)
            else:
                with tape.stop_recording():
                    *aims, _ = self._inner(real, training=False)
                *found, answer = self._inner(generated, training=False)
                apart = [losses.absolute_distance(*map(_float32, pair)) for pair in zip(found, aims, strict=True)]
                more = [tf.add_n(apart) / len(apart)]
            generator_loss = ask.generator_loss(answer, classes)
            total = generator_loss + self._l1_weight * l1 + sum(self.network.preset.matching * each for each in more)
        gradients = tape.gradient(total, self.generator.trainable_variables)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        if self.half_life:
            tf.cond((iteration + 1) % AVERAGED_EVERY == 0, lambda: self._averaged(iteration), lambda: False)
        return tf.stack([generator_loss, discriminator_loss, l1, *ask.accuracies(*answers, classes), *more])

    def _averaged(self, iteration) -> bool:
        self.average(iteration, AVERAGED_EVERY)
        return True


def _inner_answers(discriminator: keras.Model) -> keras.Model:
    """The discriminator with what its layers find before its logits."""
    found = [layer.output for layer in discriminator.layers if isinstance(layer, keras.layers.LeakyReLU)]
    return keras.Model(discriminator.inputs, [*found, discriminator.output])


def pictures(
    model: keras.Model, network: SceneNetwork, given, edges, seed: int, purpose: str, number: int = 0, photos=None,
    lights=None,
) -> np.ndarray:  # fmt: skip
    """What a generator makes of label maps or of photos, whichever its direction starts from.

    The k-th picture depends on the weights, what the k-th is made of, `seed`, `purpose` and k alone, not on how many
    there are.

    Args:
        model: the generator, in float32.
        network: what it was built from.
        given: uint8 (N, height, width), label maps of positions in the palette, or (N, height, width, 3), photos.
        edges: uint8 (N, height, width), 1 at the boundaries of instances, or where a network that paints objects is
            to paint; None where they do not enter.
        seed: of the noise.
        purpose: pictures of another purpose have other noise.
        number: of the first picture, a multiple of `AT_ONCE`: many scenes can be generated in chunks.
        photos: uint8 (N, height, width, 3), what objects are painted into, or in whose light; None: not needed.
        lights: float32 (N, 2, 3), what light to paint each in (see `gan.pix2pix.lights`), for a network that light
            enters; None: in that of `photos`, or where there are none in its usual one.

    Returns:
        uint8: photos (N, height, width, 3), or label maps (N, height, width) of positions in the palette.
    """
    count = len(given)
    if network.light and lights is None and photos is not None:
        lights = lights_of(photos)
    made = np.empty((count, network.height, network.width, *((3,) if network.to_photos else ())), np.uint8)
    for first in range(0, count, AT_ONCE):
        chosen = np.minimum(np.arange(first, first + AT_ONCE), count - 1)  # the last ones are filled up
        around = photos[chosen] if network.inpaints else None
        where = edges[chosen] if network.edges else None
        shown = None
        if network.light:
            shown = np.tile(network.light, (AT_ONCE, 1)) if lights is None else lights[chosen].reshape(AT_ONCE, -1)
        condition = _condition(network, given[chosen], where, around, shown)
        drawn_with = sampling.key(seed, number + first, purpose)
        sampling.set_dropout(model, drawn_with)
        latents = sampling.latents(AT_ONCE, network.preset.latent, drawn_with)
        answer = model(_inputs(model, condition, latents), training=True)  # dropout is the noise
        answer = np.asarray(_painted(network, answer, _as_float(around), where) if network.inpaints else answer)
        batch = to_uint8(answer) if network.to_photos else answer.argmax(axis=3).astype(np.uint8)
        made[first : first + AT_ONCE] = batch[: count - first]
    return made


def _inputs(model: keras.Model, condition, latents):
    return condition if len(model.inputs) == 1 else [condition, latents]


def _condition(network: SceneNetwork, given, edges, photos=None, lights=None):
    """What the generator starts from, float32 (N, height, width, `network.channels_in`)."""
    if not network.to_photos:
        return _as_float(given)
    parts = [tf.one_hot(given, len(network.palette))]
    if network.edges:
        parts.append(tf.cast(edges, tf.float32)[..., None])
    if network.inpaints:
        parts.append(_as_float(photos) * (1 - parts[1]))
    if network.light:
        apart = (tf.cast(lights, tf.float32) - tf.constant(network.light, tf.float32)) / LIGHT_UNIT
        planes = tf.ones((1, *given.shape[1:3], 1)) * apart[:, None, None]
        parts.append(planes)
    return tf.concat(parts, axis=3)


def _lights(photos):
    """The light of photos, float32 (N, 6), as `gan.pix2pix.lights.light_of` takes it."""
    mean, variance = tf.nn.moments(tf.cast(photos, tf.float32), axes=(1, 2))
    return tf.concat([mean, tf.sqrt(variance)], axis=1)


def _painted(network: SceneNetwork, made, photos, edges):
    """What was made, where it was to be painted, and the photos everywhere else."""
    if not network.inpaints:
        return made
    return photos + tf.cast(edges, tf.float32)[..., None] * (made - photos)


def _float32(values):
    return tf.cast(values, tf.float32)


def _as_float(photos):
    return tf.cast(photos, tf.float32) / 127.5 - 1
