"""What the training scripts share: samples, checkpoints, warnings and endings of one run, in the archive."""

import dataclasses
import math
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan import checkpoints, pictures
from gan.archive import GoodRun, Run, checkpoints_of
from gan.checkpoints import About
from gan.config import stops
from gan.data.spread import spread_over
from gan.report import Report
from gan.training.health import Finding, Watch
from gan.training.loop import StopRequested, Trainable, train

GRID_BYTES = 1_000_000  # of a grid of samples: the file, and picture and thumbnail in the archive
SHOWN = 32  # real images shown beside the samples


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When a run does what, in iterations.

    Attributes:
        start: updates made by the good run that it goes on from, 0 for none.
        end: updates to have been made in the end.
        sample_interval: between two grids of samples.
        checkpoint_interval: between two checkpoints.
        keep_checkpoints: how many to keep besides the latest.
    """

    start: int
    end: int
    sample_interval: int
    checkpoint_interval: int
    keep_checkpoints: int

    @classmethod
    def of(cls, config, goodrun: GoodRun | None) -> "Schedule":
        """What the parameters of a training script ask for."""
        start = goodrun.iteration if goodrun else 0
        intervals = config.sample_interval, config.checkpoint_interval
        return cls(start, config.iterations, *intervals, config.keep_checkpoints)

    def space(self, parts: dict[str, list], grid_size: int = GRID_BYTES) -> int:
        """Bytes of disk that the run will need at most, nearly.

        One checkpoint is there twice while it is stored, and the best one stays besides the others; with each the
        generator is logged as a model.

        Args:
            parts: of a checkpoint (see `Trainable.parts`).
            grid_size: bytes of a grid of samples, wherever it is kept.
        """
        checkpoint_size = checkpoints.size(parts) + checkpoints.size({"model": parts[checkpoints.WEIGHTS]})
        coming = (self.end - self.start) // self.checkpoint_interval + 1
        grids = (self.end - self.start) // self.sample_interval + 1
        return checkpoint_size * (min(coming, self.keep_checkpoints + 2) + 2) + grids * grid_size


class Session:
    """One training run: trains, records, and ends in a way that can be gone on from.

    Args:
        run: the open run of the archive.
        trained: networks, optimizers and data; what `Trainable` lists.
        about: what its checkpoints say of themselves, at any iteration.
        schedule: when to do what.
        real: uint8 (N, height, width, 3), all real images, or those that samples are to be like.
        score: scores of the generator as it is, by name; taken with every checkpoint.
        ranked_by: the score that tells the best checkpoint, lower is better.
        folder: where grids go on this machine.
        again: the command that goes on from a good run, given its reference.
        sheet: the picture that shows samples; a grid of them by default.
        real_sheet: the picture that shows real images; a grid of some by default.
    """

    def __init__(
        self,
        run: Run,
        trained: Trainable,
        about: About,
        schedule: Schedule,
        real: np.ndarray,
        score: Callable[[], dict[str, float]],
        ranked_by: str,
        folder: Path,
        again: Callable[[str], str],
        sheet: Callable[[np.ndarray], np.ndarray] = pictures.grid,
        real_sheet: np.ndarray | None = None,
    ):
        self.folder = folder
        self._run, self._trained, self._about, self._schedule = run, trained, about, schedule
        self._score, self._ranked_by, self._again = score, ranked_by, again
        self._shown = real[spread_over(len(real), SHOWN)]
        self._sheet = sheet
        self._real_sheet = pictures.grid(self._shown) if real_sheet is None else real_sheet
        self._scores: dict[str, dict[int, float]] = {}
        self._watch = Watch()
        self._history: dict[str, list[float]] = {"iteration": []}
        self._findings: list[tuple[int, Finding]] = []
        self._saved: int | None = None

    def train(self) -> int:
        """Train to the end of the schedule, or until something stops it; the exit status of the program."""
        self.folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self._real_sheet).save(self.folder / "real.png")
        self._run.image("samples/real", self._real_sheet, self._schedule.start)
        every = [
            (self._schedule.sample_interval, self._record_samples),
            (self._schedule.checkpoint_interval, self._record_checkpoint),
        ]
        with StopRequested(stops[0] if stops else None) as stop:
            schedule = self._schedule
            try:
                self._record_samples(schedule.start)  # the slider of the UI begins here
                done = train(self._trained, schedule.start, schedule.end, every, self._report, stop)
                if self._saved != done and not self._broken():
                    self._record_checkpoint(done)
                self._write_report(done)
            except Exception:  # a full disk, most likely
                self._say_what_is_kept()
                raise
        if done == schedule.end and not self._broken():
            return 0
        self._say_what_is_kept()
        self._run.finish("FAILED" if self._broken() else "KILLED")
        return 1 if self._broken() else 128 + (stop.signal or signal.SIGINT)

    def _broken(self) -> bool:
        return any(finding.fatal for _, finding in self._findings)

    def _say_what_is_kept(self) -> None:
        if self._saved is None:
            before = "; the good run it went on from is as it was" if self._schedule.start else ""
            say(f"the run ended before its first checkpoint{before}.")
        else:
            last = f"{self._run.id}/{self._saved}"  # the run id alone would mean its best checkpoint
            say(f"the run is kept up to iteration {self._saved}; go on with\n  {self._again(last)}")

    def _report(self, done: int, metrics: dict[str, float]) -> bool:
        self._run.metrics(metrics, done)
        self._history["iteration"].append(done)
        for name, value in metrics.items():
            self._history.setdefault(name, []).append(value)
        return self._tell(done, self._watch.losses(done, metrics))

    def _tell(self, done: int, finding: Finding | None) -> bool:
        """Tell the user of a finding, if there is one; whether it is fatal."""
        if finding is None:
            return False
        say(f"warning: iteration {done}: {finding.words}")
        self._findings.append((done, finding))
        self._run.tags({f"warning.{finding.name}": f"iteration {done}: {finding.words}"})
        return finding.fatal

    def _record_samples(self, done: int) -> None:
        samples = self._trained.sample()
        sheet = self._sheet(samples)
        Image.fromarray(sheet).save(self.folder / f"generated-{done:06d}.png")
        self._run.image("samples/generated", sheet, done)
        self._tell(done, self._watch.samples(done, samples, self._shown))

    def _record_checkpoint(self, done: int) -> None:
        parts = self._trained.parts()
        if self._tell(done, self._watch.weights(checkpoints.finite(parts))):
            return
        about = dataclasses.replace(self._about, iteration=done, run_id=self._run.id)
        self._run.checkpoint(about, parts, self.folder)
        self._saved = done
        scores = self._score()
        for name, value in scores.items():
            self._scores.setdefault(name, {})[done] = value
        self._run.model(*self._trained.model(), done, scores, self._ranked_by)
        self._run.drop(self._superfluous())

    def _superfluous(self) -> list[int]:
        """Iterations of the checkpoints that need not be kept: never the best one, and never the latest."""
        kept = list(checkpoints_of(self._run.id))
        others = [k for k in kept if k != self._best() or k == kept[-1]]
        return checkpoints.thin_out(others, self._schedule.keep_checkpoints)

    def _best(self) -> int | None:
        """The iteration of the best checkpoint, the newest of equals; None while none has a score that ranks it."""
        ranked = {k: value for k, value in self._scores.get(self._ranked_by, {}).items() if math.isfinite(value)}
        return min(ranked, key=lambda k: (ranked[k], -k), default=None)

    def _write_report(self, done: int) -> None:
        about = self._about
        what = f"class_val {about.class_val}" if about.class_val else about.kind
        report = Report(f"Training, {what}, {done} iterations")
        report.text(f"Run {self._run.id}, from iteration {self._schedule.start} to {done} of {self._schedule.end}.")
        for iteration, finding in self._findings:
            report.text(f"Iteration {iteration}: {finding.words}", warn=True)
        report.heading("Generated, from fixed noise")
        report.picture(Image.fromarray(self._sheet(self._trained.sample())), "generated images")
        report.heading("Real")
        report.picture(Image.fromarray(self._real_sheet), "real images")
        steps = self._history["iteration"]
        if steps:
            report.heading("Losses and discriminator accuracy")
            for label in ("loss", "accuracy", "l1"):
                chosen = {name: (steps, self._history[name]) for name in self._trained.metric_names if label in name}
                if chosen:
                    report.picture(pictures.curves(chosen, "iterations", label), f"curves of {', '.join(chosen)}")
            speed = float(np.median(self._history["images_per_second"]))
            report.text(f"Median speed: {speed:.0f} images a second." if speed >= 10 else
                        f"Median speed: {speed:.2f} images a second.")  # fmt: skip
            if "data_wait" in self._history:
                waited = float(np.mean(self._history["data_wait"]))
                report.text(f"Share of the time that updates waited for data: {waited:.2%}.")
        if self._scores:
            report.heading("Scores at the checkpoints")
            best = self._best()
            if best is not None:
                report.text(f"Best by {self._ranked_by}: iteration {best}. It is what the run id alone stands for.")
            for picture in pictures.score_curves(self._scores):
                report.picture(picture, "curves of the scores")
            names = sorted(self._scores)
            scored = sorted({k for values in self._scores.values() for k in values})
            rows = [[k, *(self._scores[name].get(k, "-") for name in names)] for k in scored]
            report.table(["iteration", *names], rows)
        report.heading("Data and parameters")
        report.table(["name", "value"], [*map(list, about.data.items()), *map(list, about.config.items())])
        self._run.report(report)


def say(text: str) -> None:
    """Print a line for the user without disturbing a progress bar."""
    tqdm.write(text)
