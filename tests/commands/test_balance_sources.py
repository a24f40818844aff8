"""What balancing starts from: sources, good runs, tracks, the classifier; and everything that is refused."""

import json
import shutil

import mlflow
import numpy as np
import pytest
from PIL import Image, ImageDraw

from gan.archive import resolve
from gan.commands.balance import BalanceConfig, main
from gan.data.gtsrb import write_signs
from gan.data.labelled import GENERATED
from gan.data.sets import open_images
from gan.data.signs import GTSRB
from gan.data.split import held_out
from gan.dcgan import balance, balance_files
from gan.dcgan.balance_files import MANIFEST
from gan.dcgan.generator import Generator
from gan.drawn.signs import draw_signs
from tests import conftest
from tests.made_up_balance import Noise, learned, run, some_signs, stand_in, write_place
from tests.made_up_goodrun import write_goodrun


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_place(tmp_path_factory.mktemp("balance"))


@pytest.fixture
def place(made, monkeypatch):
    monkeypatch.chdir(made)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def quick(monkeypatch):
    stand_in(monkeypatch)


def refused(capsys, **changed):
    return conftest.refused(
        capsys, BalanceConfig, main, **({"goodrun_ref": "run", "source": "signs", "target": 8} | changed)
    )


def refused_at_last(capsys, **changed):
    return conftest.refused_at_last(capsys, BalanceConfig, main, **({"goodrun_ref": "run"} | changed))


# --- sources


@pytest.mark.slow
def test_sources(place, quick, tmp_path):
    signs = some_signs()
    opened = balance_files.open_source("signs/train.p")
    assert opened.name == "signs/train.p" and opened.train.digest() == signs.digest() and opened.test is not None
    for k, image in enumerate(signs.images):
        path = tmp_path / "folders" / f"{signs.labels[k]:05d}" / f"{k:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "folders")
    for source in ("folders", "zipped.zip"):
        np.testing.assert_array_equal(balance_files.open_source(str(tmp_path / source)).train.images, signs.images)
    run(source=str(tmp_path / "folders"), classes="0,3", output="from-folders")
    run(classes="0,3", output="from-pickle")
    found = [open_images(str(place / name)).train for name in ("from-folders/images", "from-pickle")]
    images = [sorted(zip(made.labels.tolist(), map(bytes, made.images), strict=True)) for made in found]
    assert images[0] == images[1], "in order of names, and in order of generation"
    assert len(balance_files.open_source("drawn:400").train) == 400


def test_sources_that_are_none(place, quick, capsys, tmp_path):
    assert "nowhere does not exist; give a folder" in refused(capsys, source="nowhere")
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "pets" / name / "1.png")
    error = refused(capsys, source=tmp_path / "pets")
    assert "'cat'" in error and "is not a GTSRB class id from 0 to 42" in error
    assert "outside of a class folder" in refused(capsys, source=tmp_path / "pets" / "cat")
    run(classes="0", output="once")
    for source in ("once", "once/train.p"):
        assert "was balanced before" in refused(capsys, source=source, output="twice")


def test_unknown_tracks_are_told_and_nothing_generated_is_held_out(place, quick, capsys, tmp_path):
    write_signs(tmp_path / "train.p", some_signs(tracks=False))
    run(source=str(tmp_path), classes="0,3", output="unknown")
    assert "does not say which images of class 0, 3 show the same" in capsys.readouterr().out
    balanced = open_images(str(place / "unknown"))
    assert balanced.test is None and not (place / "unknown" / "test.p").exists()
    assert not held_out(balanced.train)[len(some_signs()) :].any()


# --- good runs


def write_folders(folder, count, draw):
    """Class folders 0 to 4 of PNGs."""
    for k in range(5):
        (folder / str(k)).mkdir(parents=True)
        for number in range(count):
            draw(k, number).save(folder / str(k) / f"{number}.png")
    return folder


@pytest.mark.parametrize("reference", ["pretrained", "one"])
def test_a_good_run_that_has_not_learned_the_classes_is_refused(place, capsys, tmp_path, reference):
    def letter(k, number):
        image = Image.new("RGB", (40, 40), (200 - number, 160, 130))
        ImageDraw.Draw(image).text((6 + number, 2), "abcde"[k], (70, 40, 20), font_size=30)
        return image

    source = write_folders(tmp_path / "letters", 8, letter)
    classes = "all" if reference == "pretrained" else "17"
    if reference == "one":
        (source / "4").rename(source / "17")
    error = refused_at_last(
        capsys, goodrun_ref=reference, source=source, classes=classes, target=12, quality=0, output="wrong"
    )
    assert "learn" in error and "letters" in error and "give a run that was trained on this data" in error
    assert not (place / "wrong").exists()


