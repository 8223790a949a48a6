"""A task as the emulator keeps it: TaskInfo, and beside it what only tests can see.

Rule: a task has two states and one job. TaskInfo is the development state; what was committed last is
the production state; both read the job's Status. Keys that begin with ``_`` are the emulator's own: no
reply shows them, no request and no edit sets them.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.emulator.definition import Definition, Field

Task = dict[str, Any]
"""TaskInfo as the service has it, with every key of ``OWN``."""

OFFLINE = 202

NEW, NOT_STARTED, IN_OPERATION, RUNNING, SUSPENDED, STOPPING, STOPPED, FAILED = range(8)
"""Values of Status. 2 and 5 are transitions; what else there is (20, 21) only an edit sets."""

IN_TRANSITION = (IN_OPERATION, STOPPING)
_WITH_STATE = (RUNNING, SUSPENDED, FAILED)
_WITHOUT_STATE = (NEW, NOT_STARTED, STOPPED)

VISIBLE_FROM = "_visible_from"
"""From when on a task is listed, in Unix seconds by the service's clock."""

IN_DEVELOPMENT = "_in_development"
"""Whether there is a development state; a delete may leave the production state alone."""

COMMITTED = "_committed"
"""The fields that an author decides, as they were committed last; None for a draft."""

JOB_VERSION = "_job_version"
"""The InstanceVersion that the job was last told to run; None if it never was."""

STARTED_FROM = "_started_from"
"""The timestamp in milliseconds, as sent, from which the job was last told to start; None: from new."""

HAS_STATE = "_has_state"
"""Whether the job has state that could be lost: offsets, snapshots."""

STATE_DROPPED, STATE_KEPT = "_state_dropped", "_state_kept"
"""How often the job's state was thrown away, and how often the job went on with it."""

STATUS_AFTER, READS_LEFT, SETTLES_AT = "_status_after", "_reads_left", "_settles_at"
"""In a transition: the Status behind it (else None), how many reads it still lasts, and until when."""

LOCKED_AT = "_locked_at"
"""When the lock was taken, in Unix seconds by the service's clock."""

APPROVAL, APPROVAL_TYPE, APPROVAL_BODY = "_approval", "_approval_type", "_approval_body"
"""A commit that waits for approval (else None): its TaskApproveId, its CommitType, what it commits."""

BODIES = (COMMITTED, APPROVAL_BODY)

_MAYBE = type(None)

OWN: Mapping[str, tuple[Any, tuple[type, ...]]] = {
    VISIBLE_FROM: (0.0, (int, float)),
    IN_DEVELOPMENT: (True, (bool,)),
    COMMITTED: (None, (dict, _MAYBE)),
    JOB_VERSION: (None, (int, _MAYBE)),
    STARTED_FROM: (None, (str, _MAYBE)),
    HAS_STATE: (False, (bool,)),
    STATE_DROPPED: (0, (int,)),
    STATE_KEPT: (0, (int,)),
    STATUS_AFTER: (None, (int, _MAYBE)),
    READS_LEFT: (0, (int,)),
    SETTLES_AT: (0.0, (int, float)),
    LOCKED_AT: (0.0, (int, float)),
    APPROVAL: (None, (str, _MAYBE)),
    APPROVAL_TYPE: (0, (int,)),
    APPROVAL_BODY: (None, (dict, _MAYBE)),
}
"""Every key of the emulator's own: what it is in a draft that nobody has touched, and what it can hold."""

DRAFT: Mapping[str, Any] = {name: value for name, (value, _) in OWN.items()}


def is_offline(task: Task) -> bool:
    """Whether it is run by a schedule, and not by run actions."""
    return bool(task["TaskType"] == OFFLINE)


def is_of_type(task: Task, parameters: Mapping[str, Any]) -> bool:
    """Whether a task is of the type that a call asks for; real-time tasks are the default."""
    return is_offline(task) == (parameters.get("TaskType") == OFFLINE)


def is_input(fields: Mapping[str, Field], name: str) -> bool:
    """Whether a field of TaskInfo is an author's to decide."""
    field = fields.get(name)
    return field is not None and field.role in ("input", "input_or_server")


def body(task: Task, definition: Definition) -> dict[str, Any]:
    """What a commit of the task would publish."""
    fields = definition.objects["IntegrationTaskInfo"]
    return {name: value for name, value in task.items() if is_input(fields, name)}


def in_production(task: Task, definition: Definition) -> Task:
    """The production state of a task that was committed: the body of then, everything else of now."""
    fields = definition.objects["IntegrationTaskInfo"]
    of_now = {name: value for name, value in task.items() if not is_input(fields, name)}
    return {**of_now, **task[COMMITTED]}


def settled(task: Task, now: float) -> Task:
    """The task as it is by now: a transition that is over has come to its end."""
    if task[STATUS_AFTER] is None or task[READS_LEFT] > 0 or now < task[SETTLES_AT]:
        return task
    return {**task, "Status": task[STATUS_AFTER], STATUS_AFTER: None}


def completed(task: Task, definition: Definition) -> Task:
    """A task that was kept before there were all keys, with those that are missing.

    What has a version was committed; as nobody kept what, it is taken for what the task is now.
    """
    full = {**DRAFT, **task}
    if task.get("HasVersion") and COMMITTED not in task:
        full[COMMITTED] = body(task, definition)
    return full if HAS_STATE in task else {**full, **_job_of(full)}


def edited(task: Task, changes: Mapping[str, Any], definition: Definition, now: float) -> Task:
    """The task with other fields, and with what follows from them for the emulator's own keys."""
    full = {**task, **changes}
    if "Status" in changes:
        full.update({STATUS_AFTER: None, **_job_of(full)})
    if "HasVersion" in changes:
        is_committed = task[COMMITTED] is not None
        if changes["HasVersion"] != is_committed:
            full[COMMITTED] = body(full, definition) if changes["HasVersion"] else None
    if "Locked" in changes or "Locker" in changes:
        full[LOCKED_AT] = now
    return full


def _job_of(task: Task) -> dict[str, Any]:
    """What the Status of a task that was not brought there by run actions says of its job."""
    if task["Status"] in _WITH_STATE:
        version = task[JOB_VERSION]
        return {HAS_STATE: True, JOB_VERSION: task.get("InstanceVersion") if version is None else version}
    return {HAS_STATE: task[HAS_STATE] and task["Status"] not in _WITHOUT_STATE}
