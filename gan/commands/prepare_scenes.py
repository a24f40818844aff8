"""Street scenes as a prepared folder: what `prepare` does for `--dataset cityscapes` and `--dataset pairs`."""

import contextlib
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from gan import pictures
from gan.config import require, stops
from gan.data import palettes
from gan.data.cityscapes import HOW, find_cityscapes
from gan.data.folder import PARTS, Record, open_folder
from gan.data.folder_writer import Written, write_folder
from gan.data.pair_files import FilePair, Halves
from gan.data.pairs import Found, find_pairs
from gan.data.scene import SceneSet
from gan.data.untrusted import image_kind
from gan.errors import UserError
from gan.files import locked, require_writable
from gan.invocation import start

PICTURES = Path("images/data")
DATASETS = ("cityscapes", "pairs")
LARGEST = 8192  # pixels, width and height
SHOWN = (4, 2, 2)  # scenes of the parts in the picture
SAMPLED = 20  # scenes that tell how much room all of them need
BAR = 32  # characters of the longest bar
PACKED = 0.7  # bytes of a PNG photo for each byte of its pixels, at most as a rule


class Config(Protocol):
    """What is needed of the parameters of `prepare`."""

    dataset: str
    source: str
    download: bool
    output: str
    mirror: str
    palette: str
    coarse: bool
    width: int | None
    height: int | None
    zipped: bool


def prepare_scenes(config: Config) -> None:
    """Prepare the scenes that a configuration names.

    Raises:
        UserError: the source, the output or the room on the disk won't do. Scenes that were finished stay.
    """
    output, size = Path(config.output), check(config)
    with contextlib.ExitStack() as stack:
        found = find(config, stack)
        there = sum(path.stat().st_size for path in output.glob("*/*/*.png"))
        require_writable(output, max(0, room(found, size) * (1 + config.zipped) - there))
        require_writable(PICTURES)
        stack.enter_context(locked(output))
        about = {"dataset": config.dataset, "source": config.source, "notes": found.notes}
        try:
            written = write_folder(output, found.items, found.palette, about, size, config.zipped)
        except KeyboardInterrupt:
            print(f"stopped; what is finished in {output} is kept, and the same command goes on", file=sys.stderr)
            sys.exit(143 if signal.SIGTERM in stops else 130)
    report(config, output, found, written)


def check(config: Config) -> tuple[int, int] | None:
    """Everything that can be known to fail before the source is opened; the size that is wanted.

    Raises:
        UserError: it will fail.
    """
    if config.download or config.mirror:
        raise UserError(f"{HOW}; leave out download and mirror.")
    if not config.source:
        what = "the official zips, or what was extracted from them" if config.dataset == "cityscapes" else "the pairs"
        hint = f". {HOW}" if config.dataset == "cityscapes" else ""
        raise UserError(f"Name the folder that holds {what}, with `--source FOLDER`{hint}.")
    if config.dataset == "cityscapes" and config.palette not in ("", "cityscapes"):
        raise UserError(f"dataset=cityscapes has its own palette; leave out palette={config.palette}.")
    if config.coarse and config.dataset != "cityscapes":
        raise UserError("coarse=true is for dataset=cityscapes; leave it out.")
    for name, value in (("width", config.width), ("height", config.height)):
        require(value is None or 16 <= value <= LARGEST, name, f"from 16 to {LARGEST}", value)
    if (config.width is None) != (config.height is None):
        raise UserError("width and height belong together: give both, or neither to keep the size that scenes have.")
    try:
        source, output = Path(config.source).resolve(), Path(config.output).resolve()
        there = source.exists()
    except (OSError, RuntimeError, ValueError):
        there = False
    if not there:
        raise UserError(f"source {config.source[:200]} does not exist or may not be looked at; check the path.")
    if source == output:
        raise UserError(f"source and output are the same folder, {config.source}; choose another --output.")
    if config.dataset == "pairs" and output.is_relative_to(source):  # it would be taken for pairs the next time
        raise UserError(f"output {config.output} is inside of source {config.source}; choose another --output.")
    return (config.width, config.height) if config.width else None


def find(config: Config, stack: contextlib.ExitStack) -> Found:
    """The scenes of the source."""
    if config.dataset == "pairs":
        return find_pairs(config.source, config.palette, stack)
    items, notes = find_cityscapes(config.source, config.coarse, stack)
    return Found(tuple(items), palettes.CITYSCAPES, notes)


def room(found: Found, size: tuple[int, int] | None) -> int:
    """About how many bytes the scenes will take, by some of them."""
    places = np.linspace(0, len(found.items) - 1, min(len(found.items), SAMPLED)).round().astype(int)
    if size is not None:
        return round(size[0] * size[1] * 3 * PACKED) * len(found.items)
    lengths = [_length(found.items[k]) for k in places]
    return sum(lengths) * len(found.items) // max(1, len(lengths))


