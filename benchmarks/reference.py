"""How much processor time the published recipe and this project take to the same quality.

uv run python benchmarks/reference.py --class_val 17
uv run python benchmarks/reference.py --iterations 2000 --ours_minutes 2

The reference takes hours.  Interrupt it when you like: the same command goes on where it was.
"""

import dataclasses
import functools
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # Python looks beside the script, not above it

from benchmarks import machine
from benchmarks import reference_report as report
from benchmarks.clock import Clock
from benchmarks.tables import write_csv
from gan.config import option, require, run
from gan.data.labelled import LabelledImages
from gan.data.sets import DataSet, open_images, select
from gan.data.signs import GTSRB
from gan.errors import UserError
from gan.files import require_writable
from gan.invocation import code_version, command
from gan.machine import processor
from gan.progress import progress
from gan.signals import stops
from train_dcgan import TrainConfig

FIRST = 20  # seconds of processor time at the first measurement
# The factor from one measurement to the next; smaller for ours, to tell when it was as good as the reference.
STEP, OURS_STEP = 1.3, 1.1
SAVE_SECONDS = 600  # of processor time: training of the reference that is lost at most when the machine goes down
STATE_BYTES = 600_000_000  # the reference's networks and optimizers twice, and the measurements

SCORED = "fid_unseen", "gan_test", "diversity", "nearest_real"


def make_scores(
    signs: DataSet, real: LabelledImages, judge_iterations: int, updates: int
) -> tuple[report.Score, report.Score]:
    """The functions that score generated images: one for every measurement, one that takes half a minute.

    Args:
        signs: the data set with all of its classes.
        real: the images of one class that both trainings learn.
        judge_iterations: training of the classifier that gives the features, if the archive has none yet.
        updates: of the network that tells generated from real images.

    Returns:
        The first gives `fid`, which is compared, to the test part (held-out signs where there is none), and scores
        of its own images. The second gives `told_apart`. Both have real references.

    Raises:
        UserError: the data has no images of some class, so that there can be no classifier.
    """
    from gan.dcgan.judge import judge_of
    from gan.dcgan.scorer import SignScorer
    from gan.dcgan.told_apart import told_apart

    judge = judge_of(signs.parts, judge_iterations, print)
    if judge is None:
        raise UserError(f"the benchmark needs images of all classes for its classifier, and {signs.name} lacks some.")
    class_id = int(real.labels[0])
    scorer = SignScorer(judge, real, signs.parts.held_out, [class_id], signs.test)

    def labelled(images: np.ndarray) -> LabelledImages:
        return LabelledImages.of(images, np.full(len(images), class_id), signs.classes)

    def score(images: np.ndarray) -> dict[str, float]:
        found = scorer.full(labelled(images)).overall
        names = [name + end for name in SCORED for end in ("", "_floor") if name + end in found]
        return {name.replace("fid_unseen", "fid"): found[name] for name in names}

    def tell_apart(images: np.ndarray) -> dict[str, float]:
        found = told_apart(labelled(images), real, scorer.unseen, updates=updates)
        if found is None:
            return {}
        return {"told_apart": found.auc} | ({} if found.reference is None else {"told_apart_floor": found.reference})

    return score, tell_apart


