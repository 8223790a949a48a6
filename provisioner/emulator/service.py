"""The service behind the gateway: which part plays an action, what is late, what an edit may do.

Rule: no sockets, no signatures, no faults; a call that comes here has passed the gateway, and what
happens is decided by the definition and the switches. One call at a time.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import Any

from provisioner.emulator.definition import Definition
from provisioner.emulator.locks import Locks
from provisioner.emulator.parameters import Checker
from provisioner.emulator.reads import Reading
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.running import Running
from provisioner.emulator.storage import Storage
from provisioner.emulator.switches import Switches
from provisioner.emulator.task import Task, edited
from provisioner.emulator.tasks import Action, Fields, Tasks
from provisioner.emulator.writes import Writing
from provisioner.errors import UsageError

_FIXED = frozenset({"TaskId", "ProjectId", "TaskType"})


class Service:
    """Every task of the emulator. Safe to use from several threads."""

    def __init__(
        self, definition: Definition, switches: Switches, storage: Storage, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._late: list[tuple[float, str, Mapping[str, Any]]] = []
        self._tasks = Tasks(definition, switches, storage, clock)
        self._running = Running(self._tasks)
        reading, locks = Reading(self._tasks), Locks(self._tasks)
        self._actions: Mapping[str, Action] = {
            **Writing(self._tasks, reading, locks).actions(),
            **reading.actions(),
            **self._running.actions(),
            **locks.actions(),
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
        """Every task as it is by now, in order of creation: for tests to look at. It counts as no read."""
        with self._lock:
            self._do_what_is_late()
            return [dict(self._tasks.by_now(task)) for task in self._tasks.kept()]

    def edit(self, task_id: str, changes: object) -> None:
        """Change a task as somebody in the console would, or as time would.

        Raises:
            UsageError: there is no such task, or it cannot be changed like that.
        """
        if not isinstance(changes, dict):
            raise UsageError(f"A task is changed by an object of fields, not by {changes!r:.80}.")
        if fixed := sorted(_FIXED & changes.keys()):
            raise UsageError(f"A task's {fixed[0]} cannot be changed.")
        definition = self._tasks.definition
        try:
            Checker(definition, knows_china=True, takes_null=False).check(changes, "IntegrationTaskInfo")
        except RefusedError as error:
            raise UsageError(f"A task cannot be changed like that.\n  {error.message}") from error
        with self._lock:
            self._do_what_is_late()
            task = self._tasks.get(task_id)
            if task is None:
                raise UsageError(f"There is no task {task_id!r:.80}.")
            self._tasks.put(edited(task, changes, definition, self._clock()))

    def approve(self, task_id: str) -> None:
        """Approve the commit of a task that waits for it; see ``Running.approve``."""
        with self._lock:
            self._do_what_is_late()
            self._running.approve(task_id)

    def close(self) -> None:
        """Give the storage back, between two calls; of later ones nothing is kept."""
        with self._lock:
            self._tasks.close()

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
