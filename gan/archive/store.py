"""The store of the archive: opened, searched, and told of when it can't be."""

import contextlib
import errno
import functools
import math
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

import mlflow
from mlflow.entities import LoggedModel
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from mlflow.utils.file_utils import local_file_uri_to_path

from gan.archive.database import LOCKED, opened, wait_for_locks
from gan.archive.moved import require_here
from gan.checkpoints import NAME
from gan.errors import UserError
from gan.files import locked, require_writable, sync
from gan.invocation import archive_here, is_here, shown

CHECKPOINTS = "checkpoints"  # the artifact folder of a run's checkpoints
KIND, CLASS, ITERATION = "gan.kind", "class_val", "iteration"
RANKED_BY = "gan.ranked_by"  # tag of a checkpoint's model: the score that ranks it, lower is better
REMEDIES = (  # words of SQLite's, and what there is to do
    (("duplicate column name", "already exists"), "it was left half-made by a program that was stopped while it "
     "created or upgraded it; move it away and start again, or put a copy in its place if it held runs"),
    (("malformed", "not a database"), "the file is damaged; put a copy in its place, save what can be read with "
     "`sqlite3 mlflow.db .recover`, or move it away and start again"),
    ((LOCKED,), "another program holds it; end that one, and start again"),
    (("disk is full", "disk I/O error", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)),
     "free some space on its disk and start again"),
    (("readonly database", "unable to open", os.strerror(errno.EROFS)), "it can't be opened or written; free some "
     "space if its disk is full, else check its permissions and those of its folder"),
)  # fmt: skip
OPENED = "MLFLOW_RUN_ID"  # how `mlflow run` names the run that it has opened; the first start_run() takes it


def prepare(create: bool = True) -> None:
    """Open the store, and create it if need be, one process at a time: two that create it at once break it.

    Raises:
        UserError: there is none and it is not to be created, or it can't be opened.
    """
    if "MLFLOW_TRACKING_URI" not in os.environ and "%" not in str(Path.cwd()):
        # MLflow's default has %20 for a space: the database is found by it, the files beside it are put elsewhere.
        plain = archive_here()
        if mlflow.get_tracking_uri() != plain:
            mlflow.set_tracking_uri(plain)
    uri = mlflow.get_tracking_uri()
    if not uri.startswith(("sqlite:", "http:", "https:", "postgresql", "mysql", "mssql", "databricks")):
        raise UserError(
            f"MLFLOW_TRACKING_URI is {shown(uri)!r}; give sqlite:///FILE or the address of an MLflow server."
        )
    lock: contextlib.AbstractContextManager = contextlib.nullcontext()
    file = None
    if uri.startswith("sqlite:///"):
        file = Path(unquote(uri.removeprefix("sqlite:///")))
        if not create and not file.exists():
            raise UserError(f"there is no archive {file}; start in the folder where the run was trained.")
        wait_for_locks()
        _require_database(file)
        lock = locked(file.with_name(file.name + ".lock"))
    try:
        with lock:
            if file is not None and not file.exists() and "%" not in str(file):
                _create(file)
            mlflow.search_experiments(max_results=1)
            if file is not None and is_here(uri):
                require_here(file)
    except UserError:
        raise
    except Exception as error:  # MLflow's own, SQLAlchemy's, the network's
        raise UserError(f"the archive {shown(uri)} can't be opened or created: {reason_of(error)}") from None


def _require_database(file: Path) -> None:
    """Make sure that a database can be opened, or its folder be written: MLflow tries for minutes, in silence."""
    if not file.exists():
        require_writable(file.parent)
        return
    try:
        if not file.is_file():
            raise sqlite3.OperationalError("it is no file; move it away")
        with opened(file, "rw") as database:
            database.cursor().execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise UserError(f"the archive {file} can't be opened: {reason_of(error)}") from None


