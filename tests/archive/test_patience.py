"""A server that is away: what waits for it, and what gives up."""

import http.server
import threading

import pytest
from mlflow.exceptions import MlflowException

from gan.archive.patience import ATTEMPTS, ArchiveError, Patience
from tests.mlflow_server import free_port


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *given):
        pass


@pytest.fixture
def port(monkeypatch):
    found = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{found}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return found


def failing(times: int):
    calls = []

    def call(answer):
        calls.append(answer)
        if len(calls) <= times:
            raise MlflowException("no connection")
        return answer

    return call, calls


def test_a_call_is_made_again_when_the_server_is_back(port, capsys):
    servers = []

    def come_back():
        servers.append(http.server.HTTPServer(("127.0.0.1", port), Answers))
        servers[0].serve_forever()

    timer = threading.Timer(0.5, come_back)
    timer.start()
    call, calls = failing(1)
    assert Patience().call(call, 5) == 5 and calls == [5, 5]
    said = capsys.readouterr().out
    assert "does not answer; waiting for it, 60 minutes at most" in said and "answers again" in said
    call, calls = failing(ATTEMPTS)
    with pytest.raises(ArchiveError, match="says: no connection"):
        Patience().call(call, 5)
    assert len(calls) == ATTEMPTS
    servers[0].shutdown()
    servers[0].server_close()
    timer.join()


def test_after_a_stop_or_too_long_a_server_is_not_waited_for(port):
    stopped = Patience()
    stopped.ended = lambda: True
    for patience in (stopped, Patience(seconds=0)):
        call, calls = failing(1)
        with pytest.raises(ArchiveError, match=f"127.0.0.1:{port} does not answer"):
            patience.call(call, 5)
        assert len(calls) == 1


def test_a_database_on_this_machine_is_not_waited_for(workplace):
    call, calls = failing(1)
    with pytest.raises(MlflowException, match="no connection"):
        Patience().call(call, 5)
    assert len(calls) == 1
