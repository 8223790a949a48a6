"""Replies as values: one function per API action.

Rule: nothing is guessed from a reply: a field of another type than the definition says makes the
reply unusable, because "there is no such task", read out of garbage, would end in a second task.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from provisioner.cloud.exchange import Answered
from provisioner.cloud.wire.actions import DESCRIBE, LIST
from provisioner.cloud.wire.requests import EDITING_ACTIONS, action_of
from provisioner.core.address import TaskId
from provisioner.core.api.calls import (
    CreateTask,
    DeleteTask,
    EditingCall,
    EditingVerb,
    ModifyTask,
    RunTask,
    Write,
)
from provisioner.core.api.replies import Done, EditingLock, Refused, RemoteTask, Reply, Unknown
from provisioner.core.jobs.job import Production
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.task_types import family_of
from provisioner.core.text import printable
from provisioner.errors import ApiError

_MAX_ID_LENGTH = 256
"""Many times what the service gives: a letter and a UUID, or 17 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing."""

    tasks: Sequence[RemoteTask]
    total: int | None
    """TotalCount; None if the service did not say."""


def write_reply(write: Write, answered: Answered) -> Reply:
    """What an answer without an error says about a write."""
    match write:
        case CreateTask():
            return create_reply(answered)
        case ModifyTask():
            return _done(write.task_id, answered)
        case DeleteTask():
            return delete_reply(write, answered)
        case RunTask():
            return run_reply(write, answered)


def create_reply(answered: Answered) -> Reply:
    """The new task's id. Without one that can be used a task may have been made all the same."""
    task_id, request_id = answered.response.get("TaskId"), answered.request_id
    if not isinstance(task_id, str) or not task_id.strip():
        message = "the service named no TaskId for the new task"
        return Unknown(code="NoTaskId", message=message, request_id=request_id)
    if not _is_usable(task_id):
        message = f"the service named a TaskId that cannot be one: {printable(task_id[:_MAX_ID_LENGTH])}"
        return Unknown(code="BadTaskId", message=message, request_id=request_id)
    return _done(TaskId(task_id), answered)


def _done(task_id: TaskId, answered: Answered) -> Done:
    return Done(task_id=task_id, request_id=answered.request_id, server_time=answered.server_time or 0)


def _is_usable(task_id: str) -> bool:
    """Whether a later request, a line of the journal and a terminal can all hold this id."""
    return task_id.isprintable() and task_id == task_id.strip() and 0 < len(task_id) <= _MAX_ID_LENGTH


def already_gone(write: Write, *, request_id: str) -> Reply:
    """What "not found" says about a delete: what it was after.

    Raises:
        TypeError: another write; only for a delete is this an answer.
    """
    if not isinstance(write, DeleteTask):
        raise TypeError(f"not found is no answer to {action_of(write)}")
    return Done(task_id=write.task_id, request_id=request_id)


_NOT_DELETED = {1: "the service could not delete the task", 100: "the task is running or suspended"}
"""DeleteFlag -> what it means, where the service gives no reason."""


def delete_reply(write: DeleteTask, answered: Answered) -> Reply:
    """Whether it was deleted: a delete that is refused comes without an error.

    Source: done is ``Data`` true and ``DeleteFlag`` 0 or null; the text in ``DeleteErrInfo`` says
    nothing by itself, since the documented success carries one.
    """
    data, flag = answered.response.get("Data"), answered.response.get("DeleteFlag")
    request_id = answered.request_id
    if data is True and (flag is None or (_is_number(flag) and flag == 0)):
        return _done(write.task_id, answered)
    if _is_number(flag) and flag in _NOT_DELETED:
        reason = answered.response.get("DeleteErrInfo")
        words = printable(reason) if isinstance(reason, str) and reason else _NOT_DELETED[flag]
        return Refused(code=f"DeleteFlag {flag}", message=words, request_id=request_id)
    if data is False and flag is None:
        message = "the service did not delete the task and gave no reason"
        return Refused(code="Data false", message=message, request_id=request_id)
    return Unknown(code="NoData", message="the service did not say whether it deleted", request_id=request_id)


def run_reply(write: RunTask, answered: Answered) -> Reply:
    """Whether a step was accepted; what it leads to takes its time. Source: ``Data`` true is "accepted"."""
    data, request_id = answered.response.get("Data"), answered.request_id
    approval = answered.response.get("DataDto")
    waits_for = approval.get("TaskApproveId") if isinstance(approval, Mapping) else None
    if isinstance(waits_for, str | int) and not isinstance(waits_for, bool) and waits_for:
        # Refused or not: nothing runs before somebody has said yes.
        return replace(_done(write.task_id, answered), approval=printable(str(waits_for)[:_MAX_ID_LENGTH]))
    if data is True:
        return _done(write.task_id, answered)
    if data is False:
        message = "the service did not do it and gave no reason"
        return Refused(code="Data false", message=message, request_id=request_id)
    return Unknown(code="NoData", message="the service did not say whether it does it", request_id=request_id)


