"""The networks of pix2pix: a U-Net that turns one picture into another, and a discriminator of patches of pairs.

Isola et al. 2017, arXiv 1611.07004, section 6.1, with the depth following the size of the pictures.  Batch
normalisation with one image in a batch, and with the batch's own statistics when generating too, is instance
normalisation (section 3.3 of the paper): that is what stands here, for any batch size.

Only layers that Keras ships, so that a saved generator loads anywhere with `safe_mode=True`.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers

SLOPE = 0.2  # of LeakyReLU for negative inputs
DEEPEST = 8  # levels of the paper's U-Net for 256x256
NOISY = 3  # layers of the decoder with dropout, from the innermost on
EPSILON = 1e-5  # under the square root of the normalisation


def levels(width: int, height: int, most: int = DEEPEST) -> int:
    """How often a size can be halved: as long as both sides stay whole, `most` times at most.

    256x256 gives 8 (down to one pixel), 256x128 gives 7, 128x96 gives 5 (down to 4x3).
    """
    count = 0
    while count < most and width % 2 == 0 and height % 2 == 0:
        width, height, count = width // 2, height // 2, count + 1
    return count


def build_unet(
    width: int,
    height: int,
    channels_in: int,
    channels_out: int,
    activation: str,
    base: int = 64,
    dropout: float = 0.5,
    precision: str = "float32",
) -> keras.Model:
    """The paper's generator.  Its dropout is at work when generating too: it is the only noise.

    It is at work unless the model is called with `training=False`, as Keras' own `predict` does.

    Args:
        width: of the pictures, a multiple of 32.
        height: the same.
        channels_in: of what it starts from.
        channels_out: of what it makes.
        activation: "tanh" for photos, "softmax" for label maps.
        base: channels of the outermost level; the inner ones have up to eight times as many.
        dropout: share of values dropped in the first three layers of the decoder, 0-1.
        precision: Keras dtype policy of the inner layers; what it makes is float32 always.

    Returns:
        A model of input float32 (N, height, width, channels_in), output float32 (N, height, width, channels_out).
    """
    depth = levels(width, height)
    sizes = [base * min(2**level, 8) for level in range(depth)]
    condition = keras.Input((height, width, channels_in), name="condition")
    x, skips = condition, []
    for level, channels in enumerate(sizes):
        if level:
            x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{level}")(x)
        # The innermost level is not normalised: where it is a single pixel nothing would be left of it.
        normal = 0 < level < depth - 1
        x = _convolution(layers.Conv2D, channels, f"down_{level}", precision, strides=2, bias=not normal)(x)
        if normal:
            x = normalisation(f"normal_down_{level}", precision)(x)
        skips.append(x)
    for level in reversed(range(1, depth)):
        x = layers.ReLU(dtype=precision, name=f"relu_{level}")(x)
        x = _convolution(layers.Conv2DTranspose, sizes[level - 1], f"up_{level}", precision, strides=2)(x)
        x = normalisation(f"normal_up_{level}", precision)(x)
        if dropout and level >= depth - NOISY:
            x = layers.Dropout(dropout, dtype=precision, name=f"dropout_{level}")(x, training=True)
        x = layers.Concatenate(dtype=precision, name=f"join_{level}")([x, skips[level - 1]])
    x = layers.ReLU(dtype=precision, name="relu_0")(x)
    x = _convolution(layers.Conv2DTranspose, channels_out, "up_0", precision, strides=2, bias=True)(x)
    made = layers.Activation(activation, dtype="float32", name="made")(x)
    return keras.Model(condition, made, name="generator")


def build_patch_discriminator(
    width: int, height: int, channels_in: int, base: int = 64, precision: str = "float32"
) -> keras.Model:
    """The paper's discriminator: each of its logits looks at 70x70 pixels.

    Args:
        width: of the pictures, 32 at least.
        height: the same.
        channels_in: of condition and picture together, one above the other.
        base: channels of the first layer; the others have up to eight times as many.
        precision: Keras dtype policy of the inner layers; the logits are float32 always.

    Returns:
        A model of input float32 (N, height, width, channels_in), output float32 (N, height / 8 - 2, width / 8 - 2,
        1).
    """
    pair = keras.Input((height, width, channels_in), name="pair")
    x = pair
    for level, (factor, strides) in enumerate(((1, 2), (2, 2), (4, 2), (8, 1))):
        if strides == 1:
            x = layers.ZeroPadding2D(1, dtype=precision, name=f"margin_{level}")(x)
        x = _convolution(layers.Conv2D, base * factor, f"down_{level}", precision, strides, bias=level == 0)(x)
        if level:
            x = normalisation(f"normal_{level}", precision)(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{level}")(x)
    x = layers.ZeroPadding2D(1, dtype=precision, name="margin_logits")(x)
    logits = _convolution(layers.Conv2D, 1, "logits", "float32", strides=1, bias=True)(x)
    return keras.Model(pair, logits, name="discriminator")


def normalisation(name: str, precision: str):
    """Instance normalisation: every channel of every image to mean 0 and deviation 1, then a gain and a bias."""
    return layers.GroupNormalization(
        groups=-1,
        epsilon=EPSILON,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        dtype=precision,
        name=name,
    )


def _convolution(kind, channels: int, name: str, precision: str, strides: int, bias: bool = False):
    return kind(
        channels,
        4,
        strides=strides,
        padding="same" if strides == 2 else "valid",
        use_bias=bias,
        kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
        dtype=precision,
        name=name,
    )
