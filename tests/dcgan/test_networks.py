import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.dcgan.networks import (
    LATENT,
    LAYOUTS,
    TRANSPOSED,
    build_discriminator,
    build_generator,
    class_logits,
    pick_logits,
)
from gan.training.enlarge import Enlarge

WIDTH = 4


def latents(count: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, LATENT)).astype(np.float32)


def images(count: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32)


def called(model: keras.Model, *inputs: np.ndarray, training: bool = False) -> np.ndarray:
    return np.asarray(model(list(inputs) if len(inputs) > 1 else inputs[0], training=training))


def ids(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


@pytest.fixture(autouse=True)
def same_weights_every_time() -> None:
    keras.utils.set_random_seed(0)


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def precision(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [1, 3])
def test_generated_images_have_their_shape_and_range(classes: int, precision: str, layout: str) -> None:
    generator = build_generator(classes, WIDTH, precision, layout=layout, portable=True)
    inputs = (latents(), ids(0, 1, 2, 0, 1, 2)) if classes > 1 else (latents(),)
    made = called(generator, *inputs)
    assert made.shape == (6, 32, 32, 3) and made.dtype == np.float32
    assert np.abs(made).max() <= 1 and made.std() > 0.01
    assert all(variable.dtype == "float32" for variable in generator.variables), "weights are kept exactly"
    # However large the latents, the range stays.
    loud = called(generator, 1e3 * inputs[0], *inputs[1:])
    assert np.abs(loud).max() <= 1 and np.abs(loud).max() > 0.9


@pytest.mark.parametrize(("classes", "width"), [(1, 1), (3, 7), (43, 87)])
def test_logits_are_one_number_an_image_and_two_for_each_class_without_a_bound(
    classes: int, width: int, precision: str
) -> None:
    discriminator = build_discriminator(classes, WIDTH, precision=precision)
    logits = called(discriminator, images())
    assert logits.shape == (6, width) and logits.dtype == np.float32 and np.isfinite(logits).all()
    assert (np.abs(called(discriminator, 1e4 * images())).max(axis=0) > 10).all()
    assert all(v.dtype == "float32" for v in discriminator.variables if "seed" not in v.path)


def test_the_picked_logit_is_that_of_being_real_and_that_of_the_class() -> None:
    logits = np.array(
        [[1.0, 10, 20, 30, -1, -2, -3], [2, -5, 0.5, 7, -4, -5, -6], [-1, 100, 200, 300, -7, -8, -9]], np.float32
    )
    picked = np.asarray(pick_logits(logits, ids(2, 0, 1)))
    assert picked.tolist() == [[31], [-3], [199]] and picked.dtype == np.float32
    of_one_class = np.asarray(pick_logits(logits[:, :1], ids(2, 0, 1)))
    assert of_one_class.tolist() == [[1], [2], [-1]], "labels make no difference"
    assert np.asarray(class_logits(logits)).tolist() == [[-1, -2, -3], [-4, -5, -6], [-7, -8, -9]]


def test_the_picked_logit_has_a_gradient_to_its_class_alone() -> None:
    logits = tf.Variable(np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(pick_logits(logits, tf.constant([2, 0, 0])) * tf.constant([[1.0], [2], [3]]))
    gradient = np.asarray(tf.convert_to_tensor(tape.gradient(total, logits)))
    np.testing.assert_array_equal(gradient, [[1, 0, 0, 1, 0, 0, 0], [2, 2, 0, 0, 0, 0, 0], [3, 3, 0, 0, 0, 0, 0]])


def test_inner_layers_compute_in_the_precision_that_is_asked_for() -> None:
    for model in (
        build_generator(3, WIDTH, "mixed_bfloat16"),
        build_discriminator(3, WIDTH, precision="mixed_bfloat16"),
    ):
        heavy = [layer for layer in model.layers if layer.name.startswith(("up", "down", "fine", "detail"))]
        assert len(heavy) >= 4 and all(layer.compute_dtype == "bfloat16" for layer in heavy)
    assert all(layer.compute_dtype == "float32" for layer in build_generator(3, WIDTH).layers)


def test_width_is_the_number_of_channels_of_the_widest_resolution() -> None:
    channels = {
        layer.name: layer.output.shape[-1]
        for model in (build_generator(width=5), build_discriminator(width=5))
        for layer in model.layers
    }
    assert [channels[f"up_{size}"] for size in (8, 16, 32)] == [20, 10, 5]
    assert [channels[f"down_{size}"] for size in (16, 8, 4)] == [5, 10, 20]


def test_only_a_generator_of_several_classes_has_a_second_input() -> None:
    assert [inputs.name for inputs in build_generator(1, WIDTH).inputs] == ["latent"]
    assert [inputs.name for inputs in build_generator(3, WIDTH).inputs] == ["latent", "label"]
    for classes in (1, 3):
        assert [inputs.name for inputs in build_discriminator(classes, WIDTH).inputs] == ["image"]


def test_the_class_changes_image_and_logit() -> None:
    generator, discriminator = build_generator(3, WIDTH), build_discriminator(3, WIDTH)
    latent, image = np.repeat(latents(1), 3, axis=0), np.repeat(images(1), 3, axis=0)
    made = called(generator, latent, ids(0, 1, 2))
    logits = np.asarray(pick_logits(called(discriminator, image), ids(0, 1, 2)))
    assert logits.shape == (3, 1)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(made[one] - made[other]).mean() > 1e-4
        assert abs(logits[one] - logits[other]) > 1e-5
    np.testing.assert_allclose(called(generator, latent, ids(1, 1, 1))[0], made[1], atol=1e-5)


def test_the_latent_changes_the_image_and_every_layer_hears_it() -> None:
    generator = build_generator(1, WIDTH)
    made = called(generator, latents(2))
    assert np.abs(made[0] - made[1]).mean() > 1e-3
    # With the first projection silent the latent still reaches the image, through gains and biases.
    generator.get_layer("project").kernel.assign(np.zeros((LATENT, 16 * 4 * WIDTH)))
    made = called(generator, latents(2))
    assert np.abs(made[0] - made[1]).mean() > 1e-4


def test_an_image_does_not_depend_on_its_company_except_in_training() -> None:
    generator = build_generator(1, WIDTH)
    alone, together = called(generator, latents()[:1]), called(generator, latents())[:1]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    trained = called(generator, latents(), training=True)[:1]
    other = called(generator, np.concatenate([latents()[:1], 3 * latents(5, seed=1)]), training=True)[:1]
    assert np.abs(trained - other).max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_upsampling_begins_without_a_checkerboard(layout: str) -> None:
    generator = build_generator(1, WIDTH, layout=layout)
    for size in (8, 16, 32):
        up = generator.get_layer(f"up_{size}")
        channels = up.input.shape[-1]
        made = np.asarray(
            up(np.broadcast_to(np.random.default_rng(0).standard_normal(channels), (1, 9, 9, channels)))
        )
        inner = made[:, 2:-2, 2:-2]
        np.testing.assert_allclose(inner, np.broadcast_to(inner[:, :1, :1], inner.shape), atol=1e-5)
        assert np.abs(inner).max() > 0.01


def test_enlarging_in_one_step_is_repeating_pixels_and_convolving() -> None:
    images = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype(np.float32)
    enlarge, convolution = Enlarge(4), keras.layers.Conv2D(4, 3, padding="same", use_bias=False)
    repeated = images.repeat(2, axis=1).repeat(2, axis=2)
    made, _ = np.asarray(enlarge(images)), convolution(repeated)
    convolution.kernel.assign(enlarge.kernel)
    np.testing.assert_allclose(made, np.asarray(convolution(repeated)), atol=1e-5)


@pytest.mark.parametrize("classes", [1, 3])
def test_a_portable_generator_makes_the_same_images_of_the_same_variables(classes: int) -> None:
    generator, portable = (build_generator(classes, WIDTH, portable=portable) for portable in (False, True))
    inputs = (latents(), ids(0, 1, 2, 0, 1, 2)) if classes > 1 else (latents(),)
    for into, variable in zip(portable.variables, generator.variables, strict=True):
        assert into.path.split("/")[-2:] == variable.path.split("/")[-2:]
        into.assign(variable)
    np.testing.assert_allclose(called(portable, *inputs), called(generator, *inputs).clip(-1, 1), atol=1e-5)
    assert all(type(layer).__module__.startswith("keras.") for layer in portable.layers)


def test_detail_of_single_pixels_comes_from_the_latent() -> None:
    generator = build_generator(1, WIDTH)
    before = called(generator, latents(2))
    for name in ("project", "gain_4", "gain_8", "gain_16", "gain_32", "bias_4", "bias_8", "bias_16", "bias_32"):
        generator.get_layer(name).kernel.assign(np.zeros_like(generator.get_layer(name).kernel))
    made = called(generator, latents(2))
    assert (made != before).any() and np.abs(made[0] - made[1]).mean() > 1e-4


def test_a_discriminator_sees_single_pixels() -> None:
    """A row of pixels in another phase changes what comes before the first step of two pixels."""
    board = np.indices((32, 32)).sum(axis=0) % 2 * 2.0 - 1
    image = np.broadcast_to(board[..., None], (1, 32, 32, 3)).astype(np.float32)
    model = build_discriminator(1, WIDTH)
    fine = keras.Model(model.input, model.get_layer("fine_32").output)
    assert fine.output.shape[1:3] == (32, 32) and np.abs(called(fine, image) - called(fine, -image)).mean() > 0.01
    assert "fine_32" not in {layer.name for layer in build_discriminator(1, WIDTH, layout=TRANSPOSED).layers}


def test_dropout_is_for_training_only() -> None:
    discriminator = build_discriminator(1, WIDTH, dropout=0.5)
    once, again = called(discriminator, images()), called(discriminator, images())
    np.testing.assert_array_equal(once, again)
    once, again = (called(discriminator, images(), training=True) for _ in range(2))
    assert (once != again).all()
    without = build_discriminator(1, WIDTH, dropout=0.0)
    np.testing.assert_allclose(called(without, images(), training=True), called(without, images()), atol=1e-6)


def test_every_weight_has_a_gradient() -> None:
    generator, discriminator = build_generator(3, WIDTH), build_discriminator(3, WIDTH)
    labels = tf.constant(ids(0, 1, 2, 0, 1, 2))
    with tf.GradientTape() as tape:
        made = generator([tf.constant(latents()), labels], training=True)
        total = tf.reduce_sum(pick_logits(discriminator(made, training=True), labels) ** 2)
    weights = generator.trainable_variables + discriminator.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
        values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
        assert np.abs(np.asarray(values)).max() > 0, weight.path


PLAIN = """
import sys, keras, numpy as np
folder = sys.argv[1]
model = keras.saving.load_model(folder + "/generator.keras", safe_mode=True)
given = np.load(folder + "/given.npz")
inputs = [given["latent"], given["label"]] if "label" in given else given["latent"]
np.save(folder + "/made.npy", np.asarray(model(inputs, training=False)))
assert not any(name == "gan" or name.startswith("gan.") for name in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("classes", [1, 3])
def test_a_saved_generator_makes_the_same_images_in_plain_keras(tmp_path: Path, classes: int) -> None:
    generator = build_generator(classes, WIDTH, portable=True)
    given = {"latent": latents()} | ({"label": ids(0, 1, 2, 0, 1, 2)} if classes > 1 else {})
    called(generator, *given.values(), training=True)  # moves the statistics of the normalisation
    made = called(generator, *given.values())
    generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras", safe_mode=True)
    np.testing.assert_array_equal(called(loaded, *given.values()), made)
    if classes > 1:
        np.savez(tmp_path / "given.npz", **given)
        elsewhere = subprocess.run(
            [sys.executable, "-c", PLAIN, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
            env={"PATH": "", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"},
        )  # fmt: skip
        assert elsewhere.returncode == 0, elsewhere.stderr
        np.testing.assert_allclose(np.load(tmp_path / "made.npy"), made, atol=1e-5)
