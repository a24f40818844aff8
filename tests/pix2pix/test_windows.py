"""Windows around objects: where they are, what is hidden, what a network paints there, and what stays."""

import dataclasses
from pathlib import Path

import mlflow
import numpy as np
import pytest
import tensorflow as tf

import evaluate
import train_pix2pix
from gan import archive, checkpoints
from gan.archive import goodruns
from gan.commands import export
from gan.commands.augment_scenes import AugmentConfig
from gan.data.palettes import CAMVID, CITYSCAPES
from gan.data.scene import Scene, Scenes, SceneSet, hidden
from gan.data.scenes import load
from gan.errors import UserError
from gan.pix2pix.augment import Counts, PairGenerator
from gan.pix2pix.augment_report import Gallery
from gan.pix2pix.batches import Pairs
from gan.pix2pix.edits import edited
from gan.pix2pix.gan import SceneGan, pictures
from gan.pix2pix.judge import scored_maps
from gan.pix2pix.pair_filter import NONE
from gan.pix2pix.presets import LABELS, PHOTOS, PRESETS, SceneNetwork
from gan.pix2pix.restored import GENERATE, INPAINT, PASTE, restore
from gan.pix2pix.windows import Place, _even, around, cut, grown, put_back, windowed
from gan.scoring.segmentation import IGNORED
from gan.training.averaged_gan import restored_generator, weights
from tests.made_up_scene_run import DATA, good_run, narrow, quick
from tests.made_up_streets import CAR, PERSON, some_streets
from train_pix2pix import OBJECTS, TrainConfig

TINY = dataclasses.replace(PRESETS["objects"], generator_base=4, discriminator_base=4, batch_size=2)
NETWORK = SceneNetwork(TINY, 64, 64, PHOTOS, CITYSCAPES, True)


@pytest.fixture(scope="module")
def windows() -> SceneSet:
    parts = some_streets(8), some_streets(5, seed=1), some_streets(0)
    return windowed(SceneSet("streets", CITYSCAPES, *parts))


def test_a_window_is_twice_its_object_and_stays_inside() -> None:
    assert around(slice(40, 60), slice(50, 60), (100, 200)) == Place(0, 30, 35, 40)
    assert around(slice(0, 10), slice(195, 200), (100, 200)) == Place(0, 0, 180, 20)
    assert around(slice(10, 12), slice(10, 12), (100, 200)).side == 16, "small things have surroundings too"
    assert around(slice(5, 95), slice(20, 40), (100, 200)) == Place(0, 0, 0, 100), "no larger than the scene"


def test_windows_show_objects_with_what_is_hidden_about_them(windows) -> None:
    assert len(windows.training) and len(windows.validation) and not len(windows.test)
    classes = set()
    for k in range(len(windows.training)):
        window = windows.training.scene(k)
        side = window.photo.shape[0]
        assert window.photo.shape == (side, side, 3) and side >= 16
        covered = np.bincount(window.labels[hidden(window) > 0], minlength=256)
        classes |= set(np.flatnonzero(covered))
        assert 0 < hidden(window).sum() < side * side
    assert {PERSON, CAR} <= classes
    loaded = load(windows.training, 64, 64)
    assert loaded.edges.max() == 1 and 0.02 < loaded.edges.mean() < 0.6
    assert windows.training.take([1]).hides and not Scenes.joined([some_streets(1)]).hides


def test_every_class_is_as_frequent_as_any_other_up_to_a_bound() -> None:
    places = [Place(k, 0, 0, 16, (1,), 1) for k in range(90)] + [Place(0, 0, 0, 16, (2,), 2)] * 30
    places += [Place(1, 0, 0, 16, (3,), 3)]
    counts = np.bincount([place.class_id for place in _even(places, True)])
    assert counts.tolist() == [0, 90, 90, 8]
    counts = np.bincount([place.class_id for place in _even(places, False)])
    assert counts.tolist() == [0, 2, 2, 1] and _even([], True) == []


