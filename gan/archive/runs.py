"""Runs of the archive: opened, written to, registered, and shown to the user."""

import contextlib
import dataclasses
import importlib.metadata
import math
import os
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModelInput, LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS, MLFLOW_RUN_NOTE
from PIL import Image

from gan import checkpoints
from gan.archive.datasets import ImageData
from gan.archive.experiments import experiment_of, open_for_training
from gan.archive.store import (
    CHECKPOINTS,
    CLASS,
    ITERATION,
    KIND,
    OPENED,
    RANKED_BY,
    first_line,
    full_disk_told,
    iteration_of,
    models_of,
    opened_set_aside,
    prepare,
)  # fmt: skip
from gan.checkpoint_info import CheckpointInfo
from gan.config import READING, as_text
from gan.errors import UserError
from gan.invocation import code_version, is_here, shown, start

FOR_TRAINING = "?workflowType=machine_learning"  # behind an address: pages for models, not for language models
LONGEST_DESCRIPTION = 5_000  # letters: what every store takes
SYSTEM_METRICS = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # how a user switches them on or off
MEASURED = ("dcgan", "pix2pix")  # kinds of runs whose use of processor and memory is recorded
REQUIREMENTS = ("keras", "tensorflow", "numpy")  # what a saved generator needs in another project


