"""An unsuitable environment is an ImportError with one sentence; a command ends with the sentence and status 2."""

import ast
import importlib.util
import runpy
import subprocess
import sys

import pytest

from tests.conftest import ROOT

INIT = ROOT / "gan" / "__init__.py"


def refusal(monkeypatch) -> str:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back after the test
    with pytest.raises(ImportError) as refused:
        runpy.run_path(str(INIT))
    return str(refused.value)


def test_too_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    assert f"Python 3.11 to 3.13 is needed and {sys.executable} is 3.8.18" in refusal(monkeypatch)


def test_a_missing_package_is_named_with_the_python_that_lacks_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find(name))
    sentence = refusal(monkeypatch)
    assert sentence.startswith(f"{sys.executable} is the Python that was started, and it lacks mlflow; ")
    assert "`uv run --frozen mlflow run . --env-manager local`" in sentence


@pytest.mark.parametrize("command", [["evaluate.py"], ["-m", "gan.commands.tour"]])
def test_a_command_in_a_python_without_packages_ends_with_status_2(command):
    without_packages = [sys.executable, "-S", *command]
    done = subprocess.run(without_packages, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "lacks jinja2, keras" in done.stderr


def test_a_program_that_goes_on_without_the_package_keeps_its_own_errors():
    code = "try:\n    import gan\nexcept ImportError:\n    raise ValueError('its own') from None"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.endswith("ValueError: its own\n")


def test_old_pythons_can_parse_what_they_see_before_the_check():
    ast.parse(INIT.read_text(), feature_version=(3, 6))
    for script in ("train_dcgan.py", "train_pix2pix.py", "evaluate.py"):
        tree = ast.parse((ROOT / script).read_text(), feature_version=(3, 8))
        imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [node.names[0].name if isinstance(node, ast.Import) else node.module for node in imported]
        packages = [name.split(".")[0] for name in names]
        before = packages[: packages.index("gan")]
        assert set(before) <= sys.stdlib_module_names, f"{script} imports {before} before the check"
