"""HTTP around the gateway and the service, on this machine only.

Rule: what a client can do wrong is answered, never printed and never fatal. The settings of the
server matter: without buffered writes and with Nagle's algorithm every answer would take 44 ms.
"""

import hmac
import json
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from provisioner.emulator import definition
from provisioner.emulator.admin import Admin, RecordedCall
from provisioner.emulator.faults import Fault, Faults, Kind
from provisioner.emulator.gateway import MAX_BODY_BYTES, Gateway, Request
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.service import Service
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches
from provisioner.errors import UsageError

EMBEDDED_CREDENTIAL = ("AKIDEMULATOR", "emulator-secret-key")
ADMIN = "/_emulator/"
"""Paths below this one program the emulator; the API itself has only ``/``."""

TOKEN_HEADER = "X-Emulator-Token"  # noqa: S105  # the name of a header
"""Carries the secret key of ``EMBEDDED_CREDENTIAL`` where the emulator is programmed."""

_IDLE_SECONDS = 120
_HOST = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,18}")
_PAGE = b"<html><head><title>error</title></head><body>upstream</body></html>"
_INTERNAL_ERROR = (
    "An internal error has occurred. Retry your request, but if the problem persists, contact us."
)
_DONE_FIRST = frozenset(
    {
        *(Kind.DROP_ANSWER, Kind.ERROR_AFTER, Kind.INTERNAL_ERROR_AFTER, Kind.ANSWER_LATE, Kind.GARBAGE),
        *(Kind.TRUNCATED, Kind.NO_TASK_ID, Kind.SLOW_DRIP),
    }
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    drip_seconds: float = 0
    truncated: bool = False


class EmulatorServer:
    """The emulator, serving. Starts with ``with`` or ``start``; see ``commands.verbs.emulator``.

    ``admin`` says whether it can be programmed over HTTP; in the same process, ``faults``, ``switches``
    and ``service`` are at hand.

    Raises:
        UsageError: there is no such switch, or it does not take that value.
        FolderError: the data folder is in use, damaged, or cannot be used.
        OSError: the port cannot be had.
    """

    def __init__(
        self,
        data: str | None = None,
        *,
        port: int = 0,
        credentials: Mapping[str, str] | None = None,
        switches: Mapping[str, Any] | None = None,
        admin: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.switches = Switches(switches)
        self.faults = Faults()
        self.calls: list[RecordedCall] = []
        self._sleep = sleep
        self._real_clock = clock
        declared = definition.load()
        self.service = Service(declared, self.switches, Storage(data, declared), self.clock)
        self._admin = Admin(self.service, self.faults, self.switches, self.calls) if admin else None
        known = {**dict([EMBEDDED_CREDENTIAL]), **(credentials or {})}
        self._gateway = Gateway(declared, self.switches, known, self.clock, monotonic)
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except OSError:
            self.service.close()
            raise
        self._server.emulator = self
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def clock(self) -> float:
        """The service's clock, in Unix seconds."""
        return self._real_clock() + int(self.switches["clock_offset_seconds"])

    def pause(self, seconds: float) -> None:
        """Let time pass within an answer."""
        self._sleep(seconds)

    def start(self) -> None:
        """Serve on a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, daemon=True, name="emulator")
        self._thread.start()

    def serve_forever(self) -> None:
        """Serve on this thread until ``stop``."""
        self._server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop serving and give everything back. Nothing is kept of a call that is still under way."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self.service.close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    # ── the API ─────────────────────────────────────────────────────────────

    def handle(self, request: Request) -> _Answer | None:
        """The answer to an API request; None if the connection is to be closed without one."""
        request_id = str(uuid.uuid4())
        arrived = self._real_clock()
        action = request.headers.get("x-tc-action", "")
        parameters: Mapping[str, Any] = {}
        fault: Fault | None = None
        code = ""
        try:
            call = self._gateway.admit(request)
            parameters = call.parameters
            fault = self.faults.next(action)
            if latency := int(self.switches["latency_ms"]):
                self._sleep(latency / 1000)
            answer = self._answer(action, parameters, fault, request_id)
        except RefusedError as error:
            code = error.code
            answer = _error(error.code, error.message, request_id)
        name = fault.kind.value if fault else ""
        self.calls.append(RecordedCall(action, parameters, request_id, arrived, code, name))
        return answer

    def _answer(
        self, action: str, parameters: Mapping[str, Any], fault: Fault | None, request_id: str
    ) -> _Answer | None:
        if fault is None or fault.kind in _DONE_FIRST:
            fields = self.service.perform(action, parameters)
            good = _success(fields, request_id)
            return good if fault is None else self._spoiled(good, fault, request_id)
        return self._undone(action, parameters, fault, request_id)

    def _spoiled(self, good: _Answer, fault: Fault, request_id: str) -> _Answer | None:
        """It is done; what becomes of the answer."""
        if fault.kind is Kind.ANSWER_LATE:
            self._sleep(fault.seconds)
        spoiled: Mapping[Kind, _Answer] = {
            Kind.ERROR_AFTER: _Answer(500, _PAGE, "text/html"),
            Kind.INTERNAL_ERROR_AFTER: _error("InternalError", _INTERNAL_ERROR, request_id),
            Kind.ANSWER_LATE: good,
            Kind.GARBAGE: _Answer(200, b"\x00\xff{rubbish"),
            Kind.TRUNCATED: _Answer(200, good.body, truncated=True),
            Kind.NO_TASK_ID: _success({}, request_id),
            Kind.SLOW_DRIP: _Answer(200, good.body, drip_seconds=fault.seconds),
        }
        return spoiled.get(fault.kind)

    def _undone(
        self, action: str, parameters: Mapping[str, Any], fault: Fault, request_id: str
    ) -> _Answer | None:
        """It is not done, or not yet."""
        match fault.kind:
            case Kind.BAD_GATEWAY:
                return _Answer(502, _PAGE, "text/html")
            case Kind.INTERNAL_ERROR:
                return _error("InternalError", _INTERNAL_ERROR, request_id)
            case Kind.REFUSE:
                raise RefusedError(fault.code or "FailedOperation", "Refused on request.")
            case Kind.REDIRECT:
                return _Answer(307, b"", "text/html")
            case Kind.COMMIT_LATE:
                self.service.perform_late(fault.seconds, action, parameters)
                return None
            case _:
                return None

    # ── programming it from another process ─────────────────────────────────

    def administer(self, method: str, path: str, token: str, body: bytes) -> _Answer:
        """The answer to a request below ``ADMIN``; see ``Admin``."""
        if self._admin is None:
            return _problem(404, "This emulator is not programmed over HTTP.")
        if not hmac.compare_digest(token.encode(), EMBEDDED_CREDENTIAL[1].encode()):
            return _problem(403, f"The header {TOKEN_HEADER} must be the emulator's secret key.")
        try:
            return _json(self._admin.perform(method, path.removeprefix(ADMIN), body))
        except (UsageError, RefusedError) as error:
            return _problem(400, str(error))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    emulator: EmulatorServer

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the base class's
        """A client that went away is its own affair; anything else is a bug and keeps its traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _UnreadableError(Exception):
    """The request's body cannot be read; the connection ends with the answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Server

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Nothing is printed."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header, by the service's clock."""
        return formatdate(self.server.emulator.clock() if timestamp is None else timestamp, usegmt=True)

    def _serve(self) -> None:
        try:
            answer = self._answer(self._body())
        except _UnreadableError as error:
            self.close_connection = True
            answer = _problem(400, str(error))
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    def _answer(self, body: bytes) -> _Answer | None:
        emulator = self.server.emulator
        if problem := self._stranger():
            return _problem(403, problem)
        if self.path.startswith(ADMIN):
            token = self.headers.get(TOKEN_HEADER, "")
            return emulator.administer(self.command, self.path, token, body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return emulator.handle(Request(self.command, self.path, headers, body))

    def _stranger(self) -> str:
        """Why the request may come from a web page, which must not reach what is on this machine.

        A browser says from where a page is (``Origin``), and a page whose own name was made to lead here
        says that name (``Host``).
        """
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            return "The Host header must name 127.0.0.1 or localhost."
        return "Requests of web pages are not taken." if "Origin" in self.headers else ""

    def _body(self) -> bytes:
        """The request's body; empty if it names no length.

        Raises:
            _UnreadableError: its length cannot be made out, or it ends too early.
        """
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or "Transfer-Encoding" in self.headers:
            raise _UnreadableError("The request needs one Content-Length, a number of bytes.")
        # A body over the limit is read as far as is needed to see that it is; then the connection ends.
        size = int(lengths[0])
        if size > MAX_BODY_BYTES:
            self.close_connection = True
        wanted = min(size, MAX_BODY_BYTES + 1)
        body = self.rfile.read(wanted)
        if len(body) < wanted:
            raise _UnreadableError("The body ends before its Content-Length.")
        return body

    def _send(self, answer: _Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == 307:
            self.send_header("Location", self.server.emulator.url + "/")
        self.end_headers()
        if answer.truncated:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif answer.drip_seconds:
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                self.server.emulator.pause(answer.drip_seconds)
        else:
            self.wfile.write(answer.body)
        self.wfile.flush()


def _success(fields: Mapping[str, Any], request_id: str) -> _Answer:
    return _json({"Response": {**fields, "RequestId": request_id}})


def _error(code: str, message: str, request_id: str) -> _Answer:
    return _json({"Response": {"Error": {"Code": code, "Message": message}, "RequestId": request_id}})


def _json(document: object) -> _Answer:
    return _Answer(200, json.dumps(document).encode())


def _problem(status: int, text: str) -> _Answer:
    return _Answer(status, json.dumps({"error": text}).encode())
