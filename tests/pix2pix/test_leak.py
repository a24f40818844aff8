"""The attack on toy points: photos are found that were learned by heart."""

import numpy as np

from gan.pix2pix.leak import scene_leak

COUNT = 100
ALONE = [f"street{k}_0" for k in range(COUNT)]
TOGETHER = [f"street{k // 10}_{k:04d}" for k in range(COUNT)]


def points(*seeds: int, count: int = COUNT) -> list[np.ndarray]:
    return [np.random.default_rng(seed).normal(size=(count, 8)) for seed in seeds]


def test_photos_learned_by_heart_are_all_told() -> None:
    learned, unseen, noise = points(0, 1, 2)
    leak = scene_leak((learned, noise), (learned, unseen), (ALONE, ALONE))
    assert (leak.auc, leak.low, leak.high) == (1, 1, 1)


def test_a_generator_that_repeats_unseen_photos_as_well_tells_nothing() -> None:
    learned, unseen, *noise = points(0, 1, 2, 3)
    assert scene_leak((learned, unseen), (learned, unseen), (ALONE, ALONE)).auc == 0.5
    near = learned + 0.5 * noise[0], unseen + 0.5 * noise[1]
    leak = scene_leak(near, (learned, unseen), (ALONE, ALONE))
    assert abs(leak.auc - 0.5) < 0.1 and leak.low < 0.5 < leak.high


def test_frames_of_one_street_make_the_interval_wider() -> None:
    streets, *noise = points(0, 1, 2, 3, 4)
    alike = [np.repeat(part[:10], 10, axis=0) + 0.01 * part for part in (streets, noise[0])]
    generated = noise[1], noise[2]
    together, apart = (scene_leak(generated, alike, (names, names)) for names in (TOGETHER, ALONE))
    assert together.auc == apart.auc and together.high - together.low > 1.3 * (apart.high - apart.low)
