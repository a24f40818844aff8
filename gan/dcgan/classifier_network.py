"""A small convolutional classifier of 32x32 traffic signs, the judge of generated ones."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
from keras import layers

FEATURES = 128  # dimensions of the features that scores compare


def build_classifier(classes: int, width: int = 32, precision: str = "float32") -> keras.Model:
    """A model from images to features and logits.

    Three pairs of 3x3 convolutions with batch normalisation, each pair at half the resolution of the one before
    (the layout of VGG, Simonyan and Zisserman 2015, arXiv 1409.1556, section 2.1, at the size of these images).

    Args:
        classes: number of classes.
        width: channels of the first pair; the others have two and four times as many.
        precision: Keras dtype policy of the inner layers; features and logits are float32 always.

    Returns:
        A model of input float32 (N, 32, 32, 3) in [-1, 1]; outputs float32 (N, 128), features of about unit
        variance, and float32 (N, classes), logits.
    """
    image = keras.Input((32, 32, 3), name="image")
    x = image
    for size, channels in ((32, width), (16, width * 2), (8, width * 4)):
        for number in (1, 2):
            x = layers.Conv2D(
                channels, 3, padding="same", use_bias=False, dtype=precision, name=f"conv_{size}_{number}"
            )(x)
            x = layers.BatchNormalization(momentum=0.98, dtype=precision, name=f"normal_{size}_{number}")(x)
            x = layers.ReLU(dtype=precision, name=f"relu_{size}_{number}")(x)
        x = layers.MaxPooling2D(2, dtype=precision, name=f"pool_{size}")(x)
    x = layers.Flatten(dtype=precision, name="flatten")(x)
    x = layers.Dropout(0.4, dtype=precision, name="dropout")(x)
    x = layers.Dense(FEATURES, dtype="float32", name="dense")(x)
    # Of unit variance: distances between sets of features do not depend on how large training let them grow.
    features = layers.BatchNormalization(center=False, scale=False, momentum=0.98, dtype="float32", name="features")(
        x
    )
    x = layers.ReLU(dtype="float32", name="relu_features")(features)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(image, [features, logits], name="classifier")
