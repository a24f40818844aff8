"""Train a generator of street scenes with pix2pix: photos of label maps, or label maps of photos."""

import dataclasses
from pathlib import Path

from gan.config import (
    GOODRUN_HELP,
    ITERATIONS_HELP,
    MOST_ITERATIONS,
    Config,
    device_option,
    option,
    precision_option,
    run,
    seed_option,
)
from gan.errors import UserError

# Those of `gan.pix2pix.presets`, named here so that mistakes are answered at once.
PRESETS = ("small", "paper", "averaged", "spatial", "objects")
DIRECTIONS = ("labels_to_photo", "photo_to_labels")
OBJECTS = 64  # pixels: width and height of the windows of preset objects


@dataclasses.dataclass(frozen=True)
class TrainConfig(Config):
    """Train a generator of street scenes and keep it in the MLflow archive."""

    preset: str = option(
        "small",
        "design of networks and losses: small (half the channels of pix2pix, feature matching, the light of the "
        "photo enters), paper (pix2pix as published), averaged (the same, generating with the mean of its latest "
        "weights), spatial (led by the label map at every resolution), or objects (paints objects "
        "into photos, in windows around them)",
        PRESETS,
    )
    data: str = option(
        "dataset", "folder of scenes that `prepare` wrote, or `drawn` (`drawn:500`) for scenes drawn here"
    )
    iterations: int = option(20_000, ITERATIONS_HELP, ge=1, le=MOST_ITERATIONS)
    goodrun_ref: str = option("", GOODRUN_HELP)
    width: int | None = option(
        None, "of the pictures in pixels, a multiple of 32; by default 256, of objects 64", ge=64, le=1024,
        multiple_of=32,
    )  # fmt: skip
    height: int | None = option(
        None, "the same, by default 128, of objects 64; 256x128 has the shape of Cityscapes, 256x192 that of CamVid",
        ge=32, le=1024, multiple_of=32,
    )  # fmt: skip
    direction: str = option("labels_to_photo", f"what is made of what: {' or '.join(DIRECTIONS)}", DIRECTIONS)
    batch_size: int | None = option(
        None, "pairs an iteration, shared by all devices; by default as the preset says", ge=1, le=256
    )
    generator_lr: float | None = option(
        None, "step size of Adam for the generator; by default as the preset says", gt=0, lt=1
    )
    discriminator_lr: float | None = option(None, "the same for the discriminator", gt=0, lt=1)
    l1_weight: float | None = option(
        None, "of the distance to the real picture; by default as the preset says", ge=0, le=10_000
    )
    seed: int = seed_option("of the first weights and of every draw, 0 or more")
    precision: str = precision_option()
    devices: str = device_option("devices")
    deterministic: bool | None = device_option("deterministic")
    jit_compile: bool = device_option("jit_compile")
    sample_interval: int = option(500, "iterations between two grids of samples", ge=1, le=MOST_ITERATIONS)
    checkpoint_interval: int = option(2_000, "iterations between two checkpoints", ge=1, le=MOST_ITERATIONS)
    keep_checkpoints: int = option(
        2, "checkpoints kept besides the latest and the best, spread over the run", ge=0, le=1000
    )
    log_model: bool = option(False, "MLflow serves the generator of every checkpoint, not of a promoted one only")
    segmenter_iterations: int = option(
        2_000, "training of the segmenter that gives scores; 0: without its scores", ge=0, le=1_000_000
    )

    def __post_init__(self):
        super().__post_init__()
        if self.preset == "objects":
            if self.direction != DIRECTIONS[0]:
                raise UserError("preset objects paints photos; leave direction out.")
            if (self.width or OBJECTS) != (self.height or OBJECTS):
                raise UserError("preset objects has square windows; give width and height alike, or neither.")
            if self.log_model:
                raise UserError(
                    "a generator of preset objects is used by augment_scenes and not served; leave log_model out."
                )


def main(config: TrainConfig) -> int:
    """The exit status of `train`."""
    return train(config)[1]


