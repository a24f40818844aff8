"""augment_scenes: a folder of new pairs, laid out like the data it was made from; the same seed, the same bytes."""

import dataclasses
import json
import types
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image

from gan import archive
from gan.commands.augment_scenes import AugmentConfig, main
from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scenes, SceneSet
from gan.data.scenes import open_scenes
from gan.errors import UserError
from gan.files import digests
from gan.pix2pix import augment
from gan.pix2pix.augment_files import MANIFEST, PairWriter
from gan.pix2pix.edits import Edited
from gan.pix2pix.pair_filter import Check
from tests.conftest import refused, run_script
from tests.made_up_painter import painter, reader
from tests.made_up_streets import PERSON, some_streets

SIZE = 96, 64
RUN = "a" * 32
CHOSEN = {"count": 5, "classes": "person"}


@dataclasses.dataclass
class GoodRun:
    """Stands in for `augment.Restored`: known networks instead of trained ones."""

    scenes: SceneSet
    shown: object
    size = SIZE
    goodrun = types.SimpleNamespace(run_id=RUN, iteration=300)

    def traits(self):
        return {"run": RUN, "iteration": 300}

    def origin(self):
        return self.traits() | {"data": self.scenes.name}

    def photos(self, seed):
        return self.shown

    def answers(self, training, iterations, say):
        return reader()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder with one archive for all of them: to make an archive takes longer than everything else here."""
    return tmp_path_factory.mktemp("augmented")


@pytest.fixture
def good(place, monkeypatch):
    """A good run whose photos show everything; `shown` may be changed."""
    monkeypatch.chdir(place)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    streets = SceneSet("streets", CITYSCAPES, some_streets(10), some_streets(6, seed=1), some_streets(2, seed=2))
    stands_in = GoodRun(streets, painter())
    monkeypatch.setattr(augment, "restore", lambda reference, data: stands_in)
    return stands_in


def augmented(**changed) -> Path:
    config = AugmentConfig(goodrun_ref="good", **CHOSEN | {"output": "out"} | changed)
    main(config)
    return Path(config.output)


def refusal(capsys, **changed) -> str:
    """The sentence that the command ends with, after what progress it shows."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run_script(AugmentConfig, main, **{"goodrun_ref": "good", "output": "out"} | CHOSEN | changed)
    *_, line = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and line.startswith("error: "), line
    return line


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def names(folder: Path, part="training_dataset") -> list[str]:
    return sorted(path.stem for path in (folder / part / "labels").iterdir())


def test_the_folder_is_a_data_set_like_the_one_it_was_made_from(good):
    output = augmented()
    scenes = open_scenes("out")
    assert scenes.palette == CITYSCAPES and scenes.training.has_instances
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [5, 6, 2]
    scene = scenes.training.scene(0)
    assert scene.size == SIZE and not CITYSCAPES.unknown(scene.labels)
    assert np.abs(scene.photo.astype(int) - CITYSCAPES.colour(scene.labels)).max() <= 2, "the photo of this label map"
    assert scenes.validation.names == good.scenes.validation.names
    kinds = {path.name for path in (output / "training_dataset").iterdir()}
    assert kinds == {"photos", "labels", "instances", "previews"}
    preview = np.asarray(Image.open(output / f"training_dataset/previews/{scenes.training.names[0]}.png"))
    assert np.array_equal(preview, CITYSCAPES.colour(scene.labels))
    with Image.open(next((output / "training_dataset/labels").iterdir())) as image:
        assert image.mode == "L"
    with Image.open(next((output / "training_dataset/instances").iterdir())) as image:
        assert image.mode.startswith("I;16")


def test_the_manifest_tells_of_every_pair(good):
    output = augmented(seed=3, output="told")
    made = manifest(output)
    assert sorted(entry["name"] for entry in made["pairs"]) == names(output)
    for entry in made["pairs"]:
        assert entry["source"] in good.scenes.training.names and entry["name"].startswith(entry["source"])
        assert (entry["run"], entry["iteration"], entry["seed"]) == (RUN, 300, 3)
        assert entry["edits"]["put_in"] and entry["edits"]["put_in"][0]["from"] in good.scenes.training.names
        assert entry["agreement"]["put_in"] == {"person": 1.0} and entry["agreement"]["pixels"] > 0.99
    assert made["kept"] == 5 and made["tries"] == 5 + made["no_place"] + made["thrown_away"]
    assert made["files"] == digests(output, MANIFEST) and made["origin"]["classes"] == [PERSON]
    assert set(made["files"]) >= {"palette.json", "prepared.json", "report.html", "contact-sheet.png"}


