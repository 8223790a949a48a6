"""``force-unlock``: who holds the lock of the state."""

from provisioner.commands.project.project import Options, open_project
from provisioner.commands.terminal import Terminal
from provisioner.core.text import printable
from provisioner.errors import StateLockedError


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
