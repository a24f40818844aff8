import dataclasses

import numpy as np
import pytest

from gan.data.labelled import LabelledImages, join
from gan.data.signs import GTSRB
from gan.dcgan.photo_scores import photo_scores
from gan.dcgan.told_apart import told_apart

CLASS, UPDATES = 17, 40


@pytest.fixture(scope="module")
def sets() -> list[LabelledImages]:
    """Four sets of pictures of one distribution: patches of colour with a little noise, 25 to each sign."""
    return [pictures(seed) for seed in range(4)]


def pictures(seed: int, count: int = 300) -> LabelledImages:
    drawn = np.random.default_rng(seed)
    patches = drawn.uniform(30, 220, (count, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    images = np.clip(patches + drawn.normal(0, 4, patches.shape), 0, 255).astype(np.uint8)
    signs = LabelledImages.of(images, np.full(count, CLASS), GTSRB)
    return dataclasses.replace(signs, tracks=(np.arange(count) // 25).astype(np.int32))


def marked(signs: LabelledImages, amplitude: float) -> LabelledImages:
    """With a checkerboard of single pixels, its amplitude as a share of the range."""
    board = amplitude * 127.5 * (1 - 2 * (np.indices((32, 32)).sum(axis=0) % 2))
    images = np.clip(signs.images + board[..., None], 0, 255).astype(np.uint8)
    return dataclasses.replace(signs, images=images)


def test_images_of_one_distribution_are_not_told_apart(sets) -> None:
    found = told_apart(*sets[:3], updates=UPDATES)
    assert 0.35 < found.auc < 0.65 and 0.35 < found.reference < 0.65


def test_a_checkerboard_tells_generated_images_and_the_easiest_come_first(sets) -> None:
    """Half of the generated images have one; of photographs of one sign there is no reference."""
    generated, training, unseen, other = (dataclasses.replace(part, tracks=part.tracks * 0) for part in sets)
    found = told_apart(join(marked(generated, 0.12), other), training, unseen, updates=UPDATES)
    assert found.auc > 0.65 and found.reference is None
    fine = np.abs(np.diff(found.easiest.astype(int), axis=1)).mean(axis=(1, 2, 3))
    assert fine[: len(fine) // 2].mean() > 15  # patches with noise have 5


def test_too_few_images_tell_nothing(sets) -> None:
    nothing = sets[0].take(np.arange(1))
    assert told_apart(nothing, sets[1], sets[2]) is None


def test_scores_beside_photographs_have_their_known_answers(sets, monkeypatch) -> None:
    monkeypatch.setattr("gan.dcgan.photo_scores.told_apart", lambda *_: None)
    generated, training, unseen, _ = sets
    good = photo_scores(generated, training, unseen, 0).scores
    assert good["spectrum"] < 2 * good["spectrum_floor"] and 0.3 < good["leak"] < 0.7
    board = photo_scores(marked(generated, 0.06), training, unseen, 0)
    assert board.scores["spectrum"] > 1 > good["spectrum"] and board.excess.argmax() >= len(board.excess) - 2
    copies = photo_scores(training, training, unseen, 0).scores
    assert copies["leak"] > 0.95 and copies["leak_low"] > 0.9
