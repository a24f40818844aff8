import dataclasses
import errno
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from gan import signals
from gan.config import Config, any_of, option, parse, require, run
from gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Bake one loaf.

    What follows the first paragraph is not for the command line.
    """

    loaves: int = option(1, "loaves in all")
    salt: float = option(0.018, "of the flour, 100% = 1.0")
    seeds: bool = option(False, "with seeds")
    sliced: bool = option(True, "sliced")
    flour: str = option("rye", "kind of flour")
    topping: str = option("", "what to strew over it")

    def __post_init__(self):
        require(self.loaves >= 1, "loaves", "1 or more", self.loaves)


@dataclasses.dataclass(frozen=True)
class Oven(Config):
    """Heat the oven."""

    degrees: int = option(230, "of the oven", ge=100, le=300, multiple_of=10)
    share: float = option(0.5, "of the time with steam", ge=0, lt=1)
    rate: float | None = option(None, "of heating; by default as the oven has it", gt=0, lt=9)
    mode: str = option("none", "of the oven", ("none", "fan", "grill"))
    shelf: str = option("a1", "where", pattern="[a-c][12]", wanted="a shelf from a1 to c2")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"degrees": 90}, "degrees is a multiple of 10 from 100 to 300, not 90."),
        ({"degrees": 105}, "degrees is a multiple of 10 from 100 to 300, not 105."),
        ({"share": 1.0}, "share is from 0 to below 1, not 1.0."),
        ({"share": float("nan")}, "share is from 0 to below 1, not nan."),
        ({"rate": 0.0}, "rate is above 0 and below 9, not 0.0."),
        ({"mode": "light"}, "mode is none, fan or grill, not 'light'."),
        ({"shelf": "d1"}, "shelf is a shelf from a1 to c2, not 'd1'."),
    ],
)
def test_a_value_outside_its_range_is_refused_however_it_is_given(changed, sentence):
    with pytest.raises(UserError) as error:
        Oven(**changed)
    assert str(error.value) == sentence
    ((name, value),) = changed.items()
    with pytest.raises(UserError, match=f"^{name} is "):
        parse(Oven, [f"--{name}", str(value)], "oven.py")


def test_what_depends_on_others_is_none_until_it_is_given() -> None:
    assert parse(Oven, [], "oven.py").rate is None and parse(Oven, ["--rate", ""], "oven.py").rate is None
    assert parse(Oven, ["--rate", "2"], "oven.py").rate == 2.0
    assert parse(Oven, ["--mode", "none"], "oven.py").mode == "none"


def test_words_in_a_row() -> None:
    assert any_of(("a",)) == "a" and any_of(("a", "b")) == "a or b" and any_of(("a", "b", "c")) == "a, b or c"


def read(*words: str) -> Recipe:
    return parse(Recipe, words, "bake.py")


def refused(*words: str) -> str:
    with pytest.raises(UserError) as error:
        read(*words)
    text = str(error.value)
    assert "\n" not in text and text.endswith(".")
    return text


def test_nothing_given_is_all_defaults() -> None:
    assert read() == Recipe()


def test_every_type_is_read() -> None:
    given = read("--loaves", "3", "--salt", "2e-2", "--seeds", "true", "--sliced", "false", "--flour", "Dinkel")
    assert given == Recipe(loaves=3, salt=0.02, seeds=True, sliced=False, flour="Dinkel")
    assert [type(value) for value in dataclasses.astuple(given)] == [int, float, bool, bool, str, str]


def test_a_whole_number_is_a_float_where_a_float_is_wanted() -> None:
    salt = read("--salt", "1").salt
    assert salt == 1.0 and isinstance(salt, float)


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "yes", "1", " true "])
def test_words_for_true(word: str) -> None:
    assert read("--seeds", word).seeds is True


@pytest.mark.parametrize("word", ["false", "False", "no", "0"])
def test_words_for_false(word: str) -> None:
    assert read("--sliced", word).sliced is False


@pytest.mark.parametrize("word", ["", "none", "None", "null", "  "])
def test_words_for_a_text_that_is_not_given(word: str) -> None:
    assert read("--topping", word).topping == ""
    assert read("--flour", word).flour == Recipe().flour
    assert read("--loaves", word).loaves == Recipe().loaves
    assert read("--seeds", word).seeds == Recipe().seeds


def test_a_text_loses_the_space_around_it_only() -> None:
    assert read("--topping", " poppy  seed ").topping == "poppy  seed"


def test_an_equals_sign_and_negative_numbers() -> None:
    assert read("--salt=-0.5", "--loaves=2") == Recipe(salt=-0.5, loaves=2)
    assert read("--salt", "-0.5").salt == -0.5


def test_arguments_come_from_the_command_line_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bake.py", "--loaves", "4"])
    assert parse(Recipe).loaves == 4


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--loaves", "three"), ("loaves", "a whole number", "'three'")),
        (("--loaves", "1.5"), ("loaves", "a whole number", "'1.5'")),
        (("--salt", "much"), ("salt", "a number", "'much'")),
        (("--seeds", "perhaps"), ("seeds", "true or false", "'perhaps'")),
        (("--seeds", "2"), ("seeds", "true or false", "'2'")),
        (("--loaves", "0"), ("loaves", "1 or more", "not 0")),
        (("--yeast", "1"), ("--yeast", "bake.py --help")),
        (("--loa", "2"), ("--loa ",)),  # no abbreviations: another option could come to share the letters
        (("--loaves",), ("--loaves", "bake.py --help")),
        (("--flour", "--loaves", "2"), ("--flour",)),
        (("loaves=2",), ("loaves=2",)),
        (("--flour=--",), ("--flour", "no value `--`")),
    ],
    ids=lambda value: " ".join(value),
)  # fmt: skip
def test_a_mistake_is_told_in_a_sentence_that_names_the_option(
    words: tuple[str, ...], named: tuple[str, ...]
) -> None:
    text = refused(*words)
    assert all(part in text for part in named), text


def test_help_lists_every_field_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read("--help")
    assert not end.value.code
    text = " ".join(capsys.readouterr().out.split())
    for line in (
        "--loaves INT loaves in all (default: 1)",
        "--salt FLOAT of the flour, 100% = 1.0 (default: 0.018)",
        "--seeds BOOL with seeds (default: false)",
        "--sliced BOOL sliced (default: true)",
        "--flour STR kind of flour (default: rye)",
        "--topping STR what to strew over it (default: '')",
    ):
        assert line in text
    assert "Bake one loaf." in text and "first paragraph" not in text and "bake.py" in text


def test_require_speaks_only_when_it_does_not_fit() -> None:
    require(True, "salt", "0 or more", 1)
    with pytest.raises(UserError, match="^salt is 0 or more, not -1.$"):
        require(False, "salt", "0 or more", -1)


@pytest.fixture
def ends(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable]:
    """Runs a main to its exit; its status and what it left on stderr."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def end(main: Callable[[Recipe], int | None], *words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            run(Recipe, main, words)
        return end.value.code, capsys.readouterr().err

    yield end
    for number, handler in before.items():
        signal.signal(number, handler)


