import csv
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import study_signs
from benchmarks.study_signs import StudySignsConfig, main
from gan.config import parse
from gan.errors import UserError
from gan.invocation import ROOT

MEASURES = ("test.rare", "test.accuracy", "held_out.rare")


def write(path: Path, rows: list[tuple], columns: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([columns, *rows])
    return path


def table(path: Path, regime: str = "2") -> Path:
    """Three arms and two seeds: generated-drawn is 10 points above classical, and 5 above drawn."""
    base = {"classical": 0.6, "drawn": 0.65, "generated-drawn": 0.7}
    rows = [
        (regime, arm, study_signs.ARMS[arm], seed, score + seed / 10, 0.9, score)
        for arm, score in base.items()
        for seed in range(2)
    ]
    return write(path, rows, ("regime", "arm", "gan_drawn", "seed", *MEASURES))


def start(*arguments: object) -> int:
    return main(parse(StudySignsConfig, list(map(str, arguments))))


def test_docs_show_what_was_measured(tmp_path, capsys):
    results = ROOT / "benchmarks/results/study_signs.csv"
    assert start("--results", results, "--output", tmp_path) == 0
    printed, documented = capsys.readouterr().out, (ROOT / "docs/results.md").read_text().replace("**", "")
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    assert len(rows) > 4
    for line in rows:
        assert line in documented


def test_means_differences_and_charts_are_of_the_numbers(tmp_path, capsys):
    results = table(tmp_path / "results.csv")
    before = results.read_bytes()
    assert start("--results", results, "--output", tmp_path / "charts", "--seeds", 2) == 0
    printed = capsys.readouterr().out
    # Half the interval of two values 10 points apart: 12.71 (Student, one degree of freedom) times 5 points.
    assert "| 2 | 2 | 65.0 ± 63.5 / 60.0 ± 0.0 | 70.0 ± 63.5 / 65.0 ± 0.0 | 75.0 ± 63.5 / 70.0 ± 0.0 |" in printed
    assert "generated-drawn over classical +10.0 (10.0 to 10.0) / +10.0 (10.0 to 10.0)" in printed
    assert "generated-drawn over drawn +5.0 (5.0 to 5.0)" in printed
    for name in ("study-signs.png", "study-signs-gain.png"):
        with Image.open(tmp_path / "charts" / name) as chart:
            assert chart.width > 300
    assert results.read_bytes() == before


def test_experiments_of_a_study_are_added_and_replace_equal_ones(tmp_path, capsys):
    results = table(tmp_path / "results.csv")
    cells = [("1", arm, seed, 0.5, 1.0, 1 / 3) for arm in study_signs.ARMS for seed in range(2)]
    cells += [("2", "classical", 0, 0.25, 0.5, 0.75), ("2", "classical", 1, 0.25, 0.5, 0.75)]
    study = write(tmp_path / "cells.csv", cells, ("regime", "arm", "seed", *MEASURES))
    assert start("--results", results, "--cells", study, "--output", tmp_path, "--seeds", 2) == 0
    assert "| 2 | 2 | 25.0 ± 0.0 / 75.0 ± 0.0 | 70.0" in capsys.readouterr().out
    lines = results.read_text().splitlines()
    assert len(lines) == 13 and lines[1] == "1,classical,,0,0.5,1.0,0.3333"
    assert "1,generated-drawn,300,0,0.5,1.0,0.3333" in lines and "2,classical,,1,0.25,0.5,0.75" in lines
    assert start("--results", results, "--cells", study, "--output", tmp_path, "--seeds", 2) == 0
    assert results.read_text().splitlines() == lines

    other = write(tmp_path / "other.csv", cells[:6], ("regime", "arm", "seed", *MEASURES))
    assert start("--results", results, "--cells", other, "--gan_drawn", 0, "--output", tmp_path, "--seeds", 2) == 0
    lines = results.read_text().splitlines()
    assert "1,generated-drawn,0,0,0.5,1.0,0.3333" in lines and "1,generated-drawn,300,0,0.5,1.0,0.3333" in lines


def test_what_can_not_be_read_is_said_and_nothing_is_written(tmp_path):
    damaged = write(tmp_path / "damaged.csv", [("2", "real", "many", 1, 1, 1)], ("regime", "arm", "seed", *MEASURES))
    unknown = table(tmp_path / "unknown.csv", regime="7")
    lacking = write(tmp_path / "lacking.csv", [("2", "real", 0)], ("regime", "arm", "seed"))
    for path in (damaged, unknown, lacking, tmp_path / "missing.csv"):
        with pytest.raises(UserError, match=path.name):
            start("--results", path, "--output", tmp_path / "charts")
    results = table(tmp_path / "results.csv")
    before = results.read_bytes()
    with pytest.raises(UserError, match=r"damaged\.csv"):
        start("--results", results, "--cells", damaged, "--output", tmp_path / "charts")
    with pytest.raises(UserError, match="give fewer"):
        start("--results", results, "--seeds", 3, "--output", tmp_path / "charts")
    assert results.read_bytes() == before and not (tmp_path / "charts").exists()
