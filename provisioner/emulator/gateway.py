"""What the API gateway checks before the service sees a request.

Rule: a request that does not pass here has no effect. Checks follow the gateway's own order: is it a
call at all, who signs it and when, is the pace kept, are the parameters those of the definition.
Texts are those of real replies as far as they are known.
"""

import hmac
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.core import signing
from provisioner.emulator.definition import Definition, Field
from provisioner.emulator.switches import Switches

SIGNATURE_SECONDS = 300
MAX_BODY_BYTES = 10 * 1024 * 1024

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/([^,\s]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "int64": int,
    "uint64": int,
    "float": (int, float),
    "bool": bool,
    "object": dict,
    "list": list,
}


class RefusedError(Exception):
    """The call is refused with an error code; it had no effect."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed."""

    action: str
    parameters: Mapping[str, Any]
    secret_id: str


class Gateway:
    """Checks requests. Safe to use from several threads."""

    def __init__(
        self,
        definition: Definition,
        switches: Switches,
        credentials: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._definition = definition
        self._switches = switches
        self._credentials = credentials
        """Secret id to secret key."""

        self._clock = clock
        self._arrivals: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def admit(self, request: Request) -> Call:
        """The call in a request.

        Raises:
            RefusedError: it does not pass.
        """
        action = self._action(request)
        secret_id = self._signer(request)
        self._pace(action)
        parameters = self._parameters(request)
        self._check(parameters, self._definition.requests[action], "")
        return Call(action, parameters, secret_id)

    # ── is it a call, and whose ─────────────────────────────────────────────

    def _action(self, request: Request) -> str:
        headers = request.headers
        if request.method != "POST" or request.path != "/":
            raise RefusedError("UnsupportedProtocol", "Only POST to / is supported.")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise RefusedError("UnsupportedProtocol", "The content type must be application/json.")
        for name in ("Action", "Version", "Timestamp", "Region"):
            if not headers.get(f"x-tc-{name.lower()}"):
                raise RefusedError(
                    "MissingParameter", f"The request is missing a required parameter `{name}`."
                )
        if headers["x-tc-version"] != self._definition.version:
            raise RefusedError("NoSuchVersion", f"The version `{headers['x-tc-version']}` does not exist.")
        action = headers["x-tc-action"]
        if action not in self._definition.requests:
            raise RefusedError("InvalidAction", f"The action `{action}` does not exist.")
        return action

    def _signer(self, request: Request) -> str:
        """Verify the signature over the headers that it names, as they were received."""
        headers = request.headers
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise RefusedError("AuthFailure.InvalidAuthorization", "The Authorization header is not valid.")
        secret_id, scope, names, signature = found.groups()
        timestamp = self._timestamp(headers["x-tc-timestamp"])
        signed = {name: headers.get(name, "") for name in names.split(";")}
        if not {"content-type", "host"} <= set(signed):
            raise RefusedError("AuthFailure.InvalidAuthorization", "content-type and host must be signed.")
        date = signing.utc_date(timestamp)
        if scope != signing.credential_scope(date, "wedata"):
            raise _signature_failure()
        if secret_id not in self._credentials:
            raise RefusedError(
                "AuthFailure.SecretIdNotFound",
                "The SecretId is not found, please ensure that your SecretId is correct.",
            )
        unsigned = headers.get("x-tc-content-sha256") == signing.UNSIGNED_PAYLOAD.decode()
        payload = signing.UNSIGNED_PAYLOAD if unsigned else request.body
        text = signing.string_to_sign(signing.canonical_request(signed, payload), timestamp, scope)
        expected = signing.signature(self._credentials[secret_id], date, "wedata", text)
        if not hmac.compare_digest(expected, signature):
            raise _signature_failure()
        return secret_id

    def _timestamp(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 11):
            raise RefusedError("InvalidParameter", "The value type of parameter `Timestamp` is not valid.")
        if abs(int(text) - self._clock()) > SIGNATURE_SECONDS:
            raise RefusedError("AuthFailure.SignatureExpire", "The signature has expired.")
        return int(text)

    def _pace(self, action: str) -> None:
        """The calls of one second pass up to the limit; later ones are stopped here."""
        limit = int(self._switches["calls_per_second"])
        if not limit:
            return
        with self._lock:
            now = self._clock()
            arrivals = self._arrivals.setdefault(action, deque())
            while arrivals and now - arrivals[0] >= 1:
                arrivals.popleft()
            if len(arrivals) >= limit:
                raise RefusedError(
                    "RequestLimitExceeded",
                    f"Your current request times equals to `{limit + 1}` in a second, which exceeds the "
                    f"frequency limit `{limit}` for a second. Please reduce the frequency of calls.",
                )
            arrivals.append(now)

    # ── parameters ──────────────────────────────────────────────────────────

    def _parameters(self, request: Request) -> dict[str, Any]:
        if len(request.body) > MAX_BODY_BYTES:
            raise RefusedError("RequestSizeLimitExceeded", "The request is larger than 10 MB.")
        try:
            parameters = json.loads(request.body)
        except (ValueError, RecursionError):
            parameters = None
        if not isinstance(parameters, dict):
            raise RefusedError("InvalidParameter", "The body is not a JSON object.")
        return parameters

    def _check(self, value: Mapping[str, Any], name: str, path: str) -> None:
        fields = self._definition.objects[name]
        for key, item in value.items():
            field = fields.get(key)
            if field is None or (field.china_only and self._switches["site"] != "china"):
                raise RefusedError("UnknownParameter", f"The parameter `{path}{key}` is not recognized.")
            self._check_value(item, field, f"{path}{key}")
        for field in fields.values():
            # Inside objects "required" is not enforced: the vendor's own tools leave such fields out.
            if field.required and not path and value.get(field.name) is None:
                message = f"The request is missing a required parameter `{field.name}`."
                raise RefusedError("MissingParameter", message)

    def _check_value(self, value: object, field: Field, path: str) -> None:
        if value is None:
            if self._switches["null_parameter"] == "refuse":
                raise _wrong_type(path, field.type)
            return
        _ensure_type(value, field.type, path)
        if isinstance(value, dict):
            self._check(value, field.item, f"{path}.")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if field.item in _TYPES:
                    _ensure_type(item, field.item, f"{path}.{index}")
                else:
                    _ensure_type(item, "object", f"{path}.{index}")
                    self._check(item, field.item, f"{path}.{index}.")


def _ensure_type(value: object, type_: str, path: str) -> None:
    is_truth = isinstance(value, bool)
    fits = isinstance(value, _TYPES[type_]) and is_truth == (type_ == "bool")
    if not fits or (type_ == "uint64" and isinstance(value, int) and value < 0):
        raise _wrong_type(path, type_)


def _wrong_type(path: str, type_: str) -> RefusedError:
    message = f"The value type of parameter `{path}` is not valid, input type should be `{type_}` "
    return RefusedError("InvalidParameter", message)


def _signature_failure() -> RefusedError:
    return RefusedError(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )
