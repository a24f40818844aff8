"""Downloads that survive dropped connections: what has arrived stays in `<name>.part` and is continued."""

import re
import time
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from gan.errors import UserError
from gan.progress import progress

PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers of a server that may do better later
TRIES = 6  # in a row that bring nothing
WAIT = 1.0  # seconds after the first of them, doubled with each
TIMEOUT = 30.0  # seconds of silence
MAX_BYTES = 2**33  # of one file: an endless one would fill the disk


def download(
    url: str,
    path: str | Path,
    tries: int = TRIES,
    wait: float = WAIT,
    timeout: float = TIMEOUT,
    limit: int = MAX_BYTES,
) -> None:
    """Download a file, or the rest of one that was begun before, with a progress bar.

    Args:
        url: http or https.
        path: where it goes when it is complete, until then `<path>.part`; a file there is kept as it is.
        tries: connections in a row that may bring nothing.
        wait: seconds to wait after the first of them; doubled with each.
        timeout: seconds of silence after which a connection counts as dropped.
        limit: most bytes of the file.

    Raises:
        UserError: the address is not http or https, the server refuses or can't be reached, or what it sends is a web
            page or longer than `limit`.
        OSError: the disk is full, for one; what has arrived is kept.
    """
    path = Path(path)
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    retry = Retry(tries - 1, backoff_factor=wait, status_forcelist=PASSING, raise_on_status=False)
    idle = 0  # connections in a row that were dropped and brought nothing
    with requests.Session() as session, progress(0, path.name, "byte") as bar:
        bar.unit, bar.unit_scale = "B", True
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        while True:
            before = _length(part)
            try:
                if _fetch(session, url, part, timeout, limit, bar):
                    break
            except (InvalidSchema, MissingSchema, InvalidURL):
                raise UserError(f"{url!r} is no http or https address or leads to none; give one that is.") from None
            except requests.RequestException as error:
                cause = getattr((*error.args, error)[0], "reason", error)  # the last of all tries, in few words
                raise _unreachable(url, f"{str(cause).rpartition(': ')[2]}, {tries} times", part) from None
            idle = 0 if _length(part) > before else idle + 1
            if idle >= tries:
                raise _unreachable(url, f"the connection was dropped, {tries} times", part)
            time.sleep(wait * idle)
    part.replace(path)


def _fetch(session: requests.Session, url: str, part: Path, timeout: float, limit: int, bar: Any) -> bool:
    """One connection. Returns whether the file is complete."""
    offset = _length(part)
    headers = {"User-Agent": "gan-augmentation", "Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={offset}-"} if offset else {}
    with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
        extent = response.headers.get("Content-Range", "").strip()
        if response.status_code == 416:
            # There is nothing after what is here: it is the whole file, or the remains of another one.
            if extent != f"bytes */{offset}":
                part.unlink()
            return part.exists()
        if not response.ok:
            raise UserError(
                f"{url} can't be downloaded: the server answers {response.status_code} {response.reason}; "
                "give another address as mirror."
            )
        if response.headers.get("Content-Type", "").startswith("text/html"):  # a hotel's login page, for one
            raise UserError(f"{url} is a web page and no file; log in to this network, or give another address.")
        if response.status_code != 206:
            offset = 0  # the whole file, asked for the rest or not
        elif not extent.startswith(f"bytes {offset}-"):
            raise UserError(f"{url}: the server sends another part of the file; give another address as mirror.")
        length = response.headers.get("Content-Length", "")
        bar.reset(offset + int(length) if re.fullmatch(r"\d{1,18}", length) else None)
        bar.initial = bar.n = offset
        with part.open("ab" if offset else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > limit or (bar.total or 0) > limit:
                    break
            else:
                return chunk is not None
    part.unlink()
    raise UserError(f"{url} is longer than {limit:,} bytes; give another address as mirror.")


def _read(response: requests.Response) -> bytes | None:
    """What has arrived, so that none of it is lost when the connection drops; empty at the end, None if dropped."""
    try:
        return response.raw.read1(2**18)
    except (HTTPError, OSError):  # not those of the disk
        return None


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _unreachable(url: str, reason: str, part: Path) -> UserError:
    return UserError(
        f"{url} can't be downloaded ({reason}); start again later to go on from {_length(part):,} bytes, or give "
        "another address as mirror."
    )
