"""Small made-up archives in the official layout, and other things that a user could give to `prepare`."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data.gtsrb_archives import TEST_ZIP, TRAINING_ZIP, TRUTH_ZIP
from gan.data.labelled import LabelledImages
from gan.data.signs import GTSRB

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
TRAINING = "GTSRB/Final_Training/Images"
TEST = "GTSRB/Final_Test/Images"


def ppm(width: int, height: int, seed: int = 0) -> bytes:
    """A PPM image whose left half is dark red and whose right half is light blue, with some noise."""
    pixels = np.empty((height, width, 3), np.int64)
    pixels[:, : width // 2] = (90, 20, 20)
    pixels[:, width // 2 :] = (150, 170, 220)
    pixels += np.random.default_rng(seed).integers(-15, 16, pixels.shape)
    return encoded(pixels.astype(np.uint8), "PPM")


def encoded(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def line(name: str, width: int, height: int, *label: int) -> str:
    return ";".join(map(str, (name, width, height, 2, 3, width - 3, height - 2, *label)))


def training_files(resized: bool = False) -> dict[str, bytes]:
    """Classes 0, 17 and 42 with 2 or 3 tracks of 3 frames, of 15 to 250 pixels and all shapes."""
    files, seed = {}, 0
    shapes = [(15, 250), (250, 15), (250, 250), (15, 15), (32, 32), (32, 90), (67, 41), (40, 41)]
    for label, tracks in ((0, (0, 1)), (17, (0, 5, 2)), (42, (3, 1))):
        table = [HEADER]
        for track in tracks:
            for frame in range(3):
                width, height = shapes[seed % len(shapes)]
                name = f"{track:05d}_{frame:05d}.ppm"
                size = (32, 32) if resized else (width, height)
                files[f"{TRAINING}/{label:05d}/{name}"] = ppm(*size, seed)
                table.append(line(name, width, height, label))
                seed += 1
        files[f"{TRAINING}/{label:05d}/GT-{label:05d}.csv"] = "\r\n".join([*table, ""]).encode()
    return files


def test_files() -> dict[str, bytes]:
    files = {f"{TEST}/{i:05d}.ppm": ppm(20 + i, 60 - i, i) for i in (0, 4, 7)}
    table = [HEADER.removesuffix(";ClassId"), *(line(f"{i:05d}.ppm", 20 + i, 60 - i) for i in (0, 4, 7))]
    return files | {f"{TEST}/GT-final_test.test.csv": "\r\n".join([*table, ""]).encode()}


def truth_files() -> dict[str, bytes]:
    table = [HEADER, *(line(f"{i:05d}.ppm", 20 + i, 60 - i, i) for i in (0, 4, 7))]
    return {"GT-final_test.csv": "\r\n".join([*table, ""]).encode()}


def extreme_zips(folder: Path, training: str = "GTSRB_Final_Training_Images.zip", root: str = TRAINING) -> Path:
    """Archives with the extremes of the official ones: 43 classes, 210 images of class 0, 15x15 to 266x232 pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    files, sizes = {}, {0: (15, 15), 1: (266, 232), 2: (232, 266)}
    for label in range(43):
        table = [HEADER]
        for place in range(210 if label == 0 else 2):
            name, size = f"{place // 30:05d}_{place % 30:05d}.ppm", sizes.get(place, (26, 25))
            files[f"{root}/{label:05d}/{name}"] = ppm(*size, label)
            table.append(line(name, *size, label))
        files[f"{root}/{label:05d}/GT-{label:05d}.csv"] = "\r\n".join([*table, ""]).encode()
    write_zip(folder / training, files)
    write_zip(folder / TEST_ZIP, {f"{TEST}/{k:05d}.ppm": ppm(*size, k) for k, size in sizes.items()})
    rows = [HEADER, *(line(f"{k:05d}.ppm", *size, k) for k, size in sizes.items())]
    write_zip(folder / TRUTH_ZIP, {"GT-final_test.csv": "\r\n".join([*rows, ""]).encode()})
    return folder


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def official_zips(folder: Path) -> Path:
    """A folder with the three archives."""
    folder.mkdir(parents=True, exist_ok=True)
    write_zip(folder / TRAINING_ZIP, training_files())
    write_zip(folder / TEST_ZIP, test_files())
    write_zip(folder / TRUTH_ZIP, truth_files())
    return folder


def some_signs(count: int = 6, seed: int = 0) -> LabelledImages:
    random = np.random.default_rng(seed)
    return LabelledImages(
        random.integers(0, 256, (count, 32, 32, 3), np.uint8),
        (np.arange(count) * 7 % 43).astype(np.uint8),
        (np.arange(count) // 2).astype(np.int32),
        random.integers(15, 251, (count, 2)).astype(np.uint8),
        random.integers(0, 15, (count, 4)).astype(np.uint8),
        GTSRB,
    )


def same(a: LabelledImages, b: LabelledImages) -> bool:
    return all(
        np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a.arrays.values(), b.arrays.values(), strict=True)
    )
