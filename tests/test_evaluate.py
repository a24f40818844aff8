"""Evaluating as a user runs it: restored images, the same bytes again, nothing overwritten."""

import dataclasses
import json
import tarfile
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
from PIL import Image

import evaluate
from evaluate import EvaluateConfig
from gan import archive, checkpoints
from gan.dcgan.gan import Network
from gan.dcgan.generator import Generator
from gan.dcgan.image_files import Cell, ImageWriter
from gan.dcgan.learned import real_images
from tests import conftest
from tests.conftest import DATA

QUICK = {"count": 5, "scores": "pixels", "judge_iterations": 2}


def run(reference, output="", **changed):
    config = EvaluateConfig(goodrun_ref=reference, output=output, **(QUICK | changed))
    evaluate.main(config)
    return config


def refused(capsys, **changed):
    return conftest.refused(capsys, EvaluateConfig, evaluate.main, **changed)


def contents(folder):
    return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def state_of(goodrun):
    """The arrays of a checkpoint that generate, in order."""
    with np.load(goodrun.checkpoint) as stored:
        return [stored[name] for name in sorted(stored.files) if name.startswith("averaged/")]


def a_copy(own_archive, folder, weights=None, **changed):
    """A folder with a checkpoint of the trained run that can only generate and says other things of itself."""
    goodrun = archive.resolve(own_archive.run_id, "dcgan", "17")
    folder.mkdir(exist_ok=True)
    info = dataclasses.replace(goodrun.info, **changed)
    path = folder / checkpoints.file_name(60)
    checkpoints.save(path, info, {"averaged": state_of(goodrun) if weights is None else weights})
    return str(folder)


# --- what it writes and says

PIXELS = {"diversity", "nearest_real"}


@pytest.mark.parametrize(
    ("scores", "names"),
    [("none", set()), ("pixels", PIXELS), ("full", PIXELS | {"gan_test"})],
    ids=["none", "pixels", "full"],
)
def test_what_it_writes(own_archive, small_networks, tmp_path, capsys, scores, names):
    out = tmp_path / "out"
    run(own_archive.run_id, str(out), scores=scores)
    said = capsys.readouterr().out
    files = [f"0000{k}.png" for k in range(5)] + ["contact-sheet.png", "evaluation.json", "report.html"]
    assert sorted(contents(out)) == files + ["scores.json"] * bool(names)
    image = Image.open(out / "00003.png")
    assert image.size == (32, 32) and image.mode == "RGB"
    report = (out / "report.html").read_text()
    assert ("Scores, each beside the same score of real images" in report) == bool(names)
    assert ("The closest pairs" in report) == (scores == "full")
    assert f"images: {out}\n" in said and f"report: {out / 'report.html'}\n" in said and "\n\n" not in said
    assert {name for name in (*PIXELS, "gan_test") if f"\n{name} " in f"\n{said}"} == names
    if names:
        found = json.loads((out / "scores.json").read_text())
        assert names | {f"{name}_floor" for name in PIXELS} <= set(found["overall"])
        assert "gan_test_floor" not in found["overall"], "fewer than four signs of the class are held out"
        assert list(found["classes"]) == ["17"] and names <= set(found["classes"]["17"])
        for name in PIXELS:
            floor = found["overall"][f"{name}_floor"]
            assert f"{name} {found['overall'][name]:.3f} (real: {floor:.3f}): " in said
            assert f"<td>{name}</td>" in report and f"{floor:.4g}" in report


def test_full_scores_again_train_no_judge_and_change_nothing(own_archive, small_networks, tmp_path, monkeypatch):
    from gan.dcgan import judge as signs_judge

    out = tmp_path / "out"
    run(own_archive.run_id, str(out), scores="full")
    before = contents(out)
    judges = mlflow.search_runs(filter_string="tags.`gan.kind` = 'classifier'", output_format="list")
    assert [judge.info.status for judge in judges] == ["FINISHED"] and "held_out.accuracy" in judges[0].data.metrics

    def trained_again(*_, **__):
        raise AssertionError

    monkeypatch.setattr(signs_judge, "train_judge", trained_again)
    run(own_archive.run_id, str(out), scores="full")
    assert contents(out) == before
    with pytest.raises(AssertionError):
        run(own_archive.run_id, str(tmp_path / "other"), scores="full", judge_iterations=3)


