"""Which device a run uses."""

import os

import tensorflow as tf


def describe() -> str:
    """The devices in words: "GPU (NVIDIA H100)" or "CPU, 2 cores"."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unknown")
        unused = f"; {len(gpus) - 1} more are not used" if len(gpus) > 1 else ""
        return f"GPU ({name}){unused}"
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _cores()
    return f"CPU, {threads} cores" + ("" if tf.test.is_built_with_cuda() else " (TensorFlow without CUDA)")


def make_deterministic() -> None:
    """Let every operation give the same bits each time; exact resume needs it."""
    tf.config.experimental.enable_op_determinism()
    # This pass of the graph optimiser fails on the gradient penalty and says so on stderr at every start.
    tf.config.optimizer.set_experimental_options({"remapping": False})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
