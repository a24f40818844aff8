"""The only place that opens zips and folders that a stranger made; images.py and pickles.py open what is in them.

Nothing is ever extracted to disk: members are read one at a time into memory, within the bounds below.
"""

import io
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Self

from gan.errors import UserError

MEMBERS = 200_000  # files in one archive or folder; the largest official archive has 39,252
MEMBER_BYTES = 2**26  # one file, unless the caller allows more
TOTAL_BYTES = 2**36  # all files of one archive; the largest official one (Cityscapes' extra photos) has 44 GB
RATIO = 200  # unpacked size to packed size; images and tables stay below 100
RATIO_FROM = 2**20  # bytes: smaller files may pack better (a black image), and can't do harm

_CHUNK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")


class Source:
    """Files to read by name, in a zip archive or in a folder alike. Names are relative and separated by `/`.

    Attributes:
        path: the archive or folder.
    """

    path: Path

    def names(self) -> tuple[str, ...]:
        """All files, sorted."""
        raise NotImplementedError

    def read(self, name: str, limit: int = MEMBER_BYTES) -> bytes:
        """The content of one file.

        Raises:
            UserError: there is no such file, it is longer than `limit` bytes, or it is damaged.
        """
        raise NotImplementedError

    def stamp(self, name: str) -> str:
        """Length and CRC-32 of one file, to tell whether it is the same that it was; instant in a zip archive.

        Raises:
            UserError: there is no such file, or it can't be read.
        """
        data = self.read(name)
        return f"{len(data)}-{zlib.crc32(data):08x}"

    def where(self, name: str) -> str:
        """How messages name a file of this source. A stranger's name may hold control characters: quoted."""
        return f"{name!r} in {self.path}"

    def close(self) -> None:
        """Give the archive back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_source(path: str | Path) -> Source:
    """Open a zip archive or a folder. Use it in a `with` block.

    Raises:
        UserError: it is not there, no zip archive, or not within the bounds of this module.
    """
    path = Path(path)
    if path.is_dir():
        return _Folder(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path of the source.")
    return _Zip(path)


class _Folder(Source):
    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = Path(os.path.realpath(path))  # resolve() raises at links that go round in circles
        self._names: tuple[str, ...] | None = None

    def names(self) -> tuple[str, ...]:
        if self._names is None:
            try:
                self._names = tuple(sorted(self._walk()))
            except OSError as error:
                raise UserError(
                    f"{error.filename or self.path} can't be read ({error.strerror}); check its permissions."
                ) from error
        return self._names

    def _walk(self) -> list[str]:
        found, folders = [], [""]
        while folders:
            folder = folders.pop()
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)  # links to folders are left out: they could lead round in circles
                    elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and self._leads_to_file(name)):
                        found.append(name)
                    if len(found) + len(folders) > MEMBERS:
                        raise UserError(
                            f"{self.path} holds more than {MEMBERS:,} files; name the folder of the data set itself."
                        )
        return found

    def _inside(self, name: str) -> bool:
        return Path(os.path.realpath(self._root / name)).is_relative_to(self._root)

    def _leads_to_file(self, name: str) -> bool:
        return self._inside(name) and (self._root / name).is_file()

    def read(self, name: str, limit: int = MEMBER_BYTES) -> bytes:
        _check_name(name, self.path)
        if not self._inside(name):
            raise UserError(f"{self.where(name)} is a link out of the folder; put the file itself there.")
        if not (self._root / name).is_file():  # a pipe, for one, would be waited for
            raise UserError(f"{self.where(name)} is missing or no file; copy or extract the data again.")
        try:
            with (self._root / name).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise UserError(
                f"{self.where(name)} can't be read ({error.strerror}); check the file and its permissions."
            ) from error
        if len(data) > limit:
            raise _too_long(self.where(name), limit)
        return data


class _Zip(Source):
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = _SmallReads(path)
        except OSError as error:
            raise UserError(f"{path} can't be read ({error.strerror}); check its permissions.") from error
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = self._checked()
        except UserError:
            self._file.close()
            raise
        except Exception as error:  # zipfile answers hostile bytes with many kinds of exception
            self._file.close()
            raise UserError(f"{path} is no zip archive or is damaged; delete it and get it anew.") from error

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        """The files by name, if everything that the directory of the archive says is acceptable."""
        infos = self._zip.infolist()
        if len(infos) > MEMBERS:
            raise UserError(f"{self.path} holds more than {MEMBERS:,} files, far more than a data set; delete it.")
        members: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for info in infos:
            _check_name(info.filename, self.path)
            where = self.where(info.filename)
            if stat.S_ISLNK(info.external_attr >> 16):
                raise UserError(f"{where} is a link, which no data set needs; use another archive.")
            if info.flag_bits & 0x1:
                raise UserError(f"{where} is encrypted; use an archive without a password.")
            # zipfile unpacks the other methods without a bound on memory.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UserError(f"{where} is packed by an unusual method; pack the archive again with plain zip.")
            if info.file_size > RATIO_FROM and info.file_size > RATIO * info.compress_size:
                raise _bomb(where)
            total += info.file_size
            if info.is_dir():
                continue
            if info.filename in members:
                raise UserError(f"{where} is there twice; delete the archive and get it anew.")
            members[info.filename] = info
        # Members that share their packed bytes get past the ratio of each one.
        if total > TOTAL_BYTES or total > max(RATIO_FROM, RATIO * self.path.stat().st_size):
            raise _bomb(str(self.path))
        return members

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def read(self, name: str, limit: int = MEMBER_BYTES) -> bytes:
        info = self._members.get(name)
        if info is None:
            raise UserError(f"{self.where(name)} is missing; delete the archive and get it anew.")
        if info.file_size > limit:
            raise _too_long(self.where(name), limit)
        data = bytearray()
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(_CHUNK):
                    data += chunk
                    if len(data) > limit:  # what is really there counts, not what the header says
                        raise _too_long(self.where(name), limit)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
            raise UserError(f"{self.where(name)} is damaged; delete the archive and get it anew.") from error
        if len(data) != info.file_size:
            raise UserError(f"{self.where(name)} is cut short; delete the archive and get it anew.")
        return bytes(data)

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
        to_the_end = size is None or size < 0
        data = super().read(min(MEMBER_BYTES + 1 if to_the_end else size, MEMBER_BYTES + 1))
        if len(data) > MEMBER_BYTES:
            raise ValueError("more than this module reads at once")
        return data


def _check_name(name: str, path: Path) -> None:
    """Refuse a name that leads out of its archive, on any operating system."""
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or _DRIVE.match(name) or "\0" in name:
        raise UserError(f"{path} holds the file name {name!r}, which leads out of it; delete it and get it anew.")


def _too_long(where: str, limit: int) -> UserError:
    return UserError(f"{where} is longer than {limit:,} bytes, which no data set needs; remove it or get it anew.")


def _bomb(where: str) -> UserError:
    return UserError(f"{where} unpacks to far more than a data set holds; delete it and get it anew.")
