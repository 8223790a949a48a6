"""The rules of the service behind the gateway: tasks, their names, their states, their locks.

Rule: no sockets, no signatures, no faults; a call that comes here has passed the gateway, and what
happens is decided by the definition and the switches.
"""

import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from provisioner.emulator.definition import Definition
from provisioner.emulator.listing import OFFLINE, is_of_type, listed
from provisioner.emulator.nodes import with_node_ids
from provisioner.emulator.parameters import Checker
from provisioner.emulator.readback import read_back
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.storage import VISIBLE_FROM, Storage, Task
from provisioner.emulator.switches import Switches
from provisioner.errors import UsageError

OWNER = "100000000001"
"""The account that every credential of the emulator belongs to."""

_NOT_STARTED, _RUNNING, _SUSPENDED, _STOPPED = 1, 3, 4, 6
_CANNOT_BE_DELETED = (_RUNNING, _SUSPENDED)
_FIXED = frozenset({"TaskId", "ProjectId", "TaskType"})
_KEPT_SCALARS = ("TaskName", "Description", "SyncType", "TaskType", "TaskMode", "ProjectId")

Fields = dict[str, Any]


class Service:
    """Every task of the emulator. Safe to use from several threads."""

    def __init__(
        self, definition: Definition, switches: Switches, storage: Storage, clock: Callable[[], float]
    ) -> None:
        self._definition = definition
        self._switches = switches
        self._storage = storage
        self._clock = clock
        self._lock = threading.RLock()
        self._late: list[tuple[float, str, Mapping[str, Any]]] = []
        self._chance = random.SystemRandom()
        self._actions: dict[str, Callable[[Mapping[str, Any]], Fields]] = {
            "CreateIntegrationTask": self._create,
            "ModifyIntegrationTask": self._modify,
            "DeleteIntegrationTask": self._delete,
            "DeleteOfflineTask": self._delete_offline,
            "CreateOfflineTask": self._create_offline,
            "DescribeIntegrationTask": self._describe,
            "DescribeIntegrationTasks": self._list,
            "CheckIntegrationTaskNameExists": self._name_exists,
            "CommitIntegrationTask": self._commit,
            "StartIntegrationTask": lambda p: self._run(p, _RUNNING),
            "ResumeIntegrationTask": lambda p: self._run(p, _RUNNING),
            "SuspendIntegrationTask": lambda p: self._run(p, _SUSPENDED),
            "StopIntegrationTask": lambda p: self._run(p, _STOPPED),
            "LockIntegrationTask": self._take_lock,
            "RobAndLockIntegrationTask": self._rob_lock,
            "UnlockIntegrationTask": self._release_lock,
            "DescribeTaskLockStatus": self._lock_status,
        }

    def perform(self, action: str, parameters: Mapping[str, Any]) -> Fields:
        """Do it. Returns the reply's fields without RequestId.

        Raises:
            RefusedError: it was refused and had no effect.
        """
        with self._lock:
            self._do_what_is_late()
            return self._perform(action, parameters)

    def perform_late(self, seconds: float, action: str, parameters: Mapping[str, Any]) -> None:
        """Do it once the service's clock is that much further."""
        with self._lock:
            self._late.append((self._clock() + seconds, action, parameters))

    def tasks(self) -> list[Task]:
        """Every task as it is kept, in order of creation: for tests to look at."""
        with self._lock:
            self._do_what_is_late()
            return [dict(task) for task in self._storage.tasks.values()]

    def edit(self, task_id: str, changes: object) -> None:
        """Change a task as somebody in the console would, or as time would.

        Raises:
            UsageError: there is no such task, or it cannot be changed like that.
        """
        if not isinstance(changes, dict):
            raise UsageError(f"A task is changed by an object of fields, not by {changes!r:.80}.")
        if fixed := sorted(_FIXED & changes.keys()):
            raise UsageError(f"A task's {fixed[0]} cannot be changed.")
        try:
            checker = Checker(self._definition, knows_china=True, takes_null=False)
            checker.check(changes, "IntegrationTaskInfo")
        except RefusedError as error:
            raise UsageError(f"A task cannot be changed like that.\n  {error.message}") from error
        with self._lock:
            self._do_what_is_late()
            task = self._storage.tasks.get(task_id)
            if task is None:
                raise UsageError(f"There is no task {task_id!r:.80}.")
            self._storage.put({**task, **changes})

    def close(self) -> None:
        """Give the storage back, between two calls; of later ones nothing is kept."""
        with self._lock:
            self._storage.close()

    # ── writes ──────────────────────────────────────────────────────────────

    def _create(self, parameters: Mapping[str, Any]) -> Fields:
        info = dict(parameters["TaskInfo"])
        is_offline = info.get("TaskType") == OFFLINE
        if is_offline and self._switches["create_offline"] == "refuse":
            raise RefusedError("InvalidParameterValue", "TaskType 202 cannot be created by this action.")
        self._ensure_project(parameters)
        self._ensure_name_is_free(parameters["ProjectId"], info.get("TaskName"))
        if self._switches["create_keeps"] == "scalars":
            info = {name: info[name] for name in _KEPT_SCALARS if name in info}
        return {"TaskId": self._new_task(parameters["ProjectId"], info, is_offline=is_offline)}

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
        return {"TaskId": self._new_task(parameters["ProjectId"], info, is_offline=True), "Data": "true"}

    def _new_task(self, project_id: str, info: Fields, *, is_offline: bool) -> str:
        now = self._now_text()
        task_id = self._new_id(is_offline=is_offline)
        ours = {
            "TaskId": task_id,
            "ProjectId": project_id,
            "TaskType": 201 if info.get("TaskType") is None else info["TaskType"],
            "Status": _NOT_STARTED,
            "CreatorUin": OWNER,
            "OperatorUin": OWNER,
            "OwnerUin": OWNER,
            "CreateTime": now,
            "UpdateTime": now,
            "Locked": True,
            "Locker": OWNER,
            VISIBLE_FROM: self._clock() + int(self._switches["list_lag_seconds"]),
        }
        self._storage.put(with_node_ids({**info, **ours}, self._switches["node_ids"]))
        return task_id

    def _modify(self, parameters: Mapping[str, Any]) -> Fields:
        info = parameters["TaskInfo"]
        self._ensure_project(parameters)
        task = self._task({"ProjectId": parameters["ProjectId"], "TaskId": info.get("TaskId")})
        if self._switches["modify_needs_lock"] == "yes" and task.get("Locker") not in (OWNER, "", None):
            raise RefusedError("UnsupportedOperation", f"The current task is locked by {task['Locker']}.")
        fields = self._definition.objects["IntegrationTaskInfo"]
        given = {
            name: value for name, value in info.items() if fields[name].role in ("input", "input_or_server")
        }
        given = with_node_ids(given, self._switches["node_ids"])
        kept = dict(task)
        if self._switches["modify"] == "replace":
            kept = {name: value for name, value in task.items() if not _is_input(fields, name)}
        fixed = {"TaskType": task["TaskType"], "ProjectId": task["ProjectId"], "UpdateTime": self._now_text()}
        self._storage.put({**kept, **given, **fixed})
        return {"TaskId": task["TaskId"]}

    def _delete(self, parameters: Mapping[str, Any]) -> Fields:
        """Real-time tasks only; a refusal is a success that says no."""
        task = self._task(parameters, is_offline=False)
        if task["Status"] in _CANNOT_BE_DELETED:
            return {"Data": False, "DeleteFlag": 100, "DeleteErrInfo": "The task is running or suspended."}
        self._storage.remove(task["TaskId"])
        # The vendor's own example of a success carries a text here.
        return {"Data": True, "DeleteFlag": 0, "DeleteErrInfo": "task-1 was deleted"}

    def _delete_offline(self, parameters: Mapping[str, Any]) -> Fields:
        self._storage.remove(self._task(parameters, is_offline=True)["TaskId"])
        return {"Data": True}

    # ── reads ───────────────────────────────────────────────────────────────

    def _describe(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._find(parameters)
        if task is None or not is_of_type(task, parameters):
            how = self._switches["not_found"]
            if how != "null":
                raise _not_found(how)
            return {"TaskInfo": None, "AgentStatus": None, "TaskVersion": None}
        info = read_back(task, self._definition, self._switches)
        return {"TaskInfo": info, "AgentStatus": None, "TaskVersion": None}

    def _list(self, parameters: Mapping[str, Any]) -> Fields:
        size, number = parameters["PageSize"], parameters["PageNumber"]
        if not 1 <= size <= int(self._switches["max_page_size"]) or number < 1:
            raise RefusedError("InvalidParameterValue", "The page is out of range.")
        found = listed(self._storage.tasks.values(), parameters, self._switches, now=self._clock())
        page = found[(number - 1) * size : number * size]
        shown = [read_back(task, self._definition, self._switches) for task in page]
        if self._switches["listed_fields"] == "plain":
            shown = [_plain(info) for info in shown]
        return {"TaskInfoSet": shown, "TotalCount": len(found)}

    def _name_exists(self, parameters: Mapping[str, Any]) -> Fields:
        taken = any(
            task["ProjectId"] == parameters["ProjectId"]
            and task.get("TaskName") == parameters["TaskName"]
            and task["TaskId"] != parameters.get("TaskId")
            for task in self._storage.tasks.values()
        )
        return {"Data": taken, "ExistsType": 1 if taken else 0}

    # ── running and locking ─────────────────────────────────────────────────

    def _commit(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._task(parameters)
        if task.get("Locker") not in (OWNER, "", None):
            message = f"The current task is locked by {task['Locker']} and cannot be committed"
            raise RefusedError("UnsupportedOperation", message)
        version = int(task.get("InstanceVersion") or 0) + 1
        status = task["Status"] if parameters.get("CommitType", 0) == 0 else _RUNNING
        self._storage.put({**task, "HasVersion": True, "InstanceVersion": version, "Status": status})
        return {"Data": True}

    def _run(self, parameters: Mapping[str, Any], status: int) -> Fields:
        task = self._task(parameters)
        self._storage.put({**task, "Status": status, "UpdateTime": self._now_text()})
        return {"Data": True}

    def _take_lock(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._task(parameters)
        if task.get("Locked") and task.get("Locker") != OWNER:
            raise RefusedError("UnsupportedOperation", f"The current task is locked by {task['Locker']}.")
        self._storage.put({**task, "Locked": True, "Locker": OWNER})
        return {"Data": True}

    def _rob_lock(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._task(parameters)
        self._storage.put({**task, "Locked": True, "Locker": OWNER})
        return {"RobLockState": {"IsRob": True, "Locker": OWNER}}

    def _release_lock(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._task(parameters)
        self._storage.put({**task, "Locked": False, "Locker": ""})
        return {"Data": True}

    def _lock_status(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._task(parameters)
        is_ours = int(task.get("Locker") == OWNER)
        status = {
            "TaskId": task["TaskId"],
            "Locker": task.get("Locker") or "",
            "IsLocker": is_ours,
            "IsRob": 1,
        }
        return {"TaskLockStatus": status}

    # ── inside ──────────────────────────────────────────────────────────────

    def _perform(self, action: str, parameters: Mapping[str, Any]) -> Fields:
        perform = self._actions.get(action)
        if perform is None:
            raise RefusedError("UnsupportedOperation", f"The emulator does not play {action}.")
        return perform(parameters)

    def _do_what_is_late(self) -> None:
        """In the order in which it is due. What is refused by then has no effect, and nobody hears of it."""
        now = self._clock()
        due = sorted((late for late in self._late if late[0] <= now), key=itemgetter(0))
        self._late = [late for late in self._late if late[0] > now]
        for _, action, parameters in due:
            with suppress(RefusedError):
                self._perform(action, parameters)

    def _ensure_project(self, parameters: Mapping[str, Any]) -> None:
        """The project is said twice, by the call and in TaskInfo; what a contradiction does is unknown."""
        said = parameters["TaskInfo"].get("ProjectId") or parameters["ProjectId"]
        if said != parameters["ProjectId"] and self._switches["project_mismatch"] == "refuse":
            raise RefusedError("InvalidParameterValue", "TaskInfo.ProjectId is not the project of the call.")

    def _ensure_name_is_free(self, project_id: str, name: object) -> None:
        code = self._switches["duplicate_name"]
        if code != "accept" and self._name_exists({"ProjectId": project_id, "TaskName": name})["Data"]:
            raise RefusedError(str(code), "The task name already exists.")

    def _find(self, parameters: Mapping[str, Any]) -> Task | None:
        """The task that a call names, if it is in the project that the call names."""
        task = self._storage.tasks.get(parameters.get("TaskId") or "")
        return task if task is not None and task["ProjectId"] == parameters["ProjectId"] else None

    def _task(self, parameters: Mapping[str, Any], *, is_offline: bool | None = None) -> Task:
        """The task that a call is about, of that type if it matters; else the call is refused."""
        task = self._find(parameters)
        if task is None or is_offline not in (None, task["TaskType"] == OFFLINE):
            raise _not_found(self._switches["not_found_write"])
        return task

    def _new_id(self, *, is_offline: bool) -> str:
        """A letter and a UUID for real-time tasks; 17 digits of time for offline ones."""
        while True:
            if is_offline:
                moment = datetime.fromtimestamp(self._clock(), UTC)
                task_id = f"{moment:%Y%m%d%H%M%S}{self._chance.randrange(1000):03d}"
            else:
                digits = f"{self._chance.getrandbits(128):032x}"
                letter = self._chance.choice("abcdefghijklmnopqrstuvwxyz")
                parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
                task_id = letter + "-".join(parts)
            if task_id not in self._storage.tasks:
                return task_id

    def _now_text(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _plain(info: Fields) -> Fields:
    return {name: None if isinstance(value, list | dict) else value for name, value in info.items()}


def _is_input(fields: Mapping[str, Any], name: str) -> bool:
    field = fields.get(name)
    return field is not None and field.role in ("input", "input_or_server")


def _not_found(code: str) -> RefusedError:
    return RefusedError(code, "The task does not exist.")
