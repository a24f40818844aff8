"""Data sets: find or download the official archives, read, check, write, and show them.

GTSRB becomes train.p and test.p; street scenes become a folder of pairs, see prepare_scenes.py.

uv run python -m gan.commands.prepare --source ~/Downloads
uv run python -m gan.commands.prepare --download true
uv run python -m gan.commands.prepare --dataset cityscapes --source ~/Downloads
uv run python -m gan.commands.prepare --dataset pairs --source camvid.zip
"""

import dataclasses
import shlex
import urllib.parse
from pathlib import Path

from gan import pictures
from gan.commands import prepare_scenes
from gan.config import Config, option, run
from gan.data import gtsrb
from gan.data.download import download
from gan.data.gtsrb_archives import ARCHIVES, HOST
from gan.data.sets import is_drawn, open_signs
from gan.data.signs import Signs
from gan.data.summary import summary_text
from gan.errors import UserError
from gan.files import exists, locked, require_writable
from gan.invocation import start

SIGNS, OUTPUT = "signs", "traffic-signs-data"
SCENES_OUTPUT = "dataset"
PICTURES = Path("images/data")
ROOM = 350_000_000  # bytes: train.p and test.p of the full archives with a little to spare
DOWNLOADS = 366_000_000  # bytes of the official archives, about


@dataclasses.dataclass(frozen=True)
class PrepareConfig(Config):
    """Turn the archives of a data set into what the training scripts read."""

    dataset: str = option(SIGNS, "signs (GTSRB), cityscapes, or pairs (any folder or zip of photos and label maps)")
    source: str = option(
        "", "folder with the official zips, one zip, the extracted folder; signs: ready pickles, or `drawn` too"
    )
    download: bool = option(False, "signs: fetch the official archives (366 MB) into <output>/archives first")
    output: str = option(
        "", f"folder that the data goes to: {OUTPUT} for signs and {SCENES_OUTPUT} for scenes if empty"
    )
    mirror: str = option(
        "", "signs: http(s) address of a folder with the three archives, instead of the official one"
    )
    palette: str = option("", "pairs: cityscapes, camvid, or path of a palette.json; found out if empty")
    coarse: bool = option(False, "cityscapes: add the extra scenes with coarse annotations to the training part")
    width: int | None = option(None, "scenes: width in pixels that they are resized to; by default as they are")
    height: int | None = option(None, "scenes: height in pixels that they are resized to; by default as they are")
    zipped: bool = option(False, "scenes: write a zip of each part, too")


def main(config: PrepareConfig) -> None:
    """Prepare the data that a configuration names.

    Raises:
        UserError: before anything is written, if the source, the output or the room on the disk won't do.
    """
    if config.dataset in prepare_scenes.DATASETS:
        prepare_scenes.prepare_scenes(dataclasses.replace(config, output=config.output or SCENES_OUTPUT))
        return
    config = dataclasses.replace(config, output=config.output or OUTPUT)
    output = Path(config.output)
    check(config, output)
    with locked(output):
        prepare_signs(config, output)


def prepare_signs(config: PrepareConfig, output: Path) -> None:
    """Read GTSRB, write what is new of train.p and test.p, and show it."""
    from gan import archive

    if is_drawn(config.source):
        drawn = open_signs(config.source)
        found, name = gtsrb.Found(drawn.train, drawn.test, ()), "signs drawn by the program"
    else:
        source = Path(config.source)
        if config.download:
            source, host = output / "archives", f"{config.mirror.rstrip('/')}/" if config.mirror else HOST
            for file in ARCHIVES:
                download(urllib.parse.urljoin(host, file), source / file)
        found, name = gtsrb.read_source(source), f"GTSRB from {source}"
    parts = {"train.p": found.train} | ({} if found.test is None else {"test.p": found.test})
    unchanged = [part for part, signs in parts.items() if is_written(output / part, signs)]
    for part, signs in parts.items():
        if part not in unchanged:
            gtsrb.write_signs(output / part, signs)
        print(f"{output / part}: {len(signs):,} images, {'unchanged' if part in unchanged else 'written'}")

    text = summary_text(found.train, found.test, name, found.notes)
    print(text)
    counts = {part.removesuffix(".p").replace("train", "training"): signs.counts() for part, signs in parts.items()}
    files = [PICTURES / file for file in ("summary.txt", "histogram.png", "samples.png")]
    files[0].write_text(text)
    pictures.class_histogram(counts).save(files[1])
    pictures.class_samples(found.train, seed=0).save(files[2])
    with archive.archived_run("prepare", f"prepare {output}", config) as archived:
        archived.data(str(output), found.train.digest())
        for path in files:
            archived.file(path)
    if found.test is None and (output / "test.p").exists():
        print(f"{output / 'test.p'} is of an earlier source and stays as it is.")
    data = "" if config.output == OUTPUT else f" --data {shlex.quote(config.output)}"
    print(f"Next: train a generator of one class with `{start('train_dcgan.py')} --class_val 17{data}`.")


def check(config: PrepareConfig, output: Path) -> None:
    """Everything that can be known to fail before the work starts.

    Raises:
        UserError: it will fail.
    """
    if config.dataset != SIGNS:
        known = ", ".join((SIGNS, *prepare_scenes.DATASETS))
        raise UserError(f"dataset is one of {known}, not {config.dataset!r}.")
    for name in ("palette", "coarse", "width", "height", "zipped"):
        if getattr(config, name) != getattr(PrepareConfig, name):
            raise UserError(f"{name} is for street scenes; leave it out, or name them with --dataset.")
    if config.download == bool(config.source):
        raise UserError(
            "Name the folder that holds the GTSRB archives with `--source FOLDER`, "
            "or have them downloaded with `--download true`" + ("; not both." if config.source else ".")
        )
    if is_drawn(config.source) and config.output == OUTPUT:
        raise UserError("drawn signs must not be taken for real ones: give them an `--output` of their own.")
    if config.mirror and not config.download:
        raise UserError("mirror is an address to download from; add `--download true` or leave it out.")
    try:
        urllib.parse.urlsplit(config.mirror).port  # noqa: B018  reading it checks it
        config.mirror.encode("ascii")
    except ValueError:
        raise UserError(
            f"mirror {config.mirror!r} is no http address (special characters are written %XX)."
        ) from None
    if config.source and not is_drawn(config.source) and not exists(Path(config.source)):
        raise UserError(f"source {config.source} does not exist or may not be looked at; check the path.")
    if exists(output / "valid.p"):
        raise UserError(
            f"{output / 'valid.p'} would be read as a part of the training images; move it away or choose another "
            "--output."
        )
    arrived = sum(path.stat().st_size for path in (output / "archives").glob("GTSRB_*"))
    require_writable(output, ROOM + max(0, DOWNLOADS - arrived) * config.download)
    if config.download:
        require_writable(output / "archives")
    require_writable(PICTURES)


def is_written(path: Path, signs: Signs) -> bool:
    """Whether a file holds these very signs already.

    Raises:
        UserError: it holds others, which are not overwritten.
    """
    if not path.exists():
        return False
    if gtsrb.read_signs(path).digest() != signs.digest():
        raise UserError(f"{path} holds other images and is not overwritten; move it away or choose another --output.")
    return True


if __name__ == "__main__":
    run(PrepareConfig, main)
