"""Trials of rivals: what a trial changes, and features between features."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import rivals
from benchmarks.rivals import TRIALS, TrialTrainer, filled_up
from gan.config import Config
from gan.dcgan import classifier
from gan.errors import UserError
from gan.training import policies
from gan.training.sampling import Sampler

CONFIG = SimpleNamespace(steps=8, precision="float32", batch_size=12)
LABELS = np.repeat([0, 1, 2], 4)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    build = functools.partial(classifier.build_classifier, width=2)
    monkeypatch.setattr(classifier, "build_classifier", build)


def batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    trainer = TrialTrainer(TRIALS[name], Sampler(IMAGES, LABELS, 3), CONFIG, 0, None)
    images, shares = trainer.batch(tf.constant(0))
    return np.asarray(images), np.asarray(shares)


def test_a_trial_changes_the_policy_for_itself_alone() -> None:
    before = dict(vars(policies))
    strong, shares = batch("strong")
    assert np.array_equal(shares.sum(axis=1), np.ones(12)) and set(shares.ravel()) == {0, 1}
    for name in ("still", "unlit", "plain", "far-view", "wide", "mild"):
        assert np.abs(batch(name)[0] - strong).mean() > 0.01, name
    np.testing.assert_array_equal(batch("strong")[0], strong)
    assert dict(vars(policies)) == before


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_images_have_shares_of_two_classes(name) -> None:
    images, shares = batch(name)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert ((shares > 0).sum(axis=1) == 2).any() and images.shape == (12, 32, 32, 3)
    assert np.abs(images - batch("strong")[0]).mean() > 0.001


def test_features_of_small_classes_are_filled_up_to_the_median() -> None:
    labels = np.repeat([0, 1, 3], [40, 20, 8])
    found = np.random.default_rng(0).normal(labels[:, None], 0.1, (68, 5)).astype(np.float32)
    filled, kinds = filled_up(found, labels, 0)
    assert np.bincount(kinds).tolist() == [40, 20, 0, 14] and np.abs(filled[kinds == 3] - 3).max() < 0.5
    np.testing.assert_array_equal(filled, filled_up(found, labels, 0)[0])


def test_what_is_no_trial_is_said() -> None:
    assert issubclass(rivals.RivalsConfig, Config)
    with pytest.raises(UserError, match=r"trials is some of strong, mild.*, not 'strong,brave'"):
        rivals.RivalsConfig(trials="strong,brave")