def _length(item: FilePair | Halves) -> int:
    """About how many bytes a scene will take at its own size."""
    file = item.file if isinstance(item, Halves) else item.photo
    data = file.read()
    form, _, (width, height) = image_kind(data, file.where)
    return len(data) if form == "PNG" else round(width * height * 3 * PACKED)


def report(config: Config, output: Path, found: Found, written: Written) -> None:
    """Tell and archive what there is now."""
    scenes = open_folder(config.output)
    text = scenes_text(scenes, written.records, f"{config.dataset} from {config.source}")
    counts = [sum(record.part == part for record in written.records) for part in PARTS]
    kept = len(written.records) - written.new
    for part, count in zip(PARTS, counts, strict=True):
        state = "unchanged" if not written.new else "written"
        print(f"{output / part}: {count:,} scenes, {state}")
    if kept and written.new:
        print(f"{kept:,} of {len(written.records):,} scenes were there already.")
    for path in written.zips:
        print(f"{path}: written")
    print(text)

    from gan import archive

    paths = [PICTURES / "scenes.txt", PICTURES / "scenes.png"]
    paths[0].write_text(text)
    picture(scenes).save(paths[1])
    with archive.archived_run("prepare", f"prepare {output}", config) as opened:
        opened.data(config.output, scenes.training.digest())
        for path in paths:
            opened.file(path)
    for note in found.notes:
        print(note)
    data = "" if config.output == "dataset" else f" --data {shlex.quote(config.output)}"
    print(f"{paths[1]} shows some of them. Next: train a generator with `{start('train_pix2pix.py')}{data}`.")


def scenes_text(scenes: SceneSet, records: Sequence[Record], name: str) -> str:
    """Numbers of scenes, their sizes, and the share of the pixels that each class has in each part.

    Args:
        scenes: the data set.
        records: of its scenes.
        name: what it is called.

    Returns:
        lines of text; the bars show the training part, and classes that are in no scene are left out.
    """
    palette = scenes.palette
    pixels = np.zeros((len(PARTS), 256), np.int64)
    for record in records:
        for k, count in record.pixels.items():
            pixels[PARTS.index(record.part), k] += count
    shares = 100 * pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    sizes = sorted({record.size for record in records})
    shown = " to ".join(f"{w}x{h}" for w, h in dict.fromkeys((sizes[0], sizes[-1])))
    parts = ("training", scenes.training), ("validation", scenes.validation), ("test", scenes.test)
    lines = [f"{name} (training part: digest {scenes.training.digest()})"]
    lines += [f"{f'Scenes for {word}':<22} = {len(part)}" for word, part in parts]
    lines += [
        f"{'Size':<22} = {shown}",
        f"{'Palette':<22} = {palette.name}, {len(palette)} classes, {len(palette.scored)} of them scored",
        f"{'Instances':<22} = {'yes' if scenes.training.has_instances else 'no'}",
        "",
        "Share of the pixels in %:",
    ]
    width = max(map(len, palette.names))
    lines += [f"{'id':>4}  {'name':<{width}}  {'training':>10}  {'validation':>10}  {'test':>10}"]
    for k, label in zip(palette.ids, palette.names, strict=True):
        if not pixels[:, k].any():
            continue
        bar = "#" * int(np.ceil(shares[0, k] * BAR / shares[0].max())) + (" rare" if k in palette.rare else "")
        bar += "" if k in palette.scored else " not scored"
        row = f"{k:>4}  {label:<{width}}  " + "  ".join(f"{share:>10.3f}" for share in shares[:, k])
        lines.append(f"{row}  {bar}".rstrip())
    return "\n".join(lines) + "\n"


def picture(scenes: SceneSet) -> Image.Image:
    """Some scenes of each part: the photo beside the coloured label map."""
    rows, captions = [], []
    parts: Sequence = (("training", scenes.training), ("validation", scenes.validation), ("test", scenes.test))
    for (name, part), most in zip(parts, SHOWN, strict=True):
        for k in np.linspace(0, len(part) - 1, min(most, len(part))).round().astype(int):
            scene = part.scene(k)
            rows.append((scene.photo, scenes.palette.colour(scene.labels)))
            captions.append(f"{name}: {part.names[k]}, {scene.size[0]}x{scene.size[1]}")
    first = rows[0][0].shape[1::-1]
    same = [[fit(picture, first) for picture in row] for row in rows]
    return pictures.side_by_side(same, ("photo", "label map"), captions)


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture at a size, whatever shape it has."""
    return image if image.shape[1::-1] == size else np.asarray(Image.fromarray(image).resize(size))
