import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from gan.data import gtsrb
from gan.data.gtsrb import read_signs, read_source, resized, write_signs
from gan.data.signs import TRAINING_COUNTS, Signs, join
from gan.data.writing import write_pickle
from gan.errors import UserError
from tests.made_up_gtsrb import (
    HEADER,
    TEST,
    TRAINING,
    encoded,
    line,
    official_zips,
    ppm,
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
    assert found.notes == ()
    assert len(train) == 21 and train.images.shape == (21, 32, 32, 3)
    assert {name: array.dtype for name, array in vars(train).items()} == {
        "images": np.uint8, "labels": np.uint8, "tracks": np.int32, "sizes": np.uint8, "coords": np.uint8,
    }  # fmt: skip
    assert train.labels.tolist() == [0] * 6 + [17] * 9 + [42] * 6
    # In the order of class and track number, whatever the order of the table.
    assert train.tracks.tolist() == np.repeat([0, 1, 2, 4, 3, 6, 5], 3).tolist()
    assert train.sizes[:3].tolist() == [[15, 250], [250, 15], [250, 250]]
    assert train.coords[:2].tolist() == [[2, 3, 12, 248], [2, 3, 247, 13]]
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


def test_a_fine_checkerboard_becomes_grey() -> None:
    board = np.indices((250, 250)).sum(0) % 2 * 255
    small = resized(np.repeat(board[..., None], 3, 2).astype(np.uint8))
    assert small.shape == (32, 32, 3) and small.dtype == np.uint8
    assert np.abs(small.astype(int) - 127).max() <= 4


@pytest.mark.parametrize("shape", [(15, 15), (15, 250), (250, 15), (31, 33), (243, 225)])
def test_resizing_keeps_the_mean_and_flat_colours(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), (10, 128, 250), np.uint8)
    assert (resized(flat) == (10, 128, 250)).all()
    ramp = np.broadcast_to(np.linspace(0, 255, shape[1])[None, :, None], (*shape, 3)).astype(np.uint8)
    assert abs(resized(ramp).mean() - ramp.mean()) < 1.5


def test_one_zip_gives_one_part_and_says_what_is_missing(tmp_path: Path) -> None:
    zips = official_zips(tmp_path)
    found = read_source(zips / gtsrb.TRAINING_ZIP)
    assert len(found.train) == 21 and found.test is None
    assert found.notes == (f"There is no test set: {gtsrb.TEST_ZIP} and {gtsrb.TRUTH_ZIP} missing.",)
    (zips / gtsrb.TRUTH_ZIP).unlink()
    assert read_source(zips).notes == (f"There is no test set: {gtsrb.TRUTH_ZIP} missing.",)
    refused(f"holds no GTSRB training images; it should hold {gtsrb.TRAINING_ZIP}", zips / gtsrb.TEST_ZIP)


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


def test_a_missing_table(tmp_path: Path) -> None:
    files = training_files()
    del files[TABLE]
    refused(f"'{TABLE}' in .* is missing", write_tree(tmp_path, files))


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_missing_image(tmp_path: Path, kind: str) -> None:
    files = training_files()
    name = f"{TRAINING}/00017/00005_00001.ppm"
    del files[name]
    path = write_zip(tmp_path / "x.zip", files) if kind == "zip" else write_tree(tmp_path / "x", files)
    refused(f"'{TABLE}' in .*, line 6 names '{name}' in .*, which is missing", path)


def test_a_missing_test_image(tmp_path: Path) -> None:
    zips = official_zips(tmp_path)
    files = test_files()
    del files[f"{TEST}/00004.ppm"]
    write_zip(zips / gtsrb.TEST_ZIP, files)
    refused(rf"'GT-final_test.csv' in .*, line 3 names '{TEST}/00004.ppm' in .*{gtsrb.TEST_ZIP}", zips)


def first_row() -> str:
    return training_files()[TABLE].decode().splitlines()[1]


