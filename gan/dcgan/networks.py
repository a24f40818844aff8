"""Generator and discriminator of square images, of one class or conditioned on a class.

The convolutional layout is DCGAN's (Radford et al. 2016, arXiv 1511.06434, section 3) with what later work found
to train better on few images: normalisation whose gain and bias come from the latent and the class
(self-modulation, Chen et al. 2019, arXiv 1810.01365, section 2), no normalisation in the discriminator, and the
class entering it as a projection (Miyato and Koyama 2018, arXiv 1802.05637, section 3), with a classifier on the
same features beside it (Odena et al. 2017, arXiv 1610.09585, section 3).

Both have a level for every doubling from 4x4 up to the size of the images. Levels above 32x32 have half the
channels of the one below: each costs as much as that of 32x32, so that 64x64 takes less than four times as long.

A generator can be built of layers that Keras ships alone, so that the saved one loads anywhere with `safe_mode=True`.
"""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers, ops

from gan.training.enlarge import enlarged
from gan.training.normalisation import Normalisation

LATENT = 100  # dimensions of the latent
EMBEDDING = 64  # dimensions of a class's embedding in the generator
MOMENTUM = 0.99  # of the moving statistics of batch normalisation
SLOPE = 0.2  # of LeakyReLU for negative inputs
FEWEST = 16  # channels of the levels of large images
DETAIL = 4  # maps that are projected from the latent, for texture as fine as a pixel
LARGEST_DETAIL = 64  # width and height of these maps: a matrix for more would be most of the network
FINE = 32  # channels of the discriminator's convolution of single pixels
PICTOGRAM = 4  # channels of a pictogram: red, green, blue and alpha
SYMBOL = 16  # width of the smallest maps that see what is on a pictogram
TRANSPOSED, ENLARGED = LAYOUTS = ("transposed", "enlarged")


def build_generator(
    classes: int = 1,
    width: int = 64,
    precision: str = "float32",
    layout: str = ENLARGED,
    portable: bool = False,
    size: int = 32,
) -> keras.Model:
    """A model from latents to images.

    Args:
        classes: number of classes; with more than one the model takes class ids as a second input.
        width: channels at 32x32; smaller maps have up to four times as many, larger ones fewer.
        precision: Keras dtype policy of the inner layers; the images are float32 always.
        layout: "enlarged", or "transposed" for the transposed convolutions that version 0.1 and before had.
        portable: of layers that Keras ships alone. The variables are the same, the arithmetic takes twice the time.
        size: width and height of the images, one of `gan.data.decode.SIZES`.

    Returns:
        A model of inputs float32 (N, 100), drawn from the standard normal distribution, and with several classes
        also int32 (N,), ids from 0; output float32 (N, size, size, 3) in [-1, 1]. While it is trained, the values of
        the layout "enlarged" have no bounds: with tanh, black and white give no gradient, and images that are too
        dark stay so. The portable model cuts them off.
    """
    latent = keras.Input((LATENT,), name="latent")
    inputs, style = latent, latent
    if classes > 1:
        label = keras.Input((), dtype="int32", name="label")
        inputs = [latent, label]
        embedded = layers.Embedding(classes, EMBEDDING, dtype=precision, name="embedding")(label)
        style = layers.Concatenate(dtype=precision, name="style")([latent, embedded])
    x = _levels(latent, style, width, precision, layout, portable, size)
    model = keras.Model(inputs, _image(x, layout, portable), name="generator")
    for layer in model.layers:
        if isinstance(layer, layers.Conv2DTranspose):
            _start_smooth(layer)
    return model


