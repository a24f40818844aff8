"""Means, gains over the best other arm, and the sentences, of numbers that are known."""

import csv
import gzip
import math

import numpy as np
import pandas as pd
import pytest

from gan.study import report
from gan.study.results import Results
from tests.made_up_study import MadeUp, design


def cells_of(study: MadeUp) -> dict:
    run = {cell: study.run_cell(cell, lambda count: None) for cell in study.design.cells()}
    return {cell: {name: values[name] for name in study.design.measures} for cell, values in run.items()}


def results_of(
    values: dict[str, list[float]], generated=("generated",), regime="full", answers=None, **more
) -> Results:
    """Results of one regime; the same values in both measures."""
    arms = dict.fromkeys(values, "")
    seeds = len(next(iter(values.values())))
    made = design(seeds, arms=arms, generated=generated, regimes={regime: "Full data"}, **more)
    cells = {cell: dict.fromkeys(made.measures, values[cell.arm][cell.seed]) for cell in made.cells()}
    return Results(made, cells, answers)


def test_the_gain_is_over_the_best_other_arm_seed_by_seed() -> None:
    results = results_of({"real": [0.5, 0.5, 0.5], "classical": [0.6, 0.7, 0.8], "generated": [0.62, 0.73, 0.82]})
    gain = results.best_gain("full")
    assert (gain["arm"], gain["best_other"]) == ("generated", "classical")
    # 0.02, 0.03, 0.02: standard error 0.00333, t of 2 degrees of freedom 4.30265
    assert gain["gain"] == pytest.approx(0.07 / 3)
    assert gain["gain_low"] == pytest.approx(0.07 / 3 - 4.302653 / 300, abs=1e-6)
    assert gain["t_p_corrected"] == gain["t_p"]  # a single comparison


def test_the_best_other_arm_is_that_of_each_measure_and_regime() -> None:
    made = design(2)
    levels = {"rare": {"real": 0.1, "classical": 0.2}, "macro": {"real": 0.4, "classical": 0.3}}
    cells = {
        cell: {name: levels[name].get(cell.arm, 0.5) + 0.5 * (cell.regime == "1" and cell.arm == "real")
               for name in made.measures}
        for cell in made.cells()
    }  # fmt: skip
    results = Results(made, cells)
    best = {
        (regime, name): results.best_gain(regime, name)["best_other"] for regime in ["1", "full"] for name in levels
    }
    assert best == {
        ("1", "rare"): "real",
        ("1", "macro"): "real",
        ("full", "rare"): "classical",
        ("full", "macro"): "real",
    }


def test_the_measure_that_chooses_is_not_the_one_that_decides() -> None:
    """So that no arm is shown because it was lucky where it is shown."""
    made = design(3, arms=dict.fromkeys("abcd", ""), generated=("c", "d"), chosen_by="macro", regimes={"full": "All"})
    levels = {"rare": {"a": 0.2, "b": 0.4, "c": 0.5, "d": 0.9}, "macro": {"a": 0.6, "b": 0.5, "c": 0.8, "d": 0.7}}
    results = Results(made, {cell: {name: levels[name][cell.arm] for name in levels} for cell in made.cells()})
    best = results.best_gain("full")
    assert (best["arm"], best["best_other"]) == ("c", "a") and best["gain"] == pytest.approx(0.3)


def test_a_comparison_that_was_chosen_before_is_the_one_that_decides() -> None:
    base = np.array([0.5, 0.6, 0.7])
    arms = {"real": base, "drawn": base - 0.1, "good": base + np.array([0.01, 0.02, 0.03]), "better": base + 0.1}
    results = results_of(arms, ("good", "better"), primary=("good", "drawn"))
    best, rows = results.best_gain("full"), results.arms("full", "rare")
    assert (best["arm"], best["best_other"]) == ("good", "drawn") and best["gain"] == pytest.approx(0.12)
    assert best["t_p_corrected"] == best["t_p"] > 0  # one comparison, whatever else is shown beside it
    assert rows.loc["better", "best_other"] == "drawn"
    assert results.sentence("full").endswith("over drawn (good beside drawn: the comparison that was chosen before).")


def test_seeds_of_one_draw_are_one_value() -> None:
    arms = {"real": [0.4, 0.6, 0.6, 0.8], "generated": [0.5, 0.7, 0.9, 0.9]}  # draws: 0.5, 0.7 and 0.7, 0.8
    results = results_of(arms, draws=2)
    row = results.best_gain("full")
    assert row["draws"] == 2 and row["mean"] == pytest.approx(0.75) and row["gain"] == pytest.approx(0.15)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(12.7062 * 0.05, abs=1e-4)  # t of 1 degree of freedom
    assert "2 draws of training data with 2 seeds each" in report.text(results)


class Known:
    """Stands in for answers: variances of means and of differences."""

    rows = pd.DataFrame({"image": [1, 2], "probability": [0.12345, 1]})

    def variance(self, regime: str, measure: str, arm: str, other: str = "") -> float:
        return (0.0004 if other else 0.0001) if (regime, measure) == ("full", "rare") else 0.0


