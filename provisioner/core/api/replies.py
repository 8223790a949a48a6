"""What the task API may answer.

Rule: the answer to a write is one of three, and the third, ``Unknown``, is neither success nor
failure: a create that timed out may have made a task, so it must never be sent again and never be
reported as failed (create-protocol).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from provisioner.core.address import TaskId
from provisioner.core.json_types import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The service says it did it."""

    task_id: TaskId
    """For a create the new one; else the one that was named."""

    request_id: str
    server_time: int = 0
    """Unix seconds on the service's clock when it said so; 0 if it did not say."""
    approval: str = ""
    """TaskApproveId, where what was submitted waits for somebody to approve it in WeData."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request certainly had no effect: refused before any, or never sent at all."""

    code: str
    """The service's error code, or ours for what never left: ``NotSent``."""

    message: str
    request_id: str = ""
    may_repeat: bool = False
    """Refused for pace or for a passing fault (RequestLimitExceeded, connection refused):
    a *new* attempt, signed and journaled anew, is sensible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Sent, and whether it took effect cannot be told from what came back."""

    code: str
    """The service's code where there was one, else ours: ``Timeout``, ``ConnectionLost``,
    ``HTTP 502``, ``NotJSON``, ``NoTaskId``, ``BadTaskId``."""

    message: str
    request_id: str = ""


Reply: TypeAlias = Done | Refused | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTask:
    """A task as the service shows it."""

    task_id: TaskId
    task_type: int
    """The family: 201 or 202, whatever number the service showed."""

    name: str
    description: str
    """As the service has it, our marker included."""

    create_time: str
    """``yyyy-MM-dd HH:mm:ss`` without a zone: for people, never compared."""

    body: JSONObject
    """TaskInfo as it was read, unprocessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every task of one project, both task types; complete, or it is not made at all."""

    tasks: Sequence[RemoteTask]
    server_time: int
    """Unix seconds from the ``Date`` header of the first page: the local clock never decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditingLock:
    """The editing lock as it is after a call about it, as far as the answer says."""

    is_ours: bool
    """Whether the account that asks holds it."""

    holder: str = ""
    """Who holds it, as the service names them; empty if nobody does, or if that was not said."""
