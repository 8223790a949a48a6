"""The service: what becomes of each send, when it takes effect, and when it is seen.

Rule: no assumption that the protocol does not make. A request older than 300 s is refused, an accepted
one has ended 60 s later, what was done is listed 30 s later; within these bounds everything happens.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import cast

from fakes.actions import COMMIT, CREATE, DELETE, DELETE_OFFLINE, MODIFY, RUN_ACTIONS, STATUSES
from fakes.clock import START
from fakes.world import LAG_SECONDS
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
from provisioner.core.jobs.job import COMMIT_TYPES, Job, Production, Step
from provisioner.core.jobs.transitions import goal_of
from provisioner.core.json_types import JSONObject
from provisioner.core.manifest.spec import task_type_of
from provisioner.core.task_types import OFFLINE
from provisioner.core.times import utc_text
from provisioner.engine.settle import SIGNATURE_SECONDS
from provisioner.errors import ApiError, ApiRefusedError, ApiUnreachableError
from simulation.choices import Choices
from simulation.disk import Perils

WORK_SECONDS = 60
"""The longest that the service works on an accepted request."""


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


class Fate(StrEnum):
    """What becomes of one send."""

    OK = "done and answered"
    ANSWER_LOST = "done, answer lost"
    LISTED_LATE = "done, listed late, answer lost"
    REQUEST_LOST = "not done, answer lost"
    REFUSED = "refused"
    LATE = "done a minute later, answer lost"
    LAST_MOMENT = "done at the last moment, answer lost"
    NOT_SENT = "could not be sent"
    LIMITED = "refused for pace"
    SEEN_LATE = "done, answered, seen late"
    DROPPED = "done, answered, settings not kept"
    DROPPED_ANSWER_LOST = "done, settings not kept, answer lost"
    STOPPED = "done and answered; Ctrl-C meanwhile"
    KILLED = "killed before it was sent"
    POWER_CUT = "power cut before it was sent"
    PAUSED = "the process pauses before it is sent"


_NEVER = {
    MODIFY: {Fate.LISTED_LATE, Fate.SEEN_LATE},
    CREATE: set(),
    DELETE: {Fate.SEEN_LATE, Fate.DROPPED, Fate.DROPPED_ANSWER_LOST},
}
FATES = {action: tuple(fate for fate in Fate if fate not in never) for action, never in _NEVER.items()}
FATES[DELETE_OFFLINE] = FATES[DELETE]
for _action in (COMMIT, *RUN_ACTIONS.values()):
    FATES[_action] = tuple(
        fate
        for fate in Fate
        if fate not in (Fate.LISTED_LATE, Fate.SEEN_LATE, Fate.DROPPED, Fate.DROPPED_ANSWER_LOST)
    )

_SILENT = {
    Fate.ANSWER_LOST,
    Fate.LISTED_LATE,
    Fate.REQUEST_LOST,
    Fate.LATE,
    Fate.LAST_MOMENT,
    Fate.DROPPED_ANSWER_LOST,
}
_REFUSALS = {
    Fate.REFUSED: Refused(code="InvalidParameter", message="no"),
    Fate.NOT_SENT: Refused(code="NotSent", message="connection refused", may_repeat=True),
    Fate.LIMITED: Refused(code="RequestLimitExceeded", message="slower", may_repeat=True),
}


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the service holds it."""

    task_id: TaskId
    project_id: str
    text: str
    """TaskInfo as JSON."""

    listed_from: float
    read_from: float
    is_copy: bool = False
    """A person made it out of another one, marker and all."""

    is_edited: bool = False
    """A person changed it since we wrote it."""

    is_locked: bool = False
    """Whether we hold its editing lock."""

    job: Job = Job.NONE
    version: int = 0
    published: str = ""
    """The body of the version in production, as JSON."""

    discards: int = 0
    """How often the state of its job was thrown away."""

    @property
    def body(self) -> JSONObject:
        """TaskInfo; not to be changed."""
        return _body(self.text)


@lru_cache(maxsize=10_000)
def _body(text: str) -> JSONObject:
    return cast("JSONObject", json.loads(text))


@lru_cache(maxsize=10_000)
def _shown(task: Task) -> RemoteTask:
    body = task.body
    return RemoteTask(
        task_id=task.task_id,
        task_type=task_type_of(body),
        name=str(body.get("TaskName", "")),
        description=str(body.get("Description", "")),
        create_time=utc_text(START),
        body=body,
    )


