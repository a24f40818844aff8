"""The archive: the only file that knows MLflow.

A run is opened with `archived_run`, written to through the `Run` that it yields, and found again with
`resolve`, which understands every form of `goodrun_ref`.
"""

import contextlib
import dataclasses
import errno
import importlib.metadata
import math
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from gan import checkpoints
from gan.checkpoints import NAME, About, newest_in, read_about, whole
from gan.errors import UserError
from gan.invocation import ROOT, code_version, start
from gan.storage import is_folder, locked

CHECKPOINTS = "checkpoints"  # the artifact folder of a run's checkpoints
REQUIREMENTS = ("keras", "tensorflow", "numpy")  # what a saved generator needs in another project
PRETRAINED = "pretrained"  # the good run that comes with the project
_KIND, _CLASS, _ITERATION = "gan.kind", "class_val", "iteration"
_OPENED = "MLFLOW_RUN_ID"  # how `mlflow run` names the run that it has opened; the first start_run() takes it
_RANKED_BY = "gan.ranked_by"  # tag of a checkpoint's model: the score that ranks it, lower is better


class Run:
    """One open run of the archive."""

    def __init__(self, run_id: str):
        self.id = run_id

    @property
    def short(self) -> str:
        """The first eight digits of the run id, for names of files and folders."""
        return self.id[:8]

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Log numbers at an iteration; returns at once, the archive writes behind."""
        mlflow.log_metrics(values, step=step, synchronous=False)

    def image(self, key: str, pixels: np.ndarray, step: int) -> None:
        """Log a uint8 (height, width, 3) picture at an iteration, for the step slider of the UI."""
        mlflow.log_image(pixels, key=key, step=step)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Put a file into the archive."""
        mlflow.log_artifact(str(path), folder)

    def folder(self, path: Path) -> None:
        """Put all that a folder holds into the archive."""
        mlflow.log_artifacts(str(path))

    def tags(self, values: dict[str, str]) -> None:
        """Set tags."""
        mlflow.set_tags(values)

    def data(self, name: str, digest: str, purpose: str = "training") -> None:
        """Record which data set the run uses."""
        mlflow.set_tags({"data": name, "data_digest": digest})
        mlflow.log_input(MetaDataset(CodeDatasetSource({}), name=name, digest=digest), context=purpose)

    def report(self, report: Any) -> None:
        """Put a `gan.report.Report` into the archive as report.html."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            report.write(path)
            self.file(path)

    def checkpoint(self, about: About, parts: dict[str, list], folder: Path | None = None) -> None:
        """Put a checkpoint into the archive.

        Args:
            about: what it says of itself; its iteration names it.
            parts: lists of variables by name.
            folder: where the file lies until it is in the archive, on a disk with room for it.
        """
        with tempfile.TemporaryDirectory(dir=folder, prefix=".checkpoint-") as place:
            path = Path(place) / checkpoints.file_name(about.iteration)
            checkpoints.save(path, about, parts)
            mlflow.log_artifact(str(path), CHECKPOINTS)

    def drop(self, iterations: Iterable[int]) -> None:
        """Let go of checkpoints and of the generators logged with them, but of none that the user has registered."""
        gone = set(iterations)
        if not gone:
            return
        models = _models(self.id)
        gone -= {_iteration(model) for model in models if MLFLOW_MODEL_VERSIONS in model.tags}
        repository = get_artifact_repository(mlflow.get_run(self.id).info.artifact_uri)
        for iteration in gone:
            repository.delete_artifacts(f"{CHECKPOINTS}/{checkpoints.file_name(iteration)}")
        for model in models:
            if _iteration(model) in gone:
                get_artifact_repository(model.artifact_location).delete_artifacts()
                mlflow.MlflowClient().delete_logged_model(model.model_id)

    def model(
        self,
        model,
        example: np.ndarray | dict[str, np.ndarray],
        iteration: int,
        scores: dict[str, float] | None = None,
        ranked_by: str = "",
    ) -> None:
        """Log a Keras model so that `mlflow.keras.load_model` finds it in any other project.

        `mlflow.keras.log_model` of MLflow 3.17 fails with an input example (it writes it to a folder that is not
        there yet), so its steps are taken one by one, into a folder that is.

        Args:
            model: the model.
            example: of its input.
            iteration: updates made.
            scores: of this model; logged with the run at this iteration too.
            ranked_by: the score by which the run's models are compared, lower is better.
        """
        pinned = [f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS]
        # With a model the store keeps NaN as 0, the best there is: what is no number is logged with the run alone.
        known = {name: value for name, value in (scores or {}).items() if math.isfinite(value)}
        ranked = {_RANKED_BY: ranked_by} if ranked_by in known else {}
        logged = mlflow.initialize_logged_model(model.name, self.id, params={_ITERATION: str(iteration)}, tags=ranked)
        about = mlflow.models.Model(run_id=self.id, model_id=logged.model_id)
        answer = model(example)
        with tempfile.TemporaryDirectory() as folder:
            mlflow.keras.save_model(
                model,
                folder,
                mlflow_model=about,
                # Of several outputs the last is described: the schema of MLflow knows names or one array.
                signature=mlflow.models.infer_signature(
                    example, np.asarray(answer[-1] if isinstance(answer, list | tuple) else answer)
                ),
                input_example=example,
                pip_requirements=pinned,
            )
            client = mlflow.MlflowClient()
            client.log_model_artifacts(logged.model_id, folder)
        mlflow.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(self.id, [LoggedModelOutput(logged.model_id, step=iteration)])
        if known:
            mlflow.log_metrics(known, step=iteration, model_id=logged.model_id)
        self.metrics({name: value for name, value in (scores or {}).items() if name not in known}, iteration)

    def finish(self, status: str) -> None:
        """End the run now: "FINISHED", "FAILED" or "KILLED"."""
        mlflow.end_run(status)


@contextlib.contextmanager
def archived_run(kind: str, name: str, config: Any, own: bool = False) -> Iterator[Run]:
    """Open a run, or the one that `mlflow run` has opened for this process.

    Args:
        kind: what kind of run, "dcgan" or "evaluate" for example; `resolve` looks for it.
        name: a name that says what ran.
        config: the frozen dataclass of parameters; logged as parameters and as config.json.
        own: always open a new one: what runs is not what the user started, but something needed for it.

    Raises:
        UserError: the archive can't be reached or written.
    """
    _prepare_store()
    with contextlib.ExitStack() as aside:
        if own:
            aside.enter_context(opened_set_aside())
        try:
            opened = mlflow.start_run(run_name=name)
        except (MlflowException, OSError) as error:
            raise UserError(
                f"the archive at {mlflow.get_tracking_uri()} can't be written ({_first_line(error)})."
            ) from None
        aside.enter_context(_full_disk_told())
        active = aside.enter_context(opened)
        run = Run(active.info.run_id)
        values = dataclasses.asdict(config)
        # MLflow has logged the parameters of an entry point already and refuses to see them again.
        missing = {key: value for key, value in values.items() if key not in active.data.params}
        mlflow.log_params({k: str(v).lower() if isinstance(v, bool) else v for k, v in missing.items()})
        mlflow.log_dict(values, "config.json")
        mlflow.set_tags(
            {"mlflow.runName": name, _KIND: kind, "code_version": code_version()} | {_CLASS: values.get(_CLASS, "")}
        )
        yield run


@dataclasses.dataclass(frozen=True)
class GoodRun:
    """A checkpoint chosen to go on from or to generate from.

    Attributes:
        run_id: the run that made it.
        iteration: updates made.
        checkpoint: its file on this machine.
        about: what the checkpoint says of itself.
    """

    run_id: str
    iteration: int
    checkpoint: Path
    about: About


def resolve(reference: str, kind: str, class_val: str, one_of_all: bool = False) -> GoodRun | None:
    """The checkpoint of one kind of program that a `goodrun_ref` names; see `resolve_any`."""
    return resolve_any(reference, {kind: class_val}, one_of_all)


def resolve_any(reference: str, wanted: dict[str, str], one_of_all: bool = False) -> GoodRun | None:
    """The checkpoint that a `goodrun_ref` names.

    Args:
        reference: "" for none; a run id (its best checkpoint by score, else its last); "<run id>/<iteration>";
            "<iteration>" in the newest run of the same class that kept it; "models:/<name>@<alias>"; "pretrained"
            for the weights that come with the project; a folder that holds a checkpoint.
        wanted: kinds of program that may have made it ("dcgan", "pix2pix"), and of each the class that it must have
            been trained on: a class, "all", or "" for programs without classes.
        one_of_all: a checkpoint of all classes will do for any class.

    Raises:
        UserError: nothing is found under the reference, or what is found is damaged, of another program or class.
    """
    if not reference:
        return None
    in_run = re.fullmatch(r"([0-9a-f]{32})(?:/(\d{1,9}))?", reference)
    is_iteration = re.fullmatch(r"\d{1,9}", reference)
    if reference == PRETRAINED:
        path = _from_pretrained()
    elif not in_run and not is_iteration and not reference.startswith("models:/"):
        path = _from_folder(reference)
    else:
        _prepare_store(create=False)
        if in_run:
            path = _from_run(in_run[1], int(in_run[2]) if in_run[2] else None)
        elif is_iteration:
            path = _from_newest_run(int(reference), wanted)
        else:
            path = _from_alias(reference)
    about = read_about(path)
    if about.kind not in wanted:
        raise UserError(
            f"goodrun_ref {reference} was made by {about.kind} and can't be used by {' or '.join(wanted)}."
        )
    class_val = wanted[about.kind]
    if about.class_val != class_val and not (one_of_all and about.class_val == "all"):
        raise UserError(
            f"goodrun_ref {reference} was trained on class_val {about.class_val}, not {class_val}; "
            f"give class_val={about.class_val}, or a good run of class_val {class_val}."
        )
    return GoodRun(about.run_id, about.iteration, path, about)


def newest_run(kind: str, class_val: str) -> str | None:
    """The id of the newest run of a kind and class that holds a checkpoint, or None."""
    _prepare_store(create=False)
    return next((run_id for run_id in _runs(kind, class_val) if _kept(run_id)), None)


def newest_of(kind: str, traits: dict[str, str]) -> GoodRun | None:
    """The last whole checkpoint of the newest run of a kind whose tags or parameters are as given, or None."""
    _prepare_store()
    for run in _search(f"tags.`{_KIND}` = '{kind}'"):
        known = run.data.params | run.data.tags
        if all(known.get(name) == value for name, value in traits.items()) and _kept(run.info.run_id):
            with contextlib.suppress(UserError):  # damaged: the next one may be whole
                path = _from_run(run.info.run_id, None)
                about = read_about(path)
                return GoodRun(about.run_id, about.iteration, path, about)
    return None


def history(run_id: str, names: Iterable[str]) -> dict[str, tuple[list[int], list[float]]]:
    """Iterations and values of a run's metrics, by name; those that the archive does not have are left out."""
    _prepare_store()
    found = {}
    for name in names:
        try:
            values = mlflow.MlflowClient().get_metric_history(run_id, name)
        except MlflowException:  # the run is not in this archive
            continue
        if values:
            ordered = sorted(values, key=lambda metric: metric.step)
            found[name] = [metric.step for metric in ordered], [metric.value for metric in ordered]
    return found


