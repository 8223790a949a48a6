"""Connections that know whether anything was sent, and that cannot be held up for ever.

Three questions decide what an exchange means, and the HTTP library answers none of them reliably:

* *Has a byte of the request left?* A TLS error can come from the handshake (no) or from reading the
  answer (yes), and both arrive as the same class. So the connection itself notes the moment before it
  hands the first byte of the request to the socket; opening the connection, the CONNECT to a proxy
  and the TLS handshake come before that moment.
* *Is the time up?* The library's read timeout starts anew with every byte, so a server that sends one
  byte a minute would never be left. Here every wait on the socket, for headers and body alike, is
  given at most what is left of the exchange's deadline.
* *Is this the whole answer, and no more?* The library takes the end of the connection for the end of
  the headers, an interim answer (1xx) for the answer, and leaves what follows an answer to be read as
  the next one. Here a line without an end is an answer cut off, interim answers are skipped, and a
  connection on which more came than was asked for is not used again.

Rule: nothing here decides what a failure means; ``transport`` does.
"""

import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_SLICE_BYTES = 16 * 1024
"""One TLS record: a send of more would wait once for each."""

_MAX_LINE_BYTES = 64 * 1024


class Watch:
    """What is observed of one exchange; belongs to one thread."""

    def __init__(self, *, deadline: float, wait_seconds: float, monotonic: Callable[[], float]) -> None:
        self.has_sent = False
        """Whether a byte of the request may have left."""

        self.is_connecting = False
        self._deadline = deadline
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic

    def patience(self) -> float:
        """Seconds that the next wait on the socket may last; always more than 0.

        Raises:
            TimeoutError: the exchange's time is up.
        """
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return min(left, self._wait_seconds)


class _Thread(threading.local):
    watch: Watch


_THREAD = _Thread()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """For the time of a ``with``: exchanges of this thread are observed by ``watch``."""
    _THREAD.watch = watch
    try:
        yield
    finally:
        del _THREAD.watch


class _PatientFile(io.RawIOBase):
    """The reading side of a socket; every wait is bounded by the exchange's deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_patient = True
        """Whether to wait for what has not come yet."""

        # The socket's own file, because it keeps the socket open until it is closed itself.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  # declared so by the base class
        """See ``io.RawIOBase``.

        Raises:
            TimeoutError: nothing came in time.
        """
        if not self.is_patient:
            return self._what_is_there(buffer)
        self._sock.settimeout(_THREAD.watch.patience())
        return self._file.readinto(buffer)

    def _what_is_there(self, buffer: Any) -> int | None:  # noqa: ANN401  # see readinto
        self._sock.settimeout(0)
        try:
            return self._file.readinto(buffer)
        except OSError:
            # TLS has no whole record yet, or the other side is gone: there is nothing to be read.
            return None

    def close(self) -> None:
        """Close the file, and the socket if its connection was closed before."""
        self._file.close()
        super().close()


class _WholeLines(io.BufferedReader):
    """Reads lines that have an end; status line, headers and sizes of chunks are such lines."""

    def __init__(self, sock: socket.socket) -> None:
        self._file = _PatientFile(sock)
        super().__init__(self._file, buffer_size=64 * 1024)

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, or its first ``size`` bytes.

        Raises:
            http.client.RemoteDisconnected: the connection ended before the line did.
        """
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise http.client.RemoteDisconnected("the connection ended inside a line")
        return line

    def has_more(self) -> bool:
        """Whether something has come that was not read. Waits for nothing."""
        self._file.is_patient = False
        return bool(self.peek(1))


