"""A kind of input: good ones, how they are changed, and what reads one."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan.errors import UserError
from tests.campaigns.mutated.mutations import Mutation, of_any


def nothing(path: Path) -> None: ...


@dataclasses.dataclass(frozen=True)
class Kind:
    """A line of the table.

    Attributes:
        name: of the kind.
        good: makes good inputs, once.
        read: reads one from a file; a UserError refuses it.
        mutate: changes one at random.
        prepare: makes of the file what is read, as a folder beside it; not watched.
        share: of the inputs, where the usual is 1: those that take long are fewer.
        asks: whether it may ask other machines, as its user says.
    """

    name: str
    good: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    mutate: Mutation = of_any
    prepare: Callable[[Path], Any] = nothing
    share: float = 1.0
    asks: bool = False


def require_sentence(error: UserError) -> None:
    """A fault where what a user is told is no sentence."""
    text = str(error)
    assert text.endswith("."), f"no sentence: {text[:300]!r}"


def each(*calls: Callable[[], Any]) -> None:
    """Make all calls; refused where the last one of them was."""
    last = None
    for call in calls:
        last = None
        try:
            call()
        except UserError as error:
            require_sentence(error)
            last = error
    if last is not None:
        raise last


@contextlib.contextmanager
def written(path: Path, name: str):
    """A file of another name, beside an input, with the same bytes."""
    other = path.parent / name
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(path.read_bytes())
    yield other
