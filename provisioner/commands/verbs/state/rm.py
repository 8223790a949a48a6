"""``state rm``: forget tasks, under the lock.

Rule: it writes one new snapshot or nothing, calls nothing remote, and says what it did.
"""

from collections.abc import Sequence
from dataclasses import replace

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.support.lock import locked
from provisioner.commands.support.records import ensure_settled, known
from provisioner.commands.terminal import Terminal
from provisioner.core.text import printable


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
            ensure_settled(state, address)
        tasks = {address: kept for address, kept in state.tasks.items() if address not in records}
        backend.replace(replace(state, tasks=tasks))
    for address, record in records.items():
        terminal.result(printable(f"Forgot {address} [id={record.task_id}]. The task itself still exists."))
    terminal.say(
        "While its manifest is there, the next apply finds the task by its marker and adopts it again."
    )
    return 0
