import functools
import math

import numpy as np
import pytest
import tensorflow as tf

from gan.dcgan import classifier
from gan.dcgan.classifier import SMOOTHING, ClassifierTrainer, build_classifier, build_judge
from gan.training import devices
from gan.training.loop import run_blocks
from gan.training.sampling import Sampler

LEARNED = 120  # iterations that the toy problem takes


@pytest.fixture(scope="module", autouse=True)
def small_and_the_same_bits_each_time():
    devices.make_deterministic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "build_classifier", functools.partial(build_classifier, width=4))
        yield


def toys(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright bar: lying in class 0, standing in class 1, both in class 2."""
    random = np.random.default_rng(seed)
    labels = np.arange(3 * each) % 3
    images = random.integers(60, 120, (3 * each, 32, 32, 3)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = random.integers(8, 20, 2)
        if label != 1:
            image[row : row + 5, 3:-3] += 100
        if label != 0:
            image[3:-3, column : column + 5] = random.integers(160, 220, (26, 5, 3))
    return images, labels.astype(np.uint8)


def build(iterations: int = 8, seed: int = 0, **more) -> ClassifierTrainer:
    return ClassifierTrainer(Sampler(*toys(10, seed=5), 3), iterations, seed, batch_size=24, **more)


def step(trainer: ClassifierTrainer, iteration: int = 0) -> dict[str, float]:
    return dict(zip(trainer.metric_names, np.asarray(trainer.iterate(tf.constant(iteration))).tolist(), strict=True))


def weights(trainer: ClassifierTrainer) -> list[np.ndarray]:
    return [variable.numpy().copy() for variable in trainer.model.variables]


@pytest.fixture(scope="module")
def learned() -> tuple[ClassifierTrainer, list[dict[str, float]]]:
    trainer = ClassifierTrainer(Sampler(*toys(60, seed=1), 3), LEARNED, 0, batch_size=24)
    return trainer, [metrics for _, metrics in run_blocks(trainer, 0, LEARNED, [])]


@pytest.mark.slow
def test_it_learns_what_is_easy(learned: tuple[ClassifierTrainer, list[dict[str, float]]]) -> None:
    trainer, metrics = learned
    images, labels = toys(60, seed=2)
    _, logits = trainer.model(images / np.float32(127.5) - 1, training=False)
    assert (np.asarray(logits).argmax(axis=1) == labels).mean() > 0.9
    assert metrics[-1]["loss"] < 0.6 * metrics[0]["loss"] and metrics[-1]["accuracy"] > metrics[0]["accuracy"]
    assert metrics[0]["images_per_second"] > 0


def test_features_have_about_unit_variance_after_training(
    learned: tuple[ClassifierTrainer, list[dict[str, float]]],
) -> None:
    trainer, _ = learned
    images, _ = toys(60, seed=2)
    given = images / np.float32(127.5) - 1
    features = np.asarray(trainer.model(given, training=False)[0])
    # Below 1 because dropout, which adds to it in training, is a large part of it in a network that is so narrow.
    assert 0.15 < features.var(axis=0).mean() < 1.5 and np.abs(features.mean(axis=0)).mean() < 0.6
    # With the statistics of the images as they are it is 1, however large the weights.
    trainer.model.get_layer("dense").kernel.assign(trainer.model.get_layer("dense").kernel * 30)
    trainer.model.get_layer("dropout").rate = 0.0
    for layer in trainer.model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.5
    for _ in range(20):
        trainer.model(given, training=True)
    features = np.asarray(trainer.model(given, training=False)[0])
    assert features.var(axis=0).mean() == pytest.approx(1, abs=0.1)


def test_loss_and_accuracy_are_those_worked_out_by_hand() -> None:
    trainer = build()
    layer = trainer.model.get_layer("logits")
    layer.kernel.assign(layer.kernel * 0)
    layer.bias.assign([20.0, 0, 0])
    metrics = step(trainer)
    zeros = metrics["accuracy"]  # the share of class 0, which is what it says of everything
    assert 0 < zeros < 1 and zeros * 24 == pytest.approx(round(zeros * 24), abs=1e-5)
    wrong = SMOOTHING * 2 / 3  # what is wanted of the other classes where class 0 is right
    wanted = zeros * 20 * wrong + (1 - zeros) * 20 * (1 - SMOOTHING / 3)
    assert metrics["loss"] == pytest.approx(wanted, rel=1e-4)
    layer.kernel.assign(layer.kernel * 0)
    layer.bias.assign([0.0, 0, 0])
    assert step(trainer)["loss"] == pytest.approx(math.log(3), rel=1e-5)


def test_classes_are_learned_evenly_and_in_changed_light(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, changed = [], []
    varied = classifier.policies.varied

    def spy(images, key, policy):
        shown.append(np.asarray(images))
        changed.append(np.asarray(varied(images, key, policy)))
        return changed[-1]

    monkeypatch.setattr(classifier.policies, "varied", spy)
    labels = np.repeat([0, 1, 2], [1, 5, 200])
    images = np.random.default_rng(0).integers(0, 256, (206, 32, 32, 3), np.uint8)
    images[..., 0] = labels[:, None, None] * 100
    trainer = ClassifierTrainer(Sampler(images, labels, 3), 20, 0, batch_size=24)
    for iteration in range(20):
        step(trainer, iteration)
    red = np.concatenate([np.rint((batch[:, 0, 0, 0] + 1) * 127.5).astype(int) for batch in shown])
    counts = np.bincount(red, minlength=201)[[0, 100, 200]]
    assert counts.sum() == 480 and ((counts - 160) ** 2 / 160).sum() < 15  # chi-squared, 2 degrees of freedom
    assert all(np.abs(new - old).mean() > 0.01 for new, old in zip(changed, shown, strict=True))


# The network


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32)


def test_width_is_the_number_of_channels_of_the_first_pair() -> None:
    model = build_classifier(5, width=5)
    shapes = [tuple(model.get_layer(f"conv_{size}_2").output.shape[1:]) for size in (32, 16, 8)]
    assert shapes == [(32, 32, 5), (16, 16, 10), (8, 8, 20)]
    assert build_classifier(43).get_layer("conv_32_1").filters == 32


@pytest.mark.parametrize("build", [build_classifier, build_judge])
def test_features_of_a_batch_have_mean_0_and_variance_1_in_training(build) -> None:
    features, logits = build(5, width=4)(noise(64), training=True)
    assert features.shape == (64, 128) and logits.shape == (64, 5)
    np.testing.assert_allclose(np.asarray(features).mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.asarray(features).var(axis=0), 1, atol=0.1)


def test_dropout_is_for_training_only() -> None:
    model = build_classifier(5, width=4)

    def logits(training: bool) -> np.ndarray:
        return np.asarray(model(noise(6), training=training)[1])

    np.testing.assert_array_equal(logits(False), logits(False))
    assert (logits(True) != logits(True)).all()
