"""Generated images for the study of signs.

A generator for each regime, trained on that regime's images only, and a pool of what it makes, sorted by a classifier
that has seen no others either.
"""

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gan import archive
from gan.archive import GoodRun
from gan.data.gtsrb import write_signs
from gan.data.sets import SignSet, is_drawn, select
from gan.data.signs import CLASSES, NAMES, SIZE, Signs, join
from gan.dcgan import balance
from gan.dcgan.generator import Generator
from gan.dcgan.judge import train_judge
from gan.drawn.signs import drawn_signs
from gan.errors import UserError
from gan.files import replacing, sha256
from gan.study.grid import Stopped, kept_arrays
from gan.study.signs_arms import FULL, missing_images

RECORDS = "generators.json"  # minutes of training
POOL_SEED = 0
RECIPE = 2  # count up when cells or the images in pools would come out differently: older ones are not taken then
SHAPE = SIZE, SIZE, 3
FATES = ("drawn", "kept", *balance.REASONS.values())  # what becomes of generated images

Train = Callable[[str, int, int, bool, str, int, str], tuple[str, int]]
"""Trains a generator of all classes.

Of data, iterations, seed, use_held_out, precision, drawn and goodrun_ref; the run and the exit status.
"""


@dataclasses.dataclass(frozen=True)
class Made:
    """A generator of a regime.

    Attributes:
        run_id: of the archive.
        iteration: updates made.
        minutes: of training; NaN where it was not trained here.
        weights: digest of its checkpoint.
    """

    run_id: str
    iteration: int
    minutes: float
    weights: str