@dataclasses.dataclass(frozen=True)
class ReferenceConfig:
    """Train the published recipe and this project's on the same data, and compare quality against processor time."""

    data: str = option("traffic-signs-data", "folder with train.p, or `drawn` (`drawn:20000`) for signs drawn here")
    class_val: str = option("17", "GTSRB class id, 0-42")
    iterations: int = option(14_100, "of the reference; all of the published training is 14100")
    ours_minutes: float = option(12.0, "minutes of processor time that this project's default trains")
    samples: int = option(500, "images generated and scored at each measurement")
    precision: str = option("auto", "of ours: float32, bfloat16, or auto, whose trial counts as training")
    reference_batch: int = option(20, "real images an iteration of the reference; 20 is the recipe's")
    reference_precision: str = option("float32", "of the reference: float32 is the recipe's, or bfloat16")
    judge_iterations: int = option(
        2_000, "training of the classifier whose features the score uses, if there is none"
    )
    told_apart_updates: int = option(800, "of the network that tells generated from real images at last")
    seed: int = option(0, "of both trainings and of the images they are judged by")
    output: str = option("benchmarks/results", "folder for reference.csv and reference.png")
    state: str = option("images/benchmark-reference", "folder that an interrupted reference goes on from")

    def __post_init__(self):
        require(GTSRB.parse(self.class_val) is not None, "class_val", "a class id, 0-42", self.class_val)
        require(1 <= self.iterations <= 10**8 - 1, "iterations", "from 1 to 99999999", self.iterations)
        require(0 < self.ours_minutes < 1e6, "ours_minutes", "above 0 and below 1000000", self.ours_minutes)
        require(4 <= self.samples <= 100_000, "samples", "from 4 to 100000", self.samples)
        require(1 <= self.reference_batch <= 4096, "reference_batch", "from 1 to 4096", self.reference_batch)
        require(1 <= self.told_apart_updates <= 10**6, "told_apart_updates", "from 1", self.told_apart_updates)
        require(0 <= self.seed < 2**31, "seed", "from 0 to 2147483647", self.seed)
        known = self.precision in ("float32", "bfloat16", "auto")
        require(known, "precision", "float32, bfloat16 or auto", self.precision)
        known = self.reference_precision in ("float32", "bfloat16")
        require(known, "reference_precision", "float32 or bfloat16", self.reference_precision)


class Ours:
    """This project's default training, timed from before its precision is chosen.

    Args:
        images: uint8 (N, 32, 32, 3), the real images of one class.
        seed: of the first weights and of every draw.
        precision: "float32", "bfloat16" or "auto".
    """

    def __init__(self, images: np.ndarray, seed: int, precision: str):
        self.clock = Clock()
        with self.clock:
            self._build(images, seed, precision)

    def _build(self, images: np.ndarray, seed: int, precision: str) -> None:
        from gan.dcgan.gan import Network, SignGan
        from gan.training import devices
        from gan.training.loop import build_in_precision

        default = TrainConfig()
        self.batch_size, self.iteration = default.batch_size, 0
        devices.make_deterministic()
        network, labels = Network(classes=1), np.zeros(len(images), np.uint8)

        def build(precision: str) -> SignGan:
            rates = default.generator_lr, default.discriminator_lr
            return SignGan(network, images, labels, default.batch_size, rates, seed, precision)

        self.precision, self.trained = build_in_precision(precision, build)

    @property
    def images_seen(self) -> int:
        """Real images shown to the discriminator so far."""
        return self.iteration * self.batch_size

    def iterate(self) -> dict[str, float]:
        """One block of iterations; the mean metrics."""

        from gan.training.loop import BLOCK

        with self.clock:
            averages = self.trained.update(self.iteration, BLOCK)
        self.iteration += BLOCK
        return dict(zip(self.trained.metric_names, map(float, averages), strict=True))

    def generate(self, count: int, seed: int) -> np.ndarray:
        """Images of the averaged generator, uint8 (count, 32, 32, 3)."""
        return self.trained.images(np.zeros(count, np.int32), f"benchmark {seed}")


def main(config: ReferenceConfig) -> int:
    """Train the reference as far as it is not trained yet, then ours; the exit status."""
    signs = open_images(config.data)
    real = select(
        signs, signs.classes.parse(config.class_val), use_test=False, use_held_out=False
    )  # train_dcgan's default
    state, output = Path(config.state), Path(config.output)
    require_writable(state, STATE_BYTES)
    require_writable(output)
    score, tell_apart = make_scores(signs, real, config.judge_iterations, config.told_apart_updates)

    from gan.training import devices  # isort: skip  before the recipe: it loads TensorFlow without greetings
    from benchmarks.reference_recipe import ITERATIONS
    from gan.training import loop as trainer

    about = {
        "command": command("benchmarks/reference.py", config),
        "machine": f"{processor()}; {devices.describe()}",
        "code": code_version(),
    }
    print(f"class {config.class_val} of {signs.name}: {len(real)} images; {about['machine']}")
    machine.warn_unless_idle("the times will be too long")

    def measure(recipe: str, contender) -> dict[str, float]:
        images = contender.generate(config.samples, config.seed)
        clock = contender.clock
        counts = contender.iteration, contender.images_seen, clock.seconds, clock.cpu_seconds
        report.Measurement(recipe, *counts, **about, images=images).save(state)
        return score(images)

    with trainer.StopRequested(stops[0] if stops else None) as stop:
        done = train_reference(config, real.images, state, functools.partial(measure, "reference"), stop)
        if stop.signal is None:
            train_ours(config, real.images, state, functools.partial(measure, "ours"), stop)
        rows, name = report.table(report.read(state), score, tell_apart), "fid"
        if rows:
            write_csv(output / "reference.csv", rows)
            report.write_chart(output / "reference.png", rows, name)
    print(report.summary(rows, name, done, ITERATIONS))
    if rows:
        print(f"table and chart: {output / 'reference.csv'}, {output / 'reference.png'}")
    if stop.signal is None:
        return 0
    print(f"stopped; go on with\n  {about['command']}")
    return 128 + stop.signal


