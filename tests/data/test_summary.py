import re

import numpy as np

from gan.data.labelled import LabelledImages
from gan.data.signs import CLASSES, GTSRB, NAMES
from gan.data.summary import BAR, summary_text
from tests.made_up_gtsrb import some_signs


def of_labels(labels: list[int], tracks: list[int] | None = None) -> LabelledImages:
    signs = some_signs(len(labels))
    return LabelledImages(
        signs.images,
        np.array(labels, np.uint8),
        np.array([-1] * len(labels) if tracks is None else tracks, np.int32),
        signs.sizes,
        signs.coords,
        GTSRB,
    )


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r" *\d+  [A-Z]", line)]


def test_numbers_of_a_whole_data_set() -> None:
    train = of_labels([*range(CLASSES), 17, 17, 5], [*range(CLASSES), 17, 43, 5])
    text = summary_text(train, of_labels([17, 17, 42]), "some signs")
    assert text.startswith(f"some signs (digest {train.digest()})\n")
    for line in (
        "Number of training examples = 46",
        "Number of test examples     = 3",
        "Image data shape            = (32, 32, 3)",
        "Number of classes           = 43",
        "Number of tracks            = 44",
    ):
        assert line in text.splitlines()
    assert len(rows(text)) == CLASSES
    assert [row[7:].startswith(name) for row, name in zip(rows(text), NAMES, strict=True)] == [True] * CLASSES
    assert rows(text)[17].split()[-4:] == ["3", "2", "2", "#" * BAR]
    assert rows(text)[5].split()[-4:] == ["2", "0", "1", "#" * 22]


def test_columns_line_up_in_plain_ascii() -> None:
    text = summary_text(of_labels([11, 11, 3]), None, "some")
    assert text.isascii() and text.endswith("\n") and max(map(len, text.splitlines())) <= 100
    ends = {re.match(r".{5}  .{33}(  [ \d]{6}){2}  [ \d-]{6}(  #+)?$", row) is not None for row in rows(text)}
    assert ends == {True}


def test_a_part_of_the_classes_without_test_set_and_tracks() -> None:
    text = summary_text(of_labels([1, 1, 40]), None, "some")
    assert "Number of classes           = 2 of 43" in text
    assert "Number of test examples     = 0" in text
    assert "Number of tracks            = unknown" in text
    assert rows(text)[1].split()[-4:] == ["2", "0", "-", "#" * BAR]
    assert rows(text)[40].split()[-4:] == ["1", "0", "-", "#" * (BAR // 2)]
    assert rows(text)[0].split()[-3:] == ["0", "0", "-"]


def test_a_rare_class_shows() -> None:
    assert rows(summary_text(of_labels([2] * 500 + [3]), None, "some"))[3].endswith("  #")
