"""Evaluating a run of street scenes as a user does: evaluate.py knows from the run what it is of."""

import json
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image

import evaluate
import train_pix2pix
from evaluate import EvaluateConfig
from gan import archive, checkpoints
from gan.data.scenes import open_scenes
from tests import conftest
from tests.made_up_maps import PALETTE, by_colour, toy_set
from tests.made_up_scene_run import good_run, narrow, quick

DATA = "drawn:24"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained-scenes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        narrow(patch)
        run_id, status = train_pix2pix.train(quick(data=DATA, preset="spatial", iterations=4, checkpoint_interval=2))
        assert status == 0
        backwards, status = train_pix2pix.train(quick(data=DATA, direction="photo_to_labels", iterations=2))
        assert status == 0
    return conftest.Trained(folder, run_id), backwards


@pytest.fixture
def own_archive(trained, monkeypatch):
    monkeypatch.chdir(trained[0].folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    yield trained[0]
    shutil.rmtree("images/evaluate", ignore_errors=True)


def refused(capsys, **changed) -> str:
    return conftest.refused(capsys, EvaluateConfig, evaluate.main, **changed)


def of(run_id: str, **changed) -> EvaluateConfig:
    return EvaluateConfig(**({"goodrun_ref": run_id, "count": 3, "scores": "pixels", "output": "made"} | changed))


def made(config: EvaluateConfig) -> dict[str, bytes]:
    """The pictures that an evaluation leaves, by name; the folder is gone afterwards."""
    evaluate.main(config)
    folder = Path(config.output)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}
    shutil.rmtree(folder)
    return found


def test_photos_of_held_out_label_maps_with_sheet_scores_and_report(own_archive, capsys):
    evaluate.main(of(f"{own_archive.run_id}/4", output=""))
    printed = capsys.readouterr().out
    assert "l1 0." in printed and "nearest_real" in printed and "report.html" in printed
    (folder,) = Path("images/evaluate").iterdir()
    assert folder.name == f"scenes-64x32-{own_archive.run_id[:8]}-000004-seed0-n3-pixels"
    test = open_scenes(DATA).test
    photos = sorted((folder / "photos").iterdir())
    assert len(photos) == 3 and {photo.stem for photo in photos} <= set(test.names)
    pixels = np.asarray(Image.open(photos[0]))
    assert pixels.shape == (32, 64, 3) and pixels.std() > 1
    assert "Generated street scenes" in (folder / "report.html").read_text()
    sheet = np.asarray(Image.open(folder / "contact-sheet.png"))
    assert sheet.ndim == 3 and sheet.std() > 10
    (run,) = mlflow.search_runs(output_format="list", filter_string="tags.`gan.kind` = 'evaluate'", max_results=1)
    assert run.data.tags["goodrun"] == f"{own_archive.run_id}/4" and run.data.metrics["l1"] > 0


def test_the_same_reference_and_seed_give_the_same_bytes_and_another_seed_others(own_archive):
    once, again, other = (made(of(own_archive.run_id, scores="none", seed=seed)) for seed in (0, 0, 5))
    assert once == again and once.keys() == other.keys()
    assert any(once[name] != other[name] for name in once if name.startswith("photos/"))


def test_an_iteration_is_found_among_the_runs_of_scenes(own_archive):
    assert made(of("4", scores="none")) == made(of(f"{own_archive.run_id}/4", scores="none"))


def test_label_maps_of_photos_have_the_ids_of_the_palette(own_archive, trained):
    found = made(of(trained[1]))
    names = [name for name in found if name.startswith("labels/")]
    assert len(names) == 3
    Path("one.png").write_bytes(found[names[0]])
    ids = np.asarray(Image.open("one.png"))
    assert ids.shape == (32, 64) and set(np.unique(ids)) <= set(open_scenes(DATA).palette.ids)


@pytest.mark.slow
def test_full_scores_stand_beside_those_of_real_photos(own_archive):
    evaluate.main(of(own_archive.run_id, scores="full", judge_iterations=20, count=8))
    scores = json.loads(Path("made/scores.json").read_text())
    assert {"mean_iou", "mean_iou_floor", "pixel_accuracy", "fid_training", "ssim", "nearest_real"} <= set(
        scores["overall"]
    )
    assert set(scores["classes"]) == {str(k) for k in open_scenes(DATA).palette.scored}
    report = Path("made/report.html").read_text()
    assert "By class" in report and "confusions by class" in report
    shutil.rmtree("made")


