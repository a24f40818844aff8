"""An MLflow server, for tests and for looking at its pages."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def mlflow_server(*options: str, cwd: str | os.PathLike | None = None, port: int | None = None) -> Iterator[str]:
    """The address of a server that answers, until the block ends.

    Args:
        options: of `mlflow server`.
        cwd: the folder that it is started in; the present one by default.
        port: of the server; one that is free by default.
    """
    port = port or free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port), *options],
        cwd=cwd,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", alive=lambda: server.poll() is None)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def wait_for(address: str, seconds: int = 600, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until a server answers, as long as it is alive."""
    for _ in range(2 * seconds):
        if not alive():
            raise SystemExit(f"the server of {address} ended; start it by hand to see why")
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"{address} did not answer within {seconds} seconds")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
