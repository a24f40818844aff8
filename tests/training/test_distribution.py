"""Devices and hosts; what several devices compute is checked by tests/two_devices.py in a process of its own."""

import json
import socket
from collections import namedtuple

import pytest
import tensorflow as tf

import train_dcgan
from gan.errors import UserError
from gan.training import devices, distribution
from gan.training.distribution import chosen, start
from gan.training.hosts import Hosts
from tests.conftest import QUICK, refused, start_script
from train_dcgan import TrainConfig

Device = namedtuple("Device", "name")


def tf_config(index: int, ports: tuple[int, int] = (2222, 2223)) -> str:
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


@pytest.mark.parametrize(
    ("wanted", "gpus", "batch_size", "found"),
    [
        ("auto", 0, 32, ("cpu", 1)), ("auto", 1, 32, ("gpu", 1)), ("auto", 4, 32, ("gpu", 4)),
        ("auto", 3, 32, ("gpu", 2)), ("auto", 4, 2, ("gpu", 1)), ("auto", 3, None, ("gpu", 3)),
        ("cpu", 4, 32, ("cpu", 1)), ("cpu:2", 0, 32, ("cpu", 2)), ("gpu", 4, 32, ("gpu", 4)),
        ("gpu:1", 4, 32, ("gpu", 1)),
    ],
)  # fmt: skip
def test_a_batch_is_shared_by_the_devices_that_are_wanted_and_there(wanted, gpus, batch_size, found):
    assert chosen(wanted, gpus, batch_size, 2) == found


@pytest.mark.parametrize(("wanted", "gpus", "words"), [("gpu", 0, "no GPUs"), ("gpu:3", 2, "2 GPUs")])
def test_gpus_that_are_not_there_are_missed(wanted, gpus, words):
    with pytest.raises(UserError, match=f"^devices={wanted}: TensorFlow finds {words} here.$"):
        chosen(wanted, gpus, 32, 2)


@pytest.mark.parametrize("devices", ["cpu:0", "gpu:x", "tpu", "2"])
def test_devices_are_named_by_kind_and_number(capsys, devices):
    words = refused(capsys, TrainConfig, train_dcgan.main, devices=devices)
    assert words == f"error: devices is auto, cpu, cpu:N, gpu or gpu:N, not '{devices}'.\n"


@pytest.fixture
def machine(monkeypatch):
    """A machine of three GPUs, as far as TensorFlow's functions tell it; what is asked of them, in order."""
    asked: list = []
    gpus = [Device(f"gpu {k}") for k in range(3)]

    class Mirrored:
        def __init__(self, names):
            asked.append(names)
            self.num_replicas_in_sync = len(names)

    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda some, kind: asked.append((len(some), kind)))
    monkeypatch.setattr(devices, "make_deterministic", lambda: asked.append("deterministic"))
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", Mirrored)
    return asked


@pytest.mark.parametrize(
    ("options", "asked", "deterministic"),
    [
        ({}, [(2, "GPU"), ["gpu:0", "gpu:1"]], False),
        ({"devices": "gpu:3", "batch_size": 6, "deterministic": True},
         [(3, "GPU"), "deterministic", ["gpu:0", "gpu:1", "gpu:2"]], True),
        ({"devices": "gpu:1", "jit_compile": True}, [(1, "GPU")], False),
        ({"devices": "cpu"}, [(0, "GPU"), "deterministic"], True),
        ({"devices": "cpu", "deterministic": False}, [(0, "GPU")], False),
    ],
)  # fmt: skip
def test_gpus_are_used_as_wanted(machine, options, asked, deterministic):
    parameters, replicas = start(TrainConfig(**options), 2, "", None)
    assert machine == asked and parameters.deterministic is deterministic
    assert replicas.chief and replicas.count == (len(asked[-1]) if isinstance(asked[-1], list) else 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"devices": "gpu:3"}, "3 devices share a batch, .*: batch_size is a multiple of 3, from 6 on, not 32.$"),
        ({"devices": "gpu:2", "batch_size": 2}, "a multiple of 2, from 4 on, not 2.$"),
        ({"jit_compile": True}, "^jit_compile is for one device, not for 2; leave it out, or give devices=gpu:1.$"),
    ],
)
def test_what_several_devices_can_not_do_is_said(machine, options, words):
    with pytest.raises(UserError, match=words):
        start(TrainConfig(**options), 2, "", None)


