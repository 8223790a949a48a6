"""Tells how an apply goes while it goes: a line for each event, and a bar on a terminal."""

from collections.abc import Callable

from provisioner.commands.terminal import Terminal
from provisioner.core.address import Address, TaskId
from provisioner.core.plan.plan import Change
from provisioner.render import apply_text


class ApplyReporter:
    """See ``engine.ports.Reporter``."""

    def __init__(self, terminal: Terminal, *, monotonic: Callable[[], float]) -> None:
        self.done: Callable[[int], object] = lambda _: None
        """Hears how many changes have ended."""

        self._terminal = terminal
        self._monotonic = monotonic
        self._count = 0
        self._began: dict[Address, float] = {}

    def started(self, change: Change) -> None:
        """See ``Reporter.started``."""
        self._began[change.address] = self._monotonic()
        self._terminal.say(apply_text.started(change))

    def retrying(self, change: Change, detail: str) -> None:
        """See ``Reporter.retrying``."""
        self._terminal.say(apply_text.retrying(change, detail))

    def waiting(self, change: Change, holder: str) -> None:
        """See ``Reporter.waiting``."""
        self._terminal.say(apply_text.waiting(change, holder))

    def watching(self, change: Change, detail: str) -> None:
        """See ``Reporter.watching``."""
        self._terminal.say(apply_text.watching(change, detail))

    def finished(self, change: Change, task_id: TaskId) -> None:
        """See ``Reporter.finished``."""
        seconds = self._monotonic() - self._began.pop(change.address)
        self._terminal.say(apply_text.finished(change, task_id, seconds))
        self._advance()

    def failed(self, change: Change, detail: str) -> None:
        """See ``Reporter.failed``."""
        self._began.pop(change.address, None)
        self._terminal.say(apply_text.failed(change, detail))
        self._advance()

    def _advance(self) -> None:
        self._count += 1
        self.done(self._count)
