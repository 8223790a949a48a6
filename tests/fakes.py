"""The outside world of the engine, in memory: a service, a state, workers, a clock, a listener.

Each is a full implementation of its protocol. A test arranges the world (``fates``, ``waits``,
``fail_after``), lets the engine run, and looks at what came of it: ``events`` tells in which order.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from random import Random
from typing import Any, Protocol, cast

from builders import STACK, a_spec
from provisioner.core.address import Address, TaskId
from provisioner.core.api.calls import (
    CreateTask,
    DeleteTask,
    EditingCall,
    EditingVerb,
    ModifyTask,
    RunTask,
    SignedWrite,
    Write,
)
from provisioner.core.api.replies import Done, EditingLock, Listing, Refused, RemoteTask, Reply, Unknown
from provisioner.core.jobs.job import COMMIT_TYPES, Job, Production, RunSpec, Step
from provisioner.core.jobs.transitions import goal_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.manifest.spec import Removal, TaskSpec
from provisioner.core.plan.drift import Observed
from provisioner.core.plan.moves import names_of
from provisioner.core.plan.plan import Change, Origin, Plan
from provisioner.core.plan.planner import make_plan
from provisioner.core.state.entries import Entry, Finished, Intent, Ran, Rejected
from provisioner.core.state.ledger import Ledger
from provisioner.core.state.state import Attempt, Remote, State, TaskRecord
from provisioner.core.task_types import OFFLINE, REAL_TIME
from provisioner.core.times import utc_text
from provisioner.engine.apply import Applied, Applier
from provisioner.engine.editing_lock import EditingLocks, LockPolicy
from provisioner.engine.ports import Clock, Completed, Outside
from provisioner.engine.run import Run, Wish
from provisioner.engine.settle import SIGNATURE_SECONDS, Settled, Settler, Window
from provisioner.engine.task_steps import Context, RunLimits
from provisioner.errors import ApiError, ApiRefusedError, StateError
from provisioner.store.disk import Disk

START = 1_700_000_000
"""Unix seconds at which every fake clock begins."""


CREATE = "CreateIntegrationTask"
MODIFY = "ModifyIntegrationTask"
DELETE = "DeleteIntegrationTask"
DELETE_OFFLINE = "DeleteOfflineTask"
US = "us"
"""Our name at the service."""

COMMIT = "CommitIntegrationTask"
RUN_ACTIONS = {
    Step.START: "StartIntegrationTask",
    Step.STOP: "StopIntegrationTask",
    Step.SUSPEND: "SuspendIntegrationTask",
    Step.RESUME: "ResumeIntegrationTask",
}
STATUSES = {Job.READY: 1, Job.MOVING: 2, Job.RUNNING: 3, Job.SUSPENDED: 4, Job.STOPPED: 6, Job.FAILED: 7}
"""As the service numbers what a job does."""


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pulls: FakeClock | None = None
        """A clock that moves with it."""

    def now(self) -> int:
        """See ``Clock.now``."""
        return START + int(self.seconds)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """See ``Clock.sleep``; returns at once."""
        self.seconds += seconds
        if self.pulls is not None:
            self.pulls.sleep(seconds)


def one_by_one(works: Sequence[Callable[[], Any]]) -> Iterator[Any]:
    """Pieces of work after each other; see ``cloud.api.Gather``."""
    yield from (work() for work in works)


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


class SyncWorkers:
    """One piece of work at each ``wait``, the one that ``choose`` picks; nothing runs on the side.

    Where nothing is under way, ``wait`` lets the clock run on by the time it was given.
    """

    def __init__(self, clock: Clock, choose: Callable[[int], int] = lambda _count: 0) -> None:
        self._clock = clock
        self._choose = choose
        self._pending: list[tuple[int, Callable[[], object]]] = []
        self.most_under_way = 0

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """See ``Workers.submit``."""
        self._pending.append((ticket, work))
        self.most_under_way = max(self.most_under_way, len(self._pending))

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """See ``Workers.wait``."""
        if self._pending:
            ticket, work = self._pending.pop(self._choose(len(self._pending)))
            return [Completed(ticket, work())]
        if timeout_seconds is None:
            raise AssertionError("the engine waits for ever: nothing is under way")
        self._clock.sleep(timeout_seconds)
        return []


class SlowWorkers(SyncWorkers):
    """Every piece of work takes so long; any number of them at the same time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(clock)
        self._seconds = seconds
        self._ends: list[tuple[float, int, object]] = []

    def submit(self, ticket: int, work: Callable[[], object]) -> None:
        """See ``Workers.submit``."""
        self._ends.append((self._clock.monotonic() + self._seconds, ticket, work()))
        self.most_under_way = max(self.most_under_way, len(self._ends))

    def wait(self, timeout_seconds: float | None) -> list[Completed]:
        """See ``Workers.wait``."""
        now = self._clock.monotonic()
        wait = min([self._ends[0][0] - now] if self._ends else [], default=timeout_seconds)
        if wait is None:
            raise AssertionError("the engine waits for ever: nothing is under way")
        self._clock.sleep(max(0.0, wait if timeout_seconds is None else min(wait, timeout_seconds)))
        if self._ends and self._ends[0][0] <= self._clock.monotonic():
            _, ticket, result = self._ends.pop(0)
            return [Completed(ticket, result)]
        return []


