"""What the site has besides the pages of docs/: references of commands and scores, and files that pages link."""

import dataclasses
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gan.commands import mlproject  # noqa: E402
from gan.config import Config, as_text, kind_of, range_words  # noqa: E402
from gan.score import Score  # noqa: E402

CONFIGS = {name: mlproject.config_of(name) for name in mlproject.ENTRY_POINTS}  # now: mkdocs takes ROOT away again
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")
KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def reference() -> str:
    """All commands with their parameters, from the configurations, as Markdown."""
    head = """\
# Commands and parameters

Written from the configurations of the programs, as `--help` and the MLproject file are.
`uv run PROGRAM --NAME VALUE` starts a program.
`uv run mlflow run . -e ENTRY --env-manager local -P NAME=VALUE` starts it as an entry point of the MLflow project.
Every parameter can be left out. Where the default is "depends", other parameters decide.
"""
    return "\n".join([head, *map(_command, CONFIGS)])


def scores() -> str:
    """All scores, from their definitions, as Markdown."""
    from gan.dcgan import scores as image_scores  # these import TensorFlow
    from gan.pix2pix import scores as scene_scores

    head = """\
# Scores

Every score stands beside its real reference: the same score of real images that were not learned.
Compare with the reference, not with 0 or 1. Reports flag what is clearly worse.
"""
    tables = {"Images with a class": image_scores.SCORES, "Street scenes": scene_scores.SCORES}
    return "\n".join([head, *(f"## {title}\n\n{_scores(table)}" for title, table in tables.items())])


def _scores(table: tuple[Score, ...]) -> str:
    rows = "".join(_row(f"`{score.name}`", score.better, _flagged(score), score.meaning) for score in table)
    return f"| score | better | flagged | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _flagged(score: Score) -> str:
    """From where on a value is out of range."""
    side = "above" if score.better == "lower" else "below"
    if score.limit is not None:
        return f"{side} {score.limit}"
    if score.tolerance is None:
        return "never"
    factor, offset = score.tolerance
    sign = "+" if offset > 0 else "-"
    return f"{side} {f'{factor:g} x ' * (factor != 1)}real{f' {sign} {abs(offset):g}' * (offset != 0)}"


def _command(entry_point: str) -> str:
    config, module = CONFIGS[entry_point], mlproject.ENTRY_POINTS[entry_point][0]
    program = f"python -m {module}" if module.startswith("gan.") else f"{module}.py"
    rows = "".join(_parameter(config, field) for field in dataclasses.fields(config))
    return (
        f"## {entry_point}\n\n{(config.__doc__ or '').split(chr(10) * 2)[0]}\n\n"
        f"```sh\nuv run {program}\n```\n\n"
        f"| parameter | value | default | meaning |\n| --- | --- | --- | --- |\n{rows}"
    )


def _parameter(config: type[Config], field: dataclasses.Field) -> str:
    value = KINDS[kind_of(config, field.name)]
    if field.metadata["choices"]:
        value = ", ".join(f"`{choice}`" for choice in field.metadata["choices"])
    elif range_words(field):
        value = f"{value}, {range_words(field)}"
    default = (
        "depends" if field.default is None else f"`{as_text(field.default)}`" if field.default != "" else "empty"
    )
    return _row(f"`{field.name}`", value, default, field.metadata["help"])


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |\n"


GENERATED = {"commands.md": reference, "scores.md": scores}


def on_config(config):
    """Leave pages out of the navigation that are not there yet."""
    config.nav = [entry for entry in map(_there, config.nav) if entry]
    return config


def _there(entry: dict) -> dict:
    """An entry of the navigation without what is missing; empty where all is."""
    [(title, target)] = entry.items()
    if isinstance(target, list):
        target = [inner for inner in map(_there, target) if inner]
    elif target not in GENERATED and not ((ROOT / "docs" / target).is_file() or (ROOT / target).is_file()):
        target = None
    return {title: target} if target else {}


def on_files(files, config):
    """Add the generated pages, and every file of the project that the navigation names or a page links."""
    from mkdocs.structure.files import File  # of the group `docs`; the pages are tested without it

    queue = [ROOT / "docs" / file.src_uri for file in files]
    queue += [ROOT / target for target in _targets(config.nav)]
    seen = set()
    for path in queue:  # which grows
        site_path = _site_path(path)
        if site_path in seen or not path.is_file():
            continue
        seen.add(site_path)
        if path.suffix == ".md":
            queue += [path.parent / link for link in LINK.findall(path.read_text())]
        if files.get_file_from_path(site_path) is None:
            added = File.generated(config, site_path, abs_src_path=str(path))
            added.dest_uri += "" if path.suffix else ".txt"  # LICENSE: a browser shows it
            files.append(added)
    for name, text in GENERATED.items():
        files.append(File.generated(config, name, content=text()))
    return files


def _targets(nav: list) -> list[str]:
    values = [value for entry in nav for value in entry.values()]
    return [target for value in values for target in (_targets(value) if isinstance(value, list) else [value])]


def _site_path(path: Path) -> str:
    """Where a file of the project stands in the site."""
    return os.path.relpath(path, ROOT).removeprefix("docs/")


def on_page_markdown(markdown, page, config, files):
    """Links between files of the project as links between pages of the site."""
    source = Path(page.file.abs_src_path or ROOT / "docs" / page.file.src_uri)

    def moved(link: re.Match) -> str:
        target = source.parent / link[0]
        return os.path.relpath(_site_path(target), Path(page.file.src_uri).parent) if target.is_file() else link[0]

    return LINK.sub(moved, markdown)
