"""Projects on disk, as they are measured."""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping

from corpus import STACK, write_project
from provisioner import __version__
from provisioner.commands.project.manifests import load_manifests
from provisioner.core.address import Address, TaskId
from provisioner.core.manifest.parse import Defaults
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.state.snapshot import encode
from provisioner.core.state.state import Remote, State, TaskRecord

SETTINGS = f"stack: {STACK}\nproject_id: '1'\nregion: ap-singapore\n"


class Sample:
    """A project whose every task was applied, and what can be done to it."""

    def __init__(self, folder: str, count: int, *, endpoint: str = "embedded") -> None:
        self.folder = folder
        self.state = os.path.join(folder, "provisioner.state.json")
        self._settings = f"{SETTINGS}endpoint: {endpoint}\n"
        self._edits = 0
        write_project(folder, count, endpoint=endpoint)
        remote = (
            Remote("embedded", "") if endpoint == "embedded" else Remote("http://127.0.0.1", "ap-singapore")
        )
        loaded = load_manifests(os.path.join(folder, "manifests"), Defaults(project_id="1"))
        tasks = _applied(loaded.desired)
        state = State(lineage="1f2e3d4c5b6a7988", stack=STACK, serial=1, remote=remote, tasks=tasks)
        self._applied = encode(state, __version__)
        self.restore()

    def restore(self) -> None:
        """Everything is applied, and nothing else."""
        for name in ("journal", "lock"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.state.replace("json", name))
        with open(self.state, "wb") as file:
            file.write(self._applied)

    def forget_cache(self) -> None:
        """The next command is a cold one."""
        shutil.rmtree(os.path.join(self.folder, ".provisioner"), ignore_errors=True)

    def forget_all(self) -> None:
        """Nothing was ever applied."""
        self.forget_cache()
        os.remove(self.state)

    def edit_one(self) -> None:
        """One manifest asks for something else."""
        self._edits += 1
        path = os.path.join(self.folder, "manifests", "team-0000", "task-000007.yaml")
        with open(path, encoding="utf-8") as file:
            text = re.sub("Description: .*", f"Description: edit {self._edits}", file.read())
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def edit_all(self) -> None:
        """Every manifest asks for something else."""
        self._edits += 1
        with open(os.path.join(self.folder, "provisioner.yaml"), "w", encoding="utf-8") as file:
            file.write(f"{self._settings}defaults: {{Incharge: p{self._edits}}}\n")


def _applied(desired: Mapping[Address, TaskSpec]) -> dict[Address, TaskRecord]:
    return {
        address: TaskRecord(
            project_id=spec.project_id,
            task_id=TaskId(f"h9d{number:08d}"),
            task_type=spec.task_type,
            spec=spec.body,
            digest=spec.digest,
            request_id="8d6cc27b-0000-4000-8000-000000000000",
            applied_at="2026-11-24T00:00:00Z",
            attempt="0123456789abcdef",
        )
        for number, (address, spec) in enumerate(desired.items())
    }
