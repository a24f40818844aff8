"""Small made-up scenes, in the official layout of Cityscapes and as other data sets have them."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from gan.data import cityscapes
from gan.data.scene import Scene
from tests.made_up_gtsrb import encoded, write_zip

ROAD, BUILDING, SKY, CAR = 7, 11, 23, 26  # ids of Cityscapes
COLOURS = {ROAD: (110, 100, 110), BUILDING: (150, 90, 60), SKY: (180, 200, 230), CAR: (20, 30, 120)}


def some_scene(seed: int = 0, width: int = 40, height: int = 30) -> Scene:
    """Sky, houses and road in bands, two cars side by side, and some noise in the photo."""
    random = np.random.default_rng(seed)
    labels = np.full((height, width), SKY, np.uint8)
    labels[height // 4 :] = BUILDING
    labels[height // 2 :] = ROAD
    instances = np.zeros((height, width), np.uint16)
    left = int(random.integers(2, width // 3))
    for number in (0, 1):
        box = slice(height // 2 - 3, height // 2 + 5), slice(left + 8 * number, left + 8 * number + 8)
        labels[box] = CAR
        instances[box] = CAR * 1000 + number
    photo = np.zeros((height, width, 3), np.int64)
    for k, colour in COLOURS.items():
        photo[labels == k] = colour
    photo += random.integers(-12, 13, photo.shape)
    return Scene(photo.clip(0, 255).astype(np.uint8), labels, instances)


def png16(ids: np.ndarray) -> bytes:
    return encoded(ids.astype(np.uint16), "PNG")


def cityscapes_scene(part: str, city: str, number: int, kind: str = "gtFine") -> tuple[dict[str, bytes], ...]:
    """The files of one scene: for the photos' archive, and for the annotations'."""
    stem, scene = f"{city}_{number:06d}_000019", some_scene(number + len(city))
    # instanceIds hold the class id where there is nothing to count.
    instance_ids = np.where(scene.instances > 0, scene.instances, scene.labels)
    return (
        {f"leftImg8bit/{part}/{city}/{stem}_leftImg8bit.png": encoded(scene.photo, "PNG")},
        {
            f"{kind}/{part}/{city}/{stem}_{kind}_labelIds.png": encoded(scene.labels, "PNG"),
            f"{kind}/{part}/{city}/{stem}_{kind}_instanceIds.png": png16(instance_ids),
            f"{kind}/{part}/{city}/{stem}_{kind}_color.png": b"not looked at",
            f"{kind}/{part}/{city}/{stem}_{kind}_polygons.json": b"{}",
        },
    )


def cityscapes_files(
    training: tuple[str, ...] = ("aachen",) * 4 + ("bochum",) * 2, validation: tuple[str, ...] = ("frankfurt",) * 2
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The photos' and the fine annotations' archive: cities of each scene, and one of the test part."""
    photos, fine = {"README": b"", "license.txt": b""}, {"README": b""}
    scenes = [("train", city) for city in training] + [("val", city) for city in validation] + [("test", "berlin")]
    for number, (part, city) in enumerate(scenes):
        for files, more in zip((photos, fine), cityscapes_scene(part, city, number), strict=True):
            files |= more
    return photos, fine


def official_zips(folder: Path, **cities: tuple[str, ...]) -> Path:
    """A folder with the two archives."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, files in zip((cityscapes.PHOTOS_ZIP, cityscapes.FINE_ZIP), cityscapes_files(**cities), strict=True):
        write_zip(folder / name, files)
    return folder


def pair_files(
    names: list[str], form: str = "PNG", photos: str = "photos", labels: str = "labels"
) -> dict[str, bytes]:
    """Photos and label maps of the same names in two folders."""
    ending, files = {"PNG": "png", "JPEG": "jpg"}[form], {}
    for seed, name in enumerate(names):
        scene = some_scene(seed)
        files[f"{photos}/{name}.{ending}"] = encoded(scene.photo, form)
        files[f"{labels}/{name}.png"] = encoded(scene.labels, "PNG")
    return files


def camvid_names() -> list[str]:
    return (
        [f"0001TP_{k:06d}" for k in range(6690, 6750, 30)]
        + [f"0006R0_f{k:05d}" for k in range(930, 1020, 30)]
        + [f"0016E5_{k:05d}" for k in range(390, 570, 30)]
    )


def header_of_png(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def image(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.array(opened)


def tree_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of the last change and content of every file."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
