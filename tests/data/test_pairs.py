import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.data.folder import TEST, TRAINING, VALIDATION, open_folder
from gan.data.folder_writer import write_folder
from gan.data.pairs import find_pairs
from gan.data.palettes import CAMVID, CITYSCAPES, generic
from gan.errors import UserError
from tests.made_up_gtsrb import encoded, write_tree, write_zip
from tests.made_up_scenes import camvid_names, header_of_png, image, pair_files, png16, some_scene

NAMES = [f"drive{k}_{frame:03d}" for k in range(3) for frame in range(2)]


def prepared(path: Path, output: Path, palette: str = "", size: tuple[int, int] | None = None):
    with contextlib.ExitStack() as stack:
        found = find_pairs(path, palette, stack)
        write_folder(output, found.items, found.palette, {}, size)
    return open_folder(str(output)), found.notes


def parts_of(path: Path, palette: str = "") -> dict[str, str]:
    with contextlib.ExitStack() as stack:
        return {item.name: item.part for item in find_pairs(path, palette, stack).items}


def refused(tmp_path: Path, files: dict[str, bytes], message: str, palette: str = "") -> None:
    refused.count = getattr(refused, "count", 0) + 1
    path = write_zip(tmp_path / "some.zip", files)
    with pytest.raises(UserError, match=message) as error:
        prepared(path, tmp_path / f"refused{refused.count}", palette)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


def scenes_by_name(scenes) -> dict:
    parts = (scenes.training, scenes.validation, scenes.test)
    return {name: part.scene(k) for part in parts for k, name in enumerate(part.names)}


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_photos_and_labels_in_two_folders(tmp_path: Path, form: str) -> None:
    files = pair_files(NAMES, form)
    scenes, notes = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / "data")
    assert scenes.palette == generic([7, 11, 23, 26]) and "Palette: generic, 4 classes" in notes[-1]
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [2, 2, 2]
    ending = {"PNG": "png", "JPEG": "jpg"}[form]
    for name, scene in scenes_by_name(scenes).items():
        # Nothing is lost: what a JPEG says is kept as a PNG.
        assert np.array_equal(scene.photo, image(files[f"photos/{name}.{ending}"]))
        assert np.array_equal(scene.labels, some_scene(NAMES.index(name)).labels) and scene.instances is None


def test_a_folder_is_read_like_a_zip(tmp_path: Path) -> None:
    files = pair_files(NAMES)
    packed, _ = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / "a")
    plain, _ = prepared(write_tree(tmp_path / "some", files), tmp_path / "b")
    assert packed.training.digest() == plain.training.digest()


def test_camvid_is_known_by_its_names(tmp_path: Path) -> None:
    files = {name: encoded(image(data) % 12, "PNG") if name.startswith("labels") else data
             for name, data in pair_files(camvid_names(), "JPEG").items()}  # fmt: skip
    scenes, notes = prepared(write_zip(tmp_path / "camvid.zip", files), tmp_path / "data")
    assert scenes.palette == CAMVID and len(scenes.training) == 6 and "share no sequence" in notes[0]


@pytest.mark.parametrize(
    ("photos", "labels"),
    [("photos", "labels"), ("a/images", "a/masks"), ("JPEGImages", "SegmentationClass"), ("x/img", "y/gt"),
     ("IMAGES", "Annotations")],
)  # fmt: skip
def test_usual_spellings(tmp_path: Path, photos: str, labels: str) -> None:
    files = pair_files(NAMES, photos=photos, labels=labels)
    files |= {f"__MACOSX/{photos}/._a.png": b"", f"{photos}/.DS_Store": b"", "README.md": b""}
    assert sorted(parts_of(write_zip(tmp_path / "some.zip", files))) == NAMES


def test_endings_of_label_maps(tmp_path: Path) -> None:
    for number, ending in enumerate(("_L", "_mask", "_labelIds", "_gtFine_labelIds")):
        files = {(name.replace(".png", f"{ending}.png") if name.startswith("labels") else name): data
                 for name, data in pair_files(NAMES).items()}  # fmt: skip
        assert sorted(parts_of(write_zip(tmp_path / f"{number}.zip", files))) == NAMES


@pytest.mark.parametrize("ending", ["_l", "_image", "_mask", "_gt"])
def test_equal_names_are_partners_whatever_they_end_with(tmp_path: Path, ending: str) -> None:
    files = {name.replace(".png", f"{ending}.png"): data for name, data in pair_files(NAMES).items()}
    assert sorted(parts_of(write_zip(tmp_path / "some.zip", files))) == [f"{name}{ending}" for name in NAMES]


def test_a_scene_beside_the_parts_that_the_source_has(tmp_path: Path) -> None:
    files = pair_files(["a_1", "a_2"], photos="photos/train", labels="labels/train")
    files |= pair_files(["b_1"], photos="photos/val", labels="labels/val") | pair_files(["extra/w_1"])
    refused(tmp_path, files, "some scenes stand under train, val or test and 'extra/w_1' does not; move it there")


