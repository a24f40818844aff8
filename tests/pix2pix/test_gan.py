import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan.data.palettes import generic
from gan.data.scene import Scene, Scenes
from gan.data.scenes import load
from gan.pix2pix.batches import Pairs
from gan.pix2pix.gan import AT_ONCE, METRICS, SceneGan, _lights, pictures
from gan.pix2pix.lights import lights_of
from gan.pix2pix.presets import LABELS, PHOTOS, PRESETS, SceneNetwork
from gan.training import devices
from gan.training.averaged_gan import weights
from gan.training.loop import measure_rate

WIDTH, HEIGHT = 64, 32
PALETTE = generic((0, 2, 5))
WHOLE = [name for name, preset in PRESETS.items() if not preset.inpaint]  # test_windows.py has the other
DESIGNS = [(preset, direction) for direction in (PHOTOS, LABELS) for preset in WHOLE]


@pytest.fixture(scope="module", autouse=True)
def the_same_bits_each_time() -> None:
    devices.make_deterministic()


def scenes(count: int = 6) -> Scenes:
    """Stripes of three colours and a little noise."""
    made = []
    for k in range(count):
        random = np.random.default_rng(k)
        labels = np.repeat(np.repeat(random.choice(PALETTE.ids, (4, 8)), 8, 0), 8, 1).astype(np.uint8)
        photo = np.array(PALETTE.colours)[PALETTE.indices(labels)] + random.integers(0, 30, (32, 64, 3))
        made.append(Scene(photo.clip(0, 255).astype(np.uint8), labels, labels.astype(np.uint16)))
    return Scenes.of(made, PALETTE)


def network(preset: str = "paper", direction: str = PHOTOS, **changed) -> SceneNetwork:
    small = dataclasses.replace(
        PRESETS[preset], **{"generator_base": 2, "discriminator_base": 2, "batch_size": 2} | changed
    )
    light = (128,) * 3 + (60,) * 3 if small.light_code and direction == PHOTOS else ()
    return SceneNetwork(small, WIDTH, HEIGHT, direction, PALETTE, direction == PHOTOS, light)


def build(preset="paper", direction=PHOTOS, lr=(1e-3, 1e-3), l1_weight=10.0, seed=0, precision="float32", **changed):
    of = network(preset, direction, **changed)
    feed = Pairs(scenes(), WIDTH, HEIGHT, of.preset.batch_size, seed, of.edges)
    return SceneGan(of, feed, lr, l1_weight, seed, precision, load(scenes(3), WIDTH, HEIGHT))


def louder(trained: SceneGan) -> SceneGan:
    """The same with weights so large that noise is not lost in rounding, as it is in fresh ones."""
    for model in (trained.generator, trained.averaged):
        for variable in weights(model):
            variable.assign(3 * variable)
    return trained


def step(trained: SceneGan, iteration: int = 0) -> dict[str, float]:
    metrics = np.asarray(trained.iterate(tf.constant(iteration)))
    return dict(zip(trained.metric_names, map(float, metrics), strict=True))


def values(trained: SceneGan) -> dict[str, list[np.ndarray]]:
    return {part: [np.array(v) for v in variables] for part, variables in trained.parts().items()}


def changed(before, after) -> list[bool]:
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


def assert_same(one, other):
    assert one.keys() == other.keys()
    for part in one:
        assert not any(changed(one[part], other[part])), part


@pytest.mark.slow
def test_the_generator_learns_what_the_discriminator_finds_in_real_pictures():
    apart = []
    learned, other = (build("spatial", lr=(3e-3, 0.0), l1_weight=0.0, matching=weight) for weight in (100.0, 1e-9))
    for trained in (learned, other):
        for _ in range(8):
            last = step(trained)["matching_training"]
        apart.append(last)
    assert apart[0] < 0.9 * apart[1]


