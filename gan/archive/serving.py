"""Generators that MLflow serves: what a request asks for, and the pyfunc flavour beside a model's Keras flavour."""

import dataclasses
import importlib.metadata
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from PIL import Image

from gan import PACKAGES
from gan.checkpoint_info import CheckpointInfo
from gan.config import Config, kind_of, option, seed_option
from gan.data.labelled import ALL
from gan.data.signs import stored_classes
from gan.errors import UserError
from gan.invocation import ROOT

MODEL_CODE = ROOT / "gan" / "commands" / "served_model.py"  # what MLflow runs
DATA, KERAS_FILE, DESCRIPTION = "data", "model.keras", "generator.json"  # `data` is the folder of the Keras flavour
NEEDED = ("classes", "mirror", "turned")  # what the names of classes are read from; names of folders stay private
MOST_IMAGES = 10_000  # of a request
MOST_PIXELS = {"png": 2**24, "array": 2**20}  # of a request: numbers as text take 20 times the memory and time


@dataclasses.dataclass(frozen=True)
class SceneRequest(Config):
    """Parameters of a request for pictures of scenes."""

    seed: int = seed_option("of the noise; the same request gives the same bytes")
    format: str = option("png", "png, or array: numbers from 0 to 255", tuple(MOST_PIXELS))


@dataclasses.dataclass(frozen=True)
class Request(SceneRequest):
    """Parameters of a request for images with a class."""

    count: int = option(1, "images of each class", ge=1, le=MOST_IMAGES)


REQUESTS: dict[str, type[SceneRequest]] = {"dcgan": Request, "pix2pix": SceneRequest}  # by kind of run


class Served(Protocol):
    """A generator that answers requests, from several threads at once."""

    def images(self, rows: pd.DataFrame, request: Any) -> Iterator[tuple[dict[str, str], np.ndarray]]:
        """Images uint8 (N, height, width, 3) or (N, height, width) in batches, each with what its rows say of it.

        Raises:
            UserError: at once, the request asks for what there is not, or for too much.
        """


class ServedModel(PythonModel):
    """What MLflow calls.

    Args:
        load: makes the generator of what `generator.json` says and of the Keras file.
    """

    def __init__(self, load: Callable[[dict[str, Any], Path], Served]):
        self._load = load

    def load_context(self, context: Any) -> None:
        """Load the generator from the files of the model."""
        folder = Path(context.artifacts[DATA])
        description = json.loads((folder / DESCRIPTION).read_text())
        self._request = REQUESTS[description["kind"]]
        self._served = self._load(description, folder / KERAS_FILE)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """An image a line, with its class, if it has one, and its seed.

        Raises:
            MlflowException: with the sentence of a UserError; a server answers with status 400.
        """
        try:
            request = self._request(**(params or {}))
            lines = [
                {**words, "seed": request.seed, "image": _encoded(image, request.format)}
                for words, images in self._served.images(model_input, request)
                for image in images
            ]
        except UserError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        return pd.DataFrame(lines)


def serve(load: Callable[[dict[str, Any], Path], Served]) -> None:
    """Tell MLflow what to load the model with; see `ServedModel`."""
    mlflow.models.set_model(ServedModel(load))


def require_few(count: int, width: int, height: int, kind: str) -> None:
    """Refuse a request for more images than a machine should hold at a time.

    Raises:
        UserError: it is.
    """
    most = min(MOST_IMAGES, MOST_PIXELS[kind] // (width * height))
    if count > most:
        raise UserError(
            f"a request is for at most {most:,} images of {width}x{height} as {kind}, and this one for {count:,}; "
            "make several."
        )


def make_servable(model: LoggedModel, info: CheckpointInfo) -> None:
    """Add the pyfunc flavour to a logged generator, with the code that it needs; leave other models as they are.

    Args:
        model: logged by `gan.archive.Run.model`.
        info: of the checkpoint that was stored with it.

    Raises:
        MlflowException, OSError: its files can't be read or written.
    """
    if info.kind not in REQUESTS:
        return
    described = {"kind": info.kind, "class_val": info.class_val, "run_id": info.run_id, "iteration": info.iteration,
                 "network": info.network,
                 "data": {name: info.data[name] for name in NEEDED if name in info.data}}  # fmt: skip
    description = Model.load(model.model_uri)
    with tempfile.TemporaryDirectory() as folder:
        code, saved = Path(folder) / "code", Path(folder) / "saved"
        shutil.copytree(ROOT / "gan", code / "gan", ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
        mlflow.pyfunc.save_model(
            str(saved),
            python_model=str(MODEL_CODE),
            code_paths=[str(code / "gan")],
            mlflow_model=description,
            signature=_signature(described),
            input_example=_example(described),
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES.values()],
        )
        (saved / DATA).mkdir()
        (saved / DATA / DESCRIPTION).write_text(json.dumps(described))
        # Both flavours read one Keras file: `artifacts` of `save_model` would store it twice. Of the path of the code
        # MLflow reads the name only.
        description.flavors[mlflow.pyfunc.FLAVOR_NAME] |= {
            "artifacts": {DATA: {"path": DATA, "uri": DATA}}, "model_code_path": MODEL_CODE.name
        }  # fmt: skip
        description.save(str(saved / MLMODEL_FILE_NAME))
        last = (saved / MLMODEL_FILE_NAME).rename(Path(folder) / MLMODEL_FILE_NAME)
        client = mlflow.MlflowClient()
        client.log_model_artifacts(model.model_id, str(saved))
        client.log_model_artifact(model.model_id, str(last))  # last: it names the other files


def _example(description: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A request that is answered."""
    config, columns = REQUESTS[description["kind"]], _signature(description).inputs.input_names()
    params = {field.name: field.default for field in dataclasses.fields(config)}
    if config is Request:
        classes, class_val = stored_classes(description["data"]), description["class_val"]
        return pd.DataFrame({"class": [classes.keys[0] if class_val == ALL else class_val]}), params
    network = description["network"]
    first, size = network["palette"]["classes"][0]["id"], (network["height"], network["width"])
    pixels = {"labels": np.full(size, first, np.uint8), "instances": np.zeros(size, np.uint16),
              "photo": np.zeros((*size, 3), np.uint8)}  # fmt: skip
    return pd.DataFrame({name: [_encoded(pixels[name], "png")] for name in columns}), params


def _signature(description: dict[str, Any]) -> ModelSignature:
    network, config = description["network"], REQUESTS[description["kind"]]
    inputs: list[Any]
    images: list[Any] = [ColSpec("long", "seed"), ColSpec("binary", "image")]
    if config is Request:
        inputs, images = [ColSpec("string", "class")], [ColSpec("string", "class"), *images]
    elif network["direction"] == "labels_to_photo":
        inputs = [ColSpec("binary", name) for name in ("labels", "instances")[: 1 + network["edges"]]]
    else:
        inputs = [ColSpec("binary", "photo")]
    params = [
        ParamSpec(field.name, "long" if kind_of(config, field.name) is int else "string", field.default)
        for field in dataclasses.fields(config)
    ]
    return ModelSignature(Schema(inputs), Schema(images), ParamSchema(params))


def _encoded(image: np.ndarray, kind: str) -> bytes | np.ndarray:
    if kind == "array":
        return image
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
