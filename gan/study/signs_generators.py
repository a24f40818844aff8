"""Images that are not real for the study of signs: generated, or drawn by the program.

Each regime has a generator, trained on that regime's images only, and a pool of its images, filtered by a classifier
that has learned no others either.
"""

import dataclasses
import functools
import itertools
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gan import archive
from gan.archive import GoodRun, judges
from gan.data.class_folders import Reading, write_class_folders
from gan.data.gtsrb import write_signs
from gan.data.labelled import LabelledImages, join
from gan.data.sets import DataSet, is_drawn, open_images, select
from gan.data.signs import CLASSES
from gan.dcgan import balance, classifier
from gan.dcgan.classifier import build_classifier, build_judge
from gan.dcgan.generator import Generator
from gan.dcgan.judge import train_judge
from gan.dcgan.learned import learned
from gan.drawn.signs import drawn_signs
from gan.errors import UserError
from gan.files import fill_folder, parse_json, read_file, replacing, sha256, unfinished
from gan.study.grid import Stopped, cached_arrays
from gan.study.signs_arms import FULL, missing_images
from gan.training import augment

RECORDS = "generators.json"  # minutes of training
POOL_SEED = 0
COUNTS = ("drawn", "kept", *balance.REASONS.values())  # what is counted of generated images

Train = Callable[[str, Reading, int, bool, str], tuple[str, int]]
"""Trains a generator of all classes. Of data, how they are read, seed, use_held_out and goodrun_ref; run id and exit
status."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Images of a regime that are not real, in a file."""

    path: Path
    identity: dict  # what decides which images are accepted, in order; not how many of them the file holds

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The images uint8 (M, 32, 32, 3), their class ids (M,) ascending, and integers (5, C): `COUNTS` by class."""
        with np.load(self.path, allow_pickle=False) as kept:
            return kept["images"], kept["labels"], kept["fates"]

    def first(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first images of each class, as many as integers (C,) `wanted` and there are, and their class ids."""
        images, labels, _ = self.read()
        place = np.arange(len(labels)) - np.searchsorted(labels, labels)  # labels ascend: the place within the class
        chosen = place < wanted[labels]
        return images[chosen], labels[chosen]


@dataclasses.dataclass(frozen=True)
class Source:
    """A generator of a regime and draw, and its images."""

    goodrun: GoodRun
    minutes: float  # of its training; NaN where it was not trained here
    pool: Pool


