"""What README and docs name exists."""

import re
from pathlib import Path

import pytest

from gan.commands.tour import ending
from tests.conftest import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "deploy" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md", "docs/decisions.md"])
def test_every_path_that_is_named_exists(name):
    text = (ROOT / name).read_text()
    paths = set(re.findall(r"\b(?:gan|tests|benchmarks|docs)/[\w/]*(?:\.\w+)?", text))
    paths |= set(re.findall(r"\b(?:train_\w+|evaluate)\.py", text))
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_function_of_the_walk_stands_in_a_file_of_the_walk():
    text = (ROOT / "docs/architecture.md").read_text()
    sources = "".join((ROOT / path).read_text() for path in set(re.findall(r"[\w/]+\.py\b", text)))
    called = set(re.findall(r"`(?:[A-Z]\w+\.)?([A-Za-z_]+)`", text)) - {"prepare", "spatial"}  # a command, a preset
    assert called
    assert [word for word in sorted(called) if not re.search(rf"(?:def|class) {word}\b", sources)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading(document):
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, heading = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, link


def test_the_first_steps_show_what_the_tour_prints():
    shown = [line for line in ending(Path("..."), "").splitlines() if line.startswith("  .../")]
    assert len(shown) == 2
    assert "\n".join(shown) in (ROOT / "docs/start.md").read_text()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170
