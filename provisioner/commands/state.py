"""``state mv``, ``state rm``, ``state accept``, ``force-unlock``: surgery, under the lock.

Rule: each writes one new snapshot or nothing, calls nothing remote, and says what it did.
"""

from collections.abc import Sequence
from dataclasses import replace

from provisioner.commands.lock import locked
from provisioner.commands.project import Options, Project, open_project
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.plan.moves import moved_record
from provisioner.core.schema.validation import address_complaint, nearest
from provisioner.core.state.state import State, TaskRecord, with_task, without_task
from provisioner.core.text import printable, shell_word
from provisioner.errors import StateDamagedError, StateLockedError, UsageError
from provisioner.render.words import counted
from provisioner.store.backend import LocalBackend


def move(
    terminal: Terminal, options: Options, source: str, target: str, *, lock_timeout_seconds: float
) -> int:
    """Give a task another address; the task itself stays as it is.

    Raises:
        UsageError: there is no such task, or the new address is taken or not one.
    """
    project = open_project(options)
    backend, use_marker = project.backend(), project.use_marker
    with locked(terminal, backend, "state mv", lock_timeout_seconds):
        state = backend.load()
        record = known(state, source)
        if target == source:
            raise UsageError(f'"{source}" is the same address twice.\nThere is nothing to move.')
        if complaint := address_complaint(target):
            raise UsageError(f"That is not an address.\n  TO {complaint}")
        if target in state.tasks or target in state.open:
            raise UsageError(
                f'The address "{target}" is taken.\n'
                f"To forget the task that has it:\n  provisioner state rm {shell_word(target)}"
            )
        _ensure_settled(state, source)
        moved = moved_record(record, Address(source), Address(target), use_marker=use_marker)
        changed = with_task(without_task(state, Address(source)), Address(target), moved)
        backend.replace(changed)
    terminal.result(printable(f"Moved {source} to {target} [id={record.task_id}]."))
    terminal.say(f"Write name: {target} in its manifest, or the next plan deletes one and creates the other.")
    if moved.marked_as:
        terminal.say("The next apply brings the ownership marker in its Description up to date.")
    return 0


def forget(
    terminal: Terminal, options: Options, addresses: Sequence[str], *, lock_timeout_seconds: float
) -> int:
    """Forget tasks; they go on existing in WeData.

    Raises:
        UsageError: one of them is not in the state; none is forgotten then.
    """
    project = open_project(options)
    backend = project.backend()
    with locked(terminal, backend, "state rm", lock_timeout_seconds):
        state = backend.load()
        records = {address: known(state, address) for address in addresses}
        for address in addresses:
            _ensure_settled(state, address)
        tasks = {address: kept for address, kept in state.tasks.items() if address not in records}
        backend.replace(replace(state, tasks=tasks))
    for address, record in records.items():
        terminal.result(printable(f"Forgot {address} [id={record.task_id}]. The task itself still exists."))
    terminal.say(
        "While its manifest is there, the next apply finds the task by its marker and adopts it again."
    )
    return 0


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


def force_unlock(terminal: Terminal, options: Options) -> int:
    """Say who holds the lock. The system releases it when its holder ends, so there is nothing to force.

    Raises:
        StateLockedError: a run holds it; it must end first.
    """
    backend = open_project(options).backend()
    if not backend.lock.is_held():
        terminal.result("The state is not locked. Nothing to do.")
        return 0
    holder = backend.lock.holder()
    who = (
        f"pid {holder.pid} on {holder.host}, since {holder.since}"
        if holder
        else "a process that left no name"
    )
    raise StateLockedError(
        f"The state is locked by a run that is still alive.\n  {printable(who)}\n"
        "Taking the lock away could create tasks twice. End that process; the lock goes with it:\n"
        f"  kill {printable(str(holder.pid)) if holder else 'PID'}"
    )


def known(state: State, address: str) -> TaskRecord:
    """The record of an address.

    Raises:
        UsageError: it is not in the state.
    """
    record = state.tasks.get(Address(address))
    if record is None:
        raise UsageError(
            f'There is no task "{printable(address)}" in the state{nearest(address, list(state.tasks))}.\n'
            "They are listed by:\n  provisioner state list"
        )
    return record


def _ensure_settled(state: State, address: str) -> None:
    if address in state.open:
        raise UsageError(
            f'A write to "{address}" has an unknown outcome.\nSettle it first:\n  provisioner apply'
        )
