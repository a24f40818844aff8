"""Measure whether generated images help, against everything that people do without them."""

import dataclasses
import functools
import importlib
import itertools
import os
from pathlib import Path

from gan.config import (
    MOST_ITERATIONS,
    PRECISIONS,
    READING,
    Config,
    cluster_option,
    option,
    reading_option,
    require,
    run,
)
from gan.data.class_folders import Reading
from gan.data.sets import is_own, reading_of
from gan.errors import UserError
from gan.files import require_writable
from gan.invocation import command
from gan.processes import GPU_MEMORY
from gan.progress import say
from gan.signals import stop_status
from gan.study import scenes_arms, signs_arms
from gan.study.grid import Stopped, Store, conduct, plain, require_own

TASKS = {"signs": "gan.study.signs", "scenes": "gan.study.scenes"}  # modules with `prepare`
ARMS = {"signs": signs_arms, "scenes": scenes_arms}
# What is meant where an option is left open, and which options are of one task only.
LEFT_OPEN = {
    "signs": {"data": "traffic-signs-data", "regimes": "2,0", "steps": 1_500, "seeds": 5, "gan_iterations": 8_000},
    "scenes": {"data": "dataset", "regimes": "full", "steps": 2_000, "seeds": 5, "gan_iterations": 8_000},
}
# The same for images of the user's own: less than an hour, and the report says how small an effect could be seen.
LEFT_OPEN_OWN = {"regimes": signs_arms.FULL, "steps": 600, "seeds": 3, "gan_iterations": 2_500}
OWN = {
    "signs": ("batch_size", "draws", "first_draw", "primary", "policy", "quality", *READING),
    "scenes": ("count", "folds"),
}
# Of disk, about: what a study always writes, and besides for each generator of signs its data, images and weights.
STATE_BYTES, GENERATOR_BYTES = 300_000_000, 400_000_000


