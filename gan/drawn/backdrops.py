"""What stands behind a street sign: sky, foliage, houses and roads, drawn at random."""

import numpy as np
from PIL import Image, ImageDraw

BACKDROPS = ("sky", "foliage", "house", "road", "plain")


def smooth_noise(rng: np.random.Generator, cells: int, size: int) -> np.ndarray:
    """float32 (size, size), 0-1: random values on a grid of `cells` by `cells`, smoothed."""
    grid = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32) / 255


def backdrop(rng: np.random.Generator, kind: str, size: int) -> Image.Image:
    """A blurred piece of street without the sign.

    Args:
        rng: where all chance comes from.
        kind: one of `BACKDROPS`.
        size: width and height in pixels.

    Returns:
        RGB picture, size by size, as under full light: the brightest places are near 255.
    """
    image = {"sky": _sky, "foliage": _foliage, "house": _house, "road": _road, "plain": _plain}[kind](rng, size)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:  # lamp posts and trunks
        for _ in range(rng.integers(1, 4)):
            x, width = rng.uniform(0, size), rng.uniform(0.02, 0.09) * size
            draw.rectangle([x, 0, x + width, size], fill=_shade(rng, (110, 105, 100), 0.25, 1.3))
    if rng.random() < 0.3:  # cars, vans, posters
        x, y = rng.uniform(-0.2, 0.8, 2) * size
        width, height = rng.uniform(0.15, 0.5, 2) * size
        paint = tuple(rng.uniform(20, 220) + rng.uniform(-35, 35, 3))
        draw.rectangle([x, y, x + width, y + height], fill=_shade(rng, paint, 1, 1))
    return image


def _shade(
    rng: np.random.Generator, colour: tuple[float, float, float], darkest: float, lightest: float
) -> tuple[int, ...]:
    """The colour, darker or lighter by a random factor."""
    light = rng.uniform(darkest, lightest)
    return tuple(int(min(255, max(0, c * light))) for c in colour)


def _blend(low: np.ndarray, high: np.ndarray, amount: np.ndarray) -> Image.Image:
    """A picture that goes from one colour to the other as `amount` (height, width) goes from 0 to 1."""
    mixed = low + amount[..., None] * (high - low)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))


def _sky(rng: np.random.Generator, size: int) -> Image.Image:
    zenith = np.array([140, 180, 240]) + rng.uniform(-30, 20, 3) * [1.5, 1, 0.5]
    amount = np.linspace(0, 1, size)[:, None] + 0.8 * (smooth_noise(rng, 4, size) - 0.5)
    image = _blend(zenith, np.array([250.0, 250, 250]), np.clip(amount + rng.uniform(-0.3, 0.8), 0, 1))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.6:  # roofs or trees on the horizon
        heights = size * np.clip(rng.uniform(0.55, 1) + rng.uniform(-0.12, 0.12, 7), 0, 1)
        line = [(x, y) for x, y in zip(np.linspace(0, size, 7), heights, strict=True)]
        draw.polygon([(0, size), *line, (size, size)], fill=_shade(rng, (90, 85, 75), 0.2, 1.1))
    if rng.random() < 0.35:  # bare branches
        x, y = rng.choice([0, size]), rng.uniform(0, size)
        for _ in range(rng.integers(4, 14)):
            end = rng.uniform(0, size, 2)
            draw.line([x, y, *end], fill=_shade(rng, (70, 62, 55), 0.4, 1), width=int(rng.integers(1, 4)))
            x, y = (x + end[0]) / 2, (y + end[1]) / 2
    return image


def _plain(rng: np.random.Generator, size: int) -> Image.Image:
    """Any two colours that run into each other in spots: a wall, a bus, a poster."""
    low, high = rng.uniform(0, 255, (2, 3))
    return _blend(low, low + rng.random() * (high - low), smooth_noise(rng, int(rng.integers(2, 20)), size))


def _foliage(rng: np.random.Generator, size: int) -> Image.Image:
    leaves = sum(
        share * smooth_noise(rng, cells, size) for share, cells in ((0.3, 6), (0.3, 14), (0.25, 30), (0.15, 60))
    )
    contrast = rng.uniform(1.5, 3.5)
    low = np.array([20.0, 24, 14]) * rng.uniform(0.4, 1.6)
    high = np.array([rng.uniform(110, 220), rng.uniform(120, 190), rng.uniform(40, 130)])
    amount = np.clip((leaves - 0.5) * contrast + rng.uniform(0.2, 0.5), 0, 1)
    image = _blend(low, high, amount)
    if rng.random() < 0.4:  # the sky shines through
        gaps = np.clip((smooth_noise(rng, 12, size) - rng.uniform(0.65, 0.85)) * 8, 0, 1)
        image.paste((245, 248, 255), mask=Image.fromarray((255 * gaps).astype(np.uint8)))
    return image


def _house(rng: np.random.Generator, size: int) -> Image.Image:
    wall = np.array([[235, 225, 200], [200, 120, 90], [170, 165, 160], [240, 240, 235]])[rng.integers(4)]
    wall = wall * rng.uniform(0.5, 1.05)
    image = _blend(wall * 0.8, wall, smooth_noise(rng, 10, size))
    draw = ImageDraw.Draw(image)
    glass, frame = _shade(rng, (120, 130, 150), 0.2, 1), _shade(rng, (230, 230, 225), 0.4, 1.1)
    pitch = rng.uniform(0.3, 0.6) * size
    width, height = rng.uniform(0.4, 0.7) * pitch, rng.uniform(0.5, 0.8) * pitch
    left, top = rng.uniform(0, pitch, 2)
    for x in np.arange(left - pitch, size, pitch):
        for y in np.arange(top - pitch, size, pitch):
            draw.rectangle([x, y, x + width, y + height], fill=glass, outline=frame, width=3)
    if rng.random() < 0.3:  # the eaves, and the sky above
        edge = rng.uniform(0.1, 0.5) * size
        slope = rng.uniform(-0.3, 0.3) * size
        draw.polygon([(0, 0), (size, 0), (size, edge + slope), (0, edge)], fill=(235, 240, 250))
        draw.line([(0, edge), (size, edge + slope)], fill=_shade(rng, (110, 60, 45), 0.4, 1.2), width=5)
    return image


def _road(rng: np.random.Generator, size: int) -> Image.Image:
    """Sky, a strip of trees or houses, asphalt."""
    image = _sky(rng, size)
    draw = ImageDraw.Draw(image)
    horizon = rng.uniform(0.3, 0.7) * size
    roof = rng.uniform(0, horizon)
    draw.rectangle([0, roof, size, horizon], fill=_shade(rng, (100, 105, 80), 0.3, 1.4))
    asphalt = np.array([125.0, 125, 128]) * rng.uniform(0.5, 1.3)
    ground = _blend(asphalt * 0.8, asphalt, smooth_noise(rng, 40, size))
    image.paste(ground.crop((0, 0, size, size - int(horizon))), (0, int(horizon)))
    if rng.random() < 0.7:  # the lane's marking
        x = rng.uniform(0, size)
        draw.line([(x, horizon), (x + rng.uniform(-size, size), size)], fill=(225, 225, 220), width=4)
    return image