def train(config: TrainConfig) -> tuple[str, int]:
    """Data -> networks -> training -> archive; the run id, and the exit status of the program."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive
    from gan.checkpoints import CheckpointInfo
    from gan.data.scenes import load, open_scenes
    from gan.data.spread import spread_over
    from gan.files import require_writable
    from gan.invocation import start
    from gan.progress import say

    goodrun = archive.resolve(config.goodrun_ref, "pix2pix", "")
    if goodrun:
        goodrun.require_more(config.iterations)
    scenes = open_scenes(config.data)
    require_writable(Path("images/train").resolve())

    from gan.pix2pix.batches import Pairs
    from gan.pix2pix.gan import SceneGan
    from gan.pix2pix.judge import segmenter_of
    from gan.pix2pix.scores import RANKED_BY, CheckpointScorer
    from gan.pix2pix.sheets import SHOWN
    from gan.training import distribution
    from gan.training.following import Following
    from gan.training.run import TrainingRun, restored_gan

    config, network, seen = designed(config, scenes, goodrun)
    size, digest = (network.width, network.height), scenes.training.digest()
    config, replicas = distribution.start(config, 1, digest, goodrun)
    feed = Pairs(seen.training, *size, config.batch_size, config.seed, network.edges)
    sampled = load(seen.validation.take(spread_over(len(seen.validation), SHOWN)), *size, edges=network.edges)
    rates = config.generator_lr, config.discriminator_lr
    precision, gan = restored_gan(
        config, goodrun, "pix2pix", network.describe(),
        lambda tried: SceneGan(network, feed, rates, config.l1_weight, config.seed, tried, sampled),
        replicas, trial=4,
    )  # fmt: skip
    data = CheckpointInfo.of_data(scenes.name, digest, len(scenes.training), goodrun and goodrun.info)
    info = CheckpointInfo.of_run("pix2pix", config, precision, network.describe(), data, goodrun)
    if not replicas.chief:
        return Following(gan, info, config).train()
    segmenter = segmenter_of(seen, *size, config.segmenter_iterations, say) if config.segmenter_iterations else None
    scorer = CheckpointScorer(segmenter, seen.validation, *size)

    def score() -> dict[str, float]:
        generated = gan.pictures(scorer.loaded, "scores")
        return scorer.real | (scorer.photos if network.to_photos else scorer.label_maps)(generated)

    others = {"validation": (scenes.validation.digest(), len(scenes.validation))}
    run = TrainingRun(gan, info, config, goodrun, score, RANKED_BY if segmenter else "l1", others)
    name = f"pix2pix {config.preset} {config.direction} {config.width}x{config.height} {scenes.name}"
    kept = "in memory" if feed.in_memory else "read ahead from their files"
    what = "windows around objects" if network.inpaints else "scenes"
    run_id, status = run.train(name, f"{len(seen.training)} {what} {kept}", "pix2pix-{}")
    if status == 0 and network.to_photos:
        say(f"new pairs: {start('gan.commands.augment_scenes')} --goodrun_ref {run_id}")
    return run_id, status


def designed(config: TrainConfig, scenes, goodrun):
    """What is built and trained.

    Args:
        config: of the command.
        scenes: the data set, a `SceneSet`.
        goodrun: what is gone on from, or None.

    Returns:
        The configuration with the values of the preset where it gives none, the `SceneNetwork`, and the `SceneSet`
        that it learns, which are windows where objects are painted.

    Raises:
        UserError: the good run's network is another one, or the scenes show no object to learn.
    """
    from gan.pix2pix.lights import Lights
    from gan.pix2pix.presets import PHOTOS, PRESETS, SceneNetwork
    from gan.pix2pix.windows import windowed

    preset = PRESETS[config.preset]
    size = config.width or preset.width, config.height or preset.height
    seen = windowed(scenes) if preset.inpaint else scenes
    edges = config.direction == PHOTOS and seen.training.has_instances
    lit = preset.light_code and config.direction == PHOTOS
    light = Lights.of_scenes(scenes.training).mean() if lit else ()
    network = SceneNetwork(preset, *size, config.direction, scenes.palette, edges, light)
    if goodrun:
        network = network.going_on_from(goodrun.info.network, config.goodrun_ref)
    chosen = {name: value for name, value in network.preset.parameters().items() if getattr(config, name) is None}
    return dataclasses.replace(config, **chosen), network, seen


if __name__ == "__main__":
    run(TrainConfig, main)
