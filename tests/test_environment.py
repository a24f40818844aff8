"""An unsuitable environment is one sentence and exit status 2."""

import ast
import importlib.util
import runpy
import sys

import pytest

from tests.conftest import ROOT

INIT = ROOT / "gan" / "__init__.py"


def sentence(capsys):
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(INIT))
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def test_too_old_python(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    assert "Python 3.11 to 3.13 is needed and this is 3.8.18" in sentence(capsys)


def test_missing_package(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find(name))
    error = sentence(capsys)
    assert "missing package mlflow;" in error and "uv sync --frozen" in error


def test_old_pythons_can_parse_what_they_see_before_the_check():
    ast.parse(INIT.read_text(), feature_version=(3, 6))
    for script in ("train_dcgan.py", "evaluate.py"):
        source = (ROOT / script).read_text()
        tree = ast.parse(source, feature_version=(3, 8))
        imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [node.names[0].name if isinstance(node, ast.Import) else node.module for node in imported]
        standard = [name for name in names[: names.index("gan")] if name.split(".")[0] not in sys.stdlib_module_names]
        assert standard == [], f"{script} imports {standard} before the check"
