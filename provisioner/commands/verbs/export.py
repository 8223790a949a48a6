"""``export``: every task of a WeData project as manifests and state.

Rule: nothing is sent and no file is overwritten. A task that the state has is left alone, so running it
again adds only what is new; a manifest that describes a task exactly is taken for its own. At the end the
plan is made, and it is empty, or what is left is said with the reason.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.commands.project.manifests import Manifests
from provisioner.commands.project.project import Options, Project, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.machine import Machine
from provisioner.commands.support.planning import load_state, plan_of, read_manifests
from provisioner.commands.support.remote import open_remote
from provisioner.commands.support.workers import ThreadWorkers
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.api.replies import RemoteTask
from provisioner.core.api.task_api import TaskApi
from provisioner.core.body.diff import FieldChange, names_a_secret, path_label
from provisioner.core.body.readback import not_kept
from provisioner.core.json_types import JSONValue
from provisioner.core.manifest.export import address_for, document_of
from provisioner.core.manifest.parse import parse
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import find_marker
from provisioner.core.plan.moves import rearranged
from provisioner.core.plan.plan import Plan
from provisioner.core.schema.manifest_schema import manifest_schema
from provisioner.core.schema.validation import Checker
from provisioner.core.source import Source
from provisioner.core.state.state import State
from provisioner.core.text import printable
from provisioner.engine import manual
from provisioner.engine.refresh import Named, read_each
from provisioner.errors import UsageError
from provisioner.render.plan_text import render_plan
from provisioner.render.words import counted
from provisioner.store.manifest_text import manifest_text

_ENTRY_BYTES = 2_000


@dataclass(slots=True)
class _Exported:
    """What one export came to."""

    taken: dict[Address, TaskSpec] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Tasks that were not exported, and fields that are not as they are there: one line each."""

    known: int = 0
    """Tasks that the state has already."""


def export(terminal: Terminal, options: Options, folder: str | None, *, lock_timeout_seconds: float) -> int:
    """Write what is new in the project. Returns the exit code: 1 if anything is left.

    Raises:
        UsageError: no project is named, the folder holds no manifests, or a file cannot be written.
        ProvisionerError: manifests, state or service cannot be used.
    """
    chosen = os.path.abspath(folder) if folder else None
    project = open_project(options)
    target = _folder(project, chosen)
    project_id = project.settings.project_id
    if not project_id:
        raise UsageError("Which project?\nName it: --project-id ID")
    machine = Machine(terminal, project)
    with locked(terminal, machine.backend, "export", lock_timeout_seconds):
        state = load_state(project, machine.backend)
        manifests = read_manifests(terminal, project, state, destroy=True)
        with open_remote(project.settings, machine.clock) as api:
            exporter = _Exporter(terminal, project, machine, state, manifests, target)
            exported = exporter.run(api, project_id)
        plan = _proof(project, machine.backend.state, exported)
    code = _conclude(terminal, exported, plan)
    there = rearranged(state, manifests.names(use_marker=project.use_marker)).state
    for note in _notes(exported, manifests.desired, there, project_id):
        terminal.say(note)
    return code


def _notes(
    exported: _Exported, desired: Mapping[Address, TaskSpec], state: State, project_id: str
) -> Iterator[str]:
    """What a person should know before the files go into git and an apply is run."""
    if not exported.taken and not exported.known and not exported.left:
        yield f"Project {project_id} shows no tasks. If that is the wrong one: --project-id ID"
    secret = [spec for spec in exported.taken.values() if _holds_secret(spec.body)]
    if secret:
        yield (
            f"Look before you commit: {counted(len(secret), 'manifest')} with a setting that is named as a "
            f"secret, first {secret[0].source.file}"
        )
    known = {*state.tasks, *state.open, *exported.taken}
    bare = [spec for address, spec in desired.items() if address not in known]
    if bare:
        yield (
            f"{counted(len(bare), 'manifest')} without a task, first {bare[0].source.file}: "
            "the next apply makes one"
        )


def _holds_secret(value: JSONValue) -> bool:
    """Whether a name that says so has a value, at whatever depth."""
    if isinstance(value, Mapping):
        named = any(names_a_secret(name) and isinstance(one, str) for name, one in value.items())
        return named or any(map(_holds_secret, value.values()))
    return isinstance(value, list) and any(map(_holds_secret, value))


def _folder(project: Project, chosen: str | None) -> str:
    """Where the manifests go, as they are named in messages."""
    manifests = project.settings.manifests
    if os.path.isfile(manifests):
        raise UsageError(f"The manifests are one file.\n  {printable(manifests)}: export needs a folder.")
    path = os.path.relpath(chosen or manifests)
    if os.path.commonpath([os.path.realpath(path), os.path.realpath(manifests)]) != os.path.realpath(
        manifests
    ):
        raise UsageError(
            f"Manifests in that folder would not be read.\n  {printable(path)}: is not below "
            f"{printable(manifests)}."
        )
    return path


