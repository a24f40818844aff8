"""What an evaluation of scenes shows."""

import base64
import dataclasses
import io
import re
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.archive import GoodRun
from gan.checkpoint_info import CheckpointInfo
from gan.data.scenes import load
from gan.pix2pix.evaluation_report import HEADS, SHOWN, add_scores, page
from gan.pix2pix.scores import SCORES, SceneScorer
from gan.report import Evaluation
from gan.scoring.privacy import Leak
from tests.made_up_maps import PALETTE, WORKING, by_colour, toy_scenes, toy_set
from tests.report_page import Page

ABOUT = CheckpointInfo("pix2pix", "", 1200, {}, {}, {"name": "toys", "digest": "d1ge5t", "images": 12}, "ab" * 16)
GOODRUN = GoodRun("ab" * 16, 1200, Path("checkpoint"), ABOUT)
CURVES = {
    "generator_loss": ([25, 50], [2.0, 1.0]), "mean_iou": ([50], [0.3]), "fid_held_out": ([50], [3.0]),
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes():
    return toy_set(12, 2, 5)


@pytest.fixture(scope="module")
def scorer(scenes):
    return SceneScorer(by_colour(), scenes, scenes.test, *WORKING)


@pytest.fixture(scope="module")
def made(scenes) -> np.ndarray:
    """Photos without boxes."""
    loaded = load(scenes.test, *WORKING)
    photos = loaded.photos.copy()
    photos[loaded.labels == 1] = PALETTE.colours[0]
    return photos


def evaluation_of(part, generated, direction="labels_to_photo", scores=None, light=()) -> Evaluation:
    width, height = WORKING
    network = types.SimpleNamespace(
        width=width, height=height, direction=direction, to_photos=direction == "labels_to_photo", light=light,
    )  # fmt: skip
    evaluation = page(GOODRUN, part, network, generated, True)
    if scores is not None:
        add_scores(evaluation, direction, PALETTE, scores)
    return evaluation


@pytest.fixture(scope="module")
def evaluation(scenes, scorer, made) -> Evaluation:
    scores = scorer.photos(made)
    return evaluation_of(
        scenes.test,
        made,
        scores=dataclasses.replace(scores, overall=scores.overall | Leak(0.52, 0.43, 0.61).scores()),
    )


def columns(sheet: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Top and left of every place in a sheet that shows a picture, enlarged by a whole number."""
    scale = round(320 / picture.shape[1])
    wanted = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    height, width = wanted.shape[:2]
    begins = (sheet == wanted[0, 0]).all(axis=2)
    begins[:, 1:] &= (sheet[:, :-1] == 255).all(axis=2)  # pictures stand on white
    return [
        (int(top), int(left))
        for top, left in np.argwhere(begins)
        if np.array_equal(sheet[top : top + height, left : left + width], wanted)
    ]


@pytest.mark.parametrize("direction", HEADS)
def test_every_scene_is_shown_beside_what_it_was_made_from(scenes, made, direction) -> None:
    loaded = load(scenes.test, *WORKING)
    coloured = PALETTE.paint(loaded.labels)
    if direction == "photo_to_labels":
        labels = np.roll(loaded.labels, 5, axis=2)
        sheet, made = np.asarray(evaluation_of(scenes.test, labels, direction).sheet), PALETTE.paint(labels)
    else:
        sheet = np.asarray(evaluation_of(scenes.test, made).sheet)
    tops = []
    for k in range(len(made)):
        given = (coloured[k], loaded.photos[k]) if direction == "labels_to_photo" else (loaded.photos[k], coloured[k])
        places = [columns(sheet, picture) for picture in (*given, made[k])]
        assert all(len(found) == 1 for found in places)
        assert len({found[0][0] for found in places}) == 1, "in one line"
        lefts = [found[0][1] for found in places]
        assert lefts == sorted(lefts)
        tops.append(places[0][0][0])
    assert tops == sorted(tops)


def test_of_many_scenes_some_are_shown_spread_over_all() -> None:
    part = toy_scenes(40)
    loaded = load(part, *WORKING)
    sheet = np.asarray(evaluation_of(part, loaded.photos // 2).sheet)
    assert sheet.shape[0] < (SHOWN + 1) * 260
    assert columns(sheet, loaded.photos[0] // 2) and columns(sheet, loaded.photos[39] // 2)
    assert not columns(sheet, loaded.photos[1] // 2)


def test_scores_are_told_beside_those_of_real_photos(evaluation) -> None:
    lines = evaluation.text().splitlines()
    scores = evaluation.scores.overall
    assert [line.split()[0] for line in lines] == [score.name for score in SCORES]
    line = next(line for line in lines if line.startswith("mean_iou "))
    assert f"{scores['mean_iou']:.3f} (real: {scores['mean_iou_floor']:.3f})" in line and "out of range" in line
    assert next(line for line in lines if line.startswith("pixel_accuracy")).endswith("is found")
    assert set(evaluation.scores.classes) == set(PALETTE.scored)


def test_the_report_has_it_all_in_one_file(evaluation, tmp_path) -> None:
    evaluation.write(tmp_path, CURVES)
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "contact-sheet.png")), np.asarray(evaluation.sheet)
    )
    page = Page(tmp_path / "report.html")
    text = " ".join(words for _, words in page.texts)
    assert (
        "iteration 1200" in text and "ab" * 16 in text and "toys" in text and "d1ge5t" in text and "5 scenes" in text
    )
    cells = page.of("td")
    assert any("as many training scenes as unseen ones" in words for words in page.of("p"))
    assert {score.name for score in SCORES} <= set(cells) and {"ground", "box", "open sky $5 $6"} <= set(cells)
    box = cells.index("box")
    scores = evaluation.scores.classes[5]
    assert cells[box + 1] == f"{scores['share']:.2%}" and cells[box + 2] == f"{scores['iou_floor']:.4g}"
    assert f"{scores['iou']:.4g}" in page.of("b"), "in red: clearly worse than real"
    assert f"{evaluation.scores.overall['pixel_accuracy']:.4g}" in cells
    images = [dict(attributes) for tag, attributes in page.elements if tag == "img"]
    words = [image["alt"] for image in images]
    assert words == [
        "contact sheet", "colours of the classes", "confusions by class, generated photos",
        "confusions by class, real photos", "closest pairs", "loss curves", "curves of the scores",
        "curves of the scores",
    ]  # fmt: skip
    for image in images:
        Image.open(io.BytesIO(base64.b64decode(re.fullmatch(r"data:image/png;base64,(.*)", image["src"])[1]))).load()


def test_without_scores_and_curves_the_sheet_remains(scenes, made, tmp_path) -> None:
    evaluation = evaluation_of(scenes.test, made)
    assert evaluation.scores.overall == {} == evaluation.scores.classes and evaluation.text() == ""
    evaluation.write(tmp_path, {})
    page = Page(tmp_path / "report.html")
    assert len([tag for tag, _ in page.elements if tag == "img"]) == 2 and not page.of("td")


def test_generated_label_maps_have_no_closest_pairs(scenes, scorer, tmp_path) -> None:
    labels = load(scenes.test, *WORKING).labels
    evaluation = evaluation_of(scenes.test, labels, "photo_to_labels", scorer.label_maps(labels))
    evaluation.write(tmp_path, {})
    page = Page(tmp_path / "report.html")
    assert any("what a segmenter sees in the same photos" in words for words in page.of("p"))
    words = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
    assert "closest pairs" not in words and "confusions by class, generated label maps" in words
    assert [line.split()[0] for line in evaluation.text().splitlines()] == [score.name for score in SCORES][:5]


def test_without_a_segmenter_the_report_has_what_there_is(scenes, made, tmp_path) -> None:
    alone = SceneScorer(None, scenes, scenes.test, *WORKING)
    labels = load(scenes.test, *WORKING).labels
    cases = {
        "labels_to_photo": (made, alone.photos(made), ["l1", "ssim", "nearest_real"]),
        "photo_to_labels": (
            labels,
            alone.label_maps(labels),
            ["mean_iou", "rare_iou", "class_accuracy", "pixel_accuracy"],
        ),
    }
    for direction, (generated, scores, names) in cases.items():
        evaluation = evaluation_of(scenes.test, generated, direction, scores)
        evaluation.write(tmp_path, {})
        page = Page(tmp_path / "report.html")
        assert [line.split()[0] for line in evaluation.text().splitlines()] == names
        assert "segmenter" not in " ".join(words for _, words in page.texts)
        words = [attributes["alt"] for tag, attributes in page.elements if tag == "img"]
        last = "closest pairs" if direction == "labels_to_photo" else "confusions by class, generated label maps"
        assert words == ["contact sheet", "colours of the classes", last]
