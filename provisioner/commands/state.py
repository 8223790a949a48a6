"""``state mv``, ``state rm``, ``state accept``, ``force-unlock``: surgery, under the lock.

Rule: each writes one new snapshot or nothing, calls nothing remote, and says what it did.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from provisioner.commands.lock import locked
from provisioner.commands.project import Options, open_project
from provisioner.commands.terminal import Terminal
from provisioner.core.address import ADDRESS_PATTERN, Address
from provisioner.core.state import State, TaskRecord, with_task, without_task
from provisioner.core.text import printable
from provisioner.core.validation import nearest
from provisioner.errors import StateLockedError, UsageError


def move(
    terminal: Terminal, options: Options, source: str, target: str, *, lock_timeout_seconds: float
) -> int:
    """Give a task another address; the task itself stays as it is.

    Raises:
        UsageError: there is no such task, or the new address is taken or not one.
    """
    project = open_project(options)
    backend, use_marker = project.backend(), project.settings.marker != "none"
    with locked(terminal, backend, lock_timeout_seconds):
        state = backend.load()
        record = known(state, source)
        if not re.fullmatch(ADDRESS_PATTERN, target) or target.endswith("\n"):
            raise UsageError(f"{target!r} is not an address: use letters, digits, '_', '-' and '.'.")
        if target in state.tasks or target in state.open:
            raise UsageError(
                f'The address "{target}" is taken.\nForget it first: provisioner state rm {target}'
            )
        _ensure_settled(state, source)
        named = record.marked_as or source
        moved = replace(record, marked_as="" if named == target or not use_marker else named)
        changed = with_task(without_task(state, Address(source)), Address(target), moved)
        backend.replace(changed)
    terminal.result(f"Moved {source} to {target} [id={printable(record.task_id)}].")
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
    with locked(terminal, backend, lock_timeout_seconds):
        state = backend.load()
        records = {address: known(state, address) for address in addresses}
        for address in addresses:
            _ensure_settled(state, address)
        tasks = {address: kept for address, kept in state.tasks.items() if address not in records}
        backend.replace(replace(state, tasks=tasks))
    for address, record in records.items():
        terminal.result(f"Forgot {address} [id={printable(record.task_id)}]. The task itself still exists.")
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
    with locked(terminal, backend, lock_timeout_seconds):
        state = backend.load(accept_edits=True)
        if not state.lineage:
            terminal.result("There is no state file.")
            return 0
        backend.replace(replace(state, remote=project.remote))
    terminal.result(f"Accepted the state file: {len(state.tasks)} tasks.")
    return 0


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
        f"  kill {holder.pid if holder else 'PID'}"
    )


def known(state: State, address: str) -> TaskRecord:
    """The record of an address.

    Raises:
        UsageError: it is not in the state.
    """
    record = state.tasks.get(Address(address))
    if record is None:
        raise UsageError(
            f'There is no task "{address}" in the state{nearest(address, list(state.tasks))}.\n'
            "They are listed by:\n  provisioner state list"
        )
    return record


def _ensure_settled(state: State, address: str) -> None:
    if address in state.open:
        raise UsageError(
            f'A write to "{address}" has an unknown outcome.\nSettle it first:\n  provisioner apply'
        )
