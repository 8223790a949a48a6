"""HTTP around the gateway and the service, on this machine only.

Rule: what a client can do wrong is answered, never printed and never fatal. The settings of the
server matter: without buffered writes and with Nagle's algorithm every answer would take 44 ms.
"""

import json
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
from provisioner.emulator.faults import Fault, Faults, Kind
from provisioner.emulator.gateway import MAX_BODY_BYTES, Gateway, Request
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.service import Service
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches
from provisioner.errors import ProvisionerError

EMBEDDED_CREDENTIAL = ("AKIDEMULATOR", "emulator-secret-key")
ADMIN = "/_emulator/"
"""Paths below this one program the emulator; the API itself has only ``/``."""

_IDLE_SECONDS = 120
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
class RecordedCall:
    """One call that arrived, for tests to look at."""

    action: str
    parameters: Mapping[str, Any]
    request_id: str
    arrived: float
    """Unix seconds by this machine's clock."""

    code: str
    """The error code of the answer; empty for success and for calls that were cut off."""

    fault: str
    """The fault that hit it; empty if none did."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    drip_seconds: float = 0
    truncated: bool = False


class EmulatorServer:
    """The emulator, serving. Starts with ``with`` or ``start``; see ``commands.emulator``.

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
        self._storage = Storage(data, declared)
        self.service = Service(declared, self.switches, self._storage, self.clock)
        known = {**dict([EMBEDDED_CREDENTIAL]), **(credentials or {})}
        self._gateway = Gateway(declared, self.switches, known, self.clock, monotonic)
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except OSError:
            self._storage.close()
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
        """Stop serving and give everything back."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._storage.close()

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

    def administer(self, method: str, path: str, body: bytes) -> _Answer:
        """``GET calls | tasks | switches``, ``POST faults | switches | tasks/ID``; JSON both ways."""
        name, _, rest = path.removeprefix(ADMIN).partition("/")
        try:
            document = json.loads(body or b"{}")
            return _json(self._administer(method, name, rest, document))
        except (ProvisionerError, RefusedError, ValueError, TypeError, KeyError) as error:
            return _Answer(400, json.dumps({"error": str(error)}).encode())

    def _administer(self, method: str, name: str, rest: str, document: Any) -> object:  # noqa: ANN401  # JSON
        match (method, name):
            case ("GET", "calls"):
                names = RecordedCall.__dataclass_fields__
                return [{field: getattr(call, field) for field in names} for call in self.calls]
            case ("GET", "tasks"):
                return self.service.tasks()
            case ("POST", "faults"):
                for fault in document if isinstance(document, list) else [document]:
                    self.faults.add_document(fault)
            case ("POST", "switches"):
                self.switches.set(document)
            case ("POST", "tasks"):
                self.service.edit(rest, document)
            case ("GET", "switches"):
                pass
            case _:
                raise ValueError(f"there is no {method} {name}")
        return self.switches.all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    emulator: EmulatorServer

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is its own affair."""


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
        body = self._body()
        if body is None:
            self.close_connection = True
            return
        emulator = self.server.emulator
        if self.path.startswith(ADMIN):
            answer: _Answer | None = emulator.administer(self.command, self.path, body)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = emulator.handle(Request(self.command, self.path, headers, body))
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    def _body(self) -> bytes | None:
        """The request's body; None if it cannot be read."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or "Transfer-Encoding" in self.headers:
            return None
        # A body over the limit is read as far as is needed to see that it is; then the connection ends.
        size = int(length)
        if size > MAX_BODY_BYTES:
            self.close_connection = True
        return self.rfile.read(min(size, MAX_BODY_BYTES + 1))

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
