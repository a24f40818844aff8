"""Frozen dataclasses as command lines: one definition gives `--help`, the MLproject parameters and config.json."""

import argparse
import ctypes
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from gan.errors import UserError, is_no_space

Config = TypeVar("Config")

# Signals to stop that have arrived.  What they raise can be swallowed by a library that is being imported, so a long
# piece of work looks here before it begins.
stops: list[int] = []

ABSENT = ("", "none", "null")  # MLflow can't leave an optional parameter out: these words mean "not given"


def option(default: Any, text: str, words: Sequence[str] = ()) -> Any:
    """A dataclass field with a default (bool, int, float or str) and the line that `--help` shows for it.

    Args:
        default: the default.
        text: the line.
        words: values that mean themselves although they could mean "not given" (see `ABSENT`).
    """
    return dataclasses.field(default=default, metadata={"help": text, "words": words})


def require(fits: bool, name: str, wanted: str, value: Any) -> None:
    """Raise the UserError of a parameter outside its range unless `fits`."""
    if not fits:
        raise UserError(f"{name} is {wanted}, not {value!r}.")


def parse(config_class: type[Config], argv: Sequence[str] | None = None, program: str | None = None) -> Config:
    """Read a command line into a frozen dataclass made of `option` fields.

    Args:
        config_class: the dataclass; each field is an option `--<field name> VALUE`, of the type of its default.
        argv: the arguments; `sys.argv[1:]` by default.
        program: the name that `--help` shows.

    Raises:
        UserError: an option is unknown, lacks its value, or has a value of another type, or the config's own
            `__post_init__` refuses a value.
    """
    parser = _Parser(
        prog=program,
        description=(config_class.__doc__ or "").split("\n\n")[0],
        allow_abbrev=False,
    )
    fields = dataclasses.fields(config_class)  # type: ignore[arg-type]
    for field in fields:
        text = field.metadata["help"].replace("%", "%%")
        shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = repr("") if shown == "" else shown
        kind = type(field.default)
        parser.add_argument(
            f"--{field.name}",
            default=field.default,
            metavar=kind.__name__.upper(),
            help=f"{text} (default: {shown})",
        )
    given = vars(parser.parse_args(argv))
    return config_class(**{field.name: _convert(field, given[field.name]) for field in fields})


def run(
    config_class: type[Config], main: Callable[[Config], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Parse, run and exit: 0, the status that `main` returns, or 2 with one sentence for a user's mistake.

    SIGTERM raises KeyboardInterrupt like Ctrl-C does, so that both are handled in one place.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    _end_with_mlflow()
    try:
        status = main(parse(config_class, argv)) or 0
    except KeyboardInterrupt as stop:
        print("stopped before there was anything to keep", file=sys.stderr)
        status = 143 if isinstance(stop, _Terminated) else 130
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        status = 2
    sys.exit(status)


def _sentence(error: Exception) -> str | None:
    """What a user is told of an error; None for a mistake of the program's own."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        if is_no_space(error):
            return f"no space left to write {error.filename or 'a file'}; free some and start again."
        return f"{error.filename}: {(error.strerror or str(error)).lower()}." if error.filename else None
    archive = sys.modules.get("mlflow.exceptions")  # not imported for this: it takes seconds
    if archive is None or not isinstance(error, archive.MlflowException):
        return None
    from gan.archive.store import first_line

    return f"the archive says: {first_line(error)}"


class _Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


def _stop(number: int, frame: Any) -> NoReturn:
    stops.append(number)
    raise _Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _end_with_mlflow() -> None:
    """Have `mlflow run` take this process along when it is killed; it would train on unseen otherwise."""
    if sys.platform == "linux" and "MLFLOW_RUN_ID" in os.environ:
        signal_at_parents_death = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(signal_at_parents_death, signal.SIGTERM)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; `{self.prog} --help` lists the options.")


def _convert(field: dataclasses.Field, value: Any) -> Any:
    """The text of an option as the type of the field's default."""
    kind = type(field.default)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in ABSENT and text not in field.metadata["words"]:
        return field.default
    if kind is str:
        return text
    if kind is bool:
        if text.lower() in ("true", "yes", "1"):
            return True
        if text.lower() in ("false", "no", "0"):
            return False
        raise UserError(f"{field.name} is true or false, not {value!r}.")
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(f"{field.name} is {wanted}, not {value!r}.") from None
