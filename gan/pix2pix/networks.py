"""The networks of pix2pix: a U-Net that turns one picture into another, and a discriminator of patches of pairs.

Isola et al. 2017, arXiv 1611.07004, section 6.1, with the depth following the size of the pictures.  Batch
normalisation with one image in a batch, and with the batch's own statistics when generating too, is instance
normalisation (section 3.3 of the paper): that is what stands here, for any batch size.

Only layers that Keras ships, so that a saved generator loads anywhere with `safe_mode=True`.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers

from gan.training.enlarge import enlarged

SLOPE = 0.2  # of LeakyReLU for negative inputs
DEEPEST = 8  # levels of the paper's U-Net for 256x256
NOISY = 3  # layers of the decoder with dropout at most, from the innermost on
NOISY_SIZE = 8  # pixels: dropout reaches no larger map, as in the paper at 256x256
PATCH = 0.375  # of a picture's shorter side: the largest patch that a logit looks at, where nothing else is said
# "published": as at 256x256, whatever the size is. "scaled": dropout and patches follow the size of the pictures.
# "enlarged": the same, with maps enlarged by `gan.training.enlarge` in place of transposed convolutions.
PUBLISHED, SCALED, ENLARGED = LAYOUTS = ("published", "scaled", "enlarged")
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
    layout: str = PUBLISHED,
    portable: bool = True,
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
        dropout: share of values dropped in the first layers of the decoder, 0-1.
        precision: Keras dtype policy of the inner layers; what it makes is float32 always.
        layout: one of `LAYOUTS`. "enlarged" ends with a convolution of single pixels that sees `condition` again.
        portable: of layers that Keras ships alone; see `gan.training.enlarge.enlarged`.

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

    def doubled(x, channels: int, level: int):
        if layout == ENLARGED:
            return enlarged(x, channels, f"up_{level}", precision, portable, _initial())
        return _convolution(layers.Conv2DTranspose, channels, f"up_{level}", precision, strides=2)(x)

    for level in reversed(range(1, depth)):
        x = layers.ReLU(dtype=precision, name=f"relu_{level}")(x)
        x = doubled(x, sizes[level - 1], level)
        x = normalisation(f"normal_up_{level}", precision)(x)
        if dropout and level >= depth - NOISY and (layout == PUBLISHED or _is_noisy(x, level, depth)):
            x = layers.Dropout(dropout, dtype=precision, name=f"dropout_{level}")(x, training=True)
        x = layers.Concatenate(dtype=precision, name=f"join_{level}")([x, skips[level - 1]])
    x = layers.ReLU(dtype=precision, name="relu_0")(x)
    if layout == ENLARGED:
        x = layers.ReLU(dtype=precision, name="relu_last")(doubled(x, base // 2, 0))
        x = layers.Concatenate(dtype=precision, name="join_0")([x, condition])
        x = layers.Conv2D(
            channels_out, 3, padding="same", kernel_initializer=_initial(), dtype=precision, name="last"
        )(x)
    else:
        x = _convolution(layers.Conv2DTranspose, channels_out, "up_0", precision, strides=2, bias=True)(x)
    made = layers.Activation(activation, dtype="float32", name="made")(x)
    return keras.Model(condition, made, name="generator")


def build_patch_discriminator(
    width: int,
    height: int,
    channels_in: int,
    base: int = 64,
    precision: str = "float32",
    layout: str = PUBLISHED,
    share: float = PATCH,
) -> keras.Model:
    """The paper's discriminator: each of its logits looks at 70x70 pixels.

    With fewer layers it looks at 34x34 or 16x16: unless the layout is "published", those that `share` allows.

    Args:
        width: of the pictures, 32 at least.
        height: the same.
        channels_in: of condition and picture together, one above the other.
        base: channels of the first layer; the others have up to eight times as many.
        precision: Keras dtype policy of the inner layers; the logits are float32 always.
        layout: one of `LAYOUTS`.
        share: of the shorter side, 0-1: the largest patch that a logit looks at.

    Returns:
        A model of input float32 (N, height, width, channels_in), output float32 (N, height / F - 2, width / F - 2,
        1), F being 8 for patches of 70 pixels, 4 for 34 and 2 for 16.
    """
    pair = keras.Input((height, width, channels_in), name="pair")
    x, halved = pair, 3
    while layout != PUBLISHED and halved > 1 and patch(halved) > share * min(width, height):
        halved -= 1
    for level, (factor, strides) in enumerate([(2**n, 2) for n in range(halved)] + [(2**halved, 1)]):
        if strides == 1:
            x = layers.ZeroPadding2D(1, dtype=precision, name=f"margin_{level}")(x)
        x = _convolution(layers.Conv2D, base * factor, f"down_{level}", precision, strides, bias=level == 0)(x)
        if level:
            x = normalisation(f"normal_{level}", precision)(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{level}")(x)
    x = layers.ZeroPadding2D(1, dtype=precision, name="margin_logits")(x)
    logits = _convolution(layers.Conv2D, 1, "logits", "float32", strides=1, bias=True)(x)
    return keras.Model(pair, logits, name="discriminator")


def patch(halved: int) -> int:
    """Width and height in pixels of what a logit looks at, behind so many layers that halve a picture."""
    pixels = 7  # the last two convolutions, 4x4 each
    for _ in range(halved):
        pixels = 2 * pixels + 2
    return pixels


def normalisation(name: str, precision: str):
    """Instance normalisation: every channel of every image to mean 0 and deviation 1, then a gain and a bias."""
    return layers.GroupNormalization(
        groups=-1,
        epsilon=EPSILON,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        dtype=precision,
        name=name,
    )


def _is_noisy(x, level: int, depth: int) -> bool:
    """Whether dropout reaches a map; it reaches the innermost one in any case, to be the noise."""
    return max(x.shape[1:3]) <= NOISY_SIZE or level == depth - 1


def _initial():
    return keras.initializers.RandomNormal(0.0, 0.02)


def _convolution(kind, channels: int, name: str, precision: str, strides: int, bias: bool = False):
    return kind(
        channels,
        4,
        strides=strides,
        padding="same" if strides == 2 else "valid",
        use_bias=bias,
        kernel_initializer=_initial(),
        dtype=precision,
        name=name,
    )