@dataclasses.dataclass(frozen=True)
class Pool:
    """Images of a regime that are not real, and how many were thrown away.

    Attributes:
        path: its file.
        identity: what decides which images are accepted, in order; how many of them the file holds is no part of it.
    """

    path: Path
    identity: dict

    def read(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The images uint8 (M, 32, 32, 3), their class ids (M,) ascending, and integers (5, C): `FATES` by class."""
        with np.load(self.path, allow_pickle=False) as kept:
            return kept["images"], kept["labels"], kept["fates"]

    def first(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first images of each class, as far as there are any: uint8 (M', 32, 32, 3), and their class ids (M',).

        Args:
            wanted: integers (C,), how many of each class.
        """
        images, labels, _ = self.read()
        place = np.arange(len(labels)) - np.searchsorted(labels, labels)  # labels ascend: the place within the class
        chosen = place < wanted[labels]
        return images[chosen], labels[chosen]


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the generated images of a regime and draw are from."""

    made: Made
    pool: Pool


class Generators:
    """Finds, or trains, the generators of a study.

    Args:
        folder: the study's folder.
        signs: the data set.
        iterations: of a generator that is trained here.
        precision: of its training.
        drawn: drawn signs of each class that it learns besides.
        goodrun_ref: the generator of the full regime; "" to train one.
        train: trains one.
        say: prints a line for the user.
    """

    def __init__(
        self, folder: Path, signs: SignSet, iterations: int, precision: str, drawn: int, goodrun_ref: str,
        train: Train, say,
    ):  # fmt: skip
        self._folder, self._signs = folder, signs
        self._iterations, self._precision, self._drawn = iterations, precision, drawn
        self._train, self._say = train, say
        self._given = self._checked(goodrun_ref) if goodrun_ref else None

    def sources(
        self,
        regimes: dict[str, str],
        draws: int,
        training: Callable[[str, int], Signs],
        target: int,
        quality: float,
        steps: int,
    ) -> dict[tuple[str, int], Source]:
        """Generated images for every regime and draw.

        Args:
            regimes: in words, by name.
            draws: choices of tracks in each.
            training: gives the images of a regime and draw.
            target: see `pool`, as the rest.
            quality: see `pool`.
            steps: see `pool`.

        Raises:
            UserError: a generator can't be trained.
            Stopped: the training of one was stopped.
        """
        found: dict[tuple[str, int], Source] = {}
        for regime, draw in itertools.product(regimes, range(draws)):
            signs = training(regime, draw)
            goodrun, made = self.of(regime, draw, signs)
            words = regimes[regime] + (f", draw {draw}" if draws > 1 else "")
            kept = pool(self._folder, (goodrun, made), signs, self._drawn, target, quality, steps, words)
            found[regime, draw] = Source(made, kept)
            short = np.maximum(missing_images(signs.counts(), 0) - kept.read()[2][1], 0)
            if short.any():
                k = int(short.argmax())
                self._say(
                    f"warning: {words}: {np.count_nonzero(short)} classes could not be filled up with images that "
                    f"pass quality={quality}; class {k} ({NAMES[k]}) lacks most: {short[k]}"
                )
        return found

    def of(self, regime: str, draw: int, training: Signs) -> tuple[GoodRun, Made]:
        """The generator of a regime.

        Args:
            regime: its name.
            draw: which choice of tracks, and the seed of the generator.
            training: the images of the regime, all that it may learn from.

        Raises:
            UserError: it can't be trained.
            Stopped: its training was stopped.
        """
        if regime == FULL and self._given:
            return self._given, self._made(self._given, float("nan"))
        as_is = regime == FULL and (is_drawn(self._signs.name) or (Path(self._signs.name) / "train.p").is_file())
        data, whole = (self._signs.name, False) if as_is else (self._write(regime, draw, training), True)
        learned = select(SignSet(data, training, None), None, False, True).digest()
        traits = {"data_digest": learned, "class_val": "all", "seed": str(draw)}
        traits |= {"iterations": str(self._iterations), "judge_iterations": "0"}  # runs of this study's kind
        traits |= {"drawn": str(self._drawn), "precision": self._precision}
        found = archive.newest_of("dcgan", traits, lambda info: info.learned_only(learned))
        key = f"{regime}-{draw}-{learned}-{self._iterations}" + (f"-drawn{self._drawn}" if self._drawn else "")
        if found is None or found.iteration < self._iterations:
            before = f"{found.run_id}/{found.iteration}" if found else ""
            done = f", going on from {found.iteration}" if found else ""
            self._say(f"training the generator of regime {regime}: {self._iterations} iterations{done}")
            began = time.perf_counter()
            run_id, status = self._train(data, self._iterations, draw, whole, self._precision, self._drawn, before)
            # The time of a part that was stopped counts too.
            self._record(key, self._minutes(key, before != "") + (time.perf_counter() - began) / 60)
            if status:
                raise Stopped(status)
            found = archive.resolve(f"{run_id}/{self._iterations}", "dcgan", "all")
        return found, self._made(found, self._minutes(key, True))

    def _checked(self, reference: str) -> GoodRun:
        """A good run that has seen nothing of the test parts."""
        goodrun = resolved(reference)
        info = goodrun.info
        # Runs of the time before there were held-out tracks have learned them all.
        for name, absent in (("use_held_out", True), ("use_test", False)):
            if info.config.get(name, absent) is not False:
                raise UserError(
                    f"goodrun_ref {reference} was trained with {name}=true: it has learned signs that the study "
                    f"tests on; give a run with {name}=false, or none to have one trained."
                )
        if not info.learned_only(select(self._signs, None, False, False).digest()):
            raise UserError(
                f"goodrun_ref {reference} was trained on other images ({info.data.get('name')}, or before that) "
                f"than the training part of {self._signs.name}, and may know signs that the study tests on; give a "
                "run of this data, or none to have one trained."
            )
        drawn = info.config.get("drawn", 0)
        if drawn != self._drawn:
            raise UserError(
                f"goodrun_ref {reference} has learned {drawn} drawn signs of each class, and the generators of the "
                f"other regimes would learn {self._drawn}; give gan_drawn={drawn}, or another run."
            )
        return goodrun

    def _write(self, regime: str, draw: int, training: Signs) -> str:
        """A data set that holds the images of a regime and no others, for the training of its generator."""
        folder = self._folder / "data" / f"{regime}-tracks-{draw}-{training.digest()}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "train.p").exists():
            write_signs(folder / "train.p", training)
        return str(folder)

    def _made(self, goodrun: GoodRun, minutes: float) -> Made:
        return Made(goodrun.run_id, goodrun.iteration, minutes, sha256(goodrun.checkpoint)[:16])

    def _minutes(self, key: str, known: bool) -> float:
        """Minutes of training so far, NaN where that is not known; 0 for a training that begins."""
        return float(self._records().get(key, "nan")) if known else 0.0

    def _record(self, key: str, minutes: float) -> None:
        with replacing(self._folder / RECORDS) as file:
            file.write(json.dumps(self._records() | {key: minutes}, indent=1).encode())

    def _records(self) -> dict[str, float]:
        try:
            found = json.loads((self._folder / RECORDS).read_text())
            return {key: float(value) for key, value in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def recipe() -> dict[str, int]:
    """What the identity of a pool says of the recipe; the first one was not written down."""
    return {"recipe": RECIPE} if RECIPE > 1 else {}


def resolved(reference: str) -> GoodRun:
    """A good run of all classes."""
    try:
        return archive.resolve(reference, "dcgan", "all")
    except UserError as error:  # it speaks of a parameter that the study has not
        raise UserError(re.sub(r"give class_val=\w+, or a good run", "give a good run", str(error))) from None


def pool(
    folder: Path, source: tuple[GoodRun, Made], training: Signs, drawn: int, target: int, quality: float, steps: int,
    words: str,
) -> Pool:  # fmt: skip
    """The pool of a regime: read if it is there, else made. What is kept is what `balance` keeps.

    The classifier that sorts learns all images of the regime: held-out ones would leave too few of the rare classes.

    Args:
        folder: the study's folder.
        source: the generator, and what is known of it.
        training: the images of the regime.
        drawn: drawn signs of each class that the generator has learned besides, and what sorts learns too.
        target: images that every class can be filled up to, if the largest class has fewer.
        quality: see `gan.dcgan.balance.Filter`; 0 keeps all.
        steps: updates of the classifier that sorts.
        words: what progress bars say.
    """
    goodrun, made = source
    identity = {"weights": made.weights, "quality": quality, "seed": POOL_SEED} | recipe()
    if quality:
        identity |= {"sorted_by": training.digest(), "sorted_steps": steps, "copy": balance.COPY}
        identity |= {"sorted_drawn": drawn} if drawn else {}
    counts = training.counts()
    wanted = np.maximum(missing_images(counts, target), missing_images(counts, 0))

    def make() -> dict[str, np.ndarray]:
        judge = None
        if quality:
            learned = join(training, drawn_signs(np.full(CLASSES, drawn), POOL_SEED)) if drawn else training
            judge = train_judge(learned, steps, POOL_SEED, f"training the classifier that sorts: {words}")
        keep = balance.Filter(judge, quality, training)
        images, labels, fates = _generate(goodrun, wanted, keep, POOL_SEED, words)
        return {"images": images, "labels": labels, "fates": fates}

    return Pool(kept_arrays(folder / "pools", [identity, wanted.tolist()], make), identity)


def _generate(goodrun: GoodRun, wanted: np.ndarray, keep: balance.Filter, seed: int, words: str):
    """Accepted images in order of class, their labels, and what became of all that were generated (`Pool.read`)."""
    images, counts = balance.generate(
        Generator(goodrun).images, keep, wanted, np.zeros_like(wanted), seed, f"generating: {words}"
    )
    fates, labels = np.zeros((len(FATES), len(wanted)), np.int64), []
    for each in counts:
        labels += [each.class_id] * each.kept
        fates[:, each.class_id] = each.drawn, each.kept, *each.rejected.values()
    return images, np.array(labels, np.int64), fates
