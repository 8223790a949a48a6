"""The JSON Schema of a plan document.

Rule: the document is an interface: what is promised here is kept within a format version. Readers
must tolerate fields that are not here.
"""

from provisioner.core.address import JSONValue
from provisioner.core.plan import Action, Reason
from provisioner.core.schema import DIALECT, Schema
from provisioner.core.state import WriteKind

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BODY: Schema = {"type": ["object", "null"]}


def plan_schema() -> Schema:
    """The schema of what ``plan --json`` prints and ``plan --out`` saves."""
    return {
        "$schema": DIALECT,
        "title": "provisioner plan",
        "description": "A superset of what policy tools read of a Terraform plan.",
        **_object(
            {
                "format_version": {"type": "string", "pattern": "^1[.][0-9]+$"},
                "tool_version": _TEXT,
                "stack": _TEXT,
                "lineage": _said(_TEXT, "The state's; empty if nothing was ever applied."),
                "serial": _COUNT,
                "endpoint": _TEXT,
                "environment": _said(_TEXT, "Empty if none was chosen."),
                "targets": {"type": "array", "items": _TEXT},
                "destroy": {"type": "boolean"},
                "summary": _object(dict.fromkeys(("add", "change", "destroy", "unchanged"), _COUNT)),
                "resource_changes": {"type": "array", "items": _change()},
                "unsettled": {"type": "array", "items": _unsettled()},
            }
        ),
    }


def _change() -> Schema:
    """One task; those that stay as they are are not in the document."""
    words: list[JSONValue] = [["create"], ["update"], ["delete", "create"], ["delete"]]
    assert len(words) == len(Action)  # noqa: S101  # one row for each action
    return _object(
        {
            "address": _TEXT,
            "mode": {"const": "managed"},
            "type": _TEXT,
            "name": _TEXT,
            "action_reason": {"enum": [reason.value for reason in Reason]},
            "project_id": _TEXT,
            "task_type": {"type": "integer"},
            "task_id": {"type": ["string", "null"], "description": "null for a create."},
            "source": {
                "anyOf": [_object({"file": _TEXT, "line": _COUNT}), {"type": "null"}],
                "description": "Where the manifest is; null for a delete.",
            },
            "change": _object(
                {
                    "actions": {"enum": words},
                    "before": _said(_BODY, "TaskInfo as it was last applied, secrets hidden."),
                    "after": _said(_BODY, "TaskInfo as it will be, secrets hidden."),
                    "after_unknown": {"type": "object"},
                }
            ),
            "field_changes": {"type": "array", "items": _field()},
        }
    )


def _field() -> Schema:
    return _object(
        {
            "path": {"type": "array", "items": _TEXT},
            "item_keys": _said({"type": "array", "items": _COUNT}, "Which parts of path are keys of items."),
            "label": _said(_TEXT, "The path for people."),
            "before": _said({}, "null if it was absent."),
            "after": _said({}, "null if it will be absent."),
            "sensitive": {"type": "boolean"},
            "effect": _said(_TEXT, '"in place", or "forces replacement: " and why.'),
        }
    )


def _unsettled() -> Schema:
    return _object(
        {
            "address": _TEXT,
            "kind": {"enum": [kind.value for kind in WriteKind]},
            "attempt": _TEXT,
            "timestamp": _said(_COUNT, "Unix seconds that were signed."),
        }
    )


def _object(properties: dict[str, JSONValue]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _said(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}
