"""Images with a class for whoever asks MLflow's server for some."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gan.archive.serving import Request, require_few
from gan.data.labelled import ALL
from gan.data.signs import stored_classes
from gan.dcgan.gan import Network
from gan.dcgan.generator import generated, textures_of
from gan.errors import UserError
from gan.training.served import filled

LONGEST = 100  # letters of a class that a message repeats


class ServedImages:
    """The generator of a promoted run; see `gan.archive.serving.Served`.

    Args:
        description: kind, network and classes.
        file: the Keras file.
    """

    def __init__(self, description: dict, file: Path):
        self._network, self._classes = Network.restored(description["network"]), stored_classes(description["data"])
        # The archived layers are Keras' own and round another way: `evaluate` generates with these.
        self._model = filled(self._network.build_generator(), self._network.build_generator(portable=True), file)
        self._textures = textures_of(self._network)
        self._known = self._classes.parse(description["class_val"])
        self._one_at_a_time = threading.Lock()

    def images(self, rows: pd.DataFrame, request: Request) -> Iterator[tuple[dict[str, str], np.ndarray]]:
        """`request.count` images of each class, as `evaluate` generates them with this seed."""
        size = self._network.size
        require_few(len(rows) * request.count, size, size, request.format)
        class_ids = [k for value in rows["class"] for k in self._class_ids(str(value)[:LONGEST])]
        require_few(len(class_ids) * request.count, size, size, request.format)
        return (({"class": self._classes.key(k)}, batch) for k in class_ids for batch in self._batches(k, request))

    def _batches(self, class_id: int, request: Request) -> Iterator[np.ndarray]:
        batches = generated(self._model, self._network, request.count, request.seed, class_id, self._textures)
        while True:
            with self._one_at_a_time:
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _class_ids(self, text: str) -> list[int]:
        class_id = self._classes.parse(text, "class")
        if self._known is None:
            return list(range(len(self._classes))) if class_id is None else [class_id]
        if class_id != self._known:
            known = self._classes.key(self._known)
            raise UserError(f"this model was trained on class {known}, not {ALL if class_id is None else text}.")
        return [class_id]
