"""The model registry: good runs with a name, what it says of them, and the one that was there before."""

import contextlib
import os
from pathlib import Path

import mlflow
from mlflow.entities import LoggedModel, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from gan import checkpoints
from gan.archive.serving import make_servable
from gan.archive.store import (
    RANKED_BY,
    checkpoints_of,
    fetched,
    iteration_of,
    logged_as,
    models_of,
    prepare,
    reason_of,
    score_of,
)  # fmt: skip
from gan.checkpoint_info import CheckpointInfo
from gan.data.signs import stored_classes, stored_size
from gan.errors import UserError
from gan.invocation import shown

PREVIOUS = "previous"  # the alias of the version that another one has replaced
MODEL = (
    "Generators of images. An alias names the good one: `--goodrun_ref models:/{name}@{alias}` generates from it, "
    "`mlflow models serve -m models:/{name}@{alias} --env-manager local` serves it."
)


def register(run_id: str, name: str, alias: str, data_licence: str = "unknown", force: bool = False) -> str:
    """Register a run's best logged generator (by score, else the last) under a name and point an alias at it.

    MLflow can serve it from then on. The version that the alias named before gets the alias "previous".

    Args:
        run_id: the run.
        name: of the registered model.
        alias: that points at it.
        data_licence: of the data that the run has learned, for a tag.
        force: replace a generator that scores better on the same data, too.

    Returns:
        The reference "models:/<name>@<alias>".

    Raises:
        UserError: the run has no logged model, its files are not there, the name or alias is not allowed, or the
            alias names a better one.
    """
    prepare(create=False)
    try:
        mlflow.get_run(run_id)
    except MlflowException:
        raise UserError(f"there is no run {run_id} in {shown(mlflow.get_tracking_uri())}.") from None
    # A program that is killed while it logs a model leaves one that is not ready.
    models = [model for model in models_of(run_id) if model.status == LoggedModelStatus.READY]
    if not models:
        raise UserError(
            f"run {run_id} has logged no generator: a run does with each checkpoint; let it go on, or go on from it."
        )
    model, kept = models[0], checkpoints_of(run_id)
    if iteration_of(model) not in kept:
        raise UserError(f"run {run_id} has no checkpoint of its best generator, of iteration {iteration_of(model)}.")
    info = checkpoints.read_info(fetched(run_id, kept[iteration_of(model)]))
    client = mlflow.MlflowClient()
    try:
        before = _under(name, alias)
        if before is not None and not force:
            _require_no_better(f"{name}@{alias}", model, before)
        make_servable(model, info)
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
            version = mlflow.register_model(model.model_uri, name, tags=_tags(info, data_licence))
        client.update_model_version(name, version.version, _words(info, model))
        if not client.get_registered_model(name).description:
            client.update_registered_model(name, MODEL.format(name=name, alias=alias))
        client.set_registered_model_alias(name, alias, version.version)
        if before is not None and alias != PREVIOUS:
            client.set_registered_model_alias(name, PREVIOUS, before.version)
    except (MlflowException, OSError) as error:
        raise UserError(f"{name}@{alias} can't be registered: {reason_of(error)}") from None
    return f"models:/{name}@{alias}"


def _under(name: str, alias: str) -> ModelVersion | None:
    """The version that an alias names, or None."""
    with contextlib.suppress(MlflowException):
        return mlflow.MlflowClient().get_model_version_by_alias(name, alias)
    return None


def _require_no_better(reference: str, model: LoggedModel, version: ModelVersion) -> None:
    """Refuse to replace a generator that scores better on the same data."""
    with contextlib.suppress(MlflowException):  # what it was logged as is gone: nothing to compare with
        other = logged_as(version)
        digests = {mlflow.get_run(each.source_run_id or "").data.tags.get("data_digest") for each in (model, other)}
        ranked_by = model.tags.get(RANKED_BY)
        if len(digests) == 1 and ranked_by and other.tags.get(RANKED_BY) == ranked_by:
            ours, theirs = score_of(model), score_of(other)
            if theirs < ours:
                raise UserError(
                    f"{reference} is run {other.source_run_id}, which scores better on the same data ({ranked_by} "
                    f"{theirs:.3f}, this one {ours:.3f}); give force=true to replace it."
                )


def _tags(info: CheckpointInfo, data_licence: str) -> dict[str, str]:
    side = stored_size(info.network)
    size = f"{info.network['width']}x{info.network['height']}" if "height" in info.network else f"{side}x{side}"
    classes = {"classes": str(len(stored_classes(info.data)))} if info.kind == "dcgan" else {}
    return classes | {
        "data": info.data["name"], "data_digest": info.data["digest"], "data_licence": data_licence,
        "image_size": size, "class_val": info.class_val, "run": f"{info.run_id}/{info.iteration}",
    }  # fmt: skip


def _words(info: CheckpointInfo, model: LoggedModel) -> str:
    """The description of a version."""
    ranked_by = model.tags.get(RANKED_BY)
    score = f" {ranked_by} {score_of(model):.3f}." if ranked_by else ""
    return (
        f"Iteration {info.iteration} of run {info.run_id}, trained on {info.data['name']} ({info.data['images']} "
        f"images{f', class {info.class_val}' * bool(info.class_val)}).{score}"
    )
