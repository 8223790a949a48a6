"""One run, from what an earlier one left open to the next snapshot.

Rule: ``prepare`` looks and records what it saw, so that the plan that is shown is the plan that is
carried out; ``carry_out`` looks once more at the tasks that it is about to touch, and sends. Settle;
adopt what exists under our marker; plan again; carry out what is not held; settle what this run left
open; make a snapshot. An address that something is not known of is held, and the others go on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from provisioner.core.address import Address
from provisioner.core.api.calls import DeleteTask
from provisioner.core.api.replies import Done, Refused, Reply, Unknown
from provisioner.core.api.task_api import TaskApi
from provisioner.core.manifest.spec import TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.moves import NO_NAMES, Forgotten, Move, Names, Rearranged, rearranged
from provisioner.core.plan.plan import Action, Change, Plan
from provisioner.core.state.state import State, TaskRecord, WriteKind
from provisioner.engine.apply import Applied, Applier
from provisioner.engine.editing_lock import EditingLocks, LockPolicy, NotReleased, TakenOver
from provisioner.engine.ports import Outside, StateBackend
from provisioner.engine.precheck import ensure_as_planned, gone_entry, observed_entries
from provisioner.engine.refresh import Looked, look_at
from provisioner.engine.settle import Settled, Settler, Window
from provisioner.engine.task_steps import Context, Result
from provisioner.errors import StateError

_ENTRY_BYTES = 2_000
"""Journal space for the entries of one write beside the body, generously."""

_MAX_LOOKS = 5
"""One wait settles what time settles; a service that goes on contradicting itself is left to the next run."""

_ENTRIES_WITH_BODY = 4
"""An intent and what was read back, and the same for what a create did not keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything there is to say about one run."""

    plan: Plan
    applied: Applied = field(default_factory=Applied)
    before: Settled = field(default_factory=Settled)
    """What became of what earlier runs left open, and what was found of tasks to create."""

    after: Settled = field(default_factory=Settled)
    """What became of the writes that this run left open."""

    not_sent: tuple[Change, ...] = ()
    """Changes at addresses that are held."""

    moves: tuple[Move, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()
    """What was recorded of addresses; nothing of it was sent."""
    taken_over: tuple[TakenOver, ...] = ()
    """Editing locks that were taken over from somebody."""

    not_released: tuple[NotReleased, ...] = ()
    """Editing locks that were taken and could not be given back."""

    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a run is to come to."""

    desired: Mapping[Address, TaskSpec]
    names: Names = NO_NAMES
    """What the manifests say of addresses beside that."""

    plan_of: Callable[[State], Plan]
    """What would have to happen, given what is recorded."""

    first: Callable[[State], State]
    """Makes the state to begin with out of an empty one."""

    wait: bool = False
    """Whether to wait for what time alone will settle."""

    lock_policy: LockPolicy = field(default_factory=LockPolicy)
    """What to do about tasks that somebody has open in WeData."""

    observed: Observed = field(default_factory=dict)
    """What was there when ``plan_of`` took it into account; empty where plans are not refreshed."""


