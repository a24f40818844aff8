"""Street photos of drawn signs: a data set like GTSRB that needs no download.

It is what a run without data trains on, and what tests are made with. Every class has tracks, and every track
is one sign in one place: its pose, light, wear and surroundings are drawn once, then the car drives up to it.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from gan.data.labelled import ARRAYS, LabelledImages
from gan.data.signs import CLASSES, GTSRB, SIZE, TRAINING_COUNTS
from gan.drawn.frames import CLEAR, SIGN, WIDE, Look, choose_track, film
from gan.drawn.pictograms import designs, pictogram
from gan.errors import UserError

TRACK_FRAMES = 30  # most frames of a track, as in GTSRB
TRACKS_AT_LEAST = 7  # tracks of a class, as of the rarest in GTSRB; in a small set they are shorter

# Parts, MORE and above of them; their random draws, and so their signs, are all different.
TRAIN, TEST, MORE = 0, 1, 2
MORE_AT_ONCE = 300
MORE_FRAMES = 2  # of a track of these: many signs teach more than many frames of one
DRAWING = 2  # number of the way that signs are drawn: what is kept of another is drawn anew


def draw_signs(
    train_examples: int, test_examples: int, seed: int, classes: Sequence[int] | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Draw a training and a test set of street photos of German traffic signs.

    Classes have shares as in GTSRB (`class_counts`). A class has one track for every 30 images begun and at
    least 7 (fewer only where it has fewer images), whose lengths differ by one frame at most. Images are in
    order of class, track and frame; a track's frames near the sign. No physical sign is in both parts. The look is
    `CLEAR`: a short training shows something.

    Args:
        train_examples: images of all 43 classes in the training set, at least 43.
        test_examples: the same of the test set.
        seed: 0 or more; the same seed and sizes give the same bytes.
        classes: class ids to draw; None means all. What is drawn is what the full sets hold of these classes.

    Returns:
        Training set and test set, as `LabelledImages` describes them; `sizes` are 15-250.

    Raises:
        UserError: a size is below 43, the seed is negative, or a class is not 0-42.
    """
    if seed < 0:
        raise UserError(f"seed is {seed}; give a whole number from 0 on.")
    wanted = list(range(CLASSES)) if classes is None else sorted(set(classes))
    if not set(wanted) <= set(range(CLASSES)):
        raise UserError(f"classes are {list(classes)}; give class ids from 0 to {CLASSES - 1}.")
    train, test = (
        _draw_part(part, class_counts(examples), seed, wanted, track_lengths, CLEAR)
        for part, examples in ((TRAIN, train_examples), (TEST, test_examples))
    )
    return train, test


def draw_more(class_id: int, count: int, seed: int) -> np.ndarray:
    """Further street photos of one drawn sign; none shows a sign that `draw_signs` draws.

    Args:
        class_id: 0-42.
        count: how many.
        seed: 0 or more.

    Returns:
        uint8 (count, 32, 32, 3), of all designs and in the look `WIDE`. Image number n depends on the class, the seed
        and n alone; every `MORE_AT_ONCE` images show tracks of their own, in random order.
    """
    counts = np.bincount([class_id], minlength=CLASSES) * MORE_AT_ONCE
    chunks = [np.empty((0, SIZE, SIZE, 3), np.uint8)]
    for chunk in range(math.ceil(count / MORE_AT_ONCE)):
        images = _draw_part(MORE + chunk, counts, seed, [class_id], _short_tracks, WIDE).images
        chunks.append(images[np.random.default_rng([seed, MORE + chunk, class_id]).permutation(MORE_AT_ONCE)])
    return np.concatenate(chunks)[:count]


def class_counts(examples: int) -> np.ndarray:
    """int64 (43,): images of each class among `examples`, in GTSRB's proportions and at least one each.

    Raises:
        UserError: fewer than one image a class.
    """
    if examples < CLASSES:
        raise UserError(f"{examples} drawn examples do not cover the {CLASSES} classes; ask for {CLASSES} or more.")
    shares = np.array(TRAINING_COUNTS) * (examples - CLASSES) / sum(TRAINING_COUNTS)
    counts = 1 + np.floor(shares).astype(np.int64)
    # What rounding down left over goes to the classes that lost most.
    counts[np.argsort(np.floor(shares) - shares, kind="stable")[: examples - counts.sum()]] += 1
    return counts


def track_lengths(images: int) -> np.ndarray:
    """int64 (tracks,): frames of each track of a class with this many images, by the rule of `draw_signs`."""
    tracks = min(images, max(TRACKS_AT_LEAST, math.ceil(images / TRACK_FRAMES)))
    return np.array([images // tracks + (track < images % tracks) for track in range(tracks)])


def _short_tracks(images: int) -> np.ndarray:
    return np.full(images // MORE_FRAMES, MORE_FRAMES)


def _draw_part(
    part: int, counts: np.ndarray, seed: int, classes: list[int], lengths: Callable[[int], np.ndarray], look: Look
) -> LabelledImages:
    """The tracks of one part; `lengths` are the frames of each track of so many images."""
    first_track = np.cumsum([0, *(len(lengths(count)) for count in counts)])
    fields = {name: [] for name in ARRAYS}
    for label in classes:
        pictures = [pictogram(label, SIGN, design) for design in range(designs(label) if look.every_design else 1)]
        for number, frames in enumerate(lengths(counts[label])):
            # Seeds are five numbers; frame 0 stands for what all frames share.
            track = choose_track(np.random.default_rng([seed, part, label, number, 0]), pictures, look)
            generators = [np.random.default_rng([seed, part, label, number, 1 + f]) for f in range(frames)]
            images, sizes, coords = film(track, generators)
            fields["images"].append(images)
            fields["labels"].append(np.full(frames, label, np.uint8))
            fields["tracks"].append(np.full(frames, first_track[label] + number, np.int32))
            fields["sizes"].append(sizes)
            fields["coords"].append(coords)
    return LabelledImages(**{name: np.concatenate(arrays) for name, arrays in fields.items()}, classes=GTSRB)
