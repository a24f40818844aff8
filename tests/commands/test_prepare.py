import errno
import functools
import http.server
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan.archive import store
from gan.commands import prepare
from gan.commands.prepare import PrepareConfig, main
from gan.config import run
from gan.data import gtsrb
from gan.data.gtsrb import read_signs, read_source, write_signs
from gan.data.gtsrb_archives import ARCHIVES, FIRST_ZIP, TEST_ZIP, TRAINING_ZIP, TRUTH_ZIP
from gan.errors import UserError
from gan.files import locked
from tests.made_up_gtsrb import (
    TRAINING,
    extreme_zips,
    official_zips,
    same,
    some_signs,
    training_files,
    write_tree,
    write_zip,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One archive for all tests, and for commands in processes of their own: a new one takes seconds."""
    folder = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        store.prepare()
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive_address: str) -> Path:
    """The working folder, with the archives in `zips`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", archive_address)
    official_zips(tmp_path / "zips")
    return tmp_path


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "gan.commands.prepare", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=300,
        check=False,
    )


def refused(capsys: pytest.CaptureFixture, message: str, *arguments: str) -> str:
    """Run the command in this process: exit status 2 and one sentence."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(PrepareConfig, main, arguments)
    shown = capsys.readouterr().err
    assert stopped.value.code == 2 and "Traceback" not in shown
    sentence = shown.replace("\r", "\n").splitlines()[-1]
    assert sentence.startswith("error: ") and sentence.endswith(".") and message in sentence
    assert shown.count("error: ") == 1
    return sentence


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_whole_command(folder: Path) -> None:
    done = command("--source", "zips")
    assert done.returncode == 0, done.stderr
    output = folder / "traffic-signs-data"
    assert sorted(path.name for path in output.iterdir()) == ["test.p", "train.p"]
    found = read_source(folder / "zips")
    assert same(read_signs(output / "train.p"), found.train) and same(read_signs(output / "test.p"), found.test)
    with (output / "train.p").open("rb") as file:
        assert pickle.load(file)["features"].shape == (21, 32, 32, 3)
    assert "Number of training examples = 21" in done.stdout and "Number of test examples     = 3" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("train_dcgan.py --class_val 17`.")
    assert (folder / "images/data/summary.txt").read_text() in done.stdout
    for name in ("histogram", "samples"):
        with Image.open(folder / f"images/data/{name}.png") as image:
            assert min(image.size) > 50


def test_a_mistake_on_the_command_line_is_one_sentence_and_status_2(folder: Path) -> None:
    done = command("--source", "nowhere")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["zips"]


def test_neither_or_both_ways(capsys: pytest.CaptureFixture) -> None:
    for arguments in ((), ("--source", "zips", "--download", "true")):
        sentence = refused(capsys, "`--source FOLDER`", *arguments)
        assert "`--download true`" in sentence
    refused(capsys, "add `--download true`", "--source", "zips", "--download_from", "http://127.0.0.1/")


def test_running_again_changes_nothing(folder: Path, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(source="zips"))
    assert capsys.readouterr().out.count("written") == 2
    before = state(folder / "traffic-signs-data")
    main(PrepareConfig(source="zips"))
    out = capsys.readouterr().out
    assert out.count("unchanged") == 2 and "written" not in out
    assert state(folder / "traffic-signs-data") == before
    main(PrepareConfig(source="traffic-signs-data"))  # what it made is a source, too
    assert state(folder / "traffic-signs-data") == before
    # A part that is missing is written again; the other one is left alone.
    (folder / "traffic-signs-data/test.p").unlink()
    main(PrepareConfig(source="zips"))
    after = state(folder / "traffic-signs-data")
    train = str(folder / "traffic-signs-data/train.p")
    assert after[train] == before[train]
    assert {name: content for name, (_, content) in after.items()} == {name: c for name, (_, c) in before.items()}


@pytest.mark.parametrize("name", ["train.p", "test.p"])
def test_other_data_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture, name: str) -> None:
    (folder / "mine").mkdir()
    write_signs(folder / "mine" / name, some_signs())
    before = state(folder / "mine")
    sentence = refused(capsys, f"mine/{name} holds other images", "--source", "zips", "--output", "mine")
    assert "move it away or choose another --output" in sentence
    assert state(folder / "mine") == before  # the other part is not written either


def test_a_file_that_is_no_data_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture) -> None:
    write_tree(folder / "mine", {"train.p": b"my notes"})
    refused(capsys, "mine/train.p is no pickle", "--source", "zips", "--output", "mine")
    assert (folder / "mine/train.p").read_bytes() == b"my notes"


def test_an_output_that_can_not_be_written(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "file").write_text("some")
    for output in ("file", "file/below", "/proc/nowhere"):
        refused(capsys, f"{output} can't be written", "--source", "zips", "--output", output)
    write_tree(folder / "mine", {"archives": b"some"})
    refused(capsys, "mine/archives can't be written", "--download", "true", "--output", "mine")
    refused(capsys, "may not be looked at", "--source", "x" * 5000)
    (folder / "images").write_text("some")
    refused(capsys, "images/data can't be written", "--source", "zips")
    assert not (folder / "traffic-signs-data/train.p").exists()


def test_too_little_room(folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 10**6, 10**6))
    monkeypatch.setattr(gtsrb, "read_source", lambda _: pytest.fail("the work has started"))
    assert "1.0 MB" in refused(capsys, "are needed", "--source", "zips")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 500 * 10**6))
    monkeypatch.setattr(prepare, "download", lambda *_: pytest.fail("the work has started"))
    refused(capsys, "are needed", "--download", "true")


def test_a_disk_that_fills_up_meanwhile(
    folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(os, "fsync", full)
        run(PrepareConfig, main, ["--source", "zips"])
    assert stopped.value.code == 2
    assert "no space left to write traffic-signs-data/train.p; free some" in capsys.readouterr().err
    assert list((folder / "traffic-signs-data").iterdir()) == []
    main(PrepareConfig(source="zips"))
    assert len(read_signs("traffic-signs-data/train.p")) == 21


def test_another_output_is_named_in_what_to_do_next(capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(source="zips", output="my signs"))
    assert "train_dcgan.py --class_val 17 --data 'my signs'`" in capsys.readouterr().out


def test_training_images_alone(folder: Path, capsys: pytest.CaptureFixture) -> None:
    main(PrepareConfig(source=f"zips/{TRAINING_ZIP}"))
    out = capsys.readouterr().out
    assert f"There is no test set: {TEST_ZIP} and {TRUTH_ZIP} missing." in out
    assert [path.name for path in (folder / "traffic-signs-data").iterdir()] == ["train.p"]
    write_signs("traffic-signs-data/test.p", some_signs())
    main(PrepareConfig(source=f"zips/{TRAINING_ZIP}"))
    assert "traffic-signs-data/test.p is of an earlier source and stays as it is." in capsys.readouterr().out


def test_hostile_sources(folder: Path, capsys: pytest.CaptureFixture) -> None:
    good = training_files()
    write_zip(folder / "up.zip", good | {"../../evil.txt": b"evil"})
    write_zip(folder / "huge.zip", good | {f"{TRAINING}/00000/00000_00000.ppm": b"P6 60000 60000 255\n"})
    (folder / "cut.zip").write_bytes((folder / "zips" / TRAINING_ZIP).read_bytes()[:-500])
    (folder / "evil.p").write_bytes(b"\x80\x02cos\nsystem\nX\x0c\x00\x00\x00touch victim\x85R.")
    for source, message in (
        ("up.zip", "leads out of it"),
        ("huge.zip", "more than 67,108,864 pixels"),
        ("cut.zip", "no zip archive or is damaged"),
        ("evil.p", "names 'os.system'"),
    ):
        refused(capsys, message, "--source", source)
    assert not (folder / "victim").exists() and not list((folder / "traffic-signs-data").iterdir())


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_download_from_a_mirror(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "zips" / TEST_ZIP).rename(folder / "aside.zip")
    handler = functools.partial(Quiet, directory=folder / "zips")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        mirror = f"http://127.0.0.1:{server.server_port}"
        sentence = refused(capsys, "answers 404", "--download", "true", "--download_from", mirror)
        assert f"{mirror}/{TEST_ZIP}" in sentence
        (folder / "aside.zip").rename(folder / "zips" / TEST_ZIP)
        main(PrepareConfig(download=True, download_from=mirror))
        server.shutdown()
    archives = folder / "traffic-signs-data/archives"
    assert sorted(path.name for path in archives.iterdir()) == sorted(ARCHIVES)
    assert same(read_signs("traffic-signs-data/train.p"), read_source(folder / "zips").train)
    # Nobody serves any more, and nothing needs to be fetched again.
    main(PrepareConfig(download=True, download_from=mirror))
    assert capsys.readouterr().out.count("unchanged") == 2


def test_the_official_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(prepare, "download", lambda *arguments: asked.append(arguments))
    with pytest.raises(UserError, match="holds no GTSRB training images"):
        main(PrepareConfig(download=True))
    assert [url.rpartition("/") for url, _ in asked] == [
        ("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370", "/", name)
        for name in ("GTSRB_Final_Training_Images.zip", "GTSRB_Final_Test_Images.zip", "GTSRB_Final_Test_GT.zip")
    ]


def test_the_extremes_of_the_official_archives(folder: Path, capsys: pytest.CaptureFixture) -> None:
    extreme_zips(folder / "extreme")
    main(PrepareConfig(source="extreme"))
    train, test = (read_signs(f"traffic-signs-data/{part}.p") for part in ("train", "test"))
    assert train.counts().tolist() == [210] + [2] * 42 and len(np.unique(train.tracks)) == 7 + 42
    assert train.sizes[:3].tolist() == test.sizes.tolist() == [[15, 15], [266, 232], [232, 266]]
    assert train.coords[:2].tolist() == [[2, 3, 12, 13], [2, 3, 263, 230]]
    with Path("traffic-signs-data/test.p").open("rb") as file:
        plain = pickle.load(file)
    assert plain["sizes"].dtype == np.uint16 and plain["features"].shape == (3, 32, 32, 3)
    shown = capsys.readouterr().out
    assert "These are 294 of the 39,209 training images of GTSRB" in shown
    assert "another size" not in shown and "left out" not in shown
    assert "These are 294 of" in (folder / "images/data/summary.txt").read_text()


def test_the_archive_that_torchvision_fetches(folder: Path, capsys: pytest.CaptureFixture) -> None:
    extreme_zips(folder / "first", FIRST_ZIP, "GTSRB/Training")
    main(PrepareConfig(source="first"))
    assert len(read_signs("traffic-signs-data/train.p")) == 294
    shown = capsys.readouterr().out
    assert "These are 294 of the 39,209 training images of GTSRB; GTSRB_Final_Training_Images.zip holds all" in shown


def test_a_damaged_member_of_an_archive(folder: Path, capsys: pytest.CaptureFixture) -> None:
    path = folder / "zips" / TRAINING_ZIP
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    refused(capsys, "is damaged; pack the archive again or get it anew", "--source", "zips")


def test_two_at_once_wait_for_each_other(folder: Path, capfd: pytest.CaptureFixture) -> None:
    output = folder / "traffic-signs-data"
    output.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with locked(output):
            other = pool.submit(main, PrepareConfig(source="zips"))
            with pytest.raises(TimeoutError):
                other.result(0.5)
            assert list(output.iterdir()) == []
        other.result(60)
    assert "waiting for another process that works in traffic-signs-data" in capfd.readouterr().err
    assert sorted(path.name for path in output.iterdir()) == ["test.p", "train.p"]


def test_a_stray_validation_part_in_the_output(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "mine").mkdir()
    write_signs(folder / "mine/valid.p", some_signs())
    refused(capsys, "mine/valid.p would be read as a part", "--source", "zips", "--output", "mine")
    assert [path.name for path in (folder / "mine").iterdir()] == ["valid.p"]
