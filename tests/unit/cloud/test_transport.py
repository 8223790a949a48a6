"""One exchange against real servers on loopback: what happened, and that nothing escapes or leaks."""

import gzip
import http.client
import inspect
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions
import urllib3.util.connection

from provisioner.cloud import connection
from provisioner.cloud import transport as module
from provisioner.cloud.endpoint import parse_endpoint
from provisioner.cloud.exchange import (
    Answered,
    Failed,
    Happened,
    Kind,
    Lost,
    NotSent,
    Unusable,
    Verdict,
    is_not_found,
    is_rate_limit,
    verdict_of,
)
from provisioner.cloud.transport import Timeouts, Transport

SECRET = "EXAMPLE-AUTHORIZATION"
HEADERS = {"Content-Type": "application/json", "Authorization": SECRET, "X-TC-Action": "Test"}
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
Script = Callable[[socket.socket, int], None]


class Server:
    """Accepts connections and plays a script on each; remembers what was asked."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self._wrapped(plain) as sock:
                    self._converse(sock)
            except OSError:
                continue

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        try:
            return self._context.wrap_socket(plain, server_side=True) if self._context else plain
        except OSError:
            plain.close()
            raise

    def _converse(self, sock: socket.socket) -> None:
        number = 0
        while request := read_request(sock):
            self.requests.append(request)
            number += 1
            self._script(sock, number)


def read_request(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    size = int(sizes[0].split(b":")[1]) if sizes else 0
    while len(body) < size:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(body: bytes, *lines: str, status: str = "200 OK") -> Script:
    head = [
        f"HTTP/1.1 {status}",
        f"Date: {DATE}",
        f"Content-Length: {len(body)}",
    ]
    data = "\r\n".join([*head, *lines, "", ""]).encode() + body
    return lambda sock, _: sock.sendall(data)


def answer(**fields: Any) -> bytes:
    return json.dumps({"Response": {"RequestId": "r-1", **fields}}).encode()


def hang_up(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def open_transport() -> Iterator[Callable[..., Transport]]:
    opened: list[Transport] = []

    def start(url: str, **more: Any) -> Transport:
        settings: dict[str, Any] = {"region": "r", "monotonic": lambda: 0.0, "connections": 2, **more}
        opened.append(Transport(parse_endpoint(url), **settings))
        return opened[-1]

    yield start
    for transport in opened:
        transport.close()


Serve = Callable[..., Server]
Open = Callable[..., Transport]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# ── answers ─────────────────────────────────────────────────────────────────


def test_the_bytes_go_out_as_they_are_and_the_answer_comes_back(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(answer(TaskId="t-1")))
    payload = '{"name":"名字"}'.encode()
    happened = open_transport(server.url).exchange(payload, HEADERS)
    assert happened == Answered(
        response={"RequestId": "r-1", "TaskId": "t-1"}, request_id="r-1", server_time=1700000000
    )
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == payload
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json" in head
    assert f"\r\nAuthorization: {SECRET}".encode() in head


def test_one_connection_serves_many_calls(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(answer()))
    transport = open_transport(server.url)
    for _ in range(5):
        assert isinstance(transport.exchange(b"{}", HEADERS), Answered)
    assert server.connections == 1


def test_closing_ends_every_connection_at_once(serve: Serve, open_transport: Open) -> None:
    """Also while somebody still holds on to what an exchange left behind, as a traceback does."""
    ended = threading.Event()

    def script(sock: socket.socket, _: int) -> None:
        reply(answer())(sock, 1)
        assert sock.recv(1) == b""
        ended.set()

    transport = open_transport(serve(script).url)
    assert isinstance(transport.exchange(b"{}", HEADERS), Answered)
    manager = transport._adapter.poolmanager
    held = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118  # it has no iterator
    assert len(held) == 1
    transport.close()
    assert ended.wait(30)


def test_a_large_request_arrives_whole(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(answer()))
    payload = bytes(range(256)) * 4096
    assert isinstance(open_transport(server.url).exchange(payload, HEADERS), Answered)
    assert server.requests[0].endswith(payload)


def test_a_compressed_answer_is_read(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(gzip.compress(answer(TaskId="t-1")), "Content-Encoding: gzip"))
    assert isinstance(open_transport(server.url).exchange(b"{}", HEADERS), Answered)


def test_a_chunked_answer_is_read(serve: Serve, open_transport: Open) -> None:
    body = answer()
    data = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode()
    server = serve(lambda sock, _: sock.sendall(data + body + b"\r\n0\r\n\r\n"))
    happened = open_transport(server.url).exchange(b"{}", HEADERS)
    assert happened == Answered(response={"RequestId": "r-1"}, request_id="r-1", server_time=None)


BODIES: list[tuple[str, Script, Happened]] = [
    (
        "error",
        reply(answer(Error={"Code": "AuthFailure", "Message": "no"})),
        Failed(code="AuthFailure", message="no", request_id="r-1", server_time=1700000000),
    ),
    (
        "error and task",
        reply(answer(Error={"Code": "AuthFailure", "Message": "no"}, TaskId="t-1")),
        Failed(code="AuthFailure", message="no", names_task=True, request_id="r-1", server_time=1700000000),
    ),
    (
        "error null",
        reply(answer(Error=None)),
        Answered(response={"RequestId": "r-1", "Error": None}, request_id="r-1", server_time=1700000000),
    ),
]


@pytest.mark.parametrize(("script", "expected"), [row[1:] for row in BODIES], ids=[r[0] for r in BODIES])
def test_errors_of_the_service(
    serve: Serve, open_transport: Open, script: Script, expected: Happened
) -> None:
    assert open_transport(serve(script).url).exchange(b"{}", HEADERS) == expected


DEEP = b"[" * 200_000
UNUSABLE: list[tuple[str, Script, str]] = [
    ("HTML", reply(b"<html>"), "NotJSON"),
    ("empty", reply(b""), "NotJSON"),
    ("deep", reply(DEEP), "NotJSON"),
    ("NaN", reply(b'{"Response": {"A": NaN}}'), "NotJSON"),
    ("a name twice", reply(b'{"Response": {"TaskId": "a", "TaskId": "b"}}'), "NotJSON"),
    (
        "two Responses",
        reply(b'{"Response": {"TaskId": "a"}, "Response": {"Error": {"Code": "LimitExceeded"}}}'),
        "NotJSON",
    ),
    ("a name twice, deep inside", reply(b'{"Response": {"A": [{"B": 1, "B": 1}]}}'), "NotJSON"),
    ("not UTF-8", reply(b'{"Response": "\xff"}'), "NotJSON"),
    ("broken compression", reply(b"plain", "Content-Encoding: gzip"), "NotJSON"),
    ("list", reply(b"[]"), "NoResponse"),
    ("no Response", reply(b'{"code": 0}'), "NoResponse"),
    ("old error, bare", reply(b'{"code": 1}'), "OldError"),
    ("old error, odd", reply(b'{"code": {"a": []}, "codeDesc": 7, "message": null}'), "OldError"),
    ("Response a text", reply(b'{"Response": "yes"}'), "NoResponse"),
    ("error a text", reply(answer(Error="yes")), "NoCode"),
    ("error without code", reply(answer(Error={"Message": "m"})), "NoCode"),
    ("502", reply(b"<html>", status="502 Bad Gateway"), "HTTP 502"),
    ("401", reply(answer(), status="401 Unauthorized"), "HTTP 401"),
    ("204", reply(b"", status="204 No Content"), "HTTP 204"),
]


@pytest.mark.parametrize(("script", "code"), [row[1:] for row in UNUSABLE], ids=[row[0] for row in UNUSABLE])
def test_what_is_no_answer(serve: Serve, open_transport: Open, script: Script, code: str) -> None:
    happened = open_transport(serve(script).url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Unusable)
    assert happened.code == code


OLD_CODES = (
    "RequestLimitExceeded",
    "RequestLimitExceeded.Foo",
    "InvalidParameter.Foo",
    "ResourceNotFound.Foo",
    "AuthFailure.SignatureExpire",
    "AuthFailure.TokenFailure",
    "",
)


@pytest.mark.parametrize("old_code", OLD_CODES)
def test_an_error_in_the_older_form_says_nothing_certain_about_a_write(
    serve: Serve, open_transport: Open, old_code: str
) -> None:
    """Whatever its name: the list of codes without effect is not about those."""
    body = json.dumps({"code": 4400, "codeDesc": old_code, "message": "old\x1b"}).encode()
    happened = open_transport(serve(reply(body)).url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Unusable)
    assert happened.code == "OldError"
    assert f"{old_code} (4400): old\\x1b" in happened.reason
    assert not is_rate_limit(happened)
    assert not is_not_found(happened)
    for kind in Kind:
        assert verdict_of(kind, happened) is (Verdict.REFUSED if kind.may_repeat else Verdict.UNKNOWN)


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "http://[", "/elsewhere"])
def test_a_redirect_is_not_followed(serve: Serve, open_transport: Open, location: str) -> None:
    server = serve(reply(b"x", f"Location: {location}", status="302 Found"))
    happened = open_transport(server.url).exchange(b"{}", HEADERS)
    assert happened == Unusable(code="HTTP 302", reason="the HTTP status is 302", status=302)
    assert len(server.requests) == 1


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "bomb"])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    serve: Serve, open_transport: Open, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr(module, "MAX_REPLY_BYTES", 1_000_000)
    body = b"x" * 50_000_000
    script = reply(gzip.compress(body), "Content-Encoding: gzip") if compressed else reply(body)
    happened = open_transport(serve(script).url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Unusable)
    assert happened.code == "TooLarge"


@pytest.mark.parametrize("filling", [b"[],", b'"",', b"0.5,", b'{"a":1},', b"[" * 900 + b"]" * 900 + b","])
def test_an_answer_of_too_many_values_is_not_built(
    serve: Serve, open_transport: Open, monkeypatch: pytest.MonkeyPatch, filling: bytes
) -> None:
    """Its values take many times the memory of its text."""
    monkeypatch.setattr(module, "MAX_REPLY_VALUES", 5000)
    body = b'{"Response": {"A": [' + filling * 6000 + b"0]}}"
    happened = open_transport(serve(reply(body)).url).exchange(b"{}", HEADERS)
    assert happened == Unusable(code="TooLarge", reason="the answer holds more than 5000 values")


def test_the_usual_number_of_values_is_built(serve: Serve, open_transport: Open) -> None:
    """A page of a hundred large tasks is far from the bound."""
    config = [{"Name": f"n{number}", "Value": "v"} for number in range(3000)]
    server = serve(reply(answer(TaskInfoSet=[{"Config": config}] * 100)))
    assert isinstance(open_transport(server.url).exchange(b"{}", HEADERS), Answered)


def test_no_memory_for_an_answer_is_no_crash(
    serve: Serve, open_transport: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A create must be told apart as unknown, whatever the machine can hold."""

    def loads(*_args: Any, **_more: Any) -> None:
        raise MemoryError

    server = serve(reply(answer(TaskId="t-1")))
    monkeypatch.setattr(json, "loads", loads)
    happened = open_transport(server.url).exchange(b"{}", HEADERS)
    assert happened == Unusable(code="TooLarge", reason="the answer does not fit into memory")


