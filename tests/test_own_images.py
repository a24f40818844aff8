"""Somebody's own images, as people have them: from `data` to a balanced folder, and what is refused on the way."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate
import train_dcgan
from gan import archive
from gan.commands import balance, export, prepare
from gan.data.class_folders import Reading
from gan.data.labelled import GENERATED
from gan.data.sets import open_images
from gan.data.split import held_out
from gan.dcgan import evaluation, photo_scores
from gan.dcgan.told_apart import told_apart
from tests import conftest

NAMES = ("Birnen", "Kiwi", "Äpfel süß")  # in order of their letters
KINDS = ("png", "jpg", "bmp", "webp", "tif", "gif", "ppm")
SIZES = ((70, 50), (64, 64), (30, 80))
QUICK = {"class_val": "all", "iterations": 2, "checkpoint_interval": 2, "sample_interval": 2, "batch_size": 4,
         "judge_iterations": 2, "precision": "float32", "skip_damaged": True, "image_size": 64,
         "groups": "^(tree[0-9]+)"}  # fmt: skip


def write_fruit(folder: Path) -> Path:
    """Three classes of 16, 10 and 3 images in seven formats and three sizes; a damaged one, an empty folder."""
    random = np.random.default_rng(0)
    for name, count in zip(NAMES, (10, 3, 16), strict=True):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            width, height = SIZES[k % len(SIZES)]
            pixels = random.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"tree{k // 2}_{k}.{KINDS[k % len(KINDS)]}")
    (folder / "nothing yet").mkdir()
    (folder / NAMES[0] / "torn.jpg").write_bytes((folder / NAMES[0] / "tree0_1.jpg").read_bytes()[:300])
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of all classes in 64x64 and its evaluation `scored`."""
    folder = tmp_path_factory.mktemp("own")
    write_fruit(folder / "fruit")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        conftest.narrow(patch)
        patch.setattr(evaluation, "GAN_TRAIN", 2)
        patch.setattr(photo_scores, "told_apart", functools.partial(told_apart, updates=2))
        run_id, status = train_dcgan.train(train_dcgan.TrainConfig(**QUICK, data="fruit"))
        assert status == 0
        evaluate.main(
            evaluate.EvaluateConfig(class_val="all", goodrun_ref=run_id, count=6, judge_iterations=2, output="scored")
        )
    return conftest.Trained(folder, run_id)


