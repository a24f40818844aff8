"""Which device and which precision a run uses."""

import os
from collections.abc import Callable

import tensorflow as tf

PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # parameter value -> Keras dtype policy


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


def choose_precision(
    wanted: str, rate: Callable[[str], float], say: Callable[[str], None], before: str | None = None
) -> str:
    """The precision to train with.

    Args:
        wanted: "float32", "bfloat16" (weights stay float32, most arithmetic is bfloat16) or "auto", which measures
            both on this machine: bfloat16 is faster where the processor has instructions for it and can be 60 times
            slower where it has not.
        rate: images per second at a precision.
        say: prints a line for the user.
        before: of the good run that is gone on from; "auto" stays with it.

    Returns:
        "float32" or "bfloat16".
    """
    if wanted != "auto":
        return wanted
    if before in PRECISIONS:
        return before
    say("precision auto: trying float32 and bfloat16 for a few seconds each")
    rates = {precision: rate(precision) for precision in PRECISIONS}
    best = max(rates, key=rates.__getitem__)
    say(", ".join(f"{precision} {value:.0f} images/s" for precision, value in rates.items()) + f": using {best}")
    return best


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
