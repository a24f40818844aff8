"""Anybody's images: a folder of class folders, read from a folder or a zip alike, and what is refused."""

import dataclasses

import numpy as np
import pytest

from gan.data.class_folders import holds_class_folders, read_class_folders, read_signs_by_class
from gan.errors import UserError
from tests.made_up_gtsrb import encoded, write_tree, write_zip


def plain(width, height, colour):
    return np.full((height, width, 3), colour, np.uint8)


RED, BLUE, GREY = (200, 10, 20), (10, 20, 200), (90, 90, 90)
FILES = {
    "10/a.png": encoded(plain(32, 32, RED), "PNG"),
    "9/b.jpg": encoded(plain(90, 40, GREY), "JPEG"),
    "9/a.BMP": encoded(plain(7, 300, BLUE), "BMP"),
    "9/c.ppm": encoded(plain(31, 33, RED), "PPM"),
}


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """Write files as a folder or as a zip."""
    if request.param == "zip":
        return lambda files: write_zip(tmp_path / "some.zip", files)
    return lambda files: write_tree(tmp_path / "some", files)


def refusal(path, *words):
    """What reading a place is refused with: one sentence, that says what to do after a semicolon."""
    assert not holds_class_folders(path)
    with pytest.raises(UserError) as error:
        read_class_folders(path)
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    assert all(word in text for word in words), text


def test_classes_labels_and_order(place):
    path = place(FILES)
    assert holds_class_folders(path)
    data = read_class_folders(path)
    assert data.name == str(path) and data.names == ("9", "10") and len(data) == 4
    assert data.labels.dtype == np.int64 and data.labels.tolist() == [0, 0, 0, 1]
    assert data.counts().tolist() == [3, 1]
    assert data.images.shape == (4, 32, 32, 3) and data.images.dtype == np.uint8
    for image, colour in zip(data.images, (BLUE, GREY, RED, RED), strict=True):
        assert np.abs(image.astype(int) - colour).max() <= 2


def test_the_whole_image_is_resized_and_not_cropped(tmp_path):
    wide = plain(320, 64, GREY)
    wide[:, :40], wide[:, -40:] = RED, BLUE
    data = read_class_folders(
        write_tree(tmp_path / "x", {"a/1.png": encoded(wide, "PNG"), "b/1.png": FILES["10/a.png"]})
    )
    assert np.abs(data.images[0, :, 1].astype(int) - RED).max() <= 2
    assert np.abs(data.images[0, :, 30].astype(int) - BLUE).max() <= 2
    assert np.abs(data.images[0, :, 16].astype(int) - GREY).max() <= 2


def test_reduction_is_antialiased(tmp_path):
    stripes = plain(256, 256, 0)
    stripes[:, ::2] = 255  # without averaging, every pixel would be black or white
    data = read_class_folders(
        write_tree(tmp_path / "x", {"a/1.png": encoded(stripes, "PNG"), "b/1.png": FILES["10/a.png"]})
    )
    assert np.abs(data.images[0].astype(int) - 127).max() <= 10


def test_an_image_of_the_right_size_is_taken_as_it_is(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = write_tree(tmp_path / "x", {"a/1.png": encoded(noise, "PNG"), "b/1.png": FILES["10/a.png"]})
    np.testing.assert_array_equal(read_class_folders(path).images[0], noise)


def test_a_folder_around_the_class_folders_and_files_that_are_no_pictures(place, tmp_path):
    files = {f"pets/images/{name}": content for name, content in FILES.items()}
    others = {"pets/images/9/notes.txt": b"x", "pets/.hidden/a.png": b"", "__MACOSX/9/._a.png": b"", "list.csv": b"a"}
    data = read_class_folders(place(files | others))
    expected = read_class_folders(write_tree(tmp_path / "plain", FILES))
    np.testing.assert_array_equal(data.images, expected.images)
    assert data.names == ("9", "10")


def test_the_digest_names_images_labels_and_names(tmp_path):
    data = read_class_folders(write_tree(tmp_path / "x", FILES))
    others = [
        dataclasses.replace(data, images=data.images + 1),
        dataclasses.replace(data, labels=1 - data.labels),
        dataclasses.replace(data, names=("9", "11")),
    ]
    assert len({data.digest(), *(other.digest() for other in others)}) == 4
    assert data.digest() == dataclasses.replace(data, name="elsewhere").digest() and len(data.digest()) == 16


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["no classes", "two or more"]),
        ({"a/1.png": FILES["10/a.png"]}, ["1 class ", "two or more"]),
        (FILES | {"1.png": FILES["10/a.png"]}, ["'1.png'", "does not lie in a class folder"]),
        (
            {f"{part}/{name}": content for part in ("train", "test") for name, content in FILES.items()},
            ["'test/10/a.png'", "nothing between"],
        ),
        (FILES | {"9/d.webp": b"x"}, ["'9/d.webp'", "PPM, PNG, JPEG, BMP"]),
    ],
    ids=["nothing", "one class", "beside", "deeper", "kind"],
)
def test_other_layouts_are_refused(place, files, words):
    refusal(place(files | {"readme.txt": b""}), *words)


def test_a_damaged_image_is_named(place):
    path = place(FILES | {"9/d.png": FILES["10/a.png"][:60]})
    with pytest.raises(UserError, match=r"'9/d.png' in .*damaged"):
        read_class_folders(path)


def test_a_missing_folder(tmp_path):
    refusal(tmp_path / "nowhere", "does not exist")


def test_folders_named_by_class_id_are_signs(tmp_path):
    names = {"00007/a.png": FILES["10/a.png"], "42/a.png": FILES["10/a.png"], "42/b.png": FILES["9/c.ppm"]}
    signs = read_signs_by_class(write_tree(tmp_path / "x", names))
    assert signs.labels.tolist() == [7, 42, 42] and signs.labels.dtype == np.uint8
    assert (signs.tracks == -1).all() and signs.sizes.tolist() == [[32, 32]] * 3


@pytest.mark.parametrize("name", ["43", "cat", "-1", "9" * 200, "٣"])
def test_names_that_are_no_class_ids_are_told_before_images_are_read(tmp_path, name):
    folders = write_tree(tmp_path / "x", {"0/a.png": b"damaged", f"{name}/a.png": FILES["10/a.png"]})
    with pytest.raises(UserError, match="is no GTSRB class id from 0 to 42; .*GANOverSampler"):
        read_signs_by_class(folders)


def test_two_folders_of_one_class(tmp_path):
    folders = write_tree(tmp_path / "x", {"7/a.png": FILES["10/a.png"], "07/a.png": FILES["10/a.png"]})
    with pytest.raises(UserError, match="two folders of class 7"):
        read_signs_by_class(folders)
