from pathlib import Path

import numpy as np
import pytest
from keras import layers

from benchmarks.reference_recipe import ReferenceRecipe, build_discriminator, build_generator
from gan.errors import UserError
from gan.training import devices

BATCH = 2

# Keras' ImageDataGenerator calls SciPy by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def the_same_bits_each_time() -> None:
    devices.make_deterministic()


def noise(count: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def values(variables: list) -> list[np.ndarray]:
    return [np.asarray(variable).copy() for variable in variables]


def changed(before: list[np.ndarray], after: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


def state(recipe: ReferenceRecipe) -> dict[str, list[np.ndarray]]:
    return {part: values(variables) for part, variables in recipe._parts().items()}


def table(model) -> list[tuple]:
    """Kind, output shape and number of parameters of every layer; activations are told by their slope."""
    rows = []
    for layer in model.layers:
        extra = [layer.negative_slope] if isinstance(layer, layers.LeakyReLU) else []
        rows.append((type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params(), *extra))
    return rows


def test_generator_is_that_of_the_recipe():
    wide, large = (16, 16, 256), (32, 32, 128)
    assert table(build_generator()) == [
        ("Dense", (65536,), 101 * 65536),
        ("LeakyReLU", (65536,), 0, 0.3),
        ("Reshape", wide, 0),
        ("Conv2D", wide, 5 * 5 * 256 * 256 + 256),
        ("LeakyReLU", wide, 0, 0.3),
        ("Conv2DTranspose", large, 4 * 4 * 256 * 128 + 128),
        ("LeakyReLU", large, 0, 0.3),
        ("Conv2D", large, 5 * 5 * 128 * 128 + 128),
        ("LeakyReLU", large, 0, 0.3),
        ("Conv2D", large, 5 * 5 * 128 * 128 + 128),
        ("LeakyReLU", large, 0, 0.3),
        ("Conv2D", (32, 32, 3), 7 * 7 * 128 * 3 + 3),
        ("Activation", (32, 32, 3), 0),
    ]
    assert build_generator().layers[-1].activation.__name__ == "tanh"


def test_discriminator_is_that_of_the_recipe():
    discriminator = build_discriminator()
    assert table(discriminator) == [
        ("Conv2D", (32, 32, 64), 3 * 3 * 3 * 64 + 64),
        ("LeakyReLU", (32, 32, 64), 0, 0.3),
        ("Conv2D", (16, 16, 128), 3 * 3 * 64 * 128 + 128),
        ("LeakyReLU", (16, 16, 128), 0, 0.3),
        ("Conv2D", (8, 8, 128), 3 * 3 * 128 * 128 + 128),
        ("LeakyReLU", (8, 8, 128), 0, 0.3),
        ("Conv2D", (4, 4, 256), 3 * 3 * 128 * 256 + 256),
        ("LeakyReLU", (4, 4, 256), 0, 0.3),
        ("Flatten", (4096,), 0),
        ("Dropout", (4096,), 0),
        ("Dense", (1,), 4097),
    ]
    assert discriminator.get_layer("dropout").rate == 0.4
    assert discriminator.layers[-1].activation.__name__ == "sigmoid"


def test_optimizers_are_those_of_the_recipe():
    recipe = ReferenceRecipe(noise(), 0)
    assert recipe.batch_size == 20
    for model in (recipe.discriminator, recipe.adversarial):
        optimizer = model.optimizer
        assert type(optimizer).__name__ == "Adam" and optimizer.beta_1 == 0.5
        assert float(optimizer.learning_rate) == pytest.approx(1e-4)
    assert recipe.discriminator.optimizer is not recipe.adversarial.optimizer


def test_each_network_learns_in_its_own_update_only(monkeypatch):
    recipe = ReferenceRecipe(noise(), 0, BATCH)
    seen = []

    def watch(name: str):
        model = getattr(recipe, name)
        train_on_batch = model.train_on_batch

        def watched(images, labels):
            before = values(recipe.generator.weights), values(recipe.discriminator.weights)
            loss = train_on_batch(images, labels)
            after = values(recipe.generator.weights), values(recipe.discriminator.weights)
            seen.append((name, *map(changed, before, after), images, labels))
            return loss

        monkeypatch.setattr(model, "train_on_batch", watched)

    watch("discriminator")
    watch("adversarial")
    for _ in range(2):  # the first traces the updates, the second uses what was traced
        losses = recipe.iterate()
        assert losses["discriminator_loss"] == pytest.approx(np.log(2), abs=0.1)
        assert losses["generator_loss"] == pytest.approx(np.log(2), abs=0.1)

    assert [name for name, *_ in seen] == ["discriminator", "adversarial"] * 2
    for name, generator, discriminator, inputs, labels in seen:
        if name == "discriminator":
            assert not any(generator) and all(discriminator)
            assert inputs.shape == (2 * BATCH, 32, 32, 3) and np.abs(inputs).max() <= 1
            assert ((labels[:BATCH] >= 0.95) & (labels[:BATCH] < 1)).all()
            assert ((labels[BATCH:] > 0) & (labels[BATCH:] <= 0.05)).all()
        else:
            assert all(generator) and not any(discriminator)
            assert inputs.shape == (BATCH, 100) and (labels == 1).all()
    assert int(recipe.discriminator.optimizer.iterations) == int(recipe.adversarial.optimizer.iterations) == 2
    assert (recipe.iteration, recipe.images_seen) == (2, 2 * BATCH) and recipe.clock.cpu_seconds > 0


def test_bfloat16_is_of_the_inner_arithmetic_alone():
    assert {layer.compute_dtype for layer in build_generator().layers + build_discriminator().layers} == {"float32"}
    recipe = ReferenceRecipe(noise(), 0, BATCH, "bfloat16")
    for model in (recipe.generator, recipe.discriminator):
        *inner, last = model.layers
        assert {layer.compute_dtype for layer in inner} == {"bfloat16"} and last.compute_dtype == "float32"
        assert {str(variable.dtype) for variable in model.weights} == {"float32"}
    before = values(recipe.generator.weights), values(recipe.discriminator.weights)
    losses = recipe.iterate()
    assert losses["discriminator_loss"] == pytest.approx(np.log(2), abs=0.1)
    assert all(changed(before[0], values(recipe.generator.weights)))
    assert all(changed(before[1], values(recipe.discriminator.weights)))


def test_real_images_are_turned_moved_zoomed_and_mirrored():
    ramp = np.broadcast_to(np.linspace(40, 200, 32)[None, :, None], (32, 32, 3))
    flat = np.full((32, 32, 3), 255)
    drawn = ReferenceRecipe(np.stack([ramp, flat]).astype(np.uint8), 0, batch_size=40).draw_real()
    assert drawn.shape == (40, 32, 32, 3) and drawn.dtype == np.float32
    assert np.abs(drawn).max() <= 1
    is_flat = (drawn == 1).all(axis=(1, 2, 3))  # filled up with the nearest pixel, never with black
    slopes = (drawn[:, :, 24] - drawn[:, :, 8]).mean(axis=(1, 2))[~is_flat]
    assert 0 < len(slopes) < 40
    assert (slopes > 0.3).any() and (slopes < -0.3).any()  # mirrored at random
    assert len(np.unique(slopes)) == len(slopes)  # no two alike


def test_generated_images_depend_on_seed_and_are_uint8():
    recipe = ReferenceRecipe(noise(), 0, BATCH)
    images = recipe.generate(3, 5)
    assert images.shape == (3, 32, 32, 3) and images.dtype == np.uint8
    np.testing.assert_array_equal(images, recipe.generate(3, 5))
    assert not np.array_equal(images, recipe.generate(3, 6))


@pytest.mark.slow
def test_saved_training_goes_on_bit_for_bit(tmp_path: Path):
    path = tmp_path / "reference.npz"
    whole = ReferenceRecipe(noise(), 3, BATCH)
    losses = []
    for k in range(4):
        losses.append(whole.iterate())
        if k == 1:
            whole.save(path)
            seconds = whole.clock.cpu_seconds
            whole.generate(1, 0)  # generating in between changes nothing
    assert [file.name for file in tmp_path.iterdir()] == [path.name]

    resumed = ReferenceRecipe(noise(), 3, BATCH)
    resumed.iterate()  # as the benchmark does to have it compiled; nothing of it may stay
    resumed.load(path)
    assert (resumed.iteration, resumed.clock.cpu_seconds) == (2, seconds)
    assert [resumed.iterate(), resumed.iterate()] == losses[2:]
    one, other = state(whole), state(resumed)
    assert one.keys() == other.keys()
    for part in one:
        assert not any(changed(one[part], other[part])), part
    np.testing.assert_array_equal(whole.generate(3, 0), resumed.generate(3, 0))


def test_load_refuses_what_does_not_fit_and_changes_nothing(tmp_path: Path):
    path = tmp_path / "reference.npz"
    ReferenceRecipe(noise(), 0, BATCH).save(path)
    for other, words in (
        (ReferenceRecipe(noise(), 1, BATCH), "seed 0 and this run has 1"),
        (ReferenceRecipe(noise(), 0, BATCH + 1), "batch_size 2 and this run has 3"),
        (ReferenceRecipe(noise(), 0, BATCH, "bfloat16"), "precision float32 and this run has bfloat16"),
        (ReferenceRecipe(noise(9), 0, BATCH), "digest of the images"),
    ):
        before = state(other)
        with pytest.raises(UserError, match=words):
            other.load(path)
        assert all(not any(changed(before[part], after)) for part, after in state(other).items())
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UserError, match="can't be read"):
        other.load(path)
