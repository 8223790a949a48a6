"""What the engine needs from outside, as protocols that it owns.

Rule: a promise is written here, on the interface; whoever implements it refers to this page. The
remote side is ``core.api.task_api.TaskApi``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from provisioner.core.address import Address, TaskId
from provisioner.core.plan.plan import Change
from provisioner.core.state.entries import Entry
from provisioner.core.state.state import Attempt, State, TaskRecord


class StateBackend(Protocol):
    """Where state is kept. Every method may raise ``StateError``; after that nothing is sent."""

    @property
    def state(self) -> State:
        """Everything recorded so far; costs what the state's size is."""
        ...

    @property
    def next_seq(self) -> int:
        """The number that the next entry must carry."""
        ...

    def record_of(self, address: Address) -> TaskRecord | None:
        """What is known of one task now; costs the same at any size."""
        ...

    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts without an outcome, in order of address."""
        ...

    @property
    def lost_track(self) -> bool:
        """Whether calls were sent from a later state than this one, which is gone or went back.

        Until a later fence is put into the state: see ``State.fence``.
        """
        ...

    def begin(self, *, first: Callable[[State], State], reserve_bytes: int) -> None:
        """Make ready to record: entries of about that many bytes will fit on the disk.

        ``first`` makes the state to begin with out of an empty one; called only where there is none.
        """
        ...

    def record(self, entry: Entry) -> None:
        """Make one entry durable; it survives power loss once this returns."""
        ...

    def commit(self) -> None:
        """Fold what was recorded into the next snapshot."""
        ...

    def replace(self, state: State) -> None:
        """Put a state that was changed otherwise than by entries in place of the one that is there."""
        ...


@dataclass(frozen=True, slots=True)
class Completed:
    """A piece of work that ended."""

    ticket: int
    result: object


class Workers(Protocol):
    """Runs the calls, several at a time. The engine itself is one thread and owns the journal."""

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """Start ``work`` on the side. It must not raise."""
        ...

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """What has ended since the last call; waits for at least one, or for the time given.

        None waits without limit. May return early and empty, when the person asked to stop.
        """
        ...


class Clock(Protocol):
    """The local clock. It never decides whether something at the service is over."""

    def now(self) -> int:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when the person asked to stop."""
        ...


class Reporter(Protocol):
    """Hears what happens; has no say in it."""

    def started(self, change: Change) -> None:
        """Work on a task begins."""
        ...

    def retrying(self, change: Change, detail: str) -> None:
        """Nothing could be sent for a task; it is tried again in a moment."""
        ...

    def waiting(self, change: Change, holder: str) -> None:
        """Somebody has the task open in WeData: it is waited for them to close it."""
        ...

    def watching(self, change: Change, detail: str) -> None:
        """A job is on its way to what is asked for, or is waited for."""
        ...

    def finished(self, change: Change, task_id: TaskId) -> None:
        """Work on a task has succeeded and is recorded."""
        ...

    def failed(self, change: Change, detail: str) -> None:
        """Work on a task has failed, or its outcome is unknown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a run goes through, beside the task API."""

    backend: StateBackend
    workers: Workers
    clock: Clock
    reporter: Reporter
    parallelism: int
    """Calls at the same time."""

    should_stop: Callable[[], bool]
    """Whether the person asked to stop: no new call begins then."""
