"""The notebooks of docs/ are executed and have their pages; they call the package, and what they call exists."""

import ast
import dataclasses
import html
import importlib
import json
import re

import pytest

from tests.conftest import ROOT
from tests.test_commands_in_docs import check, commands

NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
# A conditional expression chooses real data where they are; nothing else of a notebook is logic.
LOGIC = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.Try, ast.With,
    ast.comprehension,
)  # fmt: skip
CONDITIONS = 1
MOST_BYTES = 2_000_000

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def python(path) -> ast.Module:
    """The code of a notebook without commands of the shell and of IPython."""
    text = "\n".join(source(cell) for cell in cells(path, "code"))
    return ast.parse("\n".join(line for line in text.splitlines() if not line.startswith(("!", "%"))))


def test_there_are_three():
    names = {"Traffic-Signs-GAN", "prepare_dataset_and_create_project_structure", "Data-Augmentation-Using-GANs"}
    assert {path.stem for path in NOTEBOOKS} == names


@each_notebook
def test_every_cell_was_executed_in_order_and_without_errors(path):
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        assert cell["outputs"], source(cell)
        assert "error" not in [output["output_type"] for output in cell["outputs"]], source(cell)


@each_notebook
def test_it_is_a_valid_notebook(path):
    nbformat = pytest.importorskip("nbformat", reason="not installed: uv sync --frozen --group notebooks")
    nbformat.validate(json.loads(path.read_text()))


@each_notebook
def test_it_has_no_logic_of_its_own(path):
    nodes = list(ast.walk(python(path)))
    assert [ast.unparse(node) for node in nodes if isinstance(node, LOGIC)] == []
    assert sum(isinstance(node, ast.IfExp) for node in nodes) <= CONDITIONS


@each_notebook
def test_what_it_imports_exists_and_takes_the_parameters(path):
    names = {}
    for node in ast.walk(python(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name: importlib.import_module(alias.name) for alias in node.names if not alias.asname}
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = importlib.import_module(node.module)
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
                names[alias.name] = getattr(module, alias.name)
    configs = 0
    for node in ast.walk(python(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            assert hasattr(names[node.value.id], node.attr), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Config"):
            module, _, name = ast.unparse(node.func).partition(".")
            fields = {field.name for field in dataclasses.fields(getattr(names[module], name))}
            assert {word.arg for word in node.keywords} <= fields
            configs += 1
    assert configs


@each_notebook
def test_the_commands_that_it_names_are_taken(path):
    found = commands("\n".join(source(cell) for cell in cells(path, "markdown")))
    assert found
    for command in found:
        check(command)


@each_notebook
def test_its_page_stands_beside_it_and_needs_nothing_else(path):
    page, first = path.with_suffix(".html").read_text(), source(cells(path, "markdown")[0])
    title = html.escape(re.match(r"# (.+)", first)[1])
    assert f"<title>{title}</title>" in page and re.search(rf"<h1[^>]*>{re.escape(title)}<", page)
    pictures = [kind for cell in cells(path, "code") for output in cell["outputs"] for kind in output.get("data", {})]
    assert page.count("<img") == pictures.count("image/png") > 0
    assert "<script" not in page and re.findall(r"<(?:link|iframe)|src=[\"'](?!data:)|url\(", page) == []
    assert max(path.stat().st_size, path.with_suffix(".html").stat().st_size) < MOST_BYTES


@each_notebook
def test_nothing_names_the_machine(path):
    for file in (path, path.with_suffix(".html")):
        text = re.sub(r"[A-Za-z0-9+/=\\n]{200,}", "", file.read_text())  # pictures
        assert re.findall(r"(?<![\w.:/-])/(?:tmp|home|root|usr|var|Users|opt|work|private)/\S*", text) == []
