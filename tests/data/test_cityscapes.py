import contextlib
from pathlib import Path

import numpy as np
import pytest

from gan.data.cityscapes import (
    BROKEN,
    COARSE_ZIP,
    EXTRA_ZIP,
    FINE_ZIP,
    PHOTOS_ZIP,
    find_cityscapes,
    validation_cities,
)
from gan.data.folder import TEST, TRAINING, VALIDATION, open_folder
from gan.data.folder_writer import write_folder
from gan.data.palettes import CITYSCAPES
from gan.errors import UserError
from tests.made_up_gtsrb import encoded, write_tree, write_zip
from tests.made_up_scenes import (
    cityscapes_files,
    cityscapes_scene,
    header_of_png,
    image,
    official_zips,
    png16,
    some_scene,
)

# Scenes of the cities of the official training part.
OFFICIAL = {
    "aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221, "erfurt": 109,
    "hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94, "strasbourg": 365,
    "stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122,
}  # fmt: skip


FINE = "gtFine/train/aachen/aachen_000001_000019_gtFine_"
NAMES = (
    "leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit.png",
    f"{FINE}labelIds.png",
    f"{FINE}instanceIds.png",
)


def found(path: Path, coarse: bool = False) -> tuple[dict[str, str], tuple[str, ...]]:
    """Part by name, and the notes."""
    with contextlib.ExitStack() as stack:
        scenes = find_cityscapes(path, coarse, stack)
        return {item.name: item.part for item in scenes.items}, scenes.notes


def prepared(path: Path, output: Path, coarse: bool = False):
    with contextlib.ExitStack() as stack:
        write_folder(output, find_cityscapes(path, coarse, stack).items, CITYSCAPES, {})
    return open_folder(str(output))


def test_the_official_cities_are_split_as_the_docstring_says() -> None:
    assert sum(OFFICIAL.values()) == 2975
    cities = validation_cities(OFFICIAL)
    assert cities == {"aachen", "erfurt", "jena"}
    assert 0.10 <= sum(OFFICIAL[city] for city in cities) / 2975 <= 0.15


def test_at_least_one_city_on_each_side() -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        scenes = {f"city{k}": int(random.integers(1, 400)) for k in range(random.integers(2, 8))}
        assert 0 < len(validation_cities(scenes)) < len(scenes)
    assert validation_cities({"a": 50, "b": 3, "c": 47}) == {"b"}


def test_official_train_is_split_by_city_and_val_becomes_test(tmp_path: Path) -> None:
    parts, notes = found(official_zips(tmp_path / "zips"))
    assert {name.partition("_")[0]: part for name, part in parts.items()} == {
        "aachen": TRAINING,
        "bochum": VALIDATION,
        "frankfurt": TEST,
    }
    assert len(parts) == 8 and notes == ("Cities of the validation part: bochum.",)


def test_zips_folders_and_anything_in_between_are_the_same(tmp_path: Path) -> None:
    photos, fine = cityscapes_files()
    zips = official_zips(tmp_path / "zips")
    write_tree(tmp_path / "tree", photos | fine)
    write_tree(tmp_path / "own" / PHOTOS_ZIP.removesuffix(".zip"), photos)
    write_zip(tmp_path / "own" / FINE_ZIP, fine)
    write_tree(tmp_path / "deep" / "some" / "where", photos | fine)
    write_zip(tmp_path / "one.zip", photos | fine)
    wanted = found(zips)
    for path in ("tree", "own", "deep", "one.zip", f"zips/{PHOTOS_ZIP}"):
        assert found(tmp_path / path) == wanted, path
    write_tree(zips, photos | fine)  # what was extracted beside the archives is not taken twice
    assert found(zips) == wanted


def test_what_is_written(tmp_path: Path) -> None:
    photos, _ = cityscapes_files()
    scenes = prepared(official_zips(tmp_path / "zips"), tmp_path / "data")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [4, 2, 2]
    wanted = some_scene(0 + len("aachen"))
    scene = scenes.training.scene(0)
    assert scenes.training.names[0] == "aachen_000000_000019"
    assert np.array_equal(scene.photo, wanted.photo) and np.array_equal(scene.labels, wanted.labels)
    # Numbers below 1000 in instanceIds are classes of what is not counted.
    assert np.array_equal(scene.instances, wanted.instances) and scene.instances.dtype == np.uint16
    kept = tmp_path / "data" / TRAINING / "photos" / "aachen_000000_000019.png"
    assert kept.read_bytes() == photos["leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"]


def coarse_zips(folder: Path) -> Path:
    official_zips(folder)
    photos, coarse = {}, {}
    for number, city in enumerate(("bad-honnef", "troisdorf")):
        for files, more in zip((photos, coarse), cityscapes_scene("train_extra", city, 73 * number, "gtCoarse"),
                               strict=True):  # fmt: skip
            files |= more
    coarse |= cityscapes_scene("train", "aachen", 0, "gtCoarse")[1]  # of a scene that has fine ones
    write_zip(folder / EXTRA_ZIP, photos)
    write_zip(folder / COARSE_ZIP, coarse)
    return folder


