"""MLflow's server of a promoted generator under load and hostile bodies, beside direct generation; some minutes.

uv run python -m tests.campaigns.served_load [SECONDS]
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from gan import archive
from gan.dcgan.generator import BATCH, Generator
from tests.made_up_archive import promoted
from tests.mlflow_server import free_port, wait_for

CLIENTS = 32
LEAST = 0.6  # of the rate of direct generation
LARGE = 100_000_000  # bytes of a body
PATIENCE = 600  # seconds that the server has to start, and gives a request: what is slow is measured


@contextlib.contextmanager
def server(reference: str) -> Iterator[tuple[int, psutil.Process]]:
    """The port and the process of `mlflow models serve`, started with nothing of this project on its path."""
    port = free_port()
    command = ["models", "serve", "-m", reference, "--env-manager", "local", "-p", str(port), "-t", str(PATIENCE)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mlflow", *command],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", PATIENCE)
            print(f"the server answers after {time.perf_counter() - began:.0f} s", flush=True)
            yield port, max(psutil.Process(process.pid).children(recursive=True), key=lambda p: p.memory_info().rss)
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def post(port: int, body: bytes | str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def request(class_id: int, seed: int, count: int = BATCH) -> str:
    return json.dumps({"dataframe_records": [{"class": class_id}], "params": {"count": count, "seed": seed}})


def direct(seconds: float) -> float:
    """Images a second of the generator in this process."""
    generator = Generator(archive.resolve("pretrained", "dcgan", "all"))
    generator.images(BATCH, 0, 0)
    began, images = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        images += len(generator.images(BATCH, images, images % 43))
    return images / (time.perf_counter() - began)


def load(port: int, process: psutil.Process, seconds: float) -> tuple[float, np.ndarray, list[int], list[float]]:
    """Images a second, seconds of each request, statuses that are not 200, and MB of the server as it goes on."""
    began, lock = time.perf_counter(), threading.Lock()
    latencies, failed, memory = [], [], []

    def client(number: int) -> None:
        seed = number
        while time.perf_counter() < began + seconds:
            start = time.perf_counter()
            status, body = post(port, request(seed % 43, seed))
            with lock:
                latencies.append(time.perf_counter() - start)
                memory.append(process.memory_info().rss / 1e6)
                if status != 200 or body.count(b'"image"') != BATCH:
                    failed.append(status)
            seed += CLIENTS

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = BATCH * (len(latencies) - len(failed)) / (time.perf_counter() - began)
    return rate, np.array(latencies), failed, memory


def hostile(port: int) -> None:
    """Bodies that are no request, or ask for too much, are answered with status 400, and the server goes on."""
    bodies = {
        "a wrong class": request(43, 0), "count 0": request(17, 0, 0), "count 10,001": request(17, 0, 10_001),
        "no JSON": "no JSON", "100 MB that are no JSON": b"x" * LARGE,
        "a class of 100 MB": json.dumps({"dataframe_records": [{"class": "x" * LARGE}]}),
        "100 MB of rows": '{"dataframe_records": [' + ", ".join(['{"class": "17"}'] * (LARGE // 17)) + "]}",
    }  # fmt: skip
    for name, body in bodies.items():
        began = time.perf_counter()
        status, answer = post(port, body)
        print(f"{name}: status {status}, {len(answer):,} bytes, {time.perf_counter() - began:.1f} s", flush=True)
        assert status == 400, answer[:500]


def main(seconds: float = 60) -> None:
    """Compare the server with direct generation before and after it."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="served-load-"))
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.chdir(folder)
    promoted("pretrained", "dcgan", "signs")
    rates = [direct(seconds / 4)]
    with server("models:/signs@goodrun") as (port, process):
        first = post(port, request(17, 5))
        rate, latencies, failed, memory = load(port, process, seconds)
        assert post(port, request(17, 5)) == first, "the same request gives other bytes"
        quarter = len(memory) // 4
        flat = [float(np.mean(part)) for part in (memory[quarter : 2 * quarter + 1], memory[-quarter - 1 :])]
        hostile(port)
        assert post(port, request(17, 5)) == first
    rates.append(direct(seconds / 4))
    share = rate / np.mean(rates)
    p50, p90, p99 = np.percentile(latencies, (50, 90, 99))
    print(
        f"{CLIENTS} clients, {BATCH} images a request, {seconds:.0f} s\n"
        f"{len(latencies)} requests, {len(failed)} failed\n"
        f"{rate:.0f} images/s served, {rates[0]:.0f} and {rates[1]:.0f} directly before and after: {share:.0%}\n"
        f"seconds of a request: median {p50:.2f}, 90 % {p90:.2f}, 99 % {p99:.2f}, longest {latencies.max():.2f}\n"
        f"memory of the server: {flat[0]:.0f} MB in the second quarter, {flat[1]:.0f} MB in the last"
    )
    assert not failed and flat[1] < 1.1 * flat[0] and share >= LEAST
    os.chdir(before)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
