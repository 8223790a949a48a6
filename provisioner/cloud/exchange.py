"""What became of a call: a table, and nothing else.

Rule: for a write, "refused" and "repeat" are said only where it is certain that nothing took
effect; every other doubt, unknown error codes included, is "unknown". A write that is wrongly called
unknown costs a listing; one that is wrongly called refused makes a second task.

Source: the list of refusals before effect is that of the create protocol; what may be repeated
follows the vendor's list of common error codes. A code with a sub-code (``AuthFailure.TokenFailure``)
falls back to its part before the first dot. The gateway's older errors have codes of the same names
and no such list, so they are no codes here: they arrive as ``Unusable``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeGuard, assert_never

from provisioner.core.json_types import JSONObject

SIGNATURE_EXPIRE = "AuthFailure.SignatureExpire"
TOKEN_FAILURE = "AuthFailure.TokenFailure"  # noqa: S105  # the name of an error code
RATE_LIMIT = "RequestLimitExceeded"
NOT_FOUND = "ResourceNotFound"

_CODE = re.compile(r"\w+(\.\w+)*", re.ASCII)

_REFUSED_BEFORE_EFFECT = frozenset(
    {
        "AuthFailure",
        "UnauthorizedOperation",
        "MissingParameter",
        "UnknownParameter",
        "InvalidParameter",
        "InvalidParameterValue",
        "UnsupportedOperation",
        "OperationDenied",
        "LimitExceeded",
        RATE_LIMIT,
        NOT_FOUND,
    }
)

_ABOUT_CREDENTIALS = frozenset({"AuthFailure", "UnauthorizedOperation"})

_PASSING_FOR_READS = frozenset(
    {
        RATE_LIMIT,
        "InternalError",
        "ServiceUnavailable",
        "FailedOperation",
        "ResourceUnavailable",
        "ResourceInUse",
    }
)
"""Codes after which a read is asked again. FailedOperation is among them because an outage behind the
service is reported as it."""

_PASSING_FOR_LOCKS = frozenset({"InternalError", "ServiceUnavailable"})
"""FailedOperation is not among them: it is one of the two codes with which these actions say no."""

_PASSING_STATUSES = frozenset({408, 429})


class Kind(StrEnum):
    """What a call does at the service."""

    READ = "read"
    CREATE = "create"
    """Repeated without need it makes a second task."""

    MODIFY = "modify"
    """Carries the whole body and names the task."""

    DELETE = "delete"
    """Names the task; "not found" is what it is after."""

    RUN = "run"
    """Changes what runs; what it does twice depends on the step."""

    EDITING_LOCK = "editing lock"
    """Names the task and makes nothing: it may be repeated, like a read."""

    @property
    def may_repeat(self) -> bool:
        """Whether a call of unknown outcome may simply be made again."""
        return self in (Kind.READ, Kind.EDITING_LOCK)


class Verdict(StrEnum):
    """What a call came to."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """For a write: certainly without effect. Asking the same again would be refused again."""

    REPEAT = "repeat"
    """Certainly without effect (a read never has one), and a new attempt is sensible."""

    UNKNOWN = "unknown"
    """Writes only: whether it took effect cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """Not one byte of the request has left."""

    reason: str
    """For people; holds nothing secret."""

    is_passing: bool = True
    """False where trying again is pointless, such as a certificate that is not accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Some of the request may have arrived, and no answer came back."""

    code: str
    """``Timeout`` or ``ConnectionLost``."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Something came back that is not an answer of the service."""

    code: str
    """``HTTP 502``, ``NotJSON``, ``NoResponse``, ``NoCode``, ``OldError``, ``TooLarge``."""

    reason: str
    status: int = 200
    """HTTP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The service answered with an error."""

    code: str
    message: str
    """The service's text, not yet made printable."""

    names_task: bool = False
    """Whether a TaskId came with it: then the reply contradicts itself."""

    request_id: str = ""
    server_time: int | None = None
    """Unix seconds from the ``Date`` header; None if there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The service answered without an error."""

    response: JSONObject
    """What stands under ``Response``; still to be checked."""

    request_id: str = ""
    server_time: int | None = None
    """See ``Failed.server_time``."""


Happened: TypeAlias = "NotSent | Lost | Unusable | Failed | Answered"


def family(code: str) -> str:
    """An error code without its sub-code; what is not spelled like a code is a family of its own."""
    return code.partition(".")[0] if _CODE.fullmatch(code) else code


def is_not_found(happened: Happened) -> bool:
    """Whether the service says that it does not know the thing."""
    return isinstance(happened, Failed) and family(happened.code) == NOT_FOUND


def is_rate_limit(happened: Happened) -> bool:
    """Whether the gateway refused for pace."""
    return isinstance(happened, Failed) and family(happened.code) == RATE_LIMIT


def is_about_credentials(happened: Happened) -> TypeGuard[Failed]:
    """Whether the service refused because of who asked."""
    return isinstance(happened, Failed) and family(happened.code) in _ABOUT_CREDENTIALS


def verdict_of(kind: Kind, happened: Happened) -> Verdict:
    """The table."""
    match happened:
        case Answered():
            return Verdict.ANSWERED
        case NotSent():
            # For a write always "repeat": the engine stops as a whole when its tries are used up.
            again = happened.is_passing or not kind.may_repeat
            return Verdict.REPEAT if again else Verdict.REFUSED
        case Lost():
            return Verdict.REPEAT if kind.may_repeat else Verdict.UNKNOWN
        case Unusable():
            return _of_unusable(kind, happened)
        case Failed():
            return _of_failed(kind, happened)
        case _:
            assert_never(happened)


def _of_unusable(kind: Kind, unusable: Unusable) -> Verdict:
    if not kind.may_repeat:
        return Verdict.UNKNOWN
    is_passing = unusable.status >= 500 or unusable.status in _PASSING_STATUSES
    return Verdict.REPEAT if is_passing else Verdict.REFUSED


def _of_failed(kind: Kind, failed: Failed) -> Verdict:
    code = failed.code
    if failed.names_task and not kind.may_repeat:
        return Verdict.UNKNOWN
    if code in (SIGNATURE_EXPIRE, TOKEN_FAILURE) or family(code) == RATE_LIMIT:
        return Verdict.REPEAT
    if family(code) == NOT_FOUND and (kind.may_repeat or kind is Kind.DELETE):
        return Verdict.ANSWERED
    if kind.may_repeat:
        passing = _PASSING_FOR_READS if kind is Kind.READ else _PASSING_FOR_LOCKS
        return Verdict.REPEAT if family(code) in passing else Verdict.REFUSED
    return Verdict.REFUSED if family(code) in _REFUSED_BEFORE_EFFECT else Verdict.UNKNOWN
