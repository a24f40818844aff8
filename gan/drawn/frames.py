"""Frames of one drawn sign: it is worn and lit, hangs in its street, and a camera drives up to it."""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from gan.data.signs import SIZE
from gan.drawn.backdrops import BACKDROPS, backdrop, smooth_noise
from gan.drawn.symbols import BLUE, RED, WHITE

BORDER, MARGIN = 5, 0.083  # GTSRB's free border around a sign: pixels of the original, or this share of its width

# Everything is drawn larger than it is kept.
CANVAS = 3 * SIZE  # pixels of a frame before it is scaled down
SIGN = 96  # pixels of the pictogram that is warped into the frame
SPRITE = 180  # pixels of the picture that holds the pictogram, its post and what else hangs there
BACKDROP = 144  # pixels of a track's surroundings; a frame shows a part


@dataclasses.dataclass(frozen=True)
class Look:
    """How much signs and the photos of them differ from one to the next."""

    light: tuple[float, float]  # darkest and lightest white of a sign in grey levels; above 255 it is overexposed
    colour: tuple[float, float]  # palest and strongest: distance of colours from grey, 1 as they were painted
    warmth: float  # standard deviation of the factors of red and blue
    haze: float  # mean share of the sign's white that lies over everything
    camera: float  # how much a cheap camera changes, from 0 to 1: colours guessed by neighbours, edges sharpened
    bent: float  # pixels of the pictogram that a piece of it is shifted by, at most
    every_design: bool  # whether all designs of a class hang in the street, or the usual one alone


CLEAR = Look(light=(75.0, 330.0), colour=(0.8, 1.0), warmth=0.06, haze=0.02, camera=0.0, bent=0.0, every_design=False)
# As GTSRB's photos and more: what a classifier learns from these is the sign, since all else differs from one to the
# next (docs/experiments.md#drawings). Some can't be read, as some photos can't.
WIDE = Look(light=(22.0, 450.0), colour=(0.15, 1.0), warmth=0.12, haze=0.12, camera=1.0, bent=2.5, every_design=True)


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
    mosaic: bool  # whether a pixel of the sensor sees one colour only, and the others are guessed
    colour: float  # how far colours are from grey: 1 as they were painted
    halo: float  # how much the camera sharpens: share of the difference to the mean of the pixels around
    noise: float  # standard deviation of the sensor's noise in grey levels, at most for a sign 32 pixels wide
    cast: np.ndarray  # float32 (3,), factors of red, green and blue
    haze: float  # grey levels added to everything


def choose_track(rng: np.random.Generator, pictures: list[Image.Image], look: Look) -> Track:
    """Choose all that the frames of a track share; `pictures` are RGBA pictograms of the class, SIGN by SIGN."""
    picture = pictures[int(rng.integers(len(pictures)))]
    picture = _bent(rng, picture, look.bent) if look.bent else picture
    # Where the light comes from decides what stands out: white of the sign and of the street, in grey levels.
    light = rng.choice(["behind", "front", "even", "dusk"], p=[0.25, 0.33, 0.3, 0.12])
    kind = "sky" if light == "behind" else rng.choice(BACKDROPS, p=[0.1, 0.3, 0.2, 0.15, 0.25])
    on_sign = math.exp(rng.uniform(*np.log(look.light)))
    low, high = {"behind": (1.3, 5.0), "front": (0.15, 0.8), "even": (0.6, 1.3), "dusk": (0.3, 0.8)}[light]
    on_street = on_sign * rng.uniform(low, high)
    brightest = max(on_sign, on_street)  # pictures hold 8 bits: the sensor's factor waits until they are blurred

    alpha = np.asarray(picture.getchannel("A")) > 127
    inside = np.pad(alpha, 1)
    enclosed = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    outline = (np.argwhere(alpha & ~enclosed)[:, ::-1] + 0.5) / (SIGN / 2) - 1

    street = backdrop(rng, kind, BACKDROP)
    warmth = rng.normal(0, look.warmth) + (0.03 if light == "front" else -0.03)
    far = rng.uniform(22, 38)
    return Track(
        sprite=_sprite(rng, picture, on_sign / brightest),
        outline=outline,
        street=street.point(lambda level: level * on_street / brightest),
        exposure=brightest / 255,
        rotation=math.radians(rng.normal(0, 4)),
        squeeze=1 - abs(rng.normal(0, 0.07)),
        tilt=tuple(rng.normal(0, 0.06, 2)),
        distances=(far, min(245, far * math.exp(rng.uniform(0.2, 1.4)))),
        blur=tuple(np.minimum(1.2, rng.uniform(0.2, 0.7) + rng.exponential(0.12, 2))),
        fringe=rng.uniform(0, 2.5),
        mosaic=rng.random() < look.camera / 2,
        colour=rng.uniform(*look.colour),
        halo=look.camera * max(0.0, rng.uniform(-1.5, 1.8)),
        noise=rng.uniform(0.5, 4) + 0.015 * on_sign,
        cast=np.array([1 + warmth, 1, 1 - warmth], np.float32) * rng.normal(1, 0.04, 3).astype(np.float32),
        haze=min(rng.exponential(4) + rng.exponential(look.haze) * on_sign, 120),
    )


