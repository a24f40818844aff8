"""Training of scenes as a user runs it: what a run leaves, exact resume, bad input."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
from PIL import Image

import train_pix2pix
from gan import archive, checkpoints
from gan.config import as_text
from gan.data.scenes import load, open_scenes
from tests import conftest
from tests.made_up_scene_run import QUICK, narrow, quick
from train_pix2pix import TrainConfig

PARAMETERS = ("batch_size", "generator_lr", "discriminator_lr", "l1_weight")


@pytest.fixture
def small_networks(monkeypatch):
    narrow(monkeypatch)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained-scenes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        narrow(patch)
        run_id, status = train_pix2pix.train(quick())
    assert status == 0
    return conftest.Trained(folder, run_id)


@pytest.fixture
def own_archive(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return trained


def state_of(run_id, iteration):
    path = archive.resolve(f"{run_id}/{iteration}", "pix2pix", "").checkpoint
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files if name != "about"}


def refused(capsys, **changed) -> str:
    return conftest.refused(capsys, TrainConfig, train_pix2pix.main, **QUICK | changed)


# --- what a run leaves


def test_a_run_leaves_a_complete_trace(own_archive):
    run = mlflow.get_run(own_archive.run_id)
    assert run.info.status == "FINISHED"
    config = json.loads(
        Path(mlflow.artifacts.download_artifacts(f"runs:/{own_archive.run_id}/config.json")).read_text()
    )
    # What was left to the preset and to the machine is told as it was.
    of_preset = {"batch_size": 1, "generator_lr": 2e-4, "discriminator_lr": 2e-4, "l1_weight": 100.0}
    of_preset["deterministic"] = True  # on a CPU
    assert config == dataclasses.asdict(quick()) | of_preset
    given = {name: as_text(value) for name, value in config.items() if value not in ("", None) and value is not False}
    assert run.data.params == given
    metrics = ("generator_loss", "discriminator_loss", "l1_training", "accuracy_real", "accuracy_generated",
               "images_per_second", "data_wait")  # fmt: skip
    for name, (steps, found) in archive.history(own_archive.run_id, metrics).items():
        assert steps == [10, 20] and np.isfinite(found).all(), name
    assert set(archive.history(own_archive.run_id, metrics)) == set(metrics)
    assert archive.history(own_archive.run_id, ["l1"])["l1"][0] == [10, 20]
    tags = run.data.tags
    assert tags["gan.kind"] == "pix2pix" and tags["data"] == "drawn:6" and tags["precision_used"] == "float32"
    assert tags["data_digest"] == open_scenes("drawn:6").training.digest()
    assert archive.checkpoint_names(own_archive.run_id) == [checkpoints.file_name(k) for k in (10, 20)]
    report = Path(mlflow.artifacts.download_artifacts(f"runs:/{own_archive.run_id}/report.html")).read_text()
    assert "Training, pix2pix, 20 iterations" in report and "waited for data" in report and "l1_training" in report


def test_sheets_show_label_map_real_and_generated_photo(own_archive):
    folder = Path("images/train") / f"pix2pix-{own_archive.run_id[:8]}"
    names = ["generated-000000.png", "generated-000010.png", "generated-000020.png", "real.png"]
    assert sorted(file.name for file in folder.iterdir()) == names
    real, first, last = (np.asarray(Image.open(folder / names[k])).astype(int) for k in (3, 0, 2))
    assert first.shape == last.shape and first.shape[1] > real.shape[1]
    two_thirds = real.shape[1] - 20
    rows = slice(30, None)
    np.testing.assert_array_equal(first[rows, :two_thirds], last[rows, :two_thirds])
    np.testing.assert_array_equal(first[rows, :two_thirds], real[rows, :two_thirds])
    assert np.abs(first[rows, two_thirds + 40 :] - last[rows, two_thirds + 40 :]).mean() > 1


def test_the_logged_generator_loads_in_plain_keras_and_makes_the_photos_of_the_run(own_archive, small_networks):
    from gan.pix2pix.gan import pictures
    from gan.pix2pix.presets import SceneNetwork
    from gan.training.averaged_gan import weights

    goodrun = archive.resolve(own_archive.run_id, "pix2pix", "")
    network = SceneNetwork.restored(goodrun.info.network)
    model = network.build_generator()
    checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(model)})
    (logged,) = (
        model for model in mlflow.search_logged_models(experiment_ids=["0"], output_format="list")
        if model.params["iteration"] == str(goodrun.iteration) and model.source_run_id == own_archive.run_id
    )  # fmt: skip
    loaded = mlflow.keras.load_model(logged.model_uri)
    assert isinstance(loaded, keras.Model)
    part = load(open_scenes("drawn:6").validation, 64, 32)
    made, wanted = (pictures(each, network, part.labels, part.edges, 0, "samples") for each in (loaded, model))
    np.testing.assert_array_equal(made, wanted)


def test_the_spatial_preset_and_the_other_direction_run(workplace, small_networks):
    run_id, status = train_pix2pix.train(
        quick(preset="spatial", direction="photo_to_labels", iterations=2, batch_size=2)
    )
    assert status == 0
    info = archive.resolve(run_id, "pix2pix", "").info
    assert info.network["direction"] == "photo_to_labels" and not info.network["edges"]
    assert info.config["batch_size"] == 2 and info.config["l1_weight"] == 10.0


def test_a_segmenter_ranks_the_checkpoints(workplace, small_networks, capsys):
    run_id, status = train_pix2pix.train(quick(iterations=4, checkpoint_interval=2, segmenter_iterations=1))
    assert status == 0
    scores = archive.history(run_id, ["mean_iou", "mean_iou_floor", "miou_gap", "l1"])
    assert {"mean_iou", "mean_iou_floor", "l1"} <= set(scores) and scores["l1"][0] == [2, 4]
    assert archive.newest_of("segmenter", {"width": "64", "height": "32", "iterations": "1"}) is not None
    assert archive.resolve(run_id, "pix2pix", "").iteration in (2, 4)


# --- good runs


@pytest.mark.parametrize("preset", ["paper", "spatial", "small"])
def test_9_and_8_iterations_are_17_bit_for_bit(workplace, small_networks, preset):
    config = quick(preset=preset, iterations=17, checkpoint_interval=9, sample_interval=17, batch_size=1)
    whole, _ = train_pix2pix.train(config)
    resumed, _ = train_pix2pix.train(dataclasses.replace(config, goodrun_ref=f"{whole}/9"))
    half, one, other = state_of(whole, 9), state_of(whole, 17), state_of(resumed, 17)
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert any((half[name] != one[name]).any() for name in one if name.startswith("averaged/"))
    sheets = [Path(f"images/train/pix2pix-{run[:8]}/generated-000017.png").read_bytes() for run in (whole, resumed)]
    assert sheets[0] == sheets[1]
    assert mlflow.get_run(resumed).data.tags["goodrun"] == f"{whole}/9"


def test_a_good_run_is_gone_on_from_and_what_it_had_learned_is_known_ever_after(own_archive, small_networks, capsys):
    first = archive.resolve(own_archive.run_id, "pix2pix", "").info
    digest = first.data["digest"]
    assert first.learned_only(digest) and not first.learned_only("0" * 16)
    changed = {"data": "drawn:9", "l1_weight": 50.0}
    other, status = train_pix2pix.train(quick(iterations=22, goodrun_ref=own_archive.run_id, **changed))
    assert status == 0 and mlflow.get_run(other).data.tags["goodrun"].startswith(own_archive.run_id)
    said, info = capsys.readouterr().out, archive.resolve(other, "pix2pix", "").info
    assert "going on with another data" in said
    assert "going on with another l1_weight: 100.0 before, 50.0 now" in said
    assert info.data["learned_before"] == [digest] and not info.learned_only(info.data["digest"])
    back, _ = train_pix2pix.train(quick(iterations=23, goodrun_ref="22"))
    assert mlflow.get_run(back).data.tags["goodrun"] == f"{other}/22"
    assert archive.resolve(back, "pix2pix", "").info.data["learned_before"] == [info.data["digest"]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 96}, "width 64, not 96"),
        ({"height": 64}, "height 32, not 64"),
        ({"direction": "photo_to_labels"}, "direction labels_to_photo, not photo_to_labels"),
        ({"preset": "spatial"}, "preset paper, not spatial"),
    ],
)
def test_a_good_run_of_another_kind_of_network(own_archive, small_networks, capsys, changes, words):
    error = refused(capsys, goodrun_ref=own_archive.run_id, iterations=30, **changes)
    assert "trained with" in error and words in error


def test_a_good_run_of_another_palette(own_archive, small_networks, capsys, monkeypatch):
    from gan.data import scenes as module
    from gan.data.palettes import CAMVID

    opened = open_scenes("drawn:6")
    monkeypatch.setattr(module, "open_scenes", lambda data: dataclasses.replace(opened, palette=CAMVID))
    error = refused(capsys, goodrun_ref=own_archive.run_id, iterations=30)
    assert "palette streets" in error and "not camvid of 12" in error


def test_a_good_run_of_signs(own_archive, tmp_path, capsys):
    from tests.made_up_goodrun import write_goodrun

    error = refused(capsys, goodrun_ref=write_goodrun(tmp_path / "signs"), iterations=30)
    assert "was made by dcgan and can't be used by pix2pix" in error


def test_iterations_not_above_the_good_runs(own_archive, capsys):
    assert "20 iterations already" in refused(capsys, goodrun_ref=f"{own_archive.run_id}/20", iterations=20)


def test_no_run_has_such_an_iteration(own_archive, capsys):
    error = refused(capsys, goodrun_ref="7", iterations=30)
    assert "no run of pix2pix has a checkpoint of iteration 7" in error and "class_val" not in error


# --- bad input


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preset", "best"), ("direction", "back"), ("width", 32), ("width", 100), ("width", 1056), ("height", 16),
        ("height", 48), ("iterations", 0), ("batch_size", -1), ("batch_size", 257), ("generator_lr", 0),
        ("discriminator_lr", 1), ("l1_weight", -2), ("seed", -1), ("precision", "float16"), ("sample_interval", 0),
        ("checkpoint_interval", 0), ("keep_checkpoints", -1), ("segmenter_iterations", -1), ("l1_weight", "much"),
    ],
)  # fmt: skip
def test_a_parameter_outside_its_range(workplace, capsys, name, value):
    assert f"{name} is " in refused(capsys, **{name: value})
    assert not list(workplace.iterdir())


def test_no_prepared_data(workplace, capsys):
    error = refused(capsys, data="dataset")
    assert "there is no folder 'dataset'" in error and "gan.commands.prepare" in error
    assert not list(workplace.iterdir())


def test_data_that_is_half_made(workplace, capsys):
    Path("dataset/training_dataset").mkdir(parents=True)
    assert "half made" in refused(capsys, data="dataset")
    assert not Path("images").exists()


def test_presets_and_parameters_are_those_of_the_networks():
    from gan.pix2pix import presets

    assert set(train_pix2pix.PRESETS) == set(presets.PRESETS) and train_pix2pix.DIRECTIONS == presets.DIRECTIONS
    assert [getattr(TrainConfig(), name) for name in PARAMETERS] == [None] * len(PARAMETERS)
    assert TrainConfig(l1_weight=0.0).l1_weight == 0


def test_help_names_every_parameter(workplace, capsys):
    with pytest.raises(SystemExit):
        conftest.run_script(TrainConfig, train_pix2pix.main, help="")
    shown = capsys.readouterr().out
    for field in dataclasses.fields(TrainConfig):
        assert re.search(rf"--{field.name}\b", shown)
