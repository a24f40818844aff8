"""Filling up classes with generated images: how many are wanted, which are kept, how the file tells them apart."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from gan.data.labelled import LabelledImages, with_mirrored
from gan.progress import progress
from gan.rejection import until_enough
from gan.scoring.nearest import nearest

# A generated image nearer than this to a training image of its class (see gan.scoring.nearest) is a copy. Of the
# 39,209 training images of GTSRB 48, one in 800, are as near to one of another track.
COPY = 0.2
CHUNK = 256  # images drawn and judged at a time
LIMIT = 10  # a class is given up when fewer than one in so many images was kept, CHUNK in excess
KEPT, WRONG_CLASS, NOT_CONFIDENT, COPIED = range(4)  # what becomes of an image that was drawn
REASONS = {WRONG_CLASS: "wrong_class", NOT_CONFIDENT: "not_confident", COPIED: "copies"}
MOST_EXAMPLES = 3  # rejected images of a class for the report


def wanted(counts: np.ndarray, target: str, class_ids: list[int]) -> np.ndarray:
    """How many images each class lacks.

    Args:
        counts: integers (C,), images there are.
        target: "largest" (as many as the largest class has), a number, or a factor of a class's own images ("1.5x").
        class_ids: the classes to fill up; the others lack none.

    Returns:
        int64 (C,), 0 where a class has enough (nothing real is ever left out) or has no real image at all: whether
        a generator knows such a class can't be told.
    """
    if target.endswith("x"):
        goal = np.rint(counts * float(target[:-1]))
    else:
        goal = counts.max() if target == "largest" else int(target)
    chosen = (counts > 0) & np.isin(np.arange(len(counts)), class_ids)
    return np.where(chosen, np.maximum(goal - counts, 0), 0).astype(np.int64)


class Filter:
    """Says which generated images are kept.

    Args:
        judge: gives features and class probabilities float (N, C) of uint8 images (N, size, size, 3); None keeps all.
        quality: the least probability of the wanted class that the judge must give.
        real: the training images; mirror images that are signs count too, since generators learn them.
    """

    def __init__(self, judge: Callable | None, quality: float, real: LabelledImages):
        self._judge, self._quality, self._classes = judge, quality, real.classes
        self._real = None if judge is None else with_mirrored(real)

    def __call__(self, images: np.ndarray, class_id: int) -> tuple[np.ndarray, list[str]]:
        """Judge images of one class.

        Args:
            images: uint8 (N, size, size, 3).
            class_id: the class that they should be of.

        Returns:
            int (N,): `KEPT`, or the first reason in `REASONS` that applies; and N short texts that say why.
        """
        reasons, texts = np.full(len(images), KEPT), [""] * len(images)
        name = self._classes.keys.__getitem__
        if self._judge is None:
            return reasons, texts
        probabilities = self._judge(images)[1]
        answers, own = probabilities.argmax(axis=1), probabilities[:, class_id]
        distances = np.full(len(images), np.inf)
        references = self._real.images[self._real.labels == class_id]
        if len(references):
            distances = nearest(images, references, 1)[0][:, 0]
        reasons[distances < COPY] = COPIED
        reasons[own < self._quality] = NOT_CONFIDENT
        reasons[answers != class_id] = WRONG_CLASS
        for k in np.flatnonzero(reasons):
            texts[k] = {
                WRONG_CLASS: f"{name(class_id)} taken for {name(answers[k])}",
                NOT_CONFIDENT: f"{name(class_id)} at {own[k]:.2f} only",
                COPIED: f"{name(class_id)} copy, {distances[k]:.2f}",
            }[reasons[k]]
        return reasons, texts


@dataclasses.dataclass
class ClassCounts:
    """What became of one class.

    Attributes:
        class_id: the class.
        label: its name.
        real: images it had.
        wanted: images it lacked.
        kept: generated images it got; fewer than wanted where the class was given up.
        drawn: images generated for it, up to the last one that was needed.
        rejected: numbers of images that were not kept, by the values of `REASONS`.
        examples: some of them, uint8 (size, size, 3), with the text that says why.
    """

    class_id: int
    label: str
    real: int
    wanted: int
    kept: int = 0
    drawn: int = 0
    rejected: dict[str, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(REASONS.values(), 0))
    examples: list[tuple[np.ndarray, str]] = dataclasses.field(default_factory=list)

    @property
    def short(self) -> int:
        """Images that it still lacks."""
        return self.wanted - self.kept

    def row(self) -> dict[str, int]:
        """All numbers by name."""
        numbers = {"real": self.real, "generated": self.kept, "drawn": self.drawn}
        return numbers | self.rejected | {"short": self.short}

    def add(self, image: np.ndarray, reason: int, text: str) -> None:
        """Count an image that was drawn; see `Filter` for `reason` and `text`."""
        self.drawn += 1
        if reason == KEPT:
            self.kept += 1
        else:
            self.rejected[REASONS[reason]] += 1
            if len(self.examples) < MOST_EXAMPLES:
                self.examples.append((image.copy(), text))


def generate(
    draw: Callable[[int, int, int], np.ndarray],
    keep: Callable[[np.ndarray, int], tuple[np.ndarray, list[str]]],
    lacking: np.ndarray,
    real: LabelledImages,
    seed: int,
    what: str = "generating",
    hidden: bool = False,
) -> tuple[np.ndarray, list[ClassCounts]]:
    """Generate images of each class until enough are kept, in order, or the class is given up (see `LIMIT`).

    A class that is given up stays short: an image that was rejected is never taken after all. Fewer images of a
    class are the first of more.

    Args:
        draw: gives uint8 (N, size, size, 3) of N, a seed and a class.
        keep: see `Filter`.
        lacking: integers (C,), images that each class lacks.
        real: the training images.
        seed: of all latents.
        what: what the progress bar says.
        hidden: show none.

    Returns:
        uint8 (M, size, size, 3), class by class, and the counts of the classes that lacked images.
    """
    generated = np.empty((int(lacking.sum()), *real.images.shape[1:]), np.uint8)
    counts, place, classes, numbers = [], 0, real.classes, real.counts()

    def tries(class_id: int) -> Iterator[tuple[np.ndarray, int, str]]:
        for number in itertools.count():
            images = draw(CHUNK, chunk_seed(seed, number), class_id)
            yield from zip(images, *keep(images, class_id), strict=True)

    with progress(len(generated), what, "kept image", hidden=hidden) as bar:
        for k in np.flatnonzero(lacking):
            count = ClassCounts(int(k), classes.label(k), int(numbers[k]), int(lacking[k]))
            for image, reason, text in until_enough(
                tries(count.class_id),
                lambda drawn: drawn[1] == KEPT,
                count.wanted,
                lambda kept: LIMIT * (kept + CHUNK),
            ):
                count.add(image, reason, text)
                if reason == KEPT:
                    generated[place] = image
                    place += 1
                    bar.update()
            bar.update(count.short)  # what does not come is not waited for
            counts.append(count)
    return generated[:place], counts


def chunk_seed(seed: int, chunk: int) -> int:
    """The seed of a chunk's latents: chunks of one run share none, and image k does not depend on how many follow."""
    return int(np.random.SeedSequence([seed, chunk]).generate_state(1, np.uint64)[0])