def test_tf_config_names_the_hosts_and_the_chief():
    assert Hosts.of({}) is None and Hosts.of({"TF_CONFIG": "{}"}) is None
    alone = {"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}
    assert Hosts.of({"TF_CONFIG": json.dumps(alone)}) is None
    worker = Hosts.of({"TF_CONFIG": tf_config(1)})
    assert worker.addresses == ["127.0.0.1:2222", "127.0.0.1:2223"] and worker.number == 1
    named = {"cluster": {"worker": ["b:1", "c:1"], "chief": ["a:1"]}, "task": {"type": "worker", "index": 1}}
    worker = Hosts.of({"TF_CONFIG": json.dumps(named)})
    assert worker.addresses == ["a:1", "b:1", "c:1"] and worker.number == 2


def test_slurm_names_the_hosts_in_its_own_order():
    step = {
        "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_NODELIST": "node[9-10]", "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_PROCID": "2", "SLURM_JOB_ID": "1000042",
    }  # fmt: skip
    worker = Hosts.of(step)
    assert worker.addresses == ["node9:20042", "node9:20043", "node10:20042"] and worker.number == 2
    assert json.loads(step["TF_CONFIG"])["task"] == {"type": "worker", "index": 2}
    assert Hosts.of({"SLURM_STEP_NUM_TASKS": "1"}) is None


SLURM_STEP = {
    "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NODELIST": "a[1-2]", "SLURM_STEP_TASKS_PER_NODE": "1(x2)",
    "SLURM_PROCID": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "{"}, {"TF_CONFIG": tf_config(2)}, {"TF_CONFIG": tf_config(0).replace(":2222", "")},
        {"TF_CONFIG": tf_config(0).replace("worker", "ps")}, {"TF_CONFIG": "[]"}, {"SLURM_STEP_NUM_TASKS": "2"},
        {"TF_CONFIG": "[" * 5000}, SLURM_STEP | {"SLURM_STEP_NODELIST": "a[1-99999999999]"},
        SLURM_STEP | {"SLURM_STEP_TASKS_PER_NODE": "1(x99999999999)"},
        SLURM_STEP | {"SLURM_STEP_TASKS_PER_NODE": "99999999999"},
    ],
)  # fmt: skip
def test_a_cluster_that_makes_no_sense_is_an_error(environment):
    with pytest.raises(UserError, match="names no hosts; TF_CONFIG is JSON like"):
        Hosts.of(environment)


def test_hosts_have_one_cpu_each(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config(0))
    with pytest.raises(UserError, match="^devices=cpu:N is for one host"):
        start(TrainConfig(devices="cpu:2"), 2, "", None)


def test_lost_hosts_are_said_in_a_sentence(monkeypatch):
    hosts = Hosts.of({"TF_CONFIG": tf_config(0)})
    replicas = distribution.Replicas(None, 1, hosts)
    for gone, words in ((["127.0.0.1:2223"], "127.0.0.1:2223"), ([], "another worker")):
        monkeypatch.setattr(distribution, "silent", lambda addresses, gone=gone: gone)
        with pytest.raises(UserError, match=f"several hosts ends: {words} answers no more"), replicas.watched():
            raise tf.errors.UnavailableError(None, None, "Socket closed\nmore")
    with pytest.raises(tf.errors.UnavailableError), distribution.ONE.watched():
        raise tf.errors.UnavailableError(None, None, "Socket closed")


def test_two_devices_learn_what_one_learns(tmp_path):
    process = start_script("-m", "tests.two_devices", cwd=tmp_path)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.mark.slow
def test_two_hosts_train_one_generator_and_the_chief_alone_keeps_it(tmp_path, monkeypatch):
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
    options = [text for name, value in (QUICK | {"iterations": 20}).items() for text in (f"--{name}", str(value))]
    hosts = []
    for index, name in enumerate(("chief", "worker")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("TF_CONFIG", tf_config(index, ports))
        hosts.append(start_script("-m", "tests.narrow_host", *options, cwd=tmp_path / name))
    (chief, chief_errors), (worker, worker_errors) = [host.communicate(timeout=300) for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], chief_errors + worker_errors
    line, weights = worker.splitlines()
    assert line == f"worker 1 of 1: trains along with the chief, 127.0.0.1:{ports[0]}"
    assert chief.splitlines()[-1] == weights  # bit for bit
    assert "2 hosts, each " in chief
    assert not (tmp_path / "worker" / "mlflow.db").exists() and not list(tmp_path.glob("worker/**/*.png"))
