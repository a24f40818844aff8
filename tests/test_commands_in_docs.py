"""Every command in README and docs is one: its program exists and takes its parameters and their values."""

import importlib
import re
import shlex

import pytest

from gan.commands import mlproject
from gan.config import Config, parse
from tests.conftest import ROOT
from tests.test_docs import DOCUMENTS

PROGRAM = re.compile(r"\b(uv|mlflow|python|pytest)\b ")
SCRIPTS = ("train_dcgan.py", "train_pix2pix.py", "evaluate.py")


def commands(text: str) -> list[str]:
    """The command lines of a document: in its blocks of code, and between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [line.strip() for line in lines if PROGRAM.search(line)]


def config_of(program: str) -> type[Config] | None:
    """The configuration that a script or module reads its command line with; None where it takes no parameters."""
    path = ROOT / (program if program.endswith(".py") else program.replace(".", "/") + ".py")
    assert path.is_file(), f"there is no {program}"
    name = re.search(r"^    run\((\w+), main\)", path.read_text(), re.MULTILINE)
    if name is None:
        assert "__main__" in path.read_text(), f"{program} is no program"
        return None
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return getattr(importlib.import_module(module), name[1])


def check(command: str) -> None:
    """Fail where a command would be refused."""
    words = shlex.split(command.split(" && ")[-1], comments=True)
    while words and words[0] not in ("python", "mlflow", "pytest") and not words[0].endswith(".py"):
        words.pop(0)
    if not words or "NAME" in words:
        return
    program, *options = words
    if program == "pytest":
        for word in options:
            assert not word.startswith("tests") or (ROOT / word.partition("::")[0]).exists(), word
        return
    if program == "mlflow":
        if options[:1] == ["run"]:
            check_mlflow_run(options[1:])
        return
    if program == "python":
        program = options.pop(0)
        if program == "-m":
            program = options.pop(0)
    if program == "dask":
        assert options[0] in ("scheduler", "worker")
        return
    if program.startswith("tests"):
        assert (ROOT / program.replace(".", "/")).exists() or (ROOT / f"{program.replace('.', '/')}.py").exists()
        return
    config = config_of(program)
    if config is None:
        assert not options, f"{program} takes no parameters"
    elif options and "--help" not in options:  # without any the program is only named
        parse(config, options)


def check_mlflow_run(options: list[str]) -> None:
    given = [options[place + 1].split("=", 1) for place, word in enumerate(options) if word == "-P"]
    name = options[options.index("-e") + 1] if "-e" in options else "main"
    assert name in (*mlproject.ENTRY_POINTS, *SCRIPTS), f"there is no entry point {name}"
    config = config_of(name) if name in SCRIPTS else mlproject.config_of(name)
    parse(config, [word for key, value in given for word in (f"--{key}", value)])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_is_taken(document):
    for command in commands(document.read_text()):
        try:
            check(command)
        except Exception as error:
            raise AssertionError(f"{document.name}: {command}: {error}") from error


def test_the_documents_show_every_entry_point():
    text = " ".join(command for document in DOCUMENTS for command in commands(document.read_text()))
    for name, (module, _) in mlproject.ENTRY_POINTS.items():
        assert module in text or f"-e {name}" in text or name == "main", name


@pytest.mark.parametrize(
    "command",
    [
        "uv run train_dcgan.py --image_size 48", "uv run train_dcgan.py --classval 3", "uv run train.py",
        "uv run python -m gan.commands.nothing", "mlflow run . -e nothing", "mlflow run . -P classval=3",
        "uv run mlflow run . -e evaluate -P count=0", "uv run --frozen pytest tests/nothing",
    ],
)  # fmt: skip
def test_a_command_that_would_be_refused_is_found(command):
    assert commands(f"Start `{command}`.") == [command]
    with pytest.raises(Exception):  # noqa: B017  whatever is wrong with it
        check(command)
