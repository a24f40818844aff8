"""Printed commands can be copied and work from the folder that the program was started in."""

import dataclasses
import sys
from pathlib import Path

import pytest

from gan import invocation
from gan.config import option


@dataclasses.dataclass(frozen=True)
class Config:
    class_val: str = option("17", "a class")
    data: str = option("signs", "a folder")
    seed: int = option(0, "a seed")


@pytest.fixture(autouse=True)
def no_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    project, here = tmp_path / "the project", tmp_path / "here"
    project.mkdir()
    here.mkdir()
    monkeypatch.setattr(invocation, "ROOT", project)
    monkeypatch.chdir(here)
    return project


def test_in_the_project_under_uv(monkeypatch):
    monkeypatch.chdir(invocation.ROOT)
    monkeypatch.setenv("UV", "/bin/uv")
    assert invocation.start("evaluate.py") == "uv run evaluate.py"
    assert invocation.start("mlflow") == "uv run mlflow"
    assert invocation.start("gan.commands.study") == "uv run python -m gan.commands.study"


def test_in_the_project_without_uv(monkeypatch):
    monkeypatch.chdir(invocation.ROOT)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert invocation.start("evaluate.py") == "python evaluate.py"
    assert invocation.start("mlflow") == "mlflow"
    assert invocation.start("gan.commands.study") == "python -m gan.commands.study"


def test_elsewhere_the_projects_folder_is_named_and_quoted(elsewhere, monkeypatch):
    monkeypatch.setenv("UV", "/bin/uv")
    assert invocation.start("evaluate.py") == f"uv run --project '{elsewhere}' '{elsewhere}/evaluate.py'"
    assert invocation.start("mlflow") == f"uv run --project '{elsewhere}' mlflow"
    module = f"PYTHONPATH='{elsewhere}' uv run --project '{elsewhere}' python -m gan.commands.study"
    assert invocation.start("gan.commands.study") == module


def test_an_archive_that_is_elsewhere_is_named(monkeypatch):
    monkeypatch.chdir(invocation.ROOT)
    monkeypatch.setenv("UV", "/bin/uv")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////somewhere else/mlflow.db")
    root = invocation.ROOT
    shown = invocation.start("evaluate.py")
    assert (
        shown
        == f"MLFLOW_TRACKING_URI='sqlite:////somewhere else/mlflow.db' uv run --project {root} {root}/evaluate.py"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
    assert invocation.start("evaluate.py") == "uv run evaluate.py"


def test_an_environment_that_is_not_active_is_named(monkeypatch):
    monkeypatch.chdir(invocation.ROOT)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert invocation.start("evaluate.py") == f"{sys.executable} evaluate.py"
    assert invocation.start("mlflow") == f"{sys.executable} -m mlflow"
    assert invocation.start("gan.commands.study") == f"{sys.executable} -m gan.commands.study"


def test_a_command_has_what_is_not_at_its_default_and_what_changes(monkeypatch):
    monkeypatch.chdir(invocation.ROOT)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    shown = invocation.command("train_dcgan.py", Config(data="my signs"), seed=0)
    assert shown == "python train_dcgan.py --data 'my signs' --seed 0"


def test_the_code_version_is_a_commit_or_unknown(tmp_path, monkeypatch):
    assert invocation.code_version()
    monkeypatch.setattr(invocation, "ROOT", tmp_path)
    assert invocation.code_version() == "unknown"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://USER:PASSWORD@host/db"),
        ("error at http://me:se:cret@host:5000, no answer", "error at http://USER:PASSWORD@host:5000, no answer"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("", ""),
    ],
)
def test_a_password_in_an_address_is_not_shown(given, shown, monkeypatch):
    assert invocation.shown(given) == shown
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert "secret" not in invocation.start("evaluate.py")
