"""class_val=all: one class-conditional generator, from training to images of every class and their scores."""

import functools
import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image

import evaluate
import train_dcgan
from gan import archive, checkpoints
from gan.archive import goodruns
from gan.dcgan import evaluation as sign_evaluation
from gan.dcgan import photo_scores
from gan.dcgan.told_apart import told_apart
from tests import conftest
from tests.made_up_goodrun import write_goodrun

CLASSES = [f"{k:02d}" for k in range(43)]
QUICK = {"class_val": "all", "iterations": 4, "checkpoint_interval": 2, "sample_interval": 4, "judge_iterations": 2}
QUICK |= {"precision": "float32"}
OF_ALL = {"class_val": "all", "count": 2, "seed": 5, "judge_iterations": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, signs_folder):
    """A run of all classes, and an evaluation of it with all scores in the folder `made`."""
    folder = tmp_path_factory.mktemp("all")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        conftest.narrow(patch)
        patch.setattr(sign_evaluation, "GAN_TRAIN", 2)
        patch.setattr(photo_scores, "told_apart", functools.partial(told_apart, updates=5))
        run_id, status = train_dcgan.train(train_dcgan.TrainConfig(**QUICK, data=signs_folder, batch_size=8))
        assert status == 0
        evaluate.main(evaluate.EvaluateConfig(**OF_ALL, goodrun_ref=f"{run_id}/4", output="made"))
    return conftest.Trained(folder, run_id)