class Run:
    """One run under the lock, with the state loaded."""

    def __init__(
        self,
        wish: Wish,
        context: Context,
        outside: Outside,
        *,
        window: Window,
        earlier: Window,
        tell: Callable[[Settled], None],
    ) -> None:
        self._wish = wish
        self._context = context
        self._outside = outside
        self._backend = outside.backend
        self._should_stop = outside.should_stop
        self._window = window
        """How long what this run sends may still happen."""

        self._earlier = earlier
        """How long what an earlier run has sent may still happen."""

        self._tell = tell
        """Hears what every look came to."""

        self._locks = EditingLocks(outside.clock.monotonic, wish.lock_policy)
        self._settled = Settled()

    def prepare(self) -> Plan:
        """The plan, once what was open is settled and what exists already is adopted.

        Raises:
            ApiError: the service could not be asked; nothing was sent.
            StateError: what was seen could not be recorded.
        """
        for _ in range(_MAX_LOOKS):
            self._settled = self._look()
            self._tell(self._settled)
            if not self._waited(self._settled):
                break
        return self._wish.plan_of(self._backend.state)

    def carry_out(self, plan: Plan) -> Outcome:
        """What the plan says, but for the addresses that are held; then what became of it.

        Raises:
            StalePlanError: a task that is to be touched is not as the plan has it; nothing was sent.
            ApiError: that could not be looked at; nothing was sent.
            StateError: an outcome may not be durable; see ``Applier.carry_out``.
        """
        held = self._settled.addresses | {attempt.address for attempt in self._backend.attempts()}
        changes = [change for change in plan.changes if change.address not in held]
        not_sent = tuple(change for change in plan.changes if change.address in held)
        gone = self._ensure_as_planned(plan, changes)
        named = self._keep_names(plan.origin.targets)
        self._take_over(changes, plan.origin.targets)
        forgotten, changes = self._forget_gone(changes, gone)
        applied = self._apply(changes, may_delete=all(one.action is Action.DELETE for one in not_sent))
        after = Settled()
        if applied.results and self._backend.attempts() and not self._should_stop():
            after = self._settled_in(self._window)
        applied.results = [_with_outcome(result, after) for result in applied.results]
        self._complete(applied, after)
        applied.results = [*forgotten, *applied.results]
        self.finish(plan.origin.targets)
        return Outcome(
            plan=plan,
            applied=applied,
            before=self._settled,
            after=after,
            not_sent=not_sent,
            moves=named.moves,
            forgotten=named.forgotten,
            taken_over=tuple(self._locks.taken_over),
            not_released=tuple(self._locks.not_released),
            interrupted=self._should_stop(),
        )

    def settle(self) -> Settled:
        """What became of the writes that earlier runs left open; nothing is sent.

        Raises:
            StateError: what was seen could not be recorded.
        """
        return self._settled_in(self._earlier)

    @property
    def settled(self) -> Settled:
        """What the last look of ``prepare`` came to."""
        return self._settled

    def finish(self, targets: Sequence[Address] = ()) -> None:
        """Make a snapshot of what was recorded, with the protection that the manifests ask for.

        Raises:
            StateError: the snapshot could not be written; what is on disk folds to the same state.
        """
        try:
            keep_protection(self._backend, self._wish.desired, targets)
            self._backend.commit()
        except StateError as error:
            raise StateError(f"{error}\nWhat was done is recorded in the journal.") from error

    # ── inside ──────────────────────────────────────────────────────────────

    def _look(self) -> Settled:
        settler = self._settler(self._earlier)
        settled = settler.settle()
        state = self._backend.state
        creates = [
            change.spec
            for change in self._wish.plan_of(state).changes
            if change.action in (Action.CREATE, Action.REPLACE)
            and change.spec is not None
            and change.address not in state.open
        ]
        addresses = {*self._wish.desired, *self._wish.names.forgotten}
        return settler.adopt(creates, addresses) if creates else settled

    def _ensure_as_planned(self, plan: Plan, changes: Sequence[Change]) -> frozenset[Address]:
        """The addresses of tasks to delete that are gone; see ``ensure_as_planned``."""
        if self._should_stop():
            return frozenset()

        def look(records: Iterable[TaskRecord]) -> Looked:
            lag_seconds = max(self._earlier.lag, 0)
            looked = look_at(records, self._context.api, self._outside.workers, lag_seconds=lag_seconds)
            self._locks.note(looked.observed)
            return looked

        there = rearranged(self._backend.state, self._wish.names, plan.origin.targets).state
        return ensure_as_planned(changes, there, look, destroy=plan.origin.destroy)

    def _forget_gone(
        self, changes: Sequence[Change], gone: frozenset[Address]
    ) -> tuple[list[Result], list[Change]]:
        """Record what was to be deleted and is gone; returns what is done by that, and what is left to do.

        Nothing is sent for it: how the service refuses to delete what is not there is not documented.
        """
        if gone:
            self._ready()
        done, left = list[Result](), list[Change]()
        for change in changes:
            if change.address not in gone:
                left.append(change)
                continue
            record = self._backend.state.tasks[change.address]
            self._backend.record(replace(gone_entry(change.address, record), seq=self._backend.next_seq))
            if change.action is Action.REPLACE:
                left.append(replace(change, action=Action.CREATE))
            else:
                self._outside.reporter.started(change)
                self._outside.reporter.finished(change, record.task_id)
                done.append(_deleted(change, record, self._context.api))
        return done, left

    def _keep_names(self, targets: Sequence[Address]) -> Rearranged:
        """Record what has moved and what is forgotten: every write is announced at its new address."""
        if self._should_stop():
            return Rearranged(self._backend.state)
        try:
            return keep_names(self._backend, self._wish.names, targets)
        except StateError as error:
            raise StateError(f"{error}\nNothing more was sent.") from error

    def _take_over(self, changes: Sequence[Change], targets: Sequence[Address]) -> None:
        """Record what was observed: the plan that was approved begins with it."""
        if not self._wish.observed or self._should_stop():
            return
        self._ready()
        anew = {one.address for one in changes if one.action is Action.CREATE}
        for entry in observed_entries(self._backend.state, self._wish.observed, anew, targets):
            self._backend.record(replace(entry, seq=self._backend.next_seq))

    def _settled_in(self, window: Window) -> Settled:
        """What became of the open writes; what cannot be looked at stays open for the next run."""
        settled = Settled()
        for _ in range(_MAX_LOOKS):
            settled = self._settler(window).settle()
            self._tell(settled)
            if not self._waited(settled):
                break
        return settled

    def _waited(self, settled: Settled) -> bool:
        """Whether it was waited for what time settles, so that it is worth looking again."""
        until = max((one.until for one in settled.held), default=0)
        if not (self._wish.wait and until) or self._should_stop():
            return False
        self._outside.clock.sleep(max(1, until - settled.server_time))
        return not self._should_stop()

    def _apply(self, changes: Sequence[Change], *, may_delete: bool = True) -> Applied:
        if not changes:
            return Applied()
        self._ready(changes)
        return Applier(self._context, self._outside, self._locks).carry_out(changes, may_delete=may_delete)

    def _complete(self, applied: Applied, after: Settled) -> None:
        """Go on where a write was found done that was not answered.

        What a created task did not keep is written once more; what was to take the place of a task that
        is now gone is created.
        """
        found = {address for address, _ in after.adopted}
        may_lose = {one.change.address for one in applied.results if _loses_state(one.change)}
        found |= {attempt.address for attempt, _ in after.ran}
        gone = {one.change.address for one in applied.results if _is_half_replaced(one)}
        if not (found or gone):
            return
        changes = [
            change if change.address in may_lose else _losing_nothing(change)
            for change in self._wish.plan_of(self._backend.state).changes
            if (change.address in found and change.action is Action.UPDATE)
            or (change.address in gone and change.action is Action.CREATE)
        ]
        completed = {one.change.address: one for one in self._apply(changes).results}
        applied.results = [
            replace(
                completed[one.change.address],
                change=one.change,
                done=one.done | completed[one.change.address].done,
            )
            if one.change.address in completed
            else one
            for one in applied.results
        ]
        # Asked to stop in between: the old task is gone, and the new one is not created yet.
        applied.not_attempted += [one.change for one in applied.results if _is_half_replaced(one)]

    def _settler(self, window: Window) -> Settler:
        return Settler(
            api=self._context.api,
            backend=self._backend,
            stack=self._context.stack,
            use_marker=self._context.use_marker,
            window=window,
            first=self._wish.first,
            ready=self._ready,
        )

    def _ready(self, changes: Sequence[Change] = ()) -> None:
        """Make the journal ready for the entries of these changes.

        Raises:
            StateError: it cannot be; nothing of them is sent.
        """
        bodies = sum(len(repr(change.after or change.before).encode(errors="replace")) for change in changes)
        entries = len(changes) + sum(change.run is not None for change in changes)
        reserve_bytes = _ENTRIES_WITH_BODY * (bodies + _ENTRY_BYTES * entries)
        try:
            self._backend.begin(first=self._wish.first, reserve_bytes=reserve_bytes)
        except StateError as error:
            raise StateError(f"{error}\nNothing more was sent.") from error


