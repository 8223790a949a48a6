"""Writing a task: create, modify, delete.

Rule: these work on the development state. What was committed stays as it was, and so does the job; only
a delete may take everything.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.emulator.locks import Locks, ensure_lock
from provisioner.emulator.node_ids import with_node_ids
from provisioner.emulator.reads import Reading
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.task import (
    APPROVAL,
    APPROVAL_BODY,
    COMMITTED,
    DRAFT,
    IN_DEVELOPMENT,
    IN_TRANSITION,
    NOT_STARTED,
    OFFLINE,
    RUNNING,
    SUSPENDED,
    VISIBLE_FROM,
    Task,
    is_input,
)
from provisioner.emulator.tasks import OWNER, Action, Fields, Tasks

_KEPT_SCALARS = ("TaskName", "Description", "SyncType", "TaskType", "TaskMode", "ProjectId")
_CANNOT_BE_DELETED = (RUNNING, SUSPENDED, *IN_TRANSITION)
_NOT_SUBMITTED = 1
"""Of OfflineTaskStatus; the captured reply has it for a real-time task too."""


class Writing:
    """The actions on the development state."""

    def __init__(self, tasks: Tasks, reading: Reading, locks: Locks) -> None:
        self._tasks = tasks
        self._switches = tasks.switches
        self._reading = reading
        self._locks = locks

    def actions(self) -> Mapping[str, Action]:
        """What is played here."""
        return {
            "CreateIntegrationTask": self._create,
            "CreateOfflineTask": self._create_offline,
            "ModifyIntegrationTask": self._modify,
            "DeleteIntegrationTask": self._delete,
            "DeleteOfflineTask": self._delete_offline,
        }

    def _create(self, parameters: Mapping[str, Any]) -> Fields:
        info = dict(parameters["TaskInfo"])
        offline = info.get("TaskType") == OFFLINE
        if offline and self._switches["create_offline"] == "refuse":
            raise RefusedError("InvalidParameterValue", "TaskType 202 cannot be created by this action.")
        self._ensure_project(parameters)
        self._ensure_name_is_free(parameters["ProjectId"], info.get("TaskName"))
        if self._switches["create_keeps"] == "scalars":
            info = {name: info[name] for name in _KEPT_SCALARS if name in info}
        return {"TaskId": self._new_task(parameters["ProjectId"], info, offline=offline)}

    def _create_offline(self, parameters: Mapping[str, Any]) -> Fields:
        schedule = {
            name: parameters[name]
            for name in ("CycleStep", "DelayTime", "StartTime", "EndTime", "TaskAction")
        }
        info = {
            "TaskName": parameters["TaskName"],
            "Description": parameters["Notes"],
            "TaskMode": parameters["TaskMode"],
            "TaskType": OFFLINE,
            "OfflineTaskAddEntity": schedule,
        }
        self._ensure_name_is_free(parameters["ProjectId"], info["TaskName"])
        return {"TaskId": self._new_task(parameters["ProjectId"], info, offline=True), "Data": "true"}

    def _new_task(self, project_id: str, info: Fields, *, offline: bool) -> str:
        now = self._tasks.now_text()
        task_id = self._tasks.new_id(offline=offline)
        ours = {
            "TaskId": task_id,
            "ProjectId": project_id,
            "TaskType": 201 if info.get("TaskType") is None else info["TaskType"],
            "Status": NOT_STARTED,
            "CreatorUin": OWNER,
            "OperatorUin": OWNER,
            "OwnerUin": OWNER,
            "CreateTime": now,
            "UpdateTime": now,
            "Submit": None,
            "HasVersion": None,
            "InstanceVersion": None,
            "OfflineTaskStatus": _NOT_SUBMITTED,
            "Locked": False,
            "Locker": "",
            **DRAFT,
            VISIBLE_FROM: self._tasks.now() + int(self._switches["list_lag_seconds"]),
        }
        task = with_node_ids({**info, **ours}, self._switches["node_ids"])
        self._tasks.put(self._locks.locked(task) if self._switches["create_takes_lock"] == "yes" else task)
        return task_id

    def _modify(self, parameters: Mapping[str, Any]) -> Fields:
        info = parameters["TaskInfo"]
        self._ensure_project(parameters)
        task = self._tasks.of_call({"ProjectId": parameters["ProjectId"], "TaskId": info.get("TaskId")})
        ensure_lock(task, self._switches["modify_needs_lock"], "modified")
        if task["Status"] in (RUNNING, *IN_TRANSITION) and self._switches["modify_running"] == "refuse":
            raise RefusedError(str(self._switches["precondition_code"]), "The current task is running.")
        fields = self._tasks.definition.objects["IntegrationTaskInfo"]
        given = {name: value for name, value in info.items() if is_input(fields, name)}
        given = with_node_ids(given, self._switches["node_ids"])
        kept = dict(task)
        if self._switches["modify"] == "replace":
            kept = {name: value for name, value in task.items() if not is_input(fields, name)}
        fixed = {
            "TaskType": task["TaskType"],
            "ProjectId": task["ProjectId"],
            "UpdateTime": self._tasks.now_text(),
        }
        self._tasks.put({**kept, **given, **fixed})
        return {"TaskId": task["TaskId"]}

    def _delete(self, parameters: Mapping[str, Any]) -> Fields:
        """Real-time tasks only; a refusal is a success that says no."""
        task = self._tasks.of_call(parameters, offline=False)
        ensure_lock(task, self._switches["delete_needs_lock"], "deleted")
        if task["Status"] in _CANNOT_BE_DELETED:
            return {"Data": False, "DeleteFlag": 100, "DeleteErrInfo": "The task is running or suspended."}
        if self._switches["delete_fails"] == "yes":
            return {"Data": False, "DeleteFlag": 1, "DeleteErrInfo": "The task could not be deleted."}
        self._remove(task)
        # The vendor's own example of a success carries a text here.
        return {"Data": True, "DeleteFlag": 0, "DeleteErrInfo": "task-1 was deleted"}

    def _delete_offline(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._tasks.of_call(parameters, offline=True)
        ensure_lock(task, self._switches["delete_needs_lock"], "deleted")
        self._remove(task)
        return {"Data": True}

    def _remove(self, task: Task) -> None:
        if task[COMMITTED] is not None and self._switches["delete_removes"] == "development":
            self._tasks.put({**task, IN_DEVELOPMENT: False, APPROVAL: None, APPROVAL_BODY: None})
        else:
            self._tasks.remove(task)

    def _ensure_project(self, parameters: Mapping[str, Any]) -> None:
        """The project is said twice, by the call and in TaskInfo; what a contradiction does is unknown."""
        said = parameters["TaskInfo"].get("ProjectId") or parameters["ProjectId"]
        if said != parameters["ProjectId"] and self._switches["project_mismatch"] == "refuse":
            raise RefusedError("InvalidParameterValue", "TaskInfo.ProjectId is not the project of the call.")

    def _ensure_name_is_free(self, project_id: str, name: object) -> None:
        code = self._switches["duplicate_name"]
        if code != "accept" and self._reading.where_name_is({"ProjectId": project_id, "TaskName": name}):
            raise RefusedError(str(code), "The task name already exists.")
