"""Trainings that log to MLflow servers: over HTTP, with a login, on PostgreSQL, four at once, and one that goes away.

Some minutes. It needs PostgreSQL (Debian: `apt-get install postgresql`) and the packages of the command:

uv run --frozen --with 'flask-wtf<2' --with 'psycopg[binary]' python -m tests.campaigns.tracking_servers [NAME ...]

(Flask-WTF is what `mlflow[auth]` adds to `mlflow`.)
"""

import contextlib
import getpass
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow

from gan.archive.store import KIND, models_of
from tests.conftest import ROOT
from tests.mlflow_server import free_port, mlflow_server

POSTGRES = "/usr/lib/postgresql/*/bin"  # of Debian
LOGIN = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "none of the defaults"}
AWAY = 20  # seconds that a server is away; the client gives a call up after 8
TRAINING = [
    "-m", "tests.narrow_dcgan", "--data", "drawn:400", "--iterations", "60", "--checkpoint_interval", "20",
    "--sample_interval", "10", "--batch_size", "8", "--precision", "float32", "--judge_iterations", "0",
]  # fmt: skip


def kept(folder: Path) -> tuple[str, ...]:
    """Options of a server that keeps runs and files in a folder; clients know neither."""
    return "--backend-store-uri", f"sqlite:///{folder}/served.db", "--artifacts-destination", str(folder / "files")


def start(folder: Path, address: str, *command: str, **environment: str) -> subprocess.Popen:
    """A program in a new folder that logs to an address."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env=clean() | {"MLFLOW_TRACKING_URI": address, "PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def clean() -> dict[str, str]:
    """The environment without settings of MLflow, with this Python first."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return found | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{found['PATH']}"}


def ended(process: subprocess.Popen, status: int = 0) -> str:
    """What a program printed, which ended with a status."""
    out, _ = process.communicate(timeout=1800)
    assert process.returncode == status, out
    return out


def runs(address: str, kind: str = "dcgan") -> list:
    """Runs of a kind in the archive of an address, oldest first."""
    mlflow.set_tracking_uri(address)
    found = mlflow.search_runs(
        search_all_experiments=True, filter_string=f"tags.`{KIND}` = '{kind}'", order_by=["start_time"],
        output_format="list",
    )  # fmt: skip
    return [mlflow.get_run(run.info.run_id) for run in found]


def record(run) -> dict[str, object]:
    """What a run has in the archive: steps of each metric, files without their dates, and generators."""
    client, run_id = mlflow.MlflowClient(), run.info.run_id
    names = [name for name in run.data.metrics if not name.startswith("system/")]
    steps = {name: [m.step for m in client.get_metric_history(run_id, name)] for name in sorted(names)}
    files: list[str] = []
    folders = [""]
    while folders:
        for file in client.list_artifacts(run_id, folders.pop()):
            folders += [file.path] if file.is_dir else []
            files += [] if file.is_dir else [re.split("[%+]timestamp", file.path)[0]]
    models = sorted((model.name, str(model.status)) for model in models_of(run_id))
    return {"steps": steps, "files": sorted(files), "models": models, "status": run.info.status}


def wait_until(found: Callable[[], object], process: subprocess.Popen) -> None:
    """Wait for something while a program runs."""
    while not found():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)


def over_http(folder: Path) -> str:
    """Files go through the server; MLFLOW_EXPERIMENT_NAME is kept to; an evaluation stands beside its run."""
    with mlflow_server(*kept(folder), cwd=folder) as address:
        temporary = folder / "temporary"
        temporary.mkdir()
        ended(start(folder / "client", address, *TRAINING, MLFLOW_EXPERIMENT_NAME="my signs"))
        (run,) = runs(address)
        line = [str(ROOT / "evaluate.py"), "--goodrun_ref", run.info.run_id, "--count", "4", "--scores", "none"]
        ended(start(folder / "another folder", address, *line, TMPDIR=str(temporary)))
        (evaluation,) = runs(address, "evaluate")
        assert run.info.artifact_uri.startswith("mlflow-artifacts:")
        assert mlflow.get_experiment(run.info.experiment_id).name == "my signs"
        assert evaluation.info.experiment_id == run.info.experiment_id
        found = record(run)
        assert found["status"] == "FINISHED" and len(found["models"]) == 3
        assert not list(folder.rglob("mlruns")) and not list(temporary.rglob("*.npz"))
        return f"{len(found['files'])} files and 3 generators behind the server; nothing left with the client"


def with_a_login(folder: Path) -> str:
    """`--app-name basic-auth`: name and password are those of MLflow's variables."""
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        "admin_username = {MLFLOW_TRACKING_USERNAME}\nadmin_password = {MLFLOW_TRACKING_PASSWORD}\n".format(**LOGIN)
    )
    settings = {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "any"}
    with variables(settings | LOGIN), mlflow_server(*kept(folder), "--app-name", "basic-auth", cwd=folder) as address:
        refused = ended(start(folder / "without", address, *TRAINING), 2)
        assert refused.count("error: ") == 1 and "Traceback" not in refused, refused
        ended(start(folder / "with", address, *TRAINING, **LOGIN))
        (run,) = runs(address)
        assert record(run)["status"] == "FINISHED"
    return f"without: {refused.partition('error: ')[2].strip()[:90]}; with: finished"


def on_postgresql(folder: Path) -> str:
    """Four trainings at once log to a server on PostgreSQL, and one to the database itself."""
    with postgresql(folder) as database, variables({}):
        with mlflow_server(
            "--backend-store-uri", database, "--artifacts-destination", str(folder / "files"), cwd=folder
        ) as address:
            four = [start(folder / f"seed {k}", address, *TRAINING, "--seed", str(k)) for k in range(4)]
            for process in four:
                ended(process)
            records = [record(run) for run in runs(address)]
            assert len(records) == 4 and all(found == records[0] for found in records), records
        ended(start(folder / "direct", database, *TRAINING, MLFLOW_EXPERIMENT_NAME="direct"))
        assert record(runs(database)[-1]) == records[0]
    return "4 at once and 1 directly: 5 finished, with the same files and metrics"