def build_pictogram_generator(
    width: int = 64, precision: str = "float32", portable: bool = False, size: int = 32
) -> keras.Model:
    """A model from latents and pictograms in a pose to photos of such signs.

    The pictogram is added to the maps of every level. Those below `SYMBOL` see its outline alone: what is on a sign
    is painted pixel by pixel, and not recognised, so that signs can be painted that were never learned.

    Args:
        width: see `build_generator`, as the others; the layout is "enlarged".
        precision: see there.
        portable: see there.
        size: see there.

    Returns:
        A model of inputs float32 (N, 100), drawn from the standard normal distribution, and float32 (N, size, size,
        4), pictograms in [-1, 1] (see `gan.dcgan.poses.posed`); output float32 (N, size, size, 3).
    """
    latent = keras.Input((LATENT,), name="latent")
    drawing = keras.Input((size, size, PICTOGRAM), name="pictogram")

    def shown(x):
        level = x.shape[1]
        seen = drawing
        if level < size:
            seen = layers.AveragePooling2D(size // level, dtype=precision, name=f"pictogram_{level}")(seen)
        if level < SYMBOL:  # the last of four channels is alpha
            seen = seen[..., 3:]
        seen = layers.Conv2D(x.shape[-1], 3, padding="same", dtype=precision, name=f"seen_{level}")(seen)
        return layers.Add(dtype=precision, name=f"shown_{level}")([x, seen])

    x = _levels(latent, latent, width, precision, ENLARGED, portable, size, shown)
    x = layers.Conv2D(x.shape[-1], 3, padding="same", use_bias=False, dtype=precision, name="painted")(x)
    x = _modulated(x, latent, "painted", precision, portable)
    return keras.Model([latent, drawing], _image(x, ENLARGED, portable), name="generator")


def _levels(latent, style, width: int, precision: str, layout: str, portable: bool, size: int, shown=lambda x: x):
    """The feature maps of a generator, from 4x4 up to (N, size, size, C).

    Args:
        latent: see `build_generator`, as the others.
        style: what gain and bias of every level depend on.
        width: see there.
        precision: see there.
        layout: see there.
        portable: see there.
        size: see there.
        shown: what the maps of a level become before they are normalised.
    """
    x = layers.Dense(4 * 4 * width * 4, use_bias=False, dtype=precision, name="project")(style)
    x = layers.Reshape((4, 4, width * 4), dtype=precision, name="image_4")(x)
    x = _modulated(shown(x), style, "4", precision, portable)
    level = 4
    while level < size:
        level *= 2
        x = _doubled(x, channels_at(level, width), f"up_{level}", precision, layout, portable)
        if layout == ENLARGED and level == min(size, LARGEST_DETAIL):
            x = layers.Add(dtype=precision, name="detailed")([x, _detail(latent, level, x.shape[-1], precision)])
        x = _modulated(shown(x), style, str(level), precision, portable)
    return x


def _image(x, layout: str, portable: bool):
    """The image of the last feature maps; the portable one of the layout "enlarged" is cut off at black and white."""
    activation = "tanh" if layout == TRANSPOSED else None
    image = layers.Conv2D(3, 3, padding="same", activation=activation, dtype="float32", name="image")(x)
    if portable and layout == ENLARGED:
        image = layers.Rescaling(1.0, 1.0, dtype="float32", name="from_0")(image)
        image = layers.ReLU(max_value=2.0, dtype="float32", name="cut_off")(image)
        image = layers.Rescaling(1.0, -1.0, dtype="float32", name="from_minus_1")(image)
    return image


def channels_at(level: int, width: int) -> int:
    """Channels of the generator's maps of a width and height; those at 32x32 are `width`."""
    if level <= 32:
        return width * min(4, 32 // level)
    return min(width, max(FEWEST, width * 32 // level))


def build_discriminator(
    classes: int = 1,
    width: int = 64,
    dropout: float = 0.25,
    precision: str = "float32",
    layout: str = ENLARGED,
    size: int = 32,
    channels: int = 3,
) -> keras.Model:
    """A model from images to logits, higher for real ones.

    Args:
        classes: number of classes.
        width: channels at 16x16; smaller maps have two and four times as many, larger ones fewer.
        dropout: share of the last feature map that is dropped while training, 0-1.
        precision: Keras dtype policy of the inner layers; the logits are float32 always.
        layout: see `build_generator`; "enlarged" looks at single pixels before it takes every other one.
        size: width and height of the images, one of `gan.data.decode.SIZES`.
        channels: of the images, more than 3 where pictograms come with them.

    Returns:
        A model of input float32 (N, size, size, channels) in [-1, 1]; output float32 (N, 1), or with several classes
        (N, 1 + 2 * classes): a logit for being real at all, for each class what is to be added to it for being
        real as that class (see `pick_logits`), and the logits of a classifier.
    """
    image = keras.Input((size, size, channels), name="image")
    x = image
    if layout == ENLARGED:
        x = layers.Conv2D(channels_at(size, FINE), 3, padding="same", dtype=precision, name=f"fine_{size}")(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{size}")(x)
    level = size
    while level > 4:
        level //= 2
        maps = channels_at(2 * level, width)
        x = layers.Conv2D(maps, 4, strides=2, padding="same", dtype=precision, name=f"down_{level}")(x)
        x = layers.LeakyReLU(SLOPE, dtype=precision, name=f"leaky_{level}")(x)
    x = layers.Flatten(dtype=precision, name="flatten")(x)
    x = layers.Dropout(dropout, dtype=precision, name="dropout")(x)
    x = layers.Dense(width * 4, dtype=precision, name="features")(x)
    x = layers.LeakyReLU(SLOPE, dtype="float32", name="leaky_features")(x)
    outputs = 1 if classes == 1 else 1 + 2 * classes
    logits = layers.Dense(outputs, dtype="float32", name="logits")(x)
    return keras.Model(image, logits, name="discriminator")


def pick_logits(logits, labels):
    """How real images are, as images of their class.

    A class's row of the last layer, multiplied with the features, is the projection of Miyato and Koyama 2018.

    Args:
        logits: float32, of the discriminator.
        labels: int32 (N,), ids from 0; not looked at where there is one class.

    Returns:
        float32 (N, 1).
    """
    if logits.shape[1] == 1:
        return logits
    of_classes = logits[:, 1 : 1 + logits.shape[1] // 2]
    return logits[:, :1] + ops.take_along_axis(of_classes, labels[:, None], axis=1)


def class_logits(logits):
    """Which class the discriminator takes images for: float32 (N, classes) of its logits."""
    return logits[:, 1 + logits.shape[1] // 2 :]


def _start_smooth(layer) -> None:
    """Let an upsampling convolution begin with one kernel for all four pixels that an input pixel becomes.

    Four independent kernels draw a checkerboard over the images, which takes long to be unlearned (Aitken et al.
    2017, arXiv 1707.02937, section 3.2, for sub-pixel convolution; the same holds for a transposed one).
    """
    kernel = ops.convert_to_numpy(layer.kernel)
    layer.kernel.assign(kernel[::2, ::2].repeat(2, axis=0).repeat(2, axis=1))


def _doubled(x, channels: int, name: str, precision: str, layout: str, portable: bool):
    """A feature map of double size."""
    if layout == TRANSPOSED:
        return layers.Conv2DTranspose(
            channels, 4, strides=2, padding="same", use_bias=False, dtype=precision, name=name
        )(x)
    return enlarged(x, channels, name, precision, portable)


def _detail(latent, size: int, channels: int, precision: str):
    """Maps of pixels from the latent, (N, size, size, channels): what is too fine for smaller maps to say.

    They serve as the noise of StyleGAN does (Karras et al. 2019, arXiv 1812.04948, section 3.2), as a function of the
    latent: an image needs no other input.
    """
    x = layers.Dense(size * size * DETAIL, use_bias=False, dtype=precision, name="detail")(latent)
    x = layers.Reshape((size, size, DETAIL), dtype=precision, name="detail_maps")(x)
    weak = keras.initializers.RandomNormal(stddev=0.05)
    return layers.Conv2D(
        channels, 1, use_bias=False, kernel_initializer=weak, dtype=precision, name="detail_weights"
    )(x)


def _modulated(x, style, name: str, precision: str, portable: bool):
    """Batch normalisation with a gain and a bias that depend on `style`, then ReLU."""
    channels = x.shape[-1]
    name_and_type = {"dtype": precision, "name": f"normal_{name}"}
    if portable:
        x = layers.BatchNormalization(center=False, scale=False, momentum=MOMENTUM, **name_and_type)(x)
    else:
        x = Normalisation(MOMENTUM, **name_and_type)(x)
    gain = layers.Dense(channels, bias_initializer="ones", dtype=precision, name=f"gain_{name}")(style)
    bias = layers.Dense(channels, dtype=precision, name=f"bias_{name}")(style)
    gain = layers.Reshape((1, 1, channels), dtype=precision, name=f"gain_map_{name}")(gain)
    bias = layers.Reshape((1, 1, channels), dtype=precision, name=f"bias_map_{name}")(bias)
    x = layers.Multiply(dtype=precision, name=f"scaled_{name}")([x, gain])
    x = layers.Add(dtype=precision, name=f"shifted_{name}")([x, bias])
    return layers.ReLU(dtype=precision, name=f"relu_{name}")(x)
