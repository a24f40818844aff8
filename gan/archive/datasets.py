"""Data sets of images as the archive describes them."""

import json
from pathlib import Path

import numpy as np
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]  # made while it loads
from mlflow.types import Schema, TensorSpec

IMAGES = Schema([TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3), "images")])


class ImageData(MetaDataset):
    """A data set of images; nothing of it is logged but what it is.

    Args:
        name: a folder or file, or the name of what is drawn.
        digest: of its contents.
        images: how many there are, if that is known.
    """

    def __init__(self, name: str, digest: str, images: int | None):
        self._profile = {} if images is None else {"num_rows": images}
        place = Path(name).resolve()
        source = LocalArtifactDatasetSource(str(place)) if place.exists() else CodeDatasetSource({"name": name})
        super().__init__(source, name, digest, IMAGES)

    @property
    def profile(self) -> dict[str, int]:
        """How many images there are."""
        return self._profile

    def to_dict(self) -> dict[str, str]:
        """See `MetaDataset`; with the profile, which it leaves out."""
        return super().to_dict() | {"profile": json.dumps(self._profile)}