def test_what_is_painted_fades_into_the_photo_and_nothing_else_is_touched() -> None:
    photo = np.full((50, 60, 3), 100, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[10:30, 15:25] = True
    put_back(photo, Place(0, 5, 10, 40), np.full((64, 64, 3), 200, np.uint8), mask)
    within = photo[5:45, 10:50]
    assert (within[~mask] == 100).all() and (photo[:5] == 100).all() and (photo[:, 50:] == 100).all()
    assert (within[15:25, 18:22] == 200).all() and 100 <= within[10, 20, 0] < 200
    assert grown(mask)[8:32, 15:25].all() and not grown(mask)[:7].any() and not grown(np.zeros((4, 4), bool)).any()


def test_a_network_paints_where_it_is_told_and_sees_nothing_of_what_is_hidden(windows) -> None:
    scenes = load(windows.training.take(range(2)), 64, 64)
    model = NETWORK.build_generator()
    for variable in model.trainable_variables:  # fresh weights are so small that all would be grey
        variable.assign(8 * variable)
    painted = pictures(model, NETWORK, scenes.labels, scenes.edges, 0, "test", photos=scenes.photos)
    there = scenes.edges > 0
    np.testing.assert_array_equal(painted[~there], scenes.photos[~there])
    assert (painted[there] != scenes.photos[there]).any()
    other = scenes.photos.copy()
    other[there] = 255 - other[there]
    again = pictures(model, NETWORK, scenes.labels, scenes.edges, 0, "test", photos=other)
    np.testing.assert_array_equal(again, painted)


def test_painting_is_learned_within_the_windows_only(windows) -> None:
    feed = Pairs(windows.training, 64, 64, 2, 0, edges=True)
    gan = SceneGan(NETWORK, feed, (1e-3, 1e-3), 20.0, 0, "float32", load(windows.validation.take([0]), 64, 64))
    before = [np.asarray(variable) for variable in gan.generator.trainable_variables]
    metrics = dict(zip(gan.metric_names, np.asarray(gan.iterate(tf.constant(0))), strict=True))
    assert np.isfinite(list(metrics.values())).all() and 0 < metrics["l1_training"] < 2
    assert any(
        (old != np.asarray(new)).any() for old, new in zip(before, gan.generator.trainable_variables, strict=True)
    )
    sample, (photo,), (edges,) = gan.sample(), gan.sampled.photos, gan.sampled.edges
    np.testing.assert_array_equal(sample[0][edges == 0], photo[edges == 0])


def test_objects_are_painted_into_new_pairs_of_real_photos(tmp_path, monkeypatch) -> None:
    good = restore(good_run(tmp_path / "good", preset=TINY, height=64), DATA)
    assert good.size == (256, 128) and good.way("auto") == INPAINT and good.way(PASTE) == PASTE
    with pytest.raises(UserError, match="photo=generate needs a run that makes whole scenes, and run b+ does not"):
        good.way(GENERATE)
    generator = PairGenerator.restored(good, (PERSON,), 3, NONE, 1, print, way=PASTE)
    pool, gallery = generator.pool, Gallery(generator.pool)
    (pair,) = generator.pairs(1, Counts())
    gallery.add(pair)
    assert pair.answer is None and gallery.sheet().shape[1] < 4 * 256  # nothing looked: there is no column of it
    paint = good.paint(3)
    new = edited(pool, 3, 0, with_photo=True)
    painted = paint(new, 0)
    there = new.added > 0
    assert (painted.photo[there] != new.photo[there]).mean() > 0.5
    changed = (painted.photo != new.photo).any(axis=2)
    assert changed.mean() < 0.3, "the rest of the photo stays"
    np.testing.assert_array_equal(paint(new, 0).photo, painted.photo)
    assert (paint(new, 1).photo != painted.photo).any()
    monkeypatch.setattr("gan.pix2pix.restored.STRETCHED", 0.1)  # all are too large: they keep their own pixels
    assert good.paint(3)(new, 0).photo is new.photo


def test_a_run_of_whole_scenes_paints_no_objects(tmp_path) -> None:
    good = restore(good_run(tmp_path / "good"), DATA)
    with pytest.raises(UserError, match="photo=inpaint needs a run that makes objects.*with --preset objects"):
        good.way(INPAINT)
    assert good.way("auto") == GENERATE


def test_what_is_refused() -> None:
    street = some_streets(1).scene(0)
    empty = Scenes.of([Scene(street.photo, np.full_like(street.labels, 7))], CITYSCAPES)
    with pytest.raises(UserError, match="no object stands in the training scenes of x"):
        windowed(SceneSet("x", CITYSCAPES, empty, empty, empty))
    for changed, words in (
        ({"direction": LABELS}, "preset objects paints photos"),
        ({"width": 96}, "square windows"),
        ({"log_model": True}, "by augment_scenes and not served"),
    ):
        with pytest.raises(UserError, match=words):
            TrainConfig(preset="objects", **changed)
    assert (TINY.width, TINY.height) == (OBJECTS, OBJECTS) and AugmentConfig().photo == "auto"
    assert SceneNetwork.restored(NETWORK.describe()) == NETWORK
    for changed in ({"direction": LABELS}, {"edges": False}, {"width": 96}):
        with pytest.raises(ValueError, match="no network"):
            dataclasses.replace(NETWORK, **changed)


def test_training_evaluation_and_what_the_run_is_good_for(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    narrow(monkeypatch)
    run_id, status = train_pix2pix.train(quick(preset="objects", width=None, height=None, iterations=2))
    assert (
        status == 0 and "windows around objects in memory" in mlflow.get_run(run_id).data.tags["mlflow.note.content"]
    )
    assert f"augment_scenes --goodrun_ref {run_id}" in capsys.readouterr().out
    evaluate.main(evaluate.EvaluateConfig(goodrun_ref=run_id, count=3, scores="pixels", output="made"))
    assert len(list(Path("made/photos").glob("*.png"))) == 3
    with pytest.raises(UserError, match="paints objects into photos, for augment_scenes: it can't be served"):
        archive.register(run_id, "objects", "goodrun")
    shipped = tmp_path / "project" / "gan" / "pretrained" / "objects"
    export.main(export.ExportConfig(goodrun_ref=run_id, evaluation="made", output=str(shipped), data_licence="mine"))
    card = (shipped / export.CARD).read_text()
    assert "paints objects into photos of street scenes (pix2pix, preset objects, 64x64)" in card
    assert "Licence of the data: mine" in card and "## Scores of 3 windows around objects" in card
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    for reference in ("objects", "pretrained"):
        found = archive.resolve(reference, "pix2pix", "")
        assert (found.run_id, found.checkpoint.parent) == (run_id, shipped)
    with pytest.raises(UserError, match="holds no checkpoint"):  # of signs, where both are taken
        archive.resolve_any("pretrained", {"dcgan": "all", "pix2pix": ""})
    runs = (restore(name, "") for name in (run_id, "pretrained"))
    whole, halved = (restored_generator(run.network, run.goodrun.checkpoint).get_weights() for run in runs)
    assert all(np.allclose(one, other, atol=1e-3) for one, other in zip(whole, halved, strict=True))


def test_scores_count_what_is_painted_alone(windows) -> None:
    part = windows.training.take([0, 3])
    for k, found in enumerate(scored_maps(part)):
        scene = part.scene(k)
        there = scene.instances > 0
        np.testing.assert_array_equal(found[there], CITYSCAPES.scored_indices(scene.labels)[there])
        assert there.any() and (found[~there] == IGNORED).all()


def test_a_window_is_cut_with_its_label_map() -> None:
    scene = some_streets(1).scene(0)
    mask = np.zeros(scene.labels.shape, bool)
    mask[30:40, 20:26] = True
    window = cut(scene, Place(0, 25, 13, 20), mask)
    np.testing.assert_array_equal(window.photo, scene.photo[25:45, 13:33])
    np.testing.assert_array_equal(window.labels, scene.labels[25:45, 13:33])
    assert window.instances[5:15, 7:13].all() and window.instances.sum() < 250


def test_the_weights_that_come_with_the_project_paint() -> None:
    good = archive.resolve("pretrained", "pix2pix", "")
    network = SceneNetwork.restored(good.info.network)
    assert network.inpaints and network.palette.same_classes(CAMVID) and checkpoints.generates_only(good.checkpoint)
    model = network.build_generator()
    checkpoints.load(good.checkpoint, {checkpoints.WEIGHTS: weights(model)})
    photo = np.full((1, 64, 64, 3), 150, np.uint8)
    where, labels = np.zeros((1, 64, 64), np.uint8), np.full((1, 64, 64), CAMVID.ids.index(3), np.uint8)
    where[:, 15:50, 24:40] = 1
    labels[where > 0] = CAMVID.ids.index(9)
    made = pictures(model, network, labels, where, 0, "", photos=photo)
    assert (made[where == 0] == 150).all()
    assert made[where > 0].std() > 15
