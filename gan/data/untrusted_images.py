"""The only place that opens images that a stranger made, from bytes in memory.

What a header says is checked before anything is decoded. Every bound protects the machine; none is a guess about
data.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH

from gan.errors import UserError

MAX_PIXELS = 2**26  # width times height of one image
MAX_PLAIN = 2**24  # bytes of a PPM whose numbers are written in words: each costs a tenth of a microsecond and more
MAX_READS = 300_000  # of a decoder: some headers may go on for ever, and are read byte by byte
FORMATS = ("PPM", "PNG", "JPEG", "BMP")
LOSSLESS = ("PPM", "PNG", "BMP")  # what can hold class ids
ALL_FORMATS = (*FORMATS, "WEBP", "TIFF", "GIF")

_PNG = b"\x89PNG\r\n\x1a\n"
_Taken = TypeVar("_Taken")

warnings.filterwarnings("ignore", module=r"PIL\.")  # about one file of many; what matters is an error here


def read_image(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one PPM, PNG, JPEG or BMP image.

    Args:
        data: the file's bytes.
        name: how the message names it.
        max_pixels: most pixels that are decoded at all.

    Returns:
        uint8 (height, width, 3), RGB, 0-255.

    Raises:
        UserError: it is damaged, of another format, or larger.
    """
    return open_image(data, name, lambda image: np.array(image.convert("RGB")), FORMATS, max_pixels)


def image_kind(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> tuple[str, str, tuple[int, int]]:
    """Format ("PNG"), mode ("RGB", as PIL names it), and width and height of an image, from its header alone.

    Raises:
        UserError: see `read_image`.
    """
    return open_image(data, name, lambda image: (image.format or "", image.mode, image.size), FORMATS, max_pixels)


def read_ids(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one map of ids as the numbers that it stores, whatever colours a viewer would show for them.

    Args:
        data: the bytes of a PNG (grey of 1 to 16 bits, or with a palette), or of a grey BMP or PPM.
        name, max_pixels: see `read_image`.

    Returns:
        uint8 (height, width), or uint16 where the file has 16 bits a pixel.

    Raises:
        UserError: it is damaged, larger, in colours, or of a format that can't keep ids exactly.
    """
    return open_image(data, name, lambda image: _ids(image, data, name), LOSSLESS, max_pixels)


def _ids(image: Image.Image, data: bytes, name: str) -> np.ndarray:
    bits = data[24] if image.format == "PNG" else 8
    if image.mode in ("P", "1") or (image.mode == "L" and bits == 8):
        return np.array(image).astype(np.uint8)
    if image.mode == "L" and bits in (2, 4):
        return np.array(image) // (255 // (2**bits - 1))  # PIL spreads the values of few bits over 0-255
    if image.mode in ("I;16", "I;16B", "I") and image.format == "PNG":
        return np.array(image).astype(np.uint16)
    raise UserError(f"{name} is in colours ({image.mode}) and no map of ids; store the ids as a grey PNG.")


def check_png(data: bytes, name: str) -> None:
    """Refuse a PNG that is cut short or damaged, by the checksums of its chunks: much faster than decoding it."""
    view, place, kind = memoryview(data), len(_PNG), b""
    sound = data.startswith(_PNG)
    while sound and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, place) if place + 12 <= len(data) else (len(data), b"")
        end = place + 8 + length
        sound = end + 4 <= len(data) and zlib.crc32(view[place + 4 : end]) == struct.unpack_from(">I", data, end)[0]
        place = end + 4
    if not sound:
        raise UserError(f"{name} is cut short or damaged; save it again or get it anew.")


def open_image(
    data: bytes,
    name: str,
    take: Callable[[Image.Image], _Taken],
    formats: Sequence[str] = ALL_FORMATS,
    max_pixels: int = MAX_PIXELS,
) -> _Taken:
    """What a function makes of an image whose format and number of pixels are acceptable.

    Args:
        data, name, max_pixels: see `read_image`.
        take: gets the image when its header has been read and nothing is decoded; called within this function, so
            that whatever its decoder raises becomes the UserError.
        formats: names that PIL has for what may be opened.

    Raises:
        UserError: see `read_image`.
    """
    kind = "image" if formats == ALL_FORMATS else f"{' or '.join(', '.join(formats).rsplit(', ', 1))} image"
    try:
        if data[:2] in (b"P1", b"P2", b"P3") and len(data) > MAX_PLAIN:
            raise UserError(f"{name} is a plain PPM of more than {MAX_PLAIN:,} bytes; save it as PNG.")
        with Image.open(_FewReads(data, name), formats=formats) as image:
            # Only the header is read so far.
            if max(image.width * image.height, _tile_pixels(image)) <= max_pixels:
                return take(image)
    except UserError:
        raise
    except Image.DecompressionBombError:
        pass
    except Exception as error:  # decoders answer hostile bytes with many kinds of exception
        raise UserError(f"{name} is damaged or no {kind}; save it again or get it anew.") from error
    raise UserError(f"{name} has more than {max_pixels:,} pixels; make it smaller or remove it.")


class _FewReads(io.BytesIO):
    """A file that ends the patience for a decoder that reads it in too many pieces."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._name, self._left = name, MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise UserError(f"{self._name} is in more than {MAX_READS:,} pieces; save it again as PNG.")
        return super().read(size)


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of one tile of a TIFF, which its decoder makes room for, however small the image is."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(TILEWIDTH, 0) * tags.get(TILELENGTH, 0)