def test_parts_that_the_source_has_are_kept(tmp_path: Path) -> None:
    wanted = {"a_1": TRAINING, "a_2": TRAINING, "b_1": VALIDATION, "c_1": TEST}
    layouts = [
        (("train/photos", "train/labels"), ("val/photos", "val/labels"), ("test/photos", "test/labels")),
        (("images/train", "masks/train"), ("images/val", "masks/val"), ("images/test", "masks/test")),
        (("train", "trainannot"), ("val", "valannot"), ("test", "testannot")),
        tuple((f"{part}/photos", f"{part}/labels") for part in (TRAINING, VALIDATION, TEST)),
    ]
    for number, ((p1, l1), (p2, l2), (p3, l3)) in enumerate(layouts):
        files = pair_files(["a_1", "a_2"], photos=p1, labels=l1)
        files |= pair_files(["b_1"], photos=p2, labels=l2) | pair_files(["c_1"], photos=p3, labels=l3)
        assert parts_of(write_zip(tmp_path / f"{number}.zip", files)) == wanted


def test_parts_that_the_source_lacks(tmp_path: Path) -> None:
    names = [f"s{k}_{frame}" for k in range(4) for frame in range(5)]
    files = pair_files(names, photos="train/a/images", labels="train/a/labels")
    scenes, notes = prepared(write_zip(tmp_path / "a.zip", files), tmp_path / "a")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [15, 5, 0]
    assert "cut from the training part" in notes[0] and "no test part" in notes[1]
    refused(tmp_path, pair_files(names, photos="val/images", labels="val/labels"), "the source has no training part")


def test_what_prepare_wrote_is_a_source_too(tmp_path: Path) -> None:
    files = pair_files(NAMES) | {"palette.json": CITYSCAPES.to_json().encode()}
    files |= {f"instances/{name}.png": png16(some_scene(k).instances) for k, name in enumerate(NAMES)}
    first, notes = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / "a")
    assert first.palette == CITYSCAPES and notes[-1] == "Palette: cityscapes, 34 classes."
    assert first.training.has_instances and np.array_equal(first.test.scene(0).instances, some_scene(2).instances)
    again, _ = prepared(tmp_path / "a", tmp_path / "b")
    for part in ("training", "validation", "test"):
        assert getattr(again, part).digest() == getattr(first, part).digest()


def test_names_are_made_safe_and_stay_different(tmp_path: Path) -> None:
    names = ["b/x:1", "a/x:1", "a/c d", "a/é", "a/y1", "a/y2"]
    assert sorted(parts_of(write_zip(tmp_path / "some.zip", pair_files(names)))) == sorted(
        ["b_x_1", "a_x_1", "a_c_d", "a_é", "a_y1", "a_y2"]
    )
    names = ["one/x", "one/y", "two/z"]
    assert sorted(parts_of(write_zip(tmp_path / "other.zip", pair_files(names)))) == ["x", "y", "z"]
    refused(tmp_path, pair_files(["x:1", "x;1", "y"]), "the scenes 'x:1' and 'x;1' would have one name; rename one")


def test_label_maps_in_colours(tmp_path: Path) -> None:
    files = {name: encoded(CITYSCAPES.colour(image(data)), "PNG") if name.startswith("labels") else data
             for name, data in pair_files(NAMES).items()}  # fmt: skip
    for palette in ("", "cityscapes"):
        scenes, _ = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / f"data{palette}", palette)
        assert scenes.palette == CITYSCAPES
        for name, scene in scenes_by_name(scenes).items():
            assert np.array_equal(scene.labels, some_scene(NAMES.index(name)).labels)
    refused(tmp_path, files, "holds the colour .* which the palette camvid lacks", "camvid")


def side_by_side(photo_first: bool, form: str = "JPEG") -> tuple[dict[str, bytes], list[np.ndarray]]:
    """Images as in the data sets of pix2pix, and their label maps."""
    files, maps = {}, []
    for k in range(4):
        scene = some_scene(k, 96, 64)
        photo = (scene.photo.astype(int) + np.arange(96)[:, None] // 2).clip(0, 255).astype(np.uint8)
        both = (photo, CITYSCAPES.colour(scene.labels))
        image = np.concatenate(both if photo_first else both[::-1], axis=1)
        files[f"facades/train/{k + 1}.jpg"] = encoded(image, form)
        maps.append(scene.labels)
    return files, maps


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("photo_first", [True, False])
def test_photo_and_label_map_side_by_side(tmp_path: Path, photo_first: bool, form: str) -> None:
    files, maps = side_by_side(photo_first, form)
    scenes, notes = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / "data")
    assert scenes.palette == CITYSCAPES and ("left" if photo_first else "right") in " ".join(notes)
    for name, scene in scenes_by_name(scenes).items():
        right = (scene.labels == maps[int(name) - 1]).mean()
        assert scene.size == (96, 64) and (right == 1 if form == "PNG" else right > 0.95)
    small, _ = prepared(tmp_path / "some.zip", tmp_path / "small", size=(32, 16))
    assert small.training.scene(0).size == (32, 16)


