"""Where the emulator keeps its tasks: in memory, and on disk if it was given a folder.

Rule: a task whose creation was answered survives the process being killed. SQLite does that, at a
cost per task that does not grow with their number. What is read back is checked as if it came from
outside: nothing that a later call could stumble over gets in.
"""

import json
import os
import sqlite3
from collections.abc import Mapping

from provisioner.emulator.definition import Definition
from provisioner.emulator.folder import Folder, FolderError
from provisioner.emulator.json_text import read_json
from provisioner.emulator.parameters import Checker
from provisioner.emulator.refused import RefusedError
from provisioner.emulator.task import BODIES, OWN, VISIBLE_FROM, Task, completed

_FILE = "tasks.sqlite3"
_NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "TaskId": str,
    "ProjectId": str,
    "TaskType": int,
    "Status": int,
    "CreateTime": str,
    VISIBLE_FROM: (int, float),
}
"""What the service reads of a task without asking whether it is there."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_START_AFRESH = (
    "The folder may be deleted: it holds nothing but the emulator's own tasks.\n"
    "The next run makes a new one, without tasks."
)


class Storage:
    """The tasks by TaskId, in order of creation. Not safe for several threads: the service locks."""

    def __init__(self, folder: str | None, definition: Definition) -> None:
        """Read what is there.

        Raises:
            FolderError: the folder is in use, damaged, or cannot be used.
        """
        self.tasks: dict[str, Task] = {}
        self._folder: Folder | None = None
        self._database: sqlite3.Connection | None = None
        if folder is None:
            return
        self._folder = Folder(folder)
        try:
            self._database = _database(self._folder)
            checker = Checker(definition, knows_china=True, takes_null=True)
            rows = self._database.execute("SELECT id, task FROM tasks ORDER BY rowid")
            tasks = {str(task_id): _task(task_id, text, checker) for task_id, text in rows}
            self.tasks = {task_id: completed(task, definition) for task_id, task in tasks.items()}
        except (OSError, sqlite3.Error, ValueError, RefusedError) as error:
            self.close()
            raise _unusable(folder, error) from error

    def put(self, task: Task) -> None:
        """Keep a new task, or a task in place of what it was.

        Raises:
            RefusedError: it cannot be written; everything is as it was.
        """
        self._write(
            "INSERT INTO tasks (id, task) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET task = excluded.task",
            (task["TaskId"], json.dumps(task)),
        )
        self.tasks[task["TaskId"]] = task

    def remove(self, task_id: str) -> None:
        """Forget a task.

        Raises:
            RefusedError: as for ``put``.
        """
        self._write("DELETE FROM tasks WHERE id = ?", (task_id,))
        del self.tasks[task_id]

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        if self._database is None:
            return
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            # A full disk, or an emulator that is just ending: what a service calls its own trouble.
            raise RefusedError("InternalError", f"The emulator cannot keep its tasks: {error}.") from error

    def close(self) -> None:
        """Give the database and the folder back."""
        if self._database is not None:
            self._database.close()
        if self._folder is not None:
            self._folder.close()


def _database(folder: Folder) -> sqlite3.Connection:
    # Made before SQLite does, so that nobody else can ever read it.
    os.close(folder.open(_FILE))
    path = os.path.join(folder.path, _FILE)
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, task TEXT NOT NULL)")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _task(task_id: object, text: object, checker: Checker) -> Task:
    """The task in a row.

    Raises:
        ValueError, RefusedError: it is none that was ever put there.
    """
    task = read_json(text) if isinstance(text, str) else None
    if not isinstance(task, dict) or task.get("TaskId") != task_id:
        raise ValueError(f"row {task_id!r:.80} is not a task")
    lacking = [name for name, type_ in _NEEDED.items() if not isinstance(task.get(name), type_)]
    lacking += [name for name, (value, types) in OWN.items() if not isinstance(task.get(name, value), types)]
    if lacking:
        raise ValueError(f"task {task_id!r:.80} has no {lacking[0]}")
    checker.check({name: value for name, value in task.items() if name not in OWN}, "IntegrationTaskInfo")
    for content in (task.get(name) for name in BODIES):
        if content is not None:
            checker.check(content, "IntegrationTaskInfo")
    return task


def _unusable(folder: str, error: Exception) -> FolderError:
    if isinstance(error, OSError):
        return FolderError(folder, error.strerror or str(error))
    # Without a code it is not SQLite that complains but what reads its rows.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code & 0xFF in _DAMAGED:
        return FolderError(folder, f"the tasks in it are damaged ({error})", _START_AFRESH)
    return FolderError(folder, str(error))
