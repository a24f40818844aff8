"""Fill up the classes that have few images with generated ones, and write the balanced data set."""

import dataclasses
import os
import re
import shlex
import time
from pathlib import Path

from gan.config import Config, option, run, seed_option
from gan.data.labelled import ALL, Classes
from gan.errors import UserError
from gan.invocation import command, start

STUDIED = (
    "These are photos painted from pictograms: of all generated images, a classifier learned most of rare signs from "
    "them (docs/study.md). `--goodrun_ref pretrained` takes the generator that has learned the classes instead."
)
PICTURE_BYTES = 20_000_000  # of sheets and report on the disk


@dataclasses.dataclass(frozen=True)
class BalanceConfig(Config):
    """Fill up the classes of a data set with generated images."""

    goodrun_ref: str = option(
        "pictograms",
        "run to generate from: pictograms (traffic signs), pretrained, run id, run id/iteration, iteration, "
        "models:/NAME@ALIAS, folder",
    )
    target: str = option(
        "largest",
        "images of a class: `largest` (as the largest class has), a number, or a factor like 1.5x",
        pattern=r"largest|[1-9][0-9]{0,6}|(?!0*[01](\.0*)?x|0+\.)[0-9]{1,4}(\.[0-9]{1,4})?x",
        wanted="`largest` (as many images as the largest class), a number from 1 to 9999999, or a factor above 1 "
        "like 1.5x (of what a class has)",
    )
    classes: str = option("all", "classes to fill up: `all` that have too few, or some with commas between, as 0,19")
    source: str = option(
        "traffic-signs-data", "data to fill up: folder with train.p, one such file, class folders, or `drawn`"
    )
    output: str = option(
        "",
        "new folder for the balanced data; if empty, traffic-signs-balanced, or of your own images SOURCE-balanced",
    )
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


def parse_classes(text: str, classes: Classes) -> list[int]:
    """A `classes` parameter: `all`, or classes with commas between; class ids in ascending order.

    Raises:
        UserError: one is none of the classes, or there twice.
    """
    if text == ALL:
        return list(range(len(classes)))
    parts = [text] if text in classes.names else [part.strip() for part in text.split(",")]
    found = [None if part == ALL else classes.parse(part, "classes") for part in parts]
    if None in found or len(set(found)) != len(found):
        raise UserError(f"classes is `{ALL}`, or classes with commas between, each once, not {text!r}.")
    return sorted(found)


