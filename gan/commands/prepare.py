"""Data sets: find or download the official archives, read, check, write, and show them.

GTSRB becomes train.p and test.p; street scenes become a folder of pairs, see prepare_scenes.py. Images of your own
stay where they are: training reads them, and what is in them is shown before.

uv run python -m gan.commands.prepare --source ~/Downloads
uv run python -m gan.commands.prepare --download true
uv run python -m gan.commands.prepare --dataset images --source my-images
uv run python -m gan.commands.prepare --dataset cityscapes --source ~/Downloads
uv run python -m gan.commands.prepare --dataset pairs --source camvid.zip
"""

import dataclasses
import shlex
import urllib.parse
from pathlib import Path

import numpy as np

from gan import pictures
from gan.commands import prepare_scenes
from gan.config import READING, Config, cluster_option, option, reading_option, run
from gan.data import gtsrb
from gan.data.class_folders import Reading, read_class_folders
from gan.data.download import download
from gan.data.gtsrb_archives import ARCHIVES, HOST
from gan.data.labelled import LabelledImages
from gan.data.sets import is_drawn, open_images
from gan.data.spread import spread_over
from gan.data.summary import summary_text
from gan.errors import UserError
from gan.files import exists, locked, replacing, require_writable
from gan.invocation import start
from gan.progress import progress

SIGNS, IMAGES, OUTPUT = "signs", "images", "traffic-signs-data"
SCENES_OUTPUT = "dataset"
PICTURES = Path("images/data")
ROOM = 350_000_000  # bytes: train.p and test.p of the full archives with a little to spare
COMPARED = 1_000  # images of a class that are compared with each other
DOWNLOADS = 366_000_000  # bytes of the official archives, about


@dataclasses.dataclass(frozen=True)
class PrepareConfig(Config):
    """Turn the archives of a data set into what the training scripts read."""

    dataset: str = option(
        SIGNS,
        "signs (GTSRB), images (your own, a folder a class), cityscapes, or pairs (folder or zip of photos "
        "and label maps)",
    )
    source: str = option(
        "",
        "folder with the official zips, one zip, the extracted folder; signs: ready pickles too; "
        "signs and pairs: `drawn`",
    )
    download: bool = option(False, "signs: fetch the official archives (366 MB) into <output>/archives first")
    output: str = option(
        "", f"folder that the data goes to: {OUTPUT} for signs and {SCENES_OUTPUT} for scenes if empty"
    )
    download_from: str = option(
        "", "signs: http(s) address of a folder with the three archives, instead of the official one"
    )
    image_size: int | None = reading_option("image_size")
    fit: str = reading_option("fit")
    groups: str = reading_option("groups")
    mirror: str = reading_option("mirror")
    turned: bool = reading_option("turned")
    skip_damaged: bool = reading_option("skip_damaged")
    palette: str = option("", "pairs: cityscapes, camvid, or path of a palette.json; found out if empty")
    coarse: bool = option(False, "cityscapes: add the extra scenes with coarse annotations to the training part")
    width: int | None = option(None, "scenes: width in pixels that they are resized to; by default as they are")
    height: int | None = option(None, "scenes: height in pixels that they are resized to; by default as they are")
    zipped: bool = option(False, "scenes: write a zip of each part, too")
    cluster: str = cluster_option()


def main(config: PrepareConfig) -> None:
    """Prepare the data that a configuration names.

    Raises:
        UserError: before anything is written, if the source, the output or the room on the disk won't do.
    """
    own = {name: getattr(config, name) for name in READING}
    if config.dataset == IMAGES:
        show_images(config, Reading.of(own))
        return
    if own != {name: getattr(PrepareConfig, name) for name in READING}:
        raise UserError(f"{', '.join(READING)} are for dataset={IMAGES}; leave them out.")
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
    if is_drawn(config.source):
        drawn = open_images(config.source)
        found, name = gtsrb.Found(drawn.train, drawn.test, ()), "signs drawn by the program"
    else:
        source = Path(config.source)
        if config.download:
            source, host = (
                output / "archives",
                f"{config.download_from.rstrip('/')}/" if config.download_from else HOST,
            )
            for file in ARCHIVES:
                download(urllib.parse.urljoin(host, file), source / file)
        found, name = gtsrb.read_source(source), f"GTSRB from {source}"
    parts = {"train.p": found.train} | ({} if found.test is None else {"test.p": found.test})
    unchanged = [part for part, signs in parts.items() if is_written(output / part, signs)]
    for part, signs in parts.items():
        if part not in unchanged:
            gtsrb.write_signs(output / part, signs)
        print(f"{output / part}: {len(signs):,} images, {'unchanged' if part in unchanged else 'written'}")

    show(config, str(output), summary_text(found.train, found.test, name, found.notes), found.train, found.test)
    if found.test is None and (output / "test.p").exists():
        print(f"{output / 'test.p'} is of an earlier source and stays as it is.")
    data = "" if config.output == OUTPUT else f" --data {shlex.quote(config.output)}"
    print(f"Next: train a generator of one class with `{start('train_dcgan.py')} --class_val 17{data}`.")


