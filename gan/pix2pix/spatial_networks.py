"""Networks beyond pix2pix: a generator led by the label map at every resolution, and a discriminator of pixels.

The generator takes the label map in again after every normalisation, as gains and biases that differ from place to
place (SPADE, Park et al. 2019, arXiv 1903.07291, section 3), here from the features of one encoder that all
resolutions share.  The discriminator is a U-Net that tells the class of every pixel of a real photo, with one class
more for generated ones (OASIS, Schönfeld et al. 2021, arXiv 2012.04781, section 3.1): both are a fraction of the
published sizes, to be trained on a few cores.

The generator has only layers that Keras ships, so that a saved one loads anywhere with `safe_mode=True`.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers, ops

from gan.pix2pix.networks import EPSILON, SLOPE, levels

DEEPEST = 6  # levels at most
WIDEST = 8  # times the channels of the finest level


def build_spatial_generator(
    width: int,
    height: int,
    channels_in: int,
    channels_out: int,
    activation: str,
    base: int = 32,
    latent: int = 64,
    precision: str = "float32",
) -> keras.Model:
    """A generator whose every normalisation is followed by gains and biases from what it starts from.

    Args:
        width: of the pictures, a multiple of 32.
        height: the same.
        channels_in: of what it starts from.
        channels_out: of what it makes.
        activation: "tanh" for photos, "softmax" for label maps.
        base: channels of the finest level; coarse ones have up to eight times as many.
        latent: numbers of noise that enter at every normalisation.
        precision: Keras dtype policy of the inner layers; what it makes is float32 always.

    Returns:
        A model of inputs float32 (N, height, width, channels_in) and (N, latent), drawn from the standard normal
        distribution; output float32 (N, height, width, channels_out).
    """
    depth = levels(width, height, DEEPEST)
    sizes = [base * min(2**level, WIDEST) for level in range(depth + 1)]
    condition = keras.Input((height, width, channels_in), name="condition")
    noise = keras.Input((latent,), name="latent")
    features = [condition]
    for level in range(1, depth + 1):
        x = layers.Conv2D(sizes[level], 4, strides=2, dtype=precision, name=f"down_{level}")(_framed(features[-1]))
        features.append(layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_down_{level}")(x))
    x = features[depth]
    for level in reversed(range(depth)):
        channels = sizes[level]
        # Gains and biases of both normalisations of a level come from one convolution.
        here = layers.Conv2D(4 * channels, 1, dtype=precision, name=f"lead_{level}")(features[level])
        all_over = layers.Dense(4 * channels, use_bias=False, dtype=precision, name=f"noise_{level}")(noise)
        all_over = layers.Reshape((1, 1, 4 * channels), dtype=precision, name=f"noise_map_{level}")(all_over)
        led = ops.split(layers.Add(dtype=precision, name=f"led_{level}")([here, all_over]), 4, axis=-1)
        # Convolved before it is enlarged: a quarter of the work.
        x = layers.Conv2D(channels, 3, use_bias=False, dtype=precision, name=f"up_{level}")(_framed(x))
        x = _enlarged(x, f"larger_{level}", precision)
        x = _led(x, *led[:2], f"{level}_1", precision)
        x = layers.Conv2D(channels, 3, use_bias=False, dtype=precision, name=f"conv_{level}")(_framed(x))
        x = _led(x, *led[2:], f"{level}_2", precision)
    x = layers.Conv2D(channels_out, 3, dtype=precision, name="last")(_framed(x))
    made = layers.Activation(activation, dtype="float32", name="made")(x)
    return keras.Model([condition, noise], made, name="generator")


def build_pixel_discriminator(
    width: int, height: int, classes: int, base: int = 32, precision: str = "float32"
) -> keras.Model:
    """A discriminator that tells the class of every other pixel in both directions, or that it was generated.

    Logits of all pixels, as published, cost as much as all the rest of the network and drew grids.

    Args:
        width: of the photos, a multiple of 32.
        height: the same.
        classes: of the label maps.
        base: channels of the first level; coarse ones have up to eight times as many.
        precision: Keras dtype policy of the inner layers; the logits are float32 always.

    Returns:
        A model of input float32 (N, height, width, 3) in [-1, 1], output float32 (N, height / 2, width / 2, classes +
        1): the last logit is that of generated pixels.
    """
    depth = levels(width, height, DEEPEST)
    sizes = [base * min(2**level, WIDEST) for level in range(depth)]
    photo = keras.Input((height, width, 3), name="photo")
    x, skips = photo, []
    for level, channels in enumerate(sizes):
        x = SpectralConv2D(channels, 4, strides=2, padding="same", dtype=precision, name=f"down_{level}")(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_down_{level}")(x)
        x = SpectralConv2D(channels, 3, padding="same", dtype=precision, name=f"conv_{level}")(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_conv_{level}")(x)
        skips.append(x)
    for level in reversed(range(1, depth)):
        x = _enlarged(x, f"up_{level}", precision)
        x = layers.Concatenate(dtype=precision, name=f"join_{level}")([x, skips[level - 1]])
        x = SpectralConv2D(sizes[level - 1], 3, padding="same", dtype=precision, name=f"conv_up_{level}")(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_up_{level}")(x)
    x = layers.Conv2D(classes + 1, 1, dtype=precision, name="logits")(x)
    logits = layers.Activation("linear", dtype="float32", name="as_float32")(x)
    return keras.Model(photo, logits, name="discriminator")


class SpectralConv2D(layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value, so that its slope is bounded.

    Miyato et al. 2018, arXiv 1802.05957, section 2.1. A call with `training=True` makes one step of the power
    iteration; any other call leaves the direction as it is. The gradient is taken through the division, unlike in
    `keras.layers.SpectralNormalization`.
    """

    def build(self, input_shape):
        """Make the kernel, and the direction that it stretches most."""
        super().build(input_shape)
        self.direction = self.add_weight(
            (1, self.filters), "random_normal", trainable=False, dtype="float32", name="direction"
        )

    def call(self, inputs, training=False):
        """Convolve with the divided kernel."""
        outputs = self.convolution_op(inputs, ops.cast(self._divided(training), inputs.dtype))
        return ops.add(outputs, self.bias) if self.use_bias else outputs

    def _divided(self, training: bool):
        kernel = ops.cast(self.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, self.filters))
        held = ops.stop_gradient(matrix)
        left = _unit(ops.matmul(self.direction, ops.transpose(held)))
        right = _unit(ops.matmul(left, held))
        if training:
            self.direction.assign(right)
        sigma = ops.sum(ops.matmul(left, matrix) * right)
        return kernel / sigma


def _framed(x):
    """A pixel more on every side, like the one at the edge: a frame of zeros can be seen in what is generated."""
    return ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")


def _enlarged(x, name: str, precision: str):
    """Twice the width and height, between pixels on a line.

    Transposed convolutions, and copies of pixels, draw grids over flat areas (Odena et al. 2016,
    https://distill.pub/2016/deconv-checkerboard): here both did, in the generator and through the discriminator.
    """
    return layers.UpSampling2D(2, interpolation="bilinear", dtype=precision, name=name)(x)


def _unit(vector):
    return vector / (ops.sqrt(ops.sum(ops.square(vector))) + 1e-12)


def _led(x, gain, bias, name: str, precision: str):
    """Instance normalisation, then at each place x * (1 + gain) + bias, then LeakyReLU."""
    x = layers.GroupNormalization(
        groups=-1, epsilon=EPSILON, center=False, scale=False, dtype=precision, name=f"normal_{name}"
    )(x)
    changed = layers.Multiply(dtype=precision, name=f"scaled_{name}")([x, gain])
    x = layers.Add(dtype=precision, name=f"shifted_{name}")([x, changed, bias])
    return layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{name}")(x)