def test_images_are_those_of_the_averaged_generator(own_archive, tmp_path):
    run(f"{own_archive.run_id}/40", str(tmp_path / "out"), seed=3)
    path = archive.resolve(f"{own_archive.run_id}/40", "dcgan", "17").checkpoint
    network = Network(**checkpoints.read_info(path).network)
    model = network.build_generator()
    checkpoints.load(path, {"averaged": model.variables})
    latents = np.random.default_rng([3, 0]).standard_normal((64, 100), np.float32)
    expected = np.asarray(model(latents, training=False))[:5].clip(-1, 1)
    for k in range(5):
        made = np.asarray(Image.open(tmp_path / "out" / f"{k:05d}.png")).astype(float) / 127.5 - 1
        np.testing.assert_allclose(made, expected[k], atol=0.5 / 127.5 + 1e-4)


def test_weights_in_half_precision_give_nearly_the_same_images(own_archive, tmp_path):
    weights = [array.astype(np.float16) for array in state_of(archive.resolve(own_archive.run_id, "dcgan", "17"))]
    half = a_copy(own_archive, tmp_path / "half", weights)
    for reference, out in ((own_archive.run_id, "whole"), (half, "out")):
        run(reference, str(tmp_path / out), scores="none")
    whole, made = (
        np.stack([np.asarray(Image.open(tmp_path / out / f"0000{k}.png"), int) for k in range(5)])
        for out in ("whole", "out")
    )
    assert 0 < np.abs(whole - made).max() <= 3


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_weights_in_another_precision_are_refused(own_archive, tmp_path, capsys, dtype):
    weights = [array.astype(dtype) for array in state_of(archive.resolve(own_archive.run_id, "dcgan", "17"))]
    error = refused(capsys, goodrun_ref=a_copy(own_archive, tmp_path / "run", weights), output=tmp_path / "out")
    assert "another network" in error and not (tmp_path / "out").exists()


def test_all_references_to_one_checkpoint_give_the_same_bytes(own_archive, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    original = archive.resolve(own_archive.run_id, "dcgan", "17").checkpoint
    (folder / original.name).write_bytes(original.read_bytes())
    references = own_archive.run_id, f"{own_archive.run_id}/60", "60", "models:/signs@goodrun", str(folder)
    for number, reference in enumerate(references):
        run(reference, str(tmp_path / str(number)))
        assert contents(tmp_path / str(number)) == contents(tmp_path / "0"), reference


def test_another_seed_and_another_iteration_give_other_images(own_archive, tmp_path):
    run(own_archive.run_id, str(tmp_path / "a"))
    run(own_archive.run_id, str(tmp_path / "b"), seed=1)
    run(f"{own_archive.run_id}/20", str(tmp_path / "c"))
    first = {name: contents(tmp_path / name)["00000.png"] for name in "abc"}
    assert len(set(first.values())) == 3


def test_the_count_does_not_change_the_images(own_archive, tmp_path):
    run(own_archive.run_id, str(tmp_path / "few"), count=3)
    run(own_archive.run_id, str(tmp_path / "many"), count=70)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert all(few[f"0000{k}.png"] == many[f"0000{k}.png"] for k in range(3))
    assert few["00000.png"] != few["00001.png"] and "00069.png" in many
    goodrun, part = archive.resolve(own_archive.run_id, "dcgan", "17"), tmp_path / "part"
    part.mkdir()
    writer, cell = ImageWriter(0, "png", {17: part}, 68), Cell(17, 64, 70)
    assert len(writer.write(Generator(goodrun), cell, lambda count: None)) == 4
    assert contents(part) == {name: many[name] for name in (f"000{k}.png" for k in range(64, 70))}
    run(own_archive.run_id, str(tmp_path / "tar"), count=70, format="tar")
    with tarfile.open(tmp_path / "tar" / "shards" / "017-00000.tar") as shard:
        found = [(member.name, shard.extractfile(member).read(), member.mtime) for member in shard]
    assert found[-2:] == [("017-0000069.png", many["00069.png"], 0), ("017-0000069.cls", b"17", 0)]
    assert len(found) == 140 and json.loads((tmp_path / "tar" / "shards" / "classes.json").read_text()) == {
        "17": "No entry"
    }
    (evaluation,) = mlflow.search_runs(filter_string="params.format = 'tar'", output_format="list")
    logged = mlflow.MlflowClient().list_artifacts(evaluation.info.run_id, "images")
    assert not any("shards" in file.path for file in logged)


def test_again_into_the_same_folder_changes_nothing(own_archive, tmp_path):
    run(own_archive.run_id, str(tmp_path / "out"))
    before = contents(tmp_path / "out")
    run(own_archive.run_id, str(tmp_path / "out"))
    assert contents(tmp_path / "out") == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_run_names_what_it_restored(own_archive, tmp_path):
    run(f"{own_archive.run_id}/40", str(tmp_path / "out"))
    found = mlflow.search_runs(filter_string="tags.`gan.kind` = 'evaluate'", output_format="list")[0]
    assert found.data.tags["goodrun"] == f"{own_archive.run_id}/40"
    assert found.info.status == "FINISHED"
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(found.info.run_id)}
    assert {"images", "contact-sheet.png", "report.html", "config.json"} <= files
    for name in ("diversity", "nearest_real"):
        assert {name, f"{name}_floor"} <= set(found.data.metrics)


