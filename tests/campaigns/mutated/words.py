"""Kinds of words: command lines of all programs, and what TF_CONFIG and Slurm say of hosts."""

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import shlex
from pathlib import Path

from gan.config import Config, as_text, parse
from gan.errors import UserError
from tests.campaigns.mutated.kind import Kind
from tests.campaigns.mutated.mutations import of_any, of_words

PROGRAMS = ("train_dcgan", "train_pix2pix", "evaluate", *(f"gan.commands.{name}" for name in (
    "prepare", "balance", "study", "augment_scenes", "new_signs", "export", "promote", "relocate", "tour",
    "tour_scenes")))  # fmt: skip
HOSTS = (
    {"TF_CONFIG": json.dumps({"cluster": {"chief": ["a:2222"], "worker": ["host1:2222", "host2:2222"]},
                              "task": {"type": "worker", "index": 0}})},
    {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "node[1-3,10],gpu7", "SLURM_STEP_TASKS_PER_NODE": "1(x4),2",
     "SLURM_JOB_ID": "77", "SLURM_PROCID": "2"},
    {"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "a,b", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
     "SLURM_PROCID": "0"},
)  # fmt: skip


@functools.cache
def configs() -> dict[str, type[Config]]:
    """The configuration of each program."""
    found = {}
    for name in PROGRAMS:
        module = importlib.import_module(name)
        found[name] = next(
            each for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Config) and each.__module__ == name
        )  # fmt: skip
    return found


def lines() -> list[bytes]:
    """A program and its parameters with the values that they have if not given, in both ways to write them."""
    found = []
    for name, config in configs().items():
        given = [(field.name, as_text(field.default)) for field in dataclasses.fields(config)]
        for between in (" ", "="):
            found += [
                f"{name} {' '.join(f'--{key}{between}{shlex.quote(value)}' for key, value in part)}".encode()
                for part in (given, given[:3], given[-2:])
            ]
    return found


def read_line(path: Path) -> None:
    """As a program does: parse, and check. What is no program's name is the first one's."""
    with contextlib.suppress(ValueError):
        words = shlex.split(path.read_bytes().decode(errors="surrogateescape"))
        config = configs().get(words[0] if words else "", configs()["train_dcgan"])
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            parse(config, words[1:])


def read_hosts(path: Path) -> None:
    from gan.training.hosts import Hosts

    try:
        known = json.loads(path.read_bytes())
        environment = {
            str(name): value if isinstance(value, str) else json.dumps(value) for name, value in known.items()
        }
    except (ValueError, AttributeError, RecursionError):
        environment = {"TF_CONFIG": path.read_bytes().decode(errors="replace")}
    hosts = Hosts.of(environment)
    if hosts is None:
        raise UserError("it is one process.")
    assert 0 <= hosts.number < len(hosts.addresses)


def hosts() -> list[bytes]:
    """Variables of the environment, and TF_CONFIG alone, which is JSON itself."""
    return [*(json.dumps(each).encode() for each in HOSTS), HOSTS[0]["TF_CONFIG"].encode()]


KINDS = (
    Kind("command line", lines, read_line, of_words, share=2.0),
    Kind("TF_CONFIG and Slurm", hosts, read_hosts, of_any),
)
