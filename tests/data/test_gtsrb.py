import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from gan.data.gtsrb import read_signs, read_source, write_signs
from gan.data.gtsrb_archives import FIRST_ZIP, TEST_ZIP, TRAINING_ZIP, TRUTH_ZIP
from gan.data.labelled import LabelledImages, join
from gan.data.pickles import write_pickle
from gan.data.signs import GTSRB, TRAINING_COUNTS
from gan.errors import UserError
from tests.made_up_gtsrb import (
    TEST,
    TRAINING,
    line,
    official_zips,
    same,
    some_signs,
    test_files,
    training_files,
    truth_files,
    write_tree,
    write_zip,
)

test_files.__test__ = False

REAL = Path(__file__).parents[3] / "shared" / "data" / "gtsrb"
TABLE = f"{TRAINING}/00017/GT-00017.csv"


def refused(message: str, path: Path) -> str:
    with pytest.raises(UserError, match=message) as error:
        read_source(path)
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text and str(path) in text
    return text


def changed(folder: Path, old: str, new: str, table: str = TABLE) -> Path:
    """An extracted tree with one thing in one table changed."""
    files = training_files()
    text = files[table].decode()
    assert old in text
    return write_tree(folder, files | {table: text.replace(old, new, 1).encode()})


def test_the_official_zips(tmp_path: Path) -> None:
    found = read_source(official_zips(tmp_path / "zips"))
    train, test = found.train, found.test
    assert (
        found.notes[0].startswith("These are 21 of the 39,209 training images")
        and len(train) == 21
        and train.images.shape == (21, 32, 32, 3)
    )
    assert {name: array.dtype for name, array in train.arrays.items()} == {
        "images": np.uint8, "labels": np.uint8, "tracks": np.int32, "sizes": np.uint8, "coords": np.uint8,
    }  # fmt: skip
    assert train.labels.tolist() == [0] * 6 + [17] * 9 + [42] * 6
    # In the order of class and track number, whatever the order of the table.
    assert train.tracks.tolist() == np.repeat([0, 1, 2, 4, 3, 6, 5], 3).tolist()
    assert train.sizes[:3].tolist() == [[15, 250], [250, 15], [250, 250]]
    assert train.coords[:2].tolist() == [[2, 3, 12, 248], [2, 3, 247, 13]]
    zips = {TEST_ZIP: "c7e4e632", TRUTH_ZIP: "fe31e9c9"}
    for note, (name, digest) in zip(found.notes[1:], zips.items(), strict=True):
        assert f"{name} is not the published file" in note and f"published is {digest}" in note
    assert test.labels.tolist() == [0, 4, 7] and test.tracks.tolist() == [-1] * 3
    assert test.sizes.tolist() == [[20, 60], [24, 56], [27, 53]]


def test_the_whole_image_is_shown_whatever_its_shape(tmp_path: Path) -> None:
    train = read_source(official_zips(tmp_path)).train
    # Red on the left and blue on the right, up to the borders.
    left, right = train.images[:, :, :14].astype(int), train.images[:, :, 18:].astype(int)
    assert (left[..., 0].mean((1, 2)) - left[..., 2].mean((1, 2)) > 50).all()
    assert (right[..., 2].mean((1, 2)) - right[..., 0].mean((1, 2)) > 50).all()


def test_zips_and_extracted_folders_give_the_same(tmp_path: Path) -> None:
    files = training_files() | test_files() | truth_files()
    zips = read_source(official_zips(tmp_path / "zips"))
    short = {name.removeprefix("GTSRB/"): content for name, content in files.items()}
    for path in (
        write_tree(tmp_path / "tree", files),
        write_tree(tmp_path / "short", short),
        write_tree(tmp_path / "deep" / "down" / "here", files).parents[1],
        write_zip(tmp_path / "all.zip", files | {"__MACOSX/GTSRB/Final_Training/Images/00000/._GT-00000.csv": b"x"}),
    ):
        found = read_source(path)
        assert same(found.train, zips.train) and same(found.test, zips.test)


