import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan.data import download as module
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
        self.content = CONTENT
        self.seen: list[str] = []
        self.drops = 0  # connections that end midway
        self.piece = 100_000  # bytes that such a connection brings
        self.ignores_range = False
        self.tells_length = True
        self.codes: list[int] = []  # errors to answer first
        self.location = ""  # redirect
        self.wrong_start = False

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
        if server.codes:
            return self.send_error(server.codes.pop(0))
        if server.location:
            self.send_response(302)
            self.send_header("Location", server.location)
            return self.end_headers()
        start, whole = 0, len(server.content)
        if asked and not server.ignores_range:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                return self.end_headers()
            start -= 3 * server.wrong_start
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        else:
            self.send_response(200)
        if server.tells_length:
            self.send_header("Content-Length", str(whole - start))
        self.end_headers()
        rest = server.content[start:]
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


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_good_connection(server: Server, path: Path, size: int | None, capsys: pytest.CaptureFixture) -> None:
    download(server.url, path, size)
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert server.seen == [""]
    assert "some.zip: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_dropped_connections_are_continued(server: Server, path: Path, size: int | None) -> None:
    server.drops = 8  # more than `tries`: what counts is those in a row that bring nothing
    download(server.url, path, size, wait=0.001)
    assert path.read_bytes() == CONTENT and list(path.parent.iterdir()) == [path]
    assert server.seen == ["", *(f"bytes={n * 100_000}-" for n in range(1, 9))]


def test_a_second_start_goes_on(server: Server, path: Path) -> None:
    path.with_name("some.zip.part").write_bytes(CONTENT[:12_345])
    download(server.url, path, len(CONTENT))
    assert path.read_bytes() == CONTENT and server.seen == ["bytes=12345-"]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_server_that_ignores_ranges(server: Server, path: Path, size: int | None) -> None:
    server.ignores_range, server.drops = True, 2
    path.with_name("some.zip.part").write_bytes(b"x" * 12_345)
    download(server.url, path, size, wait=0.001)
    assert path.read_bytes() == CONTENT and len(server.seen) == 3


@pytest.mark.parametrize("tells", [True, False])
def test_a_download_that_is_complete_already(server: Server, path: Path, tells: bool) -> None:
    path.with_name("some.zip.part").write_bytes(CONTENT)
    download(server.url, path, len(CONTENT) if tells else None)
    assert path.read_bytes() == CONTENT
    assert server.seen == ([] if tells else [f"bytes={len(CONTENT)}-"])  # answered by 416


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_the_longer_remains_of_another_file(server: Server, path: Path, size: int | None) -> None:
    path.with_name("some.zip.part").write_bytes(b"x" * (len(CONTENT) + 5))
    download(server.url, path, size, wait=0.001)
    assert path.read_bytes() == CONTENT and len(server.seen) == 2


def test_a_complete_file_is_kept(server: Server, path: Path) -> None:
    path.write_bytes(CONTENT)
    download(server.url, path, len(CONTENT))
    download(server.url, path)
    assert server.seen == []
    refused("some.zip has 1,024,000 bytes and not 5; move it away", server.url, path, 5)
    assert path.read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_at_once(server: Server, path: Path) -> None:
    part = path.with_name("some.zip.part")
    part.write_bytes(CONTENT[:1000])
    for size in (len(CONTENT) + 1, 5000):
        refused(f"1,024,000 bytes long and should have {size:,} bytes.*mirror", server.url, path, size)
    assert not path.exists() and part.read_bytes() == CONTENT[:1000]


def test_a_wrong_size_of_a_server_that_does_not_tell(server: Server, path: Path) -> None:
    server.tells_length, server.ignores_range = False, True
    refused("is longer and should have 5,000 bytes", server.url, path, 5000)
    text = refused("the connection was dropped, 6 times", server.url, path, len(CONTENT) + 1)
    assert "start again later to go on" in text and not path.exists()


def test_no_length_at_all(server: Server, path: Path) -> None:
    server.tells_length = False
    download(server.url, path)
    assert path.read_bytes() == CONTENT


def test_an_endless_file(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    refused("1,024,000 bytes long and should have 1,000", server.url, path)
    server.tells_length = False
    refused("is longer and should have 1,000", server.url, path)
    assert list(path.parent.iterdir()) == []


def test_a_server_that_sends_another_part(server: Server, path: Path) -> None:
    server.wrong_start = True
    path.with_name("some.zip.part").write_bytes(CONTENT[:1000])
    refused("sends another part of the file, 2 times", server.url, path, len(CONTENT), tries=2)


def test_errors_that_pass_and_errors_that_do_not(server: Server, path: Path) -> None:
    server.codes = [503, 429, 500]
    download(server.url, path, len(CONTENT), wait=0.001)
    assert path.read_bytes() == CONTENT
    path.unlink()
    server.seen, server.codes = [], [404]
    refused("the server answers 404 Not Found; give another address", server.url, path, len(CONTENT))
    assert len(server.seen) == 1
    server.codes = [503] * 3
    refused("the server answers 503 .*, 3 times", server.url, path, len(CONTENT), tries=3)


def test_nobody_there(server: Server, path: Path) -> None:
    text = refused("can't be downloaded", "http://127.0.0.1:9/some.zip", path, 5, tries=2)
    assert "refused" in text.lower() and "2 times" in text


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "some.zip", "data:,hello", ""])
def test_other_addresses(path: Path, url: str) -> None:
    refused("no http or https address", url, path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_redirects_to_other_addresses(server: Server, path: Path, url: str) -> None:
    server.location = url
    refused("leads to .* no http or https address|is not allowed", server.url, path)
    assert not path.exists()


def test_a_full_disk_keeps_what_has_arrived(server: Server, path: Path) -> None:
    # /dev/full is a disk that is always full.
    path.with_name("some.zip.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        download(server.url, path, len(CONTENT), wait=0.001)


def test_silence(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    release = threading.Event()
    monkeypatch.setattr(Handler, "do_GET", lambda _: release.wait(5))
    refused("timed out, 2 times", server.url, path, 5, tries=2)
    release.set()
