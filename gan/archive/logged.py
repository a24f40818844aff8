"""Generators that a run logs with its checkpoints."""

import importlib.metadata
import tempfile
from typing import Any

import mlflow
import numpy as np
from mlflow.entities import LoggedModelOutput

from gan.archive.patience import Patience
from gan.archive.serving import make_servable
from gan.archive.store import ITERATION, RANKED_BY
from gan.checkpoint_info import CheckpointInfo

REQUIREMENTS = ("keras", "tensorflow", "numpy")  # what a saved generator needs in another project


def log_generator(
    run_id: str,
    patience: Patience,
    model: Any,
    example: np.ndarray | dict[str, np.ndarray],
    iteration: int,
    scores: dict[str, float],
    ranked_by: str,
    served: CheckpointInfo | None,
) -> None:
    """Log a Keras model; see `gan.archive.Run.model`.

    `mlflow.keras.log_model` of MLflow 3.17 fails with an input example (it writes it to a folder that is not there
    yet), so its steps are taken one by one, into a folder that is.
    """
    client, ranked = mlflow.MlflowClient(), {RANKED_BY: ranked_by} if ranked_by else {}
    name = f"{model.name}-{iteration:06d}"
    logged = patience.call(
        mlflow.initialize_logged_model, name, run_id, params={ITERATION: str(iteration)}, tags=ranked
    )
    answer = model(example)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.keras.save_model(
            model,
            folder,
            mlflow_model=mlflow.models.Model(run_id=run_id, model_id=logged.model_id),
            # Of several outputs the last is described: the schema of MLflow knows names or one array.
            signature=mlflow.models.infer_signature(
                example, np.asarray(answer[-1] if isinstance(answer, list | tuple) else answer)
            ),
            input_example=example,
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIREMENTS],
        )
        patience.call(client.log_model_artifacts, logged.model_id, folder)
    patience.call(mlflow.finalize_logged_model, logged.model_id, "READY")
    patience.call(client.log_outputs, run_id, [LoggedModelOutput(logged.model_id, step=iteration)])
    if scores:
        patience.call(mlflow.log_metrics, scores, step=iteration, model_id=logged.model_id)
    if served is not None:
        patience.call(make_servable, logged, served)
