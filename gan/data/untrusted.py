"""The only place that opens zips, folders and images that a stranger made; pickles.py does the same for pickles.

Nothing is extracted to disk: files are read one at a time into memory. Every bound protects the machine; none is a
guess about data.
"""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from PIL import Image

from gan.errors import UserError

MAX_FILES = 1_000_000  # names in memory, of one archive or folder
MAX_BYTES = 2**28  # one file in memory: an image of MAX_PIXELS without compression
MAX_DIRECTORY = 2**26  # bytes of an archive's directory, which zipfile reads in one piece
MAX_PIXELS = 2**26  # width times height of one image
FORMATS = ("PPM", "PNG", "JPEG", "BMP")
LOSSLESS = ("PPM", "PNG", "BMP")  # what can hold class ids

_PNG = b"\x89PNG\r\n\x1a\n"
_DRIVE = re.compile(r"[A-Za-z]:")
_Taken = TypeVar("_Taken")


class Source:
    """Files to read by name, in a zip archive or in a folder alike. Names are relative and separated by `/`.

    Attributes:
        path: the archive or folder.
    """

    path: Path

    def names(self) -> tuple[str, ...]:
        """All files, sorted; links that lead out are left out."""
        raise NotImplementedError

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """The content of one file; in a zip archive its CRC-32 is checked.

        Raises:
            UserError: there is no such file, it is longer than `limit` bytes, or it is damaged.
        """
        raise NotImplementedError

    def stamp(self, name: str) -> str:
        """Length and CRC-32 of one file, to tell whether it has changed; instant in a zip archive.

        Raises:
            UserError: there is no such file, or it can't be read.
        """
        data = self.read(name)
        return f"{len(data)}-{zlib.crc32(data):08x}"

    def where(self, name: str) -> str:
        """How messages name a file of this source. A stranger's name may hold control characters: quoted."""
        return f"{name!r} in {self.path}"

    def close(self) -> None:
        """Close the archive."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(path: str | Path, max_files: int = MAX_FILES) -> Source:
    """Open a zip archive or a folder. Use it in a `with` block.

    Raises:
        UserError: it is not there, no zip archive, or holds more than `max_files` files.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path of the source.")
    return (_Folder if path.is_dir() else _Zip)(path, max_files)


class _Folder(Source):
    def __init__(self, path: Path, max_files: int) -> None:
        self.path = path
        self._root = Path(os.path.realpath(path))  # resolve() raises at links that go round in circles
        self._max_files = max_files
        self._names: tuple[str, ...] | None = None

    def names(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = tuple(sorted(self._walk()))
        return self._names

    def _walk(self) -> list[str]:
        def stop(error: OSError) -> None:
            raise UserError(f"{error.filename} can't be read ({error.strerror}); check its permissions.") from error

        found: list[str] = []
        for folder, _, files in os.walk(self._root, onerror=stop):  # links to folders could lead round in circles
            for path in (Path(folder, file) for file in files):
                if path.is_file() and (not path.is_symlink() or self._inside(path)):
                    found.append(path.relative_to(self._root).as_posix())
            if len(found) > self._max_files:
                raise UserError(
                    f"{self.path} holds more than {self._max_files:,} files; name the folder of the data set itself."
                )
        return found

    def _inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._root)

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        _check_name(name, self.path)
        if not self._inside(self._root / name):
            raise UserError(f"{self.where(name)} is a link out of the folder; put the file itself there.")
        if not (self._root / name).is_file():  # a pipe, for one, would be waited for
            raise UserError(f"{self.where(name)} is missing or no file; copy or extract the data again.")
        try:
            with (self._root / name).open("rb") as file:
                data = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
        except OSError as error:
            raise UserError(
                f"{self.where(name)} can't be read ({error.strerror}); check the file and its permissions."
            ) from error
        if len(data) > limit:
            raise _too_long(self.where(name), limit)
        return data


