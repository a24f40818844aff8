"""Batch normalisation as one operation of TensorFlow."""

import keras
import tensorflow as tf


class Normalisation(keras.layers.BatchNormalization):
    """Batch normalisation without gain and bias, in one operation that reads bfloat16.

    Keras converts bfloat16 to float32 and takes seven operations, each of which reads all of a feature map. The
    variables are those of `keras.layers.BatchNormalization`, and the results but for rounding; the moving variance is
    of the unbiased estimate.

    Args:
        momentum: of the moving statistics.
        others: of `keras.layers.Layer`.
    """

    def __init__(self, momentum: float = 0.99, **others):
        super().__init__(momentum=momentum, center=False, scale=False, **others)

    def call(self, inputs, training=False):
        """Feature maps (N, height, width, C) of the layer's dtype to the same."""
        settings = {
            "x": inputs, "scale": tf.ones(inputs.shape[-1]), "offset": tf.zeros(inputs.shape[-1]),
            "epsilon": self.epsilon, "is_training": bool(training),
        }  # fmt: skip
        if not training:
            moving = {"mean": self.moving_mean.value, "variance": self.moving_variance.value}
            return tf.raw_ops.FusedBatchNormV3(**settings, **moving).y
        found = tf.raw_ops.FusedBatchNormV3(**settings, mean=tf.zeros(0), variance=tf.zeros(0))
        for moving, new in ((self.moving_mean, found.batch_mean), (self.moving_variance, found.batch_variance)):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return found.y
