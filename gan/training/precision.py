"""Which precision a run uses: `auto` is the faster one on this machine, measured once and remembered."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from gan import machine
from gan.config import PRECISIONS
from gan.files import parse_json, read_file, replacing
from gan.training import devices

LARGEST = 1_000_000  # bytes of a file that is read


@dataclasses.dataclass(frozen=True)
class Memory:
    """A JSON file with the faster precision of every kind of training that was measured.

    A file that can't be read or holds anything else counts as empty, one that can't be written is left alone.

    Attributes:
        path: the file.
        key: everything that the rates of a training depend on.
    """

    path: Path
    key: str

    @classmethod
    def of_training(cls, kind: str, batch_size: int, network: dict[str, Any], used: int = 1) -> "Memory | None":
        """The memory of a kind of training on this machine; None for a user without a home folder.

        Args:
            kind: of the GAN, "dcgan" or "pix2pix".
            batch_size: real images an iteration.
            network: sizes of the networks, as JSON knows them.
            used: devices of the machine.
        """
        try:
            path = machine.cache_folder() / "precision.json"
        except RuntimeError:
            return None
        processor = " ".join([machine.processor(), *machine.bfloat16_instructions()])
        threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
        digest = hashlib.sha256(json.dumps(network, sort_keys=True).encode()).hexdigest()[:16]
        key = f"{processor}; {devices.describe(used)}, {threads} threads; TensorFlow {tf.__version__}; "
        return cls(path, f"{key}{kind}, batch_size {batch_size}, network {digest}")

    def read(self) -> str | None:
        """The precision that was remembered, if any."""
        return self._all().get(self.key)

    def write(self, precision: str) -> bool:
        """Remember a precision; whether the file could be written."""
        text = json.dumps(self._all() | {self.key: precision}, indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as file:
                file.write(text.encode())
        except OSError:
            return False
        return True

    def _all(self) -> dict[str, str]:
        try:
            found = parse_json(read_file(self.path, LARGEST))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, str) and value in PRECISIONS}


def choose_precision(
    wanted: str,
    rate: Callable[[str], float],
    say: Callable[[str], None],
    before: str | None = None,
    memory: Memory | None = None,
) -> str:
    """The precision to train with.

    Args:
        wanted: "float32", "bfloat16" (weights stay float32, most arithmetic is bfloat16) or "auto", which measures
            both on this machine: bfloat16 is faster where the processor has instructions for it and can be 60 times
            slower where it has not.
        rate: images per second at a precision.
        say: prints a line for the user.
        before: of the good run that is gone on from; "auto" stays with it.
        memory: of what was measured before; "auto" stays with that too, and measures where there is nothing.

    Returns:
        "float32" or "bfloat16".
    """
    if wanted != "auto":
        return wanted
    if before in PRECISIONS:
        return before
    remembered = memory.read() if memory else None
    if memory and remembered:
        say(
            f"precision auto: {remembered}, remembered for this machine; "
            f"to measure again, delete {memory.path} or give --precision {' or '.join(PRECISIONS)}"
        )
        return remembered
    say("precision auto: trying float32 and bfloat16 for a few seconds each")
    rates = {precision: rate(precision) for precision in PRECISIONS}
    best = max(rates, key=rates.__getitem__)
    measured = ", ".join(f"{precision} {value:.0f} images/s" for precision, value in rates.items())
    kept = f"; remembered in {memory.path}" if memory and memory.write(best) else ""
    say(f"{measured}: using {best}{kept}")
    return best