def keep_names(backend: StateBackend, names: Names, targets: Sequence[Address] = ()) -> Rearranged:
    """Record moves, and forget what is to be forgotten, all of it or nothing; returns what was recorded.

    What waits for the outcome of a write is left as it is.

    Raises:
        StateError: the snapshot could not be written; the old one is still there.
    """
    there = rearranged(backend.state, names, targets)
    moves = tuple(move for move in there.moves if not move.waits)
    forgotten = tuple(one for one in there.forgotten if not one.waits)
    if moves or forgotten:
        backend.replace(there.state)
    return Rearranged(there.state, moves, forgotten)


def keep_protection(
    backend: StateBackend, desired: Mapping[Address, TaskSpec], targets: Sequence[Address] = ()
) -> None:
    """Keep ``prevent_destroy`` in the state as the manifests have it: nothing is sent for that.

    Raises:
        StateError: the snapshot could not be written.
    """
    state = backend.state
    changed = {
        address: replace(state.tasks[address], protected=spec.prevent_destroy)
        for address, spec in desired.items()
        if address in state.tasks
        and state.tasks[address].protected != spec.prevent_destroy
        and (not targets or address in targets)
    }
    if changed:
        backend.replace(replace(state, tasks={**state.tasks, **changed}))


def _loses_state(change: Change) -> bool:
    return change.run is not None and change.run.loses_state