def test_coarse_annotations_are_added_to_the_training_part(tmp_path: Path) -> None:
    fine, _ = found(coarse_zips(tmp_path / "zips"))
    both, notes = found(tmp_path / "zips", coarse=True)
    assert both == fine | {"bad-honnef_000000_000019": TRAINING} | {"troisdorf_000073_000019": TRAINING}
    assert len(notes) == 1
    photo, coarse = ({name.replace("000073_000019", "000000_000073"): data for name, data in files.items()}
                     for files in cityscapes_scene("train_extra", "troisdorf", 73, "gtCoarse"))  # fmt: skip
    write_zip(tmp_path / "zips" / EXTRA_ZIP, photo)
    write_zip(tmp_path / "zips" / COARSE_ZIP, coarse | cityscapes_scene("train_extra", "x", 1, "gtCoarse")[1])
    with pytest.raises(UserError, match="x_000001_000019 in .* has no photo"):
        found(tmp_path / "zips", coarse=True)
    write_zip(tmp_path / "zips" / EXTRA_ZIP, photo | cityscapes_scene("train_extra", "x", 1, "gtCoarse")[0])
    both, notes = found(tmp_path / "zips", coarse=True)
    assert both == fine | {"x_000001_000019": TRAINING}
    assert notes[-1] == f"{next(iter(BROKEN))} is left out: its official photo is a black picture."


def test_one_city_only(tmp_path: Path) -> None:
    parts, notes = found(official_zips(tmp_path / "zips", training=("aachen",) * 4, validation=()))
    assert list(parts.values()) == [TRAINING] * 3 + [VALIDATION] and parts["aachen_000003_000019"] == VALIDATION
    assert "All training scenes are of aachen" in notes[0] and "There is no test part" in notes[1]
    with pytest.raises(UserError, match="2 training scenes are needed"):
        found(official_zips(tmp_path / "less", training=("aachen",)))


def test_archives_that_are_missing(tmp_path: Path) -> None:
    zips = official_zips(tmp_path / "zips")
    with pytest.raises(UserError, match=f"no train_extra scenes of {EXTRA_ZIP} and of {COARSE_ZIP}.*coarse=true"):
        found(zips, coarse=True)
    (zips / FINE_ZIP).unlink()
    with pytest.raises(UserError, match=f"no train scenes of {FINE_ZIP}; Cityscapes can't be downloaded") as e:
        found(zips)
    assert "\n" not in str(e.value) and str(e.value).endswith(".")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"no train scenes of {PHOTOS_ZIP} and of {FINE_ZIP}"):
        found(tmp_path / "empty")


def test_files_that_are_missing(tmp_path: Path) -> None:
    photos, fine = cityscapes_files()
    photo, labels, instances = NAMES
    for name, message in ((photo, "no photo"), (labels, r"no label map \(labelIds\)"), (instances, "no instanceIds")):
        files = {key: data for key, data in (photos | fine).items() if key != name}
        path = write_zip(tmp_path / "some.zip", files)
        with pytest.raises(UserError, match=f"aachen_000001_000019 in .*some.zip has {message}; get the archive"):
            found(path)
    without = {key: data for key, data in (photos | fine).items() if "instanceIds" not in key}
    scenes = prepared(write_zip(tmp_path / "some.zip", without), tmp_path / "data")
    assert not scenes.training.has_instances and scenes.training.scene(0).instances is None


def test_a_scene_that_is_there_twice(tmp_path: Path) -> None:
    photos, fine = cityscapes_files()
    files = photos | fine | {f"copy/{name}": data for name, data in photos.items()}
    with pytest.raises(UserError, match="holds aachen_000000_000019 twice"):
        found(write_zip(tmp_path / "some.zip", files))


def test_bad_files(tmp_path: Path) -> None:
    photos, fine = cityscapes_files()
    photo, labels, instances = NAMES
    good = some_scene(1 + len("aachen"))
    for number, (name, data, message) in enumerate((
        (photo, photos[photo][:-30], "_leftImg8bit.png' in .* is cut short or damaged"),
        (photo, header_of_png(60_000, 60_000), "_leftImg8bit.png' in .* has more than 67,108,864 pixels"),
        (photo, encoded(good.photo[:-4], "PNG"), "the photo .*leftImg8bit.png' in .* has 40x26 pixels and .* 40x30"),
        (labels, encoded(good.labels + 20, "PNG"), "labelIds.png' in .* holds the ids 43, 46, which the palette"),
        (labels, png16(good.instances), "labelIds.png' in .* holds the id 26001, and class ids go from 0 to 255"),
        (labels, encoded(good.photo, "PNG"), "labelIds.png' in .* is in colours"),
        (labels, fine[labels][:-30], "labelIds.png' in .* is damaged"),
        (labels, header_of_png(60_000, 60_000), "labelIds.png' in .* has more than"),
        (instances, png16(good.instances[:-4]), "instanceIds.png' in .*, which belongs to it, 40x26"),
    )):  # fmt: skip
        path = write_zip(tmp_path / "some.zip", photos | fine | {name: data})
        with pytest.raises(UserError, match=message) as error:
            prepared(path, tmp_path / f"data{number}")
        assert "\n" not in str(error.value) and str(error.value).endswith(".")
    with pytest.raises(UserError, match="leads out of it"):
        found(write_zip(tmp_path / "some.zip", photos | fine | {"../evil": b""}))


def test_a_photo_that_is_no_plain_png_becomes_one(tmp_path: Path) -> None:
    photos, fine = cityscapes_files()
    name = "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"
    grey = image(photos[name])[..., 0]
    scenes = prepared(write_zip(tmp_path / "a.zip", photos | fine | {name: encoded(grey, "PNG")}), tmp_path / "data")
    assert np.array_equal(scenes.training.scene(0).photo, grey[..., None].repeat(3, -1))
