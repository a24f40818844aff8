"""Anybody's images: class folders and tables, read from a folder or a zip alike, and what is refused."""

import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from gan.data.class_folders import Reading, class_names, read_class_folders
from gan.data.labelled import Classes
from gan.data.signs import GTSRB
from gan.errors import UserError
from tests.made_up_classes import (
    BLUE,
    GREY,
    ONE,
    OTHER,
    PAIR,
    RED,
    SMALL,
    TWO,
    holds_class_folders,
    near,
    noted,
    plain,
    refusal,
    saved,
)  # fmt: skip
from tests.made_up_gtsrb import encoded, write_tree
from tests.made_up_scenes import header_of_png

FILES = {
    "10/a.png": ONE,
    "10/b.png": TWO,
    "9/b.jpg": encoded(plain(90, 40, GREY), "JPEG"),
    "9/a.BMP": encoded(plain(7, 300, BLUE), "BMP"),
    "9/c.ppm": encoded(plain(31, 33, RED), "PPM"),
}


def test_images_labels_and_order(place):
    path = place(FILES)
    assert holds_class_folders(path) and class_names(path) == ("9", "10")
    found = read_class_folders(path, SMALL)
    data = found.train
    assert found.test is None and found.files == ("9/a.BMP", "9/b.jpg", "9/c.ppm", "10/a.png", "10/b.png")
    assert data.classes == Classes.named(("9", "10"), title=str(path))
    assert data.labels.dtype == np.uint8 and data.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.sizes.tolist() == [[7, 300], [90, 40], [31, 33], [32, 32], [32, 32]] and data.sizes.dtype == np.uint16
    assert data.tracks.dtype == np.int32 and (data.tracks == -1).all() and not data.coords.any()
    assert data.images.shape == (5, 32, 32, 3) and data.images.dtype == np.uint8
    assert all(map(near, data.images, (BLUE, GREY, RED, RED, BLUE)))


# --- layouts


def test_what_lies_around_and_beside_is_passed_over(place, tmp_path):
    files = {f"pets/images/{name}": content for name, content in FILES.items()}
    others = {
        "pets/images/9/notes.txt": b"x",
        "pets/.hidden/a.png": b"",
        "__MACOSX/9/._a.png": b"",
        "pets/images/9/Thumbs.db": b"x",
        "list.csv": b"a",
        "pets/readme.json": b"{}",
    }
    found = read_class_folders(place(files | others), SMALL)
    expected = read_class_folders(write_tree(tmp_path / "plain", FILES), SMALL)
    np.testing.assert_array_equal(found.train.images, expected.train.images)
    assert found.train.classes.names == ("9", "10") and found.notes == expected.notes


def test_names_of_any_language(place):
    names = ("Grüne Äpfel", "桜 の木", "été", "日本", "кот")
    found = read_class_folders(place({f"{name}/Bild {k} ü.png": ONE for name in names for k in range(2)}), SMALL)
    assert found.train.classes.names == tuple(sorted(names)) and len(found.train) == 10


def test_accents_as_letters_of_their_own_and_archives_that_do_not_say_utf_8(tmp_path):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train/B\u00e4ume/1.png", "train/B\u00e4ume/2.png", "test/Ba\u0308ume/1.png"):
            archive.writestr(name.encode().decode("cp437"), ONE)
        for k in range(2):
            archive.writestr(f"train/\u00d6l/{k}.png", ONE)
    data = path.read_bytes()
    names = [info.filename for info in zipfile.ZipFile(path).infolist()]
    assert data and any("├" in name for name in names)
    assert class_names(path) == ("B\u00e4ume", "\u00d6l")


def test_parts(place):
    parts = {"Training": "ab", "val": "ac", "TEST": "abd"}
    found = read_class_folders(
        place(
            {
                f"data/{part}/{name}/{part}{k}.png": ONE
                for part, names in parts.items()
                for name in names
                for k in "12"
            }
        ),
        SMALL,
    )
    assert found.train.classes.names == found.test.classes.names == ("a", "b", "c", "d")
    assert found.train.counts().tolist() == [4, 2, 2, 0] and found.test.counts().tolist() == [2, 2, 0, 2]
    first = ("Training/a/Training1", "Training/a/Training2", "val/a/val1", "val/a/val2")
    assert found.files[:4] == tuple(f"data/{name}.png" for name in first)
    assert found.files[8] == "data/TEST/a/TEST1.png" and len(found.files) == 14
    noted(found, "fewer than 10 images", "'a' (4)", "'d' (0)")