def test_no_pairs(tmp_path: Path) -> None:
    refused(tmp_path, {"README": b""}, "holds no pairs; it should hold photos/ and labels/")
    refused(tmp_path, {"labels/a.png": encoded(some_scene().labels, "PNG")}, "holds label maps and no photos")
    photos = {f"photos/{k}.png": encoded(some_scene(k).photo, "PNG") for k in range(3)}
    refused(tmp_path, photos, "are no pairs of photo and label map side by side; give photos and label maps")
    files, _ = side_by_side(True)
    files["facades/train/9.jpg"] = encoded(some_scene(0, 33).photo, "JPEG")
    refused(tmp_path, files, "some.zip is 33 pixels wide, and an image of two halves side by side has an even width")


def test_a_partner_that_is_missing(tmp_path: Path) -> None:
    files = pair_files(NAMES) | {f"instances/{name}.png": png16(some_scene().instances) for name in NAMES}
    for kind, lacks in (("photos", "photo"), ("labels", "label map"), ("instances", "map of instances")):
        some = {name: data for name, data in files.items() if name != f"{kind}/{NAMES[2]}.png"}
        refused(tmp_path, some, rf"{NAMES[2]}.png' in .* has no {lacks} of the same name \(1 of 6 have none\); add")


def test_two_files_for_one(tmp_path: Path) -> None:
    files = pair_files(NAMES)
    refused(tmp_path, files | {f"photos/{NAMES[0]}.bmp": b""}, "are two photos of one name; remove one of them")


def test_bad_files(tmp_path: Path) -> None:
    files, good, name = pair_files(NAMES), some_scene(0), NAMES[0]
    small = encoded(good.photo[:-4], "PNG")
    palette = generic([7, 11, 23]).to_json().encode()
    truncated = files[f"photos/{name}.png"][:-50]
    for changed, message in (
        ({f"photos/{name}.png": small}, f"photo 'photos/{name}.png' in .* has 40x26 pixels and 'labels/{name}.png'"),
        ({f"photos/{name}.png": truncated}, f"'photos/{name}.png' in .* is cut short or damaged; save it again"),
        ({f"labels/{name}.png": files[f"labels/{name}.png"][:-30]}, f"'labels/{name}.png' in .* is damaged"),
        ({"palette.json": palette}, "labels/.* holds the id 26, which the palette generic lacks .it has 7, 11, 23.;"),
        ({f"labels/{name}.png": header_of_png(60_000, 60_000)}, "has more than 67,108,864 pixels; make it smaller"),
        ({f"photos/{name}.png": header_of_png(60_000, 60_000)}, "has more than 67,108,864 pixels; make it smaller"),
        ({f"labels/{name}.png": png16(good.instances)}, "holds the id 26001, and class ids go from 0 to 255"),
        ({f"labels/{name}.png": encoded(good.photo, "PNG"), f"labels/{NAMES[-1]}.png": encoded(good.labels, "PNG")},
         "is in colours|holds the colour|more than 64 colours"),
        ({"../evil.png": b""}, "holds the file name '../evil.png', which leads out of it"),
        ({"palette.json": b"{}"}, "'palette.json' in .* is no palette"),
        ({"palette.json": b"\xff"}, "'palette.json' in .* is no palette: the file: invalid"),
    ):  # fmt: skip
        refused(tmp_path, files | changed, message)
    with pytest.raises(UserError, match="there are 2 scenes and 3 or more are needed"):
        parts_of(write_zip(tmp_path / "two.zip", pair_files(NAMES[:2])))


def test_something_measured_is_no_label_map(tmp_path: Path) -> None:
    depth = {f"labels/{name}.png": encoded(np.arange(1200).reshape(30, 40).astype(np.uint8), "PNG") for name in NAMES}
    refused(tmp_path, pair_files(NAMES) | depth, "hold 256 different values, too many for ids of classes")


def test_a_palette_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(generic([7, 11, 23, 26, 200], name="mine").to_json())
    path = write_zip(tmp_path / "some.zip", pair_files(NAMES))
    scenes, _ = prepared(path, tmp_path / "data", str(tmp_path / "mine.json"))
    assert scenes.palette.name == "mine" and scenes.palette.ids == (7, 11, 23, 26, 200)
    refused(tmp_path, pair_files(NAMES), "palette is cityscapes, camvid or the path of a palette.json, and 'x'", "x")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xff")
    refused(tmp_path, pair_files(NAMES), "bytes.json is no palette", str(tmp_path / "bytes.json"))
    refused(tmp_path, pair_files(NAMES), "can't be read", "a\0b")


def test_label_maps_with_a_palette_of_their_own_keep_their_ids(tmp_path: Path) -> None:
    def with_palette(data: bytes) -> bytes:
        picture, file = Image.fromarray(image(data), "P"), io.BytesIO()
        picture.putpalette(np.random.default_rng(0).integers(0, 256, 768).tolist())
        picture.save(file, "PNG")
        return file.getvalue()

    files = {name: with_palette(data) if name.startswith("labels") else data
             for name, data in pair_files(NAMES).items()}  # fmt: skip
    scenes, _ = prepared(write_zip(tmp_path / "some.zip", files), tmp_path / "data")
    assert scenes.palette.ids == (7, 11, 23, 26)
