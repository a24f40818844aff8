"""Classifier and segmenter have one way to be trained and to answer: one suite for both."""

import dataclasses
import functools
import math
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.dcgan import classifier
from gan.dcgan.classifier import ClassifierTrainer, build_classifier
from gan.pix2pix import segmenter
from gan.pix2pix.segmenter import PairSampler, SegmenterTrainer, build_segmenter
from gan.training import devices
from gan.training.judge import JudgeTrainer, answers, fit
from gan.training.sampling import Sampler


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of judge of three classes, narrow: its network, its trainer, and the sizes of its images."""

    network: Callable[..., keras.Model]
    trainer: Callable[..., JudgeTrainer]
    height: int
    width: int
    features: int
    logits: tuple[int, ...]
    rate: float

    def images(self, count: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 256, (count, self.height, self.width, 3), np.uint8)


def classifier_trainer(iterations=8, seed=0, **more) -> ClassifierTrainer:
    images = np.random.default_rng(5).integers(0, 256, (30, 32, 32, 3), np.uint8)
    sampler = Sampler(images, np.arange(30, dtype=np.uint8) % 3, 3)
    return ClassifierTrainer(sampler, iterations, seed, batch_size=24, **more)


def segmenter_trainer(iterations=8, seed=0, **more) -> SegmenterTrainer:
    random = np.random.default_rng(5)
    photos = random.integers(0, 256, (6, 24, 36, 3), np.uint8)
    return SegmenterTrainer(PairSampler(photos, photos[..., 0] // 86, 3), iterations, seed, **more)


KINDS = {
    "classifier": Kind(functools.partial(build_classifier, 3, width=4), classifier_trainer, 32, 32, 128, (3,),
                       classifier.RATE),
    "segmenter": Kind(functools.partial(build_segmenter, 3, 36, 24, 2), segmenter_trainer, 24, 36, 16, (24, 36, 3),
                      segmenter.RATE),
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    devices.make_deterministic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "build_classifier", functools.partial(build_classifier, width=4))
        patch.setattr(segmenter, "build_segmenter", functools.partial(build_segmenter, channels=2))
        yield KINDS[request.param]


@pytest.fixture(scope="module")
def model(kind):
    """A network with first weights, whose statistics are not those it began with."""
    keras.utils.set_random_seed(0)
    model = kind.network()
    model(kind.images(8) / np.float32(127.5) - 1, training=True)
    return model


# --- networks


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_features_and_logits_have_their_shapes_and_are_float32(kind, precision):
    keras.utils.set_random_seed(0)
    model = kind.network(precision=precision)
    for training in (False, True):
        outputs = model(kind.images(6) / np.float32(127.5) - 1, training=training)
        assert [tuple(output.shape) for output in outputs] == [(6, kind.features), (6, *kind.logits)]
        for output in outputs:
            assert keras.backend.standardize_dtype(output.dtype) == "float32"
            assert np.isfinite(np.asarray(output)).all()
    assert all(variable.dtype == "float32" for variable in model.variables if "seed" not in variable.path)
    heavy = [layer for layer in model.layers if layer.name.startswith(("conv", "up"))]
    assert {layer.compute_dtype for layer in heavy} == {precision.removeprefix("mixed_")}
    assert all(model.get_layer(name).compute_dtype == "float32" for name in ("features", "logits"))


def test_every_weight_has_a_gradient(kind):
    keras.utils.set_random_seed(0)
    model = kind.network()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(kind.images(6) / np.float32(127.5) - 1, training=True)[1] ** 2)
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        # The bias before a normalisation is taken away by it.
        assert np.abs(np.asarray(gradient)).max() > 1e-6 or weight.path.endswith("dense/bias"), weight.path


def test_a_saved_network_answers_the_same_and_needs_only_keras(kind, model, tmp_path):
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    model.save(tmp_path / "judge.keras")
    loaded = keras.saving.load_model(tmp_path / "judge.keras", safe_mode=True)
    given = kind.images(3) / np.float32(127.5) - 1
    for own, other in zip(model(given, training=False), loaded(given, training=False), strict=True):
        np.testing.assert_array_equal(np.asarray(own), np.asarray(other))


# --- answers


def answered(model, images, size=4) -> list[np.ndarray]:
    """Features and logits of all images."""
    return [np.array(part) for part in zip(*answers(model, images, size), strict=True)]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 8])
def test_an_answer_for_every_image(kind, model, count):
    found = list(answers(model, kind.images(count), 4))
    assert len(found) == count
    for features, logits in found:
        assert features.shape == (kind.features,) and logits.shape == kind.logits
        assert features.dtype == logits.dtype == np.float32


def test_an_answer_does_not_depend_on_the_other_images(kind, model):
    images = kind.images(9)
    together = answered(model, images)
    for own, other in zip(answered(model, images[:5]), together, strict=True):
        np.testing.assert_array_equal(own, other[:5])
    others = kind.images(9, seed=1)
    others[[2, 8]] = images[[2, 8]]
    for own, other in zip(answered(model, others), together, strict=True):
        np.testing.assert_array_equal(own[[2, 8]], other[[2, 8]])
        assert (own[0] != other[0]).any()
    for own, other in zip(answered(model, images[::-1]), together, strict=True):  # in another place of its batch
        np.testing.assert_allclose(own[::-1], other, atol=1e-5)


def test_answers_are_those_of_the_model(kind, model):
    images = kind.images(5)
    outputs = model(images / np.float32(127.5) - 1, training=False)
    for own, output in zip(answered(model, images), outputs, strict=True):
        np.testing.assert_allclose(own, np.asarray(output), atol=1e-5)


# --- training


def step(trainer: JudgeTrainer, iteration: int = 0) -> dict[str, float]:
    return dict(zip(trainer.metric_names, np.asarray(trainer.iterate(tf.constant(iteration))).tolist(), strict=True))


def weights(trainer: JudgeTrainer) -> list[np.ndarray]:
    return [variable.numpy().copy() for variable in trainer.model.variables]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(kind):
    states = []
    for disturbance in (1, 2):
        np.random.seed(disturbance)
        tf.random.set_seed(disturbance)
        trainer = kind.trainer()
        for iteration in range(2):
            step(trainer, iteration)
        states.append(weights(trainer))
    for own, other in zip(*states, strict=True):
        np.testing.assert_array_equal(own, other)


def test_another_seed_draws_other_weights_and_other_images(kind):
    first, other = kind.trainer(seed=0), kind.trainer(seed=1)
    pairs = list(zip(weights(first), weights(other), strict=True))
    assert all((one != two).any() for one, two in pairs if one.ndim > 1)
    assert (np.asarray(first.batch(0)[0]) != np.asarray(other.batch(0)[0])).any()


def test_what_is_drawn_is_that_of_the_iteration(kind):
    trainer = kind.trainer()
    start = weights(trainer)

    def losses(iteration: int) -> dict[str, float]:
        for variable, value in zip(trainer.model.variables, start, strict=True):
            variable.assign(value)
        return step(trainer, iteration)

    first = losses(3)
    assert losses(4) != first and losses(3) == first


def test_an_update_moves_every_weight(kind):
    trainer = kind.trainer()
    before = weights(trainer)
    step(trainer)
    for variable, old, new in zip(trainer.model.variables, before, weights(trainer), strict=True):
        assert (old != new).any() or variable.path.endswith("dense/bias"), variable.path


def test_the_step_size_falls_to_0(kind):
    trainer = kind.trainer(iterations=4)
    sizes = []
    for iteration in range(5):
        sizes.append(float(trainer.optimizer.learning_rate))
        before = [variable.numpy() for variable in trainer.model.trainable_variables]
        step(trainer, iteration)
    np.testing.assert_allclose(sizes, [kind.rate * (1 + math.cos(math.pi * k / 4)) / 2 for k in range(5)], atol=1e-8)
    for old, new in zip(before, trainer.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new)


def test_bfloat16_trains_and_keeps_float32_weights(kind):
    trainer = kind.trainer(precision="bfloat16")
    assert np.isfinite(list(step(trainer).values())).all()
    assert {variable.dtype for variable in trainer.model.trainable_variables} == {"float32"}
    assert "bfloat16" in {layer.compute_dtype for layer in trainer.model.layers}


def test_all_updates_are_made_and_reported(kind):
    trainer, reported = kind.trainer(iterations=2), []
    before = weights(trainer)
    fit(trainer, 2, "training", lambda metrics, done: reported.append((done, set(metrics))))
    assert reported == [(2, {"loss", "accuracy", "images_per_second"})]
    assert any((old != new).any() for old, new in zip(before, weights(trainer), strict=True))
