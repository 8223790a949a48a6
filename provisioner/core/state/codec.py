"""Records and attempts as JSON, for the snapshot and the journal."""

import json
from collections.abc import Iterator
from typing import Any, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.body.lazy import Unread
from provisioner.core.jobs.codec import decode_run, encode_run, step_of
from provisioner.core.json_types import JSONValue
from provisioner.core.state.state import Attempt, TaskRecord, WriteKind

_FIELDS = sorted(TaskRecord.__dataclass_fields__)

_FIELDS_WITHOUT_RUN = [name for name in _FIELDS if name != "run"]


def encode_attempt(attempt: Attempt) -> dict[str, JSONValue]:
    """An attempt as JSON, for the snapshot and the journal."""
    return {name: cast("JSONValue", getattr(attempt, name)) for name in Attempt.__dataclass_fields__}


def decode_attempt(value: object) -> Attempt:
    """An attempt from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    fields = typed(value, dict)
    task_id, kind = fields["task_id"], WriteKind(typed(fields["kind"], str))
    if kind is WriteKind.RUN:
        step_of(typed(fields["spec"], dict))
    return Attempt(
        address=Address(typed(fields["address"], str)),
        kind=kind,
        attempt=typed(fields["attempt"], str),
        project_id=typed(fields["project_id"], str),
        task_type=typed(fields["task_type"], int),
        task_id=None if task_id is None else TaskId(typed(task_id, str)),
        spec=typed(fields["spec"], dict),
        digest=typed(fields["digest"], str),
        protected=typed(fields["protected"], bool),
        timestamp=typed(fields["timestamp"], int),
        payload_digest=typed(fields["payload_digest"], str),
        marked=typed(fields["marked"], bool),
    )


def encode_record(record: TaskRecord) -> dict[str, JSONValue]:
    """A record as JSON, for the journal."""
    fields = {name: cast("JSONValue", getattr(record, name)) for name in written_fields(record)}
    return {**fields, "run": encode_run(record.run)} if record.run is not None else fields


def decode_record(value: object) -> TaskRecord:
    """A record from JSON.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    return read_record(value, iter(()))


def written_fields(record: TaskRecord) -> list[str]:
    """The fields that are written; what is not managed leaves no trace."""
    return _FIELDS if record.run is not None else _FIELDS_WITHOUT_RUN


def read_record(value: object, unread: Iterator[Unread]) -> TaskRecord:
    """A record from JSON; a spec that is null is the next unread one.

    Raises:
        KeyError, TypeError, ValueError: not of the right shape.
    """
    fields = typed(value, dict)
    task_id = TaskId(typed(fields["task_id"], str))
    if not task_id:
        raise ValueError("a task has an empty task_id")
    spec = fields["spec"]
    if spec is None:
        spec = next(unread, None)
    return TaskRecord(
        project_id=typed(fields["project_id"], str),
        task_id=task_id,
        task_type=typed(fields["task_type"], int),
        spec=spec if isinstance(spec, Unread) else typed(spec, dict),
        digest=typed(fields["digest"], str),
        request_id=typed(fields["request_id"], str),
        applied_at=typed(fields["applied_at"], str),
        protected=typed(fields["protected"], bool),
        attempt=typed(fields["attempt"], str),
        marked_as=typed(fields["marked_as"], str),
        run=decode_run(typed(fields["run"], dict)) if "run" in fields else None,
    )


def typed(value: object, kind: type[Any]) -> Any:  # noqa: ANN401  # narrowed by the caller's field
    """The value, if it is of that JSON type.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{json.dumps(value)[:60]} stands where a {kind.__name__} belongs")
    return value