@pytest.mark.parametrize("date", [None, "nonsense", "Tue, 99 Nov 2023 22:13:20 GMT"])
def test_a_missing_or_broken_date_is_none(serve: Serve, open_transport: Open, date: str | None) -> None:
    body = answer()
    line = f"Date: {date}\r\n" if date else ""
    data = f"HTTP/1.1 200 OK\r\n{line}Content-Length: {len(body)}\r\n\r\n".encode() + body
    happened = open_transport(serve(lambda sock, _: sock.sendall(data)).url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Answered)
    assert happened.server_time is None


def test_a_date_with_an_unknown_zone_is_utc(serve: Serve, open_transport: Open) -> None:
    body = answer()
    data = f"HTTP/1.1 200 OK\r\nDate: {DATE[:-3]}-0000\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    happened = open_transport(serve(lambda sock, _: sock.sendall(data)).url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Answered)
    assert happened.server_time == 1700000000


# ── nothing was sent ────────────────────────────────────────────────────────


def test_connection_refused(open_transport: Open) -> None:
    happened = open_transport(f"http://127.0.0.1:{closed_port()}").exchange(b"{}", HEADERS)
    assert happened == NotSent(reason="the connection was refused")


OPENING = [
    (socket.gaierror(-2, "unknown"), "the host name cannot be resolved"),
    (TimeoutError("timed out"), "no connection within 10 seconds"),
    (ConnectionResetError(104, "reset"), "the connection was closed while it was being opened"),
    (OSError(101, "unreachable"), "the system says: unreachable"),
]


