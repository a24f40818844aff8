"""Trainings on two logical CPUs, which a process can only have from its start: `python -m tests.two_devices`."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from gan import checkpoints
from gan.checkpoint_info import CheckpointInfo
from gan.training import sampling
from gan.training.distribution import ONE, Replicas, start
from tests.dcgan import test_gan as signs
from tests.pix2pix import test_gan as scenes
from train_dcgan import TrainConfig


def built(replicas: Replicas, build, *args, **changed):
    with replicas.scope():
        gan = build(*args, **changed)
    gan.replicas = replicas
    return gan


def values(gan, replica: int = 0) -> dict[str, np.ndarray]:
    """Every variable as one replica has it."""
    local = tf.distribute.MirroredStrategy.experimental_local_results
    return {
        f"{part}/{k}": local(gan.replicas.strategy, variable.value)[replica].numpy()
        if gan.replicas.strategy
        else variable.numpy()
        for part, variables in gan.parts().items()
        for k, variable in enumerate(variables)
    }


def assert_replicas_are_equal(gan) -> None:
    first, second = values(gan), values(gan, 1)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def main() -> None:
    config, two = start(TrainConfig(devices="cpu:2", batch_size=8), 2, "", None)
    assert config.deterministic and two.count == 2 and two.chief and "as 2 devices" in two.describe()

    # Replicas draw different numbers; a batch is shared.
    draw = tf.function(lambda: sampling.latents(sampling.share(8), 3, sampling.key(0, 0, "x")))
    parts = [np.array(part) for part in two.strategy.experimental_local_results(two.strategy.run(draw))]
    assert [part.shape for part in parts] == [(4, 3)] * 2 and (parts[0] != parts[1]).all()
    np.testing.assert_array_equal(parts[0], np.array(draw())[:4])

    # Nothing normalises over the batch, and there is no noise: the halves are as good as the whole.
    quiet = {"preset": "averaged", "dropout": 0.0, "batch_size": 4}
    half, whole = built(two, scenes.build, **quiet), built(ONE, scenes.build, **quiet)
    for gan in (half, whole):
        gan.measured = gan.update(0, 8)
    np.testing.assert_allclose(half.measured, whole.measured, atol=1e-4)
    together, alone = values(half), values(whole)
    moved = max(
        np.abs(alone[name] - value).max() for name, value in values(built(ONE, scenes.build, **quiet)).items()
    )
    assert moved > 1e-3
    for name in together:
        np.testing.assert_allclose(together[name], alone[name], atol=1e-4, err_msg=name)
    assert_replicas_are_equal(half)

    # All draws, dropout, penalties, batch normalisation and classes.
    labels = [0, 1, 2, 2, 1]
    several = built(two, signs.build, signs.THREE, labels, batch_size=8)
    assert np.isfinite(several.update(0, 20)).all()
    assert_replicas_are_equal(several)
    variances = {v.path: v.numpy() for v in several.generator.non_trainable_variables if "moving_variance" in v.path}
    assert len(variances) == 4 and all((value != 1).all() for value in variances.values())

    # What two devices have learned, one goes on with, and the other way round.
    path = Path("checkpoint.npz")
    info = CheckpointInfo("dcgan", "0", 20, {}, {}, {"name": "x", "digest": "x", "images": 5}, "0" * 32)
    single = built(ONE, signs.build, signs.THREE, labels, batch_size=8)
    for before, after in ((several, single), (single, several)):
        checkpoints.save(path, info, before.parts())
        checkpoints.load(path, after.parts())
        kept, restored = values(before), values(after)
        for name in kept:
            np.testing.assert_array_equal(kept[name], restored[name], err_msg=name)
        assert (after.sample() == before.sample()).all()
    assert_replicas_are_equal(several)


if __name__ == "__main__":
    main()
