"""The training loop and what it is made of."""

import os

from gan.quiet import held_back

if {"TF_CONFIG", "SLURM_STEP_NUM_TASKS"} & set(os.environ):  # a lost host is said in one sentence, not in fifty lines
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with held_back():
    import tensorflow

    tensorflow.config.list_physical_devices()  # the first look at the devices is what speaks of missing drivers
