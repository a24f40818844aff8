"""Where the time of an iteration of the training of signs goes, by kind of operation, on one core.

uv run benchmarks/dcgan_profile.py

Shares are of the time in operations; iterations with a gradient penalty, every eighth, are left out.
"""

import collections
import dataclasses
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from gan.config import Config, option, run

# The first that fits an operation's name and type ("gradient_tape/generator_1/up_8_1/...:Mul") counts.
KINDS = {
    "convolutions": r":\w*Conv2D",
    "batch normalisation": r"normal_",
    "modulation and ReLU": r"(scaled|shifted|gain|bias|relu)_",
    "kernels of enlarging": r"up_\d+_",
    "LeakyReLU": r"leaky",
    "Adam": r"adam|ResourceApply",
    "dropout": r"dropout",
    "dense layers": r"MatMul",
    "augmentation, averages and others": r"",
}


@dataclasses.dataclass(frozen=True)
class ProfileConfig(Config):
    """Say where the time of an iteration goes."""

    precision: str = option("bfloat16", "float32 or bfloat16", ("float32", "bfloat16"))
    classes: int = option(43, "1, or 43 for a class-conditional generator", ge=1, le=43)
    batch_size: int = option(32, "real images an iteration", ge=2, le=4096)


def main(config: ProfileConfig) -> None:
    """Train a few iterations under the profiler, and print the shares."""
    import gan.training  # isort: skip  loads TensorFlow without its greetings
    import numpy as np
    import tensorflow as tf

    from gan.dcgan.gan import PENALTY_EVERY, Network, SignGan

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (50 * config.classes, 32, 32, 3), np.uint8)
    labels = np.arange(len(images)) % config.classes
    gan = SignGan(Network(config.classes), images, labels, config.batch_size, (1e-4, 1e-4), 0, config.precision)
    update = tf.function(gan.iterate)
    for iteration in range(1, 4):
        update(tf.constant(iteration))
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for iteration in range(1, PENALTY_EVERY):
            update(tf.constant(iteration))
        tf.profiler.experimental.stop()
        times = operations(next(Path(folder).rglob("*.xplane.pb")))
    for kind, milliseconds in by_kind(times).most_common():
        print(f"{milliseconds / (PENALTY_EVERY - 1):7.1f} ms  {milliseconds / sum(times.values()):6.1%}  {kind}")


def operations(profile: Path) -> collections.Counter[str]:
    """Milliseconds of each operation, by name and type."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space, times = xplane_pb2.XSpace(), collections.Counter()
    space.ParseFromString(profile.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if re.search(r"^[\w/.-]+:\w+$", name):  # not the executor around the operations
                    times[name] += event.duration_ps / 1e9
    return times


def by_kind(times: collections.Counter[str]) -> collections.Counter[str]:
    """The same summed by `KINDS`."""
    sums: collections.Counter[str] = collections.Counter()
    for name, milliseconds in times.items():
        sums[next(kind for kind, words in KINDS.items() if re.search(words, name))] += milliseconds
    return sums


if __name__ == "__main__":
    run(ProfileConfig, main)
