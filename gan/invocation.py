"""How the program was started, to print commands that work the same way, and which version of the code runs."""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent  # the project's folder


def start(program: str) -> str:
    """How the user starts a program from the present folder.

    Args:
        program: a script of the project ("evaluate.py"), one of its modules ("gan.commands.study"), or another
            program of the environment ("mlflow").
    """
    store = shown(os.environ.get("MLFLOW_TRACKING_URI", ""))
    elsewhere = store != "" and not is_here(store)
    # `mlflow run PROJECT` starts the program in the project's folder and keeps the archive where the user stands.
    here = Path.cwd() == ROOT and not elsewhere
    script, module = program.endswith(".py"), program.startswith("gan.")
    if script and not here:
        program = shlex.quote(str(ROOT / program))
    if "UV" in os.environ:  # set by `uv run`
        program = f"python -m {program}" if module else program
        line = f"uv run {program}" if here else f"uv run --project {shlex.quote(str(ROOT))} {program}"
    else:
        first = shutil.which("python")
        active = first is not None and Path(first).parent == Path(sys.executable).parent
        python = "python" if active else shlex.quote(sys.executable)
        line = f"{python} {program}" if script else program if active and not module else f"{python} -m {program}"
    if module and not here:
        line = f"PYTHONPATH={shlex.quote(str(ROOT))} {line}"
    if (script or module) and elsewhere:
        line = f"MLFLOW_TRACKING_URI={shlex.quote(store)} {line}"
    return line


def is_here(uri: str) -> bool:
    """Whether an address of an archive is that of the present folder; MLflow writes %20 for a space in it."""
    return unquote(uri) == archive_here()


def archive_here() -> str:
    """The address of the archive of the present folder."""
    return f"sqlite:///{Path('mlflow.db').resolve()}"


def shown(uri: str) -> str:
    """A text with the address of an archive, fit to be printed and kept: without the name and password in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "USER:PASSWORD@", uri)


def code_version() -> str:
    """The commit of the code that runs, with "-changed" where files differ from it.

    Outside of git the variable CODE_VERSION, as the image of `deploy` has it, or "unknown".
    """
    try:
        commit = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty=-changed", "--exclude=*"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("CODE_VERSION") or "unknown"
    return commit.stdout.strip()


def command(script: str, config, **changed) -> str:
    """The command line that starts a script again with a config, leaving out what is at its default.

    Args:
        script: "train_dcgan.py", or a module ("gan.commands.study").
        config: the frozen dataclass of its parameters.
        changed: parameters that get another value.
    """
    given = dataclasses.asdict(config) | changed
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    options = [
        f"--{name} {shlex.quote(str(value))}"
        for name, value in given.items()
        if value != defaults[name] or name in changed
    ]
    return " ".join([start(script), *options])
