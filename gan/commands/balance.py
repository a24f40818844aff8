"""Fill up the classes that have few images with generated ones, and write the balanced data set."""

import dataclasses
import os
import shlex
import time
from pathlib import Path

from gan.config import Config, option, run, seed_option
from gan.data.signs import CLASSES, NAMES
from gan.errors import UserError
from gan.invocation import command, start

PICTURE_BYTES = 20_000_000  # of sheets and report on the disk


@dataclasses.dataclass(frozen=True)
class BalanceConfig(Config):
    """Fill up the classes of a data set with generated images."""

    goodrun_ref: str = option(
        "pretrained",
        "run to generate from: pretrained, run id, run id/iteration, iteration, models:/NAME@ALIAS, folder",
    )
    target: str = option(
        "largest",
        "images of a class: `largest` (as the largest class has), a number, or a factor like 1.5x",
        pattern=r"largest|[1-9][0-9]{0,6}|(?!0*[01](\.0*)?x|0+\.)[0-9]{1,4}(\.[0-9]{1,4})?x",
        wanted="`largest` (as many images as the largest class), a number from 1 to 9999999, or a factor above 1 "
        "like 1.5x (of what a class has)",
    )
    classes: str = option("all", "classes to fill up: `all` that have too few, or class ids like 0,19,37")
    source: str = option(
        "traffic-signs-data", "data to fill up: folder with train.p, one such file, class folders 0-42, or `drawn`"
    )
    output: str = option("traffic-signs-balanced", "new folder for the balanced data; `data` understands it")
    seed: int = seed_option("of the latents, 0 or more; the same seed gives the same bytes")
    quality: float = option(
        0.5,
        "probability, 0 to below 1, that a classifier must give the class of an image; 0 keeps all, copies too",
        ge=0, lt=1,
    )  # fmt: skip
    folders: bool = option(False, "also write all images as PNGs, in a folder for each class")
    judge_iterations: int = option(
        2_000, "training of the classifier that sorts, if the archive has none yet", ge=1, le=1_000_000
    )

    def __post_init__(self):
        super().__post_init__()
        parse_classes(self.classes)


def parse_classes(text: str) -> list[int]:
    """A `classes` parameter: `all`, or class ids with commas between; ids in ascending order.

    Raises:
        UserError: anything else.
    """
    if text == "all":
        return list(range(CLASSES))
    parts = [part.strip() for part in text.split(",")]
    if not all(part in map(str, range(CLASSES)) for part in parts) or len(set(parts)) != len(parts):
        raise UserError(
            f"classes is `all` or GTSRB class ids from 0 to {CLASSES - 1}, each once, with commas between, "
            f"not {text!r}."
        )
    return sorted(map(int, parts))


