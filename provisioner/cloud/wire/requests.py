"""Writes and reads as calls: one function per API action.

Source: the API definition, version 2021-08-20. A task of TaskType 202 is deleted by another action
than a real-time one, and is described and listed only if its type is said; 201 is the default.
"""

import json

from provisioner.cloud.exchange import Kind
from provisioner.cloud.wire.actions import (
    COMMIT,
    CREATE,
    DELETE,
    DELETE_OFFLINE,
    DESCRIBE,
    LIST,
    LOCK,
    LOCK_STATUS,
    MODIFY,
    RECORD_FIELDS,
    ROB_LOCK,
    RUN_ACTIONS,
    UNLOCK,
    Call,
    Filters,
)
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
from provisioner.core.jobs.job import COMMIT_TYPES, Step
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.task_types import OFFLINE, REAL_TIME, family_of
from provisioner.errors import ApiError

MAX_REQUEST_BYTES = 10 * 1024 * 1024
"""Source: the vendor's limit for a POST signed with TC3-HMAC-SHA256."""


def payload_of(call: Call) -> bytes:
    """The body: these bytes are hashed, signed and sent.

    Raises:
        ApiError: it cannot be written as UTF-8 JSON or is larger than the service takes; nothing
            was sent.
    """
    try:
        text = json.dumps(call.parameters, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        payload = text.encode()
    except ValueError as error:
        # Only a number that is no number, or half of a surrogate pair: JSON has no word for them.
        reason = "it holds half a character" if isinstance(error, UnicodeError) else "a number is not finite"
        raise ApiError(f"A request cannot be written.\n  {call.action}: {reason}.") from error
    if len(payload) > MAX_REQUEST_BYTES:
        raise ApiError(
            f"A request cannot be written.\n  {call.action}: {len(payload)} bytes, and the service takes "
            f"{MAX_REQUEST_BYTES}."
        )
    return payload


def action_of(write: Write) -> str:
    """Name of the API action that a write becomes."""
    match write:
        case CreateTask():
            return CREATE
        case ModifyTask():
            return MODIFY
        case DeleteTask():
            return DELETE_OFFLINE if write.task_type == OFFLINE else DELETE
        case RunTask():
            return RUN_ACTIONS.get(write.step, COMMIT)


def kind_of(write: Write) -> Kind:
    """What a write does at the service."""
    match write:
        case CreateTask():
            return Kind.CREATE
        case ModifyTask():
            return Kind.MODIFY
        case DeleteTask():
            return Kind.DELETE
        case RunTask():
            return Kind.RUN


def write_call(write: Write) -> Call:
    """The call that a write becomes."""
    match write:
        case CreateTask():
            return create_call(write)
        case ModifyTask():
            return modify_call(write)
        case DeleteTask():
            return delete_call(write)
        case RunTask():
            return run_call(write)


def create_call(write: CreateTask) -> Call:
    """CreateIntegrationTask; the project is named twice, as the documented example does."""
    info = {"ProjectId": write.project_id, **_present(write.body)}
    return Call(action=CREATE, parameters={"ProjectId": write.project_id, "TaskInfo": sent_form(info)})


def modify_call(write: ModifyTask) -> Call:
    """ModifyIntegrationTask; which task is meant is said inside TaskInfo."""
    info = {"TaskType": REAL_TIME, **_present(write.body), "TaskId": write.task_id}
    return Call(action=MODIFY, parameters={"ProjectId": write.project_id, "TaskInfo": sent_form(info)})


def delete_call(write: DeleteTask) -> Call:
    """DeleteIntegrationTask, or DeleteOfflineTask with its two further required parameters."""
    names = {"ProjectId": write.project_id, "TaskId": write.task_id}
    if write.task_type == OFFLINE:
        return Call(action=DELETE_OFFLINE, parameters={**names, "OperatorName": "", "VirtualFlag": False})
    return Call(action=DELETE, parameters=names)


def run_call(write: RunTask) -> Call:
    """CommitIntegrationTask with its CommitType, or one of the four that change what runs.

    Source: a start from a point in time is the Event TIMESTAMP with a setting of that name.
    """
    names: JSONObject = {"ProjectId": write.project_id, "TaskId": write.task_id}
    if write.step in COMMIT_TYPES:
        kind = {"CommitType": COMMIT_TYPES[write.step], "TaskType": family_of(write.task_type)}
        return Call(action=COMMIT, parameters={**names, **kind})
    parameters = dict(names)
    if write.step is Step.START and write.start_from is not None:
        parameters["Event"] = "TIMESTAMP"
        parameters["ExtConfig"] = [{"Name": "timestamp", "Value": str(write.start_from)}]
    return Call(action=RUN_ACTIONS[write.step], parameters=parameters)


def describe_call(project_id: str, task_id: TaskId, task_type: int) -> Call:
    """DescribeIntegrationTask."""
    parameters: JSONObject = {
        "ProjectId": project_id,
        "TaskId": task_id,
        "TaskType": family_of(task_type),
    }
    return Call(action=DESCRIBE, parameters=parameters)


def list_call(
    project_id: str, task_type: int, *, page_number: int, page_size: int, filters: Filters = ()
) -> Call:
    """DescribeIntegrationTasks, newest first. Pages count from 1."""
    parameters: JSONObject = {
        "ProjectId": project_id,
        "TaskType": task_type,
        "PageNumber": page_number,
        "PageSize": page_size,
        "OrderFields": [{"Name": "CreateTime", "Direction": "DESC"}],
    }
    if filters:
        listed: JSONValue = [{"Name": name, "Values": [value]} for name, value in filters]
        parameters = {**parameters, "Filters": listed}
    return Call(action=LIST, parameters=parameters)


EDITING_ACTIONS = {
    EditingVerb.LOOK: LOCK_STATUS,
    EditingVerb.LOCK: LOCK,
    EditingVerb.TAKE_OVER: ROB_LOCK,
    EditingVerb.RELEASE: UNLOCK,
}


def editing_call(call: EditingCall) -> Call:
    """One of the four actions about the editing lock; two of them take no TaskType."""
    names: JSONObject = {"ProjectId": call.project_id, "TaskId": call.task_id}
    if call.verb in (EditingVerb.LOOK, EditingVerb.TAKE_OVER):
        names = {**names, "TaskType": family_of(call.task_type)}
    return Call(action=EDITING_ACTIONS[call.verb], parameters=names)


def sent_form(value: JSONValue, name: str = "") -> JSONValue:
    """A canonical value as it is sent: maps that stand for name-value lists become such lists.

    Their order is the map's own. Lists that are written as the API writes them pass as they are.
    """
    # Bodies are made of JSON's own types, and asking for those is far quicker than for the abstract ones.
    if isinstance(value, dict):
        if name in RECORD_FIELDS:
            return [{"Name": key, "Value": item} for key, item in value.items()]
        return {key: sent_form(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [sent_form(item) for item in value]
    return value


def _present(body: JSONObject) -> JSONObject:
    """Without absent values: the vendor's client never sends null."""
    return {key: value for key, value in body.items() if value is not None}
