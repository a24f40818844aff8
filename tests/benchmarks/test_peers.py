import dataclasses
import importlib.util
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers import compare, summary
from gan.config import Config, option
from gan.errors import UserError


@dataclasses.dataclass(frozen=True)
class MadeUp(Config):
    """Sizes of a comparison."""

    batch_size: int = option(4, "batch_size")
    warm_up: int = option(1, "warm_up")
    iterations: int = option(2, "iterations")
    rounds: int = option(3, "rounds")
    output: str = option(".", "folder")


class Sleeping:
    """A training of this project that sleeps."""

    def __init__(self, settings, config):
        network = SimpleNamespace(trainable_variables=[np.zeros(3), np.zeros((2, 2))])
        self.settings, self.generator = settings, network
        self.discriminator = SimpleNamespace(trainable_variables=[])

    def update(self, done, iterations):
        time.sleep(iterations * self.settings)


def peer(settings, config):
    """A training of another program that sleeps."""
    return "made up", 7, lambda iterations: time.sleep(iterations * settings)


def broken(settings, config):
    """A training that can't begin."""
    raise SystemExit(1)


@pytest.fixture
def with_torch(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)


def test_rounds_become_a_table_and_a_sentence(with_torch, capsys):
    compare("benchmarks/made_up.py", MadeUp(), {"this project, a": 0.01, "PyTorch, b": 0.05}, Sleeping, peer)
    table = pd.read_csv("made_up.csv")
    assert table["variant"].tolist() == ["this project, a", "PyTorch, b"] * 3 and set(table["weights"]) == {7}
    assert (table["images_per_second"] < 4 / 0.01).all()
    assert "this project, a is " in capsys.readouterr().out


def test_the_best_of_each_side_are_compared_by_their_medians():
    rates = {"this project, x": [10, 30, 20], "this project, y": [1, 1, 1], "PyTorch, z": [5, 4, 90]}
    rows = [{"variant": name, "images_per_second": rate} for name, three in rates.items() for rate in three]
    assert summary(rows).splitlines() == [
        "this project, x: 20 images/s (10 to 30)",
        "this project, y: 1 images/s (1 to 1)",
        "PyTorch, z: 5 images/s (4 to 90)",
        "this project, x is 4.00 times as fast as PyTorch, z",
    ]


def test_a_process_that_ends_is_named(with_torch):
    with pytest.raises(UserError, match="the process of this project, a ended"):
        compare("benchmarks/made_up.py", MadeUp(), {"this project, a": 0}, broken, peer)


def test_without_pytorch_it_says_how_to_start(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="uv run --with torch==2.15.0 benchmarks/made_up.py"):
        compare("benchmarks/made_up.py", MadeUp(), {}, Sleeping, peer)
