"""What an exchange came to, decided by a table and nothing else.

Rule: a write had no effect only if it is known to have had none: it never left, or the service
refused it before doing anything. Every other event and every unknown code leaves a write's outcome
unknown. Source of the codes: the vendor's list of common codes, and which of them the gateway gives
before the back end sees a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias


class Verdict(StrEnum):
    """What to make of an exchange."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """No effect, and asking again would be refused again."""

    REPEAT = "repeat"
    """No effect (or a read), and asking again is sensible."""

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply without an error."""

    fields: Mapping[str, Any]
    request_id: str
    server_time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A reply with an error code."""

    code: str
    message: str
    request_id: str
    server_time: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The first byte never left: name resolution, connection or TLS failed."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Sent, perhaps; nothing that is an answer came back."""

    code: str
    message: str


Happened: TypeAlias = Answer | Failure | NotSent | Lost

_REFUSED_BEFORE_EFFECT = frozenset(
    {
        *("AuthFailure", "UnauthorizedOperation", "MissingParameter", "UnknownParameter", "InvalidParameter"),
        *("InvalidParameterValue", "UnsupportedOperation", "OperationDenied", "LimitExceeded"),
        *("RequestLimitExceeded", "ResourceNotFound"),
    }
)
_PASSING = frozenset({"RequestLimitExceeded"})
_READ_AGAIN = frozenset(
    {*_PASSING, "InternalError", "ServiceUnavailable", "ResourceUnavailable", "ResourceInUse"}
)
CLOCK_IS_OFF = "AuthFailure.SignatureExpire"


def judge(happened: Happened, *, is_write: bool) -> Verdict:
    """The table."""
    match happened:
        case Answer():
            return Verdict.ANSWERED
        case NotSent():
            return Verdict.REPEAT
        case Lost():
            return Verdict.UNKNOWN if is_write else Verdict.REPEAT
        case Failure(code=code):
            return _judge_write(code) if is_write else _judge_read(code)


def family(code: str) -> str:
    """The part of a code before the dot: what a sub-code falls back to."""
    return code.partition(".")[0]


def _judge_write(code: str) -> Verdict:
    if family(code) in _PASSING:
        return Verdict.REPEAT
    return Verdict.REFUSED if family(code) in _REFUSED_BEFORE_EFFECT else Verdict.UNKNOWN


def _judge_read(code: str) -> Verdict:
    return Verdict.REPEAT if family(code) in _READ_AGAIN else Verdict.REFUSED
