"""What one change takes, as a conversation with the loop that carries it out.

Rule: a change is a generator. It yields what it needs done next and is sent the answer; it never
does anything itself. So the order of effects for one task can be read from top to bottom here, and
the order among tasks in ``apply``.

Writing is: one signed request, announced durably, sent once. A refusal that may be repeated is
repeated as a *new* attempt, signed and announced anew. An unknown outcome ends the change: the
attempt stays open and is settled by looking (``settle``).
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.api.calls import CreateTask, DeleteTask, ModifyTask, Write
from provisioner.core.api.replies import Done, Refused, RemoteTask, Reply
from provisioner.core.api.task_api import TaskApi
from provisioner.core.body.diff import FieldChange
from provisioner.core.body.readback import kept, numbered_as_written
from provisioner.core.jobs.job import Production, RunRecord
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.manifest.export import authored
from provisioner.core.manifest.spec import TaskSpec, spec_digest, task_type_of
from provisioner.core.marker import find_marker, marker_for, with_marker
from provisioner.core.plan.plan import Action, Change
from provisioner.core.schema.fields import OBJECTS, TASK
from provisioner.core.state.state import Attempt, TaskRecord, WriteKind
from provisioner.errors import ApiError

_LOOK_AGAIN_SECONDS = 1.0
MAX_TRIES = 8
"""How often a write that was refused for pace or before it left is tried, each time anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Announce and send one write; answered with a ``Reply``. ``attempt`` lacks what signing gives."""

    write: Write
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Do one read on the side; answered with its result or the ``ApiError`` it raised."""

    read: Callable[[], RemoteTask | Production | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Come back after this many seconds; answered with None, or an ``ApiError`` if the run is stopped."""

    seconds: float
    words: str = ""
    """What is waited for; told to whoever watches. Empty: nothing worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Record what the service holds now that it was read back; answered with None."""

    spec: JSONObject
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saw:
    """Record what its job does; answered with None. What is recorded already is not recorded twice."""

    run: RunRecord


Request: TypeAlias = Send | Look | Pause | Confirm | Saw
Answer: TypeAlias = Reply | RemoteTask | Production | ApiError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one change ended."""

    change: Change
    reply: Reply
    """Of the write that decided: the last one."""

    action: str
    """API action of that write."""

    kind: WriteKind
    """What that write tried."""

    done: frozenset[WriteKind] = frozenset()
    """The writes that succeeded, with which the service's task is another one: a replace that fails
    half-way has deleted."""

    lost: tuple[FieldChange, ...] = ()
    """What the service did not keep of what was written, in the end."""

    unread: str = ""
    """Why it could not be read back; empty if it was, or if nothing was to be read."""

    has_marker: bool = True
    """Whether the ownership marker was kept, as far as it was looked at."""

    waits_for: str = ""
    """TaskApproveId, where its version waits for somebody to approve it; that is no failure."""

    @property
    def is_good(self) -> bool:
        """Whether the service is known to hold what was asked for."""
        return isinstance(self.reply, Done) and not (self.lost or self.unread)


Steps: TypeAlias = "Generator[Request, Answer, Result]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadBack:
    """What became of a body that was written."""

    kept: JSONObject | None = None
    """As the service holds it; None if it could not be read."""

    lost: tuple[FieldChange, ...] = ()
    unread: str = ""
    has_marker: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """How far to go with jobs."""

    seconds: float = 300
    """How long a step may take to come to its end."""

    late: int = -1
    """Seconds after signing until a step of an earlier run can have no effect any more."""

    stop_running: bool = False
    """Whether a job is stopped where its task is to be deleted."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every change needs to know."""

    api: TaskApi
    stack: str
    new_id: Callable[[], str]
    use_marker: bool
    record_of: Callable[[Address], TaskRecord | None]
    limits: RunLimits = RunLimits()


def steps_of(change: Change, context: Context) -> Steps:
    """The conversation for one change."""
    match change.action:
        case Action.CREATE:
            return _create(change, context)
        case Action.UPDATE:
            return _update(change, context)
        case Action.DELETE:
            return _delete(change, context)
        case Action.REPLACE:
            return _replace(change, context)
        case _:
            assert_never(change.action)


def _create(change: Change, context: Context) -> Steps:
    spec = _spec(change)

    def attempt(attempt_id: str) -> Send:
        # The marker names the attempt, so that a listing tells which one made a task.
        body = _marked(spec.create_body, change.address, attempt_id, context)
        write = CreateTask(project_id=spec.project_id, body=body)
        return Send(
            write=write, attempt=_attempt(change, WriteKind.CREATE, attempt_id, context, body=spec.body)
        )

    result = yield from written(change, attempt, context)
    if not isinstance(result.reply, Done):
        return result
    return (yield from _converged(result, result.reply.task_id, spec.body, context))


def _update(change: Change, context: Context) -> Steps:
    body, task_id = cast("JSONObject", change.after), _task_id(change)
    others: JSONObject = {}
    if _spec(change).ignore_changes:
        seen = yield Look(read=lambda: context.api.read(change.project_id, task_id, change.task_type))
        if not isinstance(seen, RemoteTask):
            return _not_read(change, seen)
        # What others may change is sent as they have it: a modify carries the whole body. But for what
        # the service adds to it when it is read: that is never sent back, nulls least of all.
        nodes = [*_nodes(change.before), *_nodes(body)]
        left = authored(seen.body, _spec(change).ignore_changes)
        others = numbered_as_written(left, nodes, seen.body)
    result = yield from _modified(change, body, context, others)
    if not isinstance(result.reply, Done):
        return result
    return (yield from _converged(result, task_id, body, context))


def _delete(change: Change, context: Context) -> Steps:
    record = context.record_of(change.address)
    project_id = record.project_id if record else change.project_id
    task_type = record.task_type if record else change.task_type
    write = DeleteTask(project_id=project_id, task_id=_task_id(change), task_type=task_type)

    def attempt(attempt_id: str) -> Send:
        body = change.before or {}
        return Send(write=write, attempt=_attempt(change, WriteKind.DELETE, attempt_id, context, body=body))

    return (yield from written(change, attempt, context))


def _replace(change: Change, context: Context) -> Steps:
    """Destroy, then create: the two cannot exist side by side under one name."""
    deleted = yield from _delete(change, context)
    if not isinstance(deleted.reply, Done):
        return deleted
    created = yield from _create(change, context)
    return replace(created, done=deleted.done | created.done)


def _modified(change: Change, body: JSONObject, context: Context, others: JSONObject) -> Steps:
    """One successful ModifyIntegrationTask with the whole body, or why there was none.

    ``others``: fields that are sent otherwise than ``body`` has them; None where they are not set.
    """
    spec = _spec(change)
    record = context.record_of(change.address)
    task_id = record.task_id if record else _task_id(change)

    def attempt(attempt_id: str) -> Send:
        # The task keeps the marker of the attempt that made it, where that is known.
        marker_id = record.attempt if record and record.attempt else attempt_id
        full = {**_cleared(record, body), **body, **others}
        return Send(
            write=ModifyTask(
                project_id=spec.project_id,
                task_id=task_id,
                body=_marked(full, change.address, marker_id, context),
            ),
            attempt=_attempt(change, WriteKind.UPDATE, attempt_id, context, body=body, task_id=task_id),
        )

    return (yield from written(change, attempt, context))


def written(change: Change, make: Callable[[str], Send], context: Context) -> Steps:
    """One write, repeated as a new attempt for as long as it was refused for a passing reason."""
    tries = 0
    while True:
        send = make(context.new_id())
        reply = cast("Reply", (yield send))
        tries += 1
        if not (isinstance(reply, Refused) and reply.may_repeat and tries < MAX_TRIES):
            kind = send.attempt.kind
            return Result(
                change=change,
                reply=reply,
                action=context.api.action_of(send.write),
                kind=kind,
                done=frozenset({kind} if isinstance(reply, Done) else ()),
            )
        yield Pause(seconds=_pause(tries))


def _converged(result: Result, task_id: TaskId, body: JSONObject, context: Context) -> Steps:
    """Read back what was written; send once more what a create did not keep; record what is there.

    The service documents neither whether a create keeps Config, Nodes and Mappings nor whether a
    modify replaces or merges. The TaskId is recorded by now: nothing here can lose it.
    """
    seen = yield from _read_back(result, task_id, body, context)
    if result.kind is WriteKind.CREATE and seen.lost:
        again = yield from _modified(result.change, body, context, {})
        again = replace(again, done=result.done | again.done)
        if not isinstance(again.reply, Done):
            return again
        result = replace(result, done=again.done)
        seen = yield from _read_back(result, task_id, body, context)
    if seen.kept is not None:
        spec = _spec(result.change)
        # What is left to others is not as the manifest has it, and must show once it is not left any more.
        is_whole = not (seen.lost or spec.ignore_changes)
        digest = spec.digest if is_whole else spec_digest(spec.project_id, seen.kept)
        yield Confirm(spec=seen.kept, digest=digest)
    return replace(result, lost=seen.lost, unread=seen.unread, has_marker=seen.has_marker)


def _read_back(
    result: Result, task_id: TaskId, body: JSONObject, context: Context
) -> Generator[Request, Answer, _ReadBack]:
    """What the service holds of a body that was written."""
    change = result.change
    project_id, task_type = _spec(change).project_id, task_type_of(body)

    def read() -> RemoteTask | None:
        return context.api.read(project_id, task_id, task_type)

    seen = yield Look(read=read)
    if seen is None:
        # A new task may take a moment to be seen.
        yield Pause(seconds=_LOOK_AGAIN_SECONDS)
        seen = yield Look(read=read)
    if not isinstance(seen, RemoteTask):
        reason = "the service does not show it yet" if seen is None else str(seen).splitlines()[0]
        return _ReadBack(unread=f"it could not be read back: {reason}")
    is_update = result.kind is WriteKind.UPDATE
    ignored = _spec(change).ignore_changes if is_update else ()
    written = {name: value for name, value in body.items() if name not in ignored}
    before = _without(change.before, ignored) if is_update else None
    found = kept(written, seen.body, before=before, nodes=_nodes(body))
    left_alone = {name: body[name] for name in ignored if name in body}
    has_marker = not context.use_marker or find_marker(seen.description) is not None
    return _ReadBack(kept={**found.body, **left_alone}, lost=found.lost, has_marker=has_marker)


def _nodes(body: JSONObject | None) -> Sequence[JSONObject]:
    return cast("Sequence[JSONObject]", (body or {}).get("Nodes", ()))


def _without(body: JSONObject | None, names: Iterable[str]) -> JSONObject:
    return {name: value for name, value in (body or {}).items() if name not in names}


def _not_read(change: Change, seen: object) -> Result:
    """An update that was not begun, because the task could not be read before."""
    if seen is None:
        reply = Refused(code="ResourceNotFound", message="the service does not know the task any more")
    else:
        reply = Refused(code="NotRead", message=f"it could not be read first: {str(seen).splitlines()[0]}")
    return Result(change=change, reply=reply, action="DescribeIntegrationTask", kind=WriteKind.UPDATE)


def _attempt(
    change: Change,
    kind: WriteKind,
    attempt_id: str,
    context: Context,
    *,
    body: JSONObject,
    task_id: TaskId | None = None,
) -> Attempt:
    spec = change.spec
    return Attempt(
        address=change.address,
        kind=kind,
        attempt=attempt_id,
        project_id=spec.project_id if spec else change.project_id,
        task_type=change.task_type,
        task_id=None if kind is WriteKind.CREATE else task_id or change.task_id,
        spec=body,
        digest=spec.digest if spec else "",
        protected=bool(spec and spec.prevent_destroy),
        timestamp=0,
        payload_digest="",
        marked=context.use_marker,
    )


def _marked(body: JSONObject, address: Address, attempt_id: str, context: Context) -> JSONObject:
    if not context.use_marker:
        return body
    description = str(body.get("Description") or "")
    return {**body, "Description": with_marker(description, marker_for(context.stack, address, attempt_id))}


def _cleared(record: TaskRecord | None, body: JSONObject) -> Mapping[str, JSONValue]:
    """Fields that were applied and are no longer asked for, as the empty value that clears them.

    A number or a truth value has no empty value: the API cannot clear it, so it is left out, and what
    is read back tells whether it went.
    """
    rules = OBJECTS[TASK]
    gone = [rules[name] for name in (record.spec if record else {}) if name not in body and name in rules]
    return {rule.name: rule.cleared for rule in gone if rule.cleared is not None}


def _pause(tries: int) -> float:
    """Seconds before the next try: short at first, because most refusals are for pace."""
    return float(min(2 ** (tries - 2), 8))


def _spec(change: Change) -> TaskSpec:
    if change.spec is None:
        raise ValueError(f"{change.address}: this change has no spec")
    return change.spec


def _task_id(change: Change) -> TaskId:
    if change.task_id is None:
        raise ValueError(f"{change.address}: this change has no TaskId")
    return change.task_id