def _is_number(value: JSONValue) -> TypeGuard[int]:
    """Whether it is a whole number; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def describe_reply(answered: Answered, *, task_id: TaskId, task_type: int) -> RemoteTask | None:
    """The task, or None if the service says in so many words that there is none.

    Raises:
        ApiError: TaskInfo is missing, of another shape, or that of another task.
    """
    if "TaskInfo" not in answered.response:
        raise unusable(DESCRIBE, "TaskInfo is missing", answered)
    info = answered.response["TaskInfo"]
    if info is None:
        return None
    task = _task(info, DESCRIBE, task_type, answered)
    if task.task_id != task_id:
        raise unusable(DESCRIBE, f"it is task {printable(task.task_id)}, not {printable(task_id)}", answered)
    return task


def list_reply(answered: Answered, *, task_type: int) -> Page:
    """One page.

    Raises:
        ApiError: TaskInfoSet or TotalCount is of another shape, or a task has no TaskId.
    """
    if "TaskInfoSet" not in answered.response:
        raise unusable(LIST, "TaskInfoSet is missing", answered)
    items, total = answered.response["TaskInfoSet"], answered.response.get("TotalCount")
    if total is not None and not _is_number(total):
        raise unusable(LIST, f"TotalCount is {_shape(total)}", answered)
    if items is None:
        items = []
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise unusable(LIST, f"TaskInfoSet is {_shape(items)}", answered)
    return Page(tasks=[_task(item, LIST, task_type, answered) for item in items], total=total)


def editing_reply(call: EditingCall, answered: Answered) -> EditingLock:
    """The editing lock, as far as the answer says.

    Raises:
        ApiError: it does not say what it should.
    """
    action, response = EDITING_ACTIONS[call.verb], answered.response
    match call.verb:
        case EditingVerb.LOOK:
            status = _object(response, "TaskLockStatus", action, answered)
            return EditingLock(
                is_ours=_is_true(status, "IsLocker", action, answered),
                holder=_text(status, "Locker", action, answered),
            )
        case EditingVerb.TAKE_OVER:
            state = _object(response, "RobLockState", action, answered)
            return EditingLock(
                is_ours=_is_true(state, "IsRob", action, answered),
                holder=_text(state, "Locker", action, answered),
            )
        case EditingVerb.LOCK:
            return EditingLock(is_ours=_is_true(response, "Data", action, answered))
        case EditingVerb.RELEASE:
            return EditingLock(is_ours=not _is_true(response, "Data", action, answered))


def _object(response: JSONObject, name: str, action: str, answered: Answered) -> JSONObject:
    value = response.get(name)
    if not isinstance(value, Mapping):
        raise unusable(action, f"{name} is {_shape(value)}", answered)
    return value


def _is_true(values: JSONObject, name: str, action: str, answered: Answered) -> bool:
    """A truth value; the service writes some as 1 and 0."""
    value = values.get(name)
    if value is True or value is False or (_is_number(value) and value in (0, 1)):
        return bool(value)
    raise unusable(action, f"{name} is {_shape(value)}", answered)


def production_of(task: RemoteTask, server_time: int, *, is_submitted: bool) -> Production:
    """The production side of a task as it was read.

    Args:
        task: as it was listed in production, or described.
        server_time: of the answer.
        is_submitted: whether there is a version in production.
    """
    status, version = task.body.get("Status"), task.body.get("InstanceVersion")
    return Production(
        status=status if _is_number(status) else None,
        version=version if _is_number(version) and version > 0 else 0,
        server_time=server_time,
        is_submitted=is_submitted,
    )


def unusable(action: str, what: str, answered: Answered) -> ApiError:
    """The error for an answer that does not say what it should."""
    return ApiError(
        f"The service answered something unusable.\n  {action}: {what}."
        f"\n  RequestId: {printable(answered.request_id)}"
    )


def _task(info: JSONValue, action: str, asked_type: int, answered: Answered) -> RemoteTask:
    if not isinstance(info, Mapping):
        raise unusable(action, f"TaskInfo is {_shape(info)}", answered)
    task_id = _text(info, "TaskId", action, answered)
    if not _is_usable(task_id):
        what = f"the TaskId {printable(task_id[:_MAX_ID_LENGTH])}" if task_id.strip() else "no TaskId"
        raise unusable(action, f"a task has {what}", answered)
    task_type = info.get("TaskType")
    return RemoteTask(
        task_id=TaskId(task_id),
        task_type=family_of(task_type if _is_number(task_type) else asked_type),
        name=_text(info, "TaskName", action, answered),
        description=_text(info, "Description", action, answered),
        create_time=_text(info, "CreateTime", action, answered),
        body=info,
    )


def _text(info: JSONObject, name: str, action: str, answered: Answered) -> str:
    value = info.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise unusable(action, f"{name} is {_shape(value)}", answered)
    return value


def _shape(value: JSONValue) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case None:
            return "null"
        case _:
            return "an object" if isinstance(value, Mapping) else "a list"
