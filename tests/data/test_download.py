import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan.data.download import download
from gan.errors import UserError

CONTENT = bytes(range(256)) * 4000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT on every path, well or badly.

    Attributes:
        seen: the Range header of every request so far, "" without one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.drops = 0  # connections that end midway
        self.piece = 100_000  # bytes that such a connection brings
        self.ignores_range = False
        self.tells_length = True
        self.codes: list[int] = []  # errors to answer first
        self.headers: dict[str, str] = {}
        self.wrong_start = 0
        self.silent = threading.Event()
        self.silent.set()

    def handle_error(self, *_: object) -> None:
        pass

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/some.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server, asked = self.server, self.headers.get("Range", "")
        server.seen.append(asked)
        server.silent.wait(5)
        if server.codes and server.codes[0] != 302:
            return self.send_error(server.codes.pop(0))
        start, whole = 0, len(CONTENT)
        if asked and not server.ignores_range:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            self.send_response(206 if start < whole else 416)
            start -= server.wrong_start
            extent = f"{start}-{whole - 1}" if start < whole else "*"
            self.send_header("Content-Range", f"bytes {extent}/{whole}")
        else:
            self.send_response(server.codes[0] if server.codes else 200)
        for name, value in server.headers.items():
            self.send_header(name, value)
        if server.tells_length:
            self.send_header("Content-Length", str(max(0, whole - start)))
        self.end_headers()
        rest = CONTENT[start:]
        if server.drops:
            server.drops -= 1
            rest = rest[: server.piece]
        self.wfile.write(rest)
        return None


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.silent.set()
        running.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.zip"


def refused(message: str, *arguments: object, **options: object) -> str:
    with pytest.raises(UserError, match=message) as error:
        download(*arguments, wait=0.001, **options)
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and ";" in text
    return text


@pytest.mark.parametrize("tells", [True, False])
def test_a_good_connection(server: Server, path: Path, tells: bool, capsys: pytest.CaptureFixture) -> None:
    server.tells_length = tells
    download(server.url, path)
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert ("some.zip: 100%" in capsys.readouterr().err) == tells
    download(server.url, path)  # a complete file is kept
    assert server.seen == [""]


def test_dropped_connections_are_continued(server: Server, path: Path) -> None:
    server.drops = 8  # more than `tries`: what counts is those in a row that bring nothing
    download(server.url, path, wait=0.001)
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert server.seen == ["", *(f"bytes={n * 100_000}-" for n in range(1, 9))]


def test_connections_that_bring_nothing(server: Server, path: Path) -> None:
    part = path.with_name("some.zip.part")
    part.write_bytes(CONTENT[:12_345])
    server.drops, server.piece = 9, 0
    text = refused("the connection was dropped, 3 times", server.url, path, tries=3)
    assert "start again later to go on from 12,345 bytes" in text
    server.drops = 0
    download(server.url, path)
    assert path.read_bytes() == CONTENT and server.seen == ["bytes=12345-"] * 4


def test_a_server_that_ignores_ranges(server: Server, path: Path) -> None:
    server.ignores_range, server.drops = True, 2
    path.with_name("some.zip.part").write_bytes(b"x" * 12_345)
    download(server.url, path, wait=0.001)
    assert path.read_bytes() == CONTENT and len(server.seen) == 3


def test_a_download_that_is_complete_already_and_the_remains_of_another_file(server: Server, path: Path) -> None:
    path.with_name("some.zip.part").write_bytes(CONTENT)
    download(server.url, path)
    assert path.read_bytes() == CONTENT and server.seen == [f"bytes={len(CONTENT)}-"]  # answered by 416
    path.unlink()
    path.with_name("some.zip.part").write_bytes(b"x" * (len(CONTENT) + 5))
    download(server.url, path, wait=0.001)
    assert path.read_bytes() == CONTENT and len(server.seen) == 3


@pytest.mark.parametrize("tells", [True, False])
def test_an_endless_file(server: Server, path: Path, tells: bool) -> None:
    server.tells_length = tells
    refused("is longer than 1,000 bytes", server.url, path, limit=1000)
    assert list(path.parent.iterdir()) == []


def test_answers_that_are_not_this_file(server: Server, path: Path) -> None:
    part = path.with_name("some.zip.part")
    part.write_bytes(CONTENT[:1000])
    server.wrong_start = 3
    refused("sends another part of the file", server.url, path)
    server.wrong_start, server.ignores_range, server.headers = 0, True, {"Content-Type": "text/html; charset=utf-8"}
    refused("is a web page and no file; log in", server.url, path)
    assert part.read_bytes() == CONTENT[:1000] and not path.exists()


def test_errors_that_pass_and_errors_that_do_not(server: Server, path: Path) -> None:
    server.codes = [503, 429, 500]
    download(server.url, path, wait=0.001)
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.seen, server.codes = [], [404]
    refused("the server answers 404 Not Found; give another address", server.url, path)
    assert len(server.seen) == 1
    server.codes = [503] * 3
    refused("the server answers 503 ", server.url, path, tries=3)
    assert server.codes == []


def test_nobody_there_and_silence(server: Server, path: Path) -> None:
    text = refused("can't be downloaded", "http://127.0.0.1:9/some.zip", path, tries=2)
    assert "Connection refused, 2 times)" in text
    server.silent.clear()
    refused("timed out.*2 times", server.url, path, tries=2, timeout=0.05)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "some.zip", "data:,hello", "", "http://"])
def test_other_addresses(server: Server, path: Path, url: str) -> None:
    refused("no http or https address", url, path)
    if ":" in url and url != "http://":
        server.codes, server.headers = [302], {"Location": url}
        refused("no http or https address or leads to none", server.url, path)
    assert not path.exists()


def test_a_full_disk_keeps_what_has_arrived(server: Server, path: Path) -> None:
    # /dev/full is a disk that is always full.
    path.with_name("some.zip.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        download(server.url, path, wait=0.001)
