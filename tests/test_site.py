"""The documentation site: what is generated for it, its navigation, and that it builds."""

import dataclasses
import importlib.util
import re
import subprocess
import sys

import pytest
import yaml

from gan.commands import mlproject
from gan.config import as_text
from gan.dcgan import scores as image_scores
from gan.pix2pix import scores as scene_scores
from tests.conftest import ROOT
from tests.test_commands_in_docs import check, commands

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/site_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(text: str, title: str) -> dict[str, list[str]]:
    """The table under a heading: the cells behind the first of each row, by the first."""
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    lines = next(part for part in section if part.startswith(f"{title}\n")).splitlines()
    table = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines if line.startswith("| `")]
    return {name.strip("`"): cells for name, *cells in table}


@pytest.mark.parametrize("entry_point", mlproject.ENTRY_POINTS)
def test_the_reference_has_every_parameter_with_its_default(hooks, entry_point):
    found = rows(hooks.reference(), entry_point)
    fields = dataclasses.fields(mlproject.config_of(entry_point))
    assert list(found) == [field.name for field in fields]
    for field in fields:
        assert len(found[field.name]) == 3
        wanted = {None: "depends", "": "empty"}.get(field.default, f"`{as_text(field.default)}`")
        assert found[field.name][1] == wanted


def test_the_commands_of_the_reference_are_taken(hooks):
    found = commands(hooks.reference())
    assert len(found) >= len(mlproject.ENTRY_POINTS)
    for command in found:
        if "PROGRAM" not in command and "ENTRY" not in command:
            check(command)


def test_all_scores_are_listed_with_the_limit_from_which_on_they_are_flagged(hooks):
    text = hooks.scores()
    for title, definitions in (("Images with a class", image_scores), ("Street scenes", scene_scores)):
        assert list(rows(text, title)) == [score.name for score in definitions.SCORES]
    score = next(score for score in image_scores.SCORES if score.name == "recall")
    assert rows(text, "Images with a class")["recall"][1] == "below 0.9 x real"
    assert (score.out_of_range(0.44, 0.5), score.out_of_range(0.46, 0.5)) == (True, False)


def test_every_page_stands_in_the_navigation(hooks):
    named = hooks._targets(SITE["nav"])
    pages = [path for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".html")]
    assert [page.name for page in pages if page.name not in named] == []


def test_the_site_builds_and_its_pages_fetch_nothing(tmp_path):
    pytest.importorskip("mkdocstrings", reason="the site's tools are not installed: uv sync --frozen --group docs")
    line = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = [path for path in tmp_path.rglob("*.html") if not (ROOT / "docs" / path.name).exists()]
    assert len(pages) > 10
    for page in pages:
        text = page.read_text()
        assert re.findall(r"<(?:script|img|iframe)[^>]+src=.?https?:[^>]*>", text) == [], page.name
        links = re.findall(r"<link[^>]+>", text)
        assert [link for link in links if "http" in link and "canonical" not in link] == [], page.name
