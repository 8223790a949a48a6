"""Where the emulator keeps its tasks: in memory, and on disk if it was given a folder.

Rule: a task whose creation was answered survives the process being killed. SQLite does that, at a
cost per task that does not grow with their number.
"""

import json
import os
import sqlite3
from typing import Any

Task = dict[str, Any]
"""TaskInfo as the service has it; keys that begin with ``_`` are the emulator's own."""

_FILE = "tasks.sqlite3"


class Storage:
    """The tasks by TaskId, in order of creation. Not safe for several threads: the service locks."""

    def __init__(self, folder: str | None) -> None:
        self._database = None
        self.tasks: dict[str, Task] = {}
        if folder is None:
            return
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, _FILE)
        # Made before SQLite does, so that nobody else can ever read it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, task TEXT NOT NULL)")
        rows = self._database.execute("SELECT id, task FROM tasks ORDER BY rowid")
        self.tasks = {task_id: json.loads(text) for task_id, text in rows}

    def put(self, task: Task) -> None:
        """Keep a new task, or a task in place of what it was."""
        self.tasks[task["TaskId"]] = task
        if self._database is not None:
            self._database.execute(
                "INSERT INTO tasks (id, task) VALUES (?, ?) "
                "ON CONFLICT (id) DO UPDATE SET task = excluded.task",
                (task["TaskId"], json.dumps(task)),
            )

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        del self.tasks[task_id]
        if self._database is not None:
            self._database.execute("DELETE FROM tasks WHERE id = ?", (task_id,))

    def close(self) -> None:
        """Give the database back."""
        if self._database is not None:
            self._database.close()
