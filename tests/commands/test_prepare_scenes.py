import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from gan.commands import prepare_scenes
from gan.commands.prepare import PrepareConfig, main
from gan.config import parse, run
from gan.data import folder_writer
from gan.data.cityscapes import FINE_ZIP
from gan.data.folder import PARTS, PREPARED, PREPARING
from gan.data.scenes import open_scenes
from tests.made_up_gtsrb import write_zip
from tests.made_up_scenes import header_of_png, official_zips, pair_files, tree_of

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data"
NAMES = [f"drive{k}_{frame:03d}" for k in range(3) for frame in range(4)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with official archives in `zips` and other pairs in `pairs.zip`."""
    monkeypatch.chdir(tmp_path)
    official_zips(tmp_path / "zips")
    write_zip(tmp_path / "pairs.zip", pair_files(NAMES, "JPEG"))
    return tmp_path


class NoArchive:
    """Takes what would be logged: a new archive takes seconds to make."""

    def data(self, *_: object) -> None:
        pass

    def file(self, path: Path) -> None:
        assert path.is_file()


@pytest.fixture
def no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.archive.archived_run", lambda *_: contextlib.nullcontext(NoArchive()))


def process(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "gan.commands.prepare", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def refused(capsys: pytest.CaptureFixture, message: str, *arguments: str) -> None:
    """Run the command in this process: exit status 2 and one sentence."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(PrepareConfig, main, arguments)
    shown = capsys.readouterr().err
    assert stopped.value.code == 2 and "Traceback" not in shown
    sentence = shown.replace("\r", "\n").splitlines()[-1]
    assert sentence.startswith("error: ") and sentence.endswith(".") and message in sentence
    assert shown.count("error: ") == 1


@pytest.mark.usefixtures("no_archive")
def test_cityscapes_from_the_official_archives(folder: Path, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(dataset="cityscapes", source="zips"))
    out = capsys.readouterr().out
    assert sorted(path.name for path in (folder / "dataset").iterdir()) == sorted([*PARTS, "palette.json", PREPARED])
    scenes = open_scenes("dataset")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [4, 2, 2]
    assert "Scenes for training    = 4\n" in out and "Size                   = 40x30\n" in out
    assert f"digest {scenes.training.digest()}" in out and "Cities of the validation part: bochum." in out
    assert "  26  car  " in out and "  25  rider" not in out  # only what is there
    shares = [float(line.split()[2]) for line in out.splitlines() if line[:4].strip().isdigit()]
    assert len(shares) == 4 and abs(sum(shares) - 100) < 0.01
    assert out.splitlines()[-1].endswith("train_pix2pix.py`.")
    assert (folder / "images/data/scenes.txt").read_text() in out
    with Image.open(folder / "images/data/scenes.png") as image:
        assert min(image.size) > 300


def test_the_run_is_in_the_archive(folder: Path) -> None:
    import mlflow

    main(PrepareConfig(dataset="pairs", source="pairs.zip", output="mine"))
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    data = found[0].data
    assert data.tags["mlflow.runName"] == "prepare mine" and data.tags["gan.kind"] == "prepare"
    assert data.tags["data_digest"] == open_scenes("mine").training.digest()
    assert data.params["dataset"] == "pairs" and data.params["output"] == "mine"
    files = {entry.path for entry in mlflow.MlflowClient().list_artifacts(found[0].info.run_id)}
    assert files == {"scenes.png", "scenes.txt", "config.json"}


@pytest.mark.usefixtures("no_archive")
def test_running_again_changes_nothing(folder: Path, capsys: pytest.CaptureFixture) -> None:
    config = PrepareConfig(dataset="pairs", source="pairs.zip", zipped=True)
    main(config)
    assert capsys.readouterr().out.count("written") == 6
    before = tree_of(folder / "dataset")
    assert {f"{part}.zip" for part in PARTS} < set(before)
    main(config)
    out = capsys.readouterr().out
    assert out.count("unchanged") == 3 and "written" not in out and tree_of(folder / "dataset") == before


@pytest.mark.usefixtures("no_archive")
def test_another_size_and_a_name_for_the_next_step(folder: Path, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(dataset="pairs", source="pairs.zip", output="my scenes", width=32, height=16))
    assert "train_pix2pix.py --data 'my scenes'`" in capsys.readouterr().out
    assert open_scenes("my scenes").test.scene(0).size == (32, 16)


@pytest.mark.usefixtures("no_archive")
def test_another_source_is_refused(folder: Path, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(dataset="pairs", source="pairs.zip"))
    before = tree_of(folder / "dataset")
    cityscapes = ("--dataset", "cityscapes", "--source", "zips")
    refused(capsys, "dataset was made from another source ('pairs.zip') and is not overwritten; choose", *cityscapes)
    refused(capsys, "another size", "--dataset", "pairs", "--source", "pairs.zip", "--width", "32", "--height", "16")
    assert tree_of(folder / "dataset") == before


def test_drawn_scenes_become_a_folder(no_archive: None, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(dataset="pairs", source="drawn:6", width=64, height=32))
    assert "drawn by the program" in capsys.readouterr().out
    drawn, written = open_scenes("drawn:6"), open_scenes("dataset")
    assert {part: members.names for part, members in written.parts.items()} == {
        part: members.names for part, members in drawn.parts.items()
    }
    assert written.training.has_instances and written.palette.same_classes(drawn.palette)


def test_what_does_not_go_together(folder: Path, capsys: pytest.CaptureFixture) -> None:
    cityscapes, pairs = ("--dataset", "cityscapes"), ("--dataset", "pairs", "--source", "pairs.zip")
    for message, arguments in (
        (
            "dataset is one of signs, images, cityscapes, pairs, not 'camvid'",
            ("--dataset", "camvid", "--source", "zips"),
        ),
        ("Cityscapes can't be downloaded without an account: register", (*cityscapes, "--download", "true")),
        ("leave out download and download_from", (*pairs, "--download_from", "http://127.0.0.1/")),
        ("official zips, or what was extracted from them, with `--source FOLDER`. Cityscapes can't", cityscapes),
        ("the folder that holds the pairs, with `--source FOLDER`", ("--dataset", "pairs")),
        ("leave out palette=camvid", (*cityscapes, "--source", "zips", "--palette", "camvid")),
        ("coarse=true is for dataset=cityscapes", (*pairs, "--coarse", "true")),
        ("width is from 16 to 8192, not 15", (*pairs, "--width", "15", "--height", "16")),
        ("height is from 16 to 8192, not -1", (*pairs, "--width", "16", "--height", "-1")),
        ("width and height belong together", (*pairs, "--width", "16")),
        ("source nowhere does not exist", ("--dataset", "pairs", "--source", "nowhere")),
        ("does not exist or may not be looked at", ("--dataset", "pairs", "--source", "x" * 5000)),
        (
            "output zips/in is inside of source zips;",
            ("--dataset", "pairs", "--source", "zips", "--output", "zips/in"),
        ),
        ("source and output are the same folder, zips;", (*cityscapes, "--source", "zips", "--output", "zips")),
        ("palette is cityscapes, camvid or the path", (*pairs, "--palette", "mine")),
        ("zipped is for street scenes; leave it out", ("--source", "zips", "--zipped", "true")),
        ("width is for street scenes", ("--source", "zips", "--width", "32")),
    ):
        refused(capsys, message, *arguments)
    assert not (folder / "dataset").exists() and not (folder / "traffic-signs-data").exists()


def test_hostile_sources(folder: Path, capsys: pytest.CaptureFixture) -> None:
    good = pair_files(NAMES)
    photo = f"photos/{NAMES[5]}.png"
    write_zip(folder / "up.zip", good | {"../../evil.png": b"evil"})
    write_zip(folder / "huge.zip", good | {photo: header_of_png(60_000, 60_000)})
    write_zip(folder / "short.zip", good | {photo: good[photo][:-20]})
    (folder / "cut.zip").write_bytes((folder / "pairs.zip").read_bytes()[:-500])
    for number, (source, message) in enumerate((
        ("up.zip", "leads out of it"),
        ("huge.zip", "has more than 67,108,864 pixels"),
        ("short.zip", "is cut short or damaged"),
        ("cut.zip", "no zip archive or is damaged"),
    )):  # fmt: skip
        refused(capsys, message, "--dataset", "pairs", "--source", source, "--output", f"out{number}")
        assert not (folder / f"out{number}" / PREPARED).exists()


def test_too_little_room(folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 20_000))
    monkeypatch.setattr(prepare_scenes, "write_folder", lambda *_: pytest.fail("the work has started"))
    refused(capsys, "are needed", "--dataset", "pairs", "--source", "pairs.zip")
    refused(capsys, "are needed", "--dataset", "pairs", "--source", "pairs.zip", "--width", "640", "--height", "480")


