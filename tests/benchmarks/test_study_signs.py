"""The tables of docs/study.md come from the answers in benchmarks/results."""

import csv
import re
from pathlib import Path

import pytest

from benchmarks.study_signs import StudySignsConfig, main
from gan.config import parse
from gan.errors import UserError
from gan.invocation import ROOT
from gan.study.answers import COLUMNS


def start(*arguments: object) -> None:
    main(parse(StudySignsConfig, list(map(str, arguments))))


def write(path: Path, right: dict[str, int]) -> Path:
    """A hundred images of class 19 in each part, three draws; so many of the first are recognised."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for arm, count in right.items():
            for draw in range(3):
                for part in ("test", "held_out", "unused"):
                    for image in range(100):
                        given = 19 if image < count else 20
                        writer.writerow(["0", arm, draw, draw, part, image, 19, image, given, 0.9])
    return path


@pytest.mark.parametrize(
    ("answers", "primary", "least"),
    [("study_signs", "painted,pasted", 4), ("study_signs_6000", "painted,classical", 3)],
)
def test_docs_show_what_was_measured(answers, primary, least, capsys):
    start("--answers", ROOT / f"benchmarks/results/{answers}.csv.gz", "--primary", primary)
    printed = capsys.readouterr().out
    documented = (ROOT / "docs/study.md").read_text().replace("**", "").replace("\n", " ")
    rows = [line for line in printed.splitlines() if re.match(r"\| ([\w+]+ \| [\d.]+ |.*[±(])|\| full ", line)]
    assert len(rows) >= least
    for line in rows:
        assert line in documented
    for line in printed.splitlines():
        if line.startswith("- "):
            assert line.removeprefix("- ") in documented


def test_means_and_sentences_are_of_the_answers(tmp_path, capsys):
    start("--answers", write(tmp_path / "answers.csv", {"pasted": 60, "painted": 90}))
    printed = capsys.readouterr().out
    assert "Generated images raised the recall of the rare classes by 30.0 points" in printed
    assert "19 Curve to the left: 60.0% of 600; 20 Curve to the right (240)" in printed


def test_what_can_not_be_compared_is_one_sentence(tmp_path):
    path = write(tmp_path / "answers.csv", {"pasted": 60, "painted": 90})
    with pytest.raises(
        UserError, match=r"primary is of arms that were studied \(pasted, painted\), not 'painted,real'"
    ):
        start("--answers", path, "--primary", "painted,real")
    (tmp_path / "empty.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="can't be read as a table of answers"):
        start("--answers", tmp_path / "empty.csv")
