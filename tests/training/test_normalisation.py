import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.training.normalisation import Normalisation


def results(layer: keras.layers.Layer, images: np.ndarray, training: bool) -> list[np.ndarray]:
    """Output, gradient, and statistics afterwards."""
    inputs = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.cast(layer(inputs, training=training), tf.float32)
        loss = tf.reduce_sum(outputs**3)
    return [np.asarray(value) for value in (outputs, tape.gradient(loss, inputs), *layer.variables)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-3), ("mixed_bfloat16", 0.05)])
def test_normalisation_is_that_of_keras(dtype: str, error: float, training: bool) -> None:
    images = np.random.default_rng(0).normal(3, 2, (8, 16, 16, 5)).astype(np.float32)
    ours = Normalisation(0.9, dtype=dtype)
    keras_own = keras.layers.BatchNormalization(center=False, scale=False, momentum=0.9, dtype=dtype)
    for layer in (ours, keras_own):
        layer(images, training=True)  # statistics other than those at the start
    assert [v.name for v in ours.variables] == [v.name for v in keras_own.variables]
    for one, other in zip(results(ours, images, training), results(keras_own, images, training), strict=True):
        np.testing.assert_allclose(one, other, rtol=error, atol=error * max(1, np.abs(other).max()))
