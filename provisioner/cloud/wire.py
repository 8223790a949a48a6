"""What is said on the wire: our values as API parameters, API replies as our values.

Rule: one function for each API action, and nobody else knows a parameter's name. A reply is data
from outside: what is not of the promised shape is "not usable", never a crash and never success.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.core.address import JSONObject, JSONValue, TaskId
from provisioner.core.calls import (
    OFFLINE,
    CreateTask,
    DeleteTask,
    Done,
    ModifyTask,
    Refused,
    RemoteTask,
    Reply,
    Unknown,
    Write,
)
from provisioner.core.manifest import task_type_of
from provisioner.core.text import printable
from provisioner.errors import ApiError

_RECORD_LISTS = frozenset({"Config", "ExtConfig", "ExecuteContext", "Properties"})
"""Fields whose canonical form is a map, and whose wire form is a list of Name and Value."""

Parameters = Mapping[str, JSONValue]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing."""

    tasks: Sequence[RemoteTask]
    total: int | None


# ── writes ──────────────────────────────────────────────────────────────────


def action_of(write: Write) -> str:
    """The API action that a write becomes."""
    match write:
        case CreateTask():
            return "CreateIntegrationTask"
        case ModifyTask():
            return "ModifyIntegrationTask"
        case DeleteTask():
            return "DeleteOfflineTask" if write.task_type == OFFLINE else "DeleteIntegrationTask"


def parameters_of(write: Write) -> Parameters:
    """The parameters of that API action."""
    match write:
        case CreateTask():
            return {"ProjectId": write.project_id, "TaskInfo": _info(write.project_id, write.body)}
        case ModifyTask():
            info = {**_info(write.project_id, write.body), "TaskId": write.task_id}
            info.setdefault("TaskType", task_type_of(write.body))
            return {"ProjectId": write.project_id, "TaskInfo": info}
        case DeleteTask():
            named: dict[str, JSONValue] = {"ProjectId": write.project_id, "TaskId": write.task_id}
            # Both are required for offline tasks; the vendor's own provider sends these values.
            offline: dict[str, JSONValue] = {"OperatorName": "", "VirtualFlag": False}
            return {**named, **offline} if write.task_type == OFFLINE else named


def reply_of(write: Write, fields: Mapping[str, Any], request_id: str) -> Reply:
    """What a reply without an error says about a write."""
    match write:
        case CreateTask():
            return _created(fields, request_id)
        case ModifyTask():
            return Done(task_id=write.task_id, request_id=request_id)
        case DeleteTask():
            return _deleted(write, fields, request_id)


def _created(fields: Mapping[str, Any], request_id: str) -> Reply:
    task_id = fields.get("TaskId")
    if isinstance(task_id, str) and task_id.strip():
        return Done(task_id=TaskId(task_id), request_id=request_id)
    message = "the service reported success without a TaskId"
    return Unknown(code="NoTaskId", message=message, request_id=request_id)


def _deleted(write: DeleteTask, fields: Mapping[str, Any], request_id: str) -> Reply:
    """Only ``Data: true`` with DeleteFlag 0 or null is a deletion: a refusal comes without an error.

    On success DeleteErrInfo may hold any text, so it is believed on failure only.
    """
    flag = fields.get("DeleteFlag")
    if fields.get("Data") is True and flag in (0, None):
        return Done(task_id=write.task_id, request_id=request_id)
    reason = fields.get("DeleteErrInfo")
    message = (
        printable(reason) if isinstance(reason, str) and reason else "the service did not delete the task"
    )
    return Refused(code=f"DeleteFlag {printable(str(flag))}", message=message, request_id=request_id)


def _info(project_id: str, body: JSONObject) -> dict[str, JSONValue]:
    """TaskInfo as the API wants it: with the project once more, and maps as lists."""
    return {**_as_sent(body), "ProjectId": body.get("ProjectId") or project_id}


def _as_sent(body: JSONObject) -> dict[str, JSONValue]:
    return {name: _value_as_sent(name, value) for name, value in body.items()}


def _value_as_sent(name: str, value: JSONValue) -> JSONValue:
    if isinstance(value, Mapping):
        if name in _RECORD_LISTS:
            return [{"Name": key, "Value": item} for key, item in value.items()]
        return _as_sent(value)
    if isinstance(value, list):
        return [_as_sent(item) if isinstance(item, Mapping) else item for item in value]
    return value


# ── reads ───────────────────────────────────────────────────────────────────

READ = "DescribeIntegrationTask"
LIST = "DescribeIntegrationTasks"


def read_parameters(project_id: str, task_id: TaskId, task_type: int) -> Parameters:
    """Parameters of DescribeIntegrationTask; its default type is real-time, so it is always said."""
    return {"ProjectId": project_id, "TaskId": task_id, "TaskType": task_type}


def read_reply(fields: Mapping[str, Any], task_type: int) -> RemoteTask | None:
    """The task, or None: an unknown task may be answered with TaskInfo null.

    Raises:
        ApiError: the reply is not usable.
    """
    info = fields.get("TaskInfo")
    return None if info is None else _remote_task(info, task_type, READ)


def list_parameters(project_id: str, task_type: int, *, page: int, size: int) -> Parameters:
    """Parameters of DescribeIntegrationTasks: development state, newest first."""
    return {
        "ProjectId": project_id,
        "PageNumber": page,
        "PageSize": size,
        "TaskType": task_type,
        "OrderFields": [{"Name": "CreateTime", "Direction": "DESC"}],
    }


def list_reply(fields: Mapping[str, Any], task_type: int) -> Page:
    """One page.

    Raises:
        ApiError: the reply is not usable.
    """
    listed, total = fields.get("TaskInfoSet"), fields.get("TotalCount")
    if listed is None:
        listed = []
    if not isinstance(listed, list) or not isinstance(total, int | None) or isinstance(total, bool):
        raise _unusable(LIST, "TaskInfoSet is no list, or TotalCount no number")
    return Page([_remote_task(info, task_type, LIST) for info in listed], total)


def _remote_task(info: object, task_type: int, action: str) -> RemoteTask:
    if not isinstance(info, Mapping):
        raise _unusable(action, "a task is no object")
    task_id = info.get("TaskId")
    if not isinstance(task_id, str) or not task_id:
        raise _unusable(action, "a task has no TaskId")
    return RemoteTask(
        task_id=TaskId(task_id),
        task_type=task_type,
        name=_text(info.get("TaskName")),
        description=_text(info.get("Description")),
        create_time=_text(info.get("CreateTime")),
        body=info,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _unusable(action: str, why: str) -> ApiError:
    return ApiError(f"The service's answer is not usable.\n  {action}: {why}")
