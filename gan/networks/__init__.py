"""Functions that return Keras models."""

from gan.quiet import held_back

with held_back():
    import keras  # noqa: F401  the first import of it in a process, which loads TensorFlow
