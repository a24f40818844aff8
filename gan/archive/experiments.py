"""Experiments of MLflow: which one a run stands in, and how the UI opens it."""

import contextlib
import os

import mlflow
from mlflow.exceptions import MlflowException

from gan.archive.store import OPENED

CHOSEN = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")  # how a user names an experiment
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": (
        "Generators of images, and what they are worth.\n\n"
        "- **dcgan**, **pix2pix**: trainings. *Model metrics* has losses, scores and samples by step, *Artifacts* "
        "the report and the checkpoints.\n"
        "- **evaluate**: images of a good run and their scores beside those of real images, in `report.html`.\n"
        "- **balance**, **augment_scenes**, **study**: data with generated images, and whether they help.\n\n"
        "The tag `gan.kind` says which is which."
    ),
}


def experiment_of(run_id: str) -> str | None:
    """The experiment of a run; None for the one that MLflow takes, as the user has chosen it or there is no run."""
    if not run_id or any(name in os.environ for name in (OPENED, *CHOSEN)):
        return None
    try:
        return mlflow.get_run(run_id).info.experiment_id
    except MlflowException:
        return None


def open_for_training(experiment_id: str) -> None:
    """Have the UI open an experiment for model training, with a description, unless the user chose otherwise."""
    tags, client = mlflow.get_experiment(experiment_id).tags, mlflow.MlflowClient()
    for name, value in EXPERIMENT_TAGS.items():
        if name not in tags:
            with contextlib.suppress(MlflowException):  # a server may refuse it to this user
                client.set_experiment_tag(experiment_id, name, value)