@dataclass
class Service:
    """Everything the service knows. A value between two runs: see ``copy`` and ``fingerprint``."""

    now: float = 0.0
    """Seconds since START on the one clock that is right."""

    tasks: dict[TaskId, Task] = field(default_factory=dict)
    gone: tuple[tuple[Task, float], ...] = ()
    """Deleted tasks that a listing still shows, and until when."""

    pending: tuple[tuple[float, Write, float], ...] = ()
    """Accepted writes, when they take effect, and how long after that they are not listed."""

    made: int = 0
    """How many tasks there ever were."""

    def copy(self) -> "Service":
        """Another service that knows the same."""
        return replace(self, tasks=dict(self.tasks))

    def fingerprint(self) -> object:
        """Equal for services that behave the same."""
        pending = tuple((at, repr(write), lag) for at, write, lag in self.pending)
        return (self.now, tuple(self.tasks.values()), self.gone, pending, self.made)

    def existed(self, task_id: TaskId) -> bool:
        """Whether there ever was such a task."""
        return task_id[:2] == "t-" and 0 < int(task_id[2:]) <= self.made

    def pass_time(self, seconds: float) -> None:
        """Let time pass and what is due happen."""
        until = self.now + seconds
        while True:
            due = min((one for one in self.pending if one[0] <= until), key=lambda one: one[0], default=None)
            if due is None:
                break
            at, write, lag = due
            self.pending = tuple(one for one in self.pending if one is not due)
            self.now = max(self.now, at)
            self.do(write, lag=lag)
        self.now = until

    def do(self, write: Write, *, lag: float = 0, unseen: float = 0, keeps_all: bool = True) -> Reply:
        """Let a write take effect now."""
        match write:
            case CreateTask(project_id=project_id, body=body):
                kept = body if keeps_all else _without_settings(body)
                return self._done(self.put(project_id, _text(kept), lag=lag, unseen=unseen))
            case ModifyTask(task_id=task_id, body=body):
                task = self.tasks.get(task_id)
                if task is None:
                    return Refused(code="ResourceNotFound", message="no such task")
                kept = body if keeps_all else {**body, "Config": task.body.get("Config")}
                self.tasks[task_id] = replace(task, text=_text({**task.body, **kept}), is_edited=False)
                return self._done(task_id)
            case DeleteTask(task_id=task_id):
                task = self.tasks.pop(task_id, None)
                if task is not None and lag:
                    self.gone = (*self.gone, (task, self.now + lag))
                return self._done(task_id)
            case RunTask():
                return self._run(write)

    def _run(self, write: RunTask) -> Reply:
        task = self.tasks.get(write.task_id)
        if task is None:
            return Refused(code="ResourceNotFound", message="no such task")
        if write.step in COMMIT_TYPES:
            job = Job.READY if task.job is Job.NONE else task.job
            task = replace(task, version=task.version + 1, published=task.text, job=job)
        discards = write.step in (Step.STOP, Step.SUBMIT_DISCARDING) and task.job is Job.RUNNING
        if discards and task.discards:
            # No story asks for it twice.
            raise BrokenPromiseError("the state of a job was discarded twice")
        goal = goal_of(write.step) or task.job
        self.tasks[write.task_id] = replace(task, job=goal, discards=task.discards + discards)
        return self._done(write.task_id)

    def _done(self, task_id: TaskId) -> Done:
        return Done(task_id=task_id, request_id="r", server_time=START + int(self.now))

    def put(
        self, project_id: str, text: str, *, lag: float = 0, unseen: float = 0, is_copy: bool = False
    ) -> TaskId:
        """A new task."""
        self.made += 1
        task_id = TaskId(f"t-{self.made}")
        self.tasks[task_id] = Task(
            task_id, project_id, text, self.now + max(lag, unseen), self.now + unseen, is_copy
        )
        return task_id

    def listed(self, project_id: str) -> list[RemoteTask]:
        """What a listing shows now."""
        self.gone = tuple(one for one in self.gone if one[1] > self.now)
        live = [task for task in self.tasks.values() if task.listed_from <= self.now]
        return [
            _shown(task) for task in [*live, *(one[0] for one in self.gone)] if task.project_id == project_id
        ]


def _text(body: JSONObject) -> str:
    return json.dumps(body, sort_keys=True)


def _without_settings(body: JSONObject) -> JSONObject:
    return {name: value for name, value in body.items() if name != "Config"}


