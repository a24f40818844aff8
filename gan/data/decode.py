"""Somebody's image files, of any common format and size, as RGB squares of one size.

Files are read twice. From the headers come the sizes, and the range of grey values that have more than 8 bits: it
is one for all files, so that a dark image stays darker than a bright one. Then each file is decoded and made small
before the next, so that memory holds the squares and a few originals.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from gan.data.labelled import MAX_PIXELS
from gan.data.parallel import in_threads
from gan.data.untrusted import Source
from gan.data.untrusted_images import open_image
from gan.errors import UserError
from gan.progress import progress

SIZES = (32, 64, 128, 256)
LARGEST_CHOSEN = 128  # of these, where the user gives none: what two cores can learn
NAMED = 5  # damaged files that a message names

_SQUEEZED = Image.Resampling.BICUBIC  # averages where it shrinks, so that no fine detail aliases
_MOVING = ("GIF", "WEBP", "PNG", "TIFF")  # formats of more than one picture; in a JPEG the others are previews
_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Header:
    """What has to be known of a file before any is decoded.

    Attributes:
        side: square root of width times height, in pixels.
        peak: largest of its grey values of more than 8 bits; None where it has no such values.
        is_moving: it holds more than one picture.
    """

    side: float
    peak: float | None
    is_moving: bool


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Images of one size.

    Attributes:
        images: uint8 (N, size, size, 3), RGB, 0-255.
        sizes: int64 (N, 2), original width and height; zeros where one is above 65,535.
        kept: places in the list of files, in order: all but the damaged.
        notes: sentences about what was changed or left out.
    """

    images: np.ndarray
    sizes: np.ndarray
    kept: list[int]
    notes: tuple[str, ...]


def decode_files(
    source: Source,
    files: Sequence[str],
    size: int | None,
    fit: str,
    skip_damaged: bool,
    largest: int,
) -> Decoded:
    """Decode files as squares.

    Args:
        source: where they are.
        files: their names.
        size: width and height; None: that of `SIZES` up to `largest` that is nearest to the median of the originals.
        fit: "squeeze" the whole image, "crop" its middle, or "pad" it with its mean colour.
        skip_damaged: leave out what can't be read.
        largest: size that is chosen.

    Raises:
        UserError: files can't be read and are not to be left out; or there are none left.
    """
    read = progress(
        len(files), "headers", "image", items=in_threads(lambda name: _tried(source, name, _header), files)
    )
    headers = dict(zip(files, read, strict=True))
    sound = [header for header in headers.values() if isinstance(header, Header)]
    peak = max((header.peak for header in sound if header.peak is not None), default=0)
    top = 1 if 0 < peak <= 1 else max(255, 2 ** math.ceil(math.log2(peak + 1)) - 1)
    notes = []
    if size is None and sound:
        sides = sorted(header.side for header in sound)
        median = float(np.median(sides))
        size = chosen_size(median, largest)
        notes.append(
            f"Images are made {size}x{size}: their median is {median:.0f}x{median:.0f} pixels ({sides[0]:.0f} to "
            f"{sides[-1]:.0f}); image_size= changes it."
        )

    def square(name: str) -> tuple[np.ndarray, tuple[int, int], bool] | UserError:
        if isinstance(headers[name], UserError):
            return headers[name]
        return _tried(source, name, lambda image: _square(image, size, fit, top))

    images = np.empty((len(sound), size or 1, size or 1, 3), np.uint8)
    sizes, kept, damaged, see_through = [], [], {}, 0
    for place, result in enumerate(progress(len(files), "images", "image", items=in_threads(square, files))):
        if isinstance(result, UserError):
            damaged[files[place]] = result
            continue
        images[len(kept)], original, alpha = result
        kept.append(place)
        sizes.append(original if max(original) <= MAX_PIXELS else (0, 0))
        see_through += alpha
    if damaged and not skip_damaged:
        raise _unread(source, damaged, len(files))
    if not kept:
        raise UserError(f"none of the {len(files):,} images in {source.path} can be read; check the files.")
    notes += _notes([headers[files[place]] for place in kept], peak, top, see_through, damaged)
    return Decoded(images[: len(kept)], np.array(sizes), kept, tuple(notes))


