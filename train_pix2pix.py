"""Train a generator of street scenes with pix2pix: photos of label maps, or label maps of photos."""

import dataclasses
from pathlib import Path

import gan  # noqa: F401  checks Python and the packages before anything else is imported
from gan.checkpoints import MOST_ITERATIONS
from gan.config import option, require, run

# Those of `gan.pix2pix.presets`, named here so that mistakes are answered at once.
PRESETS = ("averaged", "paper", "spatial")
DIRECTIONS = ("labels_to_photo", "photo_to_labels")
AS_PRESET = -1.0  # of a number: what the preset says


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Train a generator of street scenes and keep it in the MLflow archive."""

    preset: str = option(
        "averaged",
        "design of networks and losses: paper (pix2pix as published), averaged (the same, generating with the mean "
        "of its latest weights), or spatial (led by the label map at every resolution)",
    )
    data: str = option(
        "dataset", "folder of scenes that `prepare` wrote, or `drawn` (`drawn:500`) for scenes drawn here"
    )
    iterations: int = option(20_000, "updates of both networks in all, those of the good run included")
    goodrun_ref: str = option(
        "", "run to go on from: run id, run id/iteration, iteration, models:/NAME@ALIAS, folder"
    )
    width: int = option(256, "of the pictures in pixels, a multiple of 32 from 64 to 1024")
    height: int = option(128, "the same from 32 to 1024; 256x128 has the shape of Cityscapes, 128x96 that of CamVid")
    direction: str = option("labels_to_photo", f"what is made of what: {' or '.join(DIRECTIONS)}")
    batch_size: int = option(0, "pairs an iteration; 0: as the preset says")
    generator_lr: float = option(AS_PRESET, "step size of Adam for the generator; -1: as the preset says")
    discriminator_lr: float = option(AS_PRESET, "the same for the discriminator")
    l1_weight: float = option(AS_PRESET, "of the distance to the real picture, 0 or more; -1: as the preset says")
    seed: int = option(0, "of the first weights and of every draw, 0 or more")
    precision: str = option("auto", "float32, bfloat16, or auto: the faster one on this machine")
    sample_interval: int = option(500, "iterations between two grids of samples")
    checkpoint_interval: int = option(2_000, "iterations between two checkpoints")
    keep_checkpoints: int = option(2, "checkpoints kept besides the latest and the best, spread over the run")
    segmenter_iterations: int = option(2_000, "training of the segmenter that gives scores; 0: without its scores")

    def __post_init__(self):
        require(self.preset in PRESETS, "preset", " or ".join(PRESETS), self.preset)
        require(self.direction in DIRECTIONS, "direction", " or ".join(DIRECTIONS), self.direction)
        for name, low in (("width", 64), ("height", 32)):
            value = getattr(self, name)
            require(low <= value <= 1024 and value % 32 == 0, name, f"a multiple of 32 from {low} to 1024", value)
        for name in ("iterations", "sample_interval", "checkpoint_interval"):
            value = getattr(self, name)
            require(1 <= value <= MOST_ITERATIONS, name, f"from 1 to {MOST_ITERATIONS}", value)
        require(0 <= self.batch_size <= 256, "batch_size", "from 1 to 256, or 0", self.batch_size)
        for name in ("generator_lr", "discriminator_lr"):
            value = getattr(self, name)
            require(0 < value < 1 or value == AS_PRESET, name, "above 0 and below 1, or -1", value)
        fits = 0 <= self.l1_weight <= 10_000 or self.l1_weight == AS_PRESET
        require(fits, "l1_weight", "from 0 to 10000, or -1", self.l1_weight)
        require(0 <= self.seed < 2**31, "seed", "from 0 to 2147483647", self.seed)
        known = self.precision in ("float32", "bfloat16", "auto")
        require(known, "precision", "float32, bfloat16 or auto", self.precision)
        require(0 <= self.keep_checkpoints <= 1000, "keep_checkpoints", "from 0 to 1000", self.keep_checkpoints)
        fits = 0 <= self.segmenter_iterations <= 1_000_000
        require(fits, "segmenter_iterations", "from 0 to 1000000", self.segmenter_iterations)


def is_open(config: TrainConfig, name: str) -> bool:
    """Whether a parameter is left to the preset."""
    return getattr(config, name) == (0 if name == "batch_size" else AS_PRESET)


def main(config: TrainConfig) -> int:
    """The exit status of `train`."""
    return train(config)[1]


def train(config: TrainConfig) -> tuple[str, int]:
    """Data -> networks -> training -> archive; the run id, and the exit status of the program."""
    # Imported here, so that --help and mistakes in parameters are answered at once.
    from gan import archive, checkpoints
    from gan.data.scenes import load, open_scenes
    from gan.files import require_writable

    goodrun = archive.resolve(config.goodrun_ref, "pix2pix", "")
    if goodrun:
        goodrun.require_more(config.iterations)
    scenes = open_scenes(config.data)
    folder = Path("images/train").resolve()
    require_writable(folder)

    from gan.invocation import command
    from gan.pix2pix import presets
    from gan.pix2pix.batches import Pairs
    from gan.pix2pix.gan import SceneGan
    from gan.pix2pix.judge import segmenter_of, spread_over
    from gan.pix2pix.scores import RANKED_BY, CheckpointScorer
    from gan.pix2pix.sheets import SHOWN, real_pictures, real_sheet, sample_sheet
    from gan.training import devices
    from gan.training.loop import build_in_precision
    from gan.training.run import Schedule, Session, say

    devices.make_deterministic()
    network = presets.SceneNetwork(
        presets.PRESETS[config.preset], config.width, config.height, config.direction, scenes.palette,
        config.direction == presets.PHOTOS and scenes.training.has_instances,
    )  # fmt: skip
    if goodrun:
        network = network.going_on_from(goodrun.about.network, config.goodrun_ref)
    chosen = {name: value for name, value in network.preset.parameters().items() if is_open(config, name)}
    config = dataclasses.replace(config, **chosen)
    size = config.width, config.height
    feed = Pairs(scenes.training, *size, config.batch_size, config.seed, network.edges)
    shown = load(scenes.validation.take(spread_over(len(scenes.validation), SHOWN)), *size, edges=network.edges)

    def build(precision: str) -> SceneGan:
        rates = config.generator_lr, config.discriminator_lr
        return SceneGan(network, feed, *rates, config.l1_weight, config.seed, precision, shown)

    before = goodrun.about.config.get("precision") if goodrun else None
    precision, trained = build_in_precision(config.precision, build, say, before, 4)
    if goodrun:
        checkpoints.load(goodrun.checkpoint, trained.parts())
    schedule = Schedule.of(config, goodrun)
    sheet = sample_sheet(network, shown)
    require_writable(Path.cwd(), schedule.space(trained.parts(), 3 * sheet(trained.sample()).nbytes))

    digest = scenes.training.digest()
    data = checkpoints.About.of_data(scenes.name, digest, len(scenes.training), goodrun and goodrun.about)
    about = checkpoints.About(
        "pix2pix", "", schedule.start, network.describe(), dataclasses.asdict(config) | {"precision": precision},
        data, "",
    )  # fmt: skip
    if goodrun:
        for difference in about.differences(goodrun.about):
            say(f"going on with another {difference}")
    segmenter = segmenter_of(scenes, *size, config.segmenter_iterations, say) if config.segmenter_iterations else None
    scorer = CheckpointScorer(segmenter, scenes.validation, *size)

    def score() -> dict[str, float]:
        made = trained.pictures(scorer.loaded, "scores")
        return scorer.real | (scorer.photos if network.to_photos else scorer.label_maps)(made)

    name = f"pix2pix {config.preset} {config.direction} {config.width}x{config.height} {scenes.name}"
    with archive.archived_run("pix2pix", name, config) as run:
        run.data(scenes.name, data["digest"])
        run.tags({"device": devices.describe(), "precision_used": precision})
        if goodrun:
            run.tags({"goodrun": f"{goodrun.run_id}/{goodrun.iteration}"})
        kept = "in memory" if feed.in_memory else "read ahead from their files"
        say(f"{name}: {len(scenes.training)} scenes {kept}, {devices.describe()}, {precision}; run {run.id}")
        session = Session(
            run, trained, about, schedule, real_pictures(network, shown),
            score, RANKED_BY if segmenter else "l1",
            folder=folder / f"pix2pix-{run.short}",
            again=lambda reference: command("train_pix2pix.py", config, goodrun_ref=reference),
            sheet=sheet, real_sheet=real_sheet(network, shown),
        )  # fmt: skip
        status = session.train()
        say(f"samples: {session.folder}\nbrowse: {archive.browse_hint(run.id)}")
    return run.id, status


if __name__ == "__main__":
    run(TrainConfig, main)
