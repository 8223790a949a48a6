"""``drift``: what was changed in WeData behind our back.

Rule: looking changes nothing, neither at the service nor here, and takes no lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioner.commands.plan import CHANGES, desired_tasks, load_state
from provisioner.commands.project import Options, Project, ensure_targets, open_project
from provisioner.commands.remote import open_remote
from provisioner.commands.running import Machine
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.calls import TaskApi
from provisioner.core.drift import Drifts, Observed, find_drift
from provisioner.core.drift_document import drift_document
from provisioner.core.manifest import TaskSpec
from provisioner.core.plan_document import document_text
from provisioner.core.state import State
from provisioner.errors import ApiError
from provisioner.render.drift_text import render_drift


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOptions:
    """What drift takes beside what every command takes."""

    targets: tuple[str, ...] = ()
    as_json: bool = False
    detailed_exitcode: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is recorded, what is asked for, and what is there."""

    state: State
    desired: Mapping[Address, TaskSpec]
    observed: Observed
    unread: Mapping[Address, str]
    """Why nothing can be said of a task."""

    targets: tuple[Address, ...]

    @property
    def drifts(self) -> Drifts:
        """What differs."""
        return find_drift(self.state, self.observed, self.desired, self.targets)


def drift(terminal: Terminal, options: Options, chosen: DriftOptions) -> int:
    """Show what differs between the state and the service. Returns the exit code.

    Raises:
        ProvisionerError: manifests, state or service cannot be used.
    """
    project = open_project(options)
    machine = Machine(terminal, project)
    with open_remote(project.settings, machine.clock) as api:
        seen = see(terminal, project, machine, api, chosen.targets)
    drifts = seen.drifts
    if chosen.as_json:
        terminal.document(document_text(drift_document(drifts, seen.unread)))
    else:
        terminal.result(render_drift(drifts, seen.unread, colour=terminal.colour, verbose=chosen.verbose))
    if seen.unread:
        return ApiError.exit_code
    return CHANGES if chosen.detailed_exitcode and drifts.found else 0


def see(terminal: Terminal, project: Project, machine: Machine, api: TaskApi, targets: Sequence[str]) -> Seen:
    """Look at the tasks in the state, or at the targets.

    Raises:
        ProvisionerError: manifests, state or service cannot be used.
    """
    state = load_state(project, machine.backend)
    desired = desired_tasks(terminal, project, state, destroy=False)
    addresses = ensure_targets(targets, desired, state)
    looked = machine.look(api, state, addresses)
    unread = {
        address: looked.unread[record.task_id]
        for address, record in state.tasks.items()
        if record.task_id in looked.unread
    }
    return Seen(state=state, desired=desired, observed=looked.observed, unread=unread, targets=addresses)