# ── the service ─────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Fate:
    """What becomes of one send."""

    takes_effect: bool = True
    reply: Reply | None = None
    """None: ``Done``, as the service would say."""

    delay_seconds: int = 0
    """How long after the send it takes effect."""


OK = Fate()
LOST_BEFORE = Fate(takes_effect=False, reply=Unknown(code="ConnectionLost", message="no answer"))
LOST_AFTER = Fate(reply=Unknown(code="Timeout", message="no answer"))


def late(seconds: int) -> Fate:
    """No answer, and the effect comes later."""
    return Fate(reply=Unknown(code="Timeout", message="no answer"), delay_seconds=seconds)


def refused(code: str, *, may_repeat: bool = False) -> Fate:
    """No effect, and the service says so."""
    return Fate(
        takes_effect=False,
        reply=Refused(code=code, message=f"said {code}", request_id="r-no", may_repeat=may_repeat),
    )


@dataclass
class Stored:
    """A task as the service holds it."""

    task_id: TaskId
    project_id: str
    task_type: int
    body: JSONObject
    created: int
    status: int = 1
    """Of its job, as the service numbers it."""

    version: int = 0
    """How many versions were submitted."""

    discards: int = 0
    """How often the state of its job was thrown away."""

    published: JSONObject | None = None
    """The body of the version in production."""

    @property
    def name(self) -> str:
        """TaskName."""
        return str(self.body.get("TaskName", ""))


