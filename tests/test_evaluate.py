"""Evaluating as a user runs it: restored images, the same bytes again, nothing overwritten."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image

import evaluate
from evaluate import EvaluateConfig
from gan import checkpoints, command_line, tracking
from gan.training.dcgan import Network


def run(reference, output="", **changed):
    config = EvaluateConfig(goodrun_ref=reference, output=output, **({"count": 5} | changed))
    evaluate.main(config)
    return config


def refused(capsys, *options):
    with pytest.raises(SystemExit) as stopped:
        command_line.run(EvaluateConfig, evaluate.main, options)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error


def contents(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def test_what_it_writes(archive, tmp_path, capsys):
    run(archive.run_id, str(tmp_path / "out"))
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert files == [f"0000{k}.png" for k in range(5)] + ["contact-sheet.png", "evaluation.json", "report.html"]
    image = Image.open(tmp_path / "out" / "00003.png")
    assert image.size == (32, 32) and image.mode == "RGB"
    said = capsys.readouterr().out
    assert "diversity" in said and "nearest_real" in said and str(tmp_path / "out") in said


def test_images_are_those_of_the_averaged_generator(archive, tmp_path):
    run(f"{archive.run_id}/40", str(tmp_path / "out"), seed=3)
    path = tracking.resolve(f"{archive.run_id}/40", "dcgan", "17").checkpoint
    network = Network(**checkpoints.read_about(path).network)
    model = network.build_generator()
    checkpoints.load(path, {"averaged": model.variables})
    latents = np.random.default_rng([3, 0]).standard_normal((64, 100), np.float32)
    expected = np.asarray(model(latents, training=False))[:5]
    for k in range(5):
        made = np.asarray(Image.open(tmp_path / "out" / f"{k:05d}.png")).astype(float) / 127.5 - 1
        np.testing.assert_allclose(made, expected[k], atol=0.5 / 127.5 + 1e-4)


@pytest.mark.parametrize("reference", ["{run}", "{run}/60", "60", "models:/signs@goodrun", "{folder}"])
def test_all_references_to_one_checkpoint_give_the_same_bytes(archive, tmp_path, reference):
    folder = tmp_path / "copy"
    folder.mkdir()
    original = tracking.resolve(archive.run_id, "dcgan", "17").checkpoint
    (folder / original.name).write_bytes(original.read_bytes())
    run(reference.format(run=archive.run_id, folder=folder), str(tmp_path / "one"))
    run(archive.run_id, str(tmp_path / "two"))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_and_another_iteration_give_other_images(archive, tmp_path):
    run(archive.run_id, str(tmp_path / "a"))
    run(archive.run_id, str(tmp_path / "b"), seed=1)
    run(f"{archive.run_id}/20", str(tmp_path / "c"))
    first = {name: contents(tmp_path / name)["00000.png"] for name in "abc"}
    assert len(set(first.values())) == 3


def test_the_count_does_not_change_the_images(archive, tmp_path):
    run(archive.run_id, str(tmp_path / "few"), count=3)
    run(archive.run_id, str(tmp_path / "many"), count=70)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert all(few[f"0000{k}.png"] == many[f"0000{k}.png"] for k in range(3))
    assert few["00000.png"] != few["00001.png"] and "00069.png" in many


def test_again_into_the_same_folder_changes_nothing(archive, tmp_path):
    run(archive.run_id, str(tmp_path / "out"))
    before = contents(tmp_path / "out")
    run(archive.run_id, str(tmp_path / "out"))
    assert contents(tmp_path / "out") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_run_names_what_it_restored(archive, tmp_path):
    run(f"{archive.run_id}/40", str(tmp_path / "out"))
    found = mlflow.search_runs(filter_string="tags.`gan.kind` = 'evaluate'", output_format="list")[0]
    assert found.data.tags["goodrun"] == f"{archive.run_id}/40"
    assert found.info.status == "FINISHED"
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(found.info.run_id)}
    assert {"00000.png", "contact-sheet.png", "report.html", "config.json"} <= files
    for name in ("diversity", "nearest_real"):
        assert {name, f"{name}_floor"} <= set(found.data.metrics)


def test_the_default_folder_tells_what_is_in_it(archive):
    run(archive.run_id, seed=9)
    folder = Path(f"images/evaluate/class-17-{archive.run_id[:8]}-000060-seed9-n5")
    assert json.loads((folder / "evaluation.json").read_text())["origin"]["seed"] == 9


def test_without_a_reference_it_names_the_newest_run(archive, capsys):
    assert archive.run_id in refused(capsys)
    assert "train_dcgan.py" in refused(capsys, "--class_val", "5")


def test_a_folder_with_other_files_is_left_alone(archive, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "00000.png").write_text("precious")
    assert "other files" in refused(capsys, "--goodrun_ref", archive.run_id, "--output", str(tmp_path / "mine"))
    assert contents(tmp_path / "mine") == {"00000.png": b"precious"}


def test_what_the_user_adds_to_or_changes_in_the_folder_is_left_alone(archive, tmp_path, capsys):
    for name, content in (("notes.txt", "my notes"), ("00001.png", "my drawing")):
        out = tmp_path / name
        run(archive.run_id, str(out))
        (out / name).write_text(content)
        capsys.readouterr()
        before = contents(out)
        options = ("--goodrun_ref", archive.run_id, "--count", "5", "--output", str(out))
        assert "other files" in refused(capsys, *options)
        assert contents(out) == before


def test_into_an_empty_folder_behind_a_link(archive, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run(archive.run_id, str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink() and "00004.png" in contents(tmp_path / "real")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_one_image_has_no_diversity(archive, tmp_path, capsys):
    run(archive.run_id, str(tmp_path / "out"), count=1)
    said = capsys.readouterr().out
    assert "nearest_real" in said and "diversity" not in said


def test_a_folder_that_cannot_be_written(archive, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert "can't be written" in refused(
        capsys, "--goodrun_ref", archive.run_id, "--output", str(tmp_path / "file" / "out")
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("class_val", "43"), ("class_val", "-1"), ("class_val", "x"), ("count", "0"), ("seed", "-1"), ("count", "many")],
)
def test_parameters_outside_their_range(archive, capsys, option, value):
    assert f"{option} is " in refused(capsys, f"--{option}", value)


def test_a_good_run_of_another_class(archive, capsys):
    assert "trained on class_val 17" in refused(capsys, "--goodrun_ref", archive.run_id, "--class_val", "3")


def test_a_changed_checkpoint_of_a_stranger(archive, tmp_path, capsys):
    original = tracking.resolve(archive.run_id, "dcgan", "17").checkpoint
    about = checkpoints.read_about(original)
    for network in ({"classes": 1, "generator_width": 10**9}, {"weights": "http://"}, {"classes": "x"}):
        import dataclasses

        path = tmp_path / checkpoints.file_name(60)
        checkpoints.save(path, dataclasses.replace(about, network=network), {"averaged": []})
        assert "can't be built" in refused(capsys, "--goodrun_ref", str(tmp_path))


def test_hostile_words_of_a_checkpoint_name_no_folders(archive, tmp_path, capsys):
    import dataclasses

    about = checkpoints.read_about(tracking.resolve(archive.run_id, "dcgan", "17").checkpoint)
    changes = [{"run_id": "/../../../x"}, {"data": {}}, {"data": about.data | {"name": 5}}]
    for change in [*changes, {"iteration": -7}, {"iteration": 10**30}]:
        path = tmp_path / checkpoints.file_name(60)
        checkpoints.save(path, dataclasses.replace(about, **change), {"averaged": []})
        assert "no checkpoint of this project" in refused(capsys, "--goodrun_ref", str(tmp_path))


def test_data_that_has_changed_is_not_taken_for_the_training_data(archive, tmp_path, capsys):
    import dataclasses

    path = tmp_path / "run" / checkpoints.file_name(60)
    path.parent.mkdir()
    original = tracking.resolve(archive.run_id, "dcgan", "17").checkpoint
    about = checkpoints.read_about(original)
    with np.load(original) as stored:
        parts = {"averaged": [stored[name] for name in stored.files if name.startswith("averaged/")]}
    checkpoints.save(path, dataclasses.replace(about, data=about.data | {"digest": "0" * 16}), parts)
    run(str(path.parent), str(tmp_path / "out"))
    assert "holds other images than the run was trained on" in capsys.readouterr().out


def test_without_the_data_it_goes_without_neighbours(archive, tmp_path, capsys):
    import dataclasses

    original = tracking.resolve(archive.run_id, "dcgan", "17").checkpoint
    about = checkpoints.read_about(original)
    with np.load(original) as stored:
        parts = {"averaged": [stored[name] for name in stored.files if name.startswith("averaged/")]}
    moved = dataclasses.replace(about, data=about.data | {"name": "gone"})
    (tmp_path / "run").mkdir()
    checkpoints.save(tmp_path / "run" / checkpoints.file_name(60), moved, parts)
    run(str(tmp_path / "run"), str(tmp_path / "out"))
    assert "without real neighbours" in capsys.readouterr().out
    assert (tmp_path / "out" / "contact-sheet.png").is_file()