@pytest.mark.parametrize(("error", "reason"), OPENING, ids=[type(error).__name__ for error, _ in OPENING])
def test_no_connection(
    open_transport: Open, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def fail(*_args: Any, **_more: Any) -> None:
        raise error

    monkeypatch.setattr(urllib3.util.connection, "create_connection", fail)
    assert open_transport("http://127.0.0.1:9").exchange(b"{}", HEADERS) == NotSent(reason=reason)


def test_a_plain_server_behind_https(serve: Serve, open_transport: Open) -> None:
    def script(sock: socket.socket, _: int) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    listener = socket.create_server(("127.0.0.1", 0))

    def play() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(10)
            script(sock, 1)

    thread = threading.Thread(target=play)
    thread.start()
    happened = open_transport(f"https://127.0.0.1:{listener.getsockname()[1]}").exchange(b"{}", HEADERS)
    thread.join()
    listener.close()
    assert isinstance(happened, NotSent)


def test_a_header_that_cannot_be_sent_is_not_quoted(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(answer()))
    for value in ("SECRET\nX: y", "SECRET名"):
        happened = open_transport(server.url).exchange(b"{}", {**HEADERS, "X-TC-Token": value})
        assert isinstance(happened, NotSent)
        assert "SECRET" not in repr(happened)
    assert server.requests == []


def test_a_refusing_proxy(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(b"", status="407 Proxy Authentication Required"))
    proxy = server.url.replace("//", "//user:SECRETWORD@")
    transport = open_transport("https://wedata.example", proxies={"https": proxy})
    happened = transport.exchange(b"{}", HEADERS)
    assert isinstance(happened, NotSent)
    assert happened.reason.startswith("the proxy: ")
    assert "SECRETWORD" not in repr(happened)
    assert SECRET.encode() not in b"".join(server.requests)


def test_a_proxy_that_is_not_there(open_transport: Open) -> None:
    proxies = {"https": f"http://127.0.0.1:{closed_port()}"}
    happened = open_transport("https://wedata.example", proxies=proxies).exchange(b"{}", HEADERS)
    assert happened == NotSent(reason="the proxy: the connection was refused")


def test_the_time_is_up_before_anything_was_sent(serve: Serve, open_transport: Open) -> None:
    times = iter([0.0, 1000.0, 1000.0])
    server = serve(reply(answer()))
    happened = open_transport(server.url, monotonic=lambda: next(times)).exchange(b"{}", HEADERS)
    assert happened == NotSent(reason="no connection within 10 seconds")


# ── perhaps sent ────────────────────────────────────────────────────────────


def then_hang_up(data: bytes) -> Script:
    def script(sock: socket.socket, _: int) -> None:
        sock.sendall(data)
        hang_up(sock)

    return script


LOST: list[tuple[str, Script]] = [
    ("closed without an answer", then_hang_up(b"")),
    ("reset", lambda sock, _: reset(sock)),
    ("garbage", then_hang_up(b"\x00\x01garbage\r\n\r\n")),
    ("truncated", then_hang_up(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"Resp')),
    ("cut off in the status line", then_hang_up(b"HTTP/1.1 200")),
    ("cut off after the status line", then_hang_up(b"HTTP/1.1 200 OK\r\n")),
    ("cut off in a header", then_hang_up(b"HTTP/1.1 200 OK\r\nContent-Le")),
    ("cut off after a header", then_hang_up(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n")),
    ("cut off in an interim answer", then_hang_up(b"HTTP/1.1 103 Early Hints\r\nLink: x")),
    ("cut off after an interim answer", then_hang_up(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    ("truncated size of a chunk", then_hang_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf")),
    ("truncated chunk", then_hang_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")),
]


@pytest.mark.parametrize("script", [row[1] for row in LOST], ids=[row[0] for row in LOST])
def test_lost(serve: Serve, open_transport: Open, script: Script) -> None:
    server = serve(script)
    happened = open_transport(server.url).exchange(b"{}", HEADERS)
    assert isinstance(happened, Lost)
    assert happened.code == "ConnectionLost"
    assert len(server.requests) == 1


@pytest.mark.parametrize("number", [100, 102, 103, 199])
def test_interim_answers_are_passed_over(serve: Serve, open_transport: Open, number: int) -> None:
    """However many, and on a connection that is used again."""
    interim = f"HTTP/1.1 {number} Wait\r\nLink: x\r\n\r\n".encode()

    def script(sock: socket.socket, call: int) -> None:
        sock.sendall(interim * 3)
        reply(answer(TaskId=f"t-{call}"))(sock, call)

    server = serve(script)
    transport = open_transport(server.url)
    for call in (1, 2, 3):
        happened = transport.exchange(b"{}", HEADERS)
        assert isinstance(happened, Answered)
        assert happened.response["TaskId"] == f"t-{call}"
    assert server.connections == 1


def test_another_protocol_is_no_interim_answer(serve: Serve, open_transport: Open) -> None:
    """101 means that what follows is no HTTP."""
    server = serve(reply(b"", status="101 Switching Protocols"))
    happened = open_transport(server.url).exchange(b"{}", HEADERS)
    assert happened == Unusable(code="HTTP 101", reason="the HTTP status is 101", status=101)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [0, 30_000], ids=["one record", "two records"])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_what_follows_an_answer_is_not_the_next_one(
    serve: Serve,
    open_transport: Open,
    tls: ssl.SSLContext,
    certificate: Path,
    is_tls: bool,
    is_chunked: bool,
    size: int,
) -> None:
    """Whether it has been read along already or still waits in the socket."""
    surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 55\r\n\r\n" + answer(TaskId="surplus")

    def script(sock: socket.socket, _: int) -> None:
        body = answer(TaskId="t-1", Filling="x" * size)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        sock.sendall((CHUNKED % (len(body), body) if is_chunked else head) + surplus)

    server = serve(script, tls if is_tls else None)
    url = server.url.replace("http", "https") if is_tls else server.url
    transport = open_transport(url, verify=f"{certificate}.crt")
    for _ in range(3):
        happened = transport.exchange(b"{}", HEADERS)
        assert isinstance(happened, Answered)
        assert happened.response["TaskId"] == "t-1"
    assert server.connections == 3


def test_a_kept_connection_that_is_closed_upon_the_next_request_is_a_doubt(
    serve: Serve, open_transport: Open
) -> None:
    def script(sock: socket.socket, number: int) -> None:
        if number == 1:
            reply(answer())(sock, number)
        else:
            hang_up(sock)

    server = serve(script)
    transport = open_transport(server.url)
    assert isinstance(transport.exchange(b"{}", HEADERS), Answered)
    assert isinstance(transport.exchange(b"{}", HEADERS), Lost)
    assert len(server.requests) == 2


def test_a_server_that_never_answers(serve: Serve, open_transport: Open) -> None:
    released = threading.Event()
    server = serve(lambda _sock, _number: released.wait(30) and None)
    happened = open_transport(server.url, timeouts=Timeouts(read=0.05)).exchange(b"{}", HEADERS)
    released.set()
    assert happened == Lost(code="Timeout", reason="no complete answer came in time")


DRIPS = [
    ("status line", b"HTTP/1.1 200 " + b"O" * 60_000),
    ("header", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 60_000),
    ("continue", b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000),
    ("body", b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 8_000_000),
    ("chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b" " * 8_000_000),
    ("redirect", b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9000000\r\n\r\n" + b" " * 8_000_000),
]


@pytest.mark.parametrize("data", [row[1] for row in DRIPS], ids=[row[0] for row in DRIPS])
def test_a_drip_does_not_outlast_the_deadline(serve: Serve, open_transport: Open, data: bytes) -> None:
    """Every look at the clock finds 5 s gone and lets the server send ten bytes more.

    So it is never silent, and 90 s are over after 18 waits on the socket.
    """
    looks: list[float] = []
    turns, is_over = threading.Semaphore(0), threading.Event()

    def monotonic() -> float:
        looks.append(5.0 * len(looks))
        turns.release()
        return looks[-1]

    def script(sock: socket.socket, _: int) -> None:
        for start in range(0, len(data), 10):
            turns.acquire()
            if is_over.is_set():
                return
            sock.sendall(data[start : start + 10])

    happened = open_transport(serve(script).url, monotonic=monotonic).exchange(b"{}", HEADERS)
    is_over.set()
    turns.release()
    assert isinstance(happened, Lost | Unusable)
    assert len(looks) < 25


# ── what the environment has no say in ──────────────────────────────────────


def test_netrc_and_proxy_variables_change_nothing(
    serve: Serve, open_transport: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\ndefault login a password b\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server = serve(reply(answer()))
    assert isinstance(open_transport(server.url).exchange(b"{}", HEADERS), Answered)
    assert f"Authorization: {SECRET}\r\n".encode() in server.requests[0]


def test_cookies_are_not_kept(serve: Serve, open_transport: Open) -> None:
    server = serve(reply(answer(), "Set-Cookie: a=b; Path=/"))
    transport = open_transport(server.url)
    transport.exchange(b"{}", HEADERS)
    transport.exchange(b"{}", HEADERS)
    assert b"cookie" not in server.requests[1].lower()


# ── TLS ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl command makes the certificate, and it is not here")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=loopback"
    extra = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([openssl, *words.split(), *extra], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_nobody_trusts(serve: Serve, open_transport: Open, tls: ssl.SSLContext) -> None:
    server = serve(reply(answer()), tls)
    happened = open_transport(server.url.replace("http", "https")).exchange(b"{}", HEADERS)
    assert isinstance(happened, NotSent)
    assert not happened.is_passing
    assert "certificate is not accepted" in happened.reason
    assert server.requests == []


def test_over_tls(serve: Serve, open_transport: Open, tls: ssl.SSLContext, certificate: Path) -> None:
    server = serve(reply(answer()), tls)
    transport = open_transport(server.url.replace("http", "https"), verify=f"{certificate}.crt")
    for _ in range(3):
        assert isinstance(transport.exchange(b"{}" * 40_000, HEADERS), Answered)
    assert server.connections == 1


def test_closed_over_tls_after_sending_is_a_doubt(
    serve: Serve, open_transport: Open, tls: ssl.SSLContext, certificate: Path
) -> None:
    server = serve(lambda sock, _: hang_up(sock), tls)
    transport = open_transport(server.url.replace("http", "https"), verify=f"{certificate}.crt")
    assert isinstance(transport.exchange(b"{}", HEADERS), Lost)


# ── every exception ─────────────────────────────────────────────────────────


def _classes(*modules: Any) -> list[type[Exception]]:
    found = {
        value
        for holder in modules
        for name, value in vars(holder).items()
        if not name.startswith("_")
        and inspect.isclass(value)
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
    }
    return sorted(found, key=lambda value: f"{value.__module__}.{value.__qualname__}")


CLASSES = _classes(requests.exceptions, urllib3.exceptions, http.client, ssl, socket)


@pytest.mark.parametrize("has_sent", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("raised", CLASSES, ids=[f"{c.__module__}.{c.__qualname__}" for c in CLASSES])
def test_no_exception_escapes(
    open_transport: Open, monkeypatch: pytest.MonkeyPatch, raised: type[Exception], has_sent: bool
) -> None:
    """Whatever the class, whether anything was sent is what counts, and no text of it is shown."""
    error = raised.__new__(raised)
    error.args = (f"header {SECRET}",)
    transport = open_transport("http://127.0.0.1:9")

    def fail(*_args: Any) -> None:
        connection._THREAD.watch.has_sent = has_sent
        raise error

    monkeypatch.setattr(connection.Route, "post", fail)
    happened = transport.exchange(b"{}", HEADERS)
    assert isinstance(happened, Lost | Unusable if has_sent else NotSent)
    assert SECRET not in repr(happened)
