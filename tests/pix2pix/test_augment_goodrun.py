"""The good run that augment_scenes restores: its data goes with it, photos are of its weights; or one sentence."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from gan import checkpoints
from gan.commands.augment_scenes import AugmentConfig, main
from gan.data.palettes import CAMVID
from gan.data.scenes import Scene, Scenes, SceneSet, boundaries, load, open_scenes
from gan.errors import UserError
from gan.files import digests
from gan.pix2pix.augment_files import MANIFEST
from gan.pix2pix.lights import light_of
from gan.pix2pix.presets import LABELS
from gan.pix2pix.restored import GENERATE, PASTE, restore
from tests.conftest import refused
from tests.made_up_scene_run import DATA, SMALL, good_run


def refusal(*arguments: str) -> str:
    with pytest.raises(UserError) as error:
        restore(*arguments)
    return str(error.value)


def test_photos_come_from_the_weights_and_depend_on_label_map_edges_and_number(tmp_path):
    good = restore(good_run(tmp_path / "good"), "")
    assert good.size == (64, 32) and good.traits() == {"run": "b" * 32, "iteration": 40}
    loaded = load(good.scenes.training.take([0, 1]), 64, 32)
    photos = good.photos(0)
    made = photos(loaded.labels, loaded.edges, 0)
    assert made.shape == (2, 32, 64, 3) and made.dtype == np.uint8 and made.std() > 0
    np.testing.assert_array_equal(made, restore(str(tmp_path / "good"), "").photos(0)(loaded.labels, loaded.edges, 0))
    for other in (photos(loaded.labels, loaded.edges, 8), good.photos(1)(loaded.labels, loaded.edges, 0)):
        assert (other != made).any(), "its noise is another one"
    assert (photos(loaded.labels[::-1], loaded.edges, 0) != made).any()
    assert (photos(loaded.labels, 1 - loaded.edges, 0) != made).any()


def test_a_run_that_light_enters_paints_in_the_lights_of_its_training_scenes(tmp_path):
    usual = (128.0,) * 3 + (60.0,) * 3
    lit = dataclasses.replace(SMALL, light_code=True)
    good = restore(good_run(tmp_path / "good", preset=lit, light=usual), "")
    lights = good.lights(GENERATE)
    assert lights.names == good.scenes.training.names and good.lights(PASTE) is None
    scene = good.scenes.training.scene(1)
    np.testing.assert_allclose(lights.table[1], light_of(scene.photo), atol=6)
    loaded, photos = load(good.scenes.training.take([0, 1]), 64, 32), good.photos(0)
    made = photos(loaded.labels, loaded.edges, 0)
    same = np.repeat(np.reshape(np.array(usual, np.float32), (1, 2, 3)), 2, axis=0)
    np.testing.assert_array_equal(photos(loaded.labels, loaded.edges, 0, same), made)
    assert (photos(loaded.labels, loaded.edges, 0, same / 2) != made).any()
    assert restore(good_run(tmp_path / "other"), "").lights(GENERATE) is None


def test_what_the_bytes_depend_on(tmp_path):
    first, second = (restore(good_run(tmp_path / name), "").origin() for name in ("a", "b"))
    assert first["weights"] != second["weights"] and first["digests"] == second["digests"]
    other = restore(str(tmp_path / "a"), "drawn:9").origin()
    assert other["digests"]["training"] != first["digests"]["training"] and other["data"] == "drawn:9"


def test_a_generator_of_label_maps_is_refused(tmp_path):
    said = refusal(good_run(tmp_path / "good", direction=LABELS, edges=False), "")
    assert "makes label maps of photos" in said and "--direction labels_to_photo" in said


def test_other_data_under_the_same_name_is_refused_unless_it_is_asked_for(tmp_path):
    reference = good_run(tmp_path / "good", digest="0" * 16)
    said = refusal(reference, "")
    assert f"{DATA} holds other scenes than the run was trained on" in said and "--data" in said
    assert restore(reference, DATA).scenes.name == DATA


def test_data_of_another_palette_or_without_instances_is_refused(tmp_path, monkeypatch):
    drawn = open_scenes(DATA)
    reference = good_run(tmp_path / "good")
    scene = drawn.training.scene(0)
    other = Scenes.of([Scene(scene.photo, scene.labels * 0)], CAMVID)
    monkeypatch.setattr("gan.pix2pix.restored.open_scenes", lambda data: SceneSet("cam", CAMVID, *[other] * 3))
    said = refusal(reference, "cam")
    assert "trained with the palette streets (18 classes), and cam has camvid (12)" in said
    plain = Scenes.of([Scene(scene.photo, scene.labels)], drawn.palette)
    monkeypatch.setattr(
        "gan.pix2pix.restored.open_scenes", lambda data: SceneSet("plain", drawn.palette, *[plain] * 3)
    )
    assert "was trained with instances, and plain has none" in refusal(reference, "plain")


def test_runs_of_another_kind_and_damaged_ones_are_refused(tmp_path):
    signs = tmp_path / "signs"
    signs.mkdir()
    info = checkpoints.CheckpointInfo("dcgan", "17", 40, {}, {}, {"name": "x", "digest": "0", "images": 1}, "b" * 32)
    checkpoints.save(signs / checkpoints.file_name(40), info, {"averaged": []})
    assert "was made by dcgan and can't be used by pix2pix" in refusal(str(signs), "")
    reference = good_run(tmp_path / "good")
    path = next(Path(reference).iterdir())
    description = dataclasses.replace(checkpoints.read_info(path), network={"width": 64})
    checkpoints.save(path, description, {"averaged": []})
    assert "a network that can't be built" in refusal(reference, "")
    with pytest.raises(UserError, match="no run id"):
        restore("nowhere", "")


@pytest.mark.slow
def test_the_command_with_a_real_generator_and_segmenter(workplace, capsys):
    reference = good_run(workplace / "good")
    chosen = {"goodrun_ref": reference, "count": 3, "segmenter_iterations": 4}
    error = refused_at_last(capsys, **chosen, agreement="1", output="none")
    assert "no pair agreed" in error and not Path("none").exists()
    main(AugmentConfig(**chosen, agreement="none", output="first"))
    main(AugmentConfig(**chosen, agreement="none", output="second"))
    assert digests(Path("first"), MANIFEST) == digests(Path("second"), MANIFEST)
    made = open_scenes("first").training
    assert len(made) == 3 and made.scene(0).size == (64, 32)
    entry = json.loads(Path("first/manifest.json").read_text())["pairs"][0]
    k = made.names.index(entry["name"])
    good = restore(reference, "")
    scene = made.scene(k)
    shown = good.photos(0)(
        good.scenes.palette.indices(scene.labels)[None], boundaries(scene.instances)[None], entry["number"]
    )
    if entry["number"] == 0:  # the first of its batch: others have the noise of their place in it
        np.testing.assert_array_equal(shown[0], scene.photo)


def refused_at_last(capsys, **changed) -> str:
    from tests.conftest import run_script

    with pytest.raises(SystemExit) as stopped:
        run_script(AugmentConfig, main, **changed)
    *_, line = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and line.startswith("error: "), line
    return line


def test_parameters_are_checked_before_anything_is_read(workplace, capsys):
    assert "count is from 1" in refused(capsys, AugmentConfig, main, count=0)
