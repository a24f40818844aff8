"""Cells are run once, kept one by one, never taken for others, and gone on with after anything that stops them."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gan.errors import UserError
from gan.progress import remark
from gan.study.grid import MARK, Cell, Store, conduct, digest, plain, require_own
from tests import made_up_study
from tests.made_up_study import MadeUp


def run(folder: Path, workers: int = 1, **changed):
    """Conduct the made-up study in a folder: the results, and the lines of the cells that were run."""
    trace = folder / "trace.txt"
    trace.unlink(missing_ok=True)
    build = functools.partial(MadeUp, trace=str(trace), **changed)
    study = build()
    try:
        return conduct(study, build, Store(folder, study), workers), lines(trace)
    except KeyboardInterrupt:
        return None, lines(trace)


def lines(trace: Path) -> list[str]:
    return trace.read_text().splitlines() if trace.exists() else []


def values_of(cell: Cell, setting: float = 0.0) -> dict[str, float]:
    values = MadeUp(setting).run_cell(cell, lambda count: None)
    return {name: values[name] for name in ("rare", "macro")}


def test_every_arm_comes_once_before_any_is_repeated() -> None:
    cells = made_up_study.design().cells()
    assert len(set(cells)) == len(cells) == 18
    assert [cell.seed for cell in cells] == [0] * 6 + [1] * 6 + [2] * 6


def test_seeds_take_turns_with_the_choices_of_training_data() -> None:
    assert [made_up_study.design(draws=2).draw(seed) for seed in range(5)] == [0, 1, 0, 1, 0]
    assert [made_up_study.design().draw(seed) for seed in range(3)] == [0, 1, 2]


def test_all_cells_are_run_and_kept_and_not_run_again(tmp_path) -> None:
    results, ran = run(tmp_path)
    assert results == {cell: values_of(cell) for cell in made_up_study.design().cells()}
    assert len(ran) == 18
    files = sorted((tmp_path / "cells").rglob("*.json"))
    assert len(files) == 18
    before = {path: path.stat().st_mtime_ns for path in files}
    again, ran = run(tmp_path)
    assert again == results and list(again) == list(results) and ran == []
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_a_cell_file_tells_what_it_is(tmp_path) -> None:
    run(tmp_path)
    kept = json.loads(next((tmp_path / "cells" / "full" / "classical").glob("seed-02-*.json")).read_text())
    assert kept["cell"] == {"seed": 2, "regime": "full", "arm": "classical"}
    assert kept["values"] == pytest.approx({"rare": 0.62, "macro": 0.67})
    assert kept["identity"]["setting"] == 0.0 and kept["seconds"] >= 0 and kept["code_version"]


def test_an_interrupted_study_goes_on_with_what_is_missing(tmp_path) -> None:
    _, ran = run(tmp_path, trouble="interrupt")
    assert len(ran) == 11  # six of seed 0, five of seed 1
    results, more = run(tmp_path)
    assert len(more) == 7 and not {line.split(" 1")[0] for line in ran} & set(more)
    (tmp_path / "whole").mkdir()
    assert results == run(tmp_path / "whole")[0]


def test_another_configuration_neither_takes_nor_loses_finished_cells(tmp_path) -> None:
    first, _ = run(tmp_path)
    other, ran = run(tmp_path, setting=0.1)
    assert len(ran) == 18 and other[Cell(0, "full", "real")]["rare"] == pytest.approx(0.6)
    again, ran = run(tmp_path)
    assert again == first and ran == []


def test_more_seeds_add_their_own_cells_only(tmp_path) -> None:
    run(tmp_path)
    _, ran = run(tmp_path, seeds=4)
    assert len(ran) == 6 and all("seed 3" in line for line in ran)


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: "{",
        lambda kept: json.dumps({"values": {"rare": 0.1, "macro": 0.2}}),
        lambda kept: json.dumps(kept | {"values": {"rare": 0.1}}),
        lambda kept: json.dumps(kept | {"values": {"rare": float("nan"), "macro": 0.2}}),
        lambda kept: json.dumps(kept | {"values": {"rare": "many", "macro": 0.2}}),
        lambda kept: json.dumps(kept | {"identity": kept["identity"] | {"setting": 7}}),
        lambda kept: "[]",
    ],
)
def test_a_damaged_or_foreign_file_is_not_believed(tmp_path, damage) -> None:
    first, _ = run(tmp_path)
    path = next((tmp_path / "cells" / "1" / "real").glob("seed-00-*.json"))
    path.write_text(damage(json.loads(path.read_text())))
    again, ran = run(tmp_path)
    assert again == first and len(ran) == 1 and "1 / real / seed 0" in ran[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_arrays_are_kept_beside_the_numbers_and_belong_to_them(tmp_path, workers) -> None:
    first, _ = run(tmp_path, workers, arrays=True)
    assert first == {cell: values_of(cell) for cell in made_up_study.design().cells()}
    store, cell = Store(tmp_path, MadeUp(arrays=True)), Cell(2, "full", "real")
    assert store.finished().keys() == first.keys()
    assert {name: array.tolist() for name, array in store.arrays(cell).items()} == {"said": [2] * 5}
    path = next((tmp_path / "cells" / "full" / "real").glob("seed-02-*.npz"))
    whole = path.read_bytes()
    for damaged in (whole[:-40], whole[:60] + bytes(8) + whole[68:], None):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        again, ran = run(tmp_path, arrays=True)
        assert again == first and len(ran) == 1 and str(cell) in ran[0]
        assert store.arrays(cell)["said"].tolist() == [2] * 5


def test_progress_counts_the_steps_of_all_cells(tmp_path, capsys) -> None:
    run(tmp_path)
    assert "18 experiments: 100%" in (error := capsys.readouterr().err) and "72/72" in error
    run(tmp_path)
    assert "72/72" in capsys.readouterr().err


def test_workers_share_cells_and_cores(tmp_path, monkeypatch) -> None:
    from gan import processes

    monkeypatch.setattr(processes, "cores", lambda: 8)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    results, ran = run(tmp_path, workers=2)
    assert results == {cell: values_of(cell) for cell in made_up_study.design().cells()}
    assert len(ran) == 18 and {line.split()[-2] for line in ran} == {"4"}
    assert str(os.getpid()) not in {line.split()[-1] for line in ran}
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ
    assert run(tmp_path, workers=2)[1] == []


def reading_aloud(trace: str) -> MadeUp:
    remark("images are made 64x64")
    return MadeUp(trace=trace)


def test_what_there_is_to_say_of_the_data_is_not_said_by_every_worker(tmp_path, capfd) -> None:
    build = functools.partial(reading_aloud, str(tmp_path / "trace.txt"))
    conduct(study := build(), build, Store(tmp_path, study), workers=2)
    assert capfd.readouterr().err.count("images are made 64x64") == 1
    assert len(lines(tmp_path / "trace.txt")) == 18


def test_a_worker_gives_way_to_a_fresh_one_after_its_lifetime(tmp_path) -> None:
    """So that what experiments leave behind in memory is given back."""
    results, ran = run(tmp_path, lifetime=7)
    assert results == {cell: values_of(cell) for cell in made_up_study.design().cells()}
    pids = [line.split()[-1] for line in ran]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [7, 7, 4]
    assert str(os.getpid()) not in pids and not any(alive(int(pid)) for pid in pids)
    _, ran = run(tmp_path, seeds=4, lifetime=7)  # few enough for this process
    assert {line.split()[-1] for line in ran} == {str(os.getpid())}


def test_a_mistake_in_a_worker_is_told_as_one(tmp_path) -> None:
    with pytest.raises(UserError, match="bring it back"):
        run(tmp_path, workers=2, trouble="mistake")
    with pytest.raises(RuntimeError, match="full / generated / seed 1") as failed:
        run(tmp_path, workers=2, trouble="bug")
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert len(run(tmp_path, workers=1)[1]) < 18  # what was finished before is kept


def test_a_worker_that_is_killed_is_told_and_the_others_end(tmp_path) -> None:
    with pytest.raises(UserError, match=r"worker ended without an answer \(killed.*fewer"):
        run(tmp_path, workers=2, trouble="killed")
    pids = {int(line.split()[-1]) for line in lines(tmp_path / "trace.txt")}
    assert pids and not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SCRIPT = """