def test_the_same_seed_gives_the_same_bytes_and_another_others(good):
    first, second, other = augmented(output="a"), augmented(output="b"), augmented(output="c", seed=1)
    assert digests(first, MANIFEST) == digests(second, MANIFEST)
    assert (first / MANIFEST).read_bytes() == (second / MANIFEST).read_bytes()
    assert set(digests(first, MANIFEST).values()).isdisjoint(
        digest for name, digest in digests(other, MANIFEST).items() if name.startswith("training")
    )


def test_pairs_that_do_not_show_what_was_put_in_are_not_there(good, capsys):
    good.shown = painter(unseen=(PERSON,), often=2)
    output = augmented(output="shown")
    for k in range(5):
        scene = open_scenes("shown").training.scene(k)
        person = np.array(CITYSCAPES.colours[CITYSCAPES.ids.index(PERSON)])
        assert np.abs(scene.photo[scene.labels == PERSON] - person).max() <= 2
    thrown = manifest(output)["thrown_away_by_class_put_in"]["person"]
    assert thrown > 0 and manifest(output)["thrown_away"] == thrown
    shown = capsys.readouterr().out
    assert f"not found where it was put in: person {thrown}" in shown
    assert f"5 of {5 + thrown} generated pairs were kept" in shown
    assert "Some that were thrown away" in (output / "report.html").read_text()


def test_when_no_photo_agrees_nothing_is_written(good, capsys, monkeypatch):
    monkeypatch.setattr(augment, "MOST_TRIES", 3)
    good.shown = painter(unseen=(PERSON,))
    before = set(Path.cwd().iterdir())
    error = refusal(capsys, output="nothing")
    assert "of 15 tries no pair agreed" in error and "--agreement (it is auto)" in error
    assert set(Path.cwd().iterdir()) == before


def test_a_segmenter_that_finds_nothing_stops_it_unless_nothing_shall_judge(good, capsys):
    good.answers = lambda *_: lambda photos: np.zeros(photos.shape[:3], np.uint8)
    good.scenes = dataclasses.replace(good.scenes, training=some_streets(25))
    before = set(Path.cwd().iterdir())
    assert "finds too little of person in real photos" in refusal(capsys, output="blind")
    assert set(Path.cwd().iterdir()) == before
    output = augmented(agreement="none", output="blind", previews=False)
    assert len(names(output)) == 5 and not (output / "training_dataset/previews").exists()


@pytest.mark.parametrize("photo", ["generate", "paste"])
def test_pairs_of_the_size_of_their_scenes(good, photo):
    output = augmented(output=f"large-{photo}", original_size=True, photo=photo, agreement="none")
    made, pairs = open_scenes(str(output)).training, manifest(output)["pairs"]
    for k, entry in enumerate(sorted(pairs, key=lambda entry: entry["name"])):
        source = good.scenes.training.names.index(entry["source"])
        scene = made.scene(k)
        assert scene.size == good.scenes.training.scene(source).size != SIZE and not CITYSCAPES.unknown(scene.labels)
        apart = np.abs(scene.photo.astype(int) - CITYSCAPES.colour(scene.labels)).max(axis=2)
        assert (apart < 10).mean() > 0.8, "the photo of this label map, but for the outlines"


def test_fewer_than_asked_for_are_told(good, capsys, monkeypatch):
    monkeypatch.setattr(augment, "MOST_TRIES", 1)
    good.shown = painter(unseen=(PERSON,), often=2)
    output = augmented(count=6, output="fewer")
    assert 0 < len(names(output)) < 6
    assert "6 were asked for: after 6 tries" in capsys.readouterr().out


def test_real_pairs_and_zips_beside_them_on_request(good):
    output = augmented(with_real=True, zipped=True, output="both")
    training = open_scenes("both").training
    assert len(training) == 15 and set(good.scenes.training.names) < set(training.names)
    real = training.scene(training.names.index(good.scenes.training.names[0]))
    assert real.size == SIZE
    assert {path.name for path in output.glob("*.zip")} == {
        "training_dataset.zip", "validatation_dataset.zip", "test_dataset.zip",
    }  # fmt: skip