@dataclasses.dataclass(frozen=True)
class StudyConfig(Config):
    """Train the same network on many kinds of training data, and compare what it recognises."""

    task: str = option("signs", "signs: a classifier of traffic signs; scenes: a segmenter of streets", tuple(TASKS))
    data: str = option(
        "",
        "signs: folder with train.p and test.p, or your own images, traffic-signs-data if empty; scenes: folder of "
        "scenes that `prepare` wrote, dataset if empty; either: `drawn` (`drawn:20000`) for what is drawn here",
    )
    image_size: int | None = option(
        None,
        "own images: width and height, 32, 64, 128 or 256; by default what is nearest, at most 64: the classifier "
        "averages larger ones",
    )
    fit: str = reading_option("fit")
    groups: str = reading_option("groups")
    mirror: str = reading_option("mirror")
    turned: bool = reading_option("turned")
    skip_damaged: bool = reading_option("skip_damaged")
    regimes: str = option(
        "",
        "signs: full, and numbers of tracks that the rare classes are cut to, 0 for none; if empty 2,0, of your own "
        "images full; scenes: full",
    )
    arms: str = option(
        "",
        "signs: some of real, classical, adjusted, retrained, and of drawn, pasted, generated, painted, with + "
        "between several and the percentage of a rare class behind a colon (drawn+painted:50); scenes: some of real, "
        "classical, generated-25, both-25, pasted-25 (any percentage of pairs); if empty those that answer the "
        "question",
    )
    seeds: int | None = option(
        None,
        "repetitions of every arm in every regime; three or more prove something; by default 5, of your own images 3",
        ge=1, le=100,
    )  # fmt: skip
    steps: int | None = option(
        None,
        "updates of the network, the same in every arm; by default 1500 of signs, 600 of your own images, 2000 of "
        "scenes",
        ge=1, le=1_000_000,
    )  # fmt: skip
    batch_size: int = option(128, "signs: images an update; of scenes it is always 8", ge=2, le=4096)
    goodrun_ref: str = option(
        "", "signs: run of all classes that generates in the regime `full`, trained here if empty; scenes: the run"
    )
    gan_iterations: int | None = option(
        None,
        "training of a generator: one for every regime of signs that is given none, or for every fold of scenes; by "
        "default 8000, of your own images 2500",
        ge=1, le=MOST_ITERATIONS,
    )  # fmt: skip
    draws: int = option(0, "signs: choices of tracks, taken in turns; 0: one for every seed", ge=0, le=100)
    first_draw: int = option(
        0, "signs: number of the first choice: pilots take others than what they decide", ge=0,
        le=1_000_000,
    )  # fmt: skip
    primary: str = option(
        "", "signs: the comparison that decides, as `painted,drawn`: an arm with generated images and one without; "
        "if empty the best of either kind, chosen by the held-out part", pattern=r"|[^,]+,[^,]+",
        wanted="two arms with a comma between them",
    )  # fmt: skip
    policy: str = option("strong", "signs: how images are varied; wide: light further", ("mild", "strong", "wide"))
    quality: float = option(
        0.5, "signs: probability of the wanted class from which a generated image is taken; 0: take all",
        ge=0, lt=1,
    )  # fmt: skip
    folds: int = option(
        0,
        "scenes: parts of all scenes that are tested in turn, each with generators of its own; 0: the test part is "
        "tested, and goodrun_ref generates",
        ge=0, le=20,
    )  # fmt: skip
    count: int = option(600, "scenes: generated pairs to choose from, made once", ge=1, le=10_000)
    precision: str = option(
        "float32", "of all that is trained: float32, or bfloat16 where that is faster", tuple(PRECISIONS)
    )
    workers: int = option(1, "processes that share the cores", ge=1, le=64)
    cluster: str = cluster_option()
    output: str = option("", "folder for results and finished experiments; images/study/<task> if empty")

    def __post_init__(self):
        super().__post_init__()
        for field in dataclasses.fields(self):
            owner = next((task for task, names in OWN.items() if field.name in names), self.task)
            if owner != self.task and getattr(self, field.name) != field.default:
                raise UserError(f"{field.name} is an option of task={owner}; leave it out of task={self.task}.")
        if self.arms or self.task == "scenes":
            ARMS[self.task].parse_arms(self.arms)
        regimes = ARMS[self.task].parse_regimes(self.regimes or LEFT_OPEN[self.task]["regimes"])
        most = self.seeds or meant(self)["seeds"]
        for name in ("draws", "folds"):
            require(getattr(self, name) <= most, name, f"from 0 to seeds ({most})", getattr(self, name))
        if self.folds == 1:
            raise UserError("folds is 0, or 2 and more: what is tested in turn must be learned in turn.")
        if self.folds and self.goodrun_ref:
            raise UserError(
                "folds trains generators of its own, which have not learned what is tested; leave out goodrun_ref."
            )
        self._check_primary()
        if self.task == "signs" and self.goodrun_ref and self.regimes and signs_arms.FULL not in regimes:
            raise UserError("goodrun_ref generates in the regime full only; leave it out, or add full to regimes.")

    def _check_primary(self) -> None:
        if self.primary:
            named = signs_arms.parse_arms(self.arms or signs_arms.SIGN_ARMS)
            arms = {arm.name: arm.generated for arm in named}
            first, second = self.primary.split(",")
            fits = arms.get(first) is True and arms.get(second) is False
            require(fits, "primary", "an arm of `arms` with generated images, a comma, and one without", self.primary)


def main(config: StudyConfig) -> int:
    """Generators -> experiments -> table, charts, report -> archive; the exit status of the program."""
    os.environ.setdefault(GPU_MEMORY, "true")  # this process generates, and leaves memory to those that train
    folder = Path(config.output or f"images/study/{config.task}").resolve()
    require_own(folder)
    whole = settled(config)
    require_writable(folder, STATE_BYTES + generators(whole) * GENERATOR_BYTES)
    try:
        study(whole, folder)
    except (KeyboardInterrupt, Stopped) as stop:
        say(f"finished experiments are kept in {folder}; go on with\n  {command('gan.commands.study', config)}")
        return stop.args[0] if isinstance(stop, Stopped) else stop_status()
    return 0


def generators(config: StudyConfig) -> int:
    """How many generators of signs a study has."""
    if config.task != "signs":
        return 0
    used = {source for arm in signs_arms.parse_arms(config.arms or "generated") for source in arm.sources}
    of_classes = len(signs_arms.parse_regimes(config.regimes)) * (config.draws or config.seeds)
    return of_classes * (signs_arms.GENERATED in used) + (signs_arms.PAINTED in used)


def has_own(config: StudyConfig) -> bool:
    """Whether it is about images of the user's own."""
    return config.task == "signs" and is_own(Path(config.data or LEFT_OPEN["signs"]["data"]))


