"""Runs of the archive: opened, written to, registered, and shown to the user."""

import contextlib
import dataclasses
import math
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModelInput, Metric
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS, MLFLOW_RUN_NOTE
from PIL import Image

from gan import checkpoints
from gan.archive.datasets import ImageData
from gan.archive.experiments import experiment_of, open_for_training
from gan.archive.killed import PROCESS, end_killed, end_own, process
from gan.archive.logged import log_generator
from gan.archive.patience import ArchiveError, Patience, patient, watch_on
from gan.archive.store import (
    CHECKPOINTS,
    CLASS,
    KIND,
    OPENED,
    RANKED_BY,
    first_line,
    iteration_of,
    keep_checkpoint,
    models_of,
    opened_set_aside,
    prepare,
    reason_of,
)  # fmt: skip
from gan.checkpoint_info import CheckpointInfo
from gan.config import READING, as_text
from gan.errors import UserError
from gan.invocation import code_version, shown
from gan.leftovers import temporary_folder

LONGEST_DESCRIPTION = 5_000  # letters: what every store takes
SYSTEM_METRICS = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # how a user switches them on or off
MEASURED = ("dcgan", "pix2pix")  # kinds of runs whose use of processor and memory is recorded
MOST_METRICS = 1000  # in one call: what MLflow takes