def test_running_it_again_changes_nothing(good, capsys):
    output = augmented()
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    augmented()
    assert "holds these very pairs already" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in output.rglob("*")}


def test_other_files_are_never_overwritten(good, capsys):
    output = augmented()
    assert "holds other files" in refusal(capsys, seed=1)
    photo = next((output / "training_dataset/photos").iterdir())
    was = photo.read_bytes()
    photo.write_bytes(b"mine")
    assert "holds other files" in refusal(capsys)
    assert photo.read_bytes() == b"mine"
    photo.write_bytes(was)
    Path("other").mkdir()
    Path("other/notes.txt").write_text("mine")
    assert "name a folder that is new or empty" in refusal(capsys, output="other")
    Path("empty").mkdir()
    assert len(names(augmented(output="empty"))) == 5


def test_the_archive_holds_report_sheet_and_manifest(good):
    augmented(output="archived")
    (run, *_) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.data.tags["gan.kind"] == "augment_scenes" and run.data.tags["goodrun"] == f"{RUN}/300"
    assert run.data.params["output"] == "archived"
    assert run.data.metrics["kept"] == 5 and run.data.metrics["agreement"] > 0.99
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert {"report.html", "contact-sheet.png", "manifest.json", "palette.json", "config.json"} <= files


def test_a_default_folder_tells_what_is_in_it(good):
    main(AugmentConfig(goodrun_ref="good", count=1, classes="person"))
    assert names(Path("images/augment_scenes/aaaaaaaa-000300-seed0-n1"))


def test_parameters_out_of_range(workplace, capsys):
    for changed, words in (
        ({"count": 0}, "count is from 1 to 100000"),
        ({"seed": -1}, "seed is from 0"),
        ({"agreement": "much"}, "agreement is auto, none or a number from 0 to 1, not 'much'"),
        ({"agreement": "1.5"}, "agreement is auto, none or a number"),
        ({"segmenter_iterations": 0}, "segmenter_iterations is from 1"),
    ):
        assert words in refused(capsys, AugmentConfig, main, **changed)


def test_classes_that_do_not_exist_or_are_not_in_the_data(good, capsys):
    assert "no class 'unicorn'" in refusal(capsys, classes="unicorn", output="none")
    assert "nothing to put in" in refusal(capsys, classes="rider", output="none")
    assert not Path("none").exists()
    augmented(classes="person,rider", output="some")
    assert "no rider in the training scenes" in capsys.readouterr().out


def test_names_stay_apart_and_short(tmp_path):
    long = "ü" * 120
    real = Scenes.of([some_streets(1).scene(0)] * 2, CITYSCAPES, [long, f"{long[:90]}_generated_0_000007"])
    writer = PairWriter(tmp_path / "writer", SceneSet("x", CITYSCAPES, real, real, real), 0, {})
    scene = real.scene(0)
    check = Check(1.0, {}, (), {})
    label_map = Edited(0, scene.labels, None, scene.labels, {})
    pair = augment.Pair(7, label_map, scene.photo, scene.labels, check)
    name = writer.add(pair)
    assert name not in real.names and name.startswith("ü" * 90) and len(f"{name}.png".encode()) < 255
    assert {path.suffix for path in (tmp_path / "writer").iterdir()} == {".npz"} and len(writer.items) == 1


def test_without_a_good_run_the_newest_is_named(place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(archive, "newest_run", lambda *_: None)
    assert "train one with train_pix2pix.py" in refusal(capsys, goodrun_ref="")
    monkeypatch.setattr(archive, "newest_run", lambda *_: RUN)
    assert f"the newest is {RUN}" in refusal(capsys, goodrun_ref="")


def test_no_segmenter_is_an_error_of_one_sentence(monkeypatch):
    streets = SceneSet("streets", CITYSCAPES, *[some_streets(1)] * 3)
    network = types.SimpleNamespace(width=64, height=32)
    monkeypatch.setattr(augment, "segmenter_of", lambda *_: None)
    with pytest.raises(UserError, match="no segmenter can be trained on streets"):
        augment.Restored(None, network, streets).answers(streets.training, 10, print)
