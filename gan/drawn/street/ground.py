"""Sky, ground and shadows of a drawn street, the texture of its surfaces, and what lens and sensor make of it."""

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gan.drawn.street.canvas import FINE, NEAR, Canvas, View
from gan.drawn.street.plan import BUILDING, FENCE, PAVEMENT, ROAD, TERRAIN, THING, VEGETATION, WALL, Piece, Street

STEPS = (NEAR, 2, 3.5, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 60, 76, 96, 122, 165, 400)  # metres; strips bend there
ROUGH = {VEGETATION: 0.34, BUILDING: 0.06, WALL: 0.1, FENCE: 0.08, TERRAIN: 0.1}  # by how much surfaces vary


def sky(street: Street, view: View, frame: int, width: int, height: int) -> Image.Image:
    """RGB picture of the canvas' size: the sky down to the horizon, with clouds that are flat far off."""
    light, rows, box = street.light, max(2, math.ceil(view.horizon / FINE)), (2 + frame, 0, 118 + frame, 100)
    clouds = np.asarray(Image.fromarray(street.clouds).resize((width, rows), Image.Resampling.BICUBIC, box))
    clouds = np.clip((clouds[..., None] - 0.78 + 0.5 * light.cover) * 4, 0, 1) * min(0.9, 1.6 * light.cover)
    blue = 1 - np.linspace(0, 1, rows, dtype=np.float32)[:, None, None] ** 1.5
    haze, zenith = np.array(light.haze, np.float32), np.array(light.zenith, np.float32)
    pixels = np.clip(haze + blue * (1 - clouds) * (zenith - haze), 0, 255).astype(np.uint8)
    picture = Image.new("RGB", (FINE * width, FINE * height))
    picture.paste(Image.fromarray(pixels).resize((FINE * width, FINE * rows), Image.Resampling.BILINEAR))
    return picture


def ground(canvas: Canvas, street: Street) -> None:
    """Road, pavements and lines; shadows and haze come later, over all of it."""
    view = canvas.view
    for left, right, near, far, colour, value in street.strips:
        near, far = max(near, view.z + NEAR), min(far, view.z + 1000)
        if far > near:
            # Far lines are as wide as a kept pixel.
            thick = 0 if value is not None else max(0.0, FINE / view.scale(far) - right + left) / 2
            places = [near, *(view.z + z for z in STEPS if near < view.z + z < far), far]
            spots = [view.spot(left - thick, 0, z) for z in places]
            spots += [view.spot(right + thick, 0, z) for z in reversed(places)]
            canvas.polygon(spots, tuple(map(int, colour)), value)


def shade(canvas: Canvas, street: Street, pieces: list[Piece], width: int, height: int) -> None:
    """Shadows and haze on the ground, which is all that has been drawn but the sky."""
    view, light = canvas.view, street.light
    mask = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(mask)

    def shadow(left: float, right: float, near: float, far: float, dx: float, dz: float, level: float) -> None:
        """A rectangle of the ground that is drawn out that far."""
        x0, x1 = (left, right) if dx > 0 else (right, left)
        z0, z1 = (near, far) if dz > 0 else (far, near)
        hull = ((x0, z0), (x1, z0), (x1 + dx, z0 + dz), (x1 + dx, z1 + dz), (x0 + dx, z1 + dz), (x0, z1))
        spots = [view.spot(x, 0, z) for x, z in hull]
        draw.polygon([(x / FINE, y / FINE) for x, y in spots], fill=int(255 * level))

    near = [piece for piece in pieces if piece.bounds[3] > view.z + NEAR and piece.z < view.z + 110]
    for piece in near if light.strength > 0.2 else ():
        shadow(*piece.bounds, *(-0.8 * piece.height * part for part in light.sun), 1 - 0.5 * light.strength)
    for piece in near:
        if piece.value >= THING or piece.kind == "bin":
            shadow(*piece.bounds, 0, 0, 0.4)
    mask = mask.filter(ImageFilter.BoxBlur(max(0.4, width / 400)))
    top = min(max(0, round(view.horizon)), FINE * height - 1)
    box = (0, top, *canvas.photo.size)
    part = canvas.photo.crop(box)
    soft = mask.resize(part.size, Image.Resampling.BILINEAR, (0, top / FINE, width, height))
    part = ImageChops.multiply(part, Image.merge("RGB", (soft, soft, soft)))
    away = view.focal * view.height / np.maximum(np.arange(top, canvas.photo.height) + 0.5 - view.horizon, 1)
    share = (255 * (1 - np.exp(-away / light.visibility))).astype(np.uint8)
    fog = Image.new("RGB", part.size, tuple(int(c) for c in light.haze))
    canvas.photo.paste(Image.composite(fog, part, Image.fromarray(share[:, None]).resize(part.size)), box)


def film(street: Street, view: View, rng: np.random.Generator, labels: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """The photo with the texture of its surfaces, as lens and sensor render it.

    Args:
        street: its light and the grain of its ground.
        view: the camera.
        rng: for what changes from frame to frame.
        labels: uint8 (height, width), class ids.
        photo: float32 (height, width, 3), 0-255.

    Returns:
        uint8 (height, width, 3).
    """
    light, (height, width) = street.light, labels.shape
    rough = np.zeros(256, np.float32)
    rough[list(ROUGH)] = list(ROUGH.values())
    cells = rng.integers(0, 256, (max(2, 160 * height // width), 160), dtype=np.uint8)
    leaves = np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    # Haze hides texture: what has nearly its colour shows none.
    clear = np.clip(1.7 - 1.7 / max(light.haze) * photo[..., 1], 0, 1)
    factors = 1 + rough[labels] * clear * (leaves / 127.5 - 1)
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) * FINE - view.horizon
    across = (np.arange(width, dtype=np.float32) + 0.5) * FINE - view.middle
    away = view.focal * view.height / np.maximum(down, 2)
    x, z = across * away / view.focal - view.bend * away**2 + view.x, away + view.z
    fine = street.grain[(z * 11).astype(int) % 256, (x * 23).astype(int) % 256] - 0.5
    coarse = street.grain[(z * 1.3).astype(int) % 256, (x * 5).astype(int) % 256] - 0.5
    joints = ((x % 0.75 < 0.07) | (z % 0.75 < 0.09)) * np.clip(9 / away, 0, 1) * (labels == PAVEMENT)
    graininess = 0.17 * (labels == ROAD) + 0.12 * (labels == PAVEMENT) + 0.42 * (labels == TERRAIN)
    factors += graininess * np.clip(22 / away, 0, 1) * (fine + coarse) - 0.13 * joints
    vignette = 1 - 0.28 * ((across / FINE / width) ** 2 + (down / FINE / height) ** 2)
    photo = photo * (factors * vignette)[..., None] * np.array(light.gain, np.float32)
    photo = 110 + (photo - 110) * np.float32(light.contrast)
    blurred = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(light.blur))
    noise = rng.standard_normal((height, width, 3), dtype=np.float32) * np.float32(light.noise)
    return np.clip(np.rint(np.asarray(blurred, np.float32) + noise), 0, 255).astype(np.uint8)
