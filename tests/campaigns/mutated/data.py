"""Kinds of data: pickles, zips, images, tables, palettes, pairs, pictograms, mirrors and groups."""

import contextlib
import csv
import functools
import io
import json
import pickle
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan.commands import new_signs
from gan.data import folder_writer, palettes
from gan.data.cityscapes import find_cityscapes
from gan.data.class_folders import Reading
from gan.data.class_layout import File, Layout
from gan.data.folder import PARTS, PREPARED, PREPARING, Account, open_folder, read_account
from gan.data.folder_writer import Item, write_folder
from gan.data.groups import numbered, objects
from gan.data.pairs import find_pairs
from gan.data.pickles import read_pickle
from gan.data.scene import Scene
from gan.data.sets import open_images
from gan.data.untrusted import open_source
from gan.data.untrusted_images import open_image, read_ids
from tests.campaigns.mutated.kind import Kind, each, written
from tests.campaigns.mutated.mutations import of_words

FORMS = ("PPM", "PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")


def image(
    form: str = "PNG", seed: int = 0, size: tuple[int, int] = (12, 9), mode: str = "RGB", **options: Any
) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, form, **options)
    return file.getvalue()


def label_map(seed: int = 0) -> bytes:
    file = io.BytesIO()
    ids = np.random.default_rng(seed).integers(0, 12, (16, 16), np.uint8)
    Image.fromarray(ids).save(file, "PNG")
    return file.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def class_folders(member: bytes) -> bytes:
    """A zip of two classes of three images, one of which is given."""
    files = {f"data/{'cat' if k % 2 else 'dog'}/{k}.png": image() if k else member for k in range(6)}
    return packed(files)


def images() -> list[bytes]:
    plain = b"P3\n2 2\n255\n" + b"7 " * 12
    deep = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(deep, "PNG")
    moving = io.BytesIO()
    frames = [Image.fromarray(np.full((4, 4), k, np.uint8)) for k in range(3)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    turned = Image.Exif()
    turned[274] = 6
    others = [image("JPEG", mode="CMYK"), image("JPEG", exif=turned), image(mode="RGBA"), image(mode="P")]
    return [*map(image, FORMS), plain, deep.getvalue(), moving.getvalue(), *others]


def arrays() -> dict[str, np.ndarray]:
    return {
        "features": np.arange(60, dtype=np.uint8).reshape(5, 4, 3),
        "labels": np.arange(5),
        "scores": np.ones(3, ">f4"),
    }


def read_zip(path: Path) -> None:
    with open_source(path) as source:
        for name in source.names():
            source.read(name)


def table() -> list[bytes]:
    text = io.StringIO()
    rows = [(f"{k}.png", "ab"[k % 2], "train", f"g{k}") for k in range(6)]
    csv.writer(text).writerows([("file", "label", "part", "group"), *rows])
    return [text.getvalue().encode()]


def read_table(path: Path) -> None:
    for k in range(6):
        name = path.parent / "table" / f"{k}.png"
        if not name.exists():
            name.parent.mkdir(exist_ok=True)
            name.write_bytes(image())
    with written(path, "table/table.csv") as other:
        open_images(str(other), reading=Reading(groups="column"))


def read_member(path: Path) -> None:
    archive = path.with_name("folders.zip")
    archive.write_bytes(class_folders(path.read_bytes()))
    open_images(str(archive))


def read_images(path: Path) -> None:
    data = path.read_bytes()
    each(
        lambda: read_ids(data, "it"),
        lambda: open_image(data, "it", lambda image: np.array(image.convert("RGB"))),
    )


def scenes() -> list[bytes]:
    """Zips of pairs: in folders, side by side, with parts and instances, and of Cityscapes."""
    mine = palettes.CAMVID.to_json().encode()
    folders = {f"s/photos/{k}.png": image(seed=k, size=(16, 16)) for k in range(8)}
    folders |= {f"s/labels/{k}.png": label_map(k) for k in range(8)}
    halves = {f"{part}/{k}.jpg": image("JPEG", k, (16, 32)) for part in ("train", "val") for k in range(2)}
    parted = {f"{part}/{kind}/{k}.png": content for part in ("train", "val", "test") for k in range(2)
              for kind, content in (("photos", image(seed=k, size=(16, 16))), ("labels", label_map(k)),
                                    ("instances", label_map(k)))}  # fmt: skip
    cities = {}
    for part in ("train", "val"):
        for k in range(3):
            stem = f"{part}/aachen/aachen_{k:06d}_000019"
            cities[f"leftImg8bit/{stem}_leftImg8bit.png"] = image(seed=k, size=(16, 16))
            cities[f"gtFine/{stem}_gtFine_labelIds.png"] = label_map(k)
            cities[f"gtFine/{stem}_gtFine_instanceIds.png"] = label_map(k)
    return [
        packed(folders | {"s/palette.json": mine}),
        packed(folders),
        packed(halves),
        packed(parted),
        packed(cities),
    ]


def read_scenes(path: Path) -> None:
    def pairs() -> None:
        with contextlib.ExitStack() as stack:
            found = find_pairs(path, "", stack)
            for item in found.items:
                item.stamp()
                item.read()

    def cities() -> None:
        with contextlib.ExitStack() as stack:
            for item in find_cityscapes(path, False, stack).items:
                item.read()

    each(cities, pairs)


@functools.cache
def prepared(folder: Path) -> Account:
    """Write a prepared folder of three scenes; what its prepared.json says."""
    scene = Scene(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8))
    items = [Item.of(part, "a", lambda: scene) for part in PARTS]
    write_folder(folder, items, palettes.CAMVID, {"source": "made up"}, None, False)
    return read_account(folder)


