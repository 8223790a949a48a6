"""Requests made ready to send: the service's time, the credentials, the headers.

Rule: the body is serialised before it comes here and is never touched again; what is hashed is what
is sent. The headers are those of the vendor's own client, which signs ``content-type`` and ``host``
only (Source: "Signature Method v3").

The local clock may be wrong, and the service refuses what is signed more than 300 s off. So the
difference to the service's clock, taken from the ``Date`` header of such a refusal, is kept here and
applied to every later signature. May be used by several threads.
"""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provisioner import __version__
from provisioner.cloud.endpoint import Endpoint
from provisioner.cloud.renewal import Credentials
from provisioner.cloud.wire.actions import VERSION
from provisioner.core.api.signing import authorization
from provisioner.core.text import printable
from provisioner.errors import UsageError

SERVICE = "wedata"
_REGION = re.compile("[0-9A-Za-z-]+")
_SKEW_SECONDS = 60
"""A refused signature whose time is nearer to the service's than this was not refused for its time:
the same code also stands for a login that has expired, and correcting the clock would not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeaders:
    """The headers of one request, and when it was signed."""

    headers: Mapping[str, str] = field(repr=False)
    """Complete, ``Authorization`` and a session token included."""

    timestamp: int
    """Unix seconds, as signed."""


class Signer:
    """Signs requests to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        *,
        region: str,
        now: Callable[[], float],
    ) -> None:
        if not _REGION.fullmatch(region):
            raise UsageError(
                f"The region cannot be used.\n  {printable(region)!r} is not letters, digits and dashes.\n"
                "Set region in provisioner.yaml, such as ap-singapore."
            )
        self._endpoint = endpoint
        self._credentials = credentials
        self._region = region
        self._now = now
        self._lock = threading.Lock()
        self._offset_seconds = 0.0
        self.source = ""
        """Where the credential that signed last was found; safe to print."""

    def sign(self, action: str, payload: bytes) -> SignedHeaders:
        """The headers for a body, signed now.

        Raises:
            CredentialsError: temporary credentials ran out and no new ones could be had.
        """
        now = self._service_now()
        credential = self._credentials.current()
        self.source = printable(credential.source)
        timestamp = int(now)
        signed = {"Content-Type": "application/json", "Host": self._endpoint.host_header}
        headers = {
            **signed,
            "X-TC-Action": action,
            "X-TC-Version": VERSION,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._region,
            "X-TC-Language": "en-US",
            "X-TC-RequestClient": f"provisioner_{__version__}",
            "User-Agent": f"provisioner/{__version__}",
            "Accept-Encoding": "gzip",
            "Authorization": authorization(credential, signed, payload, timestamp=timestamp, service=SERVICE),
        }
        if credential.token:
            headers["X-TC-Token"] = credential.token
        return SignedHeaders(headers=headers, timestamp=timestamp)

    def correct_clock(self, server_time: int | None, timestamp: int) -> bool:
        """A signature of ``timestamp`` was refused as expired: whether that was a matter of time.

        If so, later signatures carry the service's time. If not (its clock says that the signature
        was fresh, or it did not say its time), another attempt would be refused the same way.
        """
        if server_time is None or abs(server_time - timestamp) < _SKEW_SECONDS:
            return False
        with self._lock:
            self._offset_seconds = server_time - self._now()
        return True

    def has_other_token(self, headers: Mapping[str, str]) -> bool:
        """The session token in these headers was refused: whether there is another one, by now or anew.

        Raises:
            CredentialsError: see ``sign``.
        """
        refused = headers.get("X-TC-Token")
        token = self._credentials.current().token
        if token == refused:
            token = self._credentials.renewed().token
        return token is not None and token != refused

    def _service_now(self) -> float:
        with self._lock:
            return self._now() + self._offset_seconds