def test_intervals_hold_what_other_test_signs_would_change() -> None:
    values = {"real": [0.5, 0.5, 0.5], "generated": [0.62, 0.63, 0.61]}
    alone, widened = results_of(values), results_of(values, answers=Known())
    one, other = (each.best_gain("full") for each in (alone, widened))
    assert one["gain"] == pytest.approx(other["gain"])
    # 0.12, 0.13, 0.11: variance of the mean 0.0001 / 3
    assert one["gain_high"] - one["gain"] == pytest.approx(4.302653 * (0.0001 / 3) ** 0.5, abs=1e-6)
    assert other["gain_high"] - other["gain"] == pytest.approx(4.302653 * (0.0001 / 3 + 0.0004) ** 0.5, abs=1e-6)
    assert other["detectable"] == pytest.approx((4.302653 + 1.060660) * (0.0001 / 3 + 0.0004) ** 0.5, abs=1e-6)
    assert other["t_p"] > one["t_p"]
    real = widened.arms("full", "rare").loc["real"]
    assert real["high"] - real["mean"] == pytest.approx(4.302653 * 0.01, abs=1e-6)
    macro = [each.best_gain("full", "macro") for each in (alone, widened)]
    assert macro[0].equals(macro[1])


def test_arms_that_are_compared_side_by_side_are_corrected_for() -> None:
    base = np.array([0.50, 0.52, 0.54, 0.56])
    steady, shaky = base + np.array([0.010, 0.012, 0.011, 0.010]), base + np.array([0.01, -0.01, 0.02, 0.01])
    results = results_of({"real": base, "painted": steady, "generated": shaky}, ("painted", "generated"))
    rows = results.arms("full", "rare")
    assert rows.loc["painted", "t_p_corrected"] == pytest.approx(2 * rows.loc["painted", "t_p"])
    assert rows.loc["generated", "t_p_corrected"] == pytest.approx(rows.loc["generated", "t_p"])
    assert results.best_gain("full")["arm"] == "painted"


@pytest.mark.parametrize(
    ("generated", "sentence"),
    [
        (
            [0.62, 0.73, 0.82],
            "Full data: Generated images raised the recall by 2.3 points (95 % interval 0.9 to 3.8) over "
            "classical (generated beside classical: the best of either kind).",
        ),
        (
            [0.58, 0.67, 0.78],
            "Full data: Generated images lowered the recall by 2.3 points (95 % interval -3.8 to -0.9) against "
            "classical (generated beside classical: the best of either kind).",
        ),
        (
            [0.60, 0.75, 0.79],
            # standard error 0.018559, times 4.302653 + 1.060660
            "Full data: Generated images did not raise the recall over classical (generated beside classical: the "
            "best of either kind): the difference is +1.3 points (95 % interval -6.7 to 9.3). A study of this size "
            "finds 10.0 points or more in four of five cases.",
        ),
    ],
)
def test_the_sentence_says_what_was_found(generated, sentence) -> None:
    results = results_of({"real": [0.5] * 3, "classical": [0.6, 0.7, 0.8], "generated": generated})
    assert results.sentence("full") == sentence


def test_the_best_of_many_arms_must_be_surer() -> None:
    base = [0.5, 0.6, 0.7]
    arms = {"real": base, "a": [0.51, 0.62, 0.715], "b": base, "c": base, "d": base}
    assert "raised the recall by 1.5 points" in (said := results_of(arms, tuple("abcd")).sentence("full"))
    assert said.endswith("(a beside real: the best of either kind); not certain for the best of 4 arms.")
    assert "certain" not in results_of({"real": base, "a": arms["a"]}, ("a",)).sentence("full")


def test_few_seeds_and_missing_arms_prove_nothing() -> None:
    assert results_of({"real": [0.5], "generated": [0.52]}).sentence("full") == (
        "Full data: the recall with generated images is +2.0 points from real (generated beside real: the best of "
        "either kind); fewer than 3 repetitions prove nothing: give more."
    )
    two = results_of({"real": [0.5, 0.5], "generated": [0.52, 0.52]})  # an interval without width
    assert "+2.0 points" in two.sentence("full") and two.sentence("full").endswith("prove nothing: give more.")
    for arms in ({"real": [0.5, 0.6]}, {"generated": [0.5, 0.6]}):
        results = results_of(arms)
        assert results.sentence("full") == (
            "Full data: nothing to compare: give arms with and without generated images."
        )
        assert results.best_gain("full") is None and results.summary() == {}


def test_numbers_for_people() -> None:
    results = results_of({"real": [0.5, 0.6], "generated": [0.55, 0.66]})
    assert results.table("full").loc[0].tolist() == ["real", "55.0 ± 63.5", "55.0 ± 63.5"]
    assert results.comparisons()["gain, points"].tolist() == ["+5.5 (-0.9 to 11.9)"]
    alone = results_of({"real": [0.5], "generated": [0.45]})
    assert alone.table("full").loc[0].tolist() == ["real", "50.0", "50.0"]
    assert alone.comparisons()["gain, points"].tolist() == ["-5.0"]
    # standard error 0.005, times 12.7062 + 1.3764: t of 1 degree of freedom
    assert results.comparisons()["would be found"].tolist() == ["7.0"]