def meant(config: StudyConfig) -> dict:
    """What is meant where options are left open."""
    return LEFT_OPEN[config.task] | (LEFT_OPEN_OWN if has_own(config) else {})


def settled(config: StudyConfig) -> StudyConfig:
    """The same with what is left open as it is meant."""
    read = read_as_learned(config) if has_own(config) else config
    return dataclasses.replace(
        read, **{name: value for name, value in meant(config).items() if not getattr(read, name)}
    )


def read_as_learned(config: StudyConfig) -> StudyConfig:
    """The same that reads own images as its good run did, but for options that are given."""
    from gan import archive

    try:
        info = archive.resolve(config.goodrun_ref, "dcgan", "all").info if config.goodrun_ref else None
    except UserError:  # it is said where the run is opened
        info = None
    if info is None:
        return config
    learned = reading_of(info).options()
    left_open = [name for name, (default, *_) in READING.items() if getattr(config, name) == default]
    return dataclasses.replace(config, **{name: learned[name] for name in left_open})


def study(config: StudyConfig, folder: Path) -> None:
    """Run what is missing of a study and show its results."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.study import report
    from gan.study.results import Results

    prepare = importlib.import_module(TASKS[config.task]).prepare
    train = train_generator if config.task == "signs" else train_scenes
    experiment, build = prepare(config, folder, functools.partial(train, config), say)
    design, store = experiment.design, Store(folder, experiment)
    name = f"study {config.task} {config.data}"
    say(
        f"{name}: {len(design.regimes)} regimes x {len(design.arms)} arms x {design.seeds} seeds, "
        f"{config.steps} steps each"
    )
    with archive.archived_run("study", name, config) as run:
        try:
            cells = conduct(experiment, build, store, config.workers, config.cluster)
            results = Results(design, cells, experiment.answers(store.arrays))
        except KeyboardInterrupt:
            run.finish("KILLED")
            raise
        for path in report.write(results, experiment, folder, store.notes()):
            run.file(path)
        run.metrics(results.summary(), 0)
        run.table("results.json", results.rows.to_dict("list"))
        for regime, arm in itertools.product(design.regimes, design.arms):
            archive.log_child(run, f"{arm}, {regime}", {"regime": regime, "arm": arm}, results.values(regime, arm))
        sentences = {regime: results.sentence(regime) for regime in design.regimes}
        run.tags({f"result.{plain(regime)}": sentence for regime, sentence in sentences.items()})
        run.describe("\n\n".join(f"**{words}.** {sentences[regime]}" for regime, words in design.regimes.items()))
    say(f"report: {folder / 'report.html'}\nbrowse: {archive.browse_hint(run.id)}\n\n{report.text(results)}")


def train_generator(
    config: StudyConfig,
    data: str,
    reading: Reading,
    seed: int,
    goodrun_ref: str,
    pictograms: bool,
    use_held_out: bool,
) -> tuple[str, int]:
    """Train a generator of all classes as `train_dcgan.py` does; its run id, and the exit status."""
    import train_dcgan
    from gan import archive

    chosen = train_dcgan.TrainConfig(
        class_val="all", data=data, iterations=config.gan_iterations, seed=seed, use_held_out=use_held_out,
        precision=config.precision, pictograms=pictograms, goodrun_ref=goodrun_ref, keep_checkpoints=0,
        sample_interval=max(1, config.gan_iterations // 8), judge_iterations=0, **reading.options(),
    )  # fmt: skip
    with archive.opened_set_aside():  # the run that `mlflow run` has opened is the study's
        return train_dcgan.train(chosen)


def train_scenes(
    config: StudyConfig, data: str, preset: str, size: tuple[int, int], seed: int, goodrun_ref: str
) -> tuple[str, int]:
    """Train a generator of scenes as `train_pix2pix.py` does; its run id, and the exit status."""
    import train_pix2pix
    from gan import archive

    width, height = (None, None) if preset == "objects" else size
    chosen = train_pix2pix.TrainConfig(
        preset=preset, data=data, iterations=config.gan_iterations, goodrun_ref=goodrun_ref, width=width,
        height=height, seed=seed, precision=config.precision, sample_interval=max(1, config.gan_iterations // 8),
        checkpoint_interval=max(1, config.gan_iterations // 8), keep_checkpoints=0, segmenter_iterations=0,
    )  # fmt: skip
    with archive.opened_set_aside():
        return train_pix2pix.train(chosen)


if __name__ == "__main__":
    run(StudyConfig, main)