def chosen_size(median: float, largest: int) -> int:
    """The size of `SIZES`, up to `largest`, that is nearest to a median side in pixels."""
    return min((size for size in SIZES if size <= largest), key=lambda size: abs(size - median))


def _tried(source: Source, name: str, take: Callable[[Image.Image], _Result]) -> _Result | UserError:
    """What a function makes of a file, or why it can't be read."""
    try:
        return open_image(source.read(name), source.where(name), take)
    except UserError as error:
        return error


def _unread(source: Source, damaged: dict[str, UserError], total: int) -> UserError:
    """The one message about all of them."""
    reasons = [
        f"{name!r}{str(error).removeprefix(source.where(name)).rpartition(';')[0]}"
        for name, error in list(damaged.items())[:NAMED]
    ]
    more = f" and {len(damaged) - NAMED:,} more" * (len(damaged) > NAMED)
    return UserError(
        f"{len(damaged):,} of {total:,} images in {source.path} can't be read: {', '.join(reasons)}{more}; repair or "
        "remove them, or give skip_damaged=true, which goes on without them."
    )


def _notes(
    headers: Sequence[Header], peak: float, top: int, see_through: int, damaged: dict[str, UserError]
) -> list[str]:
    notes = []
    deep, moving = (sum(found) for found in zip(*((h.peak is not None, h.is_moving) for h in headers), strict=True))
    if deep:
        notes.append(
            f"Images with grey values of more than 8 bits: {deep:,}, up to {peak:,.6g}; 0 to {top:,} became 0 to 255."
        )
    if moving:
        notes.append(f"Files of several pictures (animations, pages): {moving:,}; the first picture is taken.")
    if see_through:
        notes.append(f"Images that are transparent in places: {see_through:,}; they are put on white.")
    if damaged:
        notes.append(
            f"Images that can't be read and are left out: {len(damaged):,} of {len(headers) + len(damaged):,} (the "
            f"first: {next(iter(damaged))!r})."
        )
    return notes


def _header(image: Image.Image) -> Header:
    peak = float(_deep_values(image).max()) if _is_deep(image) else None
    moving = image.format in _MOVING and bool(getattr(image, "is_animated", False))
    return Header(math.sqrt(image.width * image.height), peak, moving)


def _is_deep(image: Image.Image) -> bool:
    """Whether its grey values have more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _deep_values(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image), posinf=0, neginf=0)


def _square(image: Image.Image, size: int, fit: str, top: int) -> tuple[np.ndarray, tuple[int, int], bool]:
    """The square, the original width and height, and whether something was transparent."""
    image.load()  # what is damaged is found before the orientation is asked for, whose damage does no harm
    with contextlib.suppress(Exception):  # of the camera's notes, not of the image
        ImageOps.exif_transpose(image, in_place=True)
    rgb, see_through = _rgb(image, top)
    return np.asarray(fitted(rgb, size, fit)), image.size, see_through


def _rgb(image: Image.Image, top: int) -> tuple[Image.Image, bool]:
    """The image in colours on white, and whether something was transparent."""
    if _is_deep(image):
        values = _deep_values(image).astype(np.float32) * (255 / top)
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB"), False
    if not image.has_transparency_data:
        return image.convert("RGB"), False
    with_alpha = image.convert("RGBA")
    alpha = with_alpha.getchannel("A")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(with_alpha, mask=alpha)
    return flat, alpha.getextrema()[0] < 255


def fitted(image: Image.Image, size: int, fit: str) -> Image.Image:
    """An image in RGB as a square: bicubic, and averaged where it shrinks, so that no fine detail aliases.

    Args:
        image: of any width and height.
        size: width and height in pixels; an image that has them stays as it is.
        fit: "squeeze" the whole image, "crop" the square in its middle, or "pad" it to a square with its mean colour.
    """
    width, height = image.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if fit != "pad" or width == height:
        return image if image.size == (size, size) else image.resize((size, size), _SQUEEZED)
    longer = max(width, height)
    small = max(1, round(width * size / longer)), max(1, round(height * size / longer))
    image = image if image.size == small else image.resize(small, _SQUEEZED)
    mean = np.rint(np.asarray(image).mean(axis=(0, 1))).astype(int).tolist()
    square = Image.new("RGB", (size, size), tuple(mean))
    square.paste(image, ((size - small[0]) // 2, (size - small[1]) // 2))
    return square
