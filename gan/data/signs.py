"""German traffic signs (GTSRB) as arrays: what a data set is, its classes, and which of them a mirror keeps."""

import dataclasses
import hashlib

import numpy as np

from gan.errors import UserError

SIZE = 32  # pixels, width and height
CLASSES = 43
MAX_PIXELS = 2**16 - 1  # width and height of an original: what `sizes` and `coords` can hold

NAMES = (
    "Speed limit 20",
    "Speed limit 30",
    "Speed limit 50",
    "Speed limit 60",
    "Speed limit 70",
    "Speed limit 80",
    "End of speed limit 80",
    "Speed limit 100",
    "Speed limit 120",
    "No passing",
    "No passing for trucks",
    "Right of way at the next crossing",
    "Priority road",
    "Yield",
    "Stop",
    "No vehicles",
    "No trucks",
    "No entry",
    "Danger",
    "Curve to the left",
    "Curve to the right",
    "Double curve",
    "Bumpy road",
    "Slippery road",
    "Road narrows on the right",
    "Road works",
    "Traffic lights",
    "Pedestrians",
    "Children",
    "Bicycles",
    "Ice or snow",
    "Wild animals",
    "End of all limits",
    "Turn right",
    "Turn left",
    "Straight on",
    "Straight on or right",
    "Straight on or left",
    "Keep right",
    "Keep left",
    "Roundabout",
    "End of no passing",
    "End of no passing for trucks",
)

# Training images of each class in the full archive (39,209 in all): tracks of 30, one of 29.
TRAINING_COUNTS = (
    210, 2220, 2250, 1410, 1980, 1860, 420, 1440, 1410, 1470, 2010, 1320, 2100, 2160, 780,
    630, 420, 1110, 1200, 210, 360, 330, 390, 510, 270, 1500, 600, 240, 540, 270,
    450, 780, 240, 689, 420, 1200, 390, 210, 2070, 300, 360, 240, 240,
)  # fmt: skip

# What a class becomes in the mirror: itself or another class; every class that is left out is no sign any more.
MIRROR = {k: k for k in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)} | {
    a: b for pair in ((19, 20), (33, 34), (36, 37), (38, 39)) for a, b in (pair, pair[::-1])
}


@dataclasses.dataclass(frozen=True)
class Signs:
    """Images of signs, one entry of every array an image.

    Attributes:
        images: uint8 (N, 32, 32, 3), RGB, 0-255.
        labels: uint8 (N,), class ids 0-42.
        tracks: int32 (N,), number of the physical sign, unique over all classes; -1 where it is not known.
        sizes: uint8 or uint16 (N, 2), original width and height in pixels; zeros where they are not known.
        coords: uint8 or uint16 (N, 4), box of the sign in the original image: left, top, right, bottom in pixels;
            zeros where it is not known.
    """

    images: np.ndarray
    labels: np.ndarray
    tracks: np.ndarray
    sizes: np.ndarray
    coords: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> "Signs":
        """Images with labels and nothing else known: the box is the whole image, and no track has a number."""
        count = len(labels)
        size, box = [SIZE, SIZE], [0, 0, SIZE - 1, SIZE - 1]
        return cls(
            images,
            np.asarray(labels, np.uint8),
            np.full(count, -1, np.int32),
            np.tile(np.array(size, np.uint8), (count, 1)),
            np.tile(np.array(box, np.uint8), (count, 1)),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> "Signs":
        """The images that a boolean mask or an array of indices names."""
        return Signs(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))

    def counts(self) -> np.ndarray:
        """int64 (43,): images of each class."""
        return np.bincount(self.labels, minlength=CLASSES)

    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of images, labels and tracks: names this very data."""
        total = hashlib.sha256()
        for array in (self.images, self.labels, self.tracks):
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()[:16]


def join(*parts: Signs) -> Signs:
    """One data set of several, in order. Tracks of later parts are numbered on, so that none meet."""
    tracks, first = [], 0
    for part in parts:
        tracks.append(np.where(part.tracks < 0, -1, part.tracks + first).astype(np.int32))
        first += int(part.tracks.max(initial=-1)) + 1
    fields = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(Signs)
    }
    return Signs(**(fields | {"tracks": np.concatenate(tracks)}))


def with_mirrored(signs: Signs) -> Signs:
    """The signs, and behind them the mirror images of those that are signs in the mirror, of the same tracks."""
    images = mirrored(signs)
    fields = [field.name for field in dataclasses.fields(Signs)]
    return Signs(**{name: np.concatenate([getattr(signs, name), getattr(images, name)]) for name in fields})


def mirrored(signs: Signs) -> Signs:
    """The mirror images of all signs whose mirror image is a sign again, with the label of that sign."""
    table = np.array([MIRROR.get(k, -1) for k in range(CLASSES)])
    kept = signs.take(table[signs.labels] >= 0)
    left, top, right, bottom = kept.coords.T.astype(np.int32)
    width = kept.sizes[:, 0].astype(np.int32)
    boxes = np.stack([width - 1 - right, top, width - 1 - left, bottom], axis=1)
    known = (width > right) & kept.coords.any(axis=1)
    return dataclasses.replace(
        kept,
        images=kept.images[:, :, ::-1],
        labels=table[kept.labels].astype(np.uint8),
        coords=np.where(known[:, None], boxes, 0).astype(kept.coords.dtype),
    )


def narrow(pixels: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 to `MAX_PIXELS`: uint8 if all fit, as readers of the pickles expect, else uint16."""
    return pixels.astype(np.uint8 if pixels.max(initial=0) < 256 else np.uint16, copy=False)


def parse_class(text: str) -> int | None:
    """A `class_val` parameter: a GTSRB class id 0-42, or None for "all".

    Raises:
        UserError: anything else.
    """
    if text == "all":
        return None
    # One spelling only: runs are found again by this text.
    if text in (str(k) for k in range(CLASSES)):
        return int(text)
    raise UserError(
        f'class_val is a GTSRB class id from 0 to {CLASSES - 1} (17 is "{NAMES[17]}") or `all`, not {text!r}.'
    )


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float (..., 3) in [-1, 1] as uint8 0-255, rounded; values outside are cut off."""
    return np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
