"""What a good run of signs has learned, beside the data set that it is used with."""

import numpy as np

from gan.archive import GoodRun
from gan.checkpoints import CheckpointInfo
from gan.data.sets import SignSet, select
from gan.data.signs import parse_class
from gan.data.spread import spread_over
from gan.dcgan.generator import BATCH, Generator
from gan.errors import UserError
from gan.scoring.nearest import nearest

# Real images of each class that are compared, and the share of them that must be nearest to their own class. With the
# shipped run GTSRB gives 0.27 to 0.83 (three tracks of five speed limits the least), drawn signs 0.33, photos of
# hands 0.00 and noise 0.03.
COMPARED = 16
ENOUGH = 0.15


def learned(info: CheckpointInfo, source: SignSet, use_held_out: bool | None = None) -> bool:
    """Whether a run was trained on this very data set, and on no other before.

    Args:
        info: what its checkpoint says of itself.
        source: the data set.
        use_held_out: whether with the tracks that are held out; None for what the run says.
    """
    # Runs of the time before there were held-out tracks have learned them all.
    used = info.config.get("use_held_out", True) is not False
    if use_held_out not in (None, used):
        return False
    try:
        return info.learned_only(
            select(source, parse_class(info.class_val), info.config.get("use_test") is True, used).digest()
        )
    except UserError:  # the data set has no such class or part
        return False


def require_learned(goodrun: GoodRun, generator: Generator, source: SignSet) -> None:
    """Make sure that a run has learned the classes of a data set: that they are not other things of the same numbers.

    It has if it was trained on this very data. A run of all classes has too if enough real images are nearest, pixel
    by pixel, to generated images of their own class: by chance it is one in 43.

    Raises:
        UserError: it has not.
    """
    if learned(goodrun.info, source):
        return
    name = f"the good run (trained on {goodrun.info.data['name']})"
    if goodrun.info.class_val != "all":
        raise UserError(
            f"{name} has learned one class of other data than {source.name}; give a run that was trained on "
            "this data, or one of all classes."
        )
    real = source.train
    chosen = [np.flatnonzero(real.labels == k) for k in np.flatnonzero(real.counts())]
    chosen = [places[spread_over(len(places), COMPARED)] for places in chosen]
    classes = range(generator.network.classes)
    generated = np.concatenate([generator.images(BATCH, 0, k) for k in classes])
    found = np.repeat(classes, BATCH)[nearest(real.images[np.concatenate(chosen)], generated, 1)[1][:, 0]]
    right = np.split(found == real.labels[np.concatenate(chosen)], np.cumsum([len(places) for places in chosen])[:-1])
    share = float(np.mean([each.mean() for each in right]))
    if share < ENOUGH:
        raise UserError(
            f"{name} did not learn the classes of {source.name}: {share:.0%} of its images are nearest to generated "
            f"images of their own class, and {ENOUGH:.0%} are needed; give a run that was trained on this data."
        )
