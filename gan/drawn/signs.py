"""Street photos of drawn signs: a data set like GTSRB that needs no download.

It is what a run without data trains on, and what tests are made with. Every class has tracks, and every track
is one sign in one place: its pose, light, wear and surroundings are drawn once, then the car drives up to it.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from gan.data.labelled import ARRAYS, LabelledImages
from gan.data.signs import CLASSES, GTSRB, SIZE, TRAINING_COUNTS
from gan.drawn.backdrops import BACKDROPS, backdrop, smooth_noise
from gan.drawn.pictograms import BLUE, RED, WHITE, pictogram
from gan.errors import UserError

TRACK_FRAMES = 30  # most frames of a track, as in GTSRB
TRACKS_AT_LEAST = 7  # tracks of a class, as of the rarest in GTSRB; in a small set they are shorter
BORDER, MARGIN = 5, 0.083  # GTSRB's free border around a sign: pixels of the original, or this share of its width

# Parts, MORE and above of them; their random draws, and so their signs, are all different.
TRAIN, TEST, MORE = 0, 1, 2
MORE_AT_ONCE = 300

# Everything is drawn larger than it is kept.
CANVAS = 3 * SIZE  # pixels of a frame before it is scaled down
SIGN = 96  # pixels of the pictogram that is warped into the frame
SPRITE = 180  # pixels of the picture that holds the pictogram, its post and what else hangs there
BACKDROP = 144  # pixels of a track's surroundings; a frame shows a part


@dataclasses.dataclass(frozen=True)
class Track:
    """What the frames of one physical sign have in common."""

    sprite: Image.Image  # RGBa (premultiplied), SPRITE by SPRITE: the sign, lit, with its post
    outline: np.ndarray  # float64 (N, 2), points on the edge of the sign, x and y, -1 to 1
    street: Image.Image  # RGB, BACKDROP by BACKDROP, lit
    exposure: float  # what the sensor multiplies sprite and street with
    rotation: float  # radians, clockwise
    squeeze: float  # width of the sign by its height, as it is seen from the side
    tilt: tuple[float, float]  # perspective along x and y: how much smaller the far edge is
    distances: tuple[float, float]  # width of the sign's crop in the first and the last frame, in original pixels
    blur: tuple[float, float]  # radii along x and y in kept pixels, for a sign 32 pixels wide
    fringe: float  # shift between the red and the blue picture in pixels of the canvas, for a sign 32 pixels wide
    noise: float  # standard deviation of the sensor's noise in grey levels, for a sign 32 pixels wide
    cast: np.ndarray  # float32 (3,), factors of red, green and blue
    haze: float  # grey levels added to everything


def draw_signs(
    train_examples: int, test_examples: int, seed: int, classes: Sequence[int] | None = None
) -> tuple[LabelledImages, LabelledImages]:
    """Draw a training and a test set of street photos of German traffic signs.

    Classes have shares as in GTSRB (`class_counts`). A class has one track for every 30 images begun and at
    least 7 (fewer only where it has fewer images), whose lengths differ by one frame at most. Images are in
    order of class, track and frame; a track's frames near the sign. No physical sign is in both parts.

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
    pictograms = {label: pictogram(label, SIGN) for label in wanted}
    train, test = (
        _draw_part(part, class_counts(examples), seed, pictograms)
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
        uint8 (count, 32, 32, 3). Image number n depends on the class, the seed and n alone; every `MORE_AT_ONCE`
        images show tracks of their own, in random order.
    """
    counts = np.bincount([class_id], minlength=CLASSES) * MORE_AT_ONCE
    chunks = [np.empty((0, SIZE, SIZE, 3), np.uint8)]
    for chunk in range(math.ceil(count / MORE_AT_ONCE)):
        images = _draw_part(MORE + chunk, counts, seed, {class_id: pictogram(class_id, SIGN)}).images
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


def _draw_part(part: int, counts: np.ndarray, seed: int, pictograms: dict[int, Image.Image]) -> LabelledImages:
    """The tracks of one part; `pictograms` holds the pictures of the classes to draw."""
    first_track = np.cumsum([0, *(len(track_lengths(count)) for count in counts)])
    fields = {name: [] for name in ARRAYS}
    for label, picture in pictograms.items():
        for number, frames in enumerate(track_lengths(counts[label])):
            # Seeds are five numbers; frame 0 stands for what all frames share.
            track = _track(np.random.default_rng([seed, part, label, number, 0]), picture)
            generators = [np.random.default_rng([seed, part, label, number, 1 + f]) for f in range(frames)]
            images, sizes, coords = _film(track, generators)
            fields["images"].append(images)
            fields["labels"].append(np.full(frames, label, np.uint8))
            fields["tracks"].append(np.full(frames, first_track[label] + number, np.int32))
            fields["sizes"].append(sizes)
            fields["coords"].append(coords)
    return LabelledImages(**{name: np.concatenate(arrays) for name, arrays in fields.items()}, classes=GTSRB)


def _track(rng: np.random.Generator, picture: Image.Image) -> Track:
    """Choose all that the frames of a track share."""
    # Where the light comes from decides what stands out: white of the sign and of the street, in grey levels.
    light = rng.choice(["behind", "front", "even", "dusk"], p=[0.25, 0.33, 0.3, 0.12])
    kind = "sky" if light == "behind" else rng.choice(BACKDROPS, p=[0.1, 0.4, 0.3, 0.2])
    low, high = {"behind": (75, 150), "front": (150, 330), "even": (95, 230), "dusk": (75, 110)}[light]
    on_sign = rng.uniform(low, high)
    on_street = {
        "behind": rng.uniform(230, 400),
        "front": on_sign * rng.uniform(0.2, 0.8),
        "even": on_sign * rng.uniform(0.6, 1.1),
        "dusk": on_sign * rng.uniform(0.3, 0.8),
    }[light]
    brightest = max(on_sign, on_street)  # pictures hold 8 bits: the sensor's factor waits until they are blurred

    alpha = np.asarray(picture.getchannel("A")) > 127
    inside = np.pad(alpha, 1)
    enclosed = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    outline = (np.argwhere(alpha & ~enclosed)[:, ::-1] + 0.5) / (SIGN / 2) - 1

    street = backdrop(rng, kind, BACKDROP)
    warmth = rng.normal(0, 0.06) + (0.03 if light == "front" else -0.03)
    far = rng.uniform(25, 36)
    return Track(
        sprite=_sprite(rng, picture, on_sign / brightest),
        outline=outline,
        street=street.point(lambda level: level * on_street / brightest),
        exposure=brightest / 255,
        rotation=math.radians(rng.normal(0, 4)),
        squeeze=1 - abs(rng.normal(0, 0.07)),
        tilt=tuple(rng.normal(0, 0.06, 2)),
        distances=(far, min(245, far * math.exp(rng.uniform(0.2, 1.4)))),
        blur=tuple(np.minimum(1, rng.uniform(0.3, 0.75) + rng.exponential(0.1, 2))),
        fringe=rng.uniform(0, 1.6),
        noise=rng.uniform(1, 4) + 0.012 * on_sign,
        cast=np.array([1 + warmth, 1, 1 - warmth], np.float32) * rng.normal(1, 0.02, 3).astype(np.float32),
        haze=rng.exponential(6),
    )


def _sprite(rng: np.random.Generator, picture: Image.Image, light: float) -> Image.Image:
    """The worn sign on its post in the light, as RGBa picture: colours are premultiplied with alpha."""
    sign = np.asarray(picture, dtype=np.float32)
    colour, alpha = sign[..., :3], picture.getchannel("A")
    # Wear: strong colours fade (red to tan), dirt lies in spots, the light falls off to one side.
    strength = (colour.max(2, keepdims=True) - colour.min(2, keepdims=True)) / 255
    pale = 0.5 * colour + np.array([105, 120, 70], np.float32)
    colour = colour + min(0.9, rng.exponential(0.2)) * strength * (pale - colour)
    dirt = rng.uniform(0, 0.25) * smooth_noise(rng, int(rng.integers(4, 16)), SIGN)
    across, down = np.meshgrid(np.linspace(-1, 1, SIGN), np.linspace(-1, 1, SIGN))
    direction = rng.uniform(-0.12, 0.12, 2)
    shading = (1 - dirt) * (1 + direction[0] * across + direction[1] * down)
    if rng.random() < 0.25:  # the shadow of a tree or of a house
        angle = rng.uniform(0, 2 * math.pi)
        shadow = math.cos(angle) * across + math.sin(angle) * down + rng.uniform(-0.5, 0.5)
        shadow = shadow + smooth_noise(rng, int(rng.integers(4, 12)), SIGN) - 0.5
        shading *= 1 - rng.uniform(0.2, 0.5) * np.clip(shadow * 5 + 0.5, 0, 1)
    lit = np.clip(colour * (light * shading)[..., None], 0, 255).astype(np.uint8)

    sprite = Image.new("RGBA", (SPRITE, SPRITE), (0, 0, 0, 0))
    left, right = (SPRITE - SIGN) // 2, (SPRITE + SIGN) // 2
    grey = tuple(int(level * light) for level in rng.uniform(90, 190) + rng.uniform(-8, 8, 3))
    half, middle = int(rng.integers(2, 5)), SPRITE // 2
    sprite.paste((*grey, 255), (middle - half, middle if rng.random() < 0.6 else 0, middle + half, SPRITE))
    if rng.random() < 0.2:  # a plate below the sign
        white = int(225 * light)
        sprite.paste((white, white, white, 255), (left + 8, right + 3, right - 8, SPRITE))
    if rng.random() < 0.1:  # the lower edge of another sign above it
        other = [RED, BLUE, WHITE][rng.integers(3)]
        sprite.paste((*(int(level * light) for level in other), 255), (left + 5, 0, right - 5, left - 4))
    sprite.paste(Image.fromarray(lit), (left, left), alpha)
    return sprite.convert("RGBa")


def _film(track: Track, generators: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The frames of a track from far to near, one generator each.

    Returns:
        images uint8 (frames, 32, 32, 3), sizes uint8 (frames, 2), coords uint8 (frames, 4).
    """
    images, sizes, coords, last = [], [], [], len(generators) - 1
    for frame, rng in enumerate(generators):
        nearness = frame / last if last else 0.5
        far, near = track.distances
        width = far * (near / far) ** nearness * rng.uniform(0.98, 1.02)
        size = np.clip(np.rint([width, width * rng.uniform(0.98, 1.02)]), 15, 250)
        detail = min(1.0, SIZE / width)  # how large a pixel of the original is on the kept image, at most 1
        matrix, box = _place(track, rng, max(MARGIN, BORDER / width))

        window = BACKDROP - (BACKDROP - CANVAS) * (0.5 * nearness + rng.uniform(0, 0.1))
        x, y = (BACKDROP - window) * (0.5 + 0.3 * nearness * np.array(track.tilt) / 0.1).clip(0, 1)
        canvas = track.street.resize((CANVAS, CANVAS), Image.Resampling.BILINEAR, (x, y, x + window, y + window))
        warp = Image.Transform.PERSPECTIVE
        warped = track.sprite.transform((CANVAS, CANVAS), warp, matrix, Image.Resampling.BILINEAR)
        sign = np.asarray(warped, dtype=np.uint16)
        behind = np.asarray(canvas, dtype=np.uint16) * (255 - sign[..., 3:]) // 255
        photo = Image.fromarray((sign[..., :3] + behind).clip(0, 255).astype(np.uint8))
        radii = [CANVAS / SIZE * radius * detail * rng.uniform(0.9, 1.1) for radius in track.blur]
        photo = photo.filter(ImageFilter.GaussianBlur(radii))
        images.append(_expose(track, rng, photo, detail))
        sizes.append(size)
        coords.append(np.clip(np.rint(box / CANVAS * np.tile(size, 2)), 0, np.tile(size, 2) - 1))
    return np.stack(images), np.array(sizes, np.uint8), np.array(coords, np.uint8)


def _place(track: Track, rng: np.random.Generator, margin: float) -> tuple[tuple[float, ...], np.ndarray]:
    """Where the sign is in a frame.

    Returns:
        The eight coefficients by which Pillow finds the sprite's pixel for a pixel of the canvas, and the box
        of the sign on the canvas, float64 (4,): left, top, right, bottom.
    """
    angle = track.rotation + rng.normal(0, 0.01)
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    pose = turned @ np.array([[track.squeeze, 0, 0], [0, 1, 0], [*track.tilt, 1]])
    corners = np.column_stack([track.outline, np.ones(len(track.outline))]) @ pose.T
    corners = corners[:, :2] / corners[:, 2:]
    low, high = corners.min(0), corners.max(0)
    # Like those who marked GTSRB's signs: the box of the sign with its margin fills the image.
    scale = (1 - 2 * margin) * CANVAS / (high - low).max()
    shift = CANVAS * (0.5 + rng.uniform(-0.02, 0.02, 2)) - scale * (low + high) / 2
    on_canvas = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]]) @ pose
    to_sprite = np.array([[SIGN / 2, 0, SPRITE / 2], [0, SIGN / 2, SPRITE / 2], [0, 0, 1]])
    matrix = (to_sprite @ np.linalg.inv(on_canvas)).ravel()
    return tuple(matrix[:8] / matrix[8]), np.concatenate([scale * low + shift, scale * high + shift])


def _expose(track: Track, rng: np.random.Generator, photo: Image.Image, detail: float) -> np.ndarray:
    """uint8 (32, 32, 3): what the sensor makes of the picture that the lens throws on it."""
    pixels = np.asarray(photo)
    fringe = round(track.fringe * detail)
    if fringe:
        pixels = np.stack([np.roll(pixels[..., band], (band - 1) * fringe, axis=1) for band in range(3)], axis=2)
    step = CANVAS // SIZE
    kept = pixels.reshape(SIZE, step, SIZE, step, 3).mean((1, 3), dtype=np.float32)
    noise = rng.standard_normal((SIZE, SIZE, 3), dtype=np.float32) * np.float32(track.noise * detail)
    gain = track.exposure * rng.uniform(0.97, 1.03) * track.cast
    return np.clip(np.rint(kept * gain + track.haze + noise), 0, 255).astype(np.uint8)
