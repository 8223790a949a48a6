"""TC3-HMAC-SHA256, stage by stage.

Rule: nothing here knows the time or reads a secret from anywhere; both come in as arguments.
Each stage is a function of its own, so that a wrong signature can be traced to the stage that is
wrong. Source: the vendor's "Signature Method v3" page; every stage is pinned by the vectors in
``tests/golden/signing``.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

ALGORITHM = "TC3-HMAC-SHA256"
TERMINATOR = "tc3_request"
UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"
"""Hashed in place of the body when ``X-TC-Content-SHA256: UNSIGNED-PAYLOAD`` is sent."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who signs. The secrets are kept out of ``repr`` so that no log or traceback shows them."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """Session token of temporary credentials."""

    source: str = ""
    """Where it was found, for people."""


def utc_date(timestamp: int) -> str:
    """``YYYY-MM-DD`` of a Unix time in seconds, in UTC whatever the local zone is."""
    return datetime.fromtimestamp(timestamp, UTC).date().isoformat()


def credential_scope(date: str, service: str) -> str:
    """``<date>/<service>/tc3_request``."""
    return f"{date}/{service}/{TERMINATOR}"


def canonical_request(headers: Mapping[str, str], payload: bytes, *, method: str = "POST") -> str:
    """The request as both sides spell it.

    Args:
        headers: exactly the headers to be signed, values as they are sent; must hold
            ``content-type`` and ``host`` in any letter case.
        payload: the body bytes that are sent, or ``UNSIGNED_PAYLOAD``.
        method: ``POST``; the path is always ``/`` and the query always empty.
    """
    canonical = {name.lower(): value.strip().lower() for name, value in headers.items()}
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    hashed_payload = hashlib.sha256(payload).hexdigest()
    return f"{method}\n/\n\n{lines}\n{signed_headers(headers)}\n{hashed_payload}"


def signed_headers(headers: Mapping[str, str]) -> str:
    """Names of the signed headers, lower case, in ASCII order, joined by ``;``."""
    return ";".join(sorted(name.lower() for name in headers))


def string_to_sign(canonical: str, timestamp: int, scope: str) -> str:
    """What the signature is computed over: algorithm, time, scope, digest of the request."""
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashed}"


@lru_cache(maxsize=4)
def signing_keys(secret_key: str, date: str, service: str) -> tuple[bytes, bytes, bytes]:
    """The three derived keys ``(date, service, signing)``; the last one signs.

    Cached because they change once a day only.
    """
    key_date = _hmac(f"TC3{secret_key}".encode(), date)
    key_service = _hmac(key_date, service)
    return key_date, key_service, _hmac(key_service, TERMINATOR)


def signature(secret_key: str, date: str, service: str, text: str) -> str:
    """The signature of a string to sign, as lower-case hexadecimal."""
    return _hmac(signing_keys(secret_key, date, service)[2], text).hex()


def authorization(
    credential: Credential,
    headers: Mapping[str, str],
    payload: bytes,
    *,
    timestamp: int,
    service: str,
) -> str:
    """The whole ``Authorization`` header for a POST signed at ``timestamp`` (Unix seconds)."""
    date = utc_date(timestamp)
    scope = credential_scope(date, service)
    text = string_to_sign(canonical_request(headers, payload), timestamp, scope)
    signed = signature(credential.secret_key, date, service, text)
    return (
        f"{ALGORITHM} Credential={credential.secret_id}/{scope}, "
        f"SignedHeaders={signed_headers(headers)}, Signature={signed}"
    )


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