def _losing_nothing(change: Change) -> Change:
    """A change that goes on where one ended that was not to lose the state of a job: neither is this."""
    if change.run is None:
        return change
    return replace(change, run=replace(change.run, loses_state=False))


def _deleted(change: Change, record: TaskRecord, api: TaskApi) -> Result:
    """A delete that is done, because the task is gone."""
    write = DeleteTask(project_id=record.project_id, task_id=record.task_id, task_type=record.task_type)
    return Result(
        change=change,
        reply=Done(task_id=record.task_id, request_id=""),
        action=api.action_of(write),
        kind=WriteKind.DELETE,
        done=frozenset({WriteKind.DELETE}),
    )


def _is_half_replaced(result: Result) -> bool:
    """Whether the old task is gone and the new one was not even tried, because that was not known in time."""
    return (
        result.change.action is Action.REPLACE
        and result.kind is WriteKind.DELETE
        and isinstance(result.reply, Done)
    )


def _with_outcome(result: Result, after: Settled) -> Result:
    """A result whose outcome was unknown, with what was found of it."""
    if not isinstance(result.reply, Unknown):
        return result
    reply = _found(result, result.reply, after)
    if reply is None:
        return result
    done = result.done | {result.kind} if isinstance(reply, Done) else result.done
    return replace(result, reply=reply, done=done)


def _found(result: Result, unknown: Unknown, after: Settled) -> Reply | None:
    address, is_delete = result.change.address, result.kind is WriteKind.DELETE
    record = dict(after.adopted).get(address)
    if record is not None:
        return Done(task_id=record.task_id, request_id=record.request_id)
    ran = {attempt.address: (attempt.task_id, took_effect) for attempt, took_effect in after.ran}
    task_id, took_effect = ran.get(address, (None, False))
    if task_id is not None and took_effect:
        return Done(task_id=task_id, request_id="")
    is_absent = any(attempt.address == address for attempt in after.absent)
    if is_absent and is_delete and result.change.task_id is not None:
        return Done(task_id=result.change.task_id, request_id="")
    if is_absent or address in ran or any(attempt.address == address for attempt in after.repeat):
        return Refused(code=unknown.code, message="it had no effect", may_repeat=True)
    return None
