"""The training loop and what it is made of."""

from gan.quiet import held_back

with held_back():
    import tensorflow

    tensorflow.config.list_physical_devices()  # the first look at the devices is what speaks of missing drivers
