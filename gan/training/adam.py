"""Adam with one pass over the weights."""

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Keras' Adam, updated by TensorFlow's own kernel.

    Keras updates a weight in a dozen operations, each a pass over memory. The U-Net of pix2pix has 57 million
    weights: with one image in a batch that was a third of an iteration.
    """

    def apply(self, grads, trainable_variables=None):
        """Update variables; gradients of several replicas are averaged, since each has a mean over its part."""
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        if replicas > 1:  # Keras adds them up
            grads = [tf.convert_to_tensor(gradient) / replicas for gradient in grads]
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable and its two moments."""
        place = self._get_variable_index(variable)
        steps = tf.cast(self.iterations, tf.float32) + 1
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, steps),
            beta2_power=tf.pow(self.beta_2, steps),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), tf.float32),  # of an embedding it is sparse
        )
