"""A plan as a document: what ``plan --json`` prints and ``plan --out`` saves.

Rule: the document is an interface with a version and a published schema (``schemas/plan.schema.json``).
It is a superset of ``resource_changes`` in Terraform's JSON plans, so that policy tools written for
those read it. A value that must not be shown is replaced here, once, for every reader. The document
carries a checksum of its content: what was approved is what somebody saw, or it is refused.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from operator import is_not
from typing import Any, TypeVar, cast

from provisioner.core.address import Address, TaskId
from provisioner.core.body.diff import FieldChange, ItemKey, names_a_secret, path_label
from provisioner.core.jobs.codec import is_moment
from provisioner.core.jobs.job import Job, OnChange, RunChange, RunState, Step
from provisioner.core.json_types import JSONObject, JSONValue
from provisioner.core.plan.moves import Forgotten, Move
from provisioner.core.plan.plan import Action, Change, Origin, Plan, Reason, Unsettled
from provisioner.core.plan.risk import cannot_be_cleared, consequence_of, field_effect
from provisioner.core.schema.consequence import Consequence
from provisioner.core.source import Source
from provisioner.core.state.state import WriteKind
from provisioner.core.text import printable, printable_lines
from provisioner.errors import StalePlanError, UsageError

FORMAT_VERSION = "1.0"
TYPE = "wedata_integration_task"
HIDDEN = "(sensitive value)"

Typed = TypeVar("Typed")

_FEW = 100
"""Changes that are laid out for people."""

_COMPACT = (",", ":")
_CONTAINERS = (dict, list)

_IN_PLACE = "in place"
_REPLACES = "forces replacement: "
_TEXTS = ("tool_version", "stack", "lineage", "endpoint", "region", "environment")

_TERRAFORM_ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("delete", "create"),
    Action.DELETE: ("delete",),
}
_ACTIONS = {words: action for action, words in _TERRAFORM_ACTIONS.items()}


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data, keys in a fixed order."""
    document = _frame(plan)
    previous = _previous(plan)
    document["resource_changes"] = [_change(change, previous) for change in plan.changes]
    return {**document, "checksum": _checksum(document)}


def _frame(plan: Plan) -> dict[str, Any]:
    """The document without its changes and its checksum."""
    origin, counts = plan.origin, plan.counts
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": origin.tool_version,
        "stack": origin.stack,
        "lineage": origin.lineage,
        "serial": origin.serial,
        "endpoint": origin.endpoint,
        "region": origin.region,
        "environment": origin.environment,
        "targets": list(origin.targets),
        "destroy": origin.destroy,
        "refreshed": origin.refreshed,
        "summary": {
            "add": counts.add,
            "change": counts.change,
            "destroy": counts.destroy,
            "forget": counts.forget,
            "unchanged": plan.unchanged,
        },
        "resource_changes": [],
        "unsettled": [
            {"address": u.address, "kind": u.kind.value, "attempt": u.attempt, "timestamp": u.timestamp}
            for u in plan.unsettled
        ],
        "protection": [{"address": a, "prevent_destroy": is_on} for a, is_on in plan.protection],
        "moved": [
            {"from": move.before, "to": move.after, "task_id": move.task_id, "waits": move.waits}
            for move in plan.moves
        ],
        "forgotten": [
            {"address": one.address, "task_id": one.task_id, "waits": one.waits} for one in plan.forgotten
        ],
        "not_draft": list(plan.not_draft),
    }


def _previous(plan: Plan) -> Mapping[Address, Address]:
    """New addresses to old ones."""
    return {move.after: move.before for move in plan.moves}


def encode(plan: Plan) -> bytes:
    """The document as UTF-8 JSON with a final newline: the same plan gives the same bytes.

    Few changes are laid out for people; of many, each has a line, because only programs read them all.
    """
    if len(plan.changes) > _FEW:
        return b"".join(_in_lines(plan))
    return f"{document_text(to_document(plan))}\n".encode()


