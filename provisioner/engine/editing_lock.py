"""The editing lock in WeData: hold it while a change writes, and give it back.

Rule: that a person has a task open is normal. Nothing is written then, unless they close it in time or
the lock is taken over on demand; what this run took it releases, however the change ended. Only the
service's word that somebody else holds the lock keeps a change from being written: where it refuses to
tell or to lock, for whatever reason, the change is written without.

``locked`` goes around the steps of a change: before the first write that names an existing task it takes
the task's lock, and it answers that write itself where it must not be sent. So whatever a change does
inside is covered, and knows nothing of it.

The service says of a lock whether it is ours, and who holds it; who we are it does not say. What it once
called ours is remembered, so that a task which was read as locked by the same needs no further call.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.api.calls import CreateTask, DeleteTask, EditingCall, EditingVerb, RunTask, Write
from provisioner.core.api.replies import Done, EditingLock, Refused, Reply
from provisioner.core.api.task_api import TaskApi
from provisioner.core.json_types import JSONObject
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.plan import Action, Change, Reason
from provisioner.core.state.state import TaskRecord
from provisioner.engine.task_steps import Answer, Request, Result, Send, Steps
from provisioner.errors import ApiError, ApiUnreachableError

_LONGEST_PAUSE_SECONDS = 15.0
_LOOKS_PER_SECOND = 10
"""At all the tasks together that are waited for: half of what the service allows."""

_MAY_BE_LOCKED = frozenset({"UnsupportedOperation", "OperationDenied"})
"""Codes of a refused write after which it is worth asking whether somebody else holds the lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Make a call about the editing lock on the side.

    Answered with the lock or the ``ApiError`` it raised; with None if the run stops, then nothing was
    asked. A call ``to_release`` is made in any case.
    """

    call: EditingCall
    to_release: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Come back after this many seconds, or when the run stops; others go on. Answered with None."""

    seconds: float
    holder: str
    is_news: bool
    """Whether this holder was not waited for before."""


LockedRequest: TypeAlias = Request | Ask | Wait
LockedAnswer: TypeAlias = Answer | EditingLock
LockedSteps: TypeAlias = "Generator[LockedRequest, LockedAnswer, Result]"


