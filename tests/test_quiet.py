"""What native code says while TensorFlow is imported: nothing when all goes well, everything when it does not."""

import subprocess
import sys

import pytest

PROGRAM = """
import os
from gan.quiet import held_back
with held_back():
    os.write(2, b"words of native code\\n")
    {}
os.write(2, b"afterwards\\n")
"""


@pytest.mark.parametrize(
    ("ends", "shown"),
    [("pass", False), ("raise ValueError", True), ("os.abort()", True), ("os._exit(3)", True)],
)
def test_words_of_native_code_are_shown_only_when_something_went_wrong(ends: str, shown: bool) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM.format(ends)], capture_output=True, text=True, timeout=60)
    assert ("words of native code" in ended.stderr) is shown
    assert ("afterwards" in ended.stderr) is not shown