def test_light_changes_what_the_discriminator_sees_and_not_what_is_wanted():
    with_light, without = (step(build("spatial", light=light)) for light in (True, False))
    assert with_light["l1_training"] == without["l1_training"]
    assert with_light["discriminator_loss"] != without["discriminator_loss"]


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "direction"), DESIGNS)
def test_an_update_moves_every_weight_of_everything(preset, direction):
    trained = build(preset, direction)
    matched = ("matching_training",) if PRESETS[preset].matching else ()
    assert trained.metric_names == (*METRICS, *matched)
    before, metrics = values(trained), step(trained)
    assert np.isfinite(list(metrics.values())).all() and 0 <= metrics["l1_training"] <= 2
    assert 0 <= metrics["accuracy_real"] <= 1 and 0 <= metrics["accuracy_generated"] <= 1
    step(trained, 7)  # the first that is averaged
    after = values(trained)
    wanted = {"averaged", "discriminator", "generator_optimizer", "discriminator_optimizer"}
    assert set(before) == wanted | ({"generator"} if preset != "paper" else set())
    for part in before:
        names = [variable.path for variable in trained.parts()[part]]
        still = {name for name, moved in zip(names, changed(before[part], after[part]), strict=True) if not moved}
        assert {name for name in still if not name.endswith("learning_rate")} == set(), part


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "spatial"])
def test_each_network_learns_at_its_own_rate_and_lowers_its_own_loss(preset):
    for still, moving in (("generator", "discriminator"), ("discriminator", "generator")):
        rates = (1e-2, 0.0) if moving == "generator" else (0.0, 1e-2)
        trained = build(preset, lr=rates, l1_weight=0.0, matching=0.0, light=False)
        before = [np.array(v) for v in getattr(trained, still).trainable_variables]
        losses = [step(trained)[f"{moving}_loss"] for _ in range(4)]  # the same pairs and noise each time
        assert losses[-1] < losses[0] - 0.001
        assert not any(changed(before, getattr(trained, still).trainable_variables))


@pytest.mark.slow
@pytest.mark.parametrize("direction", [PHOTOS, LABELS])
def test_with_much_weight_the_generator_comes_near_the_real_picture(direction):
    trained = build("spatial", direction, lr=(3e-3, 1e-3), l1_weight=100.0)
    apart = [step(trained)["l1_training"] for _ in range(14)]
    assert apart[-1] < 0.9 * apart[0]


def test_the_generator_learns_through_the_discriminator_of_this_iteration():
    # With a discriminator that has just learned, its gradient is another one than with the one before.
    slow, quick = (build(lr=(1e-3, rate), l1_weight=0.0) for rate in (0.0, 0.5))
    for trained in (slow, quick):
        step(trained)
    assert any(changed(slow.parts()["averaged"], quick.parts()["averaged"]))


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "precision"), [("paper", "float32"), ("spatial", "bfloat16")])
def test_after_a_trial_of_its_rate_and_restored_it_goes_on_bit_for_bit(preset, precision):
    trained, other = build(preset, precision=precision), build(preset, precision=precision)
    start = values(trained)
    measure_rate(other, iterations=3)
    assert_same(start, values(other))
    trained.update(2, 3)
    half = values(trained)
    trained.update(5, 3)
    assert any(changed(half["averaged"], values(trained)["averaged"]))

    other.update(2, 3)
    assert_same(half, values(other))
    other.update(0, 2)  # to be undone
    for part, variables in other.parts().items():
        for variable, value in zip(variables, half[part], strict=True):
            variable.assign(value)
    other.update(5, 3)
    assert_same(values(trained), values(other))


def test_another_seed_is_another_run():
    one, other = build(seed=0), build(seed=1)
    assert any(changed(one.parts()["averaged"], other.parts()["averaged"]))
    for trained in (one, other):
        for variable in trained.parts()["averaged"]:
            variable.assign(np.full(variable.shape, 0.01))
    assert step(one) != step(other)


def test_the_average_has_its_half_life_in_images():
    trained = build("spatial", half_life=16)
    first = values(trained)["averaged"]
    step(trained, 0)
    before = values(trained)
    assert not any(changed(first, before["averaged"]))  # every eighth update only
    step(trained, 1007)
    after = values(trained)
    for old, new, current in zip(before["averaged"], after["averaged"], after["generator"], strict=True):
        share = 1 - 0.5 ** (8 * 2 / 16)  # two images in an update
        np.testing.assert_allclose(new, old + share * (current - old), rtol=1e-4, atol=1e-6)


