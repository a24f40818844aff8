import dataclasses
import json
import shutil
import threading
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from gan.data.folder import PARTS, PREPARED, PREPARING, TEST, TRAINING, VALIDATION, open_folder
from gan.data.folder_writer import Item, write_folder
from gan.data.palettes import CAMVID, CITYSCAPES
from gan.data.scene import Scene
from gan.errors import UserError
from tests.conftest import full_disk
from tests.made_up_scenes import members, some_scene, tree_of


def item(part: str, name: str, scene: Scene) -> Item:
    return Item.of(part, name, lambda: scene)


def items(count: int = 6) -> list[Item]:
    parts = [TRAINING] * (count - 2) + [VALIDATION, TEST]
    return [item(part, f"scene{k}", some_scene(k)) for k, part in enumerate(parts)]


def write(folder: Path, some: list[Item] | None = None, **options):
    return write_folder(folder, items() if some is None else some, CITYSCAPES, {"source": "made up"}, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (_, data) in tree_of(folder).items()}


def broken() -> NoReturn:
    raise UserError("Broken.")


def stopped_after(folder: Path, count: int) -> None:
    """Write until so many scenes are finished; the next one breaks."""
    some = items()
    some[count] = dataclasses.replace(some[count], read=broken)
    with pytest.raises(UserError, match="Broken"):
        write(folder, some)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = write(tmp_path / "data")
    assert written.new == 6 and written.zips == ()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted([*PARTS, "palette.json", PREPARED])
    scenes = open_folder(str(tmp_path / "data"))
    assert scenes.palette == CITYSCAPES and scenes.name == str(tmp_path / "data")
    assert scenes.training.names == ("scene0", "scene1", "scene2", "scene3") and scenes.test.names == ("scene5",)
    for k, name in enumerate(scenes.training.names):
        one, wanted = scenes.training.scene(k), some_scene(int(name[-1]))
        for field in dataclasses.fields(Scene):
            read, was = getattr(one, field.name), getattr(wanted, field.name)
            assert np.array_equal(read, was) and read.dtype == was.dtype
    about = json.loads((tmp_path / "data" / PREPARED).read_text())
    assert about["source"] == "made up" and about["counts"] == dict(zip(PARTS, (4, 1, 1), strict=True))
    assert sum(about["scenes"][0]["pixels"].values()) == 40 * 30 and about["instances"] is True


def test_another_size(tmp_path: Path) -> None:
    write(tmp_path / "data", size=(20, 12))
    scene = open_folder(str(tmp_path / "data")).validation.scene(0)
    assert scene.size == (20, 12) and set(np.unique(scene.labels)) <= {7, 11, 23, 26}


def test_again_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "data", zipped=True)
    before = tree_of(tmp_path / "data")
    written = write(tmp_path / "data", zipped=True)
    assert written.new == 0 and written.zips == () and tree_of(tmp_path / "data") == before


def test_the_same_scenes_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, zipped=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_it_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    stopped_after(folder, 3)
    assert not (folder / PREPARED).exists()
    before = tree_of(folder)
    (folder / TRAINING / "photos" / ".scene3.png.123.tmp").write_bytes(b"left behind by a kill")
    assert write(folder).new == 3
    after = tree_of(folder)
    finished = [name for name in before if name.endswith(("scene0.png", "scene1.png", "scene2.png"))]
    assert len(finished) == 9 and all(after[name] == before[name] for name in finished)
    write(tmp_path / "whole")
    assert contents(tmp_path / "whole") == contents(folder)


def test_it_goes_on_after_a_kill(tmp_path: Path) -> None:
    some = [*items(40)]

    def copied():
        """Copies the folder while it is being made: what a kill leaves."""
        shutil.copytree(tmp_path / "data", tmp_path / "killed", ignore=shutil.ignore_patterns("*.tmp"))
        with (tmp_path / "killed" / PREPARING).open("a") as file:
            file.write('{"part": "training_data')
        return items(40)[30].read()

    some[30] = dataclasses.replace(some[30], read=copied)
    write(tmp_path / "data", some)
    assert not (tmp_path / "killed" / PREPARED).exists()
    assert 1 <= write(tmp_path / "killed", items(40)).new <= 39
    assert contents(tmp_path / "killed") == contents(tmp_path / "data")


def test_a_kill_after_the_last_file_leaves_nothing_that_stays(tmp_path: Path) -> None:
    write(tmp_path / "data")
    before = contents(tmp_path / "data")
    (tmp_path / "data" / PREPARING).write_text("{}")
    assert write(tmp_path / "data").new == 0 and contents(tmp_path / "data") == before


def test_a_half_made_folder_of_version_0_1_goes_on(tmp_path: Path) -> None:
    stopped_after(tmp_path / "data", 3)
    journal = tmp_path / "data" / PREPARING
    head, *records = map(json.loads, journal.read_text().splitlines())
    head = {key: head[key] for key in ("format", "size", "palette", "names", "source")}
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in (head, *records)))
    assert write(tmp_path / "data").new == 3


