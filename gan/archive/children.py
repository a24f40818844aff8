"""Runs below another one, a row of its table each: the UI compares them."""

import time
from collections.abc import Mapping, Sequence

import mlflow
from mlflow.entities import Metric, Param, RunStatus
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from gan.archive.killed import PROCESS, process
from gan.archive.runs import Run
from gan.archive.store import KIND


def log_child(run: Run, name: str, parameters: Mapping[str, str], values: Mapping[str, Sequence[float]]) -> None:
    """Log a finished run below another one.

    Args:
        run: the other one.
        name: of the new one.
        parameters: what it differs in from those beside it.
        values: numbers by metric; their places are the steps.
    """
    client, now, call = mlflow.MlflowClient(), int(time.time() * 1000), run.patience.call
    above = call(client.get_run, run.id)
    tags = resolve_tags({MLFLOW_PARENT_RUN_ID: run.id, KIND: f"{above.data.tags[KIND]} part", PROCESS: process()})
    child = call(client.create_run, above.info.experiment_id, tags=tags, run_name=name).info.run_id
    metrics = [Metric(key, value, now, step) for key, row in values.items() for step, value in enumerate(row)]
    call(client.log_batch, child, metrics=metrics, params=[Param(*pair) for pair in parameters.items()])
    call(client.set_terminated, child, RunStatus.to_string(RunStatus.FINISHED))
