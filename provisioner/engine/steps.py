"""What one change takes, as a conversation with the loop that carries it out.

Rule: a change is a generator. It yields what it needs done next and is sent the answer; it never
does anything itself. So the order of effects for one task can be read from top to bottom here, and
the order among tasks in ``apply``.

Writing is: one signed request, announced durably, sent once. A refusal that may be repeated is
repeated as a *new* attempt, signed and announced anew. An unknown outcome ends the change: the
attempt stays open and is settled by looking (``settle``).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never, cast

from provisioner.core.address import Address, JSONObject, JSONValue, TaskId
from provisioner.core.calls import (
    CreateTask,
    DeleteTask,
    Done,
    ModifyTask,
    Refused,
    RemoteTask,
    Reply,
    TaskApi,
    Write,
)
from provisioner.core.diff import FieldChange, path_label
from provisioner.core.fields import OBJECTS, TASK, Kind
from provisioner.core.manifest import TaskSpec, task_type_of
from provisioner.core.marker import marker_for, with_marker
from provisioner.core.observed import not_kept
from provisioner.core.plan import Action, Change
from provisioner.core.state import Attempt, TaskRecord, WriteKind
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

    read: Callable[[], RemoteTask | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Come back after this many seconds; answered with None."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Record that the service holds what was written; answered with None."""

    digest: str


Request: TypeAlias = Send | Look | Pause | Confirm
Answer: TypeAlias = Reply | RemoteTask | ApiError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one change ended."""

    change: Change
    reply: Reply
    """Of the write that decided: the last one."""

    action: str
    """API action of that write."""

    kind: WriteKind
    """What that write tried; for a replace it tells how far it came."""

    remarks: tuple[str, ...] = ()
    """What a person should know although it succeeded."""


Steps: TypeAlias = "Generator[Request, Answer, Result]"


@dataclass(frozen=True, slots=True)
class Context:
    """What every change needs to know."""

    api: TaskApi
    stack: str
    new_id: Callable[[], str]
    use_marker: bool
    record_of: Callable[[Address], TaskRecord | None]


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
        return Send(write=write, attempt=_attempt(change, WriteKind.CREATE, attempt_id, body=spec.body))

    result = yield from _written(change, attempt, context)
    if not isinstance(result.reply, Done):
        return result
    return (yield from _converged(result, result.reply.task_id, spec.body, context))


def _update(change: Change, context: Context) -> Steps:
    body = cast("JSONObject", change.after)
    task_id = _task_id(change)
    result = yield from _modified(change, body, context)
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
        return Send(write=write, attempt=_attempt(change, WriteKind.DELETE, attempt_id, body=body))

    return (yield from _written(change, attempt, context))


def _replace(change: Change, context: Context) -> Steps:
    """Destroy, then create: the two cannot exist side by side under one name."""
    deleted = yield from _delete(change, context)
    if not isinstance(deleted.reply, Done):
        return deleted
    return (yield from _create(change, context))


def _modified(change: Change, body: JSONObject, context: Context) -> Steps:
    """One successful ModifyIntegrationTask with the whole body, or why there was none."""
    spec = _spec(change)
    record = context.record_of(change.address)
    task_id = record.task_id if record else _task_id(change)

    def attempt(attempt_id: str) -> Send:
        # The task keeps the marker of the attempt that made it, where that is known.
        marker_id = record.attempt if record and record.attempt else attempt_id
        full = {**_cleared(record, body), **_marked(body, change.address, marker_id, context)}
        return Send(
            write=ModifyTask(project_id=spec.project_id, task_id=task_id, body=full),
            attempt=_attempt(change, WriteKind.UPDATE, attempt_id, body=body, task_id=task_id),
        )

    return (yield from _written(change, attempt, context))


def _written(change: Change, make: Callable[[str], Send], context: Context) -> Steps:
    """One write, repeated as a new attempt for as long as it was refused for a passing reason."""
    tries = 0
    while True:
        send = make(context.new_id())
        reply = cast("Reply", (yield send))
        tries += 1
        if not (isinstance(reply, Refused) and reply.may_repeat and tries < MAX_TRIES):
            action = context.api.action_of(send.write)
            return Result(change=change, reply=reply, action=action, kind=send.attempt.kind)
        yield Pause(seconds=_pause(tries))


def _converged(result: Result, task_id: TaskId, body: JSONObject, context: Context) -> Steps:
    """Read back what was written; send once more what was not kept; say what still differs.

    The service documents neither whether a create keeps Config, Nodes and Mappings nor whether a
    modify replaces or merges. The TaskId is recorded by now: nothing here can lose it.
    """
    lost, remark = yield from _lost(result.change, task_id, body, context)
    if result.kind is WriteKind.CREATE and not remark:
        if not lost:
            yield Confirm(digest=_spec(result.change).digest)
        else:
            again = yield from _modified(result.change, body, context)
            if not isinstance(again.reply, Done):
                return again
            lost, remark = yield from _lost(result.change, task_id, body, context)
    remarks = [remark] if remark else [_difference(field) for field in lost]
    return replace(result, remarks=tuple(remarks))


def _lost(
    change: Change, task_id: TaskId, body: JSONObject, context: Context
) -> Generator[Request, Answer, tuple[tuple[FieldChange, ...], str]]:
    """What the service did not keep, and a remark if it could not be told."""
    project_id, task_type = _spec(change).project_id, task_type_of(body)

    def read() -> RemoteTask | None:
        return context.api.read(project_id, task_id, task_type)

    seen = yield Look(read=read)
    if seen is None:
        # A new task may take a moment to be seen.
        yield Pause(seconds=_LOOK_AGAIN_SECONDS)
        seen = yield Look(read=read)
    if isinstance(seen, RemoteTask):
        return not_kept(body, seen.body), ""
    reason = "the service does not show it yet" if seen is None else str(seen).splitlines()[0]
    return (), f"it could not be read back: {reason}"


def _difference(field: FieldChange) -> str:
    if field.sensitive:
        return f"the service did not keep {path_label(field.path)}"
    return f"the service did not keep {path_label(field.path)}: it has {field.before!r}, not {field.after!r}"


def _attempt(
    change: Change, kind: WriteKind, attempt_id: str, *, body: JSONObject, task_id: TaskId | None = None
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
    )


def _marked(body: JSONObject, address: Address, attempt_id: str, context: Context) -> JSONObject:
    if not context.use_marker:
        return body
    description = str(body.get("Description") or "")
    return {**body, "Description": with_marker(description, marker_for(context.stack, address, attempt_id))}


def _cleared(record: TaskRecord | None, body: JSONObject) -> Mapping[str, JSONValue]:
    """Fields that were applied and are no longer asked for, as the empty value that clears them.

    A number or a truth value has no empty value: the API cannot clear it, so it is left out.
    """
    rules = OBJECTS[TASK]
    gone = [rules[name] for name in (record.spec if record else {}) if name not in body and name in rules]
    empty: dict[str, JSONValue] = {rule.name: "" for rule in gone if rule.kind is Kind.STRING}
    empty.update({rule.name: [] for rule in gone if rule.kind in (Kind.RECORDS, Kind.OBJECTS)})
    return empty


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
