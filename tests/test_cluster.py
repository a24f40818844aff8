"""Cells on the workers of a Dask scheduler: two processes of this machine."""

import contextlib
import dataclasses
import functools
import sys
import threading
import time

import psutil
import pytest

from gan import processes
from gan.cluster import on_cluster
from gan.commands import prepare_scenes
from gan.commands.prepare import PrepareConfig
from gan.data.folder_writer import write_folder
from gan.errors import UserError
from gan.invocation import ROOT
from gan.study.grid import Cell
from tests.made_up_scenes import tree_of
from tests.made_up_study import MadeUp

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
CELLS = [Cell(1, "full", arm) for arm in ("generated", "real", "classical")]  # the first one makes the trouble


class Bar:
    steps = 0

    def update(self, steps):
        self.steps += steps


@pytest.fixture(scope="module")
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        # A model that another test has loaded leaves the copy of the code that came with it before the project's.
        patch.setattr(sys, "path", [str(ROOT), *sys.path])
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", scheduler_port=0, dashboard_address="127.0.0.1:0"
        ) as cluster:
            yield cluster


def made_up(folder, trouble):
    return functools.partial(MadeUp, trace=str(folder / "trace.txt"), trouble=trouble)


def wait_for(true, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def no_data() -> MadeUp:
    """A study that can't be built."""
    raise UserError("the data went away; bring it back.")


def on_workers() -> list[psutil.Process]:
    """The processes that run cells: those that the workers have started."""
    running = []
    for worker in psutil.Process().children():
        for process in worker.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it ends while it is looked at
                running += [process] * ("spawn_main" in " ".join(process.cmdline()))
    return running


def test_a_lost_worker_costs_no_cell_and_cells_are_those_of_this_machine(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    bar, build = Bar(), made_up(tmp_path, "lost")
    found = {cell: values for cell, values, _ in processes.run(build, CELLS, 2, 0, bar, cluster.scheduler_address)}
    assert found == {cell: MadeUp().run_cell(cell, lambda steps: None) for cell in CELLS} and bar.steps == 12
    assert (tmp_path / "lost").exists()
    lines = (tmp_path / "trace.txt").read_text().splitlines()
    assert {line.split()[-2] for line in lines} == {"3"}
    assert len({line.split()[-1] for line in lines}) == len(lines) >= 3


def test_mistakes_end_the_work_with_their_sentence_and_nothing_goes_on(cluster, tmp_path):
    with pytest.raises(UserError, match="bring it back"):
        list(processes.run(no_data, CELLS[:1], 2, 0, Bar(), cluster.scheduler_address))
    answers = processes.run(made_up(tmp_path, "slow"), CELLS[1::-1], 2, 0, Bar(), cluster.scheduler_address)
    assert next(answers)[0] == CELLS[1]
    wait_for(on_workers)
    answers.close()
    wait_for(lambda: not on_workers())


def test_scenes_that_a_cluster_prepares_are_the_same_files(cluster, tmp_path):
    folders = tmp_path / "there", tmp_path / "here"
    config = PrepareConfig(
        dataset="pairs", source="drawn:3", output=str(folders[0]), cluster=cluster.scheduler_address
    )
    found = prepare_scenes.find(config, contextlib.ExitStack())
    items = list(found.items)
    items[2] = dataclasses.replace(items[2], read=None)
    with pytest.raises(TypeError):
        write_folder(folders[0], items, found.palette, {"source": "drawn"})  # two are finished when it stops
    elsewhere = functools.partial(prepare_scenes.on_cluster, config, None)
    written = write_folder(folders[0], found.items, found.palette, {"source": "drawn"}, elsewhere=elsewhere)
    assert written.new == len(items) - 2 == 5
    assert write_folder(folders[1], found.items, found.palette, {"source": "drawn"}).records == written.records
    there, here = ({name: data for name, (_, data) in tree_of(folder).items()} for folder in folders)
    assert there == here and len(there) > 3 * len(items)


def test_a_scheduler_that_goes_away_or_is_not_there_is_named(cluster, tmp_path):
    answers = on_cluster(cluster.scheduler_address, made_up(tmp_path, "slow"), CELLS[1::-1], {}, Bar(), patience=1)
    assert next(answers)[0] == CELLS[1]
    closing = threading.Thread(target=cluster.close)
    closing.start()
    with pytest.raises(UserError, match=rf"the scheduler at {cluster.scheduler_address} went away; what is finished"):
        next(answers)
    closing.join()
    with pytest.raises(UserError, match="no Dask scheduler answers at cluster=tcp://127.0.0.1:1 .*or leave cluster"):
        next(on_cluster("tcp://127.0.0.1:1", MadeUp, CELLS, {}, Bar(), patience=1))