def test_the_shipped_run_fills_signs_that_it_has_not_seen_and_no_class_without_an_image(place, capsys, tmp_path):
    ids = [0, 10, 20, 30, 40]
    drawn = draw_signs(2_000, 43, 5, classes=ids)[0]

    def sign(k, number):
        return Image.fromarray(drawn.images[drawn.labels == ids[k]][number])

    source = write_folders(tmp_path / "few", 4, sign)
    for k in (4, 3, 2, 1):
        (source / str(k)).rename(source / str(ids[k]))
    run(goodrun_ref="pretrained", source=str(source), target="6", quality=0, output="filled")
    filled = open_images(str(place / "filled" / "images"), classes=GTSRB).train
    assert np.flatnonzero(filled.counts()).tolist() == ids and set(filled.counts()) == {0, 6}
    assert (filled.tracks == GENERATED).sum() == 10
    assert "Without a real image, and so not filled: class 1, 2, 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "config"), [({}, {}), ({"digest": "now"}, {"use_held_out": True})], ids=["other data", "all of it"]
)
def test_a_generator_that_may_have_learned_held_out_signs(place, quick, capsys, tmp_path, data, config):
    data = data and {"digest": learned()}
    run(
        goodrun_ref=write_goodrun(tmp_path / "run", data=data, config=config), classes="0", output=str(tmp_path / "x")
    )
    assert "warning: the generator may have learned" in capsys.readouterr().out


def test_images_are_those_of_the_good_run_and_quality_0_needs_no_classifier(place, monkeypatch):
    monkeypatch.setattr("gan.dcgan.judge.judge_of", None)  # is not called
    run(goodrun_ref="one", classes="17", target="10", output="no-entry", quality=0.0)
    made = open_images(str(place / "no-entry")).train
    assert made.counts()[17] == 10
    expected = Generator(resolve("one", "dcgan", "17")).images(4, balance.chunk_seed(0, 0), 17)
    np.testing.assert_array_equal(made.images[len(some_signs()) :], expected)
    row = json.loads((place / "no-entry" / MANIFEST).read_text())["classes"]["17"]
    assert row["generated"] == row["drawn"] == 4 and not (place / "no-entry" / "thrown-away.png").exists()


def test_a_good_run_of_one_class_can_not_fill_others(place, quick, capsys):
    error = refused(capsys, goodrun_ref="one", output="more")
    assert "give classes=17, or a good run of class_val all" in error


# --- the classifier


def test_the_judge_of_the_data_sorts(place, small_networks, monkeypatch):
    monkeypatch.setattr("gan.dcgan.generator.Generator", Noise)
    monkeypatch.setattr(balance, "CHUNK", 32)
    run(classes="0,3,6", target="5", output="really", judge_iterations=2)
    rows = json.loads((place / "really" / MANIFEST).read_text())["classes"].values()
    assert len(rows) == 3 and sum(row["wrong_class"] for row in rows) > 0
    judges = mlflow.search_runs(filter_string="tags.`gan.kind` = 'classifier'", output_format="list")
    balanced = mlflow.search_runs(filter_string="params.output = 'really'", output_format="list")
    assert [judge.info.run_id for judge in judges] == [balanced[0].data.tags["judge"]]


def test_no_judge_to_be_had(place, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("gan.dcgan.generator.Generator", Noise)
    signs = some_signs()
    write_signs(tmp_path / "train.p", signs.take(signs.labels != 7))
    error = refused(capsys, source=tmp_path, output="unjudged")
    assert "quality=0" in error and not (place / "unjudged").exists()


# --- what is refused


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"target": "most"}, "target is `largest`"),
        ({"classes": "43"}, "classes is a GTSRB class id"),
        ({"seed": -1}, "seed is from 0"),
        ({"quality": 1.0}, "quality is from 0 to below 1"),
        ({"judge_iterations": 0}, "judge_iterations is from 1"),
        ({"goodrun_ref": "nowhere"}, "goodrun_ref 'nowhere'"),
        ({"target": "4"}, "there is nothing to add: with target=4 and classes=all"),
        ({"target": "largest", "classes": "1"}, "there is nothing to add"),
        ({"target": "1.01x"}, "there is nothing to add"),
        ({"target": "6000", "output": "huge"}, "258,000 images make a file of about"),
    ],
)
def test_parameters_that_make_no_sense(place, quick, capsys, changed, words):
    assert words in refused(capsys, **changed)
    assert not (place / "huge").exists()


def test_room_on_the_disk_is_looked_at_first(place, quick, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("usage", (), {"free": 10_000_000})())
    assert "MB free" in refused(capsys, output="no-room")
    assert not (place / "no-room").exists()