def test_images_that_are_resized_already_are_kept_as_they_are(tmp_path: Path) -> None:
    files = training_files(resized=True)
    found = read_source(write_tree(tmp_path, files))
    images = [name for name in sorted(files) if name.endswith(".ppm")]
    raw = {np.frombuffer(files[name][-3072:], np.uint8).tobytes() for name in images}
    assert {image.tobytes() for image in found.train.images} == raw
    assert found.train.sizes[:3].tolist() == [[15, 250], [250, 15], [250, 250]]
    assert any(note.startswith("18 of 21 training images have another size than their table") for note in found.notes)


def test_one_zip_gives_one_part_and_says_what_is_missing(tmp_path: Path) -> None:
    zips = official_zips(tmp_path)
    found = read_source(zips / TRAINING_ZIP)
    assert len(found.train) == 21 and found.test is None
    assert f"There is no test set: {TEST_ZIP} and {TRUTH_ZIP} missing." in found.notes
    (zips / TRUTH_ZIP).unlink()
    assert f"There is no test set: {TRUTH_ZIP} missing." in read_source(zips).notes
    refused(f"holds no GTSRB training images; it should hold {TRAINING_ZIP}", zips / TEST_ZIP)


def test_sources_that_hold_nothing(tmp_path: Path) -> None:
    refused("does not exist", tmp_path / "nowhere")
    refused("holds no GTSRB training images", tmp_path)
    refused("no zip archive or is damaged", write_tree(tmp_path, {"some.zip": b"hello"}) / "some.zip")
    refused("holds no GTSRB training images", write_zip(tmp_path / "other.zip", {"readme.txt": b"hello"}))


def test_the_same_images_twice(tmp_path: Path) -> None:
    write_tree(tmp_path / "a", training_files())
    write_tree(tmp_path / "b", training_files())
    refused("holds the training images more than once, in 'a/GTSRB.*' and 'b/GTSRB", tmp_path)


def test_two_tables_of_the_test_images(tmp_path: Path) -> None:
    files = training_files() | test_files() | truth_files() | {f"{TEST}/GT-final_test.csv": b""}
    refused("two tables of the test images", write_tree(tmp_path, files))


def first_stage(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.replace("Final_Training/Images", "Training"): content for name, content in files.items()}


def test_the_archive_of_the_first_stage(tmp_path: Path) -> None:
    whole = read_source(write_zip(tmp_path / TRAINING_ZIP, training_files()))
    found = read_source(write_zip(tmp_path / FIRST_ZIP, first_stage(training_files())))
    assert same(found.train, whole.train)
    assert any("21 of the 39,209 training images" in note and TRAINING_ZIP in note for note in found.notes)
    assert any(f"{FIRST_ZIP} is not the published file" in note for note in found.notes)
    # Beside the whole archive, that one counts.
    write_zip(tmp_path / FIRST_ZIP, {"GTSRB/Training/00000/GT-00000.csv": b""})
    assert same(read_source(tmp_path).train, whole.train)


def test_a_missing_table_costs_sizes_and_boxes_only(tmp_path: Path) -> None:
    files = training_files()
    del files[TABLE]
    found = read_source(write_tree(tmp_path, files))
    assert found.train.labels.tolist() == [0] * 6 + [17] * 9 + [42] * 6
    assert (found.train.sizes.all(1) == (found.train.labels != 17)).all()
    assert any(f"{TABLE!r} in {tmp_path} is missing: the original sizes" in note for note in found.notes)


def test_a_missing_image(tmp_path: Path) -> None:
    files = training_files()
    name = f"{TRAINING}/00017/00005_00001.ppm"
    del files[name]
    refused(f"'{TABLE}' in .*, line 6 names '{name}' in .*, which is missing", write_tree(tmp_path / "x", files))
    zips = official_zips(tmp_path)
    write_zip(zips / TEST_ZIP, {key: c for key, c in test_files().items() if key != f"{TEST}/00004.ppm"})
    refused(rf"'GT-final_test.csv' in .*, line 3 names '{TEST}/00004.ppm' in .*{TEST_ZIP}", zips)


def first_row() -> str:
    return training_files()[TABLE].decode().splitlines()[1]


