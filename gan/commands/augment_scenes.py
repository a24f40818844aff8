"""New labelled pairs of street scenes from a good run: label maps with more of the rare classes, and photos of them.

uv run python -m gan.commands.augment_scenes --goodrun_ref RUN --count 500
"""

import dataclasses
import os
from pathlib import Path

from gan.config import Config, option, run, seed_option
from gan.errors import UserError

# What decides the bytes of the pairs, besides run, data and classes.
DECIDING = (
    "count", "seed", "agreement", "with_real", "zipped", "segmenter_iterations", "previews", "original_size", "photo",
)  # fmt: skip
PIXEL_BYTES = 5  # of a generated pair on the disk, at most, for each of its pixels


@dataclasses.dataclass(frozen=True)
class AugmentConfig(Config):
    """Generate labelled pairs of street scenes that show more of the rare classes."""

    goodrun_ref: str = option(
        "",
        "run to generate from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder; none is needed for "
        "photo=paste with data",
    )
    data: str = option("", "folder of prepared scenes, or drawn; by default the data of the run")
    photo: str = option(
        "auto",
        "generate: by the run; inpaint: the real photo, what is put in is painted by a run of preset objects; paste: "
        "the real photo, what is put in keeps its pixels; auto: what the run does",
        ("auto", "generate", "inpaint", "paste"),
    )
    light: str = option(
        "", "folder of photos, which need no label maps: each new pair is moved into the light of one, as of dusk; "
        "by default photos keep their own",
    )  # fmt: skip
    count: int = option(500, "pairs to keep", ge=1, le=100_000)
    classes: str = option("", "classes to put in, names or ids with commas between; by default the rare ones")
    seed: int = seed_option("of the label maps, 0 or more; the same run, data and seed give the same bytes")
    agreement: str = option(
        "auto",
        "share of each class, 0-1, that the segmenter has to find; auto: by class, from real photos; none: all pairs",
        pattern=r"auto|none|0|1|1?\.0{1,6}|0?\.\d{1,6}",
        wanted="auto, none or a number from 0 to 1",
    )
    segmenter_iterations: int = option(
        2_000, "training of the segmenter, if the archive has none yet", ge=1, le=1_000_000
    )
    previews: bool = option(True, "the new label maps in their colours, too: ids are nearly black in a viewer")
    original_size: bool = option(
        False, "pairs enlarged to the size of the scenes that they are made from, with finer label maps"
    )
    with_real: bool = option(False, "the real training pairs too, beside the generated ones")
    zipped: bool = option(False, "a zip of each part besides")
    output: str = option("", "folder to write to; by default one under images/augment_scenes, named after the run")


def main(config: AugmentConfig) -> None:
    """Restore -> edit label maps -> generate photos -> filter -> write -> archive."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.files import fill_folder, made_before, require_writable, room, unfinished, write_manifest
    from gan.pix2pix.augment import Counts, PairGenerator
    from gan.pix2pix.augment_files import MANIFEST, PairWriter, manifest
    from gan.pix2pix.augment_report import Gallery, summary, thrown_text
    from gan.pix2pix.cutouts import parse_classes
    from gan.pix2pix.lights import Lights
    from gan.progress import say
    from gan.training.devices import make_deterministic

    good = opened(config)
    config = dataclasses.replace(config, photo=good.way(config.photo))
    scenes, goodrun = good.scenes, good.goodrun
    classes = parse_classes(config.classes, scenes.palette)
    lights = Lights.of_folder(config.light) if config.light else None
    origin = good.origin() | {"classes": list(classes), **{name: getattr(config, name) for name in DECIDING}}
    origin |= {"light": lights.digest()} if lights else {}
    run = f"{goodrun.run_id[:8]}-{goodrun.iteration:06d}" if goodrun else "pasted"
    name = f"{run}-seed{config.seed}-n{config.count}" + (f"-light-{lights.digest()[:8]}" if lights else "")
    output = Path(os.path.realpath(config.output or Path("images/augment_scenes") / name))
    if made_before(output, MANIFEST, origin):
        print(f"{output} holds these very pairs already.")
        return
    size = None if config.original_size else good.size
    require_writable(room(output), disk_bytes(config, scenes, size))

    make_deterministic()
    with unfinished(output) as part:
        generator = PairGenerator.restored(
            good, classes, config.seed, config.agreement, config.segmenter_iterations, say, bool(config.classes),
            config.photo, lights,
        )  # fmt: skip
        fine = generator.fine if config.original_size else None
        writer = PairWriter(part.with_name(f"{part.name}.pairs"), scenes, config.seed, good.traits(), fine)
        gallery, counts = Gallery(generator.pool), Counts()
        for pair in generator.pairs(config.count, counts):
            gallery.add(pair)
            if pair.check.passed:
                writer.add(pair)
        say(thrown_text(counts, generator.keep))
        if not counts.kept:
            raise UserError(
                f"of {counts.tries} tries no pair agreed with its label map enough to be kept; use a good run that "
                f"was trained longer, or ask for less with --agreement (it is {config.agreement})."
            )
        lit = f", in the light of {len(lights.names)} photos of {config.light}" if lights else ""
        text = f"{good.made_by(config.photo)}{lit}, seed {config.seed}"
        writer.write(part, {"source": text}, size, config.with_real, config.zipped, config.previews)
        gallery.write(part, f"{text}; label maps made from the training part of {scenes.name}.", generator, counts)
        write_manifest(part / MANIFEST, origin, manifest(generator, counts, writer.entries))
        shares = {"agreement": gallery.agreement, "kept_of_real": generator.keep.real_kept}
        with archive.archived_run("augment_scenes", f"augment_scenes {name}", config) as archived:
            log(archived, good, counts.numbers() | shares, gallery.sheet(), part)
            fill_folder(part, output)
    say(summary(counts, generator.keep))
    if counts.kept < config.count:
        say(f"{config.count} were asked for: after {counts.tries} tries, the most there are, it was given up.")
    print(f"pairs: {output}\nreport: {output / 'report.html'}\nbrowse: {archive.browse_hint(archived.id)}")


def opened(config: AugmentConfig):
    """The good run and its data; the data alone where objects are pasted and no run is named."""
    from gan.data.scenes import open_scenes
    from gan.pix2pix.restored import Restored, restore

    if config.photo == "paste" and config.data and not config.goodrun_ref:
        return Restored(None, None, open_scenes(config.data))
    return restore(config.goodrun_ref, config.data)


def disk_bytes(config: AugmentConfig, scenes, size: tuple[int, int] | None) -> int:
    """Room that pairs of a size, or each of that of its scene, take on the disk while they are written, at most."""
    real = len(scenes.validation) + len(scenes.test) + config.with_real * len(scenes.training)
    scenes_on_disk = config.count + (1 + config.zipped) * (config.count + real)
    width, height = size or scenes.training.scene(0).size
    return scenes_on_disk * width * height * PIXEL_BYTES


def log(archived, good, numbers, sheet, folder: Path) -> None:
    """Log the good run and its data, numbers, the contact sheet, and what was written besides the pairs."""
    archived.tags({"goodrun": f"{good.goodrun.run_id}/{good.goodrun.iteration}"} if good.goodrun else {})
    archived.data(good.scenes.name, good.scenes.training.digest(), "augmentation")
    archived.metrics(numbers, 0)
    archived.image("samples/contact-sheet", sheet, 0)
    for file in ("contact-sheet.png", "report.html", "manifest.json", "palette.json"):
        archived.file(folder / file)


if __name__ == "__main__":
    run(AugmentConfig, main)