def test_the_headline_as_metrics() -> None:
    values = results_of({"real": [0.5, 0.6], "generated": [0.55, 0.66]}, regime="two words").summary()
    assert values["gain/two-words"] == pytest.approx(0.055) and set(values) == {
        "gain/two-words", "gain_low/two-words", "gain_high/two-words"
    }  # fmt: skip
    assert set(results_of({"real": [0.5], "generated": [0.45]}).summary()) == {"gain/full"}


@pytest.fixture
def made_up():
    study = MadeUp()
    return study, Results(study.design, cells_of(study))


def test_the_console_ends_with_the_sentences(made_up) -> None:
    _, results = made_up
    said = report.text(results).splitlines()
    assert said[-2:] == [results.sentence("1"), results.sentence("full")]
    assert "Full data: percent, mean over 3 repetitions ± 95 % interval" in said
    rows = [line.split("  ") for line in said if line.strip().startswith("classical")]
    assert len(rows) == 2 and rows[1][-2:] == ["61.0 ± 2.5", "66.0 ± 2.5"]


def test_files_hold_every_number(made_up, tmp_path) -> None:
    study, results = made_up
    paths = report.write(results, study, tmp_path, ["It took a while."])
    assert [path.name for path in paths] == [
        "table.md", "results.csv", "cells.csv", "arms.png", "gain.png", "report.html"
    ]  # fmt: skip
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == (
        "regime,arm,generated,measure,draws,mean,low,high,best_other,gain,gain_low,gain_high,detectable,t_p,t_p_corrected"
    )
    assert len(rows) == 2 * 2 * 3
    row = next(r for r in rows if (r["regime"], r["arm"], r["measure"]) == ("full", "generated", "rare"))
    assert (
        float(row["mean"]) == pytest.approx(0.71) and row["best_other"] == "classical" and row["generated"] == "true"
    )
    assert float(row["gain"]) == pytest.approx(0.1) and float(row["gain_low"]) == pytest.approx(0.1)
    assert next(r for r in rows if r["arm"] == "real")["gain"] == ""
    with (tmp_path / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 18 and cells[-1]["arm"] == "generated" and float(cells[-1]["rare"]) == pytest.approx(0.72)
    table = (tmp_path / "table.md").read_text()
    assert results.sentence("full") in table and "| classical | 61.0 ± 2.5 | 66.0 ± 2.5 |" in table
    page = (tmp_path / "report.html").read_text()
    for wanted in (results.sentence("1"), "Made up.", "It took a while.", "71.0 ± 2.5 (best)", "turned and moved"):
        assert wanted in page
    assert page.count("<img") == 2


def test_answers_are_a_packed_file_with_the_same_bytes_each_time(tmp_path) -> None:
    results, packed = results_of({"real": [0.5, 0.6], "generated": [0.6, 0.6]}, answers=Known()), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert tmp_path / name / report.ANSWERS in report.write(results, MadeUp(), tmp_path / name, [])
        packed.append((tmp_path / name / report.ANSWERS).read_bytes())
    assert packed[0] == packed[1] and gzip.decompress(packed[0]) == b"image,probability\n1,0.123\n2,1.0\n"
    assert "what other test signs would" in (tmp_path / "one" / "report.html").read_text()


def test_a_study_without_a_comparison_has_no_chart_of_gains(tmp_path) -> None:
    results = results_of({"real": [0.5, 0.6]})
    names = [path.name for path in report.write(results, MadeUp(), tmp_path, [])]
    assert "arms.png" in names and "gain.png" not in names


def test_a_study_of_one_seed_has_tables_without_intervals(tmp_path) -> None:
    study = MadeUp(seeds=1)
    cells = cells_of(study)
    report.write(Results(study.design, cells), study, tmp_path, [])
    assert "| generated | 70.0 | 75.0 |" in (tmp_path / "table.md").read_text()
    row = next(csv.DictReader((tmp_path / "results.csv").open()))
    assert math.isnan(float(row["low"]))


def test_the_charts_show_means_and_intervals_where_they_are() -> None:
    """Every mean is a mark at its height, and the gains stand around the line of zero."""
    study = MadeUp()
    figures = report.figures(Results(study.design, cells_of(study)))
    assert set(figures) == {"arms", "gain"}
    heights = {}
    for figure in figures.values():
        (axes,) = figure.axes
        for container in axes.containers:
            heights[container.get_label(), axes.get_ylabel()[:6]] = container[0].get_ydata().round(6).tolist()
    assert heights == {
        ("real", "recall"): [41.0, 51.0],
        ("classical", "recall"): [51.0, 61.0], ("generated", "recall"): [61.0, 71.0],
        ("generated", "points"): [10.0, 10.0],
    }  # fmt: skip
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "full"]
    assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1] and axes.get_xlabel() == "tracks"
