"""The emulator's service without sockets, for tests that play whole lives of tasks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioner.emulator import definition
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.service import Service
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches

NOW = 1_700_000_000.0
PRODUCTION = {"Name": "ProductionState", "Values": ["true"]}


class Desk:
    """A service, in memory or in a folder, its switches and its clock."""

    def __init__(self, folder: Path | None = None, **switches: Any) -> None:
        self.now = NOW
        self.switches = Switches(switches)
        declared = definition.load()
        storage = Storage(None if folder is None else str(folder), declared)
        self.service = Service(declared, self.switches, storage, lambda: self.now)

    def do(self, action: str, **parameters: Any) -> dict[str, Any]:
        return self.service.perform(action, {"ProjectId": "1", **parameters})

    def create(self, name: str = "a", project: str = "1", **info: Any) -> str:
        reply = self.do("CreateIntegrationTask", ProjectId=project, TaskInfo={"TaskName": name, **info})
        return str(reply["TaskId"])

    def modify(self, task_id: str, **info: Any) -> None:
        self.do("ModifyIntegrationTask", TaskInfo={"TaskName": "a", **info, "TaskId": task_id})

    def commit(self, task_id: str, commit_type: int | None = None, **more: Any) -> dict[str, Any]:
        return self.do("CommitIntegrationTask", TaskId=task_id, CommitType=commit_type, **more)

    def run(self, action: str, task_id: str, **more: Any) -> None:
        """Start, Stop, Suspend or Resume."""
        assert self.do(f"{action}IntegrationTask", TaskId=task_id, **more) == {"Data": True}

    def page(self, **parameters: Any) -> list[dict[str, Any]]:
        """Everything that a listing shows."""
        reply = self.do("DescribeIntegrationTasks", PageNumber=1, PageSize=100, **parameters)
        assert reply["TotalCount"] == len(reply["TaskInfoSet"])
        return list(reply["TaskInfoSet"])

    def listed(self, **parameters: Any) -> list[str]:
        return [task["TaskId"] for task in self.page(**parameters)]

    def read(self, task_id: str, **parameters: Any) -> Any:
        """The development state; None if there is none."""
        return self.do("DescribeIntegrationTask", TaskId=task_id, **parameters)["TaskInfo"]

    def in_production(self, task_id: str, **parameters: Any) -> Any:
        """The production state; None if there is none."""
        filters = [PRODUCTION, {"Name": "TaskId", "Values": [task_id]}]
        return next(iter(self.page(Filters=filters, **parameters)), None)

    def kept(self, task_id: str) -> dict[str, Any]:
        """The task with what only tests see."""
        return next(task for task in self.service.tasks() if task["TaskId"] == task_id)


def code_of(call: Callable[[], object]) -> str:
    """The code with which a call is refused."""
    with pytest.raises(RefusedError) as raised:
        call()
    return raised.value.code
