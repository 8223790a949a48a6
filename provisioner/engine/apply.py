"""Carry out changes: several calls at a time, one thread that decides.

Rule, for every write: sign now; make the intent durable; send those bytes once; make the outcome
durable. Nothing is sent before its intent is durable, and an attempt's bytes are never sent again.
Creates, updates and replaces come first, deletes last, and only if everything before them
succeeded.

A write to the journal that fails is fatal: nothing more is sent, what is in flight is waited for,
and every TaskId that could not be recorded is in the error.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never, cast

from provisioner.core.address import Address
from provisioner.core.api.replies import Done, Refused, Reply, Unknown
from provisioner.core.api.task_api import TaskApi
from provisioner.core.plan.plan import Action, Change
from provisioner.core.state.entries import Finished, Intent, Ran, Rejected, Resolved, Verdict
from provisioner.core.state.state import Attempt, TaskRecord, WriteKind
from provisioner.core.times import utc_text
from provisioner.engine.editing_lock import (
    AbandonedError,
    Ask,
    EditingLocks,
    LockedAnswer,
    LockedRequest,
    LockedSteps,
    Wait,
    locked,
)
from provisioner.engine.job_steps import steps_of
from provisioner.engine.ports import Outside
from provisioner.engine.task_steps import Confirm, Context, Look, Pause, Result, Saw, Send
from provisioner.errors import ApiError, ApiUnreachableError, StateError


@dataclass(slots=True)
class Applied:
    """How the changes of one run ended."""

    results: list[Result] = field(default_factory=list)
    not_attempted: list[Change] = field(default_factory=list)
    """Never begun, in order: the run was interrupted, gave up, or a delete had to wait."""

    gave_up: str = ""
    """Why the run stopped beginning new changes; empty if it did not."""

    @property
    def is_short(self) -> bool:
        """Whether a write was not done, or not even tried."""
        return bool(self.not_attempted) or any(not isinstance(one.reply, Done) for one in self.results)

    @property
    def failures(self) -> list[Result]:
        """The changes that did not come to what was asked for, or of which that is not known."""
        return [result for result in self.results if not result.is_good]


_AT_ONCE = 10
"""So many changes begin as they come; more only where calls take so long that the pace would not be used."""


@dataclass(slots=True)
class _Active:
    """A change that has begun and has not ended."""

    change: Change
    steps: LockedSteps
    request: LockedRequest | None = None
    has_written: bool = False
    """Whether it has sent a write."""

    unsent: Send | None = None
    """The write before which it was abandoned."""


class Applier:
    """Carries out changes through the given outside world."""

    def __init__(self, context: Context, outside: Outside, locks: EditingLocks) -> None:
        self._context = context
        self._locks = locks
        self._api: TaskApi = context.api
        self._backend = outside.backend
        self._workers = outside.workers
        self._clock = outside.clock
        self._reporter = outside.reporter
        self._parallelism = outside.parallelism
        self._should_stop = outside.should_stop
        self._applied = Applied()
        self._active: dict[int, _Active] = {}
        self._to_send: deque[int] = deque()
        self._paused: list[tuple[float, int]] = []
        self._tickets = 0
        self._last_action = ""
        """Of the write that was sent last: most likely the next one's as well."""

        self._has_heard = False
        """Whether there was an answer since the last change began."""

        self._fatal: StateError | None = None
        self._unrecorded: list[str] = []
        self._lost: set[Address] = set()

    def carry_out(self, changes: Iterable[Change], *, may_delete: bool = True) -> Applied:
        """Every change, in the order that is safe.

        Args:
            changes: in order of address.
            may_delete: False where something that belongs before the deletes is not among the changes.

        Raises:
            StateError: an outcome may not be durable; the text names every TaskId that is not
                recorded.
        """
        listed = list(changes)
        self._drain([change for change in listed if change.action is not Action.DELETE])
        deletes = [change for change in listed if change.action is Action.DELETE]
        if not may_delete or self._applied.is_short:
            self._applied.not_attempted += deletes
            if deletes and not self._applied.gave_up:
                self._applied.gave_up = "deletes wait until everything else has succeeded"
        else:
            self._drain(deletes)
        if self._fatal is not None:
            raise StateError(self._fatal_text()) from self._fatal
        return self._applied

    # ── the loop ────────────────────────────────────────────────────────────

    def _drain(self, changes: list[Change]) -> None:
        waiting = deque(changes)
        self._last_action = ""
        while True:
            self._begin_more(waiting)
            self._wake_paused()
            self._send_what_may_go()
            if not self._active:
                break
            for completed in self._workers.wait(self._patience(waiting)):
                self._has_heard = True
                self._hear(completed.ticket, completed.result)
        self._applied.not_attempted += waiting

    def _begin_more(self, waiting: deque[Change]) -> None:
        while waiting and self._may_begin():
            change = waiting.popleft()
            self._tickets += 1
            self._has_heard = False
            steps = locked(change, steps_of(change, self._context), self._locks)
            self._active[self._tickets] = _Active(change, steps)
            self._reporter.started(change)
            self._advance(self._tickets, None)

    def _may_begin(self) -> bool:
        if self._stopping():
            return False
        return self._under_way < min(_AT_ONCE, self._parallelism) or self._seconds_until_more() == 0

    @property
    def _under_way(self) -> int:
        # Those that wait for a person to close a task make no calls: others take their place.
        return len(self._active) - self._locks.waiting

    def _seconds_until_more(self) -> float | None:
        """When one more change is to begin although many are under way; None if time does not tell.

        It is when the pace allows a write that none of them has come to: then calls take so long that more
        are needed. One for each answer: where none come, what is under way must not become more.
        """
        if self._under_way >= self._parallelism or not self._has_heard or not self._last_action:
            return None
        if not all(active.has_written for active in self._active.values()):
            return None
        return self._api.seconds_until_ready(self._last_action)

    def _stopping(self) -> bool:
        return bool(self._fatal or self._applied.gave_up) or self._should_stop()

    def _wake_paused(self) -> None:
        now = self._clock.monotonic()
        while self._paused and (self._paused[0][0] <= now or self._stopping()):
            stopped = ApiUnreachableError("the run was stopped") if self._stopping() else None
            self._advance(heapq.heappop(self._paused)[1], stopped)

    def _send_what_may_go(self) -> None:
        for _ in range(len(self._to_send)):
            ticket = self._to_send.popleft()
            active = self._active[ticket]
            if self._stopping():
                self._abandon(ticket, active)
            elif self._api.seconds_until_ready(self._api.action_of(_send(active).write)) > 0:
                self._to_send.append(ticket)
            else:
                self._send(ticket, _send(active))

    def _patience(self, waiting: deque[Change]) -> float | None:
        """Seconds until there may be something to do that no worker reports."""
        actions = {self._api.action_of(_send(self._active[ticket]).write) for ticket in self._to_send}
        waits = [self._api.seconds_until_ready(action) for action in actions]
        if waiting and not self._stopping() and (more := self._seconds_until_more()) is not None:
            waits.append(more)
        if self._paused:
            waits.append(max(0.0, self._paused[0][0] - self._clock.monotonic()))
        return min(waits) if waits else None

    # ── one change ──────────────────────────────────────────────────────────

    def _advance(self, ticket: int, answer: LockedAnswer) -> None:
        """Tell a change the answer to what it asked for, and take what it asks for next."""
        steps = self._active[ticket].steps
        self._converse(ticket, lambda: steps.send(answer))

    def _converse(self, ticket: int, talk: Callable[[], LockedRequest]) -> None:
        try:
            request = self._active[ticket].request = talk()
        except StopIteration as stop:
            self._end(ticket, stop.value)
        except AbandonedError:
            self._drop(ticket)
        else:
            self._serve(ticket, request)

    def _serve(self, ticket: int, request: LockedRequest) -> None:
        """Begin what a change asks for."""
        change = self._active[ticket].change
        match request:
            case Send():
                self._to_send.append(ticket)
            case Look(read=read):
                self._look(ticket, read)
            case Ask():
                self._ask(ticket, request)
            case Pause(seconds=seconds) | Wait(seconds=seconds):
                if isinstance(request, Wait) and request.is_news:
                    self._reporter.waiting(change, request.holder)
                elif isinstance(request, Pause) and request.words:
                    self._reporter.watching(change, request.words)
                heapq.heappush(self._paused, (self._clock.monotonic() + seconds, ticket))
            case Confirm() | Saw():
                self._note(change.address, request)
                self._advance(ticket, None)
            case _:
                assert_never(request)

    def _look(self, ticket: int, read: Callable[[], object]) -> None:
        # A person who asks to stop gets what is in flight finished, and that it is as written belongs to it.
        if self._fatal or self._applied.gave_up:
            self._advance(ticket, ApiUnreachableError("the run was stopped"))
            return
        self._workers.submit(ticket, lambda: _read(read))

    def _ask(self, ticket: int, ask: Ask) -> None:
        if self._stopping() and not ask.to_release:
            # No write follows; the change comes to its next one and is abandoned there.
            self._advance(ticket, None)
            return
        self._workers.submit(ticket, lambda: _read(lambda: self._api.editing_lock(ask.call)))

    def _send(self, ticket: int, send: Send) -> None:
        try:
            signed = self._api.sign(send.write)
        except ApiError as error:
            self._advance(ticket, Refused(code="NotSigned", message=str(error)))
            return
        attempt = replace(send.attempt, timestamp=signed.timestamp, payload_digest=signed.digest)
        try:
            self._backend.record(Intent(seq=self._backend.next_seq, attempt=attempt))
        except StateError as error:
            self._fatal = self._fatal or error
            self._abandon(ticket, self._active[ticket])
            return
        self._last_action = signed.action
        self._active[ticket].has_written = True
        self._workers.submit(ticket, lambda: self._api.send(signed))

    def _hear(self, ticket: int, answer: object) -> None:
        """What a worker brought back; the outcome of a write is recorded before anything else."""
        active = self._active[ticket]
        if isinstance(active.request, Send):
            assert isinstance(answer, Done | Refused | Unknown)  # noqa: S101  # what TaskApi.send returns
            self._record(active.request.attempt, answer)
            self._judge(answer)
            if isinstance(answer, Refused) and answer.may_repeat and answer.code == "NotSent":
                self._reporter.retrying(active.change, answer.message)
        self._advance(ticket, answer)  # type: ignore[arg-type]  # a worker returns what was asked for

    def _record(self, attempt: Attempt, reply: Reply) -> None:
        seq, address, attempt_id = self._backend.next_seq, attempt.address, attempt.attempt
        try:
            if isinstance(reply, Done):
                self._backend.record(
                    Finished(
                        seq=seq,
                        address=address,
                        attempt=attempt_id,
                        task_id=reply.task_id,
                        request_id=reply.request_id,
                        # By the service's clock: a task may be missing in listings for so long after this.
                        at=utc_text(reply.server_time or self._clock.now()),
                        approval=reply.approval,
                    )
                )
            elif isinstance(reply, Refused):
                self._backend.record(
                    Rejected(
                        seq=seq,
                        address=address,
                        attempt=attempt_id,
                        code=reply.code,
                        request_id=reply.request_id,
                    )
                )
        except StateError as error:
            self._fatal = self._fatal or error
            self._lost.add(address)
            if isinstance(reply, Done) and attempt.kind is WriteKind.CREATE:
                self._unrecorded.append(f"{address} = {reply.task_id}")

    def _note(self, address: Address, seen: Confirm | Saw) -> None:
        # There is a record: a write that could not be recorded stops the run before anything is looked at.
        record = cast("TaskRecord", self._backend.record_of(address))
        if isinstance(seen, Saw) and record.run == seen.run:
            return
        try:
            self._backend.record(_entry(self._backend.next_seq, address, record, seen))
        except StateError as error:
            self._fatal = self._fatal or error

    def _judge(self, reply: Reply) -> None:
        """A refusal that every other call would get too ends the beginning of new changes."""
        if not isinstance(reply, Refused) or reply.may_repeat:
            return
        if reply.code.split(".")[0] == "AuthFailure":
            self._applied.gave_up = f"the service refuses the credentials ({reply.code})"

    def _abandon(self, ticket: int, active: _Active) -> None:
        """End a change whose next write was not announced: for that write, nothing happened."""
        active.unsent = _send(active)
        self._converse(ticket, lambda: active.steps.throw(AbandonedError))

    def _drop(self, ticket: int) -> None:
        """What is left of a change that was abandoned, once it has released what it took."""
        active = self._active[ticket]
        change, record = active.change, self._backend.record_of(active.change.address)
        if change.action is Action.CREATE and record is not None:
            # The task is made; what was not done is to send once more what it did not keep.
            done = Done(task_id=record.task_id, request_id=record.request_id)
            result = Result(
                change=change,
                reply=done,
                action=self._api.action_of(cast("Send", active.unsent).write),
                kind=WriteKind.CREATE,
                done=frozenset({WriteKind.CREATE}),
                unread="the run was stopped before everything was written; the next apply writes it",
            )
            self._end(ticket, result)
            return
        del self._active[ticket]
        self._applied.not_attempted.append(change)
        if change.action is Action.REPLACE and record is None:
            detail = "the old task is destroyed and the new one not created yet"
            self._reporter.failed(change, detail)

    def _end(self, ticket: int, result: Result) -> None:
        change = self._active.pop(ticket).change
        self._applied.results.append(result)
        match result.reply:
            case Done() if change.address in self._lost:
                self._reporter.failed(change, "done, but it could not be recorded")
            case Done():
                if result.waits_for:
                    self._reporter.watching(change, f"waits for approval in WeData (id {result.waits_for})")
                self._reporter.finished(change, result.reply.task_id)
                if not result.has_marker:
                    # Without it a task whose answer is lost could not be found again.
                    self._applied.gave_up = "the service does not keep the ownership marker in Description"
            case Refused():
                self._give_up_on_unreachable(result.reply)
                self._reporter.failed(change, f"{result.reply.code}: {result.reply.message}")
            case Unknown():
                detail = f"outcome unknown ({result.reply.code}: {result.reply.message})"
                self._reporter.failed(change, detail)
            case _:
                assert_never(result.reply)

    def _give_up_on_unreachable(self, reply: Refused) -> None:
        """What could not be sent after all those tries cannot be sent for the other tasks either."""
        if reply.may_repeat and reply.code == "NotSent":
            self._applied.gave_up = "the service cannot be reached"

    def _fatal_text(self) -> str:
        text = str(self._fatal)
        if self._unrecorded:
            ids = "\n".join(f"  {line}" for line in self._unrecorded)
            text += f"\nThese tasks were created and could not be recorded:\n{ids}"
        return text + "\nNothing more was sent. The next run looks for what was in flight."


def _send(active: _Active) -> Send:
    if not isinstance(active.request, Send):
        raise TypeError(f"{active.change.address} does not wait to send")
    return active.request


def _entry(seq: int, address: Address, record: TaskRecord, seen: Confirm | Saw) -> Resolved | Ran:
    """What was seen of a task, for the journal."""
    if isinstance(seen, Saw):
        return Ran(seq=seq, address=address, run=seen.run)
    return Resolved(
        seq=seq,
        address=address,
        attempt=record.attempt,
        verdict=Verdict.CONFIRMED,
        record=replace(record, spec=seen.spec, digest=seen.digest),
        evidence="read back",
    )


def _read(read: Callable[[], object]) -> object:
    """A read whose failure is an answer, because a worker must not raise."""
    try:
        return read()
    except ApiError as error:
        return error