def test_leak_is_printed_and_stored_where_it_is_known_what_was_learned(own_archive, capsys, tmp_path, monkeypatch):
    from gan.pix2pix import evaluation

    scenes = toy_set(30, 1, 20)
    monkeypatch.setattr(evaluation, "open_scenes", lambda data: scenes)
    monkeypatch.setattr(evaluation, "segmenter_of", lambda *_: by_colour((64, 32)))

    def measured(name: str, digest: str) -> tuple[dict[str, float], str]:
        good = good_run(tmp_path / name, digest, palette=PALETTE)
        evaluate.main(of(good, scores="full", count=20, output=str(tmp_path / f"{name}-evaluated")))
        assert len(list((tmp_path / f"{name}-evaluated/photos").iterdir())) == 20, "no photos of training scenes"
        run = mlflow.search_runs(output_format="list", filter_string="tags.`gan.kind` = 'evaluate'", max_results=1)[0]
        return run.data.metrics, capsys.readouterr().out

    metrics, printed = measured("own", scenes.training.digest())
    assert metrics["leak_floor"] == 0.5 and 0.2 < metrics["leak"] < 0.8, "it has learned nothing"
    assert f"leak {metrics['leak']:.3f} (real: 0.500): AUC" in printed and "leak_low" in metrics
    metrics, printed = measured("other", "another data set")
    assert "leak" not in metrics and "\nleak" not in printed and "nearest_real" in metrics


def test_what_does_not_fit_is_one_sentence(own_archive, capsys, tmp_path):
    given = {"goodrun_ref": own_archive.run_id, "output": "made"}
    assert "inception is for signs" in refused(capsys, **given, inception=True)
    assert "nowhere" in refused(capsys, **given, data="nowhere")
    assert not Path("made").exists()
    assert f"the newest of street scenes is {newest()}" in refused(capsys, goodrun_ref="")
    # A run of scenes can't be promoted to be one of signs.
    path = archive.resolve(own_archive.run_id, "pix2pix", "").checkpoint
    shutil.copy(path, tmp_path / path.name)
    import train_dcgan

    error = conftest.refused(
        capsys, train_dcgan.TrainConfig, train_dcgan.main, data="drawn:300", goodrun_ref=str(tmp_path)
    )
    assert "was made by pix2pix and can't be used by dcgan" in error


def test_a_palette_that_the_run_does_not_know_is_refused(own_archive, capsys, monkeypatch):
    from gan.data.palettes import CAMVID
    from gan.data.scene import SceneSet
    from gan.pix2pix import evaluation as evaluated_scenes

    scenes = open_scenes(DATA)
    other = SceneSet("others", CAMVID, *([scenes.training] * 3))
    monkeypatch.setattr(evaluated_scenes, "open_scenes", lambda data: other)
    error = refused(capsys, goodrun_ref=own_archive.run_id)
    assert "18 classes" in error and "camvid (12)" in error


def newest() -> str:
    return archive.newest_run("pix2pix", "")


def test_changed_pictures_are_not_overwritten(own_archive, capsys):
    config = of(own_archive.run_id, scores="none", output="mine")
    evaluate.main(config)
    evaluate.main(config)  # as it left them: the same again
    photo = next(Path("mine/photos").iterdir())
    photo.write_bytes(b"mine")
    assert "holds other files already" in refused(
        capsys, goodrun_ref=own_archive.run_id, count=3, scores="none", output="mine"
    )
    assert photo.read_bytes() == b"mine"
    shutil.rmtree("mine")


def test_a_damaged_checkpoint_is_one_sentence(own_archive, capsys, tmp_path):
    path = archive.resolve(own_archive.run_id, "pix2pix", "").checkpoint
    whole = path.read_bytes()
    (tmp_path / checkpoints.file_name(4)).write_bytes(whole[: len(whole) // 2])
    assert "checkpoint" in refused(capsys, goodrun_ref=str(tmp_path))
