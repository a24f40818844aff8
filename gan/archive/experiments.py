"""Experiments of MLflow: which one a run stands in, what it is called, and how the UI opens it."""

import contextlib
import os
import shlex

import mlflow
from mlflow.exceptions import MlflowException

from gan.archive.store import KIND, OPENED
from gan.invocation import is_here, shown, start

OWN = "GAN augmentation"  # the experiment of this project where the user has chosen none
FIRST, UNNAMED = "0", "Default"  # the experiment that MLflow makes
CHOSEN = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")  # how a user names an experiment
FOR_TRAINING = "?workflowType=machine_learning"  # behind an address: pages for models, not for language models
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": (
        "Generators of images, and what they are worth.\n\n"
        "- **dcgan**, **pix2pix**: trainings. *Overview* has samples, scores and the next commands, *Model metrics* "
        "losses, scores and samples by step, *Artifacts* the report and the checkpoints.\n"
        "- **evaluate**: images of a good run and their scores beside those of real images, in `report.html`.\n"
        "- **balance**, **augment_scenes**, **study**: data with generated images, and whether they help.\n\n"
        "The tag `gan.kind` says which is which. Start: `train_dcgan.py --class_val all`."
    ),
}


def experiment_of(run_id: str) -> str | None:
    """The experiment that a new run belongs to; None for the one that MLflow takes, as where the user has chosen it.

    Args:
        run_id: a run that it stands beside; "" for none.
    """
    if any(name in os.environ for name in (OPENED, *CHOSEN)):
        return None
    with contextlib.suppress(MlflowException):
        if run_id:
            return mlflow.get_run(run_id).info.experiment_id
    with contextlib.suppress(MlflowException):
        kept_by_a_server = mlflow.get_experiment(FIRST).artifact_location.startswith("mlflow-artifacts:")
        if kept_by_a_server and mlflow.get_tracking_uri().startswith("sqlite:"):
            # A server made the database before the first run: an experiment of its own keeps its files here.
            own = mlflow.get_experiment_by_name(OWN)
            return own.experiment_id if own else mlflow.create_experiment(OWN)
    return None


def open_for_training(experiment_id: str) -> None:
    """Have the UI open an experiment for model training, named and described, unless the user chose otherwise."""
    experiment, client = mlflow.get_experiment(experiment_id), mlflow.MlflowClient()
    with contextlib.suppress(MlflowException):  # a server may refuse it to this user
        for name, value in EXPERIMENT_TAGS.items():
            if name not in experiment.tags:
                client.set_experiment_tag(experiment_id, name, value)
        if experiment.name == UNNAMED and is_here(mlflow.get_tracking_uri()) and not _others(experiment_id):
            client.rename_experiment(experiment_id, OWN)


def _others(experiment_id: str) -> bool:
    """Whether finished runs of other programs stand in an experiment."""
    finished = mlflow.search_runs([experiment_id], "attributes.status != 'RUNNING'", output_format="list")
    return any(KIND not in run.data.tags for run in finished)


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