def test_without_averaging_pictures_are_those_of_the_generator_as_it_is():
    trained = build()
    first = trained.sample()
    step(trained)
    assert (trained.sample() != first).any()
    kept = network().build_generator()
    for variable, value in zip(weights(kept), values(trained)["averaged"], strict=True):
        variable.assign(value)
    shown = load(scenes(3), WIDTH, HEIGHT)
    np.testing.assert_array_equal(
        trained.sample(), pictures(kept, network(), shown.labels, shown.edges, 0, "samples")
    )


@pytest.mark.parametrize(("preset", "direction"), DESIGNS)
def test_pictures_are_a_function_of_scene_seed_purpose_and_number(preset, direction):
    trained = louder(build(preset, direction))
    part = load(scenes(6), WIDTH, HEIGHT)
    given = part.labels if direction == PHOTOS else part.photos
    of, model = trained.network, trained.averaged

    def make(count=6, seed=0, purpose="a"):
        lights = lights_of(part.photos[:count])
        return pictures(model, of, given[:count], part.edges[:count], seed, purpose, lights=lights)

    made = make()
    shape = (6, HEIGHT, WIDTH, 3) if direction == PHOTOS else (6, HEIGHT, WIDTH)
    assert made.shape == shape and made.dtype == np.uint8 and (direction == PHOTOS or made.max() < 3)
    np.testing.assert_array_equal(made, make())
    assert AT_ONCE < 6
    for count in (1, 3, 5):
        np.testing.assert_array_equal(made[:count], make(count))
    np.testing.assert_array_equal(made, trained.pictures(part, "a"))
    assert trained.sample().shape == (3, HEIGHT, WIDTH, 3)
    if direction == PHOTOS:  # among three classes a tiny network may be sure whatever the noise
        assert (made != make(seed=1)).any() and (made != make(purpose="b")).any()


def test_photos_are_painted_in_the_light_that_is_asked_for():
    trained = build("small", lr=(3e-3, 0.0), l1_weight=100.0, matching=0.0)
    part, of = load(scenes(4), WIDTH, HEIGHT), trained.network
    dark = np.array([[[30.0] * 3, [10.0] * 3]] * 4, np.float32)

    def make(lights):
        return pictures(trained.averaged, of, part.labels, part.edges, 0, "a", lights=lights)

    usual = np.array(of.light, np.float32).reshape(1, 2, 3)
    np.testing.assert_array_equal(make(None), make(np.repeat(usual, 4, axis=0)))
    assert (make(None) != make(dark)).any()
    mixed = make(np.concatenate([dark[:2], np.repeat(usual, 2, axis=0)]))
    np.testing.assert_array_equal(mixed[:2], make(dark)[:2])
    np.testing.assert_array_equal(mixed[2:], make(None)[2:])


def test_training_and_generating_see_the_same_light():
    shown = load(scenes(4), WIDTH, HEIGHT).photos
    in_training = np.asarray(_lights(tf.constant(shown))).reshape(4, 2, 3)
    np.testing.assert_allclose(in_training, lights_of(shown), atol=1e-3)


def test_the_noise_of_one_label_map_gives_several_photos():
    for preset in WHOLE:
        trained = louder(build(preset))
        labels = np.repeat(load(scenes(1), WIDTH, HEIGHT).labels, 3, axis=0)
        made = pictures(trained.averaged, trained.network, labels, np.zeros_like(labels), 0, "a")
        assert (made[0] != made[1]).any() and (made[1] != made[2]).any(), preset


@pytest.mark.parametrize("preset", WHOLE)
def test_the_model_takes_its_example(preset):
    built = build(preset)
    model, example = built.generating(), built.example()
    assert np.asarray(model(example)).shape == (1, HEIGHT, WIDTH, 3)
    assert isinstance(model, keras.Model) and model.name == "generator"
