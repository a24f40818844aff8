"""The weights of an archived generator."""

import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan.checkpoints import WEIGHTS, finite
from gan.errors import UserError
from gan.training.averaged_gan import weights
from gan.training.devices import make_deterministic


def filled(model: keras.Model, portable: keras.Model, file: Path) -> keras.Model:
    """A generator with the weights of a Keras file, of which nothing but numbers is read: no layer that it names.

    Args:
        model: the generator.
        portable: the same of the layers that are in the file; gets its weights.
        file: a `.keras` file.

    Raises:
        UserError: it is damaged, or of another generator.
    """
    if tf.config.list_physical_devices("GPU"):  # the same request gives the same bytes; processors do so anyway
        make_deterministic()
    for variable in weights(portable):
        variable.assign(np.full(variable.shape, np.nan))  # Keras says nothing of what a file lacks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            portable.load_weights(file)
        if not finite({WEIGHTS: weights(portable)}):
            raise ValueError("some weights are missing")
    except Exception as error:  # a damaged zip or HDF5 file ends in many kinds of exception
        raise UserError(f"{file} is damaged or holds another generator; promote its run again.") from error
    for variable, value in zip(weights(model), weights(portable), strict=True):
        variable.assign(value)
    return model