@pytest.fixture
def run(finished, small_networks, monkeypatch):
    """The run of all classes, with its folder as the working folder."""
    monkeypatch.chdir(finished.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setattr(sign_evaluation, "GAN_TRAIN", 2)
    monkeypatch.setattr(photo_scores, "told_apart", functools.partial(told_apart, updates=5))
    return finished


def evaluated(run, output, **changed):
    """Evaluate iteration 4; the scores over all classes and of each, none without them."""
    options = {"goodrun_ref": f"{run.run_id}/4", "judge_iterations": 2, "output": str(output)} | changed
    evaluate.main(evaluate.EvaluateConfig(**options))
    return json.loads((output / "scores.json").read_text()) if changed.get("scores") != "none" else {}


def images_in(folder):
    return [path.read_bytes() for path in sorted(Path(folder).glob("[0-9]*.png"))]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def weights_of(run):
    """What iteration 4 says of itself, and the arrays that generate."""
    goodrun = archive.resolve(f"{run.run_id}/4", "dcgan", "all")
    with np.load(goodrun.checkpoint) as stored:
        return goodrun.info, [stored[name] for name in sorted(stored.files) if name.startswith("averaged/")]


def test_checkpoints_are_scored_and_ranked(run):
    names = ["fid_held_out", "fid_training", "gan_test", "gan_test_worst", "diversity", "nearest_real"]
    history = archive.history(run.run_id, names)
    assert list(history) == names and all(steps == [2, 4] for steps, _ in history.values())
    values = history["fid_held_out"][1]
    assert archive.resolve(run.run_id, "dcgan", "all").iteration == (2 if values[0] < values[1] else 4)
    losses = archive.history(run.run_id, ["class_loss_real", "class_loss_generated"])
    assert len(losses) == 2 and all(value > 0 for _, found in losses.values() for value in found)
    judges = mlflow.search_runs(filter_string="tags.`gan.kind` = 'classifier'", output_format="list")
    assert len(judges) == 1, "training and evaluating share one judge"


def test_images_of_every_class(run):
    assert sorted(path.name for path in Path("made").iterdir() if path.is_dir()) == CLASSES
    images = [np.asarray(Image.open(path)) for path in sorted(Path("made").glob("??/*.png"))]
    assert len(images) == 86 and {image.shape for image in images} == {(32, 32, 3)}
    assert len({image.tobytes() for image in images}) == 86


def test_scores_of_all_classes_and_of_each_beside_their_floors(run):
    scores = json.loads(Path("made/scores.json").read_text())
    names = {"fid_training", "fid_unseen", "kid_training", "precision", "recall", "density", "coverage"}
    names |= {"gan_test", "gan_test_worst", "gan_train", "diversity", "nearest_real"}
    assert names | {f"{name}_floor" for name in names} <= set(scores["overall"])
    assert {"c_t", "c_t_rare", "c_t_pixels", "c_t_pixels_rare"} <= set(scores["overall"])
    assert list(scores["classes"]) == [str(k) for k in range(43)]
    assert all({"gan_test", "nearest_real"} <= set(found) for found in scores["classes"].values())
    report = Path("made/report.html").read_text()
    assert "42 End of no passing for trucks" in report and "The run: scores at its checkpoints" in report
    first = mlflow.search_runs(
        filter_string="tags.`gan.kind` = 'evaluate'", order_by=["attributes.start_time ASC"], output_format="list"
    )[0]
    assert first.data.metrics["gan_train_floor"] == scores["overall"]["gan_train_floor"]


def test_the_same_again_gives_the_same_bytes_and_says_the_scores(run, capsys):
    before = contents("made")
    overall = evaluated(run, Path("made"), **OF_ALL)["overall"]
    assert contents("made") == before
    said = capsys.readouterr().out
    for name in ("fid_unseen", "gan_train", "gan_test_worst"):
        assert f"{name} {overall[name]:.3f} (real: {overall[f'{name}_floor']:.3f}): " in said
    assert "the classifier that judges" not in said, "it is in the archive"


def test_one_class_of_them_is_byte_for_byte_its_folder(run, tmp_path):
    made = []
    for class_val, seed in (("17", 5), ("3", 5), ("17", 6)):
        evaluated(run, tmp_path / str(len(made)), class_val=class_val, seed=seed, count=3, scores="none")
        made.append(images_in(tmp_path / str(len(made))))
    assert made[0][:2] == images_in("made/17") and made[1][:2] == images_in("made/03")
    assert len({image for images in made for image in images}) == 9


def test_scores_of_one_class_of_them(run, tmp_path):
    scores = evaluated(run, tmp_path / "out", class_val="2", count=12)
    names = {"fid_unseen", "kid_unseen", "gan_test", "diversity", "nearest_real"}
    assert names | {f"{name}_floor" for name in names} <= set(scores["overall"])
    # Fewer than four signs of the class are held out.
    assert {"fid_training", "recall"} <= set(scores["overall"]) and "recall_floor" not in scores["overall"]
    assert list(scores["classes"]) == ["2"] and not {"gan_train", "gan_test_worst"} & set(scores["overall"])


def test_the_inception_score_comes_beside_the_others(run, tmp_path, monkeypatch):
    class Fake:
        def __call__(self, images):
            return images[:, ::16, ::16].reshape(len(images), -1).astype(np.float32)

    monkeypatch.setattr(sign_evaluation, "Inception", Fake)
    overall = evaluated(run, tmp_path / "out", class_val="2", count=12, scores="pixels", inception=True)["overall"]
    assert overall["inception_fid_training"] > 0 and "inception_fid_training_floor" not in overall
    assert "nearest_real" in overall and "gan_test" not in overall


def test_the_weights_that_come_with_the_project_generate_all_classes_and_one(run, tmp_path, monkeypatch, capsys):
    info, weights = weights_of(run)
    folder = tmp_path / "project" / "gan" / "pretrained"
    folder.mkdir(parents=True)
    half = [array.astype(np.float16) for array in weights]
    checkpoints.save(folder / checkpoints.file_name(4), info, {"averaged": half})
    monkeypatch.setattr(goodruns, "ROOT", tmp_path / "project")
    monkeypatch.chdir(tmp_path)  # where there is no archive yet
    for class_val in ("all", "17"):
        options = {"goodrun_ref": "pretrained", "class_val": class_val, "scores": "none", "count": 2}
        with pytest.raises(SystemExit) as stopped:
            conftest.run_script(evaluate.EvaluateConfig, evaluate.main, **options, output=class_val)
        assert stopped.value.code == 0, capsys.readouterr().err
    assert sorted(path.name for path in Path("all").iterdir() if path.is_dir()) == CLASSES
    assert len(images_in("17")) == 2 and images_in("17") == images_in("all/17")
    found = mlflow.search_runs(output_format="list")
    assert [done.data.tags["goodrun"] for done in found] == [f"{run.run_id}/4"] * 2


def test_without_them_it_is_a_sentence(workplace, monkeypatch, capsys):
    monkeypatch.setattr(goodruns, "ROOT", workplace)
    for class_val in ("all", "17"):
        options = {"goodrun_ref": "pretrained", "class_val": class_val}
        error = conftest.refused(capsys, evaluate.EvaluateConfig, evaluate.main, **options)
        assert "this copy of the project came without" in error
    assert list(workplace.iterdir()) == []


def test_training_of_one_class_does_not_go_on_from_all(run, signs_folder, capsys):
    options = {"class_val": "17", "goodrun_ref": run.run_id, "data": signs_folder}
    error = conftest.refused(capsys, train_dcgan.TrainConfig, train_dcgan.main, **options)
    assert "trained on class_val all, not 17" in error


def test_data_without_some_class_is_scored_without_the_judge(run, signs_folder, tmp_path, capsys):
    from gan.data.gtsrb import write_signs
    from gan.data.sets import open_images, select

    (tmp_path / "data").mkdir()
    signs = open_images(signs_folder).train
    write_signs(tmp_path / "data" / "train.p", signs.take(signs.labels == 17))
    few = open_images(str(tmp_path / "data"))
    learned = select(few, 17, False, False)
    data = {"name": few.name, "digest": learned.digest(), "images": len(learned)}
    reference = write_goodrun(tmp_path / "run", "17", data, {"use_held_out": False})
    found = evaluated(run, tmp_path / "out", class_val="17", count=2, goodrun_ref=reference)
    assert "no scores by a classifier: " in capsys.readouterr().out
    assert "nearest_real" in found["overall"] and "gan_test" not in found["overall"]