class Generators:
    """Finds, or trains, the generators of a study.

    Args:
        folder: the study's folder.
        signs: the data set.
        config: of the command; its `goodrun_ref` is the generator of the full regime, "" to train one.
        train: trains one.
        say: prints a line for the user.
    """

    def __init__(self, folder: Path, signs: DataSet, config, train: Train, say):
        self._folder, self._signs, self._config, self._train, self._say = folder, signs, config, train, say
        self._given = self._resolved(config.goodrun_ref) if config.goodrun_ref else None

    def sources(
        self, regimes: dict[str, str], draws: int, training: Callable[[str, int], LabelledImages], target: int
    ) -> dict[tuple[str, int], Source]:
        """Generated images for every regime and draw, found or made.

        Args:
            regimes: descriptions by name.
            draws: choices of tracks in each.
            training: gives the images of a regime and draw.
            target: images that every class can be filled up to, if the largest class has fewer.
        """
        found: dict[tuple[str, int], Source] = {}
        for regime, draw in itertools.product(regimes, range(draws)):
            signs = training(regime, draw)
            goodrun, minutes = self.generator(regime, draw, signs)
            words = regimes[regime] + (f", draw {draw}" if draws > 1 else "")
            pool = generated_pool(self._folder, goodrun, signs, target, self._config, words)
            found[regime, draw] = Source(goodrun, minutes, pool)
            short = np.maximum(missing_images(signs.counts(), 0) - pool.read()[2][1], 0)
            if short.any():
                k = int(short.argmax())
                self._say(
                    f"warning: {words}: {np.count_nonzero(short)} classes could not be filled up with images that "
                    f"pass quality={self._config.quality}; class {signs.classes.phrase(k)} lacks most: {short[k]}"
                )
        return found

    def generator(self, regime: str, draw: int, training: LabelledImages) -> tuple[GoodRun, float]:
        """The generator of a regime, and the minutes of its training (NaN where they are not known).

        `draw` is the choice of tracks and the seed of the generator; `training` is all that it may learn from.

        Raises:
            UserError: it can't be trained.
            Stopped: its training was stopped.
        """
        if regime == FULL and self._given:
            return self._given, float("nan")
        drawn_or_own = is_drawn(self._signs.name) or bool(self._signs.files)
        as_is = regime == FULL and (drawn_or_own or (Path(self._signs.name) / "train.p").is_file())
        data, reading = self._signs.name, Reading.of(dataclasses.asdict(self._config))
        if not as_is:
            data, reading, training = self._write(regime, draw, training, reading)
        digest, config = select(DataSet(data, training, None), None, False, True).digest(), self._config
        traits = {"data_digest": digest, "class_val": "all", "seed": draw, "iterations": config.gan_iterations}
        traits |= {"judge_iterations": 0, "drawn": config.gan_drawn, "precision": config.precision}
        traits = {name: str(value) for name, value in traits.items()}
        found = archive.newest_of("dcgan", traits, lambda info: info.learned_only(digest))
        drawn = f"-drawn{config.gan_drawn}" if config.gan_drawn else ""
        key, minutes = f"{regime}-{draw}-{digest}-{config.gan_iterations}{drawn}", self._minutes()
        if found is None or found.iteration < config.gan_iterations:
            going_on = f", going on from {found.iteration}" if found else ""
            self._say(f"training the generator of regime {regime}: {config.gan_iterations} iterations{going_on}")
            before, began = minutes.get(key, float("nan")) if found else 0.0, time.perf_counter()
            run_id, status = self._train(
                data, reading, draw, not as_is, f"{found.run_id}/{found.iteration}" if found else ""
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
        if (drawn := info.config.get("drawn", 0)) != self._config.gan_drawn:
            raise UserError(
                f"goodrun_ref {reference} has learned {drawn} drawn signs of each class, and the generators of the "
                f"other regimes would learn {self._config.gan_drawn}; give gan_drawn={drawn}, or another run."
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
        reading = dataclasses.replace(reading, image_size=training.size, fit="squeeze", groups=groups)
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
def recipe() -> str:
    """A digest of the settings that decide cells and pools: those of another recipe are not taken."""
    networks = build_classifier(CLASSES), build_judge(CLASSES)
    return "-".join(judges.recipe(network, classifier, augment, balance) for network in networks)


def generated_pool(folder: Path, goodrun: GoodRun, training: LabelledImages, target: int, config, words: str) -> Pool:
    """The generated images of a regime: read if they are there, else generated and filtered as `balance` does.

    The classifier that filters learns all images of the regime, `training`, and the drawings that the generator has
    learned: to hold some out would leave too few of rare classes. `target` is that of `Generators.sources`, `words`
    are for progress bars.
    """
    quality, drawn = config.quality, config.gan_drawn
    identity = {"weights": sha256(goodrun.checkpoint)[:16], "quality": quality, "seed": POOL_SEED, "recipe": recipe()}
    if quality:
        identity |= {"sorted_by": training.digest(), "sorted_steps": config.steps, "copy": balance.COPY}
        identity |= {"sorted_drawn": drawn} if drawn else {}
    counts = training.counts()
    wanted = np.maximum(missing_images(counts, target), missing_images(counts, 0))

    def make() -> dict[str, np.ndarray]:
        judge = None
        if quality:
            known = join(training, drawn_signs(np.full(CLASSES, drawn), POOL_SEED)) if drawn else training
            judge = train_judge(known, config.steps, POOL_SEED, f"training the classifier that filters: {words}")
        keep = balance.Filter(judge, quality, training)
        images, classes = balance.generate(
            Generator(goodrun).images, keep, wanted, training, POOL_SEED, f"generating: {words}"
        )
        counted = np.zeros((len(COUNTS), len(wanted)), np.int64)
        for found in classes:
            counted[:, found.class_id] = found.drawn, found.kept, *found.rejected.values()
        return {"images": images, "labels": np.repeat(np.arange(len(wanted)), counted[1]), "fates": counted}

    return Pool(cached_arrays(folder / "pools", [identity, wanted.tolist()], make), identity)


def drawn_pool(folder: Path, wanted: np.ndarray) -> Pool:
    """Drawn images, as many of each class as integers (C,) `wanted`: read if they are there, else drawn."""
    identity = {"seed": POOL_SEED, "recipe": recipe()}

    def make() -> dict[str, np.ndarray]:
        signs, counted = drawn_signs(wanted, POOL_SEED), np.zeros((len(COUNTS), len(wanted)), np.int64)
        return {"images": signs.images, "labels": signs.labels.astype(np.int64), "fates": counted}

    key = {"drawn": POOL_SEED, "wanted": wanted.tolist(), "recipe": recipe()}
    return Pool(cached_arrays(folder / "pools", key, make), identity)
