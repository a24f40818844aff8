"""What answers are worth, and what other signs would change: numbers that are worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from gan.errors import UserError
from gan.study.answers import COLUMNS, ROUNDS, Answers, measured, parts_of

ERROR = 4 * (2 / ROUNDS) ** 0.5  # four standard deviations of a variance that is estimated by so many rounds


def said(label: int, right: list[int], tracks=None, arm="a", part="test", draw=0, seed=None) -> pd.DataFrame:
    """Answers to the images of a class; of a wrong one that it is of class 9. A track an image, or those given."""
    values = "2", arm, draw, draw if seed is None else seed, part, np.arange(len(right)), label
    tracks = np.arange(len(right)) + 1000 * label if tracks is None else tracks
    given = np.where(np.array(right, bool), label, 9)
    return pd.DataFrame(dict(zip(COLUMNS, (*values, tracks, given, np.array(right) * 0.8 + 0.1), strict=True)))


def answers(*tables: pd.DataFrame, rare=(0, 1)) -> Answers:
    return Answers(pd.concat(tables, ignore_index=True), rare)


# --- measures


def test_measures_worked_out_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    given = np.array([0, 0, 0, 1, 1, 1, 2, 0])  # recalls 3/4, 1, 1/2
    sure = np.array([1, 1, 0.25, 0.25, 1, 0.5, 1, 0])
    found = measured(given, sure, labels, [1, 2])
    assert found == pytest.approx(
        # 0 counts as a thousandth: geometric means sqrt(1/2) and sqrt(1/1000)
        {"rare": 0.75, "macro": 0.75, "accuracy": 6 / 8, "certainty": (0.5 * 0.001) ** 0.25}
    )
    assert measured(given, sure, labels, [0])["certainty"] == pytest.approx(0.5)
    assert measured(given, sure, labels, [0, 7])["rare"] == 0.75  # there is no class 7
    assert set(measured(given, sure, labels, [7])) == {"macro", "accuracy"}


def test_new_stands_for_two_parts() -> None:
    assert parts_of("new") == ("test", "unused") and parts_of("held_out") == ("held_out",)


# --- what other signs would change


def test_the_variance_of_a_recall_is_that_of_a_share_of_its_tracks() -> None:
    """Three images of each of 40 tracks, 30 of which are recognised: not of a share of 120 images."""
    right = np.repeat([1] * 30 + [0] * 10, 3)
    share = 0.75 * 0.25 / 40
    of_tracks = answers(said(0, right, np.repeat(np.arange(40), 3)))
    assert of_tracks.variance("2", "test.rare", "a") == pytest.approx(share, rel=ERROR)
    unknown = answers(said(0, right, -1))  # then each image is drawn alone
    assert unknown.variance("2", "test.rare", "a") == pytest.approx(share / 3, rel=ERROR)
    assert answers(said(0, [1] * 9)).variance("2", "test.rare", "a") == 0  # whatever is drawn, all are right


def test_nothing_is_said_of_what_was_not_tested() -> None:
    assert np.isnan(answers(said(0, [1, 0])).variance("full", "test.rare", "a"))


def test_tracks_are_drawn_within_each_class() -> None:
    both = answers(said(0, [1, 0] * 20), said(1, [1, 1, 1, 0] * 5), said(5, [1] * 9))
    variance = (0.5 * 0.5 / 40 + 0.75 * 0.25 / 20) / 4
    assert both.variance("2", "test.rare", "a") == pytest.approx(variance, rel=ERROR)
    # A class that is all right takes a third of the weight and adds nothing.
    assert both.variance("2", "test.macro", "a") == pytest.approx(variance * 4 / 9, rel=ERROR)


def test_draws_are_tested_on_the_same_signs() -> None:
    """More of them make a mean no surer of other signs, and neither do more seeds; other signs do."""
    right = [1, 0] * 20
    one = answers(said(0, right)).variance("2", "test.rare", "a")
    more = [said(0, right, draw=draw, seed=seed) for draw, seed in ((0, 0), (1, 1), (0, 2), (1, 3))]
    assert answers(*more).variance("2", "test.rare", "a") == pytest.approx(one)
    apart = [said(0, right, np.arange(40) + 40 * draw, draw=draw, part="unused") for draw in range(2)]
    found = answers(*apart)
    assert found.variance("2", "unused.rare", "a") == pytest.approx(one / 2, rel=1.5 * ERROR)
    assert found.variance("2", "new.rare", "a") == found.variance("2", "unused.rare", "a")
    assert answers(said(0, right), *apart).variance("2", "test.rare", "a") == pytest.approx(one)


def test_two_arms_are_compared_on_the_same_signs() -> None:
    right = np.array([1] * 20 + [0] * 20)
    other = right.copy()
    other[:4], other[-2:] = 0, 1  # 4 of 40 are lost, 2 are found
    both = answers(said(0, right), said(0, other, arm="b"), said(0, right, arm="c"))
    assert both.variance("2", "test.rare", "a", "c") == 0 < both.variance("2", "test.rare", "a")
    wanted = (6 / 40 - (2 / 40) ** 2) / 40
    assert both.variance("2", "test.rare", "a", "b") == pytest.approx(wanted, rel=ERROR)
    assert both.variance("2", "test.rare", "b", "a") == both.variance("2", "test.rare", "a", "b")


def test_what_is_no_recall_has_no_variance() -> None:
    found = answers(said(0, [1, 0] * 5))
    assert [found.variance("2", name, "a") for name in ("test.accuracy", "new.certainty", "rare")] == [0, 0, 0]


# --- what is taken for what


def test_confusions_are_counted_over_both_new_parts() -> None:
    tables = said(0, [1, 1, 0, 0]), said(0, [0, 1], part="unused"), said(0, [0] * 9, part="held_out")
    rows = pd.concat([*tables, said(0, [0], arm="b")], ignore_index=True)
    rows.loc[2, "given"] = 4
    found = Answers(rows, (0, 1)).confusions("2", "a")
    assert found["label"].tolist() == [0, 1] and found["answers"].tolist() == [6, 0]
    assert found["recall"][0] == pytest.approx(0.5) and np.isnan(found["recall"][1])
    assert sorted(found["taken_for"][0]) == [(4, 1), (9, 2)] and found["taken_for"][1] == []
    assert found["taken_for"][0][0] == (9, 2)  # the most frequent one first


def test_the_hardest_images_are_the_least_certain_ones_over_all_classifiers() -> None:
    rows = answers(
        said(0, [1, 0, 1]), said(0, [1, 0, 0], draw=1), said(1, [1, 1], part="unused"), said(5, [0]),
        said(0, [0] * 9, part="held_out"), said(0, [0] * 3, arm="b"),
    )  # fmt: skip
    found = rows.hardest("2", ["a"], 2)
    assert found[["part", "image", "label"]].values.tolist() == [["test", 1, 0], ["test", 2, 0]]
    assert found["probability"].tolist() == pytest.approx([0.1, 0.5]) and found["given"].iloc[0] == 9
    assert len(rows.hardest("2", ["a"], 40)) == 5


# --- files


@pytest.mark.parametrize("name", ["answers.csv", "answers.csv.gz"])
def test_a_table_is_read_as_it_was(tmp_path, name) -> None:
    kept = answers(said(0, [1, 0] * 9), said(1, [1, 0, 0], part="unused", draw=1))
    kept.rows["regime"] = "0"  # a name, not a number
    kept.rows.assign(more=1).to_csv(tmp_path / name, index=False)
    found = Answers.read(tmp_path / name, [0, 1])
    assert list(found.rows) == list(COLUMNS) and found.rare == (0, 1)
    pd.testing.assert_frame_equal(found.rows, kept.rows, check_dtype=False, check_categorical=False)
    for measure in ("test.rare", "new.macro"):
        assert found.variance("0", measure, "a") == kept.variance("0", measure, "a") > 0


@pytest.mark.parametrize("damage", ["gone", "empty", "columns", "words", "cut", "flipped", "values"])
def test_what_is_no_table_is_one_sentence(tmp_path, damage) -> None:
    path = tmp_path / "answers.csv.gz"
    answers(said(0, np.random.default_rng(0).integers(0, 2, 999))).rows.to_csv(path, index=False)
    whole = path.read_bytes()
    if damage == "gone":
        path = tmp_path / "nowhere.csv"
    elif damage == "columns":
        (path := tmp_path / "columns.csv").write_text("regime,arm\n2,a\n")
    elif damage == "values":
        text = ",".join(COLUMNS) + "\n2,a,0,0,test,3,1,7,x,.5\n"
        (path := tmp_path / "values.csv").write_text(text)
    elif damage == "words":
        path.write_bytes(b"not packed at all")
    else:
        path.write_bytes({"empty": b"", "cut": whole[:-300], "flipped": whole[:99] + b"?" * 99 + whole[198:]}[damage])
    with pytest.raises(UserError, match=f"{path.name} can't be read as a table of answers \\(regime, arm, .*track"):
        Answers.read(path, [0])
