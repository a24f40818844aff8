import csv
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import reference
from benchmarks import reference_report as report
from benchmarks.reference import ReferenceConfig, main, next_measurement
from benchmarks.reference_recipe import ReferenceRecipe
from benchmarks.tables import write_csv
from gan.config import parse
from gan.errors import UserError

# Keras' ImageDataGenerator calls SciPy by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")


def measurement(recipe: str = "ours", iteration: int = 3, **changed) -> report.Measurement:
    given = {
        "images_seen": 60,
        "seconds": 1.25,
        "cpu_seconds": 2.5,
        "command": "a, b",
        "machine": "this",
        "code": "c0de",
    }
    return report.Measurement(recipe, iteration, **given | {"images": np.zeros((2, 32, 32, 3), np.uint8)} | changed)


def row(recipe: str, seconds: float, score: float, iteration: int = 1) -> dict:
    return {
        "recipe": recipe,
        "iteration": iteration,
        "seconds": seconds / 2,
        "cpu_seconds": seconds,
        "fid": score,
        "machine": "m",
    }


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_benchmark_is_interrupted_goes_on_and_writes_its_table(workplace, small_networks, monkeypatch, capsys):
    iterate = ReferenceRecipe.iterate

    def interrupted(recipe: ReferenceRecipe) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return iterate(recipe)

    given = "--data drawn:500 --ours_minutes 0.001 --samples 8 --reference_batch 2 --precision float32"
    config = parse(
        ReferenceConfig, [*given.split(), "--iterations", "2", "--judge_iterations", "2", "--told_apart_updates", "2"]
    )
    with monkeypatch.context() as patch:
        patch.setattr(ReferenceRecipe, "iterate", interrupted)
        assert main(config) == 128 + signal.SIGTERM
    shown = capsys.readouterr().out
    assert "NOT finished: 1 of 14,100" in shown and "has not been measured" in shown
    assert "go on with" in shown and given.split(" --")[0] in shown
    assert not list((workplace / "images/benchmark-reference").glob("*-*.npz"))

    monkeypatch.setattr(reference, "FIRST", 1e-3)  # measure at every iteration, nearly
    assert main(config) == 0
    shown = capsys.readouterr().out
    assert "goes on from iteration 1" in shown and "NOT finished: 2 of 14,100" in shown
    rows = read_csv(workplace / "benchmarks/results/reference.csv")
    assert [(row["recipe"], row["iteration"], row["images_seen"]) for row in rows] == [
        ("reference", "2", "4"),
        ("ours", "25", "800"),
    ]
    for each in rows:
        assert float(each["seconds"]) > 0 and float(each["cpu_seconds"]) > 0
        for name in ("fid", "gan_test", "nearest_real", "nearest_real_floor", "diversity", "diversity_floor"):
            assert math.isfinite(float(each[name]))
        assert each["command"].endswith(
            "--iterations 2 --ours_minutes 0.001 --samples 8 --precision float32 --reference_batch 2 "
            "--judge_iterations 2 --told_apart_updates 2"
        )
        assert "CPU" in each["machine"] or "GPU" in each["machine"]
        assert each["code"]
    with Image.open(workplace / "benchmarks/results/reference.png") as chart:
        assert chart.width > 300


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--class_val all", "class_val"),
        ("--class_val 43", "from 0 to 42"),
        ("--iterations 0", "iterations"),
        ("--ours_minutes 0", "ours_minutes"),
        ("--samples 1", "samples"),
        ("--precision half", "precision"),
        ("--reference_precision auto", "reference_precision"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments, words):
    with pytest.raises(UserError, match=words):
        parse(ReferenceConfig, arguments.split())


def test_measurements_come_at_a_constant_ratio_whenever_asked():
    assert next_measurement(0) == 20
    assert next_measurement(20) == pytest.approx(26)
    assert next_measurement(25.9) == pytest.approx(26)
    assert next_measurement(25.9, step=1.1) == pytest.approx(20 * 1.1**3)
    assert next_measurement(200) == next_measurement(180) == pytest.approx(20 * 1.3**9)


