"""Several devices and hosts: one training, with a replica of the networks on every device (`tf.distribute`).

A replica takes its part of every batch; gradients are averaged, so that all replicas make the same update. One device
needs no strategy: its training runs as if this file were not there.
"""

import contextlib
import dataclasses
import functools
import os
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf.coordination_config_pb2 import CoordinatedJob
from tensorflow.python.eager import context

from gan import progress
from gan.errors import UserError
from gan.signals import stop_signals
from gan.training import devices
from gan.training.hosts import JOBS, Hosts, silent

PATIENCE = 50  # seconds in which the hosts have to find each other
SILENCE = 20  # seconds without a sign of life from a worker
LOST = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.CancelledError, tf.errors.AbortedError,
        tf.errors.InternalError, tf.errors.FailedPreconditionError)  # fmt: skip


class Replicas:
    """What trains one model: one device, several of one host, or those of several hosts.

    Args:
        strategy: a `tf.distribute.Strategy`; None for one device.
        local: devices of this host that are used.
        hosts: all of them; None for one.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, local: int = 1, hosts: Hosts | None = None):
        self.strategy: Any = strategy
        self.local, self.hosts = local, hosts

    @property
    def count(self) -> int:
        """Devices of all hosts."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def chief(self) -> bool:
        """Whether this process is the one that keeps what is trained."""
        return self.hosts is None or self.hosts.number == 0

    def describe(self) -> str:
        """The devices in words."""
        hosts = f"{len(self.hosts.addresses)} hosts, each " if self.hosts else ""
        return hosts + devices.describe(self.local)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """What is built inside has its variables on all devices."""
        with self.watched(), self.strategy.scope() if self.strategy else contextlib.nullcontext():
            yield

    def everywhere(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """`function`, which gives a tensor, run on all devices; of this host's values the mean."""
        if self.strategy is None:
            return function

        def distributed(argument):
            values = self._local(self.strategy.run(function, (argument,)))
            return tf.add_n(values) / len(values)

        return distributed

    def average(self, value):
        """The mean over all hosts of a tensor, in a compiled function."""
        if self.hosts is None:
            return value
        return self._local(self.strategy.run(lambda each: mean_of_replicas([each])[0], (value,)))[0]

    def mean(self, value: float) -> float:
        """The mean over all hosts of a number that every one has; all wait for the last one here."""
        if self.hosts is None:
            return value
        with self.watched():
            return float(self._compiled_mean(tf.constant(value, tf.float64)))

    def any(self, flag: bool) -> bool:
        """Whether a flag is set on some host; all wait for the last one here."""
        return self.mean(float(flag)) > 0

    def wait(self) -> None:
        """Return when all hosts have come here."""
        self.mean(0.0)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Turn what TensorFlow says of a lost worker into a UserError."""
        try:
            yield
        except LOST:
            if self.hosts is None:
                raise
            gone = " and ".join(silent(self.hosts.addresses)) or "another worker"
            raise UserError(f"the training on several hosts ends: {gone} answers no more.") from None

    @functools.cached_property
    def _compiled_mean(self):
        return tf.function(self.average, autograph=False)

    def _local(self, values) -> list:
        return list(self.strategy.experimental_local_results(values))


ONE = Replicas()


def mean_of_replicas(values: list) -> list:
    """The means of tensors over all replicas, inside of an update; the tensors themselves on one device."""
    here = tf.distribute.get_replica_context()
    if here.num_replicas_in_sync == 1:
        return values
    # What is made here has a device, which an argument lacks and TensorFlow asks for.
    return here.all_reduce(tf.distribute.ReduceOp.MEAN, [tf.identity(value) for value in values])


def start(parameters, least: int, data: str, goodrun) -> tuple[Any, Replicas]:
    """Find the devices that a training uses, and the other hosts; before TensorFlow computes anything.

    Args:
        parameters: the configuration of a training script, with its batch size.
        least: images of a batch that a device needs.
        data: digest of the training data.
        goodrun: what is gone on from, or None.

    Returns:
        The configuration with `deterministic` as it is used, and the replicas.

    Raises:
        UserError: the devices aren't there, the batch can't be shared, other hosts can't be reached or train
            something else.
    """
    hosts, gpus = Hosts.of(os.environ), tf.config.list_physical_devices("GPU")
    kind, local = chosen(parameters.devices, len(gpus), None if hosts else parameters.batch_size, least)
    if hosts and kind == "cpu" and local > 1:
        raise UserError("devices=cpu:N is for one host; on several leave devices out, or give cpu or gpu:N.")
    if gpus:
        tf.config.set_visible_devices(gpus[:local] if kind == "gpu" else [], "GPU")
    if parameters.deterministic is None:
        parameters = dataclasses.replace(parameters, deterministic=kind == "cpu")
    if parameters.deterministic:
        devices.make_deterministic()
    replicas = Replicas(_strategy(kind, local, hosts), local, hosts)
    count, each = replicas.count, parameters.batch_size / replicas.count
    if count > 1 and (each < least or each % 1):
        raise UserError(
            f"{count} devices share a batch, {least} images each or more: batch_size is a multiple of {count}, from "
            f"{least * count} on, not {parameters.batch_size}."
        )
    if count > 1 and parameters.jit_compile:
        raise UserError(f"jit_compile is for one device, not for {count}; leave it out, or give devices=gpu:1.")
    if hosts:
        same = {name: value for name, value in dataclasses.asdict(parameters).items() if name != "devices"}
        digest = zlib.crc32(repr((same, data, goodrun and goodrun.info)).encode())
        if replicas.mean(digest) != digest:
            raise UserError("the hosts have other parameters, data or good runs; start all of them with the same.")
    return parameters, replicas


def chosen(wanted: str, gpus: int, batch_size: int | None, least: int) -> tuple[str, int]:
    """The kind of device, "cpu" or "gpu", and how many of this host are used.

    Args:
        wanted: the parameter `devices`.
        gpus: how many there are.
        batch_size: None where other hosts share it.
        least: images of a batch that a device needs.

    Raises:
        UserError: there are not so many.
    """
    kind, _, number = wanted.partition(":")
    if kind == "cpu":
        return kind, int(number or 1)
    if kind == "auto":
        if not gpus:
            return "cpu", 1
        fitting = [n for n in range(2, gpus + 1) if batch_size and batch_size % n == 0 and batch_size // n >= least]
        return "gpu", gpus if batch_size is None else max(fitting, default=1)
    if gpus < int(number or 1):
        raise UserError(f"devices={wanted}: TensorFlow finds {gpus or 'no'} GPU{'s' * (gpus != 1)} here.")
    return kind, int(number or gpus)


def _strategy(kind: str, local: int, hosts: Hosts | None) -> tf.distribute.Strategy | None:
    if hosts:
        return _joined(hosts)
    if local == 1:
        return None
    if kind == "cpu":
        parts = [tf.config.LogicalDeviceConfiguration()] * local
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    return tf.distribute.MirroredStrategy([f"{kind}:{k}" for k in range(local)])


def _joined(hosts: Hosts) -> tf.distribute.Strategy:
    """The strategy of hosts that have found each other."""
    chief, *workers = hosts.addresses
    if hosts.number:
        progress.say(f"worker {hosts.number} of {len(workers)}: trains along with the chief, {chief}")
        progress.silence()
    leader = next(job for job in JOBS if hosts.jobs.get(job))
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{leader}/replica:0/task:0",
        coordinated_jobs=[CoordinatedJob(name=job, num_tasks=len(tasks)) for job, tasks in hosts.jobs.items()],
        cluster_register_timeout_in_ms=1000 * PATIENCE,
        heartbeat_timeout_in_ms=1000 * SILENCE,
    )
    if not hosts.number:  # TensorFlow would wait for ever, and hear no signal
        progress.say(f"waits for {' and '.join(workers)}")
        began = time.monotonic()
        while missing := silent(workers):
            if time.monotonic() - began > PATIENCE:
                raise UserError(
                    f"{' and '.join(missing)} did not come within {PATIENCE} seconds: start all workers, and let "
                    "their ports through."
                )
            time.sleep(0.2)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        if hosts.number and isinstance(error, LOST):
            raise UserError(
                f"the chief, {chief}, did not come within {PATIENCE} seconds: start it and all workers, and let its "
                "port through."
            ) from None
        own = hosts.addresses[hosts.number]
        raise UserError(f"{own} can't serve the other hosts ({_first_line(error)}); choose another port.") from None
    for number in stop_signals():  # TensorFlow has taken SIGTERM for itself
        signal.signal(number, signal.getsignal(number))
    return strategy


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
