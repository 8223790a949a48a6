"""One signed exchange over HTTP: the one door for ``requests``.

Rule: the body is serialised once, and those bytes are signed and sent, once. Nothing is followed,
retried or taken from the environment behind our back: with ``trust_env`` on, requests replaces the
signature by whatever ``~/.netrc`` says. Every exception of the library becomes a value that says
whether anything can have been sent.
"""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from provisioner import __version__
from provisioner.cloud.endpoint import Endpoint
from provisioner.cloud.outcome import Answer, Failure, Happened, Lost, NotSent
from provisioner.core.signing import Credential, authorization
from provisioner.core.text import printable

SERVICE = "wedata"
VERSION = "2021-08-20"
CONTENT_TYPE = "application/json"
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
TOTAL_SECONDS = 90.0
MAX_REPLY_BYTES = 50 * 1024 * 1024
"""The service itself promises not to answer with more."""

_CHUNK_BYTES = 64 * 1024
_SHOWN_CHARACTERS = 300

# These reasons of a TLS failure exist in the handshake only, so nothing was sent.
_HANDSHAKE_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST", "NO_PROTOCOLS_AVAILABLE"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request ready to be sent."""

    action: str
    payload: bytes
    headers: Mapping[str, str]
    timestamp: int


class Transport:
    """Signs and sends. Safe to use from several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        region: str,
        monotonic: Callable[[], float],
        connections: int,
        verify: str | bool = True,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._monotonic = monotonic
        self._verify = verify
        self._proxies = dict(proxies or {})
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def sign(
        self, action: str, parameters: Mapping[str, Any], credential: Credential, timestamp: int
    ) -> Signed:
        """The request as it will be sent, signed at ``timestamp`` (Unix seconds)."""
        # A lone surrogate cannot be encoded; a manifest cannot hold one, a service's text might.
        text = json.dumps(parameters, ensure_ascii=False, separators=(",", ":"))
        payload = text.encode(errors="backslashreplace")
        signed = {"content-type": CONTENT_TYPE, "host": self._endpoint.host}
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Host": self._endpoint.host,
            "X-TC-Action": action,
            "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._region,
            "X-TC-Language": "en-US",
            "X-TC-RequestClient": f"provisioner_{__version__}",
            "Authorization": authorization(credential, signed, payload, timestamp=timestamp, service=SERVICE),
            # A compressed reply could be far larger than it seems.
            "Accept-Encoding": "identity",
        }
        if credential.token:
            headers["X-TC-Token"] = credential.token
        return Signed(action=action, payload=payload, headers=headers, timestamp=timestamp)

    def exchange(self, payload: bytes, headers: Mapping[str, str]) -> Happened:
        """Send those bytes once and say what happened. Never raises for what a network can do."""
        deadline = self._monotonic() + TOTAL_SECONDS
        try:
            with self._session.post(
                self._endpoint.url,
                data=payload,
                headers=dict(headers),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
                verify=self._verify,
                proxies=self._proxies,
            ) as response:
                body = self._body(response, deadline)
                return body if isinstance(body, Lost) else _reading(response, body)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return _failed(error)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _body(self, response: requests.Response, deadline: float) -> bytes | Lost:
        """The whole reply, within its size and its time."""
        chunks, size = [], 0
        while chunk := response.raw.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_REPLY_BYTES:
                return Lost(code="TooLarge", message=f"the answer has more than {MAX_REPLY_BYTES:,} bytes")
            if self._monotonic() > deadline:
                return Lost(code="Timeout", message=f"no whole answer within {TOTAL_SECONDS:g} s")
            chunks.append(chunk)
        return b"".join(chunks)


def _reading(response: requests.Response, body: bytes) -> Happened:
    """What a reply says. The service answers 200 to whatever it handled, errors included."""
    if response.status_code != 200:
        return Lost(code=f"HTTP {response.status_code}", message=_excerpt(body) or "no text came with it")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Lost(code="NotJSON", message=f"the answer is not JSON: {_excerpt(body)}")
    reply = document.get("Response") if isinstance(document, dict) else None
    if not isinstance(reply, dict):
        return Lost(code="NoResponse", message=f"the answer has no Response: {_excerpt(body)}")
    request_id = printable(str(reply.get("RequestId") or ""))
    server_time = _server_time(response.headers.get("Date"))
    if "Error" not in reply:
        return Answer(fields=reply, request_id=request_id, server_time=server_time)
    error = reply["Error"] if isinstance(reply["Error"], dict) else {}
    return Failure(
        code=printable(str(error.get("Code") or "UnnamedError")),
        message=printable(str(error.get("Message") or "")),
        request_id=request_id,
        server_time=server_time,
    )


def _failed(error: Exception) -> NotSent | Lost:
    """Whether a failure came before the first byte; in doubt it did not."""
    reasons = list(_chain(error))
    for reason in reasons:
        if isinstance(reason, NewConnectionError | ConnectTimeoutError):
            return NotSent(message=_reason(reason))
        if isinstance(reason, ssl.SSLCertVerificationError):
            return NotSent(message=f"the certificate is not trusted: {printable(reason.verify_message)}")
        if isinstance(reason, ssl.SSLError) and reason.reason in _HANDSHAKE_REASONS:
            return NotSent(message=f"no TLS there: {printable(str(reason.reason))}")
    if isinstance(error, requests.Timeout):
        return Lost(code="Timeout", message=f"no answer within {READ_SECONDS:g} s")
    return Lost(code="ConnectionLost", message=_reason(reasons[-1]))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and everything it was made from: causes, contexts, arguments, reasons."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]


def _reason(error: BaseException) -> str:
    """The system's words where there are any, without addresses of objects."""
    for found in _chain(error):
        if isinstance(found, OSError) and found.strerror:
            return printable(str(found.strerror)).lower()
    text = str(error).rpartition(": ")[2] or type(error).__name__
    return printable(text)[:_SHOWN_CHARACTERS]


def _excerpt(body: bytes) -> str:
    return printable(body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip())


def _server_time(date: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
