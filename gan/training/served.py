"""The weights of an archived generator."""

from pathlib import Path

import keras
import tensorflow as tf

from gan.training.averaged_gan import weights
from gan.training.devices import make_deterministic


def filled(model: keras.Model, file: Path) -> keras.Model:
    """A generator with the weights of a Keras file, which executes nothing.

    Args:
        model: has the variables of the file, by name; its layers may be others.
        file: a `.keras` file.
    """
    if tf.config.list_physical_devices("GPU"):  # the same request gives the same bytes; processors do so anyway
        make_deterministic()
    archived = keras.saving.load_model(file, compile=False, safe_mode=True)
    values = {variable.path: variable for variable in archived.variables}
    for variable in weights(model):
        variable.assign(values[variable.path])
    return model
