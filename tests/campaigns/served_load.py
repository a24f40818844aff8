"""MLflow's server of a promoted generator under load and hostile bodies, beside direct generation; some minutes.

uv run python -m tests.campaigns.served_load [SECONDS [signs|scenes]]
"""

import base64
import contextlib
import dataclasses
import http.client
import io
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
from PIL import Image

from gan import archive, checkpoints
from gan.data.scene import boundaries, resized
from gan.data.scenes import open_scenes
from gan.dcgan.generator import BATCH, Generator
from gan.pix2pix.gan import pictures
from gan.pix2pix.presets import PRESETS, SceneNetwork
from gan.training.averaged_gan import weights
from tests import made_up_scene_run
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


def encoded(ids: np.ndarray) -> str:
    """A PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(ids).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def body(rows: list[dict], **params) -> str:
    return json.dumps({"dataframe_records": rows, "params": params})


class Signs:
    """The shipped generator, asked for a batch of one class."""

    name, rows = "signs", BATCH

    def __init__(self, folder: Path):
        promoted("pretrained", "dcgan", self.name)
        self._generator = Generator(archive.resolve("pretrained", "dcgan", "all"))

    def request(self, seed: int) -> str:
        return body([{"class": seed % 43}], count=BATCH, seed=seed)

    def direct(self, seed: int) -> int:
        return len(self._generator.images(BATCH, seed, seed % 43))

    def hostile(self) -> dict[str, str]:
        return {
            "a wrong class": body([{"class": 43}]), "count 0": body([{"class": 17}], count=0),
            "count 10,001": body([{"class": 17}], count=10_001),
            "a class of 100 MB": body([{"class": "x" * LARGE}]),
            "100 MB of rows": '{"dataframe_records": [' + ", ".join(['{"class": "17"}'] * (LARGE // 17)) + "]}",
        }  # fmt: skip


class Streets:
    """A generator of photos of 256x128 with fresh weights, asked for those of four label maps."""

    name, size, rows = "scenes", (256, 128), 4

    def __init__(self, folder: Path):
        preset = dataclasses.replace(PRESETS["averaged"], generator_base=16)
        run = made_up_scene_run.good_run(folder / "run", preset=preset, width=self.size[0], height=self.size[1])
        goodrun = promoted(run, "pix2pix", self.name)
        self._network = SceneNetwork.restored(goodrun.info.network)
        self._model = self._network.build_generator()
        checkpoints.load(goodrun.checkpoint, {checkpoints.WEIGHTS: weights(self._model)})
        scenes = open_scenes(made_up_scene_run.DATA).training
        self._scenes = [resized(scenes.scene(k), *self.size) for k in range(self.rows)]

    def request(self, seed: int) -> str:
        return body([self._row(scene.labels, scene.instances) for scene in self._scenes], seed=seed)

    def direct(self, seed: int) -> int:
        labels = np.array([self._network.palette.indices(scene.labels) for scene in self._scenes])
        edges = np.array([boundaries(scene.instances) for scene in self._scenes])
        return len(pictures(self._model, self._network, labels, edges, seed, "evaluate", 0))

    def _row(self, labels: np.ndarray, instances: np.ndarray) -> dict[str, str]:
        return {"labels": encoded(labels), "instances": encoded(instances)}

    def hostile(self) -> dict[str, str]:
        scene = self._scenes[0]
        return {
            "a wrong size": body([self._row(scene.labels[::2], scene.instances)]),
            "a wrong palette": body([self._row(scene.labels * 0 + 250, scene.instances)]),
            "no picture": body([{"labels": "no picture", "instances": ""}]),
            "a label map of 100 MB": body([{"labels": "A" * LARGE, "instances": ""}]),
        }


def direct(generator: Signs | Streets, seconds: float) -> float:
    """Images a second of a generator in this process."""
    generator.direct(0)
    began, images = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        images += generator.direct(images)
    return images / (time.perf_counter() - began)


def load(
    generator: Signs | Streets, port: int, process: psutil.Process, seconds: float
) -> tuple[float, np.ndarray, list[int], list[float]]:
    """Images a second, seconds of each request, statuses that are not 200, and MB of the server as it goes on."""
    began, lock = time.perf_counter(), threading.Lock()
    latencies, failed, memory = [], [], []

    def client(number: int) -> None:
        seed = number
        while time.perf_counter() < began + seconds:
            start = time.perf_counter()
            status, answer = post(port, generator.request(seed))
            with lock:
                latencies.append(time.perf_counter() - start)
                memory.append(process.memory_info().rss / 1e6)
                if status != 200 or answer.count(b'"image"') != generator.rows:
                    failed.append(status)
            seed += CLIENTS

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = generator.rows * (len(latencies) - len(failed)) / (time.perf_counter() - began)
    return rate, np.array(latencies), failed, memory


def hostile(generator: Signs | Streets, port: int) -> None:
    """Bodies that are no request, or ask for too much, are answered with status 400, and the server goes on."""
    bodies = {"no JSON": "no JSON", "100 MB that are no JSON": b"x" * LARGE} | generator.hostile()
    for name, text in bodies.items():
        began = time.perf_counter()
        status, answer = post(port, text)
        print(f"{name}: status {status}, {len(answer):,} bytes, {time.perf_counter() - began:.1f} s", flush=True)
        assert status == 400, answer[:500]


def main(seconds: str = "60", *kinds: str) -> None:
    """The campaign for each kind of generator."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    for kind in (Signs, Streets):
        if not kinds or kind.name in kinds:
            before, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="served-load-"))
            os.chdir(folder)
            compare(kind(folder), float(seconds))
            os.chdir(before)
            shutil.rmtree(folder)


def compare(generator: Signs | Streets, seconds: float) -> None:
    """Compare the server with direct generation before and after it."""
    rates = [direct(generator, seconds / 4)]
    with server(f"models:/{generator.name}@goodrun") as (port, process):
        first = post(port, generator.request(5))
        rate, latencies, failed, memory = load(generator, port, process, seconds)
        assert post(port, generator.request(5)) == first, "the same request gives other bytes"
        quarter = len(memory) // 4
        flat = [float(np.mean(part)) for part in (memory[quarter : 2 * quarter + 1], memory[-quarter - 1 :])]
        hostile(generator, port)
        assert post(port, generator.request(5)) == first
    rates.append(direct(generator, seconds / 4))
    share = rate / np.mean(rates)
    p50, p90, p99 = np.percentile(latencies, (50, 90, 99))
    print(
        f"{CLIENTS} clients, {generator.rows} images a request, {seconds:.0f} s of {generator.name}\n"
        f"{len(latencies)} requests, {len(failed)} failed\n"
        f"{rate:.0f} images/s served, {rates[0]:.0f} and {rates[1]:.0f} directly before and after: {share:.0%}\n"
        f"seconds of a request: median {p50:.2f}, 90 % {p90:.2f}, 99 % {p99:.2f}, longest {latencies.max():.2f}\n"
        f"memory of the server: {flat[0]:.0f} MB in the second quarter, {flat[1]:.0f} MB in the last"
    )
    assert not failed and flat[1] < 1.1 * flat[0] and share >= LEAST


if __name__ == "__main__":
    main(*sys.argv[1:])