def register(run_id: str, name: str, alias: str) -> str:
    """Register a run's best logged generator (by score, else the last) under a name and point an alias at it.

    Returns:
        The reference "models:/<name>@<alias>".

    Raises:
        UserError: the run has no logged model, or the name or alias is not allowed.
    """
    _prepare_store(create=False)
    try:
        mlflow.get_run(run_id)
    except MlflowException:
        raise UserError(f"there is no run {run_id} in {mlflow.get_tracking_uri()}.") from None
    # A program that is killed while it logs a model leaves one that is not ready.
    models = [model for model in _models(run_id) if model.status == LoggedModelStatus.READY]
    if not models:
        raise UserError(
            f"run {run_id} has logged no generator: a run does with each checkpoint; let it go on, or go on from it."
        )
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            version = mlflow.register_model(models[0].model_uri, name)
        mlflow.MlflowClient().set_registered_model_alias(name, alias, version.version)
    except MlflowException as error:
        raise UserError(f"{name}@{alias} can't be registered: {_first_line(error)}") from None
    return f"models:/{name}@{alias}"


def browse_hint(run_id: str) -> str:
    """How to see a run in the browser: the command and the address."""
    run = mlflow.get_run(run_id)
    uri = mlflow.get_tracking_uri()
    here = uri == f"sqlite:///{Path('mlflow.db').resolve()}"
    store = "" if here else f" --backend-store-uri {uri}"
    server = f"{start('mlflow')} server --workers 1{store}"
    if uri.startswith("http"):
        return f"{uri}/#/experiments/{run.info.experiment_id}/runs/{run_id}"
    return (
        f"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false {server}\n"
        f"  then open http://127.0.0.1:5000/#/experiments/{run.info.experiment_id}/runs/{run_id}"
    )