@pytest.fixture
def run(finished, small_networks, monkeypatch):
    monkeypatch.chdir(finished.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return finished


def source() -> object:
    return open_images("fruit", reading=Reading(64, groups="^(tree[0-9]+)", skip_damaged=True))


def test_an_evaluation_has_folders_of_the_classes_and_scores(run):
    assert sorted(path.name for path in Path("scored").iterdir() if path.is_dir()) == sorted(NAMES)
    assert Image.open(Path("scored") / NAMES[0] / "00005.png").size == (64, 64)
    scores = json.loads(Path("scored/scores.json").read_text())
    assert {"gan_test", "diversity", "spectrum", "leak"} <= set(scores["overall"]) and len(scores["classes"]) == 3
    assert NAMES[0] in Path("scored/report.html").read_text()


@pytest.mark.parametrize("name", ["Kiwi", "kiwi", "1"])
def test_one_class_is_named_as_people_name_it(run, name, tmp_path):
    options = {"goodrun_ref": run.run_id, "count": 2, "scores": "none"}
    evaluate.main(evaluate.EvaluateConfig(class_val=name, **options, output=str(tmp_path / "one")))
    evaluate.main(evaluate.EvaluateConfig(class_val="all", **options, output=str(tmp_path / "all")))
    one, every = ((tmp_path / place / "00001.png").read_bytes() for place in ("one", f"all/{NAMES[1]}"))
    assert one == every


def test_balancing_keeps_the_layout_and_what_is_held_out(run, capsys):
    balance.main(balance.BalanceConfig(goodrun_ref=run.run_id, source="fruit", target="12", quality=0, output="even"))
    assert "--data even/images" in capsys.readouterr().out
    real, even = source(), open_images("even/images", reading=Reading(64, groups="^(tree[0-9]+)"))
    assert even.train.counts().tolist() == [12, 12, 16] and even.classes.names == NAMES
    generated = even.train.tracks == GENERATED
    assert even.files[int(np.argmax(generated))] == "Birnen/generated-000000.png"
    np.testing.assert_array_equal(even.train.images[~generated], real.train.images)
    np.testing.assert_array_equal(held_out(even.train)[~generated], held_out(real.train))
    assert not held_out(even.train)[generated].any()
    first = Path("fruit", NAMES[0], "tree0_0.png")
    assert Path("even/images", NAMES[0], first.name).read_bytes() == first.read_bytes()
    assert "nothing was changed" in again(capsys)
    with pytest.raises(Exception, match="was balanced before"):
        balance.main(balance.BalanceConfig(goodrun_ref=run.run_id, source="even/images", output="twice"))


def again(capsys) -> str:
    capsys.readouterr()
    goodrun = archive.newest_run("dcgan", "all")
    balance.main(balance.BalanceConfig(goodrun_ref=goodrun, source="fruit", target="12", quality=0, output="even"))
    return capsys.readouterr().out


def test_training_goes_on_and_weights_are_handed_on(run, tmp_path, capsys):
    options = QUICK | {"iterations": 3, "judge_iterations": 0, "data": "fruit"}
    resumed, status = train_dcgan.train(train_dcgan.TrainConfig(**options, goodrun_ref=f"{run.run_id}/2"))
    assert status == 0 and "another" not in capsys.readouterr().out
    export.main(export.ExportConfig(goodrun_ref=resumed, output=str(tmp_path / "handed")))
    card = (tmp_path / "handed" / "MODEL_CARD.md").read_text()
    assert "64x64" in card and "Classes: Birnen, Kiwi, Äpfel süß." in card and "traffic" not in card
    evaluate.main(
        evaluate.EvaluateConfig(
            class_val="Kiwi", goodrun_ref=str(tmp_path / "handed"), count=1, scores="none", output=str(tmp_path / "k")
        )
    )
    assert Image.open(tmp_path / "k" / "00000.png").size == (64, 64)


def test_prepare_shows_what_is_in_them(run, capsys):
    prepare.main(prepare.PrepareConfig(dataset="images", source="fruit", skip_damaged=True))
    out = capsys.readouterr().out
    assert "Number of training examples = 29" in out and "Äpfel süß" in out and "'Kiwi' (3)" in out
    assert "from 30 x 50 to 70 x 80 pixels" in out and "No two images of a class are nearly equal." in out
    assert "--class_val all --data fruit --skip_damaged true" in out
    assert Image.open("images/data/samples.png").width > 500


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"class_val": "Melone"},
            "class_val is a class of fruit ('Birnen', 'Kiwi', 'Äpfel süß') or `all`, not 'Melone'",
        ),
        ({"class_val": "3"}, "class_val is a class of fruit"),
        ({"skip_damaged": "false"}, "torn.jpg"),
        ({"image_size": 48}, "image_size is 32 or 64 or 128 or 256, not 48"),
        ({"fit": "stretch"}, "fit is squeeze, crop or pad"),
        ({"groups": "column"}, "groups=column needs a CSV"),
        ({"pictograms": "true"}, "pictograms are of GTSRB's classes"),
        ({"goodrun_ref": "RUN", "iterations": 9, "image_size": 32}, "give image_size=64"),
        ({"use_test": "true"}, "use_test=true needs a test part"),
    ],
)
def test_what_training_refuses(run, capsys, changed, words):
    options = QUICK | {"data": "fruit"} | changed
    options = {name: run.run_id if value == "RUN" else value for name, value in options.items()}
    error = conftest.refused_at_last(capsys, train_dcgan.TrainConfig, train_dcgan.main, **options)
    assert words in error


def test_a_good_run_of_other_classes_is_refused(run, capsys):
    write_fruit(Path("vegetables"))
    Path("vegetables", "Kiwi").rename(Path("vegetables", "Kohl"))
    options = QUICK | {"data": "vegetables", "goodrun_ref": run.run_id, "iterations": 9}
    error = conftest.refused_at_last(capsys, train_dcgan.TrainConfig, train_dcgan.main, **options)
    assert "'Kohl'" in error and "'Kiwi'" in error
    for command, config, parameter in ((balance.main, balance.BalanceConfig, "source"),):
        given = {"goodrun_ref": run.run_id, parameter: "vegetables", "output": "none"}
        assert "'Kohl'" in conftest.refused_at_last(capsys, config, command, **given)


def test_a_table_is_balanced_into_a_table(run, monkeypatch):
    """Files of any folder, and their groups; what was held out is held out again."""
    monkeypatch.chdir(run.folder)
    files = [path for name in NAMES for path in sorted(Path("fruit", name).glob("tree*"))]
    rows = [f"{path.as_posix()},{path.parent.name},{path.name.split('_')[0]}-{path.parent.name}" for path in files]
    Path("fruit.csv").write_text("\n".join(["file,label,group", *rows]) + "\n")
    options = {"goodrun_ref": run.run_id, "target": "12", "quality": 0}
    balance.main(balance.BalanceConfig(**options, source="fruit.csv", output="table"))
    table = Reading(64, groups="column")
    real, even = open_images("fruit.csv", reading=table), open_images("table/images/fruit.csv", reading=table)
    generated = even.train.tracks == GENERATED
    assert even.train.counts().tolist() == [12, 12, 16] and generated.sum() == 11
    np.testing.assert_array_equal(even.train.images[~generated], real.train.images)
    np.testing.assert_array_equal(held_out(even.train)[~generated], held_out(real.train))
