"""A reporter that remembers what it heard."""

from dataclasses import dataclass, field

from provisioner.core.address import TaskId
from provisioner.core.plan.plan import Change


@dataclass
class ListReporter:
    """Remembers what it heard."""

    heard: list[str] = field(default_factory=list)

    def started(self, change: Change) -> None:
        """See ``Reporter.started``."""
        self.heard.append(f"{change.address}: {change.action}")

    def retrying(self, change: Change, detail: str) -> None:
        """See ``Reporter.retrying``."""
        self.heard.append(f"{change.address}: {change.action} again: {detail}")

    def waiting(self, change: Change, holder: str) -> None:
        """See ``Reporter.waiting``."""
        self.heard.append(f"{change.address}: {change.action} waits for {holder}")

    def watching(self, change: Change, detail: str) -> None:
        """See ``Reporter.watching``."""
        self.heard.append(f"{change.address}: {change.action} waits: {detail}")

    def finished(self, change: Change, task_id: TaskId) -> None:
        """See ``Reporter.finished``."""
        self.heard.append(f"{change.address}: {change.action} done: {task_id}")

    def failed(self, change: Change, detail: str) -> None:
        """See ``Reporter.failed``."""
        self.heard.append(f"{change.address}: {change.action} failed: {detail}")
