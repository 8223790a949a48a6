"""``state accept``: take a state file that was edited by hand, under the lock.

Rule: it writes one new snapshot or nothing, calls nothing remote, and says what it did.
"""

from dataclasses import replace

from provisioner.commands.project.project import Options, Project, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.terminal import Terminal
from provisioner.errors import StateDamagedError
from provisioner.render.words import counted
from provisioner.store.backend import LocalBackend


def accept(terminal: Terminal, options: Options, *, lock_timeout_seconds: float) -> int:
    """Take a state file that was edited by hand as it is, if its shape is right.

    Raises:
        StateDamagedError: its shape is not.
    """
    project = open_project(options)
    backend = project.backend()
    with locked(terminal, backend, "state accept", lock_timeout_seconds):
        if (said := _nothing_to_accept(project, backend)) is not None:
            terminal.result(said)
            return 0
        state = backend.load(accept_edits=True)
        backend.replace(replace(state, remote=project.remote))
    terminal.result(f"Accepted the state file: {counted(len(state.tasks), 'task')}.")
    return 0


def _nothing_to_accept(project: Project, backend: LocalBackend) -> str | None:
    """Why there is nothing to do; None if the file is edited, or is that of another service."""
    try:
        state = backend.load()
    except StateDamagedError:
        return None
    if not state.lineage:
        return "There is no state file."
    if state.remote != project.remote:
        return None
    return "The state file was not edited. Nothing to do."