def checkpoint_names(run_id: str) -> list[str]:
    """Names of a run's checkpoint files, oldest first."""
    files = mlflow.MlflowClient().list_artifacts(run_id, CHECKPOINTS)
    return sorted(name for name in (file.path.rpartition("/")[2] for file in files) if NAME.fullmatch(name))


def _from_run(run_id: str, iteration: int | None) -> Path:
    try:
        kept = _kept(run_id)
    except MlflowException:
        raise UserError(f"goodrun_ref: there is no run {run_id} in {mlflow.get_tracking_uri()}.") from None
    if not kept:
        raise UserError(f"goodrun_ref: run {run_id} has no checkpoint.")
    if iteration is not None:
        if iteration not in kept:
            listed = ", ".join(str(k) for k in sorted(kept))
            raise UserError(f"goodrun_ref: run {run_id} has no checkpoint of iteration {iteration}; it has {listed}.")
        return _fetched(run_id, kept[iteration])
    ranked = [_iteration(model) for model in _models(run_id) if model.tags.get(_RANKED_BY)]
    for wanted in [k for k in ranked if k in kept] + sorted(kept, reverse=True):
        path = _fetched(run_id, kept[wanted])
        # A program that is killed while it writes can leave its newest file in part: the one before is whole.
        if whole(path):
            return path
    raise UserError(f"goodrun_ref: every checkpoint of run {run_id} is damaged; start again without goodrun_ref.")


