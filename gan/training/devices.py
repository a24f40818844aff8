"""Which devices a run uses."""

import tensorflow as tf

from gan.machine import cores


def describe(used: int = 1) -> str:
    """The devices of this host in words: "GPU (NVIDIA H100)", "2 GPUs (NVIDIA H100)" or "CPU, 2 cores".

    Args:
        used: how many a training uses.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and tf.config.get_visible_devices("GPU"):
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "unknown")
        unused = f"; {len(gpus) - used} more not used" if len(gpus) > used else ""
        return f"{'GPU' if used == 1 else f'{used} GPUs'} ({name}){unused}"
    threads = tf.config.threading.get_intra_op_parallelism_threads() or cores()
    parts = f" as {used} devices" if used > 1 else ""
    return f"CPU, {threads} cores{parts}" + ("" if tf.test.is_built_with_cuda() else " (TensorFlow without CUDA)")


def make_deterministic() -> None:
    """Let every operation give the same bits each time; exact resume needs it."""
    tf.config.experimental.enable_op_determinism()
    # This pass of the graph optimiser fails on the gradient penalty and says so on stderr at every start.
    tf.config.optimizer.set_experimental_options({"remapping": False})
