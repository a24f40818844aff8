"""The only place that opens zips and folders that a stranger made; untrusted_images.py and pickles.py open the rest.

Nothing is extracted to disk: files are read one at a time into memory. Every bound protects the machine; none is a
guess about data.
"""

import errno
import io
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Self

from gan.errors import UserError
from gan.files import exists

MAX_FILES = 1_000_000  # names in memory, of one archive or folder
MAX_BYTES = 2**28  # one file in memory: the largest image that is read, without compression
MAX_AGAIN = 100  # linked folders that are gone into by way of others, and again: links can multiply without end
MAX_DIRECTORY = 2**26  # bytes of an archive's directory, which zipfile reads in one piece

_DRIVE = re.compile(r"[A-Za-z]:")


class Source:
    """Files to read by name, in a zip archive or in a folder alike. Names are relative and separated by `/`.

    Attributes:
        path: the archive or folder.
        links_left_out: links that are not followed, once `names` has been called: those that lead out, and all of
            an archive.
    """

    path: Path
    links_left_out = 0

    def names(self) -> tuple[str, ...]:
        """All files, sorted; links that lead out are left out."""
        raise NotImplementedError

    def folders(self) -> tuple[str, ...]:
        """All folders within a folder, sorted; none of a zip archive, where only files count."""
        return ()

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


def open_source(path: str | Path, max_files: int = MAX_FILES, follow_links: bool = False) -> Source:
    """Open a zip archive or a folder. Use it in a `with` block.

    Args:
        path: the archive or folder.
        max_files: most files, and most folders, that it may hold.
        follow_links: go into linked folders too, as long as they lie inside of the folder.

    Raises:
        UserError: it is not there, no zip archive, or holds more than `max_files` files.
    """
    path = Path(path)
    if not exists(path):
        raise UserError(f"{path} does not exist; check the path of the source.")
    if path.is_dir():
        if os.path.realpath(path) == path.resolve().anchor:
            raise UserError(f"{path} is all of this machine; name the folder of the data set itself.")
        return _Folder(path, max_files, follow_links)
    if not path.is_file():  # a pipe, for one, would be waited for
        raise UserError(f"{path} is no folder and no file; name one of them.")
    return _Zip(path, max_files)


class _Folder(Source):
    def __init__(self, path: Path, max_files: int, follow_links: bool) -> None:
        self.path = path
        self._root = Path(os.path.realpath(path))  # resolve() raises at links that go round in circles
        self._max_files = max_files
        self._follow_links = follow_links
        self._names: tuple[str, ...] | None = None
        self._folders: list[str] = []
        self._linked: set[str] = set()  # linked folders that were gone into
        self._ways: dict[Path, set[str]] = {}  # of folders that hold links
        self._again = 0

    def names(self) -> tuple[str, ...]:
        if self._names is None:
            self._names = tuple(sorted(self._walk()))
        return self._names

    def folders(self) -> tuple[str, ...]:
        self.names()
        return tuple(sorted(self._folders))

    def _walk(self) -> list[str]:
        def stop(error: OSError) -> None:
            raise error

        found: list[str] = []
        try:
            for folder, folders, files in os.walk(self._root, onerror=stop, followlinks=self._follow_links):
                self._look_into(Path(folder), folders, files, found)
        except OSError as error:
            name = str(error.filename)
            raise UserError(
                f"{name[:300]}{'...' * (len(name) > 300)} can't be read ({error.strerror}); "
                + ("move it up, or give it a shorter name." if error.errno == errno.ENAMETOOLONG
                   else "check its permissions.")
            ) from error  # fmt: skip
        return found

    def _look_into(self, folder: Path, folders: list[str], files: list[str], found: list[str]) -> None:
        """Put the files of a folder into `found`, and leave in `folders` those that are gone into."""
        folders[:] = [name for name in folders if self._is_entered(folder, name)]
        self._folders += [(folder / name).relative_to(self._root).as_posix() for name in folders]
        for path in (folder / file for file in files):
            if path.is_symlink() and not self._inside(path):
                self.links_left_out += 1
            elif path.is_file():
                found.append(path.relative_to(self._root).as_posix())
        if max(len(found), len(self._folders)) > self._max_files:
            raise UserError(
                f"{self.path} holds more than {self._max_files:,} files; name the folder of the data set itself."
            )

    def _is_entered(self, folder: Path, name: str) -> bool:
        """Whether a folder is walked through: no link that leads out, or back to where the walk came from."""
        if not (folder / name).is_symlink():
            return True
        if not self._inside(folder / name):
            self.links_left_out += 1
            return False
        real = os.path.realpath(folder / name)
        if not self._follow_links or real in self._way_to(folder):
            return False
        self._again += real in self._linked and os.path.realpath(folder) != str(folder)
        self._linked.add(real)
        if self._again > MAX_AGAIN:
            raise UserError(f"{self.path} holds folders that are linked with each other; remove such links.")
        return True

    def _way_to(self, folder: Path) -> set[str]:
        """The folders that a folder lies in, from the root on, by their places on the disk; known for its links."""
        if folder not in self._ways:
            way: set[str] = set()
            for parent in (folder, *folder.parents):
                if parent in self._ways or not parent.is_relative_to(self._root):
                    way |= self._ways.get(parent, set())
                    break
                way.add(os.path.realpath(parent))  # costs more the deeper it lies
            self._ways[folder] = way
        return self._ways[folder]

    def _inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._root)

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        check_name(name, self.path)
        if not self._inside(self._root / name):
            raise UserError(f"{self.where(name)} is a link out of the folder; put the file itself there.")
        if not (exists(self._root / name) and (self._root / name).is_file()):  # a pipe, for one, would be waited for
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
            raise UserError(
                f"{path} is no zip archive or is damaged; name a folder or a zip, or pack it again or get it anew."
            ) from error

    def _checked(self, max_files: int) -> dict[str, zipfile.ZipInfo]:
        """The files by name."""
        infos = self._zip.infolist()
        if len(infos) > max_files:
            raise UserError(f"{self.path} holds more than {max_files:,} files; split it.")
        # An archive that unpacks without end has files that share their packed bytes.
        if sum(info.compress_size for info in infos) > self.path.stat().st_size:
            raise UserError(f"{self.path} unpacks to more than it holds; pack it again or get it anew.")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            check_name(info.filename, self.path)
            if info.filename in members:
                raise UserError(f"{self.where(info.filename)} is there twice; pack the archive again or get it anew.")
            if stat.S_ISLNK(info.external_attr >> 16):
                self.links_left_out += 1
            elif not info.is_dir():
                members[info.filename] = info
        return members

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        info = self._members.get(name)
        if info is None:
            raise UserError(f"{self.where(name)} is missing; put it there, or get the archive anew.")
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
            raise UserError(f"{self.where(name)} is damaged; pack the archive again or get it anew.") from error
        if len(data) != info.file_size:
            raise UserError(f"{self.where(name)} is cut short; pack the archive again or get it anew.")
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


def check_name(name: str, path: Path) -> None:
    """Refuse a name that leads out of its archive, on any operating system."""
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or _DRIVE.match(name) or "\0" in name:
        raise UserError(f"{path} holds the file name {name!r}, which leads out of it; rename it.")


def _too_long(where: str, limit: int) -> UserError:
    return UserError(f"{where} is longer than {limit:,} bytes, the most that is read at once; make it smaller.")
