"""Street scenes as a prepared folder: what `prepare` does for `--dataset cityscapes` and `--dataset pairs`."""

import contextlib
import dataclasses
import functools
import shlex
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gan import pictures, processes
from gan.config import require
from gan.data.cityscapes import HOW, find_cityscapes
from gan.data.folder import PALETTE, PARTS, Record, open_folder
from gan.data.folder_writer import Found, Item, SceneWriter, Written, write_folder
from gan.data.pairs import find_pairs
from gan.data.scene import SceneSet
from gan.data.scenes import is_drawn, open_scenes
from gan.data.spread import spread_over
from gan.errors import UserError
from gan.files import exists, locked, replacing, require_writable
from gan.invocation import start
from gan.signals import stop_status

if TYPE_CHECKING:
    from gan.commands.prepare import PrepareConfig

PICTURES = Path("images/data")
DATASETS = ("cityscapes", "pairs")
LARGEST = 8192  # pixels, width and height
PICTURED = (4, 2, 2)  # scenes of the parts in the picture
SAMPLED = 20  # scenes that tell how much room all of them need
CELL = 100  # scenes that a worker of a cluster writes at a time
BAR = 32  # characters of the longest bar
PACKED = 0.7  # bytes of a PNG photo for each byte of its pixels, at most as a rule


def prepare_scenes(config: "PrepareConfig") -> None:
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
            elsewhere = functools.partial(on_cluster, config, size) if config.cluster else None
            written = write_folder(output, found.items, found.palette, about, size, config.zipped, elsewhere)
        except KeyboardInterrupt:
            print(f"stopped; what is finished in {output} is kept, and the same command goes on", file=sys.stderr)
            sys.exit(stop_status())
    report(config, output, found, written)


def find(config: "PrepareConfig", stack: contextlib.ExitStack) -> Found:
    """The scenes of the source; `stack` keeps its archives open."""
    if config.dataset != "pairs":
        return find_cityscapes(config.source, config.coarse, stack)
    drawn = is_drawn(config.source)
    return drawn_pairs(config.source) if drawn else find_pairs(config.source, config.palette, stack)


def on_cluster(config: "PrepareConfig", size: tuple[int, int] | None, places: list[int]) -> Iterator[Record]:
    """Have the workers of a cluster write scenes; their records, in the order in which they are finished."""
    output, bar = Path(config.output).resolve(), types.SimpleNamespace(update=lambda count: None)
    if config.dataset == "pairs":  # what `write_folder` has found out is not found out again
        config = dataclasses.replace(config, palette=str(output / PALETTE))
    build = functools.partial(SceneWriter, output, functools.partial(find, config), size)
    cells = [places[first : first + CELL] for first in range(0, len(places), CELL)]
    for _, records, _ in processes.run(build, cells, 1, 0, bar, config.cluster):
        yield from records


def check(config: "PrepareConfig") -> tuple[int, int] | None:
    """Everything that can be known to fail before the source is opened; the size that is wanted.

    Raises:
        UserError: it will fail.
    """
    if config.download or config.download_from:
        raise UserError(f"{HOW}; leave out download and download_from.")
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
    if not exists(Path(config.source)) and not (config.dataset == "pairs" and is_drawn(config.source)):
        raise UserError(f"source {config.source[:200]} does not exist or may not be looked at; check the path.")
    source, output = Path(config.source).resolve(), Path(config.output).resolve()
    if source == output:
        raise UserError(f"source and output are the same folder, {config.source}; choose another --output.")
    if config.dataset == "pairs" and output.is_relative_to(source):  # it would be taken for pairs the next time
        raise UserError(f"output {config.output} is inside of source {config.source}; choose another --output.")
    return (config.width, config.height) if config.width else None


def drawn_pairs(source: str) -> Found:
    """The scenes of `drawn` or `drawn:60`, to be written."""
    scenes = open_scenes(source)
    items = tuple(
        Item.of(part, name, functools.partial(members.scene, k))
        for part, members in zip(PARTS, scenes.parts.values(), strict=True)
        for k, name in enumerate(members.names)
    )
    return Found(items, scenes.palette, ("The scenes are drawn by the program; they are no photos.",))


def room(found: Found, size: tuple[int, int] | None) -> int:
    """About how many bytes the scenes will take, by some of them."""
    count = len(found.items)
    if size is not None:
        return round(size[0] * size[1] * 3 * PACKED) * count
    photos = [found.items[k].read()[0] for k in spread_over(count, SAMPLED)]
    lengths = [len(photo) if isinstance(photo, bytes) else round(photo.size * PACKED) for photo in photos]
    return sum(lengths) * count // max(1, len(lengths))


def report(config: "PrepareConfig", output: Path, found: Found, written: Written) -> None:
    """Say and archive what there is now."""
    from gan import archive

    scenes = open_folder(config.output)
    text = scenes_text(scenes, written.records, f"{config.dataset} from {config.source}")
    for part, members in zip(PARTS, scenes.parts.values(), strict=True):
        print(f"{output / part}: {len(members):,} scenes, {'written' if written.new else 'unchanged'}")
    if 0 < written.new < len(written.records):
        kept = len(written.records) - written.new
        print(f"{kept:,} of {len(written.records):,} scenes were there already.")
    for path in written.zips:
        print(f"{path}: written")
    print(text)
    paths = [PICTURES / "scenes.txt", PICTURES / "scenes.png"]
    with replacing(paths[0]) as file:
        file.write(text.encode())
    pictures.save(picture(scenes), paths[1])
    with archive.archived_run("prepare", f"prepare {output}", config) as archived:
        archived.data(config.output, scenes.training.digest())
        for path in paths:
            archived.file(path)
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
        pixels[PARTS.index(record.part), list(record.pixels)] += list(record.pixels.values())
    shares = 100 * pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    sizes = sorted({record.size for record in records})
    lines = [
        f"{name} (training part: digest {scenes.training.digest()})",
        *(f"{f'Scenes for {part}':<22} = {len(members)}" for part, members in scenes.parts.items()),
        f"{'Size':<22} = {' to '.join(f'{w}x{h}' for w, h in dict.fromkeys((sizes[0], sizes[-1])))}",
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
    """Some scenes of each part: the photo beside the coloured label map, all at the size of the first."""
    rows, captions = [], []
    for (name, part), most in zip(scenes.parts.items(), PICTURED, strict=True):
        for k in spread_over(len(part), most):
            scene = part.scene(k)
            rows.append([Image.fromarray(image) for image in (scene.photo, scenes.palette.colour(scene.labels))])
            captions.append(f"{name}: {part.names[k]}, {scene.size[0]}x{scene.size[1]}")
    first = rows[0][0].size
    resized = [[np.asarray(image if image.size == first else image.resize(first)) for image in row] for row in rows]
    return pictures.side_by_side(resized, ("photo", "label map"), captions)
