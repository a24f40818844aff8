"""The contract of the MLproject file: parameters, command lines, --help and configs say the same."""

import dataclasses
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from gan.commands import mlproject
from gan.config import parse
from tests.conftest import ROOT

PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())


def test_the_file_is_the_one_that_the_configurations_give():
    assert (ROOT / "MLproject").read_text() == mlproject.text()


@pytest.mark.parametrize("entry_point", mlproject.ENTRY_POINTS)
def test_parameters_are_declared_with_their_defaults_and_passed_under_their_names(entry_point):
    entry = PROJECT["entry_points"][entry_point]
    fields = dataclasses.fields(mlproject.config_of(entry_point))
    kinds = {"int": int, "float": float, "string": str}
    declared = {
        name: kinds[parameter["type"]](parameter["default"]) for name, parameter in entry["parameters"].items()
    }
    defaults = {field.name: field.default for field in fields if field.default is not None}
    assert declared == {k: str(v).lower() if isinstance(v, bool) else v for k, v in defaults.items()}
    assert re.findall(r"--(\w+) \{(\w+)\}", entry["command"]) == [(name, name) for name in declared]
    module = mlproject.ENTRY_POINTS[entry_point][0]
    assert entry["command"].split()[:3] in (
        ["python", "-m", module],
        ["python", f"{module}.py", f"--{next(iter(declared))}"],
    )


def locked_versions() -> dict[str, str]:
    return {
        package["name"]: package["version"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }


def dependencies() -> dict[str, str]:
    """The ranges of pyproject.toml by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split("[<>=]", text)[0]: text for text in project["dependencies"]}


def test_conda_yaml_has_the_locked_versions_of_all_dependencies_under_pip():
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    *others, under_pip = conda["dependencies"]
    assert under_pip["pip"] == [f"{name}=={locked_versions()[name]}" for name in dependencies()]
    assert others == ["python=3.11", "pip"]
    assert PROJECT["conda_env"] == "conda.yaml"
    assert "python_env" not in PROJECT


def test_the_locked_version_of_every_dependency_is_within_its_range():
    for name, text in dependencies().items():
        assert Requirement(text).specifier.contains(locked_versions()[name]), text


def test_the_package_check_asks_for_every_dependency():
    import gan

    assert set(gan.PACKAGES.values()) == set(dependencies()) - {
        "psutil"
    }  # only MLflow needs psutil, for system metrics


def test_help_shows_every_parameter_with_its_default(capsys):
    for entry_point in mlproject.ENTRY_POINTS:
        config = mlproject.config_of(entry_point)
        with pytest.raises(SystemExit) as stopped:
            parse(config, ["--help"])
        assert stopped.value.code == 0
        shown = " ".join(capsys.readouterr().out.split())
        for field in dataclasses.fields(config):
            assert f"--{field.name} " in shown
