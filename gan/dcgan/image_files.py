"""Generated images in files: numbered PNGs, or tar files as WebDataset reads them; written here or by a cluster."""

import dataclasses
import functools
import io
import itertools
import shutil
import tarfile
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gan import processes
from gan.archive import GoodRun
from gan.data.folder_writer import to_png
from gan.dcgan.generator import BATCH, Generator
from gan.training.devices import make_deterministic

SHARDS = "shards"  # the folder of tar files
SHARD = 160 * BATCH  # images of one
CELL = 4 * SHARD  # images of a class that a worker of a cluster writes at a time


@dataclasses.dataclass(frozen=True)
class Cell:
    """Images of one class that are written together: `first` up to, not with, `last`."""

    class_id: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True)
class ImageWriter:
    """Writes generated images.

    Attributes:
        seed: of the latents.
        form: "png" or "tar".
        places: the folder of each class.
        keep: images of a class to return, the first ones; memory holds no more than these and a batch.
    """

    seed: int
    form: str
    places: dict[int, Path]
    keep: int

    def write(self, generator: Generator, cell: Cell, tick: Callable[[int], Any]) -> np.ndarray:
        """Write the images of a cell; those of them that are kept, uint8 (N, size, size, 3)."""
        k, place, keep = cell.class_id, self.places[cell.class_id], max(0, self.keep - cell.first)
        bar = types.SimpleNamespace(update=tick)
        batches = generator.batches(cell.last, self.seed, k, bar, cell.first)
        if self.form == "png":
            return write_images(batches, to_folder(place), keep, cell.first)
        kept = []
        for first in range(cell.first, cell.last, SHARD):
            path = place / f"{k:03d}-{first // SHARD:05d}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
                shard, add = itertools.islice(batches, SHARD // BATCH), functools.partial(_add, archive, k)
                kept.append(write_images(shard, add, max(0, keep + cell.first - first), first))
        return np.concatenate(kept)


class _Worker:
    """What a worker of a cluster builds."""

    def __init__(self, goodrun: GoodRun, writer: ImageWriter):
        make_deterministic()
        self._generator, self._writer = Generator(goodrun), writer

    def run_cell(self, cell: Cell, tick: Callable[[int], Any]) -> np.ndarray:
        return self._writer.write(self._generator, cell, tick)


def _add(archive: tarfile.TarFile, class_id: int, number: int, png: bytes) -> None:
    """Put an image and its class id into a tar file."""
    for suffix, data in (("png", png), ("cls", str(class_id).encode())):
        member = tarfile.TarInfo(f"{class_id:03d}-{number:07d}.{suffix}")  # of no user and no time: equal bytes
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


def to_folder(folder: Path) -> Callable[[int, bytes], Any]:
    """What `write_images` calls to write numbered PNGs into a folder."""
    return lambda number, png: (folder / f"{number:05d}.png").write_bytes(png)


def write_images(
    batches: Iterable[np.ndarray], write: Callable[[int, bytes], Any], keep: int, first: int = 0
) -> np.ndarray:
    """Write images as PNGs, batch by batch.

    Args:
        batches: uint8 (N, height, width, 3) each, one or more.
        write: takes the number of an image and its PNG.
        keep: images to return at most; memory holds no more than these and a batch.
        first: the number of the first one.

    Returns:
        The first images, uint8 (`keep` or fewer, height, width, 3).
    """
    kept, written = [], 0
    for batch in batches:
        kept.append(batch[: max(0, keep - written)].copy())
        for number, image in enumerate(batch, first + written):
            write(number, to_png(image))
        written += len(batch)
    return np.concatenate(kept)


def generate(
    writer: ImageWriter, goodrun: GoodRun, generator: Generator, count: int, cluster: str, bar
) -> list[np.ndarray]:
    """Write images of each class.

    Args:
        writer: writes them.
        goodrun: what the workers of a cluster restore.
        generator: the same, restored: it generates here.
        count: images of each class.
        cluster: see `gan.processes.run`; the folders are on storage that its workers share.
        bar: a progress bar that counts images.

    Returns:
        The images of each class that are kept, uint8 (N, size, size, 3).
    """
    size = CELL if cluster else count
    cells = [Cell(k, n, min(n + size, count)) for k in writer.places for n in range(0, count, size)]
    if cluster:
        copy = next(iter(writer.places.values())) / f".{goodrun.checkpoint.name}"  # workers may not see the archive
        shutil.copyfile(goodrun.checkpoint, copy)
        build = functools.partial(_Worker, dataclasses.replace(goodrun, checkpoint=copy), writer)
        kept = {cell: images for cell, images, _ in processes.run(build, cells, 1, 0, bar, cluster)}
        copy.unlink()
    else:
        kept = {cell: writer.write(generator, cell, bar.update) for cell in cells}
    return [np.concatenate([kept[cell] for cell in cells if cell.class_id == k]) for k in writer.places]
