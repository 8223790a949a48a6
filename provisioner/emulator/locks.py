"""Who holds a task, and what that forbids others.

Rule: a task has one holder or none. Every credential of the emulator is one account's, so a lock is
either ours or somebody's who edited the task. Which actions need the lock is unknown but for the
commit, which the vendor's captured refusal shows; each has a switch.
"""

from collections.abc import Mapping
from typing import Any

from provisioner.emulator.refused import RefusedError
from provisioner.emulator.task import LOCKED_AT, Task, is_of_type
from provisioner.emulator.tasks import OWNER, Action, Fields, Tasks, not_found


def holder(task: Task) -> str:
    """Who holds the lock; empty if nobody does."""
    return str(task.get("Locker") or "") if task.get("Locked") else ""


def ensure_lock(task: Task, how: str, done: str) -> None:
    """Let somebody do something with a task whose lock matters like that: ``no``, ``others``, ``holder``.

    Raises:
        RefusedError: the lock forbids it.
    """
    held = holder(task)
    if how != "no" and held not in (OWNER, ""):
        # The text of the captured refusal of a commit.
        message = f"CloudApiException: The current task is locked by {held} and cannot be {done}"
        raise RefusedError("UnsupportedOperation", message)
    if how == "holder" and not held:
        message = f"CloudApiException: The current task is not locked by {OWNER} and cannot be {done}"
        raise RefusedError("UnsupportedOperation", message)


class Locks:
    """The actions that take a lock, give it back, and ask who has it."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def actions(self) -> Mapping[str, Action]:
        """What is played here."""
        return {
            "LockIntegrationTask": self._take,
            "UnlockIntegrationTask": self._give_back,
            "RobAndLockIntegrationTask": self._rob,
            "DescribeTaskLockStatus": self._status,
        }

    def locked(self, task: Task) -> Task:
        """The task in our hands, from now on."""
        return {**task, "Locked": True, "Locker": OWNER, LOCKED_AT: self._tasks.now()}

    def _take(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._tasks.of_call(parameters)
        ensure_lock(task, "others", "locked")
        self._tasks.put(self.locked(task))
        return {"Data": True}

    def _give_back(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._tasks.of_call(parameters)
        ensure_lock(task, "others", "unlocked")
        self._tasks.put({**task, "Locked": False, "Locker": ""})
        return {"Data": True}

    def _rob(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._of_type(parameters)
        if not self._may_be_taken(task):
            return {"RobLockState": {"IsRob": False, "Locker": holder(task)}}
        self._tasks.put(self.locked(task))
        return {"RobLockState": {"IsRob": True, "Locker": OWNER}}

    def _status(self, parameters: Mapping[str, Any]) -> Fields:
        task = self._of_type(parameters)
        status = {
            "TaskId": task["TaskId"],
            "Locker": holder(task),
            "IsLocker": int(holder(task) == OWNER),
            "IsRob": int(self._may_be_taken(task)),
        }
        return {"TaskLockStatus": status}

    def _of_type(self, parameters: Mapping[str, Any]) -> Task:
        """The task, which these two actions want to know by its type too."""
        task = self._tasks.of_call(parameters)
        if not is_of_type(task, parameters):
            raise not_found(self._tasks.switches["not_found_write"])
        return task

    def _may_be_taken(self, task: Task) -> bool:
        return holder(task) in (OWNER, "") or self._tasks.switches["rob"] == "allowed"