class AbandonedError(Exception):
    """Thrown into a change whose next write is not announced: what it took is released, and that is all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """A lock that was taken over from somebody."""

    address: Address
    task_id: TaskId
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReleased:
    """A lock that this run took and could not give back."""

    address: Address
    task_id: TaskId
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockPolicy:
    """What to do about a task that somebody else has open."""

    wait_seconds: float = 0.0
    """How long to wait, in all, for others to close their tasks."""

    takes_over: bool = False
    """Whether to take the lock away from them, after that."""


@dataclass(slots=True)
class EditingLocks:
    """What one run knows and does about editing locks."""

    monotonic: Callable[[], float]
    policy: LockPolicy = field(default_factory=LockPolicy)
    taken_over: list[TakenOver] = field(default_factory=list)
    not_released: list[NotReleased] = field(default_factory=list)
    waiting: int = 0
    """How many changes are waiting for somebody to close a task."""

    _read: dict[TaskId, str] = field(default_factory=dict)
    _ours: set[str] = field(default_factory=set)
    _until: float | None = None

    def note(self, observed: Observed) -> None:
        """Remember what tasks that were read say of their lock, where they say something."""
        for task_id, body in observed.items():
            holder = _holder(body or {})
            if holder is not None:
                self._read[task_id] = holder

    def pop_holder(self, task_id: TaskId) -> str | None:
        """Who held a task when it was read; empty if nobody did, None if that is not known.

        It is not worth knowing a second time: by then it is old.
        """
        return self._read.pop(task_id, None)

    def is_ours(self, holder: str) -> bool:
        """Whether a holder of that name was ourselves, earlier in this run."""
        return holder in self._ours

    def note_ours(self, holder: str) -> None:
        """Remember by what name the service knows us."""
        if holder:
            self._ours.add(holder)

    def next_pause(self, looks: int) -> float | None:
        """Seconds until the next look at a task that was looked at so often; None if time is up.

        The time that is waited in all begins with the first task that is waited for.
        """
        now = self.monotonic()
        if self._until is None:
            self._until = now + self.policy.wait_seconds
        left = self._until - now
        if left <= 0:
            return None
        growing = min(float(2 ** min(looks, 10)), _LONGEST_PAUSE_SECONDS)
        return min(left, max(growing, self.waiting / _LOOKS_PER_SECOND))


def locked(change: Change, steps: Steps, locks: EditingLocks) -> LockedSteps:
    """The same conversation with the editing lock held around its writes.

    Throwing ``AbandonedError`` into it ends it: it releases what it took and raises the same.
    """
    guard = _Guard(change, locks)
    try:
        request = next(steps)
        while True:
            answer = yield from guard.answer_to(request)
            request = steps.send(answer)
    except StopIteration as stop:
        yield from guard.release()
        return cast("Result", stop.value)
    except AbandonedError:
        steps.close()
        yield from guard.release()
        raise


def held_by_others(records: Iterable[TaskRecord], observed: Observed, api: TaskApi) -> Mapping[TaskId, str]:
    """Who else had which of these tasks open when they were read.

    One call for each name, until one of them is ours; where the service does not tell, nothing is said.
    """
    held: dict[str, list[TaskRecord]] = {}
    for record in records:
        if holder := _holder(observed.get(record.task_id) or {}):
            held.setdefault(holder, []).append(record)
    others: dict[TaskId, str] = {}
    knows_us = False
    for holder, theirs in held.items():
        if not knows_us:
            one = theirs[0]
            call = EditingCall(
                verb=EditingVerb.LOOK,
                project_id=one.project_id,
                task_id=one.task_id,
                task_type=one.task_type,
            )
            try:
                knows_us = api.editing_lock(call).is_ours
            except ApiError:
                continue
            if knows_us:
                continue
        others.update((record.task_id, holder) for record in theirs)
    return others


class _Guard:
    """The lock of the task that a change is about; a replace is about two, one after the other."""

    def __init__(self, change: Change, locks: EditingLocks) -> None:
        self._change = change
        self._locks = locks
        self._task: EditingCall | None = None
        self._is_taken = False
        """Whether the lock is to be released in the end."""

        self._refusal: Refused | None = None
        """Why the task must not be written to."""

        self._waited_for = ""
        """The holder that was last waited for."""

        self._asked_again = False
        self._is_first = True
        """Whether nothing was asked for yet."""

    def answer_to(self, request: Request) -> "Generator[LockedRequest, LockedAnswer, Answer]":
        """The answer to what the steps ask for, once the lock is held that it needs."""
        task = self._named(request)
        self._is_first = False
        if task is not None and task != self._task:
            self._task, self._refusal = task, None
            yield from self._take()
        if not isinstance(request, Send):
            return cast("Answer", (yield request))
        if self._refusal is not None:
            return self._refusal
        reply = cast("Reply", (yield request))
        return (yield from self._heard(request.write, reply))

    def release(self) -> "Generator[LockedRequest, LockedAnswer, None]":
        """Give back what was taken. Of a lock that is not ours any more there is nothing to say."""
        if self._task is None or not self._is_taken:
            return
        self._is_taken = False
        answer = yield from self._ask(EditingVerb.RELEASE, to_release=True)
        if isinstance(answer, EditingLock) and not answer.is_ours:
            return
        seen = yield from self._ask(EditingVerb.LOOK, to_release=True)
        if isinstance(seen, EditingLock) and not seen.is_ours:
            return
        why = _told(answer) if isinstance(answer, ApiError) else "the service did not do it"
        self._locks.not_released.append(
            NotReleased(address=self._change.address, task_id=self._task.task_id, why=why)
        )

    # ── before a write ──────────────────────────────────────────────────────

    def _named(self, request: Request) -> EditingCall | None:
        """The task whose lock a request needs; None if it needs none."""
        change = self._change
        if isinstance(request, Send):
            write = request.write
            if isinstance(write, CreateTask) or (isinstance(write, RunTask) and not self._needs_lock(write)):
                return None
            project_id, task_id = write.project_id, write.task_id
        elif self._is_first and _writes_body(change) and change.task_id is not None:
            # What is read first belongs to what is written: nobody else may save in between.
            project_id, task_id = change.project_id, change.task_id
        else:
            return None
        return EditingCall(
            verb=EditingVerb.LOOK, project_id=project_id, task_id=task_id, task_type=change.task_type
        )

    def _needs_lock(self, write: RunTask) -> bool:
        """Whether a step of a job matters to whoever edits: a version, or the stop before a delete."""
        return write.is_version or self._goes(write)

    def _goes(self, write: RunTask) -> bool:
        """Whether the task is about to be deleted: from its stop to its delete nobody else may open it."""
        change = self._change
        return change.action in (Action.DELETE, Action.REPLACE) and write.task_id == change.task_id

    def _take(self) -> "Generator[LockedRequest, LockedAnswer, None]":
        """Hold the lock of the task, or know why it must not be written to."""
        read = self._locks.pop_holder(cast("EditingCall", self._task).task_id)
        if read is not None and self._locks.is_ours(read):
            return
        if read == "" and (yield from self._lock()):
            return
        yield from self._look_and_take(may_lock=read != "", is_held=bool(read))

    def _look_and_take(
        self, *, may_lock: bool = True, is_held: bool = False
    ) -> "Generator[LockedRequest, LockedAnswer, bool]":
        """Look who holds the lock until it can be had or must be done without. Whether it was got.

        Args:
            may_lock: whether to try it where nobody holds it; once is enough.
            is_held: whether somebody held it before.
        """
        looks = 0
        while True:
            seen = yield from self._ask(EditingVerb.LOOK)
            if isinstance(seen, ApiUnreachableError):
                message = f"it is not known who edits the task: {_told(seen)}"
                self._refusal = Refused(code="NotRead", message=message)
                return False
            if not isinstance(seen, EditingLock):
                # The service does not tell. What was held and can be locked all the same was ours before.
                has_locked = seen is not None and may_lock and (yield from self._lock())
                self._is_taken = self._is_taken and not is_held
                return has_locked
            if seen.is_ours:
                self._locks.note_ours(seen.holder)
                return False
            self._is_taken = False
            if not seen.holder:
                if not may_lock or (yield from self._lock()):
                    return may_lock
                may_lock = False
                continue
            pause = self._locks.next_pause(looks)
            if pause is None:
                return (yield from self._held_by(seen.holder))
            yield from self._wait(pause, seen.holder)
            looks, may_lock = looks + 1, True

    def _wait(self, seconds: float, holder: str) -> "Generator[LockedRequest, LockedAnswer, None]":
        is_news, self._waited_for = holder != self._waited_for, holder
        self._locks.waiting += 1
        try:
            yield Wait(seconds=seconds, holder=holder, is_news=is_news)
        finally:
            self._locks.waiting -= 1

    def _lock(self) -> "Generator[LockedRequest, LockedAnswer, bool]":
        """Whether the service locked the task for us."""
        answer = yield from self._ask(EditingVerb.LOCK)
        # Without an answer it may have: then it is to be released.
        is_ours = isinstance(answer, EditingLock) and answer.is_ours
        self._is_taken = self._is_taken or is_ours or isinstance(answer, ApiUnreachableError)
        return is_ours

    def _held_by(self, holder: str) -> "Generator[LockedRequest, LockedAnswer, bool]":
        """Take the lock over if that is asked for. Whether it was got."""
        message = f"the task is being edited in WeData by {holder}"
        if not self._locks.policy.takes_over:
            self._refusal = Refused(code="BeingEdited", message=message)
            return False
        answer = yield from self._ask(EditingVerb.TAKE_OVER)
        task = cast("EditingCall", self._task)
        if isinstance(answer, EditingLock) and answer.is_ours:
            self._is_taken = True
            self._locks.taken_over.append(
                TakenOver(address=self._change.address, task_id=task.task_id, holder=holder)
            )
            return True
        if answer is not None:
            self._is_taken = isinstance(answer, ApiUnreachableError)
            why = _told(answer) if isinstance(answer, ApiError) else "the service does not allow it"
            message = f"{message}, and the editing lock could not be taken over: {why}"
            self._refusal = Refused(code="NotTakenOver", message=message)
        return False

    # ── after a write ───────────────────────────────────────────────────────

    def _heard(self, write: Write, reply: Reply) -> "Generator[LockedRequest, LockedAnswer, Reply]":
        """What the steps are to hear of a write."""
        if isinstance(write, DeleteTask) and isinstance(reply, Done):
            # With the task its lock is gone.
            self._is_taken = False
            return reply
        if isinstance(write, RunTask) and isinstance(reply, Done) and not self._goes(write):
            # What follows is only looked at, for as long as the job takes.
            yield from self.release()
            self._task = None
            return reply
        if self._task is None or self._asked_again or not _may_be_locked(reply):
            return reply
        # Somebody was faster, or the lock has expired: once, it is tried to hold it again.
        self._asked_again = True
        if (yield from self._look_and_take()):
            return replace(cast("Refused", reply), may_repeat=True)
        if self._refusal is not None:
            return replace(self._refusal, request_id=reply.request_id)
        return reply

    # ── inside ──────────────────────────────────────────────────────────────

    def _ask(
        self, verb: EditingVerb, *, to_release: bool = False
    ) -> "Generator[LockedRequest, LockedAnswer, EditingLock | ApiError | None]":
        call = replace(cast("EditingCall", self._task), verb=verb)
        answer = yield Ask(call=call, to_release=to_release)
        return cast("EditingLock | ApiError | None", answer)


def _holder(body: JSONObject) -> str | None:
    """Who holds the lock by a TaskInfo that was read; empty if nobody does, None if it does not say."""
    is_locked, locker = body.get("Locked"), body.get("Locker")
    if is_locked is False:
        return ""
    return locker if is_locked is True and isinstance(locker, str) and locker else None


def _writes_body(change: Change) -> bool:
    """Whether it begins with an update of what is edited, and not of what runs."""
    return change.action is Action.UPDATE and change.reason is not Reason.RUN_STATE


def _may_be_locked(reply: Reply) -> bool:
    if not isinstance(reply, Refused) or reply.may_repeat:
        return False
    return reply.code.partition(".")[0] in _MAY_BE_LOCKED


def _told(error: ApiError) -> str:
    """The particulars of an error in one line: they stand below its first line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return lines[1] if len(lines) > 1 else lines[0]
