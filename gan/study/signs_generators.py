"""Images that are not real for the study of signs: generated, drawn or pasted by the program.

A generator of classes learns one regime's images only, and a classifier that has learned no others either filters
its images. A generator of pictograms learns the classes that no regime cuts, and serves all regimes.
"""

import dataclasses
import functools
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from gan import archive
from gan.archive import GoodRun, judges
from gan.arrays import require_arrays
from gan.config import as_text
from gan.data.class_folders import Reading, write_class_folders
from gan.data.gtsrb import write_signs
from gan.data.labelled import LabelledImages
from gan.data.sets import DataSet, is_drawn, open_images, select
from gan.data.signs import CLASSES
from gan.dcgan import balance, classifier, paste, poses
from gan.dcgan.classifier import build_classifier, build_judge
from gan.dcgan.generator import Generator
from gan.dcgan.judge import train_judge
from gan.dcgan.learned import learned
from gan.drawn.signs import DRAWING, draw_more
from gan.errors import UserError
from gan.files import fill_folder, parse_json, read_file, replacing, sha256, unfinished
from gan.progress import progress
from gan.study.grid import Stopped, cached_arrays
from gan.study.signs_arms import FULL
from gan.training import augment

RECORDS = "generators.json"  # minutes of training
POOL = 1_000  # images of each rare class
POOL_SEED = 0
PLACES = 200  # photos of a class that others are pasted into, at most
COUNTS = ("drawn", "kept", *balance.REASONS.values())  # what is counted of generated images

