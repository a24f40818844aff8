"""The project as `mlflow run` starts it, end to end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.conftest import DATA, ROOT
from tests.made_up_goodrun import write_goodrun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project: an entry point works, and writes, in the project's folder."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(ROOT / "gan", folder / "gan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "conda.yaml", "train_dcgan.py", "evaluate.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def mlflow_run(project, *options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    # `--env-manager local` starts whatever `python` comes first.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local", *options]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=600)


def runs(project):
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    try:
        return mlflow.search_runs(order_by=["attributes.start_time DESC"], output_format="list")
    finally:
        mlflow.set_tracking_uri(None)


def opened(project):
    """The ids of the runs that `mlflow run` opened."""
    return [run.info.run_id for run in runs(project) if "mlflow.project.entryPoint" in run.data.tags]


def test_the_main_entry_point_trains_and_evaluates_and_says_where_things_are(project):
    done = mlflow_run(project, "-P", "iterations=3", "-P", f"data={DATA}")
    assert done.returncode == 0, done.stderr
    evaluation, shipped, training = runs(project)  # the newest first; `mlflow run` opened that of the training
    assert [run.data.tags["gan.kind"] for run in runs(project)] == ["evaluate", "evaluate", "dcgan"]
    assert {run.info.status for run in runs(project)} == {"FINISHED"}
    assert training.data.params["iterations"] == "3" and training.data.params["seed"] == "0"
    assert training.data.tags["data"] == DATA and opened(project) == [training.info.run_id]
    assert shipped.data.tags["class_val"] == "all" and evaluation.data.tags["goodrun"] == f"{training.info.run_id}/3"
    (folder,) = (project / "images" / "tour").iterdir()
    assert len(list((folder / "trained").glob("[0-9]*.png"))) == 100
    assert len(list((folder / "pretrained").glob("*/[0-9]*.png"))) == 43 * 8
    places = (f"{folder}/pretrained/contact-sheet.png", f"{folder}/trained/report.html")
    for place in places:
        assert Path(place).is_file() and done.stdout.rindex(place) > done.stdout.index("\nLook\n")
    assert done.stdout.index(places[0]) < done.stdout.index("2. A short training of class 17: 3 iterations")
    assert f"#/experiments/0/runs/{training.info.run_id}" in done.stdout
    assert training.data.params["precision"] == "auto" and "; remembered in " in done.stdout


def test_parameters_of_an_entry_point_pass(project):
    goodrun = write_goodrun(project / "goodrun", "3")
    options = ["-e", "evaluate", "-P", "class_val=3", "-P", f"goodrun_ref={goodrun}", "-P", "scores=none"]
    done = mlflow_run(project, *options, "-P", "count=2", "-P", "output=made")
    assert done.returncode == 0, done.stderr
    files = ["00000.png", "00001.png", "contact-sheet.png", "evaluation.json", "report.html"]
    assert sorted(path.name for path in (project / "made").iterdir()) == files


def test_bad_input_is_one_sentence_and_a_failed_run(project):
    done = mlflow_run(project, "-e", "train_dcgan.py", "-P", "batchsize=8")
    assert done.returncode != 0
    sentence = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(sentence) == 1 and "batchsize" in sentence[0]
    assert "Traceback" not in done.stderr
    assert runs(project)[0].info.status == "FAILED"
