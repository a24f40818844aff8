"""What a good run of signs has learned, beside the data set that it is used with."""

import numpy as np

from gan.archive import GoodRun
from gan.checkpoint_info import CheckpointInfo
from gan.data.labelled import ALL, LabelledImages
from gan.data.sets import DataSet, Parts, open_images, reading_of, select
from gan.data.signs import GTSRB, stored_classes, stored_size
from gan.data.spread import spread_over
from gan.dcgan.generator import BATCH, Generator
from gan.errors import UserError
from gan.scoring.nearest import normalised

COMPARED = 16  # real images of each class that are compared
# Mean share of the other classes whose generated images are farther than those of the own class. With the shipped
# run GTSRB has 0.91 to 0.93, drawn signs 0.85, twenty of five classes 0.66; noise and signs whose numbers were mixed
# have 0.50, five classes of these 0.37 to 0.71: what passes by chance is thrown away by the judge.
ENOUGH = 0.6
LEFT_OUT = "scores and real images are left out, for want of the data that the run learned"


def _used(info: CheckpointInfo) -> tuple[bool, bool]:
    """Whether a run has learned the test part and the held-out tracks."""
    # Runs of the time before there were held-out tracks have learned them all.
    return info.config.get("use_test") is True, info.config.get("use_held_out", True) is not False


def _learned_part(info: CheckpointInfo, source: DataSet) -> LabelledImages:
    """The images of a data set that a run has learned, if it was trained on this data set."""
    return select(source, source.classes.parse(info.class_val), *_used(info), info.config.get("pictograms") is True)


def learned(info: CheckpointInfo, source: DataSet, use_held_out: bool | None = None) -> bool:
    """Whether a run was trained on this very data set, and on no other before.

    Args:
        info: what its checkpoint says of itself.
        source: the data set.
        use_held_out: whether with the tracks that are held out; None for what the run says.
    """
    if use_held_out not in (None, _used(info)[1]):
        return False
    try:
        return info.learned_only(_learned_part(info, source).digest())
    except UserError:  # the data set has no such class or part
        return False


def open_for(info: CheckpointInfo, data: str, every_class: bool = True) -> DataSet:
    """A data set for a good run: read as the run read its own, and of no other classes than it knows.

    Args:
        info: what its checkpoint says of itself.
        data: see `gan.data.sets.open_images`.
        every_class: False: of drawn signs, only what the run has learned is needed.

    Raises:
        UserError: see `gan.data.sets.open_images`; or the classes or the size of the images are others.
    """
    classes = stored_classes(info.data)
    source = open_images(data, None if every_class else classes.parse(info.class_val), reading_of(info), classes)
    require_same_classes(info, source)
    return source


def require_same_classes(info: CheckpointInfo, source: DataSet) -> None:
    """Make sure that a good run's classes and size are those of a data set.

    Raises:
        UserError: they are not.
    """
    classes, size = stored_classes(info.data), stored_size(info.network)
    if source.classes.keys != classes.keys:
        raise UserError(
            f"{source.name} has {len(source.classes)} classes ({source.classes.listed()}), and the good run knows "
            f"{len(classes)} ({classes.listed()}); give a run that was trained on such data."
        )
    if source.train.size != size:
        raise UserError(
            f"{source.name} has images of {source.train.size}x{source.train.size}, and the good run generates "
            f"{size}x{size}; give image_size={size}, or a run of that size."
        )


def real_images(info: CheckpointInfo, data: str, every_class: bool) -> Parts | None:
    """The parts of the data set that a run was trained on, or None, with a sentence, where it is not there any more.

    Args:
        info: what its checkpoint says of itself.
        data: where the data set is now; "" for where it was.
        every_class: the classes that it was not trained on are needed too, for the classifier that gives scores.
    """
    try:
        signs = open_for(info, data or info.data["name"], every_class)
        digest = _learned_part(info, signs).digest()
    except UserError as error:
        print(f"{LEFT_OUT}: {error}")
        return None
    if digest != info.data["digest"]:
        print(f"{LEFT_OUT}: {signs.name} holds other images than the run was trained on.")
        return None
    if any(_used(info)) or not info.learned_only(digest):
        print("the run has learned signs that it should be compared with: scores beside them mean little.")
    return signs.parts


def unseen_part(info: CheckpointInfo, source: Parts, classes: list[int]) -> LabelledImages | None:
    """Real images that neither a run nor the choice of its checkpoint has seen, of every class: the test part.

    None where there is none, or the run has learned it.
    """
    if source.test is None or _used(info)[0] or not source.test.counts()[classes].all():
        return None
    return source.test


def require_learned(goodrun: GoodRun, generator: Generator, source: DataSet) -> None:
    """Make sure that a run has learned the classes of a data set: that they are not other things of the same numbers.

    It has if it was trained on this very data, or on classes of the same names. A run of all GTSRB classes has too if
    real images are nearer, pixel by pixel, to generated images of their own class than to those of most others.

    Raises:
        UserError: it has not.
    """
    if learned(goodrun.info, source):
        return
    name = f"the good run (trained on {goodrun.info.data['name']})"
    if goodrun.info.class_val != ALL and source.classes == GTSRB:
        raise UserError(
            f"{name} has learned one class of other data than {source.name}; give a run that was trained on "
            "this data, or one of all classes."
        )
    if source.classes != GTSRB:  # their names were compared when they were read
        return
    share = _nearer_to_own(generator, source.train)
    if share < ENOUGH:
        raise UserError(
            f"{name} did not learn the classes of {source.name}: its images are nearer to generated ones of their "
            f"own class than to those of {share:.0%} of the other classes ({ENOUGH:.0%} are needed, 50% is chance); "
            "give a run that was trained on this data."
        )


def _nearer_to_own(generator: Generator, real: LabelledImages) -> float:
    """The share of the other classes whose generated images are farther, mean over the classes of the real images."""
    classes = generator.network.classes
    generated = normalised(np.concatenate([generator.images(BATCH, 0, k) for k in range(classes)]))
    shares = []
    for k in np.flatnonzero(real.counts()):
        images = real.images[real.labels == k]
        images = normalised(images[spread_over(len(images), COMPARED)])
        # The rows have length 1: the nearest image is that of the largest product.
        nearest = (images @ generated.T).reshape(len(images), classes, BATCH).max(axis=2)
        shares.append((nearest < nearest[:, k : k + 1]).sum(axis=1).mean() / (classes - 1))
    return float(np.mean(shares))
