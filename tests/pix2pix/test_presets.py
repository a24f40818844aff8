"""Presets, and what a checkpoint says of a network for scenes."""

import dataclasses
import json

import pytest

from gan.data.palettes import CAMVID, CITYSCAPES, generic
from gan.errors import UserError
from gan.pix2pix.presets import DIRECTIONS, LABELS, PHOTOS, PRESETS, Preset, SceneNetwork

NETWORK = SceneNetwork(dataclasses.replace(PRESETS["paper"], generator_base=2, discriminator_base=2), 64, 32, PHOTOS,
                       CAMVID, True)  # fmt: skip


def changed(**values) -> SceneNetwork:
    return dataclasses.replace(NETWORK, **values)


def test_paper_is_what_the_paper_says():
    paper = PRESETS["paper"]  # arXiv 1611.07004, sections 3.3 and 6
    assert (paper.generator, paper.generator_base, paper.dropout) == ("unet", 64, 0.5)
    assert (paper.discriminator, paper.discriminator_base) == ("patches", 64)
    assert paper.parameters() == {
        "batch_size": 1, "generator_lr": 2e-4, "discriminator_lr": 2e-4, "l1_weight": 100.0,
        "width": 256, "height": 128,
    }  # fmt: skip
    assert paper.beta_1 == 0.5 and paper.half_life == 0 and paper.latent == 0


def test_presets_are_known_by_their_names():
    assert all(name == preset.name for name, preset in PRESETS.items())


SCENES = {name: preset for name, preset in PRESETS.items() if not preset.inpaint}
LIGHT = (120, 110.5, 100, 60, 50, 40)


def light_of(preset: Preset, direction: str = PHOTOS) -> tuple:
    return LIGHT if preset.light_code and direction == PHOTOS else ()


@pytest.mark.parametrize("preset", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_described_network_is_restored(preset, direction):
    light = light_of(preset, direction)
    network = SceneNetwork(preset, 256, 128, direction, CITYSCAPES, direction == PHOTOS, light)
    text = json.dumps(network.describe())
    assert SceneNetwork.restored(json.loads(text)) == network


@pytest.mark.parametrize("preset", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize(("direction", "edges"), [(PHOTOS, True), (PHOTOS, False), (LABELS, False)])
def test_both_networks_fit_each_other(preset, direction, edges):
    small = dataclasses.replace(preset, generator_base=2, discriminator_base=2)
    light = light_of(preset, direction)
    network = SceneNetwork(small, 96, 64, direction, CAMVID, edges, light)
    generator, discriminator = network.build_generator("bfloat16"), network.build_discriminator("bfloat16")
    given, made = (12 + edges + len(light), 3) if direction == PHOTOS else (3, 12)
    assert generator.inputs[0].shape[1:] == (64, 96, given) and generator.output.shape[1:] == (64, 96, made)
    # A discriminator of pixels sees the photo alone; label maps are always judged in patches.
    assert discriminator.input.shape[-1] == (3 if network.by_pixels else given + made)
    assert discriminator.output.shape[-1] == (13 if network.by_pixels else 1)
    assert network.by_pixels == (preset.discriminator == "pixels" and direction == PHOTOS)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 48}, {"width": 32}, {"width": 2048}, {"height": 16}, {"height": 64.0}, {"width": True},
        {"direction": "sideways"}, {"edges": 1}, {"palette": {}}, {"palette": None}, {"more": 1},
        {"preset": None}, {"preset": {}}, {"width": "64"}, {"light": LIGHT}, {"light": None}, {"light": "dark"},
    ],
)  # fmt: skip
def test_a_description_that_makes_no_sense_is_refused(changes):
    with pytest.raises(UserError, match=r"can't be built|no palette"):
        SceneNetwork.restored(NETWORK.describe() | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 3}, {"generator": "other"}, {"generator_base": 0}, {"generator_base": 10**6}, {"latent": -1},
        {"latent": 10**6}, {"discriminator": "eye"}, {"discriminator_base": 2.5}, {"dropout": 1.0},
        {"dropout": "half"}, {"half_life": -1}, {"l1_weight": float("nan")}, {"beta_1": None}, {"batch_size": 0},
        {"layout": "other"}, {"more": 1}, {"light_code": 1}, {"light_code": True, "inpaint": True},
    ],
)  # fmt: skip
def test_a_preset_that_makes_no_sense_is_refused(changes):
    fields = NETWORK.describe()
    with pytest.raises(UserError, match="can't be built"):
        SceneNetwork.restored(fields | {"preset": fields["preset"] | changes})


@pytest.mark.parametrize("light", [(), LIGHT[:5], (*LIGHT[:5], 256), (*LIGHT[:5], float("nan")), (*LIGHT[:5], "1")])
def test_a_light_that_makes_no_sense_is_refused(light):
    lit = SceneNetwork(PRESETS["small"], 64, 32, PHOTOS, CAMVID, False, LIGHT).describe()
    with pytest.raises(UserError, match="can't be built"):
        SceneNetwork.restored(lit | {"light": list(light)})


def test_a_good_run_goes_on_with_its_usual_light():
    one, other = (SceneNetwork(PRESETS["small"], 64, 32, PHOTOS, CAMVID, False, light) for light in (LIGHT, (9,) * 6))
    assert one.going_on_from(json.loads(json.dumps(other.describe())), "abc") == other


def test_missing_fields_are_refused():
    for name in set(NETWORK.describe()) - {"light"}:  # older checkpoints have none
        fields = NETWORK.describe()
        del fields[name]
        with pytest.raises(UserError):
            SceneNetwork.restored(fields)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (changed(width=128), "width 128, not 64"),
        (changed(height=64), "height 64, not 32"),
        (changed(direction=LABELS, edges=False), "direction photo_to_labels, not labels_to_photo"),
        (changed(palette=CITYSCAPES), "the palette cityscapes of 34 classes, not camvid of 12"),
        (changed(palette=generic(range(13))), "the palette generic of 13 classes, not camvid of 12"),
        (changed(palette=generic(range(12))), "the palette generic of 12 classes, not camvid of 12"),
        (changed(edges=False), "data without instances, not with them"),
        (changed(preset=dataclasses.replace(NETWORK.preset, name="spatial")), "preset spatial, not paper"),
        (changed(width=128, height=64), "width 128, not 64; height 64, not 32"),
    ],
)
def test_a_good_run_of_another_network_is_named(before, words):
    with pytest.raises(UserError) as error:
        NETWORK.going_on_from(before.describe(), "abc")
    assert words in str(error.value) and str(error.value).startswith("goodrun_ref abc was trained with")


def test_instances_that_are_not_there_any_more_are_named():
    with pytest.raises(UserError, match="data with instances, not without them"):
        changed(edges=False).going_on_from(NETWORK.describe(), "abc")


def test_a_good_run_goes_on_with_the_design_that_it_was_made_with():
    older = dataclasses.replace(NETWORK.preset, half_life=77, layout="published")
    described = changed(preset=older).describe()
    del described["preset"]["layout"]  # as in checkpoints of version 0.1
    assert NETWORK.going_on_from(described, "abc").preset == older
    # The same ids under another name are the same classes.
    renamed = dataclasses.replace(CAMVID, name="mine")
    assert NETWORK.going_on_from(changed(palette=renamed).describe(), "abc") == NETWORK


def test_a_preset_can_be_made():
    assert Preset("mine", generator_base=8).parameters()["batch_size"] == 1
