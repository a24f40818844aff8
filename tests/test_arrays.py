"""Files of arrays: read whole, or not at all, whoever made them."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan.arrays import read_arrays, require_arrays
from gan.errors import UserError

KINDS = {"images": "u2", "told": "U0"}


def packed(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **({"images": np.ones((2, 3), np.uint8), "told": np.array("yes")} | arrays))
    return path


def test_arrays_are_read(tmp_path: Path) -> None:
    found = require_arrays(packed(tmp_path / "a.npz"), KINDS)
    assert found["images"].shape == (2, 3) and str(found["told"]) == "yes"


def test_a_small_file_unpacks_to_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.arrays.SMALL", 1000)
    with pytest.raises(ValueError, match="no file of arrays"):
        read_arrays(packed(tmp_path / "a.npz", images=np.zeros((100, 1000), np.uint8)))


@pytest.mark.parametrize("arrays", [
    {"images": np.ones((2, 3))}, {"images": np.ones(6, np.uint8)}, {"told": np.array([1])},
    {"told": np.array({"a": 1}, object)},
], ids=["kind", "dimensions", "words", "pickle"])  # fmt: skip
def test_other_arrays_are_told(tmp_path: Path, arrays: dict) -> None:
    with pytest.raises(
        UserError, match=r"a\.npz is damaged or was made by another program; remove it, and it is made"
    ):
        require_arrays(packed(tmp_path / "a.npz", **arrays), KINDS)


def test_something_else_than_arrays_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"no array")
    for path in (tmp_path / "a.npz", tmp_path / "gone.npz", tmp_path):
        with pytest.raises(UserError, match="remove it"):
            require_arrays(path, {"images": "u2"})
