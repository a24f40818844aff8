"""TensorFlow greets every process with lines about its build and about drivers that a machine without a GPU lacks."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

# Another process keeps the lines: native code that aborts takes everything of its own process with it.
KEEPER = r"import sys; kept = sys.stdin.buffer.read(); kept.endswith(b'\0') or sys.stderr.buffer.write(kept)"


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Keep what native code writes to stderr, and show it only after an exception or when the process is aborted."""
    sys.stderr.flush()
    stderr = os.dup(2)
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", KEEPER], stdin=subprocess.PIPE, start_new_session=True
    )
    assert keeper.stdin is not None
    os.dup2(keeper.stdin.fileno(), 2)
    all_went_well = True
    try:
        yield
    except Exception:
        all_went_well = False
        raise
    finally:
        if all_went_well:
            os.write(2, b"\0")
        os.dup2(stderr, 2)
        os.close(stderr)
        keeper.stdin.close()
        keeper.wait()