class FakeTaskApi:
    """A service in memory, with a clock of its own. See ``TaskApi``."""

    def __init__(self, clock: FakeClock, events: list[str] | None = None) -> None:
        self.events: list[str] = [] if events is None else events
        self.server_clock = FakeClock()
        self.tasks: dict[TaskId, Stored] = {}
        self.ever: set[TaskId] = set()
        """Every id that was ever given."""

        self.sent: list[SignedWrite] = []
        self.fates: deque[Fate] = deque()
        """Of the next sends, in order; ``OK`` once they are used up."""

        self.fates_of: dict[str, deque[Fate]] = {}
        """The same, of the sends that concern one TaskName; they come first."""

        self.dropped: dict[str, set[str]] = {CREATE: set(), MODIFY: set()}
        """Fields of TaskInfo that the service does not keep, by action."""

        self.read_errors: deque[ApiError | None] = deque()
        self.sign_errors: deque[ApiError | None] = deque()
        self.replaces = False
        """Whether a modify leaves nothing of the body before; else absent fields stay as they were."""

        self.numbers: dict[str, str] = {}
        """Ids that nodes and what points to them have at the service, by what was written."""

        self.merges_settings = False
        """Whether settings that are not named stay as they were."""

        self.unreadable: set[TaskId] = set()
        """Tasks that are listed and that a read does not show."""

        self.holders: dict[TaskId, str] | None = None
        """Who has which task open; ``US`` for us. None: every task is ours, and no event tells of it."""

        self.lock_answers: deque[EditingLock | ApiError | None] = deque()
        """Of the next calls about the editing lock, in order; None: as ``holders`` has it."""

        self.lists_production = True
        self.moving: dict[TaskId, list[int]] = {}
        """What the next looks at a job show, before what it does."""

        self.ends_in: dict[Step, int] = {}
        """Status after a step; else the one that it is to lead to."""

        self.approvals: deque[str] = deque()
        """TaskApproveIds of the next versions: those are not submitted."""

        self.refuse_reads = False
        self.list_lag_seconds = 0
        self.pace_seconds: dict[str, float] = {}
        """Least time between two sends of an action."""

        self._ready_at: dict[str, float] = {}
        self._late: list[tuple[int, Callable[[], object]]] = []
        self._clock = clock

    # What TaskApi promises

    def sign(self, write: Write) -> SignedWrite:
        """See ``TaskApi.sign``; takes the action's place in the pace."""
        error = self.sign_errors.popleft() if self.sign_errors else None
        if error is not None:
            raise error
        action = self.action_of(write)
        self._ready_at[action] = self._clock.monotonic() + self.pace_seconds.get(action, 0)
        content = _content(write)
        payload = json.dumps([action, content], sort_keys=True).encode()
        return SignedWrite(
            write=write,
            action=action,
            payload=payload,
            headers={},
            timestamp=self._clock.now(),
            digest=hashlib.sha256(payload).hexdigest(),
        )

    def send(self, signed: SignedWrite) -> Reply:
        """See ``TaskApi.send``."""
        if any(earlier is signed for earlier in self.sent):
            raise AssertionError("the same bytes were sent twice")
        self.sent.append(signed)
        name = self._name_of(signed.write)
        self.events.append(f"send {signed.action} {name}")
        if self.server_clock.now() - signed.timestamp > SIGNATURE_SECONDS:
            return Refused(code="AuthFailure.SignatureExpire", message="too old")
        fates = self.fates_of.get(name) or self.fates
        fate = fates.popleft() if fates else OK
        if not fate.takes_effect:
            return fate.reply or Refused(code="InternalTest", message="")
        if fate.delay_seconds:
            due = self.server_clock.now() + fate.delay_seconds
            self._late.append((due, lambda: self._done(signed.write)))
            return fate.reply or Unknown(code="Timeout", message="")
        reply = self._done(signed.write)
        return fate.reply or reply

    def _said_done(self, task_id: TaskId, ending: str) -> Done:
        return Done(
            task_id=task_id, request_id=f"r-{task_id}{ending}", server_time=int(self.server_clock.now())
        )

    def seconds_until_ready(self, action: str) -> float:
        """See ``TaskApi.seconds_until_ready``."""
        return max(0.0, self._ready_at.get(action, 0.0) - self._clock.monotonic())

    def action_of(self, write: Write) -> str:
        """See ``TaskApi.action_of``."""
        match write:
            case CreateTask():
                return CREATE
            case ModifyTask():
                return MODIFY
            case DeleteTask(task_type=task_type):
                return DELETE_OFFLINE if task_type == OFFLINE else DELETE
            case RunTask(step=step):
                return RUN_ACTIONS.get(step, COMMIT)

    def production(self, project_id: str, task_id: TaskId, task_type: int) -> Production:
        """See ``TaskApi.production``."""
        self.events.append(f"look {task_id}")
        error = self.read_errors.popleft() if self.read_errors else None
        if error is not None:
            raise error
        self._let_late_ones_happen()
        shown = self.moving.get(task_id)
        stored = self.tasks.get(task_id)
        return self._produced(stored, shown.pop(0) if shown else None)

    def productions(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """See ``TaskApi.productions``."""
        self.events.append(f"list production of {project_id}")
        if not self.lists_production:
            return None
        return {key: self._produced(task, None) for key, task in self.tasks.items() if task.version}

    def _produced(self, stored: Stored | None, shown: int | None) -> Production:
        now = self.server_clock.now()
        if stored is None or not stored.version:
            return Production(status=None, version=0, server_time=now, is_submitted=False)
        return Production(
            status=stored.status if shown is None else shown, version=stored.version, server_time=now
        )

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """See ``TaskApi.read``."""
        self.events.append(f"read {task_id}")
        error = self.read_errors.popleft() if self.read_errors else None
        if error is not None:
            raise error
        if self.refuse_reads:
            raise ApiRefusedError("FailedOperation")
        self._let_late_ones_happen()
        stored = self.tasks.get(task_id)
        return _shown(stored) if stored and task_id not in self.unreadable else None

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """See ``TaskApi.inventory``."""
        self.events.append(f"list {project_id}")
        error = self.read_errors.popleft() if self.read_errors else None
        if error is not None:
            raise error
        self._let_late_ones_happen()
        now = self.server_clock.now()
        listed = [
            _shown(task)
            for task in self.tasks.values()
            if task.project_id == project_id and task.created + self.list_lag_seconds <= now
        ]
        if progress is not None:
            progress(len(listed))
        return Listing(tasks=listed, server_time=now)

    def editing_lock(self, call: EditingCall) -> EditingLock:
        """See ``TaskApi.editing_lock``. Only a holder can release, and somebody else's lock stays as it is."""
        if self.holders is None:
            return EditingLock(is_ours=call.verb is not EditingVerb.RELEASE, holder=US)
        verb = "whose" if call.verb is EditingVerb.LOOK else call.verb
        self.events.append(f"{verb} {call.task_id}")
        answer = self.lock_answers.popleft() if self.lock_answers else None
        if isinstance(answer, ApiError):
            raise answer
        if answer is not None:
            return answer
        return self._locked(call.verb, call.task_id, self.holders)

    # What a test does

    def put(self, body: JSONObject, *, project_id: str = "p1") -> TaskId:
        """A task that somebody made."""
        task_id = TaskId(f"t-{len(self.ever) + 1}")
        self.ever.add(task_id)
        task_type = OFFLINE if body.get("TaskType") == OFFLINE else REAL_TIME
        self.tasks[task_id] = Stored(task_id, project_id, task_type, body, self.server_clock.now())
        return task_id

    def named(self, name: str) -> list[Stored]:
        """The tasks with one TaskName."""
        return [task for task in self.tasks.values() if task.name == name]

    # Inside

    def _locked(self, verb: EditingVerb, task_id: TaskId, holders: dict[TaskId, str]) -> EditingLock:
        holder = holders.get(task_id, "")
        match verb:
            case EditingVerb.LOOK:
                return EditingLock(is_ours=holder == US, holder=holder)
            case EditingVerb.LOCK | EditingVerb.TAKE_OVER:
                if verb is EditingVerb.LOCK and holder not in (US, ""):
                    raise ApiRefusedError(f"The service refused a call.\n  Lock: locked by {holder}")
                holders[task_id] = US
                return EditingLock(is_ours=True)
            case EditingVerb.RELEASE:
                if holder != US:
                    raise ApiRefusedError("The service refused a call.\n  Unlock: not the holder")
                del holders[task_id]
                return EditingLock(is_ours=False)

    def _name_of(self, write: Write) -> str:
        if isinstance(write, DeleteTask | RunTask):
            stored = self.tasks.get(write.task_id)
            return stored.name if stored else write.task_id
        return str(write.body.get("TaskName"))

    def _done(self, write: Write) -> Reply:
        match write:
            case CreateTask():
                task_id = self.put(self._kept(CREATE, write.body), project_id=write.project_id)
                return self._said_done(task_id, "")
            case ModifyTask(task_id=task_id):
                stored = self.tasks.get(task_id)
                if stored is None:
                    return Refused(code="ResourceNotFound", message="no such task")
                stored.body = self._modified(stored.body, self._kept(MODIFY, write.body))
                return self._said_done(task_id, "-m")
            case DeleteTask(task_id=task_id):
                if task_id in self.tasks and self.tasks[task_id].status in (3, 4):
                    return Refused(code="DeleteFlag 100", message="the task is running or suspended")
                self.tasks.pop(task_id, None)
                return self._said_done(task_id, "-d")
            case RunTask():
                return self._ran(write)

    def _ran(self, write: RunTask) -> Reply:
        stored = self.tasks.get(write.task_id)
        if stored is None:
            return Refused(code="ResourceNotFound", message="no such task")
        if write.step in COMMIT_TYPES:
            if self.approvals:
                return Done(task_id=write.task_id, request_id="r-a", approval=self.approvals.popleft())
            stored.version += 1
            stored.published = stored.body
        stored.discards += write.step in (Step.STOP, Step.SUBMIT_DISCARDING) and stored.status in (3, 4)
        goal = goal_of(write.step)
        if goal is not None:
            stored.status = self.ends_in.get(write.step, STATUSES[goal])
        return self._said_done(write.task_id, "-r")

    def _modified(self, before: JSONObject, given: JSONObject) -> JSONObject:
        if self.replaces:
            return given
        if not self.merges_settings:
            return {**before, **given}
        settings = {**cast("JSONObject", before["Config"]), **cast("JSONObject", given["Config"])}
        return {**before, **given, "Config": settings}

    def _kept(self, action: str, body: JSONObject) -> JSONObject:
        kept = {key: value for key, value in body.items() if key not in self.dropped[action]}
        return cast("JSONObject", _numbered(kept, self.numbers)) if self.numbers else kept

    def _let_late_ones_happen(self) -> None:
        now = self.server_clock.now()
        due = [work for at, work in self._late if at <= now]
        self._late = [(at, work) for at, work in self._late if at > now]
        for work in due:
            work()


def _content(write: Write) -> JSONObject:
    match write:
        case CreateTask(body=body) | ModifyTask(body=body):
            return body
        case RunTask(step=step):
            return {"step": step}
        case DeleteTask():
            return {}


def _numbered(value: JSONValue, numbers: Mapping[str, str]) -> JSONValue:
    """The value with other ids of nodes."""
    if isinstance(value, list):
        return [_numbered(item, numbers) for item in value]
    if not isinstance(value, Mapping):
        return value
    ends = ("Id", "SourceId", "SinkId")
    return {
        name: numbers.get(str(item), item) if name in ends else _numbered(item, numbers)
        for name, item in value.items()
    }


def _shown(task: Stored) -> RemoteTask:
    return RemoteTask(
        task_id=task.task_id,
        task_type=task.task_type,
        name=task.name,
        description=str(task.body.get("Description", "")),
        create_time=utc_text(task.created),
        body=task.body,
    )


# ── the state ───────────────────────────────────────────────────────────────


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


# ── what is asked for ───────────────────────────────────────────────────────


def spec_of(
    name: str,
    info: JSONObject | None = None,
    *,
    project_id: str = "p1",
    prevent_destroy: bool = False,
    run: RunSpec | None = None,
    moved_from: Iterable[str] = (),
) -> TaskSpec:
    """A small task as asked for; ``info`` is put over its TaskInfo."""
    body: JSONObject = {
        "TaskName": name,
        "TaskType": REAL_TIME,
        "Description": f"about {name}",
        "Config": {"parallelism": "1"},
        **(info or {}),
    }
    return a_spec(
        name, body, project_id=project_id, prevent_destroy=prevent_destroy, run=run, moved_from=moved_from
    )


def desired_of(specs: Iterable[TaskSpec]) -> dict[Address, TaskSpec]:
    """Specs by address."""
    return {spec.address: spec for spec in specs}


# ── the engine in its world ─────────────────────────────────────────────────


class World:
    """An engine and everything around it."""

    def __init__(self, *, choose: Callable[[int], int] = lambda _count: 0, use_marker: bool = True) -> None:
        self.events: list[str] = []
        self.clock = FakeClock()
        self.api = FakeTaskApi(self.clock, self.events)
        self.backend = MemoryBackend(stack=STACK, events=self.events)
        self.workers = SyncWorkers(self.clock, choose)
        self.reporter = ListReporter()
        self.told: list[Settled] = []
        self.should_stop: Callable[[], bool] = lambda: False
        self.use_marker = use_marker
        self.locks = EditingLocks(self.clock.monotonic)
        self.limits = RunLimits(seconds=60, late=WINDOW_SECONDS)
        self.ids = (f"{number:016x}" for number in range(1, 1_000_000))
        self.ready()

    @property
    def state(self) -> State:
        """What is recorded."""
        return self.backend.state

    def ready(self) -> None:
        """Make ready to record."""
        self.backend.begin(first=first_state, reserve_bytes=0)

    def plan(self, *specs: TaskSpec) -> Plan:
        """What would have to happen for these, and no others, to exist."""
        return make_plan(desired_of(specs), self.state, ORIGIN)

    def apply(self, *specs: TaskSpec, parallelism: int = 4) -> Applied:
        """Make it so that these, and no others, exist."""
        return self.carry_out(self.plan(*specs).changes, parallelism=parallelism)

    def carry_out(self, changes: Iterable[Change], *, parallelism: int = 4) -> Applied:
        """Carry out changes with an engine of their own."""
        outside = self.outside(parallelism=parallelism)
        return Applier(self.context(), outside, self.locks).carry_out(changes)

    def outside(self, *, parallelism: int = 4) -> Outside:
        """What a run goes through."""
        return Outside(
            backend=self.backend,
            workers=self.workers,
            clock=self.clock,
            reporter=self.reporter,
            parallelism=parallelism,
            should_stop=lambda: self.should_stop(),  # noqa: PLW0108  # a test may set it later
        )

    def run(
        self,
        *specs: TaskSpec,
        wait: bool = False,
        observed: Observed | None = None,
        lock_policy: LockPolicy | None = None,
        removals: Iterable[Removal] = (),
    ) -> Run:
        """One run that is to come to these, and no others; refreshed by what was observed."""
        names = names_of(specs, {one.address: one for one in removals}, use_marker=self.use_marker)
        wish = Wish(
            desired=desired_of(specs),
            names=names,
            plan_of=lambda state: make_plan(desired_of(specs), state, ORIGIN, observed, names),
            first=first_state,
            wait=wait,
            lock_policy=lock_policy or LockPolicy(),
            observed=observed or {},
        )
        return Run(wish, self.context(), self.outside(), window=WINDOW, earlier=WINDOW, tell=self.told.append)

    def context(self) -> Context:
        """What every change needs to know."""
        return Context(
            api=self.api,
            stack=STACK,
            new_id=lambda: next(self.ids),
            use_marker=self.use_marker,
            record_of=self.backend.record_of,
            limits=self.limits,
        )

    def settler(self, *, progress: Callable[[int], None] | None = None) -> Settler:
        """A settler that has listed nothing yet."""
        return Settler(
            api=self.api,
            backend=self.backend,
            stack=STACK,
            use_marker=self.use_marker,
            window=WINDOW,
            first=first_state,
            ready=self.ready,
            progress=progress,
        )

    def forget_everything(self) -> None:
        """Delete the state."""
        self.backend = MemoryBackend(stack=STACK, events=self.events)


ORIGIN = Origin(
    tool_version="0",
    stack=STACK,
    lineage="1ea6e",
    serial=0,
    endpoint="test",
    region="",
    environment="default",
)

LAG_SECONDS = 30
WINDOW_SECONDS = SIGNATURE_SECONDS + 60 + LAG_SECONDS
"""After signing, until nothing can take effect or stay unlisted any more."""

WINDOW = Window(late=WINDOW_SECONDS, lag=LAG_SECONDS)


def first_state(empty: State) -> State:
    """A state to begin with."""
    return replace(empty, lineage="1ea6e", remote=Remote("test", ""))


# ── the disk ────────────────────────────────────────────────────────────────


class Around(Protocol):
    """What is done about one operation of the disk."""

    def __call__(self, name: str, act: Callable[[], Any], half: Callable[[], object]) -> Any:
        """Do it with ``act``, or a part of it with ``half``, or raise."""
        ...


class WatchedDisk(Disk):
    """A disk whose every operation goes through ``around``. Knows which handles are open."""

    def __init__(self, around: Around, disk: Disk | None = None) -> None:
        self._around = around
        self._disk = disk or Disk()
        self._handles: set[int] = set()

    def release(self) -> None:
        """Close what is still open, as the end of a process would."""
        for handle in self._handles:
            self._disk.close(handle)
        self._handles.clear()

    def read(self, path: str) -> bytes | None:
        """See ``Disk.read``."""
        found: bytes | None = self._do("read", lambda: self._disk.read(path))
        return found

    def create(self, path: str) -> int:
        """See ``Disk.create``."""
        return self._opened("create", lambda: self._disk.create(path))

    def open(self, path: str) -> int:
        """See ``Disk.open``."""
        return self._opened("open", lambda: self._disk.open(path))

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """See ``Disk.write``; half of it is the first half of the bytes."""
        self._around(
            "write",
            lambda: self._disk.write(handle, offset, data),
            lambda: self._disk.write(handle, offset, data[: len(data) // 2]),
        )

    def reserve(self, handle: int, offset: int, length: int) -> None:
        """See ``Disk.reserve``."""
        self._do("reserve", lambda: self._disk.reserve(handle, offset, length))

    def truncate(self, handle: int, length: int) -> None:
        """See ``Disk.truncate``."""
        self._do("truncate", lambda: self._disk.truncate(handle, length))

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        self._do("sync", lambda: self._disk.sync(handle))

    def sync_data(self, handle: int) -> None:
        """See ``Disk.sync_data``."""
        self._do("sync_data", lambda: self._disk.sync_data(handle))

    def sync_folder(self, path: str) -> None:
        """See ``Disk.sync_folder``."""
        self._do("sync_folder", lambda: self._disk.sync_folder(path))

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        self._do("rename", lambda: self._disk.rename(old, new))

    def remove(self, path: str) -> None:
        """See ``Disk.remove``."""
        self._do("remove", lambda: self._disk.remove(path))

    def close(self, handle: int) -> None:
        """See ``Disk.close``."""

        def act() -> None:
            self._handles.discard(handle)
            self._disk.close(handle)

        self._do("close", act)

    def lock(self, path: str) -> int | None:
        """See ``Disk.lock``."""

        def act() -> int | None:
            handle = self._disk.lock(path)
            if handle is not None:
                self._handles.add(handle)
            return handle

        handle: int | None = self._do("lock", act)
        return handle

    def is_locked(self, path: str) -> bool:
        """See ``Disk.is_locked``; looking is no effect."""
        return self._disk.is_locked(path)

    def is_named(self, handle: int, path: str) -> bool:
        """See ``Disk.is_named``; looking is no effect."""
        return self._disk.is_named(handle, path)

    def identity(self, path: str) -> object:
        """See ``Disk.identity``; looking is no effect."""
        return self._disk.identity(path)

    def make_folder(self, path: str) -> None:
        """See ``Disk.make_folder``."""
        self._do("make_folder", lambda: self._disk.make_folder(path))

    def _do(self, name: str, act: Callable[[], Any]) -> Any:
        return self._around(name, act, lambda: None)

    def _opened(self, name: str, act: Callable[[], int]) -> int:
        def noted() -> int:
            handle = act()
            self._handles.add(handle)
            return handle

        handle: int = self._do(name, noted)
        return handle


@dataclass(eq=False)
class _Inode:
    """A file without its name."""

    now: bytes = b""
    durable: bytes = b""


class MemoryDisk(Disk):
    """A disk in memory whose power can be cut: what was not synced may then be gone, or half there."""

    def __init__(self) -> None:
        self._names: dict[str, _Inode] = {}
        self._durable_names: dict[str, _Inode] = {}
        self._handles: dict[int, _Inode] = {}
        self._locked: set[int] = set()
        self._numbers = count(1000)

    def cut_power(self, chance: Random | None = None) -> None:
        """Keep what is durable; of the rest nothing, or by ``chance`` some."""
        self._handles.clear()
        self._locked.clear()
        for path in {*self._names, *self._durable_names}:
            kept = self._names if chance and chance.random() < 0.5 else self._durable_names
            inode = kept.get(path)
            self._durable_names.pop(path, None)
            if inode is not None:
                self._durable_names[path] = inode
        self._names = dict(self._durable_names)
        for inode in self._names.values():
            inode.durable = inode.now = _after_power_cut(inode, chance)

    def read(self, path: str) -> bytes | None:
        """See ``Disk.read``."""
        inode = self._names.get(path)
        return None if inode is None else inode.now

    def create(self, path: str) -> int:
        """See ``Disk.create``."""
        self._names[path] = _Inode()
        return self.open(path)

    def open(self, path: str) -> int:
        """See ``Disk.open``."""
        handle = next(self._numbers)
        self._handles[handle] = self._names[path]
        return handle

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """See ``Disk.write``."""
        inode = self._handles[handle]
        inode.now = inode.now[:offset].ljust(offset, b"\0") + data + inode.now[offset + len(data) :]

    def reserve(self, handle: int, offset: int, length: int) -> None:
        """See ``Disk.reserve``."""
        inode = self._handles[handle]
        inode.now = inode.now.ljust(offset + length, b"\0")

    def truncate(self, handle: int, length: int) -> None:
        """See ``Disk.truncate``."""
        inode = self._handles[handle]
        inode.now = inode.now[:length]

    def sync(self, handle: int) -> None:
        """See ``Disk.sync``."""
        inode = self._handles[handle]
        inode.durable = inode.now

    def sync_data(self, handle: int) -> None:
        """See ``Disk.sync_data``."""
        self.sync(handle)

    def sync_folder(self, path: str) -> None:
        """See ``Disk.sync_folder``."""
        folder = os.path.dirname(path)
        for name in {*self._names, *self._durable_names}:
            if os.path.dirname(name) == folder:
                self._durable_names.pop(name, None)
        self._durable_names.update(
            (name, inode) for name, inode in self._names.items() if os.path.dirname(name) == folder
        )

    def rename(self, old: str, new: str) -> None:
        """See ``Disk.rename``."""
        self._names[new] = self._names.pop(old)

    def remove(self, path: str) -> None:
        """See ``Disk.remove``."""
        self._names.pop(path, None)

    def close(self, handle: int) -> None:
        """See ``Disk.close``."""
        inode = self._handles.pop(handle)
        self._locked.discard(id(inode))

    def lock(self, path: str) -> int | None:
        """See ``Disk.lock``."""
        inode = self._names.setdefault(path, _Inode())
        if id(inode) in self._locked:
            return None
        self._locked.add(id(inode))
        return self.open(path)

    def is_locked(self, path: str) -> bool:
        """See ``Disk.is_locked``."""
        return id(self._names.get(path)) in self._locked

    def is_named(self, handle: int, path: str) -> bool:
        """See ``Disk.is_named``."""
        return self._names.get(path) is self._handles[handle]

    def identity(self, path: str) -> object:
        """See ``Disk.identity``; a snapshot is never written in place."""
        return self._names.get(path)

    def make_folder(self, path: str) -> None:
        """See ``Disk.make_folder``; there are no folders here."""


def _after_power_cut(inode: _Inode, chance: Random | None) -> bytes:
    """Old bytes, new ones, or new ones up to some byte and old ones or holes after it."""
    if chance is None:
        return inode.durable
    cut = chance.choice([0, len(inode.now), chance.randint(0, len(inode.now))])
    rest = inode.durable[cut:]
    if chance.random() < 0.5 and cut < len(inode.now):
        rest = rest.ljust(len(inode.now) - cut, b"\0")
    return inode.now[:cut] + rest


class When(StrEnum):
    """How much of an operation has happened when it goes wrong."""

    BEFORE = "nothing of it is done"
    HALF = "a write is half done"
    AFTER = "it is done"


@dataclass
class Trouble:
    """The n-th operation goes wrong. Used as the ``around`` of a ``WatchedDisk``."""

    at: int
    """Counts from 1; 0: none."""

    raises: Callable[[], BaseException]
    when: When = When.BEFORE
    for_ever: bool = False
    """So does every one after it, without being done."""

    names: list[str] = field(default_factory=list)
    """Operations so far."""

    @property
    def has_struck(self) -> bool:
        """Whether it came that far."""
        return 0 < self.at <= len(self.names)

    def __call__(self, name: str, act: Callable[[], Any], half: Callable[[], object] = lambda: None) -> Any:
        """See ``Around``."""
        self.names.append(name)
        if not self.has_struck or (len(self.names) > self.at and not self.for_ever):
            return act()
        if len(self.names) == self.at:
            {When.BEFORE: lambda: None, When.HALF: half, When.AFTER: act}[self.when]()
        raise self.raises()
