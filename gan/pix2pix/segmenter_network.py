"""A small U-Net that tells the class of every pixel of a street scene, the judge of generated photos."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers

LEVELS = (1, 2, 4, 8, 8)  # channels at each resolution, from the finest to the coarsest, in units of the finest
SMALLEST = 2 ** (len(LEVELS) - 1)  # pixels: the shortest side that leaves something at the coarsest resolution


def build_segmenter(
    classes: int, width: int, height: int, channels: int = 16, precision: str = "float32"
) -> keras.Model:
    """A model from photos to features and logits of every pixel.

    A U-Net (Ronneberger, Fischer and Brox 2015, arXiv 1505.04597, section 2): pairs of 3x3 convolutions at five
    resolutions, each half of the one before, and on the way back up-convolutions and skip connections.  Unlike
    there it has batch normalisation and keeps the size, each step up has one convolution, not two, and there are
    four times fewer channels, so that a training takes minutes on two cores.

    Args:
        classes: number of classes.
        width: of the photos in pixels, 16 or more; any size will do.
        height: the same.
        channels: at full resolution; the features have eight times as many dimensions.
        precision: Keras dtype policy of the inner layers; features and logits are float32 always.

    Returns:
        A model of input float32 (N, height, width, 3) in [-1, 1]; outputs float32 (N, 8 * channels), features of
        about unit variance that say what is in the photo but not where, and float32 (N, height, width, classes),
        logits.

    Raises:
        ValueError: the photos are too small.
    """
    if min(height, width) < SMALLEST:
        raise ValueError(f"photos of {width}x{height} are too small: {SMALLEST} pixels or more on both sides")
    image = keras.Input((height, width, 3), name="image")
    x, skipped = image, []
    for level, units in enumerate(LEVELS):
        if level:
            x = layers.MaxPooling2D(2, padding="same", dtype=precision, name=f"down_{level}")(x)
        for number in (1, 2):
            x = _convolved(x, units * channels, f"{level}_{number}", precision)
        skipped.append(x)
    # Of unit variance: distances between sets of features do not depend on how large training let them grow.
    features = layers.BatchNormalization(center=False, scale=False, momentum=0.98, dtype="float32", name="features")(
        layers.GlobalAveragePooling2D(dtype="float32", name="pool")(x)
    )
    for level in reversed(range(len(LEVELS) - 1)):
        beside = skipped[level]
        x = layers.Conv2DTranspose(beside.shape[-1], 2, strides=2, dtype=precision, name=f"up_{level}")(x)
        over = x.shape[1] - beside.shape[1], x.shape[2] - beside.shape[2]
        if any(over):  # the finer resolution has an odd number of pixels
            x = layers.Cropping2D(((0, over[0]), (0, over[1])), dtype=precision, name=f"crop_{level}")(x)
        x = layers.Concatenate(dtype=precision, name=f"skip_{level}")([x, beside])
        x = _convolved(x, beside.shape[-1], f"{level}_3", precision)
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, [features, logits], name="segmenter")


def _convolved(x, channels: int, name: str, precision: str):
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, dtype=precision, name=f"conv_{name}")(x)
    x = layers.BatchNormalization(momentum=0.98, dtype=precision, name=f"normal_{name}")(x)
    return layers.ReLU(dtype=precision, name=f"relu_{name}")(x)
