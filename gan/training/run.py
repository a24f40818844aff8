"""One training run: trains, records samples, scores and checkpoints in the archive, and ends so that it can go on."""

import dataclasses
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from gan import archive, checkpoints, pictures, signals
from gan.checkpoint_info import CheckpointInfo
from gan.files import require_writable
from gan.invocation import command
from gan.progress import say
from gan.report import Report
from gan.training.averaged_gan import AveragedGan
from gan.training.description import PICTURE, describe
from gan.training.distribution import Replicas
from gan.training.following import intervals
from gan.training.health import Finding, Watch
from gan.training.loop import StopRequested, build_in_precision, run_until_stopped
from gan.training.precision import Memory

FOLDER = Path("images/train")  # of the grids of all runs, on this machine
Gan = TypeVar("Gan", bound=AveragedGan)


def restored_gan(
    parameters,
    goodrun: archive.GoodRun | None,
    kind: str,
    network: dict,
    build: Callable[[str], Gan],
    replicas: Replicas,
    trial: int = 16,
) -> tuple[str, Gan]:
    """Build a GAN in the precision wanted, with the weights of the good run, on a machine with room for its run.

    Args:
        parameters: the configuration of a training script.
        goodrun: what is gone on from, if anything.
        kind: of the GAN, "dcgan" or "pix2pix".
        network: sizes of the networks, as a checkpoint has them.
        build: makes the GAN of a precision.
        replicas: the devices that it is trained on.
        trial: iterations that are timed in each precision.

    Returns:
        The precision, "float32" or "bfloat16", and the GAN.

    Raises:
        UserError: the checkpoint does not fit, the disk has no room, or the feed met damaged data.
    """

    def replicated(precision: str) -> Gan:
        with replicas.scope():
            gan = build(precision)
        gan.replicas, gan.jit_compile = replicas, parameters.jit_compile
        return gan

    before = goodrun.info.config.get("precision") if goodrun else None
    # Hosts that remember different precisions would train with them.
    memory = None if replicas.hosts else Memory.of_training(kind, parameters.batch_size, network, replicas.local)
    precision, gan = build_in_precision(parameters.precision, replicated, before, trial, memory)
    if goodrun:
        checkpoints.load(goodrun.checkpoint, gan.parts())
    require_writable(Path.cwd(), bytes_needed(gan, parameters, goodrun.iteration if goodrun else 0))
    return precision, gan


def bytes_needed(gan: AveragedGan, parameters, start: int) -> int:
    """Bytes of disk that a run will need at most, nearly.

    One checkpoint is there twice while it is stored, and the best one stays besides the others; with each the
    generator is logged as a model.
    """
    parts = gan.parts()
    checkpoint = checkpoints.size(parts) + checkpoints.size({"model": parts[checkpoints.WEIGHTS]})
    coming = (parameters.iterations - start) // parameters.checkpoint_interval + 1
    sheets = (parameters.iterations - start) // parameters.sample_interval + 1
    return checkpoint * (min(coming, parameters.keep_checkpoints + 2) + 2) + sheets * gan.sheet_bytes()


