"""The service in memory: a full implementation of ``TaskApi``."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from fakes.actions import COMMIT, CREATE, DELETE, DELETE_OFFLINE, MODIFY, RUN_ACTIONS, STATUSES, US
from fakes.clock import FakeClock
from fakes.fates import OK, Fate
from provisioner.core.address import TaskId
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
from provisioner.core.jobs.job import COMMIT_TYPES, Production, Step
from provisioner.core.jobs.transitions import goal_of
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.task_types import OFFLINE, REAL_TIME
from provisioner.core.times import utc_text
from provisioner.engine.settle import SIGNATURE_SECONDS
from provisioner.errors import ApiError, ApiRefusedError


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
