"""``import``: take over one task that a manifest describes.

Rule: nothing is sent; the task is compared with its manifest at once, and what differs is left to the
next plan.
"""

from dataclasses import dataclass

from provisioner.commands.project.project import Options, Project, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.machine import Machine
from provisioner.commands.support.planning import desired_tasks, load_state, plan_of
from provisioner.commands.support.remote import open_remote
from provisioner.commands.support.remote_task import ensure_free, read_task
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address, TaskId
from provisioner.core.api.replies import RemoteTask
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.marker import address_digest, find_marker
from provisioner.core.schema.validation import nearest
from provisioner.core.state.state import State
from provisioner.core.text import printable
from provisioner.engine import manual
from provisioner.errors import UsageError
from provisioner.render.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What import takes beside what every command takes."""

    address: str
    task_id: str
    project_id: str | None = None
    """Where the task is; None: where its manifest says."""

    lock_timeout_seconds: float = 0


def import_task(terminal: Terminal, options: Options, chosen: ImportOptions) -> int:
    """Record a task as that of a manifest. Returns the exit code.

    Raises:
        UsageError: no manifest has the address, or address or task is taken; nothing was changed.
        ProvisionerError: manifests, state or service cannot be used.
    """
    project = open_project(options)
    machine = Machine(terminal, project)
    address, task_id = Address(chosen.address), TaskId(chosen.task_id)
    with locked(terminal, machine.backend, "import", chosen.lock_timeout_seconds):
        state = load_state(project, machine.backend)
        spec = _described(terminal, project, state, address)
        ensure_free(state, address, task_id)
        project_id = chosen.project_id or spec.project_id
        with open_remote(project.settings, machine.clock) as api:
            task = read_task(api, project_id, task_id)
        machine.backend.begin(first=machine.first_state, reserve_bytes=0)
        manual.adopt(machine.backend, machine.clock, address, project_id, task, spec=spec)
        machine.backend.commit()
        left = plan_of(project, {address: spec}, machine.backend.state, targets=[address])
    terminal.result(f"Recorded: {address} is {printable(task.name)} [id={printable(task_id)}].")
    fields = [field for change in left.changes for field in change.fields]
    if fields:
        terminal.result(f"{counted(len(fields), 'field')} not as the manifest says; see: provisioner plan")
    else:
        terminal.result("It is as the manifest says.")
    if note := _note(project, address, task):
        terminal.say(note)
    return 0


def _described(terminal: Terminal, project: Project, state: State, address: Address) -> TaskSpec:
    desired = desired_tasks(terminal, project, state, destroy=False)
    spec = desired.get(address)
    if spec is None:
        raise UsageError(
            f'No manifest has the address "{printable(address)}"{nearest(address, list(desired))}.\n'
            "Write one first, or have all tasks written as manifests:\n  provisioner export"
        )
    return spec


def _note(project: Project, address: Address, task: RemoteTask) -> str:
    """What a person should know of whose task it was; mostly nothing."""
    marker = find_marker(task.description)
    if not project.use_marker:
        return ""
    if marker is None:
        return "The next change of the task writes the ownership marker; until then keep the state file."
    if marker.stack != project.settings.stack:
        return "Note: it carries the marker of another project, which may go on changing it."
    if marker.address_digest != address_digest(address):
        return "Note: it carries the marker of another address of this project."
    return ""
