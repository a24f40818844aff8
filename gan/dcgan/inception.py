"""Features of ImageNet's Inception, for the FID that papers on other images report."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import keras
import numpy as np

from gan.errors import UserError

BATCH = 32
SIZE = 299  # pixels, what the network was trained on


class Inception:
    """Inception v3 (Szegedy et al. 2016, arXiv 1512.00567) as Keras ships it, up to its last pooling.

    Its weights are not those that published FIDs were computed with, so compare within this project only. They are
    a poor judge of 32-pixel signs: ImageNet has hardly any.

    Raises:
        UserError: the weights are neither in Keras' cache nor to be had from its host.
    """

    def __init__(self):
        try:
            self._model = keras.applications.InceptionV3(
                include_top=False, pooling="avg", input_shape=(SIZE, SIZE, 3)
            )
        except Exception as error:  # of the network, of the hash, of the file
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:150]
            raise UserError(
                "inception=true needs the weights of Keras' InceptionV3, and they can't be downloaded here "
                f"({reason}); go on without inception=true."
            ) from None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """float32 (N, 2048), features of uint8 (N, height, width, 3)."""
        features = []
        for first in range(0, len(images), BATCH):
            batch = images[first : first + BATCH].astype(np.float32)
            # Antialiased: without it the FID moves by several points (Parmar et al. 2022, arXiv 2104.11222).
            large = keras.ops.image.resize(batch, (SIZE, SIZE), interpolation="bicubic", antialias=True)
            features.append(np.asarray(self._model(large / 127.5 - 1, training=False)))
        return np.concatenate(features)