def with_label(label: str) -> tuple[str, str]:
    return first_row(), first_row().rpartition(";")[0] + ";" + label


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (*with_label("43"), "line 2: class '43' is none of 0-42"),
        (*with_label("16"), "line 2: class 16 contradicts the folder 00017"),
        (*with_label("1" * 5000), "line 2: class '1+' is none of"),
        (*with_label("٣"), "line 2: class '٣' is none of"),
        ("ClassId", "Class", "should have the columns Filename and ClassId"),
        ("00000_00001.ppm", "00000_00000.ppm", "line 3: the image '00000_00000.ppm' is there twice"),
        ("00000_00000.ppm", "../00000/00000_00000.ppm", "line 2 names .*, which is missing"),
    ],
)
def test_tables_that_contradict_themselves(tmp_path: Path, old: str, new: str, message: str) -> None:
    refused(f"'{TABLE}' in .*{message}", changed(tmp_path, old, new))


@pytest.mark.parametrize(
    ("numbers", "size", "box"),
    [
        ("70000;20;1;1;5;5", [0, 0], [0, 0, 0, 0]),
        ("0;20;0;1;0;5", [0, 0], [0, 0, 0, 0]),
        ("wide;20;1;1;5;5", [0, 0], [0, 0, 0, 0]),
        ("20", [0, 0], [0, 0, 0, 0]),
        ("67;41;5;1;5;5", [67, 41], [0, 0, 0, 0]),
        ("67;41;1;1;68;5", [67, 41], [0, 0, 0, 0]),
        ("67;41;-1;1;5;5", [67, 41], [0, 0, 0, 0]),
    ],
)
def test_impossible_sizes_and_boxes_are_left_out(tmp_path: Path, numbers: str, size: list, box: list) -> None:
    assert first_row() == line("00000_00000.ppm", 67, 41, 17)
    columns = "Filename;ClassId;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2"
    lines = training_files()[TABLE].decode().splitlines()
    rows = [";".join((row.split(";")[0], row.split(";")[-1], *row.split(";")[1:-1])) for row in lines[1:]]
    table = "\n".join([columns, f"00000_00000.ppm;17;{numbers}", *rows[1:]]).encode()
    found = read_source(write_tree(tmp_path, training_files() | {TABLE: table}))
    assert found.train.sizes[6].tolist() == size and found.train.coords[6].tolist() == box
    what = "boxes" if size[0] else "sizes"
    assert any(note.startswith(f"The {what} of 1 training images are left out") for note in found.notes)
    assert any(f"first: {TABLE!r} in {tmp_path}, line 2" in note for note in found.notes)


def test_sizes_of_more_than_a_byte(tmp_path: Path) -> None:
    row = line("00000_00000.ppm", 40_000, 300, 17)
    found = read_source(changed(tmp_path / "x", first_row(), row))
    assert found.train.sizes[6].tolist() == [40_000, 300] and found.train.coords[6].tolist() == [2, 3, 39_997, 298]
    write_signs(tmp_path / "x.p", found.train)
    assert same(read_signs(tmp_path / "x.p"), found.train)
    with (tmp_path / "x.p").open("rb") as file:
        plain = pickle.load(file)
    assert plain["sizes"].dtype == plain["coords"].dtype == np.uint16


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"Filename;ClassId\n", b'"' + b"x" * 200_000])
def test_tables_that_are_none(tmp_path: Path, content: bytes) -> None:
    refused(f"'{TABLE}' in ", write_tree(tmp_path, training_files() | {TABLE: content}))


def test_a_class_that_there_is_not(tmp_path: Path) -> None:
    files = {f"{TRAINING}/00043/00000_00000.ppm": b""}
    refused("'.*00043' in .* is a class that GTSRB does not have", write_tree(tmp_path, files))


def test_names_without_a_track(tmp_path: Path) -> None:
    path = f"{TRAINING}/00017/"
    files = training_files()
    files[path + "sign.ppm"] = files.pop(path + "00000_00000.ppm")
    files[TABLE] = files[TABLE].replace(b"00000_00000.ppm", b"sign.ppm")
    found = read_source(write_tree(tmp_path, files))
    assert found.train.tracks[6] == -1 and (np.delete(found.train.tracks, 6) >= 0).all()
    assert any(note.startswith("The tracks of 1 training images are not known") for note in found.notes)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_damaged_or_huge_image(tmp_path: Path, kind: str) -> None:
    name = f"{TRAINING}/00017/00005_00001.ppm"
    good = training_files()
    for i, (content, message) in enumerate(
        [(good[name][:-10], "is damaged"), (b"P6 60000 60000 255\n", "more than 67,108,864 pixels")]
    ):
        files = good | {name: content}
        path = write_zip(tmp_path / f"{i}.zip", files) if kind == "zip" else write_tree(tmp_path / str(i), files)
        refused(f"^'{name}' in .*{message}", path)