def test_a_class_can_be_called_as_a_part(place):
    assert class_names(place({f"{name}/{k}.png": ONE for name in ("bus", "train") for k in "12"})) == ("bus", "train")


def test_folders_within_class_folders(place):
    files = {f"{name}/{group}/{k}.png": ONE for name in "ab" for group in ("x", "y") for k in "12"}
    path = place(files | {"a/z.png": ONE})
    found = read_class_folders(path, SMALL)
    assert found.train.counts().tolist() == [5, 4] and (found.train.tracks == -1).all()
    noted(found, "No groups are given", "8 of 9 images lie in folders within class folders", "groups=folder")
    found = read_class_folders(path, Reading(32, groups="folder"))
    assert found.train.tracks.tolist() == [0, 0, 1, 1, -1, 2, 2, 3, 3]
    noted(found, "Images of no group (groups=folder): 1 of 9")
    refusal(place(PAIR), "groups=folder needs folders", reading=Reading(groups="folder"), call=read_class_folders)


def test_groups_by_a_pattern(place):
    files = {f"{name}/{person} {k}.png": ONE for name in "ab" for person in ("ann", "bob") for k in (1, 2)}
    path = place(files | {"b/9.png": ONE})
    for pattern, found in {
        r"^(\w+) \d": [0, 0, 1, 1, -1, 2, 2, 3, 3],
        "[a-z]{3} ": [0, 0, 1, 1, -1, 2, 2, 3, 3],
    }.items():
        data = read_class_folders(path, Reading(32, groups=pattern))
        assert data.train.tracks.tolist() == found
        noted(data, "Images of no group", "1 of 9")
    refusal(path, "groups=xyz is found in no file's name", "'ann 1.png'", reading=Reading(groups="xyz"))
    refusal(path, "groups=( is no regular expression", reading=Reading(groups="("))
    refusal(path, "groups=column needs a CSV", reading=Reading(groups="column"))


def test_groups_in_both_parts_are_noted(place):
    files = {f"{part}/{name}/{k}_{part}.png": ONE for part in ("train", "test") for name in "ab" for k in range(3)}
    found = read_class_folders(place(files), Reading(32, groups=r"^\d"))
    assert found.train.tracks.tolist() == found.test.tracks.tolist() == [0, 1, 2, 3, 4, 5]
    noted(found, "Groups with images in the test part and in another: 6")


def test_empty_folders_are_no_classes(folder, tmp_path):
    path = folder(
        {f"data/{name}": content for name, content in PAIR.items()} | {"data/docs/x.txt": b"", "log/x": b""}
    )
    (path / "data" / "none").mkdir()
    found = read_class_folders(path, SMALL)
    assert found.train.classes.names == ("a", "b")
    noted(found, "no classes", "'docs', 'none'")
    lone = write_tree(tmp_path / "lone", {"a/1.png": ONE, "a/2.png": ONE})
    (lone / "b").mkdir()
    refusal(lone, "1 class", "without any: 'b'", "two or more")


def test_links(folder, tmp_path):
    path = folder(PAIR)
    (tmp_path / "outside").mkdir()
    for name, target in {
        "c": path / "b",
        "out": tmp_path / "outside",
        "a/3.png": path / "b/1.png",
        "a/up": path,
    }.items():
        (path / name).symlink_to(target)
    (path / "a" / "4.png").symlink_to(tmp_path / "secret.png")
    found = read_class_folders(path, SMALL)
    assert found.files == ("a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png", "c/1.png", "c/2.png")
    noted(found, "Links that are left out: 2")


# --- classes and mirror images


def test_classes_that_are_given(place):
    files = {f"{name}/{k}.png": ONE for name in ("00007", "no ENTRY", "Stop") for k in "12"}
    train = read_class_folders(place(files), SMALL, GTSRB).train
    assert train.classes is GTSRB and train.labels.tolist() == [7, 7, 14, 14, 17, 17]
    named = Classes.named(("Katze", "katze", "7"))
    files = {f"{name}/{k}.png": ONE for name in ("Katze", "07") for k in "12"}
    train = read_class_folders(place(files), SMALL, named).train
    assert train.labels.tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize("name", ["43", "cat", "-1", "9" * 200, "٣"])
