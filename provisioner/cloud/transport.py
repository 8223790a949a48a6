"""One signed exchange: bytes out, and what happened.

Rule: ``exchange`` sends the bytes it is given at most once and never raises. Every exception of the
HTTP library becomes a value, and whether anything was sent is read off the connection itself
(``connection``), not guessed from the exception's class: "nothing was sent" allows a write to be
repeated, so a wrong one makes a second task.

The library's connection pools are used below its sessions. A session would read ``~/.netrc`` and
put another Authorization header in place of ours, take proxies and certificates from the
environment, keep cookies, and read the body of a redirect without a bound. None of it is wanted, and
what is not there needs no switching off.

Texts of the library's exceptions are never repeated: some quote the headers.
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from socket import gaierror
from typing import Any, NoReturn

from requests.exceptions import RequestException
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import DecodeError, HTTPError, ProxyError
from urllib3.exceptions import TimeoutError as LibraryTimeoutError

from provisioner.cloud.connection import Route, Watch, WatchedAdapter, watched
from provisioner.cloud.endpoint import Endpoint
from provisioner.cloud.exchange import Answered, Failed, Happened, Lost, NotSent, Unusable
from provisioner.cloud.failures import shown
from provisioner.core.text import printable

MAX_REPLY_BYTES = 50 * 1024 * 1024
"""Source: the vendor's limit for the JSON of a reply."""

MAX_REPLY_VALUES = 2_000_000
"""How many values such a JSON may hold. A list of empty lists takes twenty times its bytes in memory; the
answers of this API have about one value in twenty-five bytes."""

_CHUNK_BYTES = 64 * 1024

_BEGINNINGS = (b",", b"[", b"{")
"""Before every value of a JSON text but the first stands one of these, so counting them bounds its values."""

