"""Train a generator of images with a class: of one class, or of all in one class-conditional network."""

import dataclasses
import shlex
from pathlib import Path

from gan.config import (
    GOODRUN_HELP,
    ITERATIONS_HELP,
    MOST_ITERATIONS,
    Config,
    as_text,
    device_option,
    option,
    precision_option,
    reading_option,
    run,
    seed_option,
)
from gan.data.class_folders import Reading
from gan.data.labelled import ALL, Classes
from gan.errors import UserError

FEW, FEW_OF_A_CLASS = 500, 30  # images: fewer are worth a warning


@dataclasses.dataclass(frozen=True)
class TrainConfig(Config):
    """Train a generator of traffic signs, or of your own images, and keep it in the MLflow archive."""

    class_val: str = option("17", "class: its id or name (17 or `No entry`), or `all` for one generator of all")
    iterations: int = option(14_100, ITERATIONS_HELP, ge=1, le=MOST_ITERATIONS)
    goodrun_ref: str = option("", GOODRUN_HELP)
    data: str = option(
        "traffic-signs-data",
        "folder with train.p and test.p; your own images (a folder of each class, a zip, or a CSV); or `drawn` "
        "(`drawn:20000`) for signs drawn here",
    )
    image_size: int | None = reading_option("image_size")
    fit: str = reading_option("fit")
    groups: str = reading_option("groups")
    mirror: str = reading_option("mirror")
    turned: bool = reading_option("turned")
    skip_damaged: bool = reading_option("skip_damaged")
    use_test: bool = option(False, "learn the test part too; scores on it mean nothing then")
    pictograms: bool = option(
        False,
        "learn to paint pictograms of traffic signs as photos, also those of signs that it has no photo of (the "
        "command new_signs)",
    )
    use_held_out: bool = option(False, "learn the held-out tracks too; the scores compare with them no more then")
    batch_size: int = option(
        32, "real images an iteration, shared by all devices, and as many generated ones", ge=2, le=4096
    )
    generator_lr: float = option(8e-4, "step size of Adam for the generator, at the start", gt=0, lt=1)
    discriminator_lr: float = option(8e-4, "the same for the discriminator", gt=0, lt=1)
    seed: int = seed_option("of the first weights and of every draw, 0 or more")
    precision: str = precision_option()
    devices: str = device_option("devices")
    deterministic: bool | None = device_option("deterministic")
    jit_compile: bool = device_option("jit_compile")
    sample_interval: int = option(100, "iterations between two grids of samples", ge=1, le=MOST_ITERATIONS)
    checkpoint_interval: int = option(1_000, "iterations between two checkpoints", ge=1, le=MOST_ITERATIONS)
    keep_checkpoints: int = option(
        4, "checkpoints kept besides the latest and the best, spread over the run", ge=0, le=1000
    )
    log_model: bool = option(False, "MLflow serves the generator of every checkpoint, not of a promoted one only")
    judge_iterations: int = option(
        2_000, "training of the classifier that gives scores; 0: without its scores", ge=0, le=1_000_000
    )

    def __post_init__(self):
        super().__post_init__()
        if self.pictograms and self.class_val != ALL:
            raise UserError("pictograms=true needs class_val=all: it knows the drawing of every sign.")
        Reading.of(dataclasses.asdict(self))


def main(config: TrainConfig) -> int:
    """The exit status of `train`."""
    return train(config)[1]


def train(config: TrainConfig) -> tuple[str, int]:
    """Data -> networks -> training -> archive; the run id, and the exit status of the program."""
    from gan.invocation import start
    from gan.progress import say

    run, *words = prepared(config)  # which lets go of the data: what is learned is in the device's memory
    run_id, status = run.train(*words)
    if status == 0:
        class_val = shlex.quote(run.info.class_val)
        say(f"generate: {start('evaluate.py')} --class_val {class_val} --goodrun_ref {run_id}")
    return run_id, status


