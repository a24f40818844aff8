"""Trainings on two hosts that lose each other, on 127.0.0.1; and updates that XLA compiles. Some minutes.

uv run --frozen python -m tests.campaigns.several_hosts [NAME ...]
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gan import archive
from tests.conftest import ROOT
from tests.mlflow_server import free_port

MINUTE = 60
TRAINING = [
    "-m", "tests.narrow_dcgan", "--data", "drawn:400", "--checkpoint_interval", "20", "--sample_interval", "40",
    "--batch_size", "8", "--precision", "float32", "--judge_iterations", "0",
]  # fmt: skip


class Hosts:
    """Two processes that train one generator; of those that are started."""

    def __init__(self, started: tuple[int, ...] = (0, 1), others: tuple[str, ...] = ()):
        self.folder = Path(tempfile.mkdtemp(prefix="several-hosts-"))
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        self.processes = {}
        for index in started:
            folder = self.folder / str(index)
            folder.mkdir()
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
            self.processes[index] = subprocess.Popen(
                [sys.executable, *TRAINING, "--iterations", "4000", *(others if index else ())],
                cwd=folder, env=clean | {"TF_CONFIG": json.dumps(task), "PYTHONPATH": str(ROOT)},
                stdout=(folder / "output").open("w"), stderr=subprocess.STDOUT,
            )  # fmt: skip

    def output(self, index: int) -> str:
        return (self.folder / str(index) / "output").read_text()

    def train(self, checkpoints: int = 2) -> None:
        """Return when some checkpoints are there."""
        while len(list(self.folder.glob("0/mlruns/**/checkpoint-*.npz"))) < checkpoints:
            assert all(process.poll() is None for process in self.processes.values()), self.output(0) + self.output(1)
            time.sleep(0.1)

    def send(self, index: int, number: int) -> None:
        self.processes[index].send_signal(number)

    def ended(self, index: int, status: int, words: str, most: float = MINUTE) -> None:
        """Make sure that a process ends in time, with a status and a sentence."""
        began = time.monotonic()
        assert self.processes[index].wait(most) == status, (self.processes[index].returncode, self.output(index))
        took = time.monotonic() - began
        assert re.search(words, self.output(index)) and "Traceback" not in self.output(index), self.output(index)
        print(f"  host {index} ended after {took:.0f} s: {re.search(words, self.output(index))[0]}", flush=True)

    def goes_on(self) -> None:
        """Make sure that one device goes on from what is kept."""
        os.chdir(self.folder / "0")
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        reference = re.search(r"--goodrun_ref ([0-9a-f]{32}/\d+)", self.output(0))[1]
        iterations = str(archive.resolve(reference, "dcgan", "17").iteration + 20)
        command = [sys.executable, *TRAINING, "--iterations", iterations, "--goodrun_ref", reference]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
        os.chdir(ROOT)
        print(f"  one device goes on from {reference}", flush=True)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def killed_worker() -> Hosts:
    return _lost(1, signal.SIGKILL)


def killed_chief() -> Hosts:
    return _lost(0, signal.SIGKILL)


def silent_worker() -> Hosts:
    """As a host that has no network any more."""
    return _lost(1, signal.SIGSTOP)


def silent_chief() -> Hosts:
    return _lost(0, signal.SIGSTOP)


def _lost(index: int, how: int) -> Hosts:
    hosts = Hosts()
    hosts.train()
    hosts.send(index, how)
    hosts.ended(1 - index, 2, r"error: the training on several hosts ends: .* answers no more\.")
    if index:
        hosts.goes_on()
    return hosts


def absent_chief() -> Hosts:
    hosts = Hosts((1,))
    while "trains along" not in hosts.output(1):
        time.sleep(0.1)
    hosts.ended(1, 2, r"error: the chief, 127\.0\.0\.1:\d+, did not come within \d+ seconds")
    return hosts


def absent_worker() -> Hosts:
    hosts = Hosts((0,))
    while not hosts.processes[0].poll() and "waits for" not in hosts.output(0):
        time.sleep(0.1)
    hosts.ended(0, 2, r"error: 127\.0\.0\.1:\d+ did not come within \d+ seconds")
    return hosts


def stopped_worker() -> Hosts:
    hosts = Hosts()
    hosts.train()
    hosts.send(1, signal.SIGTERM)
    hosts.ended(0, 128 + signal.SIGINT, "the run is kept up to iteration")
    hosts.ended(1, 128 + signal.SIGTERM, "stopping after this block")
    hosts.goes_on()
    return hosts


def other_parameters() -> Hosts:
    hosts = Hosts(others=("--seed", "1"))
    for index in (0, 1):
        hosts.ended(index, 2, "error: the hosts have other parameters, data or good runs", 3 * MINUTE)
    return hosts


def xla() -> None:
    """Updates without noise are those of TensorFlow's own kernels; with noise XLA draws other numbers."""
    from tests.dcgan import test_gan as signs
    from tests.pix2pix import test_gan as scenes

    with_xla, without = (scenes.build("averaged", dropout=0.0) for _ in range(2))
    with_xla.jit_compile = True
    np.testing.assert_allclose(with_xla.update(0, 8), without.update(0, 8), atol=1e-4)
    for part, variables in with_xla.parts().items():
        for one, other in zip(variables, without.parts()[part], strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-4)
    for gan in (scenes.build("spatial"), signs.build(signs.THREE, [0, 1, 2, 2, 1])):
        gan.jit_compile = True
        assert np.isfinite(gan.update(0, 8)).all()


CASES = (killed_worker, killed_chief, silent_worker, silent_chief, absent_chief, absent_worker, stopped_worker,
         other_parameters, xla)  # fmt: skip


def main(names: list[str]) -> None:
    for case in CASES:
        if not names or case.__name__ in names:
            print(case.__name__.replace("_", " "), flush=True)
            hosts = case()
            if hosts:
                hosts.end()


if __name__ == "__main__":
    main(sys.argv[1:])