class _Exporter:
    """Writes manifests and records their tasks, one by one: what is written is recorded next."""

    def __init__(
        self,
        terminal: Terminal,
        project: Project,
        machine: Machine,
        state: State,
        manifests: Manifests,
        folder: str,
    ) -> None:
        self._terminal = terminal
        self._project = project
        self._machine = machine
        self._state = state
        self._desired = manifests.desired
        self._folder = folder
        self._checker = Checker(manifest_schema())
        self._result = _Exported()
        spoken_for = manifests.names(use_marker=project.use_marker).spoken_for
        self._names = {*state.tasks, *state.open, *manifests.desired, *spoken_for}

    def run(self, api: TaskApi, project_id: str) -> _Exported:
        """Every task of the project that is new."""
        known = {record.task_id for record in self._state.tasks.values()}
        listed = api.inventory(project_id).tasks
        new = [task for task in listed if task.task_id not in known and self._is_free(task)]
        self._result.known = sum(task.task_id in known for task in listed)
        new.sort(key=lambda task: (task.create_time, task.task_id))
        workers = ThreadWorkers(self._project.settings.parallelism)
        names = [Named(project_id, task.task_id, task.task_type) for task in new]
        with self._terminal.progress(len(new), "Reading") as advance:
            tasks = list(self._read(new, names, api, workers, advance))
        if tasks:
            self._take(tasks, project_id)
        return self._result

    def _is_free(self, task: RemoteTask) -> bool:
        marker = find_marker(task.description)
        if marker is None or marker.stack == self._project.settings.stack:
            return True
        self._leave(task, "it belongs to another project of this tool, as its marker says")
        return False

    def _read(
        self,
        listed: Sequence[RemoteTask],
        names: Sequence[Named],
        api: TaskApi,
        workers: ThreadWorkers,
        advance: Callable[[int], None],
    ) -> Iterator[RemoteTask]:
        """Each task alone, because a listing need not show all of it; in the order of the listing."""
        answers = {}
        for index, answer in read_each(names, api, workers):
            answers[index] = answer
            advance(len(answers))
        for index, task in enumerate(listed):
            answer = answers[index]
            if isinstance(answer, RemoteTask):
                yield answer
            else:
                reason = "it is listed and not shown" if answer is None else " ".join(str(answer).split())
                self._leave(task, reason)

    def _take(self, tasks: Sequence[RemoteTask], project_id: str) -> None:
        backend = self._machine.backend
        size = sum(len(repr(task.body).encode(errors="replace")) + _ENTRY_BYTES for task in tasks)
        backend.begin(first=self._machine.first_state, reserve_bytes=size)
        for task in tasks:
            spec = self._described(task, project_id) or self._written(task, project_id)
            if spec is not None:
                manual.adopt(backend, self._machine.clock, spec.address, project_id, task, spec=spec)
                self._names.add(spec.address)
                self._result.taken[spec.address] = spec
                self._result.left += _differences(spec, not_kept(spec.body, task.body))
        backend.commit()

    def _described(self, task: RemoteTask, project_id: str) -> TaskSpec | None:
        """A manifest without a task that says exactly this one."""
        found = [
            spec
            for address, spec in self._desired.items()
            if address not in {*self._state.tasks, *self._state.open, *self._result.taken}
            and (spec.project_id, spec.task_type) == (project_id, task.task_type)
            and spec.body.get("TaskName") == task.name
            and not not_kept(spec.body, task.body)
        ]
        if len(found) != 1:
            return None
        self._terminal.result(
            printable(f"kept     {found[0].source.file}: it is {task.name} [id={task.task_id}]")
        )
        return found[0]

    def _written(self, task: RemoteTask, project_id: str) -> TaskSpec | None:
        """A new manifest of the task; None if there can be none."""
        address = address_for(task, {*self._names, *self._stems()})
        path = os.path.join(self._folder, f"{address}.yaml")
        document = document_of(task, address, project_id)
        text = manifest_text(document)
        if text is None:
            self._leave(task, "its text cannot be written as YAML")
            return None
        parsed = parse(document, Source(path, 1, 1), self._checker, self._project.settings.defaults)
        if parsed.spec is None:
            self._leave(task, parsed.faults[0].message)
            return None
        try:
            os.makedirs(self._folder, exist_ok=True)
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"A manifest could not be written.\n  {path}: {error.strerror}") from error
        self._terminal.result(printable(f"created  {path} [id={task.task_id}]"))
        return parsed.spec

    def _stems(self) -> set[str]:
        """Names of files that are there: none of them is written over."""
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        return {os.path.splitext(name)[0] for name in names}

    def _leave(self, task: RemoteTask, why: str) -> None:
        self._result.left.append(printable(f"{task.name} [id={task.task_id}]: {why}"))


def _differences(spec: TaskSpec, lost: Sequence[FieldChange]) -> Iterator[str]:
    """What the manifest says otherwise: it was written from the task, so it comes from elsewhere."""
    for one in lost:
        yield printable(
            f"{spec.source.file}: {path_label(one.path)} is not as it is there: "
            "defaults of provisioner.yaml come on top"
        )


def _proof(project: Project, state: State, exported: _Exported) -> Plan | None:
    """The plan of what was exported, from the files as they are read now; None if nothing was."""
    if not exported.taken:
        return None
    return plan_of(project, project.manifests().desired, state, targets=list(exported.taken))


def _conclude(terminal: Terminal, exported: _Exported, plan: Plan | None) -> int:
    said = [f"{counted(len(exported.taken), 'task')} exported, {exported.known} known already."]
    if plan is not None and plan.is_empty:
        said.append("The plan for what was exported is empty.")
    if exported.left:
        said += ["What is left, and why:", *(f"  {line}" for line in exported.left)]
    terminal.result("\n".join(said))
    if plan is not None and not plan.is_empty:
        terminal.result(f"\n{render_plan(plan, colour=terminal.colour)}")
    return UsageError.exit_code if exported.left or (plan is not None and not plan.is_empty) else 0
