"""Feature maps of double width and height, without a checkerboard."""

import gan.training  # noqa: F401  isort: skip  loads TensorFlow without its greetings
import numpy as np
from keras import layers, ops

# A line of the 4x4 kernel from a line of the turned 3x3 one, and both lines together: as a product, since slices have
# slow gradients.
_LINE = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
SPREAD = np.kron(_LINE, _LINE)


class Enlarge(layers.Layer):
    """Enlarging to double size by repeating pixels, then a 3x3 convolution without bias.

    In one step: a transposed convolution whose 4x4 kernel is the 3x3 kernel spread over the four pixels that an input
    pixel becomes. It takes 4/9 of the multiplications. The four pixels get one kernel, so that it can't draw a
    checkerboard as independent ones do (Odena et al. 2016, doi 10.23915/distill.00003).

    Args:
        channels: of the output.
        initializer: of the kernel.
    """

    def __init__(self, channels: int, initializer="glorot_uniform", **others):
        super().__init__(**others)
        self.channels, self._initializer = channels, initializer

    def build(self, input_shape):
        """Make the kernel, of the shape that `keras.layers.Conv2D` has."""
        shape = (3, 3, input_shape[-1], self.channels)
        self.kernel = self.add_weight(shape=shape, initializer=self._initializer, name="kernel")

    def call(self, images):
        """(N, height, width, C) to (N, 2 * height, 2 * width, channels)."""
        kernel = ops.cast(self.kernel, images.dtype)
        inputs = kernel.shape[2]
        spread = ops.cast(SPREAD, images.dtype) @ ops.reshape(kernel, (9, inputs * self.channels))
        # Transposed convolutions have channels the other way round.
        kernel = ops.transpose(ops.reshape(spread, (4, 4, inputs, self.channels)), (0, 1, 3, 2))
        return ops.conv_transpose(images, kernel, strides=2, padding="same")


def enlarged(x, channels: int, name: str, precision: str, portable: bool, initializer="glorot_uniform"):
    """A feature map of double size by `Enlarge`.

    Args:
        x: float (N, height, width, C).
        channels: of the output.
        name: of the layer that has the kernel.
        precision: Keras dtype policy.
        portable: of layers that Keras ships alone. The kernel is the same, the arithmetic takes twice the time.
        initializer: of the kernel.
    """
    if not portable:
        return Enlarge(channels, initializer, dtype=precision, name=name)(x)
    x = layers.UpSampling2D(2, dtype=precision, name=f"repeat_{name}")(x)
    return layers.Conv2D(
        channels, 3, padding="same", use_bias=False, kernel_initializer=initializer, dtype=precision, name=name
    )(x)