def test_the_default_folder_tells_what_is_in_it(own_archive, small_networks):
    for scores, kind in (("pixels", "-pixels"), ("none", "-none"), ("full", "")):
        run(own_archive.run_id, seed=9, scores=scores)
        folder = Path(f"images/evaluate/class-17-{own_archive.run_id[:8]}-000060-seed9-n5{kind}")
        origin = json.loads((folder / "evaluation.json").read_text())["origin"]
        assert (origin["seed"], origin["scores"], origin["iteration"]) == (9, scores, 60)


def test_other_scores_are_not_written_over_the_first(own_archive, tmp_path, capsys):
    run(own_archive.run_id, str(tmp_path / "out"))
    before = contents(tmp_path / "out")
    options = {"goodrun_ref": own_archive.run_id, "count": 5, "output": tmp_path / "out"}
    assert "other files" in refused(capsys, **options, scores="none")
    assert contents(tmp_path / "out") == before


def test_without_a_reference_it_names_the_newest_run(own_archive, capsys):
    assert own_archive.run_id in refused(capsys)
    assert "train_dcgan.py" in refused(capsys, class_val=5)


def test_without_a_reference_and_without_an_archive_the_weights_of_the_project_are_named(workplace, capsys):
    assert "`pretrained` comes with the project" in refused(capsys)


def test_scores_are_not_lost_to_the_same_command_without_the_data(own_archive, tmp_path, capsys):
    reference, out = a_copy(own_archive, tmp_path / "run"), tmp_path / "out"
    run(reference, str(out))
    before = contents(out)
    assert "scores.json" in before
    options = {"goodrun_ref": reference, "count": 5, "scores": "pixels", "output": out}
    assert "other files" in refused(capsys, **options, data="gone")
    assert contents(out) == before


def test_a_folder_with_other_files_is_left_alone(own_archive, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "00000.png").write_text("precious")
    assert "other files" in refused(capsys, goodrun_ref=own_archive.run_id, output=tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"00000.png": b"precious"}


def test_what_the_user_adds_to_or_changes_in_the_folder_is_left_alone(own_archive, tmp_path, capsys):
    for name, content in (("notes.txt", "my notes"), ("00001.png", "my drawing")):
        out = tmp_path / name
        run(own_archive.run_id, str(out))
        (out / name).write_text(content)
        capsys.readouterr()
        before = contents(out)
        options = {"goodrun_ref": own_archive.run_id, "count": 5, "scores": "pixels", "output": out}
        assert "other files" in refused(capsys, **options)
        assert contents(out) == before