def test_written_and_read(tmp_path: Path) -> None:
    signs = some_signs()
    write_signs(tmp_path / "train.p", signs)
    assert same(read_signs(tmp_path / "train.p"), signs)
    with (tmp_path / "train.p").open("rb") as file:
        plain = pickle.load(file)
    assert {name: array.dtype.str for name, array in plain.items()} == {
        "features": "|u1", "labels": "|u1", "sizes": "|u1", "coords": "|u1", "tracks": "<i4",
    }  # fmt: skip


def well_known(count: int, seed: int) -> dict[str, np.ndarray]:
    signs = some_signs(count, seed)
    return {"features": signs.images, "labels": signs.labels, "sizes": signs.sizes, "coords": signs.coords}


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_well_known_pickles(tmp_path: Path, kind: str) -> None:
    parts = {"train.p": well_known(5, 0), "valid.p": well_known(3, 1), "test.p": well_known(4, 2)}
    files = {f"data/{name}": pickle.dumps(arrays, 4) for name, arrays in parts.items()}
    found = read_source(write_zip(tmp_path / "x.zip", files) if kind == "zip" else write_tree(tmp_path, files))
    assert len(found.train) == 8 and len(found.test) == 4 and found.notes == ()
    np.testing.assert_array_equal(
        found.train.images, np.concatenate([parts["train.p"]["features"], parts["valid.p"]["features"]])
    )
    assert (found.train.tracks == -1).all() and found.train.tracks.dtype == np.int32


def test_pickles_of_this_project_keep_their_tracks(tmp_path: Path) -> None:
    a, b = some_signs(5, 0), some_signs(3, 1)
    write_signs(tmp_path / "train.p", a)
    assert same(read_source(tmp_path).train, a)
    assert read_source(tmp_path).notes == (f"There is no test set: {tmp_path} holds no test.p.",)
    assert same(read_source(tmp_path / "train.p").train, a)
    write_signs(tmp_path / "valid.p", b)
    assert same(read_source(tmp_path).train, join(a, b))


def test_the_same_pickle_twice(tmp_path: Path) -> None:
    files = {f"{name}/train.p": pickle.dumps(well_known(2, 0)) for name in "ab"}
    refused("holds 'a/train.p' and 'b/train.p'", write_tree(tmp_path, files))


def test_only_features_and_labels_are_needed(tmp_path: Path) -> None:
    signs = some_signs()
    write_pickle(tmp_path / "x.p", {"features": signs.images, "labels": signs.labels.astype(np.int64)})
    read = read_signs(tmp_path / "x.p")
    assert read.labels.dtype == np.uint8 and np.array_equal(read.labels, signs.labels)
    assert not read.sizes.any() and read.sizes.shape == (6, 2) and read.sizes.dtype == np.uint8
    assert not read.coords.any() and read.coords.shape == (6, 4)
    assert (read.tracks == -1).all()


