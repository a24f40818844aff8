"""Exporting a good run: small weights that generate the same images, nearly, and a card that tells the truth."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from evaluate import EvaluateConfig
from evaluate import main as evaluate
from gan import archive, checkpoints
from gan import config as command_line
from gan.checkpoint_info import CheckpointInfo
from gan.commands.export import CARD, ExportConfig, main, read_scores
from gan.dcgan.generator import Generator
from gan.errors import UserError
from gan.progress import progress


def refused(capsys, **changed):
    options = [part for name, value in changed.items() for part in (f"--{name}", value)]
    with pytest.raises(SystemExit) as stopped:
        command_line.run(ExportConfig, main, options)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error


def images(reference):
    with progress(20, "generating", "image") as bar:
        return Generator(archive.resolve(reference, "dcgan", "17")).images(20, 0, 17, bar).astype(int)


def test_half_the_precision_gives_nearly_the_same_images(own_archive, tmp_path, capsys):
    main(ExportConfig("17", f"{own_archive.run_id}/60", output=str(tmp_path / "out")))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [CARD, "checkpoint-00000060.npz"]
    apart = np.abs(images(str(tmp_path / "out")) - images(f"{own_archive.run_id}/60"))
    assert 0 < apart.max() <= 3
    whole = archive.resolve(f"{own_archive.run_id}/60", "dcgan", "17").checkpoint.stat().st_size
    assert (tmp_path / "out" / "checkpoint-00000060.npz").stat().st_size < whole / 6
    assert "MB" in capsys.readouterr().out


def test_card_holds_the_run_the_licence_and_the_scores(own_archive, tmp_path):
    reference, folder = f"{own_archive.run_id}/60", str(tmp_path / "evaluated")
    evaluate(EvaluateConfig(goodrun_ref=reference, count=5, output=folder, scores="pixels"))
    main(ExportConfig("17", reference, folder, "free for all", str(tmp_path / "out")))
    text = (tmp_path / "out" / CARD).read_text()
    assert own_archive.run_id in text and "free for all" in text and "--data drawn" in text
    scores = json.loads((Path(folder) / "scores.json").read_text())["overall"]
    assert f"| diversity | {scores['diversity']:.4g} | {scores['diversity_floor']:.4g} | out of range |" in text
    assert "worse than real images: diversity" in text
    assert "5 images a class" in text


def test_card_without_an_evaluation_claims_no_scores(own_archive, tmp_path):
    main(ExportConfig("17", f"{own_archive.run_id}/60", output=str(tmp_path / "out")))
    text = (tmp_path / "out" / CARD).read_text()
    assert "No scores" in text and "| diversity" not in text


def test_what_is_refused(own_archive, tmp_path, capsys):
    assert "goodrun_ref" in refused(capsys, class_val="17")
    assert "43" in refused(capsys, class_val="43", goodrun_ref=own_archive.run_id)
    chosen = {"class_val": "17", "goodrun_ref": f"{own_archive.run_id}/60", "output": str(tmp_path / "out")}
    assert "evaluation" in refused(capsys, **chosen, evaluation=str(tmp_path))
    other = tmp_path / "other"
    other.mkdir()
    (other / "evaluation.json").write_text(json.dumps({"origin": {"run": "f" * 32, "iteration": 60, "count": 1}}))
    (other / "scores.json").write_text(json.dumps({"overall": {}, "classes": {}}))
    assert "another checkpoint" in refused(capsys, **chosen, evaluation=str(other))
    assert not (tmp_path / "out").exists()
    main(ExportConfig(**chosen))
    chosen["goodrun_ref"] = f"{own_archive.run_id}/40"
    assert "another checkpoint" in refused(capsys, **chosen)
    assert (tmp_path / "out" / "checkpoint-00000060.npz").exists()


@pytest.mark.parametrize("damage", [
    {"overall": 3}, {"overall": {"fid": []}}, {"classes": None}, {"classes": [1]}, {"classes": {"99": {}}},
    {"classes": {"x": {}}}, {"classes": {"1": 3}}, {"origin": []},
], ids=str)  # fmt: skip
def test_scores_of_a_stranger_are_numbers_of_classes(tmp_path, damage):
    data = {"name": "made up", "digest": "0" * 16, "images": 5}
    goodrun = archive.GoodRun("a" * 32, 5, tmp_path, CheckpointInfo("dcgan", "all", 5, {}, {}, data, "a" * 32))
    origin = {"run": "a" * 32, "iteration": 5, "count": 3}
    whole = {"origin": origin, "overall": {"fid": 3.5}, "classes": {"1": {"fid": 1.0}}}
    for name, values in (("good", whole), ("bad", whole | damage)):
        (tmp_path / name).mkdir()
        for file in ("evaluation.json", "scores.json"):
            (tmp_path / name / file).write_text(json.dumps(values))
    assert read_scores(str(tmp_path / "good"), goodrun)["count"] == 3
    with pytest.raises(UserError, match=r"holds no evaluation\.json and scores\.json of evaluate"):
        read_scores(str(tmp_path / "bad"), goodrun)


def test_weights_that_do_not_fit_into_half_precision(own_archive, tmp_path, capsys, monkeypatch):
    from gan import checkpoints

    load = checkpoints.load

    def large(path, parts):
        load(path, parts)
        parts["averaged"][0].assign(np.full(parts["averaged"][0].shape, 1e6, np.float32))

    monkeypatch.setattr(checkpoints, "load", large)
    reference = f"{own_archive.run_id}/60"
    error = refused(capsys, class_val="17", goodrun_ref=reference, output=str(tmp_path / "out"))
    assert "half precision" in error and not (tmp_path / "out").exists()


def test_what_another_run_left_is_not_replaced_and_neither_is_a_run_itself(own_archive, tmp_path, capsys):
    out = tmp_path / "out"
    main(ExportConfig("17", f"{own_archive.run_id}/60", output=str(out)))
    main(ExportConfig("17", f"{own_archive.run_id}/60", output=str(out)))  # its own is made again
    (out / CARD).write_text("edited")
    path = out / "checkpoint-00000060.npz"
    info = checkpoints.read_info(path)
    checkpoints.save(path, dataclasses.replace(info, run_id="e" * 32), {"averaged": [np.zeros(3, np.float16)]})
    before = path.read_bytes()
    options = {"class_val": "17", "goodrun_ref": f"{own_archive.run_id}/60"}
    assert "holds another checkpoint already" in refused(capsys, **options, output=str(out))
    assert path.read_bytes() == before and (out / CARD).read_text() == "edited"
    path.write_bytes(archive.resolve(f"{own_archive.run_id}/60", "dcgan", "17").checkpoint.read_bytes())
    before = path.read_bytes()
    error = refused(capsys, **(options | {"goodrun_ref": str(out)}), output=str(out))
    assert "holds another checkpoint already" in error and path.read_bytes() == before
