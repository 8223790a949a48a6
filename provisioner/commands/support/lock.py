"""Hold the state's lock, waiting as long as a person is willing to; say what it tells of other runs."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from provisioner.commands.terminal import Terminal
from provisioner.core.text import printable
from provisioner.core.times import utc_text
from provisioner.errors import StateLockedError
from provisioner.store.backend import LocalBackend
from provisioner.store.lock import Holder, StateLock

_LOOK_SECONDS = 0.2
_MOMENT_SECONDS = 2.0


@contextmanager
def locked(terminal: Terminal, backend: LocalBackend, command: str, timeout_seconds: float) -> Iterator[bool]:
    """Hold the lock; wait for it as long as was asked. Yields whether another run had it before.

    Args:
        terminal: where it is said that this waits.
        backend: whose lock.
        command: such as ``state mv``, for those who find it held.
        timeout_seconds: how long to wait for another run to end.

    Raises:
        StateLockedError: somebody else holds it.
    """
    # Whoever only looks whether it is free has it for a moment and leaves no name.
    deadline = time.monotonic() + max(timeout_seconds, _MOMENT_SECONDS)
    said = False
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(backend.locked(_this_run(command)))
                break
            except StateLockedError as error:
                is_named = backend.lock.holder() is not None
                if time.monotonic() >= deadline or (is_named and not timeout_seconds):
                    raise
                if is_named and not said:
                    terminal.say(f"{error}\nWaiting up to {timeout_seconds:g} seconds ...")
                    said = True
                time.sleep(_LOOK_SECONDS)
        yield said


def last_run(lock: StateLock) -> str:
    """That a run is in progress, or that the last one was cut short; empty if neither."""
    before = lock.holder()
    who = "" if before is None else f": {printable(str(before.command))}, {_who(before)}"
    if lock.is_held():
        return f"A run is in progress{who}. What is shown may be out of date."
    # A run that has come to its end leaves no name; one that did so just now is seen by looking twice.
    if before is None or lock.holder() != before:
        return ""
    return f"The last run was interrupted{who}. What it did is recorded; the next apply goes on from there."


def _who(holder: Holder) -> str:
    return f"pid {holder.pid} on {printable(str(holder.host))}, since {printable(str(holder.since))}"


def _this_run(command: str) -> Holder:
    """Who holds the lock when we do. The command is named without its arguments: one may be anything."""
    return Holder(
        pid=os.getpid(),
        host=os.uname().nodename,
        command=f"provisioner {command}",
        since=utc_text(int(time.time())),
    )
