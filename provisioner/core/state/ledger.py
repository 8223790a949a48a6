"""A state and the entries that are folded into it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from provisioner.core.address import Address, TaskId
from provisioner.core.jobs.transitions import accepted
from provisioner.core.state.entries import Entry, Finished, Intent, Ran, Rejected, Resolved
from provisioner.core.state.state import Attempt, State, TaskRecord, WriteKind
from provisioner.errors import StateDamagedError


class Ledger:
    """A state that entries are folded into one by one, each at a cost that does not grow with it."""

    def __init__(self, state: State) -> None:
        self._base = state
        self.lineage = state.lineage
        self.seq = state.seq
        self.tasks = dict(state.tasks)
        self.open = dict(state.open)

    @property
    def state(self) -> State:
        """The state now: a copy, so it costs what the state's size is."""
        return replace(self._base, seq=self.seq, tasks=dict(self.tasks), open=dict(self.open))

    def add(self, entry: Entry) -> None:
        """Fold one entry; one that the state already has is skipped.

        Raises:
            StateDamagedError: an entry is missing before this one, or an outcome has no intent.
        """
        if entry.seq <= self.seq:
            return
        if entry.seq != self.seq + 1:
            raise damaged_journal(f"entry {self.seq + 1} is missing before entry {entry.seq}")
        self.seq = entry.seq
        match entry:
            case Intent():
                self.open[entry.attempt.address] = entry.attempt
            case Finished():
                self._finish(entry)
            case Rejected():
                _closed(self.open, entry.address, entry.attempt)
            case Resolved():
                self.open.pop(entry.address, None)
                self._put(entry.address, entry.record)
            case Ran():
                self._put(entry.address, replace(self._known(entry.address), run=entry.run))
            case _:
                assert_never(entry)

    def _finish(self, entry: Finished) -> None:
        attempt = _closed(self.open, entry.address, entry.attempt)
        if attempt.kind is WriteKind.RUN:
            self._put(entry.address, with_step(self._known(entry.address), attempt, approval=entry.approval))
            return
        known = self.tasks.get(entry.address)
        record = None
        if attempt.kind is not WriteKind.DELETE:
            record = record_of(attempt, entry.task_id, request_id=entry.request_id, at=entry.at, known=known)
            # Whether a write is kept whole is not documented; until it was read back (CONFIRMED) the task
            # exists and its content is not known.
            record = replace(record, digest="")
        self._put(entry.address, record)

    def _known(self, address: Address) -> TaskRecord:
        """The task whose job an entry is about."""
        record = self.tasks.get(address)
        if record is None:
            raise damaged_journal(f"{address}: what its job does is recorded, and it has no task")
        return record

    def _put(self, address: Address, record: TaskRecord | None) -> None:
        if record is None:
            self.tasks.pop(address, None)
        else:
            self.tasks[address] = record


def fold(state: State, entries: Iterable[Entry]) -> State:
    """The state after these entries.

    Raises:
        StateDamagedError: see ``Ledger.add``.
    """
    ledger = Ledger(state)
    for entry in entries:
        ledger.add(entry)
    return ledger.state


def _closed(attempts: dict[Address, Attempt], address: Address, attempt: str) -> Attempt:
    found = attempts.pop(address, None)
    if found is None or found.attempt != attempt:
        raise damaged_journal(f"{address}: an outcome has no intent before it")
    return found


def record_of(
    attempt: Attempt, task_id: TaskId, *, request_id: str, at: str, known: TaskRecord | None = None
) -> TaskRecord:
    """What we know once an attempt to create or update has succeeded."""
    return TaskRecord(
        project_id=attempt.project_id,
        task_id=task_id,
        task_type=attempt.task_type,
        spec=attempt.spec,
        digest=attempt.digest,
        request_id=request_id,
        applied_at=at,
        protected=attempt.protected,
        attempt=attempt.attempt if attempt.kind is WriteKind.CREATE or known is None else known.attempt,
        run=known.run if attempt.kind is WriteKind.UPDATE and known is not None else None,
    )


def with_step(record: TaskRecord, attempt: Attempt, *, approval: str = "") -> TaskRecord:
    """What we know once the service has accepted a step of a job."""
    run = accepted(record.run, attempt.spec, digest=attempt.digest, at=attempt.timestamp, approval=approval)
    return replace(record, run=run)


def damaged_journal(fault: str) -> StateDamagedError:
    """The error for a journal that does not fit together; ``fault`` says where."""
    return StateDamagedError(
        f"The journal is damaged.\n  {fault}\nPut state file and journal back from one backup."
    )