def main(config: BalanceConfig) -> None:
    """What is lacking -> generate and filter -> write -> archive."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.data.pickles import MAX_BYTES
    from gan.dcgan import balance_files, balance_report
    from gan.dcgan.balance import COPY, LIMIT, arrays, pickled_size, wanted
    from gan.files import fill_folder, made_before, require_writable, room, unfinished, write_manifest

    goodrun = restored(config)
    source = balance_files.open_source(config.source)
    real = source.train
    lacking = wanted(real.counts(), config.target, parse_classes(config.classes))
    if not lacking.any():
        raise UserError(
            f"there is nothing to add: with target={config.target} and classes={config.classes} no class "
            "that has real images has too few; give a larger target."
        )
    origin = balance_files.origin(source, goodrun, dataclasses.asdict(config))
    output = Path(os.path.realpath(config.output))
    data_file, next_step = output / balance_files.BALANCED, after(config)
    if made_before(output, balance_files.MANIFEST, origin):
        print(f"{data_file} is as this command makes it; nothing was changed.\n{next_step}")
        return
    count = len(real) + int(lacking.sum())
    size = pickled_size(real.images, count)
    if size > 0.95 * MAX_BYTES:
        raise UserError(
            f"{count:,} images make a file of about {size / 1e6:,.0f} MB, and up to {MAX_BYTES / 1e6:,.0f} MB are "
            "read again; give a smaller target or fewer classes."
        )
    require_writable(room(output), 2 * size + PICTURE_BYTES + balance_files.PNG_BYTES * count * config.folders)

    generated, counts, judge = generate(config, goodrun, source, lacking)
    notes = balance_report.notes(counts, goodrun, source)
    data = arrays(real, generated, counts, goodrun.run_id)
    command_line = repeated(config, goodrun)
    with unfinished(output) as part:
        balance_files.write_data(part, source, data, config.folders)
        title = f"{source.name}, balanced to {config.target}"
        files = balance_report.write(part, title, real, generated, counts, notes, command_line)
        files.append(part / balance_files.MANIFEST)
        contents = {
            "command": command_line, "notes": notes, "keys": balance_files.KEYS,
            "rules": {"copies": f"nearer than {COPY}", "given_up": f"fewer than one in {LIMIT} kept"},
            "classes": {str(count.class_id): {"name": NAMES[count.class_id], **count.row()} for count in counts},
        }  # fmt: skip
        write_manifest(files[-1], origin, contents)
        with archive.archived_run("balance", f"balance {source.name} to {config.target}", config) as archived:
            archived.data(source.name, real.digest(), "balancing")
            archived.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}", "command": command_line})
            archived.tags({"judge": judge.run_id} if judge else {})
            archived.metrics(balance_report.metrics(counts), 0)
            for file in files:
                archived.file(file)
            fill_folder(part, output)
    print("\n".join([balance_report.table_text(counts), *notes]))
    print(f"{data_file}: {len(data['labels']):,} images; report: {output / 'report.html'}")
    print(f"{next_step}\nbrowse: {archive.browse_hint(archived.id)}")


def generate(config: BalanceConfig, goodrun, source, lacking):
    """The generated images, their counts, and the classifier that filtered them, if one did."""
    from gan.dcgan import balance
    from gan.dcgan.generator import Generator
    from gan.dcgan.judge import judge_of
    from gan.dcgan.learned import require_learned
    from gan.progress import say
    from gan.training.devices import make_deterministic

    make_deterministic()
    generator = Generator(goodrun)
    require_learned(goodrun, generator, source)
    judge = judge_of(source, config.judge_iterations, say) if config.quality else None
    if config.quality and judge is None:
        raise UserError(
            "quality needs a classifier of the source, and there is none; give quality=0 to keep all images."
        )
    keep = balance.Filter(judge, config.quality, source.train)
    began = time.perf_counter()
    generated, counts = balance.generate(generator.images, keep, lacking, source.train.counts(), config.seed)
    drawn = sum(count.drawn for count in counts)
    what = "generated" if judge is None else "generated and sorted"
    say(f"{drawn:,} images {what}, {drawn / (time.perf_counter() - began):,.0f} a second")
    return generated, counts, judge


def restored(config: BalanceConfig):
    """The good run: of all classes, or of the one class that is to be filled up."""
    from gan import archive

    class_ids = parse_classes(config.classes)
    class_val = str(class_ids[0]) if len(class_ids) == 1 else "all"
    try:
        return archive.resolve(config.goodrun_ref, "dcgan", class_val, one_of_all=True)
    except UserError as error:  # it speaks of the parameter that trains
        raise UserError(str(error).replace("give class_val=", "give classes=")) from None


def repeated(config: BalanceConfig, goodrun) -> str:
    """The command line that makes the same data again, with a reference that will always name the same run."""
    stays = config.goodrun_ref == BalanceConfig.goodrun_ref or Path(config.goodrun_ref).is_dir()
    reference = config.goodrun_ref if stays else f"{goodrun.run_id}/{goodrun.iteration}"
    return command("gan.commands.balance", dataclasses.replace(config, goodrun_ref=reference))


def after(config: BalanceConfig) -> str:
    """What to do with the balanced data."""
    from gan.data.sets import is_drawn

    lines = [f"Next: train with `--data {shlex.quote(config.output)}`"]
    if is_drawn(config.source) or (Path(config.source) / "train.p").is_file():  # what study opens
        lines[0] += ", or measure whether generated images help:"
        lines.append(f"  {start('gan.commands.study')} --data {shlex.quote(config.source)}")
    return "\n".join(lines)


if __name__ == "__main__":
    run(BalanceConfig, main)