def prepared(config: TrainConfig):
    """Data -> networks: the run, its name, what it learns in words, and the pattern of its folder's name."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.checkpoints import CheckpointInfo
    from gan.data.sets import classes_of
    from gan.data.signs import GTSRB, storable
    from gan.files import require_writable
    from gan.progress import say

    reading = Reading.of(dataclasses.asdict(config))
    classes = classes_of(config.data, reading)
    class_id = classes.parse(config.class_val)
    config = dataclasses.replace(config, class_val=classes.key(class_id))  # runs are found again by it
    if config.pictograms and classes != GTSRB:
        raise UserError("pictograms are of GTSRB's classes; leave pictograms out with images of your own.")
    goodrun = archive.resolve(config.goodrun_ref, "dcgan", config.class_val)
    if goodrun:
        require_alike(goodrun.info.config, config)
        goodrun.require_more(config.iterations)
    parts, learned = read(config, classes, reading, goodrun)
    require_writable(Path("images/train").resolve())

    from gan.dcgan.gan import SignGan
    from gan.dcgan.judge import judge_of
    from gan.dcgan.poses import with_pictograms
    from gan.dcgan.scorer import RANKED_BY, checkpoint_scores
    from gan.training import distribution
    from gan.training.following import Following
    from gan.training.run import TrainingRun, restored_gan

    digest = learned.digest()
    config, replicas = distribution.start(config, 2, digest, goodrun)
    warn_of_few(learned.counts())
    network = network_of(config, len(classes) if class_id is None else 1, learned.size, goodrun)
    images = with_pictograms(learned) if config.pictograms else learned.images
    labels = learned.labels if class_id is None else learned.labels * 0
    rates = config.generator_lr, config.discriminator_lr
    precision, gan = restored_gan(
        config, goodrun, "dcgan", dataclasses.asdict(network),
        lambda tried: SignGan(network, images, labels, config.batch_size, rates, config.seed, tried),
        replicas,
    )  # fmt: skip
    known = CheckpointInfo.of_data(parts.name, digest, len(learned), goodrun and goodrun.info)
    known |= storable(classes)
    info = CheckpointInfo.of_run("dcgan", config, precision, dataclasses.asdict(network), known, goodrun)
    if not replicas.chief:
        return (Following(gan, info, config),)
    once = class_id is None and images is parts.learned.images and replicas.count == 1
    sampler = gan.drawn if once else None  # memory has the images once
    judge = judge_of(parts, config.judge_iterations, say, sampler) if config.judge_iterations else None
    score = checkpoint_scores(judge, parts, learned, class_id, lambda wanted: gan.images(wanted, "scores"))
    compared = {"held-out": parts.held_out, "test": parts.test}
    others = {name: (part.digest(), len(part)) for name, part in compared.items() if part is not None and len(part)}
    run = TrainingRun(gan, info, config, goodrun, score, RANKED_BY, others)
    name = f"dcgan class {config.class_val} {parts.name}"
    return run, name, f"{len(learned)} images", f"class-{classes.slug(class_id)}-{{}}"


def require_alike(before: dict, config: TrainConfig) -> None:
    """Make sure that the networks of a good run, by its parameters, are those of a training."""
    paints = before.get("pictograms", False)
    if paints != config.pictograms:
        raise UserError(f"the good run was trained with pictograms={as_text(paints)}; give the same.")


def network_of(config: TrainConfig, classes: int, size: int, goodrun):
    """The networks of a training; those of a good run keep their layout."""
    from gan.dcgan.gan import Network

    network = Network(classes, size=size, pictograms=config.pictograms)
    return dataclasses.replace(network, layout=Network.restored(goodrun.info.network).layout) if goodrun else network


def warn_of_few(counts) -> None:
    """Say that so few images, by class, are known by heart soon, if they are."""
    from gan.progress import say

    images, fewest = int(counts.sum()), int(counts[counts > 0].min())
    if images < FEW or fewest < FEW_OF_A_CLASS:
        say(
            f"warning: {images} images, {fewest} of the smallest class, are soon known by heart: look at "
            "nearest_real, c_t_pixels and the closest pairs of an evaluation before you use what is generated."
        )


def read(config: TrainConfig, classes: Classes, reading: Reading, goodrun):
    """The parts of the data set, and the images that a generator learns."""
    from gan.data.sets import open_images, select

    class_id = classes.parse(config.class_val)
    data = open_images(config.data, None if config.judge_iterations else class_id, reading, classes)
    if goodrun:
        from gan.dcgan.learned import require_same_classes

        require_same_classes(goodrun.info, data)
    learned = select(data, class_id, config.use_test, config.use_held_out, config.pictograms)
    return data.parts, learned


if __name__ == "__main__":
    run(TrainConfig, main)
