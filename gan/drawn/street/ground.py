"""Sky and ground of a drawn street, with lines, shadows and haze."""

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from gan.drawn.street import plan
from gan.drawn.street.camera import FINE, Canvas, View
from gan.drawn.street.plan import Piece, Street

FAR = 165.0  # metres to where the skyline closes the view


def sky(street: Street, view: View, frame: int, width: int, height: int) -> Image.Image:
    """RGB picture of the canvas' size: the sky from the zenith to the horizon, with clouds that are flat far off."""
    light = street.light
    rows = max(2, math.ceil(view.horizon / FINE))
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    zenith, low = np.array(light.zenith, np.float32), np.array(light.low, np.float32)
    clear = zenith + (low - zenith) * down**1.5
    box = (2 + frame, 0, 118 + frame, 100)
    window = Image.fromarray(street.clouds).resize((width, rows), Image.Resampling.BICUBIC, box)
    clouds = np.asarray(window, np.float32)[..., None]
    amount = np.clip((clouds - (0.78 - 0.5 * light.cover)) * 4, 0, 1) * min(1.0, 1.6 * light.cover)
    white = np.array(light.low, np.float32) * (0.86 + 0.3 * np.clip(clouds - 0.35, 0, 1)) + 14
    sky = np.clip(clear + amount * (white - clear), 0, 255).astype(np.uint8)
    picture = Image.new("RGB", (FINE * width, FINE * height))
    picture.paste(Image.fromarray(sky).resize((FINE * width, FINE * rows), Image.Resampling.BILINEAR))
    return picture


def ground(canvas: Canvas, street: Street) -> None:
    """Road, pavements and lines; light and haze come later, over all of it."""
    view, (wide, tall) = canvas.view, canvas.photo.size
    level = round(view.horizon)
    value, colour = street.base
    whole = lambda c: tuple(int(level) for level in c)  # noqa: E731
    canvas.shape([(0, level), (wide, level), (wide, tall), (0, tall)], whole(colour), value)
    near = [0.9, 2, 3.5, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 60, 76, 96, 122, FAR, 400]
    steps = [view.z + z for z in (near if view.bend else (0.9, 400))]

    def strip(left: float, right: float, places: list[float], tint: tuple[float, ...], value: int | None) -> None:
        spots = [(left, 0.0, z) for z in places] + [(right, 0.0, z) for z in reversed(places)]
        canvas.area(spots, whole(tint), value)

    for ground in street.ground:
        strip(ground.left, ground.right, steps, ground.colour, ground.value)
    strip(-street.half, street.half, steps, street.asphalt, plan.ROAD)
    white = tuple(0.25 * c + 0.75 * 225 for c in street.asphalt)
    end = view.z + 95
    if street.junction:
        low, high = street.junction
        if high > view.z + 1.5:
            strip(-90, 90, [max(low, view.z + 1), high], street.asphalt, plan.ROAD)
        if low > view.z + 2:
            strip(0.15, street.half, [low - 0.9, low - 0.5], white, None)
        if street.zebra and low - 1.5 > view.z + 2:
            for k in range(int(2 * street.half)):
                x = -street.half + 0.3 + k
                strip(x, x + 0.5, [max(view.z + 1.5, low - 4.6), low - 1.5], white, None)

    def dashes(x: float, long: float, period: float, width: float) -> None:
        for k in range(int(view.z // period), int(end // period) + 1):
            z = max(k * period, view.z + 1.2)
            far = k * period + long
            if far > z and (not street.junction or far < street.junction[0] - 5 or z > street.junction[1]):
                half = max(width, 0.8 * FINE / view.scale(far)) / 2
                strip(x - half, x + half, [z, far], white, None)

    dashes(0.0, 3.0, 9.0, 0.15)
    if street.lanes > 1:
        for x in (-0.5, 0.5):
            dashes(x * street.half, 3.0, 9.0, 0.13)
    if street.edge:
        for x in (-street.half + 0.25, street.half - 0.25):
            dashes(x, 6.0, 6.0, 0.13)


def shade(canvas: Canvas, street: Street, pieces: list[Piece], width: int, height: int) -> None:
    """Shadows and haze on the ground, which is all that has been drawn but the sky."""
    view, light = canvas.view, street.light
    top = min(max(0, round(view.horizon)), FINE * height - 1)
    mask = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(mask)

    def patch(places: list[tuple[float, float]], level: float) -> None:
        spots = [view.spot(x, 0, z) for x, z in places]
        draw.polygon([(x / FINE, y / FINE) for x, y in spots], fill=int(255 * level))

    dark = 1 - 0.5 * light.strength
    across, along = (-c for c in light.sun)
    for piece in pieces if light.strength > 0.3 else ():
        if piece.z > view.z + 110:
            continue
        reach = piece.height * 0.9
        if piece.kind in ("building", "wall", "hedge", "fence") and across * piece.x < 0:
            far, dx, dz = piece.z + piece.length, across * reach, along * reach
            x = piece.x - math.copysign(0.3, piece.x)
            patch([(x, piece.z), (x, far), (x + dx, far + dz), (x + dx, piece.z + dz)], dark)
        elif piece.kind == "tree":
            r, x, z = 0.45 * piece.width, piece.x + across * 0.6 * reach, piece.z + along * 0.6 * reach
            round_ = [(x + r * math.cos(k * math.pi / 6), z + 1.3 * r * math.sin(k * math.pi / 6)) for k in range(12)]
            patch(round_, dark * 1.05)
        elif piece.kind in ("lamp", "sign", "signal"):
            wide, x, z = 0.08, piece.x + across * reach, piece.z + along * reach
            patch([(piece.x - wide, piece.z), (piece.x + wide, piece.z), (x + wide, z), (x - wide, z)], dark)
    for piece in pieces:
        if piece.kind in ("vehicle", "person", "cyclist", "bin") and 2 < piece.z - view.z < 110:
            (dx, dz), wide = piece.heading, piece.width or 0.5
            a = 0.5 * max(piece.length, wide) * abs(dz) + 0.5 * wide * abs(dx) + 0.12
            b = 0.5 * max(piece.length, wide) * abs(dx) + 0.5 * wide * abs(dz) + 0.15
            around = [(-b, -a), (-b, a), (b, a), (b, -a)]
            if light.strength > 0.3:
                s, t = across * 0.8 * piece.height, along * 0.8 * piece.height
                for k in (0.33, 0.66, 1.0):
                    patch([(piece.x + x + k * s, piece.z + z + k * t) for x, z in around], dark)
            patch([(piece.x + x, piece.z + z) for x, z in around], 0.36)
    mask = mask.filter(ImageFilter.BoxBlur(max(0.4, width / 400)))
    box = (0, top, *canvas.photo.size)
    ground = canvas.photo.crop(box)
    soft = mask.resize(ground.size, Image.Resampling.BILINEAR, (0, top / FINE, width, height))
    ground = ImageChops.multiply(ground, Image.merge("RGB", (soft, soft, soft)))
    rows = np.arange(top, canvas.photo.height) + 0.5 - view.horizon
    away = view.focal * view.height / np.maximum(rows, 1)
    share = (255 * (1 - np.exp(-away / light.visibility))).astype(np.uint8)
    haze = Image.fromarray(share[:, None]).resize(ground.size)
    fog = Image.new("RGB", ground.size, tuple(int(c) for c in light.fog))
    canvas.photo.paste(Image.composite(fog, ground, haze), box)
