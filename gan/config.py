"""Parameters of a program: one frozen dataclass gives the checks, `--help`, config.json and the MLproject file."""

import argparse
import dataclasses
import errno
import functools
import os
import re
import signal
import sqlite3
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import pydantic

from gan import output
from gan.errors import UserError, is_no_space
from gan.leftovers import own_temporary_files
from gan.signals import end_with_mlflow, stop, stop_signals, stop_status

ABSENT = ("", "none", "null")  # MLflow can't leave an optional parameter out: these words mean "not given"
MOST_ITERATIONS = 99_999_999  # what the eight digits in the name of a checkpoint hold
LARGEST_SEED = 2**31 - 1
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # parameter value -> Keras dtype policy
FITS = ("squeeze", "crop", "pad")
READING: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "image_size": (None, "width and height, 32, 64, 128 or 256; by default what is nearest, at most 128", ()),
    "fit": ("squeeze", "squeeze the whole, crop the centre, or pad what is not square", FITS),
    "groups": ("", "what tells those of one object, which are held out together: `folder` (a level below the class), "
               "`column` (`group` of the CSV), or a pattern that finds it in file names, as `^(.*?)_`", ()),
    "mirror": ("", "`all` if mirror images are of their class, `none`, or a file of lines `class,class in mirror`",
               ()),
    "turned": (False, "images that are turned by quarters are of their class, as textures are", ()),
    "skip_damaged": (False, "go on without damaged ones", ()),
}  # fmt: skip
ITERATIONS_HELP = "updates of both networks in all, those of the good run included"
GOODRUN_HELP = "run to go on from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder"


def option(
    default: Any, text: str, choices: Sequence[str] = (), pattern: str = "", wanted: str = "", **limits: float
) -> Any:
    """A field of a `Config`.

    Args:
        default: bool, int, float or str; None where it depends on other parameters and is resolved later.
        text: the line that `--help` shows.
        choices: the only values that are taken.
        pattern: regular expression that a str has to match as a whole.
        wanted: the words of a message for what `pattern` matches.
        limits: `ge`, `gt`, `le`, `lt` and `multiple_of`, as pydantic has them.
    """
    return dataclasses.field(
        default=default,
        metadata={"help": text, "choices": choices, "pattern": pattern, "wanted": wanted, "limits": limits},
    )


def seed_option(text: str) -> Any:
    """The field of a seed."""
    return option(0, text, ge=0, le=LARGEST_SEED)


def precision_option() -> Any:
    """The field of the precision of a training."""
    return option("auto", "float32, bfloat16, or auto: the faster one on this machine", (*PRECISIONS, "auto"))


def cluster_option() -> Any:
    """The field of the machines that work."""
    return option(
        "", "address of a Dask scheduler whose workers do it, as tcp://host:8786; if empty this machine does",
        pattern=r"|(tcp|tls)://[^\s/]+", wanted="the address of a Dask scheduler, as tcp://host:8786",
    )  # fmt: skip


def device_option(name: str) -> Any:
    """A field that says on what, and how, a training computes (see `gan.training.distribution.start`)."""
    if name == "deterministic":
        return option(None, "equal bits at every run; by default on CPUs, and not on GPUs, where it costs time")
    if name == "jit_compile":
        return option(False, "compile updates with XLA, for one GPU; slower on CPUs")
    return option(
        "auto", "auto (all GPUs, or one CPU), cpu, gpu:N for N GPUs, or cpu:N for N parts of the CPU",
        pattern="auto|(cpu|gpu)(:[1-9][0-9]?)?", wanted="auto, cpu, cpu:N, gpu or gpu:N",
    )  # fmt: skip


def reading_option(name: str) -> Any:
    """A field that says how images of somebody's own are read (see `gan.data.class_folders.Reading`)."""
    default, text, choices = READING[name]
    return option(default, f"own images: {text}", choices)


@dataclasses.dataclass(frozen=True)
class Config:
    """Parameters of a program, each an `option`; their values are checked when it is made.

    Raises:
        UserError: a value is of another type or outside its range.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            checked(field, type(self), getattr(self, field.name))


ConfigType = TypeVar("ConfigType", bound=Config)


def checked(field: dataclasses.Field, config_class: type, value: Any) -> Any:
    """The value of a field in the field's type, read from text where it is text.

    Raises:
        UserError: it has another type or lies outside the field's range.
    """
    try:
        value = _adapter(config_class, field.name).validate_python(value)
    except pydantic.ValidationError as error:
        kind = error.errors()[0]["type"]
        if kind.endswith(("_parsing", "_type", "_from_float")):
            words = {"int": "a whole number", "bool": "true or false", "float": "a number"}
            wanted = words.get(kind_of(config_class, field.name).__name__, "a text")
            raise UserError(f"{field.name} is {wanted}, not {value!r}.") from None
        raise UserError(f"{field.name} is {range_words(field) or 'a number'}, not {value}.") from None
    if field.metadata["choices"] and value not in field.metadata["choices"]:
        raise UserError(f"{field.name} is {any_of(field.metadata['choices'])}, not {value!r}.")
    if field.metadata["pattern"] and not re.fullmatch(field.metadata["pattern"], value):
        raise UserError(f"{field.name} is {field.metadata['wanted']}, not {value!r}.")
    return value


@functools.cache
def _adapter(config_class: type, name: str) -> pydantic.TypeAdapter:
    field = next(field for field in dataclasses.fields(config_class) if field.name == name)
    inner = kind_of(config_class, name)
    limits = field.metadata["limits"]
    if inner is float:
        limits = {"allow_inf_nan": False, **limits}
    kind: Any = Annotated[inner, pydantic.Field(**limits)] if limits else inner
    return pydantic.TypeAdapter(kind if typing.get_type_hints(config_class)[name] is inner else kind | None)


def range_words(field: dataclasses.Field) -> str:
    """The range of a number in words, "" where it has none."""
    limits = field.metadata["limits"]
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if low is None:
        return ""
    multiple = f"a multiple of {limits['multiple_of']} " if "multiple_of" in limits else ""
    if "gt" in limits:
        return f"{multiple}above {low} and below {high}"
    return f"{multiple}from {low} to {'below ' if 'lt' in limits else ''}{high}"


def any_of(words: Sequence[str]) -> str:
    """Words as "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def require(fits: bool, name: str, wanted: str, value: Any) -> None:
    """Raise the UserError of a parameter outside its range unless `fits`: for what depends on other parameters."""
    if not fits:
        raise UserError(f"{name} is {wanted}, not {value!r}.")