GOOD = {
    "features": np.zeros((4, 32, 32, 3), np.uint8),
    "labels": np.zeros(4, np.uint8),
    "sizes": np.zeros((4, 2), np.uint8),
    "coords": np.zeros((4, 4), np.uint8),
    "tracks": np.zeros(4, np.int32),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": None}, "has no array 'features'"),
        ({"labels": None}, "has no array 'labels'"),
        ({"features": np.zeros((0, 32, 32, 3), np.uint8)}, "has features of uint8"),
        ({"features": np.zeros((4, 28, 28, 3), np.uint8)}, r"has features of uint8 \(4, 28, 28, 3\) and not"),
        ({"features": np.zeros((4, 32, 32), np.uint8)}, "has features of uint8"),
        ({"features": np.zeros((4, 3, 32, 32), np.uint8)}, "has features of uint8"),
        ({"features": np.array(1, np.uint8)}, "has features of uint8"),
        ({"features": np.zeros((4, 32, 32, 3), np.float32)}, "has features of float32"),
        ({"features": np.zeros((5, 32, 32, 3), np.uint8)}, r"has labels of shape \(4,\) for 5 images"),
        ({"labels": np.zeros((4, 43), np.uint8)}, "has labels of shape"),
        ({"labels": np.array([0, 1, 42, 43])}, "has labels other than whole numbers from 0 to 42"),
        ({"labels": np.array([0, 1, 42, -1])}, "has labels other than whole numbers from 0 to 42"),
        ({"labels": np.zeros(4)}, "has labels other than whole numbers from 0 to 42"),
    ],
)
def test_pickles_that_are_no_signs(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "train.p"
    write_pickle(path, {key: array for key, array in (GOOD | change).items() if array is not None})
    with pytest.raises(UserError, match=f"^{re.escape(str(path))} {message}") as error:
        read_signs(path)
    text = str(error.value)
    assert "\n" not in text and text.endswith("; use a file made by prepare.")
    with pytest.raises(UserError, match=f"'train.p' in {re.escape(str(tmp_path))} {message}"):
        read_source(tmp_path)


@pytest.mark.parametrize(
    ("key", "values", "rule"),
    [
        ("sizes", np.zeros((4, 3), np.uint8), "from 0 to 65,535 of shape (4, 2)"),
        ("sizes", np.full((4, 2), 2**16), "from 0 to 65,535 of shape (4, 2)"),
        ("coords", np.full((4, 4), -1), "from 0 to 65,535 of shape (4, 4)"),
        ("coords", np.zeros((4, 4)), "from 0 to 65,535 of shape (4, 4)"),
        ("tracks", np.full(4, 2**40), "from -1 to 2,147,483,646 of shape (4,)"),
        ("tracks", np.zeros(5, np.int32), "from -1 to 2,147,483,646 of shape (4,)"),
    ],
)
def test_what_training_does_not_need_is_left_out(tmp_path: Path, key: str, values: np.ndarray, rule: str) -> None:
    path, notes = tmp_path / "train.p", []
    write_pickle(path, GOOD | {key: values})
    signs = read_signs(path, notes)
    assert notes == [f"The {key} in {path} are left out: they are not whole numbers {rule}."]
    assert (getattr(signs, key) == (-1 if key == "tracks" else 0)).all() and len(getattr(signs, key)) == 4
    assert any(f"The {key} in 'train.p' in {tmp_path} are left out" in note for note in read_source(tmp_path).notes)


@pytest.mark.parametrize("kind", [np.int64, np.uint32, ">i2", np.uint16])
def test_sizes_of_any_integer_type_are_read_and_written_as_small_as_they_fit(tmp_path: Path, kind: type) -> None:
    for largest, stored in ((255, np.uint8), (266, np.uint16)):
        arrays = GOOD | {"sizes": np.full((4, 2), largest, kind), "coords": np.full((4, 4), 10, kind)}
        (tmp_path / "a.p").write_bytes(pickle.dumps(arrays, 4))
        signs = read_signs(tmp_path / "a.p")
        write_signs(tmp_path / "b.p", signs)
        with (tmp_path / "b.p").open("rb") as file:
            plain = pickle.load(file)
        assert plain["sizes"].dtype == stored and plain["sizes"].tolist() == [[largest] * 2] * 4
        assert plain["coords"].dtype == np.uint8 and same(read_signs(tmp_path / "b.p"), signs)


def test_signs_that_views_make_are_written(tmp_path: Path) -> None:
    signs = some_signs(6)
    flipped = LabelledImages(*(array[::-1] for array in signs.arrays.values()), GTSRB)
    write_signs(tmp_path / "x.p", flipped)
    assert same(read_signs(tmp_path / "x.p"), flipped)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real archives are on development machines only")
def test_the_real_archives() -> None:
    found = read_source(REAL)
    assert tuple(found.train.counts()) == TRAINING_COUNTS and len(found.test) == 6315
    assert len(np.unique(found.train.tracks)) == 1307 and found.train.tracks.min() == 0
    # One sign has one class, and 30 frames (29 in one case).
    assert len(np.unique(np.stack([found.train.tracks, found.train.labels]), axis=1).T) == 1307
    assert sorted(set(np.bincount(found.train.tracks))) == [29, 30]
    assert found.train.digest() == "053eefd814e895a0"
    assert found.test.sizes.max() == 266 and found.test.sizes.dtype == np.uint16
