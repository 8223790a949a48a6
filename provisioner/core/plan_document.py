"""A plan as a document: what ``plan --json`` prints and ``plan --out`` saves.

Rule: the document is an interface with a version and a published schema (``schemas/plan.schema.json``).
It is a superset of ``resource_changes`` in Terraform's JSON plans, so that policy tools written for
those read it. A value that must not be shown is replaced here, once, for every reader.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from provisioner.core.address import Address, JSONObject, JSONValue, Source, TaskId
from provisioner.core.diff import FieldChange, ItemKey, is_sensitive, path_label
from provisioner.core.plan import Action, Change, Origin, Plan, Reason, Unsettled
from provisioner.core.state import WriteKind
from provisioner.errors import UsageError

FORMAT_VERSION = "1.0"
TYPE = "wedata_integration_task"
HIDDEN = "(sensitive value)"

_TERRAFORM_ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("delete", "create"),
    Action.DELETE: ("delete",),
}
_ACTIONS = {words: action for action, words in _TERRAFORM_ACTIONS.items()}


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data, keys in a fixed order."""
    origin, counts = plan.origin, plan.counts
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": origin.tool_version,
        "stack": origin.stack,
        "lineage": origin.lineage,
        "serial": origin.serial,
        "endpoint": origin.endpoint,
        "environment": origin.environment,
        "targets": list(origin.targets),
        "destroy": origin.destroy,
        "summary": {
            "add": counts.add,
            "change": counts.change,
            "destroy": counts.destroy,
            "unchanged": plan.unchanged,
        },
        "resource_changes": [_change(change) for change in plan.changes],
        "unsettled": [
            {"address": u.address, "kind": u.kind.value, "attempt": u.attempt, "timestamp": u.timestamp}
            for u in plan.unsettled
        ],
    }


def encode(plan: Plan) -> bytes:
    """The document as UTF-8 JSON with a final newline: the same plan gives the same bytes."""
    text = json.dumps(to_document(plan), indent=2, ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")


def decode(data: bytes, name: str) -> Plan:
    """A saved plan, for people to look at. What is applied is always worked out anew.

    Raises:
        UsageError: not a plan document of a version this program reads.
    """
    try:
        document = json.loads(data)
        version = document["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"This is not a saved plan.\n  {name}\nMake one with: provisioner plan --out FILE"
        ) from error
    if version != FORMAT_VERSION:
        raise UsageError(
            "The saved plan is of another format.\n"
            f"  {name}: format {version!r}; this version reads {FORMAT_VERSION}."
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
    return {**document, "resource_changes": stripped}


def shown_body(body: JSONObject | None) -> JSONObject | None:
    """A body with every secret replaced, at whatever depth."""
    return None if body is None else cast("JSONObject", _masked(body, ()))


def _masked(value: JSONValue, path: tuple[str, ...]) -> JSONValue:
    if isinstance(value, Mapping):
        return {key: _masked(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, path) for item in value]
    return HIDDEN if is_sensitive(path) else value


def _change(change: Change) -> dict[str, Any]:
    source = change.source
    return {
        "address": change.address,
        "mode": "managed",
        "type": TYPE,
        "name": change.address,
        "action_reason": change.reason.value,
        "project_id": change.project_id,
        "task_type": change.task_type,
        "task_id": change.task_id,
        "source": None if source is None else {"file": source.file, "line": source.line},
        "change": {
            "actions": list(_TERRAFORM_ACTIONS[change.action]),
            "before": shown_body(change.before),
            "after": shown_body(change.after),
            "after_unknown": {"task_id": True} if change.action in (Action.CREATE, Action.REPLACE) else {},
        },
        "field_changes": [_field(field) for field in change.fields],
    }


def _field(field: FieldChange) -> dict[str, Any]:
    before, after = field.before, field.after
    if field.sensitive:
        before, after = (value and HIDDEN for value in (before, after))
    return {
        "path": list(field.path),
        "item_keys": [index for index, part in enumerate(field.path) if isinstance(part, ItemKey)],
        "label": path_label(field.path),
        "before": _masked(before, ()),
        "after": _masked(after, ()),
        "sensitive": field.sensitive,
        "effect": f"forces replacement: {field.replaces}" if field.replaces else "in place",
    }


def _plan(document: Mapping[str, Any]) -> Plan:
    names = ("tool_version", "stack", "lineage", "serial", "endpoint", "environment", "destroy")
    origin = Origin(
        **{name: document[name] for name in names},
        targets=tuple(Address(address) for address in document["targets"]),
    )
    return Plan(
        origin=origin,
        changes=tuple(_read_change(change) for change in document["resource_changes"]),
        unchanged=int(document["summary"]["unchanged"]),
        unsettled=tuple(
            Unsettled(
                address=Address(u["address"]),
                kind=WriteKind(u["kind"]),
                attempt=u["attempt"],
                timestamp=int(u["timestamp"]),
            )
            for u in document["unsettled"]
        ),
    )


def _read_change(document: Mapping[str, Any]) -> Change:
    task_id, source, change = document["task_id"], document["source"], document["change"]
    return Change(
        address=Address(document["address"]),
        action=_ACTIONS[tuple(change["actions"])],
        reason=Reason(document["action_reason"]),
        project_id=document["project_id"],
        task_type=int(document["task_type"]),
        task_id=None if task_id is None else TaskId(task_id),
        before=change["before"],
        after=change["after"],
        fields=tuple(_read_field(field) for field in document["field_changes"]),
        source=None if source is None else Source(source["file"], int(source["line"])),
    )


def _read_field(document: Mapping[str, Any]) -> FieldChange:
    keys = set(document["item_keys"])
    path = tuple(ItemKey(part) if index in keys else str(part) for index, part in enumerate(document["path"]))
    effect = str(document["effect"])
    return FieldChange(
        path=path,
        before=document["before"],
        after=document["after"],
        replaces=effect.removeprefix("forces replacement: ") if effect != "in place" else "",
    )