def from_git(folder: Path) -> str:
    """`mlflow run URL --version COMMIT --experiment-name NAME` from a folder that has nothing of the project."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    # Of a file:// address MLflow would check the commit out in that very folder.
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, folder / "gan.git"], check=True)
    git, port = ["git", "daemon", "--export-all", "--listen=127.0.0.1", f"--base-path={folder}"], free_port()
    line = ["-m", "mlflow", "run", f"git://127.0.0.1:{port}/gan.git", "--version", commit]
    line += ["--experiment-name", "from git"]
    line += ["--env-manager", "local", "-e", "train_dcgan"]
    for value in ("data=drawn:400", "iterations=2", "batch_size=4", "precision=float32", "judge_iterations=0"):
        line += ["-P", value]
    with mlflow_server(*kept(folder), cwd=folder) as address, subprocess.Popen([*git, f"--port={port}"]) as daemon:
        try:
            ended(start(folder / "elsewhere", address, *line, PYTHONPATH=""))
        finally:
            daemon.terminate()
        (run,) = runs(address)
        assert run.info.status == "FINISHED" and run.data.tags["mlflow.source.git.commit"] == commit
        assert mlflow.get_experiment(run.info.experiment_id).name == "from git"
        assert record(run)["models"], "no generator"
    return f"run of commit {commit[:7]} in the experiment `from git`"


def goes_away(folder: Path) -> str:
    """A server that is killed in the middle of a training and comes back: nothing is missing."""
    port, measured = free_port(), {"MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "1"}
    with mlflow_server(*kept(folder), cwd=folder, port=port) as address:
        ended(start(folder / "undisturbed", address, *TRAINING, **measured))
        process = start(folder / "disturbed", address, *TRAINING, **measured)
        wait_until(lambda: len(list((folder / "files").rglob("checkpoint-*.npz"))) > 3, process)
    time.sleep(AWAY)
    with mlflow_server(*kept(folder), cwd=folder, port=port) as address:
        said = ended(process)
        one, other = runs(address)
        assert record(one) == record(other), (record(one), record(other))
        assert "does not answer; waiting" in said and "answers again" in said, said
        usage = mlflow.MlflowClient().get_metric_history(other.info.run_id, "system/cpu_utilization_percentage")
        gap = max(b.timestamp - a.timestamp for a, b in itertools.pairwise(usage)) / 1000
        assert gap < AWAY + 60 and max(metric.step for metric in usage) + 1 == len(usage), usage
    return f"away for {AWAY} s: same metrics, files and generators as undisturbed; system metrics paused {gap:.0f} s"


def stays_away(folder: Path) -> str:
    """A server that does not come back: Ctrl-C ends the wait, and the state is kept beside the samples."""
    port = free_port()
    with mlflow_server(*kept(folder), cwd=folder, port=port) as address:
        process = start(folder / "client", address, *TRAINING, "--iterations", "400")
        wait_until(lambda: list((folder / "files").rglob("checkpoint-*.npz")), process)
        time.sleep(1)
    time.sleep(AWAY)
    process.send_signal(signal.SIGINT)
    said = ended(process, 2)
    assert said.count("error: ") == 1 and "Traceback" not in said, said
    (checkpoint,) = (folder / "client").rglob("checkpoint-*.npz")
    with mlflow_server(*kept(folder), cwd=folder, port=port) as address:
        line = [*TRAINING, "--iterations", "400", "--goodrun_ref", str(checkpoint.parent)]
        ended(start(folder / "client", address, *line))
        before, after = runs(address)
        assert after.info.status == "FINISHED" and after.data.tags["goodrun"].startswith(before.info.run_id)
    return f"status 2; {checkpoint.name} kept here, and gone on from when the server was back"


@contextlib.contextmanager
def variables(values: dict[str, str]) -> Iterator[None]:
    """Variables of the environment, for this process and what it starts."""
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The address of a new database of PostgreSQL."""
    programs = sorted(Path("/").glob(POSTGRES[1:]))
    if not programs:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    # It refuses to be started by root.
    user = ["runuser", "-u", "postgres", "--"] if getpass.getuser() == "root" else []
    data, port = Path(tempfile.mkdtemp(prefix="postgresql-")), free_port()
    if user:
        subprocess.run(["chown", "postgres", data], check=True)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"

    def run(program: str, *given: str) -> None:
        subprocess.run([*user, programs[-1] / program, *given], check=True, cwd=data, stdout=subprocess.DEVNULL)

    run("initdb", "-D", str(data / "cluster"), "-U", "gan", "--auth", "trust")
    run("pg_ctl", "-D", str(data / "cluster"), "-o", options, "-l", str(data / "log"), "-w", "start")
    try:
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "gan", "archive")
        yield f"postgresql://gan@127.0.0.1:{port}/archive"
    finally:
        run("pg_ctl", "-D", str(data / "cluster"), "-m", "fast", "-w", "stop")


CASES = (over_http, with_a_login, on_postgresql, from_git, goes_away, stays_away)


def main(names: list[str]) -> None:
    """Try some servers, or all, and print a table."""
    print("| where | what | seconds |\n| --- | --- | --- |", flush=True)
    for case in CASES:
        if not names or case.__name__ in names:
            with tempfile.TemporaryDirectory(prefix="tracking-") as folder:
                began = time.monotonic()
                result = case(Path(folder))
                print(f"| {case.__name__} | {result} | {time.monotonic() - began:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
