"""The state in memory: a full implementation of ``StateBackend``."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from provisioner.core.address import Address
from provisioner.core.state.entries import Entry, Finished, Intent, Ran, Rejected
from provisioner.core.state.ledger import Ledger
from provisioner.core.state.state import Attempt, State, TaskRecord
from provisioner.errors import StateError


@dataclass
class Memory:
    """What outlives a ``MemoryBackend``, as a disk would."""

    snapshot: State | None = None
    entries: list[Entry] = field(default_factory=list)


class MemoryBackend:
    """State in memory. See ``StateBackend``."""

    def __init__(self, memory: Memory | None = None, *, stack: str, events: list[str] | None = None) -> None:
        self.events: list[str] = [] if events is None else events
        self.memory = memory or Memory()
        self.fail_after: int | None = None
        """So many entries more can be recorded; then every one fails."""

        self.lost_track = False
        """See ``StateBackend.lost_track``."""

        self._stack = stack
        self._ledger = Ledger(State(lineage="", stack=stack))
        self._is_ready = False

    def load(self) -> State:
        """Snapshot and entries folded together."""
        self._ledger = Ledger(self.memory.snapshot or State(lineage="", stack=self._stack))
        for entry in self.memory.entries:
            self._ledger.add(entry)
        return self.state

    @property
    def state(self) -> State:
        """See ``StateBackend.state``."""
        return self._ledger.state

    @property
    def next_seq(self) -> int:
        """See ``StateBackend.next_seq``."""
        return self._ledger.seq + 1

    def record_of(self, address: Address) -> TaskRecord | None:
        """See ``StateBackend.record_of``."""
        return self._ledger.tasks.get(address)

    def attempts(self) -> tuple[Attempt, ...]:
        """See ``StateBackend.attempts``."""
        return tuple(self._ledger.open[address] for address in sorted(self._ledger.open))

    def begin(self, *, first: Callable[[State], State], reserve_bytes: int) -> None:
        """See ``StateBackend.begin``."""
        if not self._ledger.lineage:
            self._ledger = Ledger(first(self.state))
        if not self._is_ready:
            self._is_ready = True
            self._write_snapshot()

    def record(self, entry: Entry) -> None:
        """See ``StateBackend.record``."""
        if not self._is_ready:
            raise StateError("nothing can be recorded before begin")
        if self.fail_after is not None:
            if self.fail_after == 0:
                raise StateError("The state could not be kept on disk.\n  the disk is broken")
            self.fail_after -= 1
        self._ledger.add(entry)
        self.memory.entries.append(entry)
        self.events.append(_told(entry))

    def commit(self) -> None:
        """See ``StateBackend.commit``."""
        if self._is_ready:
            self._write_snapshot()

    def replace(self, state: State) -> None:
        """See ``StateBackend.replace``."""
        self.lost_track = self.lost_track and state.fence == self.state.fence
        self._ledger = Ledger(state)
        self._write_snapshot()

    def _write_snapshot(self) -> None:
        state = replace(self.state, serial=self.state.serial + 1)
        self._ledger = Ledger(state)
        self.memory.snapshot = state
        self.memory.entries.clear()


def _told(entry: Entry) -> str:
    match entry:
        case Intent(attempt=attempt):
            return f"intent {attempt.kind} {attempt.address}"
        case Finished(address=address):
            return f"finished {address}"
        case Rejected(address=address):
            return f"rejected {address}"
        case Ran(address=address, run=run):
            return f"ran {address} {run.job}"
        case _:
            return f"resolved {entry.address} {entry.verdict}"
