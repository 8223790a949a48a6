"""Every task by its id: finding one, keeping one, making an id for a new one.

Rule: whoever looks at a task here sees it as it is by the service's clock: transitions that are over
have ended, locks that have expired are open.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from provisioner.emulator.definition import Definition
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches
from provisioner.emulator.task import IN_DEVELOPMENT, LOCKED_AT, Task, is_offline, settled

OWNER = "100000000001"
"""The account that every credential of the emulator belongs to."""

Fields = dict[str, Any]
Action = Callable[[Mapping[str, Any]], Fields]
"""Plays one API action: the parameters in, the reply's fields without RequestId out."""


class Tasks:
    """Not safe for several threads: the service locks."""

    def __init__(
        self, definition: Definition, switches: Switches, storage: Storage, clock: Callable[[], float]
    ) -> None:
        self.definition = definition
        self.switches = switches
        self._storage = storage
        self._clock = clock
        self._chance = random.SystemRandom()

    def now(self) -> float:
        """The service's clock."""
        return self._clock()

    def now_text(self) -> str:
        """The service's clock, as times are written in TaskInfo."""
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%d %H:%M:%S")

    def kept(self) -> Iterable[Task]:
        """Every task in order of creation, as it was kept last: good for all but Status and lock."""
        return self._storage.tasks.values()

    def by_now(self, task: Task) -> Task:
        """A kept task as it is by now."""
        task = settled(task, self._clock())
        expires = int(self.switches["lock_expires_seconds"])
        if expires and task.get("Locked") and self._clock() >= task[LOCKED_AT] + expires:
            return {**task, "Locked": False, "Locker": ""}
        return task

    def get(self, task_id: str) -> Task | None:
        """The task of that id, as it is by now."""
        task = self._storage.tasks.get(task_id)
        return None if task is None else self.by_now(task)

    def find(self, parameters: Mapping[str, Any]) -> Task | None:
        """The task that a call names, in either state, if it is in the project that the call names."""
        task = self.get(parameters.get("TaskId") or "")
        return task if task is not None and task["ProjectId"] == parameters["ProjectId"] else None

    def of_call(
        self, parameters: Mapping[str, Any], *, offline: bool | None = None, development: bool = True
    ) -> Task:
        """The task that a call is about, of that type and in that state if they matter.

        Raises:
            RefusedError: there is none.
        """
        task = self.find(parameters)
        is_there = task is not None and (task[IN_DEVELOPMENT] or not development)
        if task is None or not is_there or offline not in (None, is_offline(task)):
            raise not_found(self.switches["not_found_write"])
        return task

    def put(self, task: Task) -> None:
        """See ``Storage.put``."""
        self._storage.put(task)

    def remove(self, task: Task) -> None:
        """See ``Storage.remove``."""
        self._storage.remove(task["TaskId"])

    def close(self) -> None:
        """See ``Storage.close``."""
        self._storage.close()

    def new_id(self, *, offline: bool) -> str:
        """A letter and a UUID for real-time tasks; 17 digits of time for offline ones."""
        while True:
            if offline:
                moment = datetime.fromtimestamp(self._clock(), UTC)
                task_id = f"{moment:%Y%m%d%H%M%S}{self._chance.randrange(1000):03d}"
            else:
                digits = f"{self._chance.getrandbits(128):032x}"
                letter = self._chance.choice("abcdefghijklmnopqrstuvwxyz")
                parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
                task_id = letter + "-".join(parts)
            if task_id not in self._storage.tasks:
                return task_id

    def new_approval_id(self) -> str:
        """For a commit that waits for approval; what real ones look like is not known."""
        return str(self._chance.randrange(10**18, 10**19))


def not_found(code: str) -> RefusedError:
    """How it is said, with that code, that there is no such task."""
    return RefusedError(code, "The task does not exist.")