import functools, signal, sys
sys.path[:0] = {paths}
from pathlib import Path
from tests.made_up_study import MadeUp
from gan.signals import stop
from gan.study.grid import Store, conduct
if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # as `gan.config.run` does, whatever is inherited
        signal.signal(number, stop)
    folder = Path({folder!r})
    build = functools.partial(MadeUp, trace=str(folder / "trace.txt"), trouble="slow")
    study = build()
    try:
        conduct(study, build, Store(folder, study), workers=2)
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_worker_and_all_finished_cells(tmp_path, number) -> None:
    here = Path(__file__).resolve().parent
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(paths=[str(here.parent), str(here.parent.parent)], folder=str(tmp_path)))
    said = tmp_path / "said.txt"
    with said.open("w") as file:
        process = subprocess.Popen([sys.executable, str(script)], stdout=file, stderr=file, start_new_session=True)
    try:
        wait_for(lambda: len(lines(tmp_path / "trace.txt")) == 17)  # all but the one that takes its time
        wait_for(lambda: len(list((tmp_path / "cells").rglob("*.json"))) == 17)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        process.wait(timeout=30)
        pids = {int(line.split()[-1]) for line in lines(tmp_path / "trace.txt")}
        wait_for(lambda: not any(alive(pid) for pid in pids))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in said.read_text()
    assert said.read_text().endswith("stopped\n") == (number != signal.SIGKILL)
    results, ran = run(tmp_path)
    assert len(results) == 18 and len(ran) == 1


def wait_for(true, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_folder_of_somebody_else_is_refused(tmp_path) -> None:
    require_own(tmp_path / "new")
    assert (tmp_path / "new" / MARK).is_file()
    require_own(tmp_path / "new")
    (tmp_path / "new" / "notes.txt").write_text("mine")
    require_own(tmp_path / "new")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="theirs holds other files already; name a folder that is new"):
        require_own(tmp_path / "theirs")
    with pytest.raises(UserError, match=r"thesis.txt is a file; name a folder"):
        require_own(tmp_path / "theirs" / "thesis.txt")


def test_a_cell_that_answers_no_number_is_not_kept(tmp_path) -> None:
    study = MadeUp()
    for answer in ({"rare": float("nan"), "macro": 0.5}, {"macro": 0.5}):
        with pytest.raises(ValueError, match="full / real / seed 0"):
            Store(tmp_path, study).write(Cell(0, "full", "real"), answer, 1.0)
    assert Store(tmp_path, study).finished() == {}


def test_names_for_files_and_digests() -> None:
    assert plain("drawn:0.5/x y+") == "drawn-0.5-x-y-" and plain("generated-25") == "generated-25"
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