def test_other_classes_than_the_given_are_named_before_images_are_read(place, name):
    path = place({"0/a.png": b"damaged", f"{name}/a.png": ONE})
    refusal(path, repr(name), "GTSRB class id from 0 to 42", classes=GTSRB)


def test_two_folders_of_one_class(place):
    files = {f"{name}/{k}.png": ONE for name in ("7", "07") for k in "12"}
    refusal(place(files), "two folders of class 7 Speed limit 100", "'07'", "'7'", classes=GTSRB)


def test_mirror_images(tmp_path):
    names = ("left", "right", "up", "a, b")
    assert Reading().mirrors(names) == Reading(mirror="none").mirrors(names) == (-1,) * 4
    assert Reading(mirror="all").mirrors(names) == (0, 1, 2, 3)
    file = tmp_path / "mirror.csv"
    file.write_text('\ufeffleft, right\n\n"a, b","a, b"\nright,left\n', "utf-8")
    assert Reading(mirror=str(file)).mirrors(names) == (1, 0, -1, 3)
    for text, words in {
        "left,down\n": "line 1: 'left,down' is not two of the classes 'left', 'right', 'up', 'a, b'",
        "up,up\nleft\n": "line 2: 'left' is not two",
        "left,right\nleft,up\n": "line 2: 'left' has another class in the mirror already",
    }.items():
        file.write_text(text)
        with pytest.raises(UserError, match=words):
            Reading(mirror=str(file)).mirrors(names)
    file.write_bytes(b"\xff\xfe")
    for path in (file, tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match="can't be read as text"):
            Reading(mirror=str(path)).mirrors(names)
    with pytest.raises(
        UserError, match=r"mirror=alle can't be read as text \(no such file or directory\); give `all`"
    ):
        Reading(mirror="alle").mirrors(names)


def test_mirror_images_of_what_is_read(folder):
    assert read_class_folders(folder(PAIR), Reading(32, mirror="all")).train.classes.mirror == (0, 1)
    numbers = folder({f"{name}/{k}.png": ONE for name in "12" for k in "ab"})
    assert read_class_folders(numbers, Reading(32, mirror="all"), GTSRB).train.classes is GTSRB


# --- what is refused


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["no classes", "two or more"]),
        ({"a/1.png": ONE, "a/2.png": ONE}, ["1 class ", "two or more"]),
        (PAIR | {"1.png": ONE}, ["'1.png'", "lies outside of a class folder"]),
        (PAIR | {"a/b/c/1.png": ONE}, ["'a/b/c/1.png'", "more than one folder deep"]),
        ({"train/1.png": ONE, "test/1.png": ONE}, ["outside of a class folder"]),
        ({"train/a/1.png": ONE, "test/a/1.png": ONE, "more/a/1.png": ONE}, ["'test', 'train'", "beside", "more/a"]),
        ({f"test/{name}": content for name, content in PAIR.items()}, ["a test part only"]),
        (PAIR | {"A/1.png": ONE, "A/2.png": ONE}, ["'A' and 'a'", "capital letters only"]),
        (PAIR | {"All/1.png": ONE, "All/2.png": ONE}, ["'All'", "can't be told from `all`"]),
        ({f"{k}/1.png": ONE for k in range(1_001)}, ["1,001 classes", "1,000 at most"]),
        (PAIR | {"a\tb/1.png": ONE}, ["'a\\tb'", "rename it"]),
    ],
    ids=[
        "nothing",
        "one class",
        "beside",
        "deep",
        "parts only",
        "part beside",
        "test",
        "capitals",
        "all",
        "many",
        "tab",
    ],
)
def test_other_layouts_are_refused(place, files, words):
    path = place(files | {"readme.txt": b""})
    assert not holds_class_folders(path)
    refusal(path, *words)
    refusal(path, *words, call=class_names)


def test_a_class_of_one_image(place):
    refusal(
        place(PAIR | {"c/1.png": ONE, "d/1.png": ONE}), "'c'", "1 image to learn", "and so in 1 more", "2 or more"
    )


