"""Hold the state's lock, waiting as long as a person is willing to."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from provisioner.commands.terminal import Terminal
from provisioner.core.times import utc_text
from provisioner.errors import StateLockedError
from provisioner.store.backend import Holder, LocalBackend

_LOOK_SECONDS = 0.2


@contextmanager
def locked(terminal: Terminal, backend: LocalBackend, timeout_seconds: float = 0) -> Iterator[None]:
    """Hold the lock; wait for it as long as was asked.

    Raises:
        StateLockedError: somebody else holds it.
    """
    deadline = time.monotonic() + timeout_seconds
    said = False
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(backend.locked(this_run(int(time.time()))))
                break
            except StateLockedError as error:
                if time.monotonic() >= deadline:
                    raise
                if not said:
                    terminal.say(f"{error}\nWaiting up to {timeout_seconds:g} seconds ...")
                said = True
                time.sleep(_LOOK_SECONDS)
        yield


def this_run(now: int) -> Holder:
    """Who holds the lock when we do."""
    # The command without its arguments: an argument may be anything.
    command = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:2]])
    return Holder(pid=os.getpid(), host=os.uname().nodename, command=command, since=utc_text(now))
