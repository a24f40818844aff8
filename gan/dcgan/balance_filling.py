"""Generating what classes lack: the good run draws, a classifier of the source sorts."""

import time
import types

import numpy as np

from gan.archive import GoodRun
from gan.data.sets import SignSet
from gan.dcgan import balance as balancing
from gan.dcgan.generator import Generator
from gan.dcgan.judge import Judge, judge_of
from gan.dcgan.learned import require_learned
from gan.errors import UserError
from gan.progress import progress
from gan.training.devices import make_deterministic
from gan.training.run import say


def fill_classes(
    source: SignSet, goodrun: GoodRun, lacking: np.ndarray, seed: int, quality: float, judge_iterations: int
) -> tuple[list[balancing.Filled], np.ndarray, Judge | None]:
    """Generate what is lacking.

    Args:
        source: the data set.
        goodrun: what generates, of all classes or of the one that lacks images.
        lacking: integers (43,), images wanted of each class.
        seed: of the latents.
        quality: see `gan.dcgan.balance.Sieve`; 0 keeps all.
        judge_iterations: training of the classifier, if the archive has none of this data.

    Returns:
        The classes that lacked images; uint8 (N, 32, 32, 3), the images of the source in their order and behind them
        the generated ones, class by class; and the classifier that sorted them, if one did.

    Raises:
        UserError: the weights are damaged, the run did not learn these classes, or there is no classifier to be had.
    """
    make_deterministic()
    generator = Generator(goodrun)
    require_learned(goodrun, generator, source)
    judge = judge_of(source, judge_iterations, say) if quality else None
    if quality and judge is None:
        raise UserError(
            "quality needs a classifier of the source, and there is none; give quality=0 to keep all images."
        )
    sieve = balancing.Sieve(judge, quality, source.train)
    uncounted = types.SimpleNamespace(update=lambda count: None)  # what is kept is counted here, not what is drawn

    def draw(class_id: int, chunk: int) -> np.ndarray:
        return generator.images(balancing.CHUNK, balancing.chunk_seed(seed, chunk), class_id, uncounted)

    counts = source.train.counts()
    place = len(source.train)
    features = np.empty((place + int(lacking.sum()), *source.train.images.shape[1:]), np.uint8)
    features[:place] = source.train.images
    filled, began = [], time.perf_counter()
    with progress(int(lacking.sum()), "generating", "kept image") as bar:
        for k in np.flatnonzero(lacking):
            each = balancing.Filled(int(k), int(counts[k]), int(lacking[k]))
            balancing.fill(each, draw, sieve, features[place : place + each.wanted], bar.update)
            bar.update(each.short)  # what does not come is not waited for
            place += each.kept
            filled.append(each)
    drawn = sum(each.drawn for each in filled)
    sorted_too = "" if judge is None else " and sorted"
    say(f"{drawn:,} images generated{sorted_too}, {drawn / (time.perf_counter() - began):,.0f} a second")
    return filled, features[:place], judge