def train_reference(config: ReferenceConfig, images: np.ndarray, state: Path, measure, stop) -> int:
    """Train the reference from where it was to the last iteration or a signal; the iterations that are made."""
    from benchmarks.reference_recipe import ReferenceRecipe

    recipe = ReferenceRecipe(images, config.seed, config.reference_batch, config.reference_precision)
    saved = state / "reference.npz"
    if saved.exists():
        recipe.load(saved)  # before anything else: it may be of other parameters
        if recipe.iteration < config.iterations:
            # An iteration that is thrown away: compiling is in the seconds already, and would be counted again.
            recipe.iterate()
            recipe.load(saved)
        so_far = report.duration(recipe.clock.cpu_seconds)
        print(f"the reference goes on from iteration {recipe.iteration:,}, {so_far} of processor time")
    report.forget(state, "reference", recipe.iteration)
    due, saved_at = next_measurement(recipe.clock.cpu_seconds), recipe.clock.cpu_seconds
    with progress(config.iterations, "reference", "iteration", min(recipe.iteration, config.iterations)) as bar:
        while recipe.iteration < config.iterations and stop.signal is None:
            losses = recipe.iterate()
            bar.update(1)
            measured = recipe.clock.cpu_seconds >= due or recipe.iteration == config.iterations
            if measured:
                bar.set_postfix(shortened(measure(recipe)), refresh=False)
                due = next_measurement(recipe.clock.cpu_seconds)
            if not all(map(math.isfinite, losses.values())):
                bar.write(f"iteration {recipe.iteration}: the reference's losses are {losses}")
            # After the measurement, so that no saved training lacks one that it has gone past.
            if measured or recipe.clock.cpu_seconds - saved_at > SAVE_SECONDS or stop.signal is not None:
                recipe.save(saved)
                saved_at = recipe.clock.cpu_seconds
    return recipe.iteration


def train_ours(config: ReferenceConfig, images: np.ndarray, state: Path, measure, stop) -> None:
    """Train this project's default for the minutes wanted, from the start."""
    report.forget(state, "ours", 0)
    ours, end = Ours(images, config.seed, config.precision), config.ours_minutes * 60
    print(f"ours in {ours.precision}")
    due = next_measurement(ours.clock.cpu_seconds, OURS_STEP)
    with progress(math.ceil(end), "ours", "second") as bar:
        while stop.signal is None and (ours.clock.cpu_seconds < end or not ours.iteration):
            ours.iterate()
            bar.update(min(int(ours.clock.cpu_seconds), bar.total) - bar.n)
            if ours.clock.cpu_seconds >= min(due, end):
                bar.set_postfix(shortened(measure(ours)), refresh=False)
                due = next_measurement(ours.clock.cpu_seconds, OURS_STEP)


def next_measurement(seconds: float, step: float = STEP) -> float:
    """The first of FIRST, FIRST * step, FIRST * step**2... seconds of training that is still to come."""
    due = float(FIRST)
    while due <= seconds:
        due *= step
    return due


def shortened(scores: dict[str, float]) -> dict[str, str]:
    """Scores for a progress bar, without their floors."""
    return {name: f"{value:.3g}" for name, value in scores.items() if not name.endswith("_floor")}


if __name__ == "__main__":
    run(ReferenceConfig, main)