def with_label(label: str) -> tuple[str, str]:
    return first_row(), first_row().rpartition(";")[0] + ";" + label


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (*with_label("43"), "line 2: class 43 is none of 0-42"),
        (*with_label("16"), "line 2: class 16 contradicts the folder 00017"),
        (*with_label("-1"), "line 2: not a file name and seven whole numbers"),
        (*with_label("1" * 5000), "line 2: not a file name and seven whole numbers"),
        (*with_label("17;0"), "line 2: not a file name and seven whole numbers"),
        (*with_label("٣"), "line 2: not a file name and seven whole numbers"),
        ("ClassId", "Class", "should have the columns Filename;Width"),
        ("00000_00001.ppm", "00000_00000.ppm", "line 3: the file name '00000_00000.ppm' is odd or there twice"),
        ("00000_00000.ppm", "../00000/00000_00000.ppm", "line 2: the file name '../00000.* is odd"),
        ("00000_00000.ppm", "/etc/passwd", "line 2: the file name '/etc/passwd' is odd"),
    ],
)
def test_tables_that_contradict_themselves(tmp_path: Path, old: str, new: str, message: str) -> None:
    refused(f"'{TABLE}' in .*{message}", changed(tmp_path, old, new))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ("300;20;1;1;5;5", "line 2: 300x20 is not 1 to 255 pixels"),
        ("0;20;0;1;0;5", "line 2: 0x20 is not 1 to 255 pixels"),
        ("20;20;5;1;5;5", "line 2: the box does not lie in the image"),
        ("20;20;1;1;21;5", "line 2: the box does not lie in the image"),
        ("20;20;1;9;2;5", "line 2: the box does not lie in the image"),
        ("20;20;1;1;5;5", "00000_00000.ppm' in .* has 67x41 pixels and not the 20x20 of its table"),
    ],
)
def test_sizes_and_boxes(tmp_path: Path, numbers: str, message: str) -> None:
    assert first_row() == line("00000_00000.ppm", 67, 41, 17)
    refused(message, changed(tmp_path, first_row(), f"00000_00000.ppm;{numbers};17"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", (HEADER + "\n").encode(), b'"' + b"x" * 200_000])
def test_tables_that_are_none(tmp_path: Path, content: bytes) -> None:
    refused(f"'{TABLE}' in ", write_tree(tmp_path, training_files() | {TABLE: content}))


def test_a_class_that_there_is_not(tmp_path: Path) -> None:
    row = f"{HEADER}\n{line('00000_00000.ppm', 20, 20, 43)}\n".encode()
    files = {f"{TRAINING}/00043/GT-00043.csv": row, f"{TRAINING}/00043/00000_00000.ppm": ppm(20, 20)}
    refused("class 43 is none of 0-42", write_tree(tmp_path, files))


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_a_damaged_or_huge_image(tmp_path: Path, kind: str) -> None:
    name = f"{TRAINING}/00017/00005_00001.ppm"
    good = training_files()
    for i, (content, message) in enumerate(
        [
            (good[name][:-10], "is damaged"),
            (b"", "is damaged"),
            (b"P6 60000 60000 255\n", "more than 65,025 pixels"),
            (encoded(np.zeros((300, 300, 3), np.uint8), "PPM"), "more than 65,025 pixels"),
        ]
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
        ({"sizes": np.zeros((4, 3), np.uint8)}, "has sizes of shape"),
        ({"sizes": np.full((4, 2), 256)}, "has sizes other than"),
        ({"coords": np.zeros((3, 4), np.uint8)}, "has coords of shape"),
        ({"coords": np.full((4, 4), -1)}, "has coords other than"),
        ({"tracks": np.full(4, -2)}, "has tracks other than whole numbers from -1"),
        ({"tracks": np.full(4, 2**40)}, "has tracks other than"),
        ({"tracks": np.zeros(5, np.int32)}, "has tracks of shape"),
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


def test_signs_that_views_make_are_written(tmp_path: Path) -> None:
    signs = some_signs(6)
    flipped = Signs(*(array[::-1] for array in vars(signs).values()))
    write_signs(tmp_path / "x.p", flipped)
    assert same(read_signs(tmp_path / "x.p"), flipped)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real archives are on development machines only")
def test_the_real_archives() -> None:
    found = read_source(REAL)
    assert tuple(found.train.counts()) == TRAINING_COUNTS and len(found.test) == 1263
    assert len(np.unique(found.train.tracks)) == 1307 and found.train.tracks.min() == 0
    # One sign has one class, and 30 frames (29 in one case).
    assert len(np.unique(np.stack([found.train.tracks, found.train.labels]), axis=1).T) == 1307
    assert sorted(set(np.bincount(found.train.tracks))) == [29, 30]
    assert found.train.digest() == "053eefd814e895a0"
