"""Scores of generated signs that need no judge: what a person would see, and what the images give away."""

import dataclasses

import numpy as np

from gan.data.labelled import LabelledImages
from gan.dcgan.samples import equal_images, some_of_each
from gan.dcgan.told_apart import ToldApart, told_apart
from gan.scoring import nearest
from gan.scoring.privacy import membership_leak
from gan.scoring.spectrum import spectral_excess
from gan.scoring.two_sample import distances_to_nearest

SPECTRUM = 120  # images of a class whose spectra are compared
LEAK = 150  # real images of a class on either side of the attack


@dataclasses.dataclass(frozen=True)
class PhotoScores:
    """Scores beside photographs.

    Attributes:
        scores: by name (see `gan.dcgan.scores.SCORES`).
        told_apart: the network that tells generated from real; None where there are too few images.
        excess: float (R,), more or less power of generated images at each frequency than of unseen photographs.
        real_excess: the same of training images.
    """

    scores: dict[str, float]
    told_apart: ToldApart | None
    excess: np.ndarray
    real_excess: np.ndarray


def photo_scores(
    generated: LabelledImages, training: LabelledImages, unseen: LabelledImages, seed: int
) -> PhotoScores:
    """Compare generated images with photographs that the generator has not seen.

    Args:
        generated: images of one or more classes.
        training: real images that the generator learned, of the same classes or more.
        unseen: real images that it did not learn: the test part, or held-out tracks. Of each class at least one.
        seed: of the network that tells generated from real.
    """
    parts = equal_images((generated, training, unseen), SPECTRUM)
    excess, real_excess = (spectral_excess(images, parts[2]) for images in parts[:2])
    scores = {"spectrum": np.abs(excess).max(), "spectrum_floor": np.abs(real_excess).max()}
    told = told_apart(generated, training, unseen, seed)
    if told is not None:
        scores["told_apart"] = told.auc
        if told.reference is not None:
            scores["told_apart_floor"] = told.reference
    scores |= _leak(generated, training, unseen)
    return PhotoScores({name: float(value) for name, value in scores.items()}, told, excess, real_excess)


def _leak(generated: LabelledImages, training: LabelledImages, unseen: LabelledImages) -> dict[str, float]:
    """Membership by the distance to the nearest generated image of the class, in pixels whatever their light."""
    wanted = np.where(generated.counts() > 0, LEAK, 0)
    sides = [part.take(some_of_each(part, wanted)) for part in (training, unseen)]
    points = nearest.normalised(generated.images)
    far = [
        distances_to_nearest(nearest.normalised(side.images), points, (side.labels, generated.labels))
        for side in sides
    ]
    labels, tracks = (tuple(getattr(side, name) for side in sides) for name in ("labels", "tracks"))
    return membership_leak(*far, labels, tracks).scores()
