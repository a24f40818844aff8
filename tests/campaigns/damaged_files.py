"""Every cut and every changed byte of the files that strangers make is found or harmless; takes some seconds.

uv run --frozen python -m tests.campaigns.damaged_files

Pickles, zip archives, images and tables are damaged at every place in turn. A reader may answer with acceptable
content or with a UserError; anything else ends the campaign with a traceback, and the file that caused it stays.
"""

import io
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.gtsrb import read_source
from gan.data.pickles import read_pickle
from gan.data.untrusted import open_source
from gan.data.untrusted_images import read_image
from gan.errors import UserError
from tests.made_up_gtsrb import TRAINING, training_files, write_tree, write_zip


def damaged(data: bytes) -> Iterator[bytes]:
    """The bytes cut short at every place, and with every byte changed in three ways."""
    for place in range(len(data)):
        yield data[:place]
        for change in (0xFF, 0x01, 0x20):
            yield data[:place] + bytes([data[place] ^ change]) + data[place + 1 :]


def campaign(name: str, path: Path, data: bytes, read: Callable[[Path], bool]) -> None:
    """Write every damaged form of some bytes to a path; `read` says whether what is read of it is acceptable."""
    refused, forms = 0, list(damaged(data))
    for content in forms:
        path.write_bytes(content)
        try:
            assert read(path), f"{name}: other content was read from {path}"
        except UserError as error:
            assert str(error).endswith(".") and "\n" not in str(error)
            refused += 1
    path.unlink()
    print(f"{name}: {len(forms):,} damaged files, {refused:,} refused")


def zip_campaign(folder: Path) -> None:
    """Members are read as they were, under whatever name, or refused: their CRCs tell."""
    files = {"a": b"first" * 20, "b": os.urandom(50)}
    data = write_zip(folder / "some.zip", files).read_bytes()

    def read(path: Path) -> bool:
        with open_source(path) as source:
            return all(source.read(name) in files.values() for name in source.names())

    campaign("zip archive", folder / "some.zip", data, read)


def main() -> None:
    """Run all campaigns."""
    folder = Path(tempfile.mkdtemp(prefix="damaged-files-"))
    arrays = {"features": np.arange(60, dtype=np.uint8).reshape(5, 4, 3), "labels": np.arange(5)}
    for protocol in (2, 3, 4, 5):
        campaign(
            f"pickle of protocol {protocol}",
            folder / "some.p",
            pickle.dumps(arrays, protocol),
            lambda path: all(isinstance(array, np.ndarray) for array in read_pickle(path).values()),
        )
    zip_campaign(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    for form in ("PPM", "PNG", "BMP", "JPEG"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, form)
        campaign(
            f"{form} image",
            folder / "image",
            file.getvalue(),
            lambda path: read_image(path.read_bytes(), str(path), 10_000).shape[2] == 3,
        )
    table = write_tree(folder, training_files(resized=True)) / TRAINING / "00017" / "GT-00017.csv"
    lines = b"\n".join(table.read_bytes().splitlines()[:3])
    campaign("table", table, lines, lambda _: len(read_source(folder).train) <= 21)
    print(f"nothing unexpected; {folder} can be removed")


if __name__ == "__main__":
    main()
