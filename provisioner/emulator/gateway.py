"""What the API gateway checks before the service sees a request.

Rule: a request that does not pass here has no effect. Checks follow the gateway's own order: is it a
call at all, who signs it and when, is the pace kept, are the parameters those of the definition.
Texts are those of real replies as far as they are known.
"""

import hmac
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.core.api import signing
from provisioner.emulator.definition import Definition
from provisioner.emulator.json_text import read_json
from provisioner.emulator.parameters import Checker
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.switches import Switches

SIGNATURE_SECONDS = 300
MAX_BODY_BYTES = 10 * 1024 * 1024

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,\s]+)/([^,\s]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in; header names in lower case, and a session token may be in one."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


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
        monotonic: Callable[[], float],
    ) -> None:
        self._definition = definition
        self._switches = switches
        self._credentials = credentials
        """Secret id to secret key."""

        self._clock = clock
        """The service's, which signatures are checked against."""

        self._monotonic = monotonic
        """Real seconds, which the pace is measured in."""

        self._arrivals: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def admit(self, request: Request) -> Call:
        """The call in a request.

        Raises:
            RefusedError: it does not pass.
        """
        action = self._action(request)
        secret_id = self._signer(request)
        self._pace(secret_id, action)
        return Call(action, self._parameters(request, action), secret_id)

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

    def _pace(self, secret_id: str, action: str) -> None:
        """The calls of one second pass up to the limit; later ones are stopped here.

        Source: the limit is counted per API action, access region and sub-account. There is one
        access region here, and one key is one sub-account; ``X-TC-Region`` does not count.
        """
        limit = int(self._switches["calls_per_second"])
        if not limit:
            return
        with self._lock:
            now = self._monotonic()
            arrivals = self._arrivals.setdefault((secret_id, action), deque())
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

    def _parameters(self, request: Request, action: str) -> dict[str, Any]:
        if len(request.body) > MAX_BODY_BYTES:
            raise RefusedError("RequestSizeLimitExceeded", "The request is larger than 10 MB.")
        try:
            parameters = read_json(request.body)
        except ValueError as error:
            raise RefusedError("InvalidParameter", f"The body is not legal JSON: {error}.") from error
        if not isinstance(parameters, dict):
            raise RefusedError("InvalidParameter", "The body is not a JSON object.")
        checker = Checker(
            self._definition,
            knows_china=self._switches["site"] == "china",
            takes_null=self._switches["null_parameter"] == "ignore",
        )
        checker.check(parameters, self._definition.requests[action])
        return parameters


def _signature_failure() -> RefusedError:
    return RefusedError(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated. Please check your signature is correct.",
    )
