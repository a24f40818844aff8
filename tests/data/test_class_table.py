"""A CSV of images and their classes: read beside its files, in a folder or in a zip, and what is refused."""

import pytest

from gan.data.class_folders import Reading, class_names, read_class_folders
from tests.made_up_classes import ONE, PAIR, SMALL, holds_class_folders, noted, refusal
from tests.made_up_gtsrb import write_tree, write_zip

TABLE = """\ufefffile,label,group,part
images/1.png,Katze,anna,train
images/2.png,Katze,bert,val
./images/3.png,"Hund, groß",anna,
images/4.png,"Hund, groß",,TRAIN

images/5.png,Katze,carl,test
"""
PICTURES = {f"images/{k}.png": ONE for k in range(1, 7)}


@pytest.mark.parametrize("how", ["named", "folder", "zip", "around"])
def test_a_table(tmp_path, how):
    prefix = "all/" if how == "around" else ""
    files = {prefix + name: content for name, content in {"list.csv": TABLE.encode(), **PICTURES}.items()}
    if how in ("zip", "around"):
        path = write_zip(tmp_path / "some.zip", files)
    else:
        path = write_tree(tmp_path / "some", files) / ("list.csv" if how == "named" else "")
    assert holds_class_folders(path)
    found = read_class_folders(path, Reading(32, groups="column"))
    assert found.train.classes.names == class_names(path) == ("Hund, groß", "Katze")
    assert found.files == tuple(f"{prefix}images/{k}.png" for k in (3, 4, 1, 2, 5))
    assert found.train.labels.tolist() == [0, 0, 1, 1] and found.test.labels.tolist() == [1]
    assert found.train.tracks.tolist() == [0, -1, 0, 1], "a group of the table can have several classes"
    noted(found, "Images of no group", "1 of 5")
    noted(
        read_class_folders(path, SMALL),
        "No groups are given",
        "4 of 5 images have a group in the CSV, and groups=column",
    )


def table(folder, text, name="list.csv"):
    return folder({name: text.encode()} | PICTURES) / name


def test_tables_with_semicolons_and_tabs(folder):
    for between in ";\t":
        lines = ["FILE,Label", *(f"images\\{k}.png,{k % 2}" for k in range(1, 5))]
        path = table(folder, "\r\n".join(lines).replace(",", between))
        assert len(read_class_folders(path, SMALL).train) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,class\nimages/1.png,a\n", ["columns `file` and `label`"]),
        ("", ["columns `file` and `label`"]),
        ("file,label\nimages/1.png,\n", ["line 2: the label is missing"]),
        ("file,label\n,a\n", ["line 2: the file is missing"]),
        ("file,label\nimages/1.png\n", ["line 2: the label is missing"]),
        ("file,label\nimages/1.png,a\nimages//1.png,b\n", ["line 3", "'images//1.png' is there twice"]),
        ("file,label,part\nimages/1.png,a,dev\n", ["line 2: the part 'dev'", "train, val and test"]),
        ("file,label\n../1.png,a\n", ["'../1.png', which leads out"]),
        ("file,label\n/etc/passwd,a\n", ["'/etc/passwd', which leads out"]),
        ("file,label\nimages/1.png,a\nimages/2.png,a\n", ["1 class "]),
        ("file,label\nimages/1.png,a\nimages/2.png,b\n", ["'a'", "1 image to learn"]),
        ("file,label\nimages/1.png,a\nnone.png,a\n2.png,b\n.,b\n", ["3 of 4 images", "'none.png' is missing"]),
        ('file,label\n"images/1.png,a', ["line 2: the label is missing"]),
        ("file,label\n" + "a" * 200_000 + ",b\n", ["no table of text"]),
    ],
)
def test_tables_that_are_refused(folder, text, words):
    refusal(table(folder, text), *words)


def test_a_table_in_another_encoding_and_none(folder, tmp_path):
    path = folder({"list.csv": "file,label\nimages/ü.png,a\n".encode("latin-1")}) / "list.csv"
    refusal(path, "no text in UTF-8", "save it")
    refusal(tmp_path / "nowhere.csv", "does not exist")
    lines = "".join(f"images/{k}.png,{k % 2}\n" for k in range(1, 5))
    refusal(table(folder, f"file,label\n{lines}"), "groups=column", reading=Reading(groups="column"))


def test_class_folders_go_before_a_table(place):
    found = read_class_folders(place(PAIR | {"list.csv": b"file,label\na/1.png,x\n"}), SMALL)
    assert found.train.classes.names == ("a", "b")
    noted(found, "'list.csv' is passed over")