def test_a_missing_place(tmp_path):
    assert not holds_class_folders(tmp_path / "nowhere")
    refusal(tmp_path / "nowhere", "does not exist")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(folder):
    path = folder(PAIR)
    (path / "a/1.png").chmod(0)
    refusal(path, "'a/1.png' can't be read (Permission denied)")
    (path / "a").chmod(0)
    refusal(path, "can't be read (Permission denied)")
    (path / "a").chmod(0o700)


def test_kinds_that_are_not_read(place):
    path = place(PAIR | {"a/3.HEIC": b"x", "b/3.svg": b"x"})
    assert holds_class_folders(path)
    refusal(path, "pictures of kinds that are not read: 2", "'a/3.HEIC', 'b/3.svg'", "skip_damaged=true")
    found = read_class_folders(path, Reading(32, skip_damaged=True))
    assert found.files == tuple(PAIR)
    noted(found, "are left out: 2")


DAMAGED = {
    "a/cut.png": encoded(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8), "PNG")[:5_000],
    "a/empty.jpg": b"",
    "a/huge.png": header_of_png(60_000, 60_000),
    "b/text.gif": b"GIF89a no image",
    "b/wide.webp": b"RIFF\x10\0\0\0WEBPVP8X",
    "b/z.tif": saved(Image.new("RGB", (40, 40)), "TIFF")[:-500],
}


def test_all_damaged_files_are_named_at_once_or_skipped(place):
    path = place(PAIR | DAMAGED)
    refusal(
        path,
        "6 of 10 images",
        "'a/cut.png' is damaged or no image, 'a/empty.jpg' is damaged or no image, "
        "'a/huge.png' has more than 67,108,864 pixels, 'b/text.gif' is damaged",
        "'b/wide.webp' is damaged or no image and 1 more; repair",
        "skip_damaged=true",
    )
    found = read_class_folders(path, Reading(32, skip_damaged=True))
    assert found.files == tuple(PAIR) and found.train.labels.tolist() == [0, 0, 1, 1]
    assert all(map(near, found.train.images, (RED, RED, BLUE, BLUE)))
    noted(found, "left out: 6 of 10", "'a/cut.png'")


def test_too_few_are_left(place):
    skip = Reading(32, skip_damaged=True)
    refusal(place(OTHER | DAMAGED), "'a'", "no images to learn that can be read", reading=skip)
    refusal(place(DAMAGED), "none of the 6 images", reading=skip)
    refusal(place(DAMAGED), "6 of 6 images", reading=Reading())


def test_a_folder_that_changes_while_it_is_read(folder, monkeypatch):
    path = folder(PAIR)
    convert = Image.Image.convert

    def remove_and_convert(self, *arguments, **options):
        (path / "b/2.png").unlink(missing_ok=True)
        (path / "b/1.png").write_bytes(saved(Image.fromarray(np.full((9, 9), 60_000, np.uint16))))
        return convert(self, *arguments, **options)

    monkeypatch.setattr(Image.Image, "convert", remove_and_convert)
    monkeypatch.setattr("gan.data.parallel.cores", lambda: 1)
    refusal(path, "1 of 4 images", "'b/2.png' is missing or no file")


def test_seven_formats_three_sizes_and_all_that_people_have(place):
    """A folder as people have it."""
    forms = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "ppm": "PPM", "webp": "WEBP", "tif": "TIFF", "gif": "GIF"}
    files = {
        f"Meine Äpfel/{name}/Bild {k}.{suffix}": encoded(plain(*size, colour), form)
        for name, colour in (("grün", GREY), ("sehr rot", RED))
        for suffix, form in forms.items()
        for k, size in enumerate([(100, 80), (64, 64), (300, 200)])
    }
    files |= {f"Meine Äpfel/drei/{k}.png": TWO for k in range(3)}
    path = place(files | {"Meine Äpfel/drei/kaputt.jpg": b"\xff\xd8\xff"})
    found = read_class_folders(path, Reading(skip_damaged=True))
    assert found.train.size == 64 and found.train.classes.names == ("drei", "grün", "sehr rot")
    assert found.train.counts().tolist() == [3, 21, 21] and len(found.notes) == 4
    for image, label in zip(found.train.images, found.train.labels, strict=True):
        assert near(image, (BLUE, GREY, RED)[label], 6)
