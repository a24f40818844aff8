"""The notebooks of docs/ are executed from top to bottom on drawn data, and written with their HTML; some minutes.

uv run --frozen --group notebooks python -m tests.campaigns.notebooks
uv run --frozen --group notebooks python -m tests.campaigns.notebooks docs/Traffic-Signs-GAN.ipynb
"""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import ROOT

NEEDED = ("gan", "*.py", "benchmarks/results", "pyproject.toml")  # of the project, by the notebooks
SECONDS = 1800  # that a cell may take: a busy machine is slow
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #212529; }}
pre {{ background: #f6f8fa; padding: .7rem; overflow-x: auto; font-size: 13px; line-height: 1.4; }}
code {{ background: #f6f8fa; padding: .1em .3em; font-size: .88em; }}
pre code {{ padding: 0; font-size: inherit; }}
img {{ max-width: 100%; }}
table {{ border-collapse: collapse; font-size: 14px; }}
th, td {{ border: 1px solid #ced4da; padding: .2rem .6rem; text-align: left; vertical-align: top; }}
.jp-InputPrompt, .jp-OutputPrompt, .prompt, .anchor-link {{ display: none; }}
.output_area pre, .output_stderr pre {{ background: none; border-left: 3px solid #ced4da; border-radius: 0; }}
{code}
.highlight .err {{ border: none; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def execute(path: Path) -> None:
    """Run a notebook in a copy of the project without data, and write it and its page."""
    import nbformat
    from nbclient import NotebookClient

    notebook, began = nbformat.read(path, as_version=4), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="notebook-") as place:
        folder = Path(place).resolve() / "project"
        copy_project(folder)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        environment |= {"PYTHONPATH": "", "XDG_CACHE_HOME": str(folder.parent / "cache"), "UV": "uv"}
        environment |= {"PYTHONWARNINGS": "ignore:IProgress not found"}  # text bars are wanted
        where = {"metadata": {"path": str(folder / "docs")}}
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources=where, record_timing=False,
            coalesce_streams=True,
        )  # fmt: skip
        client.execute(env=environment)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                tidy(output, str(folder))
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    path.with_suffix(".html").write_text(page(notebook))
    print(f"{path}: {time.monotonic() - began:.0f} seconds, {path.stat().st_size / 1e6:.1f} MB")


def copy_project(folder: Path) -> None:
    """Copy what the notebooks need of the files that git knows."""
    (folder / "docs").mkdir(parents=True)
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *NEEDED],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, files.stdout.split("\0")):
        if not name.startswith(("tests/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def tidy(output: dict, folder: str) -> None:
    """Leave out of an output what is of this machine or of a terminal: folders, and states of progress bars."""
    if output["output_type"] == "stream":
        output["text"] = re.sub(r"[^\n]*\r(?!\n)", "", _relative(output["text"], folder))
        return
    data = output.get("data", {})
    data.pop("image/jpeg", None)
    for kind in data:
        if kind.startswith("text/"):
            data[kind] = re.sub(r"<PIL\.\S+ image .*>", "a picture", _relative(data[kind], folder))


def _relative(text: str, folder: str) -> str:
    return text.replace(f"{folder}/", "").replace(folder, ".")


def page(notebook) -> str:
    """A notebook as an HTML page that needs nothing else."""
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    body = re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)
    body = body.replace("No description has been provided for this image", "picture")
    title = re.match(r"# (.+)", notebook.cells[0].source)[1]
    return PAGE.format(title=html.escape(title), body=body, code=HtmlFormatter().get_style_defs(".highlight"))


def main(paths: list[str]) -> None:
    """Execute some notebooks, or all."""
    for path in map(Path, paths) if paths else sorted((ROOT / "docs").glob("*.ipynb")):
        execute(path.resolve())


if __name__ == "__main__":
    main(sys.argv[1:])