class TrainingRun:
    """A training run of either GAN.

    Args:
        gan: networks, optimizers and data.
        info: what its checkpoints say of themselves, at any iteration; its iteration is the first.
        parameters: the configuration of the training script.
        goodrun: what is gone on from, if anything.
        score: scores of the generator as it is, by name; taken with every checkpoint.
        ranked_by: the score that tells the best checkpoint, lower is better.
        others: digest and number of images of the data that scores compare with, by purpose.
    """

    def __init__(
        self,
        gan: AveragedGan,
        info: CheckpointInfo,
        parameters,
        goodrun: archive.GoodRun | None,
        score: Callable[[], dict[str, float]],
        ranked_by: str,
        others: dict[str, tuple[str, int]] | None = None,
    ):
        self.others = others or {}
        self.gan, self.info, self.parameters, self.goodrun = gan, info, parameters, goodrun
        self.score, self.ranked_by = score, ranked_by
        self.start = info.iteration
        self.real_sheet = gan.real_sheet()
        self.saved: int | None = None  # iteration of the last checkpoint
        self._sampled: tuple[int, tuple[np.ndarray, np.ndarray]] = (-1, (self.real_sheet, self.real_sheet))
        self.health = Watch()
        self.findings: list[tuple[int, Finding]] = []
        self.losses: dict[str, list[float]] = {"iteration": []}
        self.scores: dict[str, dict[int, float]] = {}

    def train(self, name: str, facts: str, folder: str) -> tuple[str, int]:
        """Open a run of the archive and train to the last iteration, or until something stops it.

        Args:
            name: of the run.
            facts: what the line at the start says besides: how many images there are.
            folder: for the grids of samples, below `FOLDER`; {} stands for the first digits of the run id.

        Returns:
            The run id, and the exit status of the program.
        """
        precision = self.info.config["precision"]
        with archive.archived_run(self.info.kind, name, self.parameters) as run:
            self.run, self.folder = run, FOLDER.resolve() / folder.format(run.short)
            self.info = dataclasses.replace(self.info, run_id=run.id)
            run.data(self.info.data["name"], self.info.data["digest"], images=self.info.data["images"])
            for purpose, (digest, images) in self.others.items():
                run.other_data(self.info.data["name"], digest, purpose, images)
            device = self.gan.replicas.describe()
            self.facts = f"{facts}, {device}, {precision}"
            run.tags({"device": device, "precision_used": precision})
            if self.goodrun:
                run.tags({"goodrun": f"{self.goodrun.run_id}/{self.goodrun.iteration}"})
                for difference in self.info.differences(self.goodrun.info):
                    say(f"going on with another {difference}")
            say(f"{name}: {self.facts}; run {run.id}")
            status = self._train()
            say(f"samples: {self.folder}\nbrowse: {archive.browse_hint(run.id)}")
        self.gan.replicas.wait()
        return run.id, status

    def _train(self) -> int:
        gan, end = self.gan, self.parameters.iterations
        self.folder.mkdir(parents=True, exist_ok=True)
        pictures.save(self.real_sheet, self.folder / "real.png")
        self.run.image("samples/real", self.real_sheet, self.start)
        done = self.start
        with StopRequested(signals.stops[0] if signals.stops else None) as stop:
            self.run.patience.ended = lambda: stop.signal is not None
            try:
                self._record_samples(done)  # the slider of the UI begins here
                for done, metrics in run_until_stopped(gan, self.start, end, intervals(self.parameters), stop):
                    self._record_losses(done, metrics)
                    stop.broken = self.broken
                    if self.broken:
                        continue
                    if done % self.parameters.sample_interval == 0 or done == end:
                        self._record_samples(done)
                    if done % self.parameters.checkpoint_interval == 0 or done == end:
                        self._record_checkpoint(done, stop)
                if self.saved != done and not self.broken:
                    self._record_checkpoint(done, stop)
                self._write_report(done)
            except archive.ArchiveError:
                self._keep_here(done)
                raise
            except Exception:  # a full disk, most likely
                self._say_what_is_kept()
                raise
        if done == end and not self.broken:
            return 0
        self._say_what_is_kept()
        self.run.finish("FAILED" if self.broken else "KILLED")
        return 1 if self.broken else 128 + (stop.signal or signal.SIGINT)

    @property
    def broken(self) -> bool:
        """Whether training can't go on: weights or losses are no numbers any more."""
        return any(finding.fatal for _, finding in self.findings)

    def _say_what_is_kept(self) -> None:
        if self.saved is None:
            before = "; the good run it went on from is as it was" if self.start else ""
            say(f"the run ended before its first checkpoint{before}.")
        else:
            last = f"{self.run.id}/{self.saved}"  # the run id alone would mean its best checkpoint
            again = command(f"train_{self.info.kind}.py", self.parameters, goodrun_ref=last)
            say(f"the run is kept up to iteration {self.saved}; go on with\n  {again}")

    def _keep_here(self, done: int) -> None:
        """Keep the state on this machine: the archive does not take it."""
        if done in (self.start, self.saved) or self.broken:
            self._say_what_is_kept()
            return
        info = dataclasses.replace(self.info, iteration=done)
        checkpoints.save(self.folder / checkpoints.file_name(done), info, self.gan.parts())
        again = command(f"train_{self.info.kind}.py", self.parameters, goodrun_ref=str(self.folder))
        say(f"the archive lacks what came after iteration {self.saved or self.start}; iteration {done} is kept in "
            f"{self.folder}; go on with\n  {again}")  # fmt: skip

    def _record_losses(self, done: int, metrics: dict[str, float]) -> None:
        self.run.metrics(metrics, done)
        self.losses["iteration"].append(done)
        for name, value in metrics.items():
            self.losses.setdefault(name, []).append(value)
        self._warn(done, self.health.losses(done, metrics))

    def _warn(self, done: int, finding: Finding | None) -> None:
        if finding is not None:
            say(f"warning: iteration {done}: {finding.words}")
            self.findings.append((done, finding))
            self.run.tags({f"warning.{finding.name}": f"iteration {done}: {finding.words}"})

    def _samples(self, done: int) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the present iteration and their sheet, made once."""
        if self._sampled[0] != done:
            samples = self.gan.sample()
            self._sampled = done, (samples, self.gan.sheet(samples))
        return self._sampled[1]

    def _record_samples(self, done: int) -> None:
        samples, sheet = self._samples(done)
        pictures.save(sheet, self.folder / f"generated-{done:06d}.png")
        self.run.image("samples/generated", sheet, done)
        self._warn(done, self.health.samples(done, samples, self.gan.real))

    def _record_checkpoint(self, done: int, stop: StopRequested) -> None:
        """Store a checkpoint, log its generator with scores (without them after a second Ctrl-C), delete old ones."""
        parts = self.gan.parts()
        self._warn(done, self.health.weights(checkpoints.finite(parts)))
        if self.broken:
            return
        lost = self.run.unwritten()
        if lost:
            say(f"warning: iteration {done}: the archive did not take all curves ({lost}); the report has them.")
        self.run.checkpoint(dataclasses.replace(self.info, iteration=done), parts, FOLDER.resolve())
        self.saved = done
        scores = {} if stop.hurried else self.score()
        for name, value in scores.items():
            self.scores.setdefault(name, {})[done] = value
        served = dataclasses.replace(self.info, iteration=done) if self.parameters.log_model else None
        self.run.model(self.gan.generating(), self.gan.example(), done, scores, self.ranked_by, served)
        self.run.delete(self._superfluous())
        self._describe(done)

    def _describe(self, done: int) -> None:
        info, picture = dataclasses.replace(self.info, iteration=done), self.run.picture(PICTURE)
        text = describe(info, self.facts, picture, self._best(), self.scores, self.findings)
        self.run.still(pictures.beside(self._samples(done)[1], self.real_sheet), PICTURE)
        self.run.describe(text)

    def _superfluous(self) -> list[int]:
        """Iterations of the checkpoints that need not be kept: never the best one, and never the latest."""
        kept = list(archive.checkpoints_of(self.run.id))
        others = [k for k in kept if k != self._best() or k == kept[-1]]
        return checkpoints.thin_out(others, self.parameters.keep_checkpoints)

    def _best(self) -> int | None:
        """The iteration of the best checkpoint, the newest of equals; None while none has a score that ranks it."""
        ranked = {k: value for k, value in self.scores.get(self.ranked_by, {}).items() if math.isfinite(value)}
        return min(ranked, key=lambda k: (ranked[k], -k), default=None)

    def _write_report(self, done: int) -> None:
        info = self.info
        subject = f"class_val {info.class_val}" if info.class_val else info.kind
        report = Report(f"Training, {subject}, {done} iterations")
        report.text(f"Run {self.run.id}, from iteration {self.start} to {done} of {self.parameters.iterations}.")
        for iteration, finding in self.findings:
            report.text(f"Iteration {iteration}: {finding.words}", warn=True)
        report.heading("Generated, from fixed noise")
        report.picture(Image.fromarray(self._samples(done)[1]), "generated images")
        report.heading("Real")
        report.picture(Image.fromarray(self.real_sheet), "real images")
        self._report_losses(report)
        if self.scores:
            report.heading("Scores at the checkpoints")
            best = self._best()
            if best is not None:
                report.text(f"Best by {self.ranked_by}: iteration {best}. It is what the run id alone stands for.")
            for picture in pictures.score_curves(self.scores):
                report.picture(picture, "curves of the scores")
            names = sorted(self.scores)
            scored = sorted({k for values in self.scores.values() for k in values})
            rows: list[list[object]] = [[k, *(self.scores[name].get(k, "-") for name in names)] for k in scored]
            report.table(["iteration", *names], rows)
        report.heading("Data and parameters")
        report.table(["name", "value"], [*map(list, info.data.items()), *map(list, info.config.items())])
        self.run.report(report)

    def _report_losses(self, report: Report) -> None:
        steps = self.losses["iteration"]
        if not steps:
            return
        report.heading("Losses and discriminator accuracy")
        for label in ("loss", "accuracy", "l1"):
            chosen = {name: (steps, self.losses[name]) for name in self.gan.metric_names if label in name}
            if chosen:
                report.picture(pictures.curves(chosen, "iterations", label), f"curves of {', '.join(chosen)}")
        speed = float(np.median(self.losses["images_per_second"]))
        report.text(f"Median speed: {speed:.{0 if speed >= 10 else 2}f} images a second.")
        if "data_wait" in self.losses:
            waited = float(np.mean(self.losses["data_wait"]))
            report.text(f"Share of the time that updates waited for data: {waited:.2%}.")
