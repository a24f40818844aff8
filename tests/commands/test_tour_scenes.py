"""The tour of street scenes: trained, evaluated, and new labelled pairs that open as data."""

from pathlib import Path

import mlflow
import pytest

from gan.commands import tour_scenes
from gan.commands.tour_scenes import TourConfig
from gan.data.scenes import open_scenes
from tests import conftest
from tests.made_up_scene_run import narrow


@pytest.mark.slow
def test_the_tour_ends_with_pairs_that_open_as_data(workplace, monkeypatch):
    narrow(monkeypatch)
    monkeypatch.setattr(tour_scenes, "SEGMENTER", 2)
    monkeypatch.setattr(tour_scenes, "AGREEMENT", "none")  # such a segmenter finds nothing
    assert tour_scenes.main(TourConfig("drawn:8", iterations=1, width=64, height=32, count=3)) == 0
    (folder,) = Path("images/augment_scenes").iterdir()
    made = open_scenes(str(folder))
    assert len(made.training) == 3 and made.palette.ids == open_scenes("drawn:8").palette.ids
    assert made.training.scene(0).photo.shape == (32, 64, 3)
    kinds = {run.data.tags["gan.kind"] for run in mlflow.search_runs(output_format="list")}
    assert {"pix2pix", "segmenter", "evaluate"} <= kinds and len(kinds) == 4


def test_a_count_of_none_is_refused(capsys):
    assert "count is from 1 to 100000, not 0" in conftest.refused(capsys, TourConfig, tour_scenes.main, count=0)
