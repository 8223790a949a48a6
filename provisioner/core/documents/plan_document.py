"""A plan as a document: what ``plan --json`` prints and ``plan --out`` saves.

Rule: the document is an interface with a version and a published schema (``schemas/plan.schema.json``).
It is a superset of ``resource_changes`` in Terraform's JSON plans, so that policy tools written for
those read it. The document carries a checksum of its content: what was approved is what somebody
saw, or it is refused.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.core.address import Address
from provisioner.core.body.diff import FieldChange, ItemKey, path_label
from provisioner.core.body.masking import HIDDEN, masked, shown_body
from provisioner.core.jobs.job import RunChange
from provisioner.core.plan.plan import Action, Change, Plan
from provisioner.core.plan.risk import cannot_be_cleared, consequence_of, field_effect
from provisioner.core.schema.consequence import Consequence
from provisioner.core.task_types import TYPE
from provisioner.core.text import printable, printable_lines

FORMAT_VERSION = "1.0"


_FEW = 100
"""Changes that are laid out for people."""

_COMPACT = (",", ":")

IN_PLACE = "in place"

REPLACES = "forces replacement: "

ORIGIN_TEXTS = ("tool_version", "stack", "lineage", "endpoint", "region", "environment")

TERRAFORM_ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("delete", "create"),
    Action.DELETE: ("delete",),
}


def to_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON data, keys in a fixed order."""
    document = _frame(plan)
    previous = _previous(plan)
    document["resource_changes"] = [_change(change, previous) for change in plan.changes]
    return {**document, "checksum": checksum_of(document)}


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


def checksum_of(document: Mapping[str, Any]) -> str:
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
            "actions": list(TERRAFORM_ACTIONS[change.action]),
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
        "before": masked(before),
        "after": masked(after),
        "sensitive": field.sensitive,
    }


def _field(change: Change, field: FieldChange) -> dict[str, Any]:
    effect = f"{REPLACES}{field.replaces}" if field.replaces else IN_PLACE
    meant = field_effect(change, field)
    return {
        **field_document(field),
        "effect": effect,
        "consequence": (Consequence.RECREATES if field.replaces else meant.consequence).value,
        "consequence_reason": field.replaces or meant.reason,
        "cannot_be_cleared": cannot_be_cleared(change, field),
    }
