"""The contract of the MLproject file: parameters, command lines, --help and configs say the same."""

import dataclasses
import importlib
import re
import tomllib

import pytest
import yaml

from tests.conftest import ROOT

PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())
CONFIGS = {
    "main": ("gan.commands.tour", "TourConfig"),
    "tour_scenes": ("gan.commands.tour_scenes", "TourConfig"),
    "prepare": ("gan.commands.prepare", "PrepareConfig"),
    "train_dcgan": ("train_dcgan", "TrainConfig"),
    "train_pix2pix": ("train_pix2pix", "TrainConfig"),
    "evaluate": ("evaluate", "EvaluateConfig"),
    "augment_scenes": ("gan.commands.augment_scenes", "AugmentConfig"),
    "balance": ("gan.commands.balance", "BalanceConfig"),
    "study": ("gan.commands.study", "StudyConfig"),
    "promote": ("gan.commands.promote", "PromoteConfig"),
    "export": ("gan.commands.export", "ExportConfig"),
}


def config_of(entry_point):
    module, name = CONFIGS[entry_point]
    return getattr(importlib.import_module(module), name)


def test_every_entry_point_is_known_here():
    assert set(PROJECT["entry_points"]) == set(CONFIGS)


@pytest.mark.parametrize("entry_point", CONFIGS)
def test_parameters_and_defaults_are_those_of_the_config(entry_point):
    declared = PROJECT["entry_points"][entry_point]["parameters"]
    fields = {field.name: field.default for field in dataclasses.fields(config_of(entry_point))}
    assert list(declared) == list(fields)
    for name, default in fields.items():
        text = declared[name]["default"]
        assert type(default)(text) == default if not isinstance(default, bool) else text == str(default).lower(), name


@pytest.mark.parametrize("entry_point", CONFIGS)
def test_the_command_passes_every_parameter_under_its_own_name(entry_point):
    entry = PROJECT["entry_points"][entry_point]
    passed = re.findall(r"--(\w+) \{(\w+)\}", entry["command"])
    assert passed == [(name, name) for name in entry["parameters"]]
    assert entry["command"].count("--") == len(passed)


@pytest.mark.parametrize("entry_point", CONFIGS)
def test_the_command_starts_the_module_of_the_config(entry_point):
    command = PROJECT["entry_points"][entry_point]["command"].split()
    module = CONFIGS[entry_point][0]
    assert command[:3] == ["python", "-m", module] or command[:2] == ["python", f"{module}.py"]


def test_conda_yaml_has_the_pins_of_pyproject_all_under_pip():
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    *others, under_pip = conda["dependencies"]
    assert under_pip["pip"] == project["dependencies"]
    assert others == ["python=3.11", "pip"]
    assert PROJECT["conda_env"] == "conda.yaml"
    assert "python_env" not in PROJECT


def test_every_dependency_is_pinned_to_the_version_of_the_lock_file():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        locked.setdefault(package["name"], set()).add(package.get("version"))
    for requirement in project["dependencies"]:
        name, version = requirement.split("==")
        assert locked[name] == {version}, requirement


def test_the_package_check_asks_for_every_dependency():
    import gan

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {requirement.split("==")[0] for requirement in project["dependencies"]}
    assert set(gan._PACKAGES.values()) == wanted - {"psutil"}  # only MLflow needs psutil, for system metrics


def test_help_shows_every_parameter_with_its_default(capsys):
    from gan.config import parse

    for entry_point in CONFIGS:
        config = config_of(entry_point)
        with pytest.raises(SystemExit) as stopped:
            parse(config, ["--help"])
        assert stopped.value.code == 0
        shown = " ".join(capsys.readouterr().out.split())
        for field in dataclasses.fields(config):
            assert f"--{field.name} " in shown