def _from_newest_run(iteration: int, wanted: dict[str, str]) -> Path:
    found: dict[int, str] = {}
    for kind, class_val in wanted.items():
        for run_id in _runs(kind, class_val):
            kept = _kept(run_id)
            if iteration in kept:
                return _fetched(run_id, kept[iteration])
            found |= kept
    listed = f"there are {', '.join(map(str, sorted(found)))}" if found else "there are none at all"
    which = " or of ".join(f"class_val {class_val}" if class_val else kind for kind, class_val in wanted.items())
    raise UserError(f"goodrun_ref: no run of {which} has a checkpoint of iteration {iteration}; {listed}.")


def _from_alias(reference: str) -> Path:
    match = re.fullmatch(r"models:/([^/@]+)@([^/@]+)", reference)
    if not match:
        raise UserError(f"goodrun_ref {reference!r} is not of the form models:/<name>@<alias>.")
    client = mlflow.MlflowClient()
    try:
        version = client.get_model_version_by_alias(*match.groups())
        model = client.get_logged_model(version.source.rpartition("/")[2])
    except MlflowException:
        raise UserError(f"goodrun_ref: no registered model is found under {reference}.") from None
    if _iteration(model) < 0:
        raise UserError(f"goodrun_ref: {reference} was not logged by this project.")
    return _from_run(model.source_run_id, _iteration(model))