class _PatientSocket:
    """What ``http.client`` needs of a socket to read an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> _WholeLines:
        return _WholeLines(self._sock)


class _PatientResponse(http.client.HTTPResponse):
    """An answer that is read through a ``_PatientFile``: status line, headers and body."""

    fp: _WholeLines

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on
        super().__init__(_PatientSocket(sock), *args, **kwargs)  # type: ignore[arg-type]  # only makefile is used
        self._sock = sock

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the answer proper.

        Source: RFC 9110 section 15.2: a client has to be ready for any number of interim answers. 101
        is none of them: after it another protocol is spoken.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not declared, and long there
            if not 100 <= status < 200 or status == http.client.SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_MAX_LINE_BYTES).strip():
                pass

    def _close_conn(self) -> None:
        """Done with the answer. What comes after it belongs to nothing that was asked."""
        if self.fp.has_more():
            # The pool looks before it uses a connection again, and finds this one at its end.
            self._sock.shutdown(socket.SHUT_RDWR)
        super()._close_conn()  # type: ignore[misc]  # as above


class _WatchedHTTP(HTTPConnection):
    """A plain connection; notes when the request begins to leave."""

    response_class = _PatientResponse

    def connect(self) -> None:
        """Open the connection; nothing that is sent meanwhile belongs to the request."""
        _THREAD.watch.is_connecting = True
        try:
            super().connect()
        finally:
            _THREAD.watch.is_connecting = False

    def send(self, data: Any) -> None:  # noqa: ANN401  # declared so by the base class
        """Send, in slices that each wait no longer than the deadline."""
        if self.sock is None:
            self.connect()
        for piece in _pieces(self, data):
            super().send(piece)


class _WatchedHTTPS(HTTPSConnection):
    """A TLS connection; notes when the request begins to leave."""

    response_class = _PatientResponse

    def connect(self) -> None:
        """See ``_WatchedHTTP.connect``."""
        _THREAD.watch.is_connecting = True
        try:
            super().connect()
        finally:
            _THREAD.watch.is_connecting = False

    def send(self, data: Any) -> None:  # noqa: ANN401  # declared so by the base class
        """See ``_WatchedHTTP.send``; the pool has connected before it sends over TLS."""
        for piece in _pieces(self, data):
            super().send(piece)


def _pieces(connection: HTTPConnection, data: bytes) -> Iterator[memoryview]:
    """The data in slices; before each, the socket is told how long it may take."""
    watch, view = _THREAD.watch, memoryview(data)
    for start in range(0, len(view), _SLICE_BYTES):
        connection.sock.settimeout(watch.patience())
        if not watch.is_connecting:
            # Before the bytes are handed over, not after: a failure in between is a doubt.
            watch.has_sent = True
        yield view[start : start + _SLICE_BYTES]


class _WatchedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _WatchedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


@dataclass(frozen=True, slots=True)
class Route:
    """The connections to one URL, and how the first line of a request names it."""

    _pool: HTTPConnectionPool
    _target: str

    def post(self, body: bytes, headers: Mapping[str, str], timeout: Timeout) -> BaseHTTPResponse:
        """Send once; repeats and redirects nothing. The caller closes the answer and releases its connection.

        Raises:
            urllib3.exceptions.HTTPError, http.client.HTTPException, OSError: there is no answer.
        """
        return self._pool.urlopen(
            "POST",
            self._target,
            body=body,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )


class WatchedAdapter(HTTPAdapter):
    """The library's connection pools, made of watched connections."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # passed on
        """See ``HTTPAdapter``."""
        super().init_poolmanager(*args, **kwargs)
        _watch_pools_of(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401  # declared so by the base class
        """See ``HTTPAdapter``."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        _watch_pools_of(manager)
        return manager

    def route(self, url: str, *, verify: str | bool, proxies: Mapping[str, str]) -> "Route":
        """How requests to this URL go. The library works it out anew for each; here it never changes.

        Raises:
            OSError: there is no file ``verify``.
            requests.exceptions.RequestException: the proxy's URL is none.
        """
        request = PreparedRequest()
        request.prepare(method="POST", url=url)
        pool: Any = self.get_connection_with_tls_context(request, verify, proxies=dict(proxies))
        self.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]  # the library has no types for it
        return Route(pool, self.request_url(request, dict(proxies)))

    def close(self) -> None:
        """Close every connection that is kept; the library leaves it to the collection of garbage."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118  # the library's container has no iterator
                manager.pools[key].close()
        super().close()


def _watch_pools_of(manager: Any) -> None:  # noqa: ANN401  # the library gives its managers no common type
    manager.pool_classes_by_scheme = {"http": _WatchedHTTPPool, "https": _WatchedHTTPSPool}