Train = Callable[[str, Reading, int, str, bool, bool], tuple[str, int]]
"""Trains a generator of all classes. Of data, how they are read, seed, goodrun_ref, whether of pictograms, and
use_held_out; run id and exit status."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Images of rare classes that are not real, in a file."""

    path: Path
    identity: dict  # what decides which images they are

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The images uint8 (M, size, size, 3), their class ids int64 (M,), and integers (5, C): `COUNTS` by class."""
        kept = require_arrays(self.path, {"images": "u4", "labels": "iu1", "fates": "iu2"})
        return kept["images"], kept["labels"], kept["fates"]


@dataclasses.dataclass(frozen=True)
class Source:
    """Images of a pool, and the generator that made them."""

    pool: Pool
    goodrun: GoodRun | None = None
    minutes: float = float("nan")  # of its training; NaN where it was not trained here


class Generators:
    """Finds, or trains, the generators of a study.

    Args:
        folder: the study's folder.
        signs: the data set.
        config: of the command; its `goodrun_ref` is the generator of classes of the full regime, "" to train one.
        train: trains one.
        say: prints a line for the user.
    """

    def __init__(self, folder: Path, signs: DataSet, config, train: Train, say):
        self._folder, self._signs, self._config, self._train, self._say = folder, signs, config, train, say
        self._given = self._resolved(config.goodrun_ref) if config.goodrun_ref else None

    def classes(self, regime: str, draw: int, training: LabelledImages, rare: list[int]) -> Source:
        """Generated images of the rare classes, by a generator that learned the training images of a regime.

        Raises:
            UserError: it can't be trained.
            Stopped: its training was stopped.
        """
        if regime == FULL and self._given:
            goodrun, minutes = self._given, float("nan")
        else:
            goodrun, minutes = self._generator(regime, self._config.first_draw + draw, training, pictograms=False)
        pool = generated_pool(self._folder, goodrun, training, rare, self._config, f"{regime} tracks, draw {draw}")
        short = POOL - pool.read()[2][1, rare]
        if short.any():
            k = rare[int(short.argmax())]
            self._say(
                f"warning: {regime} tracks, draw {draw}: {np.count_nonzero(short)} classes have fewer than {POOL} "
                f"generated images that pass quality={self._config.quality}; class {training.classes.phrase(k)} "
                f"lacks most: {short.max()}"
            )
        return Source(pool, goodrun, minutes)

    def painter(self, others: LabelledImages) -> tuple[GoodRun, float]:
        """The generator of pictograms that has learned the photos of the classes that no regime cuts.

        Returns:
            It, and the minutes of its training (NaN where they are not known).

        Raises:
            Stopped: its training was stopped.
        """
        return self._generator("0", self._config.first_draw, others, pictograms=True)

    def _generator(self, regime: str, draw: int, training: LabelledImages, pictograms: bool) -> tuple[GoodRun, float]:
        """`draw` is the choice of tracks and the seed of the generator; `training` is all that it may learn from."""
        drawn_or_own = is_drawn(self._signs.name) or bool(self._signs.files)
        as_is = regime == FULL and (drawn_or_own or (Path(self._signs.name) / "train.p").is_file())
        data, reading = self._signs.name, Reading.of(dataclasses.asdict(self._config))
        if self._signs.files:
            reading = dataclasses.replace(reading, image_size=training.size)  # that the study chose
        if not as_is:
            data, reading, training = self._write(regime, draw, training, reading)
        digest = select(DataSet(data, training, None), None, False, True, pictograms).digest()
        config = self._config
        traits = {"data_digest": digest, "class_val": "all", "seed": draw, "iterations": config.gan_iterations}
        traits |= {"judge_iterations": 0, "pictograms": pictograms, "precision": config.precision}
        traits = {name: as_text(value) for name, value in traits.items()}
        found = archive.newest_of("dcgan", traits, lambda info: info.learned_only(digest))
        painted = "-pictograms" if pictograms else ""
        key, minutes = f"{regime}-{draw}-{digest}-{config.gan_iterations}{painted}", self._minutes()
        if found is None or found.iteration < config.gan_iterations:
            going_on = f", going on from {found.iteration}" if found else ""
            what = "of pictograms" if pictograms else f"of regime {regime}, draw {draw}"
            self._say(f"training the generator {what}: {config.gan_iterations} iterations{going_on}")
            before, began = minutes.get(key, float("nan")) if found else 0.0, time.perf_counter()
            run_id, status = self._train(
                data, reading, draw, f"{found.run_id}/{found.iteration}" if found else "", pictograms, not as_is
            )
            # The time of a part that was stopped counts too.
            minutes[key] = before + (time.perf_counter() - began) / 60
            with replacing(self._folder / RECORDS) as file:
                file.write(json.dumps(minutes, indent=1).encode())
            if status:
                raise Stopped(status)
            found = archive.resolve(f"{run_id}/{config.gan_iterations}", "dcgan", "all")
        return found, minutes.get(key, float("nan"))

    def _resolved(self, reference: str) -> GoodRun:
        """A good run of all classes that has seen nothing of the test parts."""
        try:
            goodrun = archive.resolve(reference, "dcgan", "all")
        except UserError as error:  # it speaks of a parameter that the study has not
            raise UserError(re.sub(r"give class_val=\w+, or a good run", "give a good run", str(error))) from None
        info = goodrun.info
        # Runs of the time before there were held-out tracks have learned them all.
        for name, absent in (("use_held_out", True), ("use_test", False)):
            if info.config.get(name, absent) is not False:
                raise UserError(
                    f"goodrun_ref {reference} was trained with {name}=true: it has learned signs that the study "
                    f"tests on; give a run with {name}=false, or none to have one trained."
                )
        if not learned(info, self._signs):
            raise UserError(
                f"goodrun_ref {reference} was trained on other images ({info.data.get('name')}, or before that) "
                f"than the training part of {self._signs.name}, and may know signs that the study tests on; give a "
                "run of this data, or none to have one trained."
            )
        return goodrun

    def _write(
        self, regime: str, draw: int, training: LabelledImages, reading: Reading
    ) -> tuple[str, Reading, LabelledImages]:
        """A data set that holds the images of a regime and no others, for the training of its generator.

        Returns:
            Its folder, how it is read, and the images as they come out of it.
        """
        folder = self._folder / "data" / f"{regime}-tracks-{draw}-{training.digest()}"
        if not self._signs.files:
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "train.p").exists():
                write_signs(folder / "train.p", training)
            return str(folder), reading, training
        groups = "folder" if (training.tracks >= 0).any() else ""
        reading = dataclasses.replace(reading, fit="squeeze", groups=groups)
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with unfinished(folder) as part:
                write_class_folders(part, training)
                fill_folder(part, folder)
        return str(folder), reading, open_images(str(folder), reading=reading).train

    def _minutes(self) -> dict[str, float]:
        try:
            found = parse_json(read_file(self._folder / RECORDS))
            return {key: float(value) for key, value in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


@functools.cache
def recipe(*more: ModuleType) -> str:
    """A digest of the settings that decide pools, and of those of other modules: what has another is made anew."""
    modules = classifier, augment, balance, *more
    return "-".join(judges.recipe(network, *modules) for network in (build_classifier(CLASSES), build_judge(CLASSES)))


def generated_pool(
    folder: Path, goodrun: GoodRun, training: LabelledImages, rare: list[int], config, words: str
) -> Pool:
    """Generated images of rare classes: read if they are there, else generated and filtered as `balance` does.

    The classifier that filters learns all images of the regime, `training`: to hold some out would leave too few of
    rare classes. `words` are for progress bars.
    """
    quality = config.quality
    identity = {"weights": sha256(goodrun.checkpoint)[:16], "quality": quality, "seed": POOL_SEED, "recipe": recipe()}
    if quality:
        identity |= {"sorted_by": training.digest(), "sorted_steps": config.steps, "copy": balance.COPY}
    wanted = np.bincount(rare, minlength=len(training.classes)) * POOL

    def make() -> dict[str, np.ndarray]:
        filters = f"training the classifier that filters: {words}"
        judge = train_judge(training, config.steps, POOL_SEED, filters) if quality else None
        keep = balance.Filter(judge, quality, training)
        images, classes = balance.generate(
            Generator(goodrun).images, keep, wanted, training, POOL_SEED, f"generating: {words}"
        )
        counted = np.zeros((len(COUNTS), len(wanted)), np.int64)
        for found in classes:
            counted[:, found.class_id] = found.drawn, found.kept, *found.rejected.values()
        return {"images": images, "labels": np.repeat(np.arange(len(wanted)), counted[1]), "fates": counted}

    return Pool(cached_arrays(folder / "pools", [identity, wanted.tolist()], make), identity)


def painted_pool(folder: Path, painter: tuple[GoodRun, float], rare: list[int]) -> Source:
    """Photos that a generator of pictograms makes of rare classes; none is thrown away."""
    goodrun, minutes = painter
    identity = {"painted": sha256(goodrun.checkpoint)[:16], "seed": POOL_SEED, "recipe": recipe()}

    @functools.cache
    def generator() -> Generator:
        return Generator(goodrun)

    pool = _pool(folder, identity, rare, lambda k: generator().images(POOL, POOL_SEED, k), "painting signs")
    return Source(pool, goodrun, minutes)


def drawn_pool(folder: Path, rare: list[int]) -> Source:
    """Drawn signs of rare classes."""
    identity = {"drawn": POOL_SEED, "look": DRAWING, "recipe": recipe()}
    return Source(_pool(folder, identity, rare, lambda k: draw_more(k, POOL, POOL_SEED), "drawing signs"))


def pasted_pool(folder: Path, training: LabelledImages, rare: list[int], fit: LabelledImages) -> Source:
    """Signs of rare classes that are set into photos of others, of the training images of a regime and no others.

    The poses are those of `fit`, which the training images are a part of; they are searched once for all regimes.
    """
    chosen = np.random.default_rng(POOL_SEED).permutation(len(fit))
    chosen = chosen[np.argsort(fit.labels[chosen], kind="stable")]
    place = np.arange(len(chosen)) - np.searchsorted(fit.labels[chosen], fit.labels[chosen])
    chosen = np.sort(chosen[(place < PLACES) | np.isin(fit.labels[chosen], rare)])
    known = fit.take(chosen)
    found = cached_arrays(
        folder / "poses", [known.digest(), judges.recipe(build_classifier(CLASSES), poses)],
        lambda: {"poses": poses.registered(known)},
    )  # fmt: skip
    identity = {"pasted": training.digest(), "seed": POOL_SEED, "recipe": recipe()}

    @functools.cache
    def paster() -> paste.Paster:
        of_training = np.isin(known.tracks, training.tracks)
        return paste.Paster(known.take(of_training), require_arrays(found, {"poses": "f2"})["poses"][of_training])

    return Source(_pool(folder, identity, rare, lambda k: paster().pasted(k, POOL, POOL_SEED), "pasting signs"))


def _pool(folder: Path, identity: dict, rare: list[int], of_class: Callable[[int], np.ndarray], words: str) -> Pool:
    def make() -> dict[str, np.ndarray]:
        images = []
        with progress(len(rare), words, "class") as bar:
            for k in rare:
                images.append(of_class(k))
                bar.update()
        return {
            "images": np.concatenate(images), "labels": np.repeat(np.array(rare, np.int64), POOL),
            "fates": np.zeros((len(COUNTS), CLASSES), np.int64),
        }  # fmt: skip

    return Pool(cached_arrays(folder / "pools", [identity, rare, POOL], make), identity)