def test_measurements_are_kept_by_recipe_and_iteration(tmp_path):
    for each in (measurement("ours", 25), measurement("reference", 10), measurement("reference", 9)):
        each.save(tmp_path)
    (tmp_path / "reference.npz").touch()  # the training's own file is no measurement
    found = report.read(tmp_path)
    assert [(each.recipe, each.iteration) for each in found] == [("reference", 9), ("reference", 10), ("ours", 25)]
    assert found[0].images.shape == (2, 32, 32, 3) and found[0].command == "a, b"
    report.forget(tmp_path, "reference", 9)
    assert [(each.recipe, each.iteration) for each in report.read(tmp_path)] == [("reference", 9), ("ours", 25)]
    assert (tmp_path / "reference.npz").exists()
    (tmp_path / "ours-00000025.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match="ours-00000025.npz"):
        report.read(tmp_path)


def test_table_holds_scores_and_leaves_missing_ones_empty(tmp_path):
    scores = iter([{"fid": 1 / 3, "fid_floor": 0.1}, {"fid": 2.0}, {"fid": 1.0}])
    measured = [measurement(iteration=k) for k in (1, 2, 3)]
    rows = report.table(measured, lambda images: next(scores), lambda images: {"told_apart": 0.75})
    write_csv(tmp_path / "table.csv", rows)
    first, second, last = read_csv(tmp_path / "table.csv")
    assert list(first) == [
        *(
            "recipe",
            "iteration",
            "images_seen",
            "seconds",
            "cpu_seconds",
            "command",
            "machine",
            "code",
            "fid",
            "fid_floor",
            "told_apart",
        )
    ]
    assert first["fid"] == "0.333333" and first["command"] == "a, b" and second["fid_floor"] == ""
    # The best and the last one.
    assert [each["told_apart"] for each in (first, second, last)] == ["0.75", "", "0.75"]


def test_summary_compares_times_to_the_same_score():
    rows = [row("reference", 100, 9), row("reference", 600, 4, 700)]
    rows += [row("reference", 7200, 5, 14_100) | {"seconds": 1800.0}]
    rows += [row("ours", 10, 20), row("ours", 20, 4.5), row("ours", 60, 3)]
    rows[-1] |= {"told_apart": 0.712, "told_apart_floor": 0.5}
    words = report.summary(rows, "fid", 14_100, 14_100)
    assert "best fid is 4, at iteration 700 after 10 min 0 s of processor time (5 min 0 s by the clock)." in words
    line = "Ours had 3 after 1 min 0 s of processor time (30.0 s by the clock): 10 times as fast (10 by the clock)."
    assert line in words
    assert "last fid is 5, at iteration 14,100 after 2 h 0 min of processor time (30 min 0 s by the clock)." in words
    line = "Ours had 4.5 after 20.0 s of processor time (10.0 s by the clock): 360 times as fast (180 by the clock)."
    assert line in words
    assert "NOT finished" not in words and "Our best fid is 3 after 1 min 0 s of processor time" in words
    assert words.endswith("(30.0 s by the clock); told apart from real images with an AUC of 0.71, real images 0.50.")


def test_summary_says_plainly_what_is_missing():
    words = report.summary([row("reference", 100, 9), row("ours", 10, 20)], "fid", 300, 14_100)
    assert "NOT finished: 300 of 14,100 iterations" in words
    assert words.count("Ours did not reach that in 10.0 s of processor time (5.0 s by the clock).") == 1
    assert "best and last fid is 9" in words
    other = row("ours", 10, 20) | {"machine": "another"}
    assert "several machines" in report.summary([row("reference", 100, 9), other], "fid", 14_100, 14_100)
    broken = row("reference", 100, math.nan)
    assert "reference has not been measured" in report.summary([broken], "fid", 14_100, 14_100)
    assert "Ours has not been measured" in report.summary([row("reference", 1, 1)], "fid", 14_100, 14_100)


def test_chart_is_drawn_with_and_without_a_floor(tmp_path):
    for extra in ({}, {"fid_floor": 1.0}):
        rows = [row("reference", 100, 9) | extra, row("ours", 10, 20) | extra]
        report.write_chart(tmp_path / "chart.png", rows, "fid")
        with Image.open(tmp_path / "chart.png") as chart:
            assert chart.format == "PNG"
