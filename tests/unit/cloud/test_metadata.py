"""The machine's own credentials, where there are any."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from provisioner.cloud.metadata import fetch_metadata


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = {
            "/role": (200, b"text"),
            "/moved": (302, b""),
            "/large": (200, b"x" * 200_000),
            "/broken": (200, b"no size of a chunk"),
        }.get(self.path, (404, b""))
        self.send_response(status)
        if self.path == "/broken":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_what_is_there_is_fetched_up_to_a_bound(url: str) -> None:
    """And nothing is followed."""
    assert fetch_metadata("role", url=url) == "text"
    assert fetch_metadata("moved", url=url) is None
    assert fetch_metadata("nobody", url=url) is None
    assert len(fetch_metadata("large", url=url) or "") == 64 * 1024


def test_an_answer_that_breaks_off_is_none(url: str) -> None:
    """The search goes on to say that the machine gives no key."""
    assert fetch_metadata("broken", url=url) is None


def test_where_nothing_listens_there_is_none() -> None:
    """That is no error: most machines are not in that cloud."""
    assert fetch_metadata("", url="http://127.0.0.1:1/") is None
