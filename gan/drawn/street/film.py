"""What makes a photo of a drawn street: the texture of its surfaces, lens and sensor."""

import math

import numpy as np
from PIL import Image, ImageFilter

from gan.drawn.street.camera import FINE, View
from gan.drawn.street.plan import BUILDING, FENCE, PAVEMENT, ROAD, TERRAIN, VEGETATION, WALL, Street

ROUGH = {VEGETATION: 0.34, BUILDING: 0.06, WALL: 0.1, FENCE: 0.08, TERRAIN: 0.1}  # by how much surfaces vary


def _noise(rng: np.random.Generator, across: int, width: int, height: int) -> np.ndarray:
    """float32 (height, width), about -1 to 1: chance with cells of the width / across."""
    grid = rng.integers(0, 256, (max(2, round(across * height / width)), across), dtype=np.uint8)
    smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(smooth, np.float32) / 127.5 - 1


def texture(
    street: Street, view: View, rng: np.random.Generator, labels: np.ndarray, photo: np.ndarray
) -> np.ndarray:
    """float32 (height, width, 1): factors by which surfaces are brighter and darker from place to place."""
    height, width = labels.shape
    rough = np.zeros(256, np.float32)
    rough[list(ROUGH)] = list(ROUGH.values())
    leaves = 0.6 * _noise(rng, 180, width, height) + 0.4 * _noise(rng, 70, width, height)
    # Haze hides texture: what has nearly its colour shows none.
    clear = np.clip(1.7 - 1.7 / max(street.light.fog) * photo[..., 1], 0, 1)
    factors = 1 + rough[labels] * clear * leaves
    rows = (np.arange(height, dtype=np.float32) + 0.5) * FINE - view.horizon
    first = int(np.searchsorted(rows, 2.0))
    if first < height:
        away = (view.focal * view.height / rows[first:])[:, None]
        columns = (np.arange(width, dtype=np.float32) + 0.5) * FINE - view.middle
        x = columns * away / view.focal - view.bend * away**2 + view.x
        z = away + view.z
        near = np.clip(22 / away, 0, 1)
        grain = street.grain
        fine = grain[(z * 11).astype(int) % 256, (x * 23).astype(int) % 256] - 0.5
        coarse = grain[(z * 1.3).astype(int) % 256, (x * 5).astype(int) % 256] - 0.5
        # The wheels' tracks are darker, and slabs have joints.
        lane = street.half / street.lanes
        tracks = -0.035 * np.cos(4 * math.pi * x / lane)
        joints = ((x % 0.75 < 0.07) | (z % 0.75 < 0.09)) * np.clip(9 / away, 0, 1)
        ground = labels[first:]
        part = factors[first:]
        part += (ground == ROAD) * (near * (0.16 * fine + 0.18 * coarse) + tracks)
        part += (ground == PAVEMENT) * (near * (0.12 * fine + 0.14 * coarse) - 0.13 * joints)
        part += (ground == TERRAIN) * near * (0.5 * fine + 0.3 * coarse)
    return factors[..., None]


def film(street: Street, rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3): what lens and sensor make of it."""
    light = street.light
    height, width, _ = photo.shape
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    vignette = 1 - 0.07 * (across**2 + down**2)
    gain = np.array(light.cast, np.float32) * np.float32(light.exposure * rng.uniform(0.97, 1.03))
    photo = photo * gain * vignette[..., None]
    photo = 110 + (photo - 110) * np.float32(light.contrast)
    blurred = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(light.blur))
    noise = rng.standard_normal((height, width, 3), dtype=np.float32) * np.float32(light.noise)
    return np.clip(np.rint(np.asarray(blurred, np.float32) + noise), 0, 255).astype(np.uint8)