def document_text(document: Mapping[str, Any]) -> str:
    """A document as JSON; what a terminal would obey is written as a JSON escape."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if printable_lines(text) != text:
        text = "\n".join(line if printable(line) == line else _escaped(line) for line in text.split("\n"))
    return text


def _in_lines(plan: Plan) -> Iterator[bytes]:
    """A line for each change, in pieces. Each is encoded once: the checksum is over the same text.

    Nowhere is all of it one text before it is put together: of ten thousand changes that is 30 MB.
    """
    frame = _frame(plan)
    previous = _previous(plan)
    changes = [_canonical(_change(change, previous)) for change in plan.changes]
    before, key, after = _canonical(frame).partition('"resource_changes":[')
    checksum = hashlib.sha256(f"{before}{key}".encode())
    for index, change in enumerate(changes):
        checksum.update(f",{change}".encode() if index else change.encode())
    checksum.update(after.encode())
    whole = document_text({**frame, "checksum": checksum.hexdigest()})
    before, key, after = whole.partition('"resource_changes": [')
    yield f"{before}{key}".encode()
    for index, change in enumerate(changes):
        yield f"{',' if index else ''}\n    {_readable(change)}".encode()
    yield f"\n  {after}\n".encode()


def _readable(text: str) -> str:
    """JSON without escapes for what can be printed as it is."""
    if "\\u" not in text and "\x7f" not in text:
        return text
    text = json.dumps(json.loads(text), separators=_COMPACT, ensure_ascii=False)
    return text if printable(text) == text else _escaped(text)


def _escaped(line: str) -> str:
    """A line of JSON in which only characters that are safe to print stand for themselves."""
    return "".join(char if printable(char) == char else json.dumps(char)[1:-1] for char in line)


def decode(data: bytes, name: str) -> Plan:
    """A saved plan, for people to look at. What is applied is always worked out anew.

    Raises:
        UsageError: not a plan document of a version this program reads.
        StalePlanError: its content is not what was saved.
    """
    try:
        document = json.loads(data)
        version, checksum = document["format_version"], document.pop("checksum", None)
        is_as_saved = checksum == _checksum(document)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"This is not a saved plan.\n  {name}\nMake one with: provisioner plan --out FILE"
        ) from error
    if version != FORMAT_VERSION:
        raise UsageError(
            "The saved plan is of another format.\n"
            f"  {name}: format {version!r}; this version reads {FORMAT_VERSION}."
        )
    if not is_as_saved:
        raise StalePlanError(
            f"The saved plan was edited.\n  {name}: its checksum does not match.\n"
            "What it shows may not be what it would do. Make it again:\n  provisioner plan --out FILE"
        )
    try:
        return _plan(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The saved plan is damaged.\n  {name}\nMake it again.") from error


def decides_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents are the same but for where manifests stand in their files."""
    return _without_places(one) == _without_places(other)


def _without_places(document: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = document.get("resource_changes")
    if not isinstance(changes, list):
        return document
    stripped = [{**c, "source": None} if isinstance(c, dict) else c for c in changes]
    return {**document, "resource_changes": stripped, "checksum": None}


def shown_body(body: JSONObject | None) -> JSONObject | None:
    """A body with every secret replaced, at whatever depth; the body itself if there is none."""
    return None if body is None else cast("JSONObject", _masked(body))


def _masked(value: JSONValue) -> JSONValue:
    if isinstance(value, dict):
        return _masked_map(value)
    if not isinstance(value, list):
        return value
    items = [_masked(item) for item in value]
    return items if any(map(is_not, items, value)) else value


def _masked_map(value: Mapping[str, JSONValue]) -> JSONObject:
    inner = {
        key: shown
        for key, item in value.items()
        if type(item) in _CONTAINERS and (shown := _masked(item)) is not item
    }
    hidden = {key: HIDDEN for key in _secret_names(tuple(value)) if value[key] is not None}
    return {**value, **inner, **hidden} if inner or hidden else value


@lru_cache(maxsize=4096)
def _secret_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that hold a secret. Most maps have the same names as others; values do not come here."""
    return tuple(name for name in names if names_a_secret(name))


def _checksum(document: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, over a document without its checksum, however it is laid out."""
    return _digest(_canonical(document))


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=_COMPACT)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _change(change: Change, previous: Mapping[Address, Address]) -> dict[str, Any]:
    source = change.source
    return {
        "address": change.address,
        "mode": "managed",
        "type": TYPE,
        "name": change.address,
        "previous_address": previous.get(change.address),
        "action_reason": change.reason.value,
        "project_id": change.project_id,
        "task_type": change.task_type,
        "task_id": change.task_id,
        "source": None if source is None else {"file": source.file, "line": source.line},
        "renamed_from": change.renamed_from,
        "job": change.job,
        "consequence": consequence_of(change).value,
        "ignored": list(change.ignored),
        "change": {
            "actions": list(_TERRAFORM_ACTIONS[change.action]),
            "before": shown_body(change.before),
            "after": shown_body(change.after),
            "after_unknown": {"task_id": True} if change.action in (Action.CREATE, Action.REPLACE) else {},
        },
        "field_changes": [_field(change, field) for field in change.fields],
        "run": None if change.run is None else _run(change.run),
    }


def _run(run: RunChange) -> dict[str, Any]:
    """What is done about a job, step by step."""
    return {
        "before": run.before.value,
        "after": run.after.value,
        "steps": [step.value for step in run.steps],
        "if_running": None if run.if_running is None else [step.value for step in run.if_running],
        "on_change": run.on_change.value,
        "start_from": run.start_from,
        "loses_state": run.loses_state,
        "pending": None if run.pending is None else run.pending.value,
        "approval": run.approval,
        "refused": run.refused,
    }


def field_document(field: FieldChange) -> dict[str, Any]:
    """One field that differs, without secrets."""
    before, after = field.before, field.after
    if field.sensitive:
        before, after = (None if value is None else HIDDEN for value in (before, after))
    return {
        "path": list(field.path),
        "item_keys": [index for index, part in enumerate(field.path) if isinstance(part, ItemKey)],
        "label": path_label(field.path),
        "before": _masked(before),
        "after": _masked(after),
        "sensitive": field.sensitive,
    }


