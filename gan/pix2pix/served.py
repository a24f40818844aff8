"""Photos of street scenes for whoever sends MLflow's server label maps, or the other way round."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gan.archive.serving import SceneRequest, require_few
from gan.data.scene import boundaries
from gan.data.untrusted_images import image_kind, read_ids, read_image
from gan.errors import UserError
from gan.pix2pix.gan import AT_ONCE, pictures
from gan.pix2pix.presets import SceneNetwork
from gan.training.served import filled


class ServedScenes:
    """The generator of a promoted run; see `gan.archive.serving.Served`.

    Args:
        description: kind and network.
        file: the Keras file.
    """

    def __init__(self, description: dict, file: Path):
        self._network = SceneNetwork.restored(description["network"])
        self._model = filled(self._network.build_generator(), self._network.build_generator(portable=True), file)
        self._one_at_a_time = threading.Lock()

    def images(self, rows: pd.DataFrame, request: SceneRequest) -> Iterator[tuple[dict[str, str], np.ndarray]]:
        """A picture of each row, as `evaluate` generates that of a scene in its place with this seed."""
        network, edges = self._network, None
        require_few(len(rows), network.width, network.height, request.format)
        if network.to_photos:
            given = self._read(rows, "labels", self._positions)
            if network.edges:
                edges = np.array([boundaries(one) for one in self._read(rows, "instances", read_ids)])
        else:
            given = self._read(rows, "photo", read_image)
        return (({}, self._pictures(given, edges, request.seed, first)) for first in range(0, len(rows), AT_ONCE))

    def _pictures(self, given: list, edges: np.ndarray | None, seed: int, first: int) -> np.ndarray:
        part = slice(first, first + AT_ONCE)
        with self._one_at_a_time:
            made = pictures(
                self._model, self._network, np.array(given[part]), edges if edges is None else edges[part], seed,
                "evaluate", first,
            )  # fmt: skip
        return made if self._network.to_photos else np.array(self._network.palette.ids, np.uint8)[made]

    def _read(self, rows: pd.DataFrame, column: str, read: Callable[[bytes, str], np.ndarray]) -> list[np.ndarray]:
        """The decoded images of a column, all of the network's size."""
        return [self._one(data, f"`{column}` of row {number}", read) for number, data in enumerate(rows[column])]

    def _one(self, data: bytes, name: str, read: Callable[[bytes, str], np.ndarray]) -> np.ndarray:
        wanted = self._network.width, self._network.height
        _, _, size = image_kind(data, name)  # nothing is decoded yet
        if size != wanted:
            raise UserError(
                f"{name} has {size[0]}x{size[1]} pixels, and this model takes {wanted[0]}x{wanted[1]}; resize it."
            )
        return read(data, name)

    def _positions(self, data: bytes, name: str) -> np.ndarray:
        ids = read_ids(data, name)
        self._network.palette.require_known(ids, name)
        return self._network.palette.indices(ids)