def _create(file: Path) -> None:
    """Create a database under another name and rename it: a program that is stopped leaves no half-made archive."""
    unfinished = file.with_name(f"{file.name}.unfinished")

    def remove() -> None:
        for leftover in file.parent.glob(f"{unfinished.name}*"):  # the lock is held: nobody else writes them
            leftover.unlink()

    remove()
    # Imported here: it takes 2 seconds, and MLflow's server of a model needs none.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    try:
        SqlAlchemyStore(f"sqlite:///{unfinished}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
        unfinished.rename(file)
    except BaseException:  # on a full disk it would take the rest
        remove()
        raise


def runs_of(kind: str, class_vals: Sequence[str]) -> list[str]:
    """Ids of all runs of a kind and of some classes, newest first; of any class where "" is among them."""
    found = search(f"tags.`{KIND}` = '{kind}'")
    return [run.info.run_id for run in found if "" in class_vals or run.data.tags.get(CLASS) in class_vals]


def search(wanted: str) -> list:
    """Runs that fit a filter of MLflow's, newest first."""
    return mlflow.search_runs(
        experiment_ids=experiments(),
        filter_string=wanted,
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )


def experiments() -> list[str]:
    """Ids of all experiments: runs of `mlflow run` and of the scripts may stand in several."""
    return [experiment.experiment_id for experiment in mlflow.search_experiments()]


def models_of(run_id: str) -> list:
    """The logged models of a run: those with a score first, from the best to the worst, then from the newest on."""
    found = mlflow.search_logged_models(
        experiment_ids=experiments(),
        filter_string=f"source_run_id='{run_id}'",
        order_by=[{"field_name": "creation_time", "ascending": False}],
        output_format="list",
    )

    return sorted(found, key=score_of)


def score_of(model: LoggedModel) -> float:
    """The score that ranks a logged model, lower is better; infinite where it has none."""
    scores: dict[str | None, float] = {metric.key: metric.value for metric in model.metrics or []}
    return scores.get(model.tags.get(RANKED_BY), math.inf)


def logged_as(version: ModelVersion) -> LoggedModel:
    """The logged model that a version of the registry is.

    Raises:
        MlflowException: there is none any more.
    """
    return mlflow.get_logged_model((version.source or "").rpartition("/")[2])


def iteration_of(model: LoggedModel) -> int:
    """The iteration of a logged model; -1 where it was not logged by this project."""
    text = (model.params or {}).get(ITERATION, "")
    return int(text) if text.isdecimal() else -1


def history(run_id: str, names: Iterable[str]) -> dict[str, tuple[list[int], list[float]]]:
    """Iterations and values of a run's metrics, by name; those that the archive does not have are left out."""
    prepare()
    found = {}
    for name in names:
        try:
            with read():
                values = mlflow.MlflowClient().get_metric_history(run_id, name)
        except UserError:  # the run is not in this archive
            continue
        if values:
            ordered = sorted(values, key=lambda metric: metric.step)
            found[name] = [metric.step for metric in ordered], [metric.value for metric in ordered]
    return found


def checkpoint_names(run_id: str) -> list[str]:
    """Names of a run's checkpoint files, oldest first.

    Raises:
        UserError: the archive does not tell.
    """
    try:
        files = mlflow.MlflowClient().list_artifacts(run_id, CHECKPOINTS)
    except MlflowException as error:
        raise UserError(f"the files of run {run_id} can't be listed: {reason_of(error)}") from None
    return sorted(name for name in (file.path.rpartition("/")[2] for file in files) if NAME.fullmatch(name))


def checkpoints_of(run_id: str) -> dict[int, str]:
    """The names of a run's checkpoint files by iteration, ascending."""
    matches = map(NAME.fullmatch, checkpoint_names(run_id))
    return {int(match[1]): match.string for match in matches if match}


def keep_checkpoint(run_id: str, path: Path) -> None:
    """Move a checkpoint file into the archive; it is on the disk before those before it are deleted."""
    root = local_folder(mlflow.get_run(run_id).info.artifact_uri)
    if root is None:
        mlflow.log_artifact(str(path), CHECKPOINTS)
        return
    folder = root / CHECKPOINTS
    folder.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(folder / path.name)
    except OSError:  # it lies on another disk
        mlflow.log_artifact(str(path), CHECKPOINTS)
        sync(folder / path.name)
    sync(folder)


def fetched(run_id: str, name: str) -> Path:
    """A checkpoint file of a run, on this machine.

    Of a store on this machine it is the store's own file, of a server a copy that goes when the program ends.

    Raises:
        UserError: the archive does not give it.
    """
    kept = Path(_kept_until_the_end().name) / run_id / name
    kept.unlink(missing_ok=True)
    try:
        root = mlflow.get_run(run_id).info.artifact_uri
        # By run id, MLflow copies the files of a local store as well, and removes no copy: 0.1 to 0.9 GB each start.
        local = local_folder(root) is not None
        kept.parent.mkdir(parents=True, exist_ok=True)
        path = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=f"{root}/{CHECKPOINTS}/{name}", dst_path=None if local else str(kept.parent)
            )
        )
    except (MlflowException, OSError) as error:
        raise UserError(f"{name} of run {run_id} can't be read: {reason_of(error)}") from None
    if local:  # a training that still runs may let go of the file: a second name keeps it
        with contextlib.suppress(OSError):  # the temporary folder is on another disk
            os.link(path, kept)
            return kept
    return path


def local_folder(uri: str) -> Path | None:
    """The folder that an address of artifacts stands for; None where it is not on this machine."""
    return Path(local_file_uri_to_path(uri)) if urlparse(uri).scheme in ("", "file") else None


@functools.cache
def _kept_until_the_end() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="checkpoints-")


@contextlib.contextmanager
def opened_set_aside() -> Iterator[None]:
    """Hide the run that `mlflow run` has opened; MLflow forgets it at the end of any run, so it is put back after."""
    waiting = os.environ.pop(OPENED, None)
    try:
        yield
    finally:
        if waiting:
            os.environ[OPENED] = waiting


@contextlib.contextmanager
def read() -> Iterator[None]:
    """Within the block, what MLflow raises of an archive that holds nonsense, as a stranger's may, is a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # MLflow's own, SQLAlchemy's, the network's, or what odd values end in
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise UserError(
            f"the archive {shown(mlflow.get_tracking_uri())} can't be read: {reason_of(error)}"
        ) from error


def said(error: Exception) -> str:
    """An error of the archive as a sentence."""
    return f"the archive at {shown(mlflow.get_tracking_uri())} says: {reason_of(error)}"


def reason_of(error: Exception) -> str:
    """What an error of the archive says first, and what there is to do, as the end of a sentence."""
    remedies = [remedy for words, remedy in REMEDIES if any(word in str(error) for word in words)]
    return f"{first_line(error).rstrip('.')}{''.join(f': {remedy}' for remedy in remedies[:1])}."


def first_line(error: Exception) -> str:
    """What an error says first, without the pages after it, and without what SQLAlchemy says of itself before."""
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("(raised as a result of")]
    return shown(lines[0][:200]) if lines else type(error).__name__
