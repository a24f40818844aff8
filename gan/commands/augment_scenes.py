"""New labelled pairs of street scenes from a good run: label maps with more of the rare classes, and photos of them.

uv run python -m gan.commands.augment_scenes --goodrun_ref RUN --count 500
"""

import dataclasses
import os
from pathlib import Path

from gan.config import Config, option, run, seed_option
from gan.errors import UserError

PIXEL_BYTES = 4  # of a generated pair on the disk, at most, for each of its pixels


@dataclasses.dataclass(frozen=True)
class AugmentConfig(Config):
    """Generate labelled pairs of street scenes that show more of the rare classes."""

    goodrun_ref: str = option(
        "", "run to generate from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder"
    )
    data: str = option("", "folder of prepared scenes, or drawn; by default the data of the run")
    count: int = option(500, "pairs to keep", ge=1, le=100_000)
    classes: str = option("", "classes to put in, names or ids with commas between; by default the rare ones")
    seed: int = seed_option("of the label maps, 0 or more; the same run, data and seed give the same bytes")
    agreement: str = option(
        "auto",
        "share of each class, 0-1, that the segmenter has to find; auto: by class, from real photos",
        pattern=r"auto|0|1|1?\.0{1,6}|0?\.\d{1,6}",
        wanted="auto or a number from 0 to 1",
    )
    segmenter_iterations: int = option(
        2_000, "training of the segmenter, if the archive has none yet", ge=1, le=1_000_000
    )
    with_real: bool = option(False, "the real training pairs too, beside the generated ones")
    zipped: bool = option(False, "a zip of each part besides")
    output: str = option("", "folder to write to; by default one under images/augment_scenes, named after the run")


def main(config: AugmentConfig) -> None:
    """Restore -> edit label maps -> generate photos -> filter -> write -> archive."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.files import made_before, require_writable, room, unfinished
    from gan.pix2pix.augment import parse_classes
    from gan.pix2pix.augment_files import MANIFEST
    from gan.pix2pix.augment_models import restore

    good = restore(config.goodrun_ref, config.data)
    scenes, goodrun, (width, height) = good.scenes, good.goodrun, good.size
    classes = parse_classes(config.classes, scenes.palette)
    origin = good.origin() | {
        "classes": list(classes),
        **{name: getattr(config, name) for name in ("count", "seed", "agreement", "with_real", "zipped")},
        "segmenter_iterations": config.segmenter_iterations,
    }
    name = f"{goodrun.run_id[:8]}-{goodrun.iteration:06d}-seed{config.seed}-n{config.count}"
    output = Path(os.path.realpath(config.output or Path("images/augment_scenes") / name))
    if made_before(output, MANIFEST, origin):
        print(f"{output} holds these very pairs already.")
        return
    real = len(scenes.validation) + len(scenes.test) + config.with_real * len(scenes.training)
    twice = 2 if config.zipped else 1
    require_writable(room(output), twice * (config.count + real) * width * height * PIXEL_BYTES)

    from gan.files import fill_folder
    from gan.pix2pix.augment_files import Shelf, write_manifest
    from gan.pix2pix.augment_generation import make
    from gan.pix2pix.augment_report import summary
    from gan.training.devices import make_deterministic
    from gan.training.run import say

    make_deterministic()
    with unfinished(output) as part:
        shelf = Shelf(part.with_name(f"{part.name}.shelf"), scenes, config.seed, good.traits())
        made = make(
            good, classes, config.count, config.seed, config.agreement, config.segmenter_iterations, say, shelf.add
        )
        keep, usual, tally, gallery = made.keep, made.usual, made.tally, made.gallery
        if not tally.kept:
            raise UserError(
                f"of {tally.tries} tries no pair agreed with its label map enough to be kept; use a good run that "
                f"was trained longer, or ask for less with --agreement (it is {config.agreement})."
            )
        words = f"Generated from iteration {goodrun.iteration} of run {goodrun.run_id}, seed {config.seed}"
        shelf.write(part, {"source": words}, (width, height), config.with_real, config.zipped)
        gallery.write(part, f"{words}; label maps made from the training part of {scenes.name}.", keep, usual, tally)
        write_manifest(part, origin, keep, usual, tally, shelf.entries)
        with archive.archived_run("augment_scenes", f"augment_scenes {name}", config) as opened:
            opened.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}"})
            opened.data(scenes.name, scenes.training.digest(), "augmentation")
            opened.metrics(tally.numbers() | {"agreement": gallery.agreement, "kept_of_real": usual.kept}, 0)
            opened.image("samples/contact-sheet", gallery.sheet(), 0)
            for file in ("contact-sheet.png", "report.html", "manifest.json", "palette.json"):
                opened.file(part / file)
            fill_folder(part, output)
    say(summary(tally, usual))
    if tally.kept < config.count:
        say(f"{config.count} were asked for: after {tally.tries} tries, the most there are, it was given up.")
    print(f"pairs: {output}\nreport: {output / 'report.html'}\nbrowse: {archive.browse_hint(opened.id)}")


if __name__ == "__main__":
    run(AugmentConfig, main)