def main(config: BalanceConfig) -> None:
    """What is lacking -> generate and filter -> write -> archive."""
    config = dataclasses.replace(config, output=config.output or default_output(config.source))
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.dcgan import balance_files, balance_report
    from gan.dcgan.balance import COPY, LIMIT, wanted
    from gan.files import fill_folder, made_before, require_writable, room, unfinished, write_manifest

    goodrun = restored(config)
    source = balance_files.open_source(config.source, goodrun.info)
    real = source.train
    lacking = wanted(real.counts(), config.target, parse_classes(config.classes, source.classes))
    if not lacking.any():
        raise UserError(
            f"there is nothing to add: with target={config.target} and classes={config.classes} no class "
            "that has real images has too few; give a larger target."
        )
    origin = balance_files.origin(source, goodrun, dataclasses.asdict(config))
    output = Path(os.path.realpath(config.output))
    form = balance_files.form_of(source, config.folders)
    data, next_step = output / form.main, after(config, str(Path(config.output) / form.folder))
    if made_before(output, balance_files.MANIFEST, origin):
        print(f"{data} is as this command makes it; nothing was changed.\n{next_step}")
        return
    require_writable(room(output), form.bytes(int(lacking.sum())) + PICTURE_BYTES)

    generated, counts, judge = generate(config, goodrun, source, lacking)
    notes = balance_report.notes(counts, goodrun, source) + [STUDIED] * (config.goodrun_ref == archive.PICTOGRAMS)
    command_line = repeated(config, goodrun)
    with unfinished(output) as part:
        written = form.write(part, generated, counts, goodrun.run_id)
        title = f"{source.name}, balanced to {config.target}"
        files = balance_report.write(part, title, real, generated, counts, notes, command_line)
        files.append(part / balance_files.MANIFEST)
        contents = {
            "command": command_line, "notes": notes, **written,
            "rules": {"copies": f"nearer than {COPY}", "given_up": f"fewer than one in {LIMIT} kept"},
            "classes": {
                real.classes.keys[count.class_id]: {"name": real.classes.names[count.class_id], **count.row()}
                for count in counts
            },
        }  # fmt: skip
        write_manifest(files[-1], origin, contents)
        with archive.archived_run("balance", f"balance {source.name} to {config.target}", config) as archived:
            archived.data(source.name, real.digest(), "balancing")
            archived.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}", "command": command_line})
            archived.tags({"judge": judge.run_id} if judge else {})
            table = balance_report.table(counts)
            archived.metrics(table.sum().astype(float).to_dict(), 0)
            archived.table("classes.json", {"class": list(table.index)} | table.to_dict("list"))
            for label, row in table.astype(float).iterrows():
                archive.log_child(archived, f"class {label}", {"class": label}, {k: [v] for k, v in row.items()})
            lines = [f"{title}: from iteration {goodrun.iteration} of run {goodrun.run_id}.", *notes, next_step]
            archived.describe("\n\n".join(lines))
            for file in files:
                archived.file(file)
            fill_folder(part, output)
    print("\n".join([table.rename(columns=lambda name: name.replace("_", " ")).to_string(), *notes]))
    print(f"{data}: {len(real) + len(generated):,} images; report: {output / 'report.html'}")
    print(f"{next_step}\nbrowse: {archive.browse_hint(archived.id)}")


def default_output(source: str) -> str:
    """The folder beside a source that its balanced data go to."""
    from gan.data.sets import is_own

    path = Path(source).resolve()
    if not is_own(path):
        return "traffic-signs-balanced"
    return f"{path.stem if path.is_file() else path.name}-balanced"


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
    judge = judge_of(source.parts, config.judge_iterations, say) if config.quality else None
    if config.quality and judge is None:
        raise UserError(
            "quality needs a classifier of the source, and there is none; give quality=0 to keep all images."
        )
    keep = balance.Filter(judge, config.quality, source.train)
    began = time.perf_counter()
    generated, counts = balance.generate(generator.images, keep, lacking, source.train, config.seed)
    drawn = sum(count.drawn for count in counts)
    what = "generated" if judge is None else "generated and sorted"
    say(f"{drawn:,} images {what}, {drawn / (time.perf_counter() - began):,.0f} a second")
    return generated, counts, judge


def restored(config: BalanceConfig):
    """The good run: of all classes, or of the one class that is to be filled up."""
    from gan import archive

    class_val = ALL if "," in config.classes else config.classes
    try:
        return archive.resolve(config.goodrun_ref, "dcgan", class_val, one_of_all=True)
    except UserError as error:  # it speaks of the parameter that trains
        raise UserError(re.sub(r"class_val(?= is |=)", "classes", str(error))) from None


def repeated(config: BalanceConfig, goodrun) -> str:
    """The command line that makes the same data again, with a reference that will always name the same run."""
    stays = config.goodrun_ref == BalanceConfig.goodrun_ref or Path(config.goodrun_ref).is_dir()
    reference = config.goodrun_ref if stays else f"{goodrun.run_id}/{goodrun.iteration}"
    return command("gan.commands.balance", dataclasses.replace(config, goodrun_ref=reference))


def after(config: BalanceConfig, data: str) -> str:
    """What to do with the balanced data, which lie at `data`."""
    study = f"{start('gan.commands.study')} --data {shlex.quote(config.source)}"
    return f"Next: train with `--data {shlex.quote(data)}`, or measure whether generated images help:\n  {study}"


if __name__ == "__main__":
    run(BalanceConfig, main)