def _bent(rng: np.random.Generator, picture: Image.Image, most: float) -> Image.Image:
    """The pictogram with bolder or thinner lines, and unevenly shifted, as if by another hand."""
    pixels = np.array(picture, np.float32)
    change = rng.choice([None, ndimage.minimum_filter, ndimage.maximum_filter], p=[0.5, 0.25, 0.25])
    if change is not None:  # what is dark grows, or what is light
        pixels[..., :3] += rng.random() * (change(pixels[..., :3], (3, 3, 1)) - pixels[..., :3])
    amount = rng.uniform(0, 2 * most)
    places = [
        grid + amount * (smooth_noise(rng, int(rng.integers(3, 6)), SIGN) - 0.5)
        for grid in np.mgrid[:SIGN, :SIGN].astype(np.float32)
    ]
    bands = [ndimage.map_coordinates(band, places, order=1, mode="nearest") for band in np.moveaxis(pixels, 2, 0)]
    return Image.fromarray(np.stack(bands, 2).round().astype(np.uint8))


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
    if rng.random() < 0.35:  # the shadow of a tree or of a house
        angle = rng.uniform(0, 2 * math.pi)
        shadow = math.cos(angle) * across + math.sin(angle) * down + rng.uniform(-0.5, 0.5)
        shadow = shadow + smooth_noise(rng, int(rng.integers(4, 12)), SIGN) - 0.5
        shading *= 1 - rng.uniform(0.2, 0.8) * np.clip(shadow * rng.uniform(3, 20) + 0.5, 0, 1)
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


def film(track: Track, generators: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
        detail = SIZE / width  # how large a pixel of the original is on the kept image, at most 1.5
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
    kept = _demosaiced(kept) if track.mosaic else kept
    grey = kept.mean(2, keepdims=True)
    kept = grey + np.float32(track.colour) * (kept - grey)
    kept = kept + np.float32(track.halo) * (kept - ndimage.uniform_filter(kept, (3, 3, 1)))
    noise = rng.standard_normal((SIZE, SIZE, 3), dtype=np.float32) * np.float32(track.noise * min(1.0, detail))
    gain = track.exposure * rng.uniform(0.97, 1.03) * track.cast
    return np.clip(np.rint(kept * gain + track.haze + noise), 0, 255).astype(np.uint8)


def _demosaiced(pixels: np.ndarray) -> np.ndarray:
    """float32 (height, width, 3): of every pixel one colour is kept, and the others are the mean of its neighbours'.

    So fine lines get the coloured edges of a cheap camera (Bayer 1976, US patent 3,971,065; bilinear interpolation).
    """
    rows, columns = np.indices(pixels.shape[:2]) % 2
    red, blue = (rows + columns == 0), (rows + columns == 2)
    nine, cross = np.array([[[1, 2, 1], [2, 4, 2], [1, 2, 1]], [[0, 1, 0], [1, 4, 1], [0, 1, 0]]], np.float32)
    bands = []
    for band, (seen, around) in enumerate(((red, nine), (~(red | blue), cross), (blue, nine))):
        seen = seen.astype(np.float32)
        share = ndimage.convolve(seen, around, mode="mirror")
        bands.append(ndimage.convolve(pixels[..., band] * seen, around, mode="mirror") / share)
    return np.stack(bands, 2)
