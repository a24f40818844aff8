import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan.pix2pix import networks as pix2pix
from gan.pix2pix.networks import build_patch_discriminator, build_unet, levels
from gan.pix2pix.spatial_networks import SpectralConv2D, build_pixel_discriminator, build_spatial_generator
from gan.training import sampling as draws


def unet(width=64, height=32, channels=5, made=3, activation="tanh", dropout=0.5, **more):
    return build_unet(width, height, channels, made, activation, base=4, dropout=dropout, **more)


def condition(count=1, width=64, height=32, channels=5, seed=0):
    return np.random.default_rng(seed).random((count, height, width, channels), np.float32)


def latent(count=1, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 6), np.float32)


def spatial(**changed):
    sizes = {"width": 64, "height": 32, "channels_in": 5, "channels_out": 3, "activation": "tanh"}
    return build_spatial_generator(**sizes | {"base": 4, "latent": 6} | changed)


def channels_of(model, kind):
    return [layer.filters for layer in model.layers if type(layer) is kind]


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((256, 256), 8), ((256, 128), 7), ((128, 96), 5), ((64, 32), 5), ((1024, 512), 8), ((1024, 1024), 8),
        ((96, 64), 5),
    ],
)  # fmt: skip
def test_depth_follows_the_size(size, wanted):
    assert levels(*size) == wanted
    assert levels(*size[::-1]) == wanted


# --- the paper's networks


def test_the_unet_has_the_layers_of_the_paper():
    model = build_unet(256, 256, 3, 3, "tanh", base=2)  # an arXiv 1611.07004, section 6.1, with 2 instead of 64
    assert [c * 32 for c in channels_of(model, layers.Conv2D)] == [64, 128, 256, 512, 512, 512, 512, 512]
    up = channels_of(model, layers.Conv2DTranspose)
    assert [c * 32 for c in up[:-1]] == [512, 512, 512, 512, 256, 128, 64] and up[-1] == 3
    convolutions = [x for x in model.layers if isinstance(x, layers.Conv2D | layers.Conv2DTranspose)]
    assert {x.kernel_size for x in convolutions} == {(4, 4)} and {x.strides for x in convolutions} == {(2, 2)}
    dropped = [x for x in model.layers if isinstance(x, layers.Dropout)]
    assert [x.output.shape[1] for x in dropped] == [2, 4, 8] and {x.rate for x in dropped} == {0.5}
    joined = [x.output.shape[-1] * 32 for x in model.layers if isinstance(x, layers.Concatenate)]
    assert joined == [1024, 1024, 1024, 1024, 512, 256, 128]
    # Neither the outermost nor the innermost level is normalised on the way down, nor the last layer.
    normal = [x.output.shape[1] for x in model.layers if isinstance(x, layers.GroupNormalization)]
    assert sorted(normal) == [2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128]


def test_the_full_networks_have_as_many_weights_as_published():
    # Of the authors' own PyTorch program for 256x256 pixels and three channels; it leaves out the biases of the first
    # and the innermost layer on the way down.
    assert build_unet(256, 256, 3, 3, "tanh").count_params() == 54_413_955 + 64 + 512
    assert build_patch_discriminator(256, 256, 6).count_params() == 2_768_705


def test_weights_begin_as_in_the_paper():
    keras.utils.set_random_seed(0)
    model = build_unet(64, 32, 5, 3, "tanh", base=16)
    kernel = np.asarray(model.get_layer("down_2").kernel)
    assert kernel.std() == pytest.approx(0.02, rel=0.05) and abs(kernel.mean()) < 0.001
    gain = np.asarray(model.get_layer("normal_down_2").gamma)
    assert gain.mean() == pytest.approx(1, abs=0.02) and 0.005 < gain.std() < 0.04