def accounts() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return [prepared(Path(folder)).model_dump_json().encode()]


def read_prepared(path: Path) -> None:
    """A manifest as that of a finished folder, and line by line as that of an unfinished one."""
    finished, begun = path.with_name("prepared"), path.with_name("begun")
    account = prepared(finished)
    begun.mkdir(exist_ok=True)
    data = path.read_bytes()
    (finished / PREPARED).write_bytes(data)
    with contextlib.suppress(ValueError, RecursionError, AttributeError, TypeError, KeyError):
        known = json.loads(data)
        lines = [json.dumps(line) for line in (known | {"scenes": []}, *known["scenes"], {})]
        data = "\n".join(lines).encode(errors="replace")
    (begun / PREPARING).write_bytes(data)

    def gone_on_from(folder: Path) -> None:
        for record in folder_writer._records_before(folder, account).values():
            folder_writer._is_whole(record, folder, folder == finished)

    each(
        lambda: gone_on_from(begun),
        lambda: gone_on_from(finished),
        lambda: open_folder(str(finished)).training.digest(),
    )


def pictograms() -> list[bytes]:
    picture = image(mode="RGBA")
    return [picture, packed({"Tempo 30.png": picture, "b.png": picture, "c.txt": b"no"}), packed({"x.PNG": picture})]


def unpack(path: Path) -> None:
    """Make a folder of the zip that an input is, as far as the system takes its names; or of the one picture."""
    folder = path.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    data = path.read_bytes()
    if not data.startswith(b"PK"):
        (folder / "one.png").write_bytes(data)
        return
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.file_size < 2**26 and ".." not in info.filename and not info.filename.startswith("/"):
                target = folder / info.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(info))


def read_pictograms(path: Path) -> None:
    for file in new_signs.read(path.with_name("unpacked")).values():
        new_signs.opened(file)


NAMES = ("one", "two", "Tempo 30", "no\tentry")


def read_mirror(path: Path) -> None:
    Reading(mirror=str(path)).mirrors(NAMES)


PATTERNS = (
    r"^(.*?)_", r"(\d{5})_\d{5}", r"folder", r"(?P<object>[a-z]+)-\d+", r"(a+)+$", r"^(\w+\s?)*$", r"(x+x+)+y",
    r"(.*)*$",
    r"(?:a|aa)+$", r"((a*)*)*b", r"(a|a?)+$", r"(?=(a+))a*b\1", r"(?<=a)b|[^\W_]+", r"^(([a-z])+.)+[A-Z]([a-z])+$",
)  # fmt: skip


def read_groups(path: Path) -> None:
    """Any pattern on names that patterns of the known kind go round in circles with."""
    names = ["00000_00012.ppm", "a" * 60 + "!.png", "x" * 200 + ".png", "word " * 40 + ".jpg", "ähnlich_1.png"]
    files = tuple(File(f"c/{name}", "c", "train", "") for name in names * 3)
    layout = Layout(path, None, ("c",), files, "folder", ())  # type: ignore[arg-type]
    numbered(objects(layout, path.read_bytes().decode(errors="replace"), []))


KINDS = (
    Kind("pickle", lambda: [pickle.dumps(arrays(), protocol) for protocol in (2, 3, 4, 5)], read_pickle),
    Kind("zip", lambda: [class_folders(image())], read_zip),
    Kind("image", images, read_images),
    Kind("class folders", images, read_member),
    Kind("CSV", table, read_table),
    Kind("palette", lambda: [palettes.CITYSCAPES.to_json().encode()],
         lambda path: palettes.from_json(path.read_bytes(), "it")),
    Kind("pairs of scenes", scenes, read_scenes),
    Kind("prepared scenes", accounts, read_prepared),
    Kind("pictograms", pictograms, read_pictograms, prepare=unpack),
    Kind("mirror", lambda: [b"one,two\nTempo 30 , Tempo 30\n", '"no\tentry",one\r\n'.encode("utf-8-sig")],
         read_mirror),
    Kind("groups", lambda: [pattern.encode() for pattern in PATTERNS], read_groups, of_words, share=0.1),
)  # fmt: skip