class Client:
    """The service as one process reaches it. See ``TaskApi``."""

    def __init__(
        self,
        service: Service,
        choices: Choices,
        perils: Perils,
        *,
        local_time: Callable[[], int],
        note: Callable[[str], None],
        pause: Callable[[], None] | None,
    ) -> None:
        self._service = service
        self._choices = choices
        self._perils = perils
        self._local_time = local_time
        self._note = note
        self._pause = pause
        self._sent: set[int] = set()
        self._signed: list[SignedWrite] = []
        self.locked: set[TaskId] = set()
        """The tasks whose editing lock this process took and did not give back."""

        self.is_stopped = False
        """Whether the person asked to stop."""

    def sign(self, write: Write) -> SignedWrite:
        """See ``TaskApi.sign``."""
        signed = SignedWrite(
            write=write,
            action=self.action_of(write),
            payload=b"",
            headers={},
            timestamp=self._local_time(),
            digest="0",
        )
        self._signed.append(signed)  # so that no other one gets the same ``id``
        return signed

    def send(self, signed: SignedWrite) -> Reply:
        """See ``TaskApi.send``."""
        self._perils.ensure_alive()
        if id(signed) in self._sent:
            raise BrokenPromiseError("the same bytes were sent twice")
        self._sent.add(id(signed))
        fates = FATES[signed.action]
        fate = fates[self._choices.fault(len(fates) if self._pause else len(fates) - 1)]
        if fate is not Fate.OK:
            self._note(f"{signed.action}: {fate}")
        self._endure(fate)
        if not 0 <= abs(self._service.now + START - signed.timestamp) <= SIGNATURE_SECONDS:
            self._note(f"{signed.action}: signature expired")
            return Refused(code="AuthFailure.SignatureExpire", message="too old")
        return self._answer(signed, fate)

    def _endure(self, fate: Fate) -> None:
        match fate:
            case Fate.KILLED:
                self._perils.kill("before a send")
            case Fate.POWER_CUT:
                self._perils.cut_power("before a send")
            case Fate.STOPPED:
                self.is_stopped = True
            case Fate.PAUSED if self._pause is not None:
                pause, self._pause = self._pause, None
                pause()
                self._perils.ensure_alive()
            case _:
                pass

    def _answer(self, signed: SignedWrite, fate: Fate) -> Reply:
        service, write = self._service, signed.write
        if fate in _REFUSALS:
            return _REFUSALS[fate]
        if fate in (Fate.LATE, Fate.LAST_MOMENT):
            accepted = (
                signed.timestamp - START + SIGNATURE_SECONDS if fate is Fate.LAST_MOMENT else service.now
            )
            service.pending = (*service.pending, (accepted + WORK_SECONDS, write, LAG_SECONDS))
        elif fate is not Fate.REQUEST_LOST:
            reply = service.do(
                write,
                lag=LAG_SECONDS if fate is Fate.LISTED_LATE else 0,
                unseen=LAG_SECONDS if fate is Fate.SEEN_LATE else 0,
                keeps_all=fate not in (Fate.DROPPED, Fate.DROPPED_ANSWER_LOST),
            )
            if fate not in _SILENT:
                return reply
        return Unknown(code="Timeout", message="no answer")

    def seconds_until_ready(self, action: str) -> float:
        """See ``TaskApi.seconds_until_ready``."""
        return 0.0

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
        self._may_fail("look")
        return self._produced(self._service.tasks.get(task_id))

    def productions(self, project_id: str) -> Mapping[TaskId, Production] | None:
        """See ``TaskApi.productions``."""
        self._may_fail("list production")
        return {key: self._produced(task) for key, task in self._service.tasks.items() if task.version}

    def _produced(self, task: Task | None) -> Production:
        now = START + int(self._service.now)
        if task is None or not task.version:
            return Production(status=None, version=0, server_time=now, is_submitted=False)
        return Production(status=STATUSES[task.job], version=task.version, server_time=now)

    def read(self, project_id: str, task_id: TaskId, task_type: int) -> RemoteTask | None:
        """See ``TaskApi.read``."""
        self._may_fail("read")
        task = self._service.tasks.get(task_id)
        return None if task is None or task.read_from > self._service.now else _shown(task)

    def inventory(self, project_id: str, *, progress: Callable[[int], None] | None = None) -> Listing:
        """See ``TaskApi.inventory``."""
        self._may_fail("list")
        return Listing(tasks=self._service.listed(project_id), server_time=START + int(self._service.now))

    def editing_lock(self, call: EditingCall) -> EditingLock:
        """See ``TaskApi.editing_lock``. A colleague may have a task open in the moment in which it is asked."""
        self._perils.ensure_alive()
        task = self._service.tasks.get(call.task_id)
        if task is None:
            return EditingLock(is_ours=False)
        if call.verb is EditingVerb.LOOK:
            if self._choices.fault(2):
                self._note(f"{call.task_id} is being edited by a colleague")
                return EditingLock(is_ours=False, holder="a colleague")
            return EditingLock(is_ours=task.is_locked, holder="us" if task.is_locked else "")
        is_locked = call.verb is not EditingVerb.RELEASE
        self._service.tasks[call.task_id] = replace(task, is_locked=is_locked)
        (self.locked.add if is_locked else self.locked.discard)(call.task_id)
        return EditingLock(is_ours=is_locked)

    def _may_fail(self, what: str) -> None:
        self._perils.ensure_alive()
        match self._choices.fault(4):
            case 1:
                self._note(f"{what}: unreachable")
                raise ApiUnreachableError("no answer")
            case 2:
                self._note(f"{what}: refused")
                raise ApiRefusedError("FailedOperation")
            case 3:
                self._note(f"{what}: rubbish")
                raise ApiError("not JSON")
            case _:
                pass
