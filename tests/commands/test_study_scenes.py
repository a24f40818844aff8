"""The study of scenes as a user runs it: bad input, and from a good run to the report."""

import json
from pathlib import Path

import mlflow
import pytest

from gan.commands.study import StudyConfig, main
from gan.pix2pix import restored
from gan.pix2pix.restored import GENERATE
from gan.study import scenes as scene_study
from gan.study import scenes_pairs
from tests import conftest
from tests.made_up_scene_run import DATA, good_run

QUICK = {"task": "scenes", "data": DATA, "arms": "real,generated-50", "seeds": 1, "steps": 2, "count": 3}


def refused(capsys, **changed) -> str:
    return conftest.refused(capsys, StudyConfig, main, **{"task": "scenes"} | changed)


def run(**changed) -> int:
    """The exit status of the command."""
    with pytest.raises(SystemExit) as stopped:
        conftest.run_script(StudyConfig, main, **QUICK | {"output": "out"} | changed)
    return stopped.value.code


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"arms": "generated"}, "arms of task=scenes are some of real, classical, generated-SHARE"),
        ({"regimes": "50"}, "regimes is full for task=scenes, not '50'"),
        ({"count": 0}, "count is from 1 to 10000"),
        ({"quality": 0.3}, "quality is an option of task=signs; leave it out of task=scenes"),
        ({"folds": 2, "goodrun_ref": "1"}, "folds trains generators of its own, which have not"),
        ({"folds": 1}, "folds is 0, or 2 and more"),
        ({"folds": 6}, "folds is from 0 to seeds"),
        ({"task": "signs", "folds": 2}, "folds is an option of task=scenes"),
        ({"policy": "mild"}, "policy is an option of task=signs"),
        ({"draws": 2}, "draws is an option of task=signs"),
        ({"task": "signs", "count": 9}, "count is an option of task=scenes; leave it out of task=signs"),
        ({"goodrun_ref": ""}, "the study of scenes needs goodrun_ref, the run to generate from; train one with"),
        ({"goodrun_ref": "nowhere"}, "no run id"),
    ],
)
def test_mistakes_are_one_sentence(capsys, workplace, changed, words) -> None:
    assert words in refused(capsys, **{"data": DATA} | changed)
    assert not Path("images/study/scenes/cells").exists()


@pytest.mark.slow
def test_from_a_good_run_to_the_report(workplace, capsys, monkeypatch) -> None:
    """Everything is trained for a moment, and whatever it generates is kept."""
    monkeypatch.setitem(scenes_pairs.AGREEMENT, GENERATE, "none")  # such a segmenter finds nothing
    monkeypatch.setattr(scenes_pairs, "SEGMENTER_ITERATIONS", 1)
    reference = good_run(workplace / "good")
    assert run(goodrun_ref=reference) == 0
    said = capsys.readouterr().out
    sentence = said.strip().splitlines()[-1]
    assert sentence.startswith("Full data: the mean IoU of the rare classes with generated images is ")
    assert "from real (generated-50 beside real: the best of either kind)" in sentence
    assert "1 regimes x 2 arms x 1 seeds, 2 steps each" in said and "test.rare" in said
    page = Path("out/report.html").read_text()
    assert "3 pairs kept" in page and "b" * 32 in page and "2 experiments of 2 steps" in page
    (archived,) = mlflow.search_runs(filter_string="tags.`gan.kind` = 'study'", output_format="list")
    assert archived.data.params["steps"] == "2" and archived.data.tags["result.full"] == sentence

    # What is there is not made again; what is missing comes out as it was.
    monkeypatch.setattr(restored.Restored, "photos", None)
    lost, kept = (next(Path(f"out/cells/full/{arm}").glob("seed-00-*.json")) for arm in ("generated-50", "real"))
    before, untouched = json.loads(lost.read_text()), kept.stat().st_mtime_ns
    assert 0 < before["values"]["test.pixel_accuracy"] < 1 and before["identity"]["generated"]
    lost.unlink()
    ran, run_cell = [], scene_study.SceneStudy.run_cell
    monkeypatch.setattr(
        scene_study.SceneStudy, "run_cell", lambda self, cell, tick: ran.append(cell) or run_cell(self, cell, tick)
    )
    assert run(goodrun_ref=reference) == 0
    assert [str(cell) for cell in ran] == ["full / generated-50 / seed 0"]
    assert json.loads(lost.read_text())["values"] == before["values"] and kept.stat().st_mtime_ns == untouched
