import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from gan.data.folder import PREPARED, SPELT_RIGHT, TEST, TRAINING, VALIDATION
from gan.data.folder_writer import Item, to_png, write_folder
from gan.data.palettes import CITYSCAPES
from gan.data.scene import Scene, Scenes, boundaries, resized
from gan.data.scenes import is_drawn, load, open_scenes
from gan.errors import UserError
from tests.made_up_scenes import header_of_png, png16, some_scene


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "data"
    parts = [TRAINING] * 3 + [VALIDATION, TEST]
    write_folder(
        folder, [Item.of(p, f"s{k}", lambda k=k: some_scene(k)) for k, p in enumerate(parts)], CITYSCAPES, {}
    )
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A copy to spoil, with the times of the original."""
    return Path(shutil.copytree(prepared, tmp_path / "data"))


def refused(folder: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        open_scenes(str(folder))
    text = str(error.value)
    assert "\n" not in text and text.endswith(".")


def test_names_of_drawn_scenes() -> None:
    for data, wanted in (("drawn", True), ("drawn:1", True), ("drawn:9999", True), ("drawn:0", False),
                         ("drawn:10000", False), ("drawn:x", False), ("dataset", False)):  # fmt: skip
        assert is_drawn(data) is wanted


def test_drawn_scenes() -> None:
    scenes = open_scenes("drawn:6")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [6, 2, 2]
    scene = scenes.training.scene(0)
    assert scene.size == (256, 128) and scene.instances is not None and len(scenes.palette) >= 11
    assert scenes.palette.unknown(scene.labels) == ()
    more = open_scenes("drawn:7").training  # more scenes begin with the same ones, and parts share none
    assert np.array_equal(more.scene(0).photo, scene.photo)
    assert not np.array_equal(scenes.test.scene(0).labels, scene.labels)


def test_a_part_at_a_working_size() -> None:
    scenes = Scenes.of([some_scene(k) for k in range(5)], CITYSCAPES)
    loaded = load(scenes, 16, 12)
    assert loaded.photos.shape == (5, 12, 16, 3) and loaded.labels.shape == loaded.edges.shape == (5, 12, 16)
    assert {array.dtype for array in vars(loaded).values()} == {np.dtype(np.uint8)}
    for k in range(5):
        small = resized(some_scene(k), 16, 12)
        assert np.array_equal(loaded.photos[k], small.photo) and np.array_equal(loaded.labels[k], small.labels)
        assert np.array_equal(loaded.edges[k], boundaries(small.instances)) and loaded.edges[k].any()
    assert load(scenes, 16, 12, edges=False).edges is None
    plain = Scenes.of([Scene(some_scene(0).photo, some_scene(0).labels)], CITYSCAPES)
    assert load(plain, 16, 12).edges is None
    assert load(Scenes.of([], CITYSCAPES), 16, 12).photos.shape == (0, 12, 16, 3)


def test_labels_are_positions_in_the_palette() -> None:
    from gan.data.palettes import generic

    scene = Scene(np.zeros((2, 2, 3), np.uint8), np.array([[9, 200], [9, 9]], np.uint8))
    assert load(Scenes.of([scene], generic([9, 200])), 2, 2).labels.tolist() == [[[0, 1], [0, 0]]]


def test_many_scenes_show_progress(capsys: pytest.CaptureFixture) -> None:
    scene = Scene(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8))
    load(Scenes.of([scene] * 100, CITYSCAPES), 2, 2)
    assert capsys.readouterr().err == ""
    load(Scenes.of([scene] * 101, CITYSCAPES), 2, 2)
    assert "101/101" in capsys.readouterr().err


def test_the_digest_of_a_folder_follows_its_files(prepared: Path, folder: Path) -> None:
    digest = open_scenes(str(prepared)).training.digest()
    assert open_scenes(str(folder)).training.digest() == digest
    os.utime(folder / PREPARED, (0, 0))  # every file looks as if it had changed
    assert open_scenes(str(folder)).training.digest() == digest
    path = folder / TRAINING / "labels" / "s1.png"
    path.write_bytes(to_png(some_scene(8).labels, 6))
    scenes = open_scenes(str(folder))
    assert scenes.training.digest() != digest and np.array_equal(
        scenes.training.scene(1).labels, some_scene(8).labels
    )


def test_pairs_that_the_user_adds_count(folder: Path) -> None:
    for kind in ("photos", "labels", "instances"):
        shutil.copy(folder / TEST / kind / "s4.png", folder / TRAINING / kind / "mine.png")
    assert open_scenes(str(folder)).training.names == ("mine", "s0", "s1", "s2")


def test_validation_dataset_is_read_as_well(folder: Path) -> None:
    digest = open_scenes(str(folder)).validation.digest()
    (folder / VALIDATION).rename(folder / SPELT_RIGHT)
    assert open_scenes(str(folder)).validation.digest() == digest
    (folder / VALIDATION).mkdir()
    refused(folder, "holds both validatation_dataset and validation_dataset; remove one")


def test_a_folder_that_is_missing_or_no_data(tmp_path: Path, folder: Path) -> None:
    refused(tmp_path / "nowhere", "there is no folder '.*nowhere' of scenes; make it with .*--output .*nowhere")
    refused(Path("a\0b"), "there is no folder")
    refused(Path("drawn:99999"), "data 'drawn:99999' is not `drawn:N` with so many scenes to learn, from 1 to 9999")
    refused(tmp_path / ("x" * 5000), "there is no folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no prepared scenes; make them with")
    (folder / PREPARED).unlink()
    refused(folder, "is half made: it has no prepared.json, .*start prepare again with the same source")


@pytest.mark.parametrize("kind", ["photos", "labels"])
def test_an_account_of_a_scene_without_its_files(folder: Path, kind: str) -> None:
    about = json.loads((folder / PREPARED).read_text())
    del about["scenes"][0]["files"][kind]
    (folder / PREPARED).write_text(json.dumps(about))
    refused(folder, "prepared.json is damaged or of another version; prepare the data again")


@pytest.mark.parametrize("part", [TRAINING, VALIDATION])
def test_a_part_without_scenes(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    text = (folder / PREPARED).read_text()
    about = json.loads(text)
    about["scenes"] = [record for record in about["scenes"] if record["part"] != part]
    (folder / PREPARED).write_text(json.dumps(about))
    refused(folder, f"{part} has no scenes, and some are needed; prepare data that has them")


def test_no_test_part_is_an_empty_one(folder: Path) -> None:
    shutil.rmtree(folder / TEST)
    about = json.loads((folder / PREPARED).read_text())
    about["scenes"] = [record for record in about["scenes"] if record["part"] != TEST]
    (folder / PREPARED).write_text(json.dumps(about))
    assert len(open_scenes(str(folder)).test) == 0


@pytest.mark.parametrize("kind", ["photos", "labels", "instances"])
def test_a_partner_that_is_missing(folder: Path, kind: str) -> None:
    (folder / TRAINING / kind / "s1.png").unlink()
    refused(folder, f"training_dataset/{kind}/s1.png, the partner of .*s1.png, is missing; put it back")


def test_a_scene_that_is_missing(folder: Path) -> None:
    for kind in ("photos", "labels", "instances"):
        (folder / TRAINING / kind / "s1.png").unlink()
    refused(folder, "training_dataset/photos/s1.png, which prepared.json lists, is missing")


def test_files_that_were_spoilt_since(folder: Path) -> None:
    labels, photo, instances = (folder / TRAINING / kind / "s1.png" for kind in ("labels", "photos", "instances"))
    good = some_scene(1)
    for path, data, message in (
        (labels, to_png(good.labels[:-2], 6), "photo 'training.*/photos/s1.png'.*40x30.*labels/s1.png.* 40x28"),
        (instances, png16(good.instances[:, :-2]), "has 40x30 pixels and .*instances/s1.png'.* 38x30"),
        (labels, to_png(good.labels + 20, 6), "labels/s1.png' in .* holds the ids 43, 46, which the palette"),
        (labels, png16(good.instances), "labels/s1.png' in .* holds the ids 26000, 26001, which"),
        (labels, to_png(good.photo, 6), "labels/s1.png' in .* is in colours"),
        (photo, photo.read_bytes()[:-200], "photos/s1.png' in .* is damaged or no PPM"),
        (labels, header_of_png(60_000, 60_000), "labels/s1.png' in .* has more than 67,108,864 pixels"),
        (photo, header_of_png(60_000, 60_000), "photos/s1.png' in .* has more than 67,108,864 pixels"),
    ):  # fmt: skip
        before = path.read_bytes()
        path.write_bytes(data)
        refused(folder, message)
        path.write_bytes(before)
    assert len(open_scenes(str(folder)).training) == 3


@pytest.mark.parametrize("text", [
    "no json", "[]", '{"format": 9, "scenes": []}', '{"format": 1, "scenes": [{"part": "a"}]}',
    '{"format": 1, "scenes": [{"part": "test_dataset", "files": {}, "name": 1, "stamp": 1, "size": [Infinity, 1]}]}',
    "[" * 100_000, "\ud800",
])  # fmt: skip
def test_a_damaged_description(folder: Path, text: str) -> None:
    (folder / PREPARED).write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(folder, "prepared.json.* is damaged")


def test_a_palette_that_lost_an_id_since(folder: Path) -> None:
    about = json.loads((folder / "palette.json").read_text())
    lost = max(int(k) for record in json.loads((folder / PREPARED).read_text())["scenes"] for k in record["pixels"])
    about["classes"] = [one for one in about["classes"] if one["id"] != lost]
    (folder / "palette.json").write_text(json.dumps(about))
    refused(folder, f"labels/s[0-9].png holds the id {lost}, which the palette")


def test_a_damaged_palette(folder: Path) -> None:
    (folder / "palette.json").write_text("{}")
    refused(folder, "palette.json is no palette")
    (folder / "palette.json").unlink()
    refused(folder, "'palette.json' in .* is missing")


def test_other_files_do_not_matter(folder: Path) -> None:
    for name in ("photos/.DS_Store", "photos/.hidden.png", "labels/notes.txt", "README"):
        (folder / TRAINING / name).write_bytes(b"")
    assert len(open_scenes(str(folder)).training) == 3