class Run:
    """One open run of the archive."""

    def __init__(self, run_id: str):
        self.id = run_id
        self.patience = Patience()
        self._finished = False
        self._pending: list[tuple[Any, list[Metric]]] = []  # metrics that the archive is still writing

    @property
    def short(self) -> str:
        """The first eight digits of the run id, for names of files and folders."""
        return self.id[:8]

    def metrics(self, values: dict[str, float], step: int) -> None:
        """Log numbers at an iteration; returns at once, the archive writes behind (see `unwritten`)."""
        now = int(time.time() * 1000)
        operation = mlflow.log_metrics(values, step=step, timestamp=now, synchronous=False)
        self._pending.append((operation, [Metric(name, value, now, step) for name, value in values.items()]))

    def unwritten(self) -> str:
        """Wait until the archive has written all metrics; why it has not written some of them, "" where it has."""
        pending, self._pending = self._pending, []
        lost: list[Metric] = []
        for operation, metrics in pending:
            try:
                if operation is not None:
                    operation.wait()
            except Exception:  # MLflow passes on whatever its store raises
                lost += metrics
        client = mlflow.MlflowClient()
        try:  # the archive keeps a metric that it has written already once
            for first in range(0, len(lost), MOST_METRICS):
                self.patience.call(client.log_batch, self.id, metrics=lost[first : first + MOST_METRICS])
        except MlflowException as error:
            return first_line(error)
        watch_on(self.id)
        return ""

    @patient
    def image(self, key: str, picture: np.ndarray | Image.Image, step: int) -> None:
        """Log an image, or pixels uint8 (height, width, 3), at an iteration, for the step slider of the UI."""
        mlflow.log_image(np.asarray(picture), key=key, step=step, synchronous=True)

    @patient
    def file(self, path: Path, folder: str | None = None) -> None:
        """Put a file into the archive."""
        mlflow.log_artifact(str(path), folder)

    @patient
    def evaluation(self, path: Path) -> None:
        """Put what an evaluation wrote into the archive, its images in a folder, so that the report stands first.

        Tar files stay where they are: they can be larger than an archive is meant for.
        """
        for file in sorted(path.iterdir()):
            if any(file.glob("*.tar")):
                continue
            if file.is_dir():
                mlflow.log_artifacts(str(file), f"images/{file.name}")
            else:
                mlflow.log_artifact(str(file), "images" if re.fullmatch(r"\d+\.png", file.name) else None)

    @patient
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
        self.tags({"data": name, "data_digest": digest})
        self.other_data(name, digest, purpose, images)

    @patient
    def other_data(self, name: str, digest: str, purpose: str, images: int | None) -> None:
        """Record a data set that the run uses besides; see `data`."""
        mlflow.log_input(ImageData(name, digest, images), context=purpose)

    @patient
    def describe(self, text: str) -> None:
        """Put a description in Markdown on the run's page."""
        mlflow.set_tag(MLFLOW_RUN_NOTE, text[:LONGEST_DESCRIPTION])

    @patient
    def still(self, picture: np.ndarray | Image.Image, name: str) -> None:
        """Put a picture, uint8 (height, width, 3), into the archive as a file; it replaces the one before."""
        mlflow.log_image(np.asarray(picture), name)

    @patient
    def table(self, name: str, columns: dict[str, Sequence]) -> None:
        """Put a table into the archive, which its page shows; NaN is left empty."""
        mlflow.log_table({head: [None if x != x else x for x in column] for head, column in columns.items()}, name)

    def picture(self, name: str) -> str:
        """The address of an artifact for a description."""
        return f"get-artifact?path={name}&run_uuid={self.id}"

    @patient
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

    @patient
    def checkpoint(self, info: CheckpointInfo, parts: dict[str, list], folder: Path | None = None) -> None:
        """Put a checkpoint into the archive; it is on the disk when this returns.

        Args:
            info: what it says of itself; its iteration names it.
            parts: lists of variables by name.
            folder: where the file lies until it is in the archive, on a disk with room for it.
        """
        with temporary_folder(folder or Path(tempfile.gettempdir()), ".checkpoint-") as place:
            path = place / checkpoints.file_name(info.iteration)
            checkpoints.save(path, info, parts)
            keep_checkpoint(self.id, path)

    @patient
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
        served: CheckpointInfo | None = None,
    ) -> None:
        """Log a Keras model so that `mlflow.keras.load_model` finds it in any other project.

        Args:
            model: the model.
            example: of its input.
            iteration: updates made.
            scores: of this model; logged with the run at this iteration too.
            ranked_by: the score by which the run's models are compared, lower is better.
            served: what its checkpoint says of itself, where MLflow shall serve the model.
        """
        # With a model the store keeps NaN as 0, the best there is: what is no number is logged with the run alone.
        known = {name: value for name, value in (scores or {}).items() if math.isfinite(value)}
        ranked = ranked_by if ranked_by in known else ""
        log_generator(self.id, self.patience, model, example, iteration, known, ranked, served)
        self.metrics({name: value for name, value in (scores or {}).items() if name not in known}, iteration)

    def finish(self, status: str) -> None:
        """End the run now: "FINISHED", "FAILED" or "KILLED"; only the first call counts."""
        if not self._finished:
            self.unwritten()
            # `mlflow.end_run` forgets the run before it tells the server.
            self.patience.call(mlflow.MlflowClient().set_terminated, self.id, status)
            self._finished = True
            mlflow.end_run(status)

    def close(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End the run of a block that ends; after an error, an archive that is away is not waited for."""
        if error is None:
            return self.finish("FINISHED")
        self.patience.ended = lambda: True
        status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        with contextlib.suppress(MlflowException, ArchiveError):
            self.finish(status)
        if not self._finished:
            with contextlib.suppress(MlflowException):
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
    values = dataclasses.asdict(config)
    # At once, so that a run whose process is killed at any moment is known for what it is.
    tags = {"mlflow.runName": name, KIND: kind, "code_version": code_version(), PROCESS: process()}
    tags |= {CLASS: values.get(CLASS, "")}
    with contextlib.ExitStack() as aside:
        aside.push(end_own)
        if own:
            aside.enter_context(opened_set_aside())
        try:
            watched = kind in MEASURED if SYSTEM_METRICS not in os.environ else None  # None: as the user says
            opened = mlflow.start_run(
                run_name=name, experiment_id=experiment_of(beside), log_system_metrics=watched, tags=tags
            )
        except (MlflowException, OSError) as error:
            raise UserError(
                f"the archive at {shown(mlflow.get_tracking_uri())} can't be written: {reason_of(error)}"
            ) from None
        active = aside.enter_context(opened)
        run = Run(active.info.run_id)
        aside.push(run.close)
        end_killed()
        served = active.info.artifact_uri.startswith("mlflow-artifacts:")
        if served and not mlflow.get_tracking_uri().startswith("http"):
            raise UserError(
                "this archive was made by an MLflow server, which keeps its files: start the server, and set "
                "MLFLOW_TRACKING_URI to its address (http://127.0.0.1:5000 if it said no other)."
            )
        open_for_training(active.info.experiment_id)
        # MLflow has logged the parameters of an entry point already and refuses to see them again.
        # Every parameter stands in config.json. What is off or not given is left out here: the UI writes all of them
        # above each picture, and leaves no room for it.
        unset = {name for name, value in values.items() if value is None or value is False or value == ""}
        left_out = active.data.params.keys() | unset | {n for n in READING if values.get(n) == READING[n][0]}
        mlflow.log_params({name: as_text(value) for name, value in values.items() if name not in left_out})
        mlflow.log_dict(values, "config.json")
        yield run


@contextlib.contextmanager
def adopted_run(kind: str, name: str, config: Any) -> Iterator[None]:
    """Give the run that `mlflow run` has opened a name and its parameters; without one, none is opened."""
    with archived_run(kind, name, config) if OPENED in os.environ else contextlib.nullcontext():
        yield