def failing(error: BaseException) -> Callable[[Recipe], int]:
    def main(_: Recipe) -> int:
        raise error

    return main


def test_run_hands_the_parameters_to_main_and_its_status_to_the_system(ends: Callable) -> None:
    got = []
    assert ends(got.append, "--loaves", "2") == (0, "")
    assert got == [Recipe(loaves=2)]
    assert ends(lambda config: 7) == (7, "")


def test_a_wrong_parameter_is_one_line_and_main_never_runs(ends: Callable) -> None:
    status, text = ends(failing(AssertionError("main ran")), "--loaves", "many")
    assert status == 2
    assert text == "error: loaves is a whole number, not 'many'.\n"


def test_a_mistake_found_in_main_is_one_line(ends: Callable) -> None:
    assert ends(failing(UserError("there is no oven; buy one."))) == (2, "error: there is no oven; buy one.\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_that_names_the_file(ends: Callable, number: int) -> None:
    status, text = ends(failing(OSError(number, os.strerror(number), "bread.png")))
    assert status == 2
    assert text.startswith("error: no space left") and "bread.png" in text and text.count("\n") == 1
    status, text = ends(failing(OSError(number, os.strerror(number))))
    assert status == 2 and "None" not in text and str(Path.cwd()) in text


def test_a_read_only_disk_and_no_temporary_folder_are_one_line(ends: Callable, monkeypatch) -> None:
    status, text = ends(failing(OSError(errno.EROFS, "Read-only file system", "bread.png")))
    assert (status, text.count("\n")) == (2, 1) and "error: bread.png can't be written (read-only" in text
    monkeypatch.setenv("TMPDIR", "/crumbs")
    none = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/crumbs']")
    assert ends(failing(none)) == (
        2, "error: no temporary folder can be written; free space in /crumbs, or name another one by TMPDIR.\n"
    )  # fmt: skip


def test_a_database_on_a_full_disk_is_one_line_with_what_to_do(ends: Callable) -> None:
    full = (
        "(raised as a result of Query-invoked autoflush)\n(sqlite3.OperationalError) database or disk is full\n[SQL]"
    )
    for error in (MlflowException(full), sqlite3.OperationalError(full)):
        status, text = ends(failing(error))
        assert status == 2 and text.endswith("disk is full: free some space on its disk and start again.\n")


def test_what_the_archive_does_not_do_is_one_line(ends: Callable) -> None:
    status, text = ends(failing(MlflowException("no answer from http://me:secret@host\nand pages more")))
    assert status == 2 and text.startswith("error: the archive at sqlite:///")
    assert text.endswith(" says: no answer from http://USER:PASSWORD@host.\n")


def test_a_long_value_is_not_echoed_whole_and_control_characters_are_written_out(ends: Callable, capsys) -> None:
    status, text = ends(failing(AssertionError("main ran")), "--loaves", "x" * 100_000)
    assert status == 2 and len(text) < 2_100 and text.startswith("error: loaves is") and text.endswith("'.\n")
    assert ends(failing(UserError("a file's\nname; look.")))[1] == "error: a file's\\nname; look.\n"
    assert ends(failing(UserError("\x1b[2Jall \x9b gone;\u202e look.")))[1] == (
        "error: \\x1b[2Jall \\x9b gone;\\u202e look.\n"
    )
    with pytest.raises(SystemExit):
        run(Recipe, lambda _: print("a\tclass \x1b[31mred\n"), [])
    assert capsys.readouterr().out == "a\tclass \\x1b[31mred\n\n"


def test_output_that_nobody_reads_stops_a_program_like_sigterm(ends: Callable, monkeypatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = []

    def main(_: Recipe) -> None:
        print("something", flush=True)
        done.append("went on")

    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert ends(main)[0] == 143 and not done
        assert ends(lambda _: print("something more"))[0] == 0, "what is left at the end stops nothing"


@pytest.mark.parametrize("error", [OSError(errno.EIO, "input/output error"), ZeroDivisionError("a bug")])
def test_what_is_no_mistake_of_the_user_keeps_its_traceback(ends: Callable, error: Exception) -> None:
    with pytest.raises(type(error)):
        run(Recipe, failing(error), [])


def test_ctrl_c_ends_with_130_and_a_line(ends: Callable) -> None:
    status, text = ends(failing(KeyboardInterrupt()))
    assert status == 130
    assert "stopped" in text and text.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_with_its_status_and_a_line(ends: Callable, number: int) -> None:
    got_beyond = []

    def main(_: Recipe) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)
        got_beyond.append(True)

    status, text = ends(main)
    assert status == 128 + number and "stopped" in text and not got_beyond


def write_of(library: str, rest: str) -> Callable[[], None]:
    """A function of a library that hears SIGTERM in the middle of its work."""
    space = {"__name__": library, "signal": signal, "time": time, "done": []}
    exec(f"def write():\n    signal.raise_signal(signal.SIGTERM)\n    {rest}\n    done.append('written')", space)
    return space["write"]


@pytest.mark.parametrize(
    ("library", "written"), [("sqlalchemy.engine", True), ("mlflow.store.db", True), ("a", False)]
)
def test_a_signal_waits_until_the_archive_is_written(library: str, written: bool) -> None:
    write, went_on = write_of(library, "time.sleep(0.1)"), []

    def main(config: Recipe) -> None:
        write()
        time.sleep(5)
        went_on.append(True)

    with pytest.raises(SystemExit) as stopped:
        run(Recipe, main, [])
    assert stopped.value.code == 128 + signal.SIGTERM and not went_on
    assert write.__globals__["done"] == ["written"] * written


def test_a_signal_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "HELD", 0.1)
    write = write_of("sqlalchemy.engine", "[time.sleep(0.01) for _ in range(500)]")
    with pytest.raises(SystemExit):
        run(Recipe, lambda _: write(), [])
    assert write.__globals__["done"] == []


def test_a_signal_at_the_very_end_shows_nothing_of_the_program() -> None:
    with pytest.raises(SystemExit):
        run(Recipe, lambda _: None, [])
    assert {signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} == {signal.SIG_DFL}