@pytest.mark.parametrize(
    ("layout", "size", "logits", "pixels"),
    [
        ("published", (128, 96), (10, 14), 70), ("scaled", (256, 192), (22, 30), 70),
        ("scaled", (128, 96), (22, 30), 34), ("enlarged", (256, 128), (30, 62), 34),
        ("scaled", (64, 32), (14, 30), 16),
    ],
)  # fmt: skip
def test_the_pixels_that_a_logit_looks_at_follow_the_size(monkeypatch, layout, size, logits, pixels):
    monkeypatch.setattr(pix2pix, "normalisation", lambda name, *_: layers.Identity(name=name))
    model = build_patch_discriminator(*size, 2, base=2, layout=layout)
    assert model.output.shape[1:] == (*logits, 1)
    pair = tf.constant(np.random.default_rng(0).standard_normal((1, *size[::-1], 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pair)
        logit = model(pair)[0, logits[0] // 2, logits[1] // 2, 0]
    rows, columns = np.nonzero(np.abs(tape.gradient(logit, pair)[0]).sum(axis=2))
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == pixels


@pytest.mark.parametrize(
    ("size", "heights"), [((256, 256), [2, 4, 8]), ((128, 96), [6]), ((256, 128), [2, 4]), ((160, 160), [10])]
)
def test_dropout_reaches_small_maps_only(size, heights):
    model = build_unet(*size, 3, 3, "tanh", base=2, layout="scaled")
    assert [x.output.shape[1] for x in model.layers if isinstance(x, layers.Dropout)] == heights


def test_the_enlarged_layout_has_the_arithmetic_of_its_portable_twin():
    keras.utils.set_random_seed(0)
    model, twin = (unet(128, 64, dropout=0.0, layout="enlarged", portable=portable) for portable in (False, True))
    for variable, value in zip(twin.variables, model.variables, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(model(condition(2, 128, 64)), twin(condition(2, 128, 64)), atol=1e-5)


def test_dropout_is_the_noise_of_generating():
    model, given = unet(), condition()

    def made(drawn_with, **more):
        draws.set_dropout(model, np.array([0, drawn_with], np.int32))
        return np.asarray(model(given, **more))

    np.testing.assert_array_equal(made(1), made(1))
    np.testing.assert_array_equal(made(1), made(1, training=True))
    assert (made(1) != made(2)).any()
    np.testing.assert_array_equal(made(1, training=False), made(2, training=False))
    still = unet(dropout=0.0)
    np.testing.assert_array_equal(still(given), still(given))


@pytest.mark.parametrize("build", [lambda: unet(dropout=0.0), spatial], ids=["unet", "spatial"])
def test_a_picture_does_not_depend_on_the_others_of_its_batch(build):
    model, given, noise = build(), condition(3), latent(3)
    inputs = [given, noise] if len(model.inputs) == 2 else given
    alone = [given[1:2], noise[1:2]] if len(model.inputs) == 2 else given[1:2]
    for training in (False, True):
        together = np.asarray(model(inputs, training=training))
        np.testing.assert_allclose(together[1], np.asarray(model(alone, training=training))[0], atol=1e-5)


@pytest.mark.parametrize("build", [unet, spatial], ids=["unet", "spatial"])
def test_label_maps_are_shares_and_photos_are_in_range(build):
    shares = build(activation="softmax", **({"made": 4} if build is unet else {"channels_out": 4}))
    inputs = [condition(), latent()] if len(shares.inputs) == 2 else condition()
    made = np.asarray(shares(inputs))
    assert made.shape == (1, 32, 64, 4)
    np.testing.assert_allclose(made.sum(axis=3), 1, atol=1e-5)
    assert np.abs(np.asarray(build()(inputs))).max() <= 1


# --- beyond the paper


def test_the_latent_changes_the_photo():
    keras.utils.set_random_seed(0)
    model, given = spatial(), condition()
    plain = np.asarray(model([given, latent()]))
    np.testing.assert_array_equal(plain, model([given, latent()]))
    assert np.abs(plain - np.asarray(model([given, latent(seed=1)]))).mean() > 1e-3


def test_the_spatial_generator_leaves_no_frame_and_follows_the_label_map():
    keras.utils.set_random_seed(0)
    model, given = spatial(width=256, height=128), np.zeros((1, 128, 256, 5), np.float32)
    given[..., 1] = 1
    made = np.asarray(model([given, latent()]))
    assert np.ptp(made, axis=(1, 2)).max() < 1e-3  # one class everywhere: the same at the edges as in the middle
    given[:, 32:96, :64, 1:3] = 0, 1
    made = np.asarray(model([given, latent()]))
    apart = np.abs(made - made[:, 64:65, 250:251]).mean(axis=(0, 3))
    assert apart[32:96, :64].mean() > 2 * apart[:, 192:].mean()


@pytest.mark.parametrize("build", [unet, spatial], ids=["unet", "spatial"])
def test_a_saved_generator_loads_in_plain_keras(build, tmp_path):
    model = build(dropout=0.0) if build is unet else build(precision="mixed_bfloat16")
    inputs = [condition(), latent()] if len(model.inputs) == 2 else condition()
    model.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras", safe_mode=True)
    np.testing.assert_array_equal(model(inputs), loaded(inputs))
    for made in (model(inputs), loaded(inputs)):
        assert made.dtype == tf.float32


@pytest.mark.parametrize(("width", "height"), [(64, 32), (128, 96)])
def test_every_other_pixel_has_a_logit_for_every_class_and_for_generated(width, height):
    model = build_pixel_discriminator(width, height, 7, base=2, precision="mixed_bfloat16")
    assert model.output.shape[1:] == (height // 2, width // 2, 8) and model.output.dtype == "float32"


def test_a_spectral_convolution_stretches_nothing():
    keras.utils.set_random_seed(0)
    layer = SpectralConv2D(6, 3, padding="same", use_bias=False)
    photo = np.random.default_rng(0).random((1, 8, 8, 4), np.float32)
    layer(photo)
    layer.kernel.assign(3 * layer.kernel)
    for _ in range(200):
        made = layer(photo, training=True)
    kernel = np.asarray(layer.kernel)
    largest = np.linalg.svd(kernel.reshape(-1, 6), compute_uv=False)[0]
    assert largest > 2
    wanted = tf.nn.conv2d(photo, kernel / largest, 1, "SAME")
    np.testing.assert_allclose(made, wanted, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(layer.kernel, kernel)


def test_only_a_training_call_makes_a_step_of_the_power_iteration():
    discriminator = build_pixel_discriminator(32, 32, 3, base=2)
    photo = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    layers = [layer for layer in discriminator.layers if isinstance(layer, SpectralConv2D)]
    before = [np.asarray(layer.direction) for layer in layers]
    first = discriminator(photo, training=False)
    np.testing.assert_array_equal(discriminator(photo), first)
    for layer, direction in zip(layers, before, strict=True):
        np.testing.assert_array_equal(layer.direction, direction)
    discriminator(photo, training=True)
    for layer, direction in zip(layers, before, strict=True):
        assert (np.asarray(layer.direction) != direction).any()


def test_the_gradient_goes_through_the_division():
    keras.utils.set_random_seed(1)
    layer = SpectralConv2D(3, 1, use_bias=False)
    photo = np.random.default_rng(0).random((1, 4, 4, 5), np.float32)
    for _ in range(200):
        layer(photo, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(photo) ** 2)
    gradient = np.asarray(tape.gradient(loss, layer.kernel.value))
    # Scaling the kernel changes nothing, so the gradient has no part along it.
    along = (gradient * np.asarray(layer.kernel)).sum() / np.linalg.norm(gradient) / np.linalg.norm(layer.kernel)
    assert np.linalg.norm(gradient) > 1e-3 and abs(along) < 1e-3
