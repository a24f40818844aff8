"""The workers of one training on several hosts, by TF_CONFIG or by Slurm."""

import dataclasses
import json
import re
import socket
from collections.abc import MutableMapping, Sequence
from typing import Any

from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver as slurm

from gan.errors import UserError
from gan.files import parse_json

PORTS = 20_000, 10_000  # the first, and how many, that jobs of Slurm are spread over
MOST_TASKS = 100_000  # nodes in a range of names, and tasks of a node: what is written in a few letters takes memory
JOBS = ("chief", "worker")


@dataclasses.dataclass(frozen=True)
class Hosts:
    """The workers of one training, each a process on a host of its own.

    Attributes:
        jobs: addresses ("host:port") by job, "chief" or "worker"; without a chief the first worker is it.
        job: of this process.
        index: of this process in its job.
    """

    jobs: dict[str, list[str]]
    job: str
    index: int

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> "Hosts | None":
        """The hosts that TF_CONFIG names, or that Slurm has started; None for one process.

        TF_CONFIG is set to those that Slurm has started: TensorFlow reads it there.

        Raises:
            UserError: TF_CONFIG makes no sense.
        """
        try:
            if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "TF_CONFIG" not in environment:
                environment["TF_CONFIG"] = json.dumps(_of_slurm(environment))
            known = parse_json(environment.get("TF_CONFIG") or "{}")
            jobs, task = known.get("cluster", {}), known.get("task", {})
            if sum(map(len, jobs.values())) < 2:
                return None
            hosts = cls(jobs, task["type"], int(task["index"]))
            fits = all(int(each.rpartition(":")[2]) for each in hosts.addresses)
            if not fits or set(jobs) - set(JOBS) or not 0 <= hosts.index < len(jobs[hosts.job]):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(
                "TF_CONFIG, or what Slurm says of its step, names no hosts; TF_CONFIG is JSON like "
                '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}.'
            ) from None
        return hosts

    @property
    def addresses(self) -> list[str]:
        """Of all workers, the chief's first."""
        return [address for job in JOBS for address in self.jobs.get(job, [])]

    @property
    def number(self) -> int:
        """The place of this process among `addresses`; 0 is the chief."""
        return self.index + (len(self.jobs.get("chief", [])) if self.job == "worker" else 0)


def _of_slurm(environment: MutableMapping[str, str]) -> dict[str, Any]:
    """TF_CONFIG of a step of Slurm, whose tasks fill one node after the other.

    TensorFlow's own resolver takes nodes in alphabetical order, node10 before node9, and fails without GPUs.
    """
    listed, counts = environment["SLURM_STEP_NODELIST"], environment["SLURM_STEP_TASKS_PER_NODE"]
    ranges = [int(last) - int(first) for first, last in re.findall(r"(\d+)-(\d+)", listed)]
    if max([*ranges, *map(int, re.findall(r"\d+", counts))], default=0) > MOST_TASKS:
        raise ValueError("more tasks than any machine has")
    nodes, tasks = slurm.expand_hostlist(listed), slurm.expand_tasks_per_node(counts)
    port = PORTS[0] + int(environment.get("SLURM_JOB_ID", "0")) % PORTS[1]
    workers = [f"{node}:{port + k}" for node, count in zip(nodes, tasks, strict=True) for k in range(count)]
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": int(environment["SLURM_PROCID"])}}


def silent(addresses: Sequence[str]) -> list[str]:
    """Those of "host:port" where nothing listens."""
    gone = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), 2).close()
        except OSError:
            gone.append(address)
    return gone