def parse(
    config_class: type[ConfigType], argv: Sequence[str] | None = None, program: str | None = None
) -> ConfigType:
    """Read a command line: each field is an option `--<field name> VALUE`.

    Args:
        config_class: the dataclass.
        argv: the arguments; `sys.argv[1:]` by default.
        program: the name that `--help` shows.

    Raises:
        UserError: an option is unknown, lacks its value, or has a value that the config refuses.
    """
    for word in argv if argv is not None else sys.argv[1:]:
        if word.endswith("=--"):  # argparse of Python 3.11 drops the value
            raise UserError(f"{word.removesuffix('=--')} has no value `--`; give another one.")
    parser = _Parser(prog=program, description=(config_class.__doc__ or "").split("\n\n")[0], allow_abbrev=False)
    fields = dataclasses.fields(config_class)
    for field in fields:
        text = field.metadata["help"].replace("%", "%%")
        if field.default is not None:
            text += f" (default: {as_text(field.default) or repr('')})"
        parser.add_argument(f"--{field.name}", metavar=kind_of(config_class, field.name).__name__.upper(), help=text)
    given = vars(parser.parse_args(argv))
    return config_class(**{field.name: _value(field, config_class, given[field.name]) for field in fields})


def kind_of(config_class: type, name: str) -> type:
    """The type of a field: bool, int, float or str, also where it may be None."""
    hint = typing.get_type_hints(config_class)[name]
    return next((part for part in typing.get_args(hint) if part is not type(None)), hint)


def as_text(value: Any) -> str:
    """A value as a command line and MLflow have it: true and false in small letters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(field: dataclasses.Field, config_class: type, text: str | None) -> Any:
    if text is None:
        return field.default
    text = text.strip()
    words = [word for word in field.metadata["pattern"].split("|") if word]
    if text.lower() in ABSENT and text not in (*field.metadata["choices"], *words):
        return field.default
    return checked(field, config_class, text)


def run(
    config_class: type[ConfigType], main: Callable[[ConfigType], int | None], argv: Sequence[str] | None = None
) -> NoReturn:
    """Parse, run and exit: 0, the status that `main` returns, or 2 with one sentence for a user's mistake.

    SIGTERM and SIGHUP raise KeyboardInterrupt like Ctrl-C does, so that all are handled in one place; a pipe that
    takes no more output counts as SIGTERM.
    """
    for number in stop_signals():
        signal.signal(number, stop)
    end_with_mlflow()
    try:
        with output.checked():
            config = parse(config_class, argv)
            with own_temporary_files():
                status = main(config) or 0
    except KeyboardInterrupt:
        output.say_last("stopped before there was anything to keep")
        status = stop_status()
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        output.say_last(f"error: {sentence}")
        status = 2
    for number in stop_signals():  # nothing is left to stop: Python would show where in its own end it was
        signal.signal(number, signal.SIG_DFL)
    sys.exit(status)


def _sentence(error: Exception) -> str | None:
    """What a user is told of an error; None for a mistake of the program's own."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return _sentence_of_file(error)
    archive = sys.modules.get("mlflow.exceptions")  # not imported for this: it takes seconds
    if archive is None or not isinstance(error, (archive.MlflowException, sqlite3.Error)):
        return None
    from gan.archive.store import said

    return said(error)


def _sentence_of_file(error: OSError) -> str | None:
    temporary = os.environ.get("TMPDIR") or "/tmp"
    if is_no_space(error):
        place = error.filename or f"a file, in {Path.cwd()} or in {temporary}"
        return f"no space left to write {place}; free some and start again."
    if error.errno == errno.EROFS:
        return f"{error.filename or Path.cwd()} can't be written (read-only file system); start where you may write."
    if error.filename is None and "temporary directory" in str(error):
        return f"no temporary folder can be written; free space in {temporary}, or name another one by TMPDIR."
    return f"{error.filename}: {(error.strerror or str(error)).lower()}." if error.filename else None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; `{self.prog} --help` lists the options.")