def _from_folder(reference: str) -> Path:
    folder = Path(reference)
    if not is_folder(folder):
        raise UserError(
            f"goodrun_ref {reference!r} is no run id, <run id>/<iteration>, iteration, models:/<name>@<alias>, "
            "or folder that exists."
        )
    return newest_in(folder.expanduser())


def _from_pretrained() -> Path:
    folder = ROOT / "gan" / PRETRAINED
    if not folder.is_dir():
        raise UserError(
            f"goodrun_ref {PRETRAINED}: this copy of the project came without {folder}; give a run, "
            f"or ./{PRETRAINED} for a folder of your own of that name."
        )
    return newest_in(folder)


def _kept(run_id: str) -> dict[int, str]:
    """The names of a run's checkpoint files by iteration."""
    return {int(NAME.fullmatch(name)[1]): name for name in checkpoint_names(run_id)}


def _fetched(run_id: str, name: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=f"{CHECKPOINTS}/{name}"))


def _models(run_id: str) -> list:
    """The logged models of a run: those with a score first, from the best to the worst, then from the newest on."""
    found = mlflow.search_logged_models(
        experiment_ids=_experiments(),
        filter_string=f"source_run_id='{run_id}'",
        order_by=[{"field_name": "creation_time", "ascending": False}],
        output_format="list",
    )

    def rank(model) -> float:
        scores = {metric.key: metric.value for metric in model.metrics or []}
        return scores.get(model.tags.get(_RANKED_BY), math.inf)

    return sorted(found, key=rank)


def _iteration(model) -> int:
    """The iteration of a logged model; -1 where it was not logged by this project."""
    text = (model.params or {}).get(_ITERATION, "")
    return int(text) if text.isdecimal() else -1


def _runs(kind: str, class_val: str) -> list[str]:
    """Ids of all runs of a kind and class, newest first; of a kind where the class is ""."""
    of_class = f" and tags.{_CLASS} = '{class_val}'" if class_val else ""
    found = _search(f"tags.`{_KIND}` = '{kind}'{of_class}")
    return [run.info.run_id for run in found]


def _search(wanted: str) -> list:
    return mlflow.search_runs(
        experiment_ids=_experiments(),
        filter_string=wanted,
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )


def _experiments() -> list[str]:
    return [experiment.experiment_id for experiment in mlflow.search_experiments()]


def _prepare_store(create: bool = True) -> None:
    """Open the store, and create it if need be, one process at a time: two that create it at once break it.

    Raises:
        UserError: there is none and it is not to be created, or it can't be opened.
    """
    uri = mlflow.get_tracking_uri()
    if not uri.startswith(("sqlite:", "http:", "https:", "postgresql", "mysql", "mssql", "databricks")):
        raise UserError(f"MLFLOW_TRACKING_URI is {uri!r}; give sqlite:///FILE or the address of an MLflow server.")
    lock: contextlib.AbstractContextManager = contextlib.nullcontext()
    if uri.startswith("sqlite:///"):
        file = Path(uri.removeprefix("sqlite:///"))
        if not create and not file.exists():
            raise UserError(f"there is no archive {file}; start in the folder where the run was trained.")
        lock = locked(file.with_name(file.name + ".lock"))
    try:
        with lock:
            mlflow.search_experiments(max_results=1)
    except Exception as error:  # MLflow's own, SQLAlchemy's, the network's
        raise UserError(f"the archive {uri} can't be opened or created: {_first_line(error)}") from None


@contextlib.contextmanager
def opened_set_aside() -> Iterator[None]:
    """Hide the run that `mlflow run` has opened; MLflow forgets it at the end of any run, so it is put back after."""
    waiting = os.environ.pop(_OPENED, None)
    try:
        yield
    finally:
        if waiting:
            os.environ[_OPENED] = waiting


@contextlib.contextmanager
def _full_disk_told() -> Iterator[None]:
    """A database on a full disk is an error of MLflow; make it the one of a file."""
    try:
        yield
    except MlflowException as error:
        if "disk is full" not in str(error) and "disk I/O error" not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), mlflow.get_tracking_uri()) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