@pytest.mark.usefixtures("no_archive")
def test_a_disk_that_fills_up_meanwhile(
    folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, written = folder_writer.replacing, []

    @contextlib.contextmanager
    def full(path: Path, synced: bool = True) -> Iterator[BinaryIO]:
        with whole(path, synced) as file:
            written.append(path)
            if len(written) > 12:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield file

    with monkeypatch.context() as patch:
        patch.setattr(folder_writer, "replacing", full)
        refused(capsys, "no space left to write dataset/", "--dataset", "pairs", "--source", "pairs.zip")
    assert not list((folder / "dataset").rglob("*.tmp"))
    main(PrepareConfig(dataset="pairs", source="pairs.zip"))
    assert len(open_scenes("dataset").training) == 4


@pytest.mark.usefixtures("no_archive")
def test_it_goes_on_after_it_was_stopped(folder: Path, capsys: pytest.CaptureFixture) -> None:
    write_zip(folder / "many.zip", pair_files([f"s{k}_{frame:04d}" for k in range(6) for frame in range(20)]))
    arguments = (
        "--dataset",
        "pairs",
        "--source",
        "many.zip",
        "--output",
        "data",
        "--width",
        "480",
        "--height",
        "360",
    )
    running = process(*arguments)
    until = time.monotonic() + 120
    while len(list((folder / "data").glob("*/labels/*.png"))) < 8:
        assert running.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 143 and "Traceback" not in errors
    assert "the same command goes on" in errors and "anything to keep" not in errors
    assert not (folder / "data" / PREPARED).exists()
    finished = [json.loads(line) for line in (folder / "data" / PREPARING).read_text().splitlines()[1:]]
    before = tree_of(folder / "data")
    main(parse(PrepareConfig, arguments))
    assert finished and f"{len(finished)} of 120 scenes were there already." in capsys.readouterr().out
    after = tree_of(folder / "data")
    for record in finished:
        for kind in ("photos", "labels"):
            name = f"{record['part']}/{kind}/{record['name']}.png"
            assert after[name] == before[name]


def test_help_names_every_option(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        run(PrepareConfig, main, ("--help",))
    out = capsys.readouterr().out
    for name in ("--dataset", "--palette", "--coarse", "--width", "--height", "--zipped"):
        assert name in out


def test_an_archive_that_is_missing(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "zips" / FINE_ZIP).unlink()
    refused(capsys, f"no train scenes of {FINE_ZIP}; Cityscapes", "--dataset", "cityscapes", "--source", "zips")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real archives in ../shared/data")
@pytest.mark.usefixtures("no_archive")
def test_the_real_archives(folder: Path) -> None:
    main(PrepareConfig(dataset="cityscapes", source=str(REAL / "cityscapes"), width=256, height=128))
    scenes = open_scenes("dataset")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [3, 1, 0]
    assert scenes.training.has_instances and scenes.palette.name == "cityscapes"
    source = str(REAL / "camvid/camvid_train.zip")
    main(PrepareConfig(dataset="pairs", source=source, output="camvid", width=96, height=72))
    scenes = open_scenes("camvid")
    assert [len(part) for part in (scenes.training, scenes.validation, scenes.test)] == [237, 62, 68]
    assert scenes.palette.name == "camvid" and {name[:6] for name in scenes.test.names} == {"0016E5"}