def show(config: PrepareConfig, name: str, text: str, train: LabelledImages, test: LabelledImages | None) -> None:
    """Print the summary of a data set, and put it with histogram and samples into `PICTURES` and the archive."""
    from gan import archive

    print(text)
    files = [PICTURES / file for file in ("summary.txt", "histogram.png", "samples.png")]
    with replacing(files[0]) as file:
        file.write(text.encode())
    counts = {"training": train.counts()} | ({} if test is None else {"test": test.counts()})
    pictures.save(pictures.class_histogram(counts), files[1])
    pictures.save(pictures.class_samples(train, seed=0), files[2])
    with archive.archived_run("prepare", f"prepare {name}", config) as archived:
        archived.data(name, train.digest())
        for path in files:
            archived.file(path)


def show_images(config: PrepareConfig, reading: Reading) -> None:
    """Read somebody's own images as training does, and show what is in them; nothing of them is written.

    Raises:
        UserError: they can't be read, or parameters are given that have no meaning here.
    """
    others = [
        field.name
        for field in dataclasses.fields(PrepareConfig)
        if field.name not in ("dataset", "source", *READING) and getattr(config, field.name) != field.default
    ]
    if others:
        raise UserError(f"{others[0]} has no meaning for dataset={IMAGES}, whose images stay where they are.")
    if not config.source:
        raise UserError("Name the folder that holds a folder of images for each class, with `--source FOLDER`.")
    require_writable(PICTURES)
    found = read_class_folders(config.source, reading)
    sizes = found.train.sizes[found.train.sizes.all(axis=1)]
    notes = [] if not len(sizes) else [
        "Original sizes: median {} x {}, from {} x {} to {} x {} pixels.".format(
            *np.median(sizes, axis=0).astype(int), *sizes.min(axis=0), *sizes.max(axis=0)
        )
    ]  # fmt: skip
    equal = near_duplicates(found.train)
    notes += [
        f"{equal:,} images are nearly equal to another one of their class."
        if equal
        else "No two images of a class are nearly equal."
    ]
    text = summary_text(found.train, found.test, config.source, (*found.notes, *notes))
    show(config, config.source, text, found.train, found.test)
    given = "".join(f" --{name} {shlex.quote(str(value))}" for name, value in reading.options().items()
                    if value != getattr(PrepareConfig, name))  # fmt: skip
    print(
        f"Next: train a generator of all classes with `{start('train_dcgan.py')} --class_val all "
        f"--data {shlex.quote(config.source)}{given.replace('True', 'true')}`."
    )


def near_duplicates(images: LabelledImages) -> int:
    """How many images lie as near to another one of their class as a copy does, of `COMPARED` of a class."""
    from gan.dcgan.balance import COPY
    from gan.scoring.nearest import nearest

    found, step = 0, images.size // 32
    with progress(len(images), "looking for equal images", "image") as bar:
        for k, count in enumerate(images.counts()):
            own = images.images[images.labels == k]
            own = own[spread_over(len(own), COMPARED)]
            if len(own) > 1:
                small = own.reshape(len(own), 32, step, 32, step, 3).mean((2, 4))
                found += int((nearest(small, small, 2)[0][:, 1] < COPY).sum())
            bar.update(int(count))
    return found


def check(config: PrepareConfig, output: Path) -> None:
    """Everything that can be known to fail before the work starts.

    Raises:
        UserError: it will fail.
    """
    if config.dataset != SIGNS:
        known = ", ".join((SIGNS, IMAGES, *prepare_scenes.DATASETS))
        raise UserError(f"dataset is one of {known}, not {config.dataset!r}.")
    for name in ("palette", "coarse", "width", "height", "zipped", "cluster"):
        if getattr(config, name) != getattr(PrepareConfig, name):
            raise UserError(f"{name} is for street scenes; leave it out, or name them with --dataset.")
    if config.download == bool(config.source):
        raise UserError(
            "Name the folder that holds the GTSRB archives with `--source FOLDER`, "
            "or have them downloaded with `--download true`" + ("; not both." if config.source else ".")
        )
    if is_drawn(config.source) and config.output == OUTPUT:
        raise UserError("drawn signs must not be taken for real ones: give them an `--output` of their own.")
    if config.download_from and not config.download:
        raise UserError("download_from is an address; add `--download true` or leave it out.")
    try:
        urllib.parse.urlsplit(config.download_from).port  # noqa: B018  reading it checks it
        config.download_from.encode("ascii")
    except ValueError:
        raise UserError(
            f"download_from {config.download_from!r} is no http address (special characters are written %XX)."
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


def is_written(path: Path, signs: LabelledImages) -> bool:
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
