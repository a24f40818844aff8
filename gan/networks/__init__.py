"""Functions that return Keras models."""