def test_into_an_empty_folder_behind_a_link(own_archive, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run(own_archive.run_id, str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink() and "00004.png" in contents(tmp_path / "real")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_one_image_has_no_diversity(own_archive, tmp_path, capsys):
    run(own_archive.run_id, str(tmp_path / "out"), count=1)
    said = capsys.readouterr().out
    assert "nearest_real" in said and "diversity" not in said


def test_a_folder_that_cannot_be_written(own_archive, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    error = refused(capsys, goodrun_ref=own_archive.run_id, output=tmp_path / "file" / "out")
    assert "can't be written" in error


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("count", "0"), ("seed", "-1"),
        ("count", "many"), ("scores", "all"), ("scores", "Full"), ("judge_iterations", "0"),
        ("judge_iterations", "1000001"), ("judge_iterations", "2.5"), ("inception", "perhaps"),
    ],
)  # fmt: skip
def test_parameters_outside_their_range(own_archive, capsys, option, value):
    assert f"{option} is " in refused(capsys, **{option: value})


@pytest.mark.parametrize("value", ["43", "-1", "x"])
def test_a_class_that_the_run_does_not_know(own_archive, capsys, value):
    error = refused(capsys, goodrun_ref=own_archive.run_id, class_val=value)
    assert "class_val is a GTSRB class id from 0 to 42" in error and repr(value) in error


def test_the_inception_score_is_one_of_the_scores(own_archive, capsys):
    error = refused(capsys, goodrun_ref=own_archive.run_id, scores="none", inception="true")
    assert "scores is full or pixels with inception=true, not 'none'" in error


@pytest.mark.parametrize("reason", ["URL fetch failure on https://x\nand more", ""])
def test_without_the_weights_of_inception_it_is_a_sentence(own_archive, tmp_path, monkeypatch, capsys, reason):
    def unreachable(**_):
        raise OSError(reason)

    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    options = {"goodrun_ref": own_archive.run_id, "output": tmp_path / "out", "inception": "true"}
    error = refused(capsys, **options)
    assert "can't be downloaded" in error and (reason.partition("\n")[0] or "OSError") in error
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_cannot_be_written_is_told_before_anything_is_generated(
    own_archive, tmp_path, monkeypatch, capsys
):
    from gan.dcgan import evaluation

    def generated(*_):
        raise AssertionError

    reference = a_copy(own_archive, tmp_path / "run")
    monkeypatch.setattr(evaluation, "Generator", generated)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/mlruns")
    assert "MLFLOW_TRACKING_URI is" in refused(capsys, goodrun_ref=reference, output=tmp_path / "out", scores="none")


def test_a_good_run_of_another_class(own_archive, capsys):
    for class_val in ("3", "all"):
        error = refused(capsys, goodrun_ref=own_archive.run_id, class_val=class_val)
        assert f"trained on class_val 17, not {class_val}" in error


def test_a_changed_checkpoint_of_a_stranger(own_archive, tmp_path, capsys):
    sizes = {"classes": 1, "generator_width": 10**9}, {"classes": 1, "generator_width": 1000}
    for network in (*sizes, {"weights": "http://"}, {"classes": "x"}):
        reference = a_copy(own_archive, tmp_path / "run", network=network)
        error = refused(capsys, goodrun_ref=reference, output=tmp_path / "out", scores="none")
        assert "can't be built" in error


def test_a_checkpoint_whose_network_knows_other_classes_than_it_says(own_archive, tmp_path, capsys):
    reference = a_copy(own_archive, tmp_path / "run", network={"classes": 5})
    assert "its classes do not fit" in refused(capsys, goodrun_ref=reference, output=tmp_path / "out", scores="none")


def test_hostile_words_of_a_checkpoint_name_no_folders(own_archive, tmp_path, capsys):
    info = archive.resolve(own_archive.run_id, "dcgan", "17").info
    changes = [{"run_id": "/../../../x"}, {"data": {}}, {"data": info.data | {"name": 5}}]
    for change in [*changes, {"iteration": -7}, {"iteration": 10**30}]:
        reference = a_copy(own_archive, tmp_path / "run", **change)
        assert "no checkpoint of this project" in refused(capsys, goodrun_ref=reference)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"digest": "0" * 16}, "holds other images than the run was trained on"),
        ({"name": "gone"}, "there is no gone"),
    ],
)
def test_without_the_training_data_it_goes_without_real_images_and_scores(own_archive, tmp_path, capsys, data, words):
    info = archive.resolve(own_archive.run_id, "dcgan", "17").info
    run(a_copy(own_archive, tmp_path / "run", data=info.data | data), str(tmp_path / "out"), scores="full")
    said = capsys.readouterr().out
    assert (
        "scores and real images are left out, for want of the data that the run learned: " in said
        and words in said
        and "nearest_real" not in said
    )
    assert "contact-sheet.png" in contents(tmp_path / "out") and "scores.json" not in contents(tmp_path / "out")


@pytest.mark.parametrize("learned", ["use_test", "use_held_out", "of old"])
def test_a_run_that_has_learned_what_it_is_compared_with_is_told_of(workplace, capsys, learned):
    from gan.data.sets import open_images, select

    config = {"use_test": learned == "use_test"} | ({} if learned == "of old" else {"use_held_out": False})
    config |= {learned: True}
    signs = select(open_images(DATA, 17), 17, learned == "use_test", learned != "use_test")
    info = about_of(signs, config)
    assert set(real_images(info, "", every_class=False).learned.labels) == {17}
    assert "scores beside them mean little" in capsys.readouterr().out


def test_data_that_has_moved_is_named(own_archive, tmp_path, capsys):
    info = archive.resolve(own_archive.run_id, "dcgan", "17").info
    gone = dataclasses.replace(info, data=info.data | {"name": "gone"})
    assert real_images(gone, "", every_class=False) is None
    assert real_images(gone, info.data["name"], every_class=False) is not None


@pytest.mark.parametrize("use_test", [True, False])
def test_the_training_data_is_known_again_with_and_without_the_other_classes(workplace, capsys, use_test):
    from gan.data.sets import open_images, select

    # As `train_dcgan` opens it without a judge; with one all classes are there.
    learned = select(open_images(DATA, 17), 17, use_test, False)
    info = about_of(learned, {"use_test": use_test, "use_held_out": False})
    assert len(set(real_images(info, "", every_class=True).learned.labels)) == 43
    assert ("mean little" in capsys.readouterr().out) == use_test


def about_of(learned, config):
    data = {"name": DATA, "digest": learned.digest(), "images": len(learned)}
    return checkpoints.CheckpointInfo("dcgan", "17", 60, {}, config, data, "a" * 32)
