"""What the engine may ask of the task API.

Rule: above the ``cloud`` package nobody sees HTTP, API parameter names or error codes being decided
on. A *write* is asked for with one of the ``…Task`` values below.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from provisioner.core.address import TaskId
from provisioner.core.jobs.job import COMMIT_TYPES, Step
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
