"""What a program prints: without a stranger's control characters, of readable length, to a pipe that may close."""

import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

LONGEST = 2_000  # letters of a message
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_GONE = (errno.EPIPE, errno.EIO)  # what a pipe that nobody reads and a terminal that was closed answer


@contextlib.contextmanager
def checked() -> Iterator[None]:
    """Within the block a closed output asks the program to stop, and control characters are written as \\x1b."""
    out, err = _Stream(sys.stdout, _CONTROLS), _Stream(sys.stderr, None)  # progress bars need theirs
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):  # type: ignore[type-var]
        try:
            yield
        finally:
            for stream in (out, err):
                stream.close_if_gone()


def say_last(text: str) -> None:
    """Print a message on stderr, in one line, at the end of a program; what is too long is left out in its middle."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 2 :]}"
    with contextlib.suppress(OSError):
        print(_CONTROLS.sub(_escaped, text).replace("\n", "\\n"), file=sys.stderr, flush=True)


def _escaped(match: re.Match) -> str:
    return match[0].encode("unicode_escape").decode()


class _Stream:
    """A text stream whose reader may go away."""

    def __init__(self, stream: TextIO, hidden: re.Pattern | None):
        self._stream, self._hidden = stream, hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._or_stop(lambda: self._stream.write(self._hidden.sub(_escaped, text) if self._hidden else text))

    def flush(self) -> None:
        self._or_stop(self._stream.flush)

    def close_if_gone(self) -> None:
        """Flush at the end of the program, when there is nothing left to stop."""
        try:
            self._stream.flush()
        except OSError as error:
            self._forget(error)

    def _or_stop(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except OSError as error:
            self._forget(error)
            signal.raise_signal(signal.SIGTERM)
            return 0

    def _forget(self, error: OSError) -> None:
        """Write to nowhere from now on."""
        if error.errno not in _GONE:
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
