"""Recorded, desired and live tasks, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.commands.project.project import Project, ensure_targets
from provisioner.commands.support.machine import Machine
from provisioner.commands.support.planning import ensure_one_each, load_state, read_manifests
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.api.task_api import TaskApi
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Drifts, Observed, find_drift
from provisioner.core.plan.moves import rearranged
from provisioner.core.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is recorded, what is asked for, and what is there."""

    state: State
    """What is recorded, with every task at the address that the manifests have for it."""

    desired: Mapping[Address, TaskSpec]
    observed: Observed
    unread: Mapping[Address, str]
    """Why nothing can be said of a task."""

    targets: tuple[Address, ...]

    @property
    def drifts(self) -> Drifts:
        """What differs."""
        return find_drift(self.state, self.observed, self.desired, self.targets)


def see(terminal: Terminal, project: Project, machine: Machine, api: TaskApi, targets: Sequence[str]) -> Seen:
    """Look at the tasks in the state, or at the targets.

    Raises:
        ProvisionerError: manifests, state or service cannot be used.
    """
    state = load_state(project, machine.backend)
    manifests = read_manifests(terminal, project, state, destroy=False)
    desired, names = manifests.desired, manifests.names(use_marker=project.use_marker)
    ensure_one_each(manifests, state, names)
    addresses = ensure_targets(targets, desired, state, names)
    # A task that is to be forgotten is ours until then, and is looked at.
    state = rearranged(state, replace(names, removed={}), addresses).state
    looked = machine.look(api, state, addresses)
    unread = {
        address: looked.unread[record.task_id]
        for address, record in state.tasks.items()
        if record.task_id in looked.unread
    }
    return Seen(state=state, desired=desired, observed=looked.observed, unread=unread, targets=addresses)