def _field(change: Change, field: FieldChange) -> dict[str, Any]:
    effect = f"{_REPLACES}{field.replaces}" if field.replaces else _IN_PLACE
    meant = field_effect(change, field)
    return {
        **field_document(field),
        "effect": effect,
        "consequence": (Consequence.RECREATES if field.replaces else meant.consequence).value,
        "consequence_reason": field.replaces or meant.reason,
        "cannot_be_cleared": cannot_be_cleared(change, field),
    }


def _plan(document: Mapping[str, Any]) -> Plan:
    origin = Origin(
        **{name: _typed(document[name], str) for name in _TEXTS},
        serial=_typed(document["serial"], int),
        destroy=_typed(document["destroy"], bool),
        refreshed=_typed(document["refreshed"], bool),
        targets=tuple(Address(_typed(address, str)) for address in _list(document["targets"])),
    )
    return Plan(
        origin=origin,
        changes=tuple(_read_change(change) for change in _list(document["resource_changes"])),
        unchanged=_typed(document["summary"]["unchanged"], int),
        unsettled=tuple(_read_unsettled(one) for one in _list(document["unsettled"])),
        protection=tuple(
            (Address(_typed(one["address"], str)), _typed(one["prevent_destroy"], bool))
            for one in _list(document["protection"])
        ),
        moves=tuple(
            Move(
                before=Address(_typed(one["from"], str)),
                after=Address(_typed(one["to"], str)),
                task_id=_read_task_id(one["task_id"]),
                waits=_typed(one["waits"], bool),
            )
            for one in _list(document["moved"])
        ),
        forgotten=tuple(
            Forgotten(
                address=Address(_typed(one["address"], str)),
                task_id=_read_task_id(one["task_id"]),
                waits=_typed(one["waits"], bool),
            )
            for one in _list(document["forgotten"])
        ),
        not_draft=tuple(Address(_typed(address, str)) for address in _list(document.get("not_draft", []))),
    )


def _read_task_id(value: object) -> TaskId | None:
    return None if value is None else TaskId(_typed(value, str))


def _read_unsettled(document: Mapping[str, Any]) -> Unsettled:
    return Unsettled(
        address=Address(_typed(document["address"], str)),
        kind=WriteKind(document["kind"]),
        attempt=_typed(document["attempt"], str),
        timestamp=_typed(document["timestamp"], int),
    )


def _read_change(document: Mapping[str, Any]) -> Change:
    source, change = document["source"], document["change"]
    renamed_from = document["renamed_from"]
    return Change(
        address=Address(_typed(document["address"], str)),
        action=_ACTIONS[tuple(_list(change["actions"]))],
        reason=Reason(document["action_reason"]),
        project_id=_typed(document["project_id"], str),
        task_type=_typed(document["task_type"], int),
        task_id=_read_task_id(document["task_id"]),
        before=None if change["before"] is None else _typed(change["before"], dict),
        after=None if change["after"] is None else _typed(change["after"], dict),
        fields=tuple(_read_field(field) for field in _list(document["field_changes"])),
        ignored=tuple(_typed(name, str) for name in _list(document["ignored"])),
        renamed_from=None if renamed_from is None else Address(_typed(renamed_from, str)),
        job=None if document["job"] is None else Job(document["job"]),
        source=None if source is None else Source(_typed(source["file"], str), _typed(source["line"], int)),
        run=None if document.get("run") is None else _read_run(document["run"]),
    )


def _read_run(document: Mapping[str, Any]) -> RunChange:
    others, start, pending = document["if_running"], document["start_from"], document["pending"]
    if start is not None and not is_moment(_typed(start, int)):
        raise ValueError("a start is at no moment")
    return RunChange(
        before=Job(document["before"]),
        after=RunState(document["after"]),
        steps=tuple(map(Step, _list(document["steps"]))),
        if_running=None if others is None else tuple(map(Step, _list(others))),
        on_change=OnChange(document["on_change"]),
        start_from=start,
        loses_state=_typed(document["loses_state"], bool),
        pending=None if pending is None else Step(pending),
        approval=_typed(document["approval"], str),
        refused=_typed(document["refused"], str),
    )


def _read_field(document: Mapping[str, Any]) -> FieldChange:
    keys = set(_list(document["item_keys"]))
    parts = [_typed(part, str) for part in _list(document["path"])]
    if not parts:
        raise ValueError("a path is empty")
    effect = _typed(document["effect"], str)
    return FieldChange(
        path=tuple(ItemKey(part) if index in keys else part for index, part in enumerate(parts)),
        before=document["before"],
        after=document["after"],
        replaces=effect.removeprefix(_REPLACES) if effect != _IN_PLACE else "",
    )


def _list(value: object) -> list[Any]:
    return _typed(value, list)


def _typed(value: object, kind: type[Typed]) -> Typed:
    """The value, if it is exactly of this type: true is not a number here."""
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}")
    return value
