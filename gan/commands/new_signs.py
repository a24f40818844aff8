"""Photos of signs that nobody has photographed, of their pictograms."""

import dataclasses
import os
import zlib
from pathlib import Path

from gan.config import Config, option, run, seed_option
from gan.errors import UserError

MANIFEST = "new_signs.json"
SHEET = "contact-sheet.png"
SHOWN = 12  # photos of each pictogram on the contact sheet
MOST_PICTOGRAMS = 1_000
MOST_BYTES = 32_000_000  # of a pictogram's file
IMAGE_BYTES = 4_096  # of a photo's file, about


@dataclasses.dataclass(frozen=True)
class NewSignsConfig(Config):
    """Make photos of signs from their pictograms, without any photo of such a sign: a folder for each pictogram."""

    pictograms: str = option(
        "", "a PNG of a sign, or a folder of PNGs, transparent outside the sign; a file's name is the class",
        pattern=".+", wanted="a PNG of a sign, or a folder of such PNGs",
    )  # fmt: skip
    count: int = option(200, "photos of each pictogram", ge=1, le=1_000_000)
    goodrun_ref: str = option(
        "pictograms", "run trained with pictograms=true: run id, run id/iteration, folder, or `pictograms`, which "
        "comes with the project",
    )  # fmt: skip
    seed: int = seed_option("of noise and poses; the same pictograms and seed give the same bytes")
    output: str = option("new-signs", "folder to write to, new or empty")


def main(config: NewSignsConfig) -> None:
    """Pictograms -> generator -> class folders -> archive."""
    pictures = read(Path(config.pictograms).expanduser())

    from gan import archive
    from gan.files import fill_folder, made_before, require_writable, room, sha256, unfinished, write_manifest

    goodrun = archive.resolve(config.goodrun_ref, "dcgan", "all")
    output = Path(os.path.realpath(config.output))
    origin = {"run": goodrun.run_id, "iteration": goodrun.iteration, "seed": config.seed, "count": config.count,
              "pictograms": {name: sha256(path) for name, path in pictures.items()}}  # fmt: skip
    made_before(output, MANIFEST, origin)
    require_writable(room(output), len(pictures) * config.count * IMAGE_BYTES)

    from gan.dcgan.generator import Generator
    from gan.training.devices import make_deterministic

    make_deterministic()
    generator = Generator(goodrun)
    generator.require_pictograms()
    with unfinished(output) as part:
        painted = paint(generator, {name: opened(path) for name, path in pictures.items()}, config, part)
        painted.save(part / SHEET)
        write_manifest(part / MANIFEST, origin, {})
        with archive.archived_run(
            "new_signs", f"new signs {config.pictograms}", config, beside=goodrun.run_id
        ) as run:
            run.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}"})
            run.file(part / SHEET)
            fill_folder(part, output)
    print(
        f"{len(pictures)} signs, {config.count} photos of each: {output}\n"
        f"look at {output / SHEET} first: a symbol that is finer than a pixel of a small photo is lost\n"
        "use: each folder is a class of images, as `data` of train_dcgan.py, balance and study takes them\n"
        f"browse: {archive.browse_hint(run.id)}"
    )


def read(path: Path) -> dict[str, Path]:
    """The files of pictograms by the names of their classes, in order of the names.

    Raises:
        UserError: there are none, too many, or one can't be the name of a class.
    """
    from gan.data.labelled import is_file_name
    from gan.files import exists, is_folder

    if not exists(path):
        raise UserError(f"pictograms: there is no {path}; name a PNG of a sign, or a folder of such PNGs.")
    files = [path] if not is_folder(path) else sorted(path.iterdir())
    found = {file.stem: file for file in files if file.suffix.lower() == ".png" and file.is_file()}
    if not found:
        raise UserError(f"pictograms: {path} holds no PNG; give PNGs that are transparent outside the sign.")
    if len(found) > MOST_PICTOGRAMS:
        raise UserError(f"pictograms: {path} holds {len(found)} PNGs, and {MOST_PICTOGRAMS} are the most at a time.")
    if odd := [name for name in found if not is_file_name(name)]:
        raise UserError(f"pictograms: {odd[0]!r} can't be the name of a folder; rename that PNG.")
    return found


def opened(path: Path):
    """The picture of a pictogram, cut to the sign, as an RGBA square; a sign that is no square is squeezed to one.

    Raises:
        UserError: it is damaged, too large, or shows nothing.
    """
    from gan.data.untrusted_images import open_image
    from gan.files import read_small_file

    picture = open_image(read_small_file(path, MOST_BYTES), str(path), lambda image: image.convert("RGBA"), ("PNG",))
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 127)).getbbox()
    if box is None:
        raise UserError(f"{path} is transparent everywhere; a pictogram is a PNG that shows a sign.")
    return picture.crop(box).resize((256, 256))


def paint(generator, pictures: dict, config: NewSignsConfig, folder: Path):
    """Write the photos of each pictogram into a folder of its name; the contact sheet."""
    import numpy as np
    from PIL import Image

    from gan import pictures as sheets
    from gan.dcgan.image_files import to_folder, write_images
    from gan.dcgan.poses import FINE, textures
    from gan.progress import progress

    rows, size = [], generator.network.size
    with progress(len(pictures) * config.count, "painting signs", "image") as bar:
        for name, picture in pictures.items():
            (folder / name).mkdir()
            # Each sign in light and poses of its own, which other files in the folder do not change.
            seed = int(np.random.SeedSequence([config.seed, zlib.crc32(name.encode())]).generate_state(1)[0])
            batches = generator.photos(textures([picture], FINE * size)[0], config.count, seed, bar)
            shown = write_images(batches, to_folder(folder / name), SHOWN)
            on_white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            drawing = np.asarray(on_white.convert("RGB").resize((size, size), Image.Resampling.BOX))
            rows.append((name, drawing[None], shown))
    return sheets.class_strips(rows, ("", "photos of the pictogram"))


if __name__ == "__main__":
    run(NewSignsConfig, main)