class _Zip(Source):
    def __init__(self, path: Path, max_files: int) -> None:
        self.path = path
        try:
            self._file = _SmallReads(path)
        except OSError as error:
            raise UserError(f"{path} can't be read ({error.strerror}); check its permissions.") from error
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = self._checked(max_files)
        except UserError:
            self._file.close()
            raise
        except Exception as error:  # zipfile answers hostile bytes with many kinds of exception
            self._file.close()
            raise UserError(f"{path} is no zip archive or is damaged; delete it and get it anew.") from error

    def _checked(self, max_files: int) -> dict[str, zipfile.ZipInfo]:
        """The files by name."""
        infos = self._zip.infolist()
        if len(infos) > max_files:
            raise UserError(f"{self.path} holds more than {max_files:,} files; split it.")
        # An archive that unpacks without end has files that share their packed bytes.
        if sum(info.compress_size for info in infos) > self.path.stat().st_size:
            raise UserError(f"{self.path} unpacks to more than it holds; delete it and get it anew.")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            _check_name(info.filename, self.path)
            if info.filename in members:
                raise UserError(f"{self.where(info.filename)} is there twice; delete the archive and get it anew.")
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                members[info.filename] = info
        return members

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        info = self._members.get(name)
        if info is None:
            raise UserError(f"{self.where(name)} is missing; delete the archive and get it anew.")
        if info.flag_bits & 0x1:
            raise UserError(f"{self.where(name)} is encrypted; use an archive without a password.")
        # zipfile unpacks the other methods without a bound on memory.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(f"{self.where(name)} is packed in an unusual way; pack the archive again as plain zip.")
        if info.file_size > limit:
            raise _too_long(self.where(name), limit)
        try:
            with self._zip.open(info) as member:
                # In pieces: read() unpacks all that is there before it looks how long the header says that it is.
                data = b"".join(iter(lambda: member.read(2**20), b""))
        except Exception as error:  # zipfile answers hostile bytes with many kinds of exception
            raise UserError(f"{self.where(name)} is damaged; delete the archive and get it anew.") from error
        if len(data) != info.file_size:
            raise UserError(f"{self.where(name)} is cut short; delete the archive and get it anew.")
        return data

    def stamp(self, name: str) -> str:
        info = self._members.get(name)
        return super().stamp(name) if info is None else f"{info.file_size}-{info.CRC:08x}"

    def close(self) -> None:
        self._zip.close()
        self._file.close()


class _SmallReads(io.BufferedReader):
    """A file that can't be read in huge pieces: zipfile reads an archive's directory in one, of any size."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(MAX_DIRECTORY + 1 if size is None or not 0 <= size <= MAX_DIRECTORY else size)
        if len(data) > MAX_DIRECTORY:
            raise ValueError("more than this module reads at once")
        return data


def _check_name(name: str, path: Path) -> None:
    """Refuse a name that leads out of its archive, on any operating system."""
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or _DRIVE.match(name) or "\0" in name:
        raise UserError(f"{path} holds the file name {name!r}, which leads out of it; delete it and get it anew.")


def _too_long(where: str, limit: int) -> UserError:
    return UserError(f"{where} is longer than {limit:,} bytes, the most that is read at once; make it smaller.")


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
    return _opened(data, name, lambda image: np.array(image.convert("RGB")), FORMATS, max_pixels)


def image_kind(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> tuple[str, str, tuple[int, int]]:
    """Format ("PNG"), mode ("RGB", as PIL names it), and width and height of an image, from its header alone.

    Raises:
        UserError: see `read_image`.
    """
    return _opened(data, name, lambda image: (image.format or "", image.mode, image.size), FORMATS, max_pixels)


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
    return _opened(data, name, lambda image: _ids(image, data, name), LOSSLESS, max_pixels)


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
        raise UserError(f"{name} is cut short or damaged; get the file anew.")


def _opened(
    data: bytes, name: str, take: Callable[[Image.Image], _Taken], formats: Sequence[str], max_pixels: int
) -> _Taken:
    """What `take` makes of an image whose format and size are acceptable."""
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            # Only the header is read so far.
            width, height = image.size
            if width * height <= max_pixels:
                return take(image)
    except UserError:
        raise
    except Image.DecompressionBombError:
        pass
    except Exception as error:  # decoders answer hostile bytes with many kinds of exception
        raise UserError(
            f"{name} is damaged or no {' or '.join(', '.join(formats).rsplit(', ', 1))} image; get the file anew."
        ) from error
    raise UserError(f"{name} has more than {max_pixels:,} pixels; make it smaller or remove it.")