# The bases of everything that requests, urllib3, http.client, ssl and the sockets raise on purpose.
_TRANSLATED = (RequestException, HTTPError, HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long one exchange may take, in seconds."""

    connect: float = 10.0
    read: float = 60.0
    """Between two signs of life."""

    total: float = 90.0
    """Everything together, however lively the other side is."""


class Transport:
    """A pool of connections to one endpoint; may be used by several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        region: str,
        monotonic: Callable[[], float],
        connections: int,
        verify: str | bool = True,
        proxies: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            endpoint: where to.
            region: what ``X-TC-Region`` of the requests will be.
            monotonic: seconds that never go back.
            connections: how many are kept for the next call; as many as calls at a time.
            verify: True, or a file of certificates to trust in place of the usual ones.
            proxies: URL scheme -> proxy URL. Nothing is taken from the environment.
            timeouts: see ``Timeouts``.
        """
        self.endpoint = endpoint
        self.region = region
        self._proxies = dict(proxies or {})
        self._verify = verify
        self._timeouts = timeouts or Timeouts()
        self._monotonic = monotonic
        self._adapter = WatchedAdapter(pool_size=connections)
        self._route: Route | None = None

    def exchange(self, payload: bytes, headers: Mapping[str, str]) -> Happened:
        """Send these bytes once and say what happened. Never raises."""
        deadline = self._monotonic() + self._timeouts.total
        watch = Watch(deadline=deadline, wait_seconds=self._timeouts.read, monotonic=self._monotonic)
        try:
            with watched(watch), self._answer(payload, headers) as response:
                return _happened(response)
        except _TRANSLATED as error:
            return self._failure(error, has_sent=watch.has_sent)

    def close(self) -> None:
        """Close every connection that is kept."""
        self._adapter.close()

    @contextmanager
    def _answer(self, payload: bytes, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        """The beginning of the answer, for as long as a ``with`` lasts."""
        if self._route is None:
            self._route = self._adapter.route(self.endpoint.url, verify=self._verify, proxies=self._proxies)
        connect = min(self._timeouts.connect, self._timeouts.total)
        response = self._route.post(payload, headers, Timeout(connect=connect, read=self._timeouts.read))
        try:
            yield response
        finally:
            response.close()
            response.release_conn()

    def _failure(self, error: Exception, *, has_sent: bool) -> Happened:
        causes = list(_causes(error))
        is_late = any(isinstance(cause, TimeoutError | LibraryTimeoutError) for cause in causes)
        if not has_sent:
            is_passing = not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
            return NotSent(reason=self._why_not_sent(causes, is_late=is_late), is_passing=is_passing)
        if is_late:
            return Lost(code="Timeout", reason="no complete answer came in time")
        if any(isinstance(cause, DecodeError) for cause in causes):
            return Unusable(code="NotJSON", reason="the answer's compression is broken")
        return Lost(code="ConnectionLost", reason="the connection ended before a complete answer")

    def _why_not_sent(self, causes: list[BaseException], *, is_late: bool) -> str:
        """Why no connection came about, in our words."""
        through = "the proxy: " if any(isinstance(cause, ProxyError) for cause in causes) else ""
        for cause in causes:
            words = _words_for(cause)
            if words:
                return through + words
        if is_late:
            return f"{through}no connection within {self._timeouts.connect:g} seconds"
        # The class only: the text may quote a header.
        return f"{through}the request could not be sent ({type(causes[-1]).__name__})"


def _words_for(cause: BaseException) -> str:
    words = ""
    match cause:
        case ssl.SSLCertVerificationError():
            # Not every one has the attribute: the library makes some itself.
            why = printable(str(getattr(cause, "verify_message", "")))
            words = f"its certificate is not accepted: {why or 'no reason was given'}"
        case ssl.SSLError():
            words = "the TLS handshake failed"
        case gaierror():
            words = "the host name cannot be resolved"
        case ConnectionRefusedError():
            words = "the connection was refused"
        case ConnectionError():
            words = "the connection was closed while it was being opened"
        case OSError() if cause.strerror and not isinstance(cause, TimeoutError):
            words = f"the system says: {printable(cause.strerror)}"
    return words


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it came from, outermost first, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


# ── the answer ──────────────────────────────────────────────────────────────


def _happened(response: BaseHTTPResponse) -> Happened:
    status = response.status
    if status != 200:
        # The body is not read: the service itself answers everything with 200, its errors included.
        return Unusable(code=f"HTTP {status}", reason=f"the HTTP status is {status}", status=status)
    try:
        body = _body(response)
        if body is None:
            return Unusable(code="TooLarge", reason=f"the answer is larger than {MAX_REPLY_BYTES} bytes")
        if sum(map(body.count, _BEGINNINGS)) > MAX_REPLY_VALUES:
            return Unusable(code="TooLarge", reason=f"the answer holds more than {MAX_REPLY_VALUES} values")
        document = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        return Unusable(code="NotJSON", reason="the answer is not JSON")
    except MemoryError:
        return Unusable(code="TooLarge", reason="the answer does not fit into memory")
    return _judged(document, _server_time(response.headers.get("Date")))


def _body(response: BaseHTTPResponse) -> bytes | None:
    """The whole body, decompressed; None if it is larger than it may be."""
    chunks, size = [], 0
    while chunk := response.read(_CHUNK_BYTES, decode_content=True):
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique: of two values under one name neither can be believed."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return members


def _judged(document: Any, server_time: int | None) -> Happened:  # noqa: ANN401  # straight out of JSON
    response = document.get("Response") if isinstance(document, dict) else None
    if not isinstance(response, dict):
        return _without_response(document)
    request_id = printable(_text(response.get("RequestId")))[:200]
    error = response.get("Error")
    if error is None:
        return Answered(response=response, request_id=request_id, server_time=server_time)
    if not isinstance(error, dict) or not _text(error.get("Code")):
        return Unusable(code="NoCode", reason="the answer holds an error without a code")
    return Failed(
        code=_text(error.get("Code")),
        message=_text(error.get("Message")),
        names_task=response.get("TaskId") is not None,
        request_id=request_id,
        server_time=server_time,
    )


def _without_response(document: Any) -> Unusable:  # noqa: ANN401  # straight out of JSON
    """An error in the gateway's older form, or nothing that can be used."""
    if isinstance(document, dict) and document.get("code") not in (None, 0):
        # Not a Failed, although it has a code: what today's codes promise about a write was not promised
        # for the old ones, so none of them may be looked up in the table.
        words = f"{_text(document.get('codeDesc'))} ({document['code']}): {_text(document.get('message'))}"
        return Unusable(code="OldError", reason=f"an error in an older form: {shown(words)}")
    return Unusable(code="NoResponse", reason="the answer is JSON without a Response")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _server_time(date: str | None) -> int | None:
    """Unix seconds of a ``Date`` header (RFC 9110 section 5.6.7); None if there is none to be read."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