class Run:
    """One open run of the archive."""

    def __init__(self, run_id: str):
        self.id = run_id
        self._pending: list = []  # metrics that the archive is still writing

    @property
    def short(self) -> str:
        """The first eight digits of the run id, for names of files and folders."""
        return self.id[:8]

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Log numbers at an iteration; returns at once, the archive writes behind (see `unwritten`)."""
        self._pending.append(mlflow.log_metrics(values, step=step, synchronous=False))

    def unwritten(self) -> str:
        """Wait until the archive has written all metrics; why it has not written some of them, "" where it has."""
        pending, self._pending = self._pending, []
        reason = ""
        for operation in pending:
            try:
                if operation is not None:
                    operation.wait()
            except Exception as error:  # MLflow passes on whatever its store raises
                reason = first_line(error)
        return reason

    def image(self, key: str, picture: np.ndarray | Image.Image, step: int) -> None:
        """Log an image, or pixels uint8 (height, width, 3), at an iteration, for the step slider of the UI."""
        mlflow.log_image(np.asarray(picture), key=key, step=step, synchronous=True)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Put a file into the archive."""
        mlflow.log_artifact(str(path), folder)

    def evaluation(self, path: Path) -> None:
        """Put what an evaluation wrote into the archive, its images in a folder, so that the report stands first."""
        for file in sorted(path.iterdir()):
            if file.is_dir():
                mlflow.log_artifacts(str(file), f"images/{file.name}")
            else:
                mlflow.log_artifact(str(file), "images" if re.fullmatch(r"\d+\.png", file.name) else None)

    def tags(self, values: dict[str, str]) -> None:
        """Set tags."""
        mlflow.set_tags(values)

    def data(self, name: str, digest: str, purpose: str = "training", images: int | None = None) -> None:
        """Record which data set the run uses: what it is found by.

        Args:
            name: a folder or file, or the name of what is drawn.
            digest: of its contents.
            purpose: what it is used for.
            images: how many there are.
        """
        mlflow.set_tags({"data": name, "data_digest": digest})
        self.other_data(name, digest, purpose, images)

    def other_data(self, name: str, digest: str, purpose: str, images: int | None) -> None:
        """Record a data set that the run uses besides; see `data`."""
        mlflow.log_input(ImageData(name, digest, images), context=purpose)

    def describe(self, text: str) -> None:
        """Put a description in Markdown on the run's page."""
        mlflow.set_tag(MLFLOW_RUN_NOTE, text[:LONGEST_DESCRIPTION])

    def still(self, picture: np.ndarray | Image.Image, name: str) -> None:
        """Put a picture, uint8 (height, width, 3), into the archive as a file; it replaces the one before."""
        mlflow.log_image(np.asarray(picture), name)

    def table(self, name: str, columns: dict[str, Sequence]) -> None:
        """Put a table into the archive, which its page shows; NaN is left empty."""
        mlflow.log_table({head: [None if x != x else x for x in column] for head, column in columns.items()}, name)

    def picture(self, name: str) -> str:
        """The address of an artifact for a description."""
        return f"get-artifact?path={name}&run_uuid={self.id}"

    def evaluated(self, run_id: str, iteration: int, scores: dict[str, float]) -> None:
        """Link the run with the generator that it evaluates, so that the generator's page shows the scores.

        Args:
            run_id: the run that trained it; one that this archive does not know is passed over.
            iteration: of its checkpoint.
            scores: by name.
        """
        for model in models_of(run_id):
            if iteration_of(model) == iteration:
                client = mlflow.MlflowClient()
                client.log_inputs(self.id, models=[LoggedModelInput(model.model_id)])
                # By its own measurement during training a model is ranked: another one must not replace it.
                known = {name: value for name, value in scores.items() if name != model.tags.get(RANKED_BY)}
                finite = {name: value for name, value in known.items() if math.isfinite(value)}
                mlflow.log_metrics(finite, step=iteration, model_id=model.model_id)
                return

    def report(self, report: Any) -> None:
        """Put a `gan.report.Report` into the archive as report.html."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            report.write(path)
            self.file(path)

    def checkpoint(self, info: CheckpointInfo, parts: dict[str, list], folder: Path | None = None) -> None:
        """Put a checkpoint into the archive.

        Args:
            info: what it says of itself; its iteration names it.
            parts: lists of variables by name.
            folder: where the file lies until it is in the archive, on a disk with room for it.
        """
        with tempfile.TemporaryDirectory(dir=folder, prefix=".checkpoint-") as place:
            path = Path(place) / checkpoints.file_name(info.iteration)
            checkpoints.save(path, info, parts)
            mlflow.log_artifact(str(path), CHECKPOINTS)

    def delete(self, iterations: Iterable[int]) -> None:
        """Delete old checkpoints and the generators logged with them; keep registered ones."""
        gone = set(iterations)
        if not gone:
            return
        models = models_of(self.id)
        gone -= {iteration_of(model) for model in models if MLFLOW_MODEL_VERSIONS in model.tags}
        repository = get_artifact_repository(mlflow.get_run(self.id).info.artifact_uri)
        for iteration in gone:
            repository.delete_artifacts(f"{CHECKPOINTS}/{checkpoints.file_name(iteration)}")
        for model in models:
            if iteration_of(model) in gone:
                get_artifact_repository(model.artifact_location).delete_artifacts()
                mlflow.MlflowClient().delete_logged_model(model.model_id)

    def model(
        self,
        model: Any,
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
        ranked = {RANKED_BY: ranked_by} if ranked_by in known else {}
        name = f"{model.name}-{iteration:06d}"
        logged = mlflow.initialize_logged_model(name, self.id, params={ITERATION: str(iteration)}, tags=ranked)
        description = mlflow.models.Model(run_id=self.id, model_id=logged.model_id)
        answer = model(example)
        with tempfile.TemporaryDirectory() as folder:
            mlflow.keras.save_model(
                model,
                folder,
                mlflow_model=description,
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
def archived_run(kind: str, name: str, config: Any, own: bool = False, beside: str = "") -> Iterator[Run]:
    """Open a run, or the one that `mlflow run` has opened for this process.

    Args:
        kind: what kind of run, "dcgan" or "evaluate" for example; `resolve` looks for it.
        name: a name that says what ran.
        config: the frozen dataclass of parameters; logged as parameters and as config.json.
        own: always open a new one: what runs is not what the user started, but something needed for it.
        beside: id of a run whose experiment it belongs to, unless the user has named one.

    Raises:
        UserError: the archive can't be reached or written.
    """
    prepare()
    with contextlib.ExitStack() as aside:
        if own:
            aside.enter_context(opened_set_aside())
        try:
            watched = kind in MEASURED if SYSTEM_METRICS not in os.environ else None  # None: as the user says
            opened = mlflow.start_run(run_name=name, experiment_id=experiment_of(beside), log_system_metrics=watched)
        except (MlflowException, OSError) as error:
            raise UserError(
                f"the archive at {shown(mlflow.get_tracking_uri())} can't be written ({first_line(error)})."
            ) from None
        aside.enter_context(full_disk_told())
        active = aside.enter_context(opened)
        served = active.info.artifact_uri.startswith("mlflow-artifacts:")
        if served and not mlflow.get_tracking_uri().startswith("http"):
            raise UserError(
                "this archive was made by an MLflow server, which keeps its files: start the server, and set "
                "MLFLOW_TRACKING_URI to its address (http://127.0.0.1:5000 if it said no other)."
            )
        open_for_training(active.info.experiment_id)
        run = Run(active.info.run_id)
        values = dataclasses.asdict(config)
        # MLflow has logged the parameters of an entry point already and refuses to see them again.
        # Every parameter stands in config.json. What is not given of own images is left out here: the UI writes all
        # of them above each picture.
        left_out = active.data.params.keys() | {name for name in READING if values.get(name) == READING[name][0]}
        mlflow.log_params({name: as_text(value) for name, value in values.items() if name not in left_out})
        mlflow.log_dict(values, "config.json")
        mlflow.set_tags(
            {"mlflow.runName": name, KIND: kind, "code_version": code_version()} | {CLASS: values.get(CLASS, "")}
        )
        yield run


@contextlib.contextmanager
def adopted_run(kind: str, name: str, config: Any) -> Iterator[None]:
    """Give the run that `mlflow run` has opened a name and its parameters; without one, none is opened."""
    with archived_run(kind, name, config) if OPENED in os.environ else contextlib.nullcontext():
        yield


def history(run_id: str, names: Iterable[str]) -> dict[str, tuple[list[int], list[float]]]:
    """Iterations and values of a run's metrics, by name; those that the archive does not have are left out."""
    prepare()
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


def browse_hint(run_id: str) -> str:
    """How to see a run in the browser: the command and the address."""
    run = mlflow.get_run(run_id)
    uri = mlflow.get_tracking_uri()
    store = "" if is_here(uri) else f" --backend-store-uri {shlex.quote(shown(uri))}"
    server = f"{start('mlflow')} server --workers 1{store}"
    page = f"/#/experiments/{run.info.experiment_id}/runs/{run_id}{FOR_TRAINING}"
    if uri.startswith("http"):
        return f"{shown(uri)}{page}"
    return f"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false {server}\n  then open http://127.0.0.1:5000{page}"