def test_a_half_written_file_of_a_half_made_folder_is_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    stopped_after(folder, 3)
    photo = folder / TRAINING / "photos" / "scene0.png"
    whole = photo.read_bytes()
    photo.write_bytes(b"")  # what a power cut can leave of a file
    assert write(folder).new == 4 and photo.read_bytes() == whole


def test_a_scene_that_was_bad_may_be_put_right_but_a_finished_one_may_not_differ(tmp_path: Path) -> None:
    folder, some = tmp_path / "data", items()
    stopped_after(folder, 3)
    better = item(some[3].part, some[3].name, some_scene(99))
    assert write(folder, [*some[:3], better, *some[4:]]).new == 3
    before = tree_of(folder)
    other = item(some[0].part, some[0].name, some_scene(98))
    with pytest.raises(UserError, match="made from another source: training_dataset/scene0 differs; it is not over"):
        write(folder, [other, *some[1:3], better, *some[4:]])
    assert tree_of(folder) == before


@pytest.mark.parametrize("state", ["finished", "half made"])
def test_another_source_palette_or_size_is_refused(tmp_path: Path, state: str) -> None:
    folder, some = tmp_path / "data", items()
    if state == "finished":
        write(folder)
    else:
        stopped_after(folder, 3)
    before = tree_of(folder)
    with pytest.raises(UserError, match=r"made from another source \('made up'\) and is not overwritten; choose"):
        write(folder, [dataclasses.replace(some[0], name="other"), *some[1:]])
    with pytest.raises(UserError, match="made from another size"):
        write(folder, size=(20, 12))
    with pytest.raises(UserError, match="made from another palette"):
        write_folder(folder, some, CAMVID, {})
    assert tree_of(folder) == before


@pytest.mark.parametrize("name", ["training_dataset", "palette.json"])
def test_what_prepare_did_not_make_is_not_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(
        UserError, match=f"{name} is not overwritten, as neither prepared.json nor preparing.jsonl .* says what"
    ):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_file_of_a_finished_folder_that_is_gone_or_changed(tmp_path: Path) -> None:
    write(tmp_path / "data")
    before = contents(tmp_path / "data")
    label_map = tmp_path / "data" / TEST / "labels" / "scene5.png"
    label_map.unlink()
    assert write(tmp_path / "data").new == 1 and contents(tmp_path / "data") == before
    label_map.write_bytes(b"my own")
    with pytest.raises(UserError, match="scene5.png was changed since prepare wrote it and is not overwritten"):
        write(tmp_path / "data")
    assert label_map.read_bytes() == b"my own"


def test_zips_hold_the_parts(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write(folder)
    assert [path.name for path in write(folder, zipped=True).zips] == [f"{part}.zip" for part in PARTS]
    tree = tree_of(folder)
    for part in PARTS:
        packed = members(folder / f"{part}.zip")
        assert packed == {name: tree[name][1] for name in tree if name.startswith(f"{part}/")} | {
            "palette.json": tree["palette.json"][1]
        }


def test_scenes_that_do_not_match(tmp_path: Path) -> None:
    good = some_scene()
    for scene, message in (
        (Scene(good.photo[1:], good.labels), "has 40x29 pixels and its map.* 40x30"),
        (Scene(good.photo, good.labels, good.instances[:, 1:]), "has 40x30 pixels and its map.* 39x30"),
        (Scene(good.photo, good.labels + 20), "the label map of scene 'a' holds the ids 43, 46, which the palette"),
    ):
        with pytest.raises(UserError, match=message):
            write(tmp_path / "data", [item(TRAINING, "a", scene)])
    some = [item(TRAINING, "a", good), item(TRAINING, "b", Scene(good.photo, good.labels))]
    with pytest.raises(UserError, match="training_dataset/b has no instances and others have"):
        write(tmp_path / "other", some)
    assert not (tmp_path / "other" / PREPARED).exists()


def test_a_full_disk_names_the_file_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    with full_disk(10), pytest.raises(OSError, match=r"large|space") as error:
        write(tmp_path / "data")
    assert error.value.filename == str(tmp_path / "data" / PREPARING)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert write(tmp_path / "data").new == 6


def test_all_cores_work_and_none_after_an_error(tmp_path: Path) -> None:
    from gan.data.parallel import in_threads

    both, seen = threading.Barrier(2, timeout=20), []

    def work(k: int) -> int:
        seen.append(k)
        if k < 2:
            both.wait()  # passes only where two run at once
        if k == 3:
            raise ValueError(k)
        return -k

    results = in_threads(work, range(1000), threads=2)
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    with pytest.raises(ValueError, match="3"):
        next(results)
    assert len(seen) < 20
