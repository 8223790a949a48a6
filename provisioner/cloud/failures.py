"""A read that came to nothing, as the error that a person sees.

Rule: what the service wrote passes through ``printable``, and no text of a library's exception is
repeated: those may hold the headers of the request.
"""

from provisioner.cloud.exchange import Answered, Failed, Happened, Lost, NotSent, Unusable
from provisioner.core.advice import advice_for
from provisioner.core.text import printable
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError

_MAX_SHOWN = 2000


def shown(text: str) -> str:
    """Text of the service, safe to print and not endless."""
    return printable(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")


def error_of(action: str, happened: Happened, *, endpoint: str) -> ApiError:
    """The error for a read that was not answered."""
    match happened:
        case NotSent():
            return ApiUnreachableError(
                f"The service cannot be reached.\n  {endpoint}: {happened.reason}.\n{advice_for('NotSent')}"
            )
        case Lost():
            return ApiUnreachableError(
                f"The service did not answer.\n  {action} at {endpoint}: {happened.reason}.\n"
                "Run the command again; if it persists, check the network."
            )
        case Unusable():
            return ApiError(
                f"The service answered something unusable.\n  {action} at {endpoint}: {happened.reason}.\n"
                f"{advice_for('NotSent')}"
            )
        case Failed():
            return _refused(action, happened)
        case Answered():
            raise TypeError("an answer is no failure")


def _refused(action: str, failed: Failed) -> ApiRefusedError:
    lines = [
        "The service refused a call.",
        f"  {action}: {shown(failed.code)}: {shown(failed.message)}",
        f"  RequestId: {shown(failed.request_id)}",
        advice_for(failed.code),
    ]
    return ApiRefusedError("\n".join(line for line in lines if line))
