r"""The JSON Schema of the written form, generated from the field table.

Rule: nothing about a field is said here; it is looked up in ``fields``. The schema decides what is
an error; advice (values that the definition does not list, fields the service owns) is not in it,
because the vendor's own documented example draws some.

Patterns are kept to what every validator reads alike: no ``\d``, no ``\w``, no ``\Z``.
"""

from provisioner.core.address import ADDRESS_PATTERN
from provisioner.core.jobs.job import RUN, OnChange, RunState
from provisioner.core.json_types import JSONValue
from provisioner.core.schema.fields import OBJECTS, TASK, FieldRule, Kind, Role

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, JSONValue]

_INT64 = 2**63
_SCALARS: JSONValue = ["string", "number", "boolean", "null"]
_RECORDS: Schema = {
    "type": ["array", "object", "null"],
    "items": {"$ref": "#/$defs/RecordField"},
    "additionalProperties": {"type": _SCALARS},
    "propertyNames": {"minLength": 1},
}
_BY_KIND: dict[Kind, Schema] = {
    Kind.STRING: {"type": ["string", "null"]},
    Kind.INTEGER: {"type": ["integer", "null"], "minimum": -_INT64, "maximum": _INT64 - 1},
    Kind.UNSIGNED: {"type": ["integer", "null"], "minimum": 0, "maximum": 2 * _INT64 - 1},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.BOOLEAN: {"type": ["boolean", "null"]},
    Kind.STRINGS: {"type": ["array", "null"], "items": {"type": "string"}},
    Kind.RECORDS: _RECORDS,
}
_NOTES = {
    Role.MIRROR: " Repeats what is said elsewhere; never compared.",
    Role.SERVICE: " Set by the service: sent on create only if written here, never compared.",
}


def task_definitions() -> Schema:
    """``$defs`` for IntegrationTaskInfo and everything it contains, by object name."""
    definitions: Schema = {
        name: {
            "type": "object",
            "additionalProperties": False,
            "required": [rule.name for rule in rules.values() if rule.required],
            "properties": {rule.name: _property(rule) for rule in rules.values()},
        }
        for name, rules in OBJECTS.items()
    }
    record = {"type": _SCALARS, "description": "A number or truth value is sent as its text."}
    definitions["RecordField"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["Name"],
        "properties": {"Name": {"type": "string", "minLength": 1}, "Value": record},
    }
    return definitions


def manifest_schema() -> Schema:
    """The schema of one manifest document."""
    return {
        "$schema": DIALECT,
        "title": "provisioner manifest",
        "description": "One integration task. Under TaskInfo every name is the API's own.",
        "type": "object",
        "additionalProperties": False,
        "if": {"required": ["removed"]},
        "then": {"required": ["name"]},
        "else": {"required": ["TaskInfo"]},
        "properties": {
            "kind": {"const": "IntegrationTask", "description": "What this document describes."},
            "name": {
                "type": "string",
                "pattern": ADDRESS_PATTERN,
                "description": "The address: how state, plans and commands name this task, for life.",
            },
            "ProjectId": {
                "type": ["string", "null"],
                "minLength": 1,
                "description": "Left out, project_id from provisioner.yaml.",
            },
            "TaskInfo": {"$ref": f"#/$defs/{TASK}"},
            "moved": {
                "type": "object",
                "additionalProperties": False,
                "required": ["from"],
                "description": "The task had another address before; it is not made anew for that.",
                "properties": {
                    "from": {
                        "type": ["string", "array"],
                        "pattern": ADDRESS_PATTERN,
                        "minItems": 1,
                        "items": {"type": "string", "pattern": ADDRESS_PATTERN},
                        "description": "That address; or a list of them, the latest first.",
                    },
                },
            },
            "removed": {
                "type": "object",
                "additionalProperties": False,
                "required": ["destroy"],
                "description": "Instead of TaskInfo: the task of this name is not managed any more.",
                "properties": {
                    "destroy": {
                        "type": "boolean",
                        "description": "false: it is forgotten and goes on existing. true: it is deleted.",
                    },
                },
            },
            "lifecycle": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "description": "How this tool treats the task; nothing of it is sent.",
                "properties": {
                    "prevent_destroy": {
                        "type": "boolean",
                        "description": "Refuse every plan that would delete the task.",
                    },
                    "ignore_changes": {
                        "type": "array",
                        "items": {"type": "string", "enum": _ignorable()},
                        "description": "Fields of TaskInfo that others may change.",
                    },
                },
            },
            RUN: _run(),
        },
        "$defs": task_definitions(),
    }


def _run() -> Schema:
    """What the job of the task is to do."""
    states: list[JSONValue] = [state.value for state in RunState]
    ways: list[JSONValue] = [way.value for way in OnChange]
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "required": ["state"],
        "description": "What the task's job is to do. Left out, this tool leaves it alone.",
        "properties": {
            "state": {
                "enum": states,
                "description": "draft: nothing is submitted. submitted: the version in production is this "
                "one, and whether it runs is left alone. Offline tasks run by their schedule: draft or "
                "submitted.",
            },
            "on_change": {
                "enum": ways,
                "description": "What becomes of a running job when the task changes; left out, keep_state.",
            },
            "start_from": {
                "type": ["string", "integer"],
                "description": "With running: from when on it reads when it is started. A time with its "
                "zone, such as 2026-01-31T08:00:00Z, or Unix milliseconds.",
            },
        },
    }


def _ignorable() -> list[JSONValue]:
    compared = (Role.INPUT, Role.SHARED)
    return [rule.name for rule in OBJECTS[TASK].values() if rule.role in compared]


def _property(rule: FieldRule) -> Schema:
    schema: Schema = dict(_BY_KIND.get(rule.kind) or _nested(rule))
    if rule.required and rule.kind is Kind.STRING:
        schema["type"] = "string"
        schema["minLength"] = 1
    schema["description"] = rule.text + _NOTES.get(rule.role, "")
    if rule.values:
        schema["examples"] = list(rule.values)
    if rule.china_only:
        schema["$comment"] = "Declared on the China site only."
    return schema


def _nested(rule: FieldRule) -> Schema:
    reference: Schema = {"$ref": f"#/$defs/{rule.item}"}
    if rule.kind is Kind.OBJECTS:
        return {"type": ["array", "null"], "items": reference}
    return {"anyOf": [reference, {"type": "null"}]}
