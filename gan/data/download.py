"""Downloads that survive dropped connections: what has arrived stays in `<name>.part` and is continued."""

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from gan.errors import UserError
from gan.progress import progress

MAX_BYTES = 2**33  # where nobody says how long the file is
TRIES = 6  # in a row that bring nothing
WAIT = 1.0  # seconds after the first of them, doubled with each
TIMEOUT = 30.0  # seconds of silence
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers of a server that may do better later

_CHUNK = 2**18


def download(url: str, path: str | Path, size: int | None = None, tries: int = TRIES, wait: float = WAIT) -> None:
    """Download a file, or the rest of one that was begun before, with a progress bar.

    Args:
        url: http or https.
        path: where it goes when it is complete, until then `<path>.part`; a complete file there is kept.
        size: its length in bytes; None takes the server's word for it.
        tries: connections in a row that may bring nothing.
        wait: seconds to wait after the first of them; doubled with each.

    Raises:
        UserError: the address is not http or https, the server refuses or can't be reached, or the length is
            wrong.
        OSError: the disk is full, for one; what has arrived is kept.
    """
    path = Path(path)
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UserError(f"{url!r} is no http or https address; give one that is.")
    if path.exists():
        if size is not None and path.stat().st_size != size:
            raise UserError(
                f"{path} has {path.stat().st_size:,} bytes and not {size:,}; move it away and start again."
            )
        return
    part = path.with_name(path.name + ".part")
    failures = 0
    with progress(size or 0, path.name, "byte") as bar:
        bar.unit, bar.unit_scale = "B", True
        while True:
            before = _length(part)
            try:
                if _fetch(url, part, size, bar):
                    break
                reason = "the connection was dropped"
            except urllib.error.HTTPError as error:
                reason = f"the server answers {error.code} {error.reason}"
                error.close()
                if error.code not in PASSING:
                    raise UserError(f"{url} can't be downloaded: {reason}; give another address as mirror.") from None
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            failures = 0 if _length(part) > before else failures + 1
            if failures >= tries:
                raise UserError(
                    f"{url} can't be downloaded ({reason}, {tries} times); start again later to go on from "
                    f"{_length(part):,} bytes, or give another address as mirror."
                )
            time.sleep(wait * 2 ** max(failures - 1, 0))
    part.replace(path)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fetch(url: str, part: Path, size: int | None, bar: Any) -> bool:
    """One connection. Returns whether the file is complete."""
    offset = _length(part)
    if size is not None and offset == size:
        return True
    headers = {"User-Agent": "gan-augmentation"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        response = _OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or (size is not None and offset < size):
            raise
        # There is nothing after what is here: it is the whole file, or the remains of another one.
        complete = size is None and error.headers.get("Content-Range", "").strip() == f"bytes */{offset}"
        error.close()
        if not complete:
            part.unlink()
        return complete
    with response:
        start, announced = _extent(response)
        if start != offset and start != 0:
            raise http.client.HTTPException("the server sends another part of the file")
        if size is not None and announced not in (None, size):
            # What is here stays: it may be a hotel's login page that answers now.
            raise _another_file(url, f"{announced:,} bytes long", size)
        limit = size or announced or MAX_BYTES
        if limit > MAX_BYTES:
            raise _another_file(url, f"{limit:,} bytes long", MAX_BYTES)
        bar.reset(limit if size or announced else None)
        bar.initial = bar.n = offset = start
        with part.open("ab" if start else "wb") as file:
            # Some servers leave the connection open at the end of what they announced.
            while offset <= limit and offset != announced and (chunk := _read(response)):
                file.write(chunk)
                offset += len(chunk)
                bar.update(len(chunk))
    if offset > limit:
        part.unlink()
        raise _another_file(url, "longer", limit)
    return offset == (size or announced or offset)


def _extent(response: Any) -> tuple[int, int | None]:
    """Where in the file an answer starts, and how long the whole file is, if the server says so."""
    if response.status == 206:
        match = re.match(r"bytes (\d{1,18})-\d+/(\d{1,18})?", response.headers.get("Content-Range", ""))
        if match is None:
            raise http.client.HTTPException("the server sends an unknown part of the file")
        return int(match[1]), int(match[2]) if match[2] else None
    # The whole file, asked for the rest or not.
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _read(response: http.client.HTTPResponse) -> bytes:
    """What has arrived, so that none of it is lost when the connection drops; empty at the end."""
    try:
        return response.read1(_CHUNK)
    except OSError as error:  # of many kinds; the caller must not take them for those of the disk
        raise ConnectionError(str(error)) from error


def _another_file(url: str, found: str, wanted: int) -> UserError:
    return UserError(
        f"{url} is {found} and should have {wanted:,} bytes: the server offers another file; "
        "give another address as mirror."
    )


class _SameKind(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; the library's own would follow them to ftp, too."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise UserError(f"{req.full_url} leads to {newurl!r}, which is no http or https address; give another.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SameKind)