def arrays(
    real: LabelledImages, generated: np.ndarray, counts: list[ClassCounts], run_id: str
) -> dict[str, np.ndarray]:
    """The balanced data set, to be written as one pickle: the real images in their order, then the generated ones.

    Args:
        real: the training images.
        generated: uint8 (M, size, size, 3), class by class as in `counts`.
        counts: the classes.
        run_id: of the run that generated, 32 hexadecimal digits.

    Returns:
        What `gan.data.gtsrb.write_signs` writes, and besides, for every image: `generated`, bool; and
        `source_run`, uint8 (N, 16), the bytes of the run id (`row.tobytes().hex()`), zeros for real images. The size
        of a generated image is its own and its box the whole image; its track is that of `generated_track`.
    """
    ids, kept = [count.class_id for count in counts], [count.kept for count in counts]
    added = dataclasses.replace(
        LabelledImages.of(generated, np.repeat(ids, kept), real.classes),
        tracks=np.repeat([generated_track(real, k) for k in ids], kept).astype(np.int32),
    )
    is_generated = np.repeat([False, True], [len(real), len(added)])
    fields = {"features": "images", "labels": "labels", "sizes": "sizes", "coords": "coords", "tracks": "tracks"}
    return {key: np.concatenate([getattr(real, field), getattr(added, field)]) for key, field in fields.items()} | {
        "generated": is_generated,
        "source_run": is_generated[:, None].astype(np.uint8) * np.frombuffer(bytes.fromhex(run_id), np.uint8),
    }


def generated_track(real: LabelledImages, class_id: int) -> int:
    """The track of the generated images of a class, such that none of them is ever held out (`gan.data.split`).

    Held-out images are to be real ones of physical signs that nothing was learned from. A generated image is made of
    all signs that its generator learned. Where the tracks of a class are known, generated images have none (-1): only
    known tracks are held out, and these are the very same as without generated images. Where they are not known, the
    last images of a class would be held out, which are the generated ones; so these share a number of their own
    there, and a class of one known track is not held out at all.
    """
    known = real.tracks[real.labels == class_id] >= 0
    return -1 if known.any() else int(real.tracks.max(initial=-1)) + 1 + class_id


def pickled_size(images: np.ndarray, count: int) -> int:
    """Bytes, nearly, of a pickle of so many images like these, uint8 (N, size, size, 3); bright bytes are two."""
    bright = float((images[:: max(1, len(images) // 1000)] >= 128).mean()) if len(images) else 1.0
    return round(count * (images[0].size * (1 + bright) + 40))
