"""The comparison of presets: runs are scored checkpoint by checkpoint, and trainings end when their time is over."""

import csv
import subprocess
import sys
import types
from pathlib import Path

import pytest

import evaluate
import train_pix2pix
from benchmarks import presets
from benchmarks.presets import PresetsConfig, main
from evaluate import EvaluateConfig
from gan.config import parse
from gan.errors import UserError
from tests.made_up_scene_run import narrow, quick

TRAINER = """
import pathlib, signal, time
signal.signal(signal.SIGINT, lambda *_: (pathlib.Path("told").touch(), exit(130)))
pathlib.Path("ready").touch()
time.sleep(60)
"""


def in_process(script, options, output=None):
    assert script == "evaluate.py"
    evaluate.main(
        parse(EvaluateConfig, [word for name, value in options.items() for word in (f"--{name}", str(value))])
    )
    return types.SimpleNamespace(wait=lambda: 0)


@pytest.mark.slow
def test_a_run_is_scored_checkpoint_by_checkpoint(workplace, monkeypatch, capsys) -> None:
    narrow(monkeypatch)
    monkeypatch.setattr(presets, "start", in_process)  # TensorFlow is there already
    run_id, _ = train_pix2pix.train(quick(iterations=4, checkpoint_interval=2))
    main(PresetsConfig(data="drawn:6", runs=run_id, segmenter_iterations=2, output="out"))
    with Path("out/presets.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["preset"], row["iteration"], row["run"]) for row in rows] == [
        ("paper", "2", run_id), ("paper", "4", run_id),
    ]  # fmt: skip
    for row in rows:
        assert 0 <= float(row["pixel_accuracy"]) <= 1 and 0 <= float(row["pixel_accuracy_floor"]) <= 1
        assert row["size"] == "64x32" and row["command"].startswith(("python benchmarks", sys.executable, "uv run"))
    assert "paper, iteration 4" in capsys.readouterr().out


def test_a_training_is_told_to_stop_when_its_time_is_over(workplace, monkeypatch) -> None:
    def start(script, options, output=None):
        assert script == "train_pix2pix.py" and options["preset"] == "paper"
        process = subprocess.Popen([sys.executable, "-c", TRAINER], start_new_session=True)
        while not Path("ready").exists():
            pass
        return process

    found = iter(["a" * 32, "b" * 32])
    monkeypatch.setattr(presets, "start", start)
    monkeypatch.setattr("gan.archive.newest_run", lambda *_: next(found))
    Path("mlflow.db").touch()
    assert presets.trained(PresetsConfig(minutes=0.001), "paper") == "b" * 32
    assert Path("told").exists()


def test_a_script_is_started_with_its_options(workplace, capfd) -> None:
    assert presets.start("evaluate.py", {"goodrun_ref": "nothing"}).wait() == 2
    assert "nothing" in capfd.readouterr().err


def test_a_training_that_kept_nothing(workplace, monkeypatch) -> None:
    monkeypatch.setattr(presets, "start", lambda *_: subprocess.Popen([sys.executable, "-c", "exit(2)"]))
    monkeypatch.setattr("gan.archive.newest_run", lambda *_: None)
    with pytest.raises(UserError, match="the training of paper kept nothing"):
        presets.trained(PresetsConfig(), "paper")


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"presets": "best"}, "presets is some of"), ({"runs": "abc"}, "runs is"), ({"minutes": 0.0}, "minutes is")],
)
def test_mistakes(changed, words) -> None:
    with pytest.raises(UserError, match=words):
        PresetsConfig(**changed)


def test_the_presets_are_those_of_the_project() -> None:
    assert set(presets.PRESETS) == set(train_pix2pix.PRESETS)
