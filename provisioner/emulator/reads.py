"""Reading: one task, listings, whether a name is taken.

Rule: a read shows one of a task's two states, and which one is never in doubt: a describe the
development state, a listing what its filter asks for. Reading changes nothing, but a transition may
last for a number of reads; those that show it count.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.emulator.listing import listed, wants_production
from provisioner.emulator.readback import read_back
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.task import (
    COMMITTED,
    IN_DEVELOPMENT,
    NEW,
    READS_LEFT,
    STATUS_AFTER,
    Task,
    in_production,
    is_of_type,
)
from provisioner.emulator.tasks import Action, Fields, Tasks, not_found

_NOWHERE, _IN_DEVELOPMENT, _IN_PRODUCTION = range(3)
"""Values of ExistsType."""


class Reading:
    """The actions that look."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._switches = tasks.switches

    def actions(self) -> Mapping[str, Action]:
        """What is played here."""
        return {
            "DescribeIntegrationTask": self._describe,
            "DescribeIntegrationTasks": self._list,
            "CheckIntegrationTaskNameExists": self._name_exists,
        }

    def where_name_is(self, parameters: Mapping[str, Any]) -> int:
        """ExistsType: where in the project another task than the one that is named has that name."""
        name = parameters["TaskName"]
        others = [
            task
            for task in self._tasks.kept()
            if task["ProjectId"] == parameters["ProjectId"] and task["TaskId"] != parameters.get("TaskId")
        ]
        if any(task[IN_DEVELOPMENT] and task.get("TaskName") == name for task in others):
            return _IN_DEVELOPMENT
        if any(task[COMMITTED] is not None and task[COMMITTED].get("TaskName") == name for task in others):
            return _IN_PRODUCTION
        return _NOWHERE

    def _describe(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._tasks.find(parameters)
        if task is None or not task[IN_DEVELOPMENT] or not is_of_type(task, parameters):
            how = self._switches["not_found"]
            if how != "null":
                raise not_found(how)
            return {"TaskInfo": None, "AgentStatus": None, "TaskVersion": None}
        return {"TaskInfo": self._shown(task, production=False), "AgentStatus": None, "TaskVersion": None}

    def _list(self, parameters: Mapping[str, Any]) -> Fields:
        size, number = parameters["PageSize"], parameters["PageNumber"]
        if not 1 <= size <= int(self._switches["max_page_size"]) or number < 1:
            raise RefusedError("InvalidParameterValue", "The page is out of range.")
        found = listed(self._tasks.kept(), parameters, self._switches, now=self._tasks.now())
        page = found[(number - 1) * size : number * size]
        production = wants_production(parameters)
        shown = [self._shown(self._tasks.by_now(task), production=production) for task in page]
        if self._switches["listed_fields"] == "plain":
            shown = [_plain(info) for info in shown]
        return {"TaskInfoSet": shown, "TotalCount": len(found)}

    def _name_exists(self, parameters: Mapping[str, Any]) -> Fields:
        where = self.where_name_is(parameters)
        return {"Data": where != _NOWHERE, "ExistsType": where}

    def _shown(self, task: Task, *, production: bool) -> Fields:
        """TaskInfo of the one state or the other, for a reply."""
        if production:
            info = in_production(task, self._tasks.definition)
        elif self._switches["development_status"] == "new":
            info = {**task, "Status": NEW}
        else:
            info = task
        if info["Status"] == task["Status"] and task[STATUS_AFTER] is not None and task[READS_LEFT] > 0:
            self._tasks.put({**task, READS_LEFT: task[READS_LEFT] - 1})
        return read_back(info, self._tasks.definition, self._switches)


def _plain(info: Fields) -> Fields:
    return {name: None if isinstance(value, list | dict) else value for name, value in info.items()}
