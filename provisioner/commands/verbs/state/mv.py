"""``state mv``: give a task another address, under the lock.

Rule: it writes one new snapshot or nothing, calls nothing remote, and says what it did.
"""

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.records import ensure_settled, known
from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address
from provisioner.core.plan.moves import moved_record
from provisioner.core.schema.validation import address_complaint
from provisioner.core.state.state import with_task, without_task
from provisioner.core.text import printable, shell_word
from provisioner.errors import UsageError


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
        ensure_settled(state, source)
        moved = moved_record(record, Address(source), Address(target), use_marker=use_marker)
        changed = with_task(without_task(state, Address(source)), Address(target), moved)
        backend.replace(changed)
    terminal.result(printable(f"Moved {source} to {target} [id={record.task_id}]."))
    terminal.say(f"Write name: {target} in its manifest, or the next plan deletes one and creates the other.")
    if moved.marked_as:
        terminal.say("The next apply brings the ownership marker in its Description up to date.")
    return 0
