"""What the engine may ask of the task API, and what it may hear back.

Rule: above the ``cloud`` room nobody sees HTTP, API parameter names or error codes being decided
on. A *write* is asked for with one of the ``…Task`` values below; the answer is one of three, and
the third, ``Unknown``, is neither success nor failure: a create that timed out may have made a
task, so it must never be sent again and never be reported as failed (create-protocol).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from provisioner.core.address import TaskId
from provisioner.core.jobs.job import COMMIT_TYPES, Production, Step
from provisioner.core.json_types import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask:
    """CreateIntegrationTask. ``body`` is the whole TaskInfo as it will be sent, marker included."""

    project_id: str
    body: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyTask:
    """ModifyIntegrationTask with the whole desired TaskInfo, so that it may be repeated."""

    project_id: str
    task_id: TaskId
    body: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTask:
    """DeleteIntegrationTask (real-time) or DeleteOfflineTask (offline)."""

    project_id: str
    task_id: TaskId
    task_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """CommitIntegrationTask, or Start-, Stop-, Suspend- or ResumeIntegrationTask: one step of a job."""

    project_id: str
    task_id: TaskId
    task_type: int
    step: Step
    start_from: int | None = None
    """Unix milliseconds: where a start begins to read."""

    @property
    def is_version(self) -> bool:
        """Whether it makes a version of what is edited, which nobody else may edit then."""
        return self.step in COMMIT_TYPES


Write: TypeAlias = CreateTask | ModifyTask | DeleteTask | RunTask


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedWrite:
    """A write whose bytes are fixed: they are sent at most once."""

    write: Write
    action: str
    """Name of the API action."""

    payload: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Complete, ``Authorization`` included: never logged, never stored."""

    timestamp: int
    """Unix seconds that were signed. The service refuses the request 300 s later."""

    digest: str
    """SHA-256 of the payload, hexadecimal."""


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


class EditingVerb(StrEnum):
    """What can be done about the editing lock of a task: who has it open in WeData."""

    LOOK = "look"
    """DescribeTaskLockStatus."""

    LOCK = "lock"
    """LockIntegrationTask."""

    TAKE_OVER = "take over"
    """RobAndLockIntegrationTask."""

    RELEASE = "release"
    """UnlockIntegrationTask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditingCall:
    """A call about the editing lock. It makes nothing and may be repeated, so it is not journaled."""

    verb: EditingVerb
    project_id: str
    task_id: TaskId
    task_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EditingLock:
    """The editing lock as it is after a call about it, as far as the answer says."""

    is_ours: bool
    """Whether the account that asks holds it."""

    holder: str = ""
    """Who holds it, as the service names them; empty if nobody does, or if that was not said."""


class TaskApi(Protocol):
    """The remote side as the engine sees it. Methods may be called from several threads.

    The reads raise ``ApiError`` (one of its children) when no usable answer could be had; they
    repeat what is safe to repeat. ``send`` never repeats and never raises.
    """

    def sign(self, write: Write) -> SignedWrite:
        """Serialise and sign now. Sends nothing."""
        ...

    def send(self, signed: SignedWrite) -> Reply:
        """Send those bytes once: no redirect, no retry, one total deadline."""
        ...

    def seconds_until_ready(self, action: str) -> float:
        """How long the pace of this API action asks to wait before the next call; 0 = now."""
        ...

    def action_of(self, write: Write) -> str:
        """Name of the API action a write becomes; the pace is kept per action."""
        ...

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """The task as it is now, or None if the service does not know it.

        Raises:
            ApiError: no usable answer.
        """
        ...

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """Every task of the project: both task types, development state, all pages.

        Raises:
            ApiError: any page could not be had; an incomplete listing is never returned.
        """
        ...

    def editing_lock(self, call: EditingCall) -> EditingLock:
        """Make a call about the editing lock. A task that is not there is locked by nobody.

        Raises:
            ApiRefusedError: the service said no, for whatever reason.
            ApiError: no usable answer.
        """
        ...

    def production(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        """The production side of one task: whether there is one, and what its job does.

        Raises:
            ApiError: no usable answer.
        """
        ...

    def productions(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """The production side of every task that has one; None if the service does not list that.

        Raises:
            ApiError: any page could not be had.
        """
        ...
