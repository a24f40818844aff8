"""Balancing as a user runs it: what is written, said and archived, the same bytes again, nothing overwritten."""

import json
import pickle
import shlex

import mlflow
import numpy as np
import pytest
from PIL import Image

from gan import config as command_line
from gan.commands.balance import BalanceConfig, main
from gan.data.sets import open_images
from gan.data.signs import NAMES
from gan.data.split import held_out
from gan.dcgan.balance_files import BALANCED, MANIFEST
from gan.files import digests
from tests import conftest
from tests.made_up_balance import CLASS_SIZES, FakeJudge, contents, run, some_signs, stand_in, write_place
from tests.made_up_goodrun import RUN_ID

FILES = {BALANCED, "train.p", "test.p", MANIFEST, "histogram.png", "samples.png", "thrown-away.png", "report.html"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_place(tmp_path_factory.mktemp("balance"))


@pytest.fixture
def place(made, monkeypatch):
    monkeypatch.chdir(made)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    stand_in(monkeypatch)
    return made


def refused(capsys, **changed):
    """The sentence of a refusal, which may come after progress bars."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        conftest.run_script(BalanceConfig, main, **({"goodrun_ref": "run", "source": "signs", "target": 8} | changed))
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("error: ") == 1 and error.endswith(".\n"), error
    return error.partition("error: ")[2]


def rows(folder):
    return json.loads((folder / MANIFEST).read_text())["classes"]


# --- what it writes and says


def test_what_it_writes(place, capsys):
    before = contents(place / "signs")
    run(output="out")
    said = capsys.readouterr().out
    out = place / "out"
    assert contents(place / "signs") == before and set(contents(out)) == FILES
    assert (out / BALANCED).read_bytes() == (out / "train.p").read_bytes()
    assert (out / "test.p").read_bytes() == before["test.p"]

    real, balanced = some_signs(), open_images(str(out))
    assert balanced.train.take(np.arange(len(real))).digest() == real.digest()
    assert balanced.train.counts().tolist() == np.maximum(CLASS_SIZES, 8).tolist()
    with (out / BALANCED).open("rb") as file:
        plain = pickle.load(file)
    generated = plain["generated"]
    assert generated.dtype == bool
    assert generated.tolist() == [False] * len(real) + [True] * (len(generated) - len(real))
    assert {row.tobytes().hex() for row in plain["source_run"][generated]} == {RUN_ID}
    assert (plain["features"][generated][:, 3, 3, 0].astype(int) % 6 <= 2).all()
    assert len(np.unique(plain["features"].reshape(len(generated), -1), axis=0)) == len(generated)
    out_of_train = held_out(balanced.train)
    assert (out_of_train[: len(real)] == held_out(real)).all() and not out_of_train[generated].any()

    assert f"{out / BALANCED}: {len(generated)} images" in said and "--data out" in said
    assert "gan.commands.study --data signs" in said
    assert "the generator has learned none of them" in said and "warning" not in said
    row = next(line for line in said.splitlines() if line.startswith(f"0 {NAMES[0]}"))
    assert row.removeprefix(f"0 {NAMES[0]}").split()[:2] == ["4", "4"]


def test_the_manifest_counts_and_restores(place):
    run(classes="3,9,10", output="counted", seed=4)
    manifest = json.loads((place / "counted" / MANIFEST).read_text())
    assert list(manifest["classes"]) == ["3", "9"]  # class 10 has enough
    for k, row in manifest["classes"].items():
        thrown = [row[name] for name in ("wrong_class", "not_confident", "copies")]
        assert row["name"] == NAMES[int(k)] and row["real"] + row["generated"] == 8 and row["short"] == 0
        assert row["drawn"] == row["generated"] + sum(thrown)
    assert sum(row["drawn"] for row in manifest["classes"].values()) > 6
    assert manifest["origin"]["run"] == RUN_ID and manifest["origin"]["seed"] == 4
    assert manifest["files"] == digests(place / "counted", MANIFEST)
    words = shlex.split(manifest["command"])
    again = command_line.parse(BalanceConfig, words[words.index("gan.commands.balance") + 1 :])
    assert again == BalanceConfig("run", "8", "3,9,10", "signs", "counted", 4)


def test_the_archive_keeps_what_was_made_and_how(place):
    run(target="7", classes="0,2,3", output="kept")
    found = mlflow.search_runs(filter_string="params.output = 'kept'", output_format="list")[0]
    assert found.data.tags["gan.kind"] == "balance" and found.data.tags["data"] == "signs"
    assert found.data.tags["goodrun"] == f"{RUN_ID}/7" and found.data.tags["judge"] == FakeJudge.run_id
    report = (place / "kept" / "report.html").read_text()
    assert "--target 7" in found.data.tags["command"] and "--target 7" in report
    for name in ("generated", "drawn", "wrong_class", "copies", "short"):
        assert found.data.metrics[name] == sum(row[name] for row in rows(place / "kept").values())
    children = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{found.info.run_id}'", output_format="list"
    )
    (child,) = (run for run in children if run.data.params["class"] == f"0 {NAMES[0]}")
    assert child.data.metrics["generated"] == 3
    assert len(mlflow.load_table("classes.json", [found.info.run_id])) == len(children)
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(found.info.run_id)}
    assert files == FILES - {BALANCED, "train.p", "test.p"} | {"config.json", "classes.json"}
    assert report.count("<img") == 3 and f"0 {NAMES[0]}" in report


def test_images_by_class(place):
    run(classes="0", output="pngs", folders=True)
    balanced, real = open_images(str(place / "pngs")).train, some_signs()
    files = sorted((place / "pngs" / "by_class" / "00").iterdir())
    numbered = [f"{kind}-00000{k}.png" for kind in ("generated", "real") for k in range(4)]
    assert [file.name for file in files] == numbered
    np.testing.assert_array_equal(np.asarray(Image.open(files[1])), balanced.images[len(real) + 1])
    read = open_images(str(place / "pngs" / "by_class")).train
    assert read.counts().tolist() == balanced.counts().tolist()
    np.testing.assert_array_equal(read.images[read.labels == 5], real.images[real.labels == 5])


def test_a_class_that_stays_short_is_told(place, capsys, monkeypatch):
    monkeypatch.setattr(
        "gan.dcgan.balance.Filter", lambda *_: lambda images, k: (np.full(len(images), 1), [""] * len(images))
    )
    run(classes="0", output="short")
    said = capsys.readouterr().out
    assert f"warning: class 0 ({NAMES[0]}) stays 4 images short" in said and "lower quality" in said
    row = rows(place / "short")["0"]
    assert row["short"] == 4 and row["generated"] == 0 and row["drawn"] == 640 == row["wrong_class"]
    assert open_images(str(place / "short")).train.digest() == some_signs().digest()
    assert "stays 4 images short" in (place / "short" / "report.html").read_text()


# --- the same again, and nothing overwritten


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(place):
    for output, seed in (("first", 1), ("second", 1), ("third", 2)):
        run(classes="0,3", output=output, seed=seed, folders=True)
    first, second, third = (contents(place / name) for name in ("first", "second", "third"))
    named = {MANIFEST, "report.html"}  # hold the command, and so the folder
    assert first.keys() == second.keys() and len(first) > len(FILES)
    assert all(first[name] == second[name] for name in first.keys() - named)
    assert first[BALANCED] != third[BALANCED] and first["test.p"] == third["test.p"]


def test_more_images_begin_with_the_fewer(place):
    for target in ("6", "8"):
        run(target=target, classes="0", output=f"up-to-{target}")
    few, many = (open_images(str(place / f"up-to-{target}")).train.images for target in ("6", "8"))
    np.testing.assert_array_equal(many[: len(few)], few)


def test_the_same_again_changes_nothing(place, capsys, monkeypatch):
    run(classes="0", output="again")
    before = contents(place / "again")
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr("gan.dcgan.balance.generate", None)  # is not called
        run(classes="0", output="again")
    said = capsys.readouterr().out
    assert "nothing was changed" in said and "--data again" in said
    for other in ({"seed": 1}, {"folders": True}, {"quality": 0.4}):
        assert "holds other files" in refused(capsys, classes="0", output="again", **other)
    assert contents(place / "again") == before


@pytest.mark.parametrize("spoil", ["more", "other", "manifest"])
def test_a_folder_that_is_not_as_it_was_made(place, capsys, spoil):
    changed = {"classes": "0", "output": f"spoiled-{spoil}", "folders": True}
    run(**changed)
    folder = place / changed["output"]
    if spoil == "more":
        (folder / "notes.txt").write_text("mine")
    elif spoil == "other":
        (folder / BALANCED).write_bytes(b"")
    else:
        (folder / MANIFEST).write_text("[]")
    before = contents(folder)
    assert "holds other files" in refused(capsys, **changed)
    assert contents(folder) == before


def test_what_is_missing_is_made_again(place):
    run(classes="0", output="less", folders=True)
    before = contents(place / "less")
    next((place / "less" / "by_class" / "07").iterdir()).unlink()
    run(classes="0", output="less", folders=True)
    assert contents(place / "less") == before


def test_other_folders_are_refused_and_empty_ones_filled(place, capsys):
    (place / "empty").mkdir()
    (place / "full").mkdir()
    (place / "full" / "train.p").write_text("mine")
    (place / "file").write_text("mine")
    for output in ("full", "signs", "file"):
        assert "holds other files already; name a folder" in refused(capsys, output=output)
    assert contents(place / "full") == {"train.p": b"mine"}
    run(classes="0", output="empty")
    assert (place / "empty" / BALANCED).is_file()


def test_a_full_disk_leaves_nothing(place, capsys):
    with conftest.full_disk(300_000):
        assert "no space left" in refused(capsys, output="too-large")
    assert not (place / "too-large").exists() and not list(place.glob(".balance-*"))
